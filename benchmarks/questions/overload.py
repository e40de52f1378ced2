"""Twice as many tasks as can be done, for a minute: what is still done, how long it takes, and what is left afterwards.

Two limits are tried. With slow tasks the calculators are the limit and the processors have time. With empty tasks the
processors are the limit, and whoever asks takes some of what those who answer need: that part of the goodput is lost to
the asking, not to the dispatcher. There one client asks, whose window bounds what is under way, or a hundred do, which
together fill the queue. The most that can be done is measured with as many clients, and a hundred tasks out. The asking
is left to a crowd, which costs less than real clients and keeps to the same protocol; a real client beside it is the
probe.
"""

from __future__ import absolute_import, division, print_function

import time

from benchmarks import event_files, machine, systems
from benchmarks.children import RunFailed
from benchmarks.figures import SHARES, quantile
from benchmarks.questions.comparison import closing_lines
from benchmarks.questions.crowds import Crowd
from benchmarks.rounds import figures
from benchmarks.tables import spread, table
from runtime.clock import monotonic

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

    from benchmarks.context import Context  # noqa: F401
    from benchmarks.systems import Own  # noqa: F401

ABOUT = 'goodput and latency at twice the rate that can be sustained, and what is left of it afterwards'

FACTOR = 2
OVERLOAD_S = 60.0
#: Before and after the overload only the probe asks, which is one that wants little: less than its part.
QUIET_S = 10.0
AFTERWARDS_S = 15.0
PROBE_INTERVAL_S = [0.5, 1.5]

#: Slow tasks: 2 calculators with 10 places, 0.1 s each, can do 200 a second.
SLOW = {'task_duration_s': [0.1, 0.1], 'capacity': 10}
#: As the manual advises: no longer a queue than can be done in a few seconds.
QUEUE_S = 5
#: Clients that ask.
ONE, MANY = 1, 100
#: A response time counts as normal again below this many times the p99 of before, or where nobody would notice it.
NORMAL = 2.0
UNNOTICED_S = 0.05


def take(context):
    # type: (Context) -> None
    """Both limits in each round."""
    slow = context.own(variant='slow', title='calculators are the limit, 100 clients', calculator=SLOW)
    quick = context.own(variant='quick', title='processors are the limit, 1 client')
    many = context.own(variant='quick-many', title='processors are the limit, 100 clients')
    context.section['time_lines'] = {}
    context.rounds(context.wanted([slow, quick, many]),
                   lambda system: Overload(context, system, ONE if system is quick else MANY).run())


