"""Monotonic seconds. Only their differences have a meaning.

``time.time()`` jumps when the wall clock is set, so it never measures an interval here.
"""

from __future__ import absolute_import, division, print_function

import os
import time

MYPY = False
if MYPY:
    from typing import Callable  # noqa: F401

# Linux's number for CLOCK_MONOTONIC; macOS and the BSDs have others.
_CLOCK_MONOTONIC = {'Linux': 1, 'Darwin': 6, 'FreeBSD': 4}


def _clock_of_libc():
    # type: () -> Callable[[], float]
    """The monotonic clock for 2.7, which has none of its own (until 2.7 goes). Raises if libc has none either."""
    import ctypes

    class Timespec(ctypes.Structure):
        _fields_ = [('seconds', ctypes.c_long), ('nanoseconds', ctypes.c_long)]

    number = _CLOCK_MONOTONIC[os.uname()[0]]
    libc = ctypes.CDLL(None, use_errno=True)
    now = Timespec()
    where = ctypes.byref(now)

    def monotonic():
        # type: () -> float
        if libc.clock_gettime(number, where) != 0:
            raise OSError(ctypes.get_errno(), 'clock_gettime')
        return now.seconds + now.nanoseconds * 1e-9

    monotonic()
    return monotonic


try:
    from time import monotonic
except ImportError:
    # Until 2.7 goes.
    try:
        monotonic = _clock_of_libc()
    except Exception:  # whatever ctypes lacks on this system: this clock has steps of 10 ms
        def monotonic():
            # type: () -> float
            return os.times()[4]

# The processor time of this process. 2.7 has no process_time, but its time.clock returns it (until 2.7 goes).
cpu_time = getattr(time, 'process_time', None) or time.clock  # type: ignore[attr-defined]
