"""Durations, counted in buckets that grow by a fixed ratio.

Memory stays the same for a thousand durations or a billion, and any percentile is right to within 1 %. The idea is
DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees",
VLDB 2019), without its merging of rare buckets: from a microsecond to a year there are about 1,600 of them.
"""

from __future__ import absolute_import, division, print_function

from math import ceil, exp, log

MYPY = False
if MYPY:
    from typing import Dict  # noqa: F401

#: A percentile is off by at most this share of itself.
RELATIVE_ERROR = 0.01

_LOG_RATIO = log((1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR))

#: Anything shorter counts as this: no clock we use tells more.
SHORTEST_S = 1e-6


class Durations(object):
    """A set of durations in seconds: exact count, minimum, mean, maximum and last; percentiles to within 1 %."""

    def __init__(self):
        # type: () -> None
        self.count = 0
        self.total_s = 0.0
        self.min_s = None  # type: float | None
        self.max_s = None  # type: float | None
        self.last_s = None  # type: float | None
        # Bucket number -> how many durations: bucket i holds (ratio ** (i - 1), ratio ** i].
        self._buckets = {}  # type: Dict[int, int]

    def add(self, seconds):
        # type: (float) -> None
        """Count one duration."""
        self.count += 1
        self.total_s += seconds
        self.last_s = seconds
        if self.min_s is None or seconds < self.min_s:
            self.min_s = seconds
        if self.max_s is None or seconds > self.max_s:
            self.max_s = seconds
        bucket = int(ceil(log(max(seconds, SHORTEST_S)) / _LOG_RATIO))
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1

    @property
    def mean_s(self):
        # type: () -> float | None
        """The mean, or None where there is nothing yet."""
        return self.total_s / self.count if self.count else None

    def percentile(self, share):
        # type: (float) -> float | None
        """The duration that ``share`` (0 to 1) of all do not exceed, by nearest rank; None where there is nothing."""
        if not self.count:
            return None
        rank = max(1, int(ceil(share * self.count)))
        seen = 0
        bucket = 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= rank:
                break
        # The middle of the bucket, in the sense that both its ends are off by the same share.
        middle = 2 * exp(bucket * _LOG_RATIO) / (1 + exp(_LOG_RATIO))
        return min(max(middle, self.min_s), self.max_s)  # type: ignore[type-var]

    def summary(self):
        # type: () -> Dict[str, float | None]
        """Minimum, mean, maximum and percentiles in seconds, None where there is nothing."""
        return {'min': self.min_s, 'mean': self.mean_s, 'max': self.max_s, 'p50': self.percentile(0.5),
                'p95': self.percentile(0.95), 'p99': self.percentile(0.99)}
