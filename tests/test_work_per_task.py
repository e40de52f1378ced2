"""What one task costs, counted instead of timed: the same on every machine, so that a bound can be a test.

Times say more, but only on a quiet machine (``python3 -m benchmarks``). These counts show at once which change made
every task dearer: a system call or a JSON call for each row instead of for each datagram, a timer more, a detour
through more functions. A bound is a little above what was counted when it was written. Lower it after a task became
cheaper; a commit that raises it says what for.
"""

from __future__ import absolute_import, division, print_function

import json
import logging
import os
from collections import Counter
from heapq import heappush

import pytest

from runtime.logs import log
from tests.lockstep import Lockstep, Work

WARM_UP_TASKS = 300
TASKS = 500

# (Role, tasks out at a time) -> kind of work -> the most of it for one task.
BOUNDS = {
    ('client', 100): {
        'system calls': 0.09, 'datagrams': 0.025, 'JSON calls': 0.06, 'timer operations': 0, 'heap operations': 0.02,
        'calls of Python functions': 9.5, 'log calls': 0},
    ('dispatcher', 100): {
        'system calls': 0.16, 'datagrams': 0.07, 'JSON calls': 0.1, 'timer operations': 0.01, 'heap operations': 0.03,
        'calls of Python functions': 11, 'log calls': 0},
    ('calculators', 100): {
        'system calls': 0.12, 'datagrams': 0.025, 'JSON calls': 0.07, 'timer operations': 0.01, 'heap operations': 0.02,
        'calls of Python functions': 8, 'log calls': 0},
    ('client', 1): {
        'system calls': 4.2, 'datagrams': 1.02, 'JSON calls': 2.1, 'timer operations': 0.01, 'heap operations': 0.5,
        'calls of Python functions': 155, 'log calls': 0},
    ('dispatcher', 1): {
        'system calls': 8.2, 'datagrams': 2.03, 'JSON calls': 4.1, 'timer operations': 0.03, 'heap operations': 2,
        'calls of Python functions': 270, 'log calls': 0},
    ('calculators', 1): {
        'system calls': 4.4, 'datagrams': 1.02, 'JSON calls': 2.1, 'timer operations': 0.02, 'heap operations': 0.45,
        'calls of Python functions': 125, 'log calls': 0},
}


def work_per_task(in_flight):
    """Role -> kind of work -> how much of it one task took, all calculators together."""
    with Lockstep(in_flight, capacity=50) as system:
        system.until_answered(WARM_UP_TASKS)
        before = system.client.core.statistics.answered
        system.forget()
        system.until_answered(before + TASKS)
        tasks = system.client.core.statistics.answered - before
        roles = {'client': [system.client], 'dispatcher': [system.dispatcher], 'calculators': system.calculators}
        counts = {role: sum((seat.work.counts for seat in seats), Counter()) for role, seats in roles.items()}
        return {role: {kind: count / tasks for kind, count in counts[role].items()} for role in roles}


@pytest.fixture(scope='module')
def counted():
    return {in_flight: work_per_task(in_flight) for in_flight in (100, 1)}


@pytest.mark.parametrize('role, in_flight', sorted(BOUNDS))
def test_a_task_costs_no_more_than_before(counted, role, in_flight):
    found = counted[in_flight][role]
    bounds = BOUNDS[role, in_flight]
    assert {kind: (found.get(kind, 0), bound) for kind, bound in bounds.items() if found.get(kind, 0) > bound} == {}


def test_what_is_bounded_is_really_counted(counted):
    # A function with another name would count as nothing, and stay below every bound.
    kinds = {kind for bounds in BOUNDS.values() for kind in bounds}
    found = {kind for roles in counted.values() for counts in roles.values() for kind in counts}
    assert kinds - found == {'log calls'}


def test_many_tasks_share_their_datagrams(counted):
    for role in ('client', 'dispatcher', 'calculators'):
        assert counted[100][role]['datagrams'] < counted[1][role]['datagrams'] / 4


def test_the_same_is_counted_twice(counted):
    for role, kinds in work_per_task(100).items():
        # The garbage collector runs at any time and may call a function or two.
        assert kinds.pop('calls of Python functions') == pytest.approx(
            counted[100][role]['calls of Python functions'], rel=0.01)
        assert kinds == {kind: count for kind, count in counted[100][role].items() if kind in kinds}


def test_each_kind_of_work_is_noticed(monkeypatch):
    # Another test may have left a handler whose stream is closed.
    monkeypatch.setattr(log, 'handlers', [logging.NullHandler()])
    monkeypatch.setattr(log, 'propagate', False)
    heap = []
    reader, writer = os.pipe()
    work = Work()
    with work:
        json.loads(json.dumps([1]))
        heappush(heap, 1)
        os.write(writer, b'.')
        log.log(60, 'a line')
    os.close(reader)
    os.close(writer)
    assert (work.counts['JSON calls'], work.counts['heap operations'], work.counts['log calls']) == (2, 1, 1)
    assert work.counts['system calls'] == 1
