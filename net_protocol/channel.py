"""A channel: the state that a process keeps for one peer.

It holds the ticket, the datagram numbers, the datagrams in flight, the received numbers, the round-trip time and the
windows. ``net_protocol.turn`` explains tickets and turns. A core adds rows with ``Core.send``,
sets ``peer`` and ``open``, and may clear ``is_open``. Only the turn changes the other attributes.

A channel belongs to one incarnation of the peer at one address. With a new ticket it starts again: rows in flight are
dropped, and the core resends the rows that are still valid. Datagram numbers continue, so no number is used twice.
"""

from __future__ import absolute_import, division, print_function

from net_protocol import codec
from net_protocol.limits import COALESCED_BYTES, COALESCED_LOCAL_BYTES, HELLO_BYTES
from net_protocol.recovery import CongestionWindow, LossDetection, ReceiveWindow, RoundTrip, Sent
from net_protocol.rows import ORDER, UNACKNOWLEDGED, UNRELIABLE
from net_protocol.schedule import JITTER_MAX, PROBES_TO_UNREACHABLE, PROBES_WHILE_HEARD, UNREACHABLE_S

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict, List, Tuple  # noqa: F401

    from net_protocol.core import Core  # noqa: F401

#: The number of the first datagram is random, from 1 to 2 ** FIRST_NUMBER_BITS.
FIRST_NUMBER_BITS = 31

#: The largest number of bytes of rows in a datagram whose rows were lost once, twice, or more often. 1 means that each
#: row is sent alone. If the path drops long datagrams, shorter ones may pass (RFC 8899: nearly every path takes 1,200
#: bytes). If the peer refuses a datagram because of one row, the other rows arrive when they are sent separately.
RESENT_BYTES = (1150, 500, 1)
PROBE_BYTES = 500

#: The size of an envelope (all of a datagram except its rows) without head, seal and acknowledged ranges: field
#: names, brackets, and the longest values of ``n``, ``open`` and ``delay``.
ENVELOPE_BYTES = len(',"n":,"ack":[],"delay":,"open":,"rows":{}}') + 2 * 16 + 8


