"""The work for one task, counted in calls. Counts are the same on every machine, and so a limit can be a test.

Times need a quiet machine (``python3 -m benchmarks``). A count shows which change has made every task more expensive:
a system call or a JSON call for each row instead of each datagram, another timer, or more functions. A limit is a
little above the count at the time of writing. Lower the limit after a task has become cheaper. A commit that raises it
says why.
"""

from __future__ import absolute_import, division, print_function

import logging
from collections import Counter

from runtime.logs import log
from tests.lockstep import Lockstep, Work

WARM_UP_TASKS = 300
TASKS = 500

KINDS = ('system calls', 'datagrams', 'JSON calls', 'timer operations', 'heap operations', 'calls of Python functions',
         'log calls')
# (Role, tasks in flight) -> maximum count of each kind for one task.
LIMITS = {
    ('client', 100): (0.09, 0.025, 0.06, 0, 0.02, 9.5, 0),
    ('dispatcher', 100): (0.16, 0.07, 0.1, 0.01, 0.03, 11, 0),
    ('calculators', 100): (0.12, 0.025, 0.07, 0.01, 0.02, 8, 0),
    ('client', 1): (4.2, 1.02, 2.1, 0.01, 0.5, 155, 0),
    ('dispatcher', 1): (8.2, 2.03, 4.1, 0.03, 2, 270, 0),
    ('calculators', 1): (4.4, 1.02, 2.1, 0.02, 0.45, 125, 0),
}


def work_per_task(in_flight):
    """Role -> kind of work -> count for one task, summed over all calculators."""
    with Lockstep(in_flight, capacity=50) as system:
        system.until_answered(WARM_UP_TASKS)
        before = system.client.core.statistics.answered
        system.clear_counts()
        system.until_answered(before + TASKS)
        tasks = system.client.core.statistics.answered - before
        roles = {'client': [system.client], 'dispatcher': [system.dispatcher], 'calculators': system.calculators}
        counts = {role: sum((seat.work.counts for seat in seats), Counter()) for role, seats in roles.items()}
        return {role: {kind: count / tasks for kind, count in counts[role].items()} for role in roles}


def test_the_work_for_a_task_keeps_within_its_limits():
    counts = {(role, in_flight): found for in_flight in (1, 100) for role, found in work_per_task(in_flight).items()}
    assert [(key, kind, counts[key][kind], limit) for key in sorted(LIMITS)
            for kind, limit in zip(KINDS, LIMITS[key]) if counts[key].get(kind, 0) > limit] == []
    # A function with a new name would have a count of zero, and stay below every limit.
    found = {kind for kinds in counts.values() for kind in kinds}
    assert set(KINDS) - found == {'log calls'}


def test_a_log_line_is_counted(monkeypatch):
    # Another test may have left a handler whose stream is closed.
    monkeypatch.setattr(log, 'handlers', [logging.NullHandler()])
    monkeypatch.setattr(log, 'propagate', False)
    work = Work()
    with work:
        log.log(60, 'a line')
    assert work.counts['log calls'] == 1
