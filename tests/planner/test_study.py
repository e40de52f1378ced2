"""The number of replications of an answer, and answers before the end."""

from __future__ import absolute_import, division, print_function

from random import Random

import pytest

from planner import answers
from planner.study import FIRST, TEST_FIRST, Find, Point, Vary
from planner.target import Target
from simulator import scenario
from tests.planner.rows import row

SETTINGS = scenario.SETTINGS.checked({'calculators': 100})


def points(values, **more):
    return [Point(dict(SETTINGS, **more), [('calculators', value)]) for value in values]


def times(seed, mean, spread, number=100):
    """Response times whose mean depends on the seed."""
    shift = Random(seed).gauss(0, spread)
    return [max(0.01, mean + shift + 0.001 * (place % 10)) for place in range(number)]


def run(study, row_of, rounds=100):
    """Run rounds until the question is answered; returns the pieces of each round."""
    asked = []
    for _ in range(rounds):
        pieces = study.pieces()
        if not pieces:
            return asked
        asked.append(pieces)
        for number, seed in pieces:
            study.take(number, row_of(number, seed))
    raise AssertionError('no answer after %d rounds' % rounds)


def test_a_precise_scenario_needs_one_round():
    study = Vary([Point(SETTINGS)], 0.02)
    asked = run(study, lambda number, seed: row(seed, times(seed, 2.0, 0.001)))
    assert asked == [[(0, seed) for seed in range(1, FIRST + 1)]]
    assert answers.measure_dict(study)['precision_reached']


def test_replications_are_added_until_the_precision_is_reached():
    study = Vary([Point(SETTINGS)], 0.02, seed=7)
    run(study, lambda number, seed: row(seed, times(seed, 2.0, 0.15)))
    found = answers.measure_dict(study)
    assert found['precision_reached'] and FIRST < found['replications'] < 200
    leaf = found['measures']['response_time_s']['mean']
    assert leaf['high'] - leaf['low'] <= 2 * 0.02 * leaf['value']
    assert leaf['low'] < 2.0045 < leaf['high']
    assert sorted(study.points[0].rows) == list(range(7, 7 + found['replications']))


def test_an_answer_before_the_end_is_marked_as_less_precise():
    study = Vary([Point(SETTINGS)], 0.0001)
    assert answers.measure_dict(study)['measures'] is None
    assert answers.measure_lines(study)
    for number, seed in study.pieces()[:3]:
        study.take(number, row(seed, times(seed, 2.0, 0.15)))
    found = answers.measure_dict(study)
    assert found['replications'] == 3 and not found['precision_reached'] and found['measures'] is not None
    assert 'less precise than asked' in '\n'.join(answers.measure_lines(study))


def test_all_points_get_the_same_seeds_in_turn():
    study = Vary(points([1, 2, 3]), 0.02)
    assert study.pieces()[:7] == [(0, 1), (1, 1), (2, 1), (0, 2), (1, 2), (2, 2), (0, 3)]


def test_a_difference_has_an_interval_and_a_variance_reduction():
    study = Vary(points([1, 2]), 0.05)
    run(study, lambda number, seed: row(seed, times(seed, 2.0 - 0.5 * number, 0.2)))
    found = answers.vary_dict(study)['points'][1]
    assert found['settings'] == {'calculators': 2}
    for statistic in ('mean', 'p50', 'p99'):
        leaf = found['difference'][statistic]
        assert leaf['low'] - 0.01 <= -0.5 <= leaf['high'] + 0.01
        assert leaf['high'] - leaf['low'] < 0.02
    assert found['difference']['variance_reduction'] > 100
    assert 'less' in '\n'.join(answers.vary_lines(study))


def test_points_with_the_same_settings_do_not_differ_with_unequal_numbers_of_replications():
    one, other = points([2, 2])
    for seed in range(1, 12):
        for point in (one, other) if seed < 10 else (other,):
            point.take(row(seed, times(seed, 2.0, 0.2)))
    found = answers.differences(one, other)
    assert found is not None
    assert {found[statistic]['value'] for statistic in ('mean', 'p50', 'p95', 'p99')} == {0}


def test_an_overloaded_point_gets_no_replications_and_no_measures():
    overloaded = scenario.SETTINGS.checked({'calculators': 1})
    study = Vary([Point(overloaded)], 0.02)
    assert run(study, lambda number, seed: row(seed, times(seed, 2.0, 0.5))) == []
    found = answers.measure_dict(study)
    assert (found['stable'], found['measures']) == (False, None)
    assert 'times what the calculators can do' in found['reason']


