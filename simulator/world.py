"""One world: a dispatcher, calculators, clients and a network, drawn from one seed."""

from __future__ import absolute_import, division, print_function

from collections import deque
from random import Random

from calculator.core import CalculatorCore
from calculator.work import WorkingCalculatorCore
from client.core import ClientCore
from dispatcher.core import DispatcherCore
from net_protocol.core import draw_incarnation
from net_protocol.rows import CALCULATOR, CLIENT, DISPATCHER
from net_protocol.seals import CHECKSUM, KEY_CHARS_MIN, Signature
from simulator import scenario
from simulator.agenda import Agenda
from simulator.calculator_audit import CalculatorAudit
from simulator.caller import Caller
from simulator.children import Children
from simulator.client_audit import ClientAudit
from simulator.disk import Disk, DiskJournal
from simulator.dispatcher_audit import DispatcherAudit
from simulator.environment import Clock, Environment
from simulator.ledger import Ledger
from simulator.network import Network
from simulator.process import Process
from simulator.promises import Promises

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Set, Tuple  # noqa: F401

PORTS = {DISPATCHER: 5555, CALCULATOR: 5600, CLIENT: 6000}

#: The virtual address of the dispatcher, if it has one.
VIRTUAL = ('virtual', 5555)

#: Lines of the story that are kept for the report of a failure.
LINES_KEPT = 4000

#: What the wall clock shows at the beginning: any time.
WALL_BEGAN_AT = 1.5e9

#: The interval of the checks that are too expensive for each step.
SWEEP_S = 5.0


def seal_of(settings):
    # type: (Dict[str, Any]) -> Any
    """The seal of a process with these settings. No file is read: the name of a key file stands for its key."""
    path = settings['key_file']
    return CHECKSUM if path is None else Signature([path.encode('utf-8').rjust(KEY_CHARS_MIN, b'.')])


