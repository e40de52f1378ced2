"""Rounds of runs: their order, disturbed runs, failed systems, and figures."""

from __future__ import absolute_import, division, print_function

import pytest

from benchmarks.children import RunFailed
from benchmarks.figures import median, quantile
from benchmarks.rounds import figures, good_runs, ratio, take_rounds


class Runs(object):
    """Runs with planned shares of other processes; None is a failure."""

    def __init__(self, **planned):
        self.planned = {name: list(shares) for name, shares in planned.items()}
        self.asked = []

    def __call__(self, name):
        self.asked.append(name)
        share = self.planned[name].pop(0) if self.planned.get(name) else 0.0
        if share is None:
            raise RunFailed('it crashed')
        return {'tasks_per_s': 100.0 * len(self.asked), 'others_share': share}


def take(names, rounds, run, bound=0.05, tries=3):
    runs = []
    said = []
    take_rounds(names, rounds, run, said.append, runs, bound, tries)
    assert len(said) == len(run.asked)
    return runs


def test_each_round_runs_all_systems_and_begins_with_another_one():
    run = Runs()
    take(['a', 'b', 'c'], 4, run)
    assert ''.join(run.asked) == 'abc' 'bca' 'cab' 'abc'


def test_a_disturbed_run_is_repeated_at_once():
    run = Runs(a=[0.2, 0.2, 0.01])
    runs = take(['a', 'b'], 1, run)
    assert ''.join(run.asked) == 'aaab'
    assert [(one['system'], one['disturbed']) for one in runs] == [('a', False), ('b', False)]
    assert runs[0]['others_share'] == 0.01


def test_runs_that_stay_disturbed_are_not_compared():
    runs = take(['a', 'b'], 2, Runs(a=[0.2] * 6))
    assert [one['disturbed'] for one in runs if one['system'] == 'a'] == [True, True]
    assert good_runs(runs, 'a') == []
    assert ratio(runs, 'b', 'a', 'tasks_per_s')['median'] is None
    assert ratio(runs, 'b', 'a', 'tasks_per_s', even_disturbed=True)['runs'] == 2


def test_a_ratio_leaves_out_only_disturbed_rounds():
    runs = take(['a', 'b'], 3, Runs(b=[0.3]), tries=1)
    assert ratio(runs, 'a', 'b', 'tasks_per_s')['runs'] == 2


@pytest.mark.parametrize('share, disturbed', [(0.05, False), (0.051, True)])
def test_a_share_equal_to_the_bound_is_allowed(share, disturbed):
    assert take(['a'], 1, Runs(a=[share]), tries=1)[0]['disturbed'] is disturbed


def test_a_failed_system_is_left_out_and_the_others_continue():
    run = Runs(a=[0.0, None])
    runs = take(['a', 'b'], 3, run)
    assert run.asked.count('a') == 2
    assert run.asked.count('b') == 3
    assert [one['failed'] for one in runs if 'failed' in one] == ['it crashed']
    assert len(good_runs(runs, 'a')) == 1


def test_figures_leave_out_disturbed_runs():
    runs = [{'system': 'a', 'round': 0, 'disturbed': False, 'tasks_per_s': 10.0, 'quantiles_us': [1, 2]},
            {'system': 'a', 'round': 1, 'disturbed': True, 'tasks_per_s': 99.0},
            {'system': 'a', 'round': 2, 'disturbed': False, 'tasks_per_s': 30.0},
            {'system': 'b', 'round': 0, 'disturbed': False, 'tasks_per_s': 7.0}]
    assert figures(runs, 'a') == {'tasks_per_s': {'median': 20.0, 'min': 10.0, 'max': 30.0, 'runs': 2}}
    assert ratio(runs, 'a', 'b', 'tasks_per_s')['median'] == pytest.approx(10 / 7)


def test_a_median_is_the_middle_of_the_sorted_values():
    assert [median(values) for values in ([7], [3, 1, 2], [4, 1, 3, 2])] == [7, 2, 2.5]
    with pytest.raises(ValueError):
        median([])


@pytest.mark.parametrize('share, expected', [(0, 1), (0.5, 50), (0.505, 51), (1.0, 100)])
def test_a_quantile_is_a_measured_value(share, expected):
    assert quantile(list(range(1, 101)), share) == expected
    assert quantile([3.5], share) == 3.5
