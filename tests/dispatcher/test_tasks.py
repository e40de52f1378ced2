"""The way of a task: accepted, assigned, done or ended otherwise, forgotten. Every test runs twice, once with each row
handled two times.
"""

from __future__ import absolute_import, division, print_function

import pytest

from dispatcher.tasks import TASK_BYTES, size_with
from tests.dispatcher.driver import ONE, TWO, Driver, assigned, of_kind, task_id


def with_one_task_assigned(twice, **settings):
    """Calculator ONE has acknowledged task 1, and TWO is available."""
    driver = Driver(twice, **settings)
    driver.beat(driver.calculator(ONE))
    assign, = of_kind(driver.submit(1), 'assign')
    driver.acknowledge(driver.calculator(ONE), 'assign', assign)
    driver.beat(driver.calculator(TWO))
    return driver


@pytest.fixture
def assigned_one(twice):
    return with_one_task_assigned(twice)


def test_a_task_goes_to_an_available_calculator_and_its_result_to_the_client(driver):
    assert driver.beat(driver.calculator()) == []
    assert driver.submit(1) == [('assign', [1, task_id(1), 1, u'payload', 10, 60])]
    assert driver.result(driver.calculator(), 1, 1) == [('done', [1, u'result', 1])]
    assert driver.acknowledge(driver.client(), 'done', [1, u'result', 1]) == []
    assert driver.core.account(0)['outcomes'] == {'done': 1, 'failed': 0, 'expired': 0, 'cancelled': 0}
    assert driver.client().peer.tasks == {}


def test_a_waiting_task_is_assigned_in_the_turn_in_which_a_calculator_appears(driver):
    assert driver.submit(1) == []
    assert assigned(driver.beat(driver.calculator())) == [(1, 1, 1)]


def test_a_calculator_gets_no_more_than_its_capacity(driver):
    driver.beat(driver.calculator(), capacity=3)
    assert len(assigned(driver.submit(1, 2, 3, 4, 5))) == 3
    assert driver.status['waiting'] == 2
    assert assigned(driver.result(driver.calculator(), 2, 2)) == [(4, 4, 1)]


def test_the_calculator_that_has_been_available_longest_is_next(driver):
    for name in (ONE, TWO):
        driver.beat(driver.calculator(name))
    driver.submit(1)
    driver.submit(2)
    driver.result(driver.calculator(TWO), 1, 2)
    driver.result(driver.calculator(ONE), 1, 1)
    driver.submit(3)
    assert driver.of(driver.calculator(TWO), 'assign')[-1][1] == task_id(3)


def test_calculators_take_turns_also_with_many_slots(driver):
    for name in (ONE, TWO):
        driver.beat(driver.calculator(name), capacity=5)
    driver.submit(*range(1, 7))
    assert len(driver.of(driver.calculator(ONE), 'assign')) == len(driver.of(driver.calculator(TWO), 'assign')) == 3


def test_an_error_is_the_outcome_failed(assigned_one):
    left = assigned_one.result(assigned_one.calculator(ONE), 1, 1, error=u'no text')
    assert left == [('ended', [1, 'failed', u'no text', 1])]


def test_the_same_submit_starts_nothing_again(assigned_one):
    assert assigned_one.submit(1) == []
    assigned_one.result(assigned_one.calculator(ONE), 1, 1)
    assert assigned_one.submit(1) == []
    assigned_one.acknowledge(assigned_one.client(), 'done', [1, u'result', 1])
    assert assigned_one.submit(1) == []
    assert assigned_one.counts['accepted'] == 1 and assigned_one.counts['duplicate_submits'] >= 3


def test_a_task_below_the_lowest_open_one_is_not_accepted_again(assigned_one):
    assigned_one.result(assigned_one.calculator(ONE), 1, 1)
    assigned_one.over(2)
    assert assigned_one.submit(1) == [] and assigned_one.counts['accepted'] == 1


def test_a_lost_outcome_goes_again_until_it_is_acknowledged(assigned_one):
    done, = of_kind(assigned_one.result(assigned_one.calculator(ONE), 1, 1), 'done')
    assert assigned_one.lose(assigned_one.client(), 'done', done) == done
    assigned_one.acknowledge(assigned_one.client(), 'done', done)
    assert assigned_one.lose(assigned_one.client(), 'done', done) is None


def test_a_lost_assignment_goes_again_with_the_time_that_is_left(driver):
    driver.beat(driver.calculator())
    assign, = of_kind(driver.submit(1), 'assign')
    driver.now += 3
    assert driver.lose(driver.calculator(), 'assign', assign) == assign[:5] + [57]
    driver.result(driver.calculator(), 1, 1)
    assert driver.lose(driver.calculator(), 'assign', assign) is None


