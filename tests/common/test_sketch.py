"""The quantile sketch: quantiles within 1 % on distributions of every shape, and other figures exact."""

from __future__ import absolute_import, division, print_function

import math
import random

import pytest

from common.sketch import RELATIVE_ERROR, SHORTEST_S, Sketch, difference, quantile, upper_bound_s

#: The rounding error of a sum of a few thousand floats.
ROUNDING = 1e-9

SHARES = (0.0, 0.001, 0.01, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)


def every_magnitude(draw):
    return 10 ** (13 * draw() - 6)


DISTRIBUTIONS = {
    'constant': lambda draw: 0.123,
    'uniform': lambda draw: 0.5 + draw(),
    'exponential': lambda draw: -math.log(1 - draw()),
    'heavy tail': lambda draw: (1 - draw()) ** -1.5,
    'two humps': lambda draw: 0.001 + 0.0001 * draw() if draw() < 0.95 else 10 + draw(),
    'every magnitude': every_magnitude,
    'few values': lambda draw: [0.001, 0.01, 0.1, 1.0, 10.0][int(draw() * 5)],
}


def sketch_of(values):
    made = Sketch()
    for value in values:
        made.add(value)
    return made


def exact_quantile(values, share):
    """The value of the nearest rank."""
    return sorted(values)[max(1, int(math.ceil(share * len(values)))) - 1]


@pytest.mark.parametrize('count', [1, 2, 3, 10, 5000])
@pytest.mark.parametrize('distribution', sorted(DISTRIBUTIONS))
def test_quantiles_are_within_one_percent_and_other_figures_are_exact(distribution, count):
    draw = random.Random(count).random
    values = [DISTRIBUTIONS[distribution](draw) for _ in range(count)]
    made = sketch_of(values)
    for share in SHARES:
        exact = exact_quantile(values, share)
        assert abs(made.quantile(share) - exact) <= (RELATIVE_ERROR + ROUNDING) * exact
    assert (made.number, made.min_s, made.max_s, made.last_s) == (count, min(values), max(values), values[-1])
    assert made.mean_s == pytest.approx(math.fsum(values) / count, rel=ROUNDING)


def test_an_empty_sketch_has_no_minimum_no_mean_and_no_quantile():
    made = Sketch()
    assert (made.number, made.last_s) == (0, None)
    assert made.summary() == dict.fromkeys(['min', 'mean', 'max', 'p50', 'p95', 'p99'])


def test_the_summary_has_the_extremes_the_mean_and_three_quantiles():
    made = sketch_of([(number / 100) ** 2 for number in range(1, 1001)])
    expected = {'min': 0.0001, 'max': 100.0, 'mean': 33.38335, 'p50': 25.0, 'p95': 90.25, 'p99': 98.01}
    assert made.summary() == pytest.approx(expected, rel=RELATIVE_ERROR)


@pytest.mark.parametrize('values', [[0.0], [0.0, 1.0], [1e-9, 2e-9], [1e-7, 5e8], [1e-6]], ids=str)
def test_extreme_durations_stay_within_the_error(values):
    made = sketch_of(values)
    for share in SHARES:
        exact = exact_quantile(values, share)
        # A duration below SHORTEST_S counts as SHORTEST_S.
        tolerance = max(RELATIVE_ERROR * exact, SHORTEST_S) + RELATIVE_ERROR * SHORTEST_S
        assert abs(made.quantile(share) - exact) <= tolerance
        assert min(values) <= made.quantile(share) <= max(values)


def test_memory_does_not_grow_with_the_number_of_durations():
    draw = random.Random(1).random
    made = sketch_of(every_magnitude(draw) for _ in range(30000))
    # The documented limit, from a microsecond to a year.
    assert len(made.counts) <= 1600


def test_the_difference_of_two_states_gives_recent_quantiles():
    made = sketch_of([0.1] * 50)
    former = dict(made.counts)
    for value in (2.0, 4.0, 8.0):
        made.add(value)
    recent = difference(made.counts, former)
    assert sum(recent.values()) == 3
    assert quantile(recent, 0.5) == pytest.approx(4.0, rel=RELATIVE_ERROR)
    assert 0.1 <= (quantile(recent, 1.0, 0.1, 8.0) or 0) <= 8.0
    assert difference(made.counts, made.counts) == {}
    assert quantile({}, 0.5) is None


def test_pairs_are_the_counts_in_order():
    made = sketch_of([0.1, 0.1, 7.0, 0.002])
    assert dict(made.pairs()) == made.counts
    assert [count for _, count in made.pairs()] == [1, 2, 1]
    for (index, _), value in zip(made.pairs(), (0.002, 0.1, 7.0)):
        assert upper_bound_s(index - 1) < value * (1 + ROUNDING) and value <= upper_bound_s(index) * (1 + ROUNDING)
