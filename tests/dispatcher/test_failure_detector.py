"""Silence is counted in heartbeats of the calculator's own pace, and only while the dispatcher listens."""

from __future__ import absolute_import, division, print_function

import random

import pytest

from dispatcher.calculators import Calculator
from dispatcher.failure_detector import GONE, SILENT, FailureDetector

MYPY = False
if MYPY:
    from typing import Any, Iterator, Tuple  # noqa: F401

#: The thresholds of the defaults.
SUSPECT, DEAD = 3, 5


def heard(at, interval_s, detector=None):
    # type: (float, float, FailureDetector | None) -> Tuple[FailureDetector, Calculator]
    """A detector that heard a calculator of that pace at that time."""
    detector = detector or FailureDetector(SUSPECT, DEAD)
    calculator = Calculator('calculator-a', at)
    calculator.interval_s = interval_s
    detector.note_heard(at, calculator)
    return detector, calculator


@pytest.mark.parametrize('interval_s', [0.05, 0.2, 1.0, 7.0, 3600.0])
@pytest.mark.parametrize('missed, verdict', [
    (0, None), (1, None), (2, None), (2.99, None), (3, SILENT), (3.01, SILENT), (4.99, SILENT), (5, GONE), (5.01, GONE),
    (1000, GONE),
])
def test_the_verdict_depends_on_missed_heartbeats_and_not_on_seconds(interval_s, missed, verdict):
    detector, calculator = heard(0.0, interval_s)
    assert detector.verdict(missed * interval_s, calculator) == verdict


@pytest.mark.parametrize('suspect, dead', [(1, 2), (3, 5), (10, 1000)])
def test_the_thresholds_are_those_of_the_settings(suspect, dead):
    detector, calculator = heard(0.0, 2.0, FailureDetector(suspect, dead))
    found = [detector.verdict(2.0 * missed, calculator) for missed in (suspect - 1, suspect, dead - 1, dead)]
    assert found == [None, SILENT, SILENT if dead - 1 >= suspect else None, GONE]


def test_a_sign_of_life_ends_the_silence():
    detector, calculator = heard(0.0, 1.0)
    assert detector.verdict(4.0, calculator) == SILENT
    detector.note_heard(4.0, calculator)
    assert detector.silence_s(4.5, calculator) == 0.5
    assert [detector.verdict(4.0 + seconds, calculator) for seconds in (2.9, 3.0, 5.0)] == [None, SILENT, GONE]


def test_a_calculator_that_changes_its_pace_is_judged_by_the_new_one():
    detector, calculator = heard(0.0, 1.0)
    calculator.interval_s = 10.0
    assert detector.verdict(29.0, calculator) is None
    assert detector.verdict(30.0, calculator) == SILENT
    calculator.interval_s = 0.1
    assert detector.verdict(0.5, calculator) == GONE


def test_time_in_which_the_dispatcher_was_deaf_is_nobodys_silence():
    detector, calculator = heard(0.0, 1.0)
    detector.note_held_up(60.0, 60.0)
    assert detector.silence_s(62.0, calculator) == 2.0
    assert [detector.verdict(60.0 + seconds, calculator) for seconds in (2.9, 3.0, 4.9, 5.0)] == [
        None, SILENT, SILENT, GONE]


def test_several_hold_ups_add_up():
    detector, calculator = heard(0.0, 1.0)
    for number in range(5):
        detector.note_held_up(2.0 * number + 2.0, 2.0)
    assert detector.verdict(12.9, calculator) is None
    assert detector.verdict(15.0, calculator) == GONE


def test_a_hold_up_before_the_last_sign_of_life_is_no_excuse():
    detector = FailureDetector(SUSPECT, DEAD)
    detector.note_held_up(1000.0, 1000.0)
    _, calculator = heard(1000.0, 1.0, detector)
    assert detector.verdict(1003.0, calculator) == SILENT
    assert detector.verdict(1005.0, calculator) == GONE


def test_a_hold_up_counts_for_each_calculator_from_when_it_was_heard():
    detector, early = heard(0.0, 1.0)
    detector.note_held_up(10.5, 10.0)
    _, late = heard(11.0, 1.0, detector)
    assert detector.verdict(14.0, early) == SILENT
    assert detector.verdict(13.9, late) is None
    assert detector.silence_s(12.0, early) == 2.0
    assert detector.silence_s(12.0, late) == 1.0


def test_the_next_look_is_when_the_verdict_can_change():
    detector, calculator = heard(100.0, 2.0)
    assert detector.next_look_at(100.0, calculator) == 106.0
    assert detector.next_look_at(105.0, calculator) == 106.0
    assert detector.next_look_at(106.0, calculator) == 110.0
    detector.note_held_up(110.0, 7.0)
    assert detector.next_look_at(106.0, calculator) == 113.0
    assert detector.next_look_at(113.0, calculator) == 117.0


@pytest.mark.parametrize('seed', range(20))
def test_whoever_looks_when_told_to_sees_each_verdict_at_its_first_moment(seed):
    # With lengths of time rounding could set a timer for a moment at which there is no verdict yet, again and again.
    rng = random.Random(seed)
    for _ in range(100):
        began = rng.random() * 1e6
        detector, calculator = heard(began, 0.05 + rng.random() * 10)
        held_up_s = rng.random() * 100 if rng.random() < 0.5 else 0.0
        detector.note_held_up(began + held_up_s, held_up_s)
        seen = []
        at = began
        for _ in range(3):
            at = detector.next_look_at(at, calculator)
            seen.append(detector.verdict(at, calculator))
            if seen[-1] == GONE:
                break
        assert seen == [SILENT, GONE]
        assert at == pytest.approx(began + held_up_s + DEAD * calculator.interval_s)
