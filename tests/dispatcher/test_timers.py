"""Timers fire however late a turn is, silence is excused once, and no turn handles more than a bounded number."""

from __future__ import absolute_import, division, print_function

import pytest

from dispatcher.failure_detector import CATCH_UP_S
from dispatcher.outcomes import TURN_MAX
from tests.dispatcher.driver import ONE, TWO, Driver, of_kind


def late_turns(driver, seconds, step_s):
    """Turns at that interval, whatever the core asked for; returns what left."""
    left = []
    for _ in range(int(seconds / step_s)):
        driver.now += step_s
        due_at = driver.core.next_timer()
        if due_at is not None and due_at <= driver.now:
            driver.core.handle_timer(driver.now)
        left += [(driver.now - 1000, row) for row in driver.turn()]
    return left


@pytest.mark.parametrize('step_s', [0.05, 0.29, 0.31, 1.0, 2.0])
def test_a_deadline_fires_in_the_next_turn_however_late_turns_are(driver, step_s):
    driver.submit(1, time_left_s=5)
    (at, (kind, _)), = [entry for entry in late_turns(driver, 20, step_s) if entry[1][0] == 'ended']
    assert kind == 'ended' and 5 <= at < 5 + step_s + 0.001


@pytest.mark.parametrize('step_s', [0.31, 1.0, 2.0])
def test_an_answer_time_out_fires_in_the_next_turn_however_late_turns_are(step_s):
    driver = Driver(answer_timeout_s=3)
    driver.beat(driver.calculator(), interval_s=60)
    driver.submit(1, time_left_s=50)
    late_turns(driver, 3 + step_s, step_s)
    assert driver.counts['attempt_timed_out'] == 1


@pytest.mark.parametrize('step_s', [0.31, 0.5, 1.0, 2.0])
def test_a_death_is_noticed_although_every_turn_is_late(driver, step_s):
    driver.beat(driver.calculator())
    late_turns(driver, 5.5 + 2 * step_s + CATCH_UP_S + step_s, step_s)
    assert driver.status['dead'] == 1


def test_a_turn_that_is_late_excuses_silence_once_and_by_its_own_delay(driver):
    driver.beat(driver.calculator())
    driver.wait(5)
    assert driver.status['suspect'] == 1
    # Held up from 5 to 9 s: the verdict was due at 5.5 s.
    driver.now += 4
    driver.core.handle_timer(driver.now)
    driver.turn()
    assert driver.status['suspect'] == 1 and driver.emitted('held_up') == [{'seconds': 3.5}]
    driver.wait(1.0 + CATCH_UP_S - 0.001)
    assert driver.status['suspect'] == 1
    driver.wait(0.002)
    assert driver.status['dead'] == 1 and driver.counts['held_up'] == 1


def test_a_calculator_that_is_heard_right_after_a_hold_up_is_not_suspected(driver):
    driver.beat(driver.calculator())
    driver.wait(5)
    driver.now += 4
    driver.core.handle_timer(driver.now)
    driver.turn()
    driver.beat(driver.calculator())
    driver.wait(3.4)
    assert driver.status['alive'] == 1 and driver.counts['died'] == 0


def test_unread_datagrams_postpone_a_verdict_once(driver):
    driver.beat(driver.calculator())
    driver.core.has_unread = True
    driver.wait(3.55)
    assert driver.status['alive'] == 1
    driver.wait(CATCH_UP_S)
    assert driver.status['suspect'] == 1


def test_work_that_is_left_over_from_the_turn_before_is_no_hold_up():
    driver = Driver(pending_max=10000)
    driver.submit(*range(1, 6000), time_left_s=5)
    driver.now += 5.1
    for _ in range(8):
        driver.now += 0.15
        driver.core.handle_timer(driver.now)
        driver.turn()
    assert driver.counts['expired'] == 5999 and driver.counts['held_up'] <= 1


# Bounds.

def steps(driver, count):
    """How ``count()`` changes in each of the turns that the core asks for at once."""
    changes = []
    while driver.core.next_timer() is not None and driver.core.next_timer() <= driver.now:
        before = count()
        driver.core.handle_timer(driver.now)
        driver.turn()
        changes.append(abs(count() - before))
    return changes


def test_tasks_that_expire_together_are_handled_a_thousand_at_a_time():
    driver = Driver(pending_max=100000)
    driver.submit(*range(1, 4501), time_left_s=5)
    driver.wait(4)
    driver.now += 2
    assert max(steps(driver, lambda: driver.counts['expired'])) == TURN_MAX
    assert driver.counts['expired'] == 4500


def test_the_attempts_of_a_dead_calculator_are_lost_a_thousand_at_a_time():
    driver, channel = running(3500)
    driver.hear(channel, 'leave', [[]])
    assert max(steps(driver, lambda: driver.counts['attempt_calculator_left'])) == TURN_MAX
    assert driver.status['running'] == 0


def running(tasks):
    """A calculator holds so many tasks."""
    driver = Driver(answer_timeout_s=60)
    driver.beat(driver.calculator(), capacity=tasks)
    driver.submit(*range(1, tasks + 1))
    while driver.status['waiting']:
        driver.turn()
    return driver, driver.calculator()


