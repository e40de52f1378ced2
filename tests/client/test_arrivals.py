"""When new tasks are sent."""

from __future__ import absolute_import, division, print_function

import random

from client.arrivals import STEPS_MAX, Arrivals


def arrivals(interval_s, tasks_max=None, seed=1):
    made = Arrivals({'task_interval_s': interval_s}, random.Random(seed), tasks_max)
    made.start(100.0)
    return made


def test_the_intervals_are_drawn_from_the_range_and_counted_from_the_planned_time():
    made = arrivals([1, 3])
    times = []
    while len(times) < 500:
        planned_at = made.next_at
        times.append(planned_at)
        # Each turn is late.
        assert made.take(planned_at + 0.5, 10) == 1
    gaps = [after - before for before, after in zip(times, times[1:])]
    assert 1 <= min(gaps) < 1.1 and 2.9 < max(gaps) <= 3
    assert 1.9 < sum(gaps) / len(gaps) < 2.1


def test_a_long_suspension_is_not_made_up_for():
    made = arrivals([1, 1])
    assert made.take(500.0, 100) <= 2
    assert made.next_at >= 500.0


def test_where_there_is_no_place_tasks_wait_and_are_counted():
    made = arrivals([1, 1])
    assert [made.take(101.0 + second, 0) for second in range(3)] == [0, 0, 0]
    assert made.held_back == 3
    assert made.take(103.5, 2) == 2
    assert made.take(103.6, 2) == 1
    assert made.take(104.0, 5) == 1
    assert made.held_back == 3


def test_with_an_interval_of_zero_every_place_is_taken_in_portions():
    made = arrivals([0, 0])
    assert made.take(100.0, STEPS_MAX + 5) == STEPS_MAX
    assert made.next_at == 100.0
    assert made.take(100.0, 5) == 5
    assert made.next_at is None
    assert made.take(100.1, 0) == 0 and made.take(100.1, -1) == 0


def test_no_more_than_the_number_of_tasks_are_sent():
    for interval_s in ([0, 0], [0.5, 1.5]):
        made = arrivals(interval_s, tasks_max=7)
        sent = 0
        for tick in range(200):
            sent += made.take(100.0 + 0.1 * tick, 2 if tick < 150 else 100)
        assert sent == 7 and made.next_at is None


def test_after_a_stop_none_is_sent():
    for interval_s in ([0, 0], [1, 1]):
        made = arrivals(interval_s)
        made.take(102.0, 0)
        made.stop()
        assert made.take(200.0, 100) == 0 and made.next_at is None


def test_it_is_known_when_a_task_that_waited_was_to_be_sent():
    made = arrivals([1, 1])
    for second in range(3):
        made.take(101.0 + second, 0)
    assert made.take(104.5, 3) == 3
    assert made.taken == [101.0, 102.0, 103.0]
    assert made.take(104.6, 3) == 1
    assert made.taken == [104.0]


def test_in_a_closed_loop_a_task_is_to_be_sent_when_there_is_a_place():
    made = arrivals([0, 0])
    made.take(100.5, 2)
    assert made.taken == [100.5, 100.5]


def test_intervals_may_be_exponential():
    made = arrivals({'exponential': 2})
    times = []
    while len(times) < 4000:
        times.append(made.next_at)
        made.take(made.next_at, 1)
    gaps = [after - before for before, after in zip(times, times[1:])]
    assert 1.9 < sum(gaps) / len(gaps) < 2.1
    # Memoryless: a share of 1 - 1/e is shorter than the mean.
    assert 0.61 < sum(gap < 2 for gap in gaps) / len(gaps) < 0.65
