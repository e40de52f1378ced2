"""Worlds with one fault each that is rare or short in drawn worlds."""

from __future__ import absolute_import, division, print_function

import pytest

from simulator import scenario
from simulator.run import CLEAN, run_world

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

RELIABLE = {'probability': 0}

#: Name -> (settings, counters that must not be 0; after a minus: that must be 0).
WORLDS = {
    'turns_of_the_dispatcher_are_late_for_minutes': ({
        'duration_s': 200, 'calculator': {'outage': RELIABLE},
        'faults': {'late_turns_s': [5, 5], 'late_turns_duration_s': [180, 180]}},
        ['dispatcher.held_up', '-dispatcher.died']),
    'the_dispatcher_moves_behind_a_virtual_address': ({
        'duration_s': 120, 'calculator': {'outage': RELIABLE, 'listen': {'port': 0}}, 'network': {'virtual_address': 1},
        'faults': {'dispatcher_crash_s': [10, 20], 'restart_s': [0.1, 1], 'move': 1}},
        ['fresh_ports', 'client.dispatcher_restarts']),
    'datagrams_are_late_beyond_the_receive_window': ({
        'duration_s': 20, 'network': {'late': 0.02}, 'client': {'task_interval_s': [0, 0], 'in_flight_max': 20},
        'calculator': {'outage': RELIABLE, 'capacity': 60, 'task_duration_s': [0, 0.1]}},
        ['client.too_old', 'calculator.too_old', 'dispatcher.too_old']),
    'names_are_shared_all_the_time': ({
        'duration_s': 100, 'calculators': 4, 'calculator': {'outage': RELIABLE},
        'faults': {'clone_s': [2, 4], 'clone_duration_s': [2, 20]}},
        ['clones', 'dispatcher.replaced', 'dispatcher.names_taken', 'client.outcomes_of_former']),
    'partitions_are_longer_than_a_channel_is_awake': ({
        'duration_s': 200, 'calculators': 2, 'calculator': {'outage': RELIABLE, 'capacity': 5},
        'dispatcher': {'remembered_max': 10, 'task_timeout_s': 200},
        'client': {'task_timeout_s': 200, 'in_flight_max': 50},
        'faults': {'partition_s': [1, 4], 'partition_duration_s': [31, 60]}},
        ['dispatcher.outcomes_sent_again', 'dispatcher.outcomes_dropped', 'accepted_again']),
    'clients_are_silent_until_they_are_forgotten': ({
        'duration_s': 200, 'calculator': {'outage': RELIABLE},
        'network': {'loss': 0.1, 'duplicate': 0.2, 'late_copy': 0.5},
        'client': {'task_interval_s': [20, 60]}}, ['clients_forgotten_and_heard', 'copies_with_old_tickets']),
    'refusals_are_lost': ({
        'duration_s': 30, 'calculators': 1, 'calculator': {'outage': RELIABLE}, 'dispatcher': {'pending_max': 2},
        'network': {'loss': 0.3}, 'client': {'task_interval_s': [0, 2], 'in_flight_max': 5}},
        ['refusals_again', 'client.stale_refusals']),
    'commits_fail_and_submits_come_again': ({
        'duration_s': 80, 'calculator': {'outage': RELIABLE}, 'dispatcher': {'journal': scenario.JOURNAL},
        'network': {'loss': 0.2, 'duplicate': 0.2}, 'client': {'task_interval_s': [0, 1], 'in_flight_max': 5},
        'faults': {'disk_s': [1, 3], 'disk_duration_s': [1, 5]}},
        ['submits_again_before_commit', 'dispatcher.refused_journal', 'writes_failed']),
    'datagrams_outlive_their_incarnations': ({
        'duration_s': 60, 'calculator': {'outage': RELIABLE},
        'network': {'duplicate': 0.3, 'late_copy': 0.5, 'delay_s': [0.01, 0.5]},
        'faults': {'calculator_crash_s': [2, 5], 'client_crash_s': [4, 10], 'dispatcher_crash_s': [10, 20],
                   'restart_s': [0.1, 1]}}, ['copies_for_former', 'copies_from_former']),
    'calculators_are_cut_off_in_one_direction': ({
        'duration_s': 150, 'calculators': 3, 'calculator': {'outage': RELIABLE, 'capacity': 5},
        'network': {'loss': 0.05}, 'dispatcher': {'answer_timeout_s': 60, 'task_timeout_s': 120},
        'client': {'task_timeout_s': 120, 'in_flight_max': 20},
        'faults': {'partition_s': [5, 10], 'partition_duration_s': [20, 60], 'one_way': 1}},
        ['dispatcher.unreachable', 'dispatcher.attempt_unacknowledged']),
    'memory_is_short': ({
        'duration_s': 40, 'clients': 1, 'calculators': 1, 'calculator': {'outage': RELIABLE},
        'dispatcher': {'memory_max_bytes': 1000000},
        'client': {'task_interval_s': [0.1, 0.5], 'in_flight_max': 200, 'payload_bytes': 9000}},
        ['dispatcher.refused_queue_full']),
    'memory_is_short_for_calculators': ({
        'duration_s': 3, 'clients': 1, 'calculators': 350, 'calculator': {'outage': RELIABLE},
        'dispatcher': {'memory_max_bytes': 1000000, 'calculators_max': 349}}, ['dispatcher.registrations_refused']),
}


def check_world(seed, settings, wanted):
    """Run a world, and check its rules and counters."""
    result = run_world(seed, scenario.SETTINGS.checked(settings))
    assert result['verdict'] == CLEAN, '%(verdict)s %(rule)s: %(sentence)s, seed %(seed)d' % result
    counts = dict(result['paths'], **dict(result['faults'], **result['ledger']))
    assert [name for name in wanted if bool(counts[name.lstrip('-')]) == name.startswith('-')] == []


@pytest.mark.parametrize('seed', [1, 2])
@pytest.mark.parametrize('name', sorted(WORLDS))
def test_every_rule_holds_when(name, seed):
    check_world(seed, *WORLDS[name])
