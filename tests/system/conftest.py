"""Fixtures for tests with real processes. When a test fails, the output of its processes is shown."""

from __future__ import absolute_import, division, print_function

import signal
import sys

import pytest

from tests.attacks.tracing import can_trace
from tests.needs import skip_unless_ci
from tests.system.interpreters import find_other
from tests.system.processes import System


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.when == 'call':
        item.system_test_failed = report.failed
        item.system_test_passed = report.passed


@pytest.fixture(scope='session')
def told_to_end():
    """SIGTERM raises ``KeyboardInterrupt``, so that fixtures end their processes. By default it ends pytest at once."""
    def interrupt(number, frame):
        raise KeyboardInterrupt
    former = signal.signal(signal.SIGTERM, interrupt)
    yield
    signal.signal(signal.SIGTERM, former)


@pytest.fixture(scope='session')
def strace():
    """Skips the test if strace is missing, may not trace, or can't inject errors."""
    if not can_trace():
        skip_unless_ci('needs strace, and the right to trace')


@pytest.fixture(scope='session')
def other():
    """An interpreter of the other major version of Python."""
    found = find_other()
    if found is None:
        skip_unless_ci('no Python %s on this machine' % ('3.x' if sys.version_info[0] == 2 else '2.7'))
    return found


@pytest.fixture
def system(request, tmpdir, told_to_end):
    """A ``System``. A test calls its ``balance()``, or sets ``is_balanced`` if there are no accounts to compare."""
    made = System(str(tmpdir))
    try:
        yield made
    finally:
        made.dispose()
        if getattr(request.node, 'system_test_failed', True):
            print('to repeat: python%d.%d -m tests "%s"' % (sys.version_info[:2] + (request.node.nodeid,)))
            print(made.report())
    assert made.is_balanced or not getattr(request.node, 'system_test_passed', False), \
        'this test did not compare the accounts'
