"""When a client sends new tasks: at random intervals (open loop), or after each outcome (closed loop)."""

from __future__ import absolute_import, division, print_function

from collections import deque

from common import lengths

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict, List  # noqa: F401

#: Tasks sent in one turn.
STEPS_MAX = 1000

#: Held-back tasks whose intended time is stored.
KNOWN_MAX = 100000


class Arrivals(object):
    """``tasks_max`` is the number of tasks to send, or None. Tasks are held back while ``in_flight_max`` are open."""

    def __init__(self, settings, rng, tasks_max):
        # type: (Dict[str, Any], Any, int | None) -> None
        self._interval_s = settings['task_interval_s']
        self._rng = rng
        self._left = float('inf') if tasks_max is None else tasks_max  # type: float
        self._is_closed_loop = lengths.longest(self._interval_s) == 0
        # The number of held-back tasks.
        self._waiting = 0
        # The intended times of the oldest held-back tasks.
        self._intended = deque()  # type: Deque[float]
        #: The intended time of each task of the last ``take``.
        self.taken = []  # type: List[float]
        #: The number of tasks that were ever held back.
        self.held_back = 0
        #: When the next task is due, or None.
        self.next_at = None  # type: float | None

    def start(self, now):
        # type: (float) -> None
        self.next_at = now
        if not self._is_closed_loop:
            self._plan(now)

    def stop(self):
        # type: () -> None
        self.next_at = None
        self._left = self._waiting = 0
        self._intended.clear()

    def take(self, now, places):
        # type: (float, int) -> int
        """The number of tasks to send now, at most ``places``."""
        number = max(0, min(places, STEPS_MAX, self._left if self._is_closed_loop else self._waiting))  # type: Any
        self._waiting -= number
        self.taken = [self._intended.popleft() if self._intended else now for _ in range(number)]
        if self._is_closed_loop:
            self._left -= number
            self.next_at = now if number == STEPS_MAX else None
            return number
        while self.next_at is not None and self.next_at <= now and number < STEPS_MAX:
            self._left -= 1
            if number < places:
                number += 1
                self.taken.append(self.next_at)
            else:
                if len(self._intended) == self._waiting < KNOWN_MAX:
                    self._intended.append(self.next_at)
                self._waiting += 1
                self.held_back += 1
            self._plan(now)
        return number

    def _plan(self, now):
        # type: (float) -> None
        # From the planned time, not from now, so that a late turn does not reduce the load. But a client that was
        # suspended does not send the missed tasks in one burst.
        if self._left > 0 and self.next_at is not None:
            self.next_at = max(self.next_at + lengths.draw(self._rng.random, self._interval_s), now)
        else:
            self.next_at = None
