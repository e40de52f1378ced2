"""Quantiles of durations with an error of at most 1 %, in little memory.

Durations are counted in buckets whose bounds grow by a fixed ratio, so the memory does not depend on the number of
durations. The idea is DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch
with relative-error guarantees", VLDB 2019), without its merging of rare buckets: from a microsecond to a year there
are about 1,600 of them, from a millisecond to a minute 550.
"""

from __future__ import absolute_import, division, print_function

from math import ceil, exp, log

MYPY = False
if MYPY:
    from typing import Dict, List  # noqa: F401

#: The largest error of a quantile, as a share of itself.
RELATIVE_ERROR = 0.01

_LOG_RATIO = log((1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR))
# The middle of a bucket, as a share of its upper bound: both bounds have the same relative distance from it.
_MIDDLE = 2 / (1 + exp(_LOG_RATIO))

#: Shorter durations count as this one, because clocks are not more precise.
SHORTEST_S = 1e-6


class Sketch(object):
    """A set of durations in seconds: exact number, sum, minimum, maximum and last one; approximate quantiles."""

    __slots__ = ('number', 'total_s', 'min_s', 'max_s', 'last_s', 'counts')

    def __init__(self):
        # type: () -> None
        self.number = 0
        self.total_s = 0.0
        self.min_s = None  # type: float | None
        self.max_s = None  # type: float | None
        self.last_s = None  # type: float | None
        #: Index of a bucket -> number of durations in it, without empty buckets.
        self.counts = {}  # type: Dict[int, int]

    def add(self, seconds, times=1):
        # type: (float, int) -> None
        """Add ``times`` equal durations."""
        self.number += times
        self.total_s += times * seconds
        self.last_s = seconds
        if self.min_s is None or seconds < self.min_s:
            self.min_s = seconds
        if self.max_s is None or seconds > self.max_s:
            self.max_s = seconds
        index = int(ceil(log(seconds if seconds > SHORTEST_S else SHORTEST_S) / _LOG_RATIO))
        self.counts[index] = self.counts.get(index, 0) + times

    @property
    def mean_s(self):
        # type: () -> float | None
        return self.total_s / self.number if self.number else None

    def quantile(self, share):
        # type: (float) -> float | None
        return quantile(self.counts, share, self.min_s, self.max_s)

    def pairs(self):
        # type: () -> List[List[int]]
        """``[index, count]`` of each bucket that is not empty, the shortest durations first."""
        return [[index, self.counts[index]] for index in sorted(self.counts)]

    def summary(self):
        # type: () -> Dict[str, float | None]
        """Minimum, mean, maximum and quantiles in seconds; None without durations."""
        return {'min': self.min_s, 'mean': self.mean_s, 'max': self.max_s, 'p50': self.quantile(0.5),
                'p95': self.quantile(0.95), 'p99': self.quantile(0.99)}


def upper_bound_s(index):
    # type: (int) -> float
    """The longest duration of a bucket."""
    return exp(index * _LOG_RATIO)


def quantile(counts, share, min_s=None, max_s=None):
    # type: (Dict[int, int], float, float | None, float | None) -> float | None
    """The quantile at ``share`` (0 to 1) by nearest rank, limited to the given bounds; None without durations."""
    rank = max(1, int(ceil(share * sum(counts.values()))))
    seen = 0
    for index in sorted(counts):
        seen += counts[index]
        if seen >= rank:
            middle = upper_bound_s(index) * _MIDDLE
            if max_s is not None and middle > max_s:
                middle = max_s
            return min_s if min_s is not None and middle < min_s else middle
    return None


def difference(counts, former):
    # type: (Dict[int, int], Dict[int, int]) -> Dict[int, int]
    """The counts of the durations added since ``former``."""
    return {index: number - former.get(index, 0) for index, number in counts.items() if number > former.get(index, 0)}
