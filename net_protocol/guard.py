"""Who is believed where there is a key.

A signature says that a datagram was made by somebody with the key. It does not say that it is new, nor that it was
meant for us: whoever can listen can send it again, later, elsewhere. So each signed datagram also says, under the
signature,

- ``role``: what its sender is. A dispatcher does not listen to dispatchers, a client only to a dispatcher, so nothing
  can be thrown back at its sender, or at another one of its kind.
- ``to``: the life of the receiver that is meant. What was meant for another process, or for an earlier life of this
  one, is not believed.
- ``n``: the number of the datagram in its sender's life, each of which is believed once. A window allows for
  reordering (as in IPsec, RFC 4303 section 3.4.3).
- ``re``: the highest number that its sender had received from us. A new life of a peer is believed only if it has
  received something newer than its former life ever had, and only what it said since: recorded datagrams of a former
  life have not. Should a late one have, the lives take turns, and nothing is believed again that was before.

Who does not know us yet can't say ``to`` and ``re``. It is not believed, but told, by a ``welcome``, which is signed
too; then it says everything again. That is one round trip for each pair of lives.
"""

from __future__ import absolute_import, division, print_function

from collections import deque

from net_protocol import codec, fields
from net_protocol.errors import DatagramRefused
from net_protocol.limits import COUNT_MAX
from net_protocol.messages import Welcome
from net_protocol.seals import Signature

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict, List, Tuple  # noqa: F401

    from net_protocol.codec import Envelope  # noqa: F401

CLIENT = 'client'
DISPATCHER = 'dispatcher'
CALCULATOR = 'calculator'
PROBE = 'probe'
ROLES = (CLIENT, DISPATCHER, CALCULATOR, PROBE)

#: Whom each role listens to.
LISTENS_TO = {
    CLIENT: (DISPATCHER, PROBE),
    CALCULATOR: (DISPATCHER, PROBE),
    DISPATCHER: (CLIENT, CALCULATOR, PROBE),
    PROBE: (CLIENT, CALCULATOR, DISPATCHER),
}

WRONG_ROLE = 'wrong_role'
REPLAYED = 'replayed'
CAUSES = (WRONG_ROLE, REPLAYED)

#: Numbers that may be overtaken. A dispatcher counts all it sends to anybody, tens of thousands a second under load, so
#: this is a tenth of a second then, and minutes otherwise.
WINDOW = 8192

# The window, and the byte that it shares with what is just beyond it.
RING_BYTES = WINDOW // 8 + 1

#: Peers whose numbers are kept. One that is forgotten is welcomed again.
PEERS_MAX = 50000


class _Peer(object):
    """What is known of one peer: its present life, which numbers of it were seen, and what it had heard from us.

    ``heard_before`` is what any life of it had heard when the present one began, perhaps not for the first time.
    """

    __slots__ = ('key', 'life', 'highest', 'heard', 'heard_before', 'address', '_seen')

    def __init__(self, key):
        # type: (Tuple[str, str]) -> None
        self.key = key
        self.heard = 0
        self.address = None  # type: Any
        self.begin_life('')

    def begin_life(self, life):
        # type: (str) -> None
        self.life = life
        self.heard_before = self.heard
        self.highest = 0
        # A bit for each number of the window, in a ring (RFC 6479): number n is bit n % 8 of byte n // 8 % RING_BYTES.
        # Nothing is moved when the window moves on, but the bytes that it enters are cleared.
        self._seen = bytearray(RING_BYTES)

    def is_new(self, number):
        # type: (int) -> bool
        """Whether that number was not seen, as far as the window reaches back."""
        behind = self.highest - number
        return behind < 0 or (behind < WINDOW and not self._seen[(number >> 3) % RING_BYTES] >> (number & 7) & 1)

    def see(self, number):
        # type: (int) -> None
        place = number >> 3
        if number > self.highest:
            entered = place - (self.highest >> 3)
            self.highest = number
            if entered >= RING_BYTES:
                self._seen = bytearray(RING_BYTES)
            else:
                for at in range(place - entered + 1, place + 1):
                    self._seen[at % RING_BYTES] = 0
        self._seen[place % RING_BYTES] |= 1 << (number & 7)


