"""Data that only observers need: clients, the latest events and attempts, ended tasks, response times. All tables are
bounded, and no decision depends on them.
"""

from __future__ import absolute_import, division, print_function

from collections import deque

from common.sketch import Sketch
from dispatcher.observers.tally import ClientTally
from dispatcher.tasks import RESULT, size_with
from net_protocol.rows import CANCELLED, FAILED

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict, List, Tuple  # noqa: F401

    from dispatcher.tasks import Task

    #: (number, task, number of its attempt, name of the calculator, when assigned, when ended, how).
    Ended = Tuple[int, Task, int, str, float, float, str]

#: The largest number of clients. Above, the oldest is dropped, preferably one without open tasks.
CLIENTS_MAX = 2000
#: So many clients are examined before one with open tasks is dropped.
CLIENTS_SPARED = 8

#: Events and ended attempts that are kept: those of minutes under low load, of a tenth of a second under full load.
EVENTS_KEPT = 2000
ATTEMPTS_KEPT = 5000

#: Events of one kind that are kept per second. Others are only numbered, because a full queue refuses thousands per
#: second, and the one death that explains it must stay visible.
EVENTS_PER_SECOND = 50
#: The same for cancelled tasks: a client that ends cancels all its tasks.
CANCELLATIONS_PER_SECOND = 3

#: Ended tasks without a result, and refusals, that are kept.
PAST_TASKS_KEPT = 5000
REFUSALS_KEPT = 2000

#: Failed tasks that are kept with their payload, and the limit of ``size_with`` for such a payload.
FAILED_KEPT = 100
FAILED_BYTES_MAX = 10000

#: Steps of single tasks. They are emitted only for a trace, and would push out all other events.
STEPS = frozenset(['accepted', 'assigned', 'done', 'outcome_dropped'])


class Ring(object):
    """The latest of many entries, numbered from 1, so that a reader knows which ones it has seen or missed."""

    def __init__(self, kept):
        # type: (int) -> None
        self.kept = deque(maxlen=kept)  # type: Deque[Any]
        #: The number of the latest entry. Some numbers have no kept entry.
        self.total = 0

    def add(self, *thing):
        # type: (*Any) -> None
        """Keep an entry as (number, ...)."""
        self.total += 1
        self.kept.append((self.total,) + thing)

    def since(self, number):
        # type: (int) -> List[Any]
        """The kept entries after ``number``."""
        newest_first = []
        for entry in reversed(self.kept):
            if entry[0] <= number:
                break
            newest_first.append(entry)
        return newest_first[::-1]


class Refusal(object):
    __slots__ = ('task_id', 'client', 'refused_at', 'reason')

    def __init__(self, task_id, client, refused_at, reason):
        # type: (str, str, float, str) -> None
        self.task_id = task_id
        self.client = client
        self.refused_at = refused_at
        self.reason = reason


class Watch(object):
    """Written by the core, read by ``observers.status``."""

    def __init__(self):
        # type: () -> None
        self.began_at = None  # type: float | None
        self.clients = {}  # type: Dict[str, ClientTally]
        self._client_order = deque()  # type: Deque[str]
        self.events = Ring(EVENTS_KEPT)
        self.attempts = Ring(ATTEMPTS_KEPT)
        # (task, when it ended) of tasks that ended without a result.
        self._past = deque(maxlen=PAST_TASKS_KEPT)  # type: Deque[Tuple[Task, float]]
        self._refusals = deque(maxlen=REFUSALS_KEPT)  # type: Deque[Refusal]
        #: (task, its payload, when it failed) of the last tasks that failed.
        self.failed = deque(maxlen=FAILED_KEPT)  # type: Deque[Tuple[Task, Any, float]]
        #: Times from acceptance to result, in seconds.
        self.response_times = Sketch()
        # Kind of event -> (the current second, the number of its events in it).
        self._kinds = {}  # type: Dict[str, Tuple[int, int]]

    def event(self, now, kind, facts):
        # type: (float, str, Dict[str, Any]) -> None
        if kind in STEPS:
            return
        is_cancellation = kind == 'ended' and facts['outcome'] == CANCELLED
        limited = CANCELLED if is_cancellation else kind
        second, number = self._kinds.get(limited, (0, 0))
        number = number + 1 if second == int(now) else 1
        self._kinds[limited] = (int(now), number)
        if number <= (CANCELLATIONS_PER_SECOND if is_cancellation else EVENTS_PER_SECOND):
            self.events.add(now, kind, facts)
        else:
            self.events.total += 1

    def refused(self, now, client, task_id, reason):
        # type: (float, str, str, str) -> None
        self.event(now, 'refused', {'task_id': task_id, 'reason': reason})
        self._refusals.append(Refusal(task_id, client, now, reason))

    def ended_without_result(self, now, task, payload):
        # type: (float, Task, Any) -> None
        if task.state is FAILED:
            if size_with(payload) > FAILED_BYTES_MAX:
                payload = u'(too large to be kept)'
            self.failed.append((task, payload, now))
        self._past.append((task, now))

    def client(self, now, name):
        # type: (float, str) -> ClientTally
        """The tally of the clients with that name."""
        tally = self.clients.get(name)
        if tally is None:
            tally = self.clients[name] = ClientTally(now)
            self._client_order.append(name)
            if len(self._client_order) > CLIENTS_MAX:
                self._drop_a_client()
        return tally

    def find(self, task_id):
        # type: (str) -> Tuple[Task | None, float | None]
        """A task that ended lately, and when."""
        for task, ended_at in reversed(self._past):
            if task.task_id == task_id:
                return task, ended_at
        ended = self.last_attempt(task_id)
        return (None, None) if ended is None or not ended[1].is_over else (ended[1], ended[5])

    def last_attempt(self, task_id):
        # type: (str) -> Ended | None
        """The newest ended attempt of a task, if it is kept."""
        for ended in reversed(self.attempts.kept):
            if ended[1].task_id == task_id:
                return ended
        return None

    def refusal(self, task_id):
        # type: (str) -> Refusal | None
        """The latest refusal of a task, if it is kept."""
        for refusal in reversed(self._refusals):
            if refusal.task_id == task_id:
                return refusal
        return None

    def _drop_a_client(self):
        # type: () -> None
        for _ in range(CLIENTS_SPARED):
            if self.clients[self._client_order[0]].live <= 0:
                break
            self._client_order.rotate(-1)
        del self.clients[self._client_order.popleft()]


def sampled(entries, entries_max):
    # type: (List[Ended], int) -> List[Ended]
    """At most ``entries_max`` attempts: first those without a result, then an even sample of the others."""
    if len(entries) <= entries_max:
        return entries
    chosen = [entry for entry in entries if entry[6] != RESULT][-(entries_max // 2):]
    results = [entry for entry in entries if entry[6] == RESULT]
    step = max(1, -(-len(results) // (entries_max - len(chosen))))
    return sorted(chosen + results[::step], key=lambda entry: entry[0])
