"""The turn: one step of a process, without the sockets. The loop, the simulator and the tests all use it.

Datagrams in -> rows to the core; due timers; the core settles; records to the disk; datagrams out. Under load what
has arrived is handled in portions, and each portion is answered before the next is read, so that the first sender
does not wait for the last. A process with a journal answers once a turn, because one commit for all is cheaper.

Opening a channel. A client or calculator sends a *hello*, a datagram without a ticket, and the dispatcher answers
with a *greeting*: its name and incarnation, ``re`` = the number of the hello, and a fresh ticket. A greeting leaves
no state in the dispatcher and is no longer than what it answers. Whoever receives one believes it if ``re`` is in
flight, and begins its channel anew with the ticket. The dispatcher opens the channel when a datagram with the ticket
arrives, which also validates the address. Without the ticket of an open channel, from its address, nothing of a
datagram is handled; it is answered by a greeting.
"""

from __future__ import absolute_import, division, print_function

from collections import deque

from net_protocol import codec
from net_protocol.alarms import Alarms
from net_protocol.budget import READS_MAX, ROWS_READ_MAX, ReadingBudget
from net_protocol.channel import PROBE_BYTES
from net_protocol.codec import decode
from net_protocol.directory import Directory
from net_protocol.errors import DatagramRefused
from net_protocol.limits import NUMBERS_AHEAD_MAX
from net_protocol.recovery import GRANULARITY_S
from net_protocol.rows import AT_ONCE, LISTENS_TO, ORDER, PROBE, SUBMITS, UNACKNOWLEDGED, UNRELIABLE
from net_protocol.schedule import ACK_DELAY_S, PROBES_TO_COLLAPSE, SLEEP_S
from net_protocol.seals import CHECKSUM
from net_protocol.traffic import BAD_NUMBER, WRONG_ROLE, Traffic

MYPY = False
if MYPY:
    from typing import Any, Callable, Deque, Dict, List, Tuple  # noqa: F401

    from net_protocol.channel import Channel  # noqa: F401
    from net_protocol.codec import Datagram  # noqa: F401
    from net_protocol.core import Core  # noqa: F401

#: Rows after which what came of them is sent before more is read. Many enough that datagrams stay full.
PORTION_ROWS = 64

#: Hellos that a greeting may answer: a round trip may be longer than the first time-outs.
HELLOS_MAX = 16

#: Two datagrams wait for an acknowledgement: it leaves at the end of the turn (RFC 9000 section 13.2.2).
WAITING_MAX = 2


