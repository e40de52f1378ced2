"""The measured cost of turns and rows."""

from __future__ import absolute_import, division, print_function

from itertools import count

import pytest

from planner.turn_cost import line, measured


def test_a_line_through_points_is_found():
    assert line([(rows, 3 + 0.5 * rows) for rows in range(1, 300)]) == pytest.approx((3, 0.5))


def test_interrupted_turns_do_not_change_the_line():
    points = [(rows % 40, 3 + 0.5 * (rows % 40)) for rows in range(400)]
    assert line(points + [(1, 1000.0), (2, 500.0)]) == pytest.approx((3, 0.5), rel=0.1)


def test_no_cost_is_below_zero():
    assert line([(1, 5.0), (10, 1.0), (20, 0.5)])[1] == 0
    assert line([(5, 2.0)] * 9) == (2.0, 0.0)


def test_with_a_clock_that_advances_at_each_reading_rows_cost_nothing():
    ticks = count()
    found = measured(lambda: next(ticks) * 1e-6, 0.002, 1e-5)
    assert found['turn'] == pytest.approx(1.1e-5, rel=0.01) and found['row'] == pytest.approx(0, abs=1e-9)
