"""A world for measurements: the real cores, a recorder in place of the auditors, and streams of random numbers.

Each purpose and entity has its own stream: the arrivals of client 3, the length of task 17, the outages of calculator
b, the delays from one host to another. So an additional calculator changes no other draw, and the difference between
two scenarios with one seed is not due to chance (common random numbers).
"""

from __future__ import absolute_import, division, print_function

from hashlib import sha256
from random import Random

from calculator.core import CalculatorCore
from calculator.outages import OutagePlan
from client.arrivals import Arrivals
from client.core import ClientCore
from client.requests import WRONG
from common import lengths
from dispatcher.core import DispatcherCore
from net_protocol.core import draw_incarnation
from net_protocol.rows import CALCULATOR, CLIENT, DISPATCHER
from simulator.environment import Clock
from simulator.faults import Faults
from simulator.network import Network
from simulator.process import Process
from simulator.violations import broken
from simulator.world import World

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Tuple  # noqa: F401

    from planner.recorder import Recorder  # noqa: F401

#: Turns of a process between two calls of ``check_invariants``.
TURNS_PER_CHECK = 5000


def stream(seed, purpose, *entity):
    # type: (int, str, *Any) -> Random
    """The generator of one purpose and entity, the same on every Python."""
    words = '/'.join([str(seed), purpose] + [str(word) for word in entity])
    return Random(int(sha256(words.encode('utf-8')).hexdigest()[:16], 16))


class Streams(dict):
    """The generators of one purpose, by entity. Each is made when it is first used."""

    def __init__(self, seed, purpose):
        # type: (int, str) -> None
        super(Streams, self).__init__()
        self._origin = (seed, purpose)

    def __missing__(self, entity):
        # type: (Tuple[Any, ...]) -> Random
        made = self[entity] = stream(*self._origin + entity)
        return made


class Links(Network):
    """A network on which each pair of hosts has a stream of its own. The owner sets ``streams``."""

    streams = None  # type: Any

    def send(self, source, target, datagram):
        # type: (Any, Any, bytes) -> None
        self._draw = self.streams[source[0], target[0]].random
        Network.send(self, source, target, datagram)


def _drawing(method, key=None):
    # type: (Callable[..., None], str | None) -> Callable[..., None]
    """A method of ``Faults`` that draws from the stream ``key``, by default from that of its argument (key, action)."""
    def drawn(self, what):
        # type: (PlannedFaults, Any) -> None
        self._rng = self._streams[(key or what[0],)]
        method(self, what)
    return drawn


class PlannedFaults(Faults):
    """Faults of which each kind has a stream of its own."""

    def __init__(self, world):
        # type: (World) -> None
        super(PlannedFaults, self).__init__(world)
        self._streams = Streams(world.seed, 'fault')

    _repeat, _come = _drawing(Faults._repeat), _drawing(Faults._come)
    # Restarts and scheduled events draw from their own stream, not from that of the latest fault.
    _restart, _happen = _drawing(Faults._restart, 'restart'), _drawing(Faults._happen, 'restart')
    _end_what_was_stopped = _drawing(Faults._end_what_was_stopped, 'restart')
    _kill_again = _drawing(Faults._kill_again, 'restart')


class Instruments(object):
    """Replaces the audit of a process. ``recorder`` receives the events of the process."""

    EVENTS = {}  # type: Dict[str, str]
    size = TURNS_PER_CHECK
    told_to_stop = False

    def __init__(self, settings, recorder):
        # type: (Dict[str, Any], Recorder) -> None
        self.settings = settings
        self.pending = ()
        self._recorder = recorder

    def begin(self, process):
        # type: (MeasuredProcess) -> None
        process.recorder = self._recorder
        if self._recorder.tape is not None:
            self._recorder.tape.begin(process, self.settings)
        if process.role == CALCULATOR:
            self._recorder.add_calculator(process.environment.agenda.now, process)

    def ignore(self, *_):
        # type: (*Any) -> None
        pass

    arrived = end_turn = sweep = sending_to_stranger = strayed = take_over = ignore


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
        virtual, handlers, tape = self.clock.virtual, self.recorder.handlers, self.recorder.tape
        for event in events:
            if tape is not None:
                tape.write(self, event.at, event.kind, event.facts)
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

    # The tape records what is done to the process.

    def kill(self, sends_left=None):
        # type: (int | None) -> None
        self._record_act('killed', sends_left=sends_left)
        Process.kill(self, sends_left)

    def kill_at_commit(self, where):
        # type: (str) -> None
        self._record_act('killed_at_commit', where=where)
        Process.kill_at_commit(self, where)

    def stop(self):
        # type: () -> None
        self._record_act('told_to_stop')
        Process.stop(self)

    def suspend(self):
        # type: () -> None
        self._record_act('suspended')
        Process.suspend(self)

    def resume(self):
        # type: () -> None
        self._record_act('resumed')
        Process.resume(self)

    def beat(self):
        # type: () -> None
        """A calculator sends a heartbeat now."""
        if not self.is_suspended:
            self.core.beat()
            self._turn()

    def _record_act(self, kind, **facts):
        # type: (str, **Any) -> None
        if self.recorder.tape is not None and self.is_running:
            self.recorder.tape.write(self, self._agenda.now, kind, facts)

    def _end(self, _):
        # type: (None) -> None
        Process._end(self, _)
        if self.role == CALCULATOR:
            self.recorder.note_calculator(self._agenda.now, self)


