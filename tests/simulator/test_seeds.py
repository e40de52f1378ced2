"""Worlds of seeds that failed once, worlds of presets, and the command line of the simulator."""

from __future__ import absolute_import, division, print_function

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

import run_simulator
from simulator import scenario
from simulator.batch import RARE_PATHS, RUNS_FOR_RARE_PATHS, Batch
from simulator.run import CLEAN, draw_settings, run_world

SEEDS_FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'seeds.txt')

#: A world takes seconds of processor time.
pytestmark = pytest.mark.timeout(600)

#: Seed -> hash of its world, the same on every Python. A change of the product changes them. The new ones must be the
#: same on 2.7 and on the oldest and newest 3.x.
HASHES = {1: '6c8d7a42', 2: '619d9d54', 3: 'bf7c68d4', 9: 'c31da378', 11: '100d1096', 17: 'cf37de18', 18: 'e4c35954'}


def failed_once():
    with open(SEEDS_FILE) as lines:
        return [int(line.split()[0]) for line in lines if line.strip() and not line.startswith('#')]


def check_clean(result):
    assert result['verdict'] == CLEAN, '%(verdict)s %(rule)s: %(sentence)s, seed %(seed)d' % result


@pytest.mark.slow
@pytest.mark.parametrize('seed', failed_once())
def test_a_seed_that_failed_once_keeps_all_rules(seed):
    check_clean(run_world(seed, draw_settings(seed)))


@pytest.mark.slow
@pytest.mark.parametrize('preset', sorted(scenario.PRESETS))
def test_a_preset_keeps_all_rules(preset):
    check_clean(run_world(1, scenario.preset(preset)))


def test_without_faults_no_row_is_sent_again_and_every_first_attempt_succeeds():
    result = run_world(1, scenario.preset('calm'))
    paths = result['paths']
    assert result['ledger']['tasks'] == result['ledger']['answered'] == paths['dispatcher.attempt_result'] > 100
    assert paths['client.resent'] + paths['dispatcher.resent'] == 0


@pytest.mark.parametrize('seed', sorted(HASHES))
def test_a_seed_is_the_same_world_on_every_python(seed):
    assert run_world(seed, draw_settings(seed))['hash'] == HASHES[seed]


def test_a_large_batch_must_take_every_rare_path():
    batch = Batch()
    result = dict(run_world(9, draw_settings(9)), cpu_s=0.1)
    for _ in range(RUNS_FOR_RARE_PATHS - 1):
        batch.add(result)
    assert batch.untaken == []
    batch.add(result)
    assert set(batch.untaken) == {path for path in RARE_PATHS if not batch.counts.get(path)} != set()


def run(capfd, *arguments):
    status = run_simulator.run(list(arguments))
    output, errors = capfd.readouterr()
    return status, output, errors


def test_the_sample_settings_run(capfd):
    sample = os.path.join(os.path.dirname(os.path.abspath(run_simulator.__file__)), 'config', 'simulation.json')
    status, output, _ = run(capfd, '-s', sample, '--duration', '5', '--json')
    assert status == 0
    assert '"verdict": "clean"' in output


def test_the_history_of_a_task_begins_when_it_is_sent_and_ends_when_it_is_answered(capfd):
    status, whole, _ = run(capfd, '--preset', 'calm', '--duration', '3', '--trace')
    task_id = re.findall(r'Task (\S+): sent\.', whole)[0]
    assert status == 0
    _, story, _ = run(capfd, '--preset', 'calm', '--duration', '3', '--task', task_id)
    lines = story.splitlines()
    assert lines[0].endswith('Task %s: sent.' % task_id)
    assert 'reported' in lines[-1]
    client, _, number = task_id.split(':')
    assert all(task_id in line or (client in line and '[%s, ' % number in line) for line in lines)


def test_an_unknown_task_is_an_error_of_one_line(capfd):
    status, output, errors = run(capfd, '--preset', 'stormy', '--duration', '20', '--task', 'client-9:aaaaaaaa:1')
    assert (status, output) == (2, '')
    assert errors.splitlines() == [
        'run_simulator.py: the world of seed 1 has no task "client-9:aaaaaaaa:1"; --trace names all of them']


@pytest.mark.parametrize('option', [['--trace'], ['--task', 'any']])
def test_a_history_needs_a_single_world(capfd, option):
    with pytest.raises(SystemExit) as ended:
        run(capfd, '--runs', '2', *option)
    assert ended.value.code == 2
    assert 'leave out --runs' in capfd.readouterr()[1]


@pytest.mark.slow
@pytest.mark.parametrize('preset, seed, places', [
    ('durable', '1', ['before its commit', 'after its commit', 'after sending', 'between two turns']),
    ('stormy', '3', ['while sending', 'after sending', 'between two turns'])])
def test_a_history_names_the_place_of_a_kill(capfd, preset, seed, places):
    _, story, _ = run(capfd, '--preset', preset, '--seed', seed, '--trace')
    assert {line.split(' killed ')[1] for line in story.splitlines() if ' killed ' in line} == set(places)


@pytest.mark.parametrize('seed', [0, -5])
def test_zero_and_negative_numbers_are_seeds(capfd, seed):
    assert run(capfd, '--preset', 'calm', '--seed', str(seed), '--duration', '2')[0] == 0


# The other presets are the calm one with a hundred times as many events.
@pytest.mark.parametrize('preset', sorted(set(scenario.PRESETS) - {'busy', 'crowd'}))
def test_a_preset_has_a_history(capfd, preset):
    status, story, _ = run(capfd, '--preset', preset, '--duration', '10', '--trace')
    assert status == 0
    assert len(story.splitlines()) > 100


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGHUP])
def test_after_a_signal_the_results_so_far_are_printed(number):
    for seconds in (2, 8, 40):
        # A terminal sends the signal to the whole process group.
        process = subprocess.Popen(
            [sys.executable, run_simulator.__file__.replace('.pyc', '.py'), '--preset', 'calm', '--duration', '2',
             '--runs', '100000', '--jobs', '2', '--json'],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=os.setpgrp)
        time.sleep(seconds)
        os.killpg(process.pid, number)
        output, errors = process.communicate()
        answer = json.loads(output.decode('ascii'))
        assert process.returncode == 130
        assert not answer['complete']
        assert errors == b''
        if answer['runs'] > 0:
            return
    pytest.fail('no world was complete after %d s' % seconds)
