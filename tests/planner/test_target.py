"""Questions on the command line: values of keys, and targets."""

from __future__ import absolute_import, division, print_function

import json

import pytest

from common.schema import SettingRefused
from planner.target import QuestionError, Target, changed, points_of, values_of
from simulator import scenario

SETTINGS = scenario.SETTINGS.checked({})


@pytest.mark.parametrize('text, key, values', [
    ('calculators=3..8', 'calculators', [3, 4, 5, 6, 7, 8]), ('calculators=5..5', 'calculators', [5]),
    ('calculators=4..16:4', 'calculators', [4, 8, 12, 16]),
    ('calculator.heartbeat_interval_s=0.5..1.5:0.5', 'calculator.heartbeat_interval_s', [0.5, 1.0, 1.5]),
    ('network.loss=0..0.3:0.1', 'network.loss', [0.0, 0.1, 0.2, 0.3]),
    ('calculator.heartbeat_interval_s=0.5,1,2', 'calculator.heartbeat_interval_s', [0.5, 1, 2]),
    ('calculator.task_duration_s=[1,3],{"exponential":2}', 'calculator.task_duration_s', [[1, 3], {'exponential': 2}]),
    ('client.on_refused=retry,give_up', 'client.on_refused', ['retry', 'give_up']),
])
def test_values_of_a_key_are_read(text, key, values):
    assert values_of(text, json.loads) == (key, values)


@pytest.mark.parametrize('text', ['calculators', '=3', 'calculators=', 'calculators=8..3', 'calculators=1..8:0',
                                  'a=1..2..3', 'a=1.2.3..4', 'calculators=1..1000000'])
def test_wrong_values_are_refused(text):
    with pytest.raises(QuestionError):
        key, values = values_of(text, json.loads)
        changed(SETTINGS, [(key, values[0])])


def test_several_keys_are_combined():
    points = points_of(SETTINGS, [('calculators', [2, 3]), ('network.loss', [0, 0.1])])
    assert [changes for _, changes in points] == [
        [('calculators', 2), ('network.loss', 0)], [('calculators', 2), ('network.loss', 0.1)],
        [('calculators', 3), ('network.loss', 0)], [('calculators', 3), ('network.loss', 0.1)]]
    found = [(made['calculators'], made['network']['loss']) for made, _ in points]
    assert found == [(2, 0), (2, 0.1), (3, 0), (3, 0.1)]
    assert SETTINGS['network']['loss'] == 0


def test_a_key_may_lead_into_a_group_and_a_distribution():
    settings = scenario.SETTINGS.checked({'calculators': [{'count': 2}, {'count': 1, 'capacity': 2}],
                                          'client': {'task_interval_s': {'exponential': 1}}})
    before = json.dumps(settings, sort_keys=True)
    made = changed(settings, [('calculators.1.count', 4), ('client.task_interval_s.exponential', 2)])
    assert made['calculators'][1] == {'count': 4, 'capacity': 2}
    assert made['client']['task_interval_s'] == {'exponential': 2}
    # The scenario itself is not changed.
    assert json.dumps(settings, sort_keys=True) == before


@pytest.mark.parametrize('key, value, error', [
    ('calculator', 3, SettingRefused), ('calculator.speed', 3, QuestionError),
    ('calculators.0.count', 3, QuestionError), ('calls.callers', 1, QuestionError),
    ('calculator.work', u'a', QuestionError),
    ('calculators', -1, SettingRefused), ('network.loss', 2, SettingRefused)])
def test_a_wrong_key_or_value_is_refused(key, value, error):
    with pytest.raises(error):
        changed(SETTINGS, [(key, value)])


@pytest.mark.parametrize('index', ['2', '-1', u'\xb2', '01', 'count'])
def test_a_wrong_index_is_refused(index):
    settings = scenario.SETTINGS.checked({'calculators': [{'count': 2}, {'count': 1}]})
    with pytest.raises(QuestionError):
        changed(settings, [('calculators.%s.count' % index, 3)])


@pytest.mark.parametrize('text, key, bound', [
    ('p99 <= 5', ('response_time_s', 'p99'), 5), ('mean<=0.5', ('response_time_s', 'mean'), 0.5),
    ('waiting_time_s.p95 <= 1e-1', ('waiting_time_s', 'p95'), 0.1),
    ('answered_share >= 0.99', ('answered_share', None), 0.99)])
def test_a_target_is_read(text, key, bound):
    target = Target(text)
    assert (target.key, target.bound, target.text) == (key, bound, text)


@pytest.mark.parametrize('text', ['', 'p99', 'p99 < 5', 'p98 <= 5', 'response_time_s <= 5', 'answered_share.p99 <= 5',
                                  'p99 <= five', 'p99 <= -1', 'waiting_time_s.p98 <= 1'])
def test_a_wrong_target_is_refused(text):
    with pytest.raises(QuestionError):
        Target(text)
