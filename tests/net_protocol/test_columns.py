"""Checks of columns: values within and beyond the limits, alone and in a column of good values."""

from __future__ import absolute_import, division, print_function

import pytest

from net_protocol import columns, limits
from net_protocol.columns import FieldRefused
from tests.net_protocol.samples import DEEPEST, LONGEST_INCARNATION, LONGEST_NAME, LONGEST_TASK, LONGEST_TICKET

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401


INFINITY = float('inf')
LARGEST = limits.COUNT_MAX

#: Names are written into logs, file names and web pages, so these are refused.
BAD_NAMES = [u'', u'a\n', u'a\x00', u'a b', u'a/b', u'a:b', u'a"b', u'\xe4', u'-a', u'.a', u'_a', u'@a', u'a' * 81,
             u'\ud83d', u'a\u2028', None]
BAD_INCARNATIONS = [u'', u'aaaaaaa', u'aaaaaaaaa', u'aaaaaaaa\n', u'AAAAAAAA', u'aaaaaaa1', u'aaaaaaa\xe4', u'aaaaaaa ']
BAD_TASKS = [u'', u'a', u'a:aaaaaaaa', u'a:aaaaaaaa:', u'a:aaaaaaaa:x', u'a:aaaaaaaa:-1', u'a:aaaaaaaa:1\n',
             u'a\n:aaaaaaaa:1', u'a:aaaaaaaa:1:', u'a:aaaaaaaa: 1', u'a:aaaaaaa:1', u':aaaaaaaa:1', u'a:aaaaaaaa:1.0',
             u'a' * 81 + u':aaaaaaaa:1', u'a:aaaaaaaa:' + u'1' * 17, u'a:aaaaaaaa:\u0661', u'a:aaaaaaaa:0']
BAD_TICKETS = [u'f' * 41, u'A.b', u'a b', u'a"', u'\ud83d', u'a\n', None]
NOT_NUMBERS = [None, True, False, u'1', [], {}]
NOT_WHOLE = NOT_NUMBERS + [1.0, INFINITY]

