"""What must outlive the dispatcher: what to write, what nobody may hear before it is written, and the way back.

The core never writes. It notes **records**, and whoever runs it takes them once a turn, writes them all together, and
says how that went, before it takes what is to be sent:

    records = core.take_records()               None: nothing to write now
    core.note_written(now, None or why not)

Until then, and for as long as writing fails, ``accepted`` and ``outcome`` of the tasks concerned stay inside: the
client asks again, and the outcome is resent. So no mistake of the shell can promise what a crash would break.

What can't be written is kept by the writer, which tries it again with all that came since. Meanwhile no new task is
taken and everything else goes on; every ``RETRY_S`` another try is due, and the first that works ends the matter.

Two of the four records are urgent. The other two only clean up: a crash before them costs an outcome told twice or a
tombstone kept longer, so they wait for the next urgent one, at most ``LAZY_S``, and cost no write of their own.
"""

from __future__ import absolute_import, division, print_function

from dispatcher.tasks import Task
from net_protocol.messages import Accepted, Outcome

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, Iterable, Iterator, List, Set, Tuple  # noqa: F401

    from net_protocol.timers import Timers  # noqa: F401

    #: What is read back: (kind of the newest record, task id, body, time left of the task, address to answer to). The
    #: body is the payload of an accepted task, (outcome, result, reason, attempts, winner) of one that ended, and None
    #: of one whose client knows.
    Row = Tuple[str, str, Any, float, Any]

#: Time between two tries of a journal that fails: soon enough that nobody waits long after the cause has gone, so
#: seldom that a broken disk is left alone.
RETRY_S = 1.0

#: How long a record that is not urgent may wait for company.
LAZY_S = 1.0

#: The attempts of a task in one life of the dispatcher: the most that ``attempts_max`` allows. In its second life the
#: numbers of recovered tasks begin at 1001, so none ever means two attempts.
ATTEMPTS_PER_LIFE = 1000

ACCEPTED = 'accepted'
ENDED = 'ended'
TOLD = 'told'
FORGOTTEN = 'forgotten'


class TaskAccepted(object):
    """A task was accepted."""

    __slots__ = ('task_id', 'payload', 'deadline_at', 'reply_to')
    KIND = ACCEPTED

    def __init__(self, task):
        # type: (Task) -> None
        self.task_id = task.task_id
        self.payload = task.payload
        self.deadline_at = task.deadline_at
        self.reply_to = task.reply_to


class TaskEnded(object):
    """An accepted task has its outcome. ``winner`` is who brought the result, (calculator, attempt), or None."""

    __slots__ = ('task_id', 'body', 'deadline_at', 'reply_to')
    KIND = ENDED

    def __init__(self, task, outcome):
        # type: (Task, Outcome) -> None
        self.task_id = task.task_id
        self.body = (outcome.outcome, outcome.result, outcome.reason, outcome.attempts, task.winner)
        self.deadline_at = task.deadline_at
        self.reply_to = task.reply_to


class TaskTold(object):
    """The client knows the outcome: what is left is a tombstone, by which a late copy of the submit is known."""

    __slots__ = ('task_id',)
    KIND = TOLD

    def __init__(self, task_id):
        # type: (str) -> None
        self.task_id = task_id


class TaskForgotten(object):
    """Nothing is kept of the task any more."""

    __slots__ = ('task_id',)
    KIND = FORGOTTEN

    def __init__(self, task_id):
        # type: (str) -> None
        self.task_id = task_id


