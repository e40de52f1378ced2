"""The measures of one scenario, each with its confidence interval, from the rows of the replications.

The estimate of a quantile uses all replications together, its interval the quantiles of the replications (sectioning).
The estimate of any other measure is a mean over replications.
"""

from __future__ import absolute_import, division, print_function

from itertools import chain
from math import ceil

from net_protocol.rows import DONE, EXPIRED
from planner import statistics
from planner.replication import CUTS, SLOTS, middle_s

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Sequence, Tuple  # noqa: F401

DAY_S = 86400.0

#: (measure, key in a segment) of each duration.
TIMES = (('response_time_s', 'response'), ('waiting_time_s', 'waiting'), ('reassignment_time_s', 'reassignment'))
QUANTILES = (('p50', 0.5), ('p95', 0.95), ('p99', 0.99))
MEAN = 'mean'
MAX = 'max'
STATISTICS = (MEAN,) + tuple(name for name, _ in QUANTILES) + (MAX,)

#: (measure, numerator, denominator, factor) of each ratio, in the order of the table.
RATIOS = (
    ('attempts_per_task', 'attempts', 'tasks', 1), ('wasted_share', 'wasted_s', 'work_s', 1),
    ('busy_share', 'busy_s', 'slots_s', 1), ('idle_share', 'idle_s', 'slots_s', 1),
    ('out_of_order_share', 'out_s', 'slots_s', 1), ('answered_share', DONE, 'tasks', 1),
    ('expired_share', EXPIRED, 'tasks', 1), ('refused_share', 'refused', 'tasks', 1),
    ('otherwise_ended_share', 'otherwise', 'tasks', 1), ('datagrams_per_task', 'datagrams', 'tasks', 1),
    ('false_suspicions_per_day', 'false_suspicions', 'calculators_s', DAY_S))

NAMES = tuple(name for name, _ in TIMES) + tuple(ratio[0] for ratio in RATIOS)

_SUMS = ('tasks', 'attempts', 'datagrams', 'work_s', 'busy_s', 'slots_s', 'calculators_s', 'false_suspicions')


class Kept(object):
    """The sums and durations of one row without the warm-up, which is the first ``cut`` segments."""

    def __init__(self, row, cut):
        # type: (Dict[str, Any], int) -> None
        segments = row['segments'][cut:]
        self.sums = {name: sum([segment[name] for segment in segments]) for name in _SUMS}  # type: Dict[str, float]
        sums = self.sums
        ends = {}  # type: Dict[str, int]
        for segment in segments:
            for end, number in segment['ends'].items():
                ends[end] = ends.get(end, 0) + number
        in_order_s = sum([segment['in_order_s'] for segment in segments])
        sums.update(
            wasted_s=sums['work_s'] - sum([segment['useful_s'] for segment in segments]),
            idle_s=in_order_s - sums['busy_s'], out_s=sums['slots_s'] - in_order_s, refused=ends.get('refused', 0))
        sums.update([(end, ends.get(end, 0)) for end in (DONE, EXPIRED)])
        sums['otherwise'] = sum(ends.values()) - sums[DONE] - sums[EXPIRED] - sums['refused']
        self.times = {name: Times([segment[key] for segment in segments]) for name, key in TIMES}


class Times(object):
    """Durations in buckets, of several segments or replications."""

    def __init__(self, counted=()):
        # type: (Sequence[Dict[str, Any]]) -> None
        self.number = sum([one['number'] for one in counted])
        self.total_s = sum([one['total_s'] for one in counted])
        self.longest_s = max([0.0] + [one['longest_s'] for one in counted])
        self.buckets = {}  # type: Dict[int, int]
        for one in counted:
            self._add(one['buckets'])

    def _add(self, pairs):
        # type: (Any) -> None
        for index, number in pairs:
            self.buckets[index] = self.buckets.get(index, 0) + number

    def add(self, other):
        # type: (Times) -> None
        self.number += other.number
        self._add(other.buckets.items())

    def quantiles(self):
        # type: () -> Dict[str, float]
        """``QUANTILES`` by nearest rank."""
        wanted = [(max(1, int(ceil(share * self.number))), name) for name, share in QUANTILES]
        found, seen, place = {}, 0, 0
        for index in sorted(self.buckets):
            seen += self.buckets[index]
            while place < len(wanted) and seen >= wanted[place][0]:
                found[wanted[place][1]] = min(middle_s(index), self.longest_s or float('inf'))
                place += 1
        return found

    def statistics(self):
        # type: () -> Dict[str, float] | None
        """All ``STATISTICS``; None if there are no durations."""
        if not self.number:
            return None
        return dict(self.quantiles(), mean=self.total_s / self.number, max=self.longest_s)


