"""The commands: exit status, output and result file. The runs are too short for useful figures."""

from __future__ import absolute_import, division, print_function

import json
import subprocess
import sys

import pytest

from benchmarks.questions import NAMES
from runtime import launcher
from tests.source_tree import ROOT

pytestmark = pytest.mark.skipif(not sys.platform.startswith('linux'), reason='reads what Linux shows')

LITTLE = ['--rounds', '1', '--tries', '1', '--duration', '0.5', '--warm-up', '0.2', '--size', '0.001',
          '--python', sys.executable]


def ask(tmpdir, *arguments):
    out = str(tmpdir.join('results.json'))
    command = [sys.executable, '-m', 'benchmarks'] + list(arguments) + LITTLE + ['--out', out]
    return launcher.run(command) + (out,)


def test_the_result_file_of_throughput_has_consistent_figures(tmpdir):
    status, said, log, out = ask(tmpdir, 'throughput', '--systems', 'ours,relay,no_such', '--even-disturbed')
    assert (status, log.count('round 1 of 1')) == (0, 2), log
    assert said.count('\n| ') == 4
    with open(out) as file:
        section = json.load(file)['questions']['throughput']
    assert section['is_complete'] is True
    assert len(section['runs']) == 2
    for run in section['runs']:
        assert run['tasks'] > 0
        # The result file has five digits.
        assert run['tasks_per_s'] == pytest.approx(run['tasks'] / run['duration_s'], rel=1e-3)
        assert run['total_us'] == pytest.approx(run['broker_us'] + run['workers_us'] + run['client_us'], rel=1e-3)
        assert 0 < run['p50_us'] <= run['p95_us'] <= run['p99_us'] <= run['max_us']


@pytest.mark.parametrize('question, words', [
    ('memory', 'finished tasks'), pytest.param('simulation', 'p50 with 30 % loss', marks=pytest.mark.slow)])
def test_a_question_about_this_system_alone_has_an_answer(tmpdir, question, words):
    status, said, log, out = ask(tmpdir, question, '--systems', 'ours', '--even-disturbed')
    assert status == 0, log
    assert words in said


@pytest.mark.slow
def test_the_detection_of_a_killed_worker_is_measured(tmpdir):
    status, said, log, out = ask(tmpdir, 'detection', '--systems', 'ours')
    assert status == 0, log
    with open(out) as file:
        run, = json.load(file)['questions']['detection']['runs']
    assert 0 < run['killed_s'] < 10


def test_disturbed_runs_are_not_compared(tmpdir):
    # Any share of another process is above the bound.
    other = subprocess.Popen([sys.executable, '-c', 'while True: pass'])
    try:
        status, said, log, out = ask(tmpdir, 'latency', '--systems', 'ours', '--others-max', '1e-9')
    finally:
        other.kill()
        other.wait()
    assert status == 1, log
    assert '1 of 1 runs were disturbed' in said


@pytest.mark.parametrize('arguments, words', [
    (['no_such'], 'invalid choice'), (['latency', '--rounds', '0'], '--rounds'),
    (['latency', '--python', '/no/such/python'], 'no Python: /no/such/python')])
def test_wrong_usage_has_exit_status_2(tmpdir, arguments, words):
    status, said, log, out = ask(tmpdir, *arguments)
    assert (status, said) == (2, '')
    assert words in log


def test_help_names_every_question():
    said = subprocess.check_output([sys.executable, '-m', 'benchmarks', '--help'], cwd=ROOT).decode('ascii')
    assert all('\n  %s ' % name in said for name in NAMES)
