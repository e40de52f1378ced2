"""Notional tasks. Their results are the same on every version of Python, because client and calculator may differ."""

from __future__ import absolute_import, division, print_function

import random

import pytest

from common.compat import TEXT_TYPES
from net_protocol import notional
from net_protocol.codec import check_payload, parse
from net_protocol.limits import PAYLOAD_BYTES_MAX
from net_protocol.notional import NotComputable
from tests.net_protocol.samples import submit_around


@pytest.mark.parametrize('payload, result', [
    (u'', '00000000'),
    (u'123456789', 'cbf43926'),  # the check value of CRC-32
    (u'a', 'e8b7be43'),
    ('a', 'e8b7be43'),
    (u'\x00', 'd202ef8d'),
    (u'caf\xe9', '98ad42b5'),
    (u'\u20ac', '83f2c8d6'),
    (u'\U0001f600', '054db544'),
    (u'\ud83d', '45ace939'),
    (u'a\ude00b', '15170792'),
], ids=['empty', 'the check value', 'text', 'native text', 'zero', 'two bytes', 'three bytes', 'four bytes',
        'lone surrogate', 'another between letters'])
def test_the_result_is_the_crc_32_of_the_text(payload, result):
    assert notional.compute(payload) == result


def test_a_pair_of_escaped_surrogates_is_one_character():
    (row,) = parse(submit_around(b'"\\ud83d\\ude00"')).rows['submit']
    assert notional.compute(row[1]) == notional.compute(u'\U0001f600')


@pytest.mark.parametrize('payload', [None, True, 1, 1.5, [], [u'a'], {}], ids=repr)
def test_a_payload_that_is_not_a_text_raises(payload):
    with pytest.raises(NotComputable) as caught:
        notional.compute(payload)
    assert type(payload).__name__ in str(caught.value)


@pytest.mark.parametrize('size, payload', [
    (0, ''), (1, '2'), (2, '22'), (8, '2265b1f5'), (40, 'c386bbc4cd613e30d8f16adf91b7584a2265b1f5'),
])
def test_a_seed_draws_the_same_payload_on_every_python(size, payload):
    assert notional.draw_payload(random.Random(1), size) == payload


@pytest.mark.parametrize('size', [1, 7, PAYLOAD_BYTES_MAX - 2])
def test_a_payload_has_the_requested_length_and_can_be_sent(size):
    payload = notional.draw_payload(random.Random(2), size)
    assert type(payload) in TEXT_TYPES
    assert len(payload) == size
    check_payload('payload', payload)
