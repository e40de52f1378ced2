"""Run one of the programs and write at its end where its processor time went.

    python -m benchmarks.profiled sample|count FILE PROGRAM [ARGUMENTS]

``sample``: the kernel interrupts it after each few milliseconds of processor time (``setitimer``, ITIMER_PROF), and
the function it is in is noted; what is inside a builtin counts for the function that called it, at that line. This
tells how much time, and disturbs little. ``count``: every call of every function and builtin is counted
(``cProfile``). This tells how often; the times it has are distorted and left out.
"""

from __future__ import absolute_import, division, print_function

import cProfile
import json
import os
import runpy
import signal
import sys

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict  # noqa: F401

#: Of processor time. The kernel rounds it up to its own tick, 1 to 10 ms.
INTERVAL_S = 0.001

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Sampler(object):
    """Notes where the interpreter is."""

    def __init__(self):
        # type: () -> None
        self._samples = 0
        # Function, or function and line -> samples in it itself; function -> samples in it or below it.
        self._own = {}  # type: Dict[str, int]
        self._lines = {}  # type: Dict[str, int]
        self._below = {}  # type: Dict[str, int]

    def start(self):
        # type: () -> None
        """From here on."""
        signal.signal(signal.SIGPROF, self._note)
        if hasattr(signal, 'siginterrupt'):
            signal.siginterrupt(signal.SIGPROF, False)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL_S, INTERVAL_S)

    def stop(self):
        # type: () -> Dict[str, Any]
        """What was found."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        return {'samples': self._samples, 'own': self._own, 'below': self._below, 'lines': self._lines}

    def _note(self, number, frame):
        # type: (int, Any) -> None
        self._samples += 1
        name = _function(frame.f_code)
        self._own[name] = self._own.get(name, 0) + 1
        line = '%s:%s' % (name, frame.f_lineno)
        self._lines[line] = self._lines.get(line, 0) + 1
        seen = set()
        while frame is not None:
            seen.add(_function(frame.f_code))
            frame = frame.f_back
        for name in seen:
            self._below[name] = self._below.get(name, 0) + 1


class Counter(object):
    """Counts calls."""

    def __init__(self):
        # type: () -> None
        self._profile = cProfile.Profile()

    def start(self):
        # type: () -> None
        """From here on."""
        self._profile.enable()

    def stop(self):
        # type: () -> Dict[str, Any]
        """What was found."""
        self._profile.disable()
        calls = {}  # type: Dict[str, int]
        for entry in self._profile.getstats():
            name = entry.code if isinstance(entry.code, str) else _function(entry.code)
            calls[name] = calls.get(name, 0) + entry.callcount
        return {'calls': calls}


def _function(code):
    # type: (Any) -> str
    """The path of the file and the function: short where the file is ours."""
    path = os.path.abspath(code.co_filename)
    if path.startswith(_ROOT + os.sep):
        path = os.path.relpath(path, _ROOT)
    else:
        path = os.sep.join(path.split(os.sep)[-2:])
    return '%s %s' % (path.replace(os.sep, '/'), getattr(code, 'co_qualname', code.co_name))


def main():
    # type: () -> None
    """Run the program; it ends this process in its own way."""
    how, path, program = sys.argv[1:4]
    sys.argv = sys.argv[3:]
    watcher = Sampler() if how == 'sample' else Counter()  # type: Any
    watcher.start()
    try:
        runpy.run_path(program, run_name='__main__')
    finally:
        found = watcher.stop()
        with open(path, 'w') as file:
            json.dump(found, file)


if __name__ == '__main__':
    main()
