"""Datagrams to messages and back. The only code that sees bytes.

A datagram is one JSON object in UTF-8::

    {"crc":"9a1c03f7","v":1,"from":"calculator-a","life":"k3f7q2xa","n":17,"messages":[{"kind":"leave"}, ...]}

``crc`` is the CRC-32 of every byte behind it, so it stands first, written exactly so; where there is a key, a signature
stands in its place (``seals.py``), and ``role``, ``to`` and ``re`` are there too (``guard.py``); where an address has
to show itself, ``token``, ``echo`` or ``padding`` are (``addresses.py``). ``v`` is the version of the protocol,
``from`` the sender's name, ``life`` its incarnation, ``n`` counts the datagrams of that incarnation from 1. Fields this
version does not know are ignored, so that a later one may add some; whatever else is not exactly as the protocol says
makes ``decode`` refuse the whole datagram with one cause: any bytes give valid messages or one refusal, nothing else.
"""

from __future__ import absolute_import, division, print_function

import json
import re
from json.encoder import encode_basestring_ascii
from operator import attrgetter

from net_protocol import fields
from net_protocol.compat import text_type
from net_protocol.errors import DatagramRefused, MisuseError, TooLarge
from net_protocol.limits import (
    COALESCED_BYTES, COALESCED_LOCAL_BYTES, DATAGRAM_BYTES_MAX, MESSAGES_MAX, PAYLOAD_BYTES_MAX)
from net_protocol.messages import BY_KIND, MESSAGES
from net_protocol.seals import BAD_CHECKSUM, BAD_SIGNATURE, CHECKSUM

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, Iterable, List, Tuple, Type  # noqa: F401

    from net_protocol.messages import Message  # noqa: F401

VERSION = 1

TOO_LONG = 'too_long'
NOT_UTF8 = 'not_utf8'
NOT_JSON = 'not_json'
BAD_ENVELOPE = 'bad_envelope'
OTHER_VERSION = 'other_version'
UNKNOWN_KIND = 'unknown_kind'
BAD_FIELD = 'bad_field'

#: Why a datagram is refused; what is counted.
CAUSES = (TOO_LONG, BAD_CHECKSUM, BAD_SIGNATURE, NOT_UTF8, NOT_JSON, BAD_ENVELOPE, OTHER_VERSION, UNKNOWN_KIND,
          BAD_FIELD)

# A foreign sender may write a payload shorter than we would: raw UTF-8 where we write \uXXXX (twice to three times as
# long), 1e15 where we write 1000000000000000.0 (four times). Anything below this share of the limit can't outgrow it.
_GROWTH_MAX = 6

# Integers longer than this are refused before they are converted, where the datagram is long enough for the
# conversion, which is quadratic, to hurt: 65,000 digits take 20 ms on 2.7, and 8,000 less than 1 ms.
_DIGITS_MAX = 25

# A surrogate written as if it were a character. 2.7 alone decodes it (until 2.7 goes); in UTF-8 nothing else looks so.
_RAW_SURROGATE = re.compile(b'\xed[\xa0-\xbf]')

_INFINITY = float('inf')

_encode = json.JSONEncoder(separators=(',', ':'), allow_nan=False).encode


class Envelope(object):
    """What one datagram said: who sent it, in which life, the how-manieth of that life, and its messages.

    ``role``, ``to`` and ``re`` are for the guard, which checks them; without one they mean nothing. ``token`` and
    ``echo`` are for whoever looks at addresses.
    """

    __slots__ = ('name', 'incarnation', 'number', 'messages', 'role', 'to', 're', 'token', 'echo')

    def __init__(self, name, incarnation, number, messages, role=None, to=None, re=None, token=None, echo=None):
        # type: (str, str, int, List[Message], Any, Any, Any, Any, Any) -> None
        self.name = name
        self.incarnation = incarnation
        self.number = number
        self.messages = messages
        self.role = role
        self.to = to
        self.re = re
        self.token = token
        self.echo = echo


def payload_bytes(value):
    # type: (Any) -> int
    """The bytes that a payload or result takes on the wire. Raises ``MisuseError`` for what is no JSON."""
    try:
        return len(_encode(value))
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise MisuseError('not expressible as JSON: %s' % error)


def check_payload(what, value):
    # type: (str, Any) -> None
    """Refuse a payload or result where it enters: raise ``TooLarge`` or ``MisuseError`` naming the limit."""
    if type(value) is text_type and 12 * len(value) + 2 <= PAYLOAD_BYTES_MAX:
        # A text this short fits even if each of its characters has to be escaped as two surrogates. (On 2.7 a ``str``
        # may be bytes that are no text at all, so it is looked at like everything else, until 2.7 goes.)
        return
    size = payload_bytes(value)
    if size > PAYLOAD_BYTES_MAX:
        raise TooLarge(what, size, PAYLOAD_BYTES_MAX)
    try:
        # What comes back from JSON is what the receiver will check.
        fields.json_value(json.loads(_encode(value)))
    except fields.FieldRefused as error:
        raise MisuseError('%s: expected %s' % (what, error))