# Time.

def test_an_attempt_that_is_not_answered_in_time_goes_to_another_calculator(assigned_one):
    left = assigned_one.wait(10, beating=[assigned_one.calculator(ONE), assigned_one.calculator(TWO)], held=[(1, 1)])
    assert assigned(left) == [(1, 1, 2)]
    assert assigned_one.of(assigned_one.calculator(TWO), 'assign') != []
    assert assigned_one.counts['attempt_timed_out'] == 1


def test_a_task_that_takes_longer_than_its_calculator_may_is_warned_about_once_a_minute():
    driver = with_one_task_assigned(False)
    beating = [driver.calculator(ONE), driver.calculator(TWO)]
    driver.wait(10, beating=beating, held=[(1, 1)])
    assert driver.emitted('too_slow') == [{'task_id': task_id(1), 'calculator': ONE, 'limit_s': 10}]
    driver.wait(49, beating=beating)
    assert len(driver.emitted('too_slow')) == 1 and driver.counts['attempt_timed_out'] > 1


def test_a_calculator_that_is_not_heard_is_not_called_slow():
    driver = with_one_task_assigned(False, answer_timeout_s=4, dead_after_missed=50)
    driver.wait(6)
    assert driver.counts['attempt_timed_out'] == 1 and driver.emitted('too_slow') == []


def test_a_task_expires_at_its_deadline_and_its_attempt_is_revoked(twice):
    driver = with_one_task_assigned(twice, answer_timeout_s=60)
    driver.submit(2, time_left_s=3)
    left = driver.wait(60)
    assert [row[1] for row in of_kind(left, 'ended')] == ['expired', 'expired']
    assert sorted(of_kind(left, 'revoke')) == [[1, task_id(1)], [1, task_id(2)]]


@pytest.mark.parametrize('time_left_s', [0, 0.2, 0.999, 1, 1.5, 59])
def test_a_deadline_is_met_to_the_moment(driver, time_left_s):
    driver.submit(1, time_left_s=time_left_s)
    if time_left_s:
        assert driver.wait(time_left_s - 0.001) == []
    assert of_kind(driver.wait(0.0010001), 'ended') == [[1, 'expired', u'no calculator was alive', 0]]


def test_no_task_has_more_time_than_the_dispatcher_grants(twice):
    driver = Driver(twice, task_timeout_s=10)
    driver.submit(1, time_left_s=3600)
    assert driver.wait(9.9) == []
    assert len(of_kind(driver.wait(0.2), 'ended')) == 1


def test_the_time_out_and_the_deadline_are_met_for_tasks_assigned_late(driver):
    driver.submit(1)
    driver.wait(55)
    driver.beat(driver.calculator(ONE))
    left = driver.wait(4.9, beating=[driver.calculator(ONE)], held=[(1, 1)])
    assert of_kind(left, 'ended') == []
    assert of_kind(driver.wait(0.2), 'ended') == [[1, 'expired', u'attempt 1 on calculator-1 had not answered', 1]]


def test_too_many_attempts_are_a_failure(twice):
    driver = Driver(twice, attempts_max=3, answer_timeout_s=1)
    for name in (ONE, TWO):
        driver.beat(driver.calculator(name), capacity=3)
    driver.submit(1)
    left = driver.wait(3.5, beating=[driver.calculator(ONE), driver.calculator(TWO)])
    assert of_kind(left, 'ended') == [[1, 'failed', u'no result after 3 attempts', 3]]


def test_without_a_setting_a_task_has_twenty_attempts():
    driver = Driver(answer_timeout_s=1)
    for name in (ONE, TWO):
        driver.beat(driver.calculator(name), capacity=20)
    driver.submit(1)
    left = driver.wait(19.5, beating=[driver.calculator(ONE), driver.calculator(TWO)])
    assert of_kind(left, 'ended') == []
    left = driver.wait(1, beating=[driver.calculator(ONE), driver.calculator(TWO)])
    assert of_kind(left, 'ended') == [[1, 'failed', u'no result after 20 attempts', 20]]


# Late results: the first valid result wins.

@pytest.fixture
def timed_out(assigned_one):
    assigned_one.wait(10, beating=[assigned_one.calculator(ONE), assigned_one.calculator(TWO)], held=[(1, 1)])
    return assigned_one


def test_a_late_result_that_is_the_first_is_taken_and_the_other_attempt_is_revoked(timed_out):
    left = timed_out.result(timed_out.calculator(ONE), 1, 1)
    assert of_kind(left, 'done') == [[1, u'result', 2]]
    assert of_kind(left, 'revoke') == [[1, task_id(1)]]
    assert timed_out.counts['late_results_used'] == 1 and timed_out.counts['attempt_withdrawn'] == 1


