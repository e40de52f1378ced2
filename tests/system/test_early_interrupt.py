"""Ctrl-C during the imports of a program ends it without output."""

from __future__ import absolute_import, division, print_function

import sys

import pytest

from runtime.launcher import run

PROGRAMS = ['run_client.py', 'run_dispatcher.py', 'run_calculator.py', 'run_demo.py', 'run_simulator.py',
            'run_monitor.py']

# Runs a program with --version and counts its imports. At the import of a given number it sends itself SIGINT.
INTERRUPTED = '''
import os, runpy, signal, sys

sys.path.insert(0, os.getcwd())

class Finder(object):
    count = 0

    def find_spec(self, name, path=None, target=None):
        # Earlier imports install the handler.
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
    """Standard output, standard error and exit status of a program that is interrupted at an import."""
    status, out, err = run([sys.executable, '-c', INTERRUPTED, str(number), program])
    return out, err, status


@pytest.mark.parametrize('program', PROGRAMS)
def test_a_program_that_is_interrupted_while_it_starts_prints_nothing(program):
    out, err, status = outcome_of(program, 10000)
    assert (out.count('\n'), status) == (1, 0)
    imports = int(err.split()[0])
    assert imports > 20
    # Status 0 of the simulator means that all worlds kept their promises.
    expected = ('', '', 130 if program == 'run_simulator.py' else 0)
    for number in range(1, imports, imports // 3):
        assert outcome_of(program, number) == expected, number
