"""The journal's file: what is written comes back, whole or not at all, and whatever is wrong with it is one line."""

from __future__ import absolute_import, division, print_function

import io
import os
import random
import resource
import shutil
import sqlite3

import pytest

from dispatcher.journal import TaskAccepted, TaskEnded, TaskForgotten, TaskTold
from dispatcher.journal_rows import KINDS, JournalRows
from dispatcher.tasks import Task
from net_protocol.messages import DONE, Outcome
from runtime import journal_file
from runtime.journal_file import JournalFailed, JournalFile
from runtime.process import CannotStart

MYPY = False
if MYPY:
    from typing import Any, List  # noqa: F401

NOW = 1000.0
WALL = 1500000000.0
ADDRESS = ('127.0.0.1', 4000)


def opened(path, **options):
    return JournalFile(str(path), JournalRows(), wall=lambda: WALL, **options)


def task(number, payload=u'payload', deadline_at=NOW + 60, address=ADDRESS):
    return Task('client-a:aaaaaaaa:%d' % number, 'client-a', payload, NOW, deadline_at, address)


def accepted(number, *rest):
    return TaskAccepted(task(number, *rest))


def ended(number, result=u'result'):
    over = task(number)
    over.winner = ('calculator-a', 3)
    return TaskEnded(over, Outcome(over.task_id, DONE, result, None, 2))


def told(number):
    return TaskTold(task(number).task_id)


def forgotten(number):
    return TaskForgotten(task(number).task_id)


@pytest.fixture
def path(tmpdir):
    return tmpdir.join('the.journal')


def lines(path):
    """What another life reads, as (number of the task, state)."""
    journal = opened(path)
    try:
        return [(int(row[1].rsplit(':', 1)[1]), row[0]) for row in journal.rows()]
    finally:
        journal.close()


# What is written comes back.

@pytest.mark.parametrize('payload', [
    u'', u'text', u'\u017elu\u0165ou\u010dk\xfd k\u016f\u0148', u'\U0001f600', u'\ud800 alone', u'\x00', None, True, 0,
    -1, 2 ** 64, 0.1, 1e300, -0.0, [], {}, [[[u'deep', {u'a': [1, 2.5, None]}]]], {u'': u''}, u'x' * 59000])
def test_every_payload_comes_back_as_it_was(path, payload):
    journal = opened(path)
    journal.write([accepted(1, payload)], NOW)
    journal.close()
    (kind, task_id, body, time_left_s, address), = opened(path).rows()
    assert (kind, task_id, time_left_s, address) == ('accepted', task(1).task_id, 60.0, ADDRESS)
    assert repr(body) == repr(payload)


@pytest.mark.parametrize('address', [ADDRESS, ('::1', 4000, 0, 3), None])
def test_an_address_comes_back_as_it_was(path, address):
    journal = opened(path)
    journal.write([accepted(1, u'', NOW, address)], NOW)
    journal.close()
    assert [row[4] for row in opened(path).rows()] == [address]


def test_an_outcome_comes_back_with_who_brought_it(path):
    journal = opened(path)
    journal.write([accepted(1)], NOW)
    journal.write([ended(1)], NOW)
    journal.close()
    (kind, _, body, _, _), = opened(path).rows()
    assert (kind, body) == ('ended', [DONE, u'result', None, 2, [u'calculator-a', 3]])


def test_a_task_goes_through_its_states_and_leaves_nothing(path):
    journal = opened(path)
    for record, state in ((accepted(1), 'accepted'), (ended(1), 'ended'), (told(1), 'told')):
        journal.write([record], NOW)
        copy = path.dirpath().join('copy')
        copy_files(path, copy)
        assert lines(copy) == [(1, state)]
    journal.write([forgotten(1)], NOW)
    journal.close()
    assert lines(path) == []


def test_all_of_it_in_one_transaction(path):
    journal = opened(path)
    journal.write([accepted(1), accepted(2), ended(1), told(1), forgotten(1), accepted(1), accepted(3), ended(3)], NOW)
    journal.close()
    assert lines(path) == [(2, 'accepted'), (1, 'accepted'), (3, 'ended')]


def test_what_was_never_accepted_may_be_told_and_forgotten(path):
    journal = opened(path)
    journal.write([told(1), forgotten(2)], NOW)
    journal.close()
    assert lines(path) == []


def test_it_counts_the_lives_that_wrote_to_it(path):
    for lives in range(3):
        journal = opened(path)
        assert journal.lives == lives
        journal.close()


def test_another_life_goes_on_where_it_stood(path):
    journal = opened(path)
    journal.write([accepted(1), accepted(2)], NOW)
    journal.close()
    journal = opened(path)
    assert len(list(journal.rows())) == 2
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
            journal.write([forgotten(number + place - 100) for place in range(10)], NOW)
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
    journal.write([forgotten(number) for number in range(300)], NOW)
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
    # Whoever was refused left no trace.
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
    (later_version, 'has tables of version 99, this dispatcher knows version 1'),
    (lambda path: path.mkdir(), 'Is a directory'),
], ids=['short', 'long', 'another database', 'another version', 'directory'])
def test_what_is_not_ours_is_left_as_it_is(path, make, complaint):
    make(path)
    before = path.read('rb') if path.isfile() else None
    with pytest.raises(CannotStart, match=complaint):
        opened(path)
    assert (path.read('rb') if path.isfile() else None) == before
    assert [entry.basename for entry in path.dirpath().listdir()] == [path.basename]


