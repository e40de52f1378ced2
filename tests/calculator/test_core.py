"""The calculator's core, message by message."""

from __future__ import absolute_import, division, print_function

import random

import pytest

from calculator.core import LEAVE_WAIT_S, CalculatorCore
from calculator.settings import SETTINGS
from net_protocol import notional
from net_protocol.messages import (
    Assign, AssignAck, AssignRefused, Heartbeat, HeartbeatAck, Leave, LeaveAck, Ping, Pong, Result, ResultAck, Revoke)
from tests.driver import Driver, of_type

DISPATCHER = 'dispatcher'
LIVES = ['%sbbbbbbb' % letter for letter in 'abcdefghij']


@pytest.fixture(params=[False, True], ids=['once', 'twice'])
def twice(request):
    return request.param


class Calculator(Driver):
    """A calculator with the words that these tests need. Every task takes two seconds."""

    def __init__(self, twice, **settings):
        settings.setdefault('outage', {'probability': 0})
        settings.setdefault('task_duration_s', [2, 2])
        lives = iter(LIVES)
        core = CalculatorCore(SETTINGS.checked(settings), 'calculator-1', lambda: next(lives), random.Random(1),
                              (DISPATCHER, 1))
        super(Calculator, self).__init__(core, twice=twice)

    def assign(self, number, attempt=1, payload=u'abc', life=None, dispatcher_life='dddddddd', time_left_s=60):
        message = Assign(task_id(number), attempt, life or self.core.incarnation, payload, 10, time_left_s)
        return self.hear(DISPATCHER, message, dispatcher_life)

    def ack_result(self, number, attempt=1):
        return self.hear(DISPATCHER, ResultAck(task_id(number), attempt), 'dddddddd')

    def ends(self):
        return self.core.account(self.now)['ends']


def task_id(number):
    return 'client-a:cccccccc:%d' % number


def test_it_introduces_itself_at_once(twice):
    ((address, beat),) = Calculator(twice, capacity=7).started_with
    assert address == (DISPATCHER, 1)
    assert beat == Heartbeat(1, 1, 1, 1, 7, [], [], False, 0)


def test_heartbeats_come_at_even_intervals_while_it_computes(twice):
    calculator = Calculator(twice, task_duration_s=[30, 30])
    calculator.assign(1)
    beats = of_type(calculator.wait(10.5), Heartbeat)
    assert [beat.sequence for beat in beats] == list(range(2, 12))
    assert all(beat.running == [(task_id(1), 1)] for beat in beats)


def test_a_heartbeat_says_which_of_ours_was_heard(twice):
    calculator = Calculator(twice)
    calculator.wait(3.5)
    calculator.hear(DISPATCHER, HeartbeatAck(3), 'dddddddd')
    calculator.hear(DISPATCHER, HeartbeatAck(2), 'dddddddd')
    calculator.hear(DISPATCHER, HeartbeatAck(99), 'dddddddd')
    assert of_type(calculator.wait(1), Heartbeat)[0].heard == 4, 'what was never sent is not believed'


def test_a_task_takes_its_time_and_ends_with_its_result(twice):
    calculator = Calculator(twice)
    assert calculator.assign(1) == [AssignAck(task_id(1), 1)]
    assert of_type(calculator.wait(1.9), Result) == []
    assert of_type(calculator.wait(0.2), Result) == [Result(task_id(1), 1, notional.compute(u'abc'), None)]


def test_a_result_is_resent_until_it_is_acknowledged(twice):
    calculator = Calculator(twice)
    calculator.assign(1)
    assert len(of_type(calculator.wait(8), Result)) > 2
    calculator.ack_result(1)
    assert of_type(calculator.wait(30), Result) == []
    assert calculator.ends()['reported'] == 1


def test_a_result_is_resent_no_longer_than_somebody_waits_for_it(twice):
    calculator = Calculator(twice)
    calculator.assign(1, time_left_s=10)
    calculator.wait(20)
    assert of_type(calculator.wait(60), Result) == []
    assert calculator.ends()['abandoned'] == 1


def test_a_finished_task_is_named_as_unreported(twice):
    calculator = Calculator(twice)
    calculator.assign(1)
    calculator.wait(2.5)
    (beat,) = of_type(calculator.wait(1), Heartbeat)
    assert (beat.running, beat.unreported) == ([], [(task_id(1), 1)])


