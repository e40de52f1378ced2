"""How long it takes from the death of a calculator until its tasks run elsewhere: computed from the settings."""

from __future__ import absolute_import, division, print_function

from net_protocol.delivery import ASSIGN_RESENDS_MAX, JITTER_MAX, longest_wait_s

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

#: Calculators say their interval themselves; these stand for slow, default and quick ones.
INTERVALS_S = (5.0, 1.0, 0.2)


def detection_s(settings, interval_s):
    # type: (Dict[str, Any], float) -> float
    """The longest time from the death of a calculator with that heartbeat interval to its tasks being handed out
    again, if another one is free; the time that datagrams are under way not counted.
    """
    return min(settings['dead_after_missed'] * interval_s, settings['answer_timeout_s'])


def time_line(settings):
    # type: (Dict[str, Any]) -> List[str]
    """The lines that ``--check`` prints."""
    suspect = settings['suspect_after_missed']
    lines = ['From the death of a calculator to its tasks running elsewhere, at the latest, in seconds:', '',
             '  heartbeat interval   suspect, no new work   dead, its tasks go to free calculators']
    for interval_s in INTERVALS_S:
        lines.append('  %18g   %20g   %g' % (interval_s, suspect * interval_s, detection_s(settings, interval_s)))
    waits = longest_wait_s(ASSIGN_RESENDS_MAX)
    return lines + [
        '',
        'They count from its last heartbeat, so both can be up to one interval shorter. Sooner than that:',
        '  at once               when it comes back as a new incarnation, leaves, or does not name a task that it had',
        'And where heartbeats go on:',
        '  after %-15g  it does not answer a task (answer_timeout_s)' % settings['answer_timeout_s'],
        '  after %-15s  it does not acknowledge a task, resent %d times' % (
            '%g to %g' % (waits / JITTER_MAX, waits), ASSIGN_RESENDS_MAX),
        '  after %-15g  whatever happens, the client is told that its task expired (task_timeout_s)'
        % settings['task_timeout_s'],
    ]
