"""Somebody else who can send datagrams: says anything to anybody, and knows when it has been read.

A ping is the barrier: datagrams from one socket to another stay in order on loopback, so when the pong is here, all
that was sent before has been read.
"""

from __future__ import absolute_import, division, print_function

import select
import socket

from net_protocol import codec
from net_protocol.errors import DatagramRefused
from net_protocol.messages import Ping, Pong
from runtime.clock import monotonic
from tests.system.processes import BOUND_S

MYPY = False
if MYPY:
    from typing import Any, Iterable, List, Tuple  # noqa: F401

    from net_protocol.codec import Envelope  # noqa: F401

#: A pong that does not come within this time is asked for again: the stranger's own noise may have filled a buffer.
AGAIN_S = 0.5


class Stranger(object):
    """A UDP socket with a mouth. Whatever comes back is read and, but for pongs, kept in ``heard``."""

    def __init__(self, name='stranger', incarnation='strangee', host='127.0.0.1'):
        # type: (str, str, str) -> None
        self.name = name
        self.incarnation = incarnation
        self.heard = []  # type: List[Envelope]
        self._number = 0
        self._nonce = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind((host, 0))
        self.address = self._socket.getsockname()  # type: Tuple[str, int]

    def __enter__(self):
        # type: () -> Stranger
        return self

    def __exit__(self, *_):
        # type: (*Any) -> None
        self.close()

    def close(self):
        # type: () -> None
        """End it."""
        self._socket.close()

    def throw(self, address, datagram):
        # type: (Any, bytes) -> None
        """Send these bytes."""
        self._socket.sendto(datagram, tuple(address))

    def say(self, address, messages, name=None, incarnation=None):
        # type: (Any, Iterable[Any], str | None, str | None) -> None
        """Send messages as the protocol has it, perhaps in somebody else's name."""
        for datagram in codec.encode(name or self.name, incarnation or self.incarnation, self._number + 1, messages):
            self._number += 1
            self.throw(address, datagram)

    def is_answered_by(self, address):
        # type: (Any) -> bool
        """Wait until that process has read all that was sent to it so far; it is alive, then."""
        end_at = monotonic() + BOUND_S
        self._nonce += 1
        while monotonic() < end_at:
            self.say(address, [Ping(self._nonce)])
            if self._hears(Pong(self._nonce), AGAIN_S):
                return True
        return False

    def listen(self, seconds):
        # type: (float) -> Any
        """The next ``(envelope, address)``, or None if nothing comes for so long."""
        while select.select([self._socket], [], [], seconds)[0]:
            datagram, address = self._socket.recvfrom(65536)
            try:
                envelope = codec.decode(datagram)
            except DatagramRefused:
                continue
            return envelope, address
        return None

    def _hears(self, message, seconds):
        # type: (Any, float) -> bool
        end_at = monotonic() + seconds
        while monotonic() < end_at:
            found = self.listen(max(0.0, end_at - monotonic()))
            if found is None:
                return False
            if message in found[0].messages:
                return True
            self.heard.append(found[0])
        return False
