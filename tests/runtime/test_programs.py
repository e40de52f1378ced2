"""Whole processes, and what the system around them can do to their signals, streams and files."""

from __future__ import absolute_import, division, print_function

import fcntl
import json
import os
import pty
import resource
import select
import signal
import socket
import subprocess
import sys
import time

import pytest

from runtime.clock import monotonic
from tests.source_tree import ROOT

BOUND_S = 30.0


class Programs(object):
    """Starts programs in a folder, and leaves none behind."""

    def __init__(self, folder):
        self._folder = folder
        self._started = []

    def run(self, role, settings, *arguments, **options):
        path = self._folder.join('%s-%d.json' % (role, len(self._started)))
        path.write(json.dumps(settings))
        for stream in ('stdout', 'stderr'):
            options.setdefault(stream, subprocess.PIPE)
        command = [sys.executable, os.path.join(ROOT, 'run_%s.py' % role), '-s', str(path)] + list(arguments)
        child = subprocess.Popen(command, cwd=str(self._folder), close_fds=True, **options)
        self._started.append(child)
        return child

    def dispatcher(self, *arguments, **options):
        settings = dict({'listen': {'port': 0}}, **options.pop('settings', {}))
        return self.run('dispatcher', settings, *arguments, **options)

    def end(self):
        for child in self._started:
            if child.poll() is None:
                child.kill()
            child.wait()
            for stream in (child.stdout, child.stderr):
                if stream is not None:
                    stream.close()


@pytest.fixture
def programs(tmpdir):
    made = Programs(tmpdir)
    yield made
    made.end()


def wait_for(child, bound_s=BOUND_S):
    """The exit status of a child that has to end now."""
    end_at = monotonic() + bound_s
    while child.poll() is None:
        assert monotonic() < end_at, 'it does not end'
        time.sleep(0.01)
    return child.returncode


def line_with(stream, words):
    """The next line with these words."""
    while True:
        line = stream.readline().decode('utf-8')
        assert line, 'it never says "%s"' % words
        if words in line:
            return line


# Signals.

@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGHUP], ids=['SIGINT', 'SIGHUP'])
def test_a_signal_that_was_ignored_at_the_start_does_not_stop_it(programs, number):
    child = programs.dispatcher(preexec_fn=lambda: signal.signal(number, signal.SIG_IGN))
    line_with(child.stderr, 'listening on')
    child.send_signal(number)
    time.sleep(0.3)
    assert child.poll() is None
    child.terminate()
    assert wait_for(child) == 0


def can_make_namespaces():
    with open(os.devnull, 'w') as nowhere:
        try:
            return subprocess.call(['unshare', '--pid', '--fork', '--kill-child', 'true'], stderr=nowhere) == 0
        except OSError:
            return False


def wait_for_handler(outer):
    """The process id of the only child, as soon as it handles SIGTERM."""
    end_at = monotonic() + BOUND_S
    while monotonic() < end_at:
        with open('/proc/%d/task/%d/children' % (outer, outer)) as file:
            children = file.read().split()
        if children:
            with open('/proc/%s/status' % children[0]) as file:
                caught = [int(line.split()[1], 16) for line in file if line.startswith('SigCgt')][0]
            if caught >> (signal.SIGTERM - 1) & 1:
                return int(children[0])
        time.sleep(0.001)
    raise AssertionError('it never handles SIGTERM')


