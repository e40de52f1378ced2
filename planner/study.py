"""Studies: a study answers one question, and decides how many replications the answer needs.

``pieces`` returns the replications that the study needs next, and ``take`` receives their rows. The replications may
run in any number of processes. The next round depends only on complete rounds, so the same command gives the same
answer on one core and on sixteen. The answer so far can be read at any time.
"""

from __future__ import absolute_import, division, print_function

from common.words import counted
from planner import statistics
from planner.measures import MEAN, Measures
from planner.stability import why_unstable

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401

    from planner.target import Target  # noqa: F401

#: Statistics of the response time, and the precision that each must have, as a multiple of the requested precision.
WANTED = ((MEAN, 1.0), ('p50', 1.0), ('p95', 1.0), ('p99', 2.5))

#: Replications of the first round, the fewest that the rule of Hoad, Robinson and Davies can judge; and the most
#: replications of a point.
FIRST = statistics.REPLICATIONS_MIN + statistics.LOOK_AHEAD
REPLICATIONS_MAX = 10000

#: The sequential test of ``Find``. With TEST_CONFIDENCE in each look, a verdict after five looks is wrong in 5 % of
#: cases (Pocock, "Group sequential methods", Biometrika 64, 1977). TEST_FIRST replications are made before the first
#: look. A point with the requested precision or TEST_MAX replications, but no verdict, is decided by its value alone.
TEST_CONFIDENCE = 0.97
TEST_FIRST = 6
TEST_MAX = 200

#: When the boundary is known, its two sides are measured to this precision, with at most ``BOUNDARY_MAX`` replications.
BOUNDARY_PRECISION = 0.1
BOUNDARY_MAX = 24


class Point(object):
    """One scenario of a study. ``changes`` are the settings that the study changed, as [(dotted key, value)]."""

    def __init__(self, settings, changes=()):
        # type: (Dict[str, Any], Any) -> None
        self.settings = settings
        self.changes = list(changes)
        self.rows = {}  # type: Dict[int, Dict[str, Any]]
        self.errors = []  # type: List[Dict[str, Any]]
        self._measures = {}  # type: Dict[Tuple[int, float], Measures]

    def take(self, row):
        # type: (Dict[str, Any]) -> None
        if row['error'] is None:
            self.rows[row['seed']] = row
        else:
            self.errors.append(row)

    @property
    def number(self):
        # type: () -> int
        """The number of replications so far, including those with an error."""
        return len(self.rows) + len(self.errors)

    @property
    def tasks(self):
        # type: () -> int
        """Tasks of all rows, the warm-up included."""
        return sum([row['tasks'] for row in self.rows.values()])

    def why_unstable(self):
        # type: () -> str | None
        return why_unstable(self.settings, [self.rows[seed] for seed in sorted(self.rows)])

    def measures(self, confidence=statistics.CONFIDENCE):
        # type: (float) -> Measures | None
        """The measures of the replications so far, or None if they have no tasks."""
        key = (len(self.rows), confidence)
        if self.tasks and key not in self._measures:
            self._measures = {key: self.measures_of(sorted(self.rows), confidence)}
        return self._measures.get(key)

    def measures_of(self, seeds, confidence=statistics.CONFIDENCE):
        # type: (List[int], float) -> Measures
        """The measures of these replications only."""
        return Measures([self.rows[seed] for seed in seeds], confidence, self._event_share())

    def _event_share(self):
        # type: () -> float
        """The share of the measured time before the first scheduled event."""
        times = [event['at_s'] for event in self.settings.get('events', ())]
        return min(times + [self.settings['duration_s']]) / self.settings['duration_s']

    def findings(self):
        # type: () -> Tuple[str | None, Measures | None]
        """Return (why the point is unstable, None), or (None, its measures if it has tasks)."""
        reason = self.why_unstable()
        return reason, self.measures() if reason is None else None

    def excess(self, precision):
        # type: (float) -> float
        """The largest precision in relation to the requested one; 0 if all statistics are precise enough."""
        measures = self.measures()
        if measures is None:
            return float('inf')
        if all(measures.has_precision(name, factor * precision) for name, factor in WANTED):
            return 0.0
        found = [(measures.precision(name), factor) for name, factor in WANTED]
        return max([float('inf') if one is None else one / (factor * precision) for one, factor in found])


def _seeds(first, count, point):
    # type: (int, int, Point) -> List[int]
    return list(range(first + point.number, first + point.number + count))