def encode(name, incarnation, first_number, messages, limit=COALESCED_BYTES, seal=CHECKSUM, credentials=None,
           more=''):
    # type: (str, str, int, Iterable[Message], int, Any, Tuple[str, str, int] | None, str) -> List[bytes]
    """Messages for one address as few datagrams as fit, in order, numbered from ``first_number``.

    A message that alone is over ``limit`` bytes travels alone. ``seal`` is what the datagrams begin with, and
    ``credentials`` their (role, to, re), where there is a key; ``more`` is the text of further fields. Raises
    ``TooLarge`` for one over ``DATAGRAM_BYTES_MAX``: a bug, since payloads are checked where they enter.
    """
    head = '"v":%d,"from":"%s","life":"%s",' % (VERSION, name, incarnation)
    if credentials is not None:
        head += '"role":"%s","to":"%s","re":%d,' % credentials
    head += more + '"n":'
    # The seal, 16 digits of the number, and the text around the messages.
    overhead = seal.LENGTH + len(head) + 16 + len(',"messages":[]}')
    datagrams = []  # type: List[bytes]
    batch = []  # type: List[str]
    size = overhead
    for message in messages:
        text = _WRITERS[type(message)](message)
        length = len(text) + 1
        if batch and (size + length > limit or len(batch) == MESSAGES_MAX):
            datagrams.append(seal.seal(_body(head, first_number + len(datagrams), batch)))
            batch = []
            size = overhead
        if overhead + length > DATAGRAM_BYTES_MAX:
            raise TooLarge(message.KIND, overhead + length, DATAGRAM_BYTES_MAX)
        batch.append(text)
        size += length
    if batch:
        datagrams.append(seal.seal(_body(head, first_number + len(datagrams), batch)))
    return datagrams


def decode(datagram, seal=CHECKSUM):
    # type: (bytes, Any) -> Envelope
    """The envelope of a datagram, its messages checked to the last field. Raises ``DatagramRefused``."""
    if len(datagram) > DATAGRAM_BYTES_MAX:
        raise DatagramRefused(TOO_LONG, 'more than %d bytes' % DATAGRAM_BYTES_MAX)
    seal.check(datagram)
    return parse(datagram)


def parse(datagram):
    # type: (bytes) -> Envelope
    """What ``decode`` does once size and seal are right."""
    long = len(datagram) > COALESCED_LOCAL_BYTES
    try:
        text = datagram.decode('utf-8')
    except UnicodeDecodeError as error:
        raise DatagramRefused(NOT_UTF8, str(error))
    if b'\xed' in datagram and _RAW_SURROGATE.search(datagram):
        raise DatagramRefused(NOT_UTF8, 'a surrogate is no character')
    try:
        value = _loads_long(text) if long else _loads(text)
    except (ValueError, RuntimeError, MemoryError) as error:
        # RuntimeError is the depth of the recursion: RecursionError on 3.x derives from it.
        raise DatagramRefused(NOT_JSON, '%s: %s' % (type(error).__name__, str(error)[:100]))
    envelope = _checked_envelope(value)
    if len(datagram) > DATAGRAM_BYTES_MAX // _GROWTH_MAX:
        _refuse_what_outgrows_the_limit(envelope)
    return envelope


def _checked_envelope(value):
    # type: (Any) -> Envelope
    if type(value) is not dict:
        raise DatagramRefused(BAD_ENVELOPE, 'not an object')
    version = value.get('v')
    if type(version) is not int or version != VERSION:
        raise DatagramRefused(OTHER_VERSION, 'version %s, we speak %d' % (_shown(version), VERSION))
    try:
        name = fields.name(value.get('from'))
        incarnation = fields.incarnation(value.get('life'))
        number = fields.positive(value.get('n'))
    except fields.FieldRefused as error:
        raise DatagramRefused(BAD_ENVELOPE, 'expected %s' % error)
    bodies = value.get('messages')
    if type(bodies) is not list or not 0 < len(bodies) <= MESSAGES_MAX:
        raise DatagramRefused(BAD_ENVELOPE, 'expected a list of 1 to %d messages' % MESSAGES_MAX)
    messages = [_message(body) for body in bodies]
    return Envelope(name, incarnation, number, messages, value.get('role'), value.get('to'), value.get('re'),
                    value.get('token'), value.get('echo'))


def _message(body):
    # type: (Any) -> Message
    kind = body.get('kind') if type(body) is dict else None  # type: Any
    try:
        read = _READERS[kind]
    except (KeyError, TypeError):
        raise DatagramRefused(UNKNOWN_KIND, 'kind %s' % _shown(kind))
    try:
        return read(body)
    except (KeyError, fields.FieldRefused):
        raise _refusal_of_a_field(BY_KIND[kind], body)


