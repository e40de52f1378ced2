"""Requests to stop. A signal ends a wait at once on every Python, and is counted."""

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
    """Whether a signal ended the wait. On 2.7 it may end with an error (until 2.7 goes)."""
    try:
        return bool(select.select([signals], [], [], seconds)[0])
    except select.error as error:
        assert error.args[0] == errno.EINTR
        return is_readable(signals)


def is_readable(signals):
    return bool(select.select([signals], [], [], 0)[0])


def handlers():
    return {number: signal.getsignal(number) for number in STOP_SIGNALS}


@pytest.mark.parametrize('number', STOP_SIGNALS, ids=['SIGINT', 'SIGTERM', 'SIGHUP'])
def test_a_signal_ends_a_wait(number):
    # The signal may arrive before the wait has begun. That must end the wait too.
    with StopSignals() as signals:
        assert not is_readable(signals)
        killer = threading.Timer(0.05, os.kill, (os.getpid(), number))
        killer.start()
        try:
            assert wait_for(signals)
        finally:
            killer.join()
        assert signals.count == 1


def test_signals_are_counted_and_after_drain_the_next_wait_waits():
    with StopSignals() as signals:
        # This does not wait.
        signals.drain()
        for _ in range(100):
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        for count in (101, 102):
            assert wait_for(signals)
            # The system call that sends a signal to this process returns after its delivery.
            assert signals.count == count
            signals.drain()
            assert not is_readable(signals)
            os.kill(os.getpid(), signal.SIGTERM)


def test_several_sighup_are_one_request_to_stop():
    with StopSignals() as signals:
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGHUP)
        assert signals.count == 1
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.count == 2


def test_after_an_error_the_former_handlers_and_wakeup_descriptor_are_back(closing):
    received = []
    before = handlers()
    former = signal.signal(signal.SIGTERM, lambda *_: received.append('former'))
    one, other = map(closing, socket.socketpair())
    other.setblocking(False)
    descriptor = signal.set_wakeup_fd(other.fileno())
    try:
        with pytest.raises(ZeroDivisionError), StopSignals() as signals:
            descriptors = [signals._reader.fileno(), signals._writer.fileno()]
            os.kill(os.getpid(), signal.SIGTERM)
            assert wait_for(signals)
            raise ZeroDivisionError
        assert received == []
        for closed in descriptors:
            with pytest.raises(OSError):
                os.fstat(closed)
        os.kill(os.getpid(), signal.SIGTERM)
        assert select.select([one], [], [], BOUND_S)[0]
        assert received == ['former']
    finally:
        signal.set_wakeup_fd(descriptor)
        signal.signal(signal.SIGTERM, former)
    assert handlers() == before


def test_after_ignore_all_signals_are_ignored():
    before = handlers()
    try:
        with StopSignals() as signals:
            signals.ignore()
            for number in STOP_SIGNALS:
                os.kill(os.getpid(), number)
            assert not is_readable(signals)
            assert signals.count == 0
        # A process prints its account after this context.
        assert [signal.getsignal(number) for number in STOP_SIGNALS] == [signal.SIG_IGN] * len(STOP_SIGNALS)
        for number in STOP_SIGNALS:
            os.kill(os.getpid(), number)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
