"""The states of a task: accepted, assigned, done or ended otherwise, forgotten."""

from __future__ import absolute_import, division, print_function

import pytest

from dispatcher.tasks import TASK_BYTES, size_with
from tests.dispatcher.driver import ONE, TWO, Driver, assigned, of_kind, running, task_id


def test_a_task_goes_to_a_free_calculator_and_its_result_to_the_client_until_it_is_acknowledged(driver):
    assert driver.beat(driver.calculator()) == []
    assert driver.submit(1) == [('assign', [1, task_id(1), 1, u'payload', 10, 60])]
    done = [1, u'result', 1]
    assert driver.result(driver.calculator(), 1, 1) == [('done', done)]
    assert driver.lose(driver.client(), 'done', done) == done
    assert driver.acknowledge(driver.client(), 'done', done) == []
    assert driver.lose(driver.client(), 'done', done) is None
    assert driver.core.account(0)['outcomes'] == {'done': 1, 'failed': 0, 'expired': 0, 'cancelled': 0}
    assert driver.client().peer.tasks == {}


def test_a_calculator_gets_no_more_than_its_capacity(driver):
    driver.beat(driver.calculator(), capacity=3)
    assert len(assigned(driver.submit(1, 2, 3, 4, 5))) == 3
    assert driver.status['waiting'] == 2
    assert assigned(driver.result(driver.calculator(), 2, 2)) == [(4, 4, 1)]


def test_the_calculator_that_has_been_free_longest_gets_the_next_task(driver):
    for name in (ONE, TWO):
        driver.beat(driver.calculator(name))
    driver.submit(1)
    driver.submit(2)
    driver.result(driver.calculator(TWO), 1, 2)
    driver.result(driver.calculator(ONE), 1, 1)
    driver.submit(3)
    assert driver.rows_to(driver.calculator(TWO), 'assign')[-1][1] == task_id(3)


def test_calculators_with_many_slots_take_turns(driver):
    for name in (ONE, TWO):
        driver.beat(driver.calculator(name), capacity=5)
    driver.submit(*range(1, 7))
    assert [len(driver.rows_to(driver.calculator(name), 'assign')) for name in (ONE, TWO)] == [3, 3]


def test_an_error_is_the_outcome_failed(busy_and_free):
    sent = busy_and_free.result(busy_and_free.calculator(ONE), 1, 1, error=u'no text')
    assert sent == [('ended', [1, 'failed', u'no text', 1])]


def test_a_duplicate_of_a_submit_changes_nothing(busy_and_free):
    assert busy_and_free.submit(1) == []
    busy_and_free.result(busy_and_free.calculator(ONE), 1, 1)
    assert busy_and_free.submit(1) == []
    busy_and_free.acknowledge(busy_and_free.client(), 'done', [1, u'result', 1])
    assert busy_and_free.submit(1) == []
    busy_and_free.raise_open(2)
    assert busy_and_free.submit(1) == []
    assert busy_and_free.counts['accepted'] == 1 and busy_and_free.counts['duplicate_submits'] >= 3


def test_a_lost_assignment_is_resent_with_the_time_that_is_left(driver):
    driver.beat(driver.calculator())
    assign, = of_kind(driver.submit(1), 'assign')
    driver.now += 3
    assert driver.lose(driver.calculator(), 'assign', assign) == assign[:5] + [57]
    driver.result(driver.calculator(), 1, 1)
    assert driver.lose(driver.calculator(), 'assign', assign) is None


# Time.

@pytest.fixture
def timed_out(busy_and_free):
    """The attempt on calculator ONE has timed out, and calculator TWO runs the task."""
    beating = [busy_and_free.calculator(ONE), busy_and_free.calculator(TWO)]
    assert assigned(busy_and_free.wait(10, beating, held=[(1, 1)])) == [(1, 1, 2)]
    assert len(busy_and_free.rows_to(busy_and_free.calculator(TWO), 'assign')) == 1
    return busy_and_free


def test_a_task_that_takes_too_long_is_logged_once_a_minute(timed_out):
    assert timed_out.emitted('too_slow') == [{'task_id': task_id(1), 'calculator': ONE, 'limit_s': 10}]
    timed_out.wait(49, [timed_out.calculator(ONE), timed_out.calculator(TWO)])
    assert len(timed_out.emitted('too_slow')) == 1 and timed_out.counts['attempt_timed_out'] > 1


