"""Round-trip times, loss detection and congestion control of one channel, and its receive window.

Loss detection follows RFC 9002 with two differences. The time threshold compares with the newest acknowledged datagram
and not with the clock, so it needs no timer. Datagrams that call for no acknowledgement have numbers too and are not in
flight, so the packet threshold counts acknowledged datagrams that were in flight, not numbers. Congestion control is
NewReno (RFC 9002 section 7, RFC 6582).
"""

from __future__ import absolute_import, division, print_function

from collections import deque
from operator import attrgetter

from net_protocol.limits import ACK_RANGES_MAX, RECEIVE_WINDOW
from net_protocol.rows import UNRELIABLE
from net_protocol.schedule import ACK_DELAY_S, PROBE_FIRST_S, PROBE_MAX_S, PROBE_MIN_S

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict, List  # noqa: F401

#: Acknowledged numbers that must overtake a datagram before it is lost, and round trips it must be older than an
#: acknowledged one (RFC 9002 section 6.1). The second is at least the time in which a process handles what it read.
PACKET_THRESHOLD = 3
TIME_THRESHOLD = 9 / 8
GRANULARITY_S = 0.001

#: A datagram counts as at least one segment, and a longer one as its bytes over ``SEGMENT_BYTES``.
SEGMENT_BYTES = 1400
WINDOW_FIRST = 14720 / SEGMENT_BYTES
WINDOW_MIN = 2.0
WINDOW_MAX = 512 * 1.0

_SEEN = (1 << RECEIVE_WINDOW) - 1
_number = attrgetter('number')


class RoundTrip(object):
    """The smoothed round-trip time and its variation (RFC 6298, RFC 9002 section 5.3), in seconds."""

    __slots__ = ('latest_s', 'smoothed_s', 'variation_s')

    def __init__(self):
        # type: () -> None
        self.latest_s = 0.0
        self.smoothed_s = None  # type: float | None
        self.variation_s = 0.0

    def add(self, sample_s):
        # type: (float) -> None
        self.latest_s = sample_s
        if self.smoothed_s is None:
            self.smoothed_s = sample_s
            self.variation_s = sample_s / 2
        else:
            self.variation_s += (abs(self.smoothed_s - sample_s) - self.variation_s) / 4
            self.smoothed_s += (sample_s - self.smoothed_s) / 8

    def probe_timeout_s(self, probes):
        # type: (int) -> float
        """How long after the last datagram to probe, when so many probes in a row were not acknowledged."""
        first_s = PROBE_FIRST_S
        if self.smoothed_s is not None:
            first_s = max(PROBE_MIN_S, self.smoothed_s + 4 * self.variation_s + ACK_DELAY_S)
        if probes:
            # No more doublings than reach the maximum from the minimum.
            first_s *= 2 ** min(probes, 8)
        return min(first_s, PROBE_MAX_S)


class CongestionWindow(object):
    """How many segments may be in flight (NewReno)."""

    __slots__ = ('segments', '_threshold', '_recovery_began_at')

    def __init__(self):
        # type: () -> None
        self.segments = WINDOW_FIRST  # type: float
        self._threshold = WINDOW_MAX
        self._recovery_began_at = None  # type: float | None

    def acknowledged(self, sent, in_flight):
        # type: (Sent, float) -> None
        """A datagram was acknowledged; ``in_flight`` segments were in flight then. An unused window does not grow."""
        began_at = self._recovery_began_at
        if began_at is not None and sent.at <= began_at or 2 * in_flight < self.segments:
            return
        if self.segments < self._threshold:
            self.segments += sent.segments
        else:
            self.segments += sent.segments / self.segments
        if self.segments > WINDOW_MAX:
            self.segments = WINDOW_MAX

    def lost(self, now, sent):
        # type: (float, Sent) -> None
        """Halve the window, once for all losses of one round trip."""
        if self._recovery_began_at is None or sent.at > self._recovery_began_at:
            self._recovery_began_at = now
            self.segments = self._threshold = max(self.segments / 2, WINDOW_MIN)

    def collapse(self, now):
        # type: (float) -> None
        """Persistent congestion."""
        self._recovery_began_at = now
        self._threshold = max(self.segments / 2, WINDOW_MIN)
        self.segments = WINDOW_MIN


class Sent(object):
    """A datagram in flight. ``losses`` is how often its rows were lost before, ``acked`` the highest number of the peer
    that it acknowledged, ``probe_of`` the number of the datagram whose rows it repeats, or 0.
    """

    __slots__ = ('number', 'at', 'segments', 'rows', 'losses', 'acked', 'probe_of')

    def __init__(self, number, at, size, rows, losses, acked, probe_of):
        # type: (int, float, int, Dict[str, List[Any]], int, int, int) -> None
        self.number = number
        self.at = at
        #: Rows that may leave when the window is full take no part of it. Otherwise pings could fill it forever.
        self.segments = 0.0 if UNRELIABLE.issuperset(rows) else size / SEGMENT_BYTES if size > SEGMENT_BYTES else 1.0
        self.rows = rows
        self.losses = losses
        self.acked = acked
        self.probe_of = probe_of


