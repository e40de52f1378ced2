"""One replication: a function from a scenario and a seed to a row of numbers.

The measured time, ``duration_s`` of the scenario, is divided into segments, and the row has sums for each. So the
warm-up can be removed when all replications are known, and quantiles can be computed from all replications together.
After the measured time the world runs, unmeasured, until the last measured task has its outcome.
"""

from __future__ import absolute_import, division, print_function

from bisect import bisect_left, bisect_right
from math import log

from net_protocol.errors import BrokenInvariant
from net_protocol.rows import CLIENT, DONE
from net_protocol.schedule import OUTCOME_GRACE_S
from planner.recorder import CLIENT_GONE, Recorder
from planner.replay import ReplayWorld
from planner.world import MeasuredWorld, PlannedFaults
from simulator import scenario
from simulator.violations import Violation, overdue

MYPY = False
if MYPY:
    from typing import Any, Dict, Iterable, List, Tuple  # noqa: F401

    from planner.tape import Tape  # noqa: F401

#: Where a segment begins, as a share of the measured time: a warm-up ends at one of these.
CUTS = (0, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)

#: The packages that a replication needs.
PACKAGES = ('common', 'net_protocol', 'runtime', 'client', 'dispatcher', 'calculator', 'simulator', 'planner')

#: Slots of the series of response times that determines the warm-up.
SLOTS = 500

#: A quantile is exact to within half of this: durations are counted in buckets that grow by this factor.
RATIO = 1.001
_LOG_RATIO = log(RATIO)
SHORTEST_S = 1e-6

#: The steps in which the world runs until the last measured task is over, and the allowance in their limit.
STEP_S = 1.0
SLACK_S = 30.0