def test_a_silent_calculator_is_not_reported_as_slow():
    driver = running(answer_timeout_s=4, dead_after_missed=50)
    driver.wait(6)
    assert driver.counts['attempt_timed_out'] == 1 and driver.emitted('too_slow') == []


def test_a_task_expires_at_its_deadline_and_its_attempt_is_revoked(twice):
    driver = running(twice, answer_timeout_s=60)
    driver.beat(driver.calculator(TWO))
    driver.submit(2, time_left_s=3)
    sent = driver.wait(60)
    assert [row[1] for row in of_kind(sent, 'ended')] == ['expired', 'expired']
    assert sorted(of_kind(sent, 'revoke')) == [[1, task_id(1)], [1, task_id(2)]]


@pytest.mark.parametrize('time_left_s', [0, 0.2, 1, 1.5, 59])
def test_a_task_expires_exactly_at_its_deadline(driver, time_left_s):
    driver.submit(1, time_left_s=time_left_s)
    if time_left_s:
        assert driver.wait(time_left_s - 0.001) == []
    assert of_kind(driver.wait(0.0010001), 'ended') == [[1, 'expired', u'no calculator was alive', 0]]


def test_no_task_has_more_time_than_the_setting_of_the_dispatcher(twice):
    driver = Driver(twice, task_timeout_s=10)
    driver.submit(1, time_left_s=3600)
    assert driver.wait(9.9) == []
    assert len(of_kind(driver.wait(0.2), 'ended')) == 1


def test_the_time_out_and_the_deadline_are_met_for_tasks_assigned_late(driver):
    driver.submit(1)
    driver.wait(55)
    driver.beat(driver.calculator(ONE))
    sent = driver.wait(4.9, beating=[driver.calculator(ONE)], held=[(1, 1)])
    assert of_kind(sent, 'ended') == []
    assert of_kind(driver.wait(0.2), 'ended') == [[1, 'expired', u'attempt 1 on calculator-1 had not answered', 1]]


@pytest.mark.parametrize('settings, attempts', [({'attempts_max': 3}, 3), ({}, 20)])
def test_a_task_fails_after_too_many_attempts(twice, settings, attempts):
    driver = Driver(twice, answer_timeout_s=1, **settings)
    beating = [driver.calculator(ONE), driver.calculator(TWO)]
    for channel in beating:
        driver.beat(channel, capacity=20)
    driver.submit(1)
    assert of_kind(driver.wait(attempts - 0.5, beating), 'ended') == []
    sent = driver.wait(1, beating)
    assert of_kind(sent, 'ended') == [[1, 'failed', u'no result after %d attempts' % attempts, attempts]]


# Late results: the first valid result wins.

def test_a_late_result_counts_if_it_is_the_first_and_the_other_attempt_is_revoked(timed_out):
    sent = timed_out.result(timed_out.calculator(ONE), 1, 1)
    assert of_kind(sent, 'done') == [[1, u'result', 2]]
    assert of_kind(sent, 'revoke') == [[1, task_id(1)]]
    assert timed_out.counts['late_results_used'] == 1 and timed_out.counts['attempt_withdrawn'] == 1


def test_a_late_result_is_ignored_if_it_is_the_second_and_its_attempt_is_revoked(timed_out):
    sent = timed_out.result(timed_out.calculator(TWO), 1, 1)
    assert of_kind(sent, 'done') == [[1, u'result', 2]]
    assert timed_out.rows_to(timed_out.calculator(ONE), 'revoke') == [[1, task_id(1)]]
    assert timed_out.result(timed_out.calculator(ONE), 1, 1, result=u'another') == []
    assert timed_out.counts['late_results'] >= 1


def test_a_duplicate_of_a_result_is_counted_and_ignored(busy_and_free):
    busy_and_free.result(busy_and_free.calculator(ONE), 1, 1)
    assert busy_and_free.result(busy_and_free.calculator(ONE), 1, 1) == []
    assert busy_and_free.counts['duplicate_results'] >= 1 and busy_and_free.counts['done'] == 1


def test_a_result_that_names_another_task_than_was_assigned_ends_neither(busy_and_free):
    busy_and_free.submit(2)
    assert busy_and_free.result(busy_and_free.calculator(ONE), 1, task_id(3)) == []
    assert busy_and_free.counts['unknown_results'] >= 1 and busy_and_free.status['running'] == 2


