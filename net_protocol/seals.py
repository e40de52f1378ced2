"""What a datagram begins with: a checksum, or, where there is a key, a signature.

Both stand in the same place and cover every byte behind them, so both are checked before anything is parsed, and a
datagram is JSON with either::

    {"crc":"9a1c03f7","v":1, ...}
    {"hmac":"64 hexadecimal digits","v":1, ...}
"""

from __future__ import absolute_import, division, print_function

import hmac
from hashlib import sha256
from zlib import crc32

from net_protocol.errors import DatagramRefused

MYPY = False
if MYPY:
    from typing import List  # noqa: F401

BAD_CHECKSUM = 'bad_checksum'
BAD_SIGNATURE = 'bad_signature'

#: Characters of a key, at least: as many as a SHA-256 has bytes (RFC 2104 section 3).
KEY_CHARS_MIN = 32


class Checksum(object):
    """CRC-32: against damage, not against people. The checksum of UDP has 16 bits and is optional over IPv4."""

    LENGTH = len('{"crc":"00000000",')

    @staticmethod
    def seal(body):
        # type: (bytes) -> bytes
        """A datagram of these bytes: an envelope without its first brace."""
        return ('{"crc":"%08x",' % (crc32(body) & 0xffffffff)).encode('ascii') + body

    def check(self, datagram):
        # type: (bytes) -> None
        """Raise ``DatagramRefused`` unless every byte is as it was sent."""
        seal = '{"crc":"%08x",' % (crc32(datagram[self.LENGTH:]) & 0xffffffff)
        if datagram[:self.LENGTH] != seal.encode('ascii'):
            raise DatagramRefused(BAD_CHECKSUM, 'expected it to begin %s' % seal)


class Signature(object):
    """HMAC-SHA256 (RFC 2104, FIPS 198-1). The first key signs, all are accepted, so that keys can be changed."""

    LENGTH = len('{"hmac":"",') + 2 * sha256().digest_size

    def __init__(self, keys):
        # type: (List[bytes]) -> None
        # Keyed once: a copy is cheaper than beginning anew for every datagram.
        self._keyed = [hmac.new(key, digestmod=sha256) for key in keys]

    def seal(self, body):
        # type: (bytes) -> bytes
        """A datagram of these bytes: an envelope without its first brace."""
        return self._prefix(self._keyed[0], body) + body

    def check(self, datagram):
        # type: (bytes) -> None
        """Raise ``DatagramRefused`` unless somebody with one of the keys sent exactly this."""
        prefix, body = datagram[:self.LENGTH], datagram[self.LENGTH:]
        # In constant time, and always all keys, so that the time tells nothing about where a guess is wrong.
        good = [hmac.compare_digest(prefix, self._prefix(keyed, body)) for keyed in self._keyed]
        if not any(good):
            raise DatagramRefused(BAD_SIGNATURE, 'not signed with a key of ours')

    @staticmethod
    def _prefix(keyed, body):
        # type: (hmac.HMAC, bytes) -> bytes
        mac = keyed.copy()
        mac.update(body)
        return ('{"hmac":"%s",' % mac.hexdigest()).encode('ascii')


#: What is used where there is no key.
CHECKSUM = Checksum()
