"""Faults of the processes of a world: kills, suspensions, stops, partitions, moves, poisonous tasks.

Each kind of fault repeats at random intervals until ``end``. A killed or stopped process starts again after a random
time, at the same or another address, or never.
"""

from __future__ import absolute_import, division, print_function

from functools import partial

from common import lengths
from net_protocol.rows import CALCULATOR, CLIENT, DISPATCHER
from simulator.disk import FAILING, FULL, DiskBroken
from simulator.noise import Strangers
from simulator.process import AFTER_COMMIT, BEFORE_COMMIT, DEAF, DUMB

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Set, Tuple  # noqa: F401

    from simulator.process import Process  # noqa: F401
    from simulator.world import World  # noqa: F401

COUNTERS = ('kills', 'kills_while_sending', 'kills_by_poison', 'stops', 'suspensions', 'moves', 'never_back',
            'partitions', 'partitions_one_way', 'poisonous_tasks', 'uncomputable_tasks', 'kills_before_commit',
            'kills_after_commit', 'kills_in_recovery', 'disks_full', 'disks_failing', 'journals_lost', 'older_journals',
            'wall_steps', 'late_turns', 'flaps', 'clones', 'byzantine_deaf', 'byzantine_dumb')

#: Share of restarts of a dispatcher with a journal after which it is killed again, within this time.
AGAIN = 0.2
AGAIN_S = 1.6

#: By how much a wall clock is set: a second, an hour or ten years, forwards or backwards.
WALL_STEPS_S = [1.0, 3600.0, 3e8]

#: A process that is killed while it sends has sent fewer datagrams of this turn than that.
SENDS_LEFT_MAX = 4


