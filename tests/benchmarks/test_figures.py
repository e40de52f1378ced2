"""What many runs say together."""

from __future__ import absolute_import, division, print_function

import pytest

from benchmarks.figures import SHARES, median, paired_ratios, quantile, summary


@pytest.mark.parametrize('values, expected', [([7], 7), ([3, 1, 2], 2), ([4, 1, 3, 2], 2.5), ([1, 1, 100], 1)])
def test_a_median_is_the_middle(values, expected):
    assert median(values) == expected


def test_nothing_has_no_median():
    with pytest.raises(ValueError):
        median([])
    assert summary([]) == {'median': None, 'min': None, 'max': None, 'runs': 0}


def test_a_summary_has_the_spread():
    assert summary([5, 1, 3]) == {'median': 3, 'min': 1, 'max': 5, 'runs': 3}


def test_ratios_are_taken_within_a_round():
    # The machine was half as quick in round 1: both sides of the pair were.
    assert paired_ratios({0: 100, 1: 50}, {0: 200, 1: 100}) == [0.5, 0.5]


def test_a_round_that_one_side_lacks_says_nothing():
    assert paired_ratios({0: 100, 2: 30}, {0: 50, 1: 10}) == [2.0]
    assert paired_ratios({0: 100}, {0: 0}) == []


@pytest.mark.parametrize('share, expected', [(0, 1), (0.5, 50), (0.505, 51), (0.99, 99), (1.0, 100)])
def test_a_quantile_is_a_value_that_was_measured(share, expected):
    assert quantile(list(range(1, 101)), share) == expected


def test_a_quantile_of_one_value_is_that_value():
    assert [quantile([3.5], share) for share in SHARES] == [3.5] * len(SHARES)


def test_the_shares_hold_the_ones_that_are_printed():
    assert {0.5, 0.95, 0.99, 0.999, 1.0} <= set(SHARES)
    assert sorted(SHARES) == list(SHARES)
