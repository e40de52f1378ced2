# -*- coding: utf-8 -*-
"""Settings files. An error is one line: the file, the key, and the expected value."""

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


@pytest.fixture
def path(tmpdir):
    return str(tmpdir.join('client.json'))


def write(path, content):
    with io.open(path, 'wb') as file:
        file.write(content)


def refusal(path):
    """The line that refuses a file, without the name of the file at its beginning."""
    with pytest.raises(SettingsError) as caught:
        settings.load(path, CLIENT)
    line = str(caught.value)
    assert '\n' not in line
    # The terminal may know only ASCII.
    line.encode('ascii')
    assert line.startswith(path + ': ')
    return line[len(path) + 2:]


def test_no_file_and_an_empty_object_mean_all_defaults(path):
    write(path, b'{}')
    assert settings.load(None, CLIENT) == settings.load(path, CLIENT) == CLIENT.default


@pytest.mark.parametrize('mark', [b'', b'\xef\xbb\xbf'], ids=['without', 'with'])
def test_a_file_may_begin_with_a_byte_order_mark(path, mark):
    write(path, mark + b' {"task_timeout_s": 5}\r\n')
    assert settings.load(path, CLIENT) == dict(CLIENT.default, task_timeout_s=5)


# tests/common/test_schema.py has the other mistakes.
@pytest.mark.parametrize('content, line', [
    (b'{"task_timeout": 5}', 'task_timeout: found an unknown key, expected "task_timeout_s" (did you mean that?)'),
    (b'{"task_timeout_s": 1e999}', 'task_timeout_s: found Infinity, expected a number of seconds from 0.1 to 31622400'),
    (b'[]', 'settings: found [], expected an object { }'),
    (b'{"dispatcher": {"port": 1, "port": 1}}', 'port: found the key twice, expected it once'),
    (b'{"a\\nb": 1, "a\\nb": 2}', '"a\\nb": found the key twice, expected it once'),
    (u'{"порт": 1, "порт": 2}'.encode('utf-8'),
     '"\\u043f\\u043e\\u0440\\u0442": found the key twice, expected it once'),
    (b'{"task_timeout_s": ' + b'[' * 200 + b']' * 200 + b'}',
     'task_timeout_s: found %s..., expected a number of seconds from 0.1 to 31622400' % ('[' * 57)),
    (u'{"name": "b\xfcro"}'.encode('latin-1'), 'not UTF-8 text'),
    (u'{}'.encode('utf-16'), 'not UTF-8 text'),
], ids=['misspelt key', 'infinite', 'a list', 'a key twice', 'a strange key twice', 'a key in another script twice',
        'nested', 'Latin-1', 'UTF-16'])
def test_a_mistake_is_one_line(path, content, line):
    write(path, content)
    assert refusal(path) == line


@pytest.mark.parametrize('content', [
    b'', b'{"task_timeout_s": 5', b'{"task_timeout_s": 5} {}', b'{"task_timeout_s": NaN}', b'// nothing\n{}',
], ids=['empty', 'no end', 'two objects', 'NaN', 'a comment'])
def test_a_file_that_is_not_json_is_refused(path, content):
    write(path, content)
    assert refusal(path).startswith('not JSON: ')


@pytest.mark.parametrize('left, right', [(b'[', b']'), (b'{"a":', b'}'), (b'[{"a":', b'}]')],
                         ids=['lists', 'objects', 'both'])
def test_deeply_nested_json_is_refused_in_one_line(path, left, right):
    # Each version of Python has another limit. A value just below the limit must not overflow later, when it is shown.
    for depth in list(range(300, 2100, 50)) + list(range(980, 1000)) + [4990, 5000, 10000, 100000]:
        write(path, b'{"task_timeout_s": ' + left * depth + b'1' + right * depth + b'}')
        assert refusal(path).startswith(('not JSON: nested too deeply', 'task_timeout_s: found '))


def test_a_number_of_a_hundred_thousand_digits_is_refused_in_one_line(path):
    write(path, b'{"in_flight_max": ' + b'9' * 100000 + b'}')
    assert refusal(path).startswith(('not JSON: ', 'in_flight_max: found 99999'))


def test_the_reason_why_a_file_cannot_be_read_is_given(path, tmpdir, monkeypatch):
    assert refusal(path) == 'No such file or directory'
    assert refusal(str(tmpdir)) == 'Is a directory'

    # A missing permission would not stop root.
    def refuse(*_, **__):
        raise IOError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(io, 'open', refuse)
    assert refusal(path) == 'Permission denied'


@pytest.mark.parametrize('group', [CLIENT, DISPATCHER, CALCULATOR], ids=['client', 'dispatcher', 'calculator'])
def test_printed_settings_are_a_valid_file(path, group):
    write(path, settings.as_text(group.checked({}), group).encode('ascii'))
    assert settings.load(path, group) == group.checked({})


def test_printed_settings_have_the_order_of_the_documentation():
    text = settings.as_text(CALCULATOR.default, CALCULATOR)
    keys = list(json.loads(text, object_pairs_hook=list))
    assert [key for key, _ in keys] == [setting.key for setting in CALCULATOR.settings]
    assert [key for key, _ in dict(keys)['outage']] == ['check_interval_s', 'probability', 'duration_s', 'kind']
    assert not any(line.endswith(' ') for line in text.splitlines())


@pytest.fixture
def values(path, tmpdir):
    """A file of values, which the settings file names."""
    made = tmpdir.join('times.txt')
    write(path, json.dumps({'task_interval_s': {'values': str(made)}}).encode('ascii'))
    return made


def test_a_file_of_values_is_read_with_the_settings(path, values):
    values.write('# seconds\n3\n1.5\n')
    loaded = settings.load(path, CLIENT)
    assert loaded['task_interval_s'].numbers == [1.5, 3.0]
    # Printed settings are a valid file.
    printed = settings.as_text(loaded, CLIENT)
    assert json.loads(printed)['task_interval_s'] == {'values': str(values)}


@pytest.mark.parametrize('content, reason', [
    (None, 'a file that can be read'), (b'1\nfast\n', 'line 2 is not a number of seconds'),
    (b'\xff\xfe', 'it is not UTF-8')])
def test_a_mistake_in_a_file_of_values_is_one_line(path, values, content, reason):
    if content is not None:
        values.write_binary(content)
    line = refusal(path)
    assert reason in line
    assert 'times.txt' in line
