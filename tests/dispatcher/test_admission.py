"""Who may wait, and the advice to those who may not: it follows how fast the queue moves."""

from __future__ import absolute_import, division, print_function

import pytest

from dispatcher.advice import PACE_OVER_MAX_S, RETRY_AFTER_MAX_S, RETRY_AFTER_MIN_S, RETRY_AFTER_S, Advice
from net_protocol.messages import Refused
from tests.dispatcher.test_core import ONE, Dispatcher
from tests.driver import of_type

GREEDY, OTHER, SMALL = 'client-g', 'client-o', 'client-s'


def refused(dispatcher, client, tasks):
    """How many of so many tasks are refused; each task of a client has a number of its own."""
    return sum([bool(of_type(dispatcher.submit(number, client), Refused)) for number in tasks])


def test_a_client_alone_may_fill_a_small_queue_and_nineteen_twentieths_of_a_large_one():
    assert refused(Dispatcher(False, pending_max=19), GREEDY, range(25)) == 6
    assert refused(Dispatcher(False, pending_max=100), GREEDY, range(125)) == 30


def test_who_wants_little_finds_room_however_much_others_want():
    dispatcher = Dispatcher(False, pending_max=100)
    assert refused(dispatcher, GREEDY, range(200)) == 105
    assert refused(dispatcher, SMALL, range(5)) == 0
    assert refused(dispatcher, OTHER, range(5)) == 5, 'now it is full'


def test_nobody_has_more_than_an_even_part_while_others_wait():
    dispatcher = Dispatcher(False, pending_max=100)
    assert refused(dispatcher, SMALL, range(1)) == 0
    assert refused(dispatcher, GREEDY, range(100)) == 50
    assert refused(dispatcher, OTHER, range(100)) == 66
    assert dispatcher.core.status['waiting'] == 85


def test_while_little_of_the_queue_is_taken_nobody_counts_parts():
    dispatcher = Dispatcher(False, pending_max=100)
    assert sum(refused(dispatcher, 'client-%d' % number, range(1)) for number in range(20)) == 0
    assert refused(dispatcher, GREEDY, range(100)) == 86


def test_a_part_that_is_worked_off_is_free_again():
    dispatcher = Dispatcher(False, pending_max=40)
    assert refused(dispatcher, GREEDY, range(60)) == 22
    dispatcher.beat(ONE, capacity=2)
    assert refused(dispatcher, GREEDY, range(60, 70)) == 8


def test_to_the_first_it_says_what_is_usual():
    assert Advice().wait_s(100.0, 1000, 5000) == RETRY_AFTER_S


@pytest.mark.parametrize('waiting, left_in_a_second, advised_s', [
    (1000, 200, 2.5), (100000, 20000, 2.5), (10000, 20000, 0.25),
    (10, 20000, RETRY_AFTER_MIN_S), (100000, 10, RETRY_AFTER_MAX_S),
    # Nothing moves.
    (1000, 0, RETRY_AFTER_S)])
def test_it_is_half_the_time_in_which_the_queue_is_worked_off(waiting, left_in_a_second, advised_s):
    advice = Advice()
    advice.wait_s(100.0, waiting, 7000)
    assert advice.wait_s(101.0, waiting, 7000 + left_in_a_second) == advised_s


def test_many_who_are_refused_at_once_hear_the_same():
    advice = Advice()
    advice.wait_s(100.0, 1000, 0)
    assert {advice.wait_s(102.0, 1000, 800) for _ in range(100)} == {1.25}


def test_it_follows_a_pace_that_changes():
    advice = Advice()
    advice.wait_s(100.0, 1000, 0)
    assert advice.wait_s(101.0, 1000, 1000) == 0.5
    assert advice.wait_s(102.0, 1000, 1200) == 2.5


def test_a_queue_that_moves_slowly_moves():
    advice = Advice()
    advice.wait_s(100.0, 6, 0)
    assert advice.wait_s(101.0, 6, 1) == 3.0
    assert advice.wait_s(102.9, 6, 1) == 3.0, 'nothing in 1.9 s is no news at that pace'
    assert advice.wait_s(103.0, 6, 2) == RETRY_AFTER_MAX_S


def test_a_refusal_long_ago_says_nothing_of_the_pace_now():
    advice = Advice()
    advice.wait_s(100.0, 1000, 0)
    assert advice.wait_s(101.0, 1000, 1000) == 0.5
    assert advice.wait_s(101.0 + PACE_OVER_MAX_S, 1000, 1001) == RETRY_AFTER_S


def test_a_task_that_comes_back_into_the_queue_does_not_make_the_pace_negative():
    advice = Advice()
    advice.wait_s(100.0, 1000, 5000)
    assert advice.wait_s(101.0, 1000, 4990) == RETRY_AFTER_S
