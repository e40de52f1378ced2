"""A farm of real programs on loopback: a dispatcher, and calculators that run the functions of a file."""

from __future__ import absolute_import, division, print_function

import os
import subprocess
import sys

from tests.source_tree import ROOT
from tests.system.processes import default_signals, environment

POISON = os.path.join(ROOT, 'tests', 'calculator', 'poison.py')


def start(system, calculators=1, capacity=2, work=POISON, **settings):
    """Start a dispatcher and calculators, and wait until all offer their functions; returns both."""
    dispatcher = system.dispatcher()
    started = [system.calculator('calculator-%d' % number, work=work, capacity=capacity, **settings)
               for number in range(1, calculators + 1)]
    dispatcher.says('offers', times=calculators)
    return dispatcher, started


def address(system):
    """For ``Executor`` and ``--dispatcher``."""
    return '%s:%d' % system.address


def run_client(system, arguments, lines=''):
    """A client to its end: exit status, standard output, standard error."""
    process = subprocess.Popen(
        [sys.executable, os.path.join(ROOT, 'run_client.py'), '--dispatcher', address(system)] + list(arguments),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, env=environment(),
        close_fds=True, preexec_fn=default_signals)
    out, err = process.communicate(lines.encode('utf-8'))
    return process.returncode, out.decode('utf-8'), err.decode('utf-8')
