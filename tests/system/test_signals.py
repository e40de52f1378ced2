"""SIGINT, SIGTERM, SIGHUP, once and twice, at idle and at work: a soft end, an end at once, and always the accounts."""

from __future__ import absolute_import, division, print_function

import re
import signal

import pytest

from runtime.event_files import events_of
from tests.system.processes import eventually

SIGNALS = pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM], ids=['SIGINT', 'SIGTERM'])

#: Longer than any test waits: what depends on it has not happened.
FOR_EVER_S = 3600


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP],
                         ids=['SIGINT', 'SIGTERM', 'SIGHUP'])
def test_an_idle_process_ends_at_the_first_signal_with_its_account(system, number):
    dispatcher = system.dispatcher(drain_timeout_s=FOR_EVER_S)
    calculator = system.calculator('calculator', drain_timeout_s=FOR_EVER_S)
    client = system.client(task_interval_s=[FOR_EVER_S, FOR_EVER_S], drain_timeout_s=FOR_EVER_S)
    dispatcher.says('calculator registered')
    assert client.address
    for process in (client, calculator, dispatcher):
        process.signal(number)
        assert process.wait() == 0
        process.says('stopping')
    assert client.account['sent'] == calculator.account['assigned'] == dispatcher.account['accepted'] == 0
    assert dispatcher.account['calculators']['left'] == 1
    system.balance()


@SIGNALS
def test_a_client_at_work_sends_nothing_new_and_waits_for_what_is_out(system, number):
    dispatcher = system.dispatcher()
    system.calculator('calculator', capacity=4, task_duration_s=[0.1, 0.2])
    client = system.client(task_interval_s=[0.01, 0.02])
    eventually(lambda: dispatcher.status['running'] == 4 and dispatcher.status['waiting'] > 2, 'tasks are out')
    client.signal(number)
    waiting = int(client.says(r'stopping: waiting up to \S+ s for (\d+) task').group(1))
    assert client.wait() == 0
    account = client.account
    assert waiting >= 4
    assert account['answered'] == account['sent'] == dispatcher_accepted(system)


def dispatcher_accepted(system):
    """End all and balance; what the only dispatcher accepted."""
    system.balance()
    return system.of('dispatcher')[0].account['accepted']


def test_a_calculator_that_drains_finishes_what_it_has_and_another_takes_over(system):
    dispatcher = system.dispatcher()
    first = system.calculator('first', capacity=2, task_duration_s=[0.3, 0.6])
    client = system.client(tasks=12)
    eventually(lambda: dispatcher.status['running'] == 2 and dispatcher.status['waiting'] >= 6, 'it has two tasks')
    first.signal(signal.SIGTERM)
    first.says('stopping: waiting up to .* s for [12] task')
    assert first.wait() == 0
    dispatcher.says('calculator first left')
    eventually(lambda: (dispatcher.status['running'], dispatcher.status['alive']) == (0, 0), 'nobody is there')
    assert dispatcher.status['waiting'] > 0
    second = system.calculator('second', capacity=2)
    assert client.wait() == 0
    system.balance()
    reported = first.account['ends']['reported']
    assert first.account['assigned'] == reported >= 2
    assert second.account['ends']['reported'] == 12 - reported
    assert dispatcher.account['attempts']['calculator_left'] == 0


def test_a_dispatcher_that_drains_lets_run_what_runs_and_its_successor_does_the_rest(system):
    dispatcher = system.dispatcher(drain_timeout_s=FOR_EVER_S)
    for letter in 'ab':
        system.calculator('calculator-%s' % letter, capacity=2, task_duration_s=[0.2, 0.4])
    client = system.client(tasks=50, task_interval_s=[0.01, 0.03])
    eventually(lambda: dispatcher.status['running'] == 4 and dispatcher.status['waiting'] > 2, 'tasks are out')
    dispatcher.signal(signal.SIGTERM)
    dispatcher.says('stopping: waiting up to .* s for 4 tasks that run')
    assert dispatcher.wait() == 0
    account = dispatcher.account
    assert account['running'] == 0 and account['waiting'] > 2
    assert account['outcomes']['done'] >= 4
    second = system.again(dispatcher)
    assert client.wait() == 0
    system.balance()
    assert second.account['outcomes']['done'] == 50 - account['outcomes']['done']


