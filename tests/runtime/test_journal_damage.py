"""Journals that a disk has damaged. They are read completely, or refused in one line that names the cause."""

from __future__ import absolute_import, division, print_function

import io
import os
import random
import sqlite3

import pytest

from dispatcher.journal_rows import KINDS
from runtime.process import CannotStart
from tests.runtime.journals import NOW, accepted, copy_files, ended, lines, opened, over


@pytest.fixture
def history(journal_path):
    """The contents of a journal in use after each write."""
    journal = opened(journal_path)
    states = [lines_of_open(journal)]
    for number in range(1, 40):
        journal.write([accepted(number, u'payload %d ' % number * 200)], NOW)
        states.append(lines_of_open(journal))
        if number % 2:
            journal.write([ended(number)], NOW)
            states.append(lines_of_open(journal))
        if number % 3 == 0 and number % 2:
            journal.write([over(number)], NOW)
            states.append(lines_of_open(journal))
        if number == 20:
            # The log is copied into the file.
            journal.close()
            journal = opened(journal_path)
            list(journal.rows())
    yield states
    journal.close()


def lines_of_open(journal):
    return [(int(task_id.rsplit(':', 1)[1]), KINDS[state]) for task_id, state in
            journal._connection.execute('SELECT task_id, state FROM tasks ORDER BY number')]


def found_after(path, end, damage):
    """The contents of a copy of which one file was damaged, or the line that refuses it."""
    copy = path.dirpath().join('copy')
    copy_files(path, copy)
    with io.open(str(copy) + end, 'r+b') as file:
        damage(file)
    try:
        return lines(copy)
    except CannotStart as refusal:
        assert '\n' not in str(refusal)
        return str(refusal)


def cut(place):
    return lambda file: file.truncate(place)


def flip(place):
    def damage(file):
        file.seek(place)
        byte = bytearray(file.read(1))
        file.seek(place)
        file.write(bytes(bytearray([byte[0] ^ 0x41])))
    return damage


def places(path, end, number):
    """Some places in a file, random but always the same."""
    generator = random.Random(7)
    length = os.path.getsize(str(path) + end)
    return [0, 1, 24, 32, length - 1] + [int(generator.random() * length) for _ in range(number)]


@pytest.mark.parametrize('damage', [cut, flip])
def test_a_damaged_log_gives_one_of_the_former_states(journal_path, history, damage):
    found = [found_after(journal_path, '-wal', damage(place)) for place in places(journal_path, '-wal', 40)]
    assert [state for state in found if state not in history] == []
    assert len({str(state) for state in found}) > 10


@pytest.mark.parametrize('damage', [cut, flip])
def test_a_damaged_file_is_refused_or_read_completely(journal_path, history, damage):
    found = [found_after(journal_path, '', damage(place)) for place in places(journal_path, '', 60)]
    assert [state for state in found if not isinstance(state, str) and state != history[-1]] == []
    assert len([state for state in found if isinstance(state, str)]) > 10


def test_a_changed_row_is_refused(journal_path):
    journal = opened(journal_path)
    journal.write([accepted(1, u'buy one')], NOW)
    journal.close()
    journal_path.write(journal_path.read('rb').replace(b'buy one', b'buy two'), 'wb')
    with pytest.raises(CannotStart, match='the.journal is damaged'):
        list(opened(journal_path).rows())


@pytest.mark.parametrize('error, words', [
    (MemoryError(), 'not enough memory to read the journal'),
    (sqlite3.OperationalError('disk I/O error'), 'cannot use the journal .*: disk I/O error'),
    (sqlite3.DatabaseError('database disk image is malformed'), 'is damaged .DatabaseError: database disk image'),
    (ValueError('row 3'), 'is damaged .ValueError: row 3'),
])
def test_only_a_damaged_journal_is_reported_as_damaged(journal_path, error, words):
    journal = opened(journal_path)
    journal.write([accepted(1)], NOW)

    def read(rows, wall_now):
        for _ in rows:
            raise error
        yield

    journal._table.read = read
    with pytest.raises(CannotStart, match=words) as caught:
        list(journal.rows())
    assert '\n' not in str(caught.value)
    journal.close()
