"""The dispatcher's core, message by message. Every test runs twice: once with each message handed over two times."""

from __future__ import absolute_import, division, print_function

import random

import pytest

from dispatcher.core import DispatcherCore
from dispatcher.settings import SETTINGS
from net_protocol.delivery import ASK_AGAIN_S, ORPHAN_GRACE_S, OUTCOME_GRACE_S, RECEIPT_DELAY_S, REMEMBER_S
from net_protocol.messages import (
    BUSY, Accepted, Assign, AssignAck, AssignRefused, Cancel, Heartbeat, HeartbeatAck, Leave, LeaveAck, Outcome,
    OutcomeAck, Refused, Result, ResultAck, Revoke, Submit)
from tests.driver import Driver, of_type

CLIENT = 'client-a'
ONE, TWO = 'calculator-1', 'calculator-2'
LIFE, NEXT_LIFE = 'aaaaaaaa', 'bbbbbbbb'


@pytest.fixture(params=[False, True], ids=['once', 'twice'])
def twice(request):
    return request.param


class Dispatcher(Driver):
    """A dispatcher with the words that these tests need."""

    def __init__(self, twice, **settings):
        core = DispatcherCore(SETTINGS.checked(settings), 'dispatcher', 'dddddddd', random.Random(1))
        super(Dispatcher, self).__init__(core, twice=twice)
        self._sequences = {}

    def submit(self, number, client=CLIENT, time_left_s=60, payload=u'payload'):
        return self.hear(client, Submit(task_id(number, client), payload, time_left_s))

    def told_accepted(self):
        return [message.task_id for message in of_type(self.wait(RECEIPT_DELAY_S), Accepted)]

    def beat(self, name, running=(), unreported=(), life=LIFE, capacity=1, draining=False, heard=0, number=None):
        sequence = self._sequences[name, life] = self._sequences.get((name, life), 0) + 1
        message = Heartbeat(sequence, 1, 1, 1.0, capacity, list(running), list(unreported), draining, heard)
        return self.hear(name, message, life, number)

    def ack(self, name, number, attempt=1, life=LIFE):
        return self.hear(name, AssignAck(task_id(number), attempt), life)

    def result(self, name, number, attempt=1, life=LIFE, error=None):
        return self.hear(name, Result(task_id(number), attempt, None if error else 'result', error), life)

    def keep_beating(self, seconds, *names, **kwargs):
        sent = []
        for _ in range(int(seconds)):
            sent += self.wait(1)
            for name in names:
                sent += self.beat(name, **kwargs)
        return sent

    @property
    def status(self):
        return self.core.status

    @property
    def counts(self):
        return self.core.counts


def task_id(number, client=CLIENT):
    return '%s:aaaaaaaa:%d' % (client, number)


def with_one_task_assigned(twice, **settings):
    """A dispatcher whose calculator ONE has acknowledged task 1, while TWO stands by."""
    dispatcher = Dispatcher(twice, **settings)
    dispatcher.beat(ONE)
    dispatcher.submit(1)
    dispatcher.ack(ONE, 1)
    dispatcher.beat(TWO)
    return dispatcher


# The straight way.

def test_a_task_goes_to_a_free_calculator_and_its_result_to_the_client(twice):
    dispatcher = Dispatcher(twice)
    assert dispatcher.beat(ONE) == [HeartbeatAck(1)]
    assert dispatcher.submit(1) == [Assign(task_id(1), 1, LIFE, u'payload', 10, 60)]
    assert dispatcher.ack(ONE, 1) == []
    assert dispatcher.told_accepted() == [task_id(1)]
    assert dispatcher.result(ONE, 1) == [Outcome(task_id(1), 'done', 'result', None, 1), ResultAck(task_id(1), 1)]
    dispatcher.hear(CLIENT, OutcomeAck(task_id(1)))
    assert dispatcher.wait(2) == []
    assert dispatcher.core.account(0)['outcomes'] == {'done': 1, 'failed': 0, 'expired': 0, 'cancelled': 0}


