"""Measures the setting ``turn_cost_s`` of a scenario: the cost of a turn, a datagram and a row on this machine.

A busy dispatcher runs with clients and calculators in one process and in virtual time, without the simulator. The
processor time of each of its turns is noted with the numbers of datagrams and rows that it read and wrote, and a plane
is fitted to these points (least squares). To the cost of a datagram, that of real sockets is added.
"""

from __future__ import absolute_import, division, print_function

from collections import deque
from random import Random

from calculator.core import CalculatorCore
from calculator.settings import SETTINGS as CALCULATOR
from client.core import ClientCore
from client.settings import SETTINGS as CLIENT
from dispatcher.core import DispatcherCore
from dispatcher.settings import SETTINGS as DISPATCHER
from net_protocol.core import draw_incarnation
from net_protocol.turn import Turn

MYPY = False
if MYPY:
    from typing import Any, Callable, Deque, Dict, List, Tuple  # noqa: F401

NO_OUTAGES = {'probability': 0}
#: The settings of clients and calculators of two fleets. In the first, datagrams have one row; in the second, many.
FLEETS = (
    (2 * [{'task_interval_s': [0, 0], 'in_flight_max': 40}] + 20 * [{'task_interval_s': {'exponential': 0.02}}],
     20 * [{'capacity': 20, 'task_duration_s': [0, 0.2], 'outage': NO_OUTAGES}]),
    ([{'task_interval_s': [0, 0], 'in_flight_max': 100}],
     2 * [{'capacity': 50, 'task_duration_s': [0, 0], 'outage': NO_OUTAGES}]))

#: The step of virtual time, and the virtual time before the measurement.
STEP_S = 0.001
WARM_UP_S = 0.5


class Fleet(object):
    """A dispatcher, clients and calculators that exchange datagrams in memory."""

    def __init__(self, clients, calculators):
        # type: (List[Dict[str, Any]], List[Dict[str, Any]]) -> None
        self.now = 0.0
        rng = Random(1)

        def incarnation():
            # type: () -> str
            return draw_incarnation(rng)

        cores = [DispatcherCore(DISPATCHER.default, 'dispatcher', incarnation(), rng)]  # type: List[Any]
        cores += [CalculatorCore(CALCULATOR.checked(made), 'calculator-%d' % number, incarnation, rng)
                  for number, made in enumerate(calculators)]
        cores += [ClientCore(CLIENT.checked(made), 'client-%d' % number, incarnation(), rng)
                  for number, made in enumerate(clients)]
        self._turns = [Turn(core, rng, secret=b'secret') for core in cores]
        # An address is the place of a process in these lists, as a tuple.
        self._inboxes = [deque() for _ in cores]  # type: List[Deque[Tuple[bytes, Tuple[int]]]]
        self.dispatcher = self._turns[0]
        for core, turn in zip(cores, self._turns):
            turn.set_upstream((0,))
            core.start(self.now)

    def step(self):
        # type: () -> None
        """Run the processes that have something to do, until ``STEP_S`` later."""
        for place, (turn, inbox) in enumerate(zip(self._turns, self._inboxes)):
            due_at = turn.next_timer()
            if inbox or due_at is not None and due_at <= self.now:
                turn.run(self.now, self._receiver(inbox), self._sender(place))
        self.now += STEP_S

    @staticmethod
    def _receiver(inbox):
        # type: (Any) -> Callable[[], Any]
        return lambda: inbox.popleft() if inbox else None

    def _sender(self, place):
        # type: (int) -> Callable[[bytes, Tuple[int]], None]
        return lambda datagram, target: self._inboxes[target[0]].append((datagram, (place,)))


def measured(cpu_time, seconds, socket_s):
    # type: (Callable[[], float], float, float) -> Dict[str, float]
    """The value of ``turn_cost_s``, from about ``seconds`` of processor time by the clock ``cpu_time``. ``socket_s`` is
    the processor time to send or to receive a datagram.
    """
    turns = []  # type: List[Tuple[int, int, float]]
    for clients, calculators in FLEETS:
        fleet = Fleet(clients, calculators)
        while fleet.now < WARM_UP_S:
            fleet.step()
        _watch(fleet.dispatcher, cpu_time, turns)
        end = cpu_time() + seconds / len(FLEETS)
        while cpu_time() < end:
            fleet.step()
    turn_s, in_memory_s, row_s = plane(turns)
    return {'turn': turn_s, 'datagram': in_memory_s + socket_s, 'row': row_s}


def _watch(turn, cpu_time, turns):
    # type: (Any, Callable[[], float], List[Tuple[int, int, float]]) -> None
    run, traffic = turn.run, turn.traffic

    def watched(*arguments):
        # type: (*Any) -> None
        datagrams, rows = traffic.datagrams_in + traffic.datagrams_out, traffic.rows_in + traffic.rows_out
        begun_at = cpu_time()
        run(*arguments)
        took_s = cpu_time() - begun_at
        turns.append((traffic.datagrams_in + traffic.datagrams_out - datagrams,
                      traffic.rows_in + traffic.rows_out - rows, took_s))
    turn.run = watched


def plane(points):
    # type: (List[Tuple[int, int, float]]) -> Tuple[float, float, float]
    """(a, b, c) of the plane a + b x + c y of least squares through points (x, y, seconds); each is at least 0."""
    # Without the longest hundredth: other processes interrupt a few turns.
    points = sorted(points, key=lambda point: point[2])[:max(3, len(points) * 99 // 100)]
    means = [sum(column) / len(points) for column in zip(*points)]
    centred = [[value - mean for value, mean in zip(point, means)] for point in points]
    xx, xy, yy, xt, yt = [sum([point[one] * point[other] for point in centred])
                          for one, other in ((0, 0), (0, 1), (1, 1), (0, 2), (1, 2))]
    determinant = xx * yy - xy * xy
    by_x = max(0.0, (xt * yy - yt * xy) / determinant) if determinant else 0.0
    by_y = max(0.0, (yt * xx - xt * xy) / determinant) if determinant else 0.0
    return max(0.0, means[2] - by_x * means[0] - by_y * means[1]), by_x, by_y
