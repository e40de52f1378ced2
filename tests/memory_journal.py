"""A journal without a disk: it takes the records of a core, fails when it is told to, and gives back what survived.

It has no rows and no encoding, and asserts that the records of a task come in the only order that makes sense. The disk
of ``simulator.disk`` is the other half: real rows, and what a failure leaves behind.
"""

from __future__ import absolute_import, division, print_function

from collections import OrderedDict

MYPY = False
if MYPY:
    from typing import Any, List  # noqa: F401


class MemoryJournal(object):
    """What a ``JournalFile`` does, with ``is_broken`` for the disk and time that goes on while nobody lives."""

    def __init__(self):
        self.lives = 0
        self.is_broken = False
        #: The kinds of each batch that was written.
        self.batches = []  # type: List[List[str]]
        self._kept = []  # type: List[Any]
        # Task id -> (kind, body, deadline, address).
        self._rows = OrderedDict()  # type: OrderedDict[str, Any]

    def serve(self, core, now):
        """What the loop does before it sends."""
        records = core.take_records()
        if records is None:
            return
        self._kept.extend(records)
        if self.is_broken:
            core.note_written(now, 'disk I/O error')
            return
        for record in self._kept:
            self._apply(record)
        self.batches.append([record.KIND for record in self._kept])
        self._kept = []
        core.note_written(now, None)

    def rows(self, now):
        """What the next life finds at ``now``."""
        for task_id, (kind, body, deadline_at, reply_to) in list(self._rows.items()):
            yield kind, task_id, body, deadline_at - now, reply_to

    def states(self):
        """Task id -> the kind of its newest record."""
        return {task_id: row[0] for task_id, row in self._rows.items()}

    def _apply(self, record):
        if record.KIND == 'accepted':
            assert record.task_id not in self._rows
            self._rows[record.task_id] = ('accepted', record.payload, record.deadline_at, record.reply_to)
        elif record.KIND == 'ended':
            assert self._rows[record.task_id][0] == 'accepted'
            self._rows[record.task_id] = ('ended', record.body, record.deadline_at, record.reply_to)
        elif record.KIND == 'told':
            if record.task_id in self._rows:
                assert self._rows[record.task_id][0] == 'ended'
                self._rows[record.task_id] = ('told', None, 0.0, None)
        else:
            assert record.KIND == 'forgotten'
            self._rows.pop(record.task_id, None)