def test_a_waiting_task_is_handed_out_in_the_turn_in_which_a_calculator_appears(twice):
    dispatcher = Dispatcher(twice)
    assert dispatcher.submit(1) == []
    assert of_type(dispatcher.beat(ONE), Assign)


def test_a_calculator_gets_no_more_than_its_capacity(twice):
    dispatcher = Dispatcher(twice)
    dispatcher.beat(ONE, capacity=3)
    assigned = [of_type(dispatcher.submit(number), Assign) for number in range(1, 6)]
    assert [len(messages) for messages in assigned] == [1, 1, 1, 0, 0]
    assert dispatcher.status['waiting'] == 2
    assert [message.task_id for message in of_type(dispatcher.result(ONE, 2), Assign)] == [task_id(4)]


def test_the_calculator_that_is_free_longest_is_chosen(twice):
    dispatcher = Dispatcher(twice)
    for name in (ONE, TWO):
        dispatcher.beat(name)
    dispatcher.submit(1)
    dispatcher.submit(2)
    dispatcher.result(TWO, 2)
    dispatcher.result(ONE, 1)
    dispatcher.submit(3)
    assert ResultAck(task_id(3), 1) in dispatcher.result(TWO, 3)
    assert dispatcher.core.account(0)['attempts']['result'] == 3


def test_clients_take_turns(twice):
    dispatcher = Dispatcher(twice)
    for number in range(1, 4):
        dispatcher.submit(number, 'client-greedy')
    dispatcher.submit(1, 'client-modest')
    order = []
    for assign in of_type(dispatcher.beat(ONE, capacity=4), Assign):
        order.append(assign.task_id.split(':')[0])
    assert order == ['client-greedy', 'client-modest', 'client-greedy', 'client-greedy']


def test_an_error_from_the_calculator_is_the_outcome_failed(twice):
    dispatcher = with_one_task_assigned(twice)
    outcome = of_type(dispatcher.result(ONE, 1, error=u'no text'), Outcome)
    assert outcome == [Outcome(task_id(1), 'failed', None, 'no text', 1)]


# What the client asks again.

def test_the_same_submit_meets_the_same_task(twice):
    dispatcher = Dispatcher(twice)
    assert dispatcher.submit(1) == []
    for _ in range(2):
        assert dispatcher.submit(1) == [Accepted(task_id(1))]
    assert dispatcher.counts['accepted'] == 1
    assert dispatcher.counts['duplicate_submits'] == (5 if twice else 2)


def test_a_submit_for_a_finished_task_is_answered_with_the_stored_outcome(twice):
    dispatcher = with_one_task_assigned(twice)
    outcome = of_type(dispatcher.result(ONE, 1), Outcome)
    assert dispatcher.submit(1) == outcome


def test_an_acknowledged_task_is_not_run_again_by_a_late_copy_of_its_submit(twice):
    dispatcher = with_one_task_assigned(twice)
    dispatcher.result(ONE, 1)
    dispatcher.hear(CLIENT, OutcomeAck(task_id(1)))
    dispatcher.wait(REMEMBER_S - 1)
    assert dispatcher.submit(1) == []
    assert dispatcher.counts['submits_after_ack'] >= 1


def test_the_outcome_is_resent_until_it_is_acknowledged(twice):
    dispatcher = with_one_task_assigned(twice)
    dispatcher.result(ONE, 1)
    assert len(of_type(dispatcher.wait(10), Outcome)) >= 2
    dispatcher.hear(CLIENT, OutcomeAck(task_id(1)))
    assert of_type(dispatcher.wait(60), Outcome) == []