def _interleaved(lists):
    # type: (Any) -> List[Tuple[int, int]]
    """Turn [(point, seeds)] into [(point, seed)]: the first seed of each point, then the second seeds ..."""
    longest = max([0] + [len(seeds) for _, seeds in lists])
    return [(number, seeds[place]) for place in range(longest) for number, seeds in lists if place < len(seeds)]


class Study(object):
    """The points of a question. The seeds of the replications count up from ``seed``."""

    def __init__(self, points, seed):
        # type: (List[Point], int) -> None
        self.points = points
        self._seed = seed

    def take(self, number, row):
        # type: (int, Dict[str, Any]) -> None
        """Add the row of a finished replication to point ``number``."""
        self.points[number].take(row)

    @property
    def replications(self):
        # type: () -> int
        """The number of replications of all points so far."""
        return sum([point.number for point in self.points])

    @property
    def progress(self):
        # type: () -> str
        """The progress as one line of text."""
        return '%s, %d replications' % (counted(len(self.points), 'points'), self.replications)


class Vary(Study):
    """Measures one or more points, each with the given ``precision``."""

    def __init__(self, points, precision, seed=1):
        # type: (List[Point], float, int) -> None
        super(Vary, self).__init__(points, seed)
        self.precision = precision
        self._reached = set()  # type: Any

    def pieces(self):
        # type: () -> List[Tuple[int, int]]
        """The replications of the next round as [(number of a point, seed)]; empty if the question is answered."""
        lists = []
        for number, point in enumerate(self.points):
            wanted = self._wanted(number, point)
            if wanted:
                lists.append((number, _seeds(self._seed, wanted, point)))
        return _interleaved(lists)

    def _wanted(self, number, point):
        # type: (int, Point) -> int
        done = point.number
        if number in self._reached or point.errors or point.why_unstable() is not None:
            return 0
        if not point.tasks:
            return 0 if done else FIRST
        excess = point.excess(self.precision)
        if excess == 0 or done >= REPLICATIONS_MAX:
            self._reached.add(number)
            return 0
        # The precision improves with the square root of the number of replications. A round has at least two
        # replications, and at most as many as all rounds before.
        return int(max(2, min(done, REPLICATIONS_MAX - done, 1.1 * done * min(excess, 2.0) ** 2 - done)))

    def has_reached(self, point):
        # type: (Point) -> bool
        """Whether the measures of a point have the requested precision."""
        return point.number > 0 and point.why_unstable() is None and point.excess(self.precision) == 0

    @property
    def is_no(self):
        # type: () -> bool
        """Whether the answer is no: no point is stable."""
        return all(point.why_unstable() for point in self.points)

    @property
    def left(self):
        # type: () -> int | None
        """An estimate of the number of missing replications; None if it is not known."""
        left = 0.0
        for number, point in enumerate(self.points):
            excess = 0.0 if number in self._reached else self._excess(point)
            if excess == float('inf'):
                return None
            left += point.number * max(0.0, excess ** 2 - 1)
        return int(left)

    def _excess(self, point):
        # type: (Point) -> float
        if point.why_unstable() is not None:
            return 0.0
        return float('inf') if point.number < FIRST else point.excess(self.precision) if point.tasks else 0.0


