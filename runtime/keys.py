"""The key file: read once at the start, and refused if other users can read it."""

from __future__ import absolute_import, division, print_function

import io
import os
import stat

from net_protocol.seals import CHECKSUM, KEY_CHARS_MIN, Signature
from runtime.paths import native
from runtime.settings import SettingsError

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

#: A file with more lines is not a key file. Each datagram is checked against all keys.
KEYS_MAX = 16

#: Some editors begin every file with it. It is not part of the first key.
_BYTE_ORDER_MARK = b'\xef\xbb\xbf'


def seal_of(settings):
    # type: (Dict[str, Any]) -> Any
    """The seal that signs and checks the datagrams of a process. Raises ``SettingsError``."""
    path = settings['key_file']
    return CHECKSUM if path is None else Signature(read_keys(path))


def read_keys(path):
    # type: (str) -> List[bytes]
    """The keys of a file, one per line; the first one signs. Raises ``SettingsError``, which never contains a key."""
    try:
        with io.open(native(path), 'rb') as file:
            status = os.fstat(file.fileno())
            content = file.read()
    except (OSError, IOError) as error:
        raise SettingsError('key_file %s: %s' % (path, error.strerror))
    allowed = stat.S_IRWXU
    if status.st_gid in [os.getegid()] + os.getgroups():
        # Containers mount secrets with this mode.
        allowed |= stat.S_IRGRP
    if status.st_mode & (stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO) & ~allowed:
        raise SettingsError('key_file %s: found a mode of %04o, expected a file that only its owner or a group of this '
                            'process can read: chmod 600' % (path, stat.S_IMODE(status.st_mode)))
    if content.startswith(_BYTE_ORDER_MARK):
        content = content[len(_BYTE_ORDER_MARK):]
    keys = [line.strip() for line in content.splitlines() if line.strip()]
    if not 0 < len(keys) <= KEYS_MAX:
        raise SettingsError('key_file %s: found %d keys, expected 1 to %d, one per line' % (path, len(keys), KEYS_MAX))
    for number, key in enumerate(keys, 1):
        if len(key) < KEY_CHARS_MIN:
            raise SettingsError('key_file %s: key %d has %d characters, expected at least %d'
                                % (path, number, len(key), KEY_CHARS_MIN))
    return keys