def test_unacknowledged_assignments_are_sent_again_a_thousand_at_a_time():
    driver, channel = running(2500)
    rows = driver.of(channel, 'assign')
    driver.acknowledge(channel, 'assign', *rows[:100])
    del driver.sent[:]
    driver.reopen(channel)
    steps(driver, lambda: len(driver.sent))
    assert [row[0] for row in driver.of(channel, 'assign')] == list(range(101, 2501))
    driver.reopen(channel)
    driver.reopen(channel)
    assert max(steps(driver, lambda: len(driver.sent))) <= TURN_MAX
    assert [row[0] for row in driver.of(channel, 'assign')][-1500:] == list(range(1001, 2501))
    assert driver.core.next_timer() > driver.now


def test_a_channel_that_slept_while_rows_were_sent_again_gets_the_rest_when_it_wakes():
    driver, channel = running(2500)
    driver.reopen(channel)
    channel.is_asleep = True
    assert steps(driver, lambda: len(driver.sent)) == [0]
    del driver.sent[:]
    driver.awake(channel)
    steps(driver, lambda: len(driver.sent))
    assert [row[0] for row in driver.of(channel, 'assign')] == list(range(1, 2501))


def test_attempts_that_a_heartbeat_does_not_name_are_lost_a_thousand_at_a_time():
    driver, channel = running(2500)
    driver.acknowledge(channel, 'assign', *driver.of(channel, 'assign'))
    for lost in (1000, 2000, 2500):
        driver.beat(channel, capacity=2500, draining=True)
        assert driver.counts['attempt_not_held'] == lost


def test_a_calculator_that_recovers_keeps_the_attempts_that_were_not_lost_yet():
    driver = Driver(answer_timeout_s=60)
    driver.beat(driver.calculator(), capacity=1500)
    driver.submit(*range(1, 1501))
    driver.turn()
    driver.wait(5.45)
    driver.now += 0.1
    driver.core.handle_timer(driver.now)
    driver.turn()
    assert (driver.status['dead'], driver.status['running']) == (1, 500)
    driver.beat(driver.calculator(), [(1, 1500)], capacity=1500)
    assert driver.status['running'] == 1500 and driver.counts['attempt_dead_calculator'] == TURN_MAX


def test_waiting_tasks_are_assigned_a_thousand_at_a_time(driver):
    driver.submit(*range(1, 2501))
    driver.beat(driver.calculator(), capacity=5000)
    assert driver.status['running'] == TURN_MAX and driver.core.next_timer() == 0.0
    assert max(steps(driver, lambda: driver.status['running'])) == TURN_MAX
    assert driver.status['running'] == 2500


def test_tasks_below_open_are_forgotten_a_thousand_at_a_time(driver):
    driver.submit(*range(1, 3001))
    driver.over(3001)
    assert driver.status['waiting'] == 2000
    assert driver.submit(2500) == [], 'below its lowest open number, though not forgotten yet'
    assert max(steps(driver, lambda: driver.status['waiting'])) == TURN_MAX
    assert driver.status['waiting'] == 0 and driver.client().peer.open == 3001


def test_a_thousand_silent_calculators_are_judged_in_bounded_turns(driver):
    for number in range(2200):
        channel = driver.calculator('calculator-%d' % number)
        driver.core.heard(driver.now, channel)
        driver.core.handlers['heartbeat'](driver.now, channel, [[1, 1, 1, 1.0, 1, [], [], False]])
    driver.turn()
    driver.now += 3.6
    assert max(steps(driver, lambda: driver.status['suspect'])) <= TURN_MAX
    assert driver.status['suspect'] == 2200


def test_finished_tasks_leave_no_timers_behind(driver):
    driver.beat(driver.calculator(), capacity=10, interval_s=3600)
    for number in range(1, 400):
        driver.submit(number, time_left_s=60 if number % 2 else 0.5)
        driver.result(driver.calculator(), number, number)
        driver.over(number + 1)
    assert len(driver.core.young) <= 1
    assert len(driver.core._timers) < 5 and len(driver.core._timers._heap) < 150


def test_a_drain_waits_for_what_runs_and_for_acknowledgements(driver):
    driver.beat(driver.calculator())
    driver.submit(1, 2)
    driver.stop()
    assert driver.emitted('draining') == [{'waiting': 1, 'running': 1, 'unacknowledged': 0, 'bound_s': 10}]
    driver.result(driver.calculator(), 1, 1)
    assert not driver.core.is_stopped and driver.status['waiting'] == 1
    driver.acknowledge(driver.client(), 'done', [1, u'result', 1])
    assert driver.core.is_stopped


def test_a_drain_is_over_after_its_time():
    driver = Driver(drain_timeout_s=3)
    driver.beat(driver.calculator(ONE))
    driver.submit(1)
    driver.stop()
    driver.wait(2.9)
    assert not driver.core.is_stopped
    driver.wait(0.2)
    assert driver.core.is_stopped


def test_a_drain_does_not_wait_for_absent_clients(driver):
    driver.beat(driver.calculator(TWO))
    driver.submit(1)
    driver.sleep(driver.client())
    driver.result(driver.calculator(TWO), 1, 1)
    driver.stop()
    assert driver.core.is_stopped and of_kind(driver.turn(), 'done') == []
