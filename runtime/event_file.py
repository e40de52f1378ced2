"""What happens in a process, as a file for programs: one JSON object per line.

    {"time": 1234.567890, "kind": "assigned", "facts": {"task_id": "...", "calculator": "calculator-a", "attempt": 1}}

``time`` is in seconds of the machine's monotonic clock, so the files of all processes of one machine share one order;
the first line of each life, ``began``, carries the time of day (``unix_time``) as well, and who writes.

Each line is handed to the system at once: a process that is killed leaves everything that it told before.
"""

from __future__ import absolute_import, division, print_function

import json
import os

MYPY = False
if MYPY:
    from typing import Any, Dict  # noqa: F401


class EventFile(object):
    """A file that events are appended to. Raises ``OSError`` where it can't be opened or written."""

    def __init__(self, path):
        # type: (str) -> None
        # Appended to, so that a process that is restarted goes on in its file. Not buffered here: see above.
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def write(self, time, kind, facts):
        # type: (float, str, Dict[str, Any]) -> None
        """Append one event. ``facts`` are plain values."""
        line = '{"time": %.6f, "kind": %s, "facts": %s}\n' % (time, json.dumps(kind), json.dumps(facts))
        os.write(self._descriptor, line.encode('ascii'))
