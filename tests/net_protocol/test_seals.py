"""Checksum and signature."""

from __future__ import absolute_import, division, print_function

import hashlib
import hmac

import pytest

from net_protocol import codec
from net_protocol.errors import DatagramRefused
from net_protocol.seals import CHECKSUM, Signature

MYPY = False
if MYPY:
    from typing import Any, Dict  # noqa: F401


KEY, OTHER_KEY = b'k' * 32, b'o' * 40
SEALS = {'checksum': CHECKSUM, 'signature': Signature([KEY])}  # type: Dict[str, Any]


def datagram(seal):
    return codec.datagram(seal, codec.head('client', 'a', 'aaaaaaaa', '1.b'), 3, [], 0, '"leave":[[]],"cancel":[[7]]')


@pytest.mark.parametrize('name', sorted(SEALS))
def test_a_flipped_bit_and_a_missing_or_added_byte_are_refused(name):
    made = datagram(SEALS[name])
    damaged = [made[:length] for length in range(len(made))] + [made + b' ', b' ' + made]
    for position in range(len(made)):
        for bit in range(8):
            flipped = bytearray(made)
            flipped[position] ^= 1 << bit
            damaged.append(bytes(flipped))
    for bytes_ in damaged:
        with pytest.raises(DatagramRefused):
            SEALS[name].check(bytes_)


@pytest.mark.parametrize('length', [32, 63, 64, 65, 200])
def test_a_signature_is_the_hmac_of_the_standard_library(length):
    key = bytes(bytearray(range(1, length + 1)))
    for body in (b'', b'x', datagram(CHECKSUM), b'y' * 62000):
        digits = hmac.new(key, body, hashlib.sha256).hexdigest()
        assert Signature([key]).seal(body) == ('{"hmac":"%s",' % digits).encode('ascii') + body


@pytest.mark.parametrize('made, seal, cause', [
    (datagram(Signature([OTHER_KEY])), 'signature', 'bad_signature'),
    (datagram(CHECKSUM), 'signature', 'bad_signature'),
    (datagram(SEALS['signature']), 'checksum', 'bad_checksum'),
    (b'{"hmac":"' + b'0' * 64 + b'",' + b'[' * 1000, 'signature', 'bad_signature'),
], ids=['another key', 'a checksum', 'a signature', 'not JSON'])
def test_a_wrong_seal_is_refused_before_the_datagram_is_parsed(made, seal, cause):
    with pytest.raises(DatagramRefused) as caught:
        codec.decode(made, SEALS[seal])
    assert caught.value.cause == cause


def test_keys_can_be_changed_one_process_at_a_time():
    old, both_old_first, both_new_first, new = (
        Signature(keys) for keys in ([KEY], [KEY, OTHER_KEY], [OTHER_KEY, KEY], [OTHER_KEY]))
    for sender, receiver in ((old, both_old_first), (both_old_first, old), (both_old_first, both_new_first),
                             (both_new_first, both_old_first), (both_new_first, new), (new, both_new_first)):
        codec.decode(datagram(sender), receiver)