def test_a_directory_that_is_missing_is_named(tmpdir):
    with pytest.raises(CannotStart, match='nowhere/the.journal: No such file or directory'):
        opened(tmpdir.join('nowhere', 'the.journal'))


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


# When it can't be written.

class BrokenDisk(object):
    """SQLite on a disk that fails at one statement when ``fails_at`` names its first word."""

    def __init__(self, error):
        self.fails_at = None  # type: str | None
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
    batch = [accepted(4), ended(1), told(1), forgotten(2)]
    for records in (batch, [], [accepted(5)]):
        with pytest.raises(JournalFailed, match=str(error)):
            journal.write(records, NOW)
        copy = path.dirpath().join('copy')
        copy_files(path, copy)
        assert lines(copy) == [(1, 'accepted'), (2, 'accepted'), (3, 'accepted')]
    disk.fails_at = None
    journal.write([], NOW)
    journal.close()
    assert lines(path) == [(1, 'told'), (3, 'accepted'), (4, 'accepted'), (5, 'accepted')]


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


# Damage.

def copy_files(path, copy):
    """The files as a kill would leave them."""
    for end in ('', '-wal'):
        if os.path.exists(str(copy) + end):
            os.remove(str(copy) + end)
        if os.path.exists(str(path) + end):
            shutil.copy(str(path) + end, str(copy) + end)


@pytest.fixture
def history(path):
    """A journal in the middle of its life, and what it held after each write."""
    journal = opened(path)
    states = [lines_of_open(journal)]
    for number in range(1, 40):
        journal.write([accepted(number, u'payload %d ' % number * 40)], NOW)
        states.append(lines_of_open(journal))
        if number % 2:
            journal.write([ended(number)], NOW)
            states.append(lines_of_open(journal))
        if number % 3 == 0 and number % 2:
            journal.write([told(number)], NOW)
            states.append(lines_of_open(journal))
        if number == 20:
            # From here on the file itself holds something too, not only its log.
            journal.close()
            journal = opened(path)
            list(journal.rows())
    yield states
    journal.close()


def lines_of_open(journal):
    return [(int(task_id.rsplit(':', 1)[1]), KINDS[state]) for task_id, state in
            journal._connection.execute('SELECT task_id, state FROM tasks ORDER BY number')]


def found_after(path, end, damage):
    """What is read from a copy of which one file was damaged, or the one line that refuses it."""
    copy = path.dirpath().join('copy')
    copy_files(path, copy)
    with io.open(str(copy) + end, 'r+b') as file:
        damage(file)
    try:
        return lines(copy)
    except CannotStart as refusal:
        assert '\n' not in str(refusal)
        return str(refusal)


def flip(place):
    def damage(file):
        file.seek(place)
        byte = bytearray(file.read(1))
        file.seek(place)
        file.write(bytes(bytearray([byte[0] ^ 0x41])))
    return damage


def places(path, end, number):
    generator = random.Random(7)
    length = os.path.getsize(str(path) + end)
    return [0, 1, 24, 32, length - 1] + [int(generator.random() * length) for _ in range(number)]


def test_a_log_cut_anywhere_leaves_a_clean_prefix(path, history):
    found = [found_after(path, '-wal', lambda file, place=place: file.truncate(place))
             for place in places(path, '-wal', 60)]
    assert [state for state in found if state not in history] == []
    assert len({str(state) for state in found}) > 10


def test_a_log_with_any_byte_changed_leaves_a_clean_prefix(path, history):
    found = [found_after(path, '-wal', flip(place)) for place in places(path, '-wal', 60)]
    assert [state for state in found if state not in history] == []
    assert len({str(state) for state in found}) > 10


def test_a_file_cut_anywhere_is_refused_or_whole(path, history):
    found = [found_after(path, '', lambda file, place=place: file.truncate(place)) for place in places(path, '', 40)]
    assert {type(state) for state in found} == {str} or history[-1] in found
    assert [state for state in found if not isinstance(state, str) and state != history[-1]] == []


def test_a_file_with_any_byte_changed_is_refused_or_whole(path, history):
    found = [found_after(path, '', flip(place)) for place in places(path, '', 150)]
    assert [state for state in found if not isinstance(state, str) and state != history[-1]] == []
    assert len([state for state in found if isinstance(state, str)]) > 10


def test_a_row_that_the_disk_has_changed_is_not_believed(path):
    journal = opened(path)
    journal.write([accepted(1, u'buy one')], NOW)
    journal.close()
    path.write(path.read('rb').replace(b'buy one', b'buy two'), 'wb')
    with pytest.raises(CannotStart, match='the.journal is damaged'):
        list(opened(path).rows())