def bucket(seconds):
    # type: (float) -> int
    """The bucket of a duration."""
    return int(log(max(seconds, SHORTEST_S)) / _LOG_RATIO // 1)


def middle_s(index):
    # type: (int) -> float
    """The middle of a bucket; 0 for the shortest durations."""
    return RATIO ** (index + 0.5) if index > bucket(SHORTEST_S) else 0.0


def row_of(seed, settings):
    # type: (int, Dict[str, Any]) -> Dict[str, Any]
    """The row of a complete scenario; ``error`` in it is None or says what went wrong."""
    world = world_of(seed, settings)
    try:
        sent = run(world)
    except Violation as violation:
        return {'seed': seed, 'error': '%s: %s' % (violation.rule, violation.sentence)}
    except BrokenInvariant as broken:
        return {'seed': seed, 'error': str(broken)}
    except Exception as error:
        # A bug: the other replications continue.
        return {'seed': seed, 'error': '%s: %s' % (type(error).__name__, error)}
    return dict(_Measured(world.recorder, settings['duration_s'], sent).row(), seed=seed, error=None,
                is_replay='recording' in settings)


def row_of_piece(piece):
    # type: (Tuple[int, Dict[str, Any]]) -> Dict[str, Any]
    """``row_of`` with one argument, (seed, scenario), for a pool of processes."""
    return row_of(*piece)


def world_of(seed, settings, tape=None):
    # type: (int, Dict[str, Any], Tape | None) -> MeasuredWorld
    """The world of a complete scenario, or that of its ``recording``."""
    settings, recorder = scenario.copied(settings), Recorder()
    recording = settings.pop('recording', None)
    world = MeasuredWorld(seed, settings, recorder) if recording is None else ReplayWorld(
        seed, settings, recorder, recording)
    recorder.network, recorder.tape = world.network, tape
    return world


def run(world):
    # type: (MeasuredWorld) -> int
    """Run until the last measured task is over. Returns the number of datagrams in the measured time."""
    settings = world.settings
    until = settings['duration_s']
    world.start()
    PlannedFaults(world).begin()
    world.run_until(until)
    sent = world.network.counts['sent']
    limit = until + SLACK_S + OUTCOME_GRACE_S + max(
        [client['task_timeout_s'] for client in scenario.variants(settings, CLIENT)])
    order = world.recorder.order
    left = [task for task in order if task.ended_at is None]
    while left and world.agenda.now < limit:
        world.run_until(world.agenda.now + STEP_S)
        left = [task for task in left if task.ended_at is None]
    if left:
        raise overdue('L1', CLIENT, '%d tasks have no outcome', len(left))
    world.check()
    return sent


class _Measured(object):
    """The sums of the records until ``until``."""

    def __init__(self, recorder, until, sent):
        # type: (Recorder, float, int) -> None
        self._recorder = recorder
        self._until = until
        self._sent = sent
        self._cuts = [share * until for share in CUTS]
        self._segments = [_segment() for _ in CUTS]

    def row(self):
        # type: () -> Dict[str, Any]
        recorder, until = self._recorder, self._until
        tasks = [task for task in recorder.order if task.intended_at < until and task.end != CLIENT_GONE]
        self._add_tasks(tasks)
        self._add_calculators()
        for work in recorder.works:
            if work.began_at < until:
                segment = self._at(work.began_at)
                segment['work_s'] += work.duration_s
                segment['useful_s'] += work.duration_s if work.is_useful else 0.0
        for died_at, took_s in recorder.moves:
            if died_at < until:
                _count(self._at(died_at)['reassignment'], took_s)
        for at in recorder.false_suspicions:
            if at < until:
                self._at(at)['false_suspicions'] += 1
        for segment in self._segments:
            for counted in (segment['response'], segment['waiting'], segment['reassignment']):
                counted['buckets'] = [[index, counted['buckets'][index]] for index in sorted(counted['buckets'])]
        return {'tasks': len(tasks), 'segments': self._segments, 'series': self._series(tasks),
                'backlog': [self._backlog(share * until) for share in (0.5, 1)]}

    def _at(self, when):
        # type: (float) -> Dict[str, Any]
        return self._segments[self._number_at(when)]

    def _number_at(self, when):
        # type: (float) -> int
        return max(0, bisect_right(self._cuts, when) - 1)

    def _add_tasks(self, tasks):
        # type: (List[Any]) -> None
        sent_before = [None] * len(CUTS)  # type: List[int | None]
        for task in tasks:
            number = self._number_at(task.intended_at)
            segment = self._segments[number]
            if sent_before[number] is None:
                sent_before[number] = task.datagrams
            segment['tasks'] += 1
            segment['attempts'] += task.attempts
            segment['ends'][task.end] = segment['ends'].get(task.end, 0) + 1
            if task.end == DONE:
                _count(segment['response'], task.ended_at - task.intended_at)
            if task.first_at is not None:
                _count(segment['waiting'], max(0.0, task.first_at - task.intended_at))
        after = self._sent
        for number in range(len(CUTS) - 1, -1, -1):
            before = sent_before[number] if number else 0
            if before is not None:
                self._segments[number]['datagrams'] = after - before
                after = before

    def _add_calculators(self):
        # type: () -> None
        """Add up how long slots are busy, are in order, and exist; and how long calculators are in order."""
        ends = self._cuts[1:] + [self._until]
        for states in self._recorder.states.values():
            for place, (since, running, in_order, slots) in enumerate(states):
                until = min(states[place + 1][0] if place + 1 < len(states) else self._until, self._until)
                number = self._number_at(since)
                while since < until:
                    length_s = min(until, ends[number]) - since
                    segment = self._segments[number]
                    segment['busy_s'] += running * length_s
                    segment['in_order_s'] += in_order * length_s
                    segment['slots_s'] += slots * length_s
                    segment['calculators_s'] += length_s if in_order else 0.0
                    since += length_s
                    number += 1
                    if number == len(ends):
                        break

    def _series(self, tasks):
        # type: (List[Any]) -> List[List[float]]
        """Number and sum of response times in each slot of the measured time, for all outcomes."""
        slots = [[0, 0.0] for _ in range(SLOTS)]  # type: List[List[float]]
        for task in tasks:
            slot = slots[min(SLOTS - 1, max(0, int(SLOTS * task.intended_at / self._until)))]
            slot[0] += 1
            slot[1] += task.ended_at - task.intended_at
        return slots

    def _backlog(self, when):
        # type: (float) -> int
        """The number of tasks that were open at ``when``."""
        opens = self._recorder.opens
        place = bisect_left(opens, (when, -1))
        return opens[place - 1][1] if place else 0


def _segment():
    # type: () -> Dict[str, Any]
    return {'tasks': 0, 'attempts': 0, 'ends': {}, 'datagrams': 0, 'work_s': 0.0, 'useful_s': 0.0, 'busy_s': 0.0,
            'in_order_s': 0.0, 'slots_s': 0.0, 'calculators_s': 0.0, 'false_suspicions': 0, 'response': _counted(),
            'waiting': _counted(), 'reassignment': _counted()}


def _counted():
    # type: () -> Dict[str, Any]
    return {'number': 0, 'total_s': 0.0, 'longest_s': 0.0, 'buckets': {}}


def _count(counted, seconds):
    # type: (Dict[str, Any], float) -> None
    counted['number'] += 1
    counted['total_s'] += seconds
    counted['longest_s'] = max(counted['longest_s'], seconds)
    index = bucket(seconds)
    counted['buckets'][index] = counted['buckets'].get(index, 0) + 1
