"""The journal: a SQLite file from which a dispatcher learns after a restart what it had accepted.

One row per task, as ``dispatcher.journal_rows`` says, and one transaction per turn of the loop.

**Durable**: in write-ahead mode with ``synchronous = FULL`` a commit returns after fsync has put the log on the disk.
(NORMAL survives a crash of the process but not one of the machine; EXTRA adds nothing in this mode.) After a kill or a
power failure the file holds whole transactions, and at most one torn one, which SQLite recognises by its checksums.

**One writer**: a lock on the file ``PATH-lock``, which the kernel releases when the process ends. SQLite's own lock for
a whole process (``locking_mode = EXCLUSIVE``) would keep readers out too, and with them ``copy``.

**Ours**: the file carries our application id and the version of its tables; other files are refused and not changed. A
row that the disk has changed stops the start with one line. A file that is deleted or replaced while it is in use is
noticed at the next commit.

**Bounded**: pages of deleted rows are used again, and when most of the file is empty, pages are given back.
"""

from __future__ import absolute_import, division, print_function

import errno
import fcntl
import io
import os
import sqlite3
import stat
import struct
import tempfile
import time

from runtime.descriptors import not_inherited
from runtime.paths import native
from runtime.process import CannotStart

MYPY = False
if MYPY:
    from typing import Any, Callable, Iterable, Iterator, List, Tuple  # noqa: F401

#: The application id and version in the header of our files. Version 1 was written by 0.1.0.
APPLICATION_ID = 0x7a6b5151
SCHEMA_VERSION = 2

#: The log is copied into the file when it has this many pages of 4 KiB.
CHECKPOINT_PAGES = 1000

#: When this many pages are empty, and they are more than half of the file, this many are given back in a commit.
SPARE_PAGES = 1000

#: Commits between two looks at how much of the file is empty.
LOOK_EVERY = 1000

_CREATE = (
    # ``number`` is the order in which tasks were accepted. ``body`` is the payload, or what the outcome says, as JSON.
    'CREATE TABLE tasks (number INTEGER PRIMARY KEY, task_id TEXT NOT NULL, state INTEGER NOT NULL,'
    ' deadline REAL NOT NULL, body TEXT NOT NULL, checksum INTEGER NOT NULL)',
    'CREATE TABLE journal (starts INTEGER NOT NULL)',
    'INSERT INTO journal VALUES (0)',
    'PRAGMA application_id = %d' % APPLICATION_ID,
    'PRAGMA user_version = %d' % SCHEMA_VERSION)

# A journal of version 1 is replaced when it holds no tasks. Below state 2 a client has not acknowledged the outcome.
_TASKS_OF_VERSION_1 = 'SELECT count(*) FROM tasks WHERE state < 2'
_DROP_VERSION_1 = ('DROP TABLE tasks', 'DROP TABLE journal')

_INSERT = 'INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?)'
_UPDATE = 'UPDATE tasks SET state = ?, deadline = ?, body = ?, checksum = ? WHERE number = ?'
_DELETE = 'DELETE FROM tasks WHERE number = ?'
_ROWS = 'SELECT * FROM tasks ORDER BY number'

# What a damaged file makes SQLite, or a row that it gives, raise, and everything else that can go wrong with one.
_NOT_USABLE = (sqlite3.Error, TypeError, ValueError, KeyError, OverflowError, MemoryError, OSError, IOError)

