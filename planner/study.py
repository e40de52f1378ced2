"""Questions, and how many replications their answers need.

A study says which replications it needs next (``pieces``) and is handed their rows (``take``), in any number of
processes: what it asks for depends only on complete rounds, so the same command gives the same answer on one core and
on sixteen. It can be asked for its answer at any time.
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

#: The precision of the statistics of the response time, as multiples of the one that is asked for.
WANTED = ((MEAN, 1.0), ('p50', 1.0), ('p95', 1.0), ('p99', 2.5))

#: Replications of the first round: as many as the rule of Hoad, Robinson and Davies can judge. And at most.
FIRST = statistics.REPLICATIONS_MIN + statistics.LOOK_AHEAD
REPLICATIONS_MAX = 10000

#: The sequential test of ``Find``: the confidence of one look, so that a verdict after five looks is wrong in 5 % of
#: cases (Pocock, "Group sequential methods", Biometrika 64, 1977), and its first round. What is
#: known as precisely as wanted, or has so many replications, is decided by the value alone.
TEST_CONFIDENCE = 0.97
TEST_FIRST = 6
TEST_MAX = 200

#: The precision to which the two sides of the boundary are measured in the end, and the most replications for that.
BOUNDARY_PRECISION = 0.1
BOUNDARY_MAX = 24


class Point(object):
    """A scenario: ``changes`` are the settings in which it differs, as [(dotted key, value)]."""

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
        """How many replications were made."""
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
        """None where there are no tasks to measure."""
        if not self.tasks:
            return None
        key = (len(self.rows), confidence)
        if key not in self._measures:
            self._measures = {key: Measures([self.rows[seed] for seed in sorted(self.rows)], confidence)}
        return self._measures[key]

    def findings(self):
        # type: () -> Tuple[str | None, Measures | None]
        """Why it is unstable, or None, and its measures, where it is stable and has some."""
        reason = self.why_unstable()
        return reason, self.measures() if reason is None else None

    def excess(self, precision):
        # type: (float) -> float
        """The largest ratio of a precision to the one that is wanted; 0 if all are reached."""
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
    """[(point, seeds)] as pieces of work: first the first seed of each point, then the second one of each."""
    longest = max([0] + [len(seeds) for _, seeds in lists])
    return [(number, seeds[place]) for place in range(longest) for number, seeds in lists if place < len(seeds)]


class Study(object):
    """Points, and their replications from ``seed`` on."""

    def __init__(self, points, seed):
        # type: (List[Point], int) -> None
        self.points = points
        self._seed = seed

    def take(self, number, row):
        # type: (int, Dict[str, Any]) -> None
        """A replication of the point of that number is ready."""
        self.points[number].take(row)

    @property
    def replications(self):
        # type: () -> int
        """How many were made, of all points."""
        return sum([point.number for point in self.points])

    @property
    def progress(self):
        # type: () -> str
        """For people, in a line."""
        return '%s, %d replications' % (counted(len(self.points), 'points'), self.replications)


class Vary(Study):
    """The measures of one or more points, each to within ``precision``."""

    def __init__(self, points, precision, seed=1):
        # type: (List[Point], float, int) -> None
        super(Vary, self).__init__(points, seed)
        self.precision = precision
        self._reached = set()  # type: Any

    def pieces(self):
        # type: () -> List[Tuple[int, int]]
        """The replications of the next round as (number of a point, seed); none where the question is answered."""
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
        # A precision improves with the square root of the number. At most as many again, at least a few.
        return int(max(2, min(done, REPLICATIONS_MAX - done, 1.1 * done * min(excess, 2.0) ** 2 - done)))

    def has_reached(self, point):
        # type: (Point) -> bool
        """Whether its measures are as precise as was asked."""
        return point.number > 0 and point.why_unstable() is None and point.excess(self.precision) == 0

    @property
    def is_no(self):
        # type: () -> bool
        """Whether no point is stable."""
        return all(point.why_unstable() for point in self.points)

    @property
    def left(self):
        # type: () -> int | None
        """About how many replications are missing; None where that is not known."""
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
    is so narrow that the difference does not matter.
    """

    def __init__(self, points, target, precision, seed=1):
        # type: (List[Point], Target, float, int) -> None
        super(Find, self).__init__(points, seed)
        self.target = target
        self._precision = precision * dict(WANTED).get(str(target.key[1]), 1.0)
        #: Number of a point -> whether it holds the target; and those that were decided by the value alone.
        self.verdicts = {}  # type: Dict[int, bool]
        self.uncertain = set()  # type: Any
        # What can't do the work that arrives needs no replication. The search starts at the first that can.
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
        """A search asks for no precision of its own."""
        return True

    def _more(self, number):
        # type: (int) -> int
        return max(TEST_FIRST, self.points[number].number // 2)

    def _asked(self):
        # type: () -> List[int]
        """The points to be tested next: the first one that can be stable, then 1, 2, 4 ... further until the verdict
        changes, then the middle between a value that holds and one that does not. Small fleets are simulated sooner.
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
        """Two points with different verdicts and none with a verdict between them."""
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
        """The numbers of the point that holds and of the one that does not, as far as is known."""
        bracket, verdicts = self._bracket(), self.verdicts
        if bracket is not None:
            return bracket if verdicts[bracket[0]] else (bracket[1], bracket[0])
        holding = [number for number in sorted(verdicts) if verdicts[number]]
        # Where all hold, the first is the answer; where none does, the last came as near as it gets.
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
        """The points whose test goes on."""
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
        known = ', '.join('%s %s' % (self.points[place].changes[0][1], 'holds' if self.verdicts[place] else 'fails')
                          for place in sorted(self.verdicts))
        return super(Find, self).progress + (known and ': ' + known)

    #: How many replications are missing is not known.
    left = None
