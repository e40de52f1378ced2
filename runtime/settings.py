"""Reads and checks a settings file. An error is one line, before the process starts."""

from __future__ import absolute_import, division, print_function

import io
import json
from collections import OrderedDict

from common.compat import text_type
from common.lengths import FromFile, numbers_of
from common.schema import Group, SettingRefused, shown_key
from runtime.paths import native

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401


class SettingsError(Exception):
    """The settings can't be used; the text is one line that names the file, the key, and what is expected."""


def load(path, group, changes=()):
    # type: (str | None, Group, Any) -> Dict[str, Any]
    """The complete settings: those of the file, and defaults. No file: all defaults.

    ``changes`` are pairs (dotted key, value) of the command line, which override the file; None means no change.
    """
    given = {} if path is None else _read(path)
    wanted = [(key, value) for key, value in changes if value is not None]
    for key, value in wanted if isinstance(given, dict) else ():
        inside = given
        for part in key.split('.')[:-1]:
            inside = inside.setdefault(part, {})
            if not isinstance(inside, dict):
                break
        else:
            inside[key.split('.')[-1]] = value
    try:
        return group.checked(given)
    except SettingRefused as refusal:
        raise SettingsError('%s: %s' % ('command line' if path is None else path, refusal))


def as_text(settings, group):
    # type: (Dict[str, Any], Group) -> str
    """Settings as the JSON of a settings file, keys in the order of the documentation."""
    return json.dumps(_in_order(settings, group), indent=2, separators=(',', ': '))


def _read(path):
    # type: (str) -> Any
    try:
        # Some editors begin every file with a byte order mark, which "sig" skips.
        with io.open(native(path), encoding='utf-8-sig') as file:
            text = file.read()
    except (OSError, IOError) as error:
        raise SettingsError('%s: %s' % (path, error.strerror))
    except UnicodeDecodeError:
        raise SettingsError('%s: not UTF-8 text' % path)
    try:
        return json.loads(text, object_pairs_hook=_no_key_twice, parse_constant=_refuse_constant)
    except SettingRefused as refusal:
        raise SettingsError('%s: %s' % (path, refusal))
    except ValueError as error:
        raise SettingsError('%s: not JSON: %s' % (path, error))
    except RuntimeError:
        raise SettingsError('%s: not JSON: nested too deeply' % path)


def _no_key_twice(pairs):
    # type: (List[Tuple[str, Any]]) -> Dict[str, Any]
    """Refuse a key that occurs twice: the json module would use the last one."""
    found = {}
    for key, value in pairs:
        if key in found:
            raise SettingRefused(shown_key(key), 'the key twice', 'it once')
        found[key] = value
    if list(found) == ['values'] and type(found['values']) is text_type:
        return FromFile(found['values'], _numbers_in(found['values']))
    return found


def _numbers_in(path):
    # type: (str) -> List[float]
    """The numbers of a file that a random length names."""
    try:
        with io.open(native(path), encoding='utf-8-sig') as file:
            return numbers_of(file.read())
    except (OSError, IOError) as error:
        raise SettingRefused('values', json.dumps(path), 'a file that can be read (%s)' % error.strerror)
    except ValueError as error:
        # UnicodeDecodeError is one.
        reason = 'it is not UTF-8' if isinstance(error, UnicodeDecodeError) else str(error)
        raise SettingRefused('values', json.dumps(path), 'a file with one number of seconds per line (%s)' % reason)


def _refuse_constant(word):
    # type: (str) -> None
    raise ValueError('%s is not JSON' % word)


def _in_order(settings, group):
    # type: (Dict[str, Any], Group) -> OrderedDict[str, Any]
    ordered = OrderedDict()  # type: OrderedDict[str, Any]
    for setting in group.settings:
        value = settings[setting.key]
        ordered[setting.key] = _in_order(value, setting) if isinstance(setting, Group) else value
    return ordered
