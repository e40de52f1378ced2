"""No work makes cycles: what nobody refers to any more goes at once, and the search for cycles may be rare."""

from __future__ import absolute_import, division, print_function

import gc

from tests.fake_link import FakeLink


def unreachable_after(tasks):
    """How many objects only the search for cycles can find, after so many tasks, some lost in crashes."""
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


def test_the_work_of_tasks_makes_no_cycles():
    few = unreachable_after(5)
    assert unreachable_after(50) <= few + 5
