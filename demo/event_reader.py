"""Reads the event file of a process while it is being written."""

from __future__ import absolute_import, division, print_function

import io

from runtime.event_file import parsed

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401


class Entry(object):
    """An event: its time (monotonic seconds), the process and its role, the kind and the facts."""

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
        # The part of a line that is written so far.
        self._begun_line = b''
        #: The address that the process listens on, once it has begun.
        self.address = None  # type: Any

    @property
    def has_begun(self):
        # type: () -> bool
        """Whether the process is in its loop and handles signals."""
        return self.address is not None

    def take(self):
        # type: () -> List[Entry]
        """The events written since the last call."""
        if self._file is None:
            try:
                # Not 2.7's own ``open``, whose files return nothing more once they were read to the end.
                self._file = io.open(self.path, 'rb')  # noqa: SIM115
            except (IOError, OSError):
                # The process has not written it yet.
                return []
        lines = (self._begun_line + self._file.read()).split(b'\n')
        self._begun_line = lines.pop()
        return [self._entry(event) for event in parsed(lines + [b''], self.path)]

    def _entry(self, line):
        # type: (Dict[str, Any]) -> Entry
        if line['kind'] == 'began':
            self.address = line['facts']['address']
        return Entry(line['time'], self._name, self._role, line['kind'], line['facts'])
