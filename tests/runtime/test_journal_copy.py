"""Copies of a journal, also of one that a dispatcher uses."""

from __future__ import absolute_import, division, print_function

import os
import sqlite3
import subprocess
import sys

import pytest

from runtime import journal_file
from runtime.process import CannotStart
from tests.runtime.journals import NOW, accepted, lines, opened
from tests.source_tree import ROOT


@pytest.fixture
def path(tmpdir):
    return tmpdir.join('the.journal')


COPY_IN_ANOTHER_PROCESS = 'import sys; from runtime import journal_file; print(journal_file.copy(*sys.argv[1:]))'


def copied(path, target):
    """A copy by another process, while this one may be writing."""
    return subprocess.Popen([sys.executable, '-c', COPY_IN_ANOTHER_PROCESS, str(path), str(target)], cwd=ROOT,
                            stdout=subprocess.PIPE)


def test_a_copy_of_a_journal_in_use_is_a_state_that_it_had_and_a_journal(path, tmpdir):
    journal = opened(path)
    for number in range(200):
        journal.write([accepted(number)], NOW)
    targets = [tmpdir.join(name) for name in ('copy-1', 'copy-2', 'copy-3')]
    numbers = []
    for target in targets:
        child = copied(path, target)
        while child.poll() is None:
            number += 1
            # Both or neither.
            journal.write([accepted(number), accepted(number + 1000000)], NOW)
        numbers.append(int(child.communicate()[0]))
        assert child.returncode == 0
    journal.write([accepted(number + 1)], NOW)
    journal.close()
    assert numbers == sorted(numbers) and numbers[0] > 200
    for target, rows in zip(targets, numbers):
        found = [number for number, _ in lines(target)]
        assert len(found) == rows
        assert {number + 1000000 for number in found if 200 <= number < 1000000} == {
            number for number in found if number >= 1000000}
    assert len(lines(path)) > numbers[-1]
    assert not [name for name in os.listdir(str(tmpdir)) if 'partial' in name]


def test_a_copy_of_a_journal_that_nobody_uses(path, tmpdir):
    journal = opened(path)
    journal.write([accepted(1), accepted(2)], NOW)
    journal.close()
    os.chmod(str(path), 0o600)
    target = tmpdir.join('copy')
    assert journal_file.copy(str(path), str(target)) == 2
    assert lines(target) == lines(path) == [(1, 'accepted'), (2, 'accepted')]
    assert opened(target).starts == 2
    assert os.stat(str(target)).st_mode & 0o777 == 0o600


def test_the_rest_of_a_killed_copy_is_in_nobodys_way_and_other_copies_are_left_alone(path, tmpdir, monkeypatch):
    opened(path).close()
    target = tmpdir.join('copy')
    left = tmpdir.join('copy-partial')
    left.write('of another one')
    connect = journal_file.sqlite3.connect

    def copied_meanwhile(name, **options):
        # Another copy to the same place, which fails.
        monkeypatch.setattr(journal_file.sqlite3, 'connect', refused)
        with pytest.raises(CannotStart, match='disk I/O error'):
            journal_file.copy(str(path), str(target))
        monkeypatch.setattr(journal_file.sqlite3, 'connect', connect)
        return connect(name, **options)

    def refused(name, **options):
        raise sqlite3.OperationalError('disk I/O error')
    monkeypatch.setattr(journal_file.sqlite3, 'connect', copied_meanwhile)
    assert journal_file.copy(str(path), str(target)) == 0
    assert lines(target) == []
    assert left.read() == 'of another one'
    assert sorted(name.basename for name in tmpdir.listdir() if 'partial' in name.basename) == ['copy-partial']


def test_what_is_no_journal_is_not_copied_and_nothing_is_overwritten(path, tmpdir):
    target = tmpdir.join('copy')
    with pytest.raises(CannotStart, match='there is no journal'):
        journal_file.copy(str(path), str(target))
    opened(path).close()
    target.write('precious')
    with pytest.raises(CannotStart, match='File exists'):
        journal_file.copy(str(path), str(target))
    assert target.read() == 'precious'
    with pytest.raises(CannotStart, match='cannot copy to .*nowhere/copy: No such file'):
        journal_file.copy(str(path), str(tmpdir.join('nowhere', 'copy')))
