"""The events of a process in a file for programs: one JSON object per line.

    {"time": 1234.567890, "kind": "assigned", "facts": {"task_id": "...", "calculator": "calculator-a", "attempt": 1}}

``time`` is in seconds of the machine's monotonic clock, so the files of all processes of one machine share one order.
The first line of each start, ``began``, also has the time of day (``unix_time``), the name of the process, and its
settings. The last line of a process that was not killed is ``stopped``.

Each line is written at once, so the file of a killed process is complete. A process never waits for the slow reader of
a pipe: lines that do not fit are dropped, and ``events_dropped`` says how many.
"""

from __future__ import absolute_import, division, print_function

import json
import os
import stat

from runtime.descriptors import not_inherited
from runtime.output import Output
from runtime.paths import native

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

#: Bytes that are kept for the slow reader of a pipe.
PENDING_BYTES_MAX = 4 * 1024 * 1024


class EventFile(object):
    """A file to which events are appended. Raises ``OSError`` if it can't be opened or written."""

    def __init__(self, path):
        # type: (str) -> None
        # A restarted process continues its file. Opening a named pipe waits for its reader.
        descriptor = os.open(native(path), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        not_inherited(descriptor)
        self._time = 0.0
        self._output = Output(descriptor, self._dropped, is_shared=False, pending_max=PENDING_BYTES_MAX)
        if stat.S_ISREG(os.fstat(descriptor).st_mode) and _is_torn(path):
            # A full disk has cut off the last line.
            self._output.put(b'\n')

    def write(self, time, kind, facts):
        # type: (float, str, Dict[str, Any]) -> None
        self._time = time
        self._output.put(line(time, kind, facts))

    def _dropped(self, number):
        # type: (int) -> bytes
        return line(self._time, 'events_dropped', {'number': number})

    def writers(self):
        # type: () -> List[Any]
        return [self._output] if self._output.is_pending else []

    def flush(self):
        # type: () -> None
        self._output.flush()

    def finish(self, within_s):
        # type: (float) -> None
        self._output.finish(within_s)


def line(time, kind, facts):
    # type: (float, str, Dict[str, Any]) -> bytes
    """One event as a line of a file. Reading it back gives the same numbers."""
    return ('{"time": %r, "kind": %s, "facts": %s}\n' % (time, json.dumps(kind), json.dumps(facts))).encode('ascii')


def _is_torn(path):
    # type: (str) -> bool
    try:
        with open(native(path), 'rb') as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b'\n'
    except (OSError, IOError):
        # Empty, or not readable.
        return False
