"""The datagrams that ``decode`` refuses, and the cause of each refusal: the same on every version of Python.

``TABLE`` has examples of each violation of the protocol. ``TAKEN`` has the values that each field of each kind takes.
These datagrams have no checksum and are read by ``parse``. The tests at the end are about length and checksum, which
``decode`` checks first.
"""

from __future__ import absolute_import, division, print_function

import pytest

from net_protocol import codec, limits
from net_protocol.codec import (
    BAD_CHECKSUM, BAD_ENVELOPE, BAD_FIELD, CAUSES, NOT_JSON, NOT_UTF8, OTHER_VERSION, TOO_LONG, UNKNOWN_KIND)
from net_protocol.errors import DatagramRefused
from net_protocol.rows import FIELDS
from net_protocol.seals import CHECKSUM
from tests.net_protocol import samples
from tests.net_protocol.samples import LARGEST_COUNT, ROWS, TICKET, datagram, envelope, submit_around, written
from tests.net_protocol.test_columns import BAD_INCARNATIONS, BAD_NAMES, BAD_TASKS, BAD_TICKETS

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401


LEAVE = {'leave': [[]]}  # type: Any
VALID = 'valid'


def verdict(datagram, read=codec.parse):
    """The cause for which a datagram is refused, or VALID."""
    try:
        read(datagram)
    except DatagramRefused as refusal:
        assert refusal.cause in CAUSES
        # The text of a refusal is one line of the log.
        assert len(str(refusal)) < 500
        return refusal.cause
    return VALID


def without(key, **changes):
    return written({name: value for name, value in envelope(LEAVE, **changes).items() if name != key})


def greeting(**changes):
    made = {'v': 2, 'role': 'dispatcher', 'from': 'd', 'inc': samples.INCARNATION, 'to': '', 're': 7, 'ticket': TICKET}
    return written(dict(made, **changes))


