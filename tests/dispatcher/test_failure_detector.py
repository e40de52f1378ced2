"""Silence is counted in missed heartbeats of the calculator's own interval, and excused once."""

from __future__ import absolute_import, division, print_function

import pytest

from dispatcher.calculators import Calculator
from dispatcher.failure_detector import CATCH_UP_S, DECLARE_DEAD, SILENT, FailureDetector
from tests.dispatcher.driver import FakeChannel


def heard_at_zero(interval_s=1.0):
    channel = FakeChannel('calculator', 'calculator-a', 'aaaaaaaa', None)
    calculator = Calculator(channel, 1, 0, None, 0.0)
    calculator.interval_s = interval_s
    calculator.advance('begin')
    return calculator


@pytest.mark.parametrize('interval_s', [0.05, 0.2, 1.0, 1.5, 5.0, 3600.0])
@pytest.mark.parametrize('suspect, dead', [(3, 5), (1, 2), (10, 30)])
def test_verdicts_come_half_an_interval_after_the_last_heartbeat_that_may_be_missed(interval_s, suspect, dead):
    detector, calculator = FailureDetector(suspect, dead), heard_at_zero(interval_s)
    assert detector.verdict((suspect + 0.499) * interval_s, calculator) is None
    assert detector.verdict((suspect + 0.5) * interval_s, calculator) == SILENT
    assert detector.verdict((dead + 0.499) * interval_s, calculator) == SILENT
    assert detector.verdict((dead + 0.5) * interval_s, calculator) == DECLARE_DEAD


@pytest.mark.parametrize('interval_s', [0.05, 0.1, 0.3, 1.0, 1.7])
def test_when_the_timer_fires_there_is_a_verdict(interval_s):
    detector, calculator = FailureDetector(3, 5), heard_at_zero(interval_s)
    for heard_at in (0.1, 17.3, 86400.7):
        calculator.channel.heard_at = heard_at
        at = detector.next_look_at(heard_at, calculator)
        assert detector.verdict(at, calculator) == SILENT and detector.is_first_look(heard_at, calculator)
        at = detector.next_look_at(at, calculator)
        assert detector.verdict(at, calculator) == DECLARE_DEAD


def test_an_excuse_postpones_all_verdicts_of_one_silence_and_is_given_once():
    detector, calculator = FailureDetector(3, 5), heard_at_zero()
    assert detector.excuse(5.0, calculator, 0.7)
    assert detector.next_look_at(5.0, calculator) == pytest.approx(5.7)
    assert not detector.excuse(5.2, calculator, 9.0)
    assert detector.verdict(5.71, calculator) == SILENT
    assert detector.verdict(5.5 + 2.2 + 0.001, calculator) == DECLARE_DEAD


@pytest.mark.parametrize('late_s, postponed_s', [(0.0, CATCH_UP_S), (0.3, 0.3), (100.0, 1.0 + CATCH_UP_S)])
def test_a_verdict_is_postponed_until_another_heartbeat_can_arrive_and_not_more_than_the_delay(late_s, postponed_s):
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


def test_silence_is_measured_from_the_last_datagram():
    calculator = heard_at_zero()
    calculator.channel.heard_at = 7.0
    assert FailureDetector.silence_s(9.5, calculator) == 2.5
