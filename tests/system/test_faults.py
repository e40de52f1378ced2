"""Calculators and dispatchers are killed or break down while they work; every task has one right result."""

from __future__ import absolute_import, division, print_function

import sys

import pytest

from runtime.clock import monotonic
from runtime.event_files import events_of
from tests.system.processes import eventually

#: Longer than any test lasts.
FOREVER_S = 600

#: The promise on an idle machine, with the default settings.
ELSEWHERE_S = 1.0


def test_all_tasks_are_done_although_two_of_three_calculators_are_killed(system):
    # The first two calculators never finish a task, so all their slots are in use when they are killed.
    dispatcher = system.dispatcher(answer_timeout_s=FOREVER_S, task_timeout_s=FOREVER_S)
    calculators = system.calculators('ab', capacity=4, task_duration_s=[FOREVER_S, FOREVER_S], heartbeat_interval_s=0.4)
    client = system.client(tasks=200, task_timeout_s=FOREVER_S)
    eventually(lambda: dispatcher.status['running'] == 8, 'all slots are in use')
    system.calculator('calculator-c', capacity=4, heartbeat_interval_s=2)
    dispatcher.says('registered from', times=3)
    calculators[0].kill()
    dispatcher.says('calculator-a is suspect .no process listens at its address. and holds 4 tasks')
    calculators[1].kill()
    assert client.wait() == 0
    dispatcher.says('calculator-[ab] is dead', times=2)
    system.balance()
    account = dispatcher.account
    assert account['accepted'] == account['outcomes']['done'] == 200
    assert account['attempts']['not_listening'] == client.account['further_attempts'] == 8
    assert (account['counts']['died'], account['counts']['left']) == (2, 1)


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='only Linux reports that no process listens')
def test_the_tasks_of_a_killed_calculator_run_elsewhere_within_a_second(system, tmpdir):
    system.is_balanced = True
    events = tmpdir.join('events')
    dispatcher = system.dispatcher(arguments=['--events', str(events)])
    # The default interval of heartbeats.
    slow = {'capacity': 3, 'task_duration_s': [FOREVER_S, FOREVER_S], 'heartbeat_interval_s': 1}
    first = system.calculator('calculator-a', **slow)
    system.client(tasks=3, task_interval_s=[0, 0])
    eventually(lambda: dispatcher.status['running'] == 3, 'all tasks run')
    system.calculator('calculator-b', **slow)
    dispatcher.says('calculator-b registered')
    killed_at = monotonic()
    first.kill()

    def assigned_at():
        return [event.time for event in events_of(str(events))
                if event.kind == 'assigned' and event.facts['attempt'] == 2]
    eventually(lambda: len(assigned_at()) == 3, 'all tasks are reassigned')
    assert max(assigned_at()) - killed_at <= 3 * ELSEWHERE_S
    eventually(lambda: dispatcher.status['running'] == 3, 'all tasks run elsewhere')


def test_two_calculators_with_one_name_and_the_dispatcher_log_a_warning(system):
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
    dispatcher.says('calculator calculator is back', times=2)
    assert system.client('second', tasks=10).wait() == 0
    system.balance()
    assert (newer.account['assigned'], older.account['assigned']) == (10, 10)


def test_after_a_restart_of_the_dispatcher_all_tasks_are_done(system):
    dispatcher = system.dispatcher()
    system.calculators('ab', capacity=2, task_duration_s=[0.1, 0.15])
    dispatcher.says('registered from', times=2)
    client = system.client(tasks=60, task_interval_s=[0.01, 0.03])
    eventually(lambda: dispatcher.status['waiting'] >= 10 and dispatcher.status['running'] == 4, 'tasks wait and run')
    dispatcher.kill()
    second = system.restart(dispatcher)
    assert client.wait() == 0
    client.says('the dispatcher restarted; resubmitting')
    system.balance()
    account = second.account
    # The restarted dispatcher adopts attempts that run, and assigns the other tasks.
    assert account['accepted'] == account['outcomes']['done'] >= 10
    assert client.account['counts']['dispatcher_restarts'] == 1


@pytest.mark.parametrize('kind, word', [('freeze', 'freezes'), ('crash', 'crashes')])
def test_all_tasks_are_done_although_calculators_have_many_outages(system, kind, word):
    outage = {'check_interval_s': 0.2, 'probability': 0.5, 'duration_s': [0.1, 0.8], 'kind': kind}
    dispatcher = system.dispatcher(attempts_max=1000, answer_timeout_s=2)
    calculators = system.calculators('abcd', capacity=3, task_duration_s=[0.05, 0.15], heartbeat_interval_s=0.1,
                                     outage=outage)
    assert system.client(tasks=100).wait() == 0
    system.balance()
    outages = sum(calculator.account['counts'][word] for calculator in calculators)
    assert outages >= 4
    assert kind == 'freeze' or dispatcher.account['counts']['returned'] >= 1
