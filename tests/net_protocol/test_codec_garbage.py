"""``parse`` against garbage: any bytes give valid rows or exactly one refusal, the same on every Python.

Nearly all garbage fails at its checksum; what is damaged here is what comes behind it, as a mistaken or hostile sender
may write it.

The counts below were made once and hold on all versions: a version that takes or refuses one datagram of these
thousands otherwise than the others is noticed. Whoever changes the protocol on purpose replaces them by the new ones,
which must then be the same on 2.7 and on the oldest and newest 3.x. (Only ``random()`` is drawn from the generators,
because it gives the same numbers everywhere.)
"""

from __future__ import absolute_import, division, print_function

import random

import pytest

from net_protocol import codec
from net_protocol.codec import BAD_ENVELOPE, BAD_FIELD, CAUSES, NOT_JSON, NOT_UTF8, OTHER_VERSION, UNKNOWN_KIND
from net_protocol.errors import DatagramRefused
from net_protocol.rows import ROLES
from net_protocol.seals import CHECKSUM
from tests.net_protocol import samples
from tests.net_protocol.samples import OTHER_TASK, ROWS, TASK, datagram

VALID = 'valid'

#: A datagram with a little of everything: lists, objects, floats, escapes, and raw UTF-8 of two to four bytes.
RICH = datagram({
    'heartbeat': [[7, 1, 2, 0.25, 3, [[1, 2], [4, 9007199254740992]], [TASK, OTHER_TASK], True]],
    'submit': [[1, {u'a': [1, -2.5e-3, None, True, False], u'b': u'RAW \u20ac'}, 59.5]],
}, ack=[[7, 9], [3, 3]], open=1).replace(b'RAW', u'\xe4\u20ac\U0001f600'.encode('utf-8'))

GREETING = samples.written({'v': 2, 'role': 'dispatcher', 'from': 'd', 'inc': samples.INCARNATION, 'to': '', 're': 7,
                            'ticket': samples.TICKET})


def verdict(bytes_):
    """The cause for which a datagram is refused, or VALID. Whatever is valid must be fit to be sent on."""
    try:
        found = codec.parse(bytes_)
    except DatagramRefused as refusal:
        assert refusal.cause in CAUSES
        return refusal.cause
    assert found.role in ROLES
    head = codec.head(found.role, found.name, found.incarnation, found.to)
    if found.re is not None:
        again = codec.decode(codec.greeting(
            CHECKSUM, found.role, found.name, found.incarnation, found.re, found.ticket))
        assert (again.re, again.ticket, again.rows) == (found.re, found.ticket, {})
        return VALID
    text = codec.pack(found.rows, 62000, 1.0)[1] if found.rows else ''
    again = codec.decode(codec.datagram(CHECKSUM, head, found.number, list(found.acks)[::-1], found.open, text))
    assert samples.strictly_equal(again.rows, found.rows)
    assert (list(again.acks), again.number, again.open, again.to) == (
        list(found.acks), found.number, found.open, found.to)
    return VALID


def count(verdicts):
    return {word: verdicts.count(word) for word in set(verdicts)}


def with_byte(bytes_, place, value):
    changed = bytearray(bytes_)
    changed[place] = value
    return bytes(changed)


def test_the_sample_is_valid():
    assert verdict(RICH) == VALID


@pytest.mark.parametrize('kind', sorted(ROWS))
def test_a_datagram_that_was_cut_anywhere_is_refused(kind):
    whole = datagram({kind: ROWS[kind]})
    assert {verdict(whole[:length]) for length in range(len(whole))} == {NOT_JSON}


def test_what_was_cut_inside_a_character_is_not_utf8():
    in_pieces = {place + inside for character in (u'\xe4', u'\u20ac', u'\U0001f600')
                 for place in [RICH.index(character.encode('utf-8'))]
                 for inside in range(1, len(character.encode('utf-8')))}
    assert len(in_pieces) == 1 + 2 + 3
    for length in range(len(RICH)):
        assert verdict(RICH[:length]) == (NOT_UTF8 if length in in_pieces else NOT_JSON)


def test_every_single_bit_flipped():
    verdicts = [verdict(with_byte(whole, place, value ^ 1 << bit)) for whole in (RICH, GREETING)
                for place, value in enumerate(bytearray(whole)) for bit in range(8)]
    assert count(verdicts) == {
        VALID: 713, NOT_UTF8: 514, NOT_JSON: 1871, BAD_ENVELOPE: 536, OTHER_VERSION: 20, UNKNOWN_KIND: 103,
        BAD_FIELD: 203}


def test_every_single_byte_replaced():
    # Whatever means something in JSON, UTF-8 or our names, and its neighbours.
    values = bytearray(b'\x00\t\n\x1f "%&+,-./09:;@AENZ[\\]_`aefnuz{|}~\x7f\x80\xbf\xc0\xc3\xe2\xed\xef\xf0\xf4\xff')
    verdicts = [verdict(with_byte(RICH, place, value)) for place in range(len(RICH)) for value in values]
    assert count(verdicts) == {
        VALID: 1737, NOT_UTF8: 4156, NOT_JSON: 8934, BAD_ENVELOPE: 1436, OTHER_VERSION: 36, UNKNOWN_KIND: 481,
        BAD_FIELD: 1604}


def test_every_single_byte_removed_or_doubled():
    verdicts = [verdict(RICH[:place] + RICH[place + 1:]) for place in range(len(RICH))]
    verdicts += [verdict(RICH[:place] + RICH[place:place + 1] + RICH[place:]) for place in range(len(RICH))]
    assert count(verdicts) == {
        VALID: 287, NOT_UTF8: 18, NOT_JSON: 294, BAD_ENVELOPE: 58, OTHER_VERSION: 3, UNKNOWN_KIND: 30,
        BAD_FIELD: 76}


def test_thousands_of_datagrams_of_noise():
    draw = random.Random(21).random
    verdicts = [verdict(bytes(bytearray(int(draw() * 256) for _ in range(int(draw() * 60))))) for _ in range(2000)]
    assert set(verdicts) == {NOT_UTF8, NOT_JSON, BAD_ENVELOPE}


@pytest.mark.parametrize('seed', range(4))
def test_rows_of_drawn_values_come_back_as_they_were(seed):
    draw = random.Random(seed).random

    def drawn(depth):
        kind = int(draw() * (8 if depth else 6))
        if kind < 2:
            return (draw() - 0.5) * 10 ** (draw() * 600 - 300)
        if kind < 4:
            return u''.join(character(int(draw() * limit)) for limit in (128, 256, 0xd800, 0x10000, 0x110000))
        if kind < 6:
            return [None, True, False, int(draw() * 2 ** 64) - 2 ** 63][int(draw() * 4)]
        if kind == 6:
            return [drawn(depth - 1) for _ in range(int(draw() * 5))]
        return {character(int(draw() * 0x10000)): drawn(depth - 1) for _ in range(int(draw() * 5))}

    for _ in range(250):
        rows = {'submit': [[1, drawn(4), draw()] for _ in range(1 + int(draw() * 3))]}
        text = codec.pack(rows, 62000, 1.0)[1]
        found = codec.decode(codec.datagram(CHECKSUM, codec.head('client', 'a', 'aaaaaaaa', ''), 1, [], 0, text))
        assert samples.strictly_equal(found.rows, rows)


def character(number):
    """A character by its number: ``chr`` of 3.x, ``unichr`` of 2.7 (until 2.7 goes)."""
    return ('\\U%08x' % number).encode('ascii').decode('unicode_escape')
