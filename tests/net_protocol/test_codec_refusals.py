"""What ``decode`` refuses, and under which cause it is counted: the same on every version of Python.

``TABLE`` is the specification of "not exactly as the protocol says". Below it, wrong types and missing fields are
generated from the messages' own tables and held against a list made by hand of what each field takes. These datagrams
have no checksum and are handed to ``parse``, which is what ``decode`` does behind it; what it does before has tests of
its own, at the end.
"""

from __future__ import absolute_import, division, print_function

import pytest

from net_protocol import codec, limits
from net_protocol.codec import (
    BAD_CHECKSUM, BAD_ENVELOPE, BAD_FIELD, BAD_SIGNATURE, CAUSES, NOT_JSON, NOT_UTF8, OTHER_VERSION, TOO_LONG,
    UNKNOWN_KIND)
from net_protocol.errors import DatagramRefused
from net_protocol.messages import Accepted, Assign, Heartbeat, Leave, Ping, Refused, Result, Submit
from net_protocol.seals import CHECKSUM
from tests.net_protocol import samples
from tests.net_protocol.samples import LIFE, TASK, body, datagram, envelope, submit_around, written

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Set, Tuple  # noqa: F401

LEAVE = {'kind': 'leave'}
VALID = 'valid'


def verdict(datagram):
    # type: (bytes) -> str
    """The cause for which a datagram is refused, or VALID."""
    try:
        codec.parse(datagram)
    except DatagramRefused as refusal:
        assert refusal.cause in CAUSES
        # For one line of the log.
        assert len(str(refusal)) < 500
        return refusal.cause
    return VALID


def without(value, key):
    # type: (Dict[str, Any], str) -> Dict[str, Any]
    return {name: inside for name, inside in value.items() if name != key}


def heartbeat(**changes):
    # type: (**Any) -> bytes
    return datagram(body(Heartbeat(1, 1, 1, 1.0, 1, [], [], False, 0), **changes))


#: Text that would go into a log, a file name or a web page, and is therefore in no name or id.
BAD_NAMES = [u'', u'a\n', u'a\x00', u'a b', u'a/b', u'a:b', u'a"b', u'\xe4', u'-a', u'.a', u'_a', u'@a', u'a' * 81,
             u'\ud83d', u'a\u2028']
BAD_LIVES = [u'', u'aaaaaaa', u'aaaaaaaaa', u'aaaaaaaa\n', u'AAAAAAAA', u'aaaaaaa1', u'aaaaaaa\xe4', u'aaaaaaa ']
BAD_TASKS = [u'', u'a', u'a:aaaaaaaa', u'a:aaaaaaaa:', u'a:aaaaaaaa:x', u'a:aaaaaaaa:-1', u'a:aaaaaaaa:1\n',
             u'a\n:aaaaaaaa:1', u'a:aaaaaaaa:1:', u'a:aaaaaaaa: 1', u'a:aaaaaaa:1', u':aaaaaaaa:1', u'a:aaaaaaaa:1.0',
             u'a' * 81 + u':aaaaaaaa:1', u'a:aaaaaaaa:' + u'1' * 17, u'a:aaaaaaaa:\u0661']

