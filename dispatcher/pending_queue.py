"""Queues of ids: which calculator is free longest, and which task is next.

Both hold ids only; what a task or a calculator is and does stands in its own table.
"""

from __future__ import absolute_import, division, print_function

from collections import deque
from itertools import islice

MYPY = False
if MYPY:
    from typing import Deque, Dict, Iterator, List, Tuple  # noqa: F401

# Below this many entries a queue is not worth compacting.
_SMALL = 64


class IdQueue(object):
    """First in, first out, with removal from the middle, all in O(1).

    Removal is lazy: the entry stays in the order until it comes up, or until more than half of the order is dead and
    it is compacted.
    """

    def __init__(self):
        # type: () -> None
        self._order = deque()  # type: Deque[Tuple[int, str]]
        # Id -> the sequence number of its live entry; an id is in the queue exactly while it is a key here.
        self._live = {}  # type: Dict[str, int]
        self._sequence = 0

    def __len__(self):
        # type: () -> int
        return len(self._live)

    def __contains__(self, item):
        # type: (object) -> bool
        return item in self._live

    def __iter__(self):
        # type: () -> Iterator[str]
        """The ids in order. The queue must not change meanwhile."""
        return (item for sequence, item in self._order if self._live.get(item) == sequence)

    def append(self, item):
        # type: (str) -> None
        """Put an id at the end. It must not be in the queue."""
        self._order.append(self._entry(item))

    def appendleft(self, item):
        # type: (str) -> None
        """Put an id at the front. It must not be in the queue."""
        self._order.appendleft(self._entry(item))

    def discard(self, item):
        # type: (str) -> bool
        """Remove an id wherever it stands; returns whether it was there."""
        if self._live.pop(item, None) is None:
            return False
        # The front is kept live, so that looking at the first few costs no walk over dead entries.
        while self._order and self._live.get(self._order[0][1]) != self._order[0][0]:
            self._order.popleft()
        if len(self._order) > 2 * len(self._live) + _SMALL:
            self._order = deque(entry for entry in self._order if self._live.get(entry[1]) == entry[0])
        return True

    def popleft(self):
        # type: () -> str
        """Remove and return the first id. Raises ``IndexError`` when empty."""
        while True:
            sequence, item = self._order.popleft()
            if self._live.get(item) == sequence:
                del self._live[item]
                return item

    def _entry(self, item):
        # type: (str) -> Tuple[int, str]
        self._sequence += 1
        self._live[item] = self._sequence
        return self._sequence, item


class PendingQueue(object):
    """Tasks that wait for a calculator: one lane per client, and the clients take turns.

    With one queue for all, a client that sends ten thousand tasks at once would make everybody else wait for all of
    them. Within a lane the order is that of acceptance; a task that lost its calculator goes back to the front.
    """

    def __init__(self):
        # type: () -> None
        # Client -> its waiting tasks; a client is a key exactly while it has some.
        self._lanes = {}  # type: Dict[str, IdQueue]
        self._turns = IdQueue()
        # Tasks in all lanes.
        self._size = 0

    def __len__(self):
        # type: () -> int
        return self._size

    @property
    def lanes(self):
        # type: () -> int
        """How many clients have waiting tasks."""
        return len(self._lanes)

    def holds(self, client, task_id):
        # type: (str, str) -> bool
        """Whether that task of that client waits."""
        return task_id in self._lanes.get(client, ())

    def put(self, client, task_id):
        # type: (str, str) -> None
        """Let a new task wait behind its client's others."""
        self._lane(client).append(task_id)
        self._size += 1

    def put_back(self, client, task_id):
        # type: (str, str) -> None
        """Let a task that lost its calculator wait before its client's others."""
        self._lane(client).appendleft(task_id)
        self._size += 1

    def discard(self, client, task_id):
        # type: (str, str) -> bool
        """Take out a task of that client wherever it stands; returns whether it was there."""
        lane = self._lanes.get(client)
        if lane is None or not lane.discard(task_id):
            return False
        self._size -= 1
        if not lane:
            del self._lanes[client]
            self._turns.discard(client)
        return True

    def take(self):
        # type: () -> str
        """Remove and return the next task; its client's next turn comes after all others'. Needs a waiting task."""
        client = self._turns.popleft()
        lane = self._lanes[client]
        task_id = lane.popleft()
        self._size -= 1
        if lane:
            self._turns.append(client)
        else:
            del self._lanes[client]
        return task_id

    def waiting_of(self, client):
        # type: (str) -> int
        """How many tasks of a client wait."""
        return len(self._lanes.get(client, ()))

    def next_of_each(self, lanes_max):
        # type: (int) -> List[str]
        """The task that is next, of each client, or of so many of them."""
        return [next(iter(lane)) for lane in islice(self._lanes.values(), lanes_max)]

    def before(self, client, task_id, places_max):
        # type: (str, str, int) -> int
        """How many tasks of its own client wait before a waiting task, counted up to ``places_max``."""
        for place, other in enumerate(islice(self._lanes[client], places_max)):
            if other == task_id:
                return place
        return places_max

    def _lane(self, client):
        # type: (str) -> IdQueue
        lane = self._lanes.get(client)
        if lane is None:
            lane = self._lanes[client] = IdQueue()
            self._turns.append(client)
        return lane
