"""Admission control: how many tasks a client may submit while the dispatcher refuses some, and in which order.

A refusal means: the dispatcher takes no tasks. (The channel handles congestion of the network.) The client then
pauses for the time that the refusal advises. After that the window of unanswered submits is small. Each acceptance
enlarges it: by one up to half of the window at the refusal, then by one for each window of acceptances. (Slow start,
congestion avoidance and exponential back-off as in TCP, RFC 5681.) Without this each refused task would be submitted
again by its own timer, and refused submits would soon be most of the load.

Held tasks are submitted oldest first. In a long overload this alone would submit only tasks that are about to expire.
So tasks that have waited for half of their time go last, the newest first.
"""

from __future__ import absolute_import, division, print_function

from math import ceil

MYPY = False
if MYPY:
    from typing import Callable, Dict, Iterator, List  # noqa: F401

    from client.requests import Request  # noqa: F401

#: The largest window, and the first one. At 25,000 tasks per second this many are accepted within the delay of an
#: acknowledgement, so one client can use the whole dispatcher.
WINDOW_MAX = 500

#: The smallest window, and the window after a refusal.
WINDOW_MIN = 4

#: The shortest pause, and the limit of its doubling.
PAUSE_MIN_S = 0.1
PAUSE_MAX_S = 5.0

#: ``take_expired`` removes at most so many tasks.
STEPS_MAX = 1000


class AdmissionControl(object):
    """Counts unanswered submits. ``lifetime_s`` is the time-out of a task, which limits a pause (before jitter)."""

    def __init__(self, lifetime_s):
        # type: (float) -> None
        self.window = float(WINDOW_MAX)
        self.unanswered = 0
        #: The end of the present pause, or None. The owner calls ``resume`` then.
        self.paused_until = None  # type: float | None
        self._lifetime_s = lifetime_s
        self._threshold = float(WINDOW_MAX)
        # Pauses since the last acceptance.
        self._pauses = 0

    def allowance(self):
        # type: () -> int
        """The number of tasks that may be submitted now."""
        if self.paused_until is not None or self.unanswered >= self.window:
            return 0
        return int(ceil(self.window - self.unanswered))

    def note_accepted(self, number=1):
        # type: (int) -> None
        self.unanswered -= number
        # In a pause they do not count: they were submitted before.
        if self.paused_until is None:
            self._pauses = 0
            while number and self.window < WINDOW_MAX:
                self.window += 1 if self.window < self._threshold else 1 / self.window
                number -= 1

    def note_refused(self, now, advised_s, jitter):
        # type: (float, float, float) -> bool
        """A task that was submitted after the last pause was refused. Returns whether this begins a pause.

        The pause is ``jitter`` times the advised time, doubled for each pause since the last acceptance.
        """
        if self.paused_until is not None:
            return False
        grown_s = min(advised_s * 2 ** min(self._pauses, 10), PAUSE_MAX_S, self._lifetime_s / 2)
        self._pauses += 1
        self._threshold = max(WINDOW_MIN, self.window / 2)
        self.window = float(WINDOW_MIN)
        self.paused_until = now + jitter * max(PAUSE_MIN_S, min(max(advised_s, grown_s), self._lifetime_s))
        return True

    def resume(self):
        # type: () -> None
        self.paused_until = None


class HeldTasks(object):
    """The tasks that may not be submitted yet. ``requests`` has the record of each open task by its number."""

    def __init__(self, requests, lifetime_s):
        # type: (Dict[int, Request], float) -> None
        self._requests = requests
        self._lifetime_s = lifetime_s
        # Oldest first. ``_remove`` skips tasks that are no longer in ``requests``.
        self._tasks = []  # type: List[Request]

    def __len__(self):
        # type: () -> int
        return len(self._tasks)

    def __iter__(self):
        # type: () -> Iterator[Request]
        return iter(self._tasks)

    def add(self, tasks):
        # type: (List[Request]) -> None
        self._tasks.extend(tasks)

    def put_back(self, task):
        # type: (Request) -> None
        """Hold a task that was refused."""
        self._tasks.insert(self._place(lambda other: other.number < task.number), task)

    def first(self):
        # type: () -> Request | None
        return self._tasks[0] if self._tasks else None

    def take(self, now, most, highest):
        # type: (float, int, int) -> List[Request]
        """Remove and return the next tasks: at most ``most``, with numbers up to ``highest``."""
        tasks = self._tasks
        first = self._place(lambda task: task.sent_at + self._lifetime_s / 2 <= now)
        is_late = first == len(tasks)
        if is_late:
            first = max(0, first - most)
        end = min(first + most, len(tasks))
        while end > first and tasks[end - 1].number > highest:
            end -= 1
        taken = self._remove(first, end)
        return taken[::-1] if is_late else taken

    def take_expired(self, now):
        # type: (float) -> List[Request]
        """Remove and return the oldest tasks whose time-out has passed."""
        return self._remove(0, min(STEPS_MAX, self._place(lambda task: task.sent_at + self._lifetime_s <= now)))

    def _remove(self, first, end):
        # type: (int, int) -> List[Request]
        removed = self._tasks[first:end]
        del self._tasks[first:end]
        return [task for task in removed if task.number in self._requests]

    def _place(self, is_before):
        # type: (Callable[[Request], bool]) -> int
        """The index of the first task for which ``is_before`` is false; it is true for all older ones."""
        tasks = self._tasks
        low, high = 0, len(tasks)
        if not tasks or not is_before(tasks[0]):
            return 0
        while low < high:
            middle = (low + high) // 2
            if is_before(tasks[middle]):
                low = middle + 1
            else:
                high = middle
        return low