class World(object):
    """Builds the world of a seed and lets virtual time pass; ``simulator.run`` determines what happens when."""

    NETWORK = Network
    PROCESS = Process

    def __init__(self, seed, settings, tell=None):
        # type: (int, Dict[str, Any], Callable[[Any], None] | None) -> None
        self.seed = seed
        self.settings = settings
        self.agenda = Agenda()
        # One generator for each concern, so that a change in one does not redraw the others.
        self._seeds = Random(seed)
        self.rng = self.generator()
        self.names = {}  # type: Dict[str, Any]
        self.network = self.NETWORK(self.agenda, self.generator(), settings['network'], self._deliver, self._report)
        if settings['network']['virtual_address']:
            self.network.virtual = VIRTUAL
        self.lines = deque(maxlen=LINES_KEPT)  # type: Any
        self._tell = tell
        self.environment = Environment(self.agenda, self.network, self.names, None if tell is None else self._record,
                                       settings['faults']['buffer_datagrams'], settings['turn_cost_s'])
        self.ledger = Ledger()
        self.ledger.has_key = settings['dispatcher']['key_file'] is not None
        #: The disk with the dispatcher's journal and the promises based on it; None without a journal.
        self.disk = None  # type: Disk | None
        self.promises = None  # type: Promises | None
        if settings['dispatcher']['journal'] is not None:
            self.disk = Disk(self.generator())
            self.promises = Promises(self.disk, self.ledger)
        #: By how much the wall clock was set since the beginning.
        self.wall_stepped_s = 0.0
        self.poisoned = set()  # type: Set[str]
        self.on_poison = lambda process: None  # type: Callable[[Process], None]
        #: Processes in the order of their start. ``_sweep`` removes ended ones.
        self.processes = []  # type: List[Process]
        self._at = self.environment.at
        #: The sums of the counters of ended processes, as 'role.counter'.
        self.counts = {}  # type: Dict[str, int]
        self.agenda.after(SWEEP_S, self._sweep)

    def generator(self):
        # type: () -> Random
        """A new generator, for another concern."""
        return Random(self._seeds.getrandbits(40))

    # Building.

    def start(self):
        # type: () -> None
        self.start_dispatcher()
        for name, changes in scenario.members(self.settings, CALCULATOR):
            self.start_calculator(name, **changes)
        start_s = self.settings['start_s']
        for name, changes in scenario.members(self.settings, CLIENT):
            if start_s:
                self.agenda.after(start_s * self.rng.random(),
                                  lambda member: self.start_client(member[0], **member[1]), (name, changes))
            else:
                self.start_client(name, **changes)

    def start_dispatcher(self, host=None):
        # type: (str | None) -> Process
        """Raises ``DiskBroken`` if the journal cannot be opened."""
        settings = self.settings['dispatcher']
        journal = None if self.disk is None else DiskJournal(self.disk, self.wall)
        process = self._start(DISPATCHER, self._dispatcher(settings), host, settings, journal)
        if self.network.virtual is None:
            self.names[DISPATCHER] = process.address
        else:
            self.names[DISPATCHER] = process.known_as = self.network.virtual
            self.network.behind = process.address
        return process

    def start_calculator(self, name, host=None, **changes):
        # type: (str, str | None, **Any) -> Process
        settings = dict(self.settings['calculator'], **changes)
        settings['outage'] = dict(settings['outage'])
        process = self._start(CALCULATOR, self._calculator(name, settings), host, settings)
        process.changes = changes
        if settings['work'] is not None:
            process.children = Children(process, settings, self.settings['calls'], self.generator())
        return process

    def start_client(self, name, host=None, **changes):
        # type: (str, str | None, **Any) -> Process
        settings = dict(self.settings['client'], **changes)
        process = self._start(CLIENT, self._client(name, settings), host, settings)
        process.changes = changes
        return process

    def _start(self, role, core, host, settings, journal=None):
        # type: (str, Any, str | None, Dict[str, Any], DiskJournal | None) -> Process
        audit = self._audit(role, settings)
        clock = self._clock(core.name)
        can_rebind = role != CALCULATOR or settings['listen']['port'] == 0
        process = self.PROCESS(role, core, audit, (host or core.name, PORTS[role]), self.environment, clock,
                               self._turn_generator(core.name), seal_of(settings),
                               None if role == DISPATCHER else DISPATCHER, self._is_slow(core.name), can_rebind)
        self.processes.append(process)
        if journal is not None:
            audit.take_over(clock.now(), self.wall())
            process.recover(journal)
        process.start()
        return process

    # The parts of a process.

    def _dispatcher(self, settings):
        # type: (Dict[str, Any]) -> Any
        return DispatcherCore(settings, DISPATCHER, draw_incarnation(self.rng), self.generator())

    def _calculator(self, name, settings):
        # type: (str, Dict[str, Any]) -> Any
        incarnations = self.generator()
        return (CalculatorCore if settings['work'] is None else WorkingCalculatorCore)(
            settings, name, lambda: draw_incarnation(incarnations), self.generator())

    def _client(self, name, settings):
        # type: (str, Dict[str, Any]) -> Any
        return (Caller if 'calls' in settings else ClientCore)(
            settings, name, draw_incarnation(self.rng), self.generator())

    def _audit(self, role, settings):
        # type: (str, Dict[str, Any]) -> Any
        if role == CALCULATOR:
            return CalculatorAudit(self.ledger, settings, self._on_taken)
        return (DispatcherAudit if role == DISPATCHER else ClientAudit)(self.ledger, settings, self.promises)

    def _clock(self, name):
        # type: (str) -> Clock
        draw = self.rng.random
        pace = 1 + self.settings['faults']['clock_drift'] * (2 * draw() - 1)
        return Clock(self.agenda, pace, 1000 * draw())

    def _turn_generator(self, name):
        # type: (str) -> Random
        return self.generator()

    def _is_slow(self, name):
        # type: (str) -> bool
        return self.rng.random() < self.settings['faults']['slow_process']

    # Observation and checks.

    def wall(self):
        # type: () -> float
        """The time of day in seconds."""
        return WALL_BEGAN_AT + self.wall_stepped_s + self.agenda.now

    def running(self, role=None):
        # type: (str | None) -> List[Process]
        """The running processes, of one role or of all."""
        return [process for process in self.processes if process.is_running and role in (None, process.role)]

    def run_until(self, when):
        # type: (float) -> None
        """Let virtual time pass until ``when``."""
        self.agenda.run(when)

    def check_all(self):
        # type: () -> None
        for process in self.running():
            process.core.check_invariants()
            if not process.is_suspended:
                process.audit.sweep(process.clock.now())

    def note_disk(self, what):
        # type: (str) -> None
        """Add a line about the disk to the story."""
        if self.environment.record is not None:
            self.environment.record((self.agenda.now, 'disk', what, None, {}))

    def add_counts(self, process):
        # type: (Process) -> None
        """Add the counters of an ended process to ``counts``."""
        counts = self.counts
        account = process.core.account(process.clock.now())
        traffic = process.turn.account()
        found = dict(account['counts'])
        found.update((name, number) for name, number in traffic.items() if type(number) is int)
        for cause, number in traffic['refused'].items():
            found['refused_' + cause] = number
        for part in ('ends', 'outcomes', 'attempts'):
            for name, number in account.get(part, {}).items():
                found['%s_%s' % (part[:-1], name)] = number
        for name, number in found.items():
            key = '%s.%s' % (process.role, name)
            counts[key] = counts.get(key, 0) + number

    # Called by the network, the agenda and the processes.

    def _deliver(self, address, datagram, source, is_false):
        # type: (Any, bytes, Any, bool) -> bool
        process = self._at.get(address)
        if process is None or not process.is_running:
            return False
        process.deliver(datagram, source, is_false)
        return True

    def _report(self, flight):
        # type: (Tuple[Any, Any]) -> None
        source, target = flight
        process = self._at.get(source)
        if process is not None and process.is_running:
            process.hint(target)

    def _sweep(self, _):
        # type: (None) -> None
        # Ended processes are removed, so that a long run with many restarts stays fast.
        for process in self.processes:
            if not process.is_running:
                self.add_counts(process)
        self.processes = [process for process in self.processes if process.is_running]
        for process in self.processes:
            if not process.is_suspended:
                process.audit.sweep(process.clock.now())
        self.agenda.after(SWEEP_S, self._sweep)

    def _on_taken(self, process, task_id):
        # type: (Process, str) -> None
        if task_id in self.poisoned:
            self.on_poison(process)

    def _record(self, line):
        # type: (Any) -> None
        self.lines.append(line)
        self._tell(line)  # type: ignore[misc]
