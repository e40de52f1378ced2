"""The simulator as a program: its command line, its answer, and its worker processes."""

from __future__ import absolute_import, division, print_function

import json
import os
import subprocess
import sys

from tests.source_tree import ROOT

PROGRAM = os.path.join(ROOT, 'run_simulator.py')

SCENARIO = {
    'duration_s': 30, 'calculators': 4, 'client': {'task_interval_s': {'exponential': 0.5}},
    'calculator': {'task_duration_s': {'exponential': 0.3}, 'outage': {'probability': 0}, 'heartbeat_interval_s': 2}}


def simulator(*arguments):
    return subprocess.Popen([sys.executable, PROGRAM] + list(arguments), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def answer(process, status=0):
    """Wait for the end; returns the JSON object on standard output."""
    output, errors = process.communicate()
    assert process.returncode == status, errors.decode('utf-8')
    return json.loads(output.decode('utf-8'))


def children(parent):
    """The child processes of a process, on Linux."""
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
