"""Standard error: lines of the log, and below them one live line if it is a terminal."""

from __future__ import absolute_import, division, print_function

import select
import sys

from common.compat import text_type
from common.words import counted
from runtime.output import Output

MYPY = False
if MYPY:
    from typing import Any, List  # noqa: F401

# Back to the first column, and erase to the end of the line.
_ERASE = '\r\x1b[K'

#: The width of a terminal that does not report it.
COLUMNS = 80

#: How long to wait for a slow reader at the end of the process.
FINISH_WITHIN_S = 0.5


class LiveLine(object):
    """The last line of a terminal, rewritten in place. On anything but a terminal it shows nothing.

    Never waits for a reader, and never raises if the terminal was closed.
    """

    def __init__(self, stream=None):
        # type: (Any) -> None
        stream = sys.stderr if stream is None else stream
        self._encoding = getattr(stream, 'encoding', None) or 'utf-8'
        try:
            self._output = Output(stream.fileno(), _dropped)  # type: Any
        except (AttributeError, ValueError, OSError, IOError):
            self._output = _Stream(stream)
        self._text = ''
        self.is_live = bool(getattr(stream, 'isatty', lambda: False)())

    def show(self, text):
        # type: (str) -> None
        self._text = text[:columns() - 1]
        if self.is_live and not self._output.is_pending:
            self._put(_ERASE + self._text)

    def write_above(self, text):
        # type: (str) -> None
        """Write a line of the log above the live line."""
        before, after = (_ERASE, self._text) if self.is_live and self._text else ('', '')
        self._put(before + text + '\n' + after)

    def end(self):
        # type: () -> None
        """Remove the live line, and wait up to ``FINISH_WITHIN_S`` for a slow reader."""
        if self.is_live and self._text:
            self._put(_ERASE)
        self._text = ''
        try:
            self._output.finish(FINISH_WITHIN_S)
        except (OSError, select.error):
            pass

    def writers(self):
        # type: () -> List[Any]
        return [self._output] if self._output.is_pending else []

    def flush(self):
        # type: () -> None
        """Write as much of the pending output as possible without waiting."""
        self._put('')

    def _put(self, text):
        # type: (str) -> None
        # On 2.7 a line with bytes in it is bytes (until 2.7 goes).
        piece = text.encode(self._encoding, 'backslashreplace') if isinstance(text, text_type) else text
        try:
            self._output.put(piece)
        except (OSError, IOError, select.error, ValueError):
            # The terminal or its reader is gone, the disk is full, or the stream was closed.
            self.is_live = False


def _dropped(number):
    # type: (int) -> bytes
    return ('(the reader of the log is too slow: %s dropped)\n' % counted(number, 'lines')).encode('ascii')


class _Stream(object):
    """Replaces ``Output`` when standard error is a stream in memory."""

    is_pending = False

    def __init__(self, stream):
        # type: (Any) -> None
        self._stream = stream

    def put(self, piece):
        # type: (bytes) -> None
        text = piece.decode('utf-8') if sys.version_info >= (3,) else piece  # type: Any
        self._stream.write(text)
        self._stream.flush()

    def finish(self, within_s):
        # type: (float) -> None
        pass


def bar(done, wanted):
    # type: (int, int) -> str
    """A progress bar of fixed width."""
    filled = 20 * done // wanted
    return '[%s%s]' % ('#' * filled, '.' * (20 - filled))


def columns():
    # type: () -> int
    """The width of the terminal on standard error."""
    try:
        # Not on 2.7 (until 2.7 goes).
        from os import get_terminal_size
        return get_terminal_size(sys.stderr.fileno()).columns or COLUMNS
    except (ImportError, OSError, ValueError):
        return COLUMNS
