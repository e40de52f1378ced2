"""SIGINT, SIGTERM and SIGHUP as something a ``select`` loop can wait for.

A handler in Python only counts. What ends the wait is the wake-up descriptor: the interpreter writes a byte to it from
the real handler, and the loop waits for it. This is one path for 2.7, where a signal makes ``select`` fail with EINTR,
and for 3.5 and later, where ``select`` is resumed.
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
    """Counts requests to stop. Use as a context manager: the former handlers are restored at the end."""

    #: The one that is in use, if any.
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
        """Ignore further signals: the process only prints its account and ends. Without this, a signal after the last
        turn of the loop would end it in the middle of that, or with a status that looks like a failure.
        """
        for number in self._former:
            signal.signal(number, signal.SIG_IGN)
        self._former.clear()

    def _note(self, number, frame):
        # type: (int, Any) -> None
        if number == signal.SIGHUP:
            # When a terminal goes away, both the kernel and the shell may send one.
            if self._has_hung_up:
                return
            self._has_hung_up = True
        self.count += 1


@contextmanager
def interrupting():
    # type: () -> Iterator[None]
    """Within this, SIGTERM raises KeyboardInterrupt, as SIGINT does."""
    own = os.getpid()

    def interrupt(number, frame):
        # type: (int, Any) -> None
        if os.getpid() != own:
            # A child that is ended before it has a handler of its own: it must not go on as its parent would.
            os._exit(1)
        raise KeyboardInterrupt
    former = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def is_stopping():
    # type: () -> int
    """How many requests to stop this process has; 1 also where it ends and ignores further ones."""
    if StopSignals.current is not None and StopSignals.current.count:
        return StopSignals.current.count
    return int(any(signal.getsignal(number) == signal.SIG_IGN for number in STOP_SIGNALS if number not in IGNORED))
