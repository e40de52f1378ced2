"""The file of keys: read once, at the start, and refused if it is not a secret."""

from __future__ import absolute_import, division, print_function

import io
import os
import stat

from net_protocol.guard import Guard
from net_protocol.seals import KEY_CHARS_MIN
from runtime.settings import SettingsError

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

#: A file with more lines is no file of keys. Each datagram is checked against all of them.
KEYS_MAX = 16


def guard_of(settings, role):
    # type: (Dict[str, Any], str) -> Guard | None
    """Who decides whom a process of that role believes; None where there is no key. Raises ``SettingsError``."""
    path = settings['key_file']
    return None if path is None else Guard(role, read_keys(path))


def read_keys(path):
    # type: (str) -> List[bytes]
    """The keys of a file, one a line, empty lines left out; the first one signs. Raises ``SettingsError``, which never
    shows any of them.
    """
    try:
        with io.open(path, 'rb') as file:
            mode = os.fstat(file.fileno()).st_mode
            lines = file.read().splitlines()
    except (OSError, IOError) as error:
        raise SettingsError('key_file %s: %s' % (path, error.strerror))
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError('key_file %s: found a mode of %04o, expected a file that only its owner can read: chmod 600'
                            % (path, stat.S_IMODE(mode)))
    keys = [line.strip() for line in lines if line.strip()]
    if not 0 < len(keys) <= KEYS_MAX:
        raise SettingsError('key_file %s: found %d keys, expected 1 to %d, one a line' % (path, len(keys), KEYS_MAX))
    for number, key in enumerate(keys, 1):
        if len(key) < KEY_CHARS_MIN:
            raise SettingsError('key_file %s: key %d has %d characters, expected at least %d'
                                % (path, number, len(key), KEY_CHARS_MIN))
    return keys
