"""What the processes of a world share, and the clock that each has of its own."""

from __future__ import absolute_import, division, print_function

MYPY = False
if MYPY:
    from typing import Any, Dict, Tuple  # noqa: F401

    from simulator.agenda import Agenda  # noqa: F401
    from simulator.network import Network  # noqa: F401
    from simulator.process import Process  # noqa: F401


class Environment(object):
    """What all processes of a world share. ``names`` says where each host name leads to at the moment."""

    def __init__(self, agenda, network, names, record, buffer_datagrams, turn_cost_s):
        # type: (Agenda, Network, Dict[str, Any], Any, int, Dict[str, float]) -> None
        self.agenda = agenda
        self.network = network
        self.names = names
        #: Datagrams that the buffer of a socket holds.
        self.buffer_datagrams = buffer_datagrams
        #: How long a ``turn`` takes, and each ``row`` of it.
        self.turn_cost_s = turn_cost_s
        #: ``record((virtual time, process name, what, peer, thing))`` keeps a line of the story; None: nobody reads it.
        self.record = record
        #: Address -> the process that listens there.
        self.at = {}  # type: Dict[Any, Process]
        #: (to, from) -> when something from the second address last arrived at the first.
        self.reached = {}  # type: Dict[Tuple[Any, Any], float]
        self.overflowed = 0
        self.fresh_ports = 0


class Clock(object):
    """A monotonic clock that began anywhere and runs a little fast or slow."""

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
