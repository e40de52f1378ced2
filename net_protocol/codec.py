"""Conversion of rows to datagrams, and back. No other code of the protocol sees bytes.

A datagram is one JSON object in UTF-8::

    {"crc":"605487a0","v":2,"role":"client","from":"client-a","inc":"k3f7q2xa","to":"6930b1.c2f0a91b44","n":711204097,
     "ack":[[34043,34052],[34001,34041]],"delay":20,"open":12,"rows":{"submit":[[17,"5f1b8d0c",60]],"cancel":[[12]]}}

``crc`` is the CRC-32 of every byte behind it; with a key a signature stands in its place (``seals``). ``v`` is the
version of the protocol; ``role``, ``from`` and ``inc`` are the sender's role, name and incarnation; ``to`` is the
ticket of the channel; ``n`` is the datagram's number. ``ack``, ``open`` and ``rows`` may be absent. ``delay`` is how
many milliseconds ago the highest number in ``ack`` arrived. A greeting has ``re`` and ``ticket`` instead of ``n``: see
``turn``. Unknown fields of the envelope are ignored, so that a later version may add some. Any other violation of the
protocol refuses the whole datagram: any bytes give valid rows or one refusal.
"""

from __future__ import absolute_import, division, print_function

import json
import re

from common.compat import INTEGER_TYPES, text_type
from net_protocol import columns
from net_protocol.errors import DatagramRefused, MisuseError, TooLarge
from net_protocol.limits import (
    ACK_RANGES_MAX, COALESCED_LOCAL_BYTES, COUNT_MAX, DATAGRAM_BYTES_MAX, HELLO_BYTES, PAYLOAD_BYTES_MAX, ROWS_MAX)
from net_protocol.rows import FIELDS, ORDER, ROLES
from net_protocol.seals import BAD_CHECKSUM, BAD_SIGNATURE, CHECKSUM

MYPY = False
if MYPY:
    from typing import Any, Dict, Iterable, List, Set, Tuple  # noqa: F401

VERSION = 2

TOO_LONG = 'too_long'
NOT_UTF8 = 'not_utf8'
NOT_JSON = 'not_json'
BAD_ENVELOPE = 'bad_envelope'
OTHER_VERSION = 'other_version'
UNKNOWN_KIND = 'unknown_kind'
BAD_FIELD = 'bad_field'

#: Why the codec refuses a datagram.
CAUSES = (TOO_LONG, BAD_CHECKSUM, BAD_SIGNATURE, NOT_UTF8, NOT_JSON, BAD_ENVELOPE, OTHER_VERSION, UNKNOWN_KIND,
          BAD_FIELD)

# Another implementation may write a payload shorter than this one: raw UTF-8 instead of \uXXXX (two to three times as
# long), 1e15 instead of 1000000000000000.0 (four times). A payload grows by less than this factor.
_GROWTH_MAX = 6

#: The part of a datagram that rows are meant to fill, so that rows a little longer than the average still fit.
FILL = 0.95

# A whole number of more than 25 digits outside of strings. Converting one is quadratic: 65,000 digits take 20 ms on
# 2.7, and the 8,000 of a datagram that is not searched less than 1 ms. Such a run inside a string is harmless.
_LONG_NUMBER = re.compile(b'[0-9]{26}')
_STRING = re.compile(b'"(?:[^"\\\\]|\\\\.)*"')

# A surrogate that is encoded like a character. Only 2.7 decodes it (until 2.7 goes). Valid UTF-8 never matches.
_RAW_SURROGATE = re.compile(b'\xed[\xa0-\xbf]')


def _encoder():
    # type: () -> Any
    """``JSONEncoder.encode``; with the encoder in C, without the preparations of each call."""
    encoder = json.JSONEncoder(separators=(',', ':'), allow_nan=False)
    make = getattr(json.encoder, 'c_make_encoder', None)
    if make is None:
        return encoder.encode
    text = json.encoder.encode_basestring_ascii
    parts = make(None, encoder.default, text, None, ':', ',', False, False, False)
    return lambda value: ''.join(parts(value, 0))


_encode = _encoder()
_INTEGERS = frozenset(INTEGER_TYPES)
_ROLES = frozenset(ROLES)
_ACKS = 'at most %d ranges [first, last] of numbers' % ACK_RANGES_MAX
_CHECKS = {kind: tuple(check for _, check in fields) for kind, fields in FIELDS.items()}

# Role, name, incarnation and ticket of datagrams that were checked: all of one channel have the same.
_checked_heads = set()  # type: Set[Any]
_CHECKED_HEADS_MAX = 10000


