"""Fixtures for all tests."""

from __future__ import absolute_import, division, print_function

import logging
import signal

import pytest

from runtime.logs import log

# A shell ignores SIGINT for its background jobs, and nohup ignores SIGHUP. Processes of the tests would inherit that.
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, usual)


@pytest.fixture(autouse=True)
def reset_log():
    """A test may set up the log, whose stream is closed at the end of the test."""
    yield
    del log.handlers[:]
    log.setLevel(logging.NOTSET)
    log.propagate = True


@pytest.fixture(params=[False, True], ids=['once', 'twice'])
def twice(request):
    """Whether each row is handled two times. The test must pass in both cases."""
    return request.param
