# -*- coding: utf-8 -*-
"""Settings files: whatever is wrong with one is said in one line that names the file, the key, and what is expected."""

from __future__ import absolute_import, division, print_function

import errno
import io
import json
import os

import pytest

from calculator.settings import SETTINGS as CALCULATOR
from client.settings import SETTINGS as CLIENT
from dispatcher.settings import SETTINGS as DISPATCHER
from runtime import settings
from runtime.settings import SettingsError

ROLES = [CLIENT, DISPATCHER, CALCULATOR]
ROLE_NAMES = ['client', 'dispatcher', 'calculator']


@pytest.fixture
def path(tmpdir):
    return str(tmpdir.join('client.json'))


def write(path, content):
    with io.open(path, 'wb') as file:
        file.write(content)


def complaint(path):
    """The one line that a file is refused with, without the name of the file, which it begins with."""
    with pytest.raises(SettingsError) as caught:
        settings.load(path, CLIENT)
    line = str(caught.value)
    assert '\n' not in line
    # As on a terminal that knows ASCII only.
    line.encode('ascii')
    assert line.startswith(path + ': ')
    return line[len(path) + 2:]


def test_no_file_or_an_object_of_nothing_means_all_defaults(path):
    write(path, b'{}')
    assert settings.load(None, CLIENT) == settings.load(path, CLIENT) == CLIENT.default


@pytest.mark.parametrize('mark', [b'', b'\xef\xbb\xbf'], ids=['without', 'with'])
def test_a_file_is_read_with_or_without_a_byte_order_mark(path, mark):
    # Some editors put one at the beginning of every file.
    write(path, mark + b' {"task_timeout_s": 5}\r\n')
    assert settings.load(path, CLIENT) == dict(CLIENT.default, task_timeout_s=5)


@pytest.mark.parametrize('content, expected', [
    (b'{"task_timeout": 5}', 'task_timeout: found an unknown key, expected "task_timeout_s" (did you mean that?)'),
    (b'{"dispatcher": {"port": 70000}}', 'dispatcher.port: found 70000, expected a whole number from 1 to 65535'),
    (b'{"task_timeout_s": "5"}', 'task_timeout_s: found "5", expected a number of seconds from 0.1 to 31622400'),
    (b'{"task_timeout_s": 1e999}', 'task_timeout_s: found Infinity, expected a number of seconds from 0.1 to 31622400'),
    (b'[]', 'settings: found [], expected an object { }'),
    (b'5', 'settings: found 5, expected an object { }'),
    (b'{"task_timeout_s": 5, "task_timeout_s": 6}', 'task_timeout_s: found the key twice, expected it once'),
    (b'{"dispatcher": {"port": 1, "port": 1}}', 'port: found the key twice, expected it once'),
    (b'{"a\\nb": 1, "a\\nb": 2}', '"a\\nb": found the key twice, expected it once'),
    (u'{"порт": 1, "порт": 2}'.encode('utf-8'),
     '"\\u043f\\u043e\\u0440\\u0442": found the key twice, expected it once'),
    (u'{"dispatcher": {"порт": 1}}'.encode('utf-8'),
     'dispatcher."\\u043f\\u043e\\u0440\\u0442": found an unknown key, expected one of host, port'),
    (b'{"task_timeout_s": ' + b'[' * 200 + b']' * 200 + b'}',
     'task_timeout_s: found %s..., expected a number of seconds from 0.1 to 31622400' % ('[' * 57)),
    (b'\xff', 'not UTF-8 text'),
    (u'{"name": "b\xfcro"}'.encode('latin-1'), 'not UTF-8 text'),
    (u'{}'.encode('utf-16'), 'not UTF-8 text'),
], ids=['misspelt key', 'out of range', 'wrong type', 'infinite', 'a list', 'a number', 'a key twice',
        'a key twice in a group', 'a strange key twice', 'a key in another script twice', 'a key in another script',
        'nested', 'no UTF-8', 'Latin-1', 'UTF-16'])
def test_what_is_wrong_is_said_in_one_line(path, content, expected):
    write(path, content)
    assert complaint(path) == expected


