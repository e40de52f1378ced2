"""Checks of single values that came from outside: what each lets in, by example.

That each message uses the right check for each field is held in ``test_codec_refusals``.
"""

from __future__ import absolute_import, division, print_function

import pytest

from net_protocol import fields
from net_protocol.fields import FieldRefused
from net_protocol.limits import (
    COUNT_MAX, HEARTBEAT_INTERVAL_MAX_S, HEARTBEAT_INTERVAL_MIN_S, INTEGER_MAX, REASON_CHARS_MAX, SECONDS_MAX)
from tests.net_protocol import samples
from tests.net_protocol.samples import DEEPEST, LONGEST_LIFE, LONGEST_NAME, LONGEST_TASK, TASK, strictly_equal

MYPY = False
if MYPY:
    from typing import Any, Dict  # noqa: F401

one_to_three = fields.whole_number(1, 3)
a_or_b = fields.one_of('a', 'b')
name_or_none = fields.optional(fields.name)
NAN, INFINITY = float('nan'), float('inf')

LETS_IN = {
    'name': (fields.name, [u'a', u'0', u'9', u'Z', u'a_b.c@d-e', LONGEST_NAME]),
    'incarnation': (fields.incarnation, [u'aaaaaaaa', u'22222222', u'zzzz7777', LONGEST_LIFE]),
    'task_id': (fields.task_id, [TASK, u'a:aaaaaaaa:0', u'9:77777777:9', LONGEST_TASK]),
    'reason': (fields.reason, [u'', u'x' * REASON_CHARS_MAX, u'two\nlines', u'\ud83d']),
    'flag': (fields.flag, [True, False]),
    'whole_number': (one_to_three, [1, 2, 3]),
    'count': (fields.count, [0, 1, COUNT_MAX]),
    'positive': (fields.positive, [1, COUNT_MAX]),
    'seconds': (fields.seconds, [0, 0.0, -0.0, 5e-324, 1, 0.5, SECONDS_MAX]),
    'interval': (fields.interval, [HEARTBEAT_INTERVAL_MIN_S, 1, HEARTBEAT_INTERVAL_MAX_S]),
    'optional': (name_or_none, [None, u'a']),
    'one_of': (a_or_b, [u'a', u'b']),
    'json_value': (fields.json_value, list(samples.PAYLOADS.values())),
}  # type: Dict[str, Any]

REFUSES = {
    'name': (fields.name, [None, 1, u'', u'a\n', u'\xe4', LONGEST_NAME + u'n']),
    'incarnation': (fields.incarnation, [None, 22222222, u'', u'aaaaaaa', u'aaaaaaaaa', u'aaaaaaaa\n', u'aaaaaaa1',
                                        u'aaaaaaa8']),
    'task_id': (fields.task_id, [None, 1, u'', u'a', u'a:aaaaaaaa:1\n', LONGEST_TASK + u'9', u'a:aaaaaaaa:-1',
                                u'a:aaaaaaa8:1']),
    'reason': (fields.reason, [None, 1, [], u'x' * (REASON_CHARS_MAX + 1)]),
    'flag': (fields.flag, [None, 0, 1, 1.0, u'', u'true', []]),
    'whole_number': (one_to_three, [None, True, 0, 4, 1.0, u'1', [1], NAN, 2 ** 64]),
    'count': (fields.count, [-1, COUNT_MAX + 1, True, 0.0]),
    'positive': (fields.positive, [0, -1, COUNT_MAX + 1, True, 1.0]),
    'seconds': (fields.seconds, [None, True, False, -1, -5e-324, SECONDS_MAX + 1, NAN, INFINITY, u'1', 2 ** 64]),
    'interval': (fields.interval, [None, True, 0, 0.0499, HEARTBEAT_INTERVAL_MAX_S + 1, NAN]),
    'optional': (name_or_none, [0, False, u'', u'a b']),
    'one_of': (a_or_b, [None, 1, u'c', u'', u'A', [u'a'], {u'a': u'b'}]),
    'attempts': (fields.attempts, [None, {}, u'', [None], [[]], [[TASK]], [[TASK, 1, 1]], [[TASK, 0]], [[TASK, True]],
                                   [[u'a', 1]], [{}], [u'ab'], [[TASK, 1], None]]),
    'json_value': (fields.json_value, [NAN, INFINITY, -INFINITY, [NAN], {u'a': [INFINITY]}, INTEGER_MAX, -INTEGER_MAX,
                                       [INTEGER_MAX], [DEEPEST], {u'a': DEEPEST}, [u'shallow', [DEEPEST]]]),
}  # type: Dict[str, Any]


@pytest.mark.parametrize('check, values', [LETS_IN[name] for name in sorted(LETS_IN)], ids=sorted(LETS_IN))
def test_what_is_let_in_is_returned_as_it_was(check, values):
    for value in values:
        assert strictly_equal(check(value), value)


@pytest.mark.parametrize('check, values', [REFUSES[name] for name in sorted(REFUSES)], ids=sorted(REFUSES))
def test_everything_else_is_refused_and_the_refusal_says_what_is_expected(check, values):
    for value in values:
        with pytest.raises(FieldRefused) as caught:
            check(value)
        assert 0 < len(str(caught.value)) < 200


def test_a_word_comes_back_as_our_own_constant():
    word = 'answered'
    check = fields.one_of(word)
    # Another object with the same text.
    assert check(u''.join([u'ans', u'wered'])) is word


def test_attempts_come_back_as_pairs():
    assert fields.attempts([]) == []
    assert strictly_equal(fields.attempts([[TASK, 1], [TASK, COUNT_MAX]]), [(TASK, 1), (TASK, COUNT_MAX)])


def test_a_wide_value_costs_one_look_at_each_of_its_parts():
    # 31 levels of two references each to the level below would be two billion parts if it were walked as a tree; JSON
    # can't say that, so it is only the number of parts that a datagram holds that counts.
    wide = [[0] * 1000 for _ in range(20)]
    assert fields.json_value(wide) is wide
