"""How long things took, in buckets: small to keep, quick to add to, good for any quantile.

The bounds are the Renard series R10 (ISO 3): ten to a decade, each about a quarter more than the one before. So a
quantile is right to within an eighth or so, from a millisecond to a quarter of an hour.
"""

from __future__ import absolute_import, division, print_function

from bisect import bisect_left

MYPY = False
if MYPY:
    from typing import Any, Dict, Iterable, List  # noqa: F401

_STEPS = (1.0, 1.25, 1.6, 2.0, 2.5, 3.15, 4.0, 5.0, 6.3, 8.0)

#: Upper bounds in seconds, each included in its bucket. One more bucket holds what is above the last.
BOUNDS_S = tuple(round(step * 10 ** decade, 8) for decade in range(-3, 3) for step in _STEPS) + (1000.0,)


class Histogram(object):
    """Counts of lengths of time. Only buckets with something in them take memory."""

    __slots__ = ('counts', 'total_s', 'number', 'longest_s')

    def __init__(self):
        # type: () -> None
        #: Index of the bucket -> how many fell into it.
        self.counts = {}  # type: Dict[int, int]
        self.total_s = 0.0
        self.number = 0
        self.longest_s = 0.0

    def add(self, seconds):
        # type: (float) -> None
        """One more."""
        index = bisect_left(BOUNDS_S, seconds)
        self.counts[index] = self.counts.get(index, 0) + 1
        self.total_s += seconds
        self.number += 1
        if seconds > self.longest_s:
            self.longest_s = seconds

    def quantile(self, share):
        # type: (float) -> float | None
        """The length that this share of all is not above; None where there is none. See the function below."""
        return quantile(self.counts, share)

    def pairs(self):
        # type: () -> List[List[int]]
        """``[index of the bucket, count]`` of each bucket with something in it, the shortest first."""
        return [[index, self.counts[index]] for index in sorted(self.counts)]


def quantile(counts, share):
    # type: (Dict[int, int], float) -> float | None
    """The length in seconds that this share of all is not above, evenly spread within its bucket."""
    rank = share * sum(counts.values())
    below = 0
    for index in sorted(counts):
        if below + counts[index] >= rank:
            low = BOUNDS_S[index - 1] if index else 0.0
            high = BOUNDS_S[min(index, len(BOUNDS_S) - 1)]
            return low + (high - low) * (rank - below) / counts[index]
        below += counts[index]
    return None


def difference(counts, former):
    # type: (Dict[int, int], Dict[int, int]) -> Dict[int, int]
    """What came since ``former`` was taken."""
    return {index: number - former.get(index, 0) for index, number in counts.items()
            if number > former.get(index, 0)}
