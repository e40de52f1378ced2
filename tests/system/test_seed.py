"""A seed repeats the tasks of a client, but not its incarnation."""

from __future__ import absolute_import, division, print_function

from net_protocol.rows import DISPATCHER
from tests.system.strangers import Actor

TASKS = 12


def submitted(system, arguments):
    """Start a client with a dispatcher that only listens; returns the payloads of its tasks, and its incarnation."""
    with Actor(DISPATCHER) as dispatcher:
        system.address = dispatcher.address
        client = system.client(tasks=TASKS, arguments=arguments, task_interval_s=[0, 0.001])
        dispatcher.until(lambda: len(dispatcher.received.get('submit', ())) >= TASKS, 'each task is submitted')
        client.dispose()
        payloads = {number: payload for number, payload, _ in dispatcher.received['submit']}
        assert sorted(payloads) == list(range(1, TASKS + 1))
        return [payloads[number] for number in sorted(payloads)], dispatcher.incarnations.pop()


def test_two_incarnations_with_one_seed_submit_the_same_tasks(system):
    # A dispatcher that only listens has no account.
    system.is_balanced = True
    first, first_incarnation = submitted(system, ['--seed', '7'])
    second, second_incarnation = submitted(system, ['--seed', '7'])
    other, _ = submitted(system, ['--seed', '8'])
    unseeded, _ = submitted(system, [])
    assert first == second
    assert len(set(first)) == TASKS
    assert first_incarnation != second_incarnation
    assert len({first[0], other[0], unseeded[0]}) == 3
