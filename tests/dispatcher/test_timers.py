"""Timers fire although turns are late, silence is judged and excused, and no turn handles more than its limit."""

from __future__ import absolute_import, division, print_function

import pytest

from dispatcher.calculators import Calculator
from dispatcher.failure_detector import CATCH_UP_S, DECLARE_DEAD, SILENT, FailureDetector
from dispatcher.outcomes import TURN_MAX
from tests.dispatcher.driver import ONE, TWO, Driver, FakeChannel, of_kind


def rows_of_late_turns(driver, seconds, step_s):
    """(Time since the start, row) of every row in turns at that interval."""
    sent = []
    for _ in range(int(seconds / step_s)):
        rows = driver.turn_at(driver.now + step_s)
        sent += [(driver.now - 1000, row) for row in rows]
    return sent


@pytest.mark.parametrize('step_s', [0.05, 0.31, 1.0, 2.0])
def test_deadlines_and_time_outs_fire_in_the_next_turn_although_turns_are_late(step_s):
    driver = Driver()
    driver.submit(1, time_left_s=5)
    (at, (kind, _)), = rows_of_late_turns(driver, 20, step_s)
    assert kind == 'ended' and 5 <= at < 5 + step_s + 0.001
    driver = Driver(answer_timeout_s=3)
    driver.beat(driver.calculator(), interval_s=60)
    driver.submit(1, time_left_s=50)
    rows_of_late_turns(driver, 3 + 2 * step_s, step_s)
    assert driver.counts['attempt_timed_out'] == 1
    driver = Driver()
    driver.beat(driver.calculator())
    rows_of_late_turns(driver, 5.5 + 2 * step_s + CATCH_UP_S + step_s, step_s)
    assert driver.status['dead'] == 1


@pytest.fixture
def held_up(driver):
    """The dispatcher suspects its calculator, and then has no turn from 5 to 9 s. The verdict was due at 5.5 s."""
    driver.beat(driver.calculator())
    driver.wait(5)
    assert driver.status['suspect'] == 1
    driver.turn_at(driver.now + 4)
    return driver


def test_a_late_turn_excuses_silence_once_and_by_its_own_delay(held_up):
    assert held_up.status['suspect'] == 1 and held_up.emitted('held_up') == [{'seconds': 3.5}]
    held_up.wait(1.0 + CATCH_UP_S - 0.001)
    assert held_up.status['suspect'] == 1
    held_up.wait(0.002)
    assert held_up.status['dead'] == 1 and held_up.counts['held_up'] == 1


def test_a_calculator_that_is_heard_after_a_late_turn_is_alive(held_up):
    held_up.beat(held_up.calculator())
    held_up.wait(3.4)
    assert held_up.status['alive'] == 1 and held_up.counts['died'] == 0


def test_unread_datagrams_postpone_a_verdict_once(driver):
    driver.beat(driver.calculator())
    driver.core.has_unread = True
    driver.wait(3.55)
    assert driver.status['alive'] == 1
    driver.wait(CATCH_UP_S)
    assert driver.status['suspect'] == 1


def test_work_that_is_left_from_the_previous_turn_is_no_delay():
    driver = Driver(pending_max=10000)
    driver.submit(*range(1, 6000), time_left_s=5)
    driver.now += 5.1
    for _ in range(8):
        driver.turn_at(driver.now + 0.15)
    assert driver.counts['expired'] == 5999 and driver.counts['held_up'] <= 1


# The failure detector.

def heard_at_zero(interval_s=1.0):
    channel = FakeChannel('calculator', 'calculator-a', 'aaaaaaaa', None)
    calculator = Calculator(channel, 1, 0, None, 0.0)
    calculator.interval_s = interval_s
    calculator.advance('begin')
    return calculator


@pytest.mark.parametrize('interval_s', [0.05, 1.0, 3600.0])
@pytest.mark.parametrize('suspect, dead', [(3, 5), (1, 2)])
def test_a_verdict_falls_half_an_interval_after_the_last_heartbeat_that_may_be_missed(interval_s, suspect, dead):
    detector, calculator = FailureDetector(suspect, dead), heard_at_zero(interval_s)
    assert detector.verdict((suspect + 0.499) * interval_s, calculator) is None
    assert detector.verdict((suspect + 0.5) * interval_s, calculator) == SILENT
    assert detector.verdict((dead + 0.499) * interval_s, calculator) == SILENT
    assert detector.verdict((dead + 0.5) * interval_s, calculator) == DECLARE_DEAD


