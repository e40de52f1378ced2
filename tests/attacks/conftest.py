"""Fixtures of the attacks: required tools, the other Python, and a report of what was done."""

from __future__ import absolute_import, division, print_function

import sys

import pytest

from tests.attacks import tools
from tests.attacks.worlds import World
from tests.needs import skip_unless_ci
from tests.system.conftest import other, pytest_runtest_makereport, system, told_to_end  # noqa: F401

_said = []


@pytest.fixture
def say():
    """Prints a line at the end of the run: how much an attack has tried."""
    return _said.append


@pytest.fixture
def world(system, tmpdir):  # noqa: F811
    made = World(system, str(tmpdir))
    yield made
    made.dispose()


def pytest_terminal_summary(terminalreporter):
    if _said:
        terminalreporter.section('attacks')
        for line in _said:
            terminalreporter.write_line(line)


def pytest_runtest_setup(item):
    for marker in item.iter_markers('needs'):
        for tool in marker.args:
            problem = tools.missing(tool)
            if problem is not None:
                skip_unless_ci(problem)


@pytest.fixture(params=['first_python', 'second_python'])
def python(request):
    """The Python of the attacked process: this one, and one of the other major version."""
    return sys.executable if request.param == 'first_python' else request.getfixturevalue('other')


def pytest_configure(config):
    config.addinivalue_line('markers', 'needs(tool, ...): skipped if a tool is missing; fails with CI=true')
