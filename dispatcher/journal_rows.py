"""Conversion of journal records to rows of a table, and back. Disk and simulation use the same rows.

There is one row per task, in the order of acceptance. It is inserted when the task is accepted, updated when the task
has its outcome, and deleted when the client does not need it any more. Each row has a checksum, because SQLite has
checksums only for its log.
"""

from __future__ import absolute_import, division, print_function

import json
from binascii import crc32

from dispatcher.journal import ACCEPTED, ACCEPTED_CALL, ENDED

MYPY = False
if MYPY:
    from typing import Any, Dict, Iterable, Iterator, List, Tuple  # noqa: F401

    from dispatcher.journal import Row  # noqa: F401

#: Kind of the newest record of a task -> state of its row, and the reverse.
STATES = {ACCEPTED: 0, ENDED: 1, ACCEPTED_CALL: 2}
KINDS = {state: kind for kind, state in STATES.items()}

_encode = json.JSONEncoder(ensure_ascii=True, check_circular=False, separators=(',', ':')).encode


class DamagedRow(ValueError):
    """A row differs from what was written."""


class JournalRows(object):
    """The row of each task, and the changes that are not in the table yet.

    A row is ``(number, task id, state, deadline, body, checksum)``. The deadline is in wall-clock time, because only
    this clock outlives the process. The body is the payload or the outcome as JSON.
    """

    def __init__(self):
        # type: () -> None
        # Task id -> number of its row, for each task that has a row or gets one with the next write.
        self._numbers = {}  # type: Dict[str, int]
        self._last_number = 0
        #: The next changes, in this order: whole rows; (state, deadline, body, checksum, number); (number,).
        self.inserts = []  # type: List[Tuple[Any, ...]]
        self.updates = []  # type: List[Tuple[Any, ...]]
        self.deletes = []  # type: List[Tuple[int]]

    def note(self, records, to_wall):
        # type: (Iterable[Any], float) -> None
        """Add the changes of these records. ``to_wall`` is wall-clock time minus monotonic time."""
        for record in records:
            kind, task_id = record.KIND, record.task_id
            if kind in (ACCEPTED, ACCEPTED_CALL):
                self._last_number += 1
                number = self._numbers[task_id] = self._last_number
                row = (number, task_id, STATES[kind], record.deadline_at + to_wall,
                       _encode(record.payload))  # type: Tuple[Any, ...]
                self.inserts.append(row + (_checksum(row),))
            elif kind == ENDED:
                number = self._numbers[task_id]
                row = (number, task_id, STATES[kind], record.deadline_at + to_wall, _encode(record.body))
                self.updates.append(row[2:] + (_checksum(row), number))
            else:
                # A task that was cancelled before it was accepted has no row.
                number = self._numbers.pop(task_id, 0)
                if number:
                    self.deletes.append((number,))

    def note_done(self):
        # type: () -> None
        """All changes are in the table."""
        del self.inserts[:], self.updates[:], self.deletes[:]

    def read(self, rows, wall_now):
        # type: (Iterable[Tuple[Any, ...]], float) -> Iterator[Row]
        """Yield what an earlier incarnation wrote. ``rows`` is the whole table in the order of its numbers.

        Raises ``DamagedRow``; or ``TypeError``, ``ValueError``, ``KeyError`` or ``OverflowError`` for other damage.
        """
        loads = json.loads
        for row in rows:
            number, task_id, state, deadline, body, checksum = row
            if checksum != _checksum(row[:-1]) or task_id in self._numbers:
                raise DamagedRow('row %d' % number)
            self._numbers[task_id] = self._last_number = number
            yield KINDS[state], task_id, loads(body), deadline - wall_now


def _checksum(row):
    # type: (Tuple[Any, ...]) -> int
    return crc32(('%d %s %d %r %s' % row).encode('utf-8')) & 0xffffffff
