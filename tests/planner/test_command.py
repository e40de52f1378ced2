"""The command line of the planner: its answers, its exit status, and what a signal or a killed process does to it."""

from __future__ import absolute_import, division, print_function

import io
import json
import os
import signal
import subprocess
import sys
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join(ROOT, 'run_simulator.py')

SCENARIO = {
    'duration_s': 30, 'calculators': 4, 'client': {'task_interval_s': {'exponential': 0.5}},
    'calculator': {'task_duration_s': {'exponential': 0.3}, 'outage': {'probability': 0}, 'heartbeat_interval_s': 2}}


@pytest.fixture
def start(tmpdir):
    """Starts the program on a scenario; what is still running in the end is killed."""
    running = []

    def run(*arguments, **changes):
        path = str(tmpdir.join('scenario.json'))
        with open(path, 'w') as file:
            json.dump(dict(SCENARIO, **changes), file)
        process = subprocess.Popen([sys.executable, PROGRAM, '-s', path, '--jobs', '2'] + list(arguments),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        running.append(process)
        return process
    yield run
    for process in running:
        if process.poll() is None:
            process.kill()
            process.communicate()


def answer(process, status=0):
    output, errors = process.communicate()
    assert process.returncode == status, errors.decode('utf-8')
    return json.loads(output.decode('utf-8'))


def leaves(found):
    for value in found.values():
        if isinstance(value, dict) and set(value) >= {'value', 'low', 'high'}:
            yield value
        elif isinstance(value, dict):
            for leaf in leaves(value):
                yield leaf


def test_measure(start):
    found = answer(start('--measure', '--precision', '0.2', '--json'))
    assert found['stable'] and found['precision_reached']
    assert found['replications'] >= 8 and found['tasks'] > 500
    assert {'response_time_s', 'waiting_time_s', 'attempts_per_task', 'busy_share',
            'answered_share'} <= set(found['measures'])
    assert {'mean', 'p50', 'p95', 'p99'} <= set(found['measures']['response_time_s'])
    for leaf in leaves(found['measures']):
        assert leaf['low'] <= leaf['value'] <= leaf['high']
    assert found['measures']['answered_share']['value'] == 1
    # Three clients, two tasks a second each, 0.3 s of work on four calculators.
    assert found['measures']['busy_share']['low'] < 0.45 < found['measures']['busy_share']['high']


def test_the_same_command_gives_the_same_answer_in_one_process_and_in_two(start):
    first, second = (answer(start('--measure', '--precision', '0.3', '--json', '--seed', '4', '--jobs', jobs))
                     for jobs in ('1', '2'))
    assert first == second


def test_an_unstable_scenario(start):
    found = answer(start('--measure', '--json', calculators=1), 1)
    assert (found['stable'], found['measures']) == (False, None)


def test_vary(start):
    found = answer(start('--vary', 'calculators=3,5', '--vary', 'network.loss=0,0.2', '--precision', '0.3', '--json'))
    assert [point['settings'] for point in found['points']] == [
        {'calculators': 3, 'network.loss': 0}, {'calculators': 3, 'network.loss': 0.2},
        {'calculators': 5, 'network.loss': 0}, {'calculators': 5, 'network.loss': 0.2}]
    means = [point['measures']['response_time_s']['mean']['value'] for point in found['points']]
    assert means[0] > means[2] and means[0] < means[1]
    assert found['points'][2]['difference']['mean']['high'] < 0


@pytest.mark.slow
def test_find(start):
    found = answer(start('--find', 'calculators=1..16', '--target', 'p95 <= 1.2', '--json'))
    assert (found['key'], found['target']) == ('calculators', 'p95 <= 1.2')
    assert found['fails']['value'] == found['holds']['value'] - 1
    assert found['holds']['measures']['response_time_s']['p95']['value'] <= 1.2


@pytest.mark.slow
def test_where_nothing_holds(start):
    found = answer(start('--find', 'calculators=1..3', '--target', 'mean <= 0.001', '--json'), 1)
    assert found['holds'] is None


@pytest.mark.parametrize('arguments', [
    ['--measure', '--vary', 'calculators=1,2'], ['--find', 'calculators=1..3'], ['--target', 'p99 <= 1'],
    ['--vary', 'calculators'], ['--vary', 'calculator.speed=1,2'], ['--vary', 'calculators=-1,2'],
    ['--find', 'calculators=1..3', '--target', 'speed <= 1'], ['--measure', '--runs', '3'], ['--budget', '3'],
    ['--measure', '--precision', '0']])
def test_a_question_that_is_none(start, arguments):
    process = start(*arguments)
    output, errors = process.communicate()
    assert process.returncode == 2 and not output
    assert len(errors.decode('utf-8').strip().splitlines()[-1]) < 800


def test_a_budget_ends_it_and_it_says_what_was_reached(start):
    began_at = time.time()
    found = answer(start('--measure', '--precision', '0.0001', '--budget', '3', '--json'))
    assert not found['precision_reached'] and found['replications'] > 0
    assert time.time() - began_at < 30


@pytest.mark.parametrize('number, question', [
    (signal.SIGINT, ['--measure']), (signal.SIGTERM, ['--vary', 'calculators=4..6']),
    pytest.param(signal.SIGINT, ['--find', 'calculators=1..9', '--target', 'mean <= 0.36'], marks=pytest.mark.slow)])
def test_a_signal_leaves_a_usable_answer(start, number, question):
    process = start('--precision', '0.0001', '--json', *question, duration_s=20)
    time.sleep(6)
    if process.poll() is not None:
        pytest.skip('it was ready before')
    process.send_signal(number)
    output, errors = process.communicate()
    assert process.returncode == 130
    assert not errors
    assert json.loads(output.decode('utf-8'))


def children(parent):
    found = []
    for name in os.listdir('/proc'):
        if name.isdigit():
            try:
                with open('/proc/%s/stat' % name) as file:
                    if int(file.read().rpartition(')')[2].split()[1]) == parent:
                        found.append(int(name))
            except (IOError, OSError):
                pass
    return found


@pytest.mark.skipif(not os.path.isdir('/proc/self'), reason='needs /proc')
def test_a_process_that_is_killed_is_replaced_and_the_answer_is_the_same(start):
    expected = answer(start('--measure', '--precision', '0.1', '--json'))
    process = start('--measure', '--precision', '0.1', '--json')
    deadline = time.time() + 20
    killed = 0
    while killed < 2 and time.time() < deadline and process.poll() is None:
        for child in children(process.pid)[:1]:
            os.kill(child, signal.SIGKILL)
            killed += 1
        time.sleep(0.4)
    assert killed
    assert answer(process) == expected


# Recordings.

def test_a_simulation_is_recorded_and_replayed(start, tmpdir):
    path = str(tmpdir.join('run.jsonl'))
    assert answer(start('--events', path, '--seed', '5', '--json', faults={'calculator_crash_s': [3, 9]}))['seed'] == 5
    found = answer(run_alone('--replay', path, '--json'))
    assert found['reproduced'] and found['differing'] == {} and found['recorded'] == found['replayed']
    assert found['tasks'] > 100
    found = answer(run_alone('--replay', path, '--measure', '--json', '--precision', '0.5'))
    assert found['measures']['response_time_s']['p50'] is not None and found['warm_up_share'] == 0
    # Other settings are another run.
    report = str(tmpdir.join('report.html'))
    found = answer(run_alone('--replay', path, '--vary', 'calculators=2,4', '--json', '--precision', '0.5',
                             '--report', report))
    means = [point['measures']['response_time_s']['mean']['value'] for point in found['points']]
    assert means[0] > means[1]
    with io.open(report, encoding='utf-8') as file:
        assert path in file.read()


def run_alone(*arguments):
    return subprocess.Popen([sys.executable, PROGRAM] + list(arguments), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


@pytest.mark.parametrize('arguments, sentence', [
    (['--replay', 'nowhere.jsonl'], 'nowhere.jsonl: No such file or directory'),
    (['--replay', PROGRAM], '%s: line 1 is no event' % PROGRAM),
    (['--replay', os.devnull], '%s: there are no events in it' % os.devnull),
    (['--replay', os.devnull, '--preset', 'calm'], 'a recording is a scenario: leave out --preset'),
    (['--events', 'x.jsonl'], 'this needs a scenario: -s FILE or --preset NAME, or a recording: --replay FILE ...'),
    (['--events', 'x.jsonl', '--preset', 'stormy'], 'faults.poison_s: --events cannot record what this does'),
    (['--events', os.path.join(os.devnull, 'x'), '--preset', 'calm', '--duration', '5'],
     'cannot write events to %s: Not a directory' % os.path.join(os.devnull, 'x')),
    (['--events', 'x.jsonl', '--preset', 'calm', '--measure'],
     '--events records a single run: leave out --measure, --vary and --find')])
def test_a_wrong_recording_is_one_line(arguments, sentence):
    output, errors = run_alone(*arguments).communicate()
    assert (output, errors.decode('utf-8')) == (b'', 'run_simulator.py: %s\n' % sentence)


def test_what_is_recorded_one_by_one_is_not_varied(start, tmpdir):
    path = str(tmpdir.join('run.jsonl'))
    assert start('--events', path, duration_s=5).wait() == 0
    output, errors = run_alone('--replay', path, '--vary', 'calculator.outage.probability=0,1').communicate()
    assert (output, errors.decode('utf-8')) == (
        b'', 'run_simulator.py: calculator.outage.probability cannot be varied: the recording has its values\n')