def test_an_outcome_that_nobody_acknowledges_is_resent_no_longer_than_somebody_may_listen(twice):
    dispatcher = with_one_task_assigned(twice)
    outcome = of_type(dispatcher.result(ONE, 1), Outcome)
    dispatcher.wait(60 + OUTCOME_GRACE_S)
    assert of_type(dispatcher.wait(60), Outcome) == []
    assert dispatcher.counts['outcomes_unacknowledged'] == 1
    assert dispatcher.submit(1) == outcome


def test_only_the_client_that_sent_a_task_can_end_it(twice):
    dispatcher = Dispatcher(twice)
    dispatcher.submit(1)
    dispatcher.hear('client-b', Cancel(task_id(1)))
    dispatcher.hear('client-b', OutcomeAck(task_id(1)))
    assert dispatcher.status['waiting'] == 1


def test_a_task_id_of_another_client_is_refused_for_good(twice):
    dispatcher = Dispatcher(twice)
    refused = dispatcher.hear('client-b', Submit(task_id(1), u'', 60))
    assert refused == [Refused(task_id(1), 'not_yours', None)]


def test_a_full_queue_is_refused_with_advice(twice):
    dispatcher = Dispatcher(twice, pending_max=2)
    for number in (1, 2):
        assert dispatcher.submit(number) == []
    (refused,) = dispatcher.submit(3)
    assert (refused.reason, refused.retry_after_s) == ('queue_full', 1.0)
    assert dispatcher.submit(1) == [Accepted(task_id(1))], 'what was accepted is not refused later'


def test_a_task_without_time_left_expires_and_its_client_is_told(twice):
    dispatcher = Dispatcher(twice)
    dispatcher.submit(1, time_left_s=0)
    (outcome,) = of_type(dispatcher.wait(0.1), Outcome)
    assert (outcome.outcome, outcome.reason) == ('expired', 'no calculator was in order')


def test_the_time_for_a_task_is_the_shorter_of_what_client_and_dispatcher_allow(twice):
    for client_s, dispatcher_s in ((5, 60), (60, 5)):
        dispatcher = Dispatcher(twice, task_timeout_s=dispatcher_s, answer_timeout_s=1)
        dispatcher.submit(1, time_left_s=client_s)
        assert of_type(dispatcher.wait(4.9), Outcome) == []
        assert of_type(dispatcher.wait(0.2), Outcome)[0].outcome == 'expired'


# Cancelling.

def test_cancelling_a_waiting_task_ends_it(twice):
    dispatcher = Dispatcher(twice)
    dispatcher.submit(1)
    (outcome,) = dispatcher.hear(CLIENT, Cancel(task_id(1)))
    assert outcome.outcome == 'cancelled'
    assert dispatcher.status['waiting'] == 0
    assert of_type(dispatcher.beat(ONE), Assign) == []


def test_cancelling_a_running_task_revokes_its_attempt(twice):
    dispatcher = with_one_task_assigned(twice)
    sent = dispatcher.hear(CLIENT, Cancel(task_id(1)))
    assert of_type(sent, Revoke) == [Revoke(task_id(1), 1)]
    assert of_type(sent, Outcome)[0].outcome == 'cancelled'


def test_a_revoked_place_is_taken_until_a_heartbeat_says_that_it_is_free(twice):
    dispatcher = Dispatcher(twice)
    dispatcher.beat(ONE)
    dispatcher.submit(1)
    dispatcher.ack(ONE, 1)
    dispatcher.hear(CLIENT, Cancel(task_id(1)))
    assert of_type(dispatcher.submit(2), Assign) == []
    assert of_type(dispatcher.beat(ONE, running=[(task_id(1), 1)]), Revoke) == [Revoke(task_id(1), 1)]
    assert [assign.task_id for assign in of_type(dispatcher.beat(ONE), Assign)] == [task_id(2)]


def test_a_cancel_that_overtakes_its_submit_is_remembered(twice):
    dispatcher = Dispatcher(twice)
    (outcome,) = dispatcher.hear(CLIENT, Cancel(task_id(1)))
    assert outcome.outcome == 'cancelled'
    assert dispatcher.submit(1) == [outcome]
    assert dispatcher.counts['accepted'] == 0


