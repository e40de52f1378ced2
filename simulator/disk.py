"""A simulated disk in memory, with the journal on it.

Rows pass through the encoding of the real journal, so only text and numbers survive a process. On a full disk, nothing
is written. On a failing disk, a write is reported as failed, but the next incarnation may find it (only the last fsync
of the commit failed). A later successful write contains everything.
"""

from __future__ import absolute_import, division, print_function

from dispatcher.journal_rows import KINDS, JournalRows

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, Iterator, List, Tuple  # noqa: F401

    from dispatcher.journal import Row  # noqa: F401

FULL = 'database or disk is full'
FAILING = 'disk I/O error'

COUNTERS = ('commits', 'writes_failed', 'half_written_found', 'starts_refused')


class DiskBroken(Exception):
    """The journal cannot be opened."""


class Disk(object):
    """The table of the journal, and how many incarnations opened it. It survives the dispatcher."""

    def __init__(self, rng):
        # type: (Any) -> None
        self.counts = dict.fromkeys(COUNTERS, 0)
        self.incarnations = 0
        #: Number -> row, as text and numbers.
        self.rows = {}  # type: Dict[int, Tuple[Any, ...]]
        #: Why nothing can be written, or None.
        self.failure = None  # type: str | None
        self._rng = rng
        # Task id -> the number of its row.
        self._numbers = {}  # type: Dict[str, int]
        # A write that was reported as failed and that the next incarnation will find.
        self._half_written = None  # type: Any

    def state_of(self, task_id):
        # type: (str) -> str | None
        """The kind of the newest record of a task, or None."""
        number = self._numbers.get(task_id)
        return None if number is None else KINDS[self.rows[number][2]]

    def write(self, table):
        # type: (JournalRows) -> str | None
        """Make all changes of a table. Returns None, or why nothing was written."""
        change = (list(table.inserts), list(table.updates), list(table.deletes))
        if self.failure is None:
            self.counts['commits'] += 1
            self._half_written = None
            self._apply(change)
            table.note_done()
        else:
            self.counts['writes_failed'] += 1
            if self.failure == FAILING and self._rng.random() < 0.5:
                self._half_written = change
        return self.failure

    def begin(self):
        # type: () -> int
        """Open the journal. Returns how many incarnations opened it before. Raises ``DiskBroken``."""
        if self.failure is not None:
            self.counts['starts_refused'] += 1
            raise DiskBroken(self.failure)
        if self._half_written is not None:
            self.counts['half_written_found'] += 1
            self._apply(self._half_written)
            self._half_written = None
        self.incarnations += 1
        return self.incarnations - 1

    def copy(self):
        # type: () -> Tuple[int, Dict[int, Tuple[Any, ...]]]
        """A backup of the journal."""
        return self.incarnations, dict(self.rows)

    def restore(self, copy):
        # type: (Tuple[int, Dict[int, Tuple[Any, ...]]]) -> None
        """Replace the journal by a backup."""
        self.incarnations, self.rows = copy[0], dict(copy[1])
        self._numbers = {row[1]: number for number, row in self.rows.items()}
        self._half_written = None

    def _apply(self, change):
        # type: (Tuple[List[Any], List[Any], List[Any]]) -> None
        inserts, updates, deletes = change
        for row in inserts:
            if row[0] in self.rows:
                raise ValueError('row %d is there already' % row[0])
            self.rows[row[0]] = row
            self._numbers[row[1]] = row[0]
        for update in updates:
            number = update[-1]
            self.rows[number] = self.rows[number][:2] + update[:-1]
        for number, in deletes:
            task_id = self.rows.pop(number)[1]
            # The same task may have been accepted again since, and have another row.
            if self._numbers.get(task_id) == number:
                del self._numbers[task_id]


class DiskJournal(object):
    """The open journal of one incarnation, in place of ``runtime.journal_file``. Raises ``DiskBroken``.

    ``wall()`` is the time of day in seconds.
    """

    def __init__(self, disk, wall):
        # type: (Disk, Callable[[], float]) -> None
        self.incarnations = disk.begin()
        self._disk = disk
        self._wall = wall
        self._table = JournalRows()

    def rows(self):
        # type: () -> Iterator[Row]
        """The records of earlier incarnations."""
        return self._table.read([row for _, row in sorted(self._disk.rows.items())], self._wall())

    def write(self, records, now):
        # type: (List[Any], float) -> str | None
        """Write records, and those whose write failed before. Returns None, or why nothing was written."""
        self._table.note(records, self._wall() - now)
        return self._disk.write(self._table)
