"""The records of the journal as rows of a table, and back: the same on a disk and in a simulation.

One row per task, in the order in which tasks were accepted: inserted when it is accepted, updated when it has its
outcome, deleted when it is over for its client. Each row carries a checksum of its own, because what a database checks
for itself is its log only.
"""

from __future__ import absolute_import, division, print_function

import json
from binascii import crc32

from dispatcher.journal import ACCEPTED, ACCEPTED_CALL, ENDED

MYPY = False
if MYPY:
    from typing import Any, Dict, Iterable, Iterator, List, Tuple  # noqa: F401

    from dispatcher.journal import Row  # noqa: F401

#: The states of a row, by the kind of the newest record of its task, and back.
STATES = {ACCEPTED: 0, ENDED: 1, ACCEPTED_CALL: 2}
KINDS = {state: kind for kind, state in STATES.items()}

_encode = json.JSONEncoder(ensure_ascii=True, check_circular=False, separators=(',', ':')).encode


class DamagedRow(ValueError):
    """A row is not as it was written."""


class JournalRows(object):
    """Which task has which row, and what is to be done to the table until it says what the core's records say.

    A row is ``(number, task id, state, deadline, body, checksum)``: the deadline by the time of day, because no other
    clock outlives the process, and the payload or the outcome as JSON.
    """

    def __init__(self):
        # type: () -> None
        # Task id -> the number of its row; a task is a key exactly while it has a row, or gets one with the next write.
        self._numbers = {}  # type: Dict[str, int]
        self._last_number = 0
        #: What is to be done next, in this order: whole rows; (state, deadline, body, checksum, number); (number,).
        #: Kept until it is done.
        self.inserts = []  # type: List[Tuple[Any, ...]]
        self.updates = []  # type: List[Tuple[Any, ...]]
        self.deletes = []  # type: List[Tuple[int]]

    def note(self, records, to_wall):
        # type: (Iterable[Any], float) -> None
        """More is to be done. ``to_wall`` is what a point in time needs to be one by the time of day."""
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
        """The table says all that was noted."""
        del self.inserts[:], self.updates[:], self.deletes[:]

    def read(self, rows, wall_now):
        # type: (Iterable[Tuple[Any, ...]], float) -> Iterator[Row]
        """What an earlier incarnation left. ``rows`` is the whole table in the order of its numbers.

        Raises ``DamagedRow``; or ``TypeError``, ``ValueError``, ``KeyError`` or ``OverflowError``, where a damage makes
        nonsense of a row before it is recognised.
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