def test_after_the_result_the_slow_attempt_is_revoked_and_its_result_ignored(timed_out):
    left = timed_out.result(timed_out.calculator(TWO), 1, 1)
    assert of_kind(left, 'done') == [[1, u'result', 2]]
    assert timed_out.of(timed_out.calculator(ONE), 'revoke') == [[1, task_id(1)]]
    assert timed_out.result(timed_out.calculator(ONE), 1, 1, result=u'another') == []
    assert timed_out.counts['late_results'] >= 1


def test_a_copy_of_a_result_is_counted_and_ignored(assigned_one):
    assigned_one.result(assigned_one.calculator(ONE), 1, 1)
    assert assigned_one.result(assigned_one.calculator(ONE), 1, 1) == []
    assert assigned_one.counts['duplicate_results'] >= 1 and assigned_one.counts['done'] == 1


def test_a_result_that_names_another_task_than_was_assigned_ends_neither(assigned_one):
    assigned_one.submit(2)
    assert assigned_one.result(assigned_one.calculator(ONE), 1, task_id(3)) == []
    assert assigned_one.counts['unknown_results'] >= 1 and assigned_one.status['running'] == 2


def test_a_timed_out_attempt_occupies_its_slot_until_it_is_known_to_be_over(timed_out):
    timed_out.result(timed_out.calculator(TWO), 1, 1)
    assert timed_out.calculator(ONE).peer.free == 0
    timed_out.acknowledge(timed_out.calculator(ONE), 'revoke', [1, task_id(1)])
    assert timed_out.calculator(ONE).peer.free == 1


# Cancelling.

def test_a_waiting_task_is_cancelled(driver):
    driver.submit(1)
    assert driver.cancel(1) == [('ended', [1, 'cancelled', u'cancelled by its client', 0])]
    assert driver.status['waiting'] == 0


def test_a_running_task_is_cancelled_and_revoked(assigned_one):
    left = assigned_one.cancel(1)
    assert len(of_kind(left, 'ended')) == 1 and of_kind(left, 'revoke') == [[1, task_id(1)]]


def test_a_cancel_that_overtakes_its_submit_wins(driver):
    assert driver.cancel(1) == [('ended', [1, 'cancelled', u'cancelled before it was accepted', 0])]
    assert driver.submit(1) == []
    assert driver.counts['accepted'] == 0 and driver.counts['cancelled_unknown'] == 1


def test_a_cancel_of_a_task_that_is_over_changes_nothing(assigned_one):
    assigned_one.result(assigned_one.calculator(ONE), 1, 1)
    assert assigned_one.cancel(1) == []
    assigned_one.over(2)
    assert assigned_one.cancel(1) == []
    assert assigned_one.counts['cancelled'] == 0


# What the client knows to be over.

def test_raising_the_lowest_open_number_forgets_outcomes_and_cancels_the_rest(assigned_one):
    assigned_one.submit(2)
    assigned_one.submit(3)
    assigned_one.result(assigned_one.calculator(ONE), 1, 1)
    assert of_kind(assigned_one.over(4), 'ended') == []
    client = assigned_one.client().peer
    assert client.tasks == {} and client.open == 4 and assigned_one.core.undelivered == 0
    assert assigned_one.counts['done'] == 1 and assigned_one.counts['cancelled'] == 2


def test_a_lowest_open_number_far_ahead_costs_nothing(driver):
    driver.submit(1)
    driver.over(2 ** 53)
    assert driver.client().peer.open == 2 ** 53 and driver.status['waiting'] == 0


def test_the_lowest_open_assignment_is_sent_to_the_calculator(driver):
    driver.beat(driver.calculator(), capacity=3)
    driver.submit(1, 2, 3)
    assert driver.calculator().open == 1
    driver.result(driver.calculator(), 2, 2)
    assert driver.calculator().open == 1
    driver.result(driver.calculator(), 1, 1)
    assert driver.calculator().open == 3


# Rows from where they do not belong.

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


def test_a_large_payload_counts_with_its_bytes_of_memory():
    assert size_with(u'short') == TASK_BYTES
    assert size_with(u'x' * 50000) >= TASK_BYTES + 50000
    assert size_with([1] * 10000) >= TASK_BYTES + 80000
    assert size_with({u'a': [u'b' * 1000]}) >= TASK_BYTES + 1000


def test_with_a_trace_every_step_is_an_event(driver):
    driver.core.trace = True
    driver.beat(driver.calculator())
    driver.submit(1)
    driver.result(driver.calculator(), 1, 1)
    assert [event.kind for event in driver.events if event.kind != 'registered'] == ['accepted', 'assigned', 'done']
