"""The work for a task makes no reference cycles, and so the garbage collector may run rarely."""

from __future__ import absolute_import, division, print_function

import gc

from tests.fake_link import FakeLink


def unreachable_after(tasks):
    """The number of objects that only the garbage collector frees, after so many tasks and some crashes."""
    link = FakeLink()
    link.drop_share = link.duplicate_share = 0.1
    link.dispatcher()
    link.calculator(outage={'check_interval_s': 4, 'probability': 1, 'duration_s': [1, 1]})
    client = link.client(tasks=tasks, task_interval_s=[0.1, 0.2])
    gc.collect()
    gc.disable()
    try:
        assert link.run_until(lambda: client.core.is_stopped)
        return gc.collect()
    finally:
        gc.enable()


def test_tasks_make_no_reference_cycles():
    few = unreachable_after(5)
    assert unreachable_after(50) <= few + 5
