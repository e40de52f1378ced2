"""The file of a journal. Each transaction is read back completely or not at all; an error is one line."""

from __future__ import absolute_import, division, print_function

import os
import resource
import shutil
import sqlite3

import pytest

from dispatcher.journal import ACCEPTED, ENDED
from dispatcher.journal_rows import JournalRows
from runtime import journal_file
from runtime.journal_file import JournalFailed, JournalFile
from runtime.process import CannotStart
from tests.runtime.journals import NOW, WALL, accepted, copy_files, ended, lines, opened, over, task_id


@pytest.fixture
def path(journal_path):
    return journal_path


def copied(path):
    """The records that a copy of the files holds, as after a kill."""
    copy = path.dirpath().join('copy')
    copy_files(path, copy)
    return lines(copy)


# Reading back.

PAYLOADS = [
    u'', u'text', u'\u017elu\u0165ou\u010dk\xfd k\u016f\u0148', u'\U0001f600', u'\ud800 alone', u'\x00', None, True, 0,
    -1, 2 ** 64, 0.1, 1e300, -0.0, [], {}, [[[u'deep', {u'a': [1, 2.5, None]}]]], {u'': u''}, u'x' * 59000]


def test_every_payload_is_read_back_unchanged(path):
    journal = opened(path)
    journal.write([accepted(number, payload) for number, payload in enumerate(PAYLOADS)], NOW)
    journal.close()
    found = list(opened(path).rows())
    assert [row[:2] + row[3:] for row in found] == [
        (ACCEPTED, task_id(number), 60.0) for number in range(len(PAYLOADS))]
    assert [repr(body) for _, _, body, _ in found] == [repr(payload) for payload in PAYLOADS]


def test_an_outcome_is_read_back(path):
    journal = opened(path)
    journal.write([accepted(1)], NOW)
    journal.write([ended(1)], NOW)
    journal.close()
    (kind, _, body, _), = opened(path).rows()
    assert (kind, body) == (ENDED, [u'done', u'result', None, 2])


def test_each_state_of_a_task_is_in_the_file_and_a_finished_task_is_not(path):
    journal = opened(path)
    for record, state in ((accepted(1), 'accepted'), (ended(1), 'ended')):
        journal.write([record], NOW)
        assert copied(path) == [(1, state)]
    journal.write([over(1)], NOW)
    journal.close()
    assert lines(path) == []


def test_one_transaction_may_hold_all_kinds_of_records(path):
    journal = opened(path)
    # Also the end of a task that was never accepted.
    journal.write([over(9), accepted(1), accepted(2), ended(1), over(1), accepted(1), accepted(3), ended(3)], NOW)
    journal.close()
    assert lines(path) == [(2, 'accepted'), (1, 'accepted'), (3, 'ended')]


def test_the_next_start_continues_and_starts_are_counted(path):
    journal = opened(path)
    assert journal.starts == 0
    journal.write([accepted(1), accepted(2)], NOW)
    journal.close()
    journal = opened(path)
    assert (journal.starts, len(list(journal.rows()))) == (1, 2)
    journal.write([ended(1), accepted(3)], NOW)
    journal.close()
    assert lines(path) == [(1, 'ended'), (2, 'accepted'), (3, 'accepted')]


def test_deadlines_are_stored_as_time_of_day(path):
    journal = opened(path)
    journal.write([accepted(1)], NOW)
    journal.close()
    journal = JournalFile(str(path), JournalRows(), wall=lambda: WALL + 45)
    assert [row[3] for row in journal.rows()] == [15.0]


# Size.

def size(path):
    return sum(os.path.getsize(str(path) + end) for end in ('', '-wal') if os.path.exists(str(path) + end))