@pytest.mark.parametrize('interval_s', [0.05, 0.1, 0.3, 1.0, 1.7])
def test_there_is_a_verdict_when_the_timer_fires(interval_s):
    detector, calculator = FailureDetector(3, 5), heard_at_zero(interval_s)
    for heard_at in (0.1, 17.3, 86400.7):
        calculator.channel.heard_at = heard_at
        at = detector.next_look_at(heard_at, calculator)
        assert detector.verdict(at, calculator) == SILENT and detector.is_first_look(heard_at, calculator)
        at = detector.next_look_at(at, calculator)
        assert detector.verdict(at, calculator) == DECLARE_DEAD


@pytest.mark.parametrize('late_s, postponed_s', [(0.0, CATCH_UP_S), (0.3, 0.3), (100.0, 1.0 + CATCH_UP_S)])
def test_a_verdict_is_postponed_until_another_heartbeat_can_arrive_but_by_no_more_than_the_delay(late_s, postponed_s):
    detector, calculator = FailureDetector(3, 5), heard_at_zero()
    assert detector.excuse(200.0, calculator, late_s)
    assert detector.next_look_at(200.0, calculator) == pytest.approx(200.0 + postponed_s)


def test_a_silence_that_begins_after_an_excuse_is_noticed_in_time():
    detector, calculator = FailureDetector(3, 5), heard_at_zero()
    calculator.interval_s = 10.0
    detector.excuse(200.0, calculator, 9.0)
    calculator.interval_s = 1.0
    assert detector.next_look_at(200.0, calculator) <= 203.5


def test_an_excuse_ends_when_the_calculator_is_heard():
    detector, calculator = FailureDetector(3, 5), heard_at_zero()
    detector.excuse(5.0, calculator, 1.5)
    calculator.channel.heard_at = 10.0
    assert detector.verdict(13.5, calculator) == SILENT
    assert detector.excuse(13.5, calculator, 0.3)


# Limits of one turn.

def steps(driver, count):
    """The changes of ``count()`` in each of the turns that the core wants without a delay."""
    changes = []
    while driver.core.next_timer() is not None and driver.core.next_timer() <= driver.now:
        before = count()
        driver.turn_at(driver.now)
        changes.append(abs(count() - before))
    return changes


def busy_with(tasks):
    """A dispatcher whose calculator runs so many tasks, and the channel of the calculator."""
    driver = Driver(answer_timeout_s=60)
    driver.beat(driver.calculator(), capacity=tasks)
    driver.submit(*range(1, tasks + 1))
    while driver.status['waiting']:
        driver.turn()
    return driver, driver.calculator()


def test_a_turn_expires_at_most_a_thousand_tasks():
    driver = Driver(pending_max=100000)
    driver.submit(*range(1, 4501), time_left_s=5)
    driver.wait(4)
    driver.now += 2
    assert max(steps(driver, lambda: driver.counts['expired'])) == TURN_MAX
    assert driver.counts['expired'] == 4500


def test_a_turn_takes_at_most_a_thousand_attempts_from_a_lost_calculator():
    driver, channel = busy_with(3500)
    driver.hear(channel, 'leave', [[]])
    assert max(steps(driver, lambda: driver.counts['attempt_calculator_left'])) == TURN_MAX
    assert driver.status['running'] == 0


def test_a_turn_resends_at_most_a_thousand_unacknowledged_assignments():
    driver, channel = busy_with(2500)
    rows = driver.rows_to(channel, 'assign')
    driver.acknowledge(channel, 'assign', *rows[:100])
    del driver.sent[:]
    driver.reopen(channel)
    steps(driver, lambda: len(driver.sent))
    assert [row[0] for row in driver.rows_to(channel, 'assign')] == list(range(101, 2501))
    driver.reopen(channel)
    driver.reopen(channel)
    assert max(steps(driver, lambda: len(driver.sent))) <= TURN_MAX
    assert [row[0] for row in driver.rows_to(channel, 'assign')][-1500:] == list(range(1001, 2501))
    assert driver.core.next_timer() > driver.now


