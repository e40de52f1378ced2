"""Waiting tasks: refused when there are too many, taken in turns, and not bound to a calculator."""

from __future__ import absolute_import, division, print_function

from tests.system.processes import eventually


def test_a_full_queue_refuses_and_the_client_comes_again(system):
    dispatcher = system.dispatcher(pending_max=5)
    system.calculator('calculator', capacity=4, task_duration_s=[0.05, 0.1])
    client = system.client(tasks=40, task_interval_s=[0, 0])
    assert client.wait() == 0
    system.balance()
    assert client.account['answered'] == 40
    # Each submit that found no room was refused, and came again.
    assert client.account['counts']['postponed'] >= 20
    assert dispatcher.account['counts']['refused_queue_full'] >= client.account['counts']['postponed']


def test_who_is_refused_until_the_deadline_is_told_so(system):
    dispatcher = system.dispatcher(pending_max=3)
    client = system.client(tasks=10, task_interval_s=[0, 0], task_timeout_s=0.9)
    assert client.wait() == 1
    system.balance()
    # Three may wait, and expire; asking again after a second is too late for the others.
    assert client.account['outcomes']['expired'] == dispatcher.account['outcomes']['expired'] == 3
    assert client.account['outcomes']['refused'] == dispatcher.account['counts']['refused_queue_full'] == 7
    client.says('refused .queue full')


def test_one_client_that_floods_does_not_starve_another(system):
    dispatcher = system.dispatcher()
    flood = system.client('flood', tasks=400, task_interval_s=[0, 0])
    eventually(lambda: dispatcher.status['waiting'] == 400, 'the flood is there')
    small = system.client('small', tasks=10, task_interval_s=[0, 0])
    eventually(lambda: dispatcher.status['waiting'] == 410, 'the others wait behind it')
    system.calculator('calculator', capacity=4, task_duration_s=[0.02, 0.03])
    assert small.wait() == 0
    # They take turns, so when the ten are done some twenty of the flood are, not all that came before.
    assert flood.is_running and dispatcher.status['waiting'] >= 100
    assert flood.wait() == 0
    system.balance()
    assert small.account['response_time_s']['max'] < flood.account['response_time_s']['p50']


def test_calculators_come_and_go_while_tasks_wait(system):
    dispatcher = system.dispatcher()
    client = system.client(tasks=60)
    eventually(lambda: dispatcher.status['waiting'] == 60, 'all tasks wait')
    former = None
    for name, left in (('first', 50), ('second', 40), ('third', 0)):
        latter = system.calculator(name, capacity=2, task_duration_s=[0.03, 0.06])
        if former is not None:
            former.end()
        eventually(lambda: dispatcher.status['waiting'] <= left, '%s works' % name)  # noqa: B023
        former = latter
    assert client.wait() == 0
    system.balance()
    counts = dispatcher.account['counts']
    assert (counts['registered'], counts['left'], counts['died']) == (3, 3, 0)
    assert all(calculator.account['ends']['reported'] >= 1 for calculator in system.of('calculator'))
