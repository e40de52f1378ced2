"""What the network held for a while and delivers after all: news of the past, which must not be taken for the present.

Each of these was found by the simulator; ``docs/reliability.md`` names the seeds.
"""

from __future__ import absolute_import, division, print_function

import pytest

from net_protocol.messages import Assign, AssignAck, Heartbeat, HeartbeatAck, Result
from tests.dispatcher.test_core import LIFE, NEXT_LIFE, ONE, TWO, Dispatcher, task_id
from tests.driver import of_type


@pytest.fixture(params=[False, True], ids=['once', 'twice'])
def twice(request):
    return request.param


def heartbeat(sequence, draining=False, interval_s=1.0):
    return Heartbeat(sequence, 1, 1, interval_s, 1, [], [], draining, 0)


def test_a_heartbeat_that_was_overtaken_does_not_end_the_draining(twice):
    dispatcher = Dispatcher(twice)
    dispatcher.hear(ONE, heartbeat(1))
    dispatcher.hear(ONE, heartbeat(3, draining=True), number=30)
    dispatcher.hear(ONE, heartbeat(2), number=20)
    assert of_type(dispatcher.submit(1), Assign) == []


def test_nor_where_the_newer_one_was_overtaken_by_an_answer(twice):
    dispatcher = Dispatcher(twice)
    dispatcher.hear(ONE, heartbeat(1))
    dispatcher.submit(1)
    dispatcher.hear(ONE, AssignAck(task_id(1), 1), number=40)
    dispatcher.hear(ONE, heartbeat(3, draining=True), number=30)
    dispatcher.hear(ONE, Result(task_id(1), 1, u'result', None), number=50)
    dispatcher.hear(ONE, heartbeat(2), number=20)
    assert of_type(dispatcher.submit(2), Assign) == []


def test_a_heartbeat_that_was_overtaken_does_not_bring_back_an_old_interval(twice):
    dispatcher = Dispatcher(twice)
    dispatcher.hear(ONE, heartbeat(1, interval_s=1))
    dispatcher.hear(ONE, heartbeat(3, interval_s=1), number=30)
    dispatcher.hear(ONE, heartbeat(2, interval_s=60), number=20)
    dispatcher.wait(6)
    assert dispatcher.status['dead'] == 1


def test_whoever_is_heard_right_after_a_hold_up_is_not_given_that_time_once_more(twice):
    dispatcher = Dispatcher(twice)
    dispatcher.beat(ONE)
    dispatcher.beat(TWO)
    dispatcher.wait(0.5)
    # Suspended for a minute; then what is in the socket is read before any timer fires.
    dispatcher.now += 60
    dispatcher.beat(ONE)
    dispatcher.core.handle_timer(dispatcher.now)
    assert dispatcher.counts['held_up'] == 1
    assert dispatcher.status['alive'] == 2
    dispatcher.wait(6)
    assert dispatcher.status['dead'] == 2


def test_a_life_that_was_taken_for_a_former_one_is_believed_when_it_alone_goes_on(twice):
    # A dispatcher that has just started hears the present life, then a datagram of the one before.
    dispatcher = Dispatcher(twice)
    dispatcher.beat(ONE, life=NEXT_LIFE)
    dispatcher.beat(ONE, life=LIFE)
    assert dispatcher.counts['returned'] == 1
    for _ in range(20):
        dispatcher.wait(1)
        dispatcher.beat(ONE, life=NEXT_LIFE)
    assert dispatcher.status['alive'] == 1
    assert dispatcher.counts['lives_resumed'] == 1
    assert of_type(dispatcher.beat(ONE, life=NEXT_LIFE), HeartbeatAck)
    assign, = of_type(dispatcher.submit(1), Assign)
    assert assign.incarnation == NEXT_LIFE


def test_one_late_datagram_of_a_former_life_brings_nobody_back(twice):
    dispatcher = Dispatcher(twice)
    dispatcher.beat(ONE, life=LIFE)
    dispatcher.beat(ONE, life=NEXT_LIFE)
    dispatcher.wait(10)
    assert dispatcher.status['dead'] == 1
    dispatcher.beat(ONE, life=LIFE)
    assert dispatcher.status['dead'] == 1


def test_a_calculator_that_hears_nothing_is_given_nothing_also_where_answers_time_out_quickly(twice):
    # Sooner than an assignment has been resent in vain, as with the defaults.
    dispatcher = Dispatcher(twice, answer_timeout_s=2)
    dispatcher.beat(ONE, heard=0)
    dispatcher.submit(1)
    dispatcher.keep_beating(30, ONE, heard=0)
    assert dispatcher.counts['assignments'] == 1
    assert dispatcher.status['suspect'] == 1