def test_a_steady_load_does_not_increase_the_size(path, monkeypatch):
    monkeypatch.setattr(journal_file, 'CHECKPOINT_PAGES', 300)
    journal = opened(path)
    sizes = []
    for number in range(0, 2000, 10):
        journal.write([accepted(number + place, u'x' * 500) for place in range(10)], NOW)
        journal.write([ended(number + place, u'x' * 500) for place in range(10)], NOW)
        if number >= 100:
            journal.write([over(number + place - 100) for place in range(10)], NOW)
        sizes.append(size(path))
    journal.close()
    # The log and a few pages.
    assert max(sizes) < 1.02 * max(sizes[:len(sizes) // 2])
    assert max(sizes) < 2 * 4096 * journal_file.CHECKPOINT_PAGES


def test_after_a_flood_the_file_shrinks(path, monkeypatch):
    monkeypatch.setattr(journal_file, 'LOOK_EVERY', 5)
    monkeypatch.setattr(journal_file, 'SPARE_PAGES', 100)
    journal = opened(path)
    for number in range(100):
        journal.write([accepted(number, u'x' * 50000)], NOW)
    journal.write([over(number) for number in range(100)], NOW)
    for number in range(100, 200):
        journal.write([accepted(number)], NOW)
    journal.close()
    assert size(path) < 100 * 50000 // 3


# Files that are refused.

def test_a_second_dispatcher_is_refused(path):
    journal = opened(path)
    with pytest.raises(CannotStart, match='the.journal is in use by another dispatcher'):
        opened(path)
    # The first dispatcher is not disturbed.
    journal.write([accepted(1)], NOW)
    journal.close()
    assert lines(path) == [(1, 'accepted')]


def other_database(path):
    connection = sqlite3.connect(str(path))
    connection.execute('CREATE TABLE photographs (taken TEXT)')
    connection.commit()
    connection.close()


def later_version(path):
    opened(path).close()
    connection = sqlite3.connect(str(path))
    connection.execute('PRAGMA user_version = 99')
    connection.close()


@pytest.mark.parametrize('make, complaint', [
    (lambda path: path.write('Dear diary'), 'is not a journal of a dispatcher'),
    (lambda path: path.write('x' * 5000), 'is not a journal of a dispatcher'),
    (other_database, 'is not a journal of a dispatcher'),
    (later_version, 'has tables of version 99, this dispatcher knows version 2'),
    (lambda path: path.mkdir(), 'Is a directory'),
    (lambda path: os.mkfifo(str(path)), 'is not a regular file, so it cannot be a journal'),
    (lambda path: path.mksymlinkto('/dev/null'), 'is not a regular file, so it cannot be a journal'),
], ids=['short', 'long', 'another database', 'another version', 'directory', 'pipe', 'device'])
def test_a_file_that_is_no_journal_is_refused_and_not_changed(path, make, complaint):
    make(path)
    before = path.read('rb') if path.isfile() else None
    with pytest.raises(CannotStart, match=complaint):
        opened(path)
    assert (path.read('rb') if path.isfile() else None) == before
    assert os.listdir(str(path.dirpath())) == [path.basename]
    assert not os.path.exists('/dev/null-journal') and not os.path.exists('/dev/null-lock')


@pytest.mark.parametrize('pages', [0, 1])
def test_a_journal_whose_creation_was_killed_counts_as_new(path, pages):
    connection = sqlite3.connect(str(path))
    if pages:
        connection.execute('PRAGMA journal_mode = WAL')
    connection.close()
    assert size(path) == pages * 4096
    opened(path).close()
    assert lines(path) == []


@pytest.mark.skipif(os.getuid() != 0, reason='only root can become another user')
def test_a_file_of_another_user_is_refused():
    directory = '/var/tmp/journal-%d' % os.getpid()
    os.mkdir(directory, 0o755)
    path = os.path.join(directory, 'the.journal')
    try:
        opened(path).close()
        os.chmod(path, 0o644)
        os.seteuid(65534)
        with pytest.raises(CannotStart, match='cannot .* journal %s: .*Permission denied' % path):
            opened(path)
    finally:
        os.seteuid(0)
        shutil.rmtree(directory)


def test_close_removes_the_lock_file_also_that_of_a_killed_process(path):
    lock = str(path) + '-lock'
    journal = opened(path)
    assert os.path.exists(lock)
    journal.close()
    assert not os.path.exists(lock)
    open(lock, 'w').close()
    opened(path).close()
    assert not os.path.exists(lock)


# Journals of 0.1.0.

VERSION_1 = (
    'CREATE TABLE tasks (number INTEGER PRIMARY KEY, task_id TEXT NOT NULL, state INTEGER NOT NULL,'
    ' deadline REAL NOT NULL, reply_to TEXT NOT NULL, body TEXT NOT NULL, checksum INTEGER NOT NULL)',
    'CREATE TABLE journal (lives INTEGER NOT NULL)', 'INSERT INTO journal VALUES (7)',
    'PRAGMA application_id = %d' % journal_file.APPLICATION_ID, 'PRAGMA user_version = 1')


def version_1(path, *states):
    connection = sqlite3.connect(str(path))
    for statement in VERSION_1:
        connection.execute(statement)
    for state in states:
        connection.execute('INSERT INTO tasks VALUES (NULL, "a:aaaaaaaa:1", ?, 0, "null", "null", 0)', (state,))
    connection.commit()
    connection.close()


@pytest.mark.parametrize('states, tasks', [((0,), 1), ((1, 2), 1), ((0, 1, 2, 0), 3)])
def test_a_journal_of_0_1_0_that_holds_tasks_is_refused_and_kept(path, states, tasks):
    version_1(path, *states)
    for start in (opened, opened, lambda path: journal_file.check_before_start(str(path))):
        with pytest.raises(CannotStart) as caught:
            start(path)
        assert str(caught.value) == '%s was written by 0.1.0 and holds %d tasks: finish them with 0.1.0 first' % (
            path, tasks)
    assert os.listdir(str(path.dirpath())) == [path.basename]


@pytest.mark.parametrize('states', [(), (2, 2)])
def test_a_journal_of_0_1_0_without_tasks_is_replaced(path, states):
    version_1(path, *states)
    journal_file.check_before_start(str(path))
    journal = opened(path)
    assert journal.starts == 7
    journal.write([accepted(1)], NOW)
    journal.close()
    assert lines(path) == [(1, 'accepted')]


# Failed writes.

class BrokenDisk(object):
    """A connection to SQLite. Statements whose first word is ``fails_at`` fail."""

    fails_at = None
    error = sqlite3.OperationalError('database or disk is full')

    def connect(self, *arguments, **options):
        self._connection = sqlite3.connect(*arguments, **options)
        self.close = self._connection.close
        return self

    def execute(self, statement, *rows):
        if self.fails_at == statement.split()[0]:
            raise self.error
        return (self._connection.executemany if rows else self._connection.execute)(statement, *rows)

    executemany = execute


@pytest.mark.parametrize('fails_at', ['BEGIN', 'INSERT', 'UPDATE', 'DELETE', 'COMMIT'])
def test_the_records_of_a_failed_write_are_written_later(path, fails_at):
    disk = BrokenDisk()
    journal = opened(path, connect=disk.connect)
    journal.write([accepted(1), accepted(2), accepted(3)], NOW)
    disk.fails_at = fails_at
    batch = [accepted(4), ended(1), over(2)]
    for records in (batch, [], [accepted(5)]):
        with pytest.raises(JournalFailed, match=str(disk.error)):
            journal.write(records, NOW)
        assert copied(path) == [(1, 'accepted'), (2, 'accepted'), (3, 'accepted')]
    disk.fails_at = None
    journal.write([], NOW)
    journal.close()
    assert lines(path) == [(1, 'ended'), (3, 'accepted'), (4, 'accepted'), (5, 'accepted')]


@pytest.mark.parametrize('end', ['', '-wal'])
@pytest.mark.parametrize('is_replaced', [False, True])
def test_a_deleted_or_replaced_file_is_noticed_and_can_be_put_back(path, end, is_replaced):
    journal = opened(path)
    journal.write([accepted(1)], NOW)
    name = str(path) + end
    os.rename(name, name + '.away')
    if is_replaced:
        shutil.copy(name + '.away', name)
    assert not journal.is_in_place()
    for records in ([accepted(2)], []):
        with pytest.raises(JournalFailed, match='deleted or replaced'):
            journal.write(records, NOW)
    os.rename(name + '.away', name)
    journal.write([accepted(3)], NOW)
    journal.close()
    assert lines(path) == [(1, 'accepted'), (2, 'accepted'), (3, 'accepted')]


def test_close_does_not_change_the_files_of_another_journal_at_the_same_path(path):
    first = opened(path)
    first.write([accepted(1)], NOW)
    for end in ('', '-wal', '-shm', '-lock'):
        os.remove(str(path) + end)
    second = opened(path)
    second.write([accepted(2)], NOW)
    first.close()
    with pytest.raises(CannotStart, match='in use'):
        opened(path)
    second.write([accepted(3)], NOW)
    second.close()
    assert lines(path) == [(2, 'accepted'), (3, 'accepted')]


def test_after_a_limit_of_the_file_size_is_lifted_writes_succeed(path):
    journal = opened(path)
    journal.write([accepted(1)], NOW)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200000, limits[1]))
    try:
        with pytest.raises(JournalFailed):
            for number in range(2, 20):
                journal.write([accepted(number, u'x' * 50000)], NOW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    journal.write([accepted(20)], NOW)
    journal.close()
    found = lines(path)
    assert found == [(number, 'accepted') for number in range(1, number + 1)] + [(20, 'accepted')]


# The check before the start.

def test_the_check_refuses_a_path_in_a_missing_folder(tmpdir):
    for attempt in (journal_file.check, opened):
        with pytest.raises(CannotStart, match='nowhere/the.journal: No such file or directory'):
            attempt(str(tmpdir.join('nowhere', 'the.journal')))


def test_the_check_accepts_a_missing_journal_and_one_in_use(path):
    assert journal_file.check(str(path)) == 0
    assert os.listdir(str(path.dirpath())) == []
    journal = opened(path)
    assert journal_file.check(str(path)) == journal_file.SCHEMA_VERSION
    journal.close()
