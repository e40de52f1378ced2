"""The journal: records that outlive the dispatcher, and outcomes that must not be sent before they are on disk.

The core does not write. It collects **records**. Before the turn sends anything, it takes the records, writes them all
together, and reports the result:

    records = core.take_records()               None: nothing to write now
    core.note_written(now, None or why not)

Until then, and as long as writing fails, outcomes are held back, and datagrams with a ``submit`` or a ``call`` are not
acknowledged. So nothing is promised that a crash would break.

If writing fails, the writer keeps the records and writes them with the next ones, every ``RETRY_S`` until it succeeds.
Meanwhile no new task is accepted; everything else goes on.

Records of accepted tasks and of outcomes are urgent. The record that a client does not need a task any more only
removes a row. If a crash loses it, an outcome is sent again. So it waits for the next urgent record, at most
``LAZY_S``, and needs no write of its own.
"""

from __future__ import absolute_import, division, print_function

from collections import OrderedDict

from dispatcher.tasks import CallTask, Task, size_with
from net_protocol.rows import DONE, OUTCOMES

MYPY = False
if MYPY:
    from typing import Any, Iterable, Iterator, List, Set, Tuple  # noqa: F401

    from dispatcher.clients import Client  # noqa: F401

    #: A row that is read back: (kind of the newest record, task id, body, time left in seconds). The body of an
    #: accepted task is its payload, that of an ended one is (outcome, result, reason, attempts).
    Row = Tuple[str, str, Any, float]

#: Time between two writes of a journal that fails.
RETRY_S = 1.0

#: So many outcomes are sent at once when they are on disk. ``Outcomes.deliver_some`` sends further ones.
HELD_BACK_MAX = 1000

#: Maximum delay of a record that is not urgent.
LAZY_S = 1.0

ACCEPTED = 'accepted'
ACCEPTED_CALL = 'accepted_call'
ENDED = 'ended'
OVER = 'over'


class TaskAccepted(object):
    __slots__ = ('task_id', 'payload', 'deadline_at')
    KIND = ACCEPTED

    def __init__(self, task):
        # type: (Task) -> None
        self.task_id = task.task_id
        self.payload = task.payload
        self.deadline_at = task.deadline_at


class CallAccepted(TaskAccepted):
    __slots__ = ()
    KIND = ACCEPTED_CALL

    def __init__(self, task):
        # type: (Any) -> None
        super(CallAccepted, self).__init__(task)
        # A call brings its own time; with it the wall clock, if it is set, can't give the call more.
        self.payload = [task.payload, task.function, task.options, round(task.deadline_at - task.accepted_at, 3)]


class TaskEnded(object):
    __slots__ = ('task_id', 'body', 'deadline_at')
    KIND = ENDED

    def __init__(self, task):
        # type: (Task) -> None
        self.task_id = task.task_id
        is_done = task.state == DONE
        self.body = (task.state, task.result if is_done else None, None if is_done else task.result, task.attempt)
        self.deadline_at = task.deadline_at


class TaskOver(object):
    """The client has the outcome or does not want it. Nothing is kept of the task any more."""

    __slots__ = ('task_id',)
    KIND = OVER

    def __init__(self, task_id):
        # type: (str) -> None
        self.task_id = task_id


class Journal(object):
    COUNTERS = ('journal_commits', 'journal_records', 'journal_failures')

    def __init__(self):
        # type: () -> None
        self._records = []  # type: List[Any]
        self._taken = 0
        #: Whether an urgent record is not on disk.
        self.is_unwritten = False
        #: Tasks whose outcome is not on disk: all ids; the first ``HELD_BACK_MAX`` tasks; for each client with further
        #: ones, the lowest number of these.
        self._held_back_ids = set()  # type: Set[str]
        self._held_back = []  # type: List[Task]
        self._lowest = OrderedDict()  # type: OrderedDict[Client, int]
        #: Whether a record waits that is not urgent; whether the timer for such records or for another try has fired.
        self.is_lazy = False
        self.is_due = False
        self.failing_since = None  # type: float | None

    # Called by the core.

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

    # Called for the turn.

    def take(self, is_last):
        # type: (bool) -> List[Any] | None
        """The records to write now, or None. While the journal fails, an empty list tests it. With ``is_last``, no
        record waits.
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
        """All taken records are on disk. Returns their number, tasks whose outcomes may be sent now, and, for further
        outcomes, (client, lowest number).
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
    """The task of a row that was read back. Its time left is limited, because the wall clock may have been set."""
    kind, _, body, time_left_s = row
    if kind == ACCEPTED_CALL:
        arguments, function, options, whole_s = body
        return CallTask(client, number, arguments, now, now + min(max(0.0, time_left_s), whole_s),
                        size_with(body[:3]), function, options)
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
