"""Admission control: how many tasks a client may submit while the dispatcher refuses some, and which go first.

Congestion of the network is the channel's business. A refusal means that the dispatcher has no room. Then nothing is
submitted for the time that the refusal advises, and after this pause a few tasks are. Each acceptance widens the window
of unanswered submits: by one until it is half of what was too much, then by one for each window of acceptances. (Slow
start, congestion avoidance and exponential back-off as in TCP, RFC 5681.) Without it each refused task would come back
by itself, and submits that are refused would soon be most of an overload.

Tasks that wait are submitted oldest first. In a long overload this alone would submit only tasks that are about to
expire, so a task that has waited for half of its time goes last, and among those the newest goes first.
"""

from __future__ import absolute_import, division, print_function

from math import ceil

MYPY = False
if MYPY:
    from typing import Callable, Dict, Iterator, List  # noqa: F401

    from client.requests import Request  # noqa: F401

#: The largest window, and the first. At 25,000 tasks per second so many are accepted within the delay of an
#: acknowledgement, so one client can keep a dispatcher busy.
WINDOW_MAX = 500

#: The window after a refusal, and the smallest.
WINDOW_MIN = 4

#: The shortest pause, and the longest that doubling leads to.
PAUSE_MIN_S = 0.1
PAUSE_MAX_S = 5.0

#: Tasks that one call removes.
STEPS_MAX = 1000


class AdmissionControl(object):
    """Counts unanswered submits. ``lifetime_s`` is the time-out of a task: no pause is longer (times its jitter)."""

    def __init__(self, lifetime_s):
        # type: (float) -> None
        self.window = float(WINDOW_MAX)
        self.unanswered = 0
        #: The end of the pause that goes on, or None; its owner calls ``resume`` then.
        self.paused_until = None  # type: float | None
        self._lifetime_s = lifetime_s
        self._threshold = float(WINDOW_MAX)
        # Pauses since the last acceptance.
        self._pauses = 0

    def allowance(self):
        # type: () -> int
        """How many tasks may be submitted now."""
        if self.paused_until is not None or self.unanswered >= self.window:
            return 0
        return int(ceil(self.window - self.unanswered))

    def note_accepted(self, number=1):
        # type: (int) -> None
        """So many submits were accepted."""
        self.unanswered -= number
        # During a pause they were submitted together with the one that was refused.
        if self.paused_until is None:
            self._pauses = 0
            while number and self.window < WINDOW_MAX:
                self.window += 1 if self.window < self._threshold else 1 / self.window
                number -= 1

    def note_refused(self, now, advised_s, jitter):
        # type: (float, float, float) -> bool
        """A task was refused that was submitted after the last pause. Returns whether that begins a pause.

        It takes ``jitter`` times what was advised, and twice as long for each pause since the last acceptance.
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
        """End the pause."""
        self.paused_until = None


class HeldTasks(object):
    """The tasks that may not be submitted yet. ``requests`` maps the number of each open task to its record; a record
    that is not in it is over.
    """

    def __init__(self, requests, lifetime_s):
        # type: (Dict[int, Request], float) -> None
        self._requests = requests
        self._lifetime_s = lifetime_s
        # The oldest first.
        self._tasks = []  # type: List[Request]

    def __len__(self):
        # type: () -> int
        return len(self._tasks)

    def __iter__(self):
        # type: () -> Iterator[Request]
        return iter(self._tasks)

    def add(self, tasks):
        # type: (List[Request]) -> None
        """Hold new tasks."""
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
        """Remove and return the tasks that go next, at most so many and none above that number."""
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
        """Remove and return the oldest tasks whose time is over."""
        return self._remove(0, min(STEPS_MAX, self._place(lambda task: task.sent_at + self._lifetime_s <= now)))

    def _remove(self, first, end):
        # type: (int, int) -> List[Request]
        removed = self._tasks[first:end]
        del self._tasks[first:end]
        return [task for task in removed if task.number in self._requests]

    def _place(self, is_before):
        # type: (Callable[[Request], bool]) -> int
        """The place of the first task for which this is false; it is true for all older ones."""
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