def test_cancelling_a_finished_task_tells_how_it_ended(twice):
    dispatcher = with_one_task_assigned(twice)
    outcome = of_type(dispatcher.result(ONE, 1), Outcome)
    assert dispatcher.hear(CLIENT, Cancel(task_id(1))) == outcome


# Calculators that fail.

def test_a_silent_calculator_gets_no_new_work_and_then_loses_what_it_has(twice):
    dispatcher = with_one_task_assigned(twice, answer_timeout_s=30)
    assert of_type(dispatcher.keep_beating(4, TWO), Assign) == []
    assert dispatcher.status['suspect'] == 1
    assigns = of_type(dispatcher.keep_beating(2, TWO), Assign)
    assert (assigns[0].task_id, assigns[0].attempt) == (task_id(1), 2)
    assert dispatcher.status['dead'] == 1
    assert [event['reason'] for event in dispatcher.told('reassigned')] == ['dead_calculator']


def test_any_message_of_a_calculator_counts_as_a_heartbeat(twice):
    dispatcher = with_one_task_assigned(twice)
    for _ in range(8):
        dispatcher.wait(1)
        dispatcher.ack(ONE, 1)
    assert dispatcher.status['alive'] >= 1
    assert dispatcher.told('reassigned') == []


def test_a_new_incarnation_means_that_all_is_lost(twice):
    dispatcher = with_one_task_assigned(twice)
    assert dispatcher.beat(ONE, life=NEXT_LIFE)
    assert [event['reason'] for event in dispatcher.told('reassigned')] == ['new_life']
    assert dispatcher.counts['attempt_new_life'] == 1
    # The one that lost it is chosen last.
    assert of_type(dispatcher.result(TWO, 1, attempt=2), Outcome)[0].attempts == 2


def test_news_of_an_older_incarnation_is_ignored(twice):
    dispatcher = with_one_task_assigned(twice)
    dispatcher.beat(ONE, life=NEXT_LIFE)
    assert dispatcher.beat(ONE, life=LIFE) == []
    assert dispatcher.counts['old_life_messages'] >= 1
    assert dispatcher.counts['returned'] == 1


def test_an_attempt_that_was_acknowledged_and_is_not_named_is_reassigned_at_once(twice):
    dispatcher = with_one_task_assigned(twice)
    (assign,) = of_type(dispatcher.beat(ONE, running=[]), Assign)
    assert assign.attempt == 2
    assert [event['reason'] for event in dispatcher.told('reassigned')] == ['not_held']


def test_a_heartbeat_that_crossed_the_acknowledgement_takes_nothing_away(twice):
    dispatcher = Dispatcher(twice)
    dispatcher.beat(ONE)
    dispatcher.submit(1)
    dispatcher.hear(ONE, AssignAck(task_id(1), 1), number=11)
    dispatcher.beat(ONE, running=[], number=10)
    assert dispatcher.status['running'] == 1
    assert dispatcher.told('reassigned') == []


def test_a_result_that_waits_for_its_acknowledgement_is_not_missing(twice):
    dispatcher = with_one_task_assigned(twice)
    dispatcher.beat(ONE, unreported=[(task_id(1), 1)])
    assert dispatcher.status['running'] == 1


def test_a_heartbeat_that_names_an_attempt_acknowledges_it(twice):
    dispatcher = Dispatcher(twice)
    dispatcher.beat(ONE)
    dispatcher.submit(1)
    dispatcher.beat(ONE, running=[(task_id(1), 1)])
    assert of_type(dispatcher.keep_beating(8, ONE, running=[(task_id(1), 1)]), Assign) == []


