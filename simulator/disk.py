"""The disk under the journal, and the journal on it, in memory.

Rows pass through the encoding of the real journal, so nothing but text and numbers outlives a process. A disk may be
full: nothing of a write is there. It may fail: then the write is reported as failed and may be there all the same when
the next incarnation looks (a commit of which only the last fsync failed), unless a later write succeeded, which holds
all of it anyway.
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
    """Nothing can be opened on it."""


class Disk(object):
    """What outlives the dispatcher: the table of its journal, and how many incarnations wrote to it."""

    def __init__(self, rng):
        # type: (Any) -> None
        self.counts = dict.fromkeys(COUNTERS, 0)
        self.incarnations = 0
        #: Number -> row, as text and numbers.
        self.rows = {}  # type: Dict[int, Tuple[Any, ...]]
        #: None, or why nothing can be written.
        self.failure = None  # type: str | None
        self._rng = rng
        # Task id -> the number of its row.
        self._numbers = {}  # type: Dict[str, int]
        # A write that was reported as failed and may turn out to be there.
        self._half_written = None  # type: Any

    def __len__(self):
        # type: () -> int
        return len(self.rows)

    def state_of(self, task_id):
        # type: (str) -> str | None
        """What is on the disk about a task: the kind of its newest record."""
        number = self._numbers.get(task_id)
        return None if number is None else KINDS[self.rows[number][2]]

    def write(self, table):
        # type: (JournalRows) -> str | None
        """Everything that a table wants done, or nothing: then why."""
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
        """A process opens the journal: how many did before. Raises ``DiskBroken``."""
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
        """A copy that somebody keeps."""
        return self.incarnations, dict(self.rows)

    def restore(self, copy):
        # type: (Tuple[int, Dict[int, Tuple[Any, ...]]]) -> None
        """Somebody puts a copy in its place."""
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
    """A journal as one incarnation of the dispatcher has it open: what ``runtime.journal_file`` is on a real disk.

    ``wall`` is the time of day in seconds. Raises ``DiskBroken``.
    """

    def __init__(self, disk, wall):
        # type: (Disk, Callable[[], float]) -> None
        self.incarnations = disk.begin()
        self._disk = disk
        self._wall = wall
        self._table = JournalRows()

    def rows(self):
        # type: () -> Iterator[Row]
        """What earlier incarnations left."""
        return self._table.read([row for _, row in sorted(self._disk.rows.items())], self._wall())

    def write(self, records, now):
        # type: (List[Any], float) -> str | None
        """Write them, and all that could not be written before. Returns why not, or None."""
        self._table.note(records, self._wall() - now)
        return self._disk.write(self._table)