class Find(Study):
    """The boundary between the values of one key that hold a target and those that do not, by bisection.

    A value is tested with more and more replications until the interval of the measure is on one side of the bound, or
    has the requested precision.
    """

    def __init__(self, points, target, precision, seed=1):
        # type: (List[Point], Target, float, int) -> None
        super(Find, self).__init__(points, seed)
        self.target = target
        self._precision = precision * dict(WANTED).get(str(target.key[1]), 1.0)
        #: Number of a point -> whether it holds the target; and the points that were decided by their value alone.
        self.verdicts = {}  # type: Dict[int, bool]
        self.uncertain = set()  # type: Any
        # A point that can't do the arriving work needs no replication. The search starts at the first that can.
        stable = [number for number, point in enumerate(points) if point.why_unstable() is None]
        self._start = stable[0] if stable else None  # type: int | None
        self.verdicts.update([(number, False) for number in range(stable[0] if stable else len(points))])

    def pieces(self):
        # type: () -> List[Tuple[int, int]]
        while True:
            asked = self._asked()
            for number in asked:
                self._judge(number)
            if not set(asked) & set(self.verdicts):
                break
        if asked:
            return _interleaved([(number, _seeds(self._seed, self._more(number), self.points[number]))
                                 for number in asked])
        return _interleaved([(number, _seeds(self._seed, TEST_FIRST, self.points[number]))
                             for number in self.boundary() if number is not None and self._is_coarse(number)])

    def has_reached(self, point):
        # type: (Point) -> bool
        """Always true: only the verdicts of a search need a precision."""
        return True

    def _more(self, number):
        # type: (int) -> int
        return max(TEST_FIRST, self.points[number].number // 2)

    def _asked(self):
        # type: () -> List[int]
        """The numbers of the points to be tested next; empty when the boundary is known.

        First comes the first point that can be stable, then the points 1, 2, 4 ... places after it until the verdict
        changes, then the middle of the bracket. So the search begins with small fleets, which need less time.
        """
        if self._start is None:
            return []
        if self._start not in self.verdicts:
            return [self._start]
        bracket = self._bracket()
        if bracket is not None:
            return [sum(bracket) // 2] if bracket[1] - bracket[0] > 1 else []
        last = len(self.points) - 1
        if self._start == last:
            return []
        ahead = max([number - self._start for number in self.verdicts])
        return [] if ahead == last - self._start else [min(last, self._start + max(1, 2 * ahead))]

    def _bracket(self):
        # type: () -> Tuple[int, int] | None
        """Two points with different verdicts, without a tested point between them; or None."""
        known = sorted(self.verdicts)
        for low, high in zip(known, known[1:]):
            if self.verdicts[low] != self.verdicts[high] and (high >= self._start or high - low > 1):  # type: ignore
                return low, high
        return None

    def _judge(self, number):
        # type: (int) -> None
        point = self.points[number]
        if point.why_unstable() is not None or point.errors:
            self.verdicts[number] = False
        elif point.number >= TEST_FIRST:
            measures = point.measures(TEST_CONFIDENCE)
            verdict = self.target.verdict(measures)
            if verdict is None and (point.number >= TEST_MAX or self._is_precise(point)):
                self.uncertain.add(number)
                verdict = self.target.verdict(measures, True)
            if verdict is not None:
                self.verdicts[number] = verdict

    def _is_precise(self, point):
        # type: (Point) -> bool
        measures = point.measures()
        found = None if measures is None else measures.find(*self.target.key)
        return found is not None and found['high'] - found['low'] <= 2 * self._precision * self.target.scale

    def boundary(self):
        # type: () -> Tuple[int | None, int | None]
        """(number of the point that holds, number of the point that does not hold). None: not known."""
        bracket, verdicts = self._bracket(), self.verdicts
        if bracket is not None:
            return bracket if verdicts[bracket[0]] else (bracket[1], bracket[0])
        holding = [number for number in sorted(verdicts) if verdicts[number]]
        # If all points hold, the first is the answer. If none holds, the last one is nearest to the target.
        return (holding[0], None) if holding else (None, max(verdicts) if verdicts else None)

    def _is_coarse(self, number):
        # type: (int) -> bool
        point = self.points[number]
        if point.why_unstable() is not None or point.errors or point.number >= BOUNDARY_MAX:
            return False
        measures = point.measures()
        found = None if measures is None else measures.find(*self.target.key)
        precision = statistics.precision(found)
        return precision is not None and precision > BOUNDARY_PRECISION

    @property
    def undecided(self):
        # type: () -> List[int]
        """The numbers of the points whose test has begun and has no verdict yet."""
        return [number for number in self._asked() if self.points[number].rows]

    @property
    def is_decided(self):
        # type: () -> bool
        """Whether the boundary is known."""
        return not self._asked()

    @property
    def is_no(self):
        # type: () -> bool
        """Whether no value is known to hold the target."""
        return self.boundary()[0] is None

    @property
    def progress(self):
        # type: () -> str
        known = ', '.join('%s %s' % (self.points[place].changes[0][1], 'meets' if self.verdicts[place] else 'fails')
                          for place in sorted(self.verdicts))
        return super(Find, self).progress + (known and ': ' + known)

    @property
    def left(self):
        # type: () -> int | None
        """An estimate of the number of missing replications, from the mean number per value so far; None before the
        first two different verdicts.
        """
        bracket = self._bracket()
        tested = [point.number for point in self.points if point.rows]
        if bracket is None or not tested:
            return None
        steps = (bracket[1] - bracket[0] - 1).bit_length()
        begun = sum([self.points[number].number for number in self.undecided])
        return max(0, int(steps * sum(tested) / len(tested)) - begun)
