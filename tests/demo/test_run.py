"""The demo as its user has it: what it prints is true, and however it ends nothing is left of it."""

from __future__ import absolute_import, division, print_function

import json
import os
import re
import signal
import socket
import sys

import pytest

from runtime import launcher
from tests.demo.running import STOP_SIGNALS, eventually, keeper_of, nobody_is_left
from tests.source_tree import ROOT
from tests.system.terminals import Terminal

ROW = re.compile(r'^(\S+(?: clients)?) +(\d+) +(\d+) +(\d+) ', re.MULTILINE)
KILL = re.compile(r'^(calculator-[a-z]) was killed at [0-9.]+ s while it held (\w+) tasks?\.$', re.MULTILINE)
ATTEMPTS = re.compile(r'^It took (\d+) attempts, (\d+) of them without a result', re.MULTILINE)
FATE = re.compile(r'^  (client-\d:\d+) (.*)$', re.MULTILINE)


def rows_of(report):
    """Name -> (sent, answered, unanswered)."""
    return {name: (int(sent), int(answered), int(unanswered))
            for name, sent, answered, unanswered in ROW.findall(report)}


def held_at_the_end(events):
    """Ids of the tasks that a calculator took and did not let go, by its own report."""
    held = {}
    for event in events:
        if event.kind == 'taken':
            held[event.facts['task_id']] = event.facts['attempt']
        elif event.kind == 'let_go':
            del held[event.facts['task_id']]
    return set(held)


def test_the_run_as_a_page(demo):
    run = demo('--duration', '600', '--calculators', '3', '--clients', '2', '--http', '0')
    port = port_of_page(run)
    eventually(lambda: len(json.loads(page(port, '/status.json'))['calculators']) >= 3, 'the page has all calculators')
    run.signal(signal.SIGTERM)
    assert (run.wait(), run.log) == (0, '')
    with pytest.raises((OSError, socket.error)):
        page(port, '/')


def port_of_page(run):
    found = eventually(lambda: re.search(r'The page is at http://127\.0\.0\.1:(\d+)/', run.output), 'it says where')
    return int(found.group(1))


def page(port, path, until=b''):
    """What the page answers, to its end or until that."""
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


def test_the_page_keeps_the_final_state_until_it_is_stopped(demo):
    run = demo('--duration', '2', '--calculators', '2', '--clients', '1', '--http', '0', '--seed', '3')
    port = port_of_page(run)
    eventually(lambda: 'The page stays at' in run.output, 'the run is over')
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


def test_a_page_that_can_not_be_shown_is_one_line(demo):
    taken = socket.socket()
    taken.bind(('127.0.0.1', 0))
    taken.listen(1)
    run = demo('--duration', '600', '--http', str(taken.getsockname()[1]))
    assert run.wait() == 2
    taken.close()
    assert 'cannot listen on 127.0.0.1 port' in run.log
    assert len(run.log.splitlines()) == 1


def test_a_whole_run(demo):
    run = demo('--duration', '3', '--calculators', '3', '--clients', '2', '--seed', '1')
    status = run.wait()
    report = run.output
    assert (status, run.log) == (0, '')
    assert nobody_is_left(run.process_ids().values())
    assert '--seed 1' in report

    # The clients' statistics are those that they gave themselves, and they add up.
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

    # Who was killed left no account, all others did; and one more came.
    (victim, number), = KILL.findall(report)
    assert [name for name in sorted(run.process_ids()) if not has_account(run, name)] == [victim]
    assert 'calculator-d' in run.process_ids()
    check_fates(run, report, victim, 0 if number == 'no' else int(number))


def has_account(run, name):
    try:
        return bool(run.account(name))
    except ValueError:
        return False


def check_fates(run, report, victim, number):
    """What is said of the tasks of the killed calculator is what the event files say."""
    held = held_at_the_end(run.events(victim))
    assert number == len(held)
    ends = {event.facts['task_id']: event for event in run.events('dispatcher')
            if event.kind in ('done', 'ended')}
    told = dict(FATE.findall(report))
    for task_id in held:
        client, _, number = task_id.split(':')
        fate, end = told['%s:%s' % (client, number)], ends[task_id]
        facts = end.facts
        if end.kind == 'ended':
            assert fate.startswith('ended %s' % facts['outcome'])
        elif facts['calculator'] == victim:
            assert fate.startswith('was done by %s itself' % victim)
        else:
            assert fate.startswith('was done by %s ' % facts['calculator'])
            assert fate.endswith(', at attempt %d' % facts['attempt'])


