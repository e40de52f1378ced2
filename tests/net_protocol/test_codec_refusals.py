"""What ``decode`` refuses, and under which cause it is counted: the same on every version of Python.

``TABLE`` is the specification of "not exactly as the protocol says". Below it, every field of every kind is held
against a list made by hand of what it takes. These datagrams have no checksum and are handed to ``parse``, which is
what ``decode`` does behind it; what it does before has tests of its own, at the end.
"""

from __future__ import absolute_import, division, print_function

import pytest

from net_protocol import codec, limits
from net_protocol.codec import (
    BAD_CHECKSUM, BAD_ENVELOPE, BAD_FIELD, BAD_SIGNATURE, CAUSES, NOT_JSON, NOT_UTF8, OTHER_VERSION, TOO_LONG,
    UNKNOWN_KIND)
from net_protocol.errors import DatagramRefused
from net_protocol.rows import FIELDS
from net_protocol.seals import CHECKSUM
from tests.net_protocol import samples
from tests.net_protocol.samples import LARGEST_COUNT, ROWS, TASK, TICKET, datagram, envelope, submit_around, written
from tests.net_protocol.test_columns import BAD_INCARNATIONS, BAD_NAMES, BAD_TASKS, BAD_TICKETS

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401


LEAVE = {'leave': [[]]}  # type: Any
VALID = 'valid'


def verdict(datagram):
    """The cause for which a datagram is refused, or VALID."""
    try:
        codec.parse(datagram)
    except DatagramRefused as refusal:
        assert refusal.cause in CAUSES
        # For one line of the log.
        assert len(str(refusal)) < 500
        return refusal.cause
    return VALID


def without(key, **changes):
    return written({name: value for name, value in envelope(LEAVE, **changes).items() if name != key})


def greeting(**changes):
    made = {'v': 2, 'role': 'dispatcher', 'from': 'd', 'inc': samples.INCARNATION, 'to': '', 're': 7, 'ticket': TICKET}
    return written(dict(made, **changes))


def sample(kind, **changes):
    """The first sample of a kind, some fields changed."""
    names = [name for name, _ in FIELDS[kind]]
    made = list(ROWS[kind][0])
    for name, value in changes.items():
        made[names.index(name)] = value
    return made