def test_what_can_not_be_computed_is_answered_with_the_reason(twice):
    calculator = Calculator(twice)
    calculator.assign(1, payload={u'not': u'a text'})
    (result,) = of_type(calculator.wait(2.1), Result)
    assert result.result is None
    assert 'is a text' in result.error


def test_a_copy_of_an_assignment_is_acknowledged_and_starts_nothing(twice):
    calculator = Calculator(twice, capacity=2)
    for _ in range(3):
        assert calculator.assign(1) == [AssignAck(task_id(1), 1)]
    assert calculator.core.account(0)['running'] == 1


def test_a_copy_of_an_assignment_that_was_reported_long_ago_starts_nothing(twice):
    calculator = Calculator(twice)
    calculator.assign(1)
    calculator.wait(2.1)
    calculator.ack_result(1)
    assert calculator.assign(1) == [AssignAck(task_id(1), 1)]
    assert calculator.core.account(0)['running'] == 0


def test_a_restarted_dispatcher_may_assign_the_same_attempt_anew(twice):
    calculator = Calculator(twice)
    calculator.assign(1)
    calculator.wait(2.1)
    calculator.ack_result(1)
    calculator.assign(1, dispatcher_life='eeeeeeee')
    assert calculator.core.account(0)['running'] == 1


def test_a_newer_attempt_of_the_same_task_takes_over_the_work_that_is_done(twice):
    calculator = Calculator(twice)
    calculator.assign(1)
    calculator.wait(1)
    calculator.assign(1, attempt=2)
    (result,) = of_type(calculator.wait(1.1), Result)
    assert result.attempt == 2
    assert calculator.assign(1, attempt=3) == [Result(task_id(1), 3, notional.compute(u'abc'), None),
                                               AssignAck(task_id(1), 3)]


def test_more_than_its_capacity_is_refused_as_busy(twice):
    calculator = Calculator(twice)
    calculator.assign(1)
    assert calculator.assign(2) == [AssignRefused(task_id(2), 1, 'busy')]


def test_work_for_another_life_is_not_taken(twice):
    calculator = Calculator(twice)
    assert calculator.assign(1, life='zzzzzzzz') == []
    assert calculator.core.counts['not_for_this_life'] >= 1


def test_a_revoked_task_frees_its_place_and_says_so_at_once(twice):
    calculator = Calculator(twice)
    calculator.assign(1)
    calculator.hear(DISPATCHER, Revoke(task_id(1), 1), 'dddddddd')
    (beat,) = of_type(calculator.wait(0), Heartbeat)
    assert beat.running == []
    assert calculator.assign(2) == [AssignAck(task_id(2), 1)]
    assert of_type(calculator.wait(3), Result)[0].task_id == task_id(2)


def test_a_revoke_of_an_older_attempt_is_late(twice):
    calculator = Calculator(twice)
    calculator.assign(1, attempt=2)
    calculator.hear(DISPATCHER, Revoke(task_id(1), 1), 'dddddddd')
    assert calculator.core.account(0)['running'] == 1


def test_what_one_datagram_does_not_hold_is_told_in_pages(twice):
    calculator = Calculator(twice, capacity=300, task_duration_s=[50, 50])
    for number in range(300):
        calculator.assign(number)
    beats = of_type(calculator.wait(1), Heartbeat)
    assert len(beats) == beats[0].pages > 5
    assert [beat.page for beat in beats] == list(range(1, len(beats) + 1))
    assert sorted(pair for beat in beats for pair in beat.running) == sorted(
        (task_id(number), 1) for number in range(300))


# Outages.

def broken(kind, twice, **settings):
    """A calculator that works on task 1 and goes out of order after ten seconds, for five."""
    calculator = Calculator(twice, task_duration_s=[12, 12], outage={
        'probability': 1, 'check_interval_s': 10, 'duration_s': [5, 5], 'kind': kind}, **settings)
    calculator.assign(1)
    calculator.wait(10)
    return calculator


@pytest.mark.parametrize('kind', ['crash', 'freeze'])
def test_out_of_order_it_neither_speaks_nor_answers(kind, twice):
    calculator = broken(kind, twice)
    assert calculator.wait(4.9) == []
    for message in (Ping(1), ResultAck(task_id(1), 1), Revoke(task_id(1), 1)):
        assert calculator.hear(DISPATCHER, message, 'dddddddd') == []
    assert calculator.assign(2) == []


