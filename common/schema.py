"""Settings as data: their keys, values and defaults; and the check of a settings object.

Each role has a ``SETTINGS`` group (``client/settings.py`` and so on). It determines the defaults, the check at the
start, the output of ``--check``, the text of ``--help``, and the tables in the documentation. This module is not in
``runtime``, because the simulator uses it without the operating system.
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


# A key that needs no quotes in a line.
_PLAIN = re.compile(r'[A-Za-z0-9_.-]{1,60}\Z')


class SettingRefused(ValueError):
    """A setting is wrong. ``key`` is its dotted path, '' for the whole object; the text is one line of ASCII."""

    def __init__(self, key, found, expected):
        # type: (str, str, str) -> None
        super(SettingRefused, self).__init__('%s: found %s, expected %s' % (key or 'settings', found, expected))
        self.key = key
        self.found = found
        self.expected = expected


class Kind(object):
    """The values of a setting: ``accepts(value)`` tests a value, ``expected`` describes them in words."""

    def __init__(self, expected, accepts):
        # type: (str, Callable[[Any], bool]) -> None
        self.expected = expected
        self.accepts = accepts


def whole_number(low, high):
    # type: (int, int) -> Kind
    return Kind('a whole number from %d to %d' % (low, high),
                lambda value: type(value) in INTEGER_TYPES and low <= value <= high)


def number(low, high, unit=''):
    # type: (float, float, str) -> Kind
    """Numbers from ``low`` to ``high``; the comparison refuses NaN."""
    return Kind('a number %sfrom %g to %.10g' % (unit and 'of %s ' % unit, low, high),
                lambda value: lengths.is_number(value) and low <= value <= high)


def seconds(low):
    # type: (float) -> Kind
    """A length of time of at least ``low`` seconds, at most a year."""
    return number(low, SECONDS_MAX, 'seconds')


def random_length():
    # type: () -> Kind
    """A distribution of a length of time: see ``common.lengths``."""
    return Kind(lengths.EXPECTED, lengths.is_length)


def number_or_length(low, high):
    # type: (float, float) -> Kind
    """A fixed number of seconds within these bounds, or a distribution with a mean within them."""
    fixed = number(low, high, 'seconds')
    return Kind('%s, %s' % (fixed.expected, lengths.OR_DISTRIBUTION), lambda value: (
        fixed.accepts(value) or lengths.is_length(value) and low <= lengths.mean(value) <= high))


def choice(*words):
    # type: (*str) -> Kind
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
    return Kind('%s, or null' % kind.expected, lambda value: value is None or kind.accepts(value))


NAME = or_null(Kind('a name of 1 to %d of A-Z a-z 0-9 _ . @ -, beginning with a letter or digit' % NAME_CHARS_MAX,
                    lambda value: type(value) in TEXT_TYPES and bounds.NAME.match(value) is not None))
#: The path of a file, relative to the working directory. Errors are found when the file is opened.
PATH = or_null(Kind('the path of a file', lambda value: (
    type(value) in TEXT_TYPES and bool(value.strip()) and len(value) <= 4096 and u'\0' not in value)))
HOST = text('a host name or address', 253)
PORT = whole_number(1, 65535)
#: With 0 the system chooses the port.
PORT_OR_ANY = whole_number(0, 65535)


class Setting(object):
    """One key: its kind, its default, and a sentence about it."""

    def __init__(self, key, kind, default, about):
        # type: (str, Kind, Any, str) -> None
        self.key = key
        self.kind = kind
        self.default = default
        self.about = about

    def checked(self, value, path):
        # type: (Any, str) -> Any
        """``value`` if it is valid; raises ``SettingRefused``."""
        if not self.kind.accepts(value):
            raise SettingRefused(path, _shown(value), self.kind.expected)
        return list(value) if type(value) is tuple else value


class Group(object):
    """An object of settings. ``together`` may check a combination of values: it returns None or a pair (key, what is
    expected).
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
        return {setting.key: setting.default for setting in self.settings}

    def checked(self, value, path=''):
        # type: (Any, str) -> Dict[str, Any]
        """``value`` with defaults for missing keys. Raises ``SettingRefused``."""
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
        """All settings as ``(dotted key, Setting)``, in order."""
        for setting in self.settings:
            key = _join(path, setting.key)
            if isinstance(setting, Group):
                for pair in setting.walk(key):
                    yield pair
            else:
                yield key, setting

    def described(self, path=''):
        # type: (str) -> Any
        """For ``--help``: ``(dotted key, sentence, default as JSON)``, in order; the default of a group is None."""
        for setting in self.settings:
            key = _join(path, setting.key)
            if isinstance(setting, Group):
                yield key, setting.about, None
                for described in setting.described(key):
                    yield described
            else:
                yield key, setting.about, json.dumps(setting.default)


#: The same setting in all roles.
KEY_FILE = Setting(
    'key_file', PATH, None,
    'A text file with one key of at least 32 characters a line, which other users cannot read. The first key signs '
    'datagrams, and all keys are accepted. Null: no datagram is signed, and all senders are accepted.')


def address(key, port_kind, default_port, about):
    # type: (str, Kind, int, str) -> Group
    """The group ``{"host": ..., "port": ...}``, loopback by default."""
    return Group(key, (
        Setting('host', HOST, '127.0.0.1', 'Host name or address (IPv4 or IPv6).'),
        Setting('port', port_kind, default_port, 'UDP port.'),
    ), about)


def shown_key(key):
    # type: (str) -> str
    """A key in a line for people, quoted and shortened if needed."""
    return str(key) if _PLAIN.match(key) else _shown(key)


def _join(path, key):
    # type: (str, str) -> str
    return '%s.%s' % (path, shown_key(key)) if path else shown_key(key)


def _shown(value):
    # type: (Any) -> str
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + '...'
