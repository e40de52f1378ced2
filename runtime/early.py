"""Ctrl-C while a program is still being read in: it ends at once and says nothing. To be imported before all others.

Nothing has been started by then and nobody has been told anything. Left to itself the interpreter would print where in
which module it was; ``runtime.command_line`` gives it back its own way, and knows what to do then.
"""

from __future__ import absolute_import, division, print_function

import os
import signal

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401


def end(number, frame):
    # type: (int, Any) -> None
    """Not by an exception: that could come up, and be told, in whatever the interpreter does at that moment."""
    os._exit(0)


def give_back():
    # type: () -> None
    """From here on Ctrl-C is KeyboardInterrupt again."""
    if signal.getsignal(signal.SIGINT) is end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


# Where it was ignored from the start, as in the background of a shell script, it still is.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, end)