def test_a_crash_loses_the_work_and_brings_a_new_incarnation(twice):
    calculator = broken('crash', twice)
    before = calculator.core.incarnation
    (beat,) = of_type(calculator.wait(5), Heartbeat)
    assert calculator.core.incarnation != before
    assert (beat.sequence, beat.running) == (1, [])
    assert of_type(calculator.wait(9), Result) == []
    assert calculator.ends()['lost'] == 1


def test_results_are_resent_also_after_a_crash_in_the_first_wait_for_an_acknowledgement(twice):
    calculator = Calculator(twice, outage={'probability': 1, 'check_interval_s': 10, 'duration_s': [5, 5]})
    calculator.wait(7.9)
    calculator.assign(1)
    assert of_type(calculator.wait(2.05), Result)
    calculator.wait(5.1)
    assert calculator.core.counts['crashes'] == 1
    calculator.assign(2)
    assert len(of_type(calculator.wait(2 + 0.8), Result)) == 2


def test_a_freeze_goes_on_where_it_stood(twice):
    calculator = broken('freeze', twice)
    before = calculator.core.incarnation
    sent = calculator.wait(5 + 1.9)
    assert of_type(sent, Result) == []
    assert of_type(sent, Heartbeat)[-1].running == [(task_id(1), 1)]
    assert of_type(calculator.wait(0.2), Result), 'two seconds of work were left'
    assert calculator.core.incarnation == before


def test_in_order_it_answers_a_ping(twice):
    assert Calculator(twice).hear('anybody', Ping(7)) == [Pong(7)]


def test_with_mixed_outages_both_kinds_come():
    calculator = Calculator(False, outage={'probability': 1, 'check_interval_s': 1, 'duration_s': [1, 1],
                                           'kind': 'mixed'})
    calculator.core._draw_life = lambda: 'aaaaaaaa'
    calculator.wait(100)
    assert calculator.core.counts['crashes'] > 5
    assert calculator.core.counts['freezes'] > 5


# The end.

def test_stopping_it_refuses_new_work_finishes_the_old_and_leaves(twice):
    calculator = Calculator(twice)
    calculator.assign(1)
    (beat,) = of_type(calculator.stop(), Heartbeat)
    assert beat.draining
    assert calculator.assign(2) == [AssignRefused(task_id(2), 1, 'draining')]
    assert of_type(calculator.wait(2.1), Result, Leave)[-1].KIND == 'result'
    assert calculator.ack_result(1) == [Leave()]
    assert not calculator.core.is_stopped
    calculator.hear(DISPATCHER, LeaveAck(), 'dddddddd')
    assert calculator.core.is_stopped


def test_no_heartbeat_follows_the_leave(twice):
    calculator = Calculator(twice)
    calculator.stop()
    calculator.hear(DISPATCHER, Ping(1), 'eeeeeeee')
    assert of_type(calculator.wait(LEAVE_WAIT_S + 1), Heartbeat) == []
    assert calculator.core.is_stopped, 'also if nobody acknowledges it'


def test_stopping_takes_no_longer_than_its_bound(twice):
    calculator = Calculator(twice, task_duration_s=[50, 50], drain_timeout_s=5)
    calculator.assign(1)
    calculator.stop()
    assert of_type(calculator.wait(4.9), Leave) == []
    assert of_type(calculator.wait(0.2), Leave)
    calculator.wait(LEAVE_WAIT_S)
    assert calculator.core.is_stopped
    assert calculator.ends()['abandoned'] == 1


@pytest.mark.parametrize('kind', ['crash', 'freeze'])
def test_a_calculator_that_is_out_of_order_can_be_stopped(kind, twice):
    calculator = broken(kind, twice)
    calculator.stop()
    for _ in range(30):
        calculator.wait(1)
        calculator.ack_result(1)
        calculator.hear(DISPATCHER, LeaveAck(), 'dddddddd')
    assert calculator.core.is_stopped
    assert calculator.ends() == {'reported': kind == 'freeze', 'revoked': 0, 'lost': kind == 'crash', 'abandoned': 0}
