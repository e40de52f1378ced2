"""The command line of the planner: answers, exit status, signals, killed worker processes, recordings."""

from __future__ import absolute_import, division, print_function

import io
import json
import os
import signal
import time

import pytest

from tests.planner.programs import PROGRAM, answer, children, simulator


def intervals(found):
    """All intervals at any depth of an answer."""
    for value in found.values():
        if isinstance(value, dict) and set(value) >= {'value', 'low', 'high'}:
            yield value
        elif isinstance(value, dict):
            for interval in intervals(value):
                yield interval


def test_measure_answers_with_measures_and_their_intervals(start):
    found = answer(start('--measure', '--precision', '0.2', '--json'))
    assert found['stable'] and found['precision_reached']
    assert found['replications'] >= 8 and found['tasks'] > 500
    assert {'response_time_s', 'waiting_time_s', 'attempts_per_task', 'busy_share',
            'answered_share'} <= set(found['measures'])
    assert {'mean', 'p50', 'p95', 'p99'} <= set(found['measures']['response_time_s'])
    for interval in intervals(found['measures']):
        assert interval['low'] <= interval['value'] <= interval['high']
    assert found['measures']['answered_share']['value'] == 1
    # Three clients with two tasks per second each; four calculators, 0.3 s per task.
    assert found['measures']['busy_share']['low'] < 0.45 < found['measures']['busy_share']['high']


def test_the_answer_is_the_same_with_one_worker_process_and_two(start):
    first, second = (answer(start('--measure', '--precision', '0.3', '--json', '--seed', '4', '--jobs', jobs))
                     for jobs in ('1', '2'))
    assert first == second


def test_an_unstable_scenario_has_no_measures(start):
    found = answer(start('--measure', '--json', calculators=1), 1)
    assert (found['stable'], found['measures']) == (False, None)


def test_vary_compares_all_combinations(start):
    found = answer(start('--vary', 'calculators=3,5', '--vary', 'network.loss=0,0.2', '--precision', '0.3', '--json'))
    assert [point['settings'] for point in found['points']] == [
        {'calculators': 3, 'network.loss': 0}, {'calculators': 3, 'network.loss': 0.2},
        {'calculators': 5, 'network.loss': 0}, {'calculators': 5, 'network.loss': 0.2}]
    means = [point['measures']['response_time_s']['mean']['value'] for point in found['points']]
    assert means[0] > means[2] and means[0] < means[1]
    assert found['points'][2]['difference']['mean']['high'] < 0


@pytest.mark.slow
def test_find_answers_with_the_smallest_fleet_that_meets_the_target(start):
    found = answer(start('--find', 'calculators=1..16', '--target', 'p95 <= 1.2', '--json'))
    assert (found['key'], found['target']) == ('calculators', 'p95 <= 1.2')
    assert found['fails']['value'] == found['holds']['value'] - 1
    assert found['holds']['measures']['response_time_s']['p95']['value'] <= 1.2


@pytest.mark.slow
def test_find_without_an_answer_has_exit_status_1(start):
    found = answer(start('--find', 'calculators=1..3', '--target', 'mean <= 0.001', '--json'), 1)
    assert found['holds'] is None


@pytest.mark.parametrize('arguments', [
    ['--measure', '--vary', 'calculators=1,2'], ['--find', 'calculators=1..3'], ['--target', 'p99 <= 1'],
    ['--vary', 'calculators'], ['--vary', 'calculators=-1,2'],
    ['--find', 'calculators=1..3', '--target', 'speed <= 1'], ['--measure', '--runs', '3'], ['--budget', '3'],
    ['--measure', '--precision', '0']])
def test_a_wrong_question_is_an_error(start, arguments):
    process = start(*arguments)
    output, errors = process.communicate()
    assert process.returncode == 2 and not output
    assert len(errors.decode('utf-8').strip().splitlines()[-1]) < 800


def test_after_its_budget_the_answer_has_the_precision_so_far(start):
    began_at = time.time()
    found = answer(start('--measure', '--precision', '0.0001', '--budget', '2', '--json'))
    assert not found['precision_reached'] and found['replications'] > 0
    assert time.time() - began_at < 30


@pytest.mark.parametrize('number, question', [
    (signal.SIGINT, ['--measure']), (signal.SIGTERM, ['--vary', 'calculators=4..6']),
    pytest.param(signal.SIGINT, ['--find', 'calculators=1..9', '--target', 'mean <= 0.36'], marks=pytest.mark.slow)])
def test_after_a_signal_the_answer_so_far_is_printed(start, number, question):
    process = start('--precision', '0.0001', '--json', *question, duration_s=20)
    time.sleep(4)
    if process.poll() is not None:
        pytest.skip('the answer was ready before the signal')
    process.send_signal(number)
    output, errors = process.communicate()
    assert process.returncode == 130
    assert not errors
    assert json.loads(output.decode('utf-8'))


@pytest.mark.skipif(not os.path.isdir('/proc/self'), reason='needs /proc')
def test_a_killed_worker_process_is_replaced_and_the_answer_is_the_same(start):
    expected = answer(start('--measure', '--precision', '0.15', '--json'))
    process = start('--measure', '--precision', '0.15', '--json')
    deadline = time.time() + 20
    killed = 0
    while killed < 2 and time.time() < deadline and process.poll() is None:
        for child in children(process.pid)[:1]:
            os.kill(child, signal.SIGKILL)
            killed += 1
        time.sleep(0.4)
    assert killed
    assert answer(process) == expected


def test_a_simulation_is_recorded_and_replayed(start, tmpdir):
    path = str(tmpdir.join('run.jsonl'))
    assert answer(start('--events', path, '--seed', '5', '--json', faults={'calculator_crash_s': [3, 9]}))['seed'] == 5
    found = answer(simulator('--replay', path, '--json'))
    assert found['reproduced'] and found['differing'] == {} and found['recorded'] == found['replayed']
    assert found['tasks'] > 100
    found = answer(simulator('--replay', path, '--measure', '--json', '--precision', '0.5'))
    assert found['measures']['response_time_s']['p50'] is not None and found['warm_up_share'] == 0
    # With other settings.
    report = str(tmpdir.join('report.html'))
    found = answer(simulator('--replay', path, '--vary', 'calculators=2,4', '--json', '--precision', '0.5',
                             '--report', report))
    means = [point['measures']['response_time_s']['mean']['value'] for point in found['points']]
    assert means[0] > means[1]
    with io.open(report, encoding='utf-8') as file:
        assert path in file.read()


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
def test_a_wrong_recording_is_an_error_of_one_line(arguments, sentence):
    output, errors = simulator(*arguments).communicate()
    assert (output, errors.decode('utf-8')) == (b'', 'run_simulator.py: %s\n' % sentence)


def test_a_key_whose_values_are_recorded_cannot_be_varied(start, tmpdir):
    path = str(tmpdir.join('run.jsonl'))
    assert start('--events', path, duration_s=5).wait() == 0
    output, errors = simulator('--replay', path, '--vary', 'calculator.outage.probability=0,1').communicate()
    assert (output, errors.decode('utf-8')) == (
        b'', 'run_simulator.py: calculator.outage.probability cannot be varied: the recording has its values\n')
