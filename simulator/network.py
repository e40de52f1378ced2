"""A simulated network that loses, duplicates, delays, reorders and damages datagrams; links may be clogged or cut.

The faults apply to a datagram in the order of a real network: partition, loss, burst of loss, damage, clogged link,
delay, copies. Every fault has a counter.
"""

from __future__ import absolute_import, division, print_function

from collections import deque
from struct import Struct
from zlib import crc32

from common import lengths

MYPY = False
if MYPY:
    from typing import Any, Callable, Deque, Dict, Iterable, Set, Tuple  # noqa: F401

    from simulator.agenda import Agenda  # noqa: F401

COUNTERS = ('sent', 'delivered', 'lost', 'lost_in_bursts', 'partitioned', 'clogged', 'corrupted', 'truncated',
            'lengthened', 'duplicated', 'late_copies', 'late', 'slow', 'nobody_there',
            'icmp_errors', 'forgotten')

#: The most copies of one datagram, and the delay of a late one: from the time of a restart to minutes.
COPIES_MAX = 9
LATE_S = (1.0, 300.0)

#: The limit of the heavy tail of delays.
DELAY_MAX_S = 10.0

#: Datagrams that are remembered, to be replayed.
RECORDED_MAX = 200

#: What ``heal`` sets: no faults, and short delays.
HEALED = {'loss': 0, 'burst_probability': 0, 'damage': 0, 'duplicate': 0, 'slow': 0, 'late': 0, 'clog_per_s': 0,
          'delay_s': [0.0002, 0.001]}

_time = Struct('<d').pack


