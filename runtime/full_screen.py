"""A terminal that shows one picture after the other, and is restored at the end.

The picture is on the alternate screen, so the previous content comes back. The terminal mode is not changed: keys work
as usual. After a SIGKILL the command ``reset`` restores the screen.
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

#: The size if the terminal does not report one.
COLUMNS, ROWS = 80, 24

# The alternate screen, without a cursor and without line wrap; and back.
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
        return size_of(self._stream)

    def has_new_size(self):
        # type: () -> bool
        """Whether the size of the window changed since the last picture."""
        return self.size != self._size

    def show(self, lines):
        # type: (List[List[Tuple[str, str]]]) -> None
        """Draw lines of (style, text) pairs in place of the previous ones."""
        self._size = self.size
        # Erase each line before it is written. After a line that fills the window, the cursor is on its last character,
        # which would be erased.
        text = '\n'.join(_ERASE_TO_END_OF_LINE + ''.join(self._styled(*part) for part in line)
                         for line in lines[:self._size[1]])
        # On some terminals a line feed alone does not return to the first column.
        below = '\n' + _ERASE_BELOW if len(lines) < self._size[1] else ''
        self._write(_HOME + (text + below).replace('\n', '\r\n'))

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
            # EIO: the window was closed.
            if error.errno not in (errno.EIO, errno.EINTR):
                raise

    def _pause(self, number, frame):
        # type: (int, Any) -> None
        """Ctrl-Z: restore the terminal, stop this process, and draw again when it continues."""
        self._write_past_the_stream(_PLAIN + _LEAVE)
        os.kill(os.getpid(), signal.SIGSTOP)
        self._write_past_the_stream(_ENTER)
        self._size = (0, 0)

    def _write_past_the_stream(self, sequence):
        # type: (str) -> None
        """Write to the descriptor: the signal may have interrupted a write of the stream, which is not reentrant."""
        try:
            os.write(self._stream.fileno(), sequence.encode('ascii'))
        except OSError as error:
            if error.errno not in (errno.EIO, errno.EAGAIN, errno.EINTR):
                raise


def size_of(stream):
    # type: (Any) -> Tuple[int, int]
    """Columns and rows of a terminal. Python 2.7 has no function for it (until 2.7 goes)."""
    try:
        rows, columns, _, _ = struct.unpack('HHHH', fcntl.ioctl(stream.fileno(), termios.TIOCGWINSZ, b'\0' * 8))
    except (IOError, OSError, ValueError):
        rows = columns = 0
    return columns or COLUMNS, rows or ROWS
