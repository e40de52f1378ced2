"""Worlds with one trouble each, which drawn worlds meet too seldom or too briefly."""

from __future__ import absolute_import, division, print_function

import pytest

from simulator import scenario
from simulator.run import CLEAN, run_world

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

_WELL = {'probability': 0}

#: Name -> (settings, counters that must not be zero).
WORLDS = {
    'turns_of_the_dispatcher_are_late_for_minutes': ({
        'duration_s': 200, 'calculator': {'outage': _WELL},
        'faults': {'late_turns_s': [5, 5], 'late_turns_duration_s': [180, 180]}}, ['dispatcher.held_up']),
    'the_dispatcher_moves_behind_a_virtual_address': ({
        'duration_s': 120, 'calculator': {'outage': _WELL, 'listen': {'port': 0}}, 'network': {'virtual_address': 1},
        'faults': {'dispatcher_crash_s': [10, 20], 'restart_s': [0.1, 1], 'move': 1}},
        ['fresh_ports', 'client.dispatcher_restarts']),
    'datagrams_are_late_beyond_the_receive_window': ({
        'duration_s': 20, 'network': {'late': 0.02}, 'client': {'task_interval_s': [0, 0], 'in_flight_max': 20},
        'calculator': {'outage': _WELL, 'capacity': 60, 'task_duration_s': [0, 0.1]}},
        ['client.too_old', 'calculator.too_old', 'dispatcher.too_old']),
    'names_are_shared_all_the_time': ({
        'duration_s': 100, 'calculators': 4, 'calculator': {'outage': _WELL},
        'faults': {'clone_s': [2, 4], 'clone_duration_s': [2, 20]}},
        ['clones', 'dispatcher.replaced', 'dispatcher.names_taken', 'client.outcomes_of_former']),
    'everybody_is_silent_longer_than_a_channel_is_awake': ({
        'duration_s': 200, 'calculators': 2, 'calculator': {'outage': _WELL}, 'dispatcher': {'remembered_max': 20},
        'faults': {'partition_s': [1, 4], 'partition_duration_s': [31, 60]}}, ['dispatcher.outcomes_sent_again']),
}


@pytest.mark.parametrize('seed', [1, 2])
@pytest.mark.parametrize('name', sorted(WORLDS))
def test_every_promise_holds_where(name, seed):
    settings, wanted = WORLDS[name]
    result = run_world(seed, scenario.SETTINGS.checked(settings))
    assert result['verdict'] == CLEAN, '%(verdict)s %(rule)s: %(sentence)s, seed %(seed)d' % result
    counts = dict(result['paths'], **result['faults'])
    assert [name for name in wanted if not counts[name]] == []
