"""What holds for every test."""

from __future__ import absolute_import, division, print_function

import logging
import signal

import pytest

from runtime.logs import log

# A shell ignores SIGINT for its background jobs, and nohup SIGHUP; what a test starts would inherit that.
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, usual)


@pytest.fixture(autouse=True)
def log_as_before():
    """A log that a test set up ends with it: the stream that it writes to is closed then."""
    yield
    del log.handlers[:]
    log.setLevel(logging.NOTSET)
    log.propagate = True


@pytest.fixture(params=[False, True], ids=['once', 'twice'])
def twice(request):
    """Whether each row is handled two times. What a test says has to hold then too."""
    return request.param