class Datagram(object):
    """A decoded datagram. ``rows``: kind -> checked rows; ``acked``: the highest number in ``acks``. A greeting has
    ``re`` and ``ticket`` and no number.
    """

    __slots__ = ('role', 'name', 'incarnation', 'to', 'number', 'acks', 'acked', 'delay_ms', 'open', 'rows', 're',
                 'ticket')
    if MYPY:
        role = name = incarnation = to = number = acks = acked = delay_ms = open = rows = re = ticket = None  # type: Any


def payload_bytes(value):
    # type: (Any) -> int
    """The bytes of a payload or result on the wire. Raises ``MisuseError`` if it can't be written as JSON."""
    return len(_encoded(value))


def _encoded(value, prefix=''):
    # type: (Any, str) -> Any
    try:
        return _encode(value)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise MisuseError('%snot expressible as JSON: %s' % (prefix, error))


def json_text(what, value):
    # type: (str, Any) -> Any
    """A value as JSON in a text, which the dispatcher does not parse. Raises ``TooLarge`` or ``MisuseError``."""
    text = text_type(_encoded(value, what + ': '))
    check_payload(what, text)
    return text


def json_value(text):
    # type: (Any) -> Any
    """The value of such a text. Raises ``ValueError`` if it is not JSON."""
    try:
        return _loads(text)
    except (TypeError, RuntimeError) as error:
        raise ValueError(str(error))


def check_payload(what, value):
    # type: (str, Any) -> None
    """Check a payload or result of our own code. Raises ``TooLarge`` or ``MisuseError``, which name the limit."""
    if type(value) is text_type and 12 * len(value) + 2 <= PAYLOAD_BYTES_MAX:
        # A text this short fits even if each of its characters has to be escaped as two surrogates. (On 2.7 a ``str``
        # may be bytes that are not text, so it is examined like everything else, until 2.7 goes.)
        return
    size = payload_bytes(value)
    if size > PAYLOAD_BYTES_MAX:
        raise TooLarge(what, size, PAYLOAD_BYTES_MAX)
    if type(value) is text_type:
        return
    try:
        # The receiver checks the value that it decodes.
        columns.json_value([json.loads(_encode(value))])
    except columns.FieldRefused as error:
        raise MisuseError('%s: expected %s' % (what, error))


# Writing.

def head(role, name, incarnation, to):
    # type: (str, str, str, str) -> str
    """The part of the envelope that all datagrams of one channel share."""
    return '"v":%d,"role":"%s","from":"%s","inc":"%s","to":"%s"' % (VERSION, role, name, incarnation, to)


def datagram(seal, head, number, acks, open_number, rows_text, bytes_min=0, delay_ms=0):
    # type: (Any, str, int, List[List[int]], int, str, int, int) -> bytes
    """Encode a datagram, padded to ``bytes_min``. ``rows_text`` is from ``pack``. ``acks`` are ascending ranges; their
    highest number arrived ``delay_ms`` ago.
    """
    body = '%s,"n":%d' % (head, number)
    if acks:
        if len(acks) == 1:
            body += ',"ack":[[%d,%d]]' % tuple(acks[0])
        else:
            body += ',"ack":[%s]' % ','.join(['[%d,%d]' % tuple(pair) for pair in acks[:-ACK_RANGES_MAX - 1:-1]])
        if delay_ms:
            body += ',"delay":%d' % delay_ms
    if open_number:
        body += ',"open":%d' % open_number
    if rows_text:
        body += ',"rows":{%s}' % rows_text
    if bytes_min:
        missing = bytes_min - len(body) - seal.LENGTH - len(',"pad":""}')
        if missing > 0:
            body += ',"pad":"%s"' % ('.' * missing)
    return seal.seal((body + '}').encode('ascii'))


def hello(seal, head, number):
    # type: (Any, str, int) -> bytes
    """A datagram that asks for a greeting, padded so that the greeting is no longer."""
    return datagram(seal, head, number, [], 0, '"ping":[[]]', HELLO_BYTES)


def greeting(seal, role, name, incarnation, number, ticket):
    # type: (Any, str, str, str, int, str) -> bytes
    """The answer to datagram ``number``, which has no valid ticket."""
    return seal.seal((
        '"v":%d,"role":"%s","from":"%s","inc":"%s","to":"","re":%d,"ticket":"%s"}' % (
            VERSION, role, name, incarnation, number, ticket)).encode('ascii'))


def _text(rows):
    # type: (Dict[str, List[Any]]) -> str
    if len(rows) == 1:
        (kind, some), = rows.items()
        return '"%s":%s' % (kind, _encode(some))
    return ','.join(['"%s":%s' % (kind, _encode(rows[kind])) for kind in ORDER if kind in rows])