def sample(kind, **changes):
    """The first sample of a kind, with changes."""
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
    ('all zeros', b'\x00' * 1000, NOT_JSON),
    ('high bytes', b'\xff' * 100, NOT_UTF8),
    ('Latin-1', submit_around(b'"\xe4"'), NOT_UTF8),
    ('a character cut in half', submit_around(b'"\xc3"'), NOT_UTF8),
    ('an overlong character', submit_around(b'"\xc0\x80"'), NOT_UTF8),
    ('a raw lone surrogate', submit_around(b'"\xed\xa0\xbd"'), NOT_UTF8),
    ('the last character before the surrogates', submit_around(b'"\xed\x9f\xbf"'), VALID),
    ('the first character after the surrogates', submit_around(b'"\xee\x80\x80"'), VALID),
    ('an escaped lone surrogate', submit_around(b'"\\ud83d"'), VALID),
    ('a byte order mark', b'\xef\xbb\xbf' + datagram(LEAVE), NOT_JSON),
    ('bytes behind the end', datagram(LEAVE) + b'\x00', NOT_JSON),
    ('blanks behind the end', datagram(LEAVE) + b' \r\n', VALID),
    ('blanks before the beginning', b'\t ' + datagram(LEAVE), VALID),
    ('a form feed before the beginning', b'\x0c' + datagram(LEAVE), NOT_JSON),
    ('a raw control character', submit_around(b'"\x01"'), NOT_JSON),
    ('an unknown escape', submit_around(b'"\\x41"'), NOT_JSON),
    ('a leading zero', submit_around(b'01'), NOT_JSON),
    ('Arabic digits', submit_around(u'\u0661'.encode('utf-8')), NOT_JSON),
    ('NaN', submit_around(b'NaN'), NOT_JSON),
    ('Infinity', submit_around(b'Infinity'), NOT_JSON),
    ('60,000 brackets', b'[' * 60000, NOT_JSON),
    ('15,000 lists as the payload', submit_around(b'[' * 15000 + b']' * 15000), NOT_JSON),
    ('60,000 digits', b'9' * 60000, NOT_JSON),
    ('60,000 digits as the payload', submit_around(b'9' * 60000), NOT_JSON),
    ('30 digits in a long list', submit_around(b'[' + b'1,' * 4000 + b'9' * 30 + b']'), NOT_JSON),
    ('25 digits in a long list', submit_around(b'[' + b'1,' * 4000 + b'9' * 25 + b']'), BAD_FIELD),
    ('30 digits in a short list', submit_around(b'[' + b'9' * 30 + b']'), BAD_FIELD),
    ('30 digits in a long text', submit_around(b'"' + b'9' * 2000 + b'"'), VALID),

    # Too long.
    ('a text that escaping makes too long', submit_around(u'"{}"'.format(u'\xe4' * 12000).encode('utf-8')), TOO_LONG),
    ('a text that escaping makes as long as allowed',
     submit_around(u'"{}"'.format(u'\xe4' * 9999).encode('utf-8')), VALID),
    ('floats that Python writes four times as long', submit_around(b'[' + b'1e15,' * 4000 + b'1]'), TOO_LONG),
    ('a result that escaping makes too long',
     one('result', result=u'PAYLOAD').replace(b'PAYLOAD', b'\xc3\xa4' * 12000), TOO_LONG),
    ('a payload of just the limit', submit_around(b'"' + b'x' * 59998 + b'"'), VALID),
    ('a payload one byte longer', submit_around(b'"' + b'x' * 59999 + b'"'), TOO_LONG),
    ('a long envelope without rows', datagram(later=u'x' * 50000), VALID),

    # The envelope.
    ('a number', b'1', BAD_ENVELOPE),
    ('a list', b'[]', BAD_ENVELOPE),
    ('a key twice: the last one counts', datagram(LEAVE)[:-1] + b',"n":0}', BAD_ENVELOPE),
    ('a key twice: the first one does not', datagram(LEAVE, n=0)[:-1] + b',"n":1}', VALID),
    ('an unknown field', datagram(LEAVE, later={'a': [None]}, FIELDS=1, __class__='x'), VALID),
    ('no number', without('n'), BAD_ENVELOPE),
    ('no rows', without('rows'), VALID),
    ('no ack, no open, no rows', datagram(), VALID),
    ('all of them', datagram(ROWS, ack=[[1, 2]], open=LARGEST_COUNT), VALID),
    ('as many ranges as allowed', datagram(LEAVE, ack=[[1, 2]] * 32), VALID),
    ('one range more', datagram(LEAVE, ack=[[1, 2]] * 33), BAD_ENVELOPE),
    ('a range of everything', datagram(LEAVE, ack=[[1, LARGEST_COUNT]]), VALID),
    ('a kind without rows', datagram({'leave': []}), BAD_ENVELOPE),
    ('as many rows as allowed', datagram({'ping': [[]] * 2500, 'leave': [[]] * 2500}), VALID),
    ('one row more', datagram({'ping': [[]] * 2500, 'leave': [[]] * 2501}), BAD_ENVELOPE),
    ('a greeting', greeting(), VALID),
    ('a greeting with an empty ticket', greeting(ticket=''), VALID),
    ('a greeting with a ticket that is null', greeting(ticket=None), BAD_ENVELOPE),
    ('a greeting that answers 0', greeting(re=0), BAD_ENVELOPE),
    ('a greeting that answers too much', greeting(re=LARGEST_COUNT + 1), BAD_ENVELOPE),

    # The version. It is checked first, because another version may have another envelope.
    ('version 1', written({'v': 1, 'from': 'a', 'life': 'aaaaaaaa', 'n': 1, 'messages': [{'kind': 'leave'}]}),
     OTHER_VERSION),
    ('version 2.0', datagram(LEAVE, v=2.0), OTHER_VERSION),
    ('version true', datagram(LEAVE, v=True), OTHER_VERSION),
    ('version of 1,000 digits', datagram(LEAVE, v=10 ** 1000), OTHER_VERSION),
    ('no version', without('v'), OTHER_VERSION),

    # Kinds and rows.
    ('an unknown kind', datagram({'hello': [[]]}), UNKNOWN_KIND),
    ('a kind of 60,000 characters', datagram({'x' * 60000: [[]]}), UNKNOWN_KIND),
    ('a kind with a surrogate', datagram({u'\ud83d': [[]]}), UNKNOWN_KIND),
    ('a bad row among good ones', datagram({'submit': ROWS['submit'] + [[0, u'', 1]] + ROWS['submit']}), BAD_FIELD),
    ('a bad kind among good ones', datagram(dict(ROWS, cancel=[[0]])), BAD_FIELD),
    ('rows of two lengths', datagram({'cancel': [[1], [1, 2]]}), BAD_FIELD),
    ('a row that is an object', datagram({'cancel': [{'number': 1}]}), BAD_FIELD),
    ('a row that is a text of the right length', datagram({'cancel': [u'1']}), BAD_FIELD),

    # Fields. More values are in CANDIDATES.
    ('a payload that is infinite', submit_around(b'1e999'), BAD_FIELD),
    ('a payload of 65 bits', submit_around(b'18446744073709551616'), BAD_FIELD),
    ('a payload of 64 bits', submit_around(b'18446744073709551615'), VALID),
    ('a payload as deep as allowed', one('submit', payload=samples.DEEPEST), VALID),
    ('a payload one deeper', one('submit', payload=[samples.DEEPEST]), BAD_FIELD),
    ('an unknown reason of a refusal', one('refused', reason='tired'), BAD_FIELD),
    ('an outcome that has a kind of its own', one('ended', outcome='done'), BAD_FIELD),
    ('time that is infinite', one('submit', time_left_s=float('inf')).replace(b'Infinity', b'1e999'), BAD_FIELD),
    ('more capacity than allowed', one('heartbeat', capacity=limits.CAPACITY_MAX + 1), BAD_FIELD),
    ('more pages than allowed', one('heartbeat', pages=limits.PAGES_MAX + 1), BAD_FIELD),
    ('as many held ranges as allowed', one('heartbeat', held=[[2 * n, 2 * n] for n in range(1, 1001)]), VALID),
    ('one held range more', one('heartbeat', held=[[2 * n, 2 * n] for n in range(1, 1002)]), BAD_FIELD),
]