def test_a_calculator_that_leaves_gives_its_tasks_back_and_is_no_failure(twice):
    dispatcher = with_one_task_assigned(twice)
    sent = dispatcher.hear(ONE, Leave())
    assert of_type(sent, LeaveAck) and of_type(sent, Assign)[0].attempt == 2
    assert (dispatcher.status['left'], dispatcher.status['dead']) == (1, 0)


def test_a_heartbeat_that_arrives_after_the_leave_brings_nobody_back(twice):
    dispatcher = with_one_task_assigned(twice)
    dispatcher.hear(ONE, Leave())
    assert dispatcher.beat(ONE) == []
    assert dispatcher.status['left'] == 1


def test_a_draining_calculator_gets_nothing_new(twice):
    dispatcher = Dispatcher(twice)
    dispatcher.beat(ONE, draining=True)
    assert of_type(dispatcher.submit(1), Assign) == []


def test_an_answer_in_time_is_asked_of_every_attempt(twice):
    dispatcher = with_one_task_assigned(twice)
    sent = []
    for _ in range(11):
        sent += dispatcher.wait(1)
        sent += dispatcher.beat(ONE, running=[(task_id(1), 1)])
        sent += dispatcher.beat(TWO)
    assert {assign.attempt for assign in of_type(sent, Assign)} == {2}
    assert [event['reason'] for event in dispatcher.told('reassigned')] == ['timed_out']


def test_without_another_calculator_the_slow_one_keeps_its_place_and_its_result_counts(twice):
    dispatcher = Dispatcher(twice, answer_timeout_s=5)
    dispatcher.beat(ONE)
    dispatcher.submit(1)
    dispatcher.ack(ONE, 1)
    dispatcher.keep_beating(8, ONE, running=[(task_id(1), 1)])
    assert dispatcher.status == dict(dispatcher.status, waiting=1, running=0)
    (outcome,) = of_type(dispatcher.result(ONE, 1), Outcome)
    assert outcome.outcome == 'done'
    assert dispatcher.counts['late_results_used'] == 1


def test_the_first_result_wins_and_the_other_attempt_is_revoked(twice):
    dispatcher = with_one_task_assigned(twice, answer_timeout_s=5)
    for _ in range(6):
        dispatcher.wait(1)
        dispatcher.beat(ONE, running=[(task_id(1), 1)])
        dispatcher.beat(TWO, running=[(task_id(1), 2)] if dispatcher.counts['assignments'] == 2 else [])
    assert dispatcher.counts['assignments'] == 2
    sent = dispatcher.result(ONE, 1, attempt=1)
    assert of_type(sent, Outcome)[0].outcome == 'done'
    assert of_type(sent, Revoke) == [Revoke(task_id(1), 2)]
    late = dispatcher.result(TWO, 1, attempt=2)
    assert of_type(late, ResultAck) == [ResultAck(task_id(1), 2)]
    assert of_type(late, Outcome) == []
    assert dispatcher.counts['late_results'] >= 1


def test_a_copy_of_the_winning_result_is_a_duplicate_not_late(twice):
    dispatcher = with_one_task_assigned(twice)
    dispatcher.result(ONE, 1)
    dispatcher.result(ONE, 1)
    dispatcher.hear(CLIENT, OutcomeAck(task_id(1)))
    dispatcher.result(ONE, 1)
    assert dispatcher.counts['late_results'] == 0
    assert dispatcher.counts['duplicate_results'] == (5 if twice else 2)


def test_a_calculator_that_turns_a_task_down_is_left_alone_until_its_next_heartbeat(twice):
    dispatcher = Dispatcher(twice)
    dispatcher.beat(ONE)
    dispatcher.submit(1)
    assert of_type(dispatcher.hear(ONE, AssignRefused(task_id(1), 1, BUSY)), Assign) == []
    assert of_type(dispatcher.beat(ONE), Assign)[0].attempt == 2


