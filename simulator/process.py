"""A process in virtual time: a real core and the real turn in a simulated operating system.

A turn takes time; the next turn reads the datagrams that arrive meanwhile. A process can be killed between turns and at
each step of a turn (before and after the commit, while and after sending), be suspended, and run slowly or late. Its
socket buffer may overflow. Its clock has its own origin and pace. An audit observes the rows that the core handles and
sends, and its events.
"""

from __future__ import absolute_import, division, print_function

import re
from collections import deque

from net_protocol.codec import decode
from net_protocol.errors import DatagramRefused
from net_protocol.schedule import ACK_DELAY_S
from net_protocol.turn import Turn
from simulator.upstream import Upstream
from simulator.violations import SafetyViolation

MYPY = False
if MYPY:
    from typing import Any, Callable, Deque, Dict, List, Tuple  # noqa: F401

    from net_protocol.channel import Channel  # noqa: F401
    from net_protocol.core import Core, Event  # noqa: F401
    from simulator.disk import DiskJournal  # noqa: F401
    from simulator.environment import Clock, Environment  # noqa: F401

#: The resolution of wake-ups.
WAKE_LATER_S = 1e-6

#: The factor by which the turns of a slow process take longer, and the range of the duration of late turns.
SLOW_FACTOR = 100
LATE_TURN_S = (0.1, 2.0)

#: When a kill takes effect: in the next turn that writes, in the next one that sends, or at once.
BEFORE_COMMIT = 'before its commit'
AFTER_COMMIT = 'after its commit'
WHILE_SENDING = 'while sending'
AFTER_SENDING = 'after sending'
BETWEEN_TURNS = 'between two turns'

#: Turns between two calls of ``check_invariants``, plus ``audit.size``: its cost grows with the number of tasks.
TURNS_PER_CHECK = 64

#: How a process violates the protocol: it acknowledges rows that it does not handle, or does not acknowledge at all.
DEAF = 'acknowledges without handling'
DUMB = 'acknowledges nothing'
_ACKS = re.compile(b',"ack":\\[[][0-9,]*\\]')


class Killed(Exception):
    """The process ends in the middle of its turn."""


