"""What must outlive the dispatcher: the records that it writes, and what must not be sent before they are written.

The core never writes. It notes **records**, and the turn takes them, writes them all together, and says how that went,
before it sends:

    records = core.take_records()               None: nothing to write now
    core.note_written(now, None or why not)

Until then, and for as long as writing fails, outcomes are held back, and datagrams with a ``submit`` are not
acknowledged. So no mistake of the shell can promise what a crash would break.

What can't be written is kept by the writer, which tries it again with all that came since. Meanwhile no new task is
accepted and everything else goes on; every ``RETRY_S`` another try is due, and the first that works ends the matter.

Records of accepted tasks and of outcomes are urgent. That a task is over for its client only removes a row: a crash
before that costs an outcome that is sent again. So such a record waits for the next urgent one, at most ``LAZY_S``,
and costs no write of its own.
"""

from __future__ import absolute_import, division, print_function

from collections import OrderedDict

from dispatcher.tasks import CallTask, Task, size_with
from net_protocol.limits import SECONDS_MAX
from net_protocol.rows import DONE, OUTCOMES

MYPY = False
if MYPY:
    from typing import Any, Iterable, Iterator, List, Set, Tuple  # noqa: F401

    from dispatcher.clients import Client  # noqa: F401

    #: What is read back: (kind of the newest record, task id, body, time left of the task). The body is the payload of
    #: an accepted task, and (outcome, result, reason, attempts) of one that ended.
    Row = Tuple[str, str, Any, float]

#: Time between two tries of a journal that fails: soon enough that nobody waits long after the cause has gone, so
#: seldom that a broken disk is left alone.
RETRY_S = 1.0

#: So many outcomes are sent at once when they are on disk. Of more, each client is sent its own part by part.
HELD_BACK_MAX = 1000

#: Maximum delay of a record that is not urgent.
LAZY_S = 1.0

ACCEPTED = 'accepted'
ACCEPTED_CALL = 'accepted_call'
ENDED = 'ended'
OVER = 'over'


class TaskAccepted(object):
    """A task was accepted."""

    __slots__ = ('task_id', 'payload', 'deadline_at')
    KIND = ACCEPTED

    def __init__(self, task):
        # type: (Task) -> None
        self.task_id = task.task_id
        self.payload = task.payload
        self.deadline_at = task.deadline_at


class CallAccepted(TaskAccepted):
    """A call was accepted."""

    __slots__ = ()
    KIND = ACCEPTED_CALL

    def __init__(self, task):
        # type: (Any) -> None
        super(CallAccepted, self).__init__(task)
        self.payload = [task.payload, task.function, task.options]


class TaskEnded(object):
    """An accepted task has its outcome."""

    __slots__ = ('task_id', 'body', 'deadline_at')
    KIND = ENDED

    def __init__(self, task):
        # type: (Task) -> None
        self.task_id = task.task_id
        is_done = task.state == DONE
        self.body = (task.state, task.result if is_done else None, None if is_done else task.result, task.attempt)
        self.deadline_at = task.deadline_at


class TaskOver(object):
    """The client has the outcome, or does not want it: nothing is kept of the task any more."""

    __slots__ = ('task_id',)
    KIND = OVER

    def __init__(self, task_id):
        # type: (str) -> None
        self.task_id = task_id


class Journal(object):
    """The dispatcher's side of its journal."""

    COUNTERS = ('journal_commits', 'journal_records', 'journal_failures')

    def __init__(self):
        # type: () -> None
        self._records = []  # type: List[Any]
        self._taken = 0
        #: Whether something that must be on disk before anybody hears of it is not.
        self.is_unwritten = False
        #: Tasks whose outcome is not on disk: all ids; some tasks, in order; for each client with more of them, the
        #: lowest number of those.
        self._held_back_ids = set()  # type: Set[str]
        self._held_back = []  # type: List[Task]
        self._lowest = OrderedDict()  # type: OrderedDict[Client, int]
        #: A lazy record waits for the timer, or the timer rang.
        self.is_lazy = False
        self.is_due = False
        self.failing_since = None  # type: float | None

    # What the core notes.

    def accepted(self, task):
        # type: (Task) -> None
        self._records.append(CallAccepted(task) if task.IS_CALL else TaskAccepted(task))
        self.is_unwritten = True

    def ended(self, task):
        # type: (Task) -> None
        self._records.append(TaskEnded(task))
        self.is_unwritten = True
        if len(self._held_back) < HELD_BACK_MAX:
            self._held_back.append(task)
        else:
            self._lowest[task.client] = min(task.number, self._lowest.get(task.client, task.number))
        self._held_back_ids.add(task.task_id)

    def over(self, task_id):
        # type: (str) -> None
        self._records.append(TaskOver(task_id))
        self.is_lazy = True

    def holds_back(self, task):
        # type: (Task) -> bool
        """Whether the outcome of that task must not be sent yet."""
        return task.task_id in self._held_back_ids

    # What the turn asks and says.

    def take(self, is_last):
        # type: (bool) -> List[Any] | None
        """What is to be written now, or None. While the journal fails an empty list is a try as well.

        The last time no record waits any longer.
        """
        is_failing = self.failing_since is not None
        if not (self.is_due or is_last) and (is_failing or not self.is_unwritten):
            return None
        self.is_due = False
        if not self._records and not is_failing:
            return None
        records, self._records = self._records, []
        self._taken += len(records)
        self.is_lazy = False
        return records

    def note_written(self):
        # type: () -> Tuple[int, List[Task], Any]
        """All that was taken is on disk: the number of records, and the tasks whose outcome may be sent now. Where
        these are many: clients, and the number from which on they may be sent theirs.
        """
        written, self._taken = self._taken, 0
        held_back, self._held_back = self._held_back, []
        lowest, self._lowest = list(self._lowest.items()), OrderedDict()
        self._held_back_ids.clear()
        self.is_unwritten = False
        self.failing_since = None
        return written, held_back, lowest


def restored(now, client, number, row, task_timeout_s):
    # type: (float, Client, int, Row, float) -> Task
    """The task of a row that was read back.

    The wall clock may have been stepped since, so the time left is taken for no less than nothing and no more than any
    task may have.
    """
    kind, _, body, time_left_s = row
    if kind == ACCEPTED_CALL:
        arguments, function, options = body
        return CallTask(client, number, arguments, now, now + min(max(0.0, time_left_s), SECONDS_MAX),
                        size_with(body), function, options)
    deadline_at = now + min(max(0.0, time_left_s), task_timeout_s)
    if kind == ACCEPTED:
        return Task(client, number, body, now, deadline_at, size_with(body))
    outcome, result, reason, attempts = body
    value = result if outcome == DONE else reason
    task = Task(client, number, None, now, deadline_at, size_with(value))
    task.state = OUTCOMES[OUTCOMES.index(outcome)]
    task.result = value
    task.attempt = attempts
    task.calculator = None
    task.assignment = 0
    return task
