"""The monotonic clock, and its two replacements on 2.7."""

from __future__ import absolute_import, division, print_function

import io
import itertools
import os
import sys
import time
import types

import pytest

from runtime import clock


def last_resort(monkeypatch):
    """The clock module as it is loaded on a 2.7 without ctypes."""
    time_of_27 = types.ModuleType('time')
    time_of_27.clock = time.time  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, 'time', time_of_27)
    # None in this table makes the import fail.
    monkeypatch.setitem(sys.modules, 'ctypes', None)
    path = clock.__file__.replace('.pyc', '.py')
    made = types.ModuleType('clock_of_27')
    try:
        with io.open(path, encoding='utf-8') as source:
            exec(compile(source.read().encode('utf-8'), path, 'exec'), made.__dict__)
    finally:
        monkeypatch.undo()
    return made


@pytest.mark.parametrize('kind', ['of this Python', 'of libc', 'last resort'])
def test_the_clock_advances_and_never_goes_back(monkeypatch, kind):
    # On 2.7 a module must be kept as long as its functions are used.
    module = last_resort(monkeypatch) if kind == 'last resort' else clock
    now = clock._clock_of_libc() if kind == 'of libc' else module.monotonic
    readings = [now() for _ in range(20000)]
    assert all(type(reading) is float for reading in readings)
    assert readings == sorted(readings)
    # The number of rounds is limited, not the time: the clock itself is tested. The coarsest one has steps of 10 ms.
    assert any(now() > readings[0] for _ in itertools.repeat(None, 10000000)), 'the clock does not advance'


def test_the_clock_of_libc_is_the_one_of_newer_versions():
    if not hasattr(time, 'monotonic'):
        # 2.7 uses it.
        assert clock.monotonic.__module__ == 'runtime.clock'
        return
    of_libc = clock._clock_of_libc()
    before = time.monotonic()
    between = of_libc()
    after = time.monotonic()
    assert before - 1e-6 <= between <= after + 1e-6


def test_the_last_resort_is_the_time_since_the_start_of_the_system(monkeypatch):
    module = last_resort(monkeypatch)
    before = os.times()[4]
    between = module.monotonic()
    assert before <= between <= os.times()[4]


def test_an_unknown_system_has_no_clock_of_libc(monkeypatch):
    monkeypatch.setattr(os, 'uname', lambda: ('Plan 9', '', '', '', ''))
    with pytest.raises(KeyError):
        clock._clock_of_libc()
