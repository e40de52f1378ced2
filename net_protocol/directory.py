"""The dispatcher's channels: found by ticket, opened with a new valid ticket, closed if there are too many."""

from __future__ import absolute_import, division, print_function

from collections import OrderedDict

from net_protocol.channel import Channel
from net_protocol.limits import CHANNELS_MAX
from net_protocol.recovery import GRANULARITY_S
from net_protocol.schedule import PROBE_FIRST_S
from net_protocol.tickets import Tickets, is_newer

MYPY = False
if MYPY:
    from typing import Any, Dict, Tuple  # noqa: F401

    from net_protocol.codec import Datagram  # noqa: F401


class Directory(object):
    """One channel for each (role, name, incarnation). ``secret`` makes the tickets."""

    def __init__(self, secret):
        # type: (bytes) -> None
        self.tickets = Tickets(secret)
        self._by_ticket = {}  # type: Dict[str, Channel]
        self._by_peer = {}  # type: Dict[Tuple[str, str, str], Channel]
        # Address -> the channel that opened there last: for ICMP errors.
        self._by_address = {}  # type: Dict[Any, Channel]
        #: The sleeping channels, those that have slept longest first.
        self.sleeping = OrderedDict()  # type: OrderedDict[Channel, None]

    def __len__(self):
        # type: () -> int
        return len(self._by_peer)

    @property
    def is_full(self):
        # type: () -> bool
        return len(self._by_peer) >= CHANNELS_MAX

    def find(self, datagram, address):
        # type: (Datagram, Any) -> Channel | None
        """The open channel that the datagram belongs to."""
        channel = self._by_ticket.get(datagram.to)
        if channel is not None and channel.is_open and channel.address == address \
                and channel.incarnation == datagram.incarnation and channel.name == datagram.name \
                and channel.role == datagram.role:
            return channel
        return None

    def at(self, address):
        # type: (Any) -> Channel | None
        """The channel of the peer at that address."""
        return self._by_address.get(address)

    def may_open(self, now, datagram, address):
        # type: (float, Datagram, Any) -> float | None
        """When the datagram's ticket was issued, if it is valid and newer than the one in use; else None."""
        issued_at_ms = self.tickets.issued_at_ms(now, datagram, address)
        channel = self._by_peer.get((datagram.role, datagram.name, datagram.incarnation))
        if issued_at_ms is None or (channel is not None and not is_newer(datagram.to, channel.ticket)):
            return None
        return issued_at_ms / 1000

    def is_known(self, datagram):
        # type: (Datagram) -> bool
        """Whether that peer has a channel."""
        return (datagram.role, datagram.name, datagram.incarnation) in self._by_peer

    def open(self, now, datagram, address, is_local, issued_at):
        # type: (float, Datagram, Any, bool, float) -> Channel
        """Open or restart the peer's channel with the datagram's ticket."""
        peer = (datagram.role, datagram.name, datagram.incarnation)
        channel = self._by_peer.get(peer)
        if channel is None:
            channel = self._by_peer[peer] = Channel(*peer)
        else:
            self._by_ticket.pop(channel.ticket, None)
            self.sleeping.pop(channel, None)
            self._forget_address(channel)
        channel.restart(datagram.to, datagram.name, datagram.incarnation)
        channel.use_address(address, is_local)
        channel.heard_at = now
        # The ticket made one round trip, and may have waited at the peer for something to send. Its unit is 1 ms.
        channel.round_trip.add(min(max(0.0, now - issued_at) + GRANULARITY_S, PROBE_FIRST_S))
        channel.number_received = datagram.number
        channel.peer_open = max(channel.peer_open, datagram.open)
        self._by_ticket[datagram.to] = channel
        self._by_address[address] = channel
        return channel

    def close(self, now, channel):
        # type: (float, Channel) -> None
        """Forget a channel and make all tickets invalid, so that its former datagrams can't open it again."""
        self._by_ticket.pop(channel.ticket, None)
        del self._by_peer[(channel.role, channel.name, channel.incarnation)]
        self._forget_address(channel)
        self.sleeping.pop(channel, None)
        channel.drop_rows()
        channel.is_open = False
        channel.probe_at = None
        self.tickets.void(now)

    def _forget_address(self, channel):
        # type: (Channel) -> None
        if self._by_address.get(channel.address) is channel:
            del self._by_address[channel.address]
