"""The cost of turns, datagrams and rows."""

from __future__ import absolute_import, division, print_function

from itertools import count

import pytest

from planner.turn_cost import measured, plane


def test_the_plane_through_points():
    points = [(x, y, 3 + 0.5 * x + 0.25 * y) for x in range(1, 20) for y in range(9)]
    assert plane(points) == pytest.approx((3, 0.5, 0.25))


def test_an_interrupted_turn_does_not_count():
    points = [(x % 40, x % 7, 3 + 0.5 * (x % 40)) for x in range(400)]
    assert plane(points + [(1, 1, 1000.0), (2, 1, 500.0)]) == pytest.approx((3, 0.5, 0), rel=0.1, abs=0.01)


def test_no_cost_is_negative():
    assert plane([(1, 1, 5.0), (10, 2, 1.0), (20, 1, 0.5)])[1] == 0
    assert plane([(5, 1, 2.0)] * 9) == (2.0, 0.0, 0.0)


def test_the_cost_is_that_of_the_clock():
    # A clock that advances by a microsecond each time it is read: every turn takes one.
    ticks = count()
    found = measured(lambda: next(ticks) * 1e-6, 0.002, 1e-5)
    assert found['turn'] == pytest.approx(1e-6, rel=0.01)
    assert found['datagram'] == pytest.approx(1e-5) and found['row'] == pytest.approx(0, abs=1e-9)
