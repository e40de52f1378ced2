"""The times at which a client sends new tasks."""

from __future__ import absolute_import, division, print_function

import math
import random

import pytest

from client.arrivals import STEPS_MAX, Arrivals


def arrivals(interval_s, tasks_max=None, seed=1):
    made = Arrivals({'task_interval_s': interval_s}, random.Random(seed), tasks_max)
    made.start(100.0)
    return made


@pytest.mark.parametrize('interval_s, late_s, shortest_s, longest_s, below_mean', [
    ([1, 3], 0.5, 1, 3, 0.5), ({'exponential': 2}, 0, 0, 100, 1 - math.exp(-1))], ids=['uniform', 'exponential'])
def test_intervals_are_random_and_count_from_the_planned_time(interval_s, late_s, shortest_s, longest_s, below_mean):
    made = arrivals(interval_s)
    times = []
    while len(times) < 4000:
        times.append(made.next_at)
        assert made.take(made.next_at + late_s, 10) == 1
    gaps = [after - before for before, after in zip(times, times[1:])]
    assert shortest_s <= min(gaps) < shortest_s + 0.1 and max(gaps) <= longest_s
    assert sum(gaps) / len(gaps) == pytest.approx(2, abs=0.1)
    assert sum(gap < 2 for gap in gaps) / len(gaps) == pytest.approx(below_mean, abs=0.03)


def test_after_a_suspension_the_missed_tasks_are_not_sent():
    made = arrivals([1, 1])
    assert made.take(500.0, 100) <= 2
    assert made.next_at >= 500.0


def test_tasks_without_a_place_are_held_back_and_keep_their_intended_times():
    made = arrivals([1, 1])
    assert [made.take(101.0 + second, 0) for second in range(3)] == [0, 0, 0]
    assert made.held_back == 3
    assert (made.take(103.5, 2), made.taken) == (2, [101.0, 102.0])
    assert (made.take(103.6, 2), made.taken) == (1, [103.0])
    assert (made.take(104.5, 5), made.taken) == (1, [104.0])
    assert made.held_back == 3


def test_with_an_interval_of_zero_all_places_are_taken_in_portions():
    made = arrivals([0, 0])
    assert made.take(100.5, STEPS_MAX + 5) == STEPS_MAX
    assert made.next_at == 100.5
    assert (made.take(100.6, 2), made.taken) == (2, [100.6, 100.6])
    assert made.next_at is None
    assert made.take(100.7, 0) == 0 and made.take(100.7, -1) == 0


@pytest.mark.parametrize('interval_s', [[0, 0], [0.5, 1.5]])
def test_the_number_of_tasks_is_the_limit(interval_s):
    made = arrivals(interval_s, tasks_max=7)
    sent = 0
    for tick in range(200):
        sent += made.take(100.0 + 0.1 * tick, 2 if tick < 150 else 100)
    assert sent == 7 and made.next_at is None


@pytest.mark.parametrize('interval_s', [[0, 0], [1, 1]])
def test_after_a_stop_no_task_is_sent(interval_s):
    made = arrivals(interval_s)
    made.take(102.0, 0)
    made.stop()
    assert made.take(200.0, 100) == 0 and made.next_at is None
