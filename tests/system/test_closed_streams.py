"""A program that is started with a standard stream closed does what it does otherwise, to its usual status."""

from __future__ import absolute_import, division, print_function

import os
import sys

import pytest

from runtime.launcher import run
from tests.source_tree import ROOT

PROGRAMS = {'run_client.py': ['--check'], 'run_calculator.py': ['--check'], 'run_dispatcher.py': ['--check'],
            'run_demo.py': ['--calculators', '0']}


@pytest.mark.parametrize('closed', [(0,), (1,), (2,), (0, 1, 2)], ids=repr)
@pytest.mark.parametrize('program', sorted(PROGRAMS))
def test_a_closed_stream_is_one_that_goes_nowhere(program, closed):
    def close():
        for descriptor in closed:
            os.close(descriptor)

    status, out, err = run([sys.executable, os.path.join(ROOT, program)] + PROGRAMS[program], before=close)
    is_usage = program == 'run_demo.py'
    assert status == (2 if is_usage else 0), err
    assert bool(out) == (1 not in closed and not is_usage)
    # The dispatcher has its time line beside the settings.
    assert bool(err) == (2 not in closed and (is_usage or program == 'run_dispatcher.py'))
