"""The dispatcher with a journal: nothing is promised before it is written, and the next life goes on from there.

Every test runs twice: once with each message handed over two times.
"""

from __future__ import absolute_import, division, print_function

import random

import pytest

from dispatcher.core import ADOPTION_S, DispatcherCore
from dispatcher.journal import LAZY_S, RETRY_S
from dispatcher.outcomes import ABSENT_S, CLAIMED_AT_ONCE
from dispatcher.settings import SETTINGS
from net_protocol.delivery import JITTER_MAX, OUTCOME_GRACE_S, RECEIPT_DELAY_S, REMEMBER_S, RESEND_CAP_S
from net_protocol.messages import (
    JOURNAL, Accepted, Assign, AssignAck, Cancel, Heartbeat, HeartbeatAck, Outcome, OutcomeAck, Refused, Result,
    ResultAck, Submit)
from tests.driver import Driver, of_type
from tests.memory_journal import MemoryJournal

CLIENT, ONE, TWO = 'client-a', 'calculator-1', 'calculator-2'
LIFE, NEXT_LIFE = 'aaaaaaaa', 'bbbbbbbb'


@pytest.fixture(params=[False, True], ids=['once', 'twice'])
def twice(request):
    return request.param


class Dispatcher(Driver):
    """A dispatcher that writes to ``disk`` after every step, as the loop does."""

    def __init__(self, twice, disk, now=1000.0, recovers=False, step_s=0.0, **settings):
        self.journal = disk
        settings.setdefault('journal', 'path')
        core = DispatcherCore(SETTINGS.checked(settings), 'dispatcher', 'dddddddd', random.Random(1))
        if recovers:
            disk.lives += 1
            # The monotonic clock starts anew; the time of day that deadlines are kept by does not.
            core.recover(now, disk.lives, disk.rows(now + step_s))
        self._sequence = 0
        self.is_served = True
        super(Dispatcher, self).__init__(core, now, twice)

    def _take(self):
        if self.is_served:
            self.journal.serve(self.core, self.now)
        return super(Dispatcher, self)._take()

    def submit(self, number, life=LIFE, time_left_s=60.0):
        """What that brings, up to the moment at which it would be called accepted."""
        return self.hear(CLIENT, Submit(task_id(number), u'payload', time_left_s), life) + self.wait(RECEIPT_DELAY_S)

    def beat(self, name, running=(), capacity=1):
        self._sequence += 1
        return self.hear(name, Heartbeat(self._sequence, 1, 1, 1.0, capacity, list(running), [], False, 0))

    def result(self, name, number, attempt=1):
        return self.hear(name, Result(task_id(number), attempt, u'result', None))

    def acknowledge(self, number, life=LIFE):
        return self.hear(CLIENT, OutcomeAck(task_id(number)), life)

    @property
    def counts(self):
        return self.core.counts


@pytest.fixture
def journal():
    return MemoryJournal()


def task_id(number):
    return '%s:%s:%d' % (CLIENT, LIFE, number)


# Nothing is promised before it is written.

def test_without_a_journal_there_is_nothing_to_write(twice, journal):
    dispatcher = Dispatcher(twice, journal, journal=None)
    dispatcher.beat(ONE)
    assert of_type(dispatcher.submit(1), Accepted)
    assert of_type(dispatcher.result(ONE, 1), Outcome)
    dispatcher.acknowledge(1)
    dispatcher.wait(REMEMBER_S + 10)
    assert journal.batches == []


def test_accepted_and_outcome_stay_inside_until_they_are_written(twice, journal):
    dispatcher = Dispatcher(twice, journal)
    dispatcher.is_served = False
    assert dispatcher.submit(1) == []
    assert of_type(dispatcher.beat(ONE), Assign, HeartbeatAck) != []
    assert of_type(dispatcher.result(ONE, 1), Outcome) == []
    assert of_type(dispatcher.wait(3), Outcome) == []
    dispatcher.is_served = True
    assert of_type(dispatcher.wait(5), Outcome) != []
    assert of_type(dispatcher.submit(2), Accepted) == [Accepted(task_id(2))]


def test_what_one_turn_brings_is_written_at_once(twice, journal):
    dispatcher = Dispatcher(twice, journal)
    dispatcher.is_served = False
    dispatcher.submit(1)
    dispatcher.submit(2)
    dispatcher.beat(ONE)
    dispatcher.result(ONE, 1)
    journal.serve(dispatcher.core, dispatcher.now)
    assert journal.batches == [['accepted', 'accepted', 'ended']]
    assert dispatcher.counts['journal_commits'] == 1
    assert dispatcher.counts['journal_records'] == 3


