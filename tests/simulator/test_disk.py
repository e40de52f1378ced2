"""The simulated journal holds the same as a real one, and its disk can fail."""

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


class Draw(object):
    """Decides whether the disk keeps a write that it reports as failed."""

    def __init__(self, is_kept):
        self._is_kept = is_kept

    def random(self):
        return 0.0 if self._is_kept else 0.9


def history(seed):
    """Batches of the records of a core: each task is accepted, then ended, then over for its client."""
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


@pytest.mark.parametrize('seed', range(2))
def test_the_simulated_journal_holds_the_same_rows_as_a_real_one(tmpdir, seed):
    path, disk = str(tmpdir.join('the.journal')), Disk(Draw(False))
    for batch in history(seed):
        # A new incarnation for each batch reads all earlier rows.
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


@pytest.mark.parametrize('failure, is_kept, kept', [(FULL, True, []), (FAILING, False, []), (FAILING, True, ['1'])])
def test_a_failing_disk_may_keep_a_write_and_a_full_one_does_not(failure, is_kept, kept):
    disk = Disk(Draw(is_kept))
    journal = opened(disk)
    disk.failure = failure
    assert journal.write([accepted(1)], 0.0) == failure
    assert disk.state_of('client:aaaaaaaa:1') is None
    disk.failure = None
    assert found(disk) == kept


def test_the_next_write_repeats_a_failed_one_without_duplicates():
    disk = Disk(Draw(True))
    journal = opened(disk)
    disk.failure = FAILING
    journal.write([accepted(1)], 0.0)
    disk.failure = None
    assert journal.write([accepted(2)], 0.0) is None
    assert found(disk) == ['1', '2']


def test_no_journal_opens_on_a_broken_disk():
    disk = Disk(Draw(False))
    disk.failure = FULL
    with pytest.raises(DiskBroken):
        opened(disk)
    disk.failure = None
    assert opened(disk).incarnations == 0


def test_a_copy_keeps_the_state_of_a_disk():
    disk = Disk(Draw(False))
    opened(disk).write([accepted(1)], 0.0)
    copy = disk.copy()
    second = opened(disk)
    list(second.rows())
    second.write([accepted(2)], 0.0)
    assert found(disk) == ['1', '2']
    disk.restore(copy)
    assert found(disk) == ['1']
    assert disk.state_of('client:aaaaaaaa:2') is None
