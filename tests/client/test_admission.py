"""Admission control of a client: the window of unanswered submits, and the order of held tasks."""

from __future__ import absolute_import, division, print_function

import random

import pytest

from client.admission import PAUSE_MAX_S, PAUSE_MIN_S, STEPS_MAX, WINDOW_MAX, WINDOW_MIN, AdmissionControl, HeldTasks
from client.requests import Request

LIFETIME_S = 60.0


def refused(lifetime_s=LIFETIME_S):
    """Admission control in a pause from 0 to 1 s."""
    control = AdmissionControl(lifetime_s)
    assert control.note_refused(0.0, 1.0, 1.0)
    return control


def pause(control, now=100.0, advised_s=1.0, jitter=1.0):
    """Another refusal after the pause; returns the length of the new pause."""
    control.resume()
    assert control.note_refused(now, advised_s, jitter)
    return control.paused_until - now


def test_a_new_client_may_have_a_full_window_of_unanswered_submits():
    control = AdmissionControl(LIFETIME_S)
    assert control.allowance() == WINDOW_MAX
    control.unanswered += WINDOW_MAX
    assert control.allowance() == 0
    control.note_accepted(3)
    assert control.allowance() == 3


def test_after_a_pause_the_window_doubles_from_the_minimum_up_to_half_of_the_former_one():
    control = refused()
    assert (control.paused_until, control.allowance()) == (1.0, 0)
    control.resume()
    allowed = []
    for _ in range(8):
        number = control.allowance()
        allowed.append(number)
        control.unanswered += number
        control.note_accepted(number)
    assert allowed[:7] == [WINDOW_MIN, 8, 16, 32, 64, 128, 251]
    # Above half of the former window it grows by one for each window of acceptances.
    assert 250 <= allowed[7] <= control.window <= 253


@pytest.mark.parametrize('lifetime_s, advised_s, jitter, pauses_s', [
    (LIFETIME_S, 1.0, 1.0, [2.0, 4.0] + 4 * [PAUSE_MAX_S]),
    # At most half a lifetime, unless the advice is longer; the advice counts up to a lifetime.
    (3.0, 1.0, 1.0, [1.5, 1.5]), (LIFETIME_S, 30.0, 1.5, [45.0]), (LIFETIME_S, 1e6, 1.5, [90.0]),
    (LIFETIME_S, 0.0, 1.0, [PAUSE_MIN_S]),
])
def test_each_pause_without_an_acceptance_is_twice_as_long_within_limits(lifetime_s, advised_s, jitter, pauses_s):
    control = refused(lifetime_s)
    assert [pause(control, advised_s=advised_s, jitter=jitter) for _ in pauses_s] == pytest.approx(pauses_s)


def test_after_an_acceptance_the_pause_is_as_short_as_the_first():
    control = refused()
    for _ in range(3):
        pause(control)
    control.resume()
    control.unanswered += 1
    control.note_accepted()
    assert pause(control) == 1.0


def test_during_a_pause_refusals_and_acceptances_do_not_count():
    control = refused()
    control.unanswered += 1
    assert not control.note_refused(0.5, 9.0, 1.0)
    control.note_accepted()
    assert (control.paused_until, control.window) == (1.0, WINDOW_MIN)
    assert pause(control) == 2.0


# The order of held tasks.

def held(sent_at, lifetime_s=LIFETIME_S):
    """Tasks 1, 2, 3 ... that were created at these times. The odd ones were refused."""
    requests = {number: Request(number, None, at) for number, at in enumerate(sent_at, 1)}
    tasks = HeldTasks(requests, lifetime_s)
    tasks.add([requests[number] for number in sorted(requests) if number % 2 == 0])
    for number in sorted(requests, key=lambda number: -requests[number].sent_at):
        if number % 2:
            tasks.put_back(requests[number])
    return tasks, requests


def taken(tasks, now=0.0, most=100, highest=100):
    return [request.number for request in tasks.take(now, most, highest)]


def test_ended_and_expired_tasks_are_dropped():
    tasks, requests = held([0.0, 0.0, 10.0, 30.0, 40.0])
    for number in (1, 4):
        del requests[number]
    assert [request.number for request in tasks.take_expired(65.0)] == [2]
    assert taken(tasks, now=45.0) == [5]
    assert taken(tasks, now=45.0) == [3]


def test_tasks_above_the_highest_number_stay_held():
    tasks, _ = held([0.1 * number for number in range(5)])
    assert [taken(tasks, highest=highest) for highest in (2, 2, 100)] == [[1, 2], [], [3, 4, 5]]


def test_expired_tasks_are_removed_in_portions():
    tasks, _ = held([0.0] * (2 * STEPS_MAX + 5))
    assert [len(tasks.take_expired(100.0)) for _ in range(4)] == [STEPS_MAX, STEPS_MAX, 5, 0]


@pytest.mark.parametrize('seed', range(10))
def test_the_lowest_number_is_first_while_half_of_its_lifetime_is_left(seed):
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
