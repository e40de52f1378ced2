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

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401

#: How often it looks whether it should end. Nothing else waits for this.
LOOK_S = 0.05

BUFFER_BYTES = 1 << 20


class LossyRelay(object):
    """Relays between whoever writes to ``address`` and ``target``; a thread of the test's own process.

    Shares are probabilities for each datagram, both ways; ``delay_s`` is the range from which the delay of each copy is
    drawn, so that a wide one reorders them.
    """

    def __init__(self, target, seed, drop=0.0, duplicate=0.0, damage=0.0, delay_s=(0.0, 0.0)):
        # type: (Tuple[str, int], int, float, float, float, Tuple[float, float]) -> None
        self.counts = dict.fromkeys(('to_target', 'from_target', 'dropped', 'duplicated', 'damaged', 'overtaken'), 0)
        #: Address of a peer -> datagrams that came from it.
        self.received = {}  # type: Dict[Any, int]
        self._target = target
        self._faults = 'seed %d, drop %g, duplicate %g, damage %g, delay %g to %g s' % (
            seed, drop, duplicate, damage, delay_s[0], delay_s[1])
        self._rng = random.Random(seed)
        self._drop = drop
        self._duplicate = duplicate
        self._damage = damage
        self._delay_s = delay_s
        self._front = _endpoint()
        self.address = self._front.getsockname()  # type: Tuple[str, int]
        # The two ways of each peer: its address -> our socket for it, and back.
        self._backs = {}  # type: Dict[Any, socket.socket]
        self._peers = {}  # type: Dict[socket.socket, Any]
        # What is under way: (due, sequence, socket, address, datagram).
        self._flying = []  # type: List[Tuple[float, int, socket.socket, Any, bytes]]
        self._sequence = 0
        self._newest_out = 0
        self._closing = False
        self._thread = threading.Thread(target=self._run, name='relay')
        self._thread.daemon = True
        self._thread.start()

    def close(self):
        # type: () -> None
        """End it."""
        self._closing = True
        self._thread.join()
        for one in [self._front] + list(self._peers):
            one.close()

    def report(self):
        # type: () -> str
        """What it was told to do and what it did."""
        return '---- relay %r to %r: %s\n%r' % (self.address, self._target, self._faults, self.counts)

    def _run(self):
        # type: () -> None
        while not self._closing:
            wait_s = LOOK_S
            if self._flying:
                wait_s = min(wait_s, max(0.0, self._flying[0][0] - monotonic()))
            try:
                readable = select.select([self._front] + list(self._peers), [], [], wait_s)[0]
            except select.error:
                # A signal, on 2.7 (until 2.7 goes).
                continue
            for one in readable:
                self._read(one)
            self._deliver()

    def _read(self, one):
        # type: (socket.socket) -> None
        while True:
            try:
                datagram, address = one.recvfrom(65536)
            except (OSError, socket.error):
                # Nothing more, or word that an earlier one reached nobody.
                return
            if one is self._front:
                self.counts['to_target'] += 1
                self.received[address] = self.received.get(address, 0) + 1
                self._take(self._back_for(address), self._target, datagram)
            else:
                self.counts['from_target'] += 1
                self._take(self._front, self._peers[one], datagram)

    def _back_for(self, address):
        # type: (Any) -> socket.socket
        if address not in self._backs:
            back = self._backs[address] = _endpoint()
            self._peers[back] = address
        return self._backs[address]

    def _take(self, one, address, datagram):
        # type: (socket.socket, Any, bytes) -> None
        if self._rng.random() < self._drop:
            self.counts['dropped'] += 1
            return
        copies = 1
        while self._rng.random() < self._duplicate and copies < 9:
            self.counts['duplicated'] += 1
            copies += 1
        for _ in range(copies):
            self._sequence += 1
            heappush(self._flying, (monotonic() + self._rng.uniform(*self._delay_s), self._sequence, one, address,
                                    self._perhaps_damaged(datagram)))

    def _perhaps_damaged(self, datagram):
        # type: (bytes) -> bytes
        """Some bits of one byte turn, as they do in a network whose checksums are weak."""
        if self._rng.random() >= self._damage:
            return datagram
        self.counts['damaged'] += 1
        bent = bytearray(datagram)
        bent[self._rng.randrange(len(bent))] ^= self._rng.randrange(1, 256)
        return bytes(bent)

    def _deliver(self):
        # type: () -> None
        now = monotonic()
        while self._flying and self._flying[0][0] <= now:
            _, sequence, one, address, datagram = heappop(self._flying)
            self.counts['overtaken'] += sequence < self._newest_out
            self._newest_out = max(self._newest_out, sequence)
            try:
                one.sendto(datagram, address)
            except (OSError, socket.error):
                # One more that is lost.
                self.counts['dropped'] += 1


def _endpoint():
    # type: () -> socket.socket
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    made.setblocking(False)
    made.bind(('127.0.0.1', 0))
    return made