TABLE = [
    # Not UTF-8, not JSON.
    ('no bytes', b'', NOT_JSON),
    ('one byte', b'\x00', NOT_JSON),
    ('a blank', b' ', NOT_JSON),
    ('all zeros', b'\x00' * 1000, NOT_JSON),
    ('words', b'hello', NOT_JSON),
    ('another protocol', b'\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00', NOT_JSON),
    ('high bytes', b'\xff' * 100, NOT_UTF8),
    ('Latin-1', submit_around(b'"\xe4"'), NOT_UTF8),
    ('a character cut in half', submit_around(b'"\xc3"'), NOT_UTF8),
    ('an overlong character', submit_around(b'"\xc0\x80"'), NOT_UTF8),
    ('past the last character', submit_around(b'"\xf4\x90\x80\x80"'), NOT_UTF8),
    ('a raw lone surrogate', submit_around(b'"\xed\xa0\xbd"'), NOT_UTF8),
    ('a raw pair of surrogates', submit_around(b'"\xed\xa0\xbd\xed\xb8\x80"'), NOT_UTF8),
    ('the last character before the surrogates', submit_around(b'"\xed\x9f\xbf"'), VALID),
    ('the first character after the surrogates', submit_around(b'"\xee\x80\x80"'), VALID),
    ('an escaped lone surrogate', submit_around(b'"\\ud83d"'), VALID),
    ('a byte order mark', b'\xef\xbb\xbf' + datagram(LEAVE), NOT_JSON),
    ('UTF-16 with a mark', datagram(LEAVE).decode('ascii').encode('utf-16'), NOT_UTF8),
    ('UTF-16 without one', datagram(LEAVE).decode('ascii').encode('utf-16-le'), NOT_JSON),
    ('bytes behind the end', datagram(LEAVE) + b'\x00', NOT_JSON),
    ('two datagrams in one', datagram(LEAVE) * 2, NOT_JSON),
    ('blanks behind the end', datagram(LEAVE) + b' \r\n', VALID),
    ('blanks before the beginning', b'\t ' + datagram(LEAVE), VALID),
    ('a blank that is none in JSON', b'\x0c' + datagram(LEAVE), NOT_JSON),
    ('a comma too many', datagram(LEAVE)[:-1] + b',}', NOT_JSON),
    ('single quotes', datagram(LEAVE).replace(b'"', b"'"), NOT_JSON),
    ('a comment', datagram(LEAVE) + b'// bye', NOT_JSON),
    ('a raw control character', submit_around(b'"\x01"'), NOT_JSON),
    ('a raw line feed', submit_around(b'"\n"'), NOT_JSON),
    ('an unknown escape', submit_around(b'"\\x41"'), NOT_JSON),
    ('an escape cut short', submit_around(b'"\\u12"'), NOT_JSON),
    ('a leading zero', submit_around(b'01'), NOT_JSON),
    ('a plus', submit_around(b'+1'), NOT_JSON),
    ('a hexadecimal number', submit_around(b'0x1'), NOT_JSON),
    ('a number that ends in a point', submit_around(b'1.'), NOT_JSON),
    ('digits from elsewhere', submit_around(u'\u0661'.encode('utf-8')), NOT_JSON),
    ('NaN', submit_around(b'NaN'), NOT_JSON),
    ('Infinity', submit_around(b'Infinity'), NOT_JSON),
    ('-Infinity', submit_around(b'-Infinity'), NOT_JSON),
    ('NaN where nobody looks', datagram(LEAVE, later=float('nan')), NOT_JSON),
    ('60,000 brackets', b'[' * 60000, NOT_JSON),
    ('30,000 brackets, closed', b'[' * 30000 + b']' * 30000, NOT_JSON),
    ('12,000 objects inside each other', b'{"":' * 12000 + b'1' + b'}' * 12000, NOT_JSON),
    ('15,000 lists as the payload', submit_around(b'[' * 15000 + b']' * 15000), NOT_JSON),
    ('15,000 lists where nobody looks', datagram(dict(LEAVE, later=[u'PAYLOAD'])).replace(
        b'"PAYLOAD"', b'[' * 15000 + b']' * 15000), NOT_JSON),
    ('60,000 digits', b'9' * 60000, NOT_JSON),
    ('60,000 digits as the payload', submit_around(b'9' * 60000), NOT_JSON),
    ('60,000 digits where nobody looks', datagram(LEAVE, later=u'PAYLOAD').replace(b'"PAYLOAD"', b'9' * 60000),
     NOT_JSON),

    ('30 digits in a long list', submit_around(b'[' + b'1,' * 4000 + b'9' * 30 + b']'), NOT_JSON),
    ('25 digits in a long list', submit_around(b'[' + b'1,' * 4000 + b'9' * 25 + b']'), BAD_FIELD),
    ('30 digits in a short list', submit_around(b'[' + b'9' * 30 + b']'), BAD_FIELD),
    ('30 digits in a long text', submit_around(b'"' + b'9' * 2000 + b'"'), VALID),

    # Too long.
    ('a text that escaping makes too long', submit_around(u'"{}"'.format(u'\xe4' * 12000).encode('utf-8')), TOO_LONG),
    ('a text that escaping just does not make too long',
     submit_around(u'"{}"'.format(u'\xe4' * 9999).encode('utf-8')), VALID),
    ('characters of four bytes that escaping triples',
     submit_around(u'"{}"'.format(u'\U0001f600' * 6000).encode('utf-8')), TOO_LONG),
    ('floats that Python writes four times as long', submit_around(b'[' + b'1e15,' * 4000 + b'1]'), TOO_LONG),
    ('a result that escaping makes too long',
     datagram(body(Result(TASK, 1, u'PAYLOAD', None))).replace(b'PAYLOAD', b'\xc3\xa4' * 12000), TOO_LONG),
    ('a payload of just the limit', submit_around(b'"' + b'x' * 59998 + b'"'), VALID),
    ('a payload one byte longer', submit_around(b'"' + b'x' * 59999 + b'"'), TOO_LONG),

    # The envelope.
    ('a number', b'1', BAD_ENVELOPE),
    ('null', b'null', BAD_ENVELOPE),
    ('a text', b'"hello"', BAD_ENVELOPE),
    ('a list', b'[]', BAD_ENVELOPE),
    ('a list with an envelope', b'[' + datagram(LEAVE) + b']', BAD_ENVELOPE),
    ('an object of nothing', b'{}', OTHER_VERSION),
    ('no sender', written(without(envelope(LEAVE), 'from')), BAD_ENVELOPE),
    ('no life', written(without(envelope(LEAVE), 'life')), BAD_ENVELOPE),
    ('no number', written(without(envelope(LEAVE), 'n')), BAD_ENVELOPE),
    ('no list of messages', written(without(envelope(LEAVE), 'messages')), BAD_ENVELOPE),
    ('no message', datagram(), BAD_ENVELOPE),
    ('one message, not in a list', datagram(messages=LEAVE), BAD_ENVELOPE),
    ('messages by name', datagram(messages={'0': LEAVE}), BAD_ENVELOPE),
    ('as many messages as allowed', datagram(*[LEAVE] * limits.MESSAGES_MAX), VALID),
    ('one more', datagram(*[LEAVE] * (limits.MESSAGES_MAX + 1)), BAD_ENVELOPE),
    ('number 0', datagram(LEAVE, n=0), BAD_ENVELOPE),
    ('number -1', datagram(LEAVE, n=-1), BAD_ENVELOPE),
    ('number true', datagram(LEAVE, n=True), BAD_ENVELOPE),
    ('number 1.0', datagram(LEAVE, n=1.0), BAD_ENVELOPE),
    ('number "1"', datagram(LEAVE, n='1'), BAD_ENVELOPE),
    ('the largest number', datagram(LEAVE, n=2 ** 53), VALID),
    ('one past the largest number', datagram(LEAVE, n=2 ** 53 + 1), BAD_ENVELOPE),
    ('a sender that is a number', datagram(LEAVE, sender=1), BAD_ENVELOPE),
    ('a sender that is null', datagram(LEAVE, sender=None), BAD_ENVELOPE),
    ('the longest sender', datagram(LEAVE, sender=u'a' * 80), VALID),
    ('every character a sender may have', datagram(LEAVE, sender=u'0aZ_.@-'), VALID),
    ('a life that is a number', datagram(LEAVE, life=22222222), BAD_ENVELOPE),
    ('a key twice: the last one counts', datagram(LEAVE)[:-1] + b',"n":0}', BAD_ENVELOPE),
    ('a key twice: the first one does not', datagram(LEAVE, n=0)[:-1] + b',"n":1}', VALID),

    # The version, which is looked at before anything else: a later one may have another envelope.
    ('version 2', datagram(LEAVE, v=2), OTHER_VERSION),
    ('version 2 and all else different', written({'v': 2, 'body': 'x'}), OTHER_VERSION),
    ('version 0', datagram(LEAVE, v=0), OTHER_VERSION),
    ('version 1.0', datagram(LEAVE, v=1.0), OTHER_VERSION),
    ('version true', datagram(LEAVE, v=True), OTHER_VERSION),
    ('version "1"', datagram(LEAVE, v='1'), OTHER_VERSION),
    ('version null', datagram(LEAVE, v=None), OTHER_VERSION),
    ('version of 1,000 digits', datagram(LEAVE, v=10 ** 1000), OTHER_VERSION),
    ('version [1]', datagram(LEAVE, v=[1]), OTHER_VERSION),
    ('no version', written(without(envelope(LEAVE), 'v')), OTHER_VERSION),

    # The kind of a message.
    ('an unknown kind', datagram({'kind': 'hello'}), UNKNOWN_KIND),
    ('a kind in capitals', datagram({'kind': 'Leave'}), UNKNOWN_KIND),
    ('a kind with a line feed', datagram({'kind': 'leave\n'}), UNKNOWN_KIND),
    ('the base of all messages', datagram({'kind': ''}), UNKNOWN_KIND),
    ('no kind', datagram({'task_id': TASK}), UNKNOWN_KIND),
    ('a kind that is null', datagram({'kind': None}), UNKNOWN_KIND),
    ('a kind that is a list', datagram({'kind': ['leave']}), UNKNOWN_KIND),
    ('a kind that is an object', datagram({'kind': LEAVE}), UNKNOWN_KIND),
    ('a kind of 60,000 characters', datagram({'kind': 'x' * 60000}), UNKNOWN_KIND),
    ('a message that is null', datagram(None), UNKNOWN_KIND),
    ('a message that is a text', datagram('leave'), UNKNOWN_KIND),
    ('a message that is a list', datagram([LEAVE]), UNKNOWN_KIND),
    ('one unknown message among known ones', datagram(LEAVE, {'kind': 'hello'}, LEAVE), UNKNOWN_KIND),

    # Fields, beyond the wrong types that are generated below.
    ('one bad message among good ones', datagram(LEAVE, body(Ping(1)), body(Ping(-1)), LEAVE), BAD_FIELD),
    ('a payload that is infinite', submit_around(b'1e999'), BAD_FIELD),
    ('a payload that is minus infinite, inside', submit_around(b'{"a":[-1e999]}'), BAD_FIELD),
    ('a payload of 65 bits', submit_around(b'18446744073709551616'), BAD_FIELD),
    ('a payload of minus 65 bits, inside', submit_around(b'[-18446744073709551616]'), BAD_FIELD),
    ('a payload of 64 bits', submit_around(b'18446744073709551615'), VALID),
    ('a payload of 1,000 digits', submit_around(b'9' * 1000), BAD_FIELD),
    ('a payload as deep as allowed', datagram(body(Submit(TASK, samples.DEEPEST, 1))), VALID),
    ('a payload one deeper', datagram(body(Submit(TASK, [samples.DEEPEST], 1))), BAD_FIELD),
    ('a payload 300 deep', submit_around(b'[' * 300 + b']' * 300), BAD_FIELD),
    ('a field of 60,000 characters', datagram(body(Accepted(u'x' * 60000))), BAD_FIELD),
    ('a field that is 400 lists deep', datagram(body(Accepted(u'PAYLOAD'))).replace(
        b'"PAYLOAD"', b'[' * 400 + b']' * 400), BAD_FIELD),
    ('a life that is not one', datagram(body(Assign(TASK, 1, LIFE.upper(), None, 1, 1))), BAD_FIELD),
    ('a reason to refuse that we do not know', datagram(body(Refused(TASK, 'tired', None))), BAD_FIELD),
    ('an error of 300 characters', datagram(body(Result(TASK, 1, None, u'x' * 300))), VALID),
    ('an error of 301 characters', datagram(body(Result(TASK, 1, None, u'x' * 301))), BAD_FIELD),
    ('time that is NaN', datagram(body(Submit(TASK, None, float('nan')))), NOT_JSON),
    ('time that is infinite', datagram(body(Submit(TASK, None, 1), time_left_s=u'HERE')).replace(b'"HERE"', b'1e999'),
     BAD_FIELD),
    ('time of a year', datagram(body(Submit(TASK, None, limits.SECONDS_MAX))), VALID),
    ('time of more', datagram(body(Submit(TASK, None, limits.SECONDS_MAX + 1))), BAD_FIELD),
    ('time that is negative zero', datagram(body(Submit(TASK, None, -0.0))), VALID),
    ('time that is just negative', datagram(body(Submit(TASK, None, -5e-324))), BAD_FIELD),
    ('capacity 0', heartbeat(capacity=0), BAD_FIELD),
    ('more capacity than allowed', heartbeat(capacity=limits.CAPACITY_MAX + 1), BAD_FIELD),
    ('more pages than allowed', heartbeat(pages=limits.PAGES_MAX + 1), BAD_FIELD),
    ('a heartbeat interval that is a flood', heartbeat(interval_s=0.049), BAD_FIELD),
    ('a heartbeat interval that says nothing', heartbeat(interval_s=3601), BAD_FIELD),
    ('an attempt that is no pair', heartbeat(running=[[TASK]]), BAD_FIELD),
    ('an attempt of three', heartbeat(running=[[TASK, 1, 1]]), BAD_FIELD),
    ('an attempt as an object', heartbeat(running=[{'task_id': TASK, 'attempt': 1}]), BAD_FIELD),
    ('attempts as an object', heartbeat(unreported={TASK: 1}), BAD_FIELD),
    ('an attempt 0', heartbeat(running=[[TASK, 1], [TASK, 0]]), BAD_FIELD),
    ('an attempt true', heartbeat(unreported=[[TASK, True]]), BAD_FIELD),
    ('an attempt of a bad task', heartbeat(running=[[u'a:b', 1]]), BAD_FIELD),
    ('a flag that is 1', heartbeat(draining=1), BAD_FIELD),
]  # type: List[Tuple[str, bytes, str]]
TABLE += [('bad sender %d' % number, datagram(LEAVE, sender=name), BAD_ENVELOPE)
          for number, name in enumerate(BAD_NAMES)]