def one(kind, **changes):
    return datagram({kind: [sample(kind, **changes)]})


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
    ('15,000 lists where nobody looks', datagram(LEAVE, later=u'PAYLOAD').replace(
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
     one('result', result=u'PAYLOAD').replace(b'PAYLOAD', b'\xc3\xa4' * 12000), TOO_LONG),
    ('a payload of just the limit', submit_around(b'"' + b'x' * 59998 + b'"'), VALID),
    ('a payload one byte longer', submit_around(b'"' + b'x' * 59999 + b'"'), TOO_LONG),

    ('a long envelope with nothing in it', datagram(later=u'x' * 50000), VALID),

    # The envelope.
    ('a number', b'1', BAD_ENVELOPE),
    ('null', b'null', BAD_ENVELOPE),
    ('a text', b'"hello"', BAD_ENVELOPE),
    ('a list', b'[]', BAD_ENVELOPE),
    ('a list with an envelope', b'[' + datagram(LEAVE) + b']', BAD_ENVELOPE),
    ('an object of nothing', b'{}', OTHER_VERSION),
    ('a key twice: the last one counts', datagram(LEAVE)[:-1] + b',"n":0}', BAD_ENVELOPE),
    ('a key twice: the first one does not', datagram(LEAVE, n=0)[:-1] + b',"n":1}', VALID),
    ('an unknown field', datagram(LEAVE, later={'a': [None]}, FIELDS=1, __class__='x'), VALID),
    ('no role', without('role'), BAD_ENVELOPE),
    ('no sender', without('from'), BAD_ENVELOPE),
    ('no incarnation', without('inc'), BAD_ENVELOPE),
    ('no ticket', without('to'), BAD_ENVELOPE),
    ('no number', without('n'), BAD_ENVELOPE),
    ('no rows', without('rows'), VALID),
    ('no ack, no open, no rows', datagram(), VALID),
    ('all of them', datagram(ROWS, ack=[[1, 2]], open=LARGEST_COUNT), VALID),
    ('as many ranges as allowed', datagram(LEAVE, ack=[[1, 2]] * 32), VALID),
    ('one range more', datagram(LEAVE, ack=[[1, 2]] * 33), BAD_ENVELOPE),
    ('a range of everything', datagram(LEAVE, ack=[[1, LARGEST_COUNT]]), VALID),
    ('no range', datagram(LEAVE, ack=[]), VALID),
    ('no kind', datagram({}), VALID),
    ('a kind without rows', datagram({'leave': []}), BAD_ENVELOPE),
    ('as many rows as allowed', datagram({'ping': [[]] * 2500, 'leave': [[]] * 2500}), VALID),
    ('one row more', datagram({'ping': [[]] * 2500, 'leave': [[]] * 2501}), BAD_ENVELOPE),
    ('a greeting', greeting(), VALID),
    ('a greeting without a ticket in it', greeting(ticket=''), VALID),
    ('a greeting with null for a ticket', greeting(ticket=None), BAD_ENVELOPE),
    ('a greeting that answers 0', greeting(re=0), BAD_ENVELOPE),
    ('a greeting that answers true', greeting(re=True), BAD_ENVELOPE),
    ('a greeting that answers too much', greeting(re=LARGEST_COUNT + 1), BAD_ENVELOPE),

    # The version, which is looked at before anything else: a later one may have another envelope.
    ('version 1', written({'v': 1, 'from': 'a', 'life': 'aaaaaaaa', 'n': 1, 'messages': [{'kind': 'leave'}]}),
     OTHER_VERSION),
    ('version 3 and all else different', written({'v': 3, 'body': 'x'}), OTHER_VERSION),
    ('version 2.0', datagram(LEAVE, v=2.0), OTHER_VERSION),
    ('version true', datagram(LEAVE, v=True), OTHER_VERSION),
    ('version "2"', datagram(LEAVE, v='2'), OTHER_VERSION),
    ('version null', datagram(LEAVE, v=None), OTHER_VERSION),
    ('version of 1,000 digits', datagram(LEAVE, v=10 ** 1000), OTHER_VERSION),
    ('version [2]', datagram(LEAVE, v=[2]), OTHER_VERSION),
    ('no version', without('v'), OTHER_VERSION),

    # Kinds and rows.
    ('an unknown kind', datagram({'hello': [[]]}), UNKNOWN_KIND),
    ('a kind in capitals', datagram({'Leave': [[]]}), UNKNOWN_KIND),
    ('a kind with a line feed', datagram({'leave\n': [[]]}), UNKNOWN_KIND),
    ('a kind without a name', datagram({'': [[]]}), UNKNOWN_KIND),
    ('a kind of 60,000 characters', datagram({'x' * 60000: [[]]}), UNKNOWN_KIND),
    ('a kind with a surrogate', datagram({u'\ud83d': [[]]}), UNKNOWN_KIND),
    ('an unknown kind among known ones', datagram(dict(ROWS, hello=[[]])), UNKNOWN_KIND),
    ('a bad row among good ones', datagram({'submit': ROWS['submit'] + [[0, u'', 1]] + ROWS['submit']}), BAD_FIELD),
    ('a bad kind among good ones', datagram(dict(ROWS, cancel=[[0]])), BAD_FIELD),
    ('rows of two lengths', datagram({'cancel': [[1], [1, 2]]}), BAD_FIELD),
    ('a row that is an object', datagram({'cancel': [{'number': 1}]}), BAD_FIELD),
    ('a row that is a text of the right length', datagram({'cancel': [u'1']}), BAD_FIELD),
    ('a row that is null', datagram({'leave': [None]}), BAD_FIELD),

    # Fields, beyond the candidates below.
    ('a payload that is infinite', submit_around(b'1e999'), BAD_FIELD),
    ('a payload that is minus infinite, inside', submit_around(b'{"a":[-1e999]}'), BAD_FIELD),
    ('a payload of 65 bits', submit_around(b'18446744073709551616'), BAD_FIELD),
    ('a payload of minus 65 bits, inside', submit_around(b'[-18446744073709551616]'), BAD_FIELD),
    ('a payload of 64 bits', submit_around(b'18446744073709551615'), VALID),
    ('a payload as deep as allowed', one('submit', payload=samples.DEEPEST), VALID),
    ('a payload one deeper', one('submit', payload=[samples.DEEPEST]), BAD_FIELD),
    ('a payload 300 deep', submit_around(b'[' * 300 + b']' * 300), BAD_FIELD),
    ('a field of 60,000 characters', one('revoke', task_id=u'x' * 60000), BAD_FIELD),
    ('a field that is 400 lists deep', one('revoke', task_id=u'HERE').replace(b'"HERE"', b'[' * 400 + b']' * 400),
     BAD_FIELD),
    ('a reason to refuse that we do not know', one('refused', reason='tired'), BAD_FIELD),
    ('an outcome that is no ending', one('ended', outcome='done'), BAD_FIELD),
    ('time that is NaN', one('submit', time_left_s=float('nan')), NOT_JSON),
    ('time that is infinite', one('submit', time_left_s=float('inf')).replace(b'Infinity', b'1e999'), BAD_FIELD),
    ('more capacity than allowed', one('heartbeat', capacity=limits.CAPACITY_MAX + 1), BAD_FIELD),
    ('more pages than allowed', one('heartbeat', pages=limits.PAGES_MAX + 1), BAD_FIELD),
    ('held numbers that overlap', one('heartbeat', held=[[1, 5], [5, 6]]), BAD_FIELD),
    ('an orphan that is no task', one('heartbeat', orphans=[TASK, u'a:b']), BAD_FIELD),
    ('as many held ranges as allowed', one('heartbeat', held=[[2 * n, 2 * n] for n in range(1, 1001)]), VALID),
    ('one more', one('heartbeat', held=[[2 * n, 2 * n] for n in range(1, 1002)]), BAD_FIELD),
]


