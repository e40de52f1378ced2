"""The limit of Python and UDP: a relay of numbered datagrams that carry rows by kind, with no state per task.

Datagrams are numbered, acknowledged by ranges within 20 ms and sent again after half a second without an
acknowledgement; a duplicate is not handled. The relay knows one client, sends tasks to its workers in turn, and loses
the tasks of a worker that ends. It also runs on 2.7.
"""

from __future__ import absolute_import, division, print_function

import json
import select
import socket
from collections import deque
from zlib import crc32

from benchmarks.load import compute, say
from benchmarks.peers import AT_MOST_ONCE, READY
from runtime.clock import monotonic

TITLE = 'limit: relay with numbered datagrams and rows'
USED = ('UDP and JSON; rows by kind; every datagram has a checksum and a number, is acknowledged by ranges and sent '
        'again; no state for a task, no check of a field; workers take turns')
GUARANTEE = AT_MOST_ONCE
COMMANDS = ()
MODULES = ()

ACK_DELAY_S = 0.02
RESEND_S = 0.5
#: Rows of a kind in one datagram: with payloads of 100 bytes about 5 kB.
ROWS_MAX = 50
_NUMBERS_KEPT = 1024
_BUFFER_BYTES = 4 * 1024 * 1024
_READS_MAX = 64

_encode = json.JSONEncoder(separators=(',', ':')).encode
_decode = json.JSONDecoder().decode


class Peer(object):
    """The state for one address."""

    def __init__(self, address):
        self.address = address
        self.rows = {}
        self.number = 0
        # Number -> unacknowledged encoded datagram.
        self.in_flight = {}
        self.received = set()
        self.to_acknowledge = []
        self.acknowledge_at = float('inf')

    def is_new(self, number):
        """Note the number of a datagram; returns whether it is no duplicate."""
        self.to_acknowledge.append(number)
        if number in self.received:
            return False
        self.received.add(number)
        self.received.discard(number - _NUMBERS_KEPT)
        return True


class Endpoint(object):
    """A UDP socket of loopback. ``handlers``: kind -> function(peer, rows)."""

    def __init__(self, port, handlers):
        self._handlers = handlers
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        self._socket.setblocking(False)
        self._socket.bind(('127.0.0.1', port))
        self._peers = {}
        # In the order of time: (when, peer, number of a datagram), and (when, peer) for acknowledgements.
        self._resends = deque()
        self._delayed = deque()

    def peer(self, address):
        if address not in self._peers:
            self._peers[address] = Peer(address)
        return self._peers[address]

    def turn(self):
        """Send waiting rows, then wait for datagrams and handle them."""
        self._send(monotonic())
        due = [queue[0][0] for queue in (self._resends, self._delayed) if queue]
        select.select([self._socket], [], [], max(0.0, min(due) - monotonic()) if due else None)
        for _ in range(_READS_MAX):
            try:
                datagram, address = self._socket.recvfrom(65535)
            except (OSError, socket.error):
                break
            self._receive(datagram, address)

    def _receive(self, datagram, address):
        if int(datagram[:8], 16) != crc32(datagram[8:]) & 0xffffffff:
            return
        peer = self.peer(address)
        number, ranges, rows = _decode(datagram[8:].decode('ascii'))
        for first, last in ranges:
            for acknowledged in range(first, last + 1):
                peer.in_flight.pop(acknowledged, None)
        if rows and peer.is_new(number):
            if peer.acknowledge_at == float('inf'):
                peer.acknowledge_at = monotonic() + ACK_DELAY_S
                self._delayed.append((peer.acknowledge_at, peer))
            for kind in rows:
                self._handlers[kind](peer, rows[kind])

    def _send(self, now):
        while self._delayed and self._delayed[0][0] <= now:
            peer = self._delayed.popleft()[1]
            if peer.acknowledge_at <= now:
                self._send_datagram(now, peer, {})
        while self._resends and self._resends[0][0] <= now:
            _, peer, number = self._resends.popleft()
            if number in peer.in_flight:
                self._resends.append((now + RESEND_S, peer, number))
                self._socket.sendto(peer.in_flight[number], peer.address)
        for peer in self._peers.values():
            while peer.rows:
                self._send_datagram(now, peer, {kind: rows[:ROWS_MAX] for kind, rows in peer.rows.items()})
                peer.rows = {kind: rows[ROWS_MAX:] for kind, rows in peer.rows.items() if len(rows) > ROWS_MAX}

    def _send_datagram(self, now, peer, rows):
        if rows:
            peer.number += 1
        body = _encode([peer.number, _ranges(peer.to_acknowledge), rows]).encode('ascii')
        peer.to_acknowledge = []
        peer.acknowledge_at = float('inf')
        datagram = b'%08x' % (crc32(body) & 0xffffffff) + body
        if rows:
            peer.in_flight[peer.number] = datagram
            self._resends.append((now + RESEND_S, peer, peer.number))
        self._socket.sendto(datagram, peer.address)


def _ranges(numbers):
    ranges = []
    for number in sorted(numbers):
        if ranges and number <= ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ranges


def serve(port):
    workers = []
    clients = []

    def on_submit(peer, rows):
        clients[:] = [peer]
        for row in rows:
            workers.append(workers.pop(0))
            workers[-1].rows.setdefault('assign', []).append(row)

    here = Endpoint(port, {'hello': lambda peer, rows: workers.append(peer), 'submit': on_submit,
                           'result': lambda peer, rows: clients[0].rows.setdefault('done', []).extend(rows)})
    say(READY)
    while True:
        here.turn()


def work(port):
    def on_assign(peer, rows):
        peer.rows.setdefault('result', []).extend(
            [number, compute(payload.encode('ascii')).decode('ascii')] for number, payload in rows)

    here = Endpoint(0, {'assign': on_assign})
    here.peer(('127.0.0.1', port)).rows['hello'] = [[]]
    say(READY)
    while True:
        here.turn()


def ask(port, load):
    results = []
    here = Endpoint(0, {'done': lambda peer, rows: results.extend(rows)})
    relay = here.peer(('127.0.0.1', port))

    def receive():
        del results[:]
        while not results:
            here.turn()
        return [(number, result.encode('ascii')) for number, result in results]

    load.drive(lambda tasks: relay.rows.setdefault('submit', []).extend(
        [number, payload.decode('ascii')] for number, payload in tasks), receive)
