"""The journal's file: what is written comes back, whole or not at all, and whatever is wrong with it is one line."""

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
def path(tmpdir):
    return tmpdir.join('the.journal')


# What is written comes back.

@pytest.mark.parametrize('payload', [
    u'', u'text', u'\u017elu\u0165ou\u010dk\xfd k\u016f\u0148', u'\U0001f600', u'\ud800 alone', u'\x00', None, True, 0,
    -1, 2 ** 64, 0.1, 1e300, -0.0, [], {}, [[[u'deep', {u'a': [1, 2.5, None]}]]], {u'': u''}, u'x' * 59000])
def test_every_payload_comes_back_as_it_was(path, payload):
    journal = opened(path)
    journal.write([accepted(1, payload)], NOW)
    journal.close()
    (kind, name, body, time_left_s), = opened(path).rows()
    assert (kind, name, time_left_s) == (ACCEPTED, task_id(1), 60.0)
    assert repr(body) == repr(payload)


def test_an_outcome_comes_back(path):
    journal = opened(path)
    journal.write([accepted(1)], NOW)
    journal.write([ended(1)], NOW)
    journal.close()
    (kind, _, body, _), = opened(path).rows()
    assert (kind, body) == (ENDED, [u'done', u'result', None, 2])


def test_a_task_goes_through_its_states_and_leaves_nothing(path):
    journal = opened(path)
    for record, state in ((accepted(1), 'accepted'), (ended(1), 'ended')):
        journal.write([record], NOW)
        copy = path.dirpath().join('copy')
        copy_files(path, copy)
        assert lines(copy) == [(1, state)]
    journal.write([over(1)], NOW)
    journal.close()
    assert lines(path) == []


def test_all_of_it_in_one_transaction(path):
    journal = opened(path)
    # One that was never accepted may be over.
    journal.write([over(9), accepted(1), accepted(2), ended(1), over(1), accepted(1), accepted(3), ended(3)], NOW)
    journal.close()
    assert lines(path) == [(2, 'accepted'), (1, 'accepted'), (3, 'ended')]


def test_the_next_start_goes_on_where_the_last_one_stopped_and_starts_are_counted(path):
    journal = opened(path)
    assert journal.starts == 0
    journal.write([accepted(1), accepted(2)], NOW)
    journal.close()
    journal = opened(path)
    assert (journal.starts, len(list(journal.rows()))) == (1, 2)
    journal.write([ended(1), accepted(3)], NOW)
    journal.close()
    assert lines(path) == [(1, 'ended'), (2, 'accepted'), (3, 'accepted')]


def test_deadlines_are_kept_by_the_time_of_day(path):
    journal = JournalFile(str(path), JournalRows(), wall=lambda: WALL)
    journal.write([accepted(1)], NOW)
    journal.close()
    journal = JournalFile(str(path), JournalRows(), wall=lambda: WALL + 45)
    assert [row[3] for row in journal.rows()] == [15.0]


# It stays small.

