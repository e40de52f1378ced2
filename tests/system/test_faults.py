"""Processes are killed, suspended and broken while they work; every task still gets its one right answer."""

from __future__ import absolute_import, division, print_function

import sys

import pytest

from runtime.clock import monotonic
from runtime.event_files import events_of
from tests.system.processes import eventually

#: A task may be begun often here.
ATTEMPTS_MAX = 1000

#: Longer than any test lasts.
FOREVER_S = 600

#: The goal for the tasks of a killed calculator on a quiet machine, with the default settings.
GOAL_ELSEWHERE_S = 1.0


def all_answered(client, tasks):
    """Wait for a client that was asked for ``tasks`` tasks, and hold it to all of them."""
    assert client.wait() == 0
    assert client.account['sent'] == client.account['answered'] == client.account['outcomes']['done'] == tasks


def test_200_tasks_outlive_two_of_three_calculators(system):
    # The first two never finish a task, so both die with their hands full, however late that is noticed.
    dispatcher = system.dispatcher(answer_timeout_s=FOREVER_S, task_timeout_s=FOREVER_S)
    calculators = [system.calculator('calculator-%s' % letter, capacity=4, task_duration_s=[FOREVER_S, FOREVER_S],
                                     heartbeat_interval_s=0.4) for letter in 'ab']
    client = system.client(tasks=200, task_timeout_s=FOREVER_S)
    eventually(lambda: dispatcher.status['running'] == 8, 'both have their hands full')
    system.calculator('calculator-c', capacity=4, heartbeat_interval_s=2)
    dispatcher.says('registered from', times=3)
    calculators[0].kill()
    dispatcher.says('calculator-a is suspect .no process listens at its address. and holds 4 tasks')
    calculators[1].kill()
    all_answered(client, 200)
    dispatcher.says('calculator-[ab] is dead', times=2)
    system.balance()
    account = dispatcher.account
    assert account['accepted'] == account['outcomes']['done'] == 200
    assert account['attempts']['not_listening'] == client.account['further_attempts'] == 8
    assert (account['counts']['died'], account['counts']['left']) == (2, 1)


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='only Linux reports that nobody listens at an address')
def test_the_tasks_of_a_killed_calculator_soon_run_elsewhere(system, tmpdir):
    events = tmpdir.join('events')
    dispatcher = system.dispatcher(arguments=['--events', str(events)])
    # Heartbeats as by default.
    slow = {'capacity': 3, 'task_duration_s': [FOREVER_S, FOREVER_S], 'heartbeat_interval_s': 1}
    first = system.calculator('calculator-a', **slow)
    system.client(tasks=3, task_interval_s=[0, 0])
    eventually(lambda: dispatcher.status['running'] == 3, 'it has its tasks')
    system.calculator('calculator-b', **slow)
    dispatcher.says('calculator-b registered')
    killed_at = monotonic()
    first.kill()

    def assigned_at():
        return [event.time for event in events_of(str(events))
                if event.kind == 'assigned' and event.facts['attempt'] == 2]
    eventually(lambda: len(assigned_at()) == 3, 'they are assigned again')
    assert max(assigned_at()) - killed_at <= 3 * GOAL_ELSEWHERE_S
    eventually(lambda: dispatcher.status['running'] == 3, 'they run')
    # They would run for ever.
    system.is_balanced = True


def test_two_calculators_with_one_name_both_log_it(system):
    dispatcher = system.dispatcher()
    older = system.calculator('calculator', capacity=2)
    dispatcher.says('calculator calculator registered')
    newer = system.calculator('calculator', capacity=2)
    older.says('WARNING .*Another calculator named calculator is registered, so this one gets no tasks')
    newer.says('WARNING .*Another calculator named calculator runs')
    dispatcher.says('WARNING .*Calculator calculator was at %s:%d and is at %s:%d now. .*they share a name' % (
        older.address + newer.address))
    assert system.client('first', tasks=10).wait() == 0
    newer.end()
    # Now the name is free.
    dispatcher.says('calculator calculator is back', times=2)
    assert system.client('second', tasks=10).wait() == 0
    system.balance()
    assert (newer.account['assigned'], older.account['assigned']) == (10, 10)


def test_a_dispatcher_killed_with_tasks_out_finds_them_again(system):
    dispatcher = system.dispatcher()
    for letter in 'ab':
        system.calculator('calculator-%s' % letter, capacity=2, task_duration_s=[0.1, 0.15])
    dispatcher.says('registered from', times=2)
    client = system.client(tasks=60, task_interval_s=[0.01, 0.03])
    eventually(lambda: dispatcher.status['waiting'] >= 10 and dispatcher.status['running'] == 4, 'tasks are out')
    dispatcher.kill()
    second = system.again(dispatcher)
    all_answered(client, 60)
    client.says('the dispatcher restarted; resubmitting')
    system.balance()
    account = second.account
    # What the first one did not answer is done by the second, begun anew or adopted where it still ran.
    assert account['accepted'] == account['outcomes']['done'] >= 10
    assert client.account['counts']['dispatcher_restarts'] == 1


@pytest.mark.parametrize('kind, word', [('freeze', 'freezes'), ('crash', 'crashes')])
def test_calculators_that_break_down_all_the_time_still_get_everything_done(system, kind, word):
    outage = {'check_interval_s': 0.2, 'probability': 0.5, 'duration_s': [0.1, 0.8], 'kind': kind}
    dispatcher = system.dispatcher(attempts_max=ATTEMPTS_MAX, answer_timeout_s=2)
    calculators = [system.calculator('calculator-%s' % letter, capacity=3, task_duration_s=[0.05, 0.15],
                                     heartbeat_interval_s=0.1, outage=outage) for letter in 'abcd']
    client = system.client(tasks=100)
    all_answered(client, 100)
    system.balance()
    outages = sum(calculator.account['counts'][word] for calculator in calculators)
    assert outages >= 4
    assert kind == 'freeze' or dispatcher.account['counts']['returned'] >= 1
