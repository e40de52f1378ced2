"""Many tasks, large payloads, and tasks that wait."""

from __future__ import absolute_import, division, print_function

from tests.system.processes import eventually

#: The mean of datagrams with rows while hundreds of tasks are unfinished.
ROWS_PER_DATAGRAM_MIN = 2


def test_2000_tasks_of_one_client_wait_and_are_done(system):
    dispatcher = system.dispatcher()
    client = system.client(tasks=2000, in_flight_max=2000, task_interval_s=[0, 0])
    eventually(lambda: dispatcher.status['waiting'] == 2000, 'all tasks wait')
    system.calculators('ab', capacity=200, task_duration_s=[0.05, 0.1])
    assert client.wait() == 0
    system.balance()


def test_under_load_a_datagram_carries_several_rows(system):
    dispatcher = system.dispatcher()
    # A heartbeat has its own datagram, so this is the default interval.
    system.calculators('ab', capacity=50, task_duration_s=[0, 0], heartbeat_interval_s=1)
    dispatcher.says('registered from', times=2)
    client = system.client(tasks=3000, in_flight_max=400, task_interval_s=[0, 0])
    assert client.wait() == 0
    system.balance()
    for process in system.processes:
        traffic = process.account['traffic']
        assert traffic['rows_per_datagram_in'] > ROWS_PER_DATAGRAM_MIN, process
        assert traffic['rows_per_datagram_out'] > ROWS_PER_DATAGRAM_MIN, process


def test_payloads_of_any_size_up_to_the_limit_arrive(system):
    system.dispatcher()
    system.calculator('calculator', capacity=8)
    sizes = [0, 1, 1300, 1500, 59998]
    clients = [system.client('client-%d' % size, tasks=4, payload_bytes=size) for size in sizes]
    assert [client.wait() for client in clients] == [0] * len(sizes)
    system.balance()


def test_the_outcome_of_a_task_that_is_refused_until_its_deadline_is_refused(system):
    dispatcher = system.dispatcher(pending_max=3)
    client = system.client(tasks=10, task_interval_s=[0, 0], task_timeout_s=0.9)
    assert client.wait() == 1
    system.balance()
    # Three tasks wait and expire. A refusal advises to submit again after a second, too late for the other tasks.
    assert client.account['outcomes']['expired'] == dispatcher.account['outcomes']['expired'] == 3
    assert client.account['outcomes']['refused'] == dispatcher.account['counts']['refused_queue_full'] == 7
    client.says('refused .the queue was full')


def test_waiting_tasks_are_done_while_calculators_register_and_leave(system):
    dispatcher = system.dispatcher()
    client = system.client(tasks=60)
    eventually(lambda: dispatcher.status['waiting'] == 60, 'all tasks wait')
    for waiting in (50, 40, 0):
        former = system.of('calculator')
        system.calculator('calculator-%d' % waiting, capacity=2, task_duration_s=[0.03, 0.06])
        for calculator in former:
            calculator.end()
        eventually(lambda: dispatcher.status['waiting'] <= waiting, 'the new calculator works')  # noqa: B023
    assert client.wait() == 0
    system.balance()
    counts = dispatcher.account['counts']
    assert (counts['registered'], counts['left'], counts['died']) == (3, 3, 0)
    assert all(calculator.account['ends']['reported'] >= 1 for calculator in system.of('calculator'))
