"""Paths from settings and command lines, for the functions that open files."""

from __future__ import absolute_import, division, print_function

import errno
import io
import os
import stat
import sys

from common.compat import text_type

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401


def native(path):
    # type: (Any) -> Any
    """The path in a form that every function accepts. 2.7 encodes a text by the locale, which may be ASCII, and its
    sqlite3 accepts only ASCII: there a path is bytes (until 2.7 goes). The locale of 3.6 may be ASCII too.
    """
    if sys.version_info < (3,) and isinstance(path, text_type):
        encoding = sys.getfilesystemencoding() or ''
        return path.encode('utf-8' if 'ascii' in encoding.lower() or 'ansi' in encoding.lower() else encoding)
    encoding = sys.getfilesystemencoding()
    if isinstance(path, text_type) and 'ascii' in encoding.lower():
        return path.encode('utf-8', 'surrogateescape').decode(encoding, 'surrogateescape')
    return path


def check_writable(path):
    # type: (Any) -> None
    """Raise ``OSError`` or ``IOError`` if a file can't be written or created. Changes nothing."""
    path = os.path.realpath(native(path))
    is_there = os.path.exists(path)
    # With a final slash, so that a file in place of the folder is refused.
    looked_at = path if is_there else os.path.join(os.path.dirname(path), type(path)())
    mode = os.stat(looked_at).st_mode
    number = 0
    if is_there and stat.S_ISDIR(mode):
        number = errno.EISDIR
    elif stat.S_ISREG(mode):
        # The error of the system says why not.
        io.open(path, 'r+b').close()
    elif not os.access(looked_at, os.W_OK if is_there else os.W_OK | os.X_OK):
        # Do not open a pipe: that could wait for its reader, or end it.
        number = errno.EACCES
    if number:
        raise OSError(number, os.strerror(number))
