"""Run one of the programs and write a profile of its processor time at its end.

    python -m benchmarks.profiled FILE PROGRAM [ARGUMENTS]

The kernel interrupts the program after each few milliseconds of its processor time (``setitimer``, ITIMER_PROF), and
the current function is noted. The time of a builtin counts for its caller.
"""

from __future__ import absolute_import, division, print_function

import json
import os
import runpy
import signal
import sys
from collections import Counter

#: Of processor time. The kernel rounds it up to its own tick, 1 to 10 ms.
INTERVAL_S = 0.001

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Sampler(object):
    """Counts samples by function."""

    def __init__(self):
        # Function -> samples in the function itself; samples in it or in functions that it called.
        self._own = Counter()
        self._below = Counter()

    def start(self):
        signal.signal(signal.SIGPROF, self._note)
        signal.siginterrupt(signal.SIGPROF, False)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL_S, INTERVAL_S)

    def stop(self):
        """The counts."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        return {'own': self._own, 'below': self._below}

    def _note(self, number, frame):
        self._own[_function(frame.f_code)] += 1
        seen = set()
        while frame is not None:
            seen.add(_function(frame.f_code))
            frame = frame.f_back
        self._below.update(seen)


def _function(code):
    """The path of the file, relative if it is ours, and the function."""
    path = os.path.abspath(code.co_filename)
    if path.startswith(_ROOT + os.sep):
        path = os.path.relpath(path, _ROOT)
    else:
        path = os.sep.join(path.split(os.sep)[-2:])
    return '%s %s' % (path.replace(os.sep, '/'), getattr(code, 'co_qualname', code.co_name))


def main():
    path, program = sys.argv[1:3]
    sys.argv = sys.argv[2:]
    sampler = Sampler()
    sampler.start()
    try:
        runpy.run_path(program, run_name='__main__')
    finally:
        with open(path, 'w') as file:
            json.dump(sampler.stop(), file)


if __name__ == '__main__':
    main()