def add(what, cause, every):
    TABLE.extend([('%s %d' % (what, number), bytes_, cause) for number, bytes_ in enumerate(every)])


NOT_COUNTS = [None, True, -1, 1.0, u'1', [], {}, LARGEST_COUNT + 1]
BAD_ACKS = [None, True, 0, 1, u'', u'1', {}, [1, 2], [None], [[]], [[1]], [[1, 2, 3]], [[0, 1]], [[2, 1]], [[1, True]],
            [[1.0, 2]], [[u'1', 2]], [[1, LARGEST_COUNT + 1]], [[-2, -1]], [{}]]
BAD_TEXTS = [None, 1, [], {}, True]  # type: Any
add('bad role', BAD_ENVELOPE, [datagram(LEAVE, role=bad) for bad in [u'', u'Client', u'god', u'client\n'] + BAD_TEXTS])
add('bad sender', BAD_ENVELOPE, [datagram(LEAVE, sender=bad) for bad in BAD_NAMES[:-1] + BAD_TEXTS])
add('bad incarnation', BAD_ENVELOPE, [datagram(LEAVE, inc=bad) for bad in BAD_INCARNATIONS + BAD_TEXTS])
add('bad ticket', BAD_ENVELOPE, [datagram(LEAVE, to=bad) for bad in BAD_TICKETS + BAD_TEXTS])
add('bad ticket in a greeting', BAD_ENVELOPE, [greeting(ticket=bad) for bad in BAD_TICKETS + BAD_TEXTS])
add('bad number', BAD_ENVELOPE, [datagram(LEAVE, n=bad) for bad in NOT_COUNTS + [0]])
add('bad open', BAD_ENVELOPE, [datagram(LEAVE, open=bad) for bad in NOT_COUNTS])
add('bad delay', BAD_ENVELOPE, [datagram(LEAVE, ack=[[1, 1]], delay=bad) for bad in NOT_COUNTS])
add('bad ack', BAD_ENVELOPE, [datagram(LEAVE, ack=bad) for bad in BAD_ACKS])
add('bad rows', BAD_ENVELOPE, [written(dict(envelope(), rows=bad)) for bad in (None, 0, u'', u'x', [], [[]], True, 1)])
add('bad rows of a kind', BAD_ENVELOPE, [datagram({'ping': bad}) for bad in (None, 0, u'', u'x', {}, {'a': []}, True)])
add('long and bad rows', BAD_ENVELOPE, [
    written(dict(envelope(later=u'x' * 20000), rows=bad)) for bad in (None, 0, [], u'leave')])
add('greeting with other fields', VALID, [
    greeting(n=u'x', ack=5, open=None, rows={'hello': 1}, later=u'x' * size) for size in (0, 20000)])
add('bad task', BAD_FIELD, [one('task_status', task_id=bad) for bad in BAD_TASKS])