def _add(what, cause, every):
    TABLE.extend([('%s %d' % (what, number), bytes_, cause) for number, bytes_ in enumerate(every)])


NOT_COUNTS = [None, True, -1, 1.0, u'1', [], {}, LARGEST_COUNT + 1]
BAD_ACKS = [None, True, 0, 1, u'', u'1', {}, [1, 2], [None], [[]], [[1]], [[1, 2, 3]], [[0, 1]], [[2, 1]], [[1, True]],
            [[1.0, 2]], [[u'1', 2]], [[1, LARGEST_COUNT + 1]], [[-2, -1]], [{}]]
BAD_TEXTS = [None, 1, [], {}, True]  # type: Any
_add('bad role', BAD_ENVELOPE, [datagram(LEAVE, role=bad) for bad in [u'', u'Client', u'god', u'client\n'] + BAD_TEXTS])
_add('bad sender', BAD_ENVELOPE, [datagram(LEAVE, sender=bad) for bad in BAD_NAMES[:-1] + BAD_TEXTS])
_add('bad incarnation', BAD_ENVELOPE, [datagram(LEAVE, inc=bad) for bad in BAD_INCARNATIONS + BAD_TEXTS])
_add('bad ticket', BAD_ENVELOPE, [datagram(LEAVE, to=bad) for bad in BAD_TICKETS + BAD_TEXTS])
_add('bad ticket in a greeting', BAD_ENVELOPE, [greeting(ticket=bad) for bad in BAD_TICKETS + BAD_TEXTS])
_add('bad number', BAD_ENVELOPE, [datagram(LEAVE, n=bad) for bad in NOT_COUNTS + [0]])
_add('bad open', BAD_ENVELOPE, [datagram(LEAVE, open=bad) for bad in NOT_COUNTS])
_add('bad ack', BAD_ENVELOPE, [datagram(LEAVE, ack=bad) for bad in BAD_ACKS])
_add('bad rows', BAD_ENVELOPE, [written(dict(envelope(), rows=bad)) for bad in (None, 0, u'', u'x', [], [[]], True, 1)])
_add('bad rows of a kind', BAD_ENVELOPE, [datagram({'ping': bad}) for bad in (None, 0, u'', u'x', {}, {'a': []}, True)])
_add('long and bad rows', BAD_ENVELOPE, [
    written(dict(envelope(later=u'x' * 20000), rows=bad)) for bad in (None, 0, [], u'leave')])