def pack(rows, limit, average):
    # type: (Dict[str, List[Any]], int, float) -> Tuple[Dict[str, List[Any]], str, Dict[str, List[Any]] | None]
    """As many rows as fit in ``limit`` bytes, at least one: ``(taken, their text, rest or None)``.

    ``average`` is an estimate of a row's bytes: to encode all rows for each datagram would be quadratic.
    Raises ``TooLarge`` for a row that no datagram can carry. Payloads are checked where they enter, so that is a bug.
    """
    number = sum(map(len, rows.values()))
    taken, rest = rows, None  # type: Any, Any
    if number > 1 and average * number > limit:
        taken, rest = _divided(rows, FILL * limit / (average * number))
    text = _text(taken)
    if len(text) > limit:
        if number > 1:
            return _exactly(rows, limit)
        if len(text) > DATAGRAM_BYTES_MAX - 500:
            raise TooLarge('a row', len(text), DATAGRAM_BYTES_MAX)
    return taken, text, rest


def _divided(rows, share):
    # type: (Dict[str, List[Any]], float) -> Tuple[Dict[str, List[Any]], Dict[str, List[Any]] | None]
    taken, rest = {}, {}
    for kind, some in rows.items():
        number = max(1, int(len(some) * share))
        taken[kind] = some[:number]
        if number < len(some):
            rest[kind] = some[number:]
    return taken, rest or None


def _exactly(rows, limit):
    # type: (Dict[str, List[Any]], int) -> Tuple[Dict[str, List[Any]], str, Dict[str, List[Any]] | None]
    """Like ``pack``, row by row."""
    taken = {}  # type: Dict[str, List[Any]]
    rest = {}  # type: Dict[str, List[Any]]
    size = 0
    for kind in ORDER:
        some = rows.get(kind, ())  # type: Any
        for place, row in enumerate(some):
            length = len(_encode(row)) + 1 + (0 if kind in taken else len(kind) + 5) if not rest else limit
            if rest or taken and size + length > limit:
                rest[kind] = some[place:]
                break
            taken.setdefault(kind, []).append(row)
            size += length
    return taken, _text(taken), rest or None


# Reading.

def decode(data, seal=CHECKSUM):
    # type: (bytes, Any) -> Datagram
    """Decode and check a datagram. Raises ``DatagramRefused``."""
    if len(data) > DATAGRAM_BYTES_MAX:
        raise DatagramRefused(TOO_LONG, 'more than %d bytes' % DATAGRAM_BYTES_MAX)
    seal.check(data)
    return parse(data)


def parse(data):
    # type: (bytes) -> Datagram
    """``decode`` without the checks of size and seal."""
    try:
        text = data.decode('utf-8')
    except UnicodeDecodeError as error:
        raise DatagramRefused(NOT_UTF8, str(error))
    if b'\xed' in data and _RAW_SURROGATE.search(data):
        raise DatagramRefused(NOT_UTF8, 'a surrogate is no character')
    if len(data) > COALESCED_LOCAL_BYTES and _LONG_NUMBER.search(data) \
            and _LONG_NUMBER.search(_STRING.sub(b'""', data)):
        raise DatagramRefused(NOT_JSON, 'a whole number of more than 25 digits')
    try:
        value = _loads(text)
    except (ValueError, RuntimeError, MemoryError) as error:
        # RuntimeError: the nesting is too deep. RecursionError on 3.x derives from it.
        raise DatagramRefused(NOT_JSON, '%s: %s' % (type(error).__name__, str(error)[:100]))
    found = _checked_envelope(value)
    if len(data) > DATAGRAM_BYTES_MAX // _GROWTH_MAX:
        _refuse_what_outgrows_the_limit(found.rows)
    return found


def _checked_envelope(value):
    # type: (Any) -> Datagram
    if type(value) is not dict:
        raise DatagramRefused(BAD_ENVELOPE, 'not an object')
    get = value.get
    version = get('v')
    if type(version) is not int or version != VERSION:
        raise DatagramRefused(OTHER_VERSION, 'version %s of the protocol; this is version %d' % (
            _shown(version), VERSION))
    found = Datagram()
    found.role, found.name, found.incarnation, found.to = head = get('role'), get('from'), get('inc'), get('to')
    found.re, found.ticket = get('re'), get('ticket')
    found.number = found.acked = found.delay_ms = found.open = 0
    found.acks, found.rows = (), {}
    try:
        _check_head(head)
        if found.re is not None:
            columns.positive((found.re,))
            columns.ticket((found.ticket,))
            return found
        columns.positive((get('n'),))
        found.number = value['n']
        if 'open' in value:
            columns.count((value['open'],))
            found.open = value['open']
        if 'ack' in value:
            found.acks = value['ack']
            found.acked = _checked_acks(found.acks)
            if 'delay' in value:
                columns.count((value['delay'],))
                found.delay_ms = value['delay']
    except columns.FieldRefused as error:
        raise DatagramRefused(BAD_ENVELOPE, 'expected %s' % error)
    if 'rows' in value:
        found.rows = value['rows']
        _check_rows(found.rows)
    return found


