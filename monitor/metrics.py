"""The picture in the text format of Prometheus, version 0.0.4.

Names follow its conventions: base units in the name, ``_total`` for counters, cumulative buckets.
"""

from __future__ import absolute_import, division, print_function

from common import report
from common.sketch import RELATIVE_ERROR, upper_bound_s
from net_protocol.rows import OUTCOMES

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401

    from monitor.picture import Picture  # noqa: F401

CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

#: With more calculators, or clients, than this there are no series of single ones, only totals.
MEMBERS_MAX = 2000

#: A client without open tasks has no series after this time of silence.
CLIENT_EXPIRES_S = 600.0

#: Upper bounds of the histogram of response times, in seconds, with an error of 1 %.
BOUNDS_S = tuple(step * 10.0 ** decade for decade in range(-3, 3) for step in (1, 2.5, 5)) + (1000.0,)

GAUGE, COUNTER = 'gauge', 'counter'


class _Page(object):
    """Lines of the text format. Each metric is described before its first sample."""

    def __init__(self):
        # type: () -> None
        self.lines = []  # type: List[str]

    def metric(self, name, kind, about, samples):
        # type: (str, str, str, List[Tuple[Dict[str, str], Any]]) -> None
        """Add a metric and its samples, as (labels, value); samples without a value are omitted."""
        known = [(labels, value) for labels, value in samples if value is not None]
        if known:
            self.lines += ['# HELP %s %s' % (name, about), '# TYPE %s %s' % (name, kind)]
            self.lines += [_sample(name, labels, value) for labels, value in known]


def _sample(name, labels, value):
    # type: (str, Dict[str, str], Any) -> str
    inside = ','.join('%s="%s"' % (label, _escaped(labels[label])) for label in sorted(labels))
    return '%s%s %r' % (name, '{%s}' % inside if inside else '', float(value))


def _escaped(text):
    # type: (Any) -> str
    return ('%s' % (text,)).replace('\\', '\\\\').replace('"', '\\"').replace('\n', '\\n')


def metrics(picture, is_silent, with_clients=False):
    # type: (Picture, bool, bool) -> str
    """The whole page. While the dispatcher is silent it has only ``dispatcher_answers``, no old numbers."""
    page = _Page()
    page.metric('dispatcher_answers', GAUGE, 'Whether the dispatcher answers the monitor.',
                [({}, 0 if is_silent or picture.at is None else 1)])
    if not is_silent and picture.at is not None:
        _add_dispatcher(page, picture.facts)
        _add_tasks(page, picture.facts)
        _add_response_times(page, picture.facts.get(report.RESPONSE_TIME, {}),
                             picture.facts.get(report.RESPONSE_COUNTS, {}))
        if len(picture.calculators) <= MEMBERS_MAX:
            _add_calculators(page, picture)
        if with_clients and len(picture.clients) <= MEMBERS_MAX:
            _add_clients(page, picture)
    return '\n'.join(page.lines) + '\n'


def _by(label, values):
    # type: (str, Dict[str, Any]) -> List[Tuple[Dict[str, str], Any]]
    return [({label: name}, values[name]) for name in sorted(values)]


def _add_dispatcher(page, facts):
    # type: (_Page, Dict[str, Dict[str, Any]]) -> None
    whole, traffic, turns = (facts.get(section, {}) for section in (report.WHOLE, report.TRAFFIC, report.TURNS))
    page.metric('dispatcher_info', GAUGE, 'Name, version and incarnation of the dispatcher.', [(
        {name: whole.get(name) or '' for name in ('name', 'version', 'incarnation')}, 1)])
    page.metric('dispatcher_uptime_seconds', GAUGE, 'Time since the dispatcher started.', [({}, whole.get('up_s'))])
    page.metric('dispatcher_received_datagrams_total', COUNTER, 'Datagrams that arrived, refused ones included.',
                [({}, traffic.get('datagrams_in'))])
    page.metric('dispatcher_sent_datagrams_total', COUNTER, 'Datagrams that were sent.',
                [({}, traffic.get('datagrams_out'))])
    page.metric('dispatcher_dropped_datagrams_total', COUNTER, 'Datagrams that were refused, by cause.',
                _by('cause', facts.get(report.DROPPED, {})))
    page.metric('dispatcher_send_errors_total', COUNTER, 'Datagrams that the system failed to send.',
                [({}, traffic.get('send_errors'))])
    page.metric('dispatcher_received_rows_total', COUNTER, 'Rows that were handled.', [({}, traffic.get('rows_in'))])
    page.metric('dispatcher_sent_rows_total', COUNTER, 'Rows that were sent, resent ones included.',
                [({}, traffic.get('rows_out'))])
    page.metric('dispatcher_memory_bytes', GAUGE, 'Estimated memory of the tables that peers fill.',
                [({}, facts.get(report.QUEUE, {}).get('memory_bytes'))])
    page.metric('dispatcher_turns_total', COUNTER, 'Turns of its event loop.', [({}, turns.get('number'))])
    page.metric('dispatcher_turn_seconds_total', COUNTER, 'Time spent in these turns.', [({}, turns.get('total_s'))])
    page.metric('dispatcher_receive_buffer_bytes', GAUGE, 'Receive buffer of its socket.',
                [({}, turns.get('receive_buffer_bytes'))])


