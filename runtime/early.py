"""Signals and errors during the imports of a program. Programs import this before all other modules.

A signal ends the program at once, without output. Otherwise Ctrl-C would print a traceback, and the first process of a
container would not get a SIGTERM, because the kernel sends it no signal that it does not handle. Later,
``runtime.command_line`` handles signals.

Too low a limit of open files, or an unsupported system, is reported in one line before an import fails.
"""

from __future__ import absolute_import, division, print_function

import os
import signal
import sys

if os.name != 'posix':
    sys.stderr.write('These programs run on Linux and macOS, not on %s.\n' % sys.platform)
    sys.exit(2)

import resource

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401

#: Open files that a program needs at least: 2.7 keeps a file open for each import within an import.
DESCRIPTORS_MIN = 32

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end(number, frame):
    # type: (int, Any) -> None
    """End without an exception, which could be raised and printed anywhere in the interpreter."""
    # Status 0 of the simulator means that all worlds were clean.
    os._exit(130 if os.path.basename(sys.argv[0]) == 'run_simulator.py' else 0)


def give_back():
    # type: () -> None
    """Make each of these signals raise KeyboardInterrupt, which ``command_line.main`` handles."""
    for number in SIGNALS:
        if signal.getsignal(number) is end:
            signal.signal(number, signal.default_int_handler)


def _refuse_few_descriptors():
    # type: () -> None
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if 0 <= allowed < DESCRIPTORS_MIN:
        sys.stderr.write('%s: only %d files may be open (ulimit -n), expected at least %d\n' % (
            os.path.basename(sys.argv[0]), allowed, DESCRIPTORS_MIN))
        sys.stderr.flush()
        os._exit(2)


# A signal that was ignored at the start stays ignored: SIGINT in the background of a shell script, SIGHUP under nohup.
# The test of the name excludes tests that import a program.
if os.path.basename(sys.argv[0]).startswith('run_'):
    _refuse_few_descriptors()
    for _number in SIGNALS:
        if signal.getsignal(_number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(_number, end)