class Process(object):
    """One process, from its start to its end. ``peer`` is the name of the dispatcher, None for the dispatcher itself.

    ``can_rebind`` is whether it may listen at another port when the dispatcher is silent.
    """

    #: The child processes of a calculator with functions.
    children = None  # type: Any

    def __init__(self, role, core, audit, address, environment, clock, rng, seal, peer=None, is_slow=False,
                 can_rebind=True):
        # type: (str, Any, Any, Any, Environment, Clock, Any, Any, str | None, bool, bool) -> None
        self.role = role
        self.core = core
        self.name = core.name
        self.audit = audit
        self.address = address
        #: The address from which others see its datagrams come.
        self.known_as = address
        self.clock = clock
        self.is_dead = self.is_suspended = self._is_ending = False  # type: Any
        #: Neither killed nor ended.
        self.is_running = True
        #: Whether its turns are late, and how it violates the protocol (DEAF, DUMB or None).
        self.is_late = False
        self.fault = None  # type: str | None
        #: Whether it is a second process of its name.
        self.is_clone = False
        #: Settings in which it differs from others of its role, for a restart.
        self.changes = {}  # type: Dict[str, Any]
        #: When it was last suspended, late or started: shortly after, nothing counts as late.
        self.disturbed_at = environment.agenda.now
        self.seal = seal
        self.environment = environment
        self._agenda = environment.agenda
        self._network_send = environment.network.send
        self._rng = rng
        self._turn_s, self._datagram_s, self._row_s = [
            (SLOW_FACTOR if is_slow else 1) * environment.turn_cost_s[part] for part in ('turn', 'datagram', 'row')]
        # Datagrams and rows until the end of the last turn.
        self._datagrams = self._rows = 0
        self._inbox = deque()  # type: Deque[Tuple[bytes, Any, bool]]
        self._inbox_max = environment.buffer_datagrams
        self._free_at = 0.0
        # When it wakes up. Only the earliest of its entries in the agenda has an effect.
        self._wake_at = None  # type: float | None
        # Set by a kill: how many more datagrams it sends, or whether it dies before or after its next commit.
        self._sends_left = None  # type: int | None
        self._dies = None  # type: str | None
        self._journal = None  # type: DiskJournal | None
        self._turns = self._check_at = 0
        # When the next turn is due, by its clock.
        self._timer_at = None  # type: float | None
        # The source of the datagram that is being handled, and whether it is damaged or forged.
        self._source, self._is_false = None, False  # type: Any, bool
        #: Addresses to which it may send without a limit: that of its settings, and validated ones.
        self.validated = set()  # type: Any
        core.trace = True
        self._looks = {kind: getattr(audit, method) for kind, method in audit.EVENTS.items()}
        self._tap(core, audit, peer)
        self.turn = Turn(core, rng, seal, ('secret of %s' % core.incarnation).encode('ascii'))
        self._watch_turn(self.turn)
        self._upstream = None if peer is None else Upstream(self, peer, can_rebind)
        environment.at[address] = self
        audit.begin(self)

    @property
    def incarnation(self):
        # type: () -> str
        return self.core.incarnation

    @property
    def unread(self):
        # type: () -> Any
        """(datagram, source, whether it is false) of each datagram that was not read yet."""
        return self._inbox

    def __repr__(self):
        # type: () -> str
        return '%s (%s)' % (self.core.name, self.core.incarnation)

    # The audit observes everything that passes between the core and the turn.

    def _tap(self, core, audit, peer):
        # type: (Any, Any, str | None) -> None
        for kind, handler in list(core.handlers.items()):
            core.handlers[kind] = self._tapped(kind, handler, audit.HEARD.get(kind))
        heard, opened, acknowledged = core.heard, core.opened, core.acknowledged
        wanted = core.ACKNOWLEDGED

        def on_heard(now, channel):
            # type: (float, Channel) -> None
            if self._is_false:
                self._complain('S15', 'a damaged or forged datagram is believed')
            if peer is None and self._source != channel.address:
                self._complain('S15', 'a datagram from another address than that of its channel is believed')
            audit.heard(now, channel)
            heard(now, channel)

        def on_opened(now, channel):
            # type: (float, Channel) -> None
            if self._is_false:
                self._complain('S15', 'a damaged or forged datagram opens a channel')
            self._watch(channel)
            audit.opened(now, channel)
            opened(now, channel)

        def on_acknowledged(now, channel, kind, rows):
            # type: (float, Channel, str, List[Any]) -> None
            if kind in audit.ACKNOWLEDGED:
                audit.acknowledged(now, channel, kind, rows)
            if kind in wanted:
                acknowledged(now, channel, kind, rows)

        core.heard, core.opened, core.acknowledged = on_heard, on_opened, on_acknowledged
        if peer is None:
            send = core.send

            def on_send(channel, kind, row):
                # type: (Channel, str, Any) -> None
                audit.queueing(channel, kind, row)
                send(channel, kind, row)
            core.send = on_send
        core.ACKNOWLEDGED = frozenset(wanted) | audit.ACKNOWLEDGED

    def _tapped(self, kind, handler, look):
        # type: (str, Callable[..., None], str | None) -> Callable[..., None]
        audit = self.audit
        see = None if look is None else getattr(audit, look)

        def handle(now, channel, rows):
            # type: (float, Channel, List[Any]) -> None
            audit.handling(channel, kind)
            if self.fault == DEAF:
                return
            if see is not None:
                see(now, channel, kind, rows)
            handler(now, channel, rows)
        return handle

    def _watch(self, channel):
        # type: (Channel) -> None
        """Observe what is written on a channel."""
        if 'write' in vars(channel):
            return
        write, check_window, wrote = channel.write, self.audit.check_window, self.audit.wrote

        def watched(now, core, rng, seal, rows, text, losses=0, probe_of=0):
            # type: (float, Core, Any, Any, Dict[str, List[Any]], str, int, int) -> bytes
            if rows and channel.loss.segments >= channel.window.segments and not probe_of:
                check_window(channel, rows)
            datagram = write(now, core, rng, seal, rows, text, losses, probe_of)
            if rows:
                wrote(now, channel, rows)
            return datagram
        channel.write = watched  # type: ignore[method-assign]

    def _watch_turn(self, turn):
        # type: (Any) -> None
        """Observe the events, and datagrams with a ticket that belongs to no open channel."""
        note_stale, greet = turn._note_stale, turn._greet

        def stray(datagram):
            # type: (Any) -> None
            self.audit.strayed(datagram)
            note_stale(datagram)

        def greeted(now, datagram, *more):
            # type: (float, Any, *Any) -> None
            self.audit.strayed(datagram)
            greet(now, datagram, *more)
        turn.on_events, turn._note_stale, turn._greet = self._on_events, stray, greeted

    def _on_events(self, events):
        # type: (List[Event]) -> None
        record, looks = self.environment.record, self._looks
        for event in events:
            if record is not None:
                record((self._agenda.now, self.core.name, event.kind, None, event.facts))
            look = looks.get(event.kind)
            if look is not None:
                look(event.at, event.facts)

    def _complain(self, rule, sentence):
        # type: (str, str) -> None
        raise SafetyViolation(rule, sentence, self.core.name)

    # Called by the world.

    def recover(self, journal):
        # type: (DiskJournal) -> None
        """Recover the state of an earlier incarnation. Call it before ``start``."""
        self._journal = journal
        self.core.recover(self.clock.now(), journal.incarnations, journal.rows())

    def start(self):
        # type: () -> None
        """Run the first turn."""
        now = self.clock.now()
        if self._upstream is not None:
            self._upstream.start(now)
        self.core.start(now)
        self._turn()

    def deliver(self, datagram, source, is_false):
        # type: (bytes, Any, bool) -> None
        """A datagram arrives at its socket. It must refuse one that ``is_false``."""
        self.audit.arrived(self._agenda.now, source, len(datagram))
        if len(self._inbox) >= self._inbox_max:
            self.environment.overflowed += 1
            return
        self._inbox.append((datagram, source, is_false))
        self.rouse()

    def rouse(self):
        # type: () -> None
        """Run a turn as soon as possible: there is something to read."""
        if not self.is_suspended:
            if self._free_at <= self._agenda.now:
                self._turn()
            else:
                self._plan(self._free_at)

    def hint(self, address):
        # type: (Any) -> None
        """The system reports that no process listens at that address."""
        if not self.is_suspended:
            self.turn.note_unreachable(self.clock.now(), address)
            self._turn()

    def kill(self, sends_left=None):
        # type: (int | None) -> None
        """SIGKILL: at once, or after so many more datagrams."""
        if sends_left is None:
            self._die(BETWEEN_TURNS)
        else:
            self._sends_left = sends_left

    def kill_at_commit(self, where):
        # type: (str) -> None
        """SIGKILL when it next writes, BEFORE_COMMIT or AFTER_COMMIT."""
        self._dies = where

    def _die(self, where):
        # type: (str) -> None
        if self.is_running:
            self.note('killed', {'where': where})
        self.is_dead = True
        self.is_running = False

    def suspend(self):
        # type: () -> None
        """Do what SIGSTOP does."""
        self.is_suspended = True

    def resume(self):
        # type: () -> None
        """Do what SIGCONT does."""
        self.is_suspended = False
        self.disturbed_at = self._agenda.now
        if self._upstream is not None:
            self._upstream.resume(self.clock.now())
        self._wake_at = None
        self._plan(self._agenda.now)

    def stop(self):
        # type: () -> None
        """SIGTERM, unless it is suspended."""
        if self.is_running and not self.is_suspended:
            self.audit.told_to_stop = True
            self.core.stop(self.clock.now())
            self._turn()

    def submit(self, payload, note_id=None):
        # type: (Any, Callable[[str], None] | None) -> None
        """A client submits the given task. ``note_id`` gets its id before anything is sent."""
        if self.is_running and not self.is_suspended:
            task_id = self.core.submit(self.clock.now(), payload)
            if note_id is not None:
                note_id(task_id)
            self._turn()

    def note(self, what, facts):
        # type: (str, Dict[str, Any]) -> None
        """Add a line to the story."""
        if self.environment.record is not None:
            self.environment.record((self._agenda.now, self.core.name, what, None, facts))

    # Turns.

    def _plan(self, when):
        # type: (float) -> None
        if when < self._free_at:
            when = self._free_at
        if self._wake_at is None or when < self._wake_at:
            self._wake_at = when
            self._agenda.at(when, self._wake, when)

    def _wake(self, planned_at):
        # type: (float) -> None
        if self._wake_at != planned_at:
            return
        self._wake_at = None
        if self.is_suspended or self.is_dead:
            return
        timer = self._timer_at
        if self._inbox or (timer is not None and timer <= self.clock.now()) \
                or (self.children is not None and self.children.reports):
            self._turn()
        elif timer is not None:
            # The timer was set again after this wake-up was planned; or the clocks round differently, and it is due
            # within ``WAKE_LATER_S``.
            self._plan(max(self.clock.virtual(timer), self._agenda.now + WAKE_LATER_S))

    def _turn(self):
        # type: () -> None
        if not self.is_running:
            return
        core = self.core
        now = self.clock.now()
        if self._upstream is not None and now >= self._upstream.look_at:
            self._upstream.look(now)
        if self.children is not None:
            self.children.report(now)
        try:
            self.turn.run(now, self._receive, self._send, None if self._journal is None else self._write)
        except Killed as killed:
            self._die(str(killed))
            self._on_events(core.take_events())
            return
        if self.children is not None:
            self.children.take(now)
        self.audit.end_turn(now)
        if self._sends_left is not None:
            self._die(AFTER_SENDING)
        self._turns += 1
        if self._turns >= self._check_at:
            self._check_at = self._turns + TURNS_PER_CHECK + self.audit.size
            core.check_invariants()
        if self.is_dead:
            return
        if core.is_stopped and not self._is_ending:
            # As in the real loop: the last datagrams are acknowledged.
            self._is_ending = True
            self._agenda.after(ACK_DELAY_S, self._end)
        self._free_at = self._agenda.now + self._turn_took_s()
        if self._inbox:
            self._plan(self._free_at)
        timer = self._timer_at = self.turn.next_timer()
        if timer is not None:
            self._plan(self.clock.virtual(timer))

    def _turn_took_s(self):
        # type: () -> float
        turn_s = self._turn_s
        if self._row_s or self._datagram_s:
            traffic = self.turn.traffic  # type: Any
            datagrams, rows = traffic.datagrams_in + traffic.datagrams_out, traffic.rows_in + traffic.rows_out
            turn_s += self._datagram_s * (datagrams - self._datagrams) + self._row_s * (rows - self._rows)
            self._datagrams, self._rows = datagrams, rows
        if self.is_late:
            turn_s = self._rng.uniform(*LATE_TURN_S)
            self.disturbed_at = self._agenda.now + turn_s
        return turn_s

    def _end(self, _):
        # type: (None) -> None
        self.is_running = False

    def _receive(self):
        # type: () -> Tuple[bytes, Any] | None
        if not self._inbox:
            self._is_false = False
            return None
        datagram, self._source, self._is_false = self._inbox.popleft()
        if self.environment.record is not None:
            self._tell('<-', self._source, datagram)
        return datagram, self._source

    def _tell(self, way, peer, datagram):
        # type: (str, Any, bytes) -> None
        try:
            self.environment.record((self._agenda.now, self.name, way, peer[0], decode(datagram, self.seal)))
        except DatagramRefused as refusal:
            self.note('refuses a datagram from %s: %s' % (peer[0], refusal.cause), {})

    def _send(self, datagram, target):
        # type: (bytes, Any) -> None
        if self._sends_left is not None:
            self._sends_left -= 1
            if self._sends_left < 0:
                raise Killed(WHILE_SENDING)
        if target not in self.validated:
            self.audit.sending_to_stranger(target, len(datagram))
        if self.fault == DUMB:
            datagram = self.seal.seal(_ACKS.sub(b'', datagram[self.seal.LENGTH:]))
        if self.environment.record is not None:
            self._tell('->', target, datagram)
        self._network_send(self.address, target, datagram)

    def _write(self, records):
        # type: (List[Any]) -> str | None
        if self._dies == BEFORE_COMMIT:
            raise Killed(BEFORE_COMMIT)
        failure = self._journal.write(records, self.clock.now())  # type: ignore[union-attr]
        if self._dies == AFTER_COMMIT:
            raise Killed(AFTER_COMMIT)
        return failure
