"""Ctrl-C while a program is being imported ends it without output. Status 0 of the simulator means "all clean"."""

from __future__ import absolute_import, division, print_function

import sys

import pytest

from runtime.launcher import run

PROGRAMS = ['run_client.py', 'run_dispatcher.py', 'run_calculator.py', 'run_demo.py', 'run_simulator.py',
            'run_monitor.py']

# Runs a program as the shell does, and counts what it imports; the module of a given number is not found before a
# SIGINT has come.
INTERRUPTED = '''
import os, runpy, signal, sys

sys.path.insert(0, os.getcwd())

class Finder(object):
    count = 0

    def find_spec(self, name, path=None, target=None):
        # What comes before these is there to catch it.
        if self.count or name in ('argparse', 'client', 'dispatcher', 'calculator'):
            self.count += 1
        if self.count == int(number):
            os.kill(os.getpid(), signal.SIGINT)

    def find_module(self, name, path=None):
        return self.find_spec(name)

finder = Finder()
sys.meta_path.insert(0, finder)
_, number, program = sys.argv
sys.argv = [program, '--version']
try:
    runpy.run_path(program, run_name='__main__')
finally:
    if finder.count < int(number):
        sys.stderr.write('%d imports' % finder.count)
'''


def outcome_of(program, number):
    """What a program says on both streams, and its exit status, if it is interrupted at its import of that number."""
    status, out, err = run([sys.executable, '-c', INTERRUPTED, str(number), program])
    return out, err, status


@pytest.mark.parametrize('program', PROGRAMS)
def test_it_ends_without_a_word(program):
    out, err, status = outcome_of(program, 10000)
    assert (out.count('\n'), status) == (1, 0)
    imports = int(err.split()[0])
    assert imports > 20
    for number in range(1, imports, imports // 4):
        assert outcome_of(program, number) == ('', '', 130 if program == 'run_simulator.py' else 0), number