def test_a_growing_backlog_is_unstable():
    study = Vary([Point(SETTINGS)], 0.02)
    run(study, lambda number, seed: row(seed, times(seed, 2.0, 0.1), backlog=(20, 40 + seed % 3)))
    assert 'grows by' in answers.measure_dict(study)['reason']


def test_a_broken_rule_ends_a_study_and_is_reported():
    study = Vary([Point(SETTINGS)], 0.02)
    run(study, lambda number, seed: row(seed, times(seed, 2.0, 0.1), error='S2: twice' if seed == 3 else None))
    assert answers.measure_dict(study)['errors'] == ['S2: twice']
    assert 'seed 3 broke a promise: S2: twice' in answers.measure_lines(study)


def found_by(study, row_of):
    run(study, row_of)
    found = answers.find_dict(study)
    assert found['decided']
    return [None if found[side] is None else found[side]['value'] for side in ('holds', 'fails')]


@pytest.mark.parametrize('boundary', [1, 2, 7, 10, 11, 19, 20])
def test_the_boundary_is_found_if_large_values_hold_and_if_small_values_hold(boundary):
    study = Find(points(range(1, 21)), Target('mean <= 1'), 0.02)
    found = found_by(study, lambda number, seed: row(seed, times(seed, 2.0 if number + 1 < boundary else 0.5, 0.1)))
    assert found == [boundary, boundary - 1 or None] and len(study.verdicts) <= 10
    study = Find(points(range(1, 21)), Target('mean <= 1'), 0.02)
    found = found_by(study, lambda number, seed: row(seed, times(seed, 0.5 if number + 1 <= boundary else 2.0, 0.1)))
    # If all hold, the first is the answer.
    assert found == ([boundary, boundary + 1] if boundary < 20 else [1, None])


def test_an_answer_says_that_no_value_holds():
    study = Find(points(range(1, 9)), Target('mean <= 1'), 0.02)
    assert found_by(study, lambda number, seed: row(seed, times(seed, 2.0, 0.1))) == [None, 8]
    assert 'no value of calculators meets mean <= 1' in answers.find_lines(study)[0]


def test_overloaded_values_are_not_simulated():
    study = Find([Point(scenario.SETTINGS.checked({'calculators': number}), [('calculators', number)])
                  for number in range(1, 65)], Target('p99 <= 5'), 0.02)
    # Three tasks per second with a duration of two seconds, on calculators that are in order for 96.6 % of the time.
    assert study.pieces() == [(6, seed) for seed in range(1, TEST_FIRST + 1)]
    found = found_by(study, lambda number, seed: row(seed, times(seed, 2.0, 0.1)))
    assert found == [7, 6]
    lines = answers.find_lines(study)[0]
    assert 'calculators=7 meets p99 <= 5' in lines and 'unstable' in lines


def test_a_value_close_to_the_bound_gets_more_replications_and_a_verdict_by_its_value():
    numbers = []
    for precision in (0.02, 0.005):
        study = Find(points([1, 2]), Target('mean <= 2.0045'), precision)
        run(study, lambda number, seed: row(seed, times(seed, 2.0 if number == 0 else 1.0, 0.05)))
        numbers.append(study.points[0].number)
        assert study.uncertain == {0}
        assert 'by its value' in answers.find_lines(study)[0]
    assert numbers[1] > 3 * numbers[0] > 3 * TEST_FIRST


def test_a_share_close_to_the_bound_is_not_decided_early():
    study = Find(points([1, 2]), Target('answered_share >= 0.999'), 0.02)
    for seed in range(1, 13):
        study.take(0, row(seed, times(seed, 2.0, 0.1), ends={'done': 100 - seed % 2, 'expired': seed % 2}))
    assert study.pieces() and not study.uncertain


def test_an_interrupted_search_has_the_verdicts_so_far():
    study = Find(points(range(1, 21)), Target('mean <= 1'), 0.02)
    assert answers.find_lines(study)[0] == 'nothing is known yet'
    for number, seed in study.pieces():
        study.take(number, row(seed, times(seed, 2.0, 0.1)))
    study.pieces()
    found = answers.find_dict(study)
    assert (found['decided'], found['holds'], found['fails']['value']) == (False, None, 1)


def test_points_are_compared_with_the_first_stable_one():
    study = Vary([Point(scenario.SETTINGS.checked({'calculators': 1}), [('calculators', 1)])] + points([8, 9]), 0.05)
    run(study, lambda number, seed: row(seed, times(seed, 2.0 - 0.5 * number, 0.2)))
    found = answers.vary_dict(study)['points']
    assert [point.get('difference') is None for point in found] == [True, True, False]
    assert 'compared with calculators 8' in '\n'.join(answers.vary_lines(study))
