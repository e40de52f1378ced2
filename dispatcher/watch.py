"""What a person may want to know and the dispatcher itself does not need: clients, the latest events and attempts, how
tasks ended, response times. All of it is bounded, and nothing is decided by it.
"""

from __future__ import absolute_import, division, print_function

from collections import deque
from itertools import islice

from dispatcher.tally import ClientTally
from dispatcher.tasks import RESULT
from net_protocol.histogram import Histogram
from net_protocol.messages import DONE, NOT_YOURS

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict, List, Tuple  # noqa: F401

    from dispatcher.tasks import Attempt, Task  # noqa: F401
    from net_protocol.messages import Outcome  # noqa: F401

#: Clients that are kept; past that the ones that have been known longest go, those with open tasks last.
CLIENTS_MAX = 2000
#: Before a client with open tasks is dropped, so many others are looked at.
CLIENTS_SPARED = 8

#: Events and ended attempts that are kept for whoever asks: minutes when little happens, a second under full load.
EVENTS_KEPT = 2000
ATTEMPTS_KEPT = 5000

#: Events of one kind in a second; what is more is only numbered. A full queue refuses thousands a second, and the one
#: death that explains it has to stay to be seen.
EVENTS_PER_SECOND = 50

#: Tasks that are over, or were refused, of which the story is kept.
PAST_TASKS_KEPT = 10000
REFUSALS_KEPT = 2000

#: Steps of single tasks. They are told only where somebody reads the trace, and would push out all else.
STEPS = frozenset(['accepted', 'assigned', 'done'])


class Ring(object):
    """The latest of many things, numbered from 1 on, so that a reader knows what he has seen and what he missed."""

    def __init__(self, kept):
        # type: (int) -> None
        self._kept = deque(maxlen=kept)  # type: Deque[Tuple[int, Any]]
        #: The number of the latest.
        self.total = 0

    def add(self, thing):
        # type: (Any) -> None
        """Number it and keep it."""
        self.total += 1
        self._kept.append((self.total, thing))

    def skip(self):
        # type: () -> None
        """It has a number, and is not kept."""
        self.total += 1

    def since(self, number):
        # type: (int) -> List[Tuple[int, Any]]
        """All that are kept and newer than ``number``, as (number, thing). What is asked for is at the end, so the cost
        is that of the answer."""
        newest_first = []
        for entry in reversed(self._kept):
            if entry[0] <= number:
                break
            newest_first.append(entry)
        return newest_first[::-1]


class Recent(object):
    """The latest entries of a table, so many."""

    def __init__(self, kept):
        # type: (int) -> None
        self._kept = kept
        self._order = deque()  # type: Deque[str]
        self._entries = {}  # type: Dict[str, Any]

    def __len__(self):
        # type: () -> int
        return len(self._entries)

    def get(self, key):
        # type: (str) -> Any
        """The entry of that key, or None."""
        return self._entries.get(key)

    def add(self, key, entry):
        # type: (str, Any) -> None
        """Keep it. One that is there already keeps its place in the order."""
        if key not in self._entries:
            self._order.append(key)
            if len(self._order) > self._kept:
                del self._entries[self._order.popleft()]
        self._entries[key] = entry


class Past(object):
    """A task that is over."""

    __slots__ = ('client', 'accepted_at', 'ended_at', 'attempts', 'outcome', 'reason', 'winner')

    def __init__(self, now, task, outcome):
        # type: (float, Task, Outcome) -> None
        self.client = task.client
        self.accepted_at = task.accepted_at
        self.ended_at = now
        self.attempts = task.attempts
        self.outcome = outcome.outcome
        self.reason = outcome.reason
        self.winner = task.winner


class Refusal(object):
    """A submit that was refused."""

    __slots__ = ('client', 'refused_at', 'reason')

    def __init__(self, now, client, reason):
        # type: (float, str, str) -> None
        self.client = client
        self.refused_at = now
        self.reason = reason


class Watch(object):
    """Is told what happens; ``dispatcher.status`` reads it."""

    def __init__(self):
        # type: () -> None
        self.began_at = None  # type: float | None
        self.clients = {}  # type: Dict[str, ClientTally]
        self._client_order = deque()  # type: Deque[str]
        self.events = Ring(EVENTS_KEPT)
        self.attempts = Ring(ATTEMPTS_KEPT)
        self.past = Recent(PAST_TASKS_KEPT)
        self.refusals = Recent(REFUSALS_KEPT)
        #: From acceptance to the result.
        self.response_times = Histogram()
        # Kind of event -> (the second it is about, how many in it).
        self._kinds = {}  # type: Dict[str, Tuple[int, int]]

    def event(self, now, kind, facts):
        # type: (float, str, Dict[str, Any]) -> None
        """Something happened."""
        if kind in STEPS:
            return
        second, number = self._kinds.get(kind, (0, 0))
        number = number + 1 if second == int(now) else 1
        self._kinds[kind] = (int(now), number)
        if number > EVENTS_PER_SECOND:
            self.events.skip()
        else:
            self.events.add((now, kind, facts))

    def accepted(self, now, task):
        # type: (float, Task) -> None
        """A task is accepted."""
        client = self._client(now, task.client)
        client.accepted += 1
        client.heard_at = now

    def refused(self, now, client_name, task_id, reason):
        # type: (float, str, str, str) -> None
        """A submit is refused."""
        self.event(now, 'refused', {'task_id': task_id, 'reason': reason})
        if reason == NOT_YOURS:
            # Somebody pretends to be somebody: that shall not enter him among the clients.
            return
        client = self._client(now, client_name)
        client.refused += 1
        client.heard_at = now
        self.refusals.add(task_id, Refusal(now, client_name, reason))

    def attempt_ended(self, attempt):
        # type: (Attempt) -> None
        """An attempt is over."""
        self.attempts.add(attempt)

    def ended(self, now, task, outcome):
        # type: (float, Task, Outcome) -> None
        """A task is over."""
        client = self.clients.get(task.client)
        # It may have been dropped meanwhile and be back: its accounts begin anew.
        if client is not None and client.open > 0:
            client.outcomes[outcome.outcome] += 1
        if outcome.outcome == DONE:
            self.response_times.add(now - task.accepted_at)
        self.past.add(task.task_id, Past(now, task, outcome))

    def _client(self, now, name):
        # type: (float, str) -> ClientTally
        client = self.clients.get(name)
        if client is None:
            client = self.clients[name] = ClientTally(now)
            self._client_order.append(name)
            if len(self._client_order) > CLIENTS_MAX:
                self._drop_a_client()
        return client

    def _drop_a_client(self):
        # type: () -> None
        for _ in range(CLIENTS_SPARED):
            if self.clients[self._client_order[0]].open <= 0:
                break
            self._client_order.rotate(-1)
        del self.clients[self._client_order.popleft()]


def sampled(entries, entries_max):
    # type: (List[Tuple[int, Attempt]], int) -> List[Tuple[int, Attempt]]
    """So many of the attempts at most: those that did not bring a result first, and of the others an even sample."""
    if len(entries) <= entries_max:
        return entries
    in_vain = [entry for entry in entries if entry[1].ended != RESULT]
    chosen = in_vain[-(entries_max // 2):]
    results = [entry for entry in entries if entry[1].ended == RESULT]
    step = max(1, -(-len(results) // (entries_max - len(chosen))))
    return sorted(chosen + list(islice(results, 0, None, step)), key=lambda entry: entry[0])
