"""Worlds with calls of functions, and with a calculator that restarts about every second."""

from __future__ import absolute_import, division, print_function

import pytest

from net_protocol.rows import DONE
from simulator import scenario
from simulator.run import CLEAN, Course, run_world
from tests.simulator.mutants import applied
from tests.simulator.test_scripted import RELIABLE, check_world

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def flapping(work, callers):
    """Six slots of calculators without faults, and twenty slots of one that restarts before a task is done."""
    return {
        'duration_s': 60, 'clients': 2, 'calculators': [
            {'count': 3, 'capacity': 2, 'work': work}, {'count': 1, 'capacity': 20, 'work': work}],
        'calculator': {'outage': RELIABLE, 'task_duration_s': [2, 3]}, 'client': {'task_interval_s': [0.6, 1.4]},
        'calls': {'callers': callers, 'duration_s': [2, 3]}, 'faults': {'flap_s': [0.2, 2]}}


def response_times(seed, settings):
    """The sorted response times of all tasks that were sent while the calculator restarts; inf without a result."""
    course = Course(seed, scenario.SETTINGS.checked(settings))
    course.run()
    until, is_call = settings['duration_s'], settings['calls']['callers'] > 0
    return sorted([entry.ended_at - entry.sent_at if entry.end == DONE else float('inf')
                   for entry in course.world.ledger.tasks.values()
                   if entry.sent_at < until and (entry.call is not None) == is_call])


@pytest.mark.parametrize('seed', [1, 2, 3])
@pytest.mark.parametrize('settings', [flapping(None, 0), flapping(u'abc', 2)], ids=['notional', 'calls'])
def test_response_times_are_shorter_with_probation_than_without(settings, seed):
    with_it = response_times(seed, settings)
    without = response_times(seed, dict(settings, dispatcher={'flap_events_max': 0}))
    assert len(with_it) == len(without) > 100
    assert sum(with_it) < sum(without)
    for share in (0.5, 0.9):
        assert with_it[int(share * len(with_it))] < without[int(share * len(without))]


#: Name -> (settings of calls, counters that must not be zero).
TROUBLES = {
    'children_die': ({'death': 0.3}, ['calculator.deaths', 'dispatcher.probations']),
    'calls_are_poisonous': ({'poison': 0.1}, ['client.poisonous_calls', 'client.outcome_failed']),
    'calls_are_cancelled': ({'cancel': 0.5}, ['client.called_off', 'calculator.calls_stopped']),
    'functions_do_not_load': ({'no_load': 0.7, 'idle_death_s': [0.2, 1]}, ['failed_loads', 'idle_deaths']),
}  # type: dict


@pytest.mark.parametrize('name', sorted(TROUBLES))
def test_every_rule_holds_when(name):
    calls, wanted = TROUBLES[name]
    check_world(1, {
        'duration_s': 40, 'clients': 1, 'calculators': [{'count': 3, 'capacity': 2, 'work': u'abc'}],
        'calculator': {'outage': RELIABLE}, 'client': {'task_interval_s': [0.1, 0.3]},
        'calls': dict(calls, callers=2, duration_s=[0, 0.6])}, wanted)


def test_only_the_poisonous_call_fails():
    settings = {'duration_s': 40, 'clients': 1, 'calculators': [{'count': 2, 'capacity': 5, 'work': u'abc'}],
                'calls': {'callers': 1, 'poison': 0.1, 'duration_s': [0, 0.6]},
                'client': {'task_interval_s': [0.1, 0.3]}}
    settings = scenario.SETTINGS.checked(settings)
    assert run_world(1, settings)['verdict'] == CLEAN
    with applied('the_neighbours_fail_too'):
        assert run_world(1, settings)['rule'] == 'S22'
