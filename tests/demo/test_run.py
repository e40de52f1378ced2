"""Runs of the demo: its report agrees with its files, and after its end no process and no temporary file is left."""

from __future__ import absolute_import, division, print_function

import json
import os
import re
import signal
import socket
import sys

import pytest

from runtime import launcher
from tests.demo.running import wait_until_gone
from tests.source_tree import ROOT
from tests.system.processes import eventually
from tests.system.terminals import Terminal

ROW = re.compile(r'^(\S+(?: clients)?) +(\d+) +(\d+) +(\d+) ', re.MULTILINE)
KILL = re.compile(r'^(calculator-[a-z]) was killed at [0-9.]+ s while it held (\w+) tasks?\.$', re.MULTILINE)
ATTEMPTS = re.compile(r'^They took (\d+) attempts, (\d+) of them without a result', re.MULTILINE)
OUTCOME = re.compile(r'^  (client-\d:\d+) (.*)$', re.MULTILINE)


def rows_of(report):
    """Name -> (sent, answered, unanswered)."""
    return {name: (int(sent), int(answered), int(unanswered))
            for name, sent, answered, unanswered in ROW.findall(report)}


def test_the_page_is_served_during_the_run(demo):
    run = demo('--duration', '600', '--calculators', '3', '--clients', '2', '--http', '0')
    port = port_of_page(run)
    eventually(lambda: len(json.loads(page(port, '/status.json'))['calculators']) >= 3, 'all calculators')
    run.signal(signal.SIGTERM)
    assert (run.wait(), run.log) == (0, '')
    with pytest.raises((OSError, socket.error)):
        page(port, '/')


def port_of_page(run):
    found = eventually(lambda: re.search(r'The page is at http://127\.0\.0\.1:(\d+)/', run.output), 'the address')
    return int(found.group(1))


def page(port, path, until=b''):
    """The body of an answer, to its end or to the text ``until``."""
    asked = socket.create_connection(('127.0.0.1', port), 30)
    asked.sendall(('GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n' % path).encode('ascii'))
    received = b''
    while not until or until not in received:
        data = asked.recv(65536)
        if not data:
            break
        received += data
    asked.close()
    return received.partition(b'\r\n\r\n')[2].decode('ascii')


def test_the_page_shows_the_final_state_until_the_demo_is_stopped(demo):
    run = demo('--duration', '2', '--calculators', '2', '--clients', '1', '--http', '0', '--seed', '3')
    port = port_of_page(run)
    eventually(lambda: 'The page stays at' in run.output, 'the end of the run')
    stream = page(port, '/events', until=b'\n\ndata: ')
    state = json.loads(page(port, '/events', until=b'}\n\n').split('data: ')[1])
    assert 'The demo is over' in stream
    assert (state['over'], state['health'], state['is_silent']) == (
        'The demo is over.', ['past', 'The demo is over.'], False)
    account = run.account('dispatcher')
    assert state['outcomes']['done'] == account['outcomes']['done'] > 0
    assert (state['queue']['waiting'], state['queue']['running']) == (0, account['running'])
    run.signal(signal.SIGINT)
    assert (run.wait(), run.log) == (0, '')


def test_a_page_that_can_not_be_served_is_an_error_of_one_line(demo):
    taken = socket.socket()
    taken.bind(('127.0.0.1', 0))
    taken.listen(1)
    run = demo('--duration', '600', '--http', str(taken.getsockname()[1]))
    assert run.wait() == 2
    taken.close()
    assert 'cannot listen on 127.0.0.1 port' in run.log
    assert len(run.log.splitlines()) == 1


