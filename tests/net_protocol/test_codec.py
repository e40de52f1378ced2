"""Rows to datagrams and back: nothing changes on the way, and datagrams are as full as the limit lets them be.

What ``decode`` refuses stands in ``test_codec_refusals``, what it does with garbage in ``test_codec_garbage``.
"""

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


def there_and_back(rows, **envelope):
    taken, text, rest = codec.pack(rows, limits.DATAGRAM_BYTES_MAX, 1.0)
    assert (taken, rest) == (rows, None)
    return codec.decode(codec.datagram(CHECKSUM, HEAD, 17, envelope.get('acks', []), envelope.get('open', 0), text))


@pytest.mark.parametrize('kind', KINDS)
def test_rows_of_every_kind_come_back_as_they_were(kind):
    for rows in [ROWS[kind]] + [[row] for row in ROWS[kind]]:
        assert strictly_equal(there_and_back({kind: rows}).rows, {kind: rows})


def test_rows_of_all_kinds_share_a_datagram_in_the_order_in_which_they_are_handled():
    assert strictly_equal(there_and_back(ROWS).rows, ROWS)
    _, text, _ = codec.pack(ROWS, limits.DATAGRAM_BYTES_MAX, 1.0)
    places = [text.index('"%s":[[' % kind) for kind in ORDER]
    assert places == sorted(places)


@pytest.mark.parametrize('payload', [PAYLOADS[name] for name in sorted(PAYLOADS)], ids=sorted(PAYLOADS))
@pytest.mark.parametrize('kind, place', WITH_JSON)
def test_every_payload_passes_the_check_and_comes_back_as_it_was(kind, place, payload):
    codec.check_payload('payload', payload)
    row = list(ROWS[kind][0])
    row[place] = payload
    (back,) = there_and_back({kind: [row]}).rows[kind]
    assert strictly_equal(back, row)


def test_the_envelope_says_who_sent_it_on_which_channel_and_what_it_acknowledges():
    acks = [[1, 5], [7, 7], [9, LARGEST_COUNT]]
    found = there_and_back({'ping': [[]]}, acks=acks, open=16)
    assert (found.role, found.name, found.incarnation, found.to, found.number, found.open, found.re) == (
        CLIENT, NAME, INCARNATION, TICKET, 17, 16, None)
    # The newest first: where the list is too long, the oldest are left out.
    assert found.acks == acks[::-1]


@pytest.mark.parametrize('count', [1, 2, limits.ACK_RANGES_MAX, limits.ACK_RANGES_MAX + 1, 100])
def test_the_newest_ranges_are_acknowledged(count):
    ranges = [[3 * number + 1, 3 * number + 2] for number in range(count)]
    found = codec.decode(codec.datagram(CHECKSUM, HEAD, 1, ranges, 0, ''))
    assert found.acks == ranges[::-1][:limits.ACK_RANGES_MAX]
    assert not found.rows


def test_a_datagram_is_the_json_that_the_manual_shows():
    _, text, _ = codec.pack({'cancel': [[12]], 'submit': [[17, u'5f1b8d0c', 60], [18, u'\xe4', 0.1]]}, 1400, 20)
    made = codec.datagram(CHECKSUM, HEAD, 711204097, [[34001, 34041], [34043, 34052]], 16, text)
    assert made == (
        b'{"crc":"2782410b","v":2,"role":"client","from":"client-a","inc":"k3f7q2xa","to":"6930b1.c2f0a91b44",'
        b'"n":711204097,"ack":[[34043,34052],[34001,34041]],"open":16,'
        b'"rows":{"submit":[[17,"5f1b8d0c",60],[18,"\\u00e4",0.1]],"cancel":[[12]]}}')
    assert json.loads(made.decode('ascii'))['v'] == codec.VERSION


def test_a_greeting_names_the_number_that_it_answers_and_a_ticket():
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


def test_padding_fills_a_datagram_to_the_byte_and_never_cuts():
    bare = len(codec.datagram(CHECKSUM, HEAD, 1, [], 0, ''))
    for size in range(bare + 12, 600, 7):
        made = codec.datagram(CHECKSUM, HEAD, 1, [], 0, '', size)
        assert len(made) == size
        assert codec.decode(made).number == 1
    assert len(codec.datagram(CHECKSUM, HEAD, 1, [], 0, '', bare)) == bare


# Packing.

def random_rows(draw):
    """Rows of several kinds and all lengths, some longer than any limit below, each one unlike the others."""
    rows = {}
    for number in range(1, 1 + int(draw.random() * 120)):
        kind = ('submit', 'cancel', 'done')[int(draw.random() * 3)]
        text = u'x' * int(10 ** (draw.random() * 3.5))
        rows.setdefault(kind, []).append([number] if kind == 'cancel' else [number, text, 1])
    return rows


@pytest.mark.parametrize('limit', [1, 100, 500, limits.COALESCED_BYTES, limits.COALESCED_LOCAL_BYTES])
def test_packing_loses_no_row_takes_none_twice_and_keeps_to_the_limit(limit):
    for seed in range(40):
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
        # In the order in which they were sent, kind by kind.
        assert seen == rows


def test_packing_is_exact_where_the_estimate_is_too_low():
    rows = {'cancel': [[number] for number in range(10, 99)]}
    whole = len(codec.pack(rows, 10000, 1.0)[1])
    assert codec.pack(rows, whole, 0.1) == (rows, codec.pack(rows, 10000, 1.0)[1], None)
    taken, text, rest = codec.pack(rows, whole - 1, 0.1)
    assert len(text) <= whole - 1
    assert rest == {'cancel': [[98]]}
    # What does not fit is not encoded, so that a long queue does not cost its square.
    unwritable = [object()] * 3
    assert len(codec.pack({'cancel': rows['cancel'] + unwritable}, whole - 1, 15)[0]['cancel']) < 89
    assert codec._exactly({'cancel': rows['cancel'] + unwritable}, whole - 1)[0] == taken


def test_a_row_that_no_datagram_holds_is_our_own_mistake():
    with pytest.raises(TooLarge) as caught:
        codec.pack({'submit': [[1, u'x' * limits.DATAGRAM_BYTES_MAX, 1]]}, 1400, 60.0)
    assert caught.value.size > caught.value.limit == limits.DATAGRAM_BYTES_MAX


@pytest.mark.parametrize('value', [float('nan'), float('inf'), b'\xff', object()],
                         ids=['nan', 'infinity', 'bytes', 'object'])
def test_what_is_no_json_is_never_written(value):
    for payload in (value, [value]):
        with pytest.raises((TypeError, ValueError)):
            codec.pack({'submit': [[1, payload, 1]]}, 1400, 60.0)


# Payloads, checked where they enter.

@pytest.mark.parametrize('payload', [
    u'x' * (limits.PAYLOAD_BYTES_MAX - 1), u'\xe4' * (limits.PAYLOAD_BYTES_MAX // 6),
    u'\U0001f600' * (limits.PAYLOAD_BYTES_MAX // 12), [0] * (limits.PAYLOAD_BYTES_MAX // 2),
], ids=['text', 'each character six bytes', 'each character twelve bytes', 'list'])
def test_a_payload_over_the_limit_is_refused_and_the_limit_named(payload):
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
def test_a_payload_that_a_receiver_would_refuse_is_our_own_mistake(payload):
    with pytest.raises(MisuseError):
        codec.check_payload('payload', payload)


def test_the_size_of_a_payload_is_that_of_its_json():
    values = [u'', u'x', u'\xe4', None, [], 1.5]
    assert [codec.payload_bytes(value) for value in values] == [2, 3, 8, 4, 2, 3]