def _reader(message_class):
    # type: (Type[Message]) -> Callable[[Any], Message]
    """A function from what was read to a message. The small messages, which are most, have one without a loop."""
    rows = message_class.FIELDS
    make = message_class  # type: Callable[..., Message]
    if len(rows) == 1:
        (name, check), = rows
        return lambda body: make(check(body[name]))
    if len(rows) == 2:
        (name, check), (other, check_other) = rows
        return lambda body: make(check(body[name]), check_other(body[other]))
    return lambda body: make(*[check(body[name]) for name, check in rows])


def _refusal_of_a_field(message_class, body):
    # type: (Type[Message], Dict[str, Any]) -> DatagramRefused
    """Which field it was. Looked for only where one was wrong, so that all others are read quickly."""
    for name, check in message_class.FIELDS:
        if name not in body:
            return DatagramRefused(BAD_FIELD, '%s without %s' % (message_class.KIND, name))
        try:
            check(body[name])
        except fields.FieldRefused as error:
            return DatagramRefused(BAD_FIELD, '%s.%s: found %s, expected %s' % (
                message_class.KIND, name, _shown(body[name]), error))
    raise AssertionError('%s has no field that is wrong' % message_class.KIND)


def _shown(value):
    # type: (Any) -> str
    """A glimpse of what was found. Not of a list or object, which may be so deep that showing it takes 40 ms."""
    if type(value) is list:
        return 'a list'
    if type(value) is dict:
        return 'an object'
    return '%.60r' % (value,)


def _refuse_what_outgrows_the_limit(envelope):
    # type: (Envelope) -> None
    for message in envelope.messages:
        for name, check in message.FIELDS:
            if check is fields.json_value and len(_encode(getattr(message, name))) > PAYLOAD_BYTES_MAX:
                raise DatagramRefused(TOO_LONG, '%s.%s: over %d bytes' % (message.KIND, name, PAYLOAD_BYTES_MAX))


def _body(head, number, batch):
    # type: (str, int, List[str]) -> bytes
    """An envelope without its first brace."""
    return ('%s%d,"messages":[%s]}' % (head, number, ','.join(batch))).encode('ascii')


def _writer(message_class):
    # type: (Type[Message]) -> Callable[[Any], str]
    """A function from a message of that class to its text. The fields stand in the order of the class, so that the same
    messages are the same bytes on every Python.
    """
    names = [name for name, _ in message_class.FIELDS]
    forms = [fields.PLAIN.get(check) for _, check in message_class.FIELDS]
    template = '{"kind":"%s"%s}' % (
        message_class.KIND, ''.join(',"%s":%s' % (name, form or '%s') for name, form in zip(names, forms)))
    if not names:
        return lambda message: template
    read = attrgetter(*names)
    if all(forms):
        return lambda message: template % read(message)
    encoded = [position for position, form in enumerate(forms) if form is None]

    def write(message):
        values = list(read(message))
        for position in encoded:
            value = values[position]
            values[position] = _value_writer(type(value), _encode)(value)
        return template % tuple(values)
    return write


def _written_float(value):
    # type: (float) -> str
    # ``_encode`` says the same, and refuses what is not finite, in six times the time.
    return float.__repr__(value) if -_INFINITY < value < _INFINITY else _encode(value)


#: How any value is written, by its type: the frequent ones without the set-up that the encoder makes for each call.
_value_writer = {
    # Until 2.7 goes these are two.
    str: encode_basestring_ascii, text_type: encode_basestring_ascii,
    int: int.__repr__,
    float: _written_float,
    bool: {True: 'true', False: 'false'}.__getitem__,
    type(None): {None: 'null'}.__getitem__,
    # Those of a heartbeat are mostly empty.
    list: lambda value: _encode(value) if value else '[]',
}.get  # type: Any


def _refuse_constant(word):
    # type: (str) -> None
    raise ValueError('%s is not JSON' % word)


def _bounded_int(digits):
    # type: (str) -> int
    if len(digits) > _DIGITS_MAX:
        raise ValueError('a whole number of %d digits' % len(digits))
    return int(digits)


def _quick(decoder):
    # type: (Any) -> Callable[[str], Any]
    """Its ``decode``, which looks for space around the text, without that for a text that has none, as all of ours."""
    scan, decode = decoder.scan_once, decoder.decode

    def loads(text):
        # type: (str) -> Any
        try:
            value, end = scan(text, 0)
        except StopIteration:
            return decode(text)
        return value if end == len(text) else decode(text)
    return loads


# Two decoders are kept because a hook for integers costs a Python call for each of them.
_loads = _quick(json.JSONDecoder(parse_constant=_refuse_constant))
_loads_long = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=_bounded_int).decode

_WRITERS = {message: _writer(message) for message in MESSAGES}  # type: Dict[Type[Message], Callable[[Any], str]]
_READERS = {kind: _reader(message) for kind, message in BY_KIND.items()}  # type: Dict[str, Callable[[Any], Message]]
