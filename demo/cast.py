"""The processes of a run and their settings, from a few numbers.

The times are short, so that within 20 seconds calculators fail in both ways, become suspect, are declared dead and come
back. The load is low enough that the queue, which grows while several are out of order, empties again.
"""

from __future__ import absolute_import, division, print_function

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

DISPATCHER = 'dispatcher'
CALCULATOR = 'calculator'
CLIENT = 'client'

#: Calculators are named by letters, and the last letter is kept for the newcomer.
LETTERS = 'abcdefghijklmnopqrstuvwxyz'
CALCULATORS_MAX = len(LETTERS) - 1
CLIENTS_MAX = 20

HOST = '127.0.0.1'
TASK_DURATION_S = [0.5, 1.5]
#: The most slots of a calculator.
SLOTS_MAX = 2
#: The share of all slots that the tasks need. Outages take about a quarter of the time.
LOAD_SHARE = 0.65

# Suspect after 1.75 s of silence, dead after 2.75 s: an outage may end before, between or after these.
HEARTBEAT_INTERVAL_S = 0.5
OUTAGE = {'check_interval_s': 2, 'probability': 0.2, 'duration_s': [1, 3.5], 'kind': 'mixed'}
ANSWER_TIMEOUT_S = 6
TASK_TIMEOUT_S = 30
#: The wait for the last tasks at the end: longer than a failure, its detection and another attempt take.
DRAIN_TIMEOUT_S = 12


class Part(object):
    """A process: its name, role, settings and seed."""

    def __init__(self, role, name, settings, seed):
        # type: (str, str, Dict[str, Any], int) -> None
        self.role = role
        self.name = name
        self.settings = dict(settings, name=name)
        self.seed = seed


class Cast(object):
    """The parts of a run with so many calculators and clients. Each has its own seed, derived from ``seed``."""

    def __init__(self, calculators, clients, seed):
        # type: (int, int, int) -> None
        self._calculators = calculators
        self._clients = clients
        self._seed = seed

    def dispatcher(self):
        # type: () -> Part
        """The dispatcher, on any free port."""
        return Part(DISPATCHER, DISPATCHER, {
            'listen': {'host': HOST, 'port': 0}, 'answer_timeout_s': ANSWER_TIMEOUT_S,
            'task_timeout_s': TASK_TIMEOUT_S, 'drain_timeout_s': 3, 'status_interval_s': 2}, self._seed * 100)

    def calculators(self, port):
        # type: (int) -> List[Part]
        """The first calculators, for a dispatcher on ``port``."""
        return [self._calculator(index, port, self._capacity(index)) for index in range(self._calculators)]

    def newcomer(self, port):
        # type: (int) -> Part
        """The calculator that is started later."""
        return self._calculator(self._calculators, port, SLOTS_MAX)

    def clients(self, port):
        # type: (int) -> List[Part]
        """The clients, for a dispatcher on ``port``; together they need ``LOAD_SHARE`` of the slots."""
        slots = sum(self._capacity(index) for index in range(self._calculators))
        mean_s = self._clients * sum(TASK_DURATION_S) / 2 / (LOAD_SHARE * slots)
        return [Part(CLIENT, 'client-%d' % (index + 1), {
            'dispatcher': {'host': HOST, 'port': port}, 'task_interval_s': [0.4 * mean_s, 1.6 * mean_s],
            'task_timeout_s': TASK_TIMEOUT_S, 'drain_timeout_s': DRAIN_TIMEOUT_S,
        }, self._seed * 100 + 50 + index) for index in range(self._clients)]

    def _calculator(self, index, port, capacity):
        # type: (int, int, int) -> Part
        return Part(CALCULATOR, 'calculator-%s' % LETTERS[index], {
            'dispatcher': {'host': HOST, 'port': port}, 'listen': {'host': HOST, 'port': 0},
            'task_duration_s': TASK_DURATION_S, 'heartbeat_interval_s': HEARTBEAT_INTERVAL_S, 'capacity': capacity,
            'outage': OUTAGE, 'drain_timeout_s': 3}, self._seed * 100 + 1 + index)

    @staticmethod
    def _capacity(index):
        # type: (int) -> int
        return 1 + index % SLOTS_MAX