def warm_up_cut(rows, until):
    # type: (Sequence[Dict[str, Any]], float) -> int | None
    """The number of segments that are warm-up, from the response times averaged over replications (MSER-5); None if
    they have not settled in the first half. ``until`` is the share of each replication that is examined.
    """
    series, places = [], []
    for slot in range(int(SLOTS * until)):
        number = sum([row['series'][slot][0] for row in rows])
        if number:
            series.append(sum([row['series'][slot][1] for row in rows]) / number)
            places.append(slot / SLOTS)
    removed = statistics.warm_up(series)
    if removed is None:
        return None
    share = places[removed]
    return len([cut for cut in CUTS if cut < share]) if removed else 0


class Measures(object):
    """The measures of one scenario, from at least one row. The rows have no errors. ``event_share`` is the share of the
    measured time before the first scheduled event: the effects of an event are no warm-up.
    """

    def __init__(self, rows, confidence=statistics.CONFIDENCE, event_share=1.0):
        # type: (Sequence[Dict[str, Any]], float, float) -> None
        # The replay of a recording repeats the whole run: no part of it is warm-up.
        cut = 0 if rows[0].get('is_replay') else warm_up_cut(rows, event_share)
        self.has_settled = cut is not None
        possible = [share for share in CUTS if share <= event_share]
        #: The share of each replication that was removed.
        self.warm_up_share = possible[-1 if cut is None else min(cut, len(possible) - 1)]
        kept = [Kept(row, CUTS.index(self.warm_up_share)) for row in rows]
        self.tasks = int(sum([one.sums['tasks'] for one in kept]))
        self.confidence = confidence
        #: (measure, statistic or None) -> its value in each replication, None if a replication has no value.
        self.values = {}  # type: Dict[Tuple[str, str | None], List[float | None]]
        self._found = {}  # type: Dict[Tuple[str, str | None], Any]
        self._times = {name: [one.times[name] for one in kept] for name, _ in TIMES}
        for name, above, below, factor in RATIOS:
            self.values[name, None] = [factor * one.sums[above] / one.sums[below] if one.sums[below] else None
                                       for one in kept]
        for name, _ in TIMES:
            found = [times.statistics() for times in self._times[name]]
            for statistic in STATISTICS:
                self.values[name, statistic] = [None if one is None else one[statistic] for one in found]

    def find(self, name, statistic=None):
        # type: (str, str | None) -> Any
        """One measure with its interval, or None if no replication has a value."""
        key = (name, statistic)
        if key not in self._found:
            self._found[key] = self._interval(name, statistic, len(self.values[key]))
        return self._found[key]

    def _interval(self, name, statistic, number):
        # type: (str, str | None, int) -> Dict[str, Any] | None
        """The interval from the first ``number`` replications."""
        values = [value for value in self.values[name, statistic][:number] if value is not None]
        if not values:
            return None
        if statistic in (None, MEAN, MAX):
            found = statistics.replication_interval(values, self.confidence)
        else:
            together = Times()
            for times in self._times[name][:number]:
                together.add(times)
            found = statistics.sectioned(together.quantiles()[statistic], values, self.confidence)
        if found is not None and found['low'] is not None:
            # No measure is below 0, no share above 1.
            found['low'] = max(0.0, found['low'])
            if name.endswith('_share'):
                found['high'] = min(1.0, found['high'])
        return found

    def precision(self, statistic):
        # type: (str) -> float | None
        """Half the width of the interval of a statistic of the response time, as a share of its value."""
        return statistics.precision(self.find('response_time_s', statistic))

    def has_precision(self, statistic, wanted):
        # type: (str, float) -> bool
        """Whether that precision was reached and kept through the look-ahead (Hoad, Robinson and Davies)."""
        number = len(self.values['response_time_s', statistic])
        first = number - statistics.look_ahead(number)
        if first < statistics.REPLICATIONS_MIN:
            return False
        intervals = chain([self.find('response_time_s', statistic)], (
            self._interval('response_time_s', statistic, fewer) for fewer in range(first, number)))
        precisions = (statistics.precision(found) for found in intervals)
        return all(precision is not None and precision <= wanted for precision in precisions)

    def as_dict(self):
        # type: () -> Dict[str, Any]
        """Every leaf has ``value``, ``low`` and ``high``, or is None."""
        made = {name: {statistic: self.find(name, statistic) for statistic in STATISTICS}
                for name, _ in TIMES}  # type: Dict[str, Any]
        made.update([(ratio[0], self.find(ratio[0])) for ratio in RATIOS])
        return made

    def distribution(self):
        # type: () -> List[List[float]]
        """``[upper bound, number]`` of response times in buckets that grow by a tenth, the shortest first."""
        together = Times()
        for times in self._times['response_time_s']:
            together.add(times)
        coarse = {}  # type: Dict[int, int]
        for index, number in together.buckets.items():
            # 100 fine buckets grow by 1.1052.
            coarse[index // 100] = coarse.get(index // 100, 0) + number
        return [[middle_s(100 * index + 99), coarse[index]] for index in sorted(coarse)]
