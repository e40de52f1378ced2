"""File descriptors: not inherited by children, and within the range that ``select`` can wait for."""

from __future__ import absolute_import, division, print_function

import errno
import fcntl
import select
import sys

MYPY = False
if MYPY:
    from typing import Any, List, Tuple  # noqa: F401

#: ``select`` accepts only descriptors below this number (FD_SETSIZE of the C library).
SELECT_MAX = 1024

#: The argument ``close_fds`` for ``subprocess``. 2.7 closes every possible number one by one, which takes seconds if a
#: million are allowed; children do not inherit our descriptors anyway (until 2.7 goes).
CLOSE_FDS = sys.version_info >= (3,)

#: Errors that mean: this process, or the machine, has no free descriptor.
NONE_LEFT = (errno.EMFILE, errno.ENFILE)


class TooManyDescriptors(OSError):
    """The system gave a descriptor that ``select`` cannot wait for: all lower ones are in use."""

    def __init__(self):
        # type: () -> None
        super(TooManyDescriptors, self).__init__(
            errno.EMFILE, 'more than %d descriptors are open, and select accepts no more' % (SELECT_MAX - 1))


def selectable(opened):
    # type: (Any) -> Any
    """Return a socket or file for use in ``select``, or close it and raise ``TooManyDescriptors``."""
    if opened.fileno() >= SELECT_MAX:
        opened.close()
        raise TooManyDescriptors()
    return not_inherited(opened)


def ready(readers, writers, timeout_s):
    # type: (List[Any], List[Any], float | None) -> Tuple[List[Any], List[Any]]
    """Wait with ``select``. On 2.7 a signal ends the wait, and both lists are empty (until 2.7 goes)."""
    try:
        return select.select(readers, writers, [], timeout_s)[:2]
    except select.error as error:
        if error.args[0] != errno.EINTR:
            raise
        return [], []


def not_inherited(opened):
    # type: (Any) -> Any
    """Let no child inherit a descriptor. The default on 3.x (until 2.7 goes)."""
    fcntl.fcntl(opened, fcntl.F_SETFD, fcntl.fcntl(opened, fcntl.F_GETFD) | fcntl.FD_CLOEXEC)
    return opened
