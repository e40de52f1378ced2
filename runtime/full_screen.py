"""A terminal that is filled with one picture after the other, and left as it was.

The picture stands on the other screen that terminals keep for this, so what was there before comes back. No mode of
the line is changed: keys do what they always do, and nothing needs a repair after a SIGKILL but the command ``reset``.
"""

from __future__ import absolute_import, division, print_function

import errno
import fcntl
import os
import signal
import struct
import termios

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401

#: Where the terminal does not tell its size.
COLUMNS, ROWS = 80, 24

# The other screen, without a cursor and without wrapping at the edge; and back.
_ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l'
_LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l'
_HOME = '\x1b[H'
_ERASE_TO_END_OF_LINE = '\x1b[K'
_ERASE_BELOW = '\x1b[J'
_PLAIN = '\x1b[0m'


class FullScreen(object):
    """Use as a context manager. ``styles`` maps the name of a style to its escape sequence, '' for none."""

    def __init__(self, stream, styles):
        # type: (Any, Dict[str, str]) -> None
        self._stream = stream
        self._styles = styles
        self._former = None  # type: Any
        self._size = (0, 0)

    def __enter__(self):
        # type: () -> FullScreen
        self._former = signal.signal(signal.SIGTSTP, self._pause)
        self._write(_ENTER)
        return self

    def __exit__(self, *_):
        # type: (*Any) -> None
        signal.signal(signal.SIGTSTP, self._former)
        self._write(_PLAIN + _LEAVE)

    @property
    def size(self):
        # type: () -> Tuple[int, int]
        """Columns and rows."""
        return size_of(self._stream)

    def has_new_size(self):
        # type: () -> bool
        """Whether the window was changed since the last picture."""
        return self.size != self._size

    def show(self, lines):
        # type: (List[List[Tuple[str, str]]]) -> None
        """Draw lines of (style, text) pairs in place of what was there."""
        self._size = self.size
        text = '\n'.join(''.join(self._styled(*part) for part in line) + _ERASE_TO_END_OF_LINE
                         for line in lines[:self._size[1]])
        # A line feed alone would begin the next line in the column of the last one's end on some terminals.
        self._write(_HOME + text.replace('\n', '\r\n') + _ERASE_BELOW)

    def _styled(self, style, text):
        # type: (str, str) -> str
        sequence = self._styles.get(style, '')
        return sequence + text + _PLAIN if sequence else text

    def _write(self, text):
        # type: (str) -> None
        try:
            self._stream.write(text)
            self._stream.flush()
        except IOError as error:
            # A window that is closed takes nothing any more: EIO.
            if error.errno not in (errno.EIO, errno.EINTR):
                raise

    def _pause(self, number, frame):
        # type: (int, Any) -> None
        """Ctrl-Z: give the terminal back, stand still, take it again."""
        self._write_past_the_stream(_PLAIN + _LEAVE)
        os.kill(os.getpid(), signal.SIGSTOP)
        self._write_past_the_stream(_ENTER)
        self._size = (0, 0)

    def _write_past_the_stream(self, sequence):
        # type: (str) -> None
        """The signal may have come while the stream was writing, and no stream can be written to within that."""
        try:
            os.write(self._stream.fileno(), sequence.encode('ascii'))
        except OSError as error:
            if error.errno not in (errno.EIO, errno.EAGAIN, errno.EINTR):
                raise


def size_of(stream):
    # type: (Any) -> Tuple[int, int]
    """Columns and rows of a terminal, also on 2.7, which has no function for it."""
    try:
        rows, columns, _, _ = struct.unpack('HHHH', fcntl.ioctl(stream.fileno(), termios.TIOCGWINSZ, b'\0' * 8))
    except (IOError, OSError, ValueError):
        rows = columns = 0
    return columns or COLUMNS, rows or ROWS