def test_the_report_of_a_run_agrees_with_its_files(demo):
    run = demo('--duration', '3', '--calculators', '3', '--clients', '2', '--seed', '1')
    status = run.wait()
    report = run.output
    assert (status, run.log) == (0, '')
    wait_until_gone(run.process_ids().values())
    assert '--seed 1' in report

    # The statistics of the clients.
    rows = rows_of(report)
    accounts = {name: run.account(name) for name in ('client-1', 'client-2')}
    for name, account in accounts.items():
        assert rows[name] == (account['sent'], account['answered'], account['unanswered'])
        assert account['sent'] == account['answered'] + account['unanswered'] > 0
    assert rows['all clients'] == tuple(
        sum(account[key] for account in accounts.values()) for key in ('sent', 'answered', 'unanswered'))
    dispatcher = run.account('dispatcher')
    assert dispatcher['accepted'] == rows['all clients'][0]
    assert 'accepted %d tasks' % dispatcher['accepted'] in report
    assert 'The counts agree' in report
    attempts, in_vain = [int(number) for number in ATTEMPTS.findall(report)[0]]
    assert dispatcher['running'] == 0
    assert attempts - in_vain == dispatcher['outcomes']['done']

    # The killed calculator and the one that was added.
    (victim, number), = KILL.findall(report)
    assert [name for name in sorted(run.process_ids()) if run.account(name) is None] == [victim]
    assert 'calculator-d' in run.process_ids()
    check_outcomes(run, report, victim, 0 if number == 'no' else int(number))


def check_outcomes(run, report, victim, number):
    """The report and the files of events agree about the tasks of the killed calculator."""
    held = set()
    for event in run.events(victim):
        if event.kind == 'taken':
            held.add(event.facts['task_id'])
        elif event.kind == 'let_go':
            held.remove(event.facts['task_id'])
    assert number == len(held)
    ends = {event.facts['task_id']: event for event in run.events('dispatcher')
            if event.kind in ('done', 'ended')}
    outcomes = dict(OUTCOME.findall(report))
    for task_id in held:
        client, _, number = task_id.split(':')
        outcome, end = outcomes['%s:%s' % (client, number)], ends[task_id]
        facts = end.facts
        if end.kind == 'ended':
            assert outcome.startswith('ended %s' % facts['outcome'])
        elif facts['calculator'] == victim:
            assert outcome.startswith('was done by %s itself' % victim)
        else:
            assert outcome.startswith('was done by %s ' % facts['calculator'])
            assert outcome.endswith(', at attempt %d' % facts['attempt'])


def start_with_tasks(demo, calculators, clients):
    """Start a demo and wait until a client sends tasks; returns the demo and its process ids by name."""
    run = demo('--duration', '600', '--calculators', str(calculators), '--clients', str(clients))
    ids = run.wait_for_processes(1 + calculators + clients)
    eventually(lambda: len(run.events('client-1')) > 1, 'a task is sent')
    return run, ids


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM], ids=['SIGINT', 'SIGTERM'])
def test_the_first_signal_ends_the_run_early_and_all_processes_drain(demo, number):
    run, ids = start_with_tasks(demo, 2, 2)
    # The leader of their process group ends too.
    keeper = os.getpgid(ids['client-1'])
    run.signal(number)
    assert (run.wait(), run.log) == (0, '')
    wait_until_gone(list(ids.values()) + [keeper])
    rows = rows_of(run.output)
    for sent, answered, unanswered in rows.values():
        assert sent == answered + unanswered
    assert rows['all clients'][0] == run.account('dispatcher')['accepted']
    assert 'No calculator was killed' in run.output


@pytest.mark.parametrize('signals, is_killed', [(2, False), (3, True)], ids=['second', 'third'])
def test_a_second_and_a_third_signal_end_the_run_at_once_with_a_report(demo, signals, is_killed):
    run, ids = start_with_tasks(demo, 2, 1)
    if is_killed:
        # A stopped process handles no SIGTERM.
        os.kill(ids['client-1'], signal.SIGSTOP)
    run.signal(signal.SIGINT)
    eventually(lambda: 'asked to stop' in run.output, 'the first signal is handled')
    for number in (signal.SIGINT, signal.SIGTERM)[:signals - 1]:
        run.signal(number)
    assert run.wait() == 0
    wait_until_gone(ids.values())
    for sent, answered, unanswered in rows_of(run.output).values():
        assert sent == answered + unanswered
    assert ('client-1 is killed: the demo was asked three times to stop' in run.output) == is_killed
    assert 'did not end in time' not in run.output


