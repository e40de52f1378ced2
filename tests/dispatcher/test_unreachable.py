"""Calculators that are heard and hear nothing: how the dispatcher finds out, and when it trusts them again."""

from __future__ import absolute_import, division, print_function

import pytest

from net_protocol.messages import Assign, Outcome
from tests.dispatcher.test_core import ONE, TWO, Dispatcher, task_id
from tests.driver import of_type


@pytest.fixture(params=[False, True], ids=['once', 'twice'])
def twice(request):
    return request.param


def test_an_assignment_that_is_never_acknowledged_makes_its_calculator_suspect(twice):
    dispatcher = Dispatcher(twice)
    dispatcher.beat(ONE)
    dispatcher.submit(1)
    # Its heartbeats go on: only the way there is broken.
    sent = dispatcher.keep_beating(12, ONE)
    assert len(of_type(sent, Assign)) == 3
    assert dispatcher.status['suspect'] == 1
    assert of_type(dispatcher.beat(TWO), Assign)[0].attempt == 2
    dispatcher.ack(TWO, 1, attempt=2)
    assert of_type(dispatcher.keep_beating(9, ONE, TWO, running=[(task_id(1), 2)]), Assign) == []


@pytest.mark.parametrize('time_left_s, state', [(3, 'suspect'), (0.5, 'alive')],
                         ids=['it was sent twice', 'it could not answer yet'])
def test_a_task_that_expires_before_the_resending_ends_may_show_it_too(twice, time_left_s, state):
    dispatcher = Dispatcher(twice)
    dispatcher.beat(ONE)
    dispatcher.submit(1, time_left_s=time_left_s)
    outcomes = of_type(dispatcher.keep_beating(time_left_s + 1, ONE), Outcome)
    assert {outcome.outcome for outcome in outcomes} == {'expired'}
    assert dispatcher.status[state] == 1


def test_a_calculator_that_proves_that_it_hears_us_gets_work_again(twice):
    dispatcher = Dispatcher(twice, answer_timeout_s=40)
    dispatcher.beat(ONE)
    dispatcher.submit(1)
    dispatcher.keep_beating(12, ONE)
    assert dispatcher.status['suspect'] == 1
    assert of_type(dispatcher.beat(ONE, heard=2), Assign) == []
    assert of_type(dispatcher.beat(ONE, heard=14), Assign)
    assert dispatcher.status['alive'] == 1
