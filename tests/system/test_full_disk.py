"""Standard output on a full disk: one line on standard error, and status 1."""

from __future__ import absolute_import, division, print_function

import json
import os
import sys

import pytest

from runtime.launcher import run
from tests.source_tree import ROOT
from tests.system.processes import eventually

FULL = '/dev/full'
PROGRAMS = ['run_client.py', 'run_dispatcher.py', 'run_calculator.py', 'run_demo.py', 'run_simulator.py',
            'run_monitor.py']

pytestmark = pytest.mark.skipif(not os.path.exists(FULL), reason='this system has no device that is always full')


def check_output_is_lost(program, *options):
    with open(FULL, 'wb') as full:
        status, _, err = run([sys.executable, os.path.join(ROOT, program)] + list(options), out=full)
    assert (status, err) == (1, '%s: standard output: No space left on device\n' % program)


@pytest.mark.parametrize('program, option', [(program, '--version') for program in PROGRAMS] + [
    ('run_calculator.py', '--check'), ('run_client.py', '--help')])
def test_the_text_of_an_option_is_lost(program, option):
    check_output_is_lost(program, option)


@pytest.mark.parametrize('options', [[], ['--json']], ids=['for people', 'for programs'])
def test_the_account_at_the_end_is_lost(system, tmpdir, options):
    dispatcher = system.dispatcher()
    system.calculator('calculator', capacity=4)
    path = tmpdir.join('client.json')
    path.write(json.dumps({'dispatcher': {'host': dispatcher.address[0], 'port': dispatcher.address[1]},
                           'task_interval_s': [0, 0], 'in_flight_max': 3}))
    check_output_is_lost('run_client.py', '-s', str(path), '--tasks', '3', '--log-level', 'error', *options)
    eventually(lambda: dispatcher.status['running'] == dispatcher.status['waiting'] == 0, 'all tasks are done')
    # The client has no account to compare.
    system.is_balanced = True
    dispatcher.end()
    assert dispatcher.account['outcomes']['done'] == 3


def test_the_demo_ends_when_its_output_is_lost():
    check_output_is_lost('run_demo.py', '--duration', '600', '--calculators', '1', '--clients', '1')
