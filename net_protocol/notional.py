"""The notional task: the payload is a random text, the result its CRC-32 as eight hexadecimal digits.

So a client can check that a result belongs to its task. Calls of functions do real work.
"""

from __future__ import absolute_import, division, print_function

from zlib import crc32

from common.compat import TEXT_TYPES

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401


class NotComputable(Exception):
    """The payload has no result; the text says why. Another attempt would not help."""


def draw_payload(rng, size):
    # type: (Any, int) -> str
    """A random text of ``size`` hexadecimal digits (none for 0)."""
    return u'%0*x' % (size, rng.getrandbits(4 * size)) if size else u''


def compute(payload):
    # type: (Any) -> str
    """The result of a notional task. Raises ``NotComputable`` unless the payload is a text."""
    if type(payload) not in TEXT_TYPES:
        raise NotComputable('the payload of a notional task is a text, not %s' % type(payload).__name__)
    # JSON may contain a lone surrogate, UTF-8 may not: it is encoded like a character. 2.7 always does so, and its
    # crc32 is signed (until 2.7 goes).
    return u'%08x' % (crc32(payload.encode('utf-8', 'surrogatepass')) & 0xffffffff)
