"""What can happen while a program is still being imported. To be imported before all other modules.

A signal ends it at once, without output: nothing has been started by then. Without this, Ctrl-C would print in which
module the interpreter was; and the first process of a container would miss a SIGTERM, because the kernel sends it no
signal that it has no handler for. ``runtime.command_line`` takes over when it begins.

Where too few files may be open, imports would fail with messages that do not say so. One line does; likewise on a
system that lacks what these programs need.
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

#: Open files that a program needs in any case: 2.7 keeps a file open for each import within an import.
DESCRIPTORS_MIN = 32

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end(number, frame):
    # type: (int, Any) -> None
    """Not by an exception: it could be raised, and printed, anywhere in the interpreter."""
    # The status 0 of the simulator means that all worlds were clean.
    os._exit(130 if os.path.basename(sys.argv[0]) == 'run_simulator.py' else 0)


def give_back():
    # type: () -> None
    """From here on each of these signals is a KeyboardInterrupt, which ``command_line.main`` expects."""
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


# A signal that is ignored from the start stays ignored: SIGINT in the background of a shell script, SIGHUP under nohup.
# A test that imports a program is no program.
if os.path.basename(sys.argv[0]).startswith('run_'):
    _refuse_few_descriptors()
    for _number in SIGNALS:
        if signal.getsignal(_number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(_number, end)
