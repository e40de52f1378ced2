"""``parse`` and garbage: any bytes are valid rows or have one refusal, the same on every version of Python.

The datagrams have no checksum, because it would refuse nearly all garbage. The expected counts show whether a version
of Python refuses another datagram than the others. After a change of the protocol they are replaced by the new counts,
which must be equal on 2.7 and on the oldest and newest 3.x.
"""

from __future__ import absolute_import, division, print_function

import pytest

from net_protocol import codec
from net_protocol.codec import BAD_ENVELOPE, BAD_FIELD, CAUSES, NOT_JSON, NOT_UTF8, OTHER_VERSION, UNKNOWN_KIND
from net_protocol.errors import DatagramRefused
from net_protocol.rows import ROLES
from net_protocol.seals import CHECKSUM
from tests.net_protocol import samples
from tests.net_protocol.samples import OTHER_TASK, ROWS, TASK, datagram

VALID = 'valid'

#: A datagram with lists, objects, floats, escapes, and characters of two to four bytes.
RICH = datagram({
    'heartbeat': [[7, 1, 2, 0.25, 3, [[1, 2], [4, 9007199254740992]], [TASK, OTHER_TASK], True]],
    'submit': [[1, {u'a': [1, -2.5e-3, None, True, False], u'b': u'RAW \u20ac'}, 59.5]],
}, ack=[[7, 9], [3, 3]], open=1).replace(b'RAW', u'\xe4\u20ac\U0001f600'.encode('utf-8'))

GREETING = samples.written({'v': 2, 'role': 'dispatcher', 'from': 'd', 'inc': samples.INCARNATION, 'to': '', 're': 7,
                            'ticket': samples.TICKET})


def verdict(bytes_):
    """The cause for which a datagram is refused, or VALID. A valid one is encoded and decoded once more."""
    try:
        found = codec.parse(bytes_)
    except DatagramRefused as refusal:
        assert refusal.cause in CAUSES
        return refusal.cause
    assert found.role in ROLES
    head = codec.head(found.role, found.name, found.incarnation, found.to)
    if found.re is not None:
        copy = codec.decode(codec.greeting(
            CHECKSUM, found.role, found.name, found.incarnation, found.re, found.ticket))
        assert (copy.re, copy.ticket, copy.rows) == (found.re, found.ticket, {})
        return VALID
    text = codec.pack(found.rows, 62000, 1.0)[1] if found.rows else ''
    copy = codec.decode(codec.datagram(CHECKSUM, head, found.number, list(found.acks)[::-1], found.open, text))
    assert samples.strictly_equal(copy.rows, found.rows)
    assert (list(copy.acks), copy.number, copy.open, copy.to) == (
        list(found.acks), found.number, found.open, found.to)
    return VALID


def count(verdicts):
    return {word: verdicts.count(word) for word in set(verdicts)}


def with_byte(bytes_, place, value):
    changed = bytearray(bytes_)
    changed[place] = value
    return bytes(changed)


@pytest.mark.parametrize('kind', sorted(ROWS))
def test_a_datagram_that_was_cut_is_not_json(kind):
    whole = datagram({kind: ROWS[kind]})
    assert {verdict(whole[:length]) for length in range(len(whole))} == {NOT_JSON}


def test_each_bit_flipped():
    assert verdict(RICH) == verdict(GREETING) == VALID
    verdicts = [verdict(with_byte(whole, place, value ^ 1 << bit)) for whole in (RICH, GREETING)
                for place, value in enumerate(bytearray(whole)) for bit in range(8)]
    assert count(verdicts) == {
        VALID: 713, NOT_UTF8: 514, NOT_JSON: 1871, BAD_ENVELOPE: 536, OTHER_VERSION: 20, UNKNOWN_KIND: 103,
        BAD_FIELD: 203}


def test_each_byte_replaced():
    # Bytes with a meaning in JSON, UTF-8 or names, and their neighbours.
    values = bytearray(b'\x00\t\n\x1f "%&+,-./09:;@AENZ[\\]_`aefnuz{|}~\x7f\x80\xbf\xc0\xc3\xe2\xed\xef\xf0\xf4\xff')
    verdicts = [verdict(with_byte(RICH, place, value)) for place in range(len(RICH)) for value in values]
    assert count(verdicts) == {
        VALID: 1737, NOT_UTF8: 4156, NOT_JSON: 8934, BAD_ENVELOPE: 1436, OTHER_VERSION: 36, UNKNOWN_KIND: 481,
        BAD_FIELD: 1604}


def test_each_byte_removed_or_doubled():
    verdicts = [verdict(changed) for place in range(len(RICH))
                for changed in (RICH[:place] + RICH[place + 1:], RICH[:place + 1] + RICH[place:])]
    assert count(verdicts) == {
        VALID: 287, NOT_UTF8: 18, NOT_JSON: 294, BAD_ENVELOPE: 58, OTHER_VERSION: 3, UNKNOWN_KIND: 30,
        BAD_FIELD: 76}