class Journal(object):
    """The dispatcher's side of its journal. Does nothing at all unless ``is_kept``."""

    COUNTERS = ('journal_commits', 'journal_records', 'journal_failures', 'withheld')

    def __init__(self, is_kept, timers, counts, tell):
        # type: (bool, Timers, Dict[str, int], Callable[..., None]) -> None
        self._is_kept = is_kept
        self._timers = timers
        self._counts = counts
        self._tell = tell
        self._records = []  # type: List[Any]
        self._taken = 0
        # Tasks of which something has to be written before anybody hears of it.
        self._unwritten = set()  # type: Set[str]
        self._is_due = False
        self._failing_since = None  # type: float | None

    @property
    def is_failing(self):
        # type: () -> bool
        """Whether the last try to write failed."""
        return self._failing_since is not None

    # What the core notes.

    def accepted(self, task):
        # type: (Task) -> None
        """A task was accepted."""
        if self._is_kept:
            self._records.append(TaskAccepted(task))
            self._unwritten.add(task.task_id)

    def ended(self, task, outcome):
        # type: (Task, Outcome) -> None
        """A task has its outcome."""
        if self._is_kept:
            self._records.append(TaskEnded(task, outcome))
            self._unwritten.add(task.task_id)

    def told(self, now, task_id):
        # type: (float, str) -> None
        """A client knows an outcome."""
        if self._is_kept:
            self._note_lazily(now, TaskTold(task_id))

    def forgotten(self, now, task_id):
        # type: (float, str) -> None
        """Nothing is remembered of a task any more."""
        if self._is_kept:
            self._note_lazily(now, TaskForgotten(task_id))

    def due(self):
        # type: () -> None
        """The timer: write what waits for company, or try again."""
        self._is_due = True

    # What the shell asks and says.

    def take(self, is_last):
        # type: (bool) -> List[Any] | None
        """What is to be written now, or None. While the journal fails an empty list is a try as well.

        The last time nothing is left to wait for company.
        """
        if not (self._is_due or is_last) and (self.is_failing or not self._unwritten):
            return None
        self._is_due = False
        if not self._records and not self.is_failing:
            return None
        records, self._records = self._records, []
        self._taken += len(records)
        return records

    def note_written(self, now, failure):
        # type: (float, str | None) -> None
        """All that was taken is on the disk, or is not: ``failure`` says why."""
        if failure is not None:
            self._counts['journal_failures'] += 1
            if self._failing_since is None:
                self._failing_since = now
                self._tell('journal_failed', reason=failure)
            self._timers.set(('journal', None), now + RETRY_S)
            return
        self._counts['journal_commits'] += 1
        self._counts['journal_records'] += self._taken
        self._taken = 0
        self._unwritten.clear()
        # What was noted since it was taken is not on the disk.
        self._unwritten.update(record.task_id for record in self._records if record.KIND in (ACCEPTED, ENDED))
        if self._failing_since is not None:
            self._tell('journal_works', seconds=now - self._failing_since)
            self._failing_since = None

    def without_withheld(self, outgoing):
        # type: (List[Tuple[Any, Any]]) -> List[Tuple[Any, Any]]
        """What may be sent: nothing that promises what is not written."""
        unwritten = self._unwritten
        if not unwritten:
            return outgoing
        passed = [(address, message) for address, message in outgoing
                  if type(message) not in (Accepted, Outcome) or message.task_id not in unwritten]
        self._counts['withheld'] += len(outgoing) - len(passed)
        return passed

    def _note_lazily(self, now, record):
        # type: (float, Any) -> None
        self._records.append(record)
        if ('journal', None) not in self._timers:
            self._timers.set(('journal', None), now + LAZY_S)


def restored(now, lives, rows, task_timeout_s):
    # type: (float, int, Iterable[Row], float) -> Iterator[Tuple[Task, Outcome | None, bool]]
    """What was read back, as ``(task, outcome, is told)``, in the order in which it was accepted.

    ``lives`` is how many lives of the dispatcher wrote to this journal before. The wall clock may have been stepped
    since, so the time left is taken for no less than nothing and no more than any task may have.
    """
    first_number = 1 + lives * ATTEMPTS_PER_LIFE
    for kind, task_id, body, time_left_s, reply_to in rows:
        deadline_at = now + min(max(0.0, time_left_s), task_timeout_s)
        task = Task(task_id, task_id.split(':', 1)[0], None, now, deadline_at, reply_to)
        outcome = None
        if kind == ACCEPTED:
            task.payload = body
            task.first_number = first_number
        elif kind == ENDED:
            how, result, reason, attempts, winner = body
            outcome = Outcome(task_id, how, result, reason, attempts)
            task.winner = None if winner is None else tuple(winner)
        yield task, outcome, kind == TOLD