# An attempt to take the lock may meet the lock file of a process that is just deleting it.
_LOCK_TRIES = 10


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
        # Path -> device and inode of the file that is open under it.
        self._files = []  # type: List[Tuple[Any, Any]]
        self._connection = None  # type: Any
        check(path)
        self._lock = _lock(path)  # type: int | None
        try:
            self._open(connect)
        except _NOT_USABLE as error:
            self.close()
            raise _refusal(self.path, error)
        except CannotStart:
            self.close()
            raise

    def _open(self, connect):
        # type: (Callable[..., Any]) -> None
        # No waiting for a lock: a process that has it keeps it. Transactions begin where we say.
        path = os.path.abspath(native(self.path))
        # Behind a symbolic link the log stands beside the file itself.
        real = os.path.realpath(path)
        self._connection = connect(real, timeout=0, isolation_level=None)
        execute = self._connection.execute
        version = execute('PRAGMA user_version').fetchone()[0]
        if version != SCHEMA_VERSION:
            starts = 0 if version == 0 else _starts_of_version_1(self.path, execute)
            _create(execute, starts, _DROP_VERSION_1 if version else ())
        if execute('PRAGMA journal_mode = WAL').fetchone()[0] != 'wal':
            raise sqlite3.OperationalError('its file system has no write-ahead log')
        execute('PRAGMA synchronous = FULL')
        execute('PRAGMA wal_autocheckpoint = %d' % CHECKPOINT_PAGES)
        execute('PRAGMA journal_size_limit = %d' % (8 * CHECKPOINT_PAGES * 4096))
        # This also proves that the file can be written.
        execute('BEGIN IMMEDIATE')
        #: How often a dispatcher was started with this journal before.
        self.starts = execute('SELECT starts FROM journal').fetchone()[0]
        execute('UPDATE journal SET starts = starts + 1')
        execute('COMMIT')
        self._files = [(name, _identity(name)) for name in (path, real + type(real)('-wal'))]

    # Reading back.

    def rows(self):
        # type: () -> Iterator[Tuple[Any, ...]]
        """What the table makes of its rows, in the order in which tasks were accepted. Before the first ``write``."""
        try:
            damage = self._connection.execute('PRAGMA quick_check(1)').fetchone()[0]
            if damage != 'ok':
                raise _damaged(self.path, damage.splitlines()[-1])
            for row in self._table.read(self._connection.execute(_ROWS), self._wall()):
                yield row
        except _NOT_USABLE as error:
            raise _refusal(self.path, error)

    # Writing.

    def write(self, records, now):
        # type: (Iterable[Any], float) -> None
        """Write the records, and all that could not be written before, in one transaction.

        Returns when they are on the disk. Raises ``JournalFailed`` when none of them is: then they are kept, and the
        next call writes them first.
        """
        table = self._table
        table.note(records, self._wall() - now)
        if not self.is_in_place():
            raise JournalFailed('it was deleted or replaced while in use: put it back, or restart the dispatcher')
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
        """Close the file, its log copied into it, and release the lock."""
        if self._connection is not None and self.is_in_place():
            try:
                self._connection.close()
            except sqlite3.Error:
                # What is written is safe in the log, where the next start finds it.
                pass
        if self._lock is not None:
            _unlock(self.path, self._lock)
            self._lock = None

    def is_in_place(self):
        # type: () -> bool
        """Whether the files that are open are still the ones at their paths."""
        for name, identity in self._files:
            try:
                if _identity(name) != identity:
                    return False
            except OSError:
                return False
        return True

    def _roll_back(self):
        # type: () -> None
        try:
            self._connection.execute('ROLLBACK')
        except sqlite3.Error:
            # Some failures have rolled back already.
            pass

    def _give_back(self):
        # type: () -> None
        """After a flood has passed, give back some of the empty pages; not all at once, which could take long."""
        try:
            execute = self._connection.execute
            empty = execute('PRAGMA freelist_count').fetchone()[0]
            if empty > SPARE_PAGES and 2 * empty > execute('PRAGMA page_count').fetchone()[0]:
                # As a script, because it is done step by step and the execute of 3.x makes the first one only.
                self._connection.executescript('PRAGMA incremental_vacuum(%d);' % SPARE_PAGES)
        except sqlite3.Error:
            # The next write reports it.
            pass


