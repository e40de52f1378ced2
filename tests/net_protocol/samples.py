"""Rows of every kind, payloads of every type, and datagrams that are not made by the codec.

Texts are ``u''`` because JSON has these on 2.7 too. Datagrams are made without the codec because an encoder and a
decoder with the same fault would pass a test.
"""

from __future__ import absolute_import, division, print_function

import json

from common.compat import INTEGER_TYPES, TEXT_TYPES
from net_protocol import rows as kinds

MYPY = False
if MYPY:
    from typing import Any, Dict  # noqa: F401


NAME = u'client-a'
INCARNATION = u'k3f7q2xa'
TICKET = u'6930b1.c2f0a91b44'
TASK = u'client-a:k3f7q2xa:1'
OTHER_TASK = u'client-b.example.org:aaaaaaaa:9007199254740992'

#: The longest name, incarnation, task id and ticket.
LONGEST_NAME = u'n' * 80
LONGEST_INCARNATION = u'z' * 8
LONGEST_TASK = LONGEST_NAME + u':' + LONGEST_INCARNATION + u':' + u'9' * 16
LONGEST_TICKET = u'f' * 40
LARGEST_COUNT = 2 ** 53

#: Kind -> rows of it. A new kind needs an entry here.
ROWS = {
    'refused': [[1, 711204097, kinds.QUEUE_FULL, 1.5], [LARGEST_COUNT, 1, kinds.TOO_FAR_AHEAD, None]],
    'done': [[1, u'cbf43926', 1], [2, {u'a': [1, 2.5, None, True]}, 0]],
    'ended': [[1, kinds.EXPIRED, u'no calculator became free', 0], [2, kinds.FAILED, None, LARGEST_COUNT]],
    'done_before': [[INCARNATION, 1, u'cbf43926', 1]],
    'ended_before': [[INCARNATION, 1, kinds.CANCELLED, u'', 0]],
    'revoke': [[0, TASK], [1, OTHER_TASK]],
    'assign': [[1, TASK, 1, u'5f', 10, 59.75], [LARGEST_COUNT, OTHER_TASK, 2, None, 0, 0]],
    'not_offered': [[u'scor', u"no calculator has 'scor'"]],
    'run': [[1, TASK, 1, [[u'abc'], {u'scale': 2}], None, 59.75, u'score', False],
            [LARGEST_COUNT, OTHER_TASK, 2, [[[1], [2]], {}], 30, 0, u'square', True]],
    'functions_wanted': [[u'0123456789abcdef']],
    'not_registered': [[kinds.NAME_TAKEN]],
    'assign_refused': [[2, TASK, kinds.BUSY], [3, OTHER_TASK, kinds.DRAINING]],
    'result': [[1, TASK, u'cbf43926', None], [0, TASK, None, u'the payload of a notional task is a text, not list']],
    'failed': [[1, TASK, {u'cause': u'exit', u'message': u'exit status 0'}],
               [0, TASK, {u'cause': u'exception', u'message': u'', u'type': u'ValueError', u'traceback': u'Trace\u2026',
                          u'stderr': u'x'}]],
    'offer': [[u'0123456789abcdef']],
    'functions': [[u'0123456789abcdef', [[u'score', u'(text, scale=1)', u'Score a text.']]], [u'00000000', []]],
    'heartbeat': [[1, 1, 1, 1.0, 1, [], [], False],
                  [7, 2, 3, 0.25, 10000, [[1, 4], [6, 6], [8, LARGEST_COUNT]], [TASK, OTHER_TASK], True]],
    'leave': [[]],
    'submit': [[1, u'5f', 60.0], [LARGEST_COUNT, {u'a': [1, 2.5, None, True]}, 0]],
    'call': [[1, [[u'abc'], {u'scale': 2}], 60.0, u'score', {}],
             [2, [[], {}], 0, u'f', {u'priority': 9, u'answer_timeout_s': 0.5, u'attempts_max': 1,
                                     u'retry_on_error': True, u'each': False}]],
    'cancel': [[1], [7]],
    'ask_functions': [[1]],
    'known_functions': [[1, 1, 2, [[u'score', u'(text)', u'Score.']]], [1, 2, 2, []]],
    'operate': [[1, u'drain', u'calculator-1'], [2, u'cancel', TASK]],
    'operated': [[1, True, u'gets no new work', 1, 1, []], [2, False, u'', 1, 2, [[u'x', None]]]],
    'ping': [[]],
    'status': [[1, 0, 0, 0, 0], [LARGEST_COUNT, 7, 8, 250, 100]],
    'task_status': [[2, TASK]],
    'status_report': [[2, 9, 1, 3, [[u'facts', u'queue', {u'waiting': 1, u'oldest_s': None}], [u'unknown word']]]],
}  # type: Dict[str, Any]

DEEPEST = u'bottom'  # type: Any
for _ in range(31):
    DEEPEST = [DEEPEST]

#: Payloads and results of all types of JSON.
PAYLOADS = {
    'null': None,
    'just past 63 bits': 2 ** 63,
    'largest whole number': 2 ** 64 - 1,
    'smallest whole number': -(2 ** 64 - 1),
    'a float that is whole': 1.0,
    'negative zero': -0.0,
    'a tenth': 0.1,
    'largest float': 1.7976931348623157e308,
    'smallest float': 5e-324,
    'largest text': u'x' * 59998,
    'umlauts': u'\xe4\xf6\xfc',
    'beyond the basic plane': u'\U0001f600',
    'lone surrogate': u'before \ud83d after',
    'surrogates the wrong way round': u'\ude00\ud83d',
    'quotes and backslashes': u'"\\"\\\\',
    'control characters': u'\x00\x01\n\r\t\x1b\x7f',
    'list of all kinds': [None, True, 0, 0.5, u'', [], {}],
    'object of all kinds': {u'': None, u'a': True, u'\xe4': 1, u'\U0001f600': [0.5], u'\ud83d': {u'b': u'c'}},
    'the deepest': DEEPEST,
}


def strictly_equal(one, other):
    """Equal values of equal types: 1 is not 1.0, True is not 1, 0.0 is not -0.0. 2.7 has two equal types of text."""
    if type(one) in TEXT_TYPES:
        return type(other) in TEXT_TYPES and one == other
    if type(one) in INTEGER_TYPES:
        return type(other) in INTEGER_TYPES and one == other
    if type(one) is not type(other):
        return False
    if type(one) is float:
        return repr(one) == repr(other)
    if type(one) is list:
        return len(one) == len(other) and all(map(strictly_equal, one, other))
    if type(one) is dict:
        return set(one) == set(other) and all(strictly_equal(one[key], other[key]) for key in one)
    return one == other


def envelope(rows=None, **changes):
    """An envelope with these rows and changes. (``from`` is a keyword, so its argument is ``sender``.)"""
    made = {'v': 2, 'role': 'client', 'from': changes.pop('sender', NAME), 'inc': INCARNATION, 'to': TICKET, 'n': 1}
    if rows is not None:
        made['rows'] = rows
    made.update(changes)
    return made


def written(value):
    """A value as JSON, the same on every Python; also NaN and infinity, which are not JSON."""
    return json.dumps(value, sort_keys=True).encode('ascii')


def datagram(rows=None, **changes):
    """The bytes of an envelope without a seal."""
    return written(envelope(rows, **changes))


def submit_around(raw_payload):
    """A datagram with one submit, whose payload is these bytes."""
    return datagram({'submit': [[1, u'PAYLOAD', 1]]}).replace(b'"PAYLOAD"', raw_payload)
