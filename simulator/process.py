"""A process in virtual time: a real core, the real wire, and around them what an operating system would be.

Its turns are those of the real loop: read what has arrived, at most so many datagrams, let timers fire, write, send. A
turn takes time, so what arrives meanwhile is read together in the next one. It can be killed at any step of a turn (not
written, written and nothing sent, some sent, all sent), suspended, and run slowly; its socket buffer overflows; its
clock has an origin and a pace of its own. Whatever its core takes, says and gives passes by an audit.
"""

from __future__ import absolute_import, division, print_function

from net_protocol.addresses import Addresses
from net_protocol.errors import DatagramRefused
from net_protocol.wire import Wire
from simulator.datagram_audit import AddressAudit, DatagramAudit
from simulator.violations import SafetyViolation

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Tuple  # noqa: F401

    from net_protocol.core import Core  # noqa: F401
    from net_protocol.guard import Guard  # noqa: F401
    from simulator.agenda import Agenda  # noqa: F401
    from simulator.disk import DiskJournal  # noqa: F401
    from simulator.network import Network  # noqa: F401

#: As in the real loop.
READS_MAX = 256

#: Waking up is no more exact than this.
WAKE_LATER_S = 1e-6

#: How long a turn takes, and how much longer for a slow process.
TURN_S = 0.00005
SLOW_FACTOR = 100

#: Where a kill may strike: in the next turn that writes, in the next one that comes to sending, or at once.
BEFORE_COMMIT = 'before its commit'
AFTER_COMMIT = 'after its commit'
WHILE_SENDING = 'while sending'
AFTER_SENDING = 'after sending'
BETWEEN_TURNS = 'between two turns'

#: Turns between two checks of the core's own books, which cost a walk over all of them.
TURNS_PER_CHECK = 64

#: As in ``runtime.names``: when the peer has been quiet for so long its name is asked for again, at growing intervals.
QUIET_S = 5.0
ASK_FIRST_S = 1.0
ASK_LAST_S = 30.0


class Environment(object):
    """What all processes of a world share. ``names`` says where each host name leads to at the moment."""

    def __init__(self, agenda, network, names, record, buffer_datagrams):
        # type: (Agenda, Network, Dict[str, Any], Any, int) -> None
        self.agenda = agenda
        self.network = network
        self.names = names
        #: Datagrams that the buffer of a socket holds.
        self.buffer_datagrams = buffer_datagrams
        #: ``record((virtual time, process name, what, peer, thing))`` keeps a line of the story.
        self.record = record
        self.datagrams = DatagramAudit()
        #: (to, from) -> when something from the second address last arrived at the first.
        self.reached = {}  # type: Dict[Tuple[Any, Any], float]
        self.overflowed = 0


class Clock(object):
    """A monotonic clock that began anywhere and runs a little fast or slow."""

    __slots__ = ('_agenda', '_pace', '_origin')

    def __init__(self, agenda, pace=1.0, origin=0.0):
        # type: (Agenda, float, float) -> None
        self._agenda = agenda
        self._pace = pace
        self._origin = origin

    def now(self):
        # type: () -> float
        """What it shows."""
        return self._origin + self._agenda.now * self._pace

    def virtual(self, when):
        # type: (float) -> float
        """The virtual time at which it will show ``when``."""
        return (when - self._origin) / self._pace


