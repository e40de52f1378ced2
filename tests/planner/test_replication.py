"""Replications: deterministic, with common random numbers for similar scenarios, and with correct sums."""

from __future__ import absolute_import, division, print_function

import json
import os
import subprocess
import sys

import pytest

from client.core import ClientCore
from planner.recorder import Recorder
from planner.replication import PACKAGES, row_of
from planner.world import MeasuredWorld, PlannedFaults, stream
from simulator import scenario
from tests.source_tree import ROOT

QUIET = {'outage': {'probability': 0}, 'task_duration_s': {'exponential': 0.5}}


def settings(**changes):
    changes.setdefault('duration_s', 60)
    changes.setdefault('calculator', QUIET)
    changes.setdefault('client', {'task_interval_s': {'exponential': 0.5}})
    return scenario.SETTINGS.checked(changes)


def total(row, name):
    return sum(segment[name] for segment in row['segments'])


def recorded(seed, made):
    """Run a world; returns its recorder."""
    recorder = Recorder()
    world = MeasuredWorld(seed, scenario.copied(made), recorder)
    recorder.network = world.network
    world.start()
    PlannedFaults(world).begin()
    world.run_until(made['duration_s'])
    return recorder


def test_the_row_depends_on_the_seed_only():
    made = settings(faults={'calculator_crash_s': [5, 20]}, network={'loss': 0.1})
    first, second, other = (json.dumps(row_of(seed, made), sort_keys=True) for seed in (1, 1, 2))
    assert first == second != other


def test_the_numbers_of_a_stream_are_the_same_on_every_python():
    assert stream(1, 'arrivals', 'client-1', 1).random() == pytest.approx(0.5498126126537449, abs=1e-15)


def test_the_sums_of_a_row_agree():
    row = row_of(3, settings(faults={'calculator_crash_s': [2, 6]}, calculators=4))
    assert row['error'] is None
    ends = {}
    for segment in row['segments']:
        for end, number in segment['ends'].items():
            ends[end] = ends.get(end, 0) + number
    assert sum(ends.values()) == row['tasks'] == total(row, 'tasks') > 200
    assert total(row, 'attempts') > row['tasks'], 'no attempt was lost'
    assert 0 < total(row, 'useful_s') < total(row, 'work_s')
    assert sum(segment['reassignment']['number'] for segment in row['segments']) > 5
    assert 0 < total(row, 'busy_s') < total(row, 'in_order_s') < total(row, 'slots_s') == pytest.approx(4 * 60)


def test_without_faults_no_work_is_wasted():
    row = row_of(3, settings())
    assert total(row, 'useful_s') == total(row, 'work_s')
    assert total(row, 'attempts') == row['tasks']
    assert total(row, 'false_suspicions') == 0
    # Each task needs four datagrams and their acknowledgements. The others are heartbeats.
    assert 8 * row['tasks'] < total(row, 'datagrams') < 60 * row['tasks']


def test_another_calculator_changes_no_other_draw():
    few, many = (recorded(5, settings(calculators=number)) for number in (6, 7))
    assert sorted(few.tasks) == sorted(many.tasks)
    for task_id, task in few.tasks.items():
        assert task.intended_at == pytest.approx(many.tasks[task_id].intended_at, abs=1e-3)
    lengths = [dict(zip(sorted(recorder.tasks), sorted(work.duration_s for work in recorder.works)))
               for recorder in (few, many)]
    assert lengths[0] == lengths[1]


def test_outages_of_a_calculator_do_not_depend_on_the_others():
    made = {'task_duration_s': [0.1, 0.2], 'outage': {'check_interval_s': {'exponential': 10}, 'probability': 1}}
    few, many = (recorded(5, settings(calculators=number, calculator=made)) for number in (2, 5))
    for name in ('calculator-1', 'calculator-2'):
        outages = [[state[0] for before, state in zip(recorder.states[name], recorder.states[name][1:])
                    if before[2] and not state[2]] for recorder in (few, many)]
        assert len(outages[0]) >= 2
        assert outages[0] == pytest.approx(outages[1], abs=1e-6)


def test_members_of_groups_start_and_stop_at_scheduled_events():
    made = settings(
        calculators=[{'count': 2}, {'count': 1, 'capacity': 4, 'task_duration_s': {'constant': 0.25}}],
        clients=[{'count': 1}, {'count': 2, 'task_interval_s': {'constant': 2}}],
        events=[{'at_s': 20, 'kill': 'calculator-1'}, {'at_s': 30, 'restart_share': 1},
                {'at_s': 50, 'kill': 'calculator-2', 'back_after_s': 5}], faults={'restart_s': [2, 2]})
    recorder = recorded(1, made)
    assert sorted(recorder.states) == ['calculator-1', 'calculator-2', 'calculator-3']
    assert sorted({task_id.split(':')[0] for task_id in recorder.tasks}) == ['client-1', 'client-2', 'client-3']
    slots = {name: [(round(state[0]), state[2]) for before, state in zip([(0, 0, 0)] + states, states)
                    if before[2] != state[2]] for name, states in recorder.states.items()}
    assert slots == {'calculator-1': [(0, 1), (20, 0)],
                     'calculator-2': [(0, 1), (30, 0), (32, 1), (50, 0), (55, 1)],
                     'calculator-3': [(0, 4), (30, 0), (32, 4)]}


def test_a_higher_cost_of_rows_makes_response_times_longer():
    quick, slow = (row_of(2, settings(calculator=dict(QUIET, task_duration_s={'constant': 0.1}),
                                      turn_cost_s={'turn': 0.00005, 'row': cost})) for cost in (0, 0.02))
    mean = [sum(segment['response']['total_s'] for segment in row['segments']) / row['tasks']
            for row in (quick, slow)]
    assert mean[0] < 0.12 < 0.15 < mean[1]


def test_tasks_of_killed_clients_are_left_out():
    row = row_of(1, settings(faults={'client_crash_s': [5, 10]}))
    assert row['error'] is None
    assert not any('client_gone' in segment['ends'] for segment in row['segments'])


def test_a_wrong_result_is_an_error(monkeypatch):
    monkeypatch.setattr('calculator.core.CalculatorCore._compute', lambda self, payload: (u'00000000', None))
    assert row_of(1, settings(duration_s=5))['error'] is not None


def test_a_second_outcome_of_a_task_is_an_error(monkeypatch):
    emit = ClientCore.emit

    def twice(self, now, kind, **facts):
        emit(self, now, kind, **facts)
        if kind == 'answered':
            emit(self, now, kind, **facts)
    monkeypatch.setattr(ClientCore, 'emit', twice)
    assert row_of(1, settings(duration_s=5))['error'].startswith('S2')


def test_a_replication_imports_exactly_the_packages_that_a_cluster_gets():
    names = subprocess.check_output([
        sys.executable, '-c', 'import sys, planner.replication; print(" ".join(sys.modules))'], cwd=ROOT)
    imported = {name.split('.')[0] for name in names.decode('ascii').split()}
    assert {name for name in imported if os.path.isdir(os.path.join(ROOT, name))} == set(PACKAGES)
