"""The clock never goes back, on every Python, and neither do the two that stand in for it on 2.7."""

from __future__ import absolute_import, division, print_function

import io
import itertools
import os
import sys
import time
import types

import pytest

from runtime import clock


def module_as_on_another_python(monkeypatch, has_ctypes):
    """The clock module, read anew where ``time`` has no monotonic clock, as on 2.7, and perhaps no ctypes either."""
    time_of_27 = types.ModuleType('time')
    time_of_27.clock = time.time  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, 'time', time_of_27)
    if not has_ctypes:
        # None in this table makes the import fail.
        monkeypatch.setitem(sys.modules, 'ctypes', None)
    path = clock.__file__.replace('.pyc', '.py')
    made = types.ModuleType('clock_of_another_python')
    try:
        with io.open(path, encoding='utf-8') as source:
            exec(compile(source.read().encode('utf-8'), path, 'exec'), made.__dict__)
    finally:
        monkeypatch.undo()
    return made


@pytest.fixture(params=['in force', 'of libc', 'as on 2.7', 'as on 2.7 without ctypes'])
def now(request, monkeypatch):
    """Each clock in turn. A generator, so that the module behind it lives as long as the test."""
    if request.param == 'in force':
        yield clock.monotonic
    elif request.param == 'of libc':
        yield clock._clock_of_libc()
    else:
        module = module_as_on_another_python(monkeypatch, has_ctypes=request.param == 'as on 2.7')
        yield module.monotonic


def test_it_gives_seconds_that_never_go_back(now):
    readings = [now() for _ in range(20000)]
    assert all(type(reading) is float for reading in readings)
    assert readings == sorted(readings)


def test_it_moves_on(now):
    began = now()
    # Bounded by rounds, not by the clock that is tested. The coarsest moves every 10 ms.
    for _ in itertools.repeat(None, 10000000):
        if now() > began:
            return
    raise AssertionError('the clock stands still')


def test_the_clock_of_libc_is_that_of_newer_versions():
    if not hasattr(time, 'monotonic'):
        # On 2.7 it is in force itself.
        assert clock.monotonic.__module__ == 'runtime.clock'
        return
    of_libc = clock._clock_of_libc()
    before = time.monotonic()
    between = of_libc()
    after = time.monotonic()
    assert before - 1e-6 <= between <= after + 1e-6


def test_without_anything_else_there_is_the_time_since_the_system_started(monkeypatch):
    module = module_as_on_another_python(monkeypatch, has_ctypes=False)
    before = os.times()[4]
    between = module.monotonic()
    assert before <= between <= os.times()[4]


def test_an_unknown_system_is_not_guessed_at(monkeypatch):
    monkeypatch.setattr(os, 'uname', lambda: ('Plan 9', '', '', '', ''))
    with pytest.raises(KeyError):
        clock._clock_of_libc()
