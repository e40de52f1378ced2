"""Ends the wait of a ``select`` loop from another thread: a pair of sockets, of which the loop reads one."""

from __future__ import absolute_import, division, print_function

import errno
import socket

from runtime.descriptors import selectable

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401


class Wakeup(object):
    """``wake`` ends the wait, from any thread."""

    def __init__(self):
        # type: () -> None
        #: The number of requests to stop. The first one begins a soft stop, the second one ends the process at once.
        self.count = 0
        self._reader, self._writer = [selectable(end) for end in socket.socketpair()]
        for end in (self._reader, self._writer):
            end.setblocking(False)

    def fileno(self):
        # type: () -> int
        return self._reader.fileno()

    def drain(self):
        # type: () -> None
        """Read all bytes, so that the next wait blocks again."""
        try:
            while self._reader.recv(4096):
                pass
        except (OSError, socket.error):
            # It is empty.
            pass

    def wake(self):
        # type: () -> None
        try:
            self._writer.send(b'.')
        except (OSError, socket.error) as error:
            # A full buffer ends the wait as well.
            if error.errno not in (errno.EAGAIN, errno.EWOULDBLOCK):
                raise

    def close(self):
        # type: () -> None
        self._reader.close()
        self._writer.close()