def test_a_timed_out_attempt_occupies_its_slot_until_its_revocation_is_acknowledged(timed_out):
    timed_out.result(timed_out.calculator(TWO), 1, 1)
    assert timed_out.calculator(ONE).peer.free == 0
    timed_out.acknowledge(timed_out.calculator(ONE), 'revoke', [1, task_id(1)])
    assert timed_out.calculator(ONE).peer.free == 1


# Cancelling.

def test_a_waiting_task_is_cancelled(driver):
    driver.submit(1)
    assert driver.cancel(1) == [('ended', [1, 'cancelled', u'cancelled by its client', 0])]
    assert driver.status['waiting'] == 0


def test_a_running_task_is_cancelled_and_revoked(busy_and_free):
    sent = busy_and_free.cancel(1)
    assert len(of_kind(sent, 'ended')) == 1 and of_kind(sent, 'revoke') == [[1, task_id(1)]]


def test_a_cancel_that_overtakes_its_submit_wins(driver):
    assert driver.cancel(1) == [('ended', [1, 'cancelled', u'cancelled before it was accepted', 0])]
    assert driver.submit(1) == []
    assert driver.counts['accepted'] == 0 and driver.counts['cancelled_unknown'] == 1


def test_a_cancel_of_a_finished_task_changes_nothing(busy_and_free):
    busy_and_free.result(busy_and_free.calculator(ONE), 1, 1)
    assert busy_and_free.cancel(1) == []
    busy_and_free.raise_open(2)
    assert busy_and_free.cancel(1) == []
    assert busy_and_free.counts['cancelled'] == 0


# The lowest open number.

def test_raising_the_lowest_open_number_forgets_outcomes_and_cancels_the_rest(busy_and_free):
    busy_and_free.submit(2)
    busy_and_free.submit(3)
    busy_and_free.result(busy_and_free.calculator(ONE), 1, 1)
    assert of_kind(busy_and_free.raise_open(4), 'ended') == []
    client = busy_and_free.client().peer
    assert client.tasks == {} and client.open == 4 and busy_and_free.core.undelivered == 0
    assert busy_and_free.counts['done'] == 1 and busy_and_free.counts['cancelled'] == 2
    busy_and_free.raise_open(2 ** 53)
    assert client.open == 2 ** 53, 'a number far ahead takes no time'


def test_the_lowest_open_assignment_is_sent_to_the_calculator(driver):
    driver.beat(driver.calculator(), capacity=3)
    driver.submit(1, 2, 3)
    assert driver.calculator().open == 1
    driver.result(driver.calculator(), 2, 2)
    assert driver.calculator().open == 1
    driver.result(driver.calculator(), 1, 1)
    assert driver.calculator().open == 3


# Rows of another role.

@pytest.mark.parametrize('kind, row', [
    ('submit', [1, u'', 60]), ('cancel', [1]), ('result', [0, task_id(1), u'', None]), ('leave', []),
    ('assign_refused', [1, task_id(1), 'busy']), ('heartbeat', [1, 1, 1, 1.0, 1, [], [], False])])
def test_rows_of_another_role_are_ignored(driver, kind, row):
    driver.submit(1)
    driver.beat(driver.calculator(TWO))
    before = dict(driver.status)
    own = driver.client() if kind in ('submit', 'cancel') else driver.calculator(TWO)
    for channel in (driver.client(), driver.calculator(TWO), driver.monitor()):
        if channel is not own:
            assert driver.hear(channel, kind, [row]) == [] and driver.status == before


def test_the_size_of_a_task_contains_its_payload():
    assert size_with(u'short') == TASK_BYTES
    assert size_with(u'x' * 50000) >= TASK_BYTES + 50000
    assert size_with([1] * 10000) >= TASK_BYTES + 80000
    assert size_with({u'a': [u'b' * 1000]}) >= TASK_BYTES + 1000


def test_every_step_of_a_task_is_an_event_with_a_trace(driver):
    driver.core.trace = True
    driver.beat(driver.calculator())
    driver.submit(1)
    driver.result(driver.calculator(), 1, 1)
    assert [event.kind for event in driver.events if event.kind != 'registered'] == ['accepted', 'assigned', 'done']
