"""One live line at the bottom of a terminal."""

from __future__ import absolute_import, division, print_function

import sys

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401

# Back to the first column, and erase to the end of the line.
_ERASE = '\r\x1b[K'

#: Where the terminal does not tell its width.
COLUMNS = 80


class LiveLine(object):
    """A line that is written over and over. On anything but a terminal it shows nothing."""

    def __init__(self, stream=None):
        # type: (Any) -> None
        self._stream = sys.stderr if stream is None else stream
        self._text = ''
        self.is_live = bool(getattr(self._stream, 'isatty', lambda: False)())

    def show(self, text):
        # type: (str) -> None
        """Replace the line."""
        self._text = text[:columns() - 1]
        self.redraw()

    def clear(self):
        # type: () -> None
        """Take it away, so that something else can be written."""
        if self.is_live and self._text:
            self._write(_ERASE)

    def redraw(self):
        # type: () -> None
        """Bring it back."""
        if self.is_live and self._text:
            self._write(_ERASE + self._text)

    def end(self):
        # type: () -> None
        """Take it away for good."""
        self.clear()
        self._text = ''

    def _write(self, text):
        # type: (str) -> None
        self._stream.write(text)
        self._stream.flush()


def columns():
    # type: () -> int
    """The width of the terminal on standard error."""
    try:
        # Not on 2.7 (until 2.7 goes).
        from os import get_terminal_size
        return get_terminal_size(sys.stderr.fileno()).columns or COLUMNS
    except (ImportError, OSError, ValueError):
        return COLUMNS