@SIGNALS
def test_a_second_signal_ends_a_process_at_work_at_once(system, number):
    patient = {'drain_timeout_s': FOR_EVER_S}
    dispatcher = system.dispatcher(answer_timeout_s=FOR_EVER_S, task_timeout_s=FOR_EVER_S, **patient)
    # Nobody is declared dead here, and nobody leaves.
    calculator = system.calculator('calculator', capacity=3, task_duration_s=[FOR_EVER_S, FOR_EVER_S],
                                   heartbeat_interval_s=60, **patient)
    client = system.client(in_flight_max=5, task_interval_s=[0, 0], task_timeout_s=FOR_EVER_S, **patient)
    eventually(lambda: (dispatcher.status['running'], dispatcher.status['waiting']) == (3, 2), 'five are out')
    for process in (client, calculator, dispatcher):
        process.was_hurried = True
        process.signal(number)
        process.says('stopping')
        assert process.is_running
        process.signal(number)
        assert process.wait() == 0
    assert client.account['outcomes']['given_up'] == client.account['sent'] == 5
    assert calculator.account['running'] == 3
    assert (dispatcher.account['running'], dispatcher.account['waiting']) == (3, 2)
    system.balance()


@SIGNALS
def test_what_a_client_gives_up_when_it_ends_at_once_is_an_event_like_everything_else(system, number, tmpdir):
    dispatcher = system.dispatcher()
    path = tmpdir.join('events')
    client = system.client(in_flight_max=45, task_interval_s=[0, 0], task_timeout_s=FOR_EVER_S,
                           drain_timeout_s=FOR_EVER_S, arguments=['--events', str(path)])
    eventually(lambda: dispatcher.status['waiting'] == 45, 'all are out')
    client.was_hurried = dispatcher.was_hurried = True
    client.signal(number)
    client.says('stopping')
    client.signal(number)
    assert client.wait() == 0
    ids = {kind: sorted(event.facts['task_id'] for event in events_of(str(path)) if event.kind == kind)
           for kind in ('sent', 'unanswered')}
    assert len(ids['sent']) == client.account['outcomes']['given_up'] == 45
    assert ids['unanswered'] == ids['sent']
    # The log has a few of them, and says how many it leaves out.
    lines = client.log.splitlines()
    written = sum('the client was stopped' in line for line in lines)
    left_out = sum(int(count) for count in re.findall(r'\((\d+) more lines? like the last "unanswered"\)', client.log))
    assert 0 < written < 45
    assert written + left_out == 45
    system.balance()


def test_without_json_the_last_words_are_for_people(system):
    dispatcher = system.start('dispatcher', 'dispatcher', {}, [])
    system.address = dispatcher.address
    calculator = system.start('calculator', 'calculator', {'capacity': 2}, [])
    client = system.start('client', 'client', {'in_flight_max': 10, 'task_interval_s': [0, 0]}, [])
    eventually(lambda: dispatcher.status['running'] == 2, 'tasks run')
    for process in (client, calculator):
        process.signal(signal.SIGINT)
        assert process.wait() == 0
    sent = int(client.output.split()[1])
    assert re.search(r'answered +%d .*\nunanswered +0\nresponse time, s +min ' % sent, client.output)
    assert re.search(r'tasks taken +%d +reported %d, revoked 0' % (sent, sent), calculator.output)
    assert dispatcher.end() == 0
    assert sent >= 2
    assert re.search(r'tasks accepted +%d +done %d, failed 0, expired 0, cancelled 0, waiting 0, running 0\n' % (
        sent, sent), dispatcher.output)
    # The accounts are in words.
    system.is_balanced = True
