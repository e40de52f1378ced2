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
    """The path in a form that every function takes. 2.7 encodes a text as the locale says, which is ASCII in a minimal
    one, and its sqlite3 takes ASCII only: there a path is bytes (until 2.7 goes). 3.6 has a minimal locale too.
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
    """Raise ``OSError`` or ``IOError`` where a file can't be written, or created where there is none. Changes nothing.
    """
    path = os.path.realpath(native(path))
    is_there = os.path.exists(path)
    # As a folder, so that a file in its place is refused.
    looked_at = path if is_there else os.path.join(os.path.dirname(path), type(path)())
    mode = os.stat(looked_at).st_mode
    number = 0
    if is_there and stat.S_ISDIR(mode):
        number = errno.EISDIR
    elif stat.S_ISREG(mode):
        # So that the system says why not.
        io.open(path, 'r+b').close()
    elif not os.access(looked_at, os.W_OK if is_there else os.W_OK | os.X_OK):
        # A pipe is not opened: that would wait for its reader, or end it.
        number = errno.EACCES
    if number:
        raise OSError(number, os.strerror(number))