def test_a_steady_load_does_not_let_it_grow(path):
    journal = opened(path)
    sizes = []
    for number in range(0, 6000, 10):
        journal.write([accepted(number + place, u'x' * 500) for place in range(10)], NOW)
        journal.write([ended(number + place, u'x' * 500) for place in range(10)], NOW)
        if number >= 100:
            journal.write([over(number + place - 100) for place in range(10)], NOW)
        sizes.append(size(path))
    journal.close()
    # The log and a few pages, however long it goes on.
    assert max(sizes) < 1.02 * max(sizes[:len(sizes) // 2])
    assert max(sizes) < 2 * 4096 * journal_file.CHECKPOINT_PAGES


def test_after_a_flood_it_gives_its_pages_back(path, monkeypatch):
    monkeypatch.setattr(journal_file, 'LOOK_EVERY', 5)
    journal = opened(path)
    for number in range(300):
        journal.write([accepted(number, u'x' * 50000)], NOW)
    journal.write([over(number) for number in range(300)], NOW)
    for number in range(300, 400):
        journal.write([accepted(number)], NOW)
    journal.close()
    assert size(path) < 300 * 50000 // 3


def size(path):
    return sum(os.path.getsize(str(path) + end) for end in ('', '-wal') if os.path.exists(str(path) + end))


# It is ours, and ours alone.

def test_a_second_dispatcher_is_refused(path):
    journal = opened(path)
    with pytest.raises(CannotStart, match='the.journal is in use by another dispatcher'):
        opened(path)
    # The one that was refused left no trace.
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
def test_what_is_not_ours_is_left_as_it_is(path, make, complaint):
    make(path)
    before = path.read('rb') if path.isfile() else None
    with pytest.raises(CannotStart, match=complaint):
        opened(path)
    assert (path.read('rb') if path.isfile() else None) == before
    assert os.listdir(str(path.dirpath())) == [path.basename]
    assert not os.path.exists('/dev/null-journal') and not os.path.exists('/dev/null-lock')


@pytest.mark.parametrize('pages', [0, 1])
def test_what_a_kill_at_birth_leaves_is_a_new_journal(path, pages):
    connection = sqlite3.connect(str(path))
    if pages:
        connection.execute('PRAGMA journal_mode = WAL')
    connection.close()
    assert size(path) == pages * 4096
    opened(path).close()
    assert lines(path) == []


@pytest.mark.skipif(os.getuid() != 0, reason='only root can be somebody else')
@pytest.mark.parametrize('mode, complaint', [(0o644, 'Permission denied'), (0o600, 'Permission denied')])
def test_a_file_that_others_own_is_refused(mode, complaint):
    directory = '/var/tmp/journal-%d' % os.getpid()
    os.mkdir(directory, 0o755)
    path = os.path.join(directory, 'the.journal')
    try:
        opened(path).close()
        os.chmod(path, mode)
        os.seteuid(65534)
        with pytest.raises(CannotStart, match='cannot .* journal %s: .*%s' % (path, complaint)):
            opened(path)
    finally:
        os.seteuid(0)
        shutil.rmtree(directory)


def test_the_lock_goes_with_the_process_and_its_file_at_the_end(path):
    lock = str(path) + '-lock'
    journal = opened(path)
    assert os.path.exists(lock)
    journal.close()
    assert not os.path.exists(lock)
    # As after a kill.
    open(lock, 'w').close()
    opened(path).close()
    assert not os.path.exists(lock)


def test_a_symbolic_link_leads_to_the_same_lock(path):
    link = path.dirpath().join('link')
    link.mksymlinkto(path)
    journal = opened(path)
    with pytest.raises(CannotStart, match='link is in use by another dispatcher'):
        opened(link)
    journal.close()


# What 0.1.0 wrote.

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


# When it can't be written.

class BrokenDisk(object):
    """SQLite on a disk that fails at one statement when ``fails_at`` names its first word."""

    def __init__(self, error):
        self.fails_at = None
        self.error = error

    def __call__(self, *arguments, **options):
        return BrokenConnection(self, sqlite3.connect(*arguments, **options))


class BrokenConnection(object):
    def __init__(self, disk, connection):
        self._disk = disk
        self._connection = connection

    def _fail(self, statement):
        if self._disk.fails_at == statement.split()[0]:
            raise self._disk.error

    def execute(self, statement):
        self._fail(statement)
        return self._connection.execute(statement)

    def executemany(self, statement, rows):
        self._fail(statement)
        return self._connection.executemany(statement, rows)

    def close(self):
        self._connection.close()


@pytest.mark.parametrize('error', [sqlite3.OperationalError('disk I/O error'),
                                   sqlite3.OperationalError('database or disk is full'),
                                   sqlite3.DatabaseError('database disk image is malformed')])
@pytest.mark.parametrize('fails_at', ['BEGIN', 'INSERT', 'UPDATE', 'DELETE', 'COMMIT'])
def test_what_cannot_be_written_is_kept_and_written_later(path, error, fails_at):
    disk = BrokenDisk(error)
    journal = opened(path, connect=disk)
    journal.write([accepted(1), accepted(2), accepted(3)], NOW)
    disk.fails_at = fails_at
    batch = [accepted(4), ended(1), over(2)]
    for records in (batch, [], [accepted(5)]):
        with pytest.raises(JournalFailed, match=str(error)):
            journal.write(records, NOW)
        copy = path.dirpath().join('copy')
        copy_files(path, copy)
        assert lines(copy) == [(1, 'accepted'), (2, 'accepted'), (3, 'accepted')]
    disk.fails_at = None
    journal.write([], NOW)
    journal.close()
    assert lines(path) == [(1, 'ended'), (3, 'accepted'), (4, 'accepted'), (5, 'accepted')]


@pytest.mark.parametrize('end', ['', '-wal'])
@pytest.mark.parametrize('is_replaced', [False, True])
def test_a_file_that_is_deleted_or_replaced_is_noticed_and_may_come_back(path, end, is_replaced):
    journal = opened(path)
    journal.write([accepted(1)], NOW)
    name = str(path) + end
    os.rename(name, name + '.away')
    if is_replaced:
        shutil.copy(name + '.away', name)
    assert not journal.is_in_place()
    for _ in range(2):
        with pytest.raises(JournalFailed, match='deleted or replaced'):
            journal.write([accepted(2)] if _ == 0 else [], NOW)
    os.rename(name + '.away', name)
    journal.write([accepted(3)], NOW)
    journal.close()
    assert lines(path) == [(1, 'accepted'), (2, 'accepted'), (3, 'accepted')]


def test_the_end_of_a_process_does_not_touch_the_files_of_the_next_one(path):
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


def test_a_file_that_may_not_grow_fails_and_heals(path):
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


# Before the start.

@pytest.mark.parametrize('make, words', [
    (lambda folder: folder.join('nowhere', 'the.journal'), 'nowhere/the.journal: No such file or directory'),
    (lambda folder: folder, 'Is a directory'),
])
def test_what_can_not_be_opened_is_known_without_opening_it(tmpdir, make, words):
    for attempt in (journal_file.check, opened):
        with pytest.raises(CannotStart, match=words):
            attempt(str(make(tmpdir)))


def test_a_journal_in_use_or_not_there_yet_passes_the_check(path):
    assert journal_file.check(str(path)) == 0
    assert os.listdir(str(path.dirpath())) == []
    journal = opened(path)
    assert journal_file.check(str(path)) == journal_file.SCHEMA_VERSION
    journal.close()
