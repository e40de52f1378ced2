"""When outages begin, and how long they last."""

from __future__ import absolute_import, division, print_function

from random import Random

import pytest

from calculator.outages import OutagePlan
from calculator.settings import SETTINGS


def plan(seed=1, **outage):
    return OutagePlan(SETTINGS.checked({'outage': outage})['outage'], Random(seed))


def test_the_phase_of_a_fixed_interval_is_drawn():
    firsts = [plan(seed, check_interval_s=10).first_at(0.0) for seed in range(200)]
    assert 0 <= min(firsts) < 1 and 9 < max(firsts) < 10
    assert plan(check_interval_s=10).next_at(0.0) == 10


def test_the_time_between_outages_may_be_drawn():
    made = plan(check_interval_s={'exponential': 50}, probability=1, duration_s={'constant': 3})
    waits = [made.next_at(0.0) for _ in range(4000)]
    assert sum(waits) / len(waits) == pytest.approx(50, rel=0.05)
    assert made.draw(0.0) == ('crash', 3)


def test_a_distribution_of_the_interval_has_a_mean_within_the_bounds():
    with pytest.raises(ValueError):
        plan(check_interval_s=[0, 0])
    with pytest.raises(ValueError):
        plan(check_interval_s={'exponential': 0.01})