@pytest.mark.skipif(not can_make_namespaces(), reason='needs the right to make namespaces of processes')
@pytest.mark.parametrize('delay_s', [0, 0.05, 0.1, 0.2, 0.4])
def test_the_first_process_of_a_container_is_stopped_from_its_first_line_on(tmpdir, delay_s):
    settings = tmpdir.join('d.json')
    settings.write('{"listen": {"port": 0}}')
    # The outer process waits for the inner one, which has number 1 in its namespace.
    outer = subprocess.Popen(['unshare', '--pid', '--fork', '--kill-child', sys.executable, 'run_dispatcher.py', '-s',
                              str(settings)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        # While the interpreter itself starts, the kernel drops the signal: see docs/operations.md.
        inner = wait_for_handler(outer.pid)
        time.sleep(delay_s)
        os.kill(inner, signal.SIGTERM)
        assert wait_for(outer) == 0
    finally:
        if outer.poll() is None:
            outer.kill()
        outer.communicate()


# Descriptors.

#: Runs a program with 1,100 more open files than usual.
INHERITED = '''
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (2048, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
for number in range(3, 1103):
    os.dup2(0, number)
os.execv(sys.executable, [sys.executable] + sys.argv[1:])
'''


@pytest.mark.skipif(0 <= resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 2048, reason='may not open so many files')
@pytest.mark.parametrize('command', [
    ['run_dispatcher.py'], ['run_calculator.py', '--port', '0'], ['run_client.py', '--tasks', '1'],
    ['run_monitor.py', '--once'], ['run_demo.py'], ['run_simulator.py', '--preset', 'calm', '--runs', '2'],
    ['run_client.py', '--call', 'f']], ids=' '.join)
def test_more_inherited_files_than_select_can_take_are_one_line(command, tmpdir):
    child = subprocess.Popen([sys.executable, '-c', INHERITED, os.path.join(ROOT, command[0])] + command[1:],
                             cwd=str(tmpdir), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(child)
    _, err = child.communicate()
    lines = err.decode('utf-8').splitlines()
    assert child.returncode == 2 and len(lines) == 1, lines
    assert 'more than 1023 descriptors are open' in lines[0]


# Streams.

def full_pipe():
    """(reader, writer) of a pipe that is full to the last byte."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETFL, fcntl.fcntl(writer, fcntl.F_GETFL) | os.O_NONBLOCK)
    while select.select([], [writer], [], 0)[1]:
        os.write(writer, b'x' * 4096)
    fcntl.fcntl(writer, fcntl.F_SETFL, fcntl.fcntl(writer, fcntl.F_GETFL) & ~os.O_NONBLOCK)
    return reader, writer


#: A program that prints a result after its last turn, when it ignores signals.
RESULT = '''
import signal
from runtime import command_line
from runtime.signals import StopSignals
command_line.READER_WITHIN_S = %r
def run(argv):
    with StopSignals() as signals:
        signals.ignore()
    command_line.print_result(True, {'text': 200000 * 'x'}, [])
    return 0
command_line.main(run)
'''


def test_a_result_that_nobody_reads_is_given_up(programs):
    reader, writer = full_pipe()
    child = subprocess.Popen([sys.executable, '-c', RESULT % 0.5], cwd=ROOT, stdout=writer, stderr=subprocess.PIPE)
    assert wait_for(child) == 1
    assert child.communicate()[1] == b'-c: standard output: nobody reads it\n'
    # Nor does it wait where the complaint has no reader.
    child = subprocess.Popen([sys.executable, '-c', RESULT % 0.5], cwd=ROOT, stdout=writer, stderr=writer)
    assert wait_for(child) == 1
    os.close(reader)
    os.close(writer)


def test_a_result_that_is_read_late_is_complete():
    child = subprocess.Popen([sys.executable, '-c', RESULT % 60.0], cwd=ROOT, stdout=subprocess.PIPE)
    assert select.select([child.stdout], [], [], BOUND_S)[0]  # type: ignore[type-var]
    time.sleep(0.5)
    assert json.loads(child.communicate()[0].decode('ascii')) == {'text': 200000 * 'x'}
    assert child.returncode == 0


def test_a_report_that_nobody_reads_waits_until_it_is_told_to_end(programs):
    reader, writer = full_pipe()
    port = free_port()
    child = programs.run('monitor', {'dispatcher': {'port': port}}, '--once', stdout=writer)
    time.sleep(5)
    assert child.poll() is None
    for _ in range(2):
        child.terminate()
        time.sleep(0.5)
    assert wait_for(child) == 1
    os.close(reader)
    os.close(writer)


def test_a_log_that_nobody_reads_holds_nothing_up(programs):
    reader, writer = full_pipe()
    port = free_port()
    child = programs.dispatcher('--json', '--log-level', 'debug', stderr=writer, settings={'listen': {'port': port}})
    # The log does not say when it listens.
    assert wait_for(programs.run('client', {'dispatcher': {'port': port}}, '--probe')) == 0
    client = programs.run('client', {'dispatcher': {'port': port}, 'task_timeout_s': 1, 'task_interval_s': [0, 0]},
                          '--tasks', '20', '--json')
    assert wait_for(client) == 1
    child.terminate()
    out, _ = child.communicate()
    assert (child.returncode, json.loads(out.decode('utf-8'))['accepted']) == (0, 20)
    os.close(reader)
    os.close(writer)


def test_a_pipe_of_events_that_nobody_reads_holds_nothing_up(programs, tmpdir):
    path = str(tmpdir.join('pipe'))
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    port = free_port()
    child = programs.dispatcher('--json', '--events', path, settings={'listen': {'port': port}})
    line_with(child.stderr, 'listening on')
    client = programs.run('client', {'dispatcher': {'port': port}, 'task_timeout_s': 1, 'task_interval_s': [0, 0]},
                          '--tasks', '1000', '--json')
    assert wait_for(client) == 1
    child.terminate()
    out, _ = child.communicate()
    assert (child.returncode, json.loads(out.decode('utf-8'))['accepted']) == (0, 1000)
    os.close(reader)


def test_a_terminal_that_goes_away_takes_only_the_live_line_with_it(programs):
    reader, writer = pty.openpty()
    client = programs.run('client', {'dispatcher': {'port': free_port()}}, '--json', '--duration', '1', stderr=writer)
    os.close(writer)
    assert select.select([reader], [], [], BOUND_S)[0]
    os.close(reader)
    out, _ = client.communicate()
    assert (client.returncode, json.loads(out.decode('utf-8'))['answered']) == (0, 0)


def free_port():
    free = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    free.bind(('127.0.0.1', 0))
    port = free.getsockname()[1]
    free.close()
    return port


# Addresses.

def test_a_calculator_that_only_this_machine_can_reach_says_so_when_its_dispatcher_is_elsewhere(programs):
    child = programs.run('calculator', {'dispatcher': {'host': '192.0.2.77'}, 'listen': {'port': 0}}, '--json')
    line = line_with(child.stderr, 'cannot send from 127.0.0.1')
    assert 'other machines need settings {"listen": {"host": "0.0.0.0"}}' in line
    child.terminate()
    traffic = json.loads(child.communicate()[0].decode('utf-8'))['traffic']
    assert traffic['datagrams_out'] == 0 and sum(traffic['errors'].values()) > 0


# What cannot start is known before.

@pytest.mark.parametrize('role', ['client', 'calculator', 'dispatcher', 'monitor'])
def test_the_check_reads_the_keys(programs, tmpdir, role):
    key = tmpdir.join('key')
    for content, mode, words in ((b'short', 0o600, 'has 5 characters'), (b'k' * 40, 0o604, 'chmod 600'),
                                 (None, 0, 'No such file')):
        if content is not None:
            key.write(content)
            key.chmod(mode)
        elif key.check():
            key.remove()
        child = programs.run(role, {'key_file': str(key)}, '--check')
        out, err = child.communicate()
        assert (child.returncode, out, err.count(b'\n')) == (2, b'', 1)
        assert words in err.decode('utf-8')


def test_the_check_looks_for_the_folder_of_the_journal(programs, tmpdir):
    for path, words in ((tmpdir.join('nowhere', 'j'), 'No such file'), ('/dev/null', 'no regular file')):
        child = programs.dispatcher('--check', settings={'journal': str(path)})
        out, err = child.communicate()
        assert (child.returncode, out, err.count(b'\n')) == (2, b'', 1)
        assert words in err.decode('utf-8')
    child = programs.dispatcher('--check', settings={'journal': str(tmpdir.join('j'))})
    child.communicate()
    assert child.returncode == 0
    assert not tmpdir.join('j').check()


# The journal.

def test_a_journal_that_is_deleted_is_noticed_within_seconds_and_comes_back(programs, tmpdir):
    journal, away = tmpdir.join('j'), tmpdir.join('away')
    child = programs.dispatcher(settings={'journal': str(journal)})
    line_with(child.stderr, 'listening on')
    began = monotonic()
    os.rename(str(journal), str(away))
    assert ' ERROR ' in line_with(child.stderr, 'was deleted or replaced')
    assert monotonic() - began < 5
    os.rename(str(away), str(journal))
    line_with(child.stderr, 'is in place again')


def test_a_running_journal_is_copied(programs, tmpdir):
    journal, copy = tmpdir.join('j'), tmpdir.join('copy')
    child = programs.dispatcher(settings={'journal': str(journal)})
    line_with(child.stderr, 'listening on')
    copier = programs.dispatcher('--copy-journal', str(copy), settings={'journal': str(journal)})
    assert copier.communicate() == (('copied 0 tasks from %s to %s\n' % (journal, copy)).encode('utf-8'), b'')
    other = programs.dispatcher(settings={'journal': str(copy)})
    line_with(other.stderr, 'listening on')
    second = programs.dispatcher(settings={'journal': str(journal)})
    assert b'in use by another dispatcher' in second.communicate()[1]
    assert second.returncode == 2
