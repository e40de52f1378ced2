"""Scenarios: groups of processes, scheduled events, random durations; refusals of wrong scenarios."""

from __future__ import absolute_import, division, print_function

import io
import json
import os

import pytest

import run_simulator
from common.schema import SettingRefused
from runtime import names
from simulator import scenario, upstream
from simulator.run import CLEAN, run_world

GROUPS = {
    'duration_s': 30,
    'clients': [{'count': 1}, {'count': 1, 'task_interval_s': {'exponential': 0.3}, 'on_refused': 'give_up'}],
    'calculators': [{'count': 4}, {'count': 2, 'task_duration_s': [1, 2], 'outage': {'probability': 0}}],
    'calculator': {'task_duration_s': {'lognormal': {'median': 0.2, 'sigma': 0.5}}},
    'events': [{'at_s': 10, 'kill': 'calculator-3'}, {'at_s': 15, 'restart_share': 0.5},
               {'at_s': 20, 'kill': 'client-1', 'back_after_s': 2}],
    'turn_cost_s': {'row': 0.0001}, 'faults': {'calculator_crash_s': {'exponential': 10}}}


def test_a_world_of_groups_and_events_keeps_all_rules():
    result = run_world(1, scenario.SETTINGS.checked(GROUPS))
    assert (result['verdict'], result['sentence']) == (CLEAN, '')
    assert result['faults']['kills'] + result['faults']['kills_while_sending'] >= 5


def test_members_have_names_and_the_settings_of_their_group():
    members = scenario.members(scenario.SETTINGS.checked(GROUPS), 'calculator')
    assert [name for name, _ in members] == ['calculator-%d' % number for number in range(1, 7)]
    assert members[0][1] == {}
    # The group changes one key of a block. The others are defaults.
    assert members[5][1]['outage'] == {'check_interval_s': 10, 'probability': 0, 'duration_s': [2, 5], 'kind': 'crash'}


@pytest.mark.parametrize('settings, key', [
    ({'events': [{'at_s': 5, 'kill': 'calculator-99'}]}, 'events'),
    ({'events': [{'at_s': 60, 'restart_share': 1}]}, 'events'),
    ({'calculators': [{'capacity': 2}]}, 'calculators'), ({'calculators': [{'count': 1, 'speed': 2}]}, 'calculators'),
    ({'clients': [{'count': 0}]}, 'clients'), ({'clients': [{'count': 1, 'task_interval_s': [2, 1]}]}, 'clients'),
    ({'events': [{'at_s': 1}]}, 'events'),
    ({'events': [{'at_s': 1, 'kill': 'client-1', 'restart_share': 1}]}, 'events'),
    ({'events': [{'kill': 'client-1'}]}, 'events'), ({'events': [{'at_s': 1, 'restart_share': 2}]}, 'events'),
    ({'turn_cost_s': {'row': -1}}, 'turn_cost_s.row'),
    ({'network': {'delay_s': {'exponential': -1}}}, 'network.delay_s'),
    ({'calculator': {'work': 'work.py'}}, 'calculators'), ({'calls': {'functions': u'aa'}}, 'calls.functions'),
    ({'calculators': [{'count': 1, 'work': {'module': 'a'}}]}, 'calculators')])
def test_a_wrong_setting_is_refused(settings, key):
    with pytest.raises(SettingRefused) as caught:
        scenario.SETTINGS.checked(settings)
    assert caught.value.key == key


def test_the_sample_has_every_key():
    with io.open(os.path.join(os.path.dirname(run_simulator.__file__), 'config', 'simulation.json')) as file:
        sample = json.load(file)
    complete = scenario.SETTINGS.checked({})
    assert sorted(sample) == sorted(complete)
    for key, block in complete.items():
        assert not isinstance(block, dict) or sorted(sample[key]) == sorted(block)


@pytest.mark.parametrize('name', ['ASK_FIRST_S', 'ASK_LAST_S'])
def test_the_simulator_has_the_same_times_as_the_real_resolver(name):
    assert getattr(upstream, name) == getattr(names, name)
