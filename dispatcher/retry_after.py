"""When a client may submit a refused task again: after the time in which half of the waiting tasks leave the queue.

After a shorter time, the task would be refused again. After a much longer time, calculators would be idle. The pace of
the queue is measured from one refusal to a later one.
"""

from __future__ import absolute_import, division, print_function

#: If the pace is unknown: no task was refused lately, or no task has left the queue.
RETRY_AFTER_S = 1.0

#: Bounds of the time. If the queue becomes faster, clients return within the upper one.
RETRY_AFTER_MIN_S = 0.1
RETRY_AFTER_MAX_S = 5.0

#: The shortest and the longest time over which the pace is measured.
PACE_OVER_MIN_S = 0.5
PACE_OVER_MAX_S = 10.0


class RetryAfter(object):
    """Computes ``retry_after_s`` from the pace of the queue."""

    def __init__(self):
        # type: () -> None
        self._since = None  # type: float | None
        self._left_then = 0
        # Tasks per second; 0: unknown.
        self._pace = 0.0

    def seconds(self, now, waiting, left):
        # type: (float, int, int) -> float
        """The time until a new submit, if ``waiting`` tasks wait and ``left`` have left the queue so far."""
        age_s = PACE_OVER_MAX_S if self._since is None else now - self._since
        moved = left - self._left_then
        if age_s >= PACE_OVER_MAX_S:
            self._begin(now, left, 0.0)
        elif age_s >= PACE_OVER_MIN_S and moved > 0:
            self._begin(now, left, moved / age_s)
        if not self._pace:
            return RETRY_AFTER_S
        return min(max(waiting / 2 / self._pace, RETRY_AFTER_MIN_S), RETRY_AFTER_MAX_S)

    def _begin(self, now, left, pace):
        # type: (float, int, float) -> None
        self._since = now
        self._left_then = left
        self._pace = pace
