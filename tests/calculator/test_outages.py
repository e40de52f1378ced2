"""The plan of outages."""

from __future__ import absolute_import, division, print_function

import random

import pytest

from calculator.outages import OutagePlan
from calculator.settings import SETTINGS


def plan(seed=1, **outage):
    return OutagePlan(SETTINGS.checked({'outage': outage})['outage'], random.Random(seed))


def test_the_phase_of_a_fixed_interval_is_random():
    firsts = [plan(seed, check_interval_s=10).first_at(0.0) for seed in range(200)]
    assert 0 <= min(firsts) < 1 and 9 < max(firsts) < 10
    assert plan(check_interval_s=10).next_at(0.0) == 10


def test_the_interval_may_be_a_distribution_and_the_kind_mixed():
    made = plan(check_interval_s={'exponential': 50}, probability=1, duration_s={'constant': 3}, kind='mixed')
    waits = [made.next_at(0.0) for _ in range(4000)]
    assert sum(waits) / len(waits) == pytest.approx(50, rel=0.05)
    assert {made.draw(0.0) for _ in range(50)} == {('crash', 3), ('freeze', 3)}


def test_the_mean_of_the_interval_has_bounds():
    with pytest.raises(ValueError):
        plan(check_interval_s=[0, 0])
    with pytest.raises(ValueError):
        plan(check_interval_s={'exponential': 0.01})