def test_a_task_that_kills_its_calculators_fails_after_attempts_max(twice):
    dispatcher = Dispatcher(twice, attempts_max=3)
    dispatcher.submit(1)
    lives = ['%s%s' % (letter, 'a' * 7) for letter in 'abcdef']
    sent = [dispatcher.beat(ONE, life=life) for life in lives]
    (outcome,) = [message for messages in sent for message in of_type(messages, Outcome)]
    assert (outcome.outcome, outcome.attempts) == ('failed', 3)
    assert outcome.reason == 'no result after 3 attempts'


def test_a_calculator_that_was_thought_dead_goes_on_with_its_task_if_nobody_else_has_it(twice):
    dispatcher = Dispatcher(twice, answer_timeout_s=30)
    dispatcher.beat(ONE)
    dispatcher.submit(1)
    dispatcher.ack(ONE, 1)
    dispatcher.wait(6)
    assert dispatcher.status['dead'] == 1
    assert of_type(dispatcher.beat(ONE, running=[(task_id(1), 1)]), Assign) == []
    assert dispatcher.counts['adopted'] == 1
    assert of_type(dispatcher.result(ONE, 1), Outcome)[0].outcome == 'done'


def test_a_dead_calculator_recovers_by_a_heartbeat_only(twice):
    dispatcher = with_one_task_assigned(twice)
    dispatcher.wait(6)
    dispatcher.ack(ONE, 1)
    assert dispatcher.status['alive'] == 0
    dispatcher.beat(ONE)
    assert dispatcher.status['alive'] == 1


# A dispatcher that lost its books, and one that was held up.

def test_what_an_earlier_life_of_the_dispatcher_assigned_goes_on_when_its_client_asks_for_it(twice):
    dispatcher = Dispatcher(twice)
    assert of_type(dispatcher.beat(ONE, running=[(task_id(1), 4)]), Revoke) == []
    dispatcher.submit(1)
    assert dispatcher.counts['adopted'] == 1
    (outcome,) = of_type(dispatcher.result(ONE, 1, attempt=4), Outcome)
    assert outcome.outcome == 'done'


def test_what_nobody_asks_for_is_revoked_after_a_while(twice):
    dispatcher = Dispatcher(twice)
    sent = dispatcher.keep_beating(ORPHAN_GRACE_S - 1, ONE, running=[(task_id(1), 4)])
    assert of_type(sent, Revoke) == []
    assert of_type(dispatcher.keep_beating(3, ONE, running=[(task_id(1), 4)]), Revoke)
    assert ORPHAN_GRACE_S > ASK_AGAIN_S * 1.5


def test_an_unknown_result_is_acknowledged_so_that_its_sender_stops(twice):
    dispatcher = Dispatcher(twice)
    assert dispatcher.result(ONE, 1) == [ResultAck(task_id(1), 1)]
    assert dispatcher.counts['unknown_results'] >= 1


def test_a_dispatcher_that_was_held_up_judges_nobody_for_its_own_silence(twice):
    dispatcher = with_one_task_assigned(twice, answer_timeout_s=30)
    dispatcher.now += 20
    dispatcher.core.handle_timer(dispatcher.now)
    dispatcher.beat(ONE, running=[(task_id(1), 1)])
    dispatcher.beat(TWO)
    dispatcher.keep_beating(3, ONE, TWO, running=[(task_id(1), 1)])
    assert dispatcher.counts['held_up'] == 1
    assert (dispatcher.counts['suspected'], dispatcher.counts['died']) == (0, 0)


def test_after_a_hold_up_real_silence_is_still_found(twice):
    dispatcher = with_one_task_assigned(twice, answer_timeout_s=30)
    dispatcher.now += 20
    dispatcher.core.handle_timer(dispatcher.now)
    dispatcher.wait(6)
    assert dispatcher.status['dead'] == 2


def test_a_result_that_was_in_the_socket_during_a_hold_up_is_in_time(twice):
    dispatcher = with_one_task_assigned(twice)
    dispatcher.now += 15
    dispatcher.core.handle_timer(dispatcher.now)
    assert of_type(dispatcher.result(ONE, 1), Outcome)[0].attempts == 1


