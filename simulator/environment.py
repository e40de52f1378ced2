"""What all processes of a world share, and the clock of each process."""

from __future__ import absolute_import, division, print_function

MYPY = False
if MYPY:
    from typing import Any, Dict, Tuple  # noqa: F401

    from simulator.agenda import Agenda  # noqa: F401
    from simulator.network import Network  # noqa: F401
    from simulator.process import Process  # noqa: F401


class Environment(object):
    """What all processes of a world share. ``names``: host name -> its present address."""

    def __init__(self, agenda, network, names, record, buffer_datagrams, turn_cost_s):
        # type: (Agenda, Network, Dict[str, Any], Any, int, Dict[str, float]) -> None
        self.agenda = agenda
        self.network = network
        self.names = names
        #: Datagrams that the buffer of a socket holds.
        self.buffer_datagrams = buffer_datagrams
        #: The duration of a ``turn``, and of each ``row`` in it.
        self.turn_cost_s = turn_cost_s
        #: ``record((virtual time, process name, what, peer, thing))`` keeps a line of the story; None for no story.
        self.record = record
        #: Address -> the process that listens there.
        self.at = {}  # type: Dict[Any, Process]
        #: (target, source) -> when a datagram last arrived.
        self.reached = {}  # type: Dict[Tuple[Any, Any], float]
        self.overflowed = 0
        self.fresh_ports = 0


class Clock(object):
    """A monotonic clock with any origin, which may run a little fast or slow."""

    __slots__ = ('_agenda', 'pace', '_origin')

    def __init__(self, agenda, pace=1.0, origin=0.0):
        # type: (Agenda, float, float) -> None
        self._agenda = agenda
        self.pace = pace
        self._origin = origin

    def now(self):
        # type: () -> float
        return self._origin + self._agenda.now * self.pace

    def virtual(self, when):
        # type: (float) -> float
        """The virtual time at which the clock will show ``when``."""
        return (when - self._origin) / self.pace
