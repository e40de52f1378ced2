"""Reads the files of ``--events`` (see ``runtime/event_file.py``), also while they grow."""

from __future__ import absolute_import, division, print_function

import io
import json

from runtime.paths import native

MYPY = False
if MYPY:
    from typing import Any, Dict, Iterable, List, Tuple  # noqa: F401


class EventsBroken(ValueError):
    """A file is not a file of events; the text is one line that says where."""


class Event(object):
    """An event: its time (monotonic seconds), kind and facts; and the process that wrote it, if known."""

    __slots__ = ('time', 'kind', 'facts', 'name', 'role')

    def __init__(self, time, kind, facts, name='', role=''):
        # type: (float, str, Dict[str, Any], str, str) -> None
        self.time = time
        self.kind = kind
        self.facts = facts
        self.name = name
        self.role = role

    def __repr__(self):
        # type: () -> str
        return 'Event(%r, %r, %r, %r, %r)' % (self.time, self.kind, self.facts, self.name, self.role)


class EventReader(object):
    """Reads the events of one process. A file that does not exist counts as empty. The last line may be incomplete."""

    def __init__(self, path, name='', role=''):
        # type: (str, str, str) -> None
        self.path = path
        #: The facts of the first ``began``, such as name and address of the process. None before it was read.
        self.header = None  # type: Dict[str, Any] | None
        #: The number of whole lines that are no event. ``broken_at`` is the first of them without a ``began`` in the
        #: next line, so that neither a kill nor a full disk explains it.
        self.damaged = 0
        self.broken_at = None  # type: int | None
        self._lines = 0
        self._name = name
        self._role = role
        self._file = None  # type: Any
        # The incomplete last line.
        self._begun_line = b''

    def take(self):
        # type: () -> List[Event]
        """The events written since the last call."""
        if self._file is None:
            try:
                # Not the ``open`` of 2.7, whose files return no data after they were read to the end.
                self._file = io.open(native(self.path), 'rb')  # noqa: SIM115
            except (IOError, OSError):
                return []
        lines = (self._begun_line + self._file.read()).split(b'\n')
        self._begun_line = lines.pop()
        found = [self._event(line) for line in lines]
        for event, following in zip(found, found[1:] + [None]):
            self._lines += 1
            if event is None and self.broken_at is None and (following is None or following.kind != 'began'):
                self.broken_at = self._lines
        return [event for event in found if event is not None]

    def close(self):
        # type: () -> None
        if self._file is not None:
            self._file.close()
            self._file = None

    def _event(self, line):
        # type: (bytes) -> Event | None
        try:
            found = json.loads(line.decode('ascii'))
            event = Event(found['time'] + 0.0, found['kind'], dict(found['facts']), self._name, self._role)
        except (ValueError, KeyError, TypeError, RuntimeError):
            self.damaged += 1
            return None
        if event.kind == 'began' and self.header is None:
            self.header = event.facts
        return event


def read(path, name='', role=''):
    # type: (str, str, str) -> Tuple[Dict[str, Any], List[Event]]
    """The header (empty if there is none) and all events of a file, without an incomplete last line. Several starts of
    one process follow one another. Raises ``IOError`` if the file can't be read, ``EventsBroken`` for other content.
    """
    reader = EventReader(path, name, role)
    with io.open(native(path), 'rb') as reader._file:
        events = reader.take()
    if reader.broken_at is not None:
        raise EventsBroken('%s: line %d is no event' % (path, reader.broken_at))
    return reader.header or {}, events


def read_all(paths):
    # type: (Iterable[str]) -> List[Tuple[str, List[Event]]]
    """(path, events) of each file. Raises ``EventsBroken``, also if a file can't be read."""
    files = []
    for path in paths:
        try:
            files.append((path, read(path)[1]))
        except (IOError, OSError) as error:
            raise EventsBroken('%s: %s' % (path, error.strerror))
    return files


def count(path, kind):
    # type: (str, str) -> int
    """The number of events of that kind so far; 0 if there is no file yet."""
    return sum(event.kind == kind for event in events_of(path))


def events_of(path):
    # type: (str) -> List[Event]
    """All events so far; none if there is no file yet."""
    reader = EventReader(path)
    try:
        return reader.take()
    finally:
        reader.close()