# Bounds and ends.

def test_more_calculators_than_allowed_are_not_registered(twice):
    dispatcher = Dispatcher(twice, calculators_max=1)
    assert dispatcher.beat(ONE)
    assert dispatcher.beat(TWO) == []
    assert dispatcher.status['alive'] == 1


def test_a_calculator_that_left_is_forgotten(twice):
    dispatcher = Dispatcher(twice, calculators_max=1)
    dispatcher.beat(ONE)
    dispatcher.hear(ONE, Leave())
    dispatcher.wait(3600)
    assert dispatcher.status['left'] == 0
    assert dispatcher.beat(TWO)


def test_a_stopping_dispatcher_refuses_hands_out_nothing_and_waits_for_what_runs(twice):
    dispatcher = with_one_task_assigned(twice)
    dispatcher.beat(TWO, draining=True)
    dispatcher.submit(2)
    dispatcher.stop()
    assert dispatcher.submit(3)[0].reason == 'draining'
    assert of_type(dispatcher.beat(TWO), Assign) == []
    assert not dispatcher.core.is_stopped
    dispatcher.result(ONE, 1)
    dispatcher.hear(CLIENT, OutcomeAck(task_id(1)))
    assert dispatcher.core.is_stopped
    assert dispatcher.status['waiting'] == 1


def test_what_is_forgotten_before_its_time_is_counted(twice):
    dispatcher = Dispatcher(twice, remembered_max=2)
    dispatcher.beat(ONE)
    for number in range(1, 6):
        dispatcher.submit(number)
        dispatcher.result(ONE, number)
        dispatcher.hear(CLIENT, OutcomeAck(task_id(number)))
    assert dispatcher.core.account(dispatcher.now)['counts']['forgotten_early'] == 3


def test_a_stopping_dispatcher_says_what_it_waits_for(twice):
    dispatcher = with_one_task_assigned(twice)
    for number in (2, 3):
        dispatcher.submit(number)
    dispatcher.result(ONE, 1)
    dispatcher.submit(4)
    dispatcher.stop()
    facts, = dispatcher.told('draining')
    assert (facts['running'], facts['waiting'], facts['unacknowledged']) == (2, 1, 1)


def test_a_stopping_dispatcher_waits_no_longer_than_its_bound(twice):
    dispatcher = with_one_task_assigned(twice, drain_timeout_s=3)
    dispatcher.stop()
    dispatcher.keep_beating(2, ONE, running=[(task_id(1), 1)])
    assert not dispatcher.core.is_stopped
    dispatcher.wait(2)
    assert dispatcher.core.is_stopped


def test_an_idle_dispatcher_stops_at_once(twice):
    dispatcher = Dispatcher(twice)
    dispatcher.beat(ONE)
    dispatcher.stop()
    assert dispatcher.core.is_stopped


def test_messages_for_others_are_counted_and_ignored(twice):
    dispatcher = Dispatcher(twice)
    for message in (Accepted(task_id(1)), HeartbeatAck(1), ResultAck(task_id(1), 1), Revoke(task_id(1), 1)):
        assert dispatcher.hear('stranger', message) == []
    assert dispatcher.counts['unexpected_messages'] == (8 if twice else 4)


def test_answers_about_what_nobody_asked_change_nothing(twice):
    dispatcher = with_one_task_assigned(twice)
    before = dispatcher.status
    dispatcher.hear('stranger', AssignAck(task_id(1), 1))
    dispatcher.hear('stranger', AssignRefused(task_id(1), 1, BUSY))
    dispatcher.hear(TWO, AssignRefused(task_id(1), 1, BUSY))
    dispatcher.hear(ONE, AssignAck(task_id(1), 7))
    dispatcher.hear('stranger', OutcomeAck(task_id(1)))
    dispatcher.hear('stranger', Leave())
    assert dispatcher.status == before
