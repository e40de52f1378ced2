"""Whole processes, with unusual signals, descriptors, streams and files."""

from __future__ import absolute_import, division, print_function

import fcntl
import json
import os
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
from runtime.endpoint import Endpoint
from runtime.journal_file import JournalFile
from runtime.launcher import Child, command, run, text_of, wait_until
from tests.source_tree import ROOT
from tests.system.processes import a_port_where_nobody_listens, eventually

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401

BOUND_S = 30.0


class Programs(object):
    """Starts programs in a folder, and ends them all after the test."""

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

    def close(self):
        for child in self._started:
            child.dispose()


@pytest.fixture
def programs(tmpdir, closing):
    return closing(Programs(tmpdir))


def end_of(child):
    """Wait for the end of a child and return its exit status."""
    eventually(lambda: not child.is_running, 'the child ends', BOUND_S)
    return child.exit_status


def account_of(child):
    """The account of a child that SIGTERM ends with status 0."""
    child.signal(signal.SIGTERM)
    assert end_of(child) == 0, child.log
    return json.loads(child.output)


def line_with(child, words):
    """Wait for a line with these words in the log."""
    return eventually(lambda: [line for line in child.log.splitlines() if words in line], words, BOUND_S)[0]


def refusal_of(child):
    """The only line of a program that can't start."""
    assert (end_of(child), child.output, child.log.count('\n')) == (2, '', 1), child.log
    return child.log


# Signals.

@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGHUP], ids=['SIGINT', 'SIGHUP'])
def test_a_signal_that_was_ignored_at_the_start_stays_ignored(programs, number):
    child = programs.dispatcher('--json', before=lambda: signal.signal(number, signal.SIG_IGN))
    line_with(child, 'listening on')
    child.signal(number)
    time.sleep(0.3)
    assert child.is_running
    account_of(child)


def child_with_handler(outer):
    """The process id of the child of ``outer``, or None before it handles SIGTERM."""
    for child in text_of('/proc/%d/task/%d/children' % (outer, outer)).split():
        for line in text_of('/proc/%s/status' % child).splitlines():
            if line.startswith('SigCgt') and int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1:
                return int(child)
    return None


IN_A_NAMESPACE = ['unshare', '--pid', '--fork', '--kill-child']


def can_make_namespaces():
    try:
        return run(IN_A_NAMESPACE + ['true'])[0] == 0
    except OSError:
        return False


@pytest.mark.skipif(not can_make_namespaces(), reason='needs the right to make namespaces of processes')
@pytest.mark.parametrize('delay_s', [0, 0.1, 0.4])
def test_sigterm_stops_the_first_process_of_a_container(tmpdir, delay_s):
    # The outer process waits for the inner one, which has process id 1 in its namespace.
    outer = Child(IN_A_NAMESPACE + command('dispatcher', str(tmpdir.join('d.json')), {'listen': {'port': 0}}),
                  str(tmpdir.join('d')))
    try:
        # While the interpreter starts, the kernel drops the signal: see docs/operations.md.
        inner = wait_until(lambda: child_with_handler(outer.pid), BOUND_S, poll_s=0.001)
        time.sleep(delay_s)
        os.kill(inner, signal.SIGTERM)
        assert end_of(outer) == 0
    finally:
        outer.dispose()


# Descriptors.

#: Runs a program with 1,100 more open files.
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
def test_too_many_inherited_files_are_one_line(tmpdir, words):
    started = [sys.executable, '-c', INHERITED, os.path.join(ROOT, words[0])] + words[1:]
    status, _, err = run(started, cwd=str(tmpdir))
    assert (status, err.count('\n')) == (2, 1), err
    assert 'more than 1023 descriptors are open' in err


# Streams.

