"""Where datagrams may be sent, and how much.

The source of a datagram is whatever its sender wrote there. A process that answers it may be sending to somebody who
never asked, and if its answers are longer than the questions, anybody can use it to flood anybody. So an address is
sent no more datagrams and no more bytes than came from it, until it has shown that it receives what is sent there.
(QUIC allows three times as much, RFC 9000 section 8.)

It shows that by an echo. Every datagram to an address that has not shown itself carries a ``token``, which is made from
the address and a secret of ours, so that nothing is kept for it; every datagram to whoever sends tokens carries the
last one back as its ``echo``. Who can't read what is sent to an address can't know its token.

Three kinds of address need no proof: those of this machine, since the system lets nobody else use them; the one that
our own settings lead to; and those that were proven before, as long as they are among the last ``KNOWN_MAX``.
"""

from __future__ import absolute_import, division, print_function

import hmac
from collections import deque
from hashlib import sha256

from net_protocol import fields
from net_protocol.compat import text_type
from net_protocol.limits import COALESCED_BYTES, COALESCED_LOCAL_BYTES

MYPY = False
if MYPY:
    from typing import Any, Callable, Deque, Dict, List  # noqa: F401

#: Characters of a token: 64 bits, which nobody guesses in the life of a process.
TOKEN_CHARS = 16

#: Addresses that have shown themselves, and those that have not. One that is forgotten begins anew.
KNOWN_MAX = 50000
ALLOWANCES_MAX = 10000
ECHOES_MAX = 1000

#: What is added to a datagram to an address from which nothing has come yet, so that the first answer and its token are
#: no longer than it, however short the question: a ping, and a name of 80 characters that answers.
PADDING = '"padding":"%s",' % ('.' * 384)


class _Bounded(object):
    """A dict that forgets what was put in first. Public methods of ``dict`` are used on ``entries`` directly."""

    def __init__(self, entries_max):
        # type: (int) -> None
        self.entries = {}  # type: Dict[Any, Any]
        self._order = deque()  # type: Deque[Any]
        self._entries_max = entries_max

    def put(self, key, value):
        # type: (Any, Any) -> None
        if key not in self.entries:
            self._order.append(key)
            # What was taken out meanwhile still has its place in the order.
            while len(self._order) > self._entries_max:
                self.entries.pop(self._order.popleft(), None)
        self.entries[key] = value


class Addresses(object):
    """What is known of the addresses that one process hears from.

    ``secret`` are random bytes of this process, ``is_local(address)`` tells the addresses of this machine.
    """

    def __init__(self, secret, is_local):
        # type: (bytes, Callable[[Any], bool]) -> None
        self._keyed = hmac.new(secret, digestmod=sha256)
        self._is_local = is_local
        self._known = _Bounded(KNOWN_MAX)
        self._allowances = _Bounded(ALLOWANCES_MAX)
        self._echoes = _Bounded(ECHOES_MAX)
        #: Address -> whether anything has come from there, for addresses that may be sent to without limit.
        self.known = self._known.entries  # type: Dict[Any, bool]
        #: Address -> the token that it wants to see again.
        self.echoes = self._echoes.entries  # type: Dict[Any, str]

    def trust(self, address):
        # type: (Any) -> None
        """Our own settings lead there."""
        self._known.put(address, self._is_local(address))

    def note_target(self, address, is_from_settings):
        # type: (Any, bool) -> None
        """Something is to be sent to an address that is not among ``known``."""
        if is_from_settings or self._is_local(address):
            self.trust(address)

    def coalesced_bytes(self, address):
        # type: (Any) -> int
        """How long a datagram to that address that carries several messages may be."""
        return COALESCED_LOCAL_BYTES if self._is_local(address) else COALESCED_BYTES

    def note_heard(self, address, size):
        # type: (Any, int) -> None
        """A valid datagram of so many bytes came from there."""
        if address in self.known:
            self.known[address] = True
        elif self._is_local(address):
            self._known.put(address, True)
        else:
            allowance = self._allowances.entries.get(address)
            if allowance is None:
                self._allowances.put(address, [size, 1])
            else:
                allowance[0] += size
                allowance[1] += 1

    def note_proof(self, address, token, echo):
        # type: (Any, Any, Any) -> bool
        """The token and echo of a datagram from there. Returns whether it has just shown itself."""
        if _is_token(token):
            self._echoes.put(address, token)
        else:
            self.echoes.pop(address, None)
        if address in self.known or not _is_token(echo):
            return False
        if not hmac.compare_digest(echo.encode('ascii'), self.token(address).encode('ascii')):
            return False
        self._known.put(address, True)
        self._allowances.entries.pop(address, None)
        return True

    def fields(self, address):
        # type: (Any) -> str
        """What the envelope of a datagram to that address says besides."""
        more = ''
        if address in self.echoes:
            more = '"echo":"%s",' % self.echoes[address]
        is_heard = self.known.get(address)
        if is_heard is None:
            more += '"token":"%s",' % self.token(address)
        elif not is_heard:
            more += PADDING
        return more

    def token(self, address):
        # type: (Any) -> str
        """What an address has to echo."""
        mac = self._keyed.copy()
        mac.update('|'.join(['%s' % part for part in address]).encode('utf-8'))
        return text_type(mac.hexdigest()[:TOKEN_CHARS])

    def spend(self, address, datagrams):
        # type: (Any, List[bytes]) -> bool
        """Whether all of these may be sent to an address that has not shown itself; they count as sent then."""
        allowance = self._allowances.entries.get(address)
        size = sum([len(datagram) for datagram in datagrams])
        if allowance is None or size > allowance[0] or len(datagrams) > allowance[1]:
            return False
        allowance[0] -= size
        allowance[1] -= len(datagrams)
        return True


def _is_token(value):
    # type: (Any) -> bool
    return value is not None and fields.is_token(value)
