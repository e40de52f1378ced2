"""Admission control: how many submits may be unanswered, how that grows and shrinks, and which tasks go first."""

from __future__ import absolute_import, division, print_function

import random

import pytest

from client.admission import PAUSE_MAX_S, PAUSE_MIN_S, STEPS_MAX, WINDOW_MAX, WINDOW_MIN, AdmissionControl, HeldTasks
from client.requests import Request

LIFETIME_S = 60.0


def refused(lifetime_s=LIFETIME_S):
    """Admission control that one refusal paused at 0 for a second."""
    control = AdmissionControl(lifetime_s)
    assert control.note_refused(0.0, 1.0, 1.0)
    return control


def pause(control, now=100.0, advised_s=1.0, jitter=1.0):
    """Another refusal, after the pause before it; returns how long the pause is that it begins."""
    control.resume()
    assert control.note_refused(now, advised_s, jitter)
    return control.paused_until - now


def test_a_new_client_may_have_a_whole_window_unanswered():
    control = AdmissionControl(LIFETIME_S)
    assert control.allowance() == WINDOW_MAX
    control.unanswered += WINDOW_MAX
    assert control.allowance() == 0
    control.note_accepted(3)
    assert control.allowance() == 3


def test_during_a_pause_nothing_goes_and_after_it_a_few_do():
    control = refused()
    assert control.paused_until == 1.0
    assert control.allowance() == 0
    control.resume()
    assert control.allowance() == WINDOW_MIN == 4


def test_two_go_for_each_that_was_accepted_until_the_window_is_half_of_what_it_was():
    control = refused()
    control.resume()
    allowed = []
    for _ in range(8):
        number = control.allowance()
        allowed.append(number)
        control.unanswered += number
        control.note_accepted(number)
    assert allowed[:7] == [4, 8, 16, 32, 64, 128, 251]
    # From half of what was too much on, by one for a window of acceptances.
    assert 250 <= allowed[7] <= control.window <= 253


@pytest.mark.parametrize('lifetime_s, advised_s, jitter, pauses_s', [
    (LIFETIME_S, 1.0, 1.0, [2.0, 4.0] + 4 * [PAUSE_MAX_S]),
    # No longer than half a lifetime where no longer one is advised; longer advice is followed, up to a lifetime.
    (3.0, 1.0, 1.0, [1.5, 1.5]), (LIFETIME_S, 30.0, 1.5, [45.0]), (LIFETIME_S, 1e6, 1.5, [90.0]),
    (LIFETIME_S, 0.0, 1.0, [PAUSE_MIN_S]),
])
def test_each_pause_without_an_acceptance_is_twice_as_long_within_bounds_and_follows_longer_advice(
        lifetime_s, advised_s, jitter, pauses_s):
    control = refused(lifetime_s)
    assert [pause(control, advised_s=advised_s, jitter=jitter) for _ in pauses_s] == pytest.approx(pauses_s)


def test_after_an_acceptance_the_pauses_begin_anew():
    control = refused()
    for _ in range(3):
        pause(control)
    control.resume()
    control.unanswered += 1
    control.note_accepted()
    assert pause(control) == 1.0


def test_what_is_accepted_or_refused_during_a_pause_changes_nothing():
    control = refused()
    control.unanswered += 1
    assert not control.note_refused(0.5, 9.0, 1.0)
    control.note_accepted()
    assert (control.paused_until, control.window) == (1.0, WINDOW_MIN)
    assert pause(control) == 2.0


# Who goes first.

def held(sent_at, lifetime_s=LIFETIME_S):
    """Tasks 1, 2, 3 ... that were sent at these times, the odd ones refused since."""
    requests = {number: Request(number, None, at) for number, at in enumerate(sent_at, 1)}
    tasks = HeldTasks(requests, lifetime_s)
    tasks.add([requests[number] for number in sorted(requests) if number % 2 == 0])
    for number in sorted(requests, key=lambda number: -requests[number].sent_at):
        if number % 2:
            tasks.put_back(requests[number])
    return tasks, requests


def taken(tasks, now=0.0, most=100, highest=100):
    return [request.number for request in tasks.take(now, most, highest)]


def test_tasks_that_are_over_are_dropped():
    tasks, requests = held([0.0, 0.0, 10.0, 30.0, 40.0])
    for number in (1, 4):
        del requests[number]
    assert [request.number for request in tasks.take_expired(65.0)] == [2]
    assert taken(tasks, now=45.0) == [5]
    assert taken(tasks, now=45.0) == [3]


def test_none_goes_above_the_highest_number_and_nothing_is_lost():
    tasks, _ = held([0.1 * number for number in range(5)])
    assert taken(tasks, highest=2) == [1, 2]
    assert taken(tasks, highest=2) == []
    assert taken(tasks) == [3, 4, 5]


def test_one_call_removes_a_bounded_number_of_expired_tasks():
    tasks, _ = held([0.0] * (2 * STEPS_MAX + 5))
    assert [len(tasks.take_expired(100.0)) for _ in range(4)] == [STEPS_MAX, STEPS_MAX, 5, 0]


@pytest.mark.parametrize('seed', range(20))
def test_the_order_at_random(seed):
    rng = random.Random(seed)
    requests = {number: Request(number, None, float(number)) for number in range(1, 60)}
    tasks = HeldTasks(requests, 40.0)
    tasks.add([requests[number] for number in sorted(requests)])
    waiting = set(requests)
    for now in range(1, 120):
        waiting -= {request.number for request in tasks.take_expired(now)}
        assert all(number + 40 > now for number in waiting)
        number = rng.randrange(1, 60)
        if number not in waiting and number + 40 > now:
            tasks.put_back(requests[number])
            waiting.add(number)
        young = sorted(number for number in waiting if number + 20 > now)
        expected = (young or sorted(waiting, reverse=True))[:2]
        assert taken(tasks, float(now), 2) == expected
        waiting.difference_update(expected)
        assert len(tasks) == len(waiting)
