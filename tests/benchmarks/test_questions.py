"""The commands themselves, on so little that they compare nothing: that they run, what they say, what they write."""

from __future__ import absolute_import, division, print_function

import json
import subprocess
import sys

import pytest

from benchmarks.questions import NAMES
from tests.source_tree import ROOT

pytestmark = pytest.mark.skipif(not sys.platform.startswith('linux'), reason='reads what Linux shows')

LITTLE = ['--rounds', '1', '--tries', '1', '--duration', '0.5', '--warm-up', '0.2', '--size', '0.001',
          '--python', sys.executable]


def ask(tmpdir, *arguments):
    out = str(tmpdir.join('results.json'))
    command = [sys.executable, '-m', 'benchmarks'] + list(arguments) + LITTLE + ['--out', out]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               universal_newlines=True)
    said, log = process.communicate()
    return process.returncode, said, log, out


def test_throughput_of_ours_and_a_relay(tmpdir):
    status, said, log, out = ask(tmpdir, 'throughput', '--systems', 'ours,relay_queue,no_such', '--even-disturbed')
    assert (status, log.count('round 1 of 1')) == (0, 2), log
    assert said.count('\n| ') == 4
    with open(out) as file:
        section = json.load(file)['questions']['throughput']
    assert section['is_complete'] is True
    assert len(section['runs']) == 2
    for run in section['runs']:
        assert run['tasks'] > 0
        assert run['tasks_per_s'] == pytest.approx(run['tasks'] / run['duration_s'])
        assert run['total_us'] == pytest.approx(run['broker_us'] + run['workers_us'] + run['client_us'])
        assert 0 < run['p50_us'] <= run['p95_us'] <= run['p99_us'] <= run['max_us']


def test_memory(tmpdir):
    status, said, log, out = ask(tmpdir, 'memory')
    assert status == 0, log
    assert '1,000' in said


def test_a_machine_that_was_disturbed_is_not_compared(tmpdir):
    # Something else that runs, on a machine that may be at rest otherwise; no share is as small as the bound.
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
def test_wrong_usage_is_status_2(tmpdir, arguments, words):
    status, said, log, out = ask(tmpdir, *arguments)
    assert (status, said) == (2, '')
    assert words in log


def test_help_names_every_question():
    said = subprocess.check_output([sys.executable, '-m', 'benchmarks', '--help'], cwd=ROOT).decode('ascii')
    assert all('\n  %s ' % name in said for name in NAMES)