class Turn(object):
    """Drives one core. ``rng`` draws first numbers and jitter, ``secret`` makes tickets, ``is_local(address)`` tells
    the addresses of this machine, which need no padding and take longer datagrams.

    ``on_refusal(cause, detail, address)`` is called for each refused datagram, ``on_events(events)`` with the core's
    events.
    """

    def __init__(self, core, rng, seal=CHECKSUM, secret=b'', is_local=lambda address: False):
        # type: (Core, Any, Any, bytes, Callable[[Any], bool]) -> None
        self.traffic = Traffic()
        self.on_refusal = lambda cause, detail, address: None  # type: Callable[[str, str, Any], None]
        self.on_events = lambda events: None  # type: Callable[[Any], None]
        self._core = core
        self._rng = rng
        self._seal = seal
        self._is_local = is_local
        self._listens_to = frozenset(LISTENS_TO[core.ROLE])
        #: The channel of a process that has only one, to the dispatcher; else None.
        self.upstream = getattr(core, 'dispatcher', None)  # type: Channel | None
        self._upstream_address = None  # type: Any
        self._directory = Directory(secret)
        self._alarms = Alarms(self.upstream is None)
        # (when, channel) in the order of time: delayed acknowledgements.
        self._acknowledgements = deque()  # type: Deque[Tuple[float, Channel]]
        # Channels to write to at the end of this turn, besides those with rows of the core.
        self._to_flush = []  # type: List[Channel]
        # Channels with ``acknowledge_now``.
        self._to_acknowledge = []  # type: List[Channel]
        self._withheld = []  # type: List[Channel]
        self._greetings = []  # type: List[Tuple[bytes, Any]]
        self._budget = ReadingBudget()
        self._send = None  # type: Any

    # What the owner calls.

    def set_upstream(self, address):
        # type: (Any) -> None
        """The dispatcher is at that address, or nowhere yet (None). Our own settings lead there."""
        channel = self.upstream
        if channel is not None and address != self._upstream_address:
            self._upstream_address = address
            channel.use_address(address, address is not None and self._is_local(address))
            if not channel.is_open:
                # A hello leaves at once.
                channel.probes = 0
                channel.probe_at = None

    def probe_upstream(self, now):
        # type: (float) -> None
        """Our port or the dispatcher's address is new: send something at once, long enough to be answered by a
        greeting.
        """
        channel = self.upstream
        if channel is not None:
            channel.probes = max(1, channel.probes)
            channel.probe_at = now
            self._alarms.set(channel, now)

    def run(self, now, receive, send, write=None):
        # type: (float, Callable[[], Any], Callable[[bytes, Any], None], Callable[[Any], str | None] | None) -> None
        """One turn. ``receive()`` returns the next (datagram, address), or None when nothing is left; ``send(datagram,
        address)`` sends. ``write(records)`` puts records on disk, all or none, and returns None or why it failed;
        without it there is no journal. What they raise passes through.
        """
        core = self._core
        self._send = send
        if not core.is_listening:
            self._drop(receive)
        else:
            self._read(now, receive, write)
        due_at = core.next_timer()
        if due_at is not None and due_at <= now:
            core.handle_timer(now)
        if core.is_listening and self._alarms.is_due(now):
            self._ring(now)
        self._finish(now, write)
        if core.is_listening:
            self._flush_late(now)

    def next_timer(self):
        # type: () -> float | None
        """When the next turn is due at the latest, or None."""
        core = self._core
        if core.is_listening:
            upstream = self.upstream
            if core.has_outgoing or core.has_unread \
                    or upstream is not None and not upstream.is_open and self._must_open(upstream):
                return 0.0
            alarm_at = self._alarms.next_at()
            waiting = self._acknowledgements
            while waiting and waiting[0][1].acknowledge_at != waiting[0][0]:
                waiting.popleft()
            if waiting and (alarm_at is None or waiting[0][0] < alarm_at):
                alarm_at = waiting[0][0]
        else:
            alarm_at = None
        due_at = core.next_timer()
        return alarm_at if due_at is None or (alarm_at is not None and alarm_at < due_at) else due_at

    def note_unreachable(self, now, address):
        # type: (float, Any) -> None
        """The system reported that nobody listens at that address (ICMP, which can be forged)."""
        channel = self._directory.at(address) if self.upstream is None else self.upstream
        if channel is not None and channel.address == address:
            self.traffic.hints += 1
            self._core.hinted(now, channel)

    def account(self):
        # type: () -> Dict[str, Any]
        """Everything that went through, as plain values."""
        return self.traffic.as_dict()

    # Reading.

    def _drop(self, receive):
        # type: (Callable[[], Any]) -> None
        """Out of order: what arrives is lost."""
        for _ in range(READS_MAX):
            if receive() is None:
                break
            self.traffic.datagrams_in += 1
            self.traffic.ignored += 1

    def _read(self, now, receive, write):
        # type: (float, Callable[[], Any], Any) -> None
        core, traffic, budget = self._core, self.traffic, self._budget
        received, reads = receive(), 0
        if received is not None:
            core.has_unread = True
            portion_ends = traffic.rows_in + PORTION_ROWS
            turn_ends = traffic.rows_in + ROWS_READ_MAX
            budget.begin()
        while received is not None:
            datagram, address = received
            traffic.datagrams_in += 1
            try:
                budget.spend(address, len(datagram))
                self._handle(now, datagram, address)
            except DatagramRefused as refusal:
                traffic.refused[refusal.cause] = traffic.refused.get(refusal.cause, 0) + 1
                self.on_refusal(refusal.cause, refusal.detail, address)
            if traffic.rows_in >= portion_ends:
                if write is None:
                    self._finish(now, None)
                portion_ends = traffic.rows_in + PORTION_ROWS
            reads += 1
            if reads == READS_MAX or traffic.rows_in >= turn_ends or budget.bytes_left <= 0:
                return
            received = receive()
        core.has_unread = False

    def _handle(self, now, data, address):
        # type: (float, bytes, Any) -> None
        core = self._core
        datagram = decode(data, self._seal)
        if datagram.role not in self._listens_to:
            if datagram.role == PROBE and core.ROLE != PROBE and datagram.re is None:
                self._greet(now, datagram, address, len(data))
                return
            raise DatagramRefused(WRONG_ROLE, 'a %s does not listen to a %s' % (core.ROLE, datagram.role))
        if self.upstream is None:
            channel = self._channel_of(now, datagram, address, len(data))
        else:
            channel = self._upstream_of(now, datagram)
        if channel is not None:
            self._take(now, channel, datagram)

    def _take(self, now, channel, datagram):
        # type: (float, Channel, Datagram) -> None
        """Handle a datagram that belongs to an open channel."""
        number, received = datagram.number, channel.received
        if number > received.highest + NUMBERS_AHEAD_MAX and received.highest:
            raise DatagramRefused(BAD_NUMBER, 'number %d is too far ahead' % number)
        if datagram.acked > channel.number:
            raise DatagramRefused(BAD_NUMBER, 'acknowledges a number that was never sent')
        is_new = received.note(now, number)
        if not is_new:
            # Below the receive window nobody knows whether it was handled: it is not acknowledged.
            if is_new is None:
                self.traffic.too_old += 1
            else:
                self._note_again(now, channel, number, datagram.rows)
            return
        channel.heard_at = now
        if channel.probes and channel.probes_when_heard is None:
            channel.probes_when_heard = channel.probes
        channel.number_received = number
        if datagram.open > channel.peer_open:
            channel.peer_open = datagram.open
        if channel.is_asleep:
            self._awake(now, channel)
        self._core.heard(now, channel)
        if datagram.acks:
            self._acknowledged(now, channel, datagram)
        if datagram.rows:
            self._handle_rows(now, channel, number, datagram.rows)
        else:
            received.acknowledge(number)

    def _note_again(self, now, channel, number, rows):
        # type: (float, Channel, int, Any) -> None
        """A copy of a datagram that was handled: its acknowledgement may have been lost."""
        self.traffic.duplicates += 1
        if rows and number not in channel.withheld:
            self._note_handled(now, channel, number, rows)

    def _handle_rows(self, now, channel, number, rows):
        # type: (float, Channel, int, Any) -> None
        core, traffic = self._core, self.traffic
        handlers = core.handlers
        for kind in ORDER if len(rows) > 1 else rows:
            some = rows.get(kind)
            if some:
                traffic.rows_in += len(some)
                handler = handlers.get(kind)
                if handler is not None:
                    handler(now, channel, some)
                elif kind != 'ping':
                    traffic.unexpected += len(some)
        if core.has_unwritten and ('submit' in rows or 'call' in rows):
            if not channel.withheld:
                self._withheld.append(channel)
            channel.withheld.append(number)
        else:
            self._note_handled(now, channel, number, rows)

    def _note_handled(self, now, channel, number, rows):
        # type: (float, Channel, int, Any) -> None
        """That datagram has to be acknowledged. One that does not call for it is acknowledged with others only: a
        gap would make the ranges longer and look like a loss.
        """
        in_order = channel.received.acknowledge(number)
        if len(rows) < 2 and UNACKNOWLEDGED.issuperset(rows):
            return
        channel.to_acknowledge += 1
        if not channel.acknowledge_now and (
                not in_order or channel.to_acknowledge >= WAITING_MAX or not AT_ONCE.isdisjoint(rows)):
            channel.acknowledge_now = True
            self._to_acknowledge.append(channel)
        if channel.acknowledge_at is None:
            channel.acknowledge_at = now + ACK_DELAY_S
            self._acknowledgements.append((channel.acknowledge_at, channel))

    # Channels.

    def _upstream_of(self, now, datagram):
        # type: (float, Datagram) -> Channel | None
        """Our channel, where the datagram belongs to it; a greeting begins it anew."""
        channel = self.upstream  # type: Any
        if datagram.re is not None:
            answered = channel.loss.in_flight.get(datagram.re)
            if answered is not None:
                self.traffic.channels_opened += 1
                channel.restart(datagram.ticket, datagram.name, datagram.incarnation)
                # Greetings are not delayed, so this is a round trip.
                channel.round_trip.add(now - answered.at)
                channel.heard_at = now
                self._core.opened(now, channel)
            return None
        if datagram.to != channel.ticket or datagram.incarnation != channel.incarnation or not channel.is_open:
            self._note_stale(datagram)
            return None
        return channel

    def _note_stale(self, datagram):
        # type: (Datagram) -> None
        self.traffic.stale += 1

    def _channel_of(self, now, datagram, address, size):
        # type: (float, Datagram, Any, int) -> Channel | None
        """The channel that the datagram's ticket names, opened now if the ticket is new and good; else None."""
        if datagram.re is not None:
            # Nobody greets a dispatcher.
            return None
        directory = self._directory
        channel = directory.find(datagram, address)
        if channel is not None:
            return channel
        issued_at = directory.may_open(now, datagram, address)
        if issued_at is None:
            self._greet(now, datagram, address, size)
            return None
        if directory.is_full and not directory.is_known(datagram):
            if not directory.sleeping:
                self.traffic.not_opened += 1
                return None
            self._close(now, next(iter(directory.sleeping)))
        self.traffic.channels_opened += 1
        channel = directory.open(now, datagram, address, self._is_local(address), issued_at)
        self._alarms.set_again(channel)
        self._core.opened(now, channel)
        return channel

    def _close(self, now, channel):
        # type: (float, Channel) -> None
        self._directory.close(now, channel)
        self._core.closed(now, channel)

    def _greet(self, now, datagram, address, size):
        # type: (float, Datagram, Any, int) -> None
        core = self._core
        ticket = self._directory.tickets.issue(now, datagram, address) if self.upstream is None else ''
        answer = codec.greeting(self._seal, core.ROLE, core.name, core.incarnation, datagram.number, ticket)
        if len(answer) > size and not self._is_local(address):
            self.traffic.not_greeted += 1
            return
        self.traffic.greetings += 1
        self._greetings.append((answer, address))

    def _awake(self, now, channel):
        # type: (float, Channel) -> None
        channel.is_asleep = False
        self._directory.sleeping.pop(channel, None)
        if channel.unreachable_since is not None:
            # Only what is sent can show that the peer acknowledges again, and the core may send nothing to such a peer.
            channel.probe_at = now
        self._alarms.set_again(channel)
        self._core.awake(now, channel)

    # Acknowledgements and losses.

    def _acknowledged(self, now, channel, datagram):
        # type: (float, Channel, Datagram) -> None
        loss = channel.loss
        in_flight = loss.segments
        acked = loss.acknowledge(datagram.acks)
        if not acked:
            return
        core, received = self._core, channel.received
        newest = acked[-1]
        # As in QUIC, only the highest number acknowledged gives a sample: others may have been acknowledged before, by
        # a datagram that was lost.
        if newest.number == datagram.acked:
            channel.round_trip.add(max(now - newest.at - datagram.delay_ms / 1000, GRANULARITY_S))
        wanted = core.ACKNOWLEDGED
        for sent in acked:
            received.forget(sent.acked)
            channel.window.acknowledged(sent, in_flight)
            if sent.probe_of:
                loss.remove(sent.probe_of)
            rows = sent.rows
            for kind in rows:
                if kind in wanted:
                    core.acknowledged(now, channel, kind, rows[kind])
        lost = loss.take_lost(channel.round_trip)
        if lost:
            for sent in lost:
                channel.window.lost(now, sent)
            self._send_again(now, channel, lost)
        channel.probes = 0
        channel.probes_when_heard = None
        if loss.in_flight:
            channel.unanswered_since = now
            channel.plan_probe(now, self._rng)
            self._alarms.set(channel, channel.probe_at)  # type: ignore[arg-type]
        else:
            channel.unanswered_since = channel.probe_at = None
        if channel.unreachable_since is not None and newest.number > channel.unreachable_since:
            channel.unreachable_since = None
            core.reachable(now, channel)
        if channel.rows or channel.lost_rows:
            self._to_flush.append(channel)

    def _send_again(self, now, channel, lost):
        # type: (float, Channel, List[Any]) -> None
        """Rows of lost datagrams go before all others."""
        self.traffic.lost += len(lost)
        repeated = {sent.number for sent in lost}
        for sent in lost:
            if sent.probe_of in repeated or sent.probe_of in channel.loss.in_flight:
                # The rows that this probe repeated go again with that datagram, or may still arrive with it.
                continue
            if not UNRELIABLE.issuperset(sent.rows):
                channel.lost_rows.append((sent.losses + 1, sent.rows))
                self._to_flush.append(channel)

    # Probes, and sleep.

    def _ring(self, now):
        # type: (float) -> None
        """Every alarm that is due, each channel at most once."""
        for channel in self._alarms.take_due(now, READS_MAX):
            if not channel.is_open and channel is not self.upstream:
                continue
            if self.upstream is None and not channel.is_asleep and now >= channel.heard_at + SLEEP_S:
                self._fall_asleep(now, channel)
                continue
            if channel.probe_at is not None and channel.probe_at <= now:
                self._probe(now, channel)
            self._alarms.set_again(channel)

    def _fall_asleep(self, now, channel):
        # type: (float, Channel) -> None
        channel.drop_rows()
        channel.is_asleep = True
        channel.probe_at = channel.unanswered_since = None
        channel.probes = 0
        if self._core.asleep(now, channel):
            self._close(now, channel)
        else:
            self._directory.sleeping[channel] = None

    def _must_open(self, channel):
        # type: (Channel) -> bool
        """Whether a hello has to leave now on a channel that is not open."""
        return channel.probe_at is None and self._upstream_address is not None

    def _say_hello(self, now, channel):
        # type: (float, Channel) -> None
        rows = {'ping': [[]]}  # type: Dict[str, List[Any]]
        if len(channel.loss.in_flight) >= HELLOS_MAX:
            channel.loss.remove(channel.loss.oldest().number)  # type: ignore[union-attr]
        channel.probes += 1
        self._out(channel.write(now, self._core, self._rng, self._seal, rows, '"ping":[[]]'), channel)
        channel.plan_probe(now, self._rng)
        self._alarms.set(channel, channel.probe_at)  # type: ignore[arg-type]

    def _probe(self, now, channel):
        # type: (float, Channel) -> None
        """Nothing was acknowledged in time. One datagram with the oldest rows goes out under a new number."""
        self.traffic.probes += 1
        loss = channel.loss
        oldest = loss.oldest()
        channel.probe_at = None
        if not channel.is_open:
            self._say_hello(now, channel)
            return
        if oldest is None and channel.unreachable_since is None:
            return
        channel.probes += 1
        self._judge(now, channel)
        if channel.probes >= PROBES_TO_COLLAPSE:
            channel.window.collapse(now)
            lost = loss.clear()
            for sent in lost:
                sent.losses = max(sent.losses, 1)
            self._send_again(now, channel, lost)
            if channel.has_waiting_rows():
                # They leave at the end of this turn, as far as the minimal window lets them.
                self._to_flush.append(channel)
                return
            oldest = None
        rows, rest = {} if oldest is None else channel.refreshed(now, self._core, oldest.rows), None  # type: Any, Any
        if rows:
            rows, text, rest = codec.pack(rows, PROBE_BYTES, PROBE_BYTES)
        else:
            rows, text = {'ping': [[]]}, '"ping":[[]]'
        repeats = 0 if oldest is None or rest is not None else oldest.number
        losses = 0 if oldest is None else oldest.losses
        self._out(channel.write(now, self._core, self._rng, self._seal, rows, text, losses, repeats), channel)
        channel.plan_probe(now, self._rng)

    def _judge(self, now, channel):
        # type: (float, Channel) -> None
        """A peer that is heard and acknowledges nothing is unreachable."""
        if channel.unreachable_since is None and channel.is_in_vain(now):
            channel.unreachable_since = channel.number
            self.traffic.unreachable += 1
            self._core.unreachable(now, channel)

    # The end of a portion and of a turn.

    def _finish(self, now, write):
        # type: (float, Any) -> None
        core = self._core
        core.settle(now)
        if write is not None:
            records = core.take_records()
            if records is not None:
                core.note_written(now, write(records))
            if self._withheld and not core.has_unwritten:
                self._release(now)
        events = core.take_events()
        if events:
            self.on_events(events)
        for channel in core.take_outgoing():
            channel.is_outgoing = False
            self._flush(now, channel)

    def _release(self, now):
        # type: (float) -> None
        """The disk has what these datagrams submitted: acknowledge them."""
        for channel in self._withheld:
            for number in channel.withheld:
                self._note_handled(now, channel, number, SUBMITS)
            channel.withheld = []
        self._withheld = []

    def _flush_late(self, now):
        # type: (float) -> None
        """What leaves at the end of a turn: acknowledgements, what a full window held back, greetings, a hello."""
        upstream = self.upstream
        if upstream is not None and not upstream.is_open and self._must_open(upstream):
            self._say_hello(now, upstream)
        to_flush, self._to_flush = self._to_flush, []
        for channel in to_flush:
            self._flush(now, channel)
        waiting = self._acknowledgements
        if waiting:
            # A core that has stopped takes no further turn.
            until = float('inf') if self._core.is_stopped else now
            while waiting and (waiting[0][0] <= until or waiting[0][1].acknowledge_at != waiting[0][0]):
                at, channel = waiting.popleft()
                if channel.acknowledge_at == at:
                    self._acknowledge(now, channel)
        if self._to_acknowledge:
            to_acknowledge, self._to_acknowledge = self._to_acknowledge, []
            for channel in to_acknowledge:
                # Unless rows took the acknowledgement with them.
                if channel.acknowledge_now:
                    self._acknowledge(now, channel)
        greetings, self._greetings = self._greetings, []
        for answer, address in greetings:
            self.traffic.datagrams_out += 1
            self._send(answer, address)

    def _acknowledge(self, now, channel):
        # type: (float, Channel) -> None
        """A datagram with nothing but acknowledgements, where none has carried them yet."""
        channel.acknowledge_at = None
        if channel.is_open and not channel.is_asleep:
            self._out(channel.write(now, self._core, self._rng, self._seal, {}, ''), channel)

    def _flush(self, now, channel):
        # type: (float, Channel) -> None
        """Send what waits on a channel, as far as its window lets it."""
        if not channel.is_open or channel.is_asleep:
            channel.rows = {}
            return
        while channel.rows or channel.lost_rows:
            taken = channel.take_rows(now, self._core, self._seal)
            if taken is None:
                break
            losses, rows, text = taken
            self.traffic.count_out(rows, losses)
            self._out(channel.write(now, self._core, self._rng, self._seal, rows, text, losses), channel)
        if channel.unreachable_since is not None and channel.probe_at is None:
            # Nothing of it is true any more. Pings go on until the peer acknowledges one.
            channel.plan_probe(now, self._rng)
        if channel.probe_at is not None:
            self._alarms.set(channel, channel.probe_at)

    def _out(self, datagram, channel):
        # type: (bytes, Channel) -> None
        if channel.address is None:
            self.traffic.unaddressed += 1
            return
        self.traffic.datagrams_out += 1
        self._send(datagram, channel.address)
