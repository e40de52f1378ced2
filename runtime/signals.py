"""Makes SIGINT, SIGTERM and SIGHUP end the wait of a ``select`` loop.

The Python handler only counts. The interpreter writes a byte to the wake-up descriptor, for which the loop waits. This
works on 2.7, where a signal makes ``select`` fail with EINTR, and on 3.5 and later, where ``select`` is resumed.
"""

from __future__ import absolute_import, division, print_function

import os
import signal
from contextlib import contextmanager

from runtime.wakeup import Wakeup

MYPY = False
if MYPY:
    from typing import Any, Iterator  # noqa: F401

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

#: Signals that were ignored when this process started, as by nohup or in the background of a script, stay ignored.
IGNORED = tuple(number for number in STOP_SIGNALS if signal.getsignal(number) == signal.SIG_IGN)


class StopSignals(Wakeup):
    """Counts requests to stop. As a context manager it restores the former handlers."""

    #: The instance in use, or None.
    current = None  # type: StopSignals | None

    def __init__(self):
        # type: () -> None
        super(StopSignals, self).__init__()
        self._has_hung_up = False
        self._former = {}  # type: Any
        self._former_descriptor = -1

    def __enter__(self):
        # type: () -> StopSignals
        self._former_descriptor = signal.set_wakeup_fd(self._writer.fileno())
        StopSignals.current = self
        for number in STOP_SIGNALS:
            if number not in IGNORED:
                self._former[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_):
        # type: (*Any) -> None
        for number, handler in self._former.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._former_descriptor)
        StopSignals.current = None
        self.close()

    def ignore(self):
        # type: () -> None
        """Ignore further signals while the process prints its account and ends. Otherwise a signal could interrupt
        this, or change the exit status.
        """
        for number in self._former:
            signal.signal(number, signal.SIG_IGN)
        self._former.clear()

    def _note(self, number, frame):
        # type: (int, Any) -> None
        if number == signal.SIGHUP:
            # When a terminal closes, both the kernel and the shell may send SIGHUP.
            if self._has_hung_up:
                return
            self._has_hung_up = True
        self.count += 1


@contextmanager
def interrupting():
    # type: () -> Iterator[None]
    """In this context, SIGTERM raises KeyboardInterrupt, as SIGINT does."""
    own = os.getpid()

    def interrupt(number, frame):
        # type: (int, Any) -> None
        if os.getpid() != own:
            # A new child that still has the handler of its parent: it must not continue like the parent.
            os._exit(1)
        raise KeyboardInterrupt
    former = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def is_stopping():
    # type: () -> int
    """The number of requests to stop this process; at least 1 after ``StopSignals.ignore``."""
    if StopSignals.current is not None and StopSignals.current.count:
        return StopSignals.current.count
    return int(any(signal.getsignal(number) == signal.SIG_IGN for number in STOP_SIGNALS if number not in IGNORED))
