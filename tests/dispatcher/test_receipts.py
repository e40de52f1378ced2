"""When a client is told that its task is accepted: soon, unless it is told more than that before."""

from __future__ import absolute_import, division, print_function

import pytest

from net_protocol.core import Sender
from net_protocol.delivery import RECEIPT_DELAY_S
from net_protocol.messages import Accepted, Outcome, Submit
from tests.dispatcher.test_core import CLIENT, ONE, Dispatcher, task_id
from tests.driver import of_type


@pytest.fixture(params=[False, True], ids=['once', 'twice'])
def twice(request):
    return request.param

def test_a_task_is_called_accepted_unless_its_outcome_says_so_before(twice):
    dispatcher = Dispatcher(twice)
    dispatcher.beat(ONE)
    dispatcher.submit(1)
    dispatcher.wait(RECEIPT_DELAY_S / 2)
    dispatcher.submit(2)
    assert of_type(dispatcher.result(ONE, 1), Outcome)
    assert of_type(dispatcher.wait(RECEIPT_DELAY_S / 2), Accepted) == []
    assert of_type(dispatcher.wait(RECEIPT_DELAY_S), Accepted) == [Accepted(task_id(2))]
    assert of_type(dispatcher.wait(1), Accepted) == []


def test_where_a_task_was_asked_for_last_it_is_called_accepted(twice):
    dispatcher = Dispatcher(twice)
    dispatcher.submit(1)
    dispatcher.core.handle_message(dispatcher.now, Sender(('elsewhere', 1), CLIENT, 'aaaaaaaa', 9), Submit(
        task_id(1), u'payload', 60))
    dispatcher.core.take_outgoing()
    dispatcher.core.handle_timer(dispatcher.now + RECEIPT_DELAY_S)
    assert dispatcher.core.take_outgoing() == [(('elsewhere', 1), Accepted(task_id(1)))]


def test_who_is_about_to_stop_says_at_once_what_is_accepted(twice):
    dispatcher = Dispatcher(twice)
    dispatcher.submit(1)
    dispatcher.submit(2)
    assert dispatcher.stop() == [Accepted(task_id(1)), Accepted(task_id(2))]


def test_many_receipts_share_a_timer(twice):
    dispatcher = Dispatcher(twice)
    dispatcher.beat(ONE, capacity=50)
    turns = []
    give = dispatcher.core._receipts.give

    def counted(now):
        turns.append(now)
        give(now)
    dispatcher.core._receipts.give = counted
    for number in range(1, 51):
        dispatcher.submit(number)
        dispatcher.result(ONE, number)
        dispatcher.wait(RECEIPT_DELAY_S / 10)
    assert len(turns) <= 6