#: Name of a check -> (the check, good values, bad values).
CHECKS = {
    'name': (columns.name, [u'a', u'0aZ_.@-', LONGEST_NAME], BAD_NAMES + [None, 1, [u'a']]),
    'incarnation': (columns.incarnation, [u'k3f7q2xa', LONGEST_INCARNATION], BAD_INCARNATIONS + [None, 22222222]),
    'task_id': (columns.task_id, [u'a:aaaaaaaa:1', LONGEST_TASK], BAD_TASKS + [None, 1]),
    'ticket': (columns.ticket, [u'', u'6930b1.c2f0a91b44', LONGEST_TICKET], BAD_TICKETS),
    'reason': (columns.reason, [u'', u'x' * 300, u'\U0001f600' * 150, u'\n'], [u'x' * 301, None, 1, [], True]),
    'flag': (columns.flag, [True, False], [0, 1, None, u'true', []]),
    'count': (columns.count, [0, 1, LARGEST], [-1, LARGEST + 1, 10 ** 30] + NOT_WHOLE),
    'positive': (columns.positive, [1, LARGEST], [0, -1, LARGEST + 1] + NOT_WHOLE),
    'whole_number': (columns.whole_number(3, 5), [3, 4, 5], [2, 6] + NOT_WHOLE),
    'seconds': (columns.seconds, [0, 0.0, -0.0, 5e-324, limits.SECONDS_MAX, float(limits.SECONDS_MAX)],
                [-5e-324, -1, limits.SECONDS_MAX + 1, limits.SECONDS_MAX + 0.001, INFINITY, -INFINITY] + NOT_NUMBERS),
    'interval': (columns.interval, [0.05, 1, 3600], [0.049, 0, 3600.1, INFINITY] + NOT_NUMBERS),
    'optional': (columns.optional(columns.count), [None, 0, 1], [-1, u'', False]),
    'one_of': (columns.one_of('busy', 'late'), [u'busy', u'late'], [u'Busy', u'', u'busy\n', None, 1, [u'busy'], {}]),
    'ranges': (columns.ranges, [[], [[1, 1]], [[1, 2], [3, 3], [7, LARGEST]],
                                [[2 * n + 1, 2 * n + 1] for n in range(limits.HELD_RANGES_MAX)]],
               [None, {}, u'', [1, 2], [[1]], [[1, 2, 3]], [(1, 2)], [[0, 1]], [[-1, 1]], [[2, 1]], [[1, 2], [2, 3]],
                [[5, 6], [1, 2]], [[1, LARGEST + 1]], [[1.0, 2]], [[True, 2]], [[1, u'2']], [[1, None]], [[]], [None],
                [[2 * n + 1, 2 * n + 1] for n in range(limits.HELD_RANGES_MAX + 1)]]),
    'task_ids': (columns.task_ids, [[], [u'a:aaaaaaaa:1', LONGEST_TASK]],
                 [None, {}, u'a:aaaaaaaa:1', [u'a'], [None], [[u'a:aaaaaaaa:1']]] + [[bad] for bad in BAD_TASKS]),
    'rows': (columns.rows, [[], [[]], [None, 1, {u'a': []}]], [None, {}, u'', 1, [INFINITY], [2 ** 64]]),
    'function': (columns.function, [u'f', u'a.b', u'x' * 100], [u'', u'x' * 101, u'a b', u'a\n', u'\xe4', None, 1]),
    'digest': (columns.digest, [u'01234567', u'f' * 64], [u'', u'0123456', u'f' * 65, u'ABCDEF01', None]),
    'options': (columns.options,
                [{}, {u'priority': 0}, {u'priority': 9}, {u'answer_timeout_s': 0.5, u'attempts_max': 1000,
                                                          u'retry_on_error': True, u'each': False}],
                [None, [], u'', {u'priority': 10}, {u'priority': -1}, {u'priority': True}, {u'priority': 1.0},
                 {u'answer_timeout_s': 0}, {u'answer_timeout_s': None}, {u'answer_timeout_s': INFINITY},
                 {u'attempts_max': 0}, {u'attempts_max': 1001}, {u'retry_on_error': 1}, {u'each': None},
                 {u'unknown': 1}]),
    'failure': (columns.failure,
                [{u'cause': u'exit', u'message': u''}, {u'cause': u'exception', u'message': u'm', u'type': u'E',
                                                        u'traceback': u't' * 2500, u'stderr': u's' * 1200}],
                [None, u'', [], {}, {u'cause': u'exit'}, {u'message': u''}, {u'cause': u'other', u'message': u''},
                 {u'cause': [], u'message': u''}, {u'cause': u'exit', u'message': None},
                 {u'cause': u'exit', u'message': u'x' * 301}, {u'cause': u'exit', u'message': u'', u'more': u''},
                 {u'cause': u'exit', u'message': u'', u'stderr': u's' * 1201},
                 {u'cause': u'exit', u'message': u'', u'type': 1}]),
    'reason_or_failure': (columns.reason_or_failure, [u'', u'x' * 300, {u'cause': u'exit', u'message': u''}],
                          [u'x' * 301, None, 1, [], True, {}]),
    'functions': (columns.functions, [[], [[u'f', u'()', u'']], [[u'f', u's' * 200, u'd' * 200]] * 500],
                  [None, u'', {}, [[]], [[u'f', u'()']], [[u'f', u'()', None]], [[u'', u'()', u'']], [u'f'],
                   [[u'f', u's' * 201, u'']], [[u'f', u'', u'd' * 201]], [[u'f', u'()', u'']] * 501]),
    'json_value': (columns.json_value,
                   [None, True, 0, 1.5, u'', [], {}, DEEPEST, 2 ** 64 - 1, 1 - 2 ** 64, {u'a': DEEPEST[0]}],
                   [[DEEPEST], {u'a': DEEPEST}, INFINITY, [-INFINITY], {u'a': [INFINITY]}, 2 ** 64, [-2 ** 64]]),
}  # type: Any
NAMES = sorted(CHECKS)


@pytest.mark.parametrize('name', NAMES)
def test_a_check_takes_good_values(name):
    check, good, _ = CHECKS[name]
    for value in good:
        assert check((value,)) is None
    assert check(tuple(good)) is None
    assert check(good) is None


@pytest.mark.parametrize('name', NAMES)
def test_a_check_refuses_a_bad_value_at_every_place_of_a_column(name):
    check, good, every_bad = CHECKS[name]
    for bad in every_bad:
        for column in ([bad], [bad] + good, good + [bad], good[:1] + [bad] + good[1:]):
            with pytest.raises(FieldRefused) as caught:
                check(tuple(column))
            assert 3 < len(str(caught.value)) < 100


def test_this_file_tests_the_checks_of_all_fields():
    from net_protocol.rows import FIELDS
    tested = {check.__code__ for check, _, _ in CHECKS.values()}
    assert {check.__code__ for fields in FIELDS.values() for _, check in fields} <= tested


def test_the_check_of_a_deep_value_does_not_recurse():
    deep = []
    for _ in range(100000):
        deep = [deep]
    with pytest.raises(FieldRefused):
        columns.json_value((deep,))
    while deep:
        # Python would free the nested lists by recursion.
        deep = deep.pop()
