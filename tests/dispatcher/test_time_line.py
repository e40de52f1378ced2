"""What ``--check`` prints about a death is what the failure detector does."""

from __future__ import absolute_import, division, print_function

import re

import pytest

from dispatcher.calculators import Calculator
from dispatcher.failure_detector import GONE, FailureDetector
from dispatcher.settings import SETTINGS
from dispatcher.time_line import INTERVALS_S, detection_s, time_line
from net_protocol.delivery import ASSIGN_RESENDS_MAX, longest_wait_s

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401


def settings(**changes):
    # type: (**Any) -> Any
    return SETTINGS.checked(changes)


@pytest.mark.parametrize('interval_s', [0.05, 0.2, 1.0, 1.5])
@pytest.mark.parametrize('suspect, dead', [(3, 5), (1, 2)])
def test_the_detection_time_is_that_of_the_detector(interval_s, suspect, dead):
    chosen = settings(suspect_after_missed=suspect, dead_after_missed=dead)
    detector = FailureDetector(suspect, dead)
    calculator = Calculator('calculator-a', 0.0)
    calculator.interval_s = interval_s
    detector.note_heard(0.0, calculator)
    assert detector.verdict(detection_s(chosen, interval_s), calculator) == GONE
    assert detector.verdict(detection_s(chosen, interval_s) * 0.999, calculator) != GONE


def test_a_slow_pace_is_overtaken_by_the_answer_time_out():
    assert detection_s(settings(answer_timeout_s=10), 1.0) == 5.0
    assert detection_s(settings(answer_timeout_s=10), 2.0) == 10.0
    assert detection_s(settings(answer_timeout_s=10), 3600.0) == 10.0
    assert detection_s(settings(answer_timeout_s=0.05), 1.0) == 0.05


@pytest.mark.parametrize('changes', [{}, {'suspect_after_missed': 1, 'dead_after_missed': 2},
                                     {'dead_after_missed': 1000, 'answer_timeout_s': 31622400}], ids=str)
def test_the_table_has_the_numbers_of_the_settings(changes):
    chosen = settings(**changes)
    rows = [[float(cell) for cell in line.split()] for line in time_line(chosen) if re.match(r'[ \d.e+]+\Z', line)]
    rows = [row for row in rows if row]
    assert rows == [[interval_s, pytest.approx(chosen['suspect_after_missed'] * interval_s),
                     pytest.approx(detection_s(chosen, interval_s), rel=1e-5)] for interval_s in INTERVALS_S]


def test_the_lines_below_name_the_other_ways_and_their_times():
    text = '\n'.join(time_line(settings(answer_timeout_s=12.5, task_timeout_s=77)))
    assert re.search(r'after 12\.5 .*answer_timeout_s', text)
    assert re.search(r'after 77 .*task_timeout_s', text)
    assert re.search(r'after 7\.5 to 11\.25 .*resent %d times' % ASSIGN_RESENDS_MAX, text)
    assert longest_wait_s(ASSIGN_RESENDS_MAX) == 11.25


def test_every_line_fits_on_a_terminal():
    assert max(len(line) for line in time_line(settings())) <= 120
