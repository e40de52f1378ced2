"""Writes bytes to a file, pipe or terminal, and never waits for a reader.

A pipe whose reader has stopped, or a terminal after Ctrl-S, accepts no data, and a plain write would block the whole
process. The flag O_NONBLOCK belongs to the open file, which other processes may share, so it is set on a new one: Linux
can open a pipe or terminal again under ``/proc/self/fd``. If that fails, ``select`` is called before each write, and a
write has at most ``PIPE_BUF`` bytes.
"""

from __future__ import absolute_import, division, print_function

import errno
import fcntl
import os
import select
import stat
from collections import deque

from runtime.clock import monotonic
from runtime.descriptors import SELECT_MAX, not_inherited

MYPY = False
if MYPY:
    from typing import Callable, Deque  # noqa: F401

#: Bytes that are kept for a reader. Further pieces are dropped.
PENDING_BYTES_MAX = 256 * 1024

_LATER = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR)


class Output(object):
    """Writes to an open descriptor; ``is_shared``: other processes may use the same open file. ``notice(number)`` is
    the piece that reports dropped pieces. Methods may raise ``OSError``; the kept pieces are lost then.
    """

    def __init__(self, descriptor, notice, is_shared=True, pending_max=PENDING_BYTES_MAX):
        # type: (int, Callable[[int], bytes], bool, int) -> None
        self._descriptor = descriptor
        self._notice = notice
        self._pending_max = pending_max
        self._pending = deque()  # type: Deque[bytes]
        self._pending_bytes = 0
        # Whether a write could block, so that ``select`` is needed.
        self._may_wait = False
        # The number of dropped pieces since the last notice.
        self._dropped = 0
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            # A write to a file does not block.
            return
        if not is_shared:
            fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_NONBLOCK)
            return
        self._may_wait = True
        try:
            own = os.open('/proc/self/fd/%d' % descriptor, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError:
            return
        if own < SELECT_MAX:
            self._descriptor = not_inherited(own)
            self._may_wait = False
        else:
            os.close(own)

    @property
    def is_pending(self):
        # type: () -> bool
        return self._pending_bytes > 0

    def fileno(self):
        # type: () -> int
        return self._descriptor

    def put(self, piece):
        # type: (bytes) -> None
        """Write a piece now or later; drop it if too many bytes are pending."""
        if self._pending_bytes:
            self.flush()
        if self._dropped:
            piece = self._notice(self._dropped) + piece
        if self._pending_bytes and self._pending_bytes + len(piece) > self._pending_max:
            self._dropped += 1
            return
        self._dropped = 0
        self._pending.append(piece)
        self._pending_bytes += len(piece)
        self.flush()

    def flush(self):
        # type: () -> None
        """Write as many pending bytes as possible without waiting."""
        while self._pending:
            piece = self._pending[0]
            written = self._write(piece)
            self._pending_bytes -= written
            if written == len(piece):
                self._pending.popleft()
            elif written:
                self._pending[0] = piece[written:]
            else:
                return

    def finish(self, within_s):
        # type: (float) -> None
        """Write the pending bytes; wait at most ``within_s`` for the reader."""
        end_at = monotonic() + within_s
        self.flush()
        while self._pending:
            left_s = end_at - monotonic()
            if left_s <= 0:
                break
            select.select([], [self], [], left_s)
            self.flush()

    def _write(self, piece):
        # type: (bytes) -> int
        try:
            if self._may_wait:
                if not select.select([], [self], [], 0)[1]:
                    return 0
                piece = piece[:select.PIPE_BUF]
            return os.write(self._descriptor, piece)
        except (OSError, select.error) as error:
            if error.args[0] in _LATER:
                return 0
            self._pending.clear()
            self._pending_bytes = 0
            raise
