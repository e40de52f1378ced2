"""Many clients, many tasks, and how many rows share a datagram under load."""

from __future__ import absolute_import, division, print_function

from tests.system.processes import eventually

#: In datagrams with rows, where hundreds of tasks are out; acknowledgements that travel alone have none.
ROWS_PER_DATAGRAM_MIN = 2


def test_one_client_with_2000_tasks_out_gets_them_all(system):
    dispatcher = system.dispatcher()
    client = system.client(tasks=2000, in_flight_max=2000, task_interval_s=[0, 0])
    eventually(lambda: dispatcher.status['waiting'] == 2000, 'they all wait')
    for letter in 'ab':
        system.calculator('calculator-%s' % letter, capacity=200, task_duration_s=[0.05, 0.1])
    assert client.wait() == 0
    system.balance()
    assert client.account['answered'] == dispatcher.account['outcomes']['done'] == 2000


def test_under_load_a_datagram_carries_several_rows(system):
    system.dispatcher()
    for letter in 'ab':
        # Heartbeats travel alone; they are as rare as they are by default.
        system.calculator('calculator-%s' % letter, capacity=50, task_duration_s=[0, 0], heartbeat_interval_s=1)
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