TABLE += [('bad life %d' % number, datagram(LEAVE, life=life), BAD_ENVELOPE) for number, life in enumerate(BAD_LIVES)]
TABLE += [('bad task %d' % number, datagram(body(Accepted(task))), BAD_FIELD) for number, task in enumerate(BAD_TASKS)]


@pytest.mark.parametrize('bytes_, cause', [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_every_cause_by_its_examples(bytes_, cause):
    assert verdict(bytes_) == cause


def test_every_cause_has_an_example():
    assert {cause for _, _, cause in TABLE} == set(CAUSES) - {BAD_CHECKSUM, BAD_SIGNATURE} | {VALID}


@pytest.mark.parametrize('value', [u'[', u'{"a":'], ids=['lists', 'objects'])
@pytest.mark.parametrize('place', ['v', 'sender', 'life', 'n', 'kind', 'task_id', 'payload', 'later'])
def test_no_depth_is_too_deep_to_be_refused(place, value):
    # Each version of Python gives up at a depth of its own, and what is just above it must not overflow later, where
    # the value is checked or shown.
    def nested(depth):
        # type: (int) -> bytes
        inside = (value * depth + u'1' + (u']' if value == u'[' else u'}') * depth).encode('ascii')
        changes = {place: u'HERE'} if place in ('v', 'sender', 'life', 'n') else {}
        fields = {place: u'HERE'} if place not in changes else {}
        return datagram(body(Submit(TASK, 1, 1), **fields), **changes).replace(b'"HERE"', inside)

    refused_as_wrong = {'v': OTHER_VERSION, 'sender': BAD_ENVELOPE, 'life': BAD_ENVELOPE, 'n': BAD_ENVELOPE,
                        'kind': UNKNOWN_KIND, 'later': VALID}.get(place, BAD_FIELD)
    verdicts = [verdict(nested(depth)) for depth in list(range(33, 2100, 3)) + list(range(4900, 10100, 100))]
    given_up = verdicts.index(NOT_JSON)
    assert set(verdicts[:given_up]) == {refused_as_wrong}
    assert set(verdicts[given_up:]) == {NOT_JSON}


# Every field of every message.

CANDIDATES = {
    'null': None, 'true': True, 'false': False, '-1': -1, '0': 0, '1': 1, '1.0': 1.0, '2**53': 2 ** 53,
    '2**53+1': 2 ** 53 + 1, '""': u'', '"1"': u'1', '[]': [], '{}': {}, '[[]]': [[]], '[null]': [None],
}  # type: Dict[str, Any]
EVERYTHING = set(CANDIDATES)
POSITIVE = {'1', '2**53'}
COUNT = POSITIVE | {'0'}
SECONDS = {'0', '1', '1.0'}
TEXT_OR_NULL = {'null', '""', '"1"'}

#: What each field takes of the candidates; where a name means different things, under the kind of its message too.
TAKEN = {
    'task_id': set(), 'incarnation': set(), 'outcome': set(), 'reason': set(),
    'payload': EVERYTHING, 'result': EVERYTHING,
    'outcome.reason': TEXT_OR_NULL, 'error': TEXT_OR_NULL,
    'time_left_s': SECONDS, 'answer_timeout_s': SECONDS, 'retry_after_s': SECONDS | {'null'},
    'interval_s': {'1', '1.0'},
    'attempt': POSITIVE, 'sequence': POSITIVE, 'page': POSITIVE, 'pages': {'1'}, 'capacity': {'1'},
    'attempts': COUNT, 'heard': COUNT, 'nonce': COUNT,
    'running': {'[]'}, 'unreported': {'[]'},
    'draining': {'true', 'false'},
    'question': POSITIVE, 'answer': POSITIVE, 'events_since': COUNT, 'attempts_since': COUNT, 'calculators_from': COUNT,
    'clients_from': COUNT, 'rows': {'[]', '[[]]', '[null]'},
}  # type: Dict[str, Set[str]]

FIELDS = [(message, name) for message in {message.KIND: message for message in samples.MESSAGES}.values()
          for name, _ in message.FIELDS]
FIELDS.sort(key=lambda field: (field[0].KIND, field[1]))


@pytest.mark.parametrize('message, name', FIELDS, ids=['%s.%s' % (message.KIND, name) for message, name in FIELDS])
def test_a_field_takes_what_it_should_and_nothing_else(message, name):
    # A field that is in neither place is new: say there what it takes.
    taken = TAKEN.get('%s.%s' % (message.KIND, name)) or TAKEN[name]
    verdicts = {candidate: verdict(datagram(body(message, **{name: value}))) for candidate, value in CANDIDATES.items()}
    assert verdicts == {candidate: VALID if candidate in taken else BAD_FIELD for candidate in CANDIDATES}


@pytest.mark.parametrize('message, name', FIELDS, ids=['%s.%s' % (message.KIND, name) for message, name in FIELDS])
def test_no_field_may_be_missing(message, name):
    assert verdict(datagram(body(message))) == VALID
    assert verdict(datagram(without(body(message), name))) == BAD_FIELD


@pytest.mark.parametrize('message', samples.MESSAGES, ids=lambda message: message.KIND)
def test_fields_we_do_not_know_are_ignored(message):
    with_more = datagram(dict(body(message), later=[1, {'a': None}], FIELDS=1, __class__='x'), later={'b': 2})
    assert codec.parse(with_more).messages == [message]


def test_a_field_of_another_message_is_one_we_do_not_know():
    decoded = codec.parse(datagram(dict(body(Leave()), task_id=5))).messages
    assert decoded == [Leave()]
    assert not hasattr(decoded[0], 'task_id')


@pytest.mark.parametrize('value, found', [
    (-1, '-1'), (None, 'None'), (True, 'True'), ([1, 2], 'a list'), ({'a': 1}, 'an object'), (0.5, '0.5'),
], ids=['number', 'null', 'flag', 'list', 'object', 'float'])
def test_a_refusal_says_what_was_found_and_what_is_expected(value, found):
    with pytest.raises(DatagramRefused) as caught:
        codec.parse(datagram(body(Ping(1), nonce=value)))
    assert str(caught.value) == (
        'bad_field: ping.nonce: found %s, expected a whole number from 0 to 9007199254740992' % found)


# The checksum.

def cause(bytes_):
    # type: (bytes) -> str
    """The cause for which ``decode`` refuses, or VALID."""
    try:
        codec.decode(bytes_)
    except DatagramRefused as refusal:
        return refusal.cause
    return VALID


SEALED = CHECKSUM.seal(datagram(LEAVE)[1:])


def test_a_checksum_is_the_crc_32_of_all_behind_it():
    # As zlib, gzip and Ethernet compute it; this one is by gzip.
    assert CHECKSUM.seal(b'"v":1}') == b'{"crc":"461a1d31","v":1}'
    assert cause(SEALED) == VALID


def test_every_turned_bit_is_noticed():
    for place in range(len(SEALED)):
        for bit in range(8):
            damaged = bytearray(SEALED)
            damaged[place] ^= 1 << bit
            assert cause(bytes(damaged)) == BAD_CHECKSUM


def test_what_is_cut_or_lengthened_anywhere_is_noticed():
    assert {cause(SEALED[:length]) for length in range(len(SEALED))} == {BAD_CHECKSUM}
    assert {cause(SEALED + more) for more in (b' ', b'\x00', b'\r\n', SEALED)} == {BAD_CHECKSUM}


@pytest.mark.parametrize('bytes_', [
    b'', b'{}', datagram(LEAVE), SEALED[1:], b' ' + SEALED, SEALED[:7] + SEALED[7:].upper(),
    SEALED.replace(b'"crc":', b'"crc": '),
], ids=['no bytes', 'nothing', 'no checksum', 'cut', 'moved', 'in capitals', 'with a blank'])
def test_a_checksum_is_written_in_one_way(bytes_):
    assert cause(bytes_) == BAD_CHECKSUM


def test_the_length_is_looked_at_before_the_checksum_and_that_before_anything_else():
    longest = datagram(LEAVE)[1:].ljust(limits.DATAGRAM_BYTES_MAX - len(b'{"crc":"00000000",'))
    assert cause(CHECKSUM.seal(longest)) == VALID
    assert cause(SEALED.ljust(limits.DATAGRAM_BYTES_MAX + 1)) == TOO_LONG
    assert cause(b'\xff' * 65507) == TOO_LONG
    assert cause(b'\xff' * 1000) == BAD_CHECKSUM
