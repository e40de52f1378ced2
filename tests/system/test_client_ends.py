"""How a client ends by itself: its exit status and its output."""

from __future__ import absolute_import, division, print_function

import re
import signal

from tests.system.processes import a_port_where_nobody_listens
from tests.system.terminals import Terminal

ENDS = ['cancelled', 'done', 'expired', 'failed', 'given_up', 'refused', 'wrong']
TIMES = ['max', 'mean', 'min', 'p50', 'p95', 'p99']
LOG_LINE = re.compile(r'\d\d:\d\d:\d\d\.\d\d\d (DEBUG|INFO|WARNING|ERROR) +client: ')


def test_all_tasks_answered_is_status_0_and_the_json_says_all(system):
    system.dispatcher()
    system.calculator('calculator', capacity=4)
    client = system.client(tasks=20, arguments=['--log-level', 'debug'])
    assert client.wait() == 0
    system.balance()
    account = client.account
    assert (account['sent'], account['answered'], account['unanswered']) == (20, 20, 0)
    assert sorted(account['outcomes']) == ENDS
    assert sorted(account['response_time_s']) == TIMES
    assert all(type(seconds) is float for seconds in account['response_time_s'].values())
    assert account['duration_s'] >= account['response_time_s']['max'] > 0
    # Results go to one place and the log to the other.
    assert client.log and all(LOG_LINE.match(line) for line in client.log.splitlines()), client.log


def test_tasks_without_a_calculator_expire_and_that_is_status_1(system):
    dispatcher = system.dispatcher()
    client = system.client(tasks=5, task_timeout_s=0.3)
    assert client.wait() == 1
    system.balance()
    account = client.account
    assert account['outcomes']['expired'] == account['unanswered'] == 5
    assert dispatcher.account['outcomes']['expired'] == 5
    assert set(account['response_time_s'].values()) == {None}
    assert 'no calculator was alive' in client.log


def test_one_task_without_a_result_among_others_is_status_1(system):
    system.dispatcher()
    system.calculator('calculator', task_duration_s=[0.5, 0.5])
    client = system.client(tasks=4, task_timeout_s=0.8)
    assert client.wait() == 1
    system.balance()
    account = client.account
    assert account['outcomes']['expired'] >= 1
    assert account['answered'] == 4 - account['outcomes']['expired']


def test_without_a_dispatcher_tasks_are_given_up_and_a_client_for_a_time_ends_at_its_time(system):
    # The one without a dispatcher takes a few seconds, so it runs beside the others.
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
    assert both.account['answered'] == 3
    assert lonely.account['outcomes']['given_up'] == 3
    assert lonely.account['traffic']['datagrams_in'] == 0


def test_a_duration_that_ends_before_all_tasks_are_sent_is_status_1(system):
    system.dispatcher()
    system.calculator('calculator', capacity=2)
    client = system.client(tasks=1000, arguments=['--duration', '0.3'], task_interval_s=[0.05, 0.05])
    assert client.wait() == 1
    system.balance()
    assert client.account['sent'] == client.account['answered'] < 1000


def test_on_a_terminal_one_live_line_shows_progress_and_is_gone_at_the_end(system, tmpdir):
    dispatcher = system.dispatcher()
    system.calculator('calculator', capacity=2)
    settings = tmpdir.join('client.json')
    settings.write('{"task_interval_s": [0.05, 0.05]}')
    window = Terminal(['run_client.py', '-s', str(settings), '--dispatcher', '%s:%d' % dispatcher.address])
    live = r'(?m)^sent \d+, answered %s, waiting \d+, response time last [\d.]+ s, mean [\d.]+ s$'
    try:
        # The line is written again and again.
        for answered in (r'[1-9]\d*', r'[1-9]\d+'):
            assert len(window.shows(live % answered).group()) < 80
        window.signal(signal.SIGINT)
        assert window.wait() == 0
    finally:
        window.dispose()
    text = window.screen.text
    assert 'Stopping: waiting up to' in text and not re.search(live % r'\d+', text)
    # Each line of the log has a line for itself.
    assert all(len(re.findall(r'\d\d:\d\d:\d\d\.\d\d\d ', line)) <= 1 for line in text.splitlines())
    assert re.search(r'unanswered +0$', text, re.MULTILINE), text
    system.is_balanced = True
