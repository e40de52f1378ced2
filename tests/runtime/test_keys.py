"""The file of keys."""

from __future__ import absolute_import, division, print_function

import os

import pytest

from net_protocol.seals import CHECKSUM, Signature
from runtime.keys import KEYS_MAX, read_keys, seal_of
from runtime.settings import SettingsError

KEY = b'0123456789abcdef0123456789abcdef'


def written(folder, content, mode=0o600):
    path = folder.join('key')
    path.write_binary(content)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize('start', [b'', b'\xef\xbb\xbf'], ids=['', 'with a byte order mark'])
def test_each_line_has_one_key(tmpdir, start):
    assert read_keys(written(tmpdir, start + KEY + b'\r\n\n  ' + KEY[::-1] + b'  \n')) == [KEY, KEY[::-1]]


@pytest.mark.parametrize('content, words', [
    (b'\n\n', 'found 0 keys'), (KEY[:31], 'key 1 has 31 characters, expected at least 32'),
    (KEY + b'\nshort', 'key 2 has 5 characters'), ((KEY + b'\n') * (KEYS_MAX + 1), 'found 17 keys'),
], ids=['blank', 'short', 'second-short', 'many'])
def test_another_file_is_refused_in_one_line_without_a_key(tmpdir, content, words):
    with pytest.raises(SettingsError) as caught:
        read_keys(written(tmpdir, content))
    assert words in str(caught.value)
    assert '\n' not in str(caught.value)
    assert '0123' not in str(caught.value)


@pytest.mark.parametrize('mode', [0o604, 0o602, 0o660, 0o610, 0o620])
def test_a_key_that_other_users_can_read_or_write_is_refused(tmpdir, mode):
    with pytest.raises(SettingsError, match='chmod 600'):
        read_keys(written(tmpdir, KEY, mode))


def test_only_a_group_of_this_process_may_read_the_keys(tmpdir, monkeypatch):
    path = written(tmpdir, KEY, 0o440)
    assert read_keys(path) == [KEY]
    group = os.stat(path).st_gid
    monkeypatch.setattr(os, 'getegid', lambda: group + 1)
    monkeypatch.setattr(os, 'getgroups', lambda: [group + 2, group])
    assert read_keys(path) == [KEY]
    monkeypatch.setattr(os, 'getgroups', lambda: [group + 2])
    with pytest.raises(SettingsError):
        read_keys(path)


def test_datagrams_are_signed_if_there_is_a_file_of_keys(tmpdir):
    assert seal_of({'key_file': None}) is CHECKSUM
    assert isinstance(seal_of({'key_file': written(tmpdir, KEY)}), Signature)


def test_a_missing_file_is_named(tmpdir):
    with pytest.raises(SettingsError, match='nowhere: No such file'):
        read_keys(str(tmpdir.join('nowhere')))
