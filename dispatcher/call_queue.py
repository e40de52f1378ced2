"""The queue of waiting calls.

There is a line for each function and priority, and in it a lane for each client. Clients take turns, and so do the
functions of one priority. The priority with the highest level is served first. Its level is the priority plus one for
each ``ageing_s`` that its oldest call has waited, at most ``PRIORITY_MAX``. Of equal levels, the one with the older
call is first. So every call is served, even if more urgent ones keep arriving.

Lines are looked up by function, so calls of functions that no calculator offers cost nothing.
"""

from __future__ import absolute_import, division, print_function

from collections import deque
from itertools import islice

from net_protocol.limits import PRIORITY_MAX

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict, Iterator, List, Set, Tuple  # noqa: F401

    from dispatcher.clients import Client  # noqa: F401
    from dispatcher.tasks import CallTask  # noqa: F401

#: ``Line.oldest_at`` examines at most so many calls before all lanes, and as many lanes.
LOOKED_AT_MAX = 50

# A line with fewer entries is not worth compacting.
_SMALL = 64


class Line(object):
    """The calls of one function and priority."""

    __slots__ = ('first', 'lanes', 'turns', 'size', 'entries', 'served')

    def __init__(self):
        # type: () -> None
        #: Calls that lost an attempt go before all lanes.
        self.first = deque()  # type: Deque[CallTask]
        self.lanes = {}  # type: Dict[Client, Deque[CallTask]]
        self.turns = deque()  # type: Deque[Client]
        #: The numbers of waiting calls and of entries. Some entries are calls that do not wait any more.
        self.size = 0
        self.entries = 0
        #: The value of ``CallQueue._served`` when a call was last taken from here.
        self.served = 0

    def put(self, task):
        # type: (CallTask) -> None
        self.size += 1
        self.entries += 1
        client = task.client
        if client in self.lanes:
            self.lanes[client].append(task)
        else:
            self.lanes[client] = deque([task])
            self.turns.append(client)

    def put_first(self, task):
        # type: (CallTask) -> None
        self.size += 1
        self.entries += 1
        self.first.append(task)

    def take(self):
        # type: () -> CallTask
        """Remove and return the next call. There must be one that waits."""
        while True:
            if self.first:
                task = self.first.popleft()
            else:
                client = self.turns.popleft()
                lane = self.lanes[client]
                task = lane.popleft()
                if lane:
                    self.turns.append(client)
                else:
                    del self.lanes[client]
            self.entries -= 1
            if task.is_queued:
                task.is_queued = False
                self.size -= 1
                return task

    def oldest_at(self):
        # type: () -> float
        """When the oldest of the calls was accepted that are next in their lanes; inf: there is none."""
        found = [task.accepted_at for task in islice(self.first, LOOKED_AT_MAX) if task.is_queued]
        kept = []  # type: List[Client]
        while self.turns and len(kept) < LOOKED_AT_MAX:
            client = self.turns.popleft()
            lane = self.lanes[client]
            while lane and not lane[0].is_queued:
                lane.popleft()
                self.entries -= 1
            if lane:
                found.append(lane[0].accepted_at)
                kept.append(client)
            else:
                # ``take`` expects no empty lane.
                del self.lanes[client]
        self.turns.extendleft(reversed(kept))
        return min(found) if found else float('inf')

    def note_over(self):
        # type: () -> None
        """One of the calls does not wait any more."""
        self.size -= 1
        if self.entries > 2 * self.size + _SMALL:
            self._compact()

    def _compact(self):
        # type: () -> None
        self.first = deque(task for task in self.first if task.is_queued)
        self.lanes = {client: deque(task for task in lane if task.is_queued) for client, lane in self.lanes.items()}
        self.turns = deque(client for client in self.turns if self.lanes[client])
        self.lanes = {client: lane for client, lane in self.lanes.items() if lane}
        self.entries = len(self.first) + sum(len(lane) for lane in self.lanes.values())

    def tasks(self):
        # type: () -> List[CallTask]
        return [task for lane in [self.first] + list(self.lanes.values()) for task in lane if task.is_queued]


