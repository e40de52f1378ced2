"""What all programs share: options, one line where the fault is outside, and the exit status.

The programs themselves, run as processes, are in ``tests/system``.
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

from runtime import command_line, logs
from runtime.command_line import main, parser, positive_int, positive_seconds, print_result
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


@pytest.fixture(autouse=True)
def name(monkeypatch):
    """What the program is called, as its messages begin."""
    monkeypatch.setattr(sys, 'argv', ['/somewhere/run_client.py'])


@pytest.mark.parametrize('status', [0, 1, 2])
def test_a_program_gets_the_arguments_and_its_status_is_that_of_the_process(status):
    assert status_of(len, status * ['x']) == status


@pytest.mark.parametrize('error', [CannotStart('cannot listen on 127.0.0.1 port 1: Permission denied'),
                                   SettingsError('client.json: task_timeout: found an unknown key')],
                         ids=['cannot start', 'settings'])
def test_what_is_wrong_outside_is_one_line_and_status_2(capsys, error):
    assert status_of(raising(error)) == 2
    out, err = capsys.readouterr()
    assert out == ''
    assert err == 'run_client.py: %s\n' % error


@pytest.mark.parametrize('error, line', [
    (OSError(errno.EMFILE, 'Too many open files'), 'Too many open files; allow more with ulimit -n'),
    (socket.error(errno.ENFILE, 'Too many open files in system'),
     'Too many open files in system; allow more with ulimit -n'),
    (TooManyDescriptors(), 'more than 1023 descriptors are open, and select accepts no more'),
])
def test_that_no_descriptor_is_left_is_one_line(capsys, error, line):
    assert status_of(raising(error)) == 2
    assert capsys.readouterr().err == 'run_client.py: %s\n' % line


@pytest.mark.parametrize('program', ['run_client.py', 'run_calculator.py', 'run_dispatcher.py', 'run_monitor.py'])
@pytest.mark.parametrize('number', [16, 31, 32])
def test_a_limit_of_a_few_files_is_one_line(program, number):
    # The numbers of docs/operations.md. Below the first one the start of 2.7 itself may fail.
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))

    child = subprocess.Popen([sys.executable, program, '--check'], cwd=ROOT, preexec_fn=limit, close_fds=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = child.communicate()
    if number == 32:
        assert child.returncode == 0 and json.loads(out.decode('utf-8'))
        return
    line = '%s: only %d files may be open (ulimit -n), expected at least 32\n' % (program, number)
    assert (child.returncode, out, err) == (2, b'', line.encode('ascii'))


def test_a_path_in_any_script_is_shown_in_any_locale(tmpdir):
    folder = tmpdir.mkdir('caf')
    path = u'%s/caf\xe9.json' % folder
    settings = u'{"key_file": "%s/cl\xe9"}' % folder
    with io.open(path.encode('utf-8'), 'wb') as file:
        file.write(settings.encode('utf-8'))
    environment = dict(os.environ, LC_ALL='C', LANG='C')
    child = subprocess.Popen([sys.executable, 'run_client.py', '-s', path.encode('utf-8'), '--check'], cwd=ROOT,
                             env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = child.communicate()
    assert (child.returncode, out, err.count(b'\n')) == (2, b'', 1)
    assert b'key_file' in err and b'No such file or directory' in err
    child = subprocess.Popen([sys.executable, 'run_client.py', '-s', path.encode('utf-8') + b'x'], cwd=ROOT,
                             env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.communicate()[1].endswith(b'No such file or directory\n')


def test_ctrl_c_before_anything_was_started_is_a_normal_end(capsys):
    assert status_of(raising(KeyboardInterrupt())) == 0
    assert capsys.readouterr() == ('', '')


@pytest.mark.parametrize('error', [ZeroDivisionError(), AssertionError('the books'), IOError(errno.EIO, 'disk')],
                         ids=lambda error: type(error).__name__)
def test_a_bug_is_a_traceback(error):
    with pytest.raises(type(error)):
        main(raising(error))


def run(code, **options):
    """Another Python that runs this code from here."""
    return subprocess.Popen([sys.executable, '-c', code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            **options)


@pytest.mark.parametrize('lines', [1, 10000], ids=['little', 'much'])
def test_a_reader_that_went_away_is_no_bug(lines):
    # As in "run_client.py --check | true". A little stays in a buffer until the end, and fails only there.
    child = run('from __future__ import print_function\n'
                'import sys\n'
                'from runtime.command_line import main\n'
                'sys.stdin.readline()\n'
                'main(lambda argv: [print("x" * 100) for _ in range(%d)] and 0)' % lines, stdin=subprocess.PIPE)
    child.stdout.close()
    child.stdout = None
    _, err = child.communicate(b'now\n')
    assert (child.returncode, err) == (1, b'')


def test_what_was_printed_has_left_by_the_end():
    child = run('from __future__ import print_function\n'
                'from runtime.command_line import main\n'
                'main(lambda argv: print("last words") or 0)')
    out, err = child.communicate()
    assert (child.returncode, out.strip(), err) == (0, b'last words', b'')


# Options.

def complaint(capsys, *argv):
    """The one line that a wrong command line gets."""
    with pytest.raises(SystemExit) as caught:
        parser('What it does.', 'config/client.json').parse_args(argv)
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ''
    assert err.count('\n') == 1
    return err


@pytest.mark.parametrize('argv, named', [
    (['--no-such-option'], '--no-such-option'),
    (['--seed', 'x'], '--seed'),
    (['--seed'], '--seed'),
    (['--seed', '1.5'], '--seed: found "1.5", expected a whole number'),
    (['--log-level', 'loud'], '--log-level'),
    (['-s'], '-s'),
    (['stray'], 'stray'),
    (['--check', '--json=yes'], '--json'),
], ids=lambda value: ' '.join(value) if isinstance(value, list) else None)
def test_a_wrong_option_is_named_and_the_status_is_2(capsys, argv, named):
    line = complaint(capsys, *argv)
    assert line.startswith('run_client.py: ')
    assert named in line


@pytest.mark.parametrize('take, text, value', [
    (positive_int, '1', 1), (positive_int, ' 20 ', 20), (positive_seconds, '0.5', 0.5), (positive_seconds, '1e9', 1e9),
])
def test_a_positive_number_is_taken(take, text, value):
    assert take(text) == value


@pytest.mark.parametrize('take, text', [
    (positive_int, '0'), (positive_int, '-1'), (positive_int, '1.5'), (positive_int, ''), (positive_int, 'x'),
    (positive_seconds, '0'), (positive_seconds, '-1'), (positive_seconds, 'nan'), (positive_seconds, 'inf'),
    (positive_seconds, ''), (positive_seconds, '1e10'),
])
def test_any_other_number_is_refused(take, text):
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        take(text)
    assert str(caught.value).startswith('found "%s", expected a ' % text)


# The end.

def test_as_json_the_last_words_are_exactly_one_object(capsys):
    print_result(True, {'sent': 3, 'answered': 2, 'min': None}, ['not this'])
    out = capsys.readouterr().out
    assert out.count('\n') == 1
    assert json.loads(out) == {'sent': 3, 'answered': 2, 'min': None}


def test_for_people_the_last_words_are_lines(capsys):
    print_result(False, {}, ['sent 3', 'answered 2'])
    assert capsys.readouterr().out == 'sent 3\nanswered 2\n'


def test_the_log_makes_room_for_the_live_line_and_events_go_to_their_file(monkeypatch, tmpdir):
    made = []
    monkeypatch.setattr(logs, 'set_up', lambda *arguments: made.append(arguments))
    options = parser('What it does.', '').parse_args(['--log-level', 'warning', '--events', str(tmpdir.join('events'))])
    events = command_line.begin_log('client-a', {}, options)
    assert made == [('client-a', 'warning', events.line)]
    assert not events.line.is_live
    assert tmpdir.join('events').check(file=True)


def test_a_file_of_events_that_cannot_be_written_is_one_line(tmpdir):
    options = parser('What it does.', '').parse_args(['--events', str(tmpdir)])
    with pytest.raises(CannotStart) as caught:
        command_line.begin_log('client-a', {}, options)
    assert str(caught.value) == 'cannot write events to %s: Is a directory' % tmpdir
