"""Settings as data: what keys there are, what they take, what they default to; and the check of a settings object.

Each role lists its settings in a ``SETTINGS`` group (``client/settings.py`` and so on). From that one list come the
defaults, the check before anything starts, the output of ``--check`` and what ``--help`` says of each; a test holds the
tables in the documentation against it. It lives here, not in ``runtime``, because a simulator takes the same settings
without touching the operating system.
"""

from __future__ import absolute_import, division, print_function

import json
import re
from difflib import get_close_matches

from common import bounds, lengths
from common.bounds import NAME_CHARS_MAX, SECONDS_MAX
from common.compat import INTEGER_TYPES, TEXT_TYPES

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Sequence, Union  # noqa: F401


# A key that can stand in a line as it is.
_PLAIN = re.compile(r'[A-Za-z0-9_.-]{1,60}\Z')


class SettingRefused(ValueError):
    """One setting is wrong. ``key`` is its dotted path, '' for the whole object; the text is one line of ASCII."""

    def __init__(self, key, found, expected):
        # type: (str, str, str) -> None
        super(SettingRefused, self).__init__('%s: found %s, expected %s' % (key or 'settings', found, expected))
        self.key = key
        self.found = found
        self.expected = expected


class Kind(object):
    """What values a setting takes: ``accepts(value)`` tests one, ``expected`` says it in words."""

    def __init__(self, expected, accepts):
        # type: (str, Callable[[Any], bool]) -> None
        self.expected = expected
        self.accepts = accepts


def _is_number(value):
    # type: (Any) -> bool
    return type(value) is float or type(value) in INTEGER_TYPES


def whole_number(low, high):
    # type: (int, int) -> Kind
    """Whole numbers from ``low`` to ``high``."""
    return Kind('a whole number from %d to %d' % (low, high),
                lambda value: type(value) in INTEGER_TYPES and low <= value <= high)


def number(low, high, unit=''):
    # type: (float, float, str) -> Kind
    """Numbers from ``low`` to ``high``; the comparison refuses NaN."""
    return Kind('a number %sfrom %g to %.10g' % (unit and 'of %s ' % unit, low, high),
                lambda value: _is_number(value) and low <= value <= high)


def seconds(low):
    # type: (float) -> Kind
    """A length of time of at least ``low`` seconds, at most a year."""
    return number(low, SECONDS_MAX, 'seconds')


def range_of_seconds():
    # type: () -> Kind
    """``[shortest, longest]``, from which a length of time is drawn evenly."""
    def accepts(value):
        # type: (Any) -> bool
        return (type(value) in (list, tuple) and len(value) == 2 and all(_is_number(end) for end in value)
                and 0 <= value[0] <= value[1] <= SECONDS_MAX)
    return Kind('[shortest, longest] in seconds, 0 <= shortest <= longest <= %d' % SECONDS_MAX, accepts)


def random_length():
    # type: () -> Kind
    """A distribution that a length of time is drawn from: see ``common.lengths``."""
    return Kind(lengths.EXPECTED, lengths.is_length)


def number_or_length(low, high):
    # type: (float, float) -> Kind
    """A fixed number of seconds within these bounds, or a distribution whose mean is."""
    fixed = number(low, high, 'seconds')
    return Kind('%s, %s' % (fixed.expected, lengths.OR_DISTRIBUTION), lambda value: (
        fixed.accepts(value) or lengths.is_length(value) and low <= lengths.mean(value) <= high))


def choice(*words):
    # type: (*str) -> Kind
    """One of a few words."""
    return Kind('one of %s' % ', '.join('"%s"' % word for word in words),
                lambda value: type(value) in TEXT_TYPES and value in words)


def text(expected, characters_max):
    # type: (str, int) -> Kind
    """A text of 1 to ``characters_max`` printable characters without blanks."""
    def accepts(value):
        # type: (Any) -> bool
        return (type(value) in TEXT_TYPES and 0 < len(value) <= characters_max
                and all(' ' < character < '\x7f' for character in value))
    return Kind(expected, accepts)


def or_null(kind):
    # type: (Kind) -> Kind
    """What ``kind`` takes, or null."""
    return Kind('%s, or null' % kind.expected, lambda value: value is None or kind.accepts(value))


NAME = or_null(Kind('a name of 1 to %d of A-Z a-z 0-9 _ . @ -, beginning with a letter or digit' % NAME_CHARS_MAX,
                    lambda value: type(value) in TEXT_TYPES and bounds.NAME.match(value) is not None))