@pytest.mark.parametrize('bytes_, cause', [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_each_datagram_is_refused_for_its_cause(bytes_, cause):
    assert verdict(bytes_) == cause


def test_the_refusal_of_version_1_names_both_versions():
    with pytest.raises(DatagramRefused) as caught:
        codec.parse(datagram(v=1))
    assert str(caught.value) == 'other_version: version 1 of the protocol; this is version 2'


def test_other_fields_of_a_greeting_are_ignored():
    found = codec.parse(greeting(n=5, ack=[[1, 2]], open=7, rows=LEAVE))
    assert (found.re, found.ticket, found.number, found.acks, found.open, found.rows) == (7, TICKET, 0, (), 0, {})


@pytest.mark.parametrize('value', [u'[', u'{"a":'], ids=['lists', 'objects'])
@pytest.mark.parametrize('place', ['v', 'inc', 'n', 'ack', 'open', 'rows', 're', 'later', 'kind', 'payload'])
def test_every_depth_is_refused_without_an_overflow(place, value):
    # Each version of Python stops parsing at another depth. A value of a lower depth must not overflow the stack when
    # it is checked or shown.
    def nested(depth):
        inside = (value * depth + u'1' + (u']' if value == u'[' else u'}') * depth).encode('ascii')
        made = (datagram({'ping': u'HERE'}) if place == 'kind' else one('submit', payload=u'HERE') if place == 'payload'
                else written(dict(envelope(LEAVE), **{place: u'HERE'})))
        return made.replace(b'"HERE"', inside)

    refused_as_wrong = {'v': OTHER_VERSION, 'payload': BAD_FIELD, 'later': VALID,
                        'kind': BAD_FIELD if value == u'[' else BAD_ENVELOPE,
                        'rows': BAD_ENVELOPE if value == u'[' else UNKNOWN_KIND}.get(place, BAD_ENVELOPE)
    verdicts = [verdict(nested(depth)) for depth in list(range(33, 2100, 13)) + list(range(4900, 10100, 200))]
    # 3.13 parses every depth that fits in a datagram.
    parsed = verdicts.index(NOT_JSON) if NOT_JSON in verdicts else len(verdicts)
    assert set(verdicts[:parsed]) == {refused_as_wrong}
    assert set(verdicts[parsed:]) <= {NOT_JSON}


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

#: Field -> the candidates that it takes. ``kind.field`` has precedence.
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
def test_a_field_takes_only_its_own_values(kind, name):
    # A new field needs an entry in TAKEN.
    taken = TAKEN['%s.%s' % (kind, name) if '%s.%s' % (kind, name) in TAKEN else name]
    verdicts = {candidate: verdict(one(kind, **{name: value})) for candidate, value in CANDIDATES.items()}
    assert verdicts == {candidate: VALID if candidate in taken else BAD_FIELD for candidate in CANDIDATES}


@pytest.mark.parametrize('kind', sorted(FIELDS))
def test_a_row_has_one_value_for_each_field(kind):
    good = ROWS[kind][0]
    assert verdict(datagram({kind: [good]})) == VALID
    for bad in [good[:length] for length in range(len(good))] + [good + [None], good + good + [1]]:
        for rows in ([bad], [good, bad], [bad, good]):
            assert verdict(datagram({kind: rows})) == BAD_FIELD


@pytest.mark.parametrize('value, found', [
    (-1, '-1'), (None, 'None'), (True, 'True'), ([1, 2], 'a list'), ({'a': 1}, 'an object'), (0.5, '0.5'),
], ids=['number', 'null', 'flag', 'list', 'object', 'float'])
def test_a_refusal_names_the_found_and_the_expected_value(value, found):
    with pytest.raises(DatagramRefused) as caught:
        codec.parse(datagram({'done': [ROWS['done'][0], sample('done', attempts=value)]}))
    assert str(caught.value) == (
        'bad_field: done.attempts: found %s, expected a whole number from 0 to 9007199254740992' % found)


def test_a_number_of_65000_digits_is_never_converted(monkeypatch):
    monkeypatch.setattr(codec, '_loads', lambda text: pytest.fail('converted'))
    # Without a seal, because then the size limit would refuse these datagrams first.
    for bytes_ in (b'9' * 65000, b'{"v":2,"n":' + b'1' * 65000 + b'}', b'[1.' + b'5' * 65000 + b']'):
        assert verdict(bytes_) == NOT_JSON


# The checksum.

def test_a_checksum_is_the_crc_32_of_all_bytes_behind_it():
    # The expected value was computed with gzip.
    assert CHECKSUM.seal(b'"v":1}') == b'{"crc":"461a1d31","v":1}'


def test_the_length_is_checked_first_and_the_checksum_second():
    longest = CHECKSUM.seal(datagram(LEAVE)[1:].ljust(limits.DATAGRAM_BYTES_MAX - CHECKSUM.LENGTH))
    assert verdict(longest, codec.decode) == VALID
    assert verdict(longest + b' ', codec.decode) == verdict(b'\xff' * 65507, codec.decode) == TOO_LONG
    assert verdict(b'\xff' * 1000, codec.decode) == BAD_CHECKSUM
