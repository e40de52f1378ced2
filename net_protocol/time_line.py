"""How long it takes from the death of a calculator until its tasks run elsewhere: computed from the settings."""

from __future__ import absolute_import, division, print_function

from net_protocol.limits import PRIORITY_MAX
from net_protocol.schedule import (
    HINT_PING_S, HINT_PINGS, JITTER_MAX, PING_AFTER_S, PROBE_FIRST_S, PROBE_MAX_S, PROBE_MIN_S, PROBES_TO_UNREACHABLE,
    UNREACHABLE_S)

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Sequence  # noqa: F401

#: The interval is a setting of calculators. These stand for slow, default and quick ones.
INTERVALS_S = (5.0, 1.0, 0.2)

#: If the system reports that no process listens at the calculator's address (ICMP): a ping causes the report, and the
#: pings that examine it get no answer.
REPORTED_S = PING_AFTER_S + HINT_PINGS * HINT_PING_S

#: The settings of the dispatcher that are used here.
USED = frozenset(['suspect_after_missed', 'dead_after_missed', 'answer_timeout_s', 'task_timeout_s'])

_ROW = '  %9s   %11s   %6s   %14s   %23s'
_EXPIRED = '%g, expired'


def suspect_s(settings, interval_s):
    # type: (Dict[str, Any], float) -> float
    """The longest time from the death of a calculator with that heartbeat interval until it gets no new task."""
    return (settings['suspect_after_missed'] + 0.5) * interval_s


def dead_s(settings, interval_s):
    # type: (Dict[str, Any], float) -> float
    """The longest time until it is declared dead."""
    return (settings['dead_after_missed'] + 0.5) * interval_s


def held_s(settings, interval_s):
    # type: (Dict[str, Any], float) -> float
    """The longest time until all tasks that it held when it died are assigned again, if another calculator is free. As
    in all of these, the transmission time of datagrams is not counted.
    """
    return min(dead_s(settings, interval_s), settings['answer_timeout_s'])


def sent_s(settings, interval_s):
    # type: (Dict[str, Any], float) -> float
    """The same for tasks that are sent to it after its death, while it is not suspect."""
    return min(dead_s(settings, interval_s), suspect_s(settings, interval_s) + settings['answer_timeout_s'])


def unreachable_s():
    # type: () -> List[float]
    """The shortest and the longest time until a calculator that is heard but acknowledges nothing is unreachable."""
    def waits_s(first_s):
        # type: (float) -> float
        return sum([min(first_s * 2 ** number, PROBE_MAX_S) for number in range(PROBES_TO_UNREACHABLE)])
    return [max(UNREACHABLE_S, waits_s(PROBE_MIN_S)), JITTER_MAX * waits_s(PROBE_FIRST_S)]


def time_line(settings, intervals_s=INTERVALS_S):
    # type: (Dict[str, Any], Sequence[float]) -> List[str]
    """A table with a row for each heartbeat interval, and other ends of the wait, for the settings of a dispatcher."""
    lines = [
        'From the death of a calculator until its tasks run on another one that is free, at the latest, in seconds:',
        '',
        _ROW % ('heartbeat', 'suspect:', 'called', 'a task it held', 'a task still sent to it'),
        _ROW % ('interval', 'no new work', 'dead', 'runs elsewhere', 'runs elsewhere')]
    lines += [_row(settings, interval_s) for interval_s in sorted(set(intervals_s), reverse=True)]
    return lines + [
        '',
        'Silence counts from its last datagram, up to one interval before the death. The wait is shorter:',
        '  at once               when it comes back as a new incarnation, leaves, or does not name a task that it had',
        '  after %-15g  when the system reports that no process listens at its address: its process was killed, and' % (
            REPORTED_S,),
        '                        the machine and the network still work (ICMP; Linux)',
        'If heartbeats continue:',
        '  after %-15g  it does not answer a task (answer_timeout_s)' % settings['answer_timeout_s'],
        '  after %-15s  nothing that is sent to it is acknowledged' % ('%g to %g' % tuple(unreachable_s())),
        '  after %-15g  the task expires, and its client receives that outcome (task_timeout_s)'
        % settings['task_timeout_s'],
    ]


def _row(settings, interval_s):
    # type: (Dict[str, Any], float) -> str
    """One line of the table. A task that would have to wait longer than ``task_timeout_s`` expires."""
    has_s = settings['task_timeout_s']
    suspect, held, sent = (wait(settings, interval_s) for wait in (suspect_s, held_s, sent_s))
    return _ROW % (
        '%g' % interval_s, '%g' % suspect, '%g' % dead_s(settings, interval_s),
        '%g' % held if held < has_s else _EXPIRED % has_s,
        '%g' % sent if sent - suspect < has_s else _EXPIRED % (suspect + has_s))


def priority_line(settings):
    # type: (Dict[str, Any]) -> str
    """The line of ``--check`` about priorities."""
    return 'A call that waits is as urgent as any other after at most %g s (priority 0).' % (
        PRIORITY_MAX * settings['priority_ageing_s'])
