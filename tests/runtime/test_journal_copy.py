"""Copies of a journal, also while a dispatcher uses it."""

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

COPY = 'import sys; from runtime import journal_file; print(journal_file.copy(*sys.argv[1:]))'


def test_a_copy_of_a_journal_in_use_is_a_journal_in_one_of_its_former_states(journal_path, tmpdir):
    journal = opened(journal_path)
    for number in range(200):
        journal.write([accepted(number)], NOW)
    targets = [tmpdir.join(name) for name in ('copy-1', 'copy-2', 'copy-3')]
    numbers = []
    for target in targets:
        child = subprocess.Popen([sys.executable, '-c', COPY, str(journal_path), str(target)], cwd=ROOT,
                                 stdout=subprocess.PIPE)
        while child.poll() is None:
            number += 1
            # A copy must have both or neither.
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
    assert len(lines(journal_path)) > numbers[-1]
    assert not [name for name in os.listdir(str(tmpdir)) if 'partial' in name]


def test_a_copy_of_a_journal_that_is_not_in_use(journal_path, tmpdir):
    journal = opened(journal_path)
    journal.write([accepted(1), accepted(2)], NOW)
    journal.close()
    os.chmod(str(journal_path), 0o600)
    target = tmpdir.join('copy')
    assert journal_file.copy(str(journal_path), str(target)) == 2
    assert lines(target) == lines(journal_path) == [(1, 'accepted'), (2, 'accepted')]
    assert opened(target).starts == 2
    assert os.stat(str(target)).st_mode & 0o777 == 0o600


def test_a_copy_ignores_the_file_of_a_killed_copy_and_a_failing_copy_to_the_same_place(
        journal_path, tmpdir, monkeypatch):
    opened(journal_path).close()
    target, partial = tmpdir.join('copy'), tmpdir.join('copy-partial')
    partial.write('of another copy')
    connect = journal_file.sqlite3.connect

    def refuse(name, **options):
        raise sqlite3.OperationalError('disk I/O error')

    def fail_another_copy_first(name, **options):
        monkeypatch.setattr(journal_file.sqlite3, 'connect', refuse)
        with pytest.raises(CannotStart, match='disk I/O error'):
            journal_file.copy(str(journal_path), str(target))
        monkeypatch.setattr(journal_file.sqlite3, 'connect', connect)
        return connect(name, **options)

    monkeypatch.setattr(journal_file.sqlite3, 'connect', fail_another_copy_first)
    assert journal_file.copy(str(journal_path), str(target)) == 0
    assert lines(target) == []
    assert partial.read() == 'of another copy'
    assert [name.basename for name in tmpdir.listdir() if 'partial' in name.basename] == ['copy-partial']


def test_a_copy_needs_a_journal_and_a_new_name_in_a_folder(journal_path, tmpdir):
    target = tmpdir.join('copy')
    with pytest.raises(CannotStart, match='there is no journal'):
        journal_file.copy(str(journal_path), str(target))
    opened(journal_path).close()
    target.write('precious')
    with pytest.raises(CannotStart, match='File exists'):
        journal_file.copy(str(journal_path), str(target))
    assert target.read() == 'precious'
    with pytest.raises(CannotStart, match='cannot copy to .*nowhere/copy: No such file'):
        journal_file.copy(str(journal_path), str(tmpdir.join('nowhere', 'copy')))