def test_what_only_cleans_up_waits_for_company(twice, journal):
    dispatcher = Dispatcher(twice, journal)
    dispatcher.beat(ONE)
    for number in (1, 2):
        dispatcher.submit(number)
        dispatcher.result(ONE, number)
    dispatcher.acknowledge(1)
    assert journal.batches[4:] == []
    dispatcher.submit(3)
    assert journal.batches[4:] == [['told', 'accepted']]
    dispatcher.acknowledge(2)
    dispatcher.wait(LAZY_S)
    assert journal.batches[5:] == [['told']]
    dispatcher.wait(10)
    assert len(journal.batches) == 6


def test_a_task_leaves_the_journal_when_nobody_can_ask_for_it_any_more(twice, journal):
    dispatcher = Dispatcher(twice, journal)
    dispatcher.beat(ONE)
    dispatcher.submit(1)
    dispatcher.result(ONE, 1)
    dispatcher.acknowledge(1)
    dispatcher.wait(REMEMBER_S - 1)
    assert journal.states() == {task_id(1): 'told'}
    dispatcher.wait(2)
    # Memory is tidied when somebody asks for anything that is over.
    dispatcher.result(ONE, 9)
    dispatcher.wait(LAZY_S)
    assert journal.states() == {}


def test_a_stopping_dispatcher_leaves_nothing_unwritten(twice, journal):
    dispatcher = Dispatcher(twice, journal)
    dispatcher.beat(ONE)
    dispatcher.submit(1)
    dispatcher.result(ONE, 1)
    dispatcher.stop()
    dispatcher.acknowledge(1)
    assert dispatcher.core.is_stopped
    assert journal.states() == {task_id(1): 'told'}


# When it can't be written.

def test_a_journal_that_fails_costs_new_tasks_and_nothing_else(twice, journal):
    dispatcher = Dispatcher(twice, journal, answer_timeout_s=30)
    dispatcher.beat(ONE, capacity=2)
    dispatcher.submit(1)
    journal.is_broken = True
    assert of_type(dispatcher.submit(2), Accepted, Refused) == []
    assert dispatcher.submit(3) == [Refused(task_id(3), JOURNAL, 1.0)]
    # The outcome is withheld, the result taken; the rest is as ever.
    assert dispatcher.result(ONE, 1) == [ResultAck(task_id(1), 1)]
    assert of_type(dispatcher.beat(ONE, [(task_id(2), 1)], 2), HeartbeatAck) != []
    assert of_type(dispatcher.wait(5), Outcome) == []
    assert of_type(dispatcher.submit(2), Accepted) == []
    assert dispatcher.core.status['journal_failing'] == 1
    assert len(dispatcher.told('journal_failed')) == 1
    assert journal.states() == {task_id(1): 'accepted'}

    journal.is_broken = False
    dispatcher.wait(RETRY_S)
    assert dispatcher.core.status['journal_failing'] == 0
    assert len(dispatcher.told('journal_works')) == 1
    assert journal.states() == {task_id(1): 'ended', task_id(2): 'accepted'}
    assert dispatcher.submit(2) == [Accepted(task_id(2))]
    assert of_type(dispatcher.submit(3), Accepted) != []
    assert {message.task_id for message in of_type(dispatcher.wait(8), Outcome)} == {task_id(1)}


def test_a_journal_that_fails_is_tried_once_a_second(twice, journal):
    dispatcher = Dispatcher(twice, journal)
    journal.is_broken = True
    dispatcher.submit(1)
    for _ in range(10):
        dispatcher.submit(2)
    dispatcher.wait(10)
    assert 10 <= dispatcher.counts['journal_failures'] <= 12
    assert len(dispatcher.told('journal_failed')) == 1


def test_a_cancel_while_the_journal_fails_is_answered_afterwards(twice, journal):
    dispatcher = Dispatcher(twice, journal)
    dispatcher.submit(1)
    journal.is_broken = True
    assert dispatcher.hear(CLIENT, Cancel(task_id(1))) == []
    journal.is_broken = False
    dispatcher.wait(RETRY_S)
    assert of_type(dispatcher.hear(CLIENT, Cancel(task_id(1))), Outcome) != []


# The next life.

def killed_and_back(dispatcher, away_s=5.0, step_s=0.0, **settings):
    """The next life of a dispatcher that was killed, ``away_s`` later by the time of day and with another clock."""
    return Dispatcher(dispatcher.twice, dispatcher.journal, dispatcher.now + away_s, True, step_s, **settings)


def test_what_waited_waits_again_in_its_order(twice, journal):
    dispatcher = Dispatcher(twice, journal)
    for number in range(1, 6):
        dispatcher.submit(number)
    dispatcher = killed_and_back(dispatcher)
    dispatcher.wait(ADOPTION_S)
    given = of_type(dispatcher.beat(ONE, capacity=5), Assign)
    assert [message.task_id for message in given] == [task_id(number) for number in range(1, 6)]
    assert dispatcher.core.account(0)['tasks_recovered'] == 5
    for message in given:
        assert of_type(dispatcher.result(ONE, int(message.task_id[-1]), message.attempt), Outcome)


