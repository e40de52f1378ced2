"""How a client ends without a signal: its exit status, its account and its progress line."""

from __future__ import absolute_import, division, print_function

import re
import signal

from tests.system.processes import a_port_where_nobody_listens
from tests.system.terminals import Terminal

LOG_LINE = re.compile(r'\d\d:\d\d:\d\d\.\d\d\d (DEBUG|INFO|WARNING|ERROR) +client: ')


def test_a_client_whose_tasks_are_all_done_ends_with_status_0(system):
    system.dispatcher()
    system.calculator('calculator', capacity=4)
    client = system.client(tasks=20, arguments=['--log-level', 'debug'])
    assert client.wait() == 0
    system.balance()
    account = client.account
    assert (account['sent'], account['answered'], account['unanswered']) == (20, 20, 0)
    assert all(type(seconds) is float for seconds in account['response_time_s'].values())
    assert account['duration_s'] >= account['response_time_s']['max'] > 0
    assert client.log and all(LOG_LINE.match(line) for line in client.log.splitlines()), client.log


def test_a_client_whose_tasks_expire_ends_with_status_1(system):
    dispatcher = system.dispatcher()
    client = system.client(tasks=5, task_timeout_s=0.3)
    assert client.wait() == 1
    system.balance()
    account = client.account
    assert account['outcomes']['expired'] == account['unanswered'] == 5
    assert dispatcher.account['outcomes']['expired'] == 5
    assert set(account['response_time_s'].values()) == {None}
    assert 'no calculator was alive' in client.log


def test_a_client_gives_up_without_a_dispatcher_and_stops_after_its_duration(system):
    # The client without a dispatcher takes a few seconds, in parallel with the others.
    nobody = {'host': '127.0.0.1', 'port': a_port_where_nobody_listens()}
    lonely = system.client('lonely', tasks=3, dispatcher=nobody, task_timeout_s=0.1)
    system.dispatcher()
    system.calculator('calculator', capacity=2)
    timed = system.client('timed', arguments=['--duration', '0.7'], task_interval_s=[0.05, 0.05])
    both = system.client('both', tasks=3, arguments=['--duration', '600'])
    assert (timed.wait(), both.wait(), lonely.wait()) == (0, 0, 1)
    system.balance()
    assert timed.account['duration_s'] >= 0.7
    assert timed.account['sent'] == timed.account['answered'] >= 1
    timed.says('stopping: waiting up to 10 s for')
    assert lonely.account['outcomes']['given_up'] == 3
    assert lonely.account['traffic']['datagrams_in'] == 0


def test_a_client_whose_duration_ends_before_its_tasks_ends_with_status_1(system):
    system.dispatcher()
    system.calculator('calculator', capacity=2)
    client = system.client(tasks=1000, arguments=['--duration', '0.3'], task_interval_s=[0.05, 0.05])
    assert client.wait() == 1
    system.balance()
    assert client.account['sent'] == client.account['answered'] < 1000


def test_on_a_terminal_a_live_line_shows_the_progress_until_the_end(system, tmpdir):
    dispatcher = system.dispatcher()
    system.calculator('calculator', capacity=2)
    settings = tmpdir.join('client.json')
    settings.write('{"task_interval_s": [0.05, 0.05]}')
    window = Terminal(['run_client.py', '-s', str(settings), '--dispatcher', '%s:%d' % dispatcher.address])
    live = r'(?m)^sent \d+, answered %s, waiting \d+, response time last [\d.]+ s, mean [\d.]+ s$'
    try:
        for answered in (r'[1-9]\d*', r'[1-9]\d+'):
            assert len(window.shows(live % answered).group()) < 80
        window.signal(signal.SIGINT)
        assert window.wait() == 0
    finally:
        window.dispose()
    text = window.screen.text
    assert 'Stopping: waiting up to' in text and not re.search(live % r'\d+', text)
    # Each record of the log has its own line.
    assert all(len(re.findall(r'\d\d:\d\d:\d\d\.\d\d\d ', line)) <= 1 for line in text.splitlines())
    assert re.search(r'unanswered +0$', text, re.MULTILINE), text
    system.is_balanced = True
