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

from dispatcher.journal_rows import JournalRows
from runtime.clock import monotonic
from runtime.journal_file import JournalFile
from runtime.launcher import Child, command, run
from tests.source_tree import ROOT
from tests.system.processes import a_port_where_nobody_listens, eventually

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401

BOUND_S = 30.0


class Programs(object):
    """Starts programs in a folder, and leaves none behind."""

    def __init__(self, folder):
        self._folder = folder
        self._started = []

    def start(self, words, **options):
        """A Python with these arguments."""
        self._started.append(Child([sys.executable] + words, str(self._folder.join('%d' % len(self._started))),
                                   **options))
        return self._started[-1]

    def run(self, role, settings, *arguments, **options):
        path = str(self._folder.join('%d.json' % len(self._started)))
        return self.start(command(role, path, settings)[1:] + list(arguments), cwd=str(self._folder), **options)

    def dispatcher(self, *arguments, **options):
        settings = dict({'listen': {'port': 0}}, **options.pop('settings', {}))
        return self.run('dispatcher', settings, *arguments, **options)

    def end(self):
        for child in self._started:
            child.dispose()


@pytest.fixture
def programs(tmpdir):
    made = Programs(tmpdir)
    yield made
    made.end()


def end_of(child):
    """The exit status of a child that has to end now."""
    eventually(lambda: not child.is_running, 'it ends', BOUND_S)
    return child.exit_status


def account_after(child, number=signal.SIGTERM):
    """What a child that ends well at this signal has counted."""
    child.signal(number)
    assert end_of(child) == 0, child.log
    return json.loads(child.output)


def line_with(child, words):
    """The first line of its log with these words."""
    return eventually(lambda: [line for line in child.log.splitlines() if words in line], words, BOUND_S)[0]


def refusal_of(child):
    """The one line of a program that can't start."""
    assert (end_of(child), child.output, child.log.count('\n')) == (2, '', 1), child.log
    return child.log


# Signals.

@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGHUP], ids=['SIGINT', 'SIGHUP'])
def test_a_signal_that_was_ignored_at_the_start_does_not_stop_it(programs, number):
    child = programs.dispatcher('--json', before=lambda: signal.signal(number, signal.SIG_IGN))
    line_with(child, 'listening on')
    child.signal(number)
    time.sleep(0.3)
    assert child.is_running
    account_after(child)


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


IN_A_NAMESPACE = ['unshare', '--pid', '--fork', '--kill-child']


def can_make_namespaces():
    try:
        return run(IN_A_NAMESPACE + ['true'])[0] == 0
    except OSError:
        return False


@pytest.mark.skipif(not can_make_namespaces(), reason='needs the right to make namespaces of processes')
@pytest.mark.parametrize('delay_s', [0, 0.05, 0.1, 0.2, 0.4])
def test_the_first_process_of_a_container_is_stopped_from_its_first_line_on(tmpdir, delay_s):
    # The outer process waits for the inner one, which has number 1 in its namespace.
    outer = Child(IN_A_NAMESPACE + command('dispatcher', str(tmpdir.join('d.json')), {'listen': {'port': 0}}),
                  str(tmpdir.join('d')))
    try:
        # While the interpreter itself starts, the kernel drops the signal: see docs/operations.md.
        inner = wait_for_handler(outer.pid)
        time.sleep(delay_s)
        os.kill(inner, signal.SIGTERM)
        assert end_of(outer) == 0
    finally:
        outer.dispose()


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
@pytest.mark.parametrize('words', [
    ['run_dispatcher.py'], ['run_calculator.py', '--port', '0'], ['run_client.py', '--tasks', '1'],
    ['run_monitor.py', '--once'], ['run_demo.py'], ['run_simulator.py', '--preset', 'calm', '--runs', '2'],
    ['run_client.py', '--call', 'f']], ids=' '.join)
def test_more_inherited_files_than_select_can_take_are_one_line(tmpdir, words):
    started = [sys.executable, '-c', INHERITED, os.path.join(ROOT, words[0])] + words[1:]
    status, _, err = run(started, cwd=str(tmpdir))
    assert (status, err.count('\n')) == (2, 1), err
    assert 'more than 1023 descriptors are open' in err


# Streams.