def check(path):
    # type: (str) -> int
    """Raise ``CannotStart`` where the path can't be a journal of ours; returns the version of its tables, 0 for none.

    Looks at the header without SQLite, which would begin by tidying up.
    """
    native_path = os.path.realpath(native(path))
    folder = os.path.dirname(native_path)
    try:
        mode = os.stat(native_path).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise CannotStart('%s is no regular file, so it can be no journal' % path)
        # To write, so that the system says why not; SQLite would only say that there was an error.
        with io.open(native_path, 'r+b') as file:
            header = file.read(100)
    except (OSError, IOError) as error:
        if os.path.lexists(native_path) or not os.path.isdir(folder):
            raise CannotStart('cannot open the journal %s: %s' % (path, error.strerror))
        header = None
    if not os.access(folder, os.W_OK | os.X_OK):
        # The log and the lock stand beside the journal.
        raise CannotStart('cannot create files beside the journal %s: %s' % (path, os.strerror(errno.EACCES)))
    if header is None:
        return 0
    # Nothing, or one page, is what a process leaves that is killed while it creates its journal. A log comes later.
    log = native_path + type(native_path)('-wal')
    if not header and os.path.exists(log):
        raise _damaged(path, 'it is empty and its log is not')
    if header and (len(header) < 100 or header[:16] != b'SQLite format 3\0'):
        raise _not_ours(path)
    pages, version, application_id = [struct.unpack('>I', header[place:place + 4])[0] if header else 0
                                      for place in (28, 60, 68)]
    if pages <= 1 and version == application_id == 0:
        return 0
    if application_id != APPLICATION_ID:
        raise _not_ours(path)
    if version not in (1, SCHEMA_VERSION):
        raise CannotStart('the journal %s has tables of version %d, this dispatcher knows version %d' % (
            path, version, SCHEMA_VERSION))
    page_bytes = struct.unpack('>H', header[16:18])[0]
    # While there is a log, some pages may be in it only.
    if pages * page_bytes > os.path.getsize(native_path) and not os.path.exists(log):
        raise _damaged(path, 'it has %d bytes of %d' % (os.path.getsize(native_path), pages * page_bytes))
    return version


def check_before_start(path):
    # type: (str) -> None
    """Raise ``CannotStart`` where a dispatcher could not start with that journal, as far as can be known beforehand."""
    if check(path) == 1:
        connection = sqlite3.connect(native(os.path.abspath(path)), timeout=0, isolation_level=None)
        try:
            _starts_of_version_1(path, connection.execute)
        except _NOT_USABLE as error:
            raise _refusal(path, error)
        finally:
            connection.close()


def copy(path, target):
    # type: (str, str) -> int
    """Copy a journal, also one that is in use. Returns the number of tasks. Raises ``CannotStart``.

    The backup function of SQLite is not in 2.7; rows read in one transaction are a snapshot as well.
    """
    if check(path) != SCHEMA_VERSION or not os.path.exists(native(path)):
        raise CannotStart('there is no journal of version %d at %s' % (SCHEMA_VERSION, path))
    if os.path.lexists(native(target)):
        raise CannotStart('cannot copy to %s: %s' % (target, os.strerror(errno.EEXIST)))
    partial = None  # type: Any
    connections = []  # type: List[Any]
    try:
        folder, name = os.path.split(os.path.abspath(native(target)))
        # A name of its own: a copy that was killed leaves its file, and another one may run.
        descriptor, partial = tempfile.mkstemp(native('-partial'), name + native('-'), folder)
        os.close(descriptor)
        # As secret as the original.
        os.chmod(partial, stat.S_IMODE(os.stat(native(path)).st_mode))
        for name in (native(os.path.abspath(path)), partial):
            connections.append(sqlite3.connect(name, isolation_level=None))
        source, copied = connections
        source.execute('BEGIN')
        _create(copied.execute, source.execute('SELECT starts FROM journal').fetchone()[0])
        copied.execute('BEGIN')
        copied.executemany(_INSERT, source.execute(_ROWS))
        copied.execute('COMMIT')
        number = copied.execute('SELECT count(*) FROM tasks').fetchone()[0]  # type: int
        os.rename(partial, native(target))
    except _NOT_USABLE as error:
        if isinstance(error, (OSError, IOError)):
            raise CannotStart('cannot copy to %s: %s' % (target, error.strerror))
        raise _refusal(path, error)
    finally:
        for connection in connections:
            connection.close()
        if partial is not None and os.path.exists(partial):
            os.remove(partial)
    return number


