"""The file of keys."""

from __future__ import absolute_import, division, print_function

import os

import pytest

from runtime.keys import KEYS_MAX, read_keys
from runtime.settings import SettingsError

KEY = b'0123456789abcdef0123456789abcdef'


def written(folder, content, mode=0o600):
    path = str(folder.join('key'))
    with open(path, 'wb') as file:
        file.write(content)
    os.chmod(path, mode)
    return path


def test_one_key_a_line_the_first_one_first(tmpdir):
    assert read_keys(written(tmpdir, KEY + b'\r\n\n  ' + KEY[::-1] + b'  \n')) == [KEY, KEY[::-1]]


@pytest.mark.parametrize('content, words', [
    (b'', 'found 0 keys'), (b'\n\n', 'found 0 keys'), (KEY[:31], 'key 1 has 31 characters, expected at least 32'),
    (KEY + b'\nshort', 'key 2 has 5 characters'), ((KEY + b'\n') * (KEYS_MAX + 1), 'found 17 keys'),
], ids=['empty', 'blank', 'short', 'second-short', 'many'])
def test_what_is_no_file_of_keys_is_refused_in_one_line_that_shows_no_key(tmpdir, content, words):
    with pytest.raises(SettingsError) as caught:
        read_keys(written(tmpdir, content))
    assert words in str(caught.value)
    assert '\n' not in str(caught.value)
    assert '0123' not in str(caught.value)


@pytest.mark.parametrize('mode', [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_key_that_others_can_read_is_no_secret(tmpdir, mode):
    with pytest.raises(SettingsError) as caught:
        read_keys(written(tmpdir, KEY, mode))
    assert 'chmod 600' in str(caught.value)


def test_a_missing_file_is_named(tmpdir):
    with pytest.raises(SettingsError) as caught:
        read_keys(str(tmpdir.join('nowhere')))
    assert 'nowhere: No such file' in str(caught.value)
