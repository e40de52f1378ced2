"""The queue of waiting tasks."""

from __future__ import absolute_import, division, print_function

from collections import deque
from itertools import islice

from dispatcher.call_queue import CallQueue
from dispatcher.tasks import WAITING

MYPY = False
if MYPY:
    from typing import Any, Deque, List  # noqa: F401

    from dispatcher.clients import Client  # noqa: F401
    from dispatcher.tasks import Task  # noqa: F401

#: While less than one place in three of the queue is taken, there is no limit for a client.
NO_LIMIT_BELOW = 3
#: From there on a client gets an even part: the places divided by the number of clients with waiting tasks. One place
#: in twenty is kept for clients that have less than half of an even part.
KEPT = 20
SMALL_PART = 0.5

# A lane with fewer entries is not worth compacting.
_SMALL = 64


class PendingQueue(object):
    """One lane for each client; the clients take turns. The order in a lane is that of acceptance.

    With one queue for all clients, a client that sends ten thousand tasks at once would delay all others. A task whose
    calculator failed is served before all lanes. A task that was not answered in time goes to the front of its lane.
    Before all lanes it would let a client whose tasks are all too slow delay the others.

    An entry is skipped if its task does not wait any more.
    """

    def __init__(self, ageing_s=10):
        # type: (float) -> None
        #: The waiting calls, which have an order of their own.
        self.calls = CallQueue(ageing_s)
        #: The number of waiting tasks, and of clients that have any.
        self.size = 0
        self.lanes = 0
        self._first = deque()  # type: Deque[Task]
        self._rotation = deque()  # type: Deque[Client]

    def put(self, task):
        # type: (Task) -> None
        """Add a new task at the end of its client's lane."""
        task.client.lane.append(task)
        self.note_put(task.client, 1)

    def put_back(self, task):
        # type: (Task) -> None
        """Add a task at the front of its client's lane."""
        task.client.lane.appendleft(task)
        self.note_put(task.client, 1)

    def put_first(self, task):
        # type: (Task) -> None
        """Add a task before all others."""
        self._first.append(task)
        self._note_came(task.client)

    def put_call(self, task):
        # type: (Any) -> None
        self._note_came(task.client)
        self.calls.put(task)

    def put_call_first(self, task):
        # type: (Any) -> None
        self._note_came(task.client)
        self.calls.put_first(task)

    def put_call_delayed(self, task):
        # type: (Any) -> None
        self._note_came(task.client)
        self.calls.put_delayed(task)

    def _note_came(self, client, number=1):
        # type: (Client, int) -> None
        """``number`` more tasks of that client wait."""
        if not client.waiting:
            self.lanes += 1
        client.waiting += number
        self.size += number

    def remove(self, task):
        # type: (Any) -> None
        """A waiting task ended, or was assigned without ``take``."""
        client = task.client
        self.note_left(client)
        if task.IS_CALL:
            self.calls.note_over(task)
            return
        lane = client.lane
        if len(lane) > 2 * client.waiting + _SMALL:
            client.lane = deque([task for task in lane if task.state is WAITING])
        if len(self._first) > 2 * self.size + _SMALL:
            self._first = deque([task for task in self._first if task.state is WAITING])

    def note_put(self, client, number):
        # type: (Client, int) -> None
        """``number`` tasks were put into the client's lane."""
        self._note_came(client, number)
        if not client.in_rotation:
            client.in_rotation = True
            self._rotation.append(client)

    def take(self):
        # type: () -> Task
        """Remove and return the next task. Its client is last in turn now. There must be a task that waits."""
        while self._first:
            task = self._first.popleft()
            if task.state is WAITING:
                self.note_left(task.client)
                return task
        turns = self._rotation
        while True:
            client = turns[0]
            lane = client.lane
            while lane:
                task = lane.popleft()
                if task.state is WAITING:
                    client.waiting -= 1
                    self.size -= 1
                    if not client.waiting:
                        self.lanes -= 1
                    if not lane:
                        client.in_rotation = False
                        turns.popleft()
                    elif len(turns) > 1:
                        turns.rotate(-1)
                    return task
            client.in_rotation = False
            turns.popleft()

    def note_left(self, client):
        # type: (Client) -> None
        """Count that a task of that client does not wait any more."""
        client.waiting -= 1
        self.size -= 1
        if not client.waiting:
            self.lanes -= 1

    def has_room_for(self, client, places):
        # type: (Client, int) -> bool
        """Whether the queue has a place for one more task of that client. The clients with waiting tasks share the
        ``places`` evenly.

        There is no limit for a client while less than a third of the places are taken. After that it gets at most an
        even part, so no accepted task waits much longer than a full queue takes, unless many clients come later. The
        last places are for clients with less than ``SMALL_PART`` of an even part, so a client that needs few places
        finds one.
        """
        if NO_LIMIT_BELOW * self.size < places:
            return True
        parts = client.waiting * self.lanes / places
        if parts < SMALL_PART:
            return self.size < places
        return parts < 1 and self.size < places - places // KEPT

    # For observers.

    def oldest(self, lanes_max):
        # type: (int) -> List[Task]
        """The next task of each of the first ``lanes_max`` clients, and tasks that wait before all lanes."""
        found = [task for task in islice(self._first, lanes_max) if task.state is WAITING]
        for client in islice(self._rotation, lanes_max):
            for task in islice(client.lane, lanes_max):
                if task.state is WAITING:
                    found.append(task)
                    break
        return found

    def before(self, task, places_max):
        # type: (Any, int) -> int
        """How many tasks of the same client wait before a waiting task, counted up to ``places_max``."""
        place = 0
        lane = self.calls.lane_of(task) if task.IS_CALL else task.client.lane
        for other in islice(lane, places_max):
            if other is task:
                return place
            place += other.state is WAITING
        return 0 if place < places_max else places_max

    def waiting_tasks(self):
        # type: () -> List[Task]
        """All waiting tasks, for checks."""
        found = [task for task in self._first if task.state is WAITING] + self.calls.tasks()
        for client in self._rotation:
            found.extend([task for task in client.lane if task.state is WAITING])
        return found
