"""Measures the setting ``turn_cost_s`` of a scenario: the cost of a turn and of a row on this machine.

A busy dispatcher is simulated for a while, and the processor time of each turn is noted with the number of rows that it
read and wrote. A line is fitted to these points (least squares): its intercept is the cost of a turn, its slope that of
a row. To the cost of a turn, ``datagram_s`` is added: the cost of one datagram in and one out on real sockets.
"""

from __future__ import absolute_import, division, print_function

from net_protocol.rows import DISPATCHER
from planner.recorder import Recorder
from planner.world import MeasuredWorld
from simulator import scenario

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Tuple  # noqa: F401

#: Clients with different loads, so that turns differ in their number of rows.
BUSY = {
    'duration_s': 1e6, 'clients': [{'count': 2}, {'count': 20, 'task_interval_s': {'exponential': 0.02}}],
    'client': {'task_interval_s': [0, 0], 'in_flight_max': 40},
    'calculators': 20,
    'calculator': {'capacity': 20, 'task_duration_s': [0, 0.2], 'outage': {'probability': 0}},
}  # type: Dict[str, Any]

#: The step of virtual time, and the virtual time before the measurement.
STEP_S = 0.05
WARM_UP_S = 0.5


def measured(cpu_time, seconds, datagram_s):
    # type: (Callable[[], float], float, float) -> Dict[str, float]
    """The value of ``turn_cost_s``, from about ``seconds`` of processor time by the clock ``cpu_time``."""
    recorder = Recorder()
    world = MeasuredWorld(1, scenario.SETTINGS.checked(BUSY), recorder)
    recorder.network = world.network
    world.start()
    turns = []  # type: List[Tuple[int, float]]
    world.run_until(WARM_UP_S)
    _watch(world.running(DISPATCHER)[0].turn, cpu_time, turns)
    end = cpu_time() + seconds
    while cpu_time() < end:
        world.run_until(world.agenda.now + STEP_S)
    turn_s, row_s = line(turns)
    return {'turn': turn_s + datagram_s, 'row': row_s}


def _watch(turn, cpu_time, turns):
    # type: (Any, Callable[[], float], List[Tuple[int, float]]) -> None
    run, traffic = turn.run, turn.traffic

    def watched(*arguments):
        # type: (*Any) -> None
        rows, begun_at = traffic.rows_in + traffic.rows_out, cpu_time()
        run(*arguments)
        turns.append((traffic.rows_in + traffic.rows_out - rows, cpu_time() - begun_at))
    turn.run = watched


def line(points):
    # type: (List[Tuple[int, float]]) -> Tuple[float, float]
    """Intercept and slope, both at least 0, of the line of least squares through points (rows, seconds)."""
    # Without the longest hundredth: other processes interrupt a few turns.
    points = sorted(points, key=lambda point: point[1])[:max(2, len(points) * 99 // 100)]
    number = len(points)
    mean_x = sum([point[0] for point in points]) / number
    mean_y = sum([point[1] for point in points]) / number
    spread = sum([(point[0] - mean_x) ** 2 for point in points])
    slope = sum([(x - mean_x) * (y - mean_y) for x, y in points]) / spread if spread else 0.0
    slope = max(0.0, slope)
    return max(0.0, mean_y - slope * mean_x), slope