def test_a_channel_that_fell_asleep_while_rows_were_resent_gets_the_rest_when_it_wakes():
    driver, channel = busy_with(2500)
    driver.reopen(channel)
    channel.is_asleep = True
    assert steps(driver, lambda: len(driver.sent)) == [0]
    del driver.sent[:]
    driver.awake(channel)
    steps(driver, lambda: len(driver.sent))
    assert [row[0] for row in driver.rows_to(channel, 'assign')] == list(range(1, 2501))


def test_a_heartbeat_ends_at_most_a_thousand_attempts_that_it_does_not_name():
    driver, channel = busy_with(2500)
    driver.acknowledge(channel, 'assign', *driver.rows_to(channel, 'assign'))
    for lost in (1000, 2000, 2500):
        driver.beat(channel, capacity=2500, draining=True)
        assert driver.counts['attempt_not_held'] == lost


def test_a_dead_calculator_that_recovers_keeps_the_attempts_that_no_turn_has_ended_yet():
    driver, channel = busy_with(1500)
    driver.wait(5.45)
    driver.turn_at(driver.now + 0.1)
    assert (driver.status['dead'], driver.status['running']) == (1, 500)
    driver.beat(channel, [(1, 1500)], capacity=1500)
    assert driver.status['running'] == 1500 and driver.counts['attempt_dead_calculator'] == TURN_MAX


def test_a_turn_assigns_at_most_a_thousand_tasks(driver):
    driver.submit(*range(1, 2501))
    driver.beat(driver.calculator(), capacity=5000)
    assert driver.status['running'] == TURN_MAX and driver.core.next_timer() == 0.0
    assert max(steps(driver, lambda: driver.status['running'])) == TURN_MAX
    assert driver.status['running'] == 2500


def test_a_turn_forgets_at_most_a_thousand_tasks_below_the_lowest_open_number(driver):
    driver.submit(*range(1, 3001))
    driver.raise_open(3001)
    assert driver.status['waiting'] == 2000
    assert driver.submit(2500) == [], 'the number is too low, although the task is not forgotten yet'
    assert max(steps(driver, lambda: driver.status['waiting'])) == TURN_MAX
    assert driver.status['waiting'] == 0 and driver.client().peer.open == 3001


def test_a_turn_judges_at_most_a_thousand_silent_calculators(driver):
    for number in range(2200):
        channel = driver.calculator('calculator-%d' % number)
        driver.core.heard(driver.now, channel)
        driver.core.handlers['heartbeat'](driver.now, channel, [[1, 1, 1, 1.0, 1, [], [], False]])
    driver.turn()
    driver.now += 3.6
    assert max(steps(driver, lambda: driver.status['suspect'])) <= TURN_MAX
    assert driver.status['suspect'] == 2200


def test_finished_tasks_leave_no_timers(driver):
    driver.beat(driver.calculator(), capacity=10, interval_s=3600)
    for number in range(1, 400):
        driver.submit(number, time_left_s=60 if number % 2 else 0.5)
        driver.result(driver.calculator(), number, number)
        driver.raise_open(number + 1)
    assert len(driver.core.young) <= 1
    assert len(driver.core._timers) < 5 and len(driver.core._timers._heap) < 150


# Draining.

def test_a_drain_waits_for_running_tasks_and_for_acknowledgements(driver):
    driver.beat(driver.calculator())
    driver.submit(1, 2)
    driver.stop()
    assert driver.emitted('draining') == [{'waiting': 1, 'running': 1, 'unacknowledged': 0, 'bound_s': 10}]
    driver.result(driver.calculator(), 1, 1)
    assert not driver.core.is_stopped and driver.status['waiting'] == 1
    driver.acknowledge(driver.client(), 'done', [1, u'result', 1])
    assert driver.core.is_stopped


def test_a_drain_ends_after_its_time_out():
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