class Process(object):
    """One life of a process. For the wire it stands in for its core, so that the audit sees every message."""

    def __init__(self, role, core, audit, address, environment, clock, is_slow=False, peer=None, guard=None):
        # type: (str, Core, Any, Any, Environment, Clock, bool, str | None, Guard | None) -> None
        self.role = role
        self.core = core
        self.audit = audit
        self.address = address
        self.clock = clock
        self.is_dead = False
        self.is_suspended = False
        #: Settings in which it differs from others of its role, for whoever starts it again.
        self.changes = {}  # type: Dict[str, Any]
        #: When it was last suspended or began: nobody judges it for being late shortly after.
        self.disturbed_at = environment.agenda.now
        # Drawn from nothing: nobody in a world of ours guesses it, and another world would come of it.
        addresses = Addresses(core.incarnation.encode('ascii'), lambda _: False)
        self.wire = Wire(self, addresses, guard)  # type: ignore[arg-type]
        self._has_key = guard is not None
        # Its present life, since when, and the sender of the datagram that is being handled.
        self._life = core.incarnation
        self._life_began_at = environment.agenda.now
        self._sender = None  # type: Any
        self._environment = environment
        self._agenda = environment.agenda
        self._send = environment.network.send
        self._record = environment.record
        self._turn_s = TURN_S * (SLOW_FACTOR if is_slow else 1)
        self._inbox = []  # type: List[Tuple[bytes, Any, bool]]
        self._inbox_max = environment.buffer_datagrams
        self._free_at = 0.0
        # When it will be woken: one entry of the agenda counts, the earliest; any other that comes up does nothing.
        self._wake_at = None  # type: float | None
        # Set by a kill: how many datagrams of the next flush still go out.
        self._sends_left = None  # type: int | None
        # Set by a kill: where in its next write it dies.
        self._dies = None  # type: str | None
        self._journal = None  # type: DiskJournal | None
        self._turns = 0
        # The name of its peer, the address that led to, and when to ask again.
        self._peer = peer
        self._peer_address = None if peer is None else environment.names.get(peer)
        self._ask_at = 0.0
        self._ask_wait_s = ASK_FIRST_S
        self._limits = AddressAudit(self, environment.agenda.now, environment.reached)
        self._limits.trust(self._peer_address)
        core.trace = True
        audit.begin(self)

    @property
    def name(self):
        # type: () -> str
        return self.core.name

    @property
    def incarnation(self):
        # type: () -> str
        return self.core.incarnation

    def __repr__(self):
        # type: () -> str
        return '%s (%s)' % (self.core.name, self.core.incarnation)

    @property
    def is_running(self):
        # type: () -> bool
        """Neither dead nor at its end."""
        return not self.is_dead and not self.core.is_stopped

    # What the world does to it.

    def recover(self, journal):
        # type: (DiskJournal) -> None
        """Go on where an earlier life stood. Before ``start``."""
        self._journal = journal
        self.core.recover(self.clock.now(), journal.lives, journal.rows())  # type: ignore[attr-defined]

    def start(self):
        # type: () -> None
        """The first turn."""
        now = self.clock.now()
        self._ask_at = now + QUIET_S
        self.core.start(now)
        self._end_turn(now)

    def deliver(self, datagram, source, is_false):
        # type: (bytes, Any, bool) -> None
        """A datagram arrives at its socket; one that ``is_false`` has to be refused."""
        self._limits.arrived(self._agenda.now, source, len(datagram))
        inbox = self._inbox
        if len(inbox) >= self._inbox_max:
            self._environment.overflowed += 1
            return
        inbox.append((datagram, source, is_false))
        if self.is_suspended:
            return
        if self._free_at <= self._agenda.now:
            self._turn()
        else:
            self._plan(self._free_at)

    def kill(self, sends_left=None):
        # type: (int | None) -> None
        """SIGKILL: at once, or after that many datagrams of its next flush."""
        if sends_left is None:
            self._die(BETWEEN_TURNS)
        else:
            self._sends_left = sends_left

    def kill_at_commit(self, where):
        # type: (str) -> None
        """SIGKILL the next time that it writes, BEFORE_COMMIT or AFTER_COMMIT."""
        self._dies = where

    def _die(self, where):
        # type: (str) -> None
        if self.is_running:
            self._record((self._agenda.now, self.core.name, 'killed', None, {'where': where}))
        self.is_dead = True

    def suspend(self):
        # type: () -> None
        """SIGSTOP."""
        self.is_suspended = True

    def resume(self):
        # type: () -> None
        """SIGCONT."""
        self.is_suspended = False
        self.disturbed_at = self._agenda.now
        self._wake_at = None
        self._plan(self._agenda.now)

    def stop(self):
        # type: () -> None
        """SIGTERM; a process that is suspended hears of it later, one that is dead never."""
        if self.is_running and not self.is_suspended:
            self.audit.told_to_stop = True
            self.core.stop(self.clock.now())
            self._end_turn(self.clock.now())

    def submit(self, payload, note_id=None):
        # type: (Any, Callable[[str], None] | None) -> None
        """A client sends a task that it did not draw; ``note_id`` is told its id before anybody else hears of it."""
        if self.is_running and not self.is_suspended:
            task_id = self.core.submit(self.clock.now(), payload)  # type: ignore[attr-defined]
            if note_id is not None:
                note_id(task_id)
            self._end_turn(self.clock.now())

    # What the wire takes for a core.

    def handle_message(self, now, sender, message):
        # type: (float, Any, Any) -> None
        if self._has_key and sender is not self._sender:
            self._sender = sender
            self._environment.datagrams.believed(self.core.name, self._life, self.address, self._life_began_at,
                                                 sender)
        core = self.core
        self._record((self._agenda.now, core.name, '<-', sender.name, message))
        self.audit.handed(now, sender, message)
        core.handle_message(now, sender, message)
        for event in core.take_events():
            self._note_event(now, event)

    def take_outgoing(self):
        # type: () -> List[Tuple[Any, Any]]
        outgoing = self.core.take_outgoing()
        if outgoing:
            record, sent, name = self._record, self.audit.sent, self.core.name
            virtual_now, now = self._agenda.now, self.clock.now()
            for address, message in outgoing:
                record((virtual_now, name, '->', address, message))
                sent(now, address, message)
        return outgoing

    def _note_event(self, now, event):
        # type: (float, Any) -> None
        self._record((self._agenda.now, self.core.name, event.kind, None, event.facts))
        self.audit.event(now, event)

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
        timer = self.core.next_timer()
        if self._inbox or (timer is not None and timer <= self.clock.now()):
            self._turn()
        elif timer is not None:
            # It was moved since; the agenda is told when it is looked at, not each time it moves. Or the clocks round
            # differently, and its time is still to come by a hair.
            self._plan(max(self.clock.virtual(timer), self._agenda.now + WAKE_LATER_S))

    def _turn(self):
        # type: () -> None
        core = self.core
        if self.is_dead or core.is_stopped:
            return
        now = self.clock.now()
        if self._inbox:
            self._read(now)
        timer = core.next_timer()
        if timer is not None and timer <= now:
            self.audit.message = None
            core.handle_timer(now)
        if self._peer is not None and now >= self._ask_at:
            self._ask_for_peer(now)
        self._end_turn(now)

    def _read(self, now):
        # type: (float) -> None
        batch = self._inbox[:READS_MAX]
        del self._inbox[:READS_MAX]
        for datagram, source, is_false in batch:
            if source == self._peer_address:
                self._ask_wait_s = ASK_FIRST_S
                self._ask_at = now + QUIET_S
            try:
                self.wire.receive(now, datagram, source)
            except DatagramRefused:
                # Counted by the wire; the process goes on.
                continue
            if is_false:
                raise SafetyViolation('S15', 'damaged or forged, and not refused: %r' % (datagram,), self.core.name)

    def _ask_for_peer(self, now):
        # type: (float) -> None
        self._peer_address = self._environment.names.get(self._peer)  # type: ignore[arg-type]
        self._limits.trust(self._peer_address)
        self._ask_at = now + self._ask_wait_s
        self._ask_wait_s = min(2 * self._ask_wait_s, ASK_LAST_S)

    def _resolve(self, target):
        # type: (Any) -> Any
        return self._peer_address if target == self._peer else target

    def _end_turn(self, now):
        # type: (float) -> None
        core = self.core
        if core.incarnation != self._life:
            self._life = core.incarnation
            self._life_began_at = self._agenda.now
        for event in core.take_events():
            self._note_event(now, event)
        if self._journal is not None:
            self._write(self._journal, now)
            if self.is_dead:
                return
        self._flush(now)
        self.audit.end_turn(now)
        if self._sends_left is not None:
            self._die(WHILE_SENDING if self._sends_left < 0 else AFTER_SENDING)
        self._turns += 1
        if self._turns % TURNS_PER_CHECK == 0:
            core.check_invariants()
        if core.is_stopped or self.is_dead:
            return
        self._free_at = self._agenda.now + self._turn_s
        if self._inbox:
            self._plan(self._free_at)
        timer = core.next_timer()
        if timer is not None:
            self._plan(self.clock.virtual(timer))

    def _flush(self, now):
        # type: (float) -> None
        send, address = self._send, self.address
        for target, datagram in self.wire.take_datagrams(now, self._resolve):
            if self._sends_left is not None:
                self._sends_left -= 1
                if self._sends_left < 0:
                    break
            self._limits.sending(target, len(datagram))
            if self._has_key:
                self._environment.datagrams.sent(self._agenda.now, target, datagram)
            send(address, target, datagram)

    def _write(self, journal, now):
        # type: (DiskJournal, float) -> None
        records = self.core.take_records()
        if records is None:
            return
        if self._dies == BEFORE_COMMIT:
            self._die(BEFORE_COMMIT)
            return
        failure = journal.write(records, now)
        self.audit.written(now, records)
        if self._dies == AFTER_COMMIT:
            self._die(AFTER_COMMIT)
            return
        self.core.note_written(now, failure)
        for event in self.core.take_events():
            self._note_event(now, event)
