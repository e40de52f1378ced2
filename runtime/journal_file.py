"""The journal: a SQLite file of the accepted tasks, which a dispatcher reads after a restart.

One row per task (see ``dispatcher.journal_rows``), and one transaction per turn of the loop.

**Durable**: in write-ahead mode with ``synchronous = FULL`` a commit returns after the log is on the disk (fsync).
(NORMAL survives a crash of the process but not of the machine; EXTRA is no different in this mode.) After a kill or a
power failure the file holds whole transactions, and at most one torn one, which SQLite detects by its checksums.

**One writer**: a lock on the file ``PATH-lock``, which the kernel releases when the process ends. SQLite's own lock for
a whole process (``locking_mode = EXCLUSIVE``) would keep readers out too, and with them ``copy``.

**Checked**: the file has our application id and the version of its tables; other files are refused and not changed. A
damaged row stops the start with one line. The next commit notices that a file was deleted or replaced while in use.

**Bounded**: pages of deleted rows are reused, and when most of the file is empty, the file shrinks.
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

#: When more pages than this are empty, and more than half of the file, one commit in ``LOOK_EVERY`` frees this many.
SPARE_PAGES = 1000

#: Commits between two checks for empty pages.
LOOK_EVERY = 1000

_CREATE = (
    # ``number`` is the order in which tasks were accepted. ``body`` is the payload or the outcome, as JSON.
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

# All exceptions of a damaged file or row, and of a file that cannot be used for another reason.
_NOT_USABLE = (sqlite3.Error, TypeError, ValueError, KeyError, OverflowError, MemoryError, OSError, IOError)

# An attempt to lock may find a lock file that another process is deleting.
_LOCK_TRIES = 10


class JournalFailed(Exception):
    """The journal can't be written at the moment."""


class JournalFile(object):
    """An open journal. The constructor and ``rows`` raise ``CannotStart``, ``write`` raises ``JournalFailed``.

    ``table`` converts records to rows and back (a new ``JournalRows``), ``wall`` returns the time of day in seconds.
    Tests use ``connect`` to simulate a broken disk.
    """

    def __init__(self, path, table, wall=time.time, connect=sqlite3.connect):
        # type: (str, Any, Callable[[], float], Callable[..., Any]) -> None
        self.path = path
        self._table = table
        self._wall = wall
        self._commits = 0
        # (path, (device, inode)) of each open file.
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
        # No timeout: a process keeps its lock. ``isolation_level=None``: the code begins transactions explicitly.
        path = os.path.abspath(native(self.path))
        # The log is beside the target of a symbolic link.
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
        """The records of all rows, in the order in which tasks were accepted. Call it before the first ``write``."""
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
        """Write the records, and those of failed calls before, in one transaction.

        Returns when they are on the disk. Raises ``JournalFailed`` when none of them is: then the next call writes
        them first.
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
        """Copy the log into the file, close it, and release the lock."""
        if self._connection is not None and self.is_in_place():
            try:
                self._connection.close()
            except sqlite3.Error:
                # The log has all data, and the next start reads it.
                pass
        if self._lock is not None:
            _unlock(self.path, self._lock)
            self._lock = None

    def is_in_place(self):
        # type: () -> bool
        """Whether the paths still lead to the open files."""
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
            # SQLite rolls back by itself after some failures.
            pass

    def _give_back(self):
        # type: () -> None
        """Free some of the empty pages. To free all at once could take long."""
        try:
            execute = self._connection.execute
            empty = execute('PRAGMA freelist_count').fetchone()[0]
            if empty > SPARE_PAGES and 2 * empty > execute('PRAGMA page_count').fetchone()[0]:
                # As a script, because ``execute`` of 3.x makes only the first step.
                self._connection.executescript('PRAGMA incremental_vacuum(%d);' % SPARE_PAGES)
        except sqlite3.Error:
            # The next write reports it.
            pass


def check(path):
    # type: (str) -> int
    """Raise ``CannotStart`` if the path can't be a journal; returns the version of its tables, 0 for none.

    Reads the header without SQLite, which could change the file.
    """
    native_path = os.path.realpath(native(path))
    folder = os.path.dirname(native_path)
    try:
        mode = os.stat(native_path).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise CannotStart('%s is not a regular file, so it cannot be a journal' % path)
        # Open it for writing, because the error of the system is clearer than that of SQLite.
        with io.open(native_path, 'r+b') as file:
            header = file.read(100)
    except (OSError, IOError) as error:
        if os.path.lexists(native_path) or not os.path.isdir(folder):
            raise CannotStart('cannot open the journal %s: %s' % (path, error.strerror))
        header = None
    if not os.access(folder, os.W_OK | os.X_OK):
        # The log and the lock are beside the journal.
        raise CannotStart('cannot create files beside the journal %s: %s' % (path, os.strerror(errno.EACCES)))
    if header is None:
        return 0
    # A process that is killed while it creates its journal leaves an empty file, or one page, and no log.
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
    # If there is a log, some pages may be only in the log.
    if pages * page_bytes > os.path.getsize(native_path) and not os.path.exists(log):
        raise _damaged(path, 'it has %d bytes of %d' % (os.path.getsize(native_path), pages * page_bytes))
    return version


def check_before_start(path):
    # type: (str) -> None
    """Raise ``CannotStart`` if a dispatcher cannot start with that journal, as far as that is known beforehand."""
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
    """Copy a journal, also while it is in use. Returns the number of tasks. Raises ``CannotStart``.

    2.7 lacks the backup function of SQLite, so this copies the rows in one transaction, which is a snapshot as well.
    """
    if check(path) != SCHEMA_VERSION or not os.path.exists(native(path)):
        raise CannotStart('there is no journal of version %d at %s' % (SCHEMA_VERSION, path))
    if os.path.lexists(native(target)):
        raise CannotStart('cannot copy to %s: %s' % (target, os.strerror(errno.EEXIST)))
    partial = None  # type: Any
    connections = []  # type: List[Any]
    try:
        folder, name = os.path.split(os.path.abspath(native(target)))
        # A unique name: a killed copy leaves its file, and another copy may be running.
        descriptor, partial = tempfile.mkstemp(native('-partial'), name + native('-'), folder)
        os.close(descriptor)
        # With the mode of the original, which may be secret.
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
    """Create the tables in one transaction, so that no reader finds only some of them."""
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


# The lock.

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
        # It was deleted.
        pass
    os.close(descriptor)


def _identity(name):
    # type: (Any) -> Tuple[int, int]
    status = os.stat(name)
    return status.st_dev, status.st_ino


# Errors.

def _refusal(path, error):
    # type: (str, Exception) -> CannotStart
    """One line for each cause. Only a damaged file is reported as damaged."""
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
    return CannotStart('%s is not a journal of a dispatcher; it was not changed' % path)


def _damaged(path, what):
    # type: (str, str) -> CannotStart
    return CannotStart('the journal %s is damaged (%s): restore a copy, or move it away to begin anew' % (path, what))