class Unproven(Exception):
    """Signed, but not known to be new and meant for us. Its sender is welcomed, unless it was a welcome itself."""


class Guard(object):
    """Decides for one process of a ``role``, with ``keys``, which envelopes are believed."""

    def __init__(self, role, keys):
        # type: (str, List[bytes]) -> None
        self.role = role
        self.seal = Signature(keys)
        self._listens_to = LISTENS_TO[role]
        self._peers = {}  # type: Dict[Tuple[str, str], _Peer]
        self._order = deque()  # type: Deque[Tuple[str, str]]
        # Address -> the peer that was heard from there last.
        self._by_address = {}  # type: Dict[Any, _Peer]
        # What the forgotten peers had heard from us: a life that we do not know must have heard something newer.
        self._forgotten_heard = 0

    def admit(self, envelope, address, own_life, own_number):
        # type: (Envelope, Any, str, int) -> None
        """Believe an envelope, or raise ``DatagramRefused``; ``Unproven`` where its sender deserves a welcome.

        ``own_number`` is the number of the last datagram that we sent.
        """
        role = envelope.role
        if role not in self._listens_to:
            raise DatagramRefused(WRONG_ROLE, 'a %s does not listen to %.20r' % (self.role, role))
        if envelope.to != own_life:
            raise Unproven('meant for the life %.20r' % (envelope.to,))
        heard = self._checked_count(envelope.re)
        number = envelope.number
        key = (role, envelope.name)
        peer = self._peers.get(key)
        if peer is None or peer.life != envelope.incarnation:
            peer = self._next_life(peer, key, envelope.incarnation, heard, own_number)
        elif heard <= peer.heard_before:
            raise Unproven('from before this life of %s was known, perhaps believed then' % envelope.name)
        elif not peer.is_new(number):
            raise DatagramRefused(REPLAYED, 'number %d of %s again' % (number, envelope.name))
        peer.see(number)
        if heard > peer.heard:
            peer.heard = min(heard, own_number)
        if peer.address != address or self._by_address.get(address) is not peer:
            self._note_address(peer, address)

    def credentials(self, address):
        # type: (Any) -> Tuple[str, int]
        """The ``(to, re)`` of a datagram to that address: ('', 0) where nobody is known there."""
        peer = self._by_address.get(address)
        return ('', 0) if peer is None else (peer.life, peer.highest)

    @staticmethod
    def _checked_count(value):
        # type: (Any) -> int
        if type(value) is int and 0 <= value <= COUNT_MAX:
            return value
        try:
            return fields.count(value)
        except fields.FieldRefused as error:
            raise DatagramRefused(codec.BAD_ENVELOPE, 're: expected %s' % error)

    def _next_life(self, peer, key, life, heard, own_number):
        # type: (_Peer | None, Tuple[str, str], str, int, int) -> _Peer
        """The record of a life that we do not know, if it has heard something newer than the former one."""
        heard_before = self._forgotten_heard if peer is None else peer.heard
        if not heard_before < heard <= own_number:
            raise Unproven('another life of %s, which has heard nothing new' % key[1])
        if peer is None:
            peer = self._peers[key] = _Peer(key)
            peer.heard = self._forgotten_heard
            self._order.append(key)
            if len(self._order) > PEERS_MAX:
                self._forget(self._order.popleft())
        peer.begin_life(life)
        return peer

    def _note_address(self, peer, address):
        # type: (_Peer, Any) -> None
        if self._by_address.get(peer.address) is peer:
            del self._by_address[peer.address]
        peer.address = address
        self._by_address[address] = peer

    def _forget(self, key):
        # type: (Tuple[str, str]) -> None
        peer = self._peers.pop(key)
        self._forgotten_heard = max(self._forgotten_heard, peer.heard)
        if self._by_address.get(peer.address) is peer:
            del self._by_address[peer.address]


def is_welcome(envelope):
    # type: (Envelope) -> bool
    """Whether an envelope says nothing but who sent it."""
    return all(type(message) is Welcome for message in envelope.messages)
