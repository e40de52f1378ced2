"""The seal at the beginning of a datagram: a checksum, or a signature if there is a key.

It covers all bytes behind it and is checked before anything is parsed. With either, a datagram is JSON::

    {"crc":"9a1c03f7","v":2, ...}
    {"hmac":"64 hexadecimal digits","v":2, ...}
"""

from __future__ import absolute_import, division, print_function

from binascii import hexlify
from hashlib import sha256
from hmac import compare_digest
from zlib import crc32

from net_protocol.errors import DatagramRefused

MYPY = False
if MYPY:
    from typing import Any, List, Tuple  # noqa: F401

BAD_CHECKSUM = 'bad_checksum'
BAD_SIGNATURE = 'bad_signature'

#: Characters of a key, at least: as many as a SHA-256 has bytes (RFC 2104 section 3).
KEY_CHARS_MIN = 32


class Checksum(object):
    """CRC-32. It detects damage, not forgery. The checksum of UDP has 16 bits and is optional over IPv4."""

    LENGTH = len('{"crc":"00000000",')

    @staticmethod
    def seal(body):
        # type: (bytes) -> bytes
        """A datagram of these bytes: an envelope without its first brace."""
        return b'{"crc":"%08x",%s' % (crc32(body) & 0xffffffff, body)

    def check(self, datagram):
        # type: (bytes) -> None
        """Raise ``DatagramRefused`` unless the checksum is right."""
        seal = b'{"crc":"%08x",' % (crc32(datagram[self.LENGTH:]) & 0xffffffff)
        if not datagram.startswith(seal):
            raise DatagramRefused(BAD_CHECKSUM, 'expected it to begin %s' % seal.decode('ascii'))


_BEGIN, _END = b'{"hmac":"', b'",'
_DIGITS = slice(len(_BEGIN), len(_BEGIN) + 2 * sha256().digest_size)


class Signature(object):
    """HMAC-SHA256 (RFC 2104, FIPS 198-1). The first key signs, all are accepted, so that keys can be changed.

    Two hashes that have processed a key are copied for each datagram (RFC 2104 section 4). The ``hmac`` module takes
    one and a half times as long, on 2.7 twice.
    """

    LENGTH = _DIGITS.stop + len(_END)

    def __init__(self, keys):
        # type: (List[bytes]) -> None
        self._keyed = [_keyed(key) for key in keys]

    def seal(self, body):
        # type: (bytes) -> bytes
        """A datagram of these bytes: an envelope without its first brace."""
        return _BEGIN + self._digits(self._keyed[0], body) + _END + body

    def check(self, datagram):
        # type: (bytes) -> None
        """Raise ``DatagramRefused`` unless the datagram is signed with one of the keys."""
        digits, body = datagram[_DIGITS], datagram[self.LENGTH:]
        is_good = False
        # In constant time, and always with all keys, so that the time does not show where a guess is wrong.
        for keyed in self._keyed:
            is_good |= compare_digest(digits, self._digits(keyed, body))
        if not is_good or datagram[:len(_BEGIN)] != _BEGIN or datagram[_DIGITS.stop:self.LENGTH] != _END:
            raise DatagramRefused(BAD_SIGNATURE, 'not signed with a key of ours')

    @staticmethod
    def _digits(keyed, body):
        # type: (Tuple[Any, Any], bytes) -> bytes
        inner, outer = keyed[0].copy(), keyed[1].copy()
        inner.update(body)
        outer.update(inner.digest())
        return hexlify(outer.digest())


def _keyed(key):
    # type: (bytes) -> Tuple[Any, Any]
    """The inner and the outer hash of RFC 2104 section 2, before the text."""
    block = sha256().block_size
    padded = bytearray((key if len(key) <= block else sha256(key).digest()).ljust(block, b'\0'))
    return sha256(bytes(bytearray(byte ^ 0x36 for byte in padded))), sha256(
        bytes(bytearray(byte ^ 0x5c for byte in padded)))


#: The seal without a key.
CHECKSUM = Checksum()
