"""Paths from settings and command lines, for the functions that open files."""

from __future__ import absolute_import, division, print_function

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
