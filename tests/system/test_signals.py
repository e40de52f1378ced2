"""After one signal a process drains, after a second one it ends at once; it always prints its account."""

from __future__ import absolute_import, division, print_function

import re
import signal

import pytest

from runtime.event_files import events_of
from tests.system.processes import eventually

#: Longer than any test.
FOREVER_S = 3600


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP],
                         ids=['SIGINT', 'SIGTERM', 'SIGHUP'])
def test_an_idle_process_ends_at_the_first_signal_with_its_account(system, number):
    dispatcher = system.dispatcher(drain_timeout_s=FOREVER_S)
    calculator = system.calculator('calculator', drain_timeout_s=FOREVER_S)
    client = system.client(task_interval_s=[FOREVER_S, FOREVER_S], drain_timeout_s=FOREVER_S)
    dispatcher.says('calculator registered')
    assert client.address
    for process in (client, calculator, dispatcher):
        process.signal(number)
        assert process.wait() == 0
        process.says('stopping')
    assert client.account['sent'] == calculator.account['assigned'] == dispatcher.account['accepted'] == 0
    assert dispatcher.account['calculators']['left'] == 1
    system.balance()


def test_a_client_that_drains_sends_no_new_tasks_and_waits_for_those_it_sent(system):
    dispatcher = system.dispatcher()
    system.calculator('calculator', capacity=4, task_duration_s=[0.1, 0.2])
    client = system.client(task_interval_s=[0.01, 0.02])
    eventually(lambda: dispatcher.status['running'] == 4 and dispatcher.status['waiting'] > 2, 'tasks wait and run')
    client.signal(signal.SIGINT)
    waiting = int(client.says(r'stopping: waiting up to \S+ s for (\d+) task').group(1))
    assert client.wait() == 0
    system.balance()
    assert waiting >= 4
    assert client.account['answered'] == client.account['sent'] == dispatcher.account['accepted']


def test_a_calculator_that_drains_finishes_its_tasks_and_leaves_waiting_ones_to_others(system):
    dispatcher = system.dispatcher()
    first = system.calculator('first', capacity=2, task_duration_s=[0.3, 0.6])
    client = system.client(tasks=12)
    eventually(lambda: dispatcher.status['running'] == 2 and dispatcher.status['waiting'] >= 6, 'two tasks run')
    first.signal(signal.SIGTERM)
    first.says('stopping: waiting up to .* s for [12] task')
    assert first.wait() == 0
    dispatcher.says('calculator first left')
    eventually(lambda: (dispatcher.status['running'], dispatcher.status['alive']) == (0, 0), 'no calculator is alive')
    assert dispatcher.status['waiting'] > 0
    second = system.calculator('second', capacity=2)
    assert client.wait() == 0
    system.balance()
    reported = first.account['ends']['reported']
    assert first.account['assigned'] == reported >= 2
    assert second.account['ends']['reported'] == 12 - reported
    assert dispatcher.account['attempts']['calculator_left'] == 0


def test_a_dispatcher_that_drains_waits_for_running_tasks_and_the_next_incarnation_does_the_others(system):
    dispatcher = system.dispatcher(drain_timeout_s=FOREVER_S)
    system.calculators('ab', capacity=2, task_duration_s=[0.2, 0.4])
    client = system.client(tasks=50, task_interval_s=[0.01, 0.03])
    eventually(lambda: dispatcher.status['running'] == 4 and dispatcher.status['waiting'] > 2, 'tasks wait and run')
    dispatcher.signal(signal.SIGTERM)
    dispatcher.says('stopping: waiting up to .* s for 4 tasks that run')
    assert dispatcher.wait() == 0
    account = dispatcher.account
    assert account['running'] == 0 and account['waiting'] > 2
    assert account['outcomes']['done'] >= 4
    second = system.restart(dispatcher)
    assert client.wait() == 0
    system.balance()
    assert second.account['outcomes']['done'] == 50 - account['outcomes']['done']


def test_a_second_signal_ends_a_process_with_tasks_at_once(system, tmpdir):
    patient = {'drain_timeout_s': FOREVER_S}
    dispatcher = system.dispatcher(answer_timeout_s=FOREVER_S, task_timeout_s=FOREVER_S, **patient)
    # With this interval the calculator is not dead before the end of the test.
    calculator = system.calculator('calculator', capacity=3, task_duration_s=[FOREVER_S, FOREVER_S],
                                   heartbeat_interval_s=60, **patient)
    events = str(tmpdir.join('events'))
    client = system.client(in_flight_max=45, task_interval_s=[0, 0], task_timeout_s=FOREVER_S,
                           arguments=['--events', events], **patient)
    eventually(lambda: (dispatcher.status['running'], dispatcher.status['waiting']) == (3, 42), 'all are accepted')
    for process in (client, calculator, dispatcher):
        process.was_hurried = True
        process.signal(signal.SIGINT)
        process.says('stopping')
        assert process.is_running
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
    assert client.account['outcomes']['given_up'] == client.account['sent'] == 45
    assert calculator.account['running'] == 3
    assert (dispatcher.account['running'], dispatcher.account['waiting']) == (3, 42)
    system.balance()
    # Each task that the client gave up has an event.
    ids = {kind: sorted(event.facts['task_id'] for event in events_of(events) if event.kind == kind)
           for kind in ('sent', 'unanswered')}
    assert len(ids['sent']) == 45
    assert ids['unanswered'] == ids['sent']
    # The log has some of these tasks, and the number of the others.
    written = sum('the client was stopped' in line for line in client.log.splitlines())
    left_out = sum(int(count) for count in re.findall(r'\((\d+) more lines? like the last "unanswered"\)', client.log))
    assert 0 < written < 45
    assert written + left_out == 45
