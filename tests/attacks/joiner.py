"""A bad network between network namespaces: a program of ours that carries every packet, or does something to it.

In each namespace ends a TUN device, and all of them begin here: what a process sends arrives as an IP packet, is looked
at, and is written to the device of the namespace that has the destination. Between the two it may be lost, come later,
come in copies that are alike to the last bit, in another order, with some bits turned, cut, or lengthened. Where a
packet is damaged, its lengths and checksums are made right again (or left out, which UDP over IPv4 allows), or the
kernel would only drop it.
"""

from __future__ import absolute_import, division, print_function

import fcntl
import os
import random
import select
import socket
import struct
import threading
from heapq import heappop, heappush

from runtime.clock import monotonic

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Set, Tuple  # noqa: F401

#: From linux/if_tun.h: make a device of this descriptor; one for IP packets, without a header before them.
TUNSETIFF = 0x400454ca
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000

PACKET_BYTES_MAX = 65536
UDP = 17
COPIES_MAX = 9
#: How often it looks whether it should end.
LOOK_S = 0.05

COUNTS = ('carried', 'dropped', 'blocked', 'duplicated', 'delayed', 'overtaken', 'damaged', 'turned', 'cut',
          'lengthened')


class Faults(object):
    """What is done to packets: shares are probabilities, ``delay_s`` a range; ``tail`` is the share of packets that
    take ten times as long.
    """

    def __init__(self, drop=0.0, duplicate=0.0, turn=0.0, cut=0.0, lengthen=0.0, delay_s=(0.0, 0.0), tail=0.0):
        # type: (float, float, float, float, float, Tuple[float, float], float) -> None
        self.drop = drop
        self.duplicate = duplicate
        self.turn = turn
        self.cut = cut
        self.lengthen = lengthen
        self.delay_s = delay_s
        self.tail = tail


