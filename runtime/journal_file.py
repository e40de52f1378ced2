"""The journal: a SQLite file in which accepted tasks and their outcomes outlive the process that accepted them.

One row per task, as ``dispatcher.journal_rows`` says, and one transaction per turn of the loop.

**Durable** means: in write-ahead mode with ``synchronous = FULL``, so a commit returns after fsync has put the log on
the disk. (NORMAL outlives a crash of the process but not one of the machine; EXTRA adds nothing in this mode.) Whatever
kills a process or a machine leaves whole transactions and at most one torn one, which SQLite knows by its checksums and
leaves out.

**Alone**: the file is locked for as long as this process lives, by a lock of the kernel that no kill can leave behind.

**Ours**: the file carries our application id and the version of its tables; anything else is refused untouched. A row
that a disk has changed stops the start, with one line, rather than run a task that nobody sent.

**Bounded**: pages of deleted rows are used again, and when most of the file is empty it is given back.
"""

from __future__ import absolute_import, division, print_function

import io
import os
import sqlite3
import struct
import sys
import time

from runtime.process import CannotStart

MYPY = False
if MYPY:
    from typing import Any, Callable, Iterable, Iterator, Tuple  # noqa: F401

#: What stands in the header of our files.
APPLICATION_ID = 0x7a6b5151
SCHEMA_VERSION = 1

#: The log is copied into the file when it has this many pages of 4 KiB.
CHECKPOINT_PAGES = 1000

#: When this many pages lie empty, and they are more than half of the file, this many are given back in a commit.
SPARE_PAGES = 1000

#: Commits between two looks at how much of the file is empty.
LOOK_EVERY = 1000

_CREATE = (
    # ``number`` is the order in which tasks were accepted. ``body`` is the payload, or what the outcome says, as JSON.
    'CREATE TABLE tasks (number INTEGER PRIMARY KEY, task_id TEXT NOT NULL, state INTEGER NOT NULL,'
    ' deadline REAL NOT NULL, reply_to TEXT NOT NULL, body TEXT NOT NULL, checksum INTEGER NOT NULL)',
    'CREATE TABLE journal (lives INTEGER NOT NULL)',
    'INSERT INTO journal VALUES (0)',
    'PRAGMA application_id = %d' % APPLICATION_ID,
    'PRAGMA user_version = %d' % SCHEMA_VERSION)

_INSERT = 'INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?)'
_UPDATE = 'UPDATE tasks SET state = ?, deadline = ?, reply_to = ?, body = ?, checksum = ? WHERE number = ?'
_DELETE = 'DELETE FROM tasks WHERE number = ?'

# What a damaged file makes SQLite, or a row that it gives, raise.
_NOT_USABLE = (sqlite3.Error, TypeError, ValueError, KeyError, OverflowError, MemoryError)


class JournalFailed(Exception):
    """The journal can't be written at the moment."""