#: Where a file is, relative to the working directory. The system says what is wrong with it when it is opened.
PATH = or_null(Kind('the path of a file', lambda value: (
    type(value) in TEXT_TYPES and bool(value.strip()) and len(value) <= 4096 and u'\0' not in value)))
HOST = text('a host name or address', 253)
PORT = whole_number(1, 65535)
#: Where 0 lets the system choose.
PORT_OR_ANY = whole_number(0, 65535)


class Setting(object):
    """One key: its kind, its default, and a sentence on what it does."""

    def __init__(self, key, kind, default, about):
        # type: (str, Kind, Any, str) -> None
        self.key = key
        self.kind = kind
        self.default = default
        self.about = about

    def checked(self, value, path):
        # type: (Any, str) -> Any
        """``value`` if this setting takes it; raises ``SettingRefused``."""
        if not self.kind.accepts(value):
            raise SettingRefused(path, _shown(value), self.kind.expected)
        return list(value) if type(value) is tuple else value


class Group(object):
    """An object of settings. ``together`` may check values against each other: it returns None or a pair
    (key, what is expected).
    """

    def __init__(self, key, settings, about='', together=None):
        # type: (str, Sequence[Union[Setting, Group]], str, Any) -> None
        self.key = key
        self.settings = settings
        self.about = about
        self.together = together

    @property
    def default(self):
        # type: () -> Dict[str, Any]
        """The object that an empty one means."""
        return {setting.key: setting.default for setting in self.settings}

    def checked(self, value, path=''):
        # type: (Any, str) -> Dict[str, Any]
        """A complete object: what ``value`` says, defaults for the rest. Raises ``SettingRefused``."""
        if type(value) is not dict:
            raise SettingRefused(path, _shown(value), 'an object { }')
        known = [setting.key for setting in self.settings]
        for key in sorted(value):
            if key not in known:
                raise SettingRefused(_join(path, key), 'an unknown key', self._nearest(key, known))
        complete = {}
        for setting in self.settings:
            if setting.key in value:
                complete[setting.key] = setting.checked(value[setting.key], _join(path, setting.key))
            else:
                complete[setting.key] = setting.default
        wrong = self.together(complete) if self.together else None
        if wrong:
            raise SettingRefused(_join(path, wrong[0]), _shown(complete[wrong[0]]), wrong[1])
        return complete

    @staticmethod
    def _nearest(key, known):
        # type: (str, List[str]) -> str
        near = get_close_matches(key, known, 1)
        return '"%s" (did you mean that?)' % near[0] if near else 'one of %s' % ', '.join(known)

    def walk(self, path=''):
        # type: (str) -> Any
        """All settings below, as ``(dotted key, Setting)``, in order."""
        for setting in self.settings:
            key = _join(path, setting.key)
            if isinstance(setting, Group):
                for pair in setting.walk(key):
                    yield pair
            else:
                yield key, setting


    def described(self, path=''):
        # type: (str) -> Any
        """What ``--help`` says: ``(dotted key, sentence, default as JSON)``, in order; None for that of a group."""
        for setting in self.settings:
            key = _join(path, setting.key)
            if isinstance(setting, Group):
                yield key, setting.about, None
                for described in setting.described(key):
                    yield described
            else:
                yield key, setting.about, json.dumps(setting.default)


#: The same in all three roles.
KEY_FILE = Setting(
    'key_file', PATH, None,
    'A text file with one key of at least 32 characters a line, which other users can not read. The first key signs '
    'datagrams, and all keys are accepted. Null: nothing is signed, and every sender is believed.')


def address(key, port_kind, default_port, about):
    # type: (str, Kind, int, str) -> Group
    """The group ``{"host": ..., "port": ...}``, loopback by default."""
    return Group(key, (
        Setting('host', HOST, '127.0.0.1', 'Host name or address (IPv4 or IPv6).'),
        Setting('port', port_kind, default_port, 'UDP port.'),
    ), about)


def shown_key(key):
    # type: (str) -> str
    """A key as it stands in a line for people. It came from a file, so it may hold line feeds or be a page long."""
    return str(key) if _PLAIN.match(key) else _shown(key)


def _join(path, key):
    # type: (str, str) -> str
    return '%s.%s' % (path, shown_key(key)) if path else shown_key(key)


def _shown(value):
    # type: (Any) -> str
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + '...'
