"""Signals that ask to stop end a wait at once, on every Python, and are counted."""

from __future__ import absolute_import, division, print_function

import errno
import os
import select
import signal
import socket
import threading

import pytest

from runtime.signals import STOP_SIGNALS, StopSignals

BOUND_S = 30.0


def wait_for(signals, seconds=BOUND_S):
    """Whether the wait was ended before its time. On 2.7 a signal may end it with an error (until 2.7 goes)."""
    try:
        return bool(select.select([signals], [], [], seconds)[0])
    except select.error as error:
        assert error.args[0] == errno.EINTR
        return bool(select.select([signals], [], [], 0)[0])


def nothing_more_in(signals):
    return not select.select([signals], [], [], 0)[0]


@pytest.mark.parametrize('number', STOP_SIGNALS, ids=['SIGINT', 'SIGTERM', 'SIGHUP'])
def test_a_signal_ends_a_wait_that_has_begun(number):
    # Whether the wait has really begun by then can't be seen from here; either way it must not last.
    with StopSignals() as signals:
        assert nothing_more_in(signals)
        killer = threading.Timer(0.05, os.kill, (os.getpid(), number))
        killer.start()
        try:
            assert wait_for(signals)
        finally:
            killer.join()
        assert signals.count == 1


def test_signals_are_counted_and_after_draining_the_next_wait_is_a_wait_again():
    with StopSignals() as signals:
        # Draining what is empty does not wait.
        signals.drain()
        for _ in range(100):
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        for count in (101, 102):
            assert wait_for(signals)
            # Each has been delivered by the time the system call that sent it returned.
            assert signals.count == count
            signals.drain()
            assert nothing_more_in(signals)
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_terminal_that_goes_away_is_one_request_to_stop():
    with StopSignals() as signals:
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGHUP)
        assert signals.count == 1
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.count == 2


def test_everything_is_as_it_was_even_after_an_error_and_no_descriptor_is_left_open():
    before = [signal.getsignal(number) for number in STOP_SIGNALS]
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), StopSignals() as signals:
            descriptors = [signals._reader.fileno(), signals._writer.fileno()]
            raise ZeroDivisionError
        assert [signal.getsignal(number) for number in STOP_SIGNALS] == before
        assert signals.count == 0
        for descriptor in descriptors:
            with pytest.raises(OSError):
                os.fstat(descriptor)


def test_afterwards_everything_is_as_it_was():
    heard = []
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    own = signal.signal(signal.SIGTERM, lambda *_: heard.append('own'))
    one, other = socket.socketpair()
    other.setblocking(False)
    descriptor = signal.set_wakeup_fd(other.fileno())
    try:
        with StopSignals() as signals:
            os.kill(os.getpid(), signal.SIGTERM)
            assert wait_for(signals)
        assert heard == []
        os.kill(os.getpid(), signal.SIGTERM)
        assert select.select([one], [], [], BOUND_S)[0]
        assert heard == ['own']
    finally:
        signal.set_wakeup_fd(descriptor)
        signal.signal(signal.SIGTERM, own)
        one.close()
        other.close()
    assert {number: signal.getsignal(number) for number in STOP_SIGNALS} == before


def test_a_process_that_is_ending_ignores_all_further_signals():
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    try:
        with StopSignals() as signals:
            signals.ignore()
            for number in STOP_SIGNALS:
                os.kill(os.getpid(), number)
            assert nothing_more_in(signals)
            assert signals.count == 0
        # Also after the end: a process that prints its account does not come back to what it did before.
        assert [signal.getsignal(number) for number in STOP_SIGNALS] == [signal.SIG_IGN] * len(STOP_SIGNALS)
        for number in STOP_SIGNALS:
            os.kill(os.getpid(), number)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
