"""Rows to datagrams and back. ``test_codec_refusals`` and ``test_codec_garbage`` are about invalid datagrams."""

from __future__ import absolute_import, division, print_function

import json
import random

import pytest

from net_protocol import codec, limits
from net_protocol.errors import MisuseError, TooLarge
from net_protocol.rows import CALCULATOR, CLIENT, DISPATCHER, FIELDS, ORDER
from net_protocol.seals import CHECKSUM, Signature
from tests.net_protocol.samples import (
    INCARNATION, LARGEST_COUNT, LONGEST_INCARNATION, LONGEST_NAME, LONGEST_TICKET, NAME, PAYLOADS, ROWS, TICKET,
    strictly_equal)

HEAD = codec.head(CLIENT, NAME, INCARNATION, TICKET)
KINDS = sorted(ROWS)
WITH_JSON = [(kind, place) for kind in KINDS for place, (name, _) in enumerate(FIELDS[kind])
             if name in ('payload', 'result')]


def sent(rows, **envelope):
    """These rows, encoded and decoded."""
    taken, text, rest = codec.pack(rows, limits.DATAGRAM_BYTES_MAX, 1.0)
    assert (taken, rest) == (rows, None)
    return codec.decode(codec.datagram(CHECKSUM, HEAD, 17, envelope.get('acks', []), envelope.get('open', 0), text))


@pytest.mark.parametrize('kind', KINDS)
def test_rows_of_every_kind_are_decoded_unchanged(kind):
    assert strictly_equal(sent({kind: ROWS[kind]}).rows, {kind: ROWS[kind]})


def test_rows_of_all_kinds_fit_in_one_datagram_in_the_order_of_their_handling():
    assert strictly_equal(sent(ROWS).rows, ROWS)
    _, text, _ = codec.pack(ROWS, limits.DATAGRAM_BYTES_MAX, 1.0)
    places = [text.index('"%s":[[' % kind) for kind in ORDER]
    assert places == sorted(places)


@pytest.mark.parametrize('payload', [PAYLOADS[name] for name in sorted(PAYLOADS)], ids=sorted(PAYLOADS))
def test_every_payload_passes_the_check_and_is_decoded_unchanged(payload):
    codec.check_payload('payload', payload)
    for kind, place in WITH_JSON:
        row = list(ROWS[kind][0])
        row[place] = payload
        assert strictly_equal(sent({kind: [row]}).rows[kind], [row])


def test_the_envelope_is_decoded_unchanged():
    acks = [[1, 5], [7, 7], [9, LARGEST_COUNT]]
    found = sent({'ping': [[]]}, acks=acks, open=16)
    assert (found.role, found.name, found.incarnation, found.to, found.number, found.open, found.re) == (
        CLIENT, NAME, INCARNATION, TICKET, 17, 16, None)
    # The newest range is the first.
    assert found.acks == acks[::-1]


@pytest.mark.parametrize('count', [1, 2, limits.ACK_RANGES_MAX, limits.ACK_RANGES_MAX + 1, 100])
def test_the_newest_ranges_are_acknowledged(count):
    ranges = [[3 * number + 1, 3 * number + 2] for number in range(count)]
    found = codec.decode(codec.datagram(CHECKSUM, HEAD, 1, ranges, 0, ''))
    assert found.acks == ranges[::-1][:limits.ACK_RANGES_MAX]
    assert not found.rows


def test_a_greeting_is_decoded_unchanged():
    found = codec.decode(codec.greeting(CHECKSUM, DISPATCHER, u'd', INCARNATION, LARGEST_COUNT, TICKET))
    assert (found.role, found.name, found.incarnation, found.to, found.re, found.ticket) == (
        DISPATCHER, u'd', INCARNATION, u'', LARGEST_COUNT, TICKET)
    assert not found.rows
    assert not found.acks


@pytest.mark.parametrize('seal', [CHECKSUM, Signature([b'k' * 32])], ids=['checksum', 'signature'])
def test_no_greeting_is_longer_than_a_hello(seal):
    hello = codec.hello(seal, codec.head(CALCULATOR, u'a', INCARNATION, ''), 1)
    assert len(hello) == limits.HELLO_BYTES
    found = codec.decode(hello, seal)
    assert (found.role, found.to, found.rows) == (CALCULATOR, u'', {'ping': [[]]})
    greeting = codec.greeting(seal, DISPATCHER, LONGEST_NAME, LONGEST_INCARNATION, LARGEST_COUNT, LONGEST_TICKET)
    assert len(greeting) <= len(hello)


