"""The way of a message between a core and the datagrams below it, without the sockets.

Whoever runs a core, on a real socket or in a simulated network, hands arriving datagrams to its ``Wire`` and sends what
the ``Wire`` gives back. So what is decoded, refused, counted, grouped and numbered is the same everywhere.
"""

from __future__ import absolute_import, division, print_function

from collections import deque

from net_protocol import codec, guard
from net_protocol.core import Sender
from net_protocol.errors import DatagramRefused
from net_protocol.guard import Unproven, is_welcome
from net_protocol.messages import Welcome
from net_protocol.seals import CHECKSUM

MYPY = False
if MYPY:
    from typing import Any, Callable, Deque, Dict, Iterator, List, Tuple  # noqa: F401

    from net_protocol.core import Core  # noqa: F401
    from net_protocol.guard import Guard  # noqa: F401
    from net_protocol.messages import Message  # noqa: F401

#: Messages kept for an address whose life is not known yet, and such addresses. A resend brings what is more.
UNBELIEVED_MAX = 256
ADDRESSES_MAX = 1000

#: Welcomes in one turn: a flood of old datagrams gets no more attention than this.
WELCOMES_MAX = 256


class Traffic(object):
    """What went through: datagrams, messages, and what was refused by cause."""

    def __init__(self):
        # type: () -> None
        self.datagrams_in = 0
        self.messages_in = 0
        self.datagrams_out = 0
        self.messages_out = 0
        #: Messages for a peer whose address is not known yet.
        self.unaddressed = 0
        self.refused = dict.fromkeys(codec.CAUSES + guard.CAUSES, 0)
        #: Signed datagrams of senders that did not know our present life, and answers that told them.
        self.unacquainted = 0
        self.welcomes = 0

    def as_dict(self):
        # type: () -> Dict[str, Any]
        """For programs."""
        believed = self.datagrams_in - sum(self.refused.values()) - self.unacquainted
        return {'datagrams_in': self.datagrams_in, 'messages_in': self.messages_in,
                'datagrams_out': self.datagrams_out, 'messages_out': self.messages_out,
                'unaddressed': self.unaddressed, 'unacquainted': self.unacquainted,
                'welcomes': self.welcomes, 'refused': dict(self.refused),
                'messages_per_datagram_in': _ratio(self.messages_in, believed),
                'messages_per_datagram_out': _ratio(self.messages_out, self.datagrams_out)}


class Wire(object):
    """Datagrams in, datagrams out, for one core; with a ``Guard``, signed ones."""

    def __init__(self, core, guard=None):
        # type: (Core, Guard | None) -> None
        self.traffic = Traffic()
        self._core = core
        self._guard = guard
        self._seal = CHECKSUM if guard is None else guard.seal
        # Datagrams sent so far: each carries its number.
        self._number = 0
        # Welcomes to send, as (address, (to, re)).
        self._welcomes = []  # type: List[Tuple[Any, Tuple[str, int]]]
        # Address -> what was sent there before we knew whose life it is, and was not believed. Said again when we know.
        self._unbelieved = {}  # type: Dict[Any, Deque[Message]]
        self._again = []  # type: List[Tuple[Any, Message]]

    def receive(self, now, datagram, address):
        # type: (float, bytes, Any) -> None
        """Decode one datagram and hand its messages to the core. Raises ``DatagramRefused``, counted already."""
        traffic = self.traffic
        traffic.datagrams_in += 1
        try:
            envelope = codec.decode(datagram, self._seal)
            if self._guard is not None:
                self._admit(self._guard, envelope, address)
        except Unproven:
            # Nothing wrong with it: every acquaintance begins so.
            traffic.unacquainted += 1
            return
        except DatagramRefused as refusal:
            traffic.refused[refusal.cause] += 1
            raise
        traffic.messages_in += len(envelope.messages)
        sender = Sender(address, envelope.name, envelope.incarnation, envelope.number)
        handle = self._core.handle_message
        for message in envelope.messages:
            if type(message) is not Welcome:
                handle(now, sender, message)

    def take_datagrams(self, resolve=None):
        # type: (Callable[[Any], Any] | None) -> Iterator[Tuple[Any, bytes]]
        """What the core wants to send, as ``(address, datagram)``: grouped by address into as few as fit.

        ``resolve`` turns what the core takes for an address into one to send to, or None where there is none yet.
        """
        by_address = {}  # type: Dict[Any, List[Message]]
        # In the order of their first message: that of a dict differs between versions of Python.
        addresses = []  # type: List[Any]
        again, self._again = self._again, []
        for target, message in again + self._core.take_outgoing():
            address = target if resolve is None else resolve(target)
            if address in by_address:
                by_address[address].append(message)
            else:
                by_address[address] = [message]
                addresses.append(address)
        for address in addresses:
            if address is None:
                self.traffic.unaddressed += len(by_address[address])
            else:
                for datagram in self._datagrams(address, by_address[address]):
                    yield address, datagram
        welcomes, self._welcomes = self._welcomes, []
        for address, credentials in welcomes:
            self.traffic.welcomes += 1
            for datagram in self._encoded([Welcome()], credentials):
                yield address, datagram

    def _datagrams(self, address, messages):
        # type: (Any, List[Message]) -> List[bytes]
        if self._guard is None:
            return self._encoded(messages, None)
        credentials = self._guard.credentials(address)
        if not credentials[0]:
            self._keep_unbelieved(address, messages)
        return self._encoded(messages, credentials)

    def _encoded(self, messages, credentials):
        # type: (List[Message], Tuple[str, int] | None) -> List[bytes]
        if self._guard is None or credentials is None:
            datagrams = codec.encode(self._core.name, self._core.incarnation, self._number + 1, messages)
        else:
            datagrams = codec.encode(self._core.name, self._core.incarnation, self._number + 1, messages,
                                     seal=self._seal, credentials=(self._guard.role,) + credentials)
        self._number += len(datagrams)
        self.traffic.datagrams_out += len(datagrams)
        self.traffic.messages_out += len(messages)
        return datagrams

    def _admit(self, guard, envelope, address):
        # type: (Guard, codec.Envelope, Any) -> None
        try:
            guard.admit(envelope, address, self._core.incarnation, self._number)
        except Unproven:
            # A welcome is never answered by one, or two that know nothing of each other would go on for ever.
            if not is_welcome(envelope) and len(self._welcomes) < WELCOMES_MAX:
                self._welcomes.append((address, (envelope.incarnation, envelope.number)))
            raise
        for message in self._unbelieved.pop(address, ()):
            self._again.append((address, message))

    def _keep_unbelieved(self, address, messages):
        # type: (Any, List[Message]) -> None
        kept = self._unbelieved.get(address)
        if kept is None:
            if len(self._unbelieved) >= ADDRESSES_MAX:
                return
            kept = self._unbelieved[address] = deque(maxlen=UNBELIEVED_MAX)
        kept.extend(messages)


def _ratio(many, few):
    # type: (int, int) -> float | None
    return round(many / few, 3) if few > 0 else None