class Channel(object):
    """``role``, ``name`` and ``incarnation`` are those of the peer. The latter two are set when the channel opens."""

    def __init__(self, role, name='', incarnation=''):
        # type: (str, str, str) -> None
        self.role = role
        self.name = name
        self.incarnation = incarnation
        self.address = None  # type: Any
        #: The core's own record for this peer.
        self.peer = None  # type: Any
        #: Kind -> rows that wait to be sent.
        self.rows = {}  # type: Dict[str, List[Any]]
        #: Whether the core's list of channels to send on has this channel.
        self.is_outgoing = False
        #: The lowest number of an open task or assignment: of ours (0: none is sent), and of the peer.
        self.open = 0
        self.peer_open = 0
        #: The number of the datagram that was received last, and the time when it was received.
        self.number_received = 0
        self.heard_at = 0.0
        self.is_open = False
        self.is_asleep = False
        # The number of the last datagram sent before the peer was found unreachable. None: it is reachable.
        self.unreachable_since = None  # type: int | None

        self.ticket = ''
        #: The number of the last datagram sent; 0 before the first.
        self.number = 0
        #: Lost rows, as (number of losses, rows). They are refreshed (see ``refreshed``) and sent before new rows.
        self.lost_rows = []  # type: List[Tuple[int, Dict[str, List[Any]]]]
        #: The time of the next alarm (see ``net_protocol.alarms``) and of the next probe. None: there is none.
        self.alarm_at = None  # type: float | None
        self.probe_at = None  # type: float | None
        #: The number of probes since the last acknowledgement. The time since which nothing was acknowledged although
        #: datagrams are in flight; None: no datagram is in flight.
        self.probes = 0
        self.unanswered_since = None  # type: float | None
        #: The value of ``probes`` when the peer was first heard after one of these probes, or None.
        self.probes_when_heard = None  # type: int | None
        #: The number of handled datagrams to acknowledge, whether to do it in this turn, and the latest time for it.
        self.to_acknowledge = 0
        self.acknowledge_now = False
        self.acknowledge_at = None  # type: float | None
        #: Numbers of handled datagrams whose acknowledgement waits for the disk.
        self.withheld = []  # type: List[int]
        self.bytes_max = COALESCED_BYTES
        self._row_bytes = 60.0
        self._head = ''
        self._begin()

    def _begin(self):
        # type: () -> None
        self.loss = LossDetection()
        self.window = CongestionWindow()
        self.received = ReceiveWindow()
        self.round_trip = RoundTrip()

    def __repr__(self):
        # type: () -> str
        return 'Channel(%r, %r, %r)' % (self.role, self.name, self.incarnation)

    # For cores.

    @property
    def has_room(self):
        # type: () -> bool
        """Whether new rows may be sent: the congestion window is not full (two datagrams may always be in flight), and
        no lost rows wait.
        """
        return (self.is_open and not self.is_asleep and not self.lost_rows
                and (self.loss.segments < self.window.segments or len(self.loss.in_flight) < 2))

    @property
    def is_unreachable(self):
        # type: () -> bool
        """Whether the turn has found that the peer is heard but acknowledges nothing."""
        return self.unreachable_since is not None

    def forget(self):
        # type: () -> None
        """Reset for a new incarnation of this process: resend nothing, and forget the incarnation of the peer."""
        self.restart('', self.name, '')
        self.is_open = False
        self.open = 0

    # For the turn.

    def restart(self, ticket, name, incarnation):
        # type: (str, str, str) -> None
        """Start again with a new ticket: drop all rows, but continue the datagram numbers."""
        self.name = name
        if incarnation != self.incarnation:
            self.incarnation = incarnation
            self.peer_open = 0
        self.ticket = ticket
        self._head = ''
        self._begin()
        self.drop_rows()
        self.is_open = True
        self.is_asleep = False
        self.unreachable_since = self.unanswered_since = self.probe_at = self.acknowledge_at = None
        self.probes = self.to_acknowledge = 0
        self.probes_when_heard = None
        self.acknowledge_now = False
        self.withheld = []

    def drop_rows(self):
        # type: () -> None
        """Drop all rows that wait or are in flight."""
        self.loss.clear()
        self.rows = {}
        self.lost_rows = []

    def use_address(self, address, is_local):
        # type: (Any, bool) -> None
        self.address = address
        self.bytes_max = COALESCED_LOCAL_BYTES if is_local else COALESCED_BYTES

    def head(self, core):
        # type: (Core) -> str
        """The beginning of the envelope. It is the same in all our datagrams until the next ticket."""
        if not self._head:
            self._head = codec.head(core.ROLE, core.name, core.incarnation, self.ticket)
        return self._head

    def has_waiting_rows(self):
        # type: () -> bool
        return bool(self.rows or self.lost_rows)

    def room(self, core, seal):
        # type: (Core, Any) -> int
        """The number of bytes that the envelope of the next datagram leaves for rows."""
        received = self.received
        acks_bytes = len(received.ranges) * (2 * len('%d' % received.highest) + len('[,],'))
        head = self._head or self.head(core)
        return max(self.bytes_max - seal.LENGTH - len(head) - ENVELOPE_BYTES - acks_bytes, PROBE_BYTES)

    def take_rows(self, now, core, seal):
        # type: (float, Core, Any) -> Tuple[int, Dict[str, List[Any]], str] | None
        """Remove and return the rows of the next datagram, as (losses, rows, encoded rows), or None if there is none.

        Lost rows are refreshed here, because they may have waited for the window.
        """
        is_full = self.loss.segments >= self.window.segments and len(self.loss.in_flight) >= 2
        while self.lost_rows and not is_full:
            losses, rows = self.lost_rows.pop(0)
            limit = min(RESENT_BYTES[min(losses, len(RESENT_BYTES)) - 1], self.room(core, seal))
            taken, _, rest = codec.pack(rows, limit, self._row_bytes)
            if rest is not None:
                self.lost_rows.insert(0, (losses, rest))
            taken = self.refreshed(now, core, taken)
            if taken:
                taken, text, rest = codec.pack(taken, limit, self._row_bytes)
                if rest is not None:
                    self.lost_rows.insert(0, (losses, rest))
                return losses, taken, text
        rows = self.rows
        if not rows:
            return None
        left = None  # type: Any
        if is_full or self.lost_rows:
            # Heartbeats and questions are sent even if the window is full.
            left = {kind: some for kind, some in rows.items() if kind not in UNRELIABLE}
            rows = {kind: some for kind, some in rows.items() if kind in UNRELIABLE}
            if not rows:
                return None
        taken, text, rest = codec.pack(rows, self.room(core, seal), self._row_bytes)
        self._row_bytes += (len(text) / sum(map(len, taken.values())) - self._row_bytes) / 4
        rest = rest or {}
        if left:
            rest.update(left)
        self.rows = rest
        return 0, taken, text

    def write(self, now, core, rng, seal, rows, text, losses=0, probe_of=0):
        # type: (float, Core, Any, Any, Dict[str, List[Any]], str, int, int) -> bytes
        """Encode a datagram with these rows and all acknowledgements. If the peer has to acknowledge it, record it as
        in flight. ``probe_of`` is the number of the datagram whose rows it repeats, or 0.
        """
        number = self.number = self.number + 1 if self.number else rng.getrandbits(FIRST_NUMBER_BITS) + 1
        received = self.received
        ranges, delay_ms = received.ranges, 0
        if now > received.highest_at and ranges and ranges[-1][1] == received.highest:
            delay_ms = int((now - received.highest_at) * 1000)
        datagram = codec.datagram(seal, self._head or self.head(core), number, ranges, self.open, text,
                                  HELLO_BYTES if self.probes else 0, delay_ms)
        self.to_acknowledge = 0
        self.acknowledge_now = False
        self.acknowledge_at = None
        if rows and not (len(rows) == 1 and UNACKNOWLEDGED.issuperset(rows)):
            if core.WANTS_NUMBERS:
                core.note_sent(number, rows)
            self.loss.add(Sent(number, now, len(datagram), rows, losses, received.highest, probe_of))
            if self.unanswered_since is None:
                self.unanswered_since = now
            if self.probe_at is None:
                self.plan_probe(now, rng)
        return datagram

    def refreshed(self, now, core, rows):
        # type: (float, Core, Dict[str, List[Any]]) -> Dict[str, List[Any]]
        """Rows to send in place of lost rows: each row as ``core.refresh`` returns it, without those of kinds that are
        never resent.
        """
        refreshed = {}  # type: Dict[str, List[Any]]
        for kind in ORDER if len(rows) > 1 else rows:
            if kind in rows and kind not in UNRELIABLE:
                some = [row for row in [core.refresh(now, self, kind, row) for row in rows[kind]] if row is not None]
                if some:
                    refreshed[kind] = some
        return refreshed

    def is_in_vain(self, now):
        # type: (float) -> bool
        """Whether the peer is heard but acknowledges nothing. A peer that was frozen needs time to answer, so two
        probes must have been sent since it was heard again.
        """
        since = self.unanswered_since
        return (since is not None and now - since >= UNREACHABLE_S and self.heard_at > since
                and self.probes >= PROBES_TO_UNREACHABLE
                and self.probes - (self.probes_when_heard or 0) > PROBES_WHILE_HEARD)

    def plan_probe(self, now, rng):
        # type: (float, Any) -> None
        """Set the time of the next probe: after the probe time-out, with jitter."""
        self.probe_at = now + self.round_trip.probe_timeout_s(self.probes) * (1 + (JITTER_MAX - 1) * rng.random())