class LossDetection(object):
    """The datagrams in flight, and which of them are lost."""

    __slots__ = ('in_flight', 'segments', '_order', '_newest_acked')

    def __init__(self):
        # type: () -> None
        #: Number -> what was sent with it.
        self.in_flight = {}  # type: Dict[int, Sent]
        #: Segments in flight.
        self.segments = 0.0
        # Sent datagrams, oldest first. One that is not in ``in_flight`` any more is dropped when it comes to the front.
        self._order = deque()  # type: Deque[Sent]
        # The PACKET_THRESHOLD acknowledged datagrams with the highest numbers, ascending.
        self._newest_acked = []  # type: List[Sent]

    def add(self, sent):
        # type: (Sent) -> None
        self.in_flight[sent.number] = sent
        self.segments += sent.segments
        self._order.append(sent)

    def oldest(self):
        # type: () -> Sent | None
        """The datagram that has been in flight longest."""
        order, in_flight = self._order, self.in_flight
        while order:
            if order[0].number in in_flight:
                return order[0]
            order.popleft()
        return None

    def remove(self, number):
        # type: (int) -> Sent | None
        sent = self.in_flight.pop(number, None)
        if sent is not None:
            self.segments = self.segments - sent.segments if self.in_flight else 0.0
        return sent

    def clear(self):
        # type: () -> List[Sent]
        """Remove and return everything in flight, oldest first."""
        every = [sent for sent in self._order if sent.number in self.in_flight]
        self._order.clear()
        self.in_flight.clear()
        self.segments = 0.0
        return every

    def acknowledge(self, ranges):
        # type: (List[List[int]]) -> List[Sent]
        """Remove and return the datagrams that these ranges acknowledge, in the order of numbers."""
        oldest = self.oldest()
        if oldest is None:
            return []
        acked = []  # type: List[Sent]
        low, high = oldest.number, self._order[-1].number
        for first, last in ranges:
            if first < low:
                first = low
            if last > high:
                last = high
            # Numbers of datagrams that are not in flight can make a range long.
            numbers = range(first, last + 1) if last - first < 2 * len(self.in_flight) else [
                sent.number for sent in self._order if first <= sent.number <= last]
            for number in numbers:
                if number in self.in_flight:
                    acked.append(self.remove(number))  # type: ignore[arg-type]
        if len(ranges) > 1:
            acked.sort(key=_number)
        if acked:
            newest = self._newest_acked
            is_sorted = not newest or newest[-1].number < acked[0].number
            newest = newest + acked[-PACKET_THRESHOLD:]
            if not is_sorted:
                newest.sort(key=_number)
            self._newest_acked = newest[-PACKET_THRESHOLD:]
        return acked

    def take_lost(self, round_trip):
        # type: (RoundTrip) -> List[Sent]
        """Remove and return the lost datagrams, oldest first."""
        lost = []  # type: List[Sent]
        newest = self._newest_acked
        if not (newest and self.in_flight):
            return lost
        overtaken = newest[0].number if len(newest) == PACKET_THRESHOLD else 0
        rtt_s = max(round_trip.latest_s, round_trip.smoothed_s or 0.0, GRANULARITY_S)
        too_old_at = newest[-1].at - TIME_THRESHOLD * rtt_s
        sent = self.oldest()
        while sent is not None and (sent.number < overtaken or sent.at <= too_old_at):
            lost.append(self.remove(sent.number))  # type: ignore[arg-type]
            sent = self.oldest()
        return lost


class ReceiveWindow(object):
    """Which numbers of the peer were received, and which of them have to be acknowledged."""

    __slots__ = ('highest', 'highest_at', 'ranges', '_seen')

    def __init__(self):
        # type: () -> None
        self.highest = 0
        #: When the datagram of that number arrived.
        self.highest_at = 0.0
        #: Ascending ranges [first, last] of handled numbers, repeated until their acknowledgement is acknowledged.
        self.ranges = []  # type: List[List[int]]
        # Bit i: number ``highest - i`` was received.
        self._seen = 0

    def note(self, now, number):
        # type: (float, int) -> bool | None
        """A datagram with that number arrived. True: it is new. False: it was received before. None: it is below the
        window, so this is unknown.
        """
        ahead = number - self.highest
        if ahead > 0:
            self._seen = ((self._seen << ahead) | 1) & _SEEN if ahead < RECEIVE_WINDOW else 1
            self.highest = number
            self.highest_at = now
            return True
        if ahead <= -RECEIVE_WINDOW:
            return None
        bit = 1 << -ahead
        if self._seen & bit:
            return False
        self._seen |= bit
        return True

    def acknowledge(self, number):
        # type: (int) -> bool
        """A datagram with that number was handled. Returns whether it was in order."""
        ranges = self.ranges
        if not ranges or number > ranges[-1][1]:
            if ranges and number == ranges[-1][1] + 1:
                ranges[-1][1] = number
                return True
            is_first = not ranges
            ranges.append([number, number])
            if len(ranges) > ACK_RANGES_MAX:
                ranges.pop(0)
            return is_first
        for place in range(len(ranges) - 1, -1, -1):
            first, last = ranges[place]
            if first <= number <= last:
                return False
            if number > last:
                break
        else:
            place = -1
        # The number is between ranges[place] and the next range.
        joins_before = place >= 0 and ranges[place][1] + 1 == number
        joins_behind = number + 1 == ranges[place + 1][0]
        if joins_before and joins_behind:
            ranges[place][1] = ranges.pop(place + 1)[1]
        elif joins_before:
            ranges[place][1] = number
        elif joins_behind:
            ranges[place + 1][0] = number
        elif len(ranges) < ACK_RANGES_MAX:
            ranges.insert(place + 1, [number, number])
        return False

    def forget(self, number):
        # type: (int) -> None
        """The peer knows that everything up to this number was acknowledged."""
        ranges = self.ranges
        while ranges and ranges[0][1] <= number:
            ranges.pop(0)
        if ranges and ranges[0][0] <= number:
            ranges[0][0] = number + 1
