"""Fixtures of real processes, and of the simulator as a program."""

from __future__ import absolute_import, division, print_function

import json

import pytest

from tests.planner.programs import SCENARIO, simulator
from tests.system.conftest import pytest_runtest_makereport, system, told_to_end  # noqa: F401


@pytest.fixture
def start(tmpdir):
    """Starts the program with two worker processes on SCENARIO, some keys of which may be changed."""
    running = []

    def run(*arguments, **changes):
        path = tmpdir.join('scenario.json')
        path.write(json.dumps(dict(SCENARIO, **changes)))
        running.append(simulator('-s', str(path), '--jobs', '2', *arguments))
        return running[-1]
    yield run
    for process in running:
        if process.poll() is None:
            process.kill()
            process.communicate()
