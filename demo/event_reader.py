"""Reads the event file of a process while it is being written."""

from __future__ import absolute_import, division, print_function

import io
import json

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401


class Entry(object):
    """Something that happened: when (monotonic seconds), at which process of which role, what, and the facts."""

    __slots__ = ('time', 'name', 'role', 'kind', 'facts')

    def __init__(self, time, name, role, kind, facts):
        # type: (float, str, str, str, Dict[str, Any]) -> None
        self.time = time
        self.name = name
        self.role = role
        self.kind = kind
        self.facts = facts

    def __repr__(self):
        # type: () -> str
        return 'Entry(%r, %r, %r, %r, %r)' % (self.time, self.name, self.role, self.kind, self.facts)


class EventReader(object):
    """The events of one process, from the first to the newest."""

    def __init__(self, path, name, role):
        # type: (str, str, str) -> None
        self.path = path
        self._name = name
        self._role = role
        self._file = None  # type: Any
        # The beginning of a line whose end is not written yet.
        self._begun_line = b''
        #: The address that the process listens on, once it has begun.
        self.address = None  # type: Any

    @property
    def has_begun(self):
        # type: () -> bool
        """Whether the process is in its loop and knows what to do with a signal."""
        return self.address is not None

    def take(self):
        # type: () -> List[Entry]
        """What was written since last asked."""
        if self._file is None:
            try:
                # Not 2.7's own ``open``, whose files have ended for good once they were read to the end.
                self._file = io.open(self.path, 'rb')  # noqa: SIM115
            except (IOError, OSError):
                # The process has not come as far as that.
                return []
        lines = (self._begun_line + self._file.read()).split(b'\n')
        self._begun_line = lines.pop()
        return [self._entry(json.loads(line.decode('ascii'))) for line in lines]

    def _entry(self, line):
        # type: (Dict[str, Any]) -> Entry
        if line['kind'] == 'began':
            self.address = line['facts']['address']
        return Entry(line['time'], self._name, self._role, line['kind'], line['facts'])
