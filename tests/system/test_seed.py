"""The same seed draws the same tasks; the incarnation is never drawn from it."""

from __future__ import absolute_import, division, print_function

import sys

import pytest

from net_protocol.rows import DISPATCHER
from tests.system.strangers import Actor

TASKS = 12


@pytest.fixture
def submits(system):
    """A function that starts a client with these arguments and returns the payloads of its first tasks, and its
    incarnation, as a dispatcher sees them that only listens.
    """
    # A dispatcher without outcomes has no accounts, and its clients are killed.
    system.is_balanced = True

    def run(arguments, python=sys.executable):
        with Actor(DISPATCHER) as dispatcher:
            system.address = dispatcher.address
            client = system.client(tasks=TASKS, arguments=arguments, python=python, task_interval_s=[0, 0.001])
            dispatcher.until(lambda: len(dispatcher.received.get('submit', ())) >= TASKS, 'each task is submitted')
            client.dispose()
            payloads = {number: payload for number, payload, _ in dispatcher.received['submit']}
            assert sorted(payloads) == list(range(1, TASKS + 1))
            return [payloads[number] for number in sorted(payloads)], dispatcher.incarnations.pop()
    return run


def test_two_clients_with_one_seed_submit_the_same_as_two_incarnations(submits):
    first, first_incarnation = submits(['--seed', '7'])
    second, second_incarnation = submits(['--seed', '7'])
    other, _ = submits(['--seed', '8'])
    unseeded, _ = submits([])
    assert first == second
    assert len(set(first)) == TASKS
    assert first_incarnation != second_incarnation
    assert len({first[0], other[0], unseeded[0]}) == 3


def test_a_seed_means_the_same_on_another_python(submits, other):
    mine, _ = submits(['--seed', '7'])
    its, _ = submits(['--seed', '7'], other)
    assert mine == its
