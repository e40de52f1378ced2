"""A standard output that takes nothing more, because the disk is full, is told in one line and is status 1."""

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


def outcome_of(program, *options):
    """Exit status and what it says."""
    with open(FULL, 'wb') as full:
        status, _, err = run([sys.executable, os.path.join(ROOT, program)] + list(options), out=full)
    return err, status


def lost(program):
    return '%s: standard output: No space left on device\n' % program, 1


@pytest.mark.parametrize('program, option', [(program, '--version') for program in PROGRAMS] + [
    (program, '--check') for program in PROGRAMS[:3]] + [('run_client.py', '--help')])
def test_what_was_only_asked_for(program, option):
    assert outcome_of(program, option) == lost(program)


@pytest.mark.parametrize('options', [[], ['--json']], ids=['for people', 'for programs'])
def test_the_account_at_the_end(system, tmpdir, options):
    dispatcher = system.dispatcher()
    system.calculator('calculator', capacity=4)
    path = tmpdir.join('client.json')
    path.write(json.dumps({'dispatcher': {'host': dispatcher.address[0], 'port': dispatcher.address[1]},
                           'task_interval_s': [0, 0], 'in_flight_max': 3}))
    err, status = outcome_of('run_client.py', '-s', str(path), '--tasks', '3', '--log-level', 'error', *options)
    assert (err, status) == lost('run_client.py')
    eventually(lambda: dispatcher.status['running'] == dispatcher.status['waiting'] == 0, 'all are answered')
    # One of the three could not give its account.
    system.is_balanced = True
    dispatcher.end()
    assert dispatcher.account['outcomes']['done'] == 3


def test_what_the_demo_shows(tmpdir):
    err, status = outcome_of('run_demo.py', '--duration', '600', '--calculators', '1', '--clients', '1')
    assert (err, status) == lost('run_demo.py')
