"""Calculators are killed all the time; each call still has its result, and one outcome.

``FARM_CALLS=100000`` makes it a long run, with two seconds between two kills.
"""

from __future__ import absolute_import, division, print_function

import os
import threading

import pytest

from client import Executor
from tests.system import farm

CALLS = int(os.environ.get('FARM_CALLS', '3000'))
KILL_S = 2.0 if CALLS > 20000 else 0.3
CALCULATORS = 5


class Killer(threading.Thread):
    """Kills a calculator and starts another in its place, at intervals. The interval is longer on a busy machine."""

    def __init__(self, system, dispatcher, calculators):
        super(Killer, self).__init__()
        self.daemon = True
        self._system = system
        self._dispatcher = dispatcher
        self._calculators = calculators
        self._end = threading.Event()
        self.kills = 0

    def run(self):
        while not self._end.wait(KILL_S):
            if self._dispatcher.log.count(' offers ') < CALCULATORS + self.kills:
                # The calculator that was started last is not ready.
                continue
            place = self.kills % CALCULATORS
            self._calculators[place].kill()
            self.kills += 1
            self._calculators[place] = self._system.calculator(
                'calculator-%d' % (place + 1), work=farm.POISON, capacity=2)

    def end(self):
        self._end.set()
        self.join()


@pytest.mark.timeout(120 if CALLS <= 20000 else 3600)
def test_calls_survive_calculators_that_are_killed(system):
    dispatcher, calculators = farm.start(system, CALCULATORS)
    executor = Executor(farm.address(system))
    killer = Killer(system, dispatcher, calculators)
    killer.start()
    try:
        results = list(executor.map('square', range(CALLS), timeout=100 if CALLS <= 20000 else 3000, in_flight_max=200))
    finally:
        killer.end()
        executor.shutdown(cancel_futures=True)
    assert results == [n * n for n in range(CALLS)]
    assert killer.kills >= 1
    account = executor._link.core.account(0.0)
    assert account['outcomes']['done'] == CALLS and account['waiting'] == 0
    assert account['counts']['unknown_outcomes'] == 0
    dispatcher.end()
    assert dispatcher.account['outcomes']['done'] == CALLS
