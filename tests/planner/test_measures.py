"""The measures of several rows."""

from __future__ import absolute_import, division, print_function

from math import ceil
from random import Random

import pytest

from planner.measures import Measures
from planner.replication import bucket, middle_s
from tests.planner.rows import row


def test_a_bucket_is_as_narrow_as_promised():
    for seconds in (1e-5, 0.003, 1.0, 59.7, 86400.0):
        assert middle_s(bucket(seconds)) == pytest.approx(seconds, rel=0.0006)
    assert middle_s(bucket(0.0)) == 0.0


def test_means_are_over_replications_and_quantiles_over_all_data():
    times = {seed: [0.1 * seed + 0.01 * (37 * number % 100) for number in range(100)] for seed in (1, 2, 3)}
    measures = Measures([row(seed, times[seed]) for seed in (1, 2, 3)])
    found = measures.as_dict()['response_time_s']
    kept = {seed: times[seed][int(100 * measures.warm_up_share):] for seed in times}
    assert found['mean']['value'] == pytest.approx(sum(sum(values) / len(values) for values in kept.values()) / 3)
    every = sorted(sum(kept.values(), []))
    for name, share in (('p50', 0.5), ('p95', 0.95), ('p99', 0.99)):
        assert found[name]['value'] == pytest.approx(every[int(ceil(share * len(every))) - 1], rel=0.001)
        assert found[name]['low'] < found[name]['value'] < found[name]['high']
    assert found['max']['value'] == pytest.approx(sum(max(values) for values in kept.values()) / 3)


def test_unknown_measures_are_none_and_no_share_is_above_one():
    found = Measures([row(seed, [1.0] * 100) for seed in (1, 2)]).as_dict()
    assert found['reassignment_time_s']['mean'] is None
    assert found['wasted_share'] is None
    assert found['answered_share'] == {'value': 1.0, 'low': 1.0, 'high': 1.0}


def test_the_common_warm_up_of_all_replications_is_removed():
    draw = Random(5).gauss
    rows = [row(seed, [max(0.1, 2.0 + (8.0 if number < 80 else 0.0) + draw(0, 0.5)) for number in range(1000)])
            for seed in range(10)]
    measures = Measures(rows)
    assert measures.has_settled
    assert 0.08 <= measures.warm_up_share <= 0.15
    assert measures.find('response_time_s', 'mean')['value'] == pytest.approx(2.0, abs=0.05)
    assert measures.tasks < 10 * 920 + 1


def test_growing_response_times_do_not_settle():
    measures = Measures([row(seed, [0.01 * number for number in range(1, 1001)]) for seed in range(3)])
    assert not measures.has_settled
    assert measures.warm_up_share == 0.5


def test_the_precision_must_last_through_the_look_ahead():
    same = [row(seed, [1.0] * 50) for seed in range(8)]
    assert Measures(same).has_precision('mean', 0.01)
    assert not Measures(same[:7]).has_precision('mean', 0.01)
    assert not Measures(same[:4] + [row(9, [2.0] * 50)] + same[4:]).has_precision('mean', 0.01)


def test_the_effect_of_a_scheduled_event_is_no_warm_up():
    rows = [row(seed, [9.0 if 200 <= number < 300 else 2.0 for number in range(1000)]) for seed in range(3)]
    assert Measures(rows).warm_up_share >= 0.3
    measures = Measures(rows, event_share=0.2)
    assert measures.warm_up_share == 0 and measures.has_settled
    assert measures.find('response_time_s', 'max')['value'] == pytest.approx(9.0, rel=0.001)