def test_padding_is_exact_to_the_byte():
    bare = len(codec.datagram(CHECKSUM, HEAD, 1, [], 0, ''))
    for size in range(bare + 12, 600, 7):
        made = codec.datagram(CHECKSUM, HEAD, 1, [], 0, '', size)
        assert len(made) == size
        assert codec.decode(made).number == 1
    assert len(codec.datagram(CHECKSUM, HEAD, 1, [], 0, '', bare)) == bare


# Packing.

def random_rows(draw):
    """Different rows of several kinds and lengths. Some are longer than all limits."""
    rows = {}
    for number in range(1, 1 + int(draw.random() * 120)):
        kind = ('submit', 'cancel', 'done')[int(draw.random() * 3)]
        text = u'x' * int(10 ** (draw.random() * 3.5))
        rows.setdefault(kind, []).append([number] if kind == 'cancel' else [number, text, 1])
    return rows


@pytest.mark.parametrize('limit', [1, 100, 500, limits.COALESCED_BYTES, limits.COALESCED_LOCAL_BYTES])
def test_each_row_is_packed_once_within_the_limit(limit):
    for seed in range(20):
        draw = random.Random(seed)
        rows = random_rows(draw)
        seen = {}
        left = rows or None
        while left:
            number = sum(map(len, left.values()))
            average = 10 ** (draw.random() * 4)
            taken, text, rest = codec.pack(left, limit, average)
            assert json.loads('{%s}' % text) == taken
            assert len(text) <= limit or sum(map(len, taken.values())) == 1
            assert sum(map(len, taken.values())) + sum(map(len, (rest or {}).values())) == number
            assert taken
            assert all(taken.values())
            assert rest is None or rest and all(rest.values())
            for kind in taken:
                seen.setdefault(kind, []).extend(taken[kind])
            left = rest
        # Rows of one kind keep their order.
        assert seen == rows


def test_packing_is_exact_if_the_estimate_is_too_low():
    rows = {'cancel': [[number] for number in range(10, 99)]}
    whole = len(codec.pack(rows, 10000, 1.0)[1])
    assert codec.pack(rows, whole, 0.1) == (rows, codec.pack(rows, 10000, 1.0)[1], None)
    taken, text, rest = codec.pack(rows, whole - 1, 0.1)
    assert len(text) <= whole - 1
    assert rest == {'cancel': [[98]]}
    # Rows that do not fit are not encoded: otherwise the time for a queue is quadratic.
    unwritable = [object()] * 3
    assert len(codec.pack({'cancel': rows['cancel'] + unwritable}, whole - 1, 15)[0]['cancel']) < 89
    assert codec._exactly({'cancel': rows['cancel'] + unwritable}, whole - 1)[0] == taken


def test_a_row_over_the_size_of_a_datagram_raises():
    with pytest.raises(TooLarge) as caught:
        codec.pack({'submit': [[1, u'x' * limits.DATAGRAM_BYTES_MAX, 1]]}, 1400, 60.0)
    assert caught.value.size > caught.value.limit == limits.DATAGRAM_BYTES_MAX


@pytest.mark.parametrize('value', [float('nan'), float('inf'), b'\xff', object()],
                         ids=['nan', 'infinity', 'bytes', 'object'])
def test_a_value_that_is_not_json_is_not_packed(value):
    with pytest.raises((TypeError, ValueError)):
        codec.pack({'submit': [[1, [value], 1]]}, 1400, 60.0)


# Payloads of our own code.

@pytest.mark.parametrize('payload', [
    u'x' * (limits.PAYLOAD_BYTES_MAX - 1), u'\xe4' * (limits.PAYLOAD_BYTES_MAX // 6),
    u'\U0001f600' * (limits.PAYLOAD_BYTES_MAX // 12), [0] * (limits.PAYLOAD_BYTES_MAX // 2),
], ids=['text', 'each character six bytes', 'each character twelve bytes', 'list'])
def test_the_error_for_a_large_payload_names_the_limit(payload):
    with pytest.raises(TooLarge) as caught:
        codec.check_payload('payload', payload)
    assert caught.value.size > caught.value.limit == limits.PAYLOAD_BYTES_MAX
    assert str(caught.value) == 'payload of %d bytes as JSON is over the limit of 60000 bytes' % caught.value.size


ENDLESS = []
ENDLESS.append(ENDLESS)


@pytest.mark.parametrize('payload', [float('nan'), float('inf'), b'\xff', object(), [PAYLOADS['the deepest']], 2 ** 64,
                                     [-2 ** 64], {1, 2}, ENDLESS],
                         ids=['nan', 'infinity', 'bytes', 'object', 'too deep', '65 bits', 'minus 65 bits', 'set',
                              'endless'])
def test_a_payload_that_a_receiver_would_refuse_raises(payload):
    with pytest.raises(MisuseError):
        codec.check_payload('payload', payload)
