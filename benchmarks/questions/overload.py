"""Twice as many tasks as can be done, for a minute: goodput, response times, and the time until all is normal again.

Two limits are tested. With slow tasks the calculators are the limit and the processors have time. With empty tasks the
processors are the limit, and the load generator uses some of them. The empty tasks come from one client, whose
admission control limits them, or from a hundred clients, which fill the queue. The best rate is measured with as many
clients, each with a hundred tasks in flight. A real client beside the crowd is the probe.
"""

from __future__ import absolute_import, division, print_function

import time

from benchmarks import machine, systems
from benchmarks.children import RunFailed
from benchmarks.figures import SHARES, quantile
from benchmarks.questions.comparison import closing_lines
from benchmarks.questions.crowds import Crowd
from benchmarks.rounds import figures
from benchmarks.tables import spread, table
from runtime.clock import monotonic
from runtime.event_files import events_of

ABOUT = 'goodput and response time at twice the rate that can be sustained, and the time until all is normal again'

FACTOR = 2
OVERLOAD_S = 60.0
#: Before and after the overload only the probe sends tasks, less than its share.
QUIET_S = 10.0
AFTERWARDS_S = 15.0
PROBE_INTERVAL_S = [0.5, 1.5]

#: Slow tasks: 2 calculators with 10 slots, 0.1 s each, can do 200 per second.
SLOW = {'task_duration_s': [0.1, 0.1], 'capacity': 10}
#: The work in a full queue in seconds, as the manual advises.
QUEUE_S = 5
ONE, MANY = 1, 100
#: A response time is normal again below this multiple of the p99 before the overload, or below ``UNNOTICED_S``.
NORMAL = 2.0
UNNOTICED_S = 0.05


def take(context):
    """Test all limits in each round."""
    slow = context.own(variant='slow', title='calculators are the limit, 100 clients', calculator=SLOW)
    quick = context.own(variant='quick', title='processors are the limit, 1 client')
    many = context.own(variant='quick-many', title='processors are the limit, 100 clients')
    context.rounds(context.wanted([slow, quick, many]), lambda system: _run(
        context, system, ONE if system is quick else MANY))


def _run(context, system, clients):
    """Measure the best rate; then the probe alone, with an overload of twice that rate, and alone again."""
    best_per_s = _best(context, system, clients)
    context.group.end_all()
    system.dispatcher_settings['pending_max'] = max(10, int(QUEUE_S * best_per_s))
    return dict(_measure(context, system, clients, FACTOR * best_per_s), best_per_s=best_per_s)


def _best(context, system, clients):
    """Tasks per second where each client has a hundred in flight."""
    options = context.options
    if clients == ONE:
        return systems.run_once(context.group, system, systems.IN_FLIGHT, options.warm_up,
                                options.duration)['tasks_per_s']
    port = system.start(context.group).port
    crowd = Crowd(context.group, 'clients', port, clients, '--keep', str(systems.IN_FLIGHT))
    crowd.wait_for('answered', clients)
    time.sleep(options.warm_up)
    began_at = monotonic()
    time.sleep(options.duration)
    return crowd.counted('answered', began_at, began_at + options.duration) / options.duration


def _measure(context, system, clients, rate):
    overload_s = max(3.0, OVERLOAD_S * context.options.size)
    path = context.group.file('events')
    port = system.start(context.group).port
    probe = system.start_client(context.group, port, ['--events', path], task_interval_s=PROBE_INTERVAL_S)
    time.sleep(QUIET_S)
    watch = machine.Watch()
    began_at = monotonic()
    # Enough open tasks for a full queue; more would only need memory of the clients.
    crowd = Crowd(context.group, 'clients', port, clients, '--rate', str(rate / clients), '--lasting', str(overload_s),
                  '--keep', str(max(1, int(QUEUE_S * rate / clients))), '--timeout', '60')
    crowd.wait_for('sent', 1)
    time.sleep(overload_s)
    ended_at = monotonic()
    others_share = watch.others_share()
    goodput_per_s = crowd.counted('answered', began_at, ended_at) / (ended_at - began_at)
    time.sleep(AFTERWARDS_S)
    last = crowd.end()
    probe.must_run()
    events = [event for event in events_of(path) if event.kind == 'answered']
    found = dict(_probed(events, began_at, ended_at), others_share=others_share, asked_per_s=rate,
                 goodput_per_s=goodput_per_s, goodput_share=FACTOR * goodput_per_s / rate,
                 submits_per_task=last['submits'] / max(1, last['answered']))
    if last['quantiles_s']:
        found.update(p50_s=last['quantiles_s'][SHARES.index(0.5)], p99_s=last['quantiles_s'][SHARES.index(0.99)])
    return found


def _probed(events, began_at, ended_at):
    """The response times of the probe before and during the overload; seconds until they were normal again."""
    before = sorted(_seconds(events, 0.0, began_at))
    during = sorted(_seconds(events, began_at, ended_at))
    if not before or not during:
        raise RunFailed('the probe got no answers')
    normal_s = max(NORMAL * quantile(before, 0.99), UNNOTICED_S)
    late = [event.time for event in events
            if event.time > ended_at and event.facts['response_time_s'] > normal_s]
    return {'probe_before_p99_s': quantile(before, 0.99), 'probe_p50_s': quantile(during, 0.5),
            'probe_p99_s': quantile(during, 0.99), 'normal_after_s': max(late) - ended_at if late else 0.0}


def _seconds(events, first, last):
    return [event.facts['response_time_s'] for event in events if first <= event.time < last]


_FIGURES = (
    ('best_per_s', 'the best rate, tasks/s'), ('asked_per_s', 'asked, tasks/s'),
    ('goodput_per_s', 'done, tasks/s'), ('goodput_share', 'done, over the best rate'),
    ('p50_s', 'from accepted to answered, p50, s'), ('p99_s', 'p99, s'),
    ('submits_per_task', 'submits for each task that is done'),
    ('probe_before_p99_s', 'another client, before, p99, s'), ('probe_p50_s', 'during, p50, s'),
    ('probe_p99_s', 'during, p99, s'), ('normal_after_s', 'after the end until it is as before, s'))


def lines(section):
    """A column for each limit."""
    found = [figures(section['runs'], name, section['even_disturbed']) for name in section['order']]
    return table(['what'] + [section['systems'][name]['title'] for name in section['order']],
                 [[text] + [spread(one.get(figure)) for one in found] for figure, text in _FIGURES]) \
        + closing_lines(section)
