"""A farm of real programs on loopback: a dispatcher, and calculators that run the functions of a file."""

from __future__ import absolute_import, division, print_function

import os
import sys

from runtime.launcher import ROOT, run
from tests.system.processes import environment

POISON = os.path.join(ROOT, 'tests', 'calculator', 'poison.py')
SAMPLE = os.path.join(ROOT, 'config', 'work.py')


def start(system, calculators=1, capacity=2, work=POISON):
    """Start a dispatcher and calculators, and wait until all offer their functions; returns both.

    An executor in the test's own process leaves no account, so the accounts of a farm are not compared.
    """
    system.is_balanced = True
    dispatcher = system.dispatcher()
    started = [system.calculator('calculator-%d' % number, work=work, capacity=capacity)
               for number in range(1, calculators + 1)]
    dispatcher.says('offers', times=calculators)
    return dispatcher, started


def address(system):
    """For ``Executor`` and ``--dispatcher``."""
    return '%s:%d' % system.address


def run_client(system, arguments, lines=''):
    """Run a client to its end: exit status, standard output, standard error."""
    return run([sys.executable, os.path.join(ROOT, 'run_client.py'), '--dispatcher', address(system)] + list(arguments),
               lines, environment=environment())
