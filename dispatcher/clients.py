"""Clients: one record for each incarnation of a client, with its tasks."""

from __future__ import absolute_import, division, print_function

from bisect import bisect_right
from collections import deque

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict, Iterator, List, Tuple  # noqa: F401

    from dispatcher.observers.tally import ClientTally  # noqa: F401
    from dispatcher.tasks import Task  # noqa: F401
    from net_protocol.channel import Channel  # noqa: F401

#: Bytes of memory of a client's record, a range of numbers, and a refusal.
CLIENT_BYTES = 2000
RANGE_BYTES = 80
REFUSAL_BYTES = 300

#: At most so many incarnations of a client are searched for outcomes, or for a receiver of outcomes.
FORMER_MAX = 100


class Ranges(object):
    """A set of numbers, kept as ranges."""

    __slots__ = ('firsts', 'lasts')

    def __init__(self):
        # type: () -> None
        self.firsts = []  # type: List[int]
        self.lasts = []  # type: List[int]

    def __len__(self):
        # type: () -> int
        """The number of ranges."""
        return len(self.firsts)

    def __contains__(self, number):
        # type: (Any) -> bool
        at = bisect_right(self.firsts, number)
        return at > 0 and number <= self.lasts[at - 1]

    def add(self, number):
        # type: (int) -> None
        firsts, lasts = self.firsts, self.lasts
        if lasts and lasts[-1] == number - 1:
            lasts[-1] = number
            return
        at = bisect_right(firsts, number)
        if at and number <= lasts[at - 1]:
            return
        follows = at > 0 and lasts[at - 1] == number - 1
        precedes = at < len(firsts) and firsts[at] == number + 1
        if follows and precedes:
            lasts[at - 1] = lasts[at]
            del firsts[at], lasts[at]
        elif follows:
            lasts[at - 1] = number
        elif precedes:
            firsts[at] = number
        else:
            firsts.insert(at, number)
            lasts.insert(at, number)

    def drop_below(self, number):
        # type: (int) -> None
        """Remove all numbers below ``number``."""
        at = bisect_right(self.lasts, number - 1)
        if at:
            del self.firsts[:at], self.lasts[:at]
        if self.firsts and self.firsts[0] < number:
            self.firsts[0] = number


class Client(object):
    """One incarnation of a client.

    ``open`` is the lowest number that the client still needs; nothing is kept of tasks below it. ``tasks`` are those
    that wait, run, or have an outcome that is not acknowledged. ``acknowledged`` are the numbers of tasks whose outcome
    is acknowledged. ``highest`` is the highest number that was accepted or refused (``TOO_FAR_AHEAD`` does not count),
    and at least ``open`` - 1.
    """

    __slots__ = ('name', 'incarnation', 'prefix', 'channel', 'is_absent', 'former_from', 'open', 'highest', 'tasks',
                 'acknowledged', 'bytes', 'outcome_bytes', 'extra_bytes', 'live', 'lane', 'waiting', 'in_rotation',
                 'refusals', 'cursor', 'is_behind', 'drop_from', 'tally')

    IS_CLIENT = True

    def __init__(self, name, incarnation, tally):
        # type: (str, str, ClientTally) -> None
        self.name = name
        self.incarnation = incarnation
        self.prefix = u'%s:%s:' % (name, incarnation)
        self.channel = None  # type: Channel | None
        #: It has no channel that is awake. From ``former_from`` on, another incarnation may receive its outcomes.
        self.is_absent = True
        self.former_from = 0.0
        self.open = 1
        self.highest = 0
        self.tasks = {}  # type: Dict[int, Task]
        self.acknowledged = Ranges()
        #: Bytes of memory: of everything here, of ended tasks, of ranges and refusals.
        self.bytes = CLIENT_BYTES
        self.outcome_bytes = 0
        self.extra_bytes = 0
        #: The number of tasks that wait or run.
        self.live = 0
        # Used by ``PendingQueue``.
        self.lane = deque()  # type: Deque[Task]
        self.waiting = 0
        self.in_rotation = False
        #: Refusals that are not acknowledged: number of the task -> row.
        self.refusals = {}  # type: Dict[int, List[Any]]
        #: ``Outcomes.deliver_some`` sends outcomes again from this number on; None: it sends none.
        self.cursor = None  # type: int | None
        #: ``forget_below`` continues in later turns.
        self.is_behind = False
        #: The next number that ``drop_outcomes`` looks at.
        self.drop_from = 1
        self.tally = tally

    def __repr__(self):
        # type: () -> str
        return 'Client(%r, %r)' % (self.name, self.incarnation)


class Clients(object):
    """All clients, by name and incarnation."""

    def __init__(self):
        # type: () -> None
        self._by_key = {}  # type: Dict[Tuple[str, str], Client]
        # Name -> its incarnations, in the order in which they were first heard.
        self._by_name = {}  # type: Dict[str, List[Client]]

    def __len__(self):
        # type: () -> int
        return len(self._by_key)

    def __iter__(self):
        # type: () -> Iterator[Client]
        return iter(self._by_key.values())

    def get(self, name, incarnation):
        # type: (str, str) -> Client | None
        return self._by_key.get((name, incarnation))

    def add(self, client):
        # type: (Client) -> None
        self._by_key[(client.name, client.incarnation)] = client
        self._by_name.setdefault(client.name, []).append(client)

    def remove(self, client):
        # type: (Client) -> None
        del self._by_key[(client.name, client.incarnation)]
        same_name = self._by_name[client.name]
        same_name.remove(client)
        if not same_name:
            del self._by_name[client.name]

    def owner_of(self, task_id):
        # type: (str) -> Tuple[Client | None, int]
        """The client that a task id names, if it is known, and the number of the task."""
        name, incarnation, number = task_id.rsplit(':', 2)
        return self._by_key.get((name, incarnation)), int(number)

    def task(self, task_id):
        # type: (str) -> Task | None
        """The task with that id that waits, runs, or has an outcome that is not acknowledged."""
        client, number = self.owner_of(task_id)
        return None if client is None else client.tasks.get(number)

    def is_over(self, task_id):
        # type: (str) -> bool
        """Whether the task is known to be over."""
        client, number = self.owner_of(task_id)
        if client is None:
            return False
        task = client.tasks.get(number)
        return task.is_over if task is not None else number < client.open or number in client.acknowledged

    def heir_of(self, client):
        # type: (Client) -> Client | None
        """Another incarnation of that client that is heard."""
        for other in self._by_name.get(client.name, [])[:-FORMER_MAX - 1:-1]:
            if not other.is_absent and other is not client:
                return other
        return None

    def former(self, client):
        # type: (Client) -> List[Client]
        """Absent incarnations of that client with tasks."""
        return [other for other in self._by_name[client.name][:FORMER_MAX]
                if other.is_absent and other is not client and other.tasks]
