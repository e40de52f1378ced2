"""Tickets validate the addresses of peers, without a state for each (like QUIC's tokens, RFC 9000 section 8.1).

A ticket is the time of its issue and 40 bits of an HMAC over that time and the peer's role, name, incarnation and
address. A peer that returns it has received it at that address.
"""

from __future__ import absolute_import, division, print_function

import hmac
from hashlib import sha256

from net_protocol.schedule import TICKET_S

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401

    from net_protocol.codec import Datagram  # noqa: F401

_MAC_CHARS = 10


class Tickets(object):
    """Issues and checks the tickets of one process; ``secret`` are random bytes of its own."""

    def __init__(self, secret):
        # type: (bytes) -> None
        self._keyed = hmac.new(secret, digestmod=sha256)
        self._void_until_ms = -1

    def issue(self, now, datagram, address):
        # type: (float, Datagram, Any) -> str
        """A ticket for the sender of that datagram."""
        # The clock may begin below zero in a test; a time is written without a sign.
        at_ms = max(int(now * 1000), self._void_until_ms + 1, 0)
        return '%x.%s' % (at_ms, self._mac('%x' % at_ms, datagram, address))

    def void(self, now):
        # type: (float) -> None
        """Make all tickets invalid that were issued until now."""
        self._void_until_ms = max(self._void_until_ms, int(now * 1000))

    def issued_at_ms(self, now, datagram, address):
        # type: (float, Datagram, Any) -> int | None
        """When the ticket of a datagram was issued, or None if it is not valid."""
        at, _, mac = datagram.to.partition('.')
        if len(mac) != _MAC_CHARS or len(at) > 16:
            return None
        try:
            at_ms = int(at, 16)
        except ValueError:
            return None
        if not self._void_until_ms < at_ms or not -1 <= now * 1000 - at_ms <= TICKET_S * 1000 + 1:
            return None
        if not hmac.compare_digest(mac.encode('utf-8'), self._mac(at, datagram, address).encode('ascii')):
            return None
        return at_ms

    def _mac(self, at, datagram, address):
        # type: (str, Datagram, Any) -> str
        mac = self._keyed.copy()
        mac.update('|'.join([at, datagram.role, datagram.name, datagram.incarnation]
                            + ['%s' % (part,) for part in address]).encode('utf-8'))
        return mac.hexdigest()[:_MAC_CHARS]


def is_newer(ticket, other):
    # type: (str, str) -> bool
    """Whether a valid ticket was issued after another one."""
    return not other or int(ticket.partition('.')[0], 16) > int(other.partition('.')[0], 16)