def _create(execute, starts=0, before=()):
    # type: (Callable[..., Any], int, Iterable[str]) -> None
    """All at once, so that it is never found half-made."""
    execute('PRAGMA auto_vacuum = INCREMENTAL')
    execute('PRAGMA synchronous = FULL')
    execute('BEGIN EXCLUSIVE')
    for statement in tuple(before) + _CREATE:
        execute(statement)
    if starts:
        execute('UPDATE journal SET starts = %d' % starts)
    execute('COMMIT')


def _starts_of_version_1(path, execute):
    # type: (str, Callable[..., Any]) -> int
    """Raise ``CannotStart`` if a journal of version 1 holds tasks; returns how often it was started with."""
    tasks = execute(_TASKS_OF_VERSION_1).fetchone()[0]
    if tasks:
        raise CannotStart('%s was written by 0.1.0 and holds %d tasks: finish them with 0.1.0 first' % (path, tasks))
    starts = execute('SELECT lives FROM journal').fetchone()[0]  # type: int
    return starts


# Which process has it.

def _lock_path(path):
    # type: (str) -> Any
    real = os.path.realpath(native(path))
    return real + type(real)('-lock')


def _lock(path):
    # type: (str) -> int
    """Take the lock of a journal, or raise ``CannotStart``. Returns its descriptor."""
    name = _lock_path(path)
    for _ in range(_LOCK_TRIES):
        try:
            descriptor = os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise CannotStart('cannot lock the journal %s: %s' % (path, error.strerror))
        not_inherited(descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            status = os.fstat(descriptor)
            if _identity(name) == (status.st_dev, status.st_ino):
                return descriptor
        except (OSError, IOError) as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                os.close(descriptor)
                break
            if error.errno != errno.ENOENT:
                os.close(descriptor)
                raise CannotStart('cannot lock the journal %s: %s' % (path, error.strerror))
        os.close(descriptor)
    raise _in_use(path)


def _unlock(path, descriptor):
    # type: (str, int) -> None
    name, status = _lock_path(path), os.fstat(descriptor)
    try:
        if _identity(name) == (status.st_dev, status.st_ino):
            os.remove(name)
    except OSError:
        # Somebody has deleted it.
        pass
    os.close(descriptor)


def _identity(name):
    # type: (Any) -> Tuple[int, int]
    status = os.stat(name)
    return status.st_dev, status.st_ino


# Why not.

def _refusal(path, error):
    # type: (str, Exception) -> CannotStart
    """One line for each cause; a file that is not damaged is never called damaged."""
    if isinstance(error, MemoryError):
        return CannotStart('there is not enough memory to read the journal %s; the file is not damaged' % path)
    if isinstance(error, (OSError, IOError)):
        return CannotStart('cannot use the journal %s: %s' % (path, error.strerror))
    if isinstance(error, sqlite3.OperationalError):
        if 'locked' in str(error):
            return _in_use(path)
        return CannotStart('cannot use the journal %s: %s' % (path, error))
    return _damaged(path, '%s: %s' % (type(error).__name__, error))


def _in_use(path):
    # type: (str) -> CannotStart
    return CannotStart('the journal %s is in use by another dispatcher' % path)


def _not_ours(path):
    # type: (str) -> CannotStart
    return CannotStart('%s is not a journal of a dispatcher; it is left as it is' % path)


def _damaged(path, what):
    # type: (str, str) -> CannotStart
    return CannotStart('the journal %s is damaged (%s): restore a copy, or move it away to begin anew' % (path, what))
