"""Checksum and signature: every byte counts, and only a key makes a signature."""

from __future__ import absolute_import, division, print_function

import hashlib
import hmac
import json

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
def test_a_sealed_datagram_is_json_and_is_read_back(name):
    made = datagram(SEALS[name])
    assert made.startswith(b'{"')
    assert json.loads(made.decode('ascii'))['from'] == 'a'
    found = codec.decode(made, SEALS[name])
    assert (found.role, found.to, found.number, found.rows) == ('client', '1.b', 3, {'leave': [[]], 'cancel': [[7]]})


@pytest.mark.parametrize('name', sorted(SEALS))
def test_every_bit_counts(name):
    made = datagram(SEALS[name])
    for position in range(len(made)):
        for bit in range(8):
            damaged = bytearray(made)
            damaged[position] ^= 1 << bit
            with pytest.raises(DatagramRefused):
                SEALS[name].check(bytes(damaged))


@pytest.mark.parametrize('name', sorted(SEALS))
def test_nothing_may_be_cut_off_or_added(name):
    made = datagram(SEALS[name])
    for damaged in [made[:length] for length in range(len(made))] + [made + b' ', b' ' + made]:
        with pytest.raises(DatagramRefused):
            SEALS[name].check(damaged)


@pytest.mark.parametrize('length', [32, 63, 64, 65, 200])
def test_a_signature_is_what_the_standard_library_computes(length):
    key = bytes(bytearray(range(1, length + 1)))
    for body in (b'', b'x', datagram(CHECKSUM), b'y' * 62000):
        digits = hmac.new(key, body, hashlib.sha256).hexdigest()
        assert Signature([key]).seal(body) == ('{"hmac":"%s",' % digits).encode('ascii') + body


def test_digits_are_written_in_one_way_only():
    made = datagram(SEALS['signature'])
    loud = made[:9] + made[9:73].upper() + made[73:]
    assert loud != made
    with pytest.raises(DatagramRefused):
        SEALS['signature'].check(loud)


def test_a_signature_with_another_key_is_none():
    with pytest.raises(DatagramRefused) as caught:
        codec.decode(datagram(Signature([OTHER_KEY])), SEALS['signature'])
    assert caught.value.cause == 'bad_signature'


def test_a_checksum_is_no_signature_and_a_signature_no_checksum():
    for made, seal in ((datagram(CHECKSUM), SEALS['signature']), (datagram(SEALS['signature']), CHECKSUM)):
        with pytest.raises(DatagramRefused):
            codec.decode(made, seal)


def test_keys_are_changed_without_a_gap():
    old, both_old_first, both_new_first, new = (
        Signature(keys) for keys in ([KEY], [KEY, OTHER_KEY], [OTHER_KEY, KEY], [OTHER_KEY]))
    for sender, receiver in ((old, both_old_first), (both_old_first, old), (both_old_first, both_new_first),
                             (both_new_first, both_old_first), (both_new_first, new), (new, both_new_first)):
        codec.decode(datagram(sender), receiver)


def test_the_signature_is_checked_before_anything_is_parsed():
    with pytest.raises(DatagramRefused) as caught:
        codec.decode(b'{"hmac":"%s",' % (b'0' * 64) + b'[' * 1000, SEALS['signature'])
    assert caught.value.cause == 'bad_signature'


def test_the_signature_is_that_of_the_standard():
    # RFC 4231, test case 2.
    body = b'what do ya want for nothing?'
    assert Signature([b'Jefe']).seal(body) == (
        b'{"hmac":"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",' + body)
