"""Bounds of settings, names and texts."""

from __future__ import absolute_import, division, print_function

import re

#: Characters of a process name. A host name label has at most 63, and a port or process id follows it.
NAME_CHARS_MAX = 80

#: Characters of a reason for people.
REASON_CHARS_MAX = 300

#: Seconds of any interval or time-out: a year.
SECONDS_MAX = 366 * 86400

#: Names appear in logs, file names and web pages, so they contain no character with a special meaning there.
#: ``\Z``, not ``$``: ``$`` also matches before a trailing newline.
NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9_.@-]{0,%d}\Z' % (NAME_CHARS_MAX - 1))