class Joiner(object):
    """Carries packets between the TUN devices of several namespaces; a thread of the test's own process."""

    def __init__(self, seed):
        # type: (int) -> None
        self.counts = dict.fromkeys(COUNTS, 0)
        self.faults = Faults()
        #: Pairs (source, destination) of addresses between which nothing passes; '*' stands for any.
        self.blocked = set()  # type: Set[Tuple[str, str]]
        self._seed = seed
        self._rng = random.Random(seed)
        # The device of each address.
        self._ways = {}  # type: Dict[bytes, int]
        self._devices = []  # type: List[int]
        # What is under way: (due, sequence, device, packet).
        self._flying = []  # type: List[Tuple[float, int, int, bytes]]
        self._sequence = 0
        self._newest_out = 0
        self._closing = False
        self._thread = threading.Thread(target=self._run, name='joiner')
        self._thread.daemon = True

    def add_device(self, name):
        # type: (str) -> int
        """Make a TUN device; it is where this process is, and can be moved to a namespace by its name."""
        device = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(device, TUNSETIFF, struct.pack('16sH22x', name.encode('ascii'), IFF_TUN | IFF_NO_PI))
        self._devices.append(device)
        return device

    def add_way(self, address, device):
        # type: (str, int) -> None
        """Packets for that address go to that device."""
        self._ways[socket.inet_aton(address)] = device

    def start(self):
        # type: () -> None
        """Begin to carry."""
        self._thread.start()

    def close(self):
        # type: () -> None
        """End, and the devices with it."""
        self._closing = True
        if self._thread.is_alive():
            self._thread.join()
        for device in self._devices:
            os.close(device)

    def report(self):
        # type: () -> str
        """What it was told to do and what it did."""
        return '---- joiner, seed %d: %r, blocked %r\n%r' % (
            self._seed, vars(self.faults), sorted(self.blocked), self.counts)

    def _run(self):
        # type: () -> None
        while not self._closing:
            wait_s = LOOK_S
            if self._flying:
                wait_s = min(wait_s, max(0.0, self._flying[0][0] - monotonic()))
            try:
                readable = select.select(self._devices, [], [], wait_s)[0]
            except select.error:
                # A signal, on 2.7 (until 2.7 goes).
                continue
            for device in readable:
                self._read(device)
            self._deliver()

    def _read(self, device):
        # type: (int) -> None
        while True:
            try:
                packet = os.read(device, PACKET_BYTES_MAX)
            except OSError:
                # Nothing more.
                return
            if bytearray(packet[:1])[0] >> 4 == 4:
                self._take(packet)

    def _take(self, packet):
        # type: (bytes) -> None
        source, destination = packet[12:16], packet[16:20]
        device = self._ways.get(destination)
        if device is None:
            return
        pair = socket.inet_ntoa(source), socket.inet_ntoa(destination)
        if {pair, (pair[0], '*'), ('*', pair[1])} & self.blocked:
            self.counts['blocked'] += 1
            return
        faults, draw = self.faults, self._rng.random
        if draw() < faults.drop:
            self.counts['dropped'] += 1
            return
        copies = 1
        while draw() < faults.duplicate and copies < COPIES_MAX:
            self.counts['duplicated'] += 1
            copies += 1
        for _ in range(copies):
            self._sequence += 1
            heappush(self._flying, (monotonic() + self._delay(), self._sequence, device, self._perhaps_bent(packet)))

    def _delay(self):
        # type: () -> float
        delay = self._rng.uniform(*self.faults.delay_s)
        self.counts['delayed'] += delay > 0
        return delay * 10 if self._rng.random() < self.faults.tail else delay

    def _perhaps_bent(self, packet):
        # type: (bytes) -> bytes
        parts = _parts(packet)
        if parts is None:
            return packet
        head, ports, data = parts
        faults, rng = self.faults, self._rng
        before = data
        if data and rng.random() < faults.turn:
            bent = bytearray(data)
            bent[rng.randrange(len(bent))] ^= rng.randrange(1, 256)
            data = bytes(bent)
            self.counts['turned'] += 1
        if data and rng.random() < faults.cut:
            data = data[:rng.randrange(len(data))]
            self.counts['cut'] += 1
        if rng.random() < faults.lengthen:
            data += bytes(bytearray(rng.randrange(256) for _ in range(rng.randrange(1, 20))))
            self.counts['lengthened'] += 1
        if data == before:
            return packet
        self.counts['damaged'] += 1
        return _joined(head, ports, data, rng.random() < 0.5)

    def _deliver(self):
        # type: () -> None
        now = monotonic()
        while self._flying and self._flying[0][0] <= now:
            _, sequence, device, packet = heappop(self._flying)
            self.counts['overtaken'] += sequence < self._newest_out
            self._newest_out = max(self._newest_out, sequence)
            try:
                os.write(device, packet)
                self.counts['carried'] += 1
            except OSError:
                # The device is down: one more that is lost.
                self.counts['dropped'] += 1


def _parts(packet):
    # type: (bytes) -> Tuple[bytes, bytes, bytes] | None
    """The header of IP, the ports of UDP, and what is behind; None for what is no whole UDP packet."""
    first = bytearray(packet[:20])
    length = (first[0] & 15) * 4
    is_fragment = (first[6] << 8 | first[7]) & 0x3fff
    if first[9] != UDP or is_fragment:
        return None
    return packet[:length], packet[length:length + 4], packet[length + 8:]


def _joined(head, ports, data, with_checksum):
    # type: (bytes, bytes, bytes, bool) -> bytes
    size = 8 + len(data)
    head = head[:2] + struct.pack('!H', len(head) + size) + head[4:10] + b'\0\0' + head[12:]
    head = head[:10] + struct.pack('!H', checksum(head)) + head[12:]
    bare = ports + struct.pack('!HH', size, 0) + data
    right = checksum(head[12:20] + struct.pack('!BBH', 0, UDP, size) + bare) or 0xffff
    return head + ports + struct.pack('!HH', size, right if with_checksum else 0) + data


def checksum(data):
    # type: (bytes) -> int
    """The checksum of IP and UDP (RFC 1071): the complement of the sum of all 16-bit words, carries added in."""
    padded = data + b'\0' * (len(data) % 2)
    total = sum(struct.unpack('!%dH' % (len(padded) // 2), padded))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