def test_no_number_means_two_attempts(twice, journal):
    dispatcher = Dispatcher(twice, journal)
    dispatcher.beat(ONE)
    dispatcher.submit(1)
    dispatcher = killed_and_back(killed_and_back(dispatcher))
    dispatcher.wait(ADOPTION_S)
    assert of_type(dispatcher.beat(ONE), Assign)[0].attempt == 2001


def test_what_runs_on_a_calculator_goes_on_there(twice, journal):
    dispatcher = Dispatcher(twice, journal)
    dispatcher.beat(ONE)
    dispatcher.submit(1)
    dispatcher = killed_and_back(dispatcher)
    # Another calculator speaks first, and is not given what runs already.
    assert of_type(dispatcher.beat(TWO), Assign) == []
    dispatcher.beat(ONE, [(task_id(1), 1)])
    assert of_type(dispatcher.wait(ADOPTION_S), Assign) == []
    assert dispatcher.counts['adopted'] == 1
    assert [message.outcome for message in of_type(dispatcher.result(ONE, 1), Outcome)] == ['done']


def test_a_late_result_of_an_earlier_life_counts(twice, journal):
    dispatcher = Dispatcher(twice, journal)
    dispatcher.beat(ONE)
    dispatcher.submit(1)
    dispatcher = killed_and_back(dispatcher)
    assert [message.outcome for message in of_type(dispatcher.result(ONE, 1), Outcome)] == ['done']
    assert journal.states() == {task_id(1): 'ended'}


def test_an_outcome_that_nobody_acknowledged_is_told_again_with_the_same_content(twice, journal):
    dispatcher = Dispatcher(twice, journal)
    dispatcher.beat(ONE)
    dispatcher.submit(1)
    outcome = of_type(dispatcher.result(ONE, 1), Outcome)
    dispatcher = killed_and_back(dispatcher)
    assert of_type(dispatcher.started_with and [message for _, message in dispatcher.started_with], Outcome) == outcome
    dispatcher.acknowledge(1)
    assert of_type(dispatcher.wait(60), Outcome) == []


def test_an_old_copy_of_a_submit_is_known_in_the_next_life_too(twice, journal):
    dispatcher = Dispatcher(twice, journal)
    dispatcher.beat(ONE)
    dispatcher.submit(1)
    dispatcher.result(ONE, 1)
    dispatcher.acknowledge(1)
    dispatcher.wait(LAZY_S)
    dispatcher = killed_and_back(dispatcher)
    dispatcher.beat(ONE)
    assert dispatcher.submit(1) == []
    assert dispatcher.core.account(0)['accepted'] == 0
    dispatcher.wait(REMEMBER_S)
    dispatcher.result(ONE, 9)
    dispatcher.wait(LAZY_S)
    assert journal.states() == {}


def test_what_expired_while_nobody_lived_is_told(twice, journal):
    dispatcher = Dispatcher(twice, journal)
    dispatcher.submit(1, time_left_s=30)
    dispatcher = killed_and_back(dispatcher, away_s=3600)
    assert {message.outcome for message in of_type(dispatcher.wait(1), Outcome)} == {'expired'}


@pytest.mark.parametrize('step_s, outcome_after_s', [(-10 * 365 * 86400, 60), (10 * 365 * 86400, 0)])
def test_a_wall_clock_stepped_by_years_holds_no_task_for_ever(twice, journal, step_s, outcome_after_s):
    dispatcher = Dispatcher(twice, journal)
    dispatcher.submit(1, time_left_s=60)
    dispatcher = killed_and_back(dispatcher, step_s=step_s)
    assert of_type(dispatcher.wait(max(0, outcome_after_s - 1)), Outcome) == [] or outcome_after_s == 0
    dispatcher.wait(2)
    assert dispatcher.core.account(0)['outcomes']['expired'] == 1


def test_recovering_twice_is_the_same_as_once(twice, journal):
    dispatcher = Dispatcher(twice, journal)
    dispatcher.beat(ONE, capacity=2)
    for number in range(1, 5):
        dispatcher.submit(number)
    dispatcher.result(ONE, 1)
    dispatcher.result(ONE, 2)
    dispatcher.acknowledge(1)
    dispatcher.wait(LAZY_S)
    before = journal.states(), list(journal.rows(0))
    once = killed_and_back(dispatcher, away_s=1)
    again = killed_and_back(once, away_s=0)
    assert (journal.states(), list(journal.rows(0))) == before
    assert once.core.status == again.core.status
    assert once.started_with == again.started_with != []