class MeasuredWorld(World):
    """The world of a seed. ``recorder`` receives all events."""

    NETWORK = Links
    PROCESS = MeasuredProcess

    def __init__(self, seed, settings, recorder):
        # type: (int, Dict[str, Any], Recorder) -> None
        self.recorder = recorder
        # Name -> how often a process of that name was started.
        self._starts = {}  # type: Dict[str, int]
        super(MeasuredWorld, self).__init__(seed, settings)
        self.network.streams = Streams(seed, 'link')  # type: ignore[attr-defined]
        self.promises = None

    def stream(self, purpose, *entity):
        # type: (str, *Any) -> Random
        return stream(self.seed, purpose, *entity)

    def _number(self, name):
        # type: (str) -> int
        """The number of the next start of a process of that name."""
        self._starts[name] = self._starts.get(name, 0) + 1
        return self._starts[name]

    def _dispatcher(self, settings):
        # type: (Dict[str, Any]) -> DispatcherCore
        rng = self.stream('dispatcher', self._number(DISPATCHER))
        return DispatcherCore(settings, DISPATCHER, draw_incarnation(rng), rng)

    def _calculator(self, name, settings):
        # type: (str, Dict[str, Any]) -> CalculatorCore
        number = self._number(name)
        incarnations = self.stream('incarnations', name, number)
        core = CalculatorCore(settings, name, lambda: draw_incarnation(incarnations),
                              self.stream('calculator', name, number), self._outages(name, number, settings))
        durations = self._durations(name, settings)
        if durations is not None:
            core.draw_duration_s = durations  # type: ignore[assignment]
        return core

    def _client(self, name, settings):
        # type: (str, Dict[str, Any]) -> ClientCore
        number = self._number(name)
        return ClientCore(settings, name, self._incarnation(name, number), self.stream('client', name, number),
                          arrivals=self._arrivals(name, number, settings))

    def _audit(self, role, settings):
        # type: (str, Dict[str, Any]) -> Instruments
        return Instruments(settings, self.recorder)

    def _clock(self, name):
        # type: (str) -> Clock
        # All clocks have the same origin, as on one machine.
        draw = self.stream('clock', name, self._starts[name]).random
        return Clock(self.agenda, 1 + self.settings['faults']['clock_drift'] * (2 * draw() - 1))

    def _turn_generator(self, name):
        # type: (str) -> Random
        return self.stream('turn', name, self._starts[name])

    def _is_slow(self, name):
        # type: (str) -> bool
        draw = self.stream('slow', name, self._starts[name]).random
        return draw() < self.settings['faults']['slow_process']

    # ``ReplayWorld`` takes these from its recording.

    def _arrivals(self, name, number, settings):
        # type: (str, int, Dict[str, Any]) -> Arrivals
        return Arrivals(settings, self.stream('arrivals', name, number), None)

    def _outages(self, name, number, settings):
        # type: (str, int, Dict[str, Any]) -> OutagePlan
        return OutagePlan(settings['outage'], self.stream('outages', name, number))

    def _durations(self, name, settings):
        # type: (str, Dict[str, Any]) -> Callable[[str, int], float] | None
        """A function that draws the duration of an attempt; None if all durations are equal."""
        length = settings['task_duration_s']
        if lengths.is_range(length) and length[0] == length[1]:
            return None
        return lambda task_id, attempt: lengths.draw(self.stream('length', task_id, attempt).random, length)

    def _incarnation(self, name, number):
        # type: (str, int) -> str
        return draw_incarnation(self.stream('incarnations', name, number))

    def check(self):
        # type: () -> None
        """Check all processes at the end."""
        for process in self.running():
            process.core.check_invariants()
            if process.role == CLIENT and process.core.statistics.ends[WRONG]:
                raise broken('S3', process.name, 'a result that does not fit its task')