@pytest.mark.parametrize('number', STOP_SIGNALS, ids=['SIGINT', 'SIGTERM'])
def test_a_signal_ends_it_early_and_softly(demo, number):
    run = demo('--duration', '600', '--calculators', '2', '--clients', '2')
    eventually(lambda: run.has_begun(5) and len(run.events('client-1')) > 1, 'something is sent')
    everybody = list(run.process_ids().values())
    everybody.append(keeper_of(everybody[0]))
    run.signal(number)
    assert (run.wait(), run.log) == (0, '')
    assert nobody_is_left(everybody)
    rows = rows_of(run.output)
    for sent, answered, unanswered in rows.values():
        assert sent == answered + unanswered
    assert rows['all clients'][0] == run.account('dispatcher')['accepted']
    assert 'No calculator was killed' in run.output


@pytest.mark.parametrize('signals, is_told', [(2, False), (3, True)], ids=['second', 'third'])
def test_a_further_signal_ends_it_at_once_with_a_report(demo, signals, is_told):
    run = demo('--duration', '600', '--calculators', '2', '--clients', '1')
    eventually(lambda: run.has_begun(4) and len(run.events('client-1')) > 1, 'something is sent')
    everybody = run.process_ids()
    if is_told:
        # One that takes no signal of the soft kind.
        os.kill(everybody['client-1'], signal.SIGSTOP)
    run.signal(signal.SIGINT)
    eventually(lambda: 'asked to stop' in run.output, 'it has heard')
    for number in (signal.SIGINT, signal.SIGTERM)[:signals - 1]:
        run.signal(number)
    assert run.wait() == 0
    assert nobody_is_left(everybody.values())
    for sent, answered, unanswered in rows_of(run.output).values():
        assert sent == answered + unanswered
    assert ('client-1 is killed: the demo was asked three times to stop' in run.output) == is_told
    assert 'did not end in time' not in run.output


@pytest.mark.skipif(not os.path.isdir('/proc/self'), reason='needs /proc')
@pytest.mark.parametrize('number, has_begun', [(signal.SIGKILL, True), (signal.SIGTERM, True), (signal.SIGTERM, False)],
                         ids=['SIGKILL', 'SIGTERM', 'SIGTERM at once'])
def test_however_it_ends_its_processes_and_its_temporary_folder_go_with_it(demo, number, has_begun):
    run = demo('--duration', '600', '--calculators', '1', '--clients', '1', keep=False)
    eventually(lambda: os.listdir(run.temporary) != [], 'it has begun')
    if has_begun:
        eventually(lambda: 'calculator-a registered' in run.output, 'they have begun')
    everybody = children_of(run.pid)
    assert len(everybody) >= 4 or not has_begun
    run.signal(number)
    assert run.wait() in (0, -number)
    assert nobody_is_left(everybody)
    eventually(lambda: os.listdir(run.temporary) == [] or not has_begun, 'the folder is gone')


def children_of(pid):
    """All processes below that one, by their ids."""
    with open('/proc/%d/task/%d/children' % (pid, pid)) as file:
        children = [int(word) for word in file.read().split()]
    return children + [below for child in children for below in children_of(child)]


def test_it_ends_when_nobody_reads_its_output(demo):
    reader, writer = os.pipe()
    run = demo('--duration', '600', '--calculators', '2', '--clients', '1', stdout=writer)
    os.close(writer)
    eventually(lambda: run.has_begun(4), 'all have begun')
    everybody = list(run.process_ids().values())
    os.close(reader)
    assert (run.wait(), run.log) == (1, '')
    assert nobody_is_left(everybody)


def test_a_calculator_killed_by_somebody_else_is_told_and_lived_with(demo):
    run = demo('--duration', '600', '--calculators', '3', '--clients', '1')
    eventually(lambda: run.has_begun(5), 'all have begun')
    os.kill(run.process_ids()['calculator-a'], signal.SIGKILL)
    eventually(lambda: 'calculator-a is gone: ended by signal 9, and not by this demo' in run.output, 'it is told')
    run.signal(signal.SIGTERM)
    assert (run.wait(), run.log) == (0, '')
    assert 'The counts agree' in run.output


def test_without_its_dispatcher_it_ends_and_says_so(demo):
    run = demo('--duration', '600', '--calculators', '1', '--clients', '1')
    eventually(lambda: run.has_begun(3), 'all have begun')
    everybody = list(run.process_ids().values())
    os.kill(run.process_ids()['dispatcher'], signal.SIGKILL)
    assert run.wait() == 1
    assert 'dispatcher ended by signal 9' in run.log
    assert 'The dispatcher left no account: ended by signal 9.' in run.output
    assert nobody_is_left(everybody)


def test_on_a_terminal_it_shows_the_screen_of_the_monitor_and_then_the_report():
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
def test_what_it_can_not_do_is_one_line_and_starts_nothing(options, expected):
    status, out, err = launcher.run([sys.executable, os.path.join(ROOT, 'run_demo.py')] + options, cwd=ROOT)
    assert (status, out, err.count('\n')) == (2, '', 1)
    assert expected in err and err.startswith('run_demo.py: ')