class JournalFile(object):
    """An open journal. Raises ``CannotStart`` from the constructor and from ``rows``, ``JournalFailed`` from ``write``.

    ``table`` makes rows of records and back (a new ``JournalRows``), ``wall`` is the time of day in seconds.
    ``connect`` is for tests that break a disk.
    """

    def __init__(self, path, table, wall=time.time, connect=sqlite3.connect):
        # type: (str, Any, Callable[[], float], Callable[..., Any]) -> None
        self.path = path
        self._table = table
        self._wall = wall
        self._commits = 0
        self._refuse_what_is_not_ours()
        self._connection = None  # type: Any
        try:
            self._open(connect)
        except _NOT_USABLE as error:
            self.close()
            raise CannotStart(self._why_not(error))

    # Opening.

    def _refuse_what_is_not_ours(self):
        # type: () -> None
        """Look at the header without SQLite, which would begin by tidying up."""
        try:
            # To write, so that the system says why not; SQLite would only say that there was an error.
            with io.open(self.path, 'r+b') as file:
                header = file.read(100)
        except (OSError, IOError) as error:
            if os.path.lexists(self.path) or not os.path.isdir(os.path.dirname(os.path.abspath(self.path))):
                raise CannotStart('cannot open the journal %s: %s' % (self.path, error.strerror))
            return
        # Nothing, or one page, is what a process leaves that is killed at the birth of its journal. A log comes later.
        if not header and os.path.exists(self.path + '-wal'):
            raise self._damaged('it is empty and its log is not')
        if header and (len(header) < 100 or header[:16] != b'SQLite format 3\0'):
            raise self._not_ours()
        pages, version, application_id = [struct.unpack('>I', header[place:place + 4])[0] if header else 0
                                          for place in (28, 60, 68)]
        if pages <= 1 and version == application_id == 0:
            return
        if application_id != APPLICATION_ID:
            raise self._not_ours()
        if version != SCHEMA_VERSION:
            raise CannotStart('the journal %s has tables of version %d, this dispatcher knows version %d' % (
                self.path, version, SCHEMA_VERSION))

    def _not_ours(self):
        # type: () -> CannotStart
        return CannotStart('%s is not a journal of a dispatcher; it is left as it is' % self.path)

    def _open(self, connect):
        # type: (Callable[..., Any]) -> None
        path = os.path.abspath(self.path)
        if sys.version_info < (3,) and not isinstance(path, str):
            # Until 2.7 goes: its sqlite3 takes no text that is not ASCII.
            path = path.encode(sys.getfilesystemencoding() or 'utf-8')
        # No waiting for a lock: whoever has it keeps it. Transactions begin where we say.
        self._connection = connect(path, timeout=0, isolation_level=None)
        execute = self._connection.execute
        execute('PRAGMA locking_mode = EXCLUSIVE')
        if execute('PRAGMA user_version').fetchone()[0] == 0:
            self._create(execute)
        if execute('PRAGMA journal_mode = WAL').fetchone()[0] != 'wal':
            raise sqlite3.OperationalError('its file system has no write-ahead log')
        execute('PRAGMA synchronous = FULL')
        execute('PRAGMA wal_autocheckpoint = %d' % CHECKPOINT_PAGES)
        execute('PRAGMA journal_size_limit = %d' % (8 * CHECKPOINT_PAGES * 4096))
        # Also the proof that the file can be written and that nobody else has it.
        execute('BEGIN IMMEDIATE')
        #: Lives of the dispatcher that wrote here before this one.
        self.lives = execute('SELECT lives FROM journal').fetchone()[0]
        execute('UPDATE journal SET lives = lives + 1')
        execute('COMMIT')

    @staticmethod
    def _create(execute):
        # type: (Callable[[str], Any]) -> None
        """All at once, in the rollback mode of a new file, so that it is never found half-made."""
        execute('PRAGMA auto_vacuum = INCREMENTAL')
        execute('PRAGMA synchronous = FULL')
        execute('BEGIN EXCLUSIVE')
        for statement in _CREATE:
            execute(statement)
        execute('COMMIT')

    def _why_not(self, error):
        # type: (Exception) -> str
        if 'locked' in str(error):
            return 'the journal %s is in use by another dispatcher' % self.path
        return 'cannot use the journal %s: %s' % (self.path, error)

    # Reading back.

    def rows(self):
        # type: () -> Iterator[Tuple[str, str, Any, float, Any]]
        """What an earlier life left, in the order in which it was accepted: (kind of the newest record, task id, body,
        time left of the task in seconds, address to answer to).
        """
        try:
            damage = self._connection.execute('PRAGMA quick_check(1)').fetchone()[0]
            if damage != 'ok':
                raise self._damaged(damage.splitlines()[-1])
            rows = self._connection.execute('SELECT * FROM tasks ORDER BY number')
            for row in self._table.read(rows, self._wall()):
                yield row
        except _NOT_USABLE as error:
            raise self._damaged('%s: %s' % (type(error).__name__, error))

    def _damaged(self, what):
        # type: (str) -> CannotStart
        return CannotStart('the journal %s is damaged (%s): restore a copy, or move it away to begin anew' % (
            self.path, what))

    # Writing.

    def write(self, records, now):
        # type: (Iterable[Any], float) -> None
        """Write the records, and all that could not be written before, in one transaction.

        Returns when they are on the disk. Raises ``JournalFailed`` when none of them is: then they are kept, and the
        next call writes them first.
        """
        table = self._table
        table.note(records, self._wall() - now)
        try:
            execute, executemany = self._connection.execute, self._connection.executemany
            execute('BEGIN IMMEDIATE')
            if table.inserts:
                executemany(_INSERT, table.inserts)
            if table.updates:
                executemany(_UPDATE, table.updates)
            if table.deletes:
                executemany(_DELETE, table.deletes)
            execute('COMMIT')
        except sqlite3.Error as error:
            self._roll_back()
            raise JournalFailed(str(error))
        table.note_done()
        self._commits += 1
        if self._commits % LOOK_EVERY == 0:
            self._give_back()

    def close(self):
        # type: () -> None
        """Give the file back, its log copied into it."""
        if self._connection is not None:
            try:
                self._connection.close()
            except sqlite3.Error:
                # What is written is safe in the log, where the next life finds it.
                pass

    def _roll_back(self):
        # type: () -> None
        try:
            self._connection.execute('ROLLBACK')
        except sqlite3.Error:
            # Some failures have rolled back already.
            pass

    def _give_back(self):
        # type: () -> None
        """After a flood has passed, some of the empty pages; not all at once, which could take long."""
        try:
            execute = self._connection.execute
            empty = execute('PRAGMA freelist_count').fetchone()[0]
            if empty > SPARE_PAGES and 2 * empty > execute('PRAGMA page_count').fetchone()[0]:
                # As a script, because it is done step by step and the execute of 3.x makes the first one only.
                self._connection.executescript('PRAGMA incremental_vacuum(%d);' % SPARE_PAGES)
        except sqlite3.Error:
            # The next write tells.
            pass
