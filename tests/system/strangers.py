"""Senders of datagrams in the test's own process: a ``Stranger`` sends any bytes; an ``Actor`` sends any rows, on a
real channel.

``Stranger.is_answered_by`` is a barrier. Loopback keeps the order of datagrams between two sockets, so the greeting
shows that the peer has read all earlier datagrams.
"""

from __future__ import absolute_import, division, print_function

import random
import select
import socket
from functools import partial

from net_protocol import codec
from net_protocol.channel import Channel
from net_protocol.core import Core
from net_protocol.errors import DatagramRefused
from net_protocol.rows import DISPATCHER, ORDER, PROBE
from net_protocol.seals import CHECKSUM
from net_protocol.turn import Turn
from runtime.clock import monotonic
from runtime.endpoint import Endpoint, is_loopback
from tests.system.processes import BOUND_S, eventually

#: A hello without an answer is repeated after this time: earlier datagrams may have filled the receive buffer.
HELLO_EVERY_S = 0.5


class Stranger(object):
    """A UDP socket; a context manager."""

    def __init__(self):
        self._number = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(('127.0.0.1', 0))
        self.address = self._socket.getsockname()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._socket.close()

    def throw(self, address, datagram):
        """Send a datagram, valid or not."""
        self._socket.sendto(datagram, tuple(address))

    def is_answered_by(self, address):
        """Wait until the process there has read all earlier datagrams and answers. Returns whether it answered."""
        end_at = monotonic() + BOUND_S
        head = codec.head(PROBE, 'stranger', 'strangee', '')
        while monotonic() < end_at:
            self._number += 1
            self.throw(address, codec.hello(CHECKSUM, head, self._number))
            for found in iter(lambda: self.listen(HELLO_EVERY_S), None):
                if found[0].re == self._number:
                    return True
        return False

    def listen(self, seconds):
        """The next valid datagram, ``(codec.Datagram, address)``; None if none arrives within that time."""
        while select.select([self._socket], [], [], seconds)[0]:
            datagram, address = self._socket.recvfrom(65536)
            try:
                return codec.decode(datagram), address
            except DatagramRefused:
                continue
        return None


class Actor(Core):
    """A client or calculator that sends the rows of a test, or a dispatcher that only listens; a context manager."""

    ACKNOWLEDGED = frozenset(ORDER)
    WANTS_NUMBERS = True

    def __init__(self, role, address=None, name='actor', incarnation='actoraaa'):
        super(Actor, self).__init__(name, incarnation)
        self.ROLE = role
        self.handlers = {kind: partial(self.on_rows, kind) for kind in ORDER if kind != 'ping'}
        self.dispatcher = None if role == DISPATCHER else Channel(DISPATCHER)
        #: Kind -> rows that arrived.
        self.received = {}
        #: Kinds of which the dispatcher has acknowledged a row.
        self.has_acknowledged = set()
        #: Incarnations of the peers.
        self.incarnations = set()
        self._endpoint = Endpoint(socket.AF_INET, ('127.0.0.1', 0))
        self.address = self._endpoint.address
        self._turn = Turn(self, random.Random(random.SystemRandom().getrandbits(64)), secret=b'of an actor',
                          is_local=is_loopback)
        if address is not None:
            self._turn.set_upstream(address)
            self.until(lambda: self.dispatcher.is_open, 'the channel is open')  # type: ignore[union-attr]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._endpoint.close()

    def aim_at(self, address):
        self._turn.set_upstream(address)

    def put(self, kind, *rows):
        """Send rows in the next turn."""
        for row in rows:
            self.send(self.dispatcher, kind, row)

    def turn(self, seconds=0.01):
        """Send waiting rows, and handle datagrams for ``seconds``."""
        end_at = monotonic() + seconds
        while True:
            self._turn.run(monotonic(), self._endpoint.receive, self._endpoint.send)
            now = monotonic()
            timer = self._turn.next_timer()
            due_at = end_at if timer is None else min(end_at, timer)
            if now >= end_at or not (select.select(self._endpoint.readers(), [], [], max(0.0, due_at - now))[0]
                                     or due_at < end_at):
                return

    def until(self, condition, what):
        """Take turns until ``condition()``."""
        def after_a_turn():
            self.turn()
            return condition()
        return eventually(after_a_turn, what)

    def delivers(self, kind, *rows):
        """Send rows and wait until they are acknowledged."""
        self.has_acknowledged.discard(kind)
        self.put(kind, *rows)
        self.until(lambda: kind in self.has_acknowledged, 'rows of %s are acknowledged' % kind)

    # Called by the turn.

    def on_rows(self, kind, now, channel, rows):
        self.received.setdefault(kind, []).extend(rows)

    def opened(self, now, channel):
        self.incarnations.add(channel.incarnation)

    def acknowledged(self, now, channel, kind, rows):
        self.has_acknowledged.add(kind)
