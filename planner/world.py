"""A world to measure in: the real cores with light instruments in place of the auditors, and streams of random numbers.

Each purpose and entity has a stream of its own: the arrivals of client 3, the length of task 17, the outages of
calculator b, the delays from a host to another. So a calculator more changes no other draw, and scenarios that run with
one seed differ by what they are, not by luck (common random numbers).
"""

from __future__ import absolute_import, division, print_function

from hashlib import sha256
from random import Random

from calculator.core import CalculatorCore
from client.core import ClientCore
from client.requests import WRONG
from dispatcher.core import DispatcherCore
from net_protocol import lengths
from net_protocol.core import draw_incarnation
from net_protocol.rows import CALCULATOR, CLIENT, DISPATCHER
from simulator.disk import DiskJournal
from simulator.environment import Clock
from simulator.faults import Faults
from simulator.network import Network
from simulator.process import Process
from simulator.violations import broken
from simulator.world import PORTS, World, seal_of

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Tuple  # noqa: F401

    from planner.recorder import Recorder  # noqa: F401

#: Turns of a process between two walks over all that its core keeps.
TURNS_PER_CHECK = 5000


def stream(seed, purpose, *entity):
    # type: (int, str, *Any) -> Random
    """The generator of one purpose and entity: the same on every Python."""
    words = '/'.join([str(seed), purpose] + [str(word) for word in entity])
    return Random(int(sha256(words.encode('utf-8')).hexdigest()[:16], 16))


class Links(Network):
    """A network on which each pair of hosts has a stream of its own. ``seed`` is set by the owner."""

    seed = 0

    def send(self, source, target, datagram):
        # type: (Any, Any, bytes) -> None
        self._use(source[0], target[0])
        Network.send(self, source, target, datagram)

    def _use(self, source, target):
        # type: (str, str) -> None
        streams = self.__dict__.setdefault('streams', {})
        draw = streams.get((source, target))
        if draw is None:
            draw = streams[source, target] = stream(self.seed, 'link', source, target).random
        self._draw = draw


class PlannedFaults(Faults):
    """Faults of which each kind has a stream of its own."""

    def _repeat(self, pair):
        # type: (Tuple[str, Callable[[], None]]) -> None
        self._rng = self._stream(pair[0])
        Faults._repeat(self, pair)

    def _come(self, pair):
        # type: (Tuple[str, Callable[[], None]]) -> None
        self._rng = self._stream(pair[0])
        Faults._come(self, pair)

    def _stream(self, key):
        # type: (str) -> Random
        streams = self.__dict__.setdefault('streams', {})
        if key not in streams:
            streams[key] = stream(self._world.seed, 'fault', key)
        return streams[key]


class Instruments(object):
    """What a process has in place of an audit."""

    HEARD = {}  # type: Dict[str, str]
    EVENTS = {}  # type: Dict[str, str]
    size = TURNS_PER_CHECK
    told_to_stop = False

    def __init__(self, settings):
        # type: (Dict[str, Any]) -> None
        self.settings = settings
        self.pending = ()

    def ignore(self, *_):
        # type: (*Any) -> None
        """Nothing is looked at here."""

    begin = arrived = end_turn = sweep = sending_to_stranger = recorded = ignore


class MeasuredProcess(Process):
    """A process whose events go to a recorder. It checks its invariants rarely."""

    recorder = None  # type: Any

    def _tap(self, core, audit, peer):
        # type: (Any, Any, str | None) -> None
        if self.role == CALCULATOR:
            self._draw_duration_s, core.draw_duration_s = core.draw_duration_s, self._drawn

    def _drawn(self, task_id, attempt):
        # type: (str, int) -> float
        duration_s = self._draw_duration_s(task_id, attempt)
        self.recorder.begins(self._agenda.now, self.name, task_id, duration_s)
        return duration_s

    def _on_events(self, events):
        # type: (List[Any]) -> None
        virtual, handlers = self.clock.virtual, self.recorder.handlers
        for event in events:
            handle = handlers.get(event.kind)
            if handle is not None:
                handle(virtual(event.at), self, event.facts)

    def _turn(self):
        # type: () -> None
        Process._turn(self)
        if self.role == CALCULATOR:
            self.recorder.note_calculator(self._agenda.now, self)

    def _die(self, where):
        # type: (str) -> None
        was_running = self.is_running
        Process._die(self, where)
        if was_running and self.role == CALCULATOR:
            self.recorder.note_death(self._agenda.now, self.name)
            self.recorder.note_calculator(self._agenda.now, self)
        elif was_running and self.role == CLIENT:
            self.recorder.note_client_death(self._agenda.now, self)

    def _end(self, _):
        # type: (None) -> None
        Process._end(self, _)
        if self.role == CALCULATOR:
            self.recorder.note_calculator(self._agenda.now, self)


