"""What the attacks share: the tools they need, the other Python, and a word at the end about what was really done."""

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
    """Tell at the end of the run what an attack has counted: a pass alone does not say how much was tried."""
    return _said.append


@pytest.fixture
def world(system, tmpdir):  # noqa: F811
    """A system with victims."""
    made = World(system, str(tmpdir))
    yield made
    made.dispose()


def pytest_terminal_summary(terminalreporter):
    if _said:
        terminalreporter.section('what was done')
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
    """Each major version of Python in turn, to run the process that is attacked: this one, and the other."""
    return sys.executable if request.param == 'first_python' else request.getfixturevalue('other')


def pytest_configure(config):
    config.addinivalue_line('markers', 'needs(tool, ...): skipped where a tool is missing, a failure where CI=true')
