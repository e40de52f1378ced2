"""A bad network on loopback: a relay that drops, duplicates, delays, reorders and damages datagrams.

Clients and calculators get the relay's address instead of the dispatcher's. The relay has one socket towards the
dispatcher for each of them: the dispatcher sees one address for each process, and the relay knows who gets an answer.
A seed draws all faults; the order of arrival decides which datagram has which fault.
"""

from __future__ import absolute_import, division, print_function

import random
import select
import socket
import threading
from heapq import heappop, heappush

from runtime.clock import monotonic

#: The longest wait before the thread checks whether it should end.
LOOK_S = 0.05

BUFFER_BYTES = 1 << 20
COPIES_MAX = 9


class Carrier(object):
    """A thread that forwards datagrams with faults.

    ``drop`` and ``duplicate`` are probabilities for each datagram. ``delay_s`` is the range of the delay, which is
    drawn for each copy; a wide range reorders datagrams.
    """

    def __init__(self, seed, counts):
        self.counts = dict.fromkeys(counts, 0)
        self.drop = self.duplicate = 0.0
        self.delay_s = (0.0, 0.0)
        self._rng = random.Random(seed)
        # Delayed datagrams: a heap of (due at, sequence, way, datagram).
        self._delayed = []
        self._sequence = 0
        self._newest_out = 0
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=type(self).__name__)
        self._thread.daemon = True

    def start(self):
        self._thread.start()

    def end(self):
        self._closing = True
        if self._thread.is_alive():
            self._thread.join()

    # For subclasses.

    def _ends(self):
        """The sockets or files to read, for ``select``."""
        raise NotImplementedError

    def _receive(self, end):
        """Read one datagram and give it to ``_carry``; raises ``OSError`` or ``socket.error`` if there is none."""
        raise NotImplementedError

    def _send(self, way, datagram):
        """Send a datagram; raises ``OSError`` or ``socket.error`` if that fails."""
        raise NotImplementedError

    def _perhaps_bent(self, datagram):
        """The datagram, damaged or not."""
        raise NotImplementedError

    def _delay(self):
        return self._rng.uniform(*self.delay_s)

    # The thread.

    def _run(self):
        while not self._closing:
            wait_s = LOOK_S
            if self._delayed:
                wait_s = min(wait_s, max(0.0, self._delayed[0][0] - monotonic()))
            try:
                readable = select.select(self._ends(), [], [], wait_s)[0]
            except select.error:
                # A signal interrupted it (until 2.7 goes).
                continue
            for end in readable:
                try:
                    while True:
                        self._receive(end)
                except (OSError, socket.error):
                    # No more datagrams, or an ICMP error about an earlier one.
                    pass
            self._deliver()

    def _carry(self, way, datagram):
        if self._rng.random() < self.drop:
            self.counts['dropped'] += 1
            return
        copies = 1
        while self._rng.random() < self.duplicate and copies < COPIES_MAX:
            self.counts['duplicated'] += 1
            copies += 1
        for _ in range(copies):
            self._sequence += 1
            due_at = monotonic() + self._delay()
            heappush(self._delayed, (due_at, self._sequence, way, self._perhaps_bent(datagram)))

    def _deliver(self):
        now = monotonic()
        while self._delayed and self._delayed[0][0] <= now:
            _, sequence, way, datagram = heappop(self._delayed)
            self.counts['overtaken'] += sequence < self._newest_out
            self._newest_out = max(self._newest_out, sequence)
            try:
                self._send(way, datagram)
            except (OSError, socket.error):
                self.counts['dropped'] += 1


class LossyRelay(Carrier):
    """Relays datagrams between the peers that write to ``address`` and ``target``; ``damage`` is a probability."""

    def __init__(self, target, seed, drop=0.0, duplicate=0.0, damage=0.0, delay_s=(0.0, 0.0)):
        super(LossyRelay, self).__init__(
            seed, ('to_target', 'from_target', 'dropped', 'duplicated', 'damaged', 'overtaken'))
        self.drop, self.duplicate, self.delay_s = drop, duplicate, delay_s
        self._target = target
        self._faults = 'seed %d, drop %g, duplicate %g, damage %g, delay %g to %g s' % (
            seed, drop, duplicate, damage, delay_s[0], delay_s[1])
        self._damage = damage
        self._front = _endpoint()
        self.address = self._front.getsockname()
        # Address of a peer -> our socket towards the target for it; and the reverse.
        self._backs = {}
        self._peers = {}
        self.start()

    def close(self):
        self.end()
        for one in self._ends():
            one.close()

    def report(self):
        """The faults that were asked for and those that happened."""
        return '---- relay %r to %r: %s\n%r' % (self.address, self._target, self._faults, self.counts)

    def _ends(self):
        return [self._front] + list(self._peers)

    def _receive(self, end):
        datagram, address = end.recvfrom(65536)
        if end is self._front:
            self.counts['to_target'] += 1
            self._carry((self._back_for(address), self._target), datagram)
        else:
            self.counts['from_target'] += 1
            self._carry((self._front, self._peers[end]), datagram)

    def _back_for(self, address):
        if address not in self._backs:
            back = self._backs[address] = _endpoint()
            self._peers[back] = address
        return self._backs[address]

    def _send(self, way, datagram):
        way[0].sendto(datagram, way[1])

    def _perhaps_bent(self, datagram):
        """Flip some bits of one byte."""
        if self._rng.random() >= self._damage:
            return datagram
        self.counts['damaged'] += 1
        bent = bytearray(datagram)
        bent[self._rng.randrange(len(bent))] ^= self._rng.randrange(1, 256)
        return bytes(bent)


def _endpoint():
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    made.setblocking(False)
    made.bind(('127.0.0.1', 0))
    return made