@pytest.fixture
def full_pipe():
    """The writing end of a full pipe."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETFL, fcntl.fcntl(writer, fcntl.F_GETFL) | os.O_NONBLOCK)
    while select.select([], [writer], [], 0)[1]:
        os.write(writer, b'x' * 4096)
    fcntl.fcntl(writer, fcntl.F_SETFL, fcntl.fcntl(writer, fcntl.F_GETFL) & ~os.O_NONBLOCK)
    yield writer
    os.close(reader)
    os.close(writer)


#: A program that ignores signals and prints a result.
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


def test_the_program_ends_if_its_result_is_not_read(programs, full_pipe):
    # The error message of the second program is not read either.
    children = [programs.start(['-c', RESULT % 0.5], stdout=full_pipe),
                programs.start(['-c', RESULT % 0.5], stdout=full_pipe, stderr=full_pipe)]
    assert [end_of(child) for child in children] == [1, 1]
    assert children[0].log == '-c: standard output: its reader is too slow\n'


def test_a_slow_reader_gets_the_complete_result():
    child = subprocess.Popen([sys.executable, '-c', RESULT % 60.0], cwd=ROOT, stdout=subprocess.PIPE)
    assert select.select([child.stdout], [], [], BOUND_S)[0]  # type: ignore[type-var]
    time.sleep(0.5)
    assert json.loads(child.communicate()[0].decode('ascii')) == {'text': 200000 * 'x'}
    assert child.returncode == 0


def test_a_program_whose_report_is_not_read_waits_for_a_signal(programs, full_pipe):
    child = programs.run('monitor', {'dispatcher': {'port': a_port_where_nobody_listens()}}, '--once',
                         stdout=full_pipe)
    # The report says that the dispatcher did not answer for 3 seconds.
    time.sleep(4.5)
    assert child.is_running
    for _ in range(2):
        child.signal(signal.SIGTERM)
        time.sleep(0.5)
    assert end_of(child) == 1


def test_a_log_and_events_that_are_not_read_delay_nothing(programs, tmpdir, full_pipe):
    path = str(tmpdir.join('pipe'))
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    port = a_port_where_nobody_listens()
    dispatcher = programs.dispatcher('--json', '--log-level', 'debug', '--events', path, stderr=full_pipe,
                                     settings={'listen': {'port': port}})
    # The log has no reader, so only the probe shows that the dispatcher listens.
    assert end_of(programs.run('client', {'dispatcher': {'port': port}}, '--probe')) == 0
    client = programs.run('client', {'dispatcher': {'port': port}, 'task_timeout_s': 1, 'task_interval_s': [0, 0]},
                          '--tasks', '1000', '--json')
    # There is no calculator, so all tasks expire.
    assert end_of(client) == 1
    assert account_of(dispatcher)['accepted'] == 1000
    os.close(reader)


def test_a_calculator_on_a_loopback_address_reports_that_it_cannot_send_to_another_machine(programs):
    child = programs.run('calculator', {'dispatcher': {'host': '192.0.2.77'}, 'listen': {'port': 0}}, '--json')
    line = line_with(child, 'cannot send from 127.0.0.1')
    assert 'other machines need settings {"listen": {"host": "0.0.0.0"}}' in line
    traffic = account_of(child)['traffic']
    assert traffic['datagrams_out'] == 0 and sum(traffic['errors'].values()) > 0


# The check before the start.

@pytest.mark.parametrize('role', ['client', 'calculator', 'dispatcher', 'monitor'])
def test_the_check_reads_the_keys(programs, tmpdir, role):
    tmpdir.join('key').write('k' * 40)
    tmpdir.join('key').chmod(0o604)
    assert 'chmod 600' in refusal_of(programs.run(role, {'key_file': 'key'}, '--check'))


#: Case -> role, settings, words of the refusal, and options.
CANNOT_START = {
    'work without a key': (
        'calculator', {'work': {'module': 'os'}, 'listen': {'host': '0.0.0.0', 'port': 0}}, 'needs a key'),
    'two families': ('calculator', {'dispatcher': {'host': '::1'}, 'listen': {'port': 0}}, 'need the same family'),
    'an address of another machine': ('dispatcher', {'listen': {'host': '192.0.2.1'}}, 'cannot listen on 192.0.2.1'),
    'a calculator elsewhere': ('calculator', {'listen': {'host': '192.0.2.1'}}, 'cannot listen on 192.0.2.1'),
    'a journal cut short': ('dispatcher', {'listen': {'port': 0}, 'journal': 'cut'}, 'is damaged (it has 4000 bytes'),
    'a journal in no folder': ('dispatcher', {'listen': {'port': 0}, 'journal': 'cut/j'}, 'Not a directory'),
    'events in a missing folder': ('client', {}, 'No such file', '--events', 'nowhere/events'),
    'events below a file': ('calculator', {'listen': {'port': 0}}, 'Not a directory', '--events', 'cut/events'),
    'events to a folder': ('dispatcher', {'listen': {'port': 0}}, 'Is a directory', '--events', '.'),
    'no address for the page': ('monitor', {}, 'cannot listen on 192.0.2.1 port 8080', '--http', '192.0.2.1:8080'),
    'arguments without a function': ('client', {}, 'arguments need --call', '--tasks', '1', '7'),
    'a resume without a map': ('client', {}, '--resume needs --map', '--resume', 'cut'),
}  # type: Any


def make_journal(path, length=None):
    """A journal without tasks, cut to a length."""
    JournalFile(str(path), JournalRows()).close()
    if length is not None:
        with open(str(path), 'r+b') as file:
            file.truncate(length)


@pytest.mark.parametrize('case', sorted(CANNOT_START))
def test_the_check_refuses_what_the_start_refuses_in_the_same_words(programs, tmpdir, case):
    role, settings, words = CANNOT_START[case][:3]
    make_journal(tmpdir.join('cut'), 4000)
    results = []
    for arguments in ((), ('--check',)):
        child = programs.run(role, settings, *(CANNOT_START[case][3:] + arguments))
        status = end_of(child)
        results.append((status, child.output, [line for line in child.log.splitlines() if line.startswith('run_')]))
    assert results[0] == results[1]
    assert (results[1][:2], len(results[1][2])) == ((2, ''), 1)
    assert words in results[1][2][0]


def test_a_check_that_passes_changes_no_file(programs, tmpdir, closing):
    make_journal(tmpdir.join('j'))
    tmpdir.join('link').mksymlinkto('j')
    os.mkfifo(str(tmpdir.join('pipe')))
    listen = {'port': closing(Endpoint(socket.AF_INET, ('127.0.0.1', 0))).address[1]}
    before = tmpdir.join('j').read('rb')
    for role, settings, path in (('dispatcher', {'listen': listen, 'journal': 'link'}, 'events'),
                                 ('dispatcher', {'listen': listen, 'journal': 'new'}, 'events'),
                                 ('calculator', {'listen': listen}, 'pipe'), ('client', {}, '/dev/null')):
        child = programs.run(role, settings, '--check', '--events', path)
        assert end_of(child) == 0 and json.loads(child.output)
    assert tmpdir.join('j').read('rb') == before
    assert {path.basename for path in tmpdir.listdir() if not path.ext} == {'j', 'link', 'pipe'}


# The journal.

def test_a_journal_behind_a_symbolic_link_is_locked_and_watched(programs, tmpdir):
    journal, away = tmpdir.join('j'), tmpdir.join('away')
    tmpdir.join('link').mksymlinkto('j')
    child = programs.dispatcher(settings={'journal': 'link'})
    line_with(child, 'listening on')
    assert 'in use by another dispatcher' in refusal_of(programs.dispatcher(settings={'journal': 'j'}))
    began = monotonic()
    journal.rename(away)
    assert ' ERROR ' in line_with(child, 'was deleted or replaced')
    assert monotonic() - began < 5
    away.rename(journal)
    line_with(child, 'is in place again')


def test_a_running_journal_is_copied(programs, tmpdir):
    journal, copy = tmpdir.join('j'), tmpdir.join('copy')
    line_with(programs.dispatcher(settings={'journal': str(journal)}), 'listening on')
    copier = programs.dispatcher('--copy-journal', str(copy), settings={'journal': str(journal)})
    assert (end_of(copier), copier.output, copier.log) == (0, 'copied 0 tasks from %s to %s\n' % (journal, copy), '')
    line_with(programs.dispatcher(settings={'journal': str(copy)}), 'listening on')
