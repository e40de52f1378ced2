"""Waiting tasks: refused when there are too many, taken in turns, and not bound to a calculator."""

from __future__ import absolute_import, division, print_function

from tests.system.processes import eventually


def test_who_is_refused_until_the_deadline_is_told_so(system):
    dispatcher = system.dispatcher(pending_max=3)
    client = system.client(tasks=10, task_interval_s=[0, 0], task_timeout_s=0.9)
    assert client.wait() == 1
    system.balance()
    # Three may wait, and expire; asking again after a second is too late for the others.
    assert client.account['outcomes']['expired'] == dispatcher.account['outcomes']['expired'] == 3
    assert client.account['outcomes']['refused'] == dispatcher.account['counts']['refused_queue_full'] == 7
    client.says('refused .the queue was full')


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