def _check_head(head):
    # type: (Tuple[Any, Any, Any, Any]) -> None
    try:
        if head in _checked_heads:
            return
    except TypeError:
        # One of them is a list or an object.
        pass
    role, name, incarnation, to = head
    if type(role) is not text_type or role not in _ROLES:
        raise columns.FieldRefused('one of the roles %s' % ', '.join(ROLES))
    columns.name((name,))
    columns.incarnation((incarnation,))
    columns.ticket((to,))
    if len(_checked_heads) >= _CHECKED_HEADS_MAX:
        _checked_heads.clear()
    _checked_heads.add(head)


def _checked_acks(acks):
    # type: (Any) -> int
    """The highest acknowledged number."""
    highest = 0
    if type(acks) is not list or len(acks) > ACK_RANGES_MAX:
        raise columns.FieldRefused(_ACKS)
    for pair in acks:
        if type(pair) is not list or len(pair) != 2:
            raise columns.FieldRefused(_ACKS)
        first, last = pair
        if type(first) not in _INTEGERS or type(last) not in _INTEGERS or not 0 < first <= last <= COUNT_MAX:
            raise columns.FieldRefused(_ACKS)
        if last > highest:
            highest = last
    return highest


def _check_rows(rows):
    # type: (Any) -> None
    """Check every field of every row, column by column."""
    if type(rows) is not dict:
        raise DatagramRefused(BAD_ENVELOPE, 'expected an object of rows')
    left = ROWS_MAX
    for kind, some in rows.items():
        checks = _CHECKS.get(kind)
        if checks is None:
            raise DatagramRefused(UNKNOWN_KIND, 'kind %s' % _shown(kind))
        if type(some) is not list or not some:
            raise DatagramRefused(BAD_ENVELOPE, 'expected a list of one or more rows of %s' % kind)
        left -= len(some)
        if left < 0:
            raise DatagramRefused(BAD_ENVELOPE, 'expected at most %d rows' % ROWS_MAX)
        fields = len(checks)
        for row in some:
            if type(row) is not list or len(row) != fields:
                raise DatagramRefused(BAD_FIELD, '%s: expected rows of %d fields' % (kind, fields))
        try:
            for check, column in zip(checks, zip(*some)):
                check(column)
        except columns.FieldRefused:
            raise _refusal_of_a_field(kind, some)


def _refusal_of_a_field(kind, rows):
    # type: (str, List[Any]) -> DatagramRefused
    """Find the first wrong field of rows that have one."""
    for row in rows:
        for (name, check), value in zip(FIELDS[kind], row):
            try:
                check((value,))
            except columns.FieldRefused as error:
                return DatagramRefused(BAD_FIELD, '%s.%s: found %s, expected %s' % (kind, name, _shown(value), error))
    raise AssertionError('no field of %s is wrong' % kind)


def _refuse_what_outgrows_the_limit(rows):
    # type: (Any) -> None
    for kind in rows:
        for place, (name, check) in enumerate(FIELDS[kind]):
            if check is columns.json_value:
                for row in rows[kind]:
                    if len(_encode(row[place])) > PAYLOAD_BYTES_MAX:
                        raise DatagramRefused(TOO_LONG, '%s.%s: over %d bytes' % (kind, name, PAYLOAD_BYTES_MAX))


def _shown(value):
    # type: (Any) -> str
    """A found value in short. Lists and objects are not shown, because a deep one takes 40 ms."""
    if type(value) is list:
        return 'a list'
    if type(value) is dict:
        return 'an object'
    return '%.60r' % (value,)


def _refuse_constant(word):
    # type: (str) -> None
    raise ValueError('%s is not JSON' % word)


def _quick(decoder):
    # type: (Any) -> Any
    """``decoder.decode``, without the search for space around the text if there is none, as in all of our datagrams."""
    scan, decode_any = decoder.scan_once, decoder.decode

    def loads(text):
        # type: (str) -> Any
        try:
            value, end = scan(text, 0)
        except StopIteration:
            return decode_any(text)
        return value if end == len(text) else decode_any(text)
    return loads


_loads = _quick(json.JSONDecoder(parse_constant=_refuse_constant))
