"""Intervals, warm-up and the number of replications, compared with published values."""

from __future__ import absolute_import, division, print_function

from random import Random

import pytest

from planner import statistics


@pytest.mark.parametrize('share, degrees, expected', [
    # NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2; further digits from scipy.stats.t.ppf.
    (0.975, 1, 12.706204736), (0.975, 2, 4.302652730), (0.975, 4, 2.776445105), (0.975, 9, 2.262157163),
    (0.95, 10, 1.812461123), (0.995, 7, 3.499483297), (0.975, 30, 2.042272456), (0.975, 100, 1.983971519),
    (0.975, 1000, 1.962339081), (0.75, 3, 0.764892328), (0.5, 5, 0.0), (0.025, 9, -2.262157163),
])
def test_quantiles_of_student_t_are_those_of_the_tables(share, degrees, expected):
    assert statistics.student_t_quantile(share, degrees) == pytest.approx(expected, abs=1e-7)


def test_an_interval_is_that_of_a_textbook():
    # Law, section 4.5, example 4.27: ten observations, 90 %: 1.34 +- 0.24.
    values = [1.20, 1.50, 1.68, 1.89, 0.95, 1.49, 1.58, 1.55, 0.50, 1.09]
    found = statistics.replication_interval(values, 0.90)
    assert found['value'] == pytest.approx(1.343, abs=1e-3)
    assert found['high'] - found['value'] == pytest.approx(0.24, abs=0.005)


def test_one_replication_has_a_value_and_no_interval():
    assert statistics.replication_interval([3.0]) == {'value': 3.0, 'low': None, 'high': None}
    assert statistics.replication_interval([]) is None
    assert statistics.precision(statistics.replication_interval([3.0])) is None


def test_a_bias_of_replications_widens_the_interval_of_a_pooled_value():
    around = statistics.sectioned(2.0, [1.9, 2.1, 2.0, 2.0])
    below = statistics.sectioned(2.0, [1.4, 1.6, 1.5, 1.5])
    assert below['value'] == around['value'] == 2.0
    assert below['high'] > around['high']


def test_common_random_numbers_narrow_the_interval_of_a_difference():
    draw = Random(3).gauss
    common = [draw(10, 5) for _ in range(20)]
    ones = [value + draw(0, 0.1) for value in common]
    others = [value + 0.5 + draw(0, 0.1) for value in common]
    found = statistics.paired_difference(ones, others)
    assert found['low'] < 0.5 < found['high']
    assert found['high'] - found['low'] < 0.2
    assert statistics.variance_reduction(ones, others) > 500
    assert statistics.variance_reduction([1.0], [2.0]) is statistics.variance_reduction([1.0, 2.0], [2.0, 3.0]) is None


def test_a_transient_is_removed():
    draw = Random(1).gauss
    series = [10.0 * 0.9 ** number + draw(0, 0.3) for number in range(400)]
    removed = statistics.warm_up(series)
    assert 15 <= removed <= 60
    assert removed % 5 == 0


def test_little_is_removed_of_a_series_without_a_transient():
    draw = Random(2).gauss
    removed = [statistics.warm_up([draw(5, 1) for _ in range(500)]) for _ in range(50)]
    known = [number for number in removed if number is not None]
    assert len(known) >= 40
    assert sorted(known)[len(known) // 2] <= 50


def test_a_growing_or_short_series_has_no_warm_up():
    assert statistics.warm_up([float(number) for number in range(200)]) is None
    assert statistics.warm_up([1.0] * 19) is None


def test_the_warm_up_minimises_the_squared_error_by_definition():
    draw = Random(4).random
    series = [draw() + (3 if number < 23 else 0) for number in range(150)]
    means = [sum(series[first:first + 5]) / 5 for first in range(0, 150, 5)]

    def error(first):
        kept = means[first:]
        centre = sum(kept) / len(kept)
        return sum((value - centre) ** 2 for value in kept) / len(kept) ** 2
    assert statistics.warm_up(series) == 5 * min(range(16), key=error)


def test_beyond_a_hundred_replications_the_look_ahead_is_a_share():
    assert [statistics.look_ahead(number) for number in (3, 100, 200, 1000)] == [5, 5, 10, 50]


def test_intervals_contain_the_true_value_with_their_confidence():
    draw = Random(7).expovariate
    intervals = [statistics.replication_interval([sum(draw(0.5) for _ in range(20)) / 20 for _ in range(10)])
                 for _ in range(400)]
    assert 0.92 <= statistics.coverage(intervals, 2.0) <= 0.98