_add('greeting that says more', VALID, [
    greeting(n=u'x', ack=5, open=None, rows={'hello': 1}, later=u'x' * size) for size in (0, 20000)])
_add('bad task', BAD_FIELD, [one('task_status', task_id=bad) for bad in BAD_TASKS])


@pytest.mark.parametrize('bytes_, cause', [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_every_cause_by_its_examples(bytes_, cause):
    assert verdict(bytes_) == cause


def test_every_cause_has_an_example():
    assert {cause for _, _, cause in TABLE} == set(CAUSES) - {BAD_CHECKSUM, BAD_SIGNATURE} | {VALID}


def test_version_1_is_named():
    with pytest.raises(DatagramRefused) as caught:
        codec.parse(datagram(v=1))
    assert str(caught.value) == 'other_version: version 1 of the protocol; this is version 2'


def test_a_greeting_has_no_number_acknowledgements_open_or_rows():
    found = codec.parse(greeting(n=5, ack=[[1, 2]], open=7, rows=LEAVE))
    assert (found.re, found.ticket, found.number, found.acks, found.open, found.rows) == (7, TICKET, 0, (), 0, {})


@pytest.mark.parametrize('value', [u'[', u'{"a":'], ids=['lists', 'objects'])
@pytest.mark.parametrize('place', [
    'v', 'from', 'inc', 'to', 'n', 'ack', 'open', 'rows', 're', 'later', 'kind', 'payload'])
def test_no_depth_is_too_deep_to_be_refused(place, value):
    # Each version of Python gives up at a depth of its own, and what is just above it must not overflow later, where
    # the value is checked or shown.
    def nested(depth):
        inside = (value * depth + u'1' + (u']' if value == u'[' else u'}') * depth).encode('ascii')
        made = (datagram({'ping': u'HERE'}) if place == 'kind' else one('submit', payload=u'HERE') if place == 'payload'
                else written(dict(envelope(LEAVE), **{place: u'HERE'})))
        return made.replace(b'"HERE"', inside)

    refused_as_wrong = {'v': OTHER_VERSION, 'payload': BAD_FIELD, 'later': VALID,
                        'kind': BAD_FIELD if value == u'[' else BAD_ENVELOPE,
                        'rows': BAD_ENVELOPE if value == u'[' else UNKNOWN_KIND}.get(place, BAD_ENVELOPE)
    verdicts = [verdict(nested(depth)) for depth in list(range(33, 2100, 13)) + list(range(4900, 10100, 200))]
    # 3.13 takes any depth that a datagram has room for.
    given_up = verdicts.index(NOT_JSON) if NOT_JSON in verdicts else len(verdicts)
    assert set(verdicts[:given_up]) == {refused_as_wrong}
    assert set(verdicts[given_up:]) <= {NOT_JSON}


# Every field of every kind.

CANDIDATES = {
    'null': None, 'true': True, 'false': False, '-1': -1, '0': 0, '1': 1, '1.0': 1.0, '2**53': 2 ** 53,
    '2**53+1': 2 ** 53 + 1, '""': u'', '"1"': u'1', '301': u'x' * 301, '[]': [], '{}': {}, '[[]]': [[]],
    '[null]': [None], '[[1,2]]': [[1, 2]], '1e9': 1e9,
}
EVERYTHING = set(CANDIDATES)
POSITIVE = {'1', '2**53'}
COUNT = POSITIVE | {'0'}
SECONDS = {'0', '1', '1.0'}
TEXT_OR_NULL = {'null', '""', '"1"'}

#: What each field takes of the candidates; where a name means different things, under its kind too.
TAKEN = {
    'task_id': set(), 'incarnation': set(), 'outcome': set(), 'reason': set(),
    'ended.reason': TEXT_OR_NULL, 'ended_before.reason': TEXT_OR_NULL, 'error': TEXT_OR_NULL,
    'digest': set(), 'functions': {'[]'}, 'function': {'"1"'}, 'failure': set(),
    'options': {'{}'}, 'each': {'true', 'false'}, 'run.answer_timeout_s': SECONDS | {'null'},
    'verb': set(), 'argument': {'""', '"1"'}, 'found': {'true', 'false'}, 'operated.reason': {'""', '"1"'},
    'failed.assignment': COUNT, 'not_offered.reason': {'""', '"1"'},
    'payload': EVERYTHING, 'arguments': EVERYTHING, 'result': EVERYTHING,
    'time_left_s': SECONDS, 'answer_timeout_s': SECONDS, 'retry_after_s': SECONDS | {'null'},
    'interval_s': {'1', '1.0'},
    'number': POSITIVE, 'datagram': POSITIVE, 'attempt': POSITIVE, 'sequence': POSITIVE, 'page': POSITIVE,
    'assignment': POSITIVE, 'revoke.assignment': COUNT, 'result.assignment': COUNT,
    'pages': {'1'}, 'capacity': {'1'}, 'attempts': COUNT,
    'held': {'[]', '[[1,2]]'}, 'orphans': {'[]'}, 'draining': {'true', 'false'},
    'question': POSITIVE, 'answer': POSITIVE, 'events_since': COUNT, 'attempts_since': COUNT, 'calculators_from': COUNT,
    'clients_from': COUNT, 'rows': {'[]', '[[]]', '[null]', '[[1,2]]'},
}

EVERY_FIELD = sorted((kind, name) for kind in FIELDS for name, _ in FIELDS[kind])


@pytest.mark.parametrize('kind, name', EVERY_FIELD, ids=['%s.%s' % field for field in EVERY_FIELD])
def test_a_field_takes_what_it_should_and_nothing_else(kind, name):
    # A field that is in neither place is new: say there what it takes.
    taken = TAKEN['%s.%s' % (kind, name) if '%s.%s' % (kind, name) in TAKEN else name]
    verdicts = {candidate: verdict(one(kind, **{name: value})) for candidate, value in CANDIDATES.items()}
    assert verdicts == {candidate: VALID if candidate in taken else BAD_FIELD for candidate in CANDIDATES}


@pytest.mark.parametrize('kind', sorted(FIELDS))
def test_a_row_has_as_many_values_as_its_kind_has_fields(kind):
    good = ROWS[kind][0]
    assert verdict(datagram({kind: [good]})) == VALID
    for bad in [good[:length] for length in range(len(good))] + [good + [None], good + good + [1]]:
        for rows in ([bad], [good, bad], [bad, good]):
            assert verdict(datagram({kind: rows})) == BAD_FIELD


@pytest.mark.parametrize('value, found', [
    (-1, '-1'), (None, 'None'), (True, 'True'), ([1, 2], 'a list'), ({'a': 1}, 'an object'), (0.5, '0.5'),
], ids=['number', 'null', 'flag', 'list', 'object', 'float'])
def test_a_refusal_says_what_was_found_and_what_is_expected(value, found):
    with pytest.raises(DatagramRefused) as caught:
        codec.parse(datagram({'done': [ROWS['done'][0], sample('done', attempts=value)]}))
    assert str(caught.value) == (
        'bad_field: done.attempts: found %s, expected a whole number from 0 to 9007199254740992' % found)


def test_a_number_of_65000_digits_is_never_converted(monkeypatch):
    monkeypatch.setattr(codec, '_loads', lambda text: pytest.fail('converted'))
    # No seal in front: with the size limit it could not have so many.
    for bytes_ in (b'9' * 65000, b'{"v":2,"n":' + b'1' * 65000 + b'}', b'[1.' + b'5' * 65000 + b']'):
        assert verdict(bytes_) == NOT_JSON


# The checksum.

def cause(bytes_):
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


def test_the_length_is_looked_at_before_the_checksum_and_that_before_anything_else():
    longest = datagram(LEAVE)[1:].ljust(limits.DATAGRAM_BYTES_MAX - len(b'{"crc":"00000000",'))
    assert cause(CHECKSUM.seal(longest)) == VALID
    assert cause(SEALED.ljust(limits.DATAGRAM_BYTES_MAX + 1)) == TOO_LONG
    assert cause(b'\xff' * 65507) == TOO_LONG
    assert cause(b'\xff' * 1000) == BAD_CHECKSUM
