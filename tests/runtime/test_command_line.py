"""What all programs share: options, one line for each error of the environment, and the exit status.

``tests/system`` runs the programs themselves.
"""

from __future__ import absolute_import, division, print_function

import argparse
import errno
import io
import json
import os
import resource
import socket
import subprocess
import sys

import pytest

from runtime.command_line import main, parser, positive_int, positive_seconds
from runtime.descriptors import TooManyDescriptors
from runtime.process import CannotStart
from runtime.settings import SettingsError
from tests.source_tree import ROOT


def status_of(program, argv=None):
    with pytest.raises(SystemExit) as caught:
        main(program, argv)
    return caught.value.code


def raising(error):
    def program(_):
        raise error
    return program


def start(*arguments, **options):
    """Start a Python with these arguments in the root folder."""
    return subprocess.Popen([sys.executable] + list(arguments), cwd=ROOT, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, **options)


@pytest.fixture(autouse=True)
def program_name(monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['/somewhere/run_client.py'])


@pytest.mark.parametrize('status', [0, 1, 2])
def test_a_program_gets_the_arguments_and_its_result_is_the_exit_status(status):
    assert status_of(len, status * ['x']) == status


@pytest.mark.parametrize('error, line', [
    (CannotStart('cannot listen on port 1'), 'cannot listen on port 1'),
    (SettingsError('client.json: not JSON'), 'client.json: not JSON'),
    (OSError(errno.EMFILE, 'Too many open files'), 'Too many open files; allow more with ulimit -n'),
    (socket.error(errno.ENFILE, 'Too many open files in system'),
     'Too many open files in system; allow more with ulimit -n'),
    (TooManyDescriptors(), 'more than 1023 descriptors are open, and select accepts no more'),
], ids=['cannot start', 'settings', 'files of the process', 'files of the system', 'descriptors for select'])
def test_an_error_of_the_environment_is_one_line_and_status_2(capsys, error, line):
    assert status_of(raising(error)) == 2
    assert capsys.readouterr() == ('', 'run_client.py: %s\n' % line)


# The numbers of docs/operations.md. With fewer files, 2.7 itself may fail to start.
@pytest.mark.parametrize('program, number', [
    ('run_client.py', 16), ('run_dispatcher.py', 31), ('run_calculator.py', 31), ('run_monitor.py', 31),
    ('run_client.py', 32)])
def test_a_program_starts_with_32_files_and_refuses_a_lower_limit(program, number):
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))

    child = start(program, '--check', preexec_fn=limit, close_fds=True)
    out, err = child.communicate()
    if number == 32:
        assert child.returncode == 0 and json.loads(out.decode('utf-8'))
        return
    line = '%s: only %d files may be open (ulimit -n), expected at least 32\n' % (program, number)
    assert (child.returncode, out, err) == (2, b'', line.encode('ascii'))


def test_a_path_in_any_script_is_shown_in_any_locale(tmpdir):
    folder = tmpdir.mkdir('caf')
    path = (u'%s/caf\xe9.json' % folder).encode('utf-8')
    with io.open(path, 'wb') as file:
        file.write((u'{"key_file": "%s/cl\xe9"}' % folder).encode('utf-8'))
    environment = dict(os.environ, LC_ALL='C', LANG='C')
    child = start('run_client.py', '-s', path, '--check', env=environment)
    out, err = child.communicate()
    assert (child.returncode, out, err.count(b'\n')) == (2, b'', 1)
    assert b'key_file' in err and b'No such file or directory' in err
    child = start('run_client.py', '-s', path + b'x', env=environment)
    assert child.communicate()[1].endswith(b'No such file or directory\n')


def test_ctrl_c_during_the_start_is_a_normal_end(capsys):
    assert status_of(raising(KeyboardInterrupt())) == 0
    assert capsys.readouterr() == ('', '')


@pytest.mark.parametrize('error', [ZeroDivisionError(), IOError(errno.EIO, 'disk')],
                         ids=lambda error: type(error).__name__)
def test_a_bug_is_a_traceback(error):
    with pytest.raises(type(error)):
        main(raising(error))


# A short output stays in a buffer until the end, and the error appears only there.
@pytest.mark.parametrize('lines', [1, 10000], ids=['short', 'long'])
def test_a_reader_that_ends_early_causes_no_traceback(lines):
    # As in "run_client.py --check | true".
    child = start('-c', 'from __future__ import print_function\n'
                        'import sys\n'
                        'from runtime.command_line import main\n'
                        'sys.stdin.readline()\n'
                        'main(lambda argv: [print("x" * 100) for _ in range(%d)] and 0)' % lines,
                  stdin=subprocess.PIPE)
    child.stdout.close()
    child.stdout = None
    _, err = child.communicate(b'now\n')
    assert (child.returncode, err) == (1, b'')


# Options.

@pytest.mark.parametrize('argv, named', [
    (['--no-such-option'], '--no-such-option'),
    (['--seed'], '--seed'),
    (['--seed', '1.5'], '--seed: found "1.5", expected a whole number'),
    (['--log-level', 'loud'], '--log-level'),
], ids=['unknown', 'no value', 'no number', 'no level'])
def test_a_wrong_option_is_one_line_that_names_it_and_status_2(capsys, argv, named):
    with pytest.raises(SystemExit) as caught:
        parser('About.', 'config/client.json').parse_args(argv)
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert (out, err.count('\n')) == ('', 1)
    assert err.startswith('run_client.py: ') and named in err


@pytest.mark.parametrize('convert, text, value', [
    (positive_int, '1', 1), (positive_int, ' 20 ', 20), (positive_seconds, '0.5', 0.5), (positive_seconds, '1e9', 1e9),
])
def test_a_positive_number_is_accepted(convert, text, value):
    assert convert(text) == value


@pytest.mark.parametrize('convert, text', [
    (positive_int, '0'), (positive_int, '-1'), (positive_int, '1.5'), (positive_int, ''),
    (positive_seconds, '0'), (positive_seconds, 'nan'), (positive_seconds, 'inf'), (positive_seconds, ''),
    (positive_seconds, '1e10'),
])
def test_another_number_is_refused(convert, text):
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        convert(text)
    assert str(caught.value).startswith('found "%s", expected a ' % text)