class MeasuredWorld(World):
    """The world of a seed, with ``recorder`` listening."""

    NETWORK = Links

    def __init__(self, seed, settings, recorder):
        # type: (int, Dict[str, Any], Recorder) -> None
        self.recorder = recorder
        self._starts = {}  # type: Dict[str, int]
        super(MeasuredWorld, self).__init__(seed, settings)
        self.network.seed = seed  # type: ignore[attr-defined]
        self.promises = None

    def stream(self, purpose, *entity):
        # type: (str, *Any) -> Random
        """See the function ``stream``."""
        return stream(self.seed, purpose, *entity)

    def _number(self, name):
        # type: (str) -> int
        """Which start of a process of that name this is."""
        self._starts[name] = self._starts.get(name, 0) + 1
        return self._starts[name]

    def start_dispatcher(self, host=None):
        # type: (str | None) -> Process
        settings, number = self.settings['dispatcher'], self._number(DISPATCHER)
        journal = None if self.disk is None else DiskJournal(self.disk, self.wall)
        rng = self.stream('dispatcher', number)
        core = DispatcherCore(settings, DISPATCHER, draw_incarnation(rng), rng)
        process = self._begin(DISPATCHER, core, number, host or DISPATCHER, settings, journal)
        if self.network.virtual is None:
            self.names[DISPATCHER] = process.address
        else:
            self.names[DISPATCHER] = process.known_as = self.network.virtual
            self.network.behind = process.address
        return process

    def start_calculator(self, name, host=None, **changes):
        # type: (str, str | None, **Any) -> Process
        settings, number = dict(self.settings['calculator'], **changes), self._number(name)
        incarnations = self.stream('incarnations', name, number)
        core = CalculatorCore(settings, name, lambda: draw_incarnation(incarnations),
                              self.stream('calculator', name, number), self.stream('outages', name, number))
        length = settings['task_duration_s']
        if not lengths.is_range(length) or length[0] < length[1]:
            def duration_s(task_id, attempt):
                # type: (str, int) -> float
                return lengths.draw(self.stream('length', task_id, attempt).random, length)
            core.draw_duration_s = duration_s  # type: ignore[method-assign]
        process = self._begin(CALCULATOR, core, number, host or name, settings)
        process.changes = changes
        return process

    def start_client(self, name, host=None, **changes):
        # type: (str, str | None, **Any) -> Process
        settings, number = dict(self.settings['client'], **changes), self._number(name)
        incarnation = draw_incarnation(self.stream('incarnations', name, number))
        core = ClientCore(settings, name, incarnation, self.stream('client', name, number),
                          arrivals_rng=self.stream('arrivals', name, number))
        process = self._begin(CLIENT, core, number, host or name, settings)
        process.changes = changes
        return process

    def _begin(self, role, core, number, host, settings, journal=None):
        # type: (str, Any, int, str, Dict[str, Any], DiskJournal | None) -> Process
        faults = self.settings['faults']
        draw = self.stream('clock', core.name, number).random
        pace = 1 + faults['clock_drift'] * (2 * draw() - 1)
        clock = Clock(self.agenda, pace, 1000 * draw())
        can_rebind = role != CALCULATOR or settings['listen']['port'] == 0
        core.trace = True
        process = MeasuredProcess(role, core, Instruments(settings), (host, PORTS[role]), self.environment, clock,
                                  self.stream('turn', core.name, number), seal_of(settings),
                                  None if role == DISPATCHER else DISPATCHER, draw() < faults['slow_process'],
                                  can_rebind)
        process.recorder = self.recorder
        self.processes.append(process)
        if role == CALCULATOR:
            self.recorder.add_calculator(self.agenda.now, process)
        if journal is not None:
            process.recover(journal)
        process.start()
        return process

    def check(self):
        # type: () -> None
        """Everything that can be checked at the end."""
        for process in self.running():
            process.core.check_invariants()
            if process.role == CLIENT and process.core.statistics.ends[WRONG]:
                raise broken('S3', process.name, 'a result that does not fit its task')
