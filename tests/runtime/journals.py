"""Records as the dispatcher writes them, and journals that hold them."""

from __future__ import absolute_import, division, print_function

import os
import shutil

from dispatcher.journal import ACCEPTED, ENDED, OVER
from dispatcher.journal_rows import JournalRows
from runtime.journal_file import JournalFile

NOW = 1000.0
WALL = 1500000000.0


def opened(path, **options):
    return JournalFile(str(path), JournalRows(), wall=lambda: WALL, **options)


def task_id(number):
    return u'client-a:aaaaaaaa:%d' % number


class Record(object):
    """A record as the dispatcher's core writes it."""

    def __init__(self, kind, number, value=None, deadline_at=NOW + 60):
        self.KIND = kind
        self.task_id = task_id(number)
        self.payload = self.body = value
        self.deadline_at = deadline_at


def accepted(number, payload=u'payload', deadline_at=NOW + 60):
    return Record(ACCEPTED, number, payload, deadline_at)


def ended(number, result=u'result'):
    return Record(ENDED, number, (u'done', result, None, 2))


def over(number):
    return Record(OVER, number)


def lines(path):
    """The (number of the task, state) pairs that the next start reads."""
    journal = opened(path)
    try:
        return [(int(row[1].rsplit(':', 1)[1]), row[0]) for row in journal.rows()]
    finally:
        journal.close()


def copy_files(path, copy):
    """Copy the files in the state that a kill would leave."""
    for end in ('', '-wal'):
        if os.path.exists(str(copy) + end):
            os.remove(str(copy) + end)
        if os.path.exists(str(path) + end):
            shutil.copy(str(path) + end, str(copy) + end)