def test_more_may_be_recovered_than_may_wait(twice, journal):
    dispatcher = Dispatcher(twice, journal)
    for number in range(1, 6):
        dispatcher.submit(number)
    dispatcher = killed_and_back(dispatcher, pending_max=2)
    assert dispatcher.core.status['waiting'] == 5
    assert of_type(dispatcher.submit(6), Accepted) == []


# Clients that come back.

def with_untold_outcomes(twice, journal, number):
    """A dispatcher whose client went away while ``number`` tasks were done."""
    dispatcher = Dispatcher(twice, journal)
    dispatcher.beat(ONE, capacity=100)
    for task in range(1, number + 1):
        dispatcher.submit(task)
        dispatcher.result(ONE, task)
    return dispatcher


@pytest.mark.parametrize('away_s', [ABSENT_S + 8, 60 + OUTCOME_GRACE_S + 1, 60 + OUTCOME_GRACE_S + REMEMBER_S - 10])
def test_a_client_that_comes_back_gets_its_outcomes_wherever_it_is(twice, journal, away_s):
    dispatcher = with_untold_outcomes(twice, journal, 1)
    dispatcher.wait(away_s)
    dispatcher.hear(CLIENT, Submit('%s:%s:1' % (CLIENT, NEXT_LIFE), u'payload', 60), NEXT_LIFE)
    dispatcher.core.take_outgoing()
    assert dispatcher.counts['outcomes_claimed'] == 1
    assert of_type(dispatcher.wait(1), Outcome) != []
    dispatcher.acknowledge(1, NEXT_LIFE)
    assert of_type(dispatcher.wait(4), Outcome) == []


def test_an_answer_to_an_old_copy_of_a_submit_is_not_the_last_word(twice, journal):
    dispatcher = with_untold_outcomes(twice, journal, 1)
    dispatcher.wait(60 + OUTCOME_GRACE_S + 1)
    # The network held it; whoever sent it is gone, and the answer with it.
    assert of_type(dispatcher.submit(1), Outcome) != []
    assert of_type(dispatcher.wait(OUTCOME_GRACE_S), Outcome) != []
    dispatcher.wait(ABSENT_S)
    assert of_type(dispatcher.hear(CLIENT, OutcomeAck(task_id(99)), NEXT_LIFE), Outcome) != []


def test_what_is_claimed_before_its_deadline_is_told_for_no_less_time_than_before(twice, journal):
    dispatcher = with_untold_outcomes(twice, journal, 1)
    dispatcher.wait(ABSENT_S + 8)
    dispatcher.hear(CLIENT, OutcomeAck(task_id(99)), NEXT_LIFE)
    assert dispatcher.counts['outcomes_claimed'] == 1
    dispatcher.wait(30)
    assert of_type(dispatcher.wait(RESEND_CAP_S * JITTER_MAX), Outcome) != []


def test_each_message_brings_a_few_and_the_acknowledgements_bring_the_rest(twice, journal):
    dispatcher = with_untold_outcomes(twice, journal, 20)
    dispatcher.wait(70)
    dispatcher.twice = False
    waiting = of_type(dispatcher.hear(CLIENT, OutcomeAck(task_id(99)), NEXT_LIFE), Outcome)
    assert len(waiting) == CLAIMED_AT_ONCE
    told = []
    while waiting:
        message = waiting.pop()
        told.append(message.task_id)
        waiting += of_type(dispatcher.hear(CLIENT, OutcomeAck(message.task_id), NEXT_LIFE), Outcome)
    assert sorted(told) == sorted(task_id(number) for number in range(1, 21))


def test_a_client_that_is_given_the_name_of_another_takes_nothing_from_it(twice, journal):
    dispatcher = with_untold_outcomes(twice, journal, 1)
    dispatcher.wait(60)
    dispatcher.acknowledge(99, NEXT_LIFE)
    dispatcher.acknowledge(1, NEXT_LIFE)
    assert [message.outcome for message in of_type(dispatcher.submit(1), Outcome)] == ['done']


def test_an_outcome_that_nobody_comes_back_for_is_forgotten(twice, journal):
    dispatcher = with_untold_outcomes(twice, journal, 3)
    dispatcher.wait(60 + OUTCOME_GRACE_S + REMEMBER_S + 1)
    dispatcher.result(ONE, 9)
    dispatcher.wait(LAZY_S)
    assert journal.states() == {}
    assert of_type(dispatcher.acknowledge(99, NEXT_LIFE), Outcome) == []


def test_the_acknowledgement_of_an_assignment_is_no_sign_of_a_client(twice, journal):
    dispatcher = with_untold_outcomes(twice, journal, 1)
    dispatcher.wait(70)
    dispatcher.hear(CLIENT, AssignAck(task_id(1), 1))
    assert dispatcher.counts['outcomes_claimed'] == 0