class CallQueue(object):
    """All waiting calls: those in lines, delayed ones, and those that run alone."""

    def __init__(self, ageing_s):
        # type: (float) -> None
        self._ageing_s = ageing_s
        #: The number of waiting calls.
        self.size = 0
        # Function -> priority -> line with calls.
        self._lines = {}  # type: Dict[str, Dict[int, Line]]
        #: Calls that wait for the end of their delay.
        self.delayed = set()  # type: Set[CallTask]
        #: Calls that are to run alone.
        self.alone = []  # type: List[CallTask]
        self._served = 0

    def put(self, task):
        # type: (CallTask) -> None
        self.size += 1
        self._line(task).put(task)
        task.is_queued = True

    def put_first(self, task):
        # type: (CallTask) -> None
        """Add a call before the others of its function and priority."""
        self.size += 1
        self._queue_first(task)

    def put_delayed(self, task):
        # type: (CallTask) -> None
        """Add a call that is not taken before ``end_delay``."""
        self.size += 1
        self.delayed.add(task)

    def end_delay(self, task):
        # type: (CallTask) -> None
        if task in self.delayed:
            self.delayed.remove(task)
            self._queue_first(task)

    def _queue_first(self, task):
        # type: (CallTask) -> None
        if task.is_alone:
            self.alone.append(task)
        else:
            self._line(task).put_first(task)
            task.is_queued = True

    def _line(self, task):
        # type: (CallTask) -> Line
        lines = self._lines.setdefault(task.function, {})
        if task.priority not in lines:
            lines[task.priority] = Line()
        return lines[task.priority]

    def note_over(self, task):
        # type: (CallTask) -> None
        """A waiting call ended, or was assigned without ``take``."""
        self.size -= 1
        if task in self.delayed:
            self.delayed.remove(task)
        elif task.is_queued:
            task.is_queued = False
            line = self._lines[task.function][task.priority]
            line.note_over()
            self._drop_empty(task.function, task.priority, line)
        elif task in self.alone:
            self.alone.remove(task)

    def take(self, function, priority, line):
        # type: (str, int, Line) -> CallTask
        """Remove and return the next call of that line."""
        self._served += 1
        line.served = self._served
        self.size -= 1
        task = line.take()
        self._drop_empty(function, priority, line)
        return task

    def _drop_empty(self, function, priority, line):
        # type: (str, int, Line) -> None
        if not line.size:
            del self._lines[function][priority]
            if not self._lines[function]:
                del self._lines[function]

    def in_order(self, now, functions):
        # type: (float, Any) -> List[Deque[Tuple[str, int, Line]]]
        """The lines of these functions in the order of service, as (function, priority, line): one deque for each
        priority, which begins with the line that has not been served for the longest time.
        """
        by_priority = {}  # type: Dict[int, List[Tuple[str, int, Line]]]
        fewer, more = (functions, self._lines) if len(functions) < len(self._lines) else (self._lines, functions)
        for function in fewer:
            if function in more:
                for priority, line in self._lines[function].items():
                    by_priority.setdefault(priority, []).append((function, priority, line))
        ranked = []
        for priority, lines in by_priority.items():
            oldest_at = min(line.oldest_at() for _, _, line in lines)
            lines.sort(key=lambda entry: (entry[2].served, entry[0]))
            ranked.append((-self.level(now, priority, oldest_at), oldest_at, -priority, deque(lines)))
        ranked.sort(key=lambda entry: entry[:3])
        return [entry[3] for entry in ranked]

    def taken_in_order(self, now, functions):
        # type: (float, Any) -> Iterator[CallTask]
        """Remove and yield the calls of these functions in the order of service."""
        for lines in self.in_order(now, functions):
            while lines:
                function, priority, line = lines.popleft()
                yield self.take(function, priority, line)
                if line.size:
                    lines.append((function, priority, line))

    def level(self, now, priority, accepted_at):
        # type: (float, int, float) -> int
        return min(PRIORITY_MAX, priority + int(max(0.0, now - accepted_at) / self._ageing_s))

    def waits_for(self, function):
        # type: (str) -> bool
        return function in self._lines

    def clients_of(self, function):
        # type: (str) -> Set[Client]
        """The clients with entries for that function."""
        return {client for line in self._lines.get(function, {}).values() for client in line.lanes}

    def lane_of(self, task):
        # type: (CallTask) -> Any
        """The lane of a waiting call, or nothing if the call is delayed or runs alone."""
        return self._lines[task.function][task.priority].lanes.get(task.client, ()) if task.is_queued else ()

    def oldest_at(self, lines_max):
        # type: (int) -> float
        """The earliest acceptance of the calls that are next in so many lines or run alone; inf: there are none."""
        lines = islice((line for lines in self._lines.values() for line in lines.values()), lines_max)
        return min([line.oldest_at() for line in lines] + [task.accepted_at for task in self.alone] + [float('inf')])

    def tasks(self):
        # type: () -> List[CallTask]
        """All waiting calls, for checks."""
        found = list(self.delayed) + list(self.alone)
        for lines in self._lines.values():
            for line in lines.values():
                found.extend(line.tasks())
        return found