class Overload(object):
    """One run: the best rate first, then a probe alone, twice that rate beside it, and the probe alone again."""

    def __init__(self, context, system, clients):
        # type: (Context, Own, int) -> None
        self._context = context
        self._house = context.house
        self._system = system
        self._clients = clients
        self._overload_s = max(3.0, OVERLOAD_S * context.options.size)

    def run(self):
        # type: () -> Dict[str, Any]
        """All of it."""
        try:
            best_per_s = self._best()
            self._house.end_all()
            self._system.dispatcher_settings['pending_max'] = max(10, int(QUEUE_S * best_per_s))
            return dict(self._measure(FACTOR * best_per_s), best_per_s=best_per_s)
        finally:
            self._house.end_all()

    def _best(self):
        # type: () -> float
        """Tasks a second with a hundred out."""
        options = self._context.options
        if self._clients == ONE:
            best = systems.run_once(self._house, self._system, systems.IN_FLIGHT, options.warm_up, options.duration)
            return best['tasks_per_s']
        crowd = Crowd(self._house, 'clients', self._start(), self._clients, '--keep',
                      str(systems.IN_FLIGHT // self._clients))
        crowd.wait_for('answered', self._clients)
        time.sleep(options.warm_up)
        began_at = monotonic()
        time.sleep(options.duration)
        return crowd.counted('answered', began_at, began_at + options.duration) / options.duration

    def _start(self):
        # type: () -> int
        dispatcher = self._system.start_dispatcher(self._house)
        port = self._system.listening_port(dispatcher)
        for _ in range(systems.WORKERS):
            self._system.start_calculator(self._house, port)
        return port

    def _measure(self, rate):
        # type: (float) -> Dict[str, Any]
        path = self._house.file('events')
        port = self._start()
        probe = self._system.start_client(self._house, port, ['--events', path], {'task_interval_s': PROBE_INTERVAL_S})
        time.sleep(QUIET_S)
        watch = machine.Watch()
        began_at = monotonic()
        crowd = Crowd(self._house, 'arrivals', port, self._clients, '--rate', str(rate / self._clients),
                      '--lasting', str(self._overload_s), '--time-left', '60')
        crowd.wait_for('sent', 1)
        time.sleep(self._overload_s)
        ended_at = monotonic()
        others_share = watch.others_share()
        asked, done = [crowd.counted(what, began_at, ended_at) for what in ('sent', 'answered')]
        time.sleep(AFTERWARDS_S)
        many = dict({'submits': 0, 'answered': 0, 'quantiles_s': []}, **crowd.end())
        probe.must_be_well()
        events = [event for event in event_files.read(path) if event['kind'] == 'answered']
        self._context.section['time_lines'].setdefault(self._system.name, []).append(
            [(round(event['time'] - began_at, 3), event['facts']['response_time_s']) for event in events])
        found = dict(probed(events, began_at, ended_at), others_share=others_share,
                     asked_per_s=asked / (ended_at - began_at), goodput_per_s=done / (ended_at - began_at),
                     submits_per_task=many['submits'] / max(1, many['answered']))
        if many['quantiles_s']:
            found.update(p50_s=many['quantiles_s'][SHARES.index(0.5)], p99_s=many['quantiles_s'][SHARES.index(0.99)])
        return dict(found, goodput_share=FACTOR * found['goodput_per_s'] / rate)


def probed(events, began_at, ended_at):
    # type: (List[Dict[str, Any]], float, float) -> Dict[str, Any]
    """What the probe saw: its response times before, during and after; seconds until they were as before."""
    before = sorted(_seconds(events, 0.0, began_at))
    during = sorted(_seconds(events, began_at, ended_at))
    if not before or not during:
        raise RunFailed('the probe got no answers')
    normal_s = max(NORMAL * quantile(before, 0.99), UNNOTICED_S)
    late = [event['time'] for event in events
            if event['time'] > ended_at and event['facts']['response_time_s'] > normal_s]
    return {'probe_before_p99_s': quantile(before, 0.99), 'probe_p50_s': quantile(during, 0.5),
            'probe_p99_s': quantile(during, 0.99), 'normal_after_s': max(late) - ended_at if late else 0.0}


def _seconds(events, first, last):
    # type: (List[Dict[str, Any]], float, float) -> List[float]
    return [event['facts']['response_time_s'] for event in events if first <= event['time'] < last]


_FIGURES = (
    ('best_per_s', 'the most that is done, tasks/s'), ('asked_per_s', 'asked, tasks/s'),
    ('goodput_per_s', 'done, tasks/s'), ('goodput_share', 'done, over the most'),
    ('p50_s', 'from accepted to answered, p50, s'), ('p99_s', 'p99, s'),
    ('submits_per_task', 'submits for each task that is done'),
    ('probe_before_p99_s', 'another client, before, p99, s'), ('probe_p50_s', 'during, p50, s'),
    ('probe_p99_s', 'during, p99, s'), ('normal_after_s', 'after the end until it is as before, s'))


def lines(section):
    # type: (Dict[str, Any]) -> List[str]
    """A column for each limit."""
    runs, even = section['runs'], section.get('even_disturbed', False)
    found = [figures(runs, name, even) for name in section['order']]
    return table(['what'] + [section['systems'][name]['title'] for name in section['order']],
                 [[text] + [spread(one.get(figure)) for one in found] for figure, text in _FIGURES]) \
        + closing_lines(section)
