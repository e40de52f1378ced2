"""When a client whose task was refused may submit it again: when about half of the queue is worked off.

Sooner, it would be refused again; much later, calculators would be idle. How fast the queue moves is seen from one
refusal to a later one.
"""

from __future__ import absolute_import, division, print_function

#: Where nothing is known: nothing was refused lately, or nothing moves.
RETRY_AFTER_S = 1.0

#: The time is no shorter, since a queue that is so quickly empty can't be told from an empty one, and no longer, so
#: that places are taken again soon when everything becomes quicker.
RETRY_AFTER_MIN_S = 0.1
RETRY_AFTER_MAX_S = 5.0

#: The pace is measured over at least, and at the most, so long.
PACE_OVER_MIN_S = 0.5
PACE_OVER_MAX_S = 10.0


class RetryAfter(object):
    """Computes ``retry_after_s`` from the pace of the queue."""

    def __init__(self):
        # type: () -> None
        self._since = None  # type: float | None
        self._left_then = 0
        # Tasks a second; 0 where it is not known.
        self._pace = 0.0

    def seconds(self, now, waiting, left):
        # type: (float, int, int) -> float
        """The time to wait while so many tasks wait and so many have left the queue so far."""
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
