"""A bad network on loopback: a relay that drops, duplicates, delays, reorders and damages datagrams.

Clients and calculators are told the relay's address instead of the dispatcher's. For each of them the relay has a
socket of its own towards the dispatcher, so that the dispatcher sees as many addresses as there are processes and its
answers find the way back. One seed draws all faults; which datagram meets which depends on the order of arrival.
"""

from __future__ import absolute_import, division, print_function

import random
import select
import socket
import threading
from heapq import heappop, heappush

from runtime.clock import monotonic

#: How often it looks whether it should end. Nothing else waits for this.
LOOK_S = 0.05

BUFFER_BYTES = 1 << 20
COPIES_MAX = 9


class Carrier(object):
    """Carries datagrams, and loses, repeats, reorders and bends some; a thread of the test's own process.

    ``drop`` and ``duplicate`` are probabilities for each datagram, ``delay_s`` is the range from which the delay of
    each copy is drawn, so that a wide one reorders them.
    """

    def __init__(self, seed, counts):
        self.counts = dict.fromkeys(counts, 0)
        self.drop = self.duplicate = 0.0
        self.delay_s = (0.0, 0.0)
        self._rng = random.Random(seed)
        # What is under way: (due, sequence, way, datagram).
        self._flying = []
        self._sequence = 0
        self._newest_out = 0
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=type(self).__name__)
        self._thread.daemon = True

    def start(self):
        """Begin to carry."""
        self._thread.start()

    def end(self):
        """Carry nothing more."""
        self._closing = True
        if self._thread.is_alive():
            self._thread.join()

    # For subclasses.

    def _ends(self):
        """What can be read, for ``select``."""
        raise NotImplementedError

    def _receive(self, end):
        """Take one datagram from an end; raises ``OSError`` or ``socket.error`` where there is none."""
        raise NotImplementedError

    def _send(self, way, datagram):
        """Send a datagram on its way; raises the same where that can't be."""
        raise NotImplementedError

    def _perhaps_bent(self, datagram):
        """The datagram, or what is left of it."""
        raise NotImplementedError

    def _delay(self):
        return self._rng.uniform(*self.delay_s)

    # Its work.

    def _run(self):
        while not self._closing:
            wait_s = LOOK_S
            if self._flying:
                wait_s = min(wait_s, max(0.0, self._flying[0][0] - monotonic()))
            try:
                readable = select.select(self._ends(), [], [], wait_s)[0]
            except select.error:
                # A signal, on 2.7 (until 2.7 goes).
                continue
            for end in readable:
                try:
                    while True:
                        self._receive(end)
                except (OSError, socket.error):
                    # Nothing more, or word that an earlier one reached nobody.
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
            heappush(self._flying, (monotonic() + self._delay(), self._sequence, way, self._perhaps_bent(datagram)))

    def _deliver(self):
        now = monotonic()
        while self._flying and self._flying[0][0] <= now:
            _, sequence, way, datagram = heappop(self._flying)
            self.counts['overtaken'] += sequence < self._newest_out
            self._newest_out = max(self._newest_out, sequence)
            try:
                self._send(way, datagram)
            except (OSError, socket.error):
                # One more that is lost.
                self.counts['dropped'] += 1


class LossyRelay(Carrier):
    """Relays between whoever writes to ``address`` and ``target``; ``damage`` is a probability too."""

    def __init__(self, target, seed, drop=0.0, duplicate=0.0, damage=0.0, delay_s=(0.0, 0.0)):
        super(LossyRelay, self).__init__(
            seed, ('to_target', 'from_target', 'dropped', 'duplicated', 'damaged', 'overtaken'))
        #: Address of a peer -> datagrams that came from it.
        self.received = {}
        self.drop, self.duplicate, self.delay_s = drop, duplicate, delay_s
        self._target = target
        self._faults = 'seed %d, drop %g, duplicate %g, damage %g, delay %g to %g s' % (
            seed, drop, duplicate, damage, delay_s[0], delay_s[1])
        self._damage = damage
        self._front = _endpoint()
        self.address = self._front.getsockname()
        # The two ways of each peer: its address -> our socket for it, and back.
        self._backs = {}
        self._peers = {}
        self.start()

    def close(self):
        """End it."""
        self.end()
        for one in self._ends():
            one.close()

    def report(self):
        """What it was told to do and what it did."""
        return '---- relay %r to %r: %s\n%r' % (self.address, self._target, self._faults, self.counts)

    def _ends(self):
        return [self._front] + list(self._peers)

    def _receive(self, end):
        datagram, address = end.recvfrom(65536)
        if end is self._front:
            self.counts['to_target'] += 1
            self.received[address] = self.received.get(address, 0) + 1
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
        """Some bits of one byte turn, as they do in a network whose checksums are weak."""
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
