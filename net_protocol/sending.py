"""What a turn sends on channels: rows, acknowledgements, lost rows, probes and hellos."""

from __future__ import absolute_import, division, print_function

from collections import deque

from net_protocol import codec
from net_protocol.channel import PROBE_BYTES
from net_protocol.recovery import GRANULARITY_S
from net_protocol.rows import AT_ONCE, UNACKNOWLEDGED, UNRELIABLE
from net_protocol.schedule import ACK_DELAY_S, PROBES_TO_COLLAPSE
from net_protocol.traffic import Traffic

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict, List, Tuple  # noqa: F401

    from net_protocol.alarms import Alarms  # noqa: F401
    from net_protocol.channel import Channel  # noqa: F401
    from net_protocol.codec import Datagram  # noqa: F401
    from net_protocol.core import Core  # noqa: F401

#: The most hellos in flight. A greeting may answer an old one, if a round trip is longer than the time-out.
HELLOS_MAX = 16

#: With so many unacknowledged datagrams, the acknowledgement is sent in this turn (RFC 9000 section 13.2.2).
WAITING_MAX = 2


class Sending(object):
    """Retransmission, acknowledgement and probing for the channels of one core."""

    def __init__(self, core, rng, seal, alarms):
        # type: (Core, Any, Any, Alarms) -> None
        self.traffic = Traffic()
        self._core = core
        self._rng = rng
        self._seal = seal
        self._alarms = alarms
        # Delayed acknowledgements as (when, channel), in the order of time.
        self._acknowledgements = deque()  # type: Deque[Tuple[float, Channel]]
        # Channels with ``acknowledge_now``.
        self._to_acknowledge = []  # type: List[Channel]
        # Channels to write to at the end of this turn, besides those with rows of the core.
        self._to_flush = []  # type: List[Channel]
        # The ``send`` of the present turn: (datagram, address) -> None.
        self._send = None  # type: Any

    # Rows and losses.

    def _flush(self, now, channel):
        # type: (float, Channel) -> None
        """Send rows within the window. If the channel is closed or asleep, drop them."""
        if not channel.is_open or channel.is_asleep:
            channel.rows = {}
            return
        while channel.rows or channel.lost_rows:
            taken = channel.take_rows(now, self._core, self._seal)
            if taken is None:
                break
            losses, rows, text = taken
            self.traffic.count_out(rows, losses)
            self._out(now, channel, rows, text, losses)
        if channel.unreachable_since is not None and channel.probe_at is None:
            # All rows were out of date, so nothing was sent. Send pings until the peer acknowledges one.
            channel.plan_probe(now, self._rng)
        if channel.probe_at is not None:
            self._alarms.set(channel, channel.probe_at)

    def _out(self, now, channel, rows, text, losses=0, probe_of=0):
        # type: (float, Channel, Dict[str, List[Any]], str, int, int) -> None
        datagram = channel.write(now, self._core, self._rng, self._seal, rows, text, losses, probe_of)
        if channel.address is None:
            self.traffic.unaddressed += 1
            return
        self.traffic.datagrams_out += 1
        self._send(datagram, channel.address)

    def _send_again(self, channel, lost):
        # type: (Channel, List[Any]) -> None
        """Put the rows of lost datagrams before all others."""
        self.traffic.lost += len(lost)
        repeated = {sent.number for sent in lost}
        for sent in lost:
            if sent.probe_of in repeated or sent.probe_of in channel.loss.in_flight:
                # These rows are resent with the repeated datagram, or may still arrive with it.
                continue
            if not UNRELIABLE.issuperset(sent.rows):
                channel.lost_rows.append((sent.losses + 1, sent.rows))
                self._to_flush.append(channel)

    # Acknowledgements.

    def _note_handled(self, now, channel, number, rows):
        # type: (float, Channel, int, Any) -> None
        """A datagram was handled: plan its acknowledgement. If none is needed, only add its number to
        the ranges: a gap would look like a loss.
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

    def _acknowledge(self, now, channel):
        # type: (float, Channel) -> None
        """Send a datagram with acknowledgements only."""
        channel.acknowledge_at = None
        if channel.is_open and not channel.is_asleep:
            self._out(now, channel, {}, '')

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
            self._send_again(channel, lost)
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

    # Probes.

    def _say_hello(self, now, channel):
        # type: (float, Channel) -> None
        if len(channel.loss.in_flight) >= HELLOS_MAX:
            channel.loss.remove(channel.loss.oldest().number)  # type: ignore[union-attr]
        channel.probes += 1
        self._out(now, channel, {'ping': [[]]}, '"ping":[[]]')
        channel.plan_probe(now, self._rng)
        self._alarms.set(channel, channel.probe_at)  # type: ignore[arg-type]

    def _probe(self, now, channel):
        # type: (float, Channel) -> None
        """Nothing was acknowledged in time: send a hello, or the oldest rows under a new number."""
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
            self._send_again(channel, lost)
            if channel.has_waiting_rows():
                # They leave at the end of this turn, as far as the minimal window allows.
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
        self._out(now, channel, rows, text, losses, repeats)
        channel.plan_probe(now, self._rng)

    def _judge(self, now, channel):
        # type: (float, Channel) -> None
        """Mark the peer as unreachable if it is heard but acknowledges nothing."""
        if channel.unreachable_since is None and channel.is_in_vain(now):
            channel.unreachable_since = channel.number
            self.traffic.unreachable += 1
            self._core.unreachable(now, channel)