@pytest.mark.skipif(not os.path.isdir('/proc/self'), reason='needs /proc')
@pytest.mark.parametrize('number, has_begun', [(signal.SIGKILL, True), (signal.SIGTERM, True), (signal.SIGTERM, False)],
                         ids=['SIGKILL', 'SIGTERM', 'SIGTERM at once'])
def test_the_processes_and_the_temporary_folder_end_with_the_demo(demo, number, has_begun):
    run = demo('--duration', '600', '--calculators', '1', '--clients', '1', keep=False)
    eventually(lambda: os.listdir(run.temporary) != [], 'the temporary folder')
    if has_begun:
        eventually(lambda: 'calculator-a registered' in run.output, 'a calculator registers')
    children = children_of(run.pid)
    assert len(children) >= 4 or not has_begun
    run.signal(number)
    assert run.wait() in (0, -number)
    wait_until_gone(children)
    eventually(lambda: os.listdir(run.temporary) == [] or not has_begun, 'the folder is removed')


def children_of(pid):
    """The ids of all descendants of a process."""
    with open('/proc/%d/task/%d/children' % (pid, pid)) as file:
        children = [int(word) for word in file.read().split()]
    return children + [below for child in children for below in children_of(child)]


def test_the_demo_ends_when_the_reader_of_its_output_closes_the_pipe(demo):
    reader, writer = os.pipe()
    run = demo('--duration', '600', '--calculators', '2', '--clients', '1', stdout=writer)
    os.close(writer)
    ids = run.wait_for_processes(4)
    os.close(reader)
    assert (run.wait(), run.log) == (1, '')
    wait_until_gone(ids.values())


def test_the_run_goes_on_when_another_process_kills_a_calculator(demo):
    run = demo('--duration', '600', '--calculators', '3', '--clients', '1')
    os.kill(run.wait_for_processes(5)['calculator-a'], signal.SIGKILL)
    eventually(lambda: 'calculator-a ended by signal 9; the demo did not cause this' in run.output, 'a note')
    run.signal(signal.SIGTERM)
    assert (run.wait(), run.log) == (0, '')
    assert 'The counts agree' in run.output


def test_the_run_ends_with_an_error_when_another_process_kills_the_dispatcher(demo):
    run = demo('--duration', '600', '--calculators', '1', '--clients', '1')
    ids = run.wait_for_processes(3)
    os.kill(ids['dispatcher'], signal.SIGKILL)
    assert run.wait() == 1
    assert 'dispatcher ended by signal 9' in run.log
    assert 'The dispatcher left no account: ended by signal 9.' in run.output
    wait_until_gone(ids.values())


def test_a_terminal_shows_the_screen_of_the_monitor_and_then_the_report():
    window = Terminal(['run_demo.py', '--duration', '600', '--calculators', '2', '--clients', '2'])
    try:
        window.shows(r'dispatcher at 127\.0\.0\.1:\d+')
        window.shows(r'of 600 s: running')
        window.shows(r'\+ calculator-b +alive')
        assert bool(window.screen.other)
        window.signal(signal.SIGTERM)
        window.shows('The counts agree')
        assert window.wait() == 0
        assert not bool(window.screen.other) and window.screen.cursor_is_shown and window.screen.wraps
        assert 'The random draws of this run come from --seed' in window.screen.text
        assert window.modes == window.modes_before
    finally:
        window.dispose()


@pytest.mark.parametrize('options, expected', [
    (['--calculators', '26'], 'found "26", expected a whole number from 1 to 25'),
    (['--clients', '21'], 'found "21", expected a whole number from 1 to 20'),
    (['--duration', '0'], '--duration'), (['--keep', 'demo'], 'demo')], ids=lambda value: ' '.join(value[:1]))
def test_wrong_options_are_an_error_of_one_line(options, expected):
    status, out, err = launcher.run([sys.executable, os.path.join(ROOT, 'run_demo.py')] + options, cwd=ROOT)
    assert (status, out, err.count('\n')) == (2, '', 1)
    assert expected in err and err.startswith('run_demo.py: ')