@pytest.mark.parametrize('content', [
    b'', b' \n', b'{', b'{"task_timeout_s": 5', b'{"task_timeout_s": 5,}', b'{"task_timeout_s": }',
    b'{task_timeout_s: 5}', b"{'task_timeout_s': 5}", b'{"task_timeout_s": 5} {}', b'{"task_timeout_s": NaN}',
    b'{"task_timeout_s": -Infinity}', b'{"task_timeout_s": 05}', b'// nothing\n{}', b'{"name": "a\nb"}', b'\x00' * 100,
    b'hello',
], ids=['empty', 'blank', 'a brace', 'no end', 'a comma too many', 'no value', 'no quotes', 'single quotes',
        'two objects', 'NaN', 'minus infinity', 'a leading zero', 'a comment', 'a raw line feed', 'zeros', 'a word'])
def test_what_is_not_json_is_said_to_be_none(path, content):
    write(path, content)
    assert complaint(path).startswith('not JSON: ')


@pytest.mark.parametrize('left, right', [(b'[', b']'), (b'{"a":', b'}'), (b'[{"a":', b'}]')],
                         ids=['lists', 'objects', 'both'])
def test_no_depth_is_too_deep_for_one_line(path, left, right):
    # Each version of Python gives up at a depth of its own, and what is just above it must not overflow later, where
    # the value is shown.
    for depth in list(range(300, 2100, 50)) + list(range(980, 1000)) + [4990, 5000, 10000, 100000]:
        write(path, b'{"task_timeout_s": ' + left * depth + b'1' + right * depth + b'}')
        assert complaint(path).startswith(('not JSON: nested too deeply', 'task_timeout_s: found '))


def test_a_number_of_a_hundred_thousand_digits_is_refused_in_one_line(path):
    write(path, b'{"in_flight_max": ' + b'9' * 100000 + b'}')
    assert complaint(path).startswith(('not JSON: ', 'in_flight_max: found 99999'))


def test_why_a_file_can_not_be_read_is_said(path, tmpdir, monkeypatch):
    assert complaint(path) == 'No such file or directory'
    assert complaint(str(tmpdir)) == 'Is a directory'

    # Not by taking the permission away: root may read everything.
    def refuse(*_, **__):
        raise IOError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(io, 'open', refuse)
    assert complaint(path) == 'Permission denied'


@pytest.mark.parametrize('group', ROLES, ids=ROLE_NAMES)
def test_the_settings_in_force_can_be_put_into_a_file(path, group):
    text = settings.as_text(group.checked({}), group)
    write(path, text.encode('ascii'))
    assert settings.load(path, group) == group.checked({})


def test_the_settings_in_force_are_shown_in_the_order_of_the_documentation():
    keys = list(json.loads(settings.as_text(CALCULATOR.default, CALCULATOR), object_pairs_hook=list))
    assert [key for key, _ in keys] == [setting.key for setting in CALCULATOR.settings]
    assert [key for key, _ in dict(keys)['outage']] == ['check_interval_s', 'probability', 'duration_s', 'kind']
    assert not any(line.endswith(' ') for line in settings.as_text(CALCULATOR.default, CALCULATOR).splitlines())


def test_the_numbers_of_a_file_of_values_are_read_with_the_settings(path, tmpdir):
    values = tmpdir.join('times.txt')
    values.write('# seconds\n3\n1.5\n')
    write(path, json.dumps({'task_interval_s': {'values': str(values)}}).encode('ascii'))
    loaded = settings.load(path, CLIENT)
    assert loaded['task_interval_s'].numbers == [1.5, 3.0]
    # What --check prints can be used as it is.
    printed = settings.as_text(loaded, CLIENT)
    assert json.loads(printed)['task_interval_s'] == {'values': str(values)}


@pytest.mark.parametrize('content, found', [
    (None, 'a file that can be read'), (b'1\nfast\n', 'line 2 is not a number of seconds'),
    (b'', 'it contains no number'), (b'\xff\xfe', 'it is not UTF-8')])
def test_what_is_wrong_with_a_file_of_values_is_said(path, tmpdir, content, found):
    values = tmpdir.join('times.txt')
    if content is not None:
        values.write_binary(content)
    write(path, json.dumps({'task_interval_s': {'values': str(values)}}).encode('ascii'))
    assert found in complaint(path)
    assert 'times.txt' in complaint(path)
