"""Proof that somebody receives what is sent to an address, so that an answer may be longer than its question.

UDP lets a sender claim any address. Whoever answers a short question at length could be used to flood a third party. So
who asks for the first time gets a token, in an answer that is shorter than the question; who says the token back
receives at that address. The same is done by QUIC (RFC 9000 section 8.1.3) and by DNS cookies (RFC 7873). Nothing is
kept for it: a token is a keyed hash of the address and the time.
"""

from __future__ import absolute_import, division, print_function

import hmac
from hashlib import sha256

from net_protocol.limits import TOKEN_CHARS

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401

#: A token is good for the rest of its period and all of the next.
PERIOD_S = 60.0


class AddressTokens(object):
    """Makes and knows tokens. ``secret`` is bytes that nobody else knows."""

    def __init__(self, secret):
        # type: (bytes) -> None
        self._secret = secret

    def token(self, now, address):
        # type: (float, Any) -> str
        """The token of an address at this time."""
        return self._of_period(int(now // PERIOD_S), address)

    def is_valid(self, now, address, token):
        # type: (float, Any, str) -> bool
        """Whether that address was given this token lately."""
        period = int(now // PERIOD_S)
        given = token.encode('ascii')
        good = [hmac.compare_digest(given, self._of_period(period - back, address).encode('ascii')) for back in (0, 1)]
        return any(good)

    def _of_period(self, period, address):
        # type: (int, Any) -> str
        text = '%d %r' % (period, address)
        return hmac.new(self._secret, text.encode('utf-8'), sha256).hexdigest()[:TOKEN_CHARS]
