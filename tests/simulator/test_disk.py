"""The journal in memory is what the journal on a disk is; what its disk does when it fails."""

from __future__ import absolute_import, division, print_function

import random

import pytest

from dispatcher.clients import Client
from dispatcher.journal import TaskAccepted, TaskEnded, TaskOver
from dispatcher.journal_rows import JournalRows
from dispatcher.tasks import Task
from net_protocol.rows import DONE
from runtime.journal_file import JournalFile
from simulator.disk import FAILING, FULL, Disk, DiskBroken, DiskJournal

WALL = 1500000000.0
CLIENT = Client('client', 'aaaaaaaa', None)


class Heads(object):
    """A coin that says whether a write that was reported as failed is there all the same."""

    def __init__(self, is_there):
        self._is_there = is_there

    def random(self):
        return 0.0 if self._is_there else 0.9


def history(seed):
    """Batches of records as a core makes them: each task is accepted, then ended, then over for its client."""
    rng = random.Random(seed)
    records, going = [], {}
    for step in range(200):
        number = int(rng.random() * 30)
        task = Task(CLIENT, number, u'payload %d' % step, 0.0, float(step), 100)
        state = going.get(number, 0)
        if state:
            task.state, task.result = DONE, u'result'
        records.append(TaskAccepted(task) if state == 0 else TaskEnded(task) if state == 1 else TaskOver(task.task_id))
        going[number] = (state + 1) % 3
    while records:
        size = 1 + int(rng.random() * 9)
        yield records[:size]
        del records[:size]


def opened(disk):
    return DiskJournal(disk, lambda: WALL)


@pytest.mark.parametrize('seed', range(4))
def test_the_journal_in_memory_holds_what_the_one_on_a_disk_holds(tmpdir, seed):
    path, disk = str(tmpdir.join('the.journal')), Disk(Heads(False))
    for batch in history(seed):
        # A new incarnation for each batch, so that all of it passes through the encoding.
        real, simulated = JournalFile(path, JournalRows(), wall=lambda: WALL), opened(disk)
        assert list(real.rows()) == list(simulated.rows())
        assert real.starts == simulated.incarnations
        real.write(batch, 0.0)
        assert simulated.write(batch, 0.0) is None
        real.close()
    assert disk.rows


def accepted(number):
    return TaskAccepted(Task(CLIENT, number, u'', 0.0, 60.0, 100))


def found(disk):
    return [row[1][-1] for row in opened(disk).rows()]


@pytest.mark.parametrize('failure, is_there, there', [(FULL, True, []), (FAILING, False, []), (FAILING, True, ['1'])])
def test_what_is_there_after_a_write_that_failed(failure, is_there, there):
    disk = Disk(Heads(is_there))
    journal = opened(disk)
    disk.failure = failure
    assert journal.write([accepted(1)], 0.0) == failure
    assert disk.state_of('client:aaaaaaaa:1') is None
    disk.failure = None
    assert found(disk) == there


def test_a_later_write_holds_what_failed_before_and_all_of_it_once():
    disk = Disk(Heads(True))
    journal = opened(disk)
    disk.failure = FAILING
    journal.write([accepted(1)], 0.0)
    disk.failure = None
    assert journal.write([accepted(2)], 0.0) is None
    assert found(disk) == ['1', '2']


def test_nothing_is_opened_on_a_broken_disk():
    disk = Disk(Heads(False))
    disk.failure = FULL
    with pytest.raises(DiskBroken):
        opened(disk)
    disk.failure = None
    assert opened(disk).incarnations == 0


def test_a_copy_is_what_was_there():
    disk = Disk(Heads(False))
    opened(disk).write([accepted(1)], 0.0)
    copy = disk.copy()
    second = opened(disk)
    list(second.rows())
    second.write([accepted(2)], 0.0)
    assert found(disk) == ['1', '2']
    disk.restore(copy)
    assert found(disk) == ['1']
    assert disk.state_of('client:aaaaaaaa:2') is None
