"""Checks of columns: all values that one field has in the rows of a datagram.

A check takes the column, a sequence of values, and returns None or raises ``FieldRefused``, which says what was
expected. Checks are strict about types (``True`` is not a number, ``1.0`` is not a count), because a value that
passes is trusted everywhere else. One call checks a whole column, so the cost of a check is shared by the rows of a
datagram.
"""

from __future__ import absolute_import, division, print_function

import re

from common.bounds import NAME
from common.compat import INTEGER_TYPES, text_type
from net_protocol.causes import CAUSES
from net_protocol.limits import (
    COUNT_MAX, DEPTH_MAX, FAILURE_CHARS_MAX, FUNCTION_CHARS_MAX, FUNCTIONS_MAX, HEARTBEAT_INTERVAL_MAX_S,
    HEARTBEAT_INTERVAL_MIN_S, HELD_RANGES_MAX, INCARNATION_CHARS, INTEGER_MAX, NAME_CHARS_MAX, PRIORITY_MAX,
    REASON_CHARS_MAX, SECONDS_MAX, TICKET_CHARS_MAX)

MYPY = False
if MYPY:
    from typing import Any, Callable, Sequence  # noqa: F401

INCARNATION = re.compile(r'[a-z2-7]{%d}\Z' % INCARNATION_CHARS)
TASK_ID = re.compile(r'[A-Za-z0-9][A-Za-z0-9_.@-]{0,%d}:[a-z2-7]{%d}:[1-9][0-9]{0,15}\Z' % (
    NAME_CHARS_MAX - 1, INCARNATION_CHARS))
#: Hexadecimal digits and a point: a ticket is written into envelopes as it is.
TICKET = re.compile(r'[0-9a-f.]{0,%d}\Z' % TICKET_CHARS_MAX)
FUNCTION = re.compile(r'[!-~]{1,%d}\Z' % FUNCTION_CHARS_MAX)
DIGEST = re.compile(r'[0-9a-f]{8,64}\Z')

_INFINITY = float('inf')
_INTEGERS = frozenset(INTEGER_TYPES)
_NUMBERS = frozenset(INTEGER_TYPES + (float,))
_TEXT = frozenset([text_type])
_FLAG = frozenset([bool])
_LIST = frozenset([list])


class FieldRefused(ValueError):
    """A field does not take this value. The text says what is expected."""


def _matching(pattern, expected):
    # type: (Any, str) -> Callable[[Sequence[Any]], None]
    match = pattern.match

    def check(column):
        # type: (Sequence[Any]) -> None
        for value in column:
            if type(value) is not text_type or match(value) is None:
                raise FieldRefused(expected)
    return check


name = _matching(NAME, 'a name of 1 to %d of A-Z a-z 0-9 _ . @ -' % NAME_CHARS_MAX)
incarnation = _matching(INCARNATION, '%d characters of a-z 2-7' % INCARNATION_CHARS)
ticket = _matching(TICKET, 'a ticket of at most %d of 0-9 a-f .' % TICKET_CHARS_MAX)
task_id = _matching(TASK_ID, 'a task id NAME:INCARNATION:NUMBER')
function = _matching(FUNCTION, 'a name of 1 to %d printable characters' % FUNCTION_CHARS_MAX)
digest = _matching(DIGEST, '8 to 64 hexadecimal digits')


def reason(column):
    # type: (Sequence[Any]) -> None
    """A text for a person, of at most ``REASON_CHARS_MAX`` characters."""
    if not _TEXT.issuperset(map(type, column)) or max(map(len, column)) > REASON_CHARS_MAX:
        raise FieldRefused('a text of at most %d characters' % REASON_CHARS_MAX)


def flag(column):
    # type: (Sequence[Any]) -> None
    if not _FLAG.issuperset(map(type, column)):
        raise FieldRefused('true or false')


def whole_number(low, high):
    # type: (int, int) -> Callable[[Sequence[Any]], None]
    """A check for whole numbers from ``low`` to ``high``, both included."""
    def check(column):
        # type: (Sequence[Any]) -> None
        for value in column:
            if type(value) not in _INTEGERS or not low <= value <= high:
                raise FieldRefused('a whole number from %d to %d' % (low, high))
    return check


count = whole_number(0, COUNT_MAX)
positive = whole_number(1, COUNT_MAX)


def _seconds(low, high):
    # type: (float, float) -> Callable[[Sequence[Any]], None]
    def check(column):
        # type: (Sequence[Any]) -> None
        for value in column:
            if type(value) not in _NUMBERS or not low <= value <= high:
                raise FieldRefused('a number of seconds from %g to %g' % (low, high))
    return check


seconds = _seconds(0, SECONDS_MAX)
#: The time between two heartbeats.
interval = _seconds(HEARTBEAT_INTERVAL_MIN_S, HEARTBEAT_INTERVAL_MAX_S)