class Faults(object):
    """The faults of one world."""

    def __init__(self, world):
        # type: (World) -> None
        self.counts = dict.fromkeys(COUNTERS, 0)
        self.strangers = Strangers(world.generator(), world.network, world.ledger.has_key)
        self._world = world
        self._rng = world.generator()
        self._settings = world.settings['faults']
        self._is_over = False
        self._suspended = []  # type: List[Process]
        self._moves = 0
        self._clones = 0
        self._byzantine = None  # type: Process | None
        self._flapping = None  # type: str | None
        # A backup of the journal.
        self._copy = None  # type: Any

    def begin(self):
        # type: () -> None
        self._world.on_poison = self._poison
        for key, action in (
                ('calculator_crash_s', partial(self._kill_one, CALCULATOR)),
                ('dispatcher_crash_s', partial(self._kill_one, DISPATCHER)),
                ('client_crash_s', partial(self._kill_one, CLIENT)), ('stop_s', self._stop), ('freeze_s', self._freeze),
                ('partition_s', self._partition), ('poison_s', self._send_poison), ('noise_s', self._disturb),
                ('disk_s', self._break_disk), ('late_turns_s', self._make_late), ('clone_s', self._clone),
                ('flap_s', self._flap)):
            if lengths.longest(self._settings[key]) > 0:
                self._repeat((key, action))
        if self._draw() < self._settings['byzantine']:
            self._turn_byzantine()
        for event in self._world.settings['events']:
            self._world.agenda.at(event['at_s'], self._happen, event)

    def end(self):
        # type: () -> List[Tuple[str, str]]
        """End the faults and resume suspended processes. Returns the directions that stay cut, at most one."""
        self._is_over = True
        for process in self._suspended:
            process.resume()
        for process in self._world.running():
            process.is_late = False
            if process.is_clone:
                process.kill()
        if self._byzantine is not None and self._byzantine.is_running:
            self._byzantine.kill()
            self._restart(self._byzantine)
        self._mend_disk()
        calculators = self._world.running(CALCULATOR)
        keep = []
        if calculators and self._draw() < self._settings['one_way_for_ever']:
            dispatcher = self._world.names[DISPATCHER][0]
            keep.append((dispatcher, self._one_of(calculators).address[0]))
        self._world.network.heal(keep)
        return keep

    def _draw(self):
        # type: () -> float
        return self._rng.random()

    def _drawn_s(self, key):
        # type: (str) -> float
        """A random length from the settings."""
        return lengths.draw(self._rng.random, self._settings[key])

    def _one_of(self, things):
        # type: (List[Any]) -> Any
        return things[int(self._rng.random() * len(things))]

    def _repeat(self, pair):
        # type: (Tuple[str, Callable[[], None]]) -> None
        self._world.agenda.after(self._drawn_s(pair[0]), self._come, pair)

    def _come(self, pair):
        # type: (Tuple[str, Callable[[], None]]) -> None
        if not self._is_over:
            pair[1]()
            self._repeat(pair)

    def _happen(self, event):
        # type: (Dict[str, Any]) -> None
        """A scheduled event."""
        if self._is_over:
            return
        if 'kill' in event:
            for process in self._world.running():
                if process.name == event['kill'] and not process.is_clone:
                    self._kill(process, None)
                    if 'back_after_s' in event:
                        self._world.agenda.after(event['back_after_s'], self._restart, process)
            return
        calculators = self._world.running(CALCULATOR)
        for process in calculators[:int(round(event['restart_share'] * len(calculators)))]:
            self._kill(process, None)
            self._world.agenda.after(self._drawn_s('restart_s'), self._restart, process)

    # Kills and restarts.

    def _flap(self):
        # type: () -> None
        calculators = [process for process in self._world.running(CALCULATOR) if not process.is_clone]
        if self._flapping is None and calculators:
            # The last one has functions if any has.
            self._flapping = calculators[-1].name
        for process in calculators:
            if process.name == self._flapping:
                self.counts['flaps'] += 1
                self._kill(process, None)
                self._world.agenda.after(0.0, self._restart, process)

    def _kill_one(self, role):
        # type: (str) -> None
        living = self._world.running(role)
        if living:
            process = self._one_of(living)
            if role == DISPATCHER and self._world.disk is not None and self._draw() < 0.5:
                self._kill_at_commit(process)
            else:
                self._kill(process, None if self._draw() < 0.5 else int(SENDS_LEFT_MAX * self._draw()))
            self._restart_later(process)

    def _kill_at_commit(self, process):
        # type: (Process) -> None
        where = self._one_of([BEFORE_COMMIT, AFTER_COMMIT])
        self.counts['kills_before_commit' if where == BEFORE_COMMIT else 'kills_after_commit'] += 1
        process.kill_at_commit(where)

    def _kill(self, process, sends_left):
        # type: (Process, int | None) -> None
        self.counts['kills' if sends_left is None else 'kills_while_sending'] += 1
        process.kill(sends_left)

    def _poison(self, process):
        # type: (Process) -> None
        """The process took a poisonous task in this turn, which kills it."""
        self.counts['kills_by_poison'] += 1
        self._kill(process, int(SENDS_LEFT_MAX * self._draw()))
        self._restart_later(process, is_accident=True)

    def _stop(self):
        # type: () -> None
        process = self._one_of(self._world.running() or [None])
        if process is None or process.audit.told_to_stop:
            return
        self.counts['stops'] += 1
        process.note('told to stop', {})
        process.stop()
        # As a supervisor does: a process that does not stop in time is killed.
        self._world.agenda.after(self._rng.uniform(0.5, 12), self._end_what_was_stopped, process)

    def _end_what_was_stopped(self, process):
        # type: (Process) -> None
        process.kill()
        self._restart_later(process)

    def _restart_later(self, process, is_accident=False):
        # type: (Process, bool) -> None
        if process.role == CALCULATOR and not is_accident and self._draw() < self._settings['never_back']:
            self.counts['never_back'] += 1
            return
        self._world.agenda.after(self._drawn_s('restart_s'), self._restart, process)

    def _restart(self, dead):
        # type: (Process) -> None
        name = dead.core.name
        if not dead.is_dead:
            # It was to die while sending, and has not sent anything since.
            dead.kill()
        if dead.is_clone or any(process.name == name and not process.is_clone for process in self._world.running()):
            return
        host = dead.address[0]
        if self._draw() < self._settings['move'] and not self._is_over:
            self.counts['moves'] += 1
            self._moves += 1
            host = '%s-moved-%d' % (name, self._moves)
        if dead.role == DISPATCHER:
            self._restart_dispatcher(dead, host)
        elif dead.role == CALCULATOR:
            self._world.start_calculator(name, host, **dead.changes)
        else:
            self._world.start_client(name, host, **dead.changes)

    # The journal.

    def _restart_dispatcher(self, dead, host):
        # type: (Process, str) -> None
        if self._world.disk is not None and not self._is_over:
            self._change_journal(self._world.disk)
        try:
            process = self._world.start_dispatcher(host)
        except DiskBroken:
            # A supervisor tries again.
            self._world.agenda.after(self._drawn_s('restart_s'), self._restart, dead)
            return
        if self._world.disk is not None and not self._is_over and self._draw() < AGAIN:
            self._world.agenda.after(AGAIN_S * self._draw(), self._kill_again, process)

    def _kill_again(self, process):
        # type: (Process) -> None
        if process.is_running and not self._is_over:
            self.counts['kills_in_recovery'] += 1
            self._kill(process, None)
            self._restart_later(process)

    def _change_journal(self, disk):
        # type: (Any) -> None
        """Between two incarnations: lose the journal, replace it by a backup, or set the wall clock."""
        if self._draw() < self._settings['other_journal']:
            if self._copy is None or self._draw() < 0.3:
                self.counts['journals_lost'] += 1
                self._world.note_disk('journal lost')
                disk.restore((0, {}))
            else:
                self.counts['older_journals'] += 1
                self._world.note_disk('older journal')
                disk.restore(self._copy)
            self._world.promises.begin_anew()  # type: ignore[union-attr]
        elif self._draw() < 0.3:
            self._copy = disk.copy()
        if self._draw() < self._settings['wall_step']:
            self.counts['wall_steps'] += 1
            self._world.note_disk('wall clock set')
            self._world.wall_stepped_s += self._one_of(WALL_STEPS_S) * (2 * self._draw() - 1)

    def _break_disk(self):
        # type: () -> None
        disk = self._world.disk
        if disk is None or disk.failure is not None:
            return
        disk.failure = self._one_of([FULL, FAILING])
        self.counts['disks_full' if disk.failure == FULL else 'disks_failing'] += 1
        self._world.note_disk('disk full' if disk.failure == FULL else 'disk failing')
        self._world.agenda.after(self._drawn_s('disk_duration_s'), self._mend_disk)

    def _mend_disk(self, _=None):
        # type: (None) -> None
        disk = self._world.disk
        if disk is not None and disk.failure is not None:
            self._world.note_disk('disk well')
            disk.failure = None

    # Suspensions, partitions, late turns.

    def _freeze(self):
        # type: () -> None
        process = self._one_of(self._world.running() or [None])
        if process is None or process.is_suspended:
            return
        self.counts['suspensions'] += 1
        process.note('suspended', {})
        process.suspend()
        self._suspended.append(process)
        self._world.agenda.after(self._drawn_s('freeze_duration_s'), self._thaw, process)

    def _thaw(self, process):
        # type: (Process) -> None
        if process.is_suspended:
            self._suspended.remove(process)
            process.note('resumed', {})
            process.resume()

    def _partition(self):
        # type: () -> None
        hosts = [process.address[0] for process in self._world.running()]
        if not hosts:
            return
        one, other = self._one_of(hosts), self._one_of(hosts)
        links = [(one, other)]
        if self._draw() < self._settings['one_way']:
            self.counts['partitions_one_way'] += 1
        else:
            self.counts['partitions'] += 1
            links.append((other, one))
        for link in links:
            self._world.network.cut(link)
        self._world.agenda.after(self._drawn_s('partition_duration_s'), self._mend, links)

    def _mend(self, links):
        # type: (List[Tuple[str, str]]) -> None
        if not self._is_over:
            for link in links:
                self._world.network.mend(link)

    def _make_late(self):
        # type: () -> None
        for process in self._world.running(DISPATCHER):
            if not process.is_late:
                self.counts['late_turns'] += 1
                process.note('its turns are late', {})
                process.is_late = True
                self._world.agenda.after(self._drawn_s('late_turns_duration_s'), self._make_prompt, process)

    def _make_prompt(self, process):
        # type: (Process) -> None
        process.is_late = False

    # Processes that share a name or violate the protocol.

    def _clone(self):
        # type: () -> None
        """Start a second process with the name of a running one, and kill it later."""
        originals = [process for process in self._world.running() if process.role != DISPATCHER
                     and process.fault is None]
        if originals:
            self.counts['clones'] += 1
            self._clones += 1
            original = self._one_of(originals)
            host = '%s-clone-%d' % (original.name, self._clones)
            if original.role == CALCULATOR:
                clone = self._world.start_calculator(original.name, host, **original.changes)
            else:
                clone = self._world.start_client(original.name, host, **original.changes)
            clone.is_clone = True
            self._world.agenda.after(self._drawn_s('clone_duration_s'), lambda _: clone.kill())

    def _turn_byzantine(self):
        # type: () -> None
        process = self._one_of(self._world.running(CLIENT) + self._world.running(CALCULATOR))
        process.fault = self._one_of([DEAF, DUMB])
        self.counts['byzantine_deaf' if process.fault == DEAF else 'byzantine_dumb'] += 1
        process.note(process.fault, {})
        self._byzantine = process

    # Poisonous tasks, datagrams from strangers.

    def _send_poison(self):
        # type: () -> None
        clients = [process for process in self._world.running(CLIENT) if not process.audit.told_to_stop
                   and 'calls' not in process.audit.settings
                   and len(process.audit.pending) < process.audit.settings['in_flight_max']]
        if not clients:
            return
        client = self._one_of(clients)
        if self._draw() < 0.5:
            self.counts['uncomputable_tasks'] += 1
            client.submit([u'no', u'text'])
        else:
            self.counts['poisonous_tasks'] += 1
            client.submit(u'poison', self._world.poisoned.add)

    def _disturb(self):
        # type: () -> None
        processes = self._world.running()
        if processes:
            process = self._one_of(processes)
            self.strangers.disturb(process.address, process.role)
