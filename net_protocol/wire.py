"""The way of a message between a core and the datagrams below it, without the sockets.

Whoever runs a core, on a real socket or in a simulated network, hands arriving datagrams to its ``Wire`` and sends what
the ``Wire`` gives back. So what is decoded, refused, counted, grouped and numbered is the same everywhere.
"""

from __future__ import absolute_import, division, print_function

from net_protocol import codec
from net_protocol.core import Sender
from net_protocol.errors import DatagramRefused

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, Iterator, List, Tuple  # noqa: F401

    from net_protocol.core import Core  # noqa: F401


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
        self.refused = dict.fromkeys(codec.CAUSES, 0)

    def as_dict(self):
        # type: () -> Dict[str, Any]
        """For programs."""
        return {'datagrams_in': self.datagrams_in, 'messages_in': self.messages_in,
                'datagrams_out': self.datagrams_out, 'messages_out': self.messages_out,
                'unaddressed': self.unaddressed, 'refused': dict(self.refused),
                'messages_per_datagram_in': _ratio(self.messages_in, self.datagrams_in - sum(self.refused.values())),
                'messages_per_datagram_out': _ratio(self.messages_out, self.datagrams_out)}


class Wire(object):
    """Datagrams in, datagrams out, for one core."""

    def __init__(self, core):
        # type: (Core) -> None
        self.traffic = Traffic()
        self._core = core
        # Datagrams sent so far: each carries its number.
        self._number = 0

    def receive(self, now, datagram, address):
        # type: (float, bytes, Any) -> None
        """Decode one datagram and hand its messages to the core. Raises ``DatagramRefused``, counted already."""
        traffic = self.traffic
        traffic.datagrams_in += 1
        try:
            envelope = codec.decode(datagram)
        except DatagramRefused as refusal:
            traffic.refused[refusal.cause] += 1
            raise
        traffic.messages_in += len(envelope.messages)
        sender = Sender(address, envelope.name, envelope.incarnation, envelope.number)
        handle = self._core.handle_message
        for message in envelope.messages:
            handle(now, sender, message)

    def take_datagrams(self, resolve=None):
        # type: (Callable[[Any], Any] | None) -> Iterator[Tuple[Any, bytes]]
        """What the core wants to send, as ``(address, datagram)``: grouped by address into as few as fit.

        ``resolve`` turns what the core takes for an address into one to send to, or None where there is none yet.
        """
        by_address = {}  # type: Dict[Any, List[Any]]
        # In the order of their first message: that of a dict differs between versions of Python.
        addresses = []  # type: List[Any]
        for target, message in self._core.take_outgoing():
            address = target if resolve is None else resolve(target)
            if address in by_address:
                by_address[address].append(message)
            else:
                by_address[address] = [message]
                addresses.append(address)
        traffic = self.traffic
        for address in addresses:
            messages = by_address[address]
            if address is None:
                traffic.unaddressed += len(messages)
                continue
            datagrams = codec.encode(self._core.name, self._core.incarnation, self._number + 1, messages)
            self._number += len(datagrams)
            traffic.datagrams_out += len(datagrams)
            traffic.messages_out += len(messages)
            for datagram in datagrams:
                yield address, datagram


def _ratio(many, few):
    # type: (int, int) -> float | None
    return round(many / few, 3) if few > 0 else None
