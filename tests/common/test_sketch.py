"""Durations: exact where they say exact, quantiles within 1 % on distributions of every shape."""

from __future__ import absolute_import, division, print_function

import math
import random

import pytest

from common.sketch import RELATIVE_ERROR, SHORTEST_S, Sketch, difference, quantile, upper_bound_s

#: One unit in the last place, many times over: sums of a few thousand floats are not exact.
ROUNDING = 1e-9

SHARES = (0.0, 0.001, 0.01, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)


def uniform(draw):
    return 0.5 + draw()


def exponential(draw):
    return -math.log(1 - draw())


def heavy_tail(draw):
    return (1 - draw()) ** -1.5


def two_humps(draw):
    return 0.001 + 0.0001 * draw() if draw() < 0.95 else 10 + draw()


def every_magnitude(draw):
    return 10 ** (13 * draw() - 6)


def few_values(draw):
    return [0.001, 0.01, 0.1, 1.0, 10.0][int(draw() * 5)]


def constant(draw):
    return 0.123


DISTRIBUTIONS = [uniform, exponential, heavy_tail, two_humps, every_magnitude, few_values, constant]


def durations(values):
    made = Sketch()
    for value in values:
        made.add(value)
    return made


def nearest_rank(values, share):
    """The exact quantile."""
    return sorted(values)[max(1, int(math.ceil(share * len(values)))) - 1]


@pytest.mark.parametrize('count', [1, 2, 3, 10, 5000])
@pytest.mark.parametrize('distribution', DISTRIBUTIONS, ids=lambda distribution: distribution.__name__)
def test_quantiles_are_within_one_percent_and_the_rest_is_exact(distribution, count):
    draw = random.Random(count).random
    values = [distribution(draw) for _ in range(count)]
    made = durations(values)
    for share in SHARES:
        exact = nearest_rank(values, share)
        assert abs(made.quantile(share) - exact) <= (RELATIVE_ERROR + ROUNDING) * exact
    assert (made.number, made.min_s, made.max_s, made.last_s) == (count, min(values), max(values), values[-1])
    assert made.mean_s == pytest.approx(math.fsum(values) / count, rel=ROUNDING)


def test_nothing_has_no_minimum_no_mean_and_no_quantile():
    made = Sketch()
    assert made.number == 0
    assert made.last_s is None
    assert made.summary() == dict.fromkeys(['min', 'mean', 'max', 'p50', 'p95', 'p99'])


def test_the_summary_is_what_the_quantiles_say():
    made = durations([number / 100 for number in range(1, 1001)])
    summary = made.summary()
    assert sorted(summary) == ['max', 'mean', 'min', 'p50', 'p95', 'p99']
    assert (summary['min'], summary['max']) == (0.01, 10.0)
    assert summary['mean'] == pytest.approx(5.005)
    assert summary['p50'] == made.quantile(0.5) == pytest.approx(5.0, rel=RELATIVE_ERROR)
    assert summary['p95'] == made.quantile(0.95) == pytest.approx(9.5, rel=RELATIVE_ERROR)
    assert summary['p99'] == made.quantile(0.99) == pytest.approx(9.9, rel=RELATIVE_ERROR)


@pytest.mark.parametrize('values', [[0.0], [0.0, 0.0, 0.0], [0.0, 1.0], [1e-9, 2e-9], [1e-7, 5e8], [1e-6]], ids=str)
def test_the_shortest_and_the_longest_do_no_harm(values):
    made = durations(values)
    for share in SHARES:
        exact = nearest_rank(values, share)
        # What is shorter than the shortest that is told apart counts as that.
        tolerance = max(RELATIVE_ERROR * exact, SHORTEST_S) + RELATIVE_ERROR * SHORTEST_S
        assert abs(made.quantile(share) - exact) <= tolerance
        assert min(values) <= made.quantile(share) <= max(values)


def test_memory_does_not_grow_with_the_number_of_durations():
    made = Sketch()
    draw = random.Random(1).random
    for _ in range(30000):
        made.add(every_magnitude(draw))
    # The documented bound, from a microsecond to a year.
    assert len(made.counts) <= 1600


def test_quantiles_of_what_was_added_since():
    made = durations([0.1] * 50)
    former = dict(made.counts)
    for value in (2.0, 4.0, 8.0):
        made.add(value)
    recent = difference(made.counts, former)
    assert sum(recent.values()) == 3
    assert quantile(recent, 0.5) == pytest.approx(4.0, rel=RELATIVE_ERROR)
    assert 0.1 <= (quantile(recent, 1.0, 0.1, 8.0) or 0) <= 8.0
    assert difference(made.counts, made.counts) == {}
    assert quantile({}, 0.5) is None


def test_pairs_give_back_the_counts():
    made = durations([0.1, 0.1, 7.0, 0.002])
    assert dict(made.pairs()) == made.counts
    assert [count for _, count in made.pairs()] == [1, 2, 1]
    for (index, _), value in zip(made.pairs(), (0.002, 0.1, 7.0)):
        assert upper_bound_s(index - 1) < value * (1 + ROUNDING) and value <= upper_bound_s(index) * (1 + ROUNDING)