@pytest.fixture
def full_pipe():
    """The writing end of a pipe that is full to the last byte."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETFL, fcntl.fcntl(writer, fcntl.F_GETFL) | os.O_NONBLOCK)
    while select.select([], [writer], [], 0)[1]:
        os.write(writer, b'x' * 4096)
    fcntl.fcntl(writer, fcntl.F_SETFL, fcntl.fcntl(writer, fcntl.F_GETFL) & ~os.O_NONBLOCK)
    yield writer
    os.close(reader)
    os.close(writer)


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


def test_a_result_that_nobody_reads_is_given_up(programs, full_pipe):
    # Also where the complaint has no reader.
    children = [programs.start(['-c', RESULT % 0.5], stdout=full_pipe),
                programs.start(['-c', RESULT % 0.5], stdout=full_pipe, stderr=full_pipe)]
    assert [end_of(child) for child in children] == [1, 1]
    assert children[0].log == '-c: standard output: its reader is too slow\n'


def test_a_result_that_is_read_late_is_complete():
    child = subprocess.Popen([sys.executable, '-c', RESULT % 60.0], cwd=ROOT, stdout=subprocess.PIPE)
    assert select.select([child.stdout], [], [], BOUND_S)[0]  # type: ignore[type-var]
    time.sleep(0.5)
    assert json.loads(child.communicate()[0].decode('ascii')) == {'text': 200000 * 'x'}
    assert child.returncode == 0


def test_a_report_that_nobody_reads_waits_until_it_is_told_to_end(programs, full_pipe):
    child = programs.run('monitor', {'dispatcher': {'port': a_port_where_nobody_listens()}}, '--once',
                         stdout=full_pipe)
    time.sleep(5)
    assert child.is_running
    for _ in range(2):
        child.signal(signal.SIGTERM)
        time.sleep(0.5)
    assert end_of(child) == 1


def serves(programs, tasks, *arguments, **options):
    """A dispatcher accepts so many tasks of a client that no calculator does, and ends with its account."""
    port = a_port_where_nobody_listens()
    dispatcher = programs.dispatcher('--json', *arguments, settings={'listen': {'port': port}}, **options)
    # Where it has no log, only this tells when it listens.
    assert end_of(programs.run('client', {'dispatcher': {'port': port}}, '--probe')) == 0
    client = programs.run('client', {'dispatcher': {'port': port}, 'task_timeout_s': 1, 'task_interval_s': [0, 0]},
                          '--tasks', '%d' % tasks, '--json')
    assert end_of(client) == 1
    assert account_after(dispatcher)['accepted'] == tasks


def test_a_log_that_nobody_reads_holds_nothing_up(programs, full_pipe):
    serves(programs, 20, '--log-level', 'debug', stderr=full_pipe)


def test_a_pipe_of_events_that_nobody_reads_holds_nothing_up(programs, tmpdir):
    path = str(tmpdir.join('pipe'))
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    serves(programs, 1000, '--events', path)
    os.close(reader)


def test_a_terminal_that_goes_away_takes_only_the_live_line_with_it(programs):
    reader, writer = pty.openpty()
    client = programs.run('client', {'dispatcher': {'port': a_port_where_nobody_listens()}}, '--json', '--duration',
                          '1', stderr=writer)
    os.close(writer)
    assert select.select([reader], [], [], BOUND_S)[0]
    os.close(reader)
    assert (end_of(client), json.loads(client.output)['answered']) == (0, 0)


# Addresses.

def test_a_calculator_that_only_this_machine_can_reach_says_so_when_its_dispatcher_is_elsewhere(programs):
    child = programs.run('calculator', {'dispatcher': {'host': '192.0.2.77'}, 'listen': {'port': 0}}, '--json')
    line = line_with(child, 'cannot send from 127.0.0.1')
    assert 'other machines need settings {"listen": {"host": "0.0.0.0"}}' in line
    traffic = account_after(child)['traffic']
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
        else:
            key.remove()
        assert words in refusal_of(programs.run(role, {'key_file': str(key)}, '--check'))


def test_the_check_looks_for_the_folder_of_the_journal(programs, tmpdir):
    for path, words in ((tmpdir.join('nowhere', 'j'), 'No such file'), ('/dev/null', 'not a regular file')):
        assert words in refusal_of(programs.dispatcher('--check', settings={'journal': str(path)}))
    assert end_of(programs.dispatcher('--check', settings={'journal': str(tmpdir.join('j'))})) == 0
    assert not tmpdir.join('j').check()


CANNOT_START = {
    'work without a key': (
        'calculator', {'work': {'module': 'os'}, 'listen': {'host': '0.0.0.0', 'port': 0}}, 'needs a key'),
    'two families': ('calculator', {'dispatcher': {'host': '::1'}, 'listen': {'port': 0}}, 'need the same family'),
    'an address of another machine': ('dispatcher', {'listen': {'host': '192.0.2.1'}}, 'cannot listen on 192.0.2.1'),
    'no address': ('dispatcher', {'listen': {'host': 'no.such.invalid'}}, 'cannot listen on no.such.invalid'),
    'a calculator elsewhere': ('calculator', {'listen': {'host': '192.0.2.1'}}, 'cannot listen on 192.0.2.1'),
    'a journal cut short': ('dispatcher', {'listen': {'port': 0}, 'journal': 'cut'}, 'is damaged (it has 4000 bytes'),
    'a journal in no folder': ('dispatcher', {'listen': {'port': 0}, 'journal': 'cut/j'}, 'Not a directory'),
}  # type: Any
for _role in ('client', 'calculator', 'dispatcher'):
    for _path, _reason in (('nowhere/events', 'No such file'), ('cut/events', 'Not a directory'),
                           ('.', 'Is a directory')):
        CANNOT_START['%s, events to %s' % (_role, _path)] = (
            _role, {} if _role == 'client' else {'listen': {'port': 0}}, _reason, '--events', _path)
CANNOT_START['no address for the page'] = (
    'monitor', {}, 'cannot listen on 192.0.2.1 port 8080', '--http', '192.0.2.1:8080')
CANNOT_START['arguments for nothing'] = ('client', {}, 'arguments need --call', '--tasks', '1', '7')
CANNOT_START['nothing to resume'] = ('client', {}, '--resume needs --map', '--resume', 'cut')


@pytest.mark.parametrize('case', sorted(CANNOT_START))
def test_what_can_not_start_is_refused_by_the_check_in_the_words_of_the_start(programs, tmpdir, case):
    role, settings, words = CANNOT_START[case][:3]
    make_journal(tmpdir.join('cut'), 4000)
    said = []
    for arguments in ((), ('--check',)):
        child = programs.run(role, settings, *(CANNOT_START[case][3:] + arguments))
        status = end_of(child)
        said.append((status, child.output, [line for line in child.log.splitlines() if line.startswith('run_')]))
    assert said[0] == said[1]
    assert (said[1][:2], len(said[1][2])) == ((2, ''), 1)
    assert words in said[1][2][0]


def make_journal(path, length=None):
    """A journal without tasks, cut to a length."""
    journal = JournalFile(str(path), JournalRows())
    journal.close()
    if length is not None:
        with open(str(path), 'r+b') as file:
            file.truncate(length)


def test_what_can_start_passes_the_check_and_nothing_is_made_or_changed(programs, tmpdir):
    make_journal(tmpdir.join('j'))
    tmpdir.join('link').mksymlinkto('j')
    os.mkfifo(str(tmpdir.join('pipe')))
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.bind(('127.0.0.1', 0))
    listen = {'port': taken.getsockname()[1]}
    before = tmpdir.join('j').read('rb')
    for role, settings, path in (('dispatcher', {'listen': listen, 'journal': 'link'}, 'events'),
                                 ('calculator', {'listen': listen}, 'pipe'), ('client', {}, '/dev/null')):
        child = programs.run(role, settings, '--check', '--events', path)
        assert end_of(child) == 0 and json.loads(child.output)
    taken.close()
    assert tmpdir.join('j').read('rb') == before
    assert {path.basename for path in tmpdir.listdir() if not path.ext} == {'j', 'link', 'pipe'}


# The journal.

def test_a_journal_behind_a_symbolic_link_is_used_and_watched(programs, tmpdir):
    tmpdir.join('link').mksymlinkto('real')
    child = programs.dispatcher(settings={'journal': 'link'})
    line_with(child, 'listening on')
    assert 'in use by another dispatcher' in refusal_of(programs.dispatcher(settings={'journal': 'real'}))
    tmpdir.join('real').remove()
    assert ' ERROR ' in line_with(child, 'was deleted or replaced')


def test_a_journal_that_is_deleted_is_noticed_within_seconds_and_comes_back(programs, tmpdir):
    journal, away = tmpdir.join('j'), tmpdir.join('away')
    child = programs.dispatcher(settings={'journal': str(journal)})
    line_with(child, 'listening on')
    began = monotonic()
    os.rename(str(journal), str(away))
    assert ' ERROR ' in line_with(child, 'was deleted or replaced')
    assert monotonic() - began < 5
    os.rename(str(away), str(journal))
    line_with(child, 'is in place again')


def test_a_running_journal_is_copied(programs, tmpdir):
    journal, copy = tmpdir.join('j'), tmpdir.join('copy')
    line_with(programs.dispatcher(settings={'journal': str(journal)}), 'listening on')
    copier = programs.dispatcher('--copy-journal', str(copy), settings={'journal': str(journal)})
    assert (end_of(copier), copier.output, copier.log) == (0, 'copied 0 tasks from %s to %s\n' % (journal, copy), '')
    line_with(programs.dispatcher(settings={'journal': str(copy)}), 'listening on')
    second = programs.dispatcher(settings={'journal': str(journal)})
    assert 'in use by another dispatcher' in refusal_of(second)
