"""``parse`` against garbage: any bytes give valid messages or exactly one refusal, the same on every Python.

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
from net_protocol.messages import Heartbeat, Leave, Submit
from tests.net_protocol import samples
from tests.net_protocol.samples import LIFE, NAME, OTHER_TASK, TASK, body, datagram

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List  # noqa: F401

VALID = 'valid'

#: A datagram with a little of everything: lists, objects, floats, escapes, and raw UTF-8 of two to four bytes.
RICH = datagram(
    body(Heartbeat(7, 1, 2, 0.25, 3, [(TASK, 1), (OTHER_TASK, 2)], [(TASK, 2 ** 53)], True, 6)),
    body(Submit(TASK, {u'a': [1, -2.5e-3, None, True, False], u'b': u'RAW \u20ac'}, 59.5))).replace(
        b'RAW', u'\xe4\u20ac\U0001f600'.encode('utf-8'))

#: What is damaged; few, so that a new message does not change what is drawn.
TO_DAMAGE = [RICH, datagram(body(Submit(TASK, u'5f', 60.0))), datagram(body(Leave()), body(Leave()))]


def verdict(bytes_):
    # type: (bytes) -> str
    """The cause for which a datagram is refused, or VALID. Whatever is valid must be fit to be sent on."""
    try:
        envelope = codec.parse(bytes_)
    except DatagramRefused as refusal:
        assert refusal.cause in CAUSES
        return refusal.cause
    again = [message for datagram in codec.encode(envelope.name, envelope.incarnation, envelope.number,
                                                  envelope.messages) for message in codec.decode(datagram).messages]
    assert all(map(samples.strictly_equal, again, envelope.messages))
    assert len(again) == len(envelope.messages)
    return VALID


def count(verdicts):
    # type: (List[str]) -> Dict[str, int]
    return {word: verdicts.count(word) for word in set(verdicts)}


def with_byte(bytes_, place, value):
    # type: (bytes, int, int) -> bytes
    changed = bytearray(bytes_)
    changed[place] = value
    return bytes(changed)


def test_the_sample_is_valid():
    assert verdict(RICH) == VALID


@pytest.mark.parametrize('message', samples.MESSAGES, ids=lambda message: message.KIND)
def test_what_was_cut_anywhere_is_refused(message):
    whole = datagram(body(message))
    assert {verdict(whole[:length]) for length in range(len(whole))} == {NOT_JSON}


def test_what_was_cut_inside_a_character_is_not_utf8():
    in_pieces = {place + inside for character in (u'\xe4', u'\u20ac', u'\U0001f600')
                 for place in [RICH.index(character.encode('utf-8'))]
                 for inside in range(1, len(character.encode('utf-8')))}
    assert len(in_pieces) == 1 + 2 + 3
    for length in range(len(RICH)):
        assert verdict(RICH[:length]) == (NOT_UTF8 if length in in_pieces else NOT_JSON)


def test_every_single_bit_flipped():
    verdicts = [verdict(with_byte(RICH, place, value ^ 1 << bit))
                for place, value in enumerate(bytearray(RICH)) for bit in range(8)]
    assert count(verdicts) == {
        VALID: 652, NOT_UTF8: 521, NOT_JSON: 1603, BAD_ENVELOPE: 154, OTHER_VERSION: 11, UNKNOWN_KIND: 159,
        BAD_FIELD: 916}


def test_every_single_byte_replaced():
    # Whatever means something in JSON, UTF-8 or our names, and its neighbours.
    values = bytearray(b'\x00\t\n\x1f "%&+,-./09:;@AENZ[\\]_`aefnuz{|}~\x7f\x80\xbf\xc0\xc3\xe2\xed\xef\xf0\xf4\xff')
    verdicts = [verdict(with_byte(RICH, place, value)) for place in range(len(RICH)) for value in values]
    assert count(verdicts) == {
        VALID: 1702, NOT_UTF8: 5346, NOT_JSON: 10062, BAD_ENVELOPE: 884, OTHER_VERSION: 36, UNKNOWN_KIND: 737,
        BAD_FIELD: 5329}


def test_every_single_byte_removed_or_doubled():
    verdicts = [verdict(RICH[:place] + RICH[place + 1:]) for place in range(len(RICH))]
    verdicts += [verdict(RICH[:place] + RICH[place:place + 1] + RICH[place:]) for place in range(len(RICH))]
    assert count(verdicts) == {
        VALID: 272, NOT_UTF8: 18, NOT_JSON: 320, BAD_ENVELOPE: 50, OTHER_VERSION: 3, UNKNOWN_KIND: 46, BAD_FIELD: 295}


class Mutator(object):
    """Damages datagrams, each time in another way, always the same for the same seed."""

    TOKENS = [b'"', b'[', b']', b'{', b'}', b',', b':', b'0', b'-1', b'1e999', b'true', b'null', b'NaN', b'""', b'[]',
              b'{}', b'\\ud83d', b'\xed\xa0\x80', b'\xc3', b'\xff', b'\x00', b'9' * 30, b'"kind":"leave"', b'"v":2',
              b'1.0']

    def __init__(self, seed):
        # type: (int) -> None
        self._random = random.Random(seed).random
        self._ways = [self._cut_out, self._double, self._insert_token, self._replace_token, self._insert_noise,
                      self._splice]  # type: List[Callable[[bytes], bytes]]

    def mutate(self, bytes_):
        # type: (bytes) -> bytes
        for _ in range(1 + self._below(3)):
            bytes_ = self._one_of(self._ways)(bytes_)
        return bytes_

    def _below(self, limit):
        # type: (int) -> int
        return int(self._random() * limit)

    def _one_of(self, choices):
        # type: (List[Any]) -> Any
        return choices[self._below(len(choices))]

    def _cut_out(self, bytes_):
        # type: (bytes) -> bytes
        start = self._below(len(bytes_) + 1)
        return bytes_[:start] + bytes_[start + self._below(12):]

    def _double(self, bytes_):
        # type: (bytes) -> bytes
        start, length = self._below(len(bytes_) + 1), self._below(80)
        return bytes_[:start + length] + bytes_[start:]

    def _insert_token(self, bytes_):
        # type: (bytes) -> bytes
        start = self._below(len(bytes_) + 1)
        return bytes_[:start] + self._one_of(self.TOKENS) + bytes_[start:]

    def _replace_token(self, bytes_):
        # type: (bytes) -> bytes
        old, new = self._one_of(self.TOKENS), self._one_of(self.TOKENS)
        return bytes_.replace(old, new, 1)

    def _insert_noise(self, bytes_):
        # type: (bytes) -> bytes
        start = self._below(len(bytes_) + 1)
        noise = bytes(bytearray(self._below(256) for _ in range(1 + self._below(4))))
        return bytes_[:start] + noise + bytes_[start:]

    def _splice(self, bytes_):
        # type: (bytes) -> bytes
        other = self._one_of(TO_DAMAGE)
        return bytes_[:self._below(len(bytes_) + 1)] + other[self._below(len(other) + 1):]


def test_thousands_of_damaged_datagrams():
    mutator = Mutator(20)
    verdicts = [verdict(mutator.mutate(whole)) for _ in range(1500) for whole in TO_DAMAGE]
    assert count(verdicts) == {
        VALID: 324, NOT_UTF8: 1156, NOT_JSON: 2693, BAD_ENVELOPE: 109, OTHER_VERSION: 14, UNKNOWN_KIND: 56,
        BAD_FIELD: 148}


def test_thousands_of_datagrams_of_noise():
    draw = random.Random(21).random
    verdicts = [verdict(bytes(bytearray(int(draw() * 256) for _ in range(int(draw() * 60))))) for _ in range(2000)]
    assert set(verdicts) == {NOT_UTF8, NOT_JSON, BAD_ENVELOPE}


@pytest.mark.parametrize('seed', range(4))
def test_messages_of_drawn_values_come_back_as_they_were(seed):
    draw = random.Random(seed).random

    def drawn(depth):
        # type: (int) -> Any
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
        message = Submit(TASK, drawn(4), draw())
        back = codec.decode(codec.encode(NAME, LIFE, 1, [message])[0]).messages[0]
        assert samples.strictly_equal(back, message)


def character(number):
    # type: (int) -> Any
    """A character by its number: ``chr`` of 3.x, ``unichr`` of 2.7 (until 2.7 goes)."""
    return ('\\U%08x' % number).encode('ascii').decode('unicode_escape')
