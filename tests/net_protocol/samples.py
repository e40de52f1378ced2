"""One message of every class, payloads of every kind, and datagrams made by hand.

Texts are written as ``u''``, because that is what JSON gives on 2.7 too. Where a test makes a datagram by hand it does
not use the codec: a mistake that the encoder and the decoder share would cancel out.
"""

from __future__ import absolute_import, division, print_function

import json

from net_protocol import messages
from net_protocol.compat import INTEGER_TYPES, TEXT_TYPES

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

NAME = u'client-a'
LIFE = u'k3f7q2xa'
TASK = u'client-a:k3f7q2xa:1'
OTHER_TASK = u'client-b.example.org:aaaaaaaa:9007199254740992'

#: The longest that a name, an incarnation and a task id may be.
LONGEST_NAME = u'n' * 80
LONGEST_LIFE = u'z' * 8
LONGEST_TASK = LONGEST_NAME + u':' + LONGEST_LIFE + u':' + u'9' * 16
LARGEST_COUNT = 2 ** 53

#: One message of every class that has fields worth varying, several of some.
MESSAGES = [
    messages.Submit(TASK, u'5f', 60.0),
    messages.Submit(TASK, {u'a': [1, 2.5, None, True]}, 0),
    messages.Accepted(TASK),
    messages.Refused(TASK, messages.QUEUE_FULL, 1.5),
    messages.Refused(TASK, messages.NOT_YOURS, None),
    messages.Cancel(TASK),
    messages.Outcome(TASK, messages.DONE, u'cbf43926', None, 1),
    messages.Outcome(TASK, messages.EXPIRED, None, u'no calculator became free', 0),
    messages.OutcomeAck(TASK),
    messages.Heartbeat(1, 1, 1, 1.0, 1, [], [], False, 0),
    messages.Heartbeat(7, 2, 3, 0.25, 10000, [(TASK, 1), (OTHER_TASK, 2)], [(TASK, LARGEST_COUNT)], True, 6),
    messages.HeartbeatAck(LARGEST_COUNT),
    messages.Leave(),
    messages.LeaveAck(),
    messages.Assign(TASK, 1, LIFE, u'5f', 10, 59.75),
    messages.AssignAck(TASK, 1),
    messages.AssignRefused(TASK, 2, messages.BUSY),
    messages.Result(TASK, 1, u'cbf43926', None),
    messages.Result(TASK, 3, None, u'the payload of a notional task is a text, not list'),
    messages.ResultAck(TASK, 1),
    messages.Revoke(TASK, 1),
    messages.Ping(0),
    messages.Pong(LARGEST_COUNT),
    messages.Welcome(),
    messages.Status(1, 0, 0, 0, 0),
    messages.Status(LARGEST_COUNT, 7, 8, 250, 100),
    messages.TaskStatus(2, TASK),
    messages.StatusReport(2, 9, 1, 3, [[u'facts', u'queue', {u'waiting': 1, u'oldest_s': None}], [u'unknown word']]),
]  # type: List[Any]

DEEPEST = u'bottom'  # type: Any
for _ in range(31):
    DEEPEST = [DEEPEST]

#: What a payload or result may be: everything JSON can say.
PAYLOADS = {
    'null': None,
    'true': True,
    'false': False,
    'zero': 0,
    'negative': -1,
    'just past 32 bits': 2 ** 32,
    'just past 63 bits': 2 ** 63,
    'largest whole number': 2 ** 64 - 1,
    'smallest whole number': -(2 ** 64 - 1),
    'a float that is whole': 1.0,
    'negative zero': -0.0,
    'a tenth': 0.1,
    'largest float': 1.7976931348623157e308,
    'smallest float': 5e-324,
    'no text': u'',
    'text': u'a notional task',
    'largest text': u'x' * 59998,
    'umlauts': u'\xe4\xf6\xfc',
    'beyond the basic plane': u'\U0001f600',
    'lone surrogate': u'before \ud83d after',
    'surrogates the wrong way round': u'\ude00\ud83d',
    'quotes and backslashes': u'"\\"\\\\',
    'control characters': u'\x00\x01\n\r\t\x1b\x7f',
    'line separators': u'\u2028\u2029',
    'no list': [],
    'no object': {},
    'list of all kinds': [None, True, 0, 0.5, u'', [], {}],
    'object of all kinds': {u'': None, u'a': True, u'\xe4': 1, u'\U0001f600': [0.5], u'\ud83d': {u'b': u'c'}},
    'the deepest': DEEPEST,
}  # type: Dict[str, Any]


def strictly_equal(one, other):
    # type: (Any, Any) -> bool
    """Equal to the last type: 1 is not 1.0, True is not 1, 0.0 is not -0.0. Both texts of 2.7 count as one type."""
    if type(one) in TEXT_TYPES:
        return type(other) in TEXT_TYPES and one == other
    if type(one) in INTEGER_TYPES:
        return type(other) in INTEGER_TYPES and one == other
    if type(one) is not type(other):
        return False
    if type(one) is float:
        return repr(one) == repr(other)
    if type(one) in (list, tuple):
        return len(one) == len(other) and all(map(strictly_equal, one, other))
    if type(one) is dict:
        return set(one) == set(other) and all(strictly_equal(one[key], other[key]) for key in one)
    if isinstance(one, messages.Message):
        return strictly_equal(one.values(), other.values())
    return one == other


def body(message, **changes):
    # type: (Any, **Any) -> Dict[str, Any]
    """A message as the object it is on the wire, some fields changed."""
    made = dict(zip((name for name, _ in message.FIELDS), message.values()), kind=message.KIND)
    made.update(changes)
    return made


def envelope(*bodies, **changes):
    # type: (*Any, **Any) -> Dict[str, Any]
    """An envelope around message objects, some of its fields changed. (``from`` is a keyword: write ``sender``.)"""
    made = {'v': 1, 'from': changes.pop('sender', NAME), 'life': LIFE, 'n': 1, 'messages': list(bodies)}
    made.update(changes)
    return made


def written(value):
    # type: (Any) -> bytes
    """JSON as the simplest encoder writes it, the same on every Python. NaN and infinity too, though they are none."""
    return json.dumps(value, sort_keys=True).encode('ascii')


def datagram(*bodies, **changes):
    # type: (*Any, **Any) -> bytes
    """The bytes of an envelope around message objects."""
    return written(envelope(*bodies, **changes))


def submit_around(raw_payload):
    # type: (bytes) -> bytes
    """A datagram with one submit, whose payload is these very bytes."""
    return datagram(body(messages.Submit(TASK, u'PAYLOAD', 1))).replace(b'"PAYLOAD"', raw_payload)