def optional(check):
    # type: (Callable[[Sequence[Any]], None]) -> Callable[[Sequence[Any]], None]
    """A check that lets ``None`` pass as well."""
    def check_unless_none(column):
        # type: (Sequence[Any]) -> None
        values = [value for value in column if value is not None]
        if values:
            check(values)
    return check_unless_none


def one_of(*words):
    # type: (*str) -> Callable[[Sequence[Any]], None]
    known = frozenset(words)

    def check(column):
        # type: (Sequence[Any]) -> None
        if not _TEXT.issuperset(map(type, column)) or not known.issuperset(column):
            raise FieldRefused('one of %s' % ', '.join(words))
    return check


def ranges(column):
    # type: (Sequence[Any]) -> None
    """Ascending, separate ranges ``[first, last]`` of positive numbers."""
    for value in column:
        before = 0
        is_good = type(value) is list and len(value) <= HELD_RANGES_MAX
        for pair in value if is_good else ():
            is_good = (type(pair) is list and len(pair) == 2 and _INTEGERS.issuperset(map(type, pair))
                       and before < pair[0] <= pair[1] <= COUNT_MAX)
            if not is_good:
                break
            before = pair[1]
        if not is_good:
            raise FieldRefused('at most %d ascending ranges [first, last]' % HELD_RANGES_MAX)


def task_ids(column):
    # type: (Sequence[Any]) -> None
    for value in column:
        if type(value) is not list:
            raise FieldRefused('a list of task ids')
        task_id(value)


def rows(column):
    # type: (Sequence[Any]) -> None
    if not _LIST.issuperset(map(type, column)):
        raise FieldRefused('a list')
    json_value(column)


def json_value(column):
    # type: (Sequence[Any]) -> None
    """Any JSON value whose depth and numbers are within the limits.

    Texts need no walk. Nested values are walked level by level, without recursion, so depth costs no stack.
    """
    if _TEXT.issuperset(map(type, column)):
        return
    level = list(column)
    depth = 0
    while level:
        depth += 1
        if depth > DEPTH_MAX:
            raise FieldRefused('nesting of at most %d' % DEPTH_MAX)
        below = []
        for item in level:
            kind = type(item)
            if kind is list:
                below.extend(item)
            elif kind is dict:
                below.extend(item.values())
            elif kind is float:
                # ``1e999`` is valid JSON and is read as infinity, which JSON can't express.
                if not -_INFINITY < item < _INFINITY:
                    raise FieldRefused('finite numbers')
            elif kind in _INTEGERS and not -INTEGER_MAX < item < INTEGER_MAX:
                raise FieldRefused('whole numbers of at most 64 bits')
        level = below


# Calls.

def _priority(value):
    # type: (Any) -> bool
    return type(value) in _INTEGERS and 0 <= value <= PRIORITY_MAX


def _optional_seconds(value):
    # type: (Any) -> bool
    return type(value) in _NUMBERS and 0 < value <= SECONDS_MAX


def _attempts(value):
    # type: (Any) -> bool
    return type(value) in _INTEGERS and 1 <= value <= 1000


def _is_flag(value):
    # type: (Any) -> bool
    return type(value) is bool


#: Option of a call -> whether it takes a value.
OPTIONS = {u'priority': _priority, u'answer_timeout_s': _optional_seconds, u'attempts_max': _attempts,
           u'retry_on_error': _is_flag, u'each': _is_flag}


def options(column):
    # type: (Sequence[Any]) -> None
    """An object of the options that were set."""
    for value in column:
        if type(value) is not dict or not all(key in OPTIONS and OPTIONS[key](value[key]) for key in value):
            raise FieldRefused('an object of options: %s' % ', '.join(sorted(OPTIONS)))


def failure(column):
    # type: (Sequence[Any]) -> None
    """Why a call has no result: ``cause`` and ``message``, and for some causes more."""
    for value in column:
        if type(value) is not dict or value.get(u'cause') not in CAUSES or type(value.get(u'message')) is not text_type:
            raise FieldRefused('an object with cause and message')
        for key, part in value.items():
            if key != u'cause' and (key not in FAILURE_CHARS_MAX or type(part) is not text_type
                                    or len(part) > FAILURE_CHARS_MAX[key]):
                raise FieldRefused('an object of short texts: cause, %s' % ', '.join(sorted(FAILURE_CHARS_MAX)))


def reason_or_failure(column):
    # type: (Sequence[Any]) -> None
    """A reason as text, or the failure of a call."""
    for value in column:
        if type(value) is dict:
            failure((value,))
        else:
            reason((value,))


def functions(column):
    # type: (Sequence[Any]) -> None
    """Lists of ``[name, signature, first line of the docstring]``."""
    for value in column:
        if type(value) is not list or len(value) > FUNCTIONS_MAX:
            raise FieldRefused('a list of at most %d functions' % FUNCTIONS_MAX)
        for entry in value:
            if type(entry) is not list or len(entry) != 3 or not _TEXT.issuperset(map(type, entry)) \
                    or len(entry[1]) > 200 or len(entry[2]) > 200:
                raise FieldRefused('functions as [name, signature, first line]')
            function(entry[:1])
