"""Checks of single values that came from outside: the fields of messages.

A check is a function from value to value. It returns what it was given, or raises ``FieldRefused`` saying what was
expected. Checks are strict about types (``True`` is no number, ``1.0`` is no count), because a value that is let in
here is trusted everywhere else.

``PLAIN`` says of most checks how to write what they let through; the rest takes a JSON encoder.
"""

from __future__ import absolute_import, division, print_function

import re

from net_protocol.compat import INTEGER_TYPES, text_type
from net_protocol.limits import (
    COUNT_MAX, DEPTH_MAX, HEARTBEAT_INTERVAL_MAX_S, HEARTBEAT_INTERVAL_MIN_S, INCARNATION_CHARS, INTEGER_MAX,
    NAME_CHARS_MAX, REASON_CHARS_MAX, SECONDS_MAX)

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict  # noqa: F401

#: A name may stand in logs, file names and web pages, so it has none of the characters that mean something there.
#: ``\Z``, not ``$``: the latter also matches before a trailing newline.
NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9_.@-]{0,%d}\Z' % (NAME_CHARS_MAX - 1))
INCARNATION = re.compile(r'[a-z2-7]{%d}\Z' % INCARNATION_CHARS)
TASK_ID = re.compile(r'[A-Za-z0-9][A-Za-z0-9_.@-]{0,%d}:[a-z2-7]{%d}:[0-9]{1,16}\Z' % (
    NAME_CHARS_MAX - 1, INCARNATION_CHARS))
_INFINITY = float('inf')
_TOKEN = re.compile(r'[0-9a-f]{1,32}\Z')

#: Check -> the %-format that makes JSON of any value that it lets through.
PLAIN = {}  # type: Dict[Callable[[Any], Any], str]


class FieldRefused(ValueError):
    """A value is not what its field takes; the text says what is expected."""


def _plain(form):
    # type: (str) -> Callable[[Any], Any]
    """Decorates a check whose values can be written so."""
    def note(check):
        PLAIN[check] = form
        return check
    return note


def _matching(pattern, expected):
    # type: (Any, str) -> Callable[[Any], Any]
    match = pattern.match

    # None of these patterns has a character that JSON would escape, and each of them bounds the length.
    @_plain('"%s"')
    def check(value):
        if type(value) is not text_type or match(value) is None:
            raise FieldRefused(expected)
        return value
    return check


name = _matching(NAME, 'a name of 1 to %d of A-Z a-z 0-9 _ . @ -' % NAME_CHARS_MAX)
incarnation = _matching(INCARNATION, '%d characters of a-z 2-7' % INCARNATION_CHARS)
task_id = _matching(TASK_ID, 'a task id NAME:INCARNATION:NUMBER')


def is_token(value):
    # type: (Any) -> bool
    """Whether that is a token of an address. One that is none is no reason to refuse what comes with it."""
    return type(value) is text_type and len(value) <= 32 and _TOKEN.match(value) is not None


def reason(value):
    # type: (Any) -> Any
    """A text for a person, of bounded length."""
    if type(value) is not text_type or len(value) > REASON_CHARS_MAX:
        raise FieldRefused('a text of at most %d characters' % REASON_CHARS_MAX)
    return value


def flag(value):
    # type: (Any) -> Any
    """True or False, and nothing that merely behaves like them."""
    if value is not True and value is not False:
        raise FieldRefused('true or false')
    return value


def whole_number(low, high):
    # type: (int, int) -> Callable[[Any], Any]
    """A check for whole numbers from ``low`` to ``high``, both included."""
    @_plain('%d')
    def check(value):
        if type(value) not in INTEGER_TYPES or not low <= value <= high:
            raise FieldRefused('a whole number from %d to %d' % (low, high))
        return value
    return check


count = whole_number(0, COUNT_MAX)
positive = whole_number(1, COUNT_MAX)


@_plain('%r')
def seconds(value):
    # type: (Any) -> Any
    """A length of time: a finite number of seconds, not negative. NaN fails the comparison."""
    if (type(value) is not float and type(value) not in INTEGER_TYPES) or not 0 <= value <= SECONDS_MAX:
        raise FieldRefused('a number of seconds from 0 to %d' % SECONDS_MAX)
    return value


@_plain('%r')
def interval(value):
    # type: (Any) -> Any
    """The time between two heartbeats: neither so short that it is a flood, nor so long that it says nothing."""
    if not HEARTBEAT_INTERVAL_MIN_S <= seconds(value) <= HEARTBEAT_INTERVAL_MAX_S:
        raise FieldRefused('a number of seconds from %g to %g' % (HEARTBEAT_INTERVAL_MIN_S, HEARTBEAT_INTERVAL_MAX_S))
    return value


def optional(check):
    # type: (Callable[[Any], Any]) -> Callable[[Any], Any]
    """A check that lets ``None`` pass as well."""
    def check_unless_none(value):
        return None if value is None else check(value)
    return check_unless_none


def one_of(*words):
    # type: (*str) -> Callable[[Any], Any]
    """A check for one of a few words. Returns our own constant, so that states can be compared with ``is``."""
    known = {word: word for word in words}

    @_plain('"%s"')
    def check(value):
        if type(value) is not text_type or value not in known:
            raise FieldRefused('one of %s' % ', '.join(words))
        return known[value]
    return check


def attempts(value):
    # type: (Any) -> Any
    """A list of ``[task id, attempt]`` pairs; returned as a list of tuples."""
    if type(value) is not list:
        raise FieldRefused('a list of [task id, attempt]')
    pairs = []
    for pair in value:
        if type(pair) is not list or len(pair) != 2:
            raise FieldRefused('a list of [task id, attempt]')
        pairs.append((task_id(pair[0]), positive(pair[1])))
    return pairs


def rows(value):
    # type: (Any) -> Any
    """A list of any JSON values."""
    if type(value) is not list:
        raise FieldRefused('a list')
    return json_value(value)


def json_value(value):
    # type: (Any) -> Any
    """Any JSON value whose depth and numbers stay within the limits.

    A text needs no walk. What is nested is walked level by level, without recursion, so depth costs no stack.
    """
    if type(value) is text_type or value is None:
        return value
    level = [value]
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
                # ``1e999`` is read as infinity, which no JSON can say.
                if not -_INFINITY < item < _INFINITY:
                    raise FieldRefused('finite numbers')
            elif kind in INTEGER_TYPES and not -INTEGER_MAX < item < INTEGER_MAX:
                raise FieldRefused('whole numbers of at most 64 bits')
        level = below
    return value
