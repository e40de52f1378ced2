"""Shows a run while it goes on: as one picture that is drawn over and over, or as plain lines.

The picture stands in the normal screen, where it began, and nothing of the terminal is changed: no other screen, no
hidden cursor, no mode that would have to be put back, not even where this process is killed.
"""

from __future__ import absolute_import, division, print_function

import fcntl
import struct
import termios

from demo.picture import HEADING, PAST, picture, status_line
from demo.sentences import BAD, GOOD, LOUD, PLAIN

MYPY = False
if MYPY:
    from typing import Any, Tuple  # noqa: F401

    from demo.picture import Moment  # noqa: F401

#: A line longer than that is hard to read; where the terminal does not tell its size, this is it.
COLUMNS_MAX = 110
COLUMNS, ROWS = 80, 24

#: Between two status lines where there is no picture.
STATUS_INTERVAL_S = 3.0

_COLOURS = {HEADING: '\x1b[1m', PAST: '\x1b[2m', BAD: '\x1b[33m', GOOD: '\x1b[32m', LOUD: '\x1b[1;31m', PLAIN: ''}
_COLOUR_END = '\x1b[0m'
_ERASE_TO_END_OF_LINE = '\x1b[K'
_ERASE_BELOW = '\x1b[J'
_HOME = '\x1b[H'


def view_for(stream, environment):
    # type: (Any, Any) -> LivePicture | PlainLines
    """What this output can show."""
    if stream.isatty() and environment.get('TERM', 'dumb') != 'dumb':
        return LivePicture(stream, with_colours=not environment.get('NO_COLOR'))
    return PlainLines(stream)


class LivePicture(object):
    """A picture on a terminal, in place of the one before."""

    def __init__(self, stream, with_colours):
        # type: (Any, bool) -> None
        self._stream = stream
        self._with_colours = with_colours
        self._lines_shown = 0
        self._size = (0, 0)

    def event(self, seconds, sentence):
        # type: (float, str) -> None
        """The picture shows the latest ones itself."""

    def show(self, moment):
        # type: (Moment) -> None
        """Draw."""
        size = size_of(self._stream)
        columns, rows = size
        # The last row and column stay free: writing there makes some terminals scroll or wrap.
        lines = picture(moment, min(columns, COLUMNS_MAX) - 1, rows - 1)
        text = ''.join(self._coloured(style, line) + _ERASE_TO_END_OF_LINE + '\n' for style, line in lines)
        self._stream.write(self._back(size) + text + _ERASE_BELOW)
        self._stream.flush()
        self._lines_shown = len(lines)
        self._size = size

    def _back(self, size):
        # type: (Tuple[int, int]) -> str
        """To the first line of the last picture. In a window of another size nobody knows where that is now."""
        if not self._lines_shown:
            return ''
        return '\r\x1b[%dA' % self._lines_shown if size == self._size else _HOME

    def _coloured(self, style, line):
        # type: (str, str) -> str
        if not self._with_colours or not _COLOURS[style]:
            return line
        return _COLOURS[style] + line + _COLOUR_END


class PlainLines(object):
    """A line for each event, and every few seconds one that says how things stand."""

    def __init__(self, stream):
        # type: (Any) -> None
        self._stream = stream
        self._status_due_s = STATUS_INTERVAL_S

    def event(self, seconds, sentence):
        # type: (float, str) -> None
        """Write it."""
        self._write('%6.1f s  %s' % (seconds, sentence))

    def show(self, moment):
        # type: (Moment) -> None
        """Write a status line if it is time."""
        if moment.seconds >= self._status_due_s:
            self._status_due_s += STATUS_INTERVAL_S
            self._write('%6.1f s  -- %s' % (moment.seconds, status_line(moment)))

    def _write(self, line):
        # type: (str) -> None
        self._stream.write(line + '\n')
        self._stream.flush()


def size_of(stream):
    # type: (Any) -> Tuple[int, int]
    """Columns and rows of a terminal, also on 2.7, which has no function for it."""
    try:
        rows, columns, _, _ = struct.unpack('HHHH', fcntl.ioctl(stream.fileno(), termios.TIOCGWINSZ, b'\0' * 8))
    except (IOError, OSError, ValueError):
        rows = columns = 0
    return columns or COLUMNS, rows or ROWS