class Network(object):
    """All links between hosts. ``faults`` is a complete object of ``scenario.NETWORK``.

    ``deliver(address, datagram, source, is_false)`` hands a datagram to the process at that address and returns
    whether there is one. ``is_false`` datagrams are damaged or forged: a process must refuse them. ``report((source,
    target))`` delivers an ICMP error to the process at ``source``: no process listens at ``target``.
    """

    def __init__(self, agenda, rng, faults, deliver, report):
        # type: (Agenda, Any, Dict[str, Any], Callable[[Any, bytes, Any, bool], bool], Callable[[Any], None]) -> None
        self.counts = dict.fromkeys(COUNTERS, 0)
        #: A checksum of all datagrams sent so far and their times. Equal runs have equal checksums.
        self.trace_hash = 0
        self.recorded = deque(maxlen=RECORDED_MAX)  # type: Deque[Tuple[Any, Any, bytes]]
        self.faults = faults
        self._agenda = agenda
        self._draw = rng.random
        self._deliver = deliver
        self._report = report
        # (source host, target host) -> the number of partitions that cut this direction.
        self._cuts = {}  # type: Dict[Tuple[str, str], int]
        # Link -> the end of its burst of loss. Link -> when it is free, with a limited throughput.
        self._bursts = {}  # type: Dict[Tuple[str, str], float]
        self._clogs = {}  # type: Dict[Tuple[str, str], float]
        self._forget_before = 0.0
        #: The virtual address of the dispatcher, or None; its present target; and the target for each source address.
        #: As in a kernel's connection table, a source address keeps its first target.
        self.virtual = None  # type: Any
        self.behind = None  # type: Any
        self._routes = {}  # type: Dict[Any, Any]

    def forget(self, before):
        # type: (float) -> None
        """Drop all datagrams under way that were sent before that time."""
        self._forget_before = before

    def cut(self, link):
        # type: (Tuple[str, str]) -> None
        """Drop every datagram from one host to another."""
        self._cuts[link] = self._cuts.get(link, 0) + 1

    def mend(self, link):
        # type: (Tuple[str, str]) -> None
        """Undo one ``cut``."""
        left = self._cuts.pop(link, 0) - 1
        if left > 0:
            self._cuts[link] = left

    def heal(self, keep=()):
        # type: (Iterable[Tuple[str, str]]) -> None
        """End all faults except the cuts in ``keep``."""
        self.faults = dict(self.faults, **HEALED)
        self._bursts.clear()
        self._cuts = dict.fromkeys(keep, 1)

    def send(self, source, target, datagram):
        # type: (Any, Any, bytes) -> None
        """Send a datagram. Addresses are ``(host, port)``."""
        counts = self.counts
        counts['sent'] += 1
        now = self._agenda.now
        traced = datagram
        if traced.count(b'{') > 2:
            # A call. On 2.7 the order of its keys, and with it the seal, varies: hash the sorted bytes after the seal.
            traced = bytes(bytearray(sorted(bytearray(traced.partition(b',')[2]))))
        self.trace_hash = crc32(_time(now) + traced, self.trace_hash) & 0xffffffff
        seen_as = source
        if self.virtual is not None:
            if target == self.virtual:
                target = self._routes.setdefault(source, self.behind)
            elif self._routes.get(target) == source:
                seen_as = self.virtual
        faults = self.faults
        link = (source[0], target[0])
        if self._cuts and link in self._cuts:
            counts['partitioned'] += 1
            return
        draw = self._draw
        if faults['loss'] and draw() < faults['loss']:
            counts['lost'] += 1
            return
        if faults['burst_probability'] and self._is_in_burst(link):
            counts['lost_in_bursts'] += 1
            return
        self.recorded.append((seen_as, target, datagram))
        sent = datagram
        if faults['damage'] and draw() < faults['damage']:
            datagram = self._damaged(datagram)
        delay_s = self._delay_s()
        if faults['clog_per_s']:
            wait_s = self._clog_wait_s(link)
            if wait_s > faults['clog_wait_s']:
                counts['clogged'] += 1
                return
            delay_s += wait_s
        self._agenda.at(now + delay_s, self._arrive, (now, target, datagram, seen_as, datagram != sent))
        if faults['duplicate'] and draw() < faults['duplicate']:
            self._copy(seen_as, target, sent)

    def fly(self, delay_s, source, target, datagram, is_false=False):
        # type: (float, Any, Any, bytes, bool) -> None
        """Deliver a datagram after ``delay_s``, without other faults."""
        self._agenda.after(delay_s, self._arrive, (self._agenda.now, target, datagram, source, is_false))

    def _is_in_burst(self, link):
        # type: (Tuple[str, str]) -> bool
        now = self._agenda.now
        if self._bursts.get(link, 0.0) > now:
            return True
        if self._draw() < self.faults['burst_probability']:
            self._bursts[link] = now + lengths.draw(self._draw, self.faults['burst_s'])
            return True
        return False

    def _clog_wait_s(self, link):
        # type: (Tuple[str, str]) -> float
        """How long a datagram waits for earlier ones on a link with a limited throughput."""
        now = self._agenda.now
        free_at = max(self._clogs.get(link, 0.0), now) + 1 / self.faults['clog_per_s']
        if free_at - now <= self.faults['clog_wait_s']:
            self._clogs[link] = free_at
        return free_at - now

    def _delay_s(self):
        # type: () -> float
        faults = self.faults
        delay_s = lengths.draw(self._draw, faults['delay_s'])
        if faults['slow'] and self._draw() < faults['slow']:
            self.counts['slow'] += 1
            # Pareto with shape 1: the heavy tail that queues in real networks have.
            delay_s = min(DELAY_MAX_S, (delay_s + 0.05) / (1 - self._draw()))
        if faults['late'] and self._draw() < faults['late']:
            self.counts['late'] += 1
            delay_s += self._late_s()
        return delay_s

    def _late_s(self):
        # type: () -> float
        """Mostly seconds, sometimes minutes."""
        share = self._draw()
        return LATE_S[0] + (LATE_S[1] - LATE_S[0]) * share * share * share

    def _damaged(self, datagram):
        # type: (bytes) -> bytes
        kind = self._draw()
        if kind < 0.6:
            self.counts['corrupted'] += 1
            damaged = bytearray(datagram)
            for _ in range(1 + int(3 * self._draw())):
                damaged[int(self._draw() * len(damaged))] ^= 1 << int(8 * self._draw())
            return bytes(damaged)
        if kind < 0.8:
            self.counts['truncated'] += 1
            return datagram[:int(self._draw() * len(datagram))]
        self.counts['lengthened'] += 1
        return datagram + b'\x00' * (1 + int(8 * self._draw()))

    def _copy(self, source, target, datagram):
        # type: (Any, Any, bytes) -> None
        for _ in range(1 + int(self._draw() ** 3 * COPIES_MAX)):
            self.counts['duplicated'] += 1
            delay_s = self._delay_s()
            if self._draw() < self.faults['late_copy']:
                self.counts['late_copies'] += 1
                delay_s = self._late_s()
            self.fly(delay_s, source, target, datagram)

    def _arrive(self, flight):
        # type: (Tuple[float, Any, bytes, Any, bool]) -> None
        sent_at, target, datagram, source, is_false = flight
        if sent_at < self._forget_before:
            self.counts['forgotten'] += 1
        elif self._deliver(target, datagram, source, is_false):
            self.counts['delivered'] += 1
        else:
            self.counts['nobody_there'] += 1
            if self.faults['icmp'] and self._draw() < self.faults['icmp']:
                self.report(source, target)

    def report(self, source, target):
        # type: (Any, Any) -> None
        """Send an ICMP error to ``source``: no process listens at ``target``."""
        self.counts['icmp_errors'] += 1
        self._agenda.after(self._delay_s(), self._report, (source, target))
