"""When something is due for each task: its deadline, or the answer time-out of its attempt.

Most tasks are over soon after they were accepted, so nothing is planned for a young task: tasks stand in a queue in the
order of acceptance, and only what is not over when it has been there for a while is planned. What is planned lies in a
bucket for each second, from which it is taken in O(1) when the task is over; so nothing is kept of tasks that are over,
and nothing has to be tidied up. The buckets of past seconds go into a heap, which gives the exact order.
"""

from __future__ import absolute_import, division, print_function

from collections import OrderedDict, deque
from heapq import heappop, heappush

MYPY = False
if MYPY:
    from typing import Deque, Dict, List, Tuple  # noqa: F401

    from dispatcher.tasks import Task  # noqa: F401

#: Entries that one call moves from one place to the next, at most.
MOVES_MAX = 1000


class DueTimes(object):
    """``young_s`` is how long a task is young: nothing may be due for it sooner, unless it is planned at once."""

    def __init__(self, young_s):
        # type: (float) -> None
        self.young_s = young_s
        #: Tasks in the order of acceptance; whoever accepts one appends it here, or calls ``plan``.
        self.young = deque()  # type: Deque[Task]
        # Second -> the tasks for which something is due in it, as keys in order.
        self._buckets = {}  # type: Dict[int, OrderedDict[Task, None]]
        self._seconds = []  # type: List[int]
        # (when, order, task); an entry counts while the task is still due at that time.
        self._near = []  # type: List[Tuple[float, int, Task]]
        self._order = 0

    def plan(self, task, at):
        # type: (Task, float) -> None
        """Something is due for the task at that time, and not when it was before."""
        if task.due_at is not None:
            self.cancel(task)
        task.due_at = at
        second = int(at)
        bucket = self._buckets.get(second)
        if bucket is None:
            bucket = self._buckets[second] = OrderedDict()
            heappush(self._seconds, second)
            if len(self._seconds) > 2 * len(self._buckets) + 64:
                self._seconds = sorted(self._buckets)
        bucket[task] = None

    def cancel(self, task):
        # type: (Task) -> None
        """Nothing is due for the task."""
        second = int(task.due_at)  # type: ignore[arg-type]
        task.due_at = None
        bucket = self._buckets.get(second)
        if bucket is not None and task in bucket:
            del bucket[task]
            if not bucket:
                del self._buckets[second]

    def drop_old(self):
        # type: () -> None
        """Tasks that are over, or planned, leave the queue of the young ones when they are its first."""
        young = self.young
        for _ in range(min(len(young), MOVES_MAX)):
            task = young[0]
            if not (task.is_over or task.due_at is not None):
                return
            young.popleft()

    def take_due(self, now):
        # type: (float) -> List[Task]
        """The tasks for which something is due at or before ``now``, in the order of time; not more than 1,000."""
        young = self.young
        for _ in range(min(len(young), MOVES_MAX)):
            task = young[0]
            if not task.is_over and task.due_at is None:
                if task.accepted_at + self.young_s > now:
                    break
                self.plan(task, task.next_due_at())
            young.popleft()
        moves_left = MOVES_MAX
        while self._seconds and self._seconds[0] <= now and moves_left:
            bucket = self._buckets.get(self._seconds[0])
            while bucket and moves_left:
                task, _ = bucket.popitem(last=False)
                self._order += 1
                heappush(self._near, (task.due_at, self._order, task))  # type: ignore[misc]
                moves_left -= 1
            if not bucket:
                self._buckets.pop(heappop(self._seconds), None)
        due = []  # type: List[Task]
        near = self._near
        while near and len(due) < MOVES_MAX and (near[0][0] <= now or near[0][2].due_at != near[0][0]):
            at, _, task = heappop(near)
            if task.due_at == at:
                task.due_at = None
                due.append(task)
        return due

    def next_at(self):
        # type: () -> float | None
        """When ``take_due`` is to be called next, or None."""
        times = []
        if self.young:
            times.append(self.young[0].accepted_at + self.young_s)
        if self._seconds:
            times.append(float(self._seconds[0]))
        if self._near:
            times.append(self._near[0][0])
        return min(times) if times else None

    def has(self, task):
        # type: (Task) -> bool
        """Whether that task will be looked at, for checks."""
        if task.due_at is None:
            return task in self.young
        return task in self._buckets.get(int(task.due_at), ()) or any(
            entry[2] is task and entry[0] == task.due_at for entry in self._near)