def _add_tasks(page, facts):
    # type: (_Page, Dict[str, Dict[str, Any]]) -> None
    counts, queue = facts.get(report.COUNTS, {}), facts.get(report.QUEUE, {})
    refused = {name[len('refused_'):]: number for name, number in counts.items() if name.startswith('refused_')}
    ends = {name[len('attempt_'):]: number for name, number in counts.items() if name.startswith('attempt_')}
    page.metric('dispatcher_accepted_tasks_total', COUNTER, 'Tasks that were accepted.', [({}, counts.get('accepted'))])
    page.metric('dispatcher_refused_tasks_total', COUNTER, 'Submits that were refused, by reason.',
                _by('reason', refused))
    page.metric('dispatcher_ended_tasks_total', COUNTER, 'Tasks that ended, by outcome.',
                _by('outcome', {outcome: counts.get(outcome) for outcome in OUTCOMES}))
    page.metric('dispatcher_ended_attempts_total', COUNTER, 'Attempts that ended, by the way they ended.',
                _by('end', ends))
    page.metric('dispatcher_waiting_tasks', GAUGE, 'Tasks that wait for a calculator.', [({}, queue.get('waiting'))])
    page.metric('dispatcher_running_tasks', GAUGE, 'Tasks that calculators run.', [({}, queue.get('running'))])
    page.metric('dispatcher_oldest_waiting_task_seconds', GAUGE, 'Age of the oldest waiting task, 0 for none.',
                [({}, queue.get('oldest_s') or 0)])
    page.metric('dispatcher_calculators', GAUGE, 'Calculators, by state.',
                _by('state', facts.get(report.CALCULATOR_STATES, {})))


def _add_response_times(page, times, counts):
    # type: (_Page, Dict[str, Any], Dict[str, int]) -> None
    by_bound = sorted((upper_bound_s(int(index)), count) for index, count in counts.items())
    samples = [(bound, sum(count for upper_s, count in by_bound if upper_s <= bound * (1 + RELATIVE_ERROR)))
               for bound in BOUNDS_S]
    name = 'dispatcher_response_time_seconds'
    page.lines += ['# HELP %s From the acceptance of a task to its result.' % name, '# TYPE %s histogram' % name]
    page.lines += [_sample(name + '_bucket', {'le': '%r' % bound}, number) for bound, number in samples]
    page.lines += [_sample(name + '_bucket', {'le': '+Inf'}, times.get('number', 0)),
                   _sample(name + '_sum', {}, times.get('total_s', 0)),
                   _sample(name + '_count', {}, times.get('number', 0))]


def _add_calculators(page, picture):
    # type: (_Page, Picture) -> None
    members = [picture.calculators[name] for name in sorted(picture.calculators)]
    for column, name, kind, about in (
            ('capacity', 'slots', GAUGE, 'Number of slots.'),
            ('held', 'held_attempts', GAUGE, 'Held attempts.'),
            ('done', 'done_attempts_total', COUNTER, 'Attempts that returned a result.'),
            ('failed', 'failed_attempts_total', COUNTER, 'Attempts that returned an error.'),
            ('lost', 'lost_attempts_total', COUNTER, 'Attempts without a result or an error.'),
            ('outages', 'outages_total', COUNTER, 'Times it became suspect or restarted.'),
            ('silence_s', 'silence_seconds', GAUGE, 'Time since its last message.')):
        page.metric('calculator_' + name, kind, about, [({'calculator': one['name']}, one[column]) for one in members])
    page.metric('calculator_alive', GAUGE, 'Whether the dispatcher considers it alive.',
                [({'calculator': one['name']}, int(one['state'] == 'alive')) for one in members])


def _add_clients(page, picture):
    # type: (_Page, Picture) -> None
    members = [picture.clients[name] for name in sorted(picture.clients)]
    members = [one for one in members if one['heard_s'] < CLIENT_EXPIRES_S or one['waiting'] + one['running']]
    for column, name, kind, about in (
            ('accepted', 'accepted_tasks_total', COUNTER, 'Tasks of a client that were accepted.'),
            ('refused', 'refused_tasks_total', COUNTER, 'Submits of a client that were refused.'),
            ('done', 'done_tasks_total', COUNTER, 'Tasks of a client that were done.'),
            ('waiting', 'waiting_tasks', GAUGE, 'Waiting tasks of a client.'),
            ('running', 'running_tasks', GAUGE, 'Running tasks of a client.')):
        page.metric('client_' + name, kind, about, [({'client': one['name']}, one[column]) for one in members])
