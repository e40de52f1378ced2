"""The turn: one step of a process, without the sockets. The loop, the simulator and the tests all use it.

Datagrams in -> rows to the core; due timers; the core settles; records to the disk; datagrams out. Under load the
turn reads in portions, and answers each portion before it reads the next, so that the first sender does not wait for
the last. A process with a journal answers once per turn, because one commit for all is cheaper.

Opening a channel. A client or calculator sends a *hello*, a datagram without a ticket, and the dispatcher answers
with a *greeting*: its name and incarnation, ``re`` = the number of the hello, and a fresh ticket. A greeting leaves no
state in the dispatcher. To another machine it is no longer than what it answers. The receiver believes a greeting if
datagram ``re`` is in flight, and restarts its channel with the ticket. The dispatcher opens the channel when a datagram
with the ticket arrives, which also validates the address. Any other datagram, unless it has the ticket and the address
of an open channel, is answered by a greeting, and its rows are not handled.
"""

from __future__ import absolute_import, division, print_function

from net_protocol import codec
from net_protocol.alarms import Alarms
from net_protocol.budget import READS_MAX, ROWS_READ_MAX, ReadingBudget
from net_protocol.codec import decode
from net_protocol.directory import Directory
from net_protocol.errors import DatagramRefused
from net_protocol.limits import NUMBERS_AHEAD_MAX
from net_protocol.rows import LISTENS_TO, ORDER, PROBE, SUBMITS
from net_protocol.schedule import SLEEP_S
from net_protocol.seals import CHECKSUM
from net_protocol.sending import Sending
from net_protocol.traffic import BAD_NUMBER, WRONG_ROLE

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Tuple  # noqa: F401

    from net_protocol.channel import Channel  # noqa: F401
    from net_protocol.codec import Datagram  # noqa: F401
    from net_protocol.core import Core  # noqa: F401

#: Rows in a portion: enough that the datagrams with the answers are full.
PORTION_ROWS = 64


class Turn(Sending):
    """Drives one core. ``rng`` draws the first number of a channel and jitter. ``secret`` makes tickets.
    ``is_local(address)``: an address of this machine gets longer datagrams, and a greeting to an unpadded one.

    ``on_refusal(cause, detail, address)`` is called for each refused datagram, ``on_events(events)`` with the core's
    events.
    """

    def __init__(self, core, rng, seal=CHECKSUM, secret=b'', is_local=lambda address: False):
        # type: (Core, Any, Any, bytes, Callable[[Any], bool]) -> None
        #: The channel of a process that has only one, to the dispatcher; else None.
        self.upstream = getattr(core, 'dispatcher', None)  # type: Channel | None
        super(Turn, self).__init__(core, rng, seal, Alarms(self.upstream is None))
        self.on_refusal = lambda cause, detail, address: None  # type: Callable[[str, str, Any], None]
        self.on_events = lambda events: None  # type: Callable[[Any], None]
        self._is_local = is_local
        self._listens_to = frozenset(LISTENS_TO[core.ROLE])
        self._upstream_address = None  # type: Any
        self._directory = Directory(secret)
        # Channels with datagrams whose acknowledgements wait until their submits are on disk.
        self._withheld = []  # type: List[Channel]
        self._greetings = []  # type: List[Tuple[bytes, Any]]
        self._budget = ReadingBudget()

    # Called by the owner: the loop, the simulator or a test.

    def set_upstream(self, address):
        # type: (Any) -> None
        """Set the address of the dispatcher, from our settings; None: not known yet."""
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
        without it there is no journal. Exceptions of these functions are not caught.
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
        """The system reported that no process listens at that address (ICMP, which can be forged)."""
        channel = self._directory.at(address) if self.upstream is None else self.upstream
        if channel is not None and channel.address == address:
            self.traffic.hints += 1
            self._core.hinted(now, channel)

    def account(self):
        # type: () -> Dict[str, Any]
        """The counters of the traffic, as plain values."""
        return self.traffic.as_dict()

    # Reading.

    def _drop(self, receive):
        # type: (Callable[[], Any]) -> None
        """In an outage, datagrams that arrive are lost."""
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
                if core.cost:
                    budget.charge(address, core.cost)
                    core.cost = 0
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
            # Do not acknowledge a datagram below the receive window: it may not have been handled.
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

    # Channels.

    def _upstream_of(self, now, datagram):
        # type: (float, Datagram) -> Channel | None
        """Our channel if the datagram belongs to it, else None. A greeting restarts the channel."""
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
        """The channel of the datagram's ticket, opened now if the ticket is new and valid; else None."""
        if datagram.re is not None:
            # A dispatcher sends no hello, so this answers none.
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
            # It stays so until an acknowledgement. The core may have no rows for such a peer, so a probe is sent.
            channel.probe_at = now
        self._alarms.set_again(channel)
        self._core.awake(now, channel)

    # Alarms, and sleep.

    def _ring(self, now):
        # type: (float) -> None
        """Handle the due alarms, at most one for each channel."""
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
        """At the end of a turn send a hello, rows that a full window held back, acknowledgements and greetings."""
        upstream = self.upstream
        if upstream is not None and not upstream.is_open and self._must_open(upstream):
            self._say_hello(now, upstream)
        to_flush, self._to_flush = self._to_flush, []
        for channel in to_flush:
            self._flush(now, channel)
        waiting = self._acknowledgements
        if waiting:
            # A stopped core has few further turns or none: send all acknowledgements now.
            until = float('inf') if self._core.is_stopped else now
            while waiting and (waiting[0][0] <= until or waiting[0][1].acknowledge_at != waiting[0][0]):
                at, channel = waiting.popleft()
                if channel.acknowledge_at == at:
                    self._acknowledge(now, channel)
        if self._to_acknowledge:
            to_acknowledge, self._to_acknowledge = self._to_acknowledge, []
            for channel in to_acknowledge:
                # Otherwise a datagram with rows has carried the acknowledgement.
                if channel.acknowledge_now:
                    self._acknowledge(now, channel)
        greetings, self._greetings = self._greetings, []
        for answer, address in greetings:
            self.traffic.datagrams_out += 1
            self._send(answer, address)
