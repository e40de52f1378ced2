"""A bad network between network namespaces.

Each namespace has a TUN device whose packets this program reads. It writes each packet to the device of the
destination, and may drop, delay, copy, reorder or damage it. A damaged packet gets correct lengths and checksums (or no
checksum, as UDP over IPv4 allows), because the kernel would drop it otherwise.
"""

from __future__ import absolute_import, division, print_function

import fcntl
import os
import socket
import struct

from tests.system.lossy_relay import Carrier

#: From linux/if_tun.h: make this descriptor a device for IP packets without a further header.
TUNSETIFF = 0x400454ca
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000

PACKET_BYTES_MAX = 65536
UDP = 17

COUNTS = ('carried', 'dropped', 'blocked', 'duplicated', 'delayed', 'overtaken', 'damaged', 'corrupted', 'cut',
          'lengthened')


class Faults(object):
    """Faults of a network: probabilities, and ``delay_s``, a range. ``tail`` is the share of packets that are delayed
    ten times as long; ``corrupt`` changes a byte.
    """

    def __init__(self, drop=0.0, duplicate=0.0, corrupt=0.0, cut=0.0, lengthen=0.0, delay_s=(0.0, 0.0), tail=0.0):
        self.drop = drop
        self.duplicate = duplicate
        self.corrupt = corrupt
        self.cut = cut
        self.lengthen = lengthen
        self.delay_s = delay_s
        self.tail = tail


class Joiner(Carrier):
    """Carries packets between TUN devices, in a thread."""

    def __init__(self, seed):
        super(Joiner, self).__init__(seed, COUNTS)
        self._faults = Faults()
        #: Pairs (source, destination) of addresses whose packets are dropped; '*' stands for any address.
        self.blocked = set()
        self._seed = seed
        # Packed address -> descriptor of its device.
        self._routes = {}
        self._devices = []

    @property
    def faults(self):
        return self._faults

    @faults.setter
    def faults(self, faults):
        self._faults = faults
        self.drop, self.duplicate, self.delay_s = faults.drop, faults.duplicate, faults.delay_s

    def add_device(self, name):
        """Make a TUN device in the namespace of this process; returns its descriptor."""
        device = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(device, TUNSETIFF, struct.pack('16sH22x', name.encode('ascii'), IFF_TUN | IFF_NO_PI))
        self._devices.append(device)
        return device

    def add_route(self, address, device):
        """Send packets for this address to this device."""
        self._routes[socket.inet_aton(address)] = device

    def close(self):
        self.end()
        for device in self._devices:
            os.close(device)

    def report(self):
        return '---- joiner, seed %d: %r, blocked %r\n%r' % (
            self._seed, vars(self.faults), sorted(self.blocked), self.counts)

    def _ends(self):
        return self._devices

    def _receive(self, end):
        packet = os.read(end, PACKET_BYTES_MAX)
        if bytearray(packet[:1])[0] >> 4 != 4:
            return
        device = self._routes.get(packet[16:20])
        if device is None:
            return
        pair = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
        if {pair, (pair[0], '*'), ('*', pair[1])} & self.blocked:
            self.counts['blocked'] += 1
        else:
            self._carry(device, packet)

    def _send(self, way, datagram):
        os.write(way, datagram)
        self.counts['carried'] += 1

    def _delay(self):
        delay = super(Joiner, self)._delay()
        self.counts['delayed'] += delay > 0
        return delay * 10 if self._rng.random() < self.faults.tail else delay

    def _perhaps_bent(self, packet):
        parts = _parts(packet)
        if parts is None:
            return packet
        head, ports, data = parts
        faults, rng = self.faults, self._rng
        before = data
        if data and rng.random() < faults.corrupt:
            bent = bytearray(data)
            bent[rng.randrange(len(bent))] ^= rng.randrange(1, 256)
            data = bytes(bent)
            self.counts['corrupted'] += 1
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


def _parts(packet):
    """The IP header, the UDP ports, and the data; None for a fragment or another protocol."""
    first = bytearray(packet[:20])
    length = (first[0] & 15) * 4
    is_fragment = (first[6] << 8 | first[7]) & 0x3fff
    if first[9] != UDP or is_fragment:
        return None
    return packet[:length], packet[length:length + 4], packet[length + 8:]


def _joined(head, ports, data, with_checksum):
    size = 8 + len(data)
    head = head[:2] + struct.pack('!H', len(head) + size) + head[4:10] + b'\0\0' + head[12:]
    head = head[:10] + struct.pack('!H', checksum(head)) + head[12:]
    bare = ports + struct.pack('!HH', size, 0) + data
    right = checksum(head[12:20] + struct.pack('!BBH', 0, UDP, size) + bare) or 0xffff
    return head + ports + struct.pack('!HH', size, right if with_checksum else 0) + data


def checksum(data):
    """The checksum of IP and UDP (RFC 1071): the complement of the sum of all 16-bit words, carries added in."""
    padded = data + b'\0' * (len(data) % 2)
    total = sum(struct.unpack('!%dH' % (len(padded) // 2), padded))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
