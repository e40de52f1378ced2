"""Random lengths: valid values, and draws that are equal on every Python."""

from __future__ import absolute_import, division, print_function

import pickle
from random import Random

import pytest

from common import lengths
from common.lengths import FromFile

FILE = FromFile(u'times.txt', [3.0, 1.0, 2.0, 2.0])
LOGNORMAL = {'lognormal': {'median': 2, 'sigma': 0.5}}


@pytest.mark.parametrize('value', [
    [0, 0], [1, 2.5], (1, 2), [0, 31622400], {'constant': 0}, {'constant': 2.5}, {'exponential': 43200},
    {'lognormal': {'median': 0.1, 'sigma': 0}}, LOGNORMAL, FILE,
])
def test_a_length_is_accepted(value):
    assert lengths.is_length(value)


@pytest.mark.parametrize('value', [
    2, None, u'12', [2, 1], [], [1], [1, 2, 3], [-1, 1], [True, True], [1, float('nan')], [0, float('inf')],
    [u'1', u'2'], [[1], [2]],
    {}, {u'0': 1, u'1': 2}, {'constant': -1}, {'constant': True}, {'exponential': [1, 2]},
    {'exponential': float('nan')}, {'exponential': float('inf')}, {'normal': 1}, {'constant': 1, 'exponential': 1},
    {'lognormal': 1}, {'lognormal': {'median': 0, 'sigma': 1}}, {'lognormal': {'median': 1}},
    {'lognormal': {'median': 1, 'sigma': 5}}, {'lognormal': {'median': 1, 'sigma': 1, 'mean': 1}},
    # The file was not read.
    {'values': u'times.txt'},
])
def test_another_value_is_refused(value):
    assert not lengths.is_length(value)


@pytest.mark.parametrize('value, expected', [
    # Python's random module with seed 7 returns 0.32383276483316237 first, on every version.
    ([1, 3], 1.6476655296663247), ({'constant': 4}, 4), ({'exponential': 10}, 3.9131484423480427),
    (LOGNORMAL, 1.591446487998916), (FILE, 2.0),
])
def test_a_seed_draws_the_same_on_every_python(value, expected):
    assert lengths.draw(Random(7).random, value) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize('value', [[1, 3], {'constant': 4}, {'exponential': 10}, LOGNORMAL, FILE])
def test_draws_are_monotone_within_the_bounds_and_have_the_mean(value):
    ordered = [lengths.at_share(value, step / 1000.0) for step in range(1000)]
    assert ordered == sorted(ordered)
    random = Random(1).random
    drawn = [lengths.draw(random, value) for _ in range(20000)]
    assert lengths.shortest(value) <= min(drawn) and max(drawn) <= lengths.longest(value)
    assert sum(drawn) / len(drawn) == pytest.approx(lengths.mean(value), rel=0.03)


@pytest.mark.parametrize('share, expected', [
    # Abramowitz and Stegun, table 26.1 and 26.5; the last two from Python's statistics.NormalDist.
    (0.5, 0.0), (0.841344746068543, 1.0), (0.975, 1.959963984540054), (0.001, -3.090232306167813),
    (0.9999, 3.719016485455709), (1 - 2.0 ** -53, 8.209536151601387), (1e-300, -37.0470962993612),
])
def test_quantiles_of_the_normal_distribution(share, expected):
    assert lengths.normal_quantile(share) == pytest.approx(expected, abs=1e-9)


def test_a_file_of_values_may_have_comments_and_blank_lines():
    assert lengths.numbers_of(u'# measured in May\n1.5\n\n 2e-1 \n') == [1.5, 0.2]


@pytest.mark.parametrize('text, reason', [
    (u'1\nfast\n', 'line 2'), (u'-1', 'line 1'), (u'nan', 'line 1'), (u'# nothing\n', 'no number')])
def test_a_mistake_in_a_file_of_values_is_named(text, reason):
    with pytest.raises(ValueError, match=reason):
        lengths.numbers_of(text)


def test_the_values_of_a_file_can_be_pickled():
    copy = pickle.loads(pickle.dumps(FILE, 2))
    assert copy == {'values': u'times.txt'} and copy.numbers == [1.0, 2.0, 2.0, 3.0]
