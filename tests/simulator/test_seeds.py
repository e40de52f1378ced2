"""Worlds drawn from seeds: those that failed once, those of the presets, and the same world twice."""

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

#: A world takes seconds of a processor, and on a machine with other things to do there are few of them in a minute.
pytestmark = pytest.mark.timeout(600)

#: What some worlds came to on the Python that this was written on. A change of the product changes them, and then they
#: are replaced by the new ones, which must be the same on 2.7 and on the oldest and newest 3.x.
HASHES = {1: '6c8d7a42', 2: '619d9d54', 3: 'bf7c68d4', 9: 'c31da378', 11: '100d1096'}


def failed_once():
    with open(SEEDS_FILE) as lines:
        return [int(line.split()[0]) for line in lines if line.strip() and not line.startswith('#')]


def complaint(result):
    return None if result['verdict'] == CLEAN else '%(verdict)s %(rule)s: %(sentence)s, seed %(seed)d' % result


@pytest.mark.slow
@pytest.mark.parametrize('seed', failed_once())
def test_what_failed_once_fails_no_more(seed):
    assert complaint(run_world(seed, draw_settings(seed))) is None


@pytest.mark.slow
@pytest.mark.parametrize('preset', sorted(scenario.PRESETS))
def test_a_preset_keeps_every_promise(preset):
    assert complaint(run_world(1, scenario.preset(preset))) is None


def test_without_faults_nothing_is_resent_and_everything_is_done_at_once():
    result = run_world(1, scenario.preset('calm'))
    paths = result['paths']
    assert result['ledger']['tasks'] == result['ledger']['answered'] == paths['dispatcher.attempt_result'] > 100
    assert paths['client.resent'] + paths['dispatcher.resent'] == 0


@pytest.mark.parametrize('seed', sorted(HASHES))
def test_a_seed_is_the_same_world_on_every_python(seed):
    assert run_world(seed, draw_settings(seed))['hash'] == HASHES[seed]


def test_the_same_seed_twice_is_the_same_world_and_another_is_not():
    first, second, other = [run_world(seed, draw_settings(seed)) for seed in (17, 17, 18)]
    assert first == second
    assert first['hash'] != other['hash']


def test_a_large_batch_has_to_take_every_rare_path():
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


def test_the_story_of_a_task_begins_with_its_sending_and_ends_with_its_answer(capfd):
    status, whole, _ = run(capfd, '--preset', 'calm', '--duration', '3', '--trace')
    task_id = re.findall(r'Task (\S+): sent\.', whole)[0]
    assert status == 0
    _, story, _ = run(capfd, '--preset', 'calm', '--duration', '3', '--task', task_id)
    lines = story.splitlines()
    assert lines[0].endswith('Task %s: sent.' % task_id)
    assert 'reported' in lines[-1]
    client, _, number = task_id.split(':')
    assert all(task_id in line or (client in line and '[%s, ' % number in line) for line in lines)


def test_a_task_that_never_was_is_one_line_and_a_mistake(capfd):
    status, output, errors = run(capfd, '--preset', 'stormy', '--duration', '20', '--task', 'client-9:aaaaaaaa:1')
    assert (status, output) == (2, '')
    assert errors.splitlines() == [
        'run_simulator.py: the world of seed 1 has no task "client-9:aaaaaaaa:1"; --trace names all of them']


@pytest.mark.parametrize('option', [['--trace'], ['--task', 'any']])
def test_a_story_is_that_of_one_world(capfd, option):
    with pytest.raises(SystemExit) as ended:
        run(capfd, '--runs', '2', *option)
    assert ended.value.code == 2
    assert 'leave out --runs' in capfd.readouterr()[1]


@pytest.mark.slow
@pytest.mark.parametrize('preset, seed, places', [
    ('durable', '1', ['before its commit', 'after its commit', 'after sending', 'between two turns']),
    ('stormy', '3', ['while sending', 'after sending', 'between two turns'])])
def test_a_story_says_where_a_kill_struck(capfd, preset, seed, places):
    _, story, _ = run(capfd, '--preset', preset, '--seed', seed, '--trace')
    assert {line.split(' killed ')[1] for line in story.splitlines() if ' killed ' in line} == set(places)


@pytest.mark.parametrize('seed', [0, -5])
def test_any_number_is_a_seed(capfd, seed):
    assert run(capfd, '--preset', 'calm', '--seed', str(seed), '--duration', '2')[0] == 0


# The others are the calm one with a hundred times as much to tell, and nothing else.
@pytest.mark.parametrize('preset', sorted(set(scenario.PRESETS) - {'busy', 'crowd'}))
def test_every_line_of_a_story_can_be_told(capfd, preset):
    status, story, _ = run(capfd, '--preset', preset, '--duration', '10', '--trace')
    assert status == 0
    assert len(story.splitlines()) > 100


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_what_was_found_so_far(number):
    # As from a terminal: the signal goes to all of the process group.
    process = subprocess.Popen(
        [sys.executable, run_simulator.__file__.replace('.pyc', '.py'), '--preset', 'calm', '--duration', '2',
         '--runs', '100000', '--jobs', '2', '--json'],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=os.setpgrp)
    time.sleep(5)
    os.killpg(process.pid, number)
    output, errors = process.communicate()
    answer = json.loads(output.decode('ascii'))
    assert process.returncode == 130
    assert answer['runs'] > 0
    assert not answer['complete']
    assert errors == b''
