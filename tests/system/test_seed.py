"""The same seed draws the same tasks; the incarnation is never drawn from it."""

from __future__ import absolute_import, division, print_function

import sys

import pytest

from net_protocol.messages import Submit
from tests.system.interpreters import find_other
from tests.system.processes import eventually
from tests.system.strangers import Stranger

TASKS = 12


@pytest.fixture
def submits(system):
    """A function that starts a client with these arguments and returns the payloads of its first tasks in their order,
    and its incarnation, as they are seen by a dispatcher that only listens.
    """
    # A dispatcher that does not answer has no accounts, and its clients are ended without asking.
    system.is_balanced = True

    def run(arguments, python=sys.executable):
        payloads = {}
        lives = set()
        with Stranger('dispatcher') as dispatcher:
            system.address = dispatcher.address
            client = system.client(tasks=TASKS, arguments=arguments, python=python, task_interval_s=[0, 0.001])

            def all_have_come():
                found = dispatcher.listen(0)
                for message in found[0].messages if found else ():
                    assert type(message) is Submit
                    _, life, number = message.task_id.split(':')
                    lives.add(life)
                    assert payloads.setdefault(int(number), message.payload) == message.payload, 'a resend differs'
                return len(payloads) == TASKS
            eventually(all_have_come, 'each task is submitted once')
            client.dispose()
        return [payloads[number] for number in range(1, TASKS + 1)], lives.pop()
    return run


def test_two_clients_with_one_seed_submit_the_same_in_two_lives(submits):
    first, first_life = submits(['--seed', '7'])
    second, second_life = submits(['--seed', '7'])
    other, _ = submits(['--seed', '8'])
    unseeded, _ = submits([])
    assert first == second and len(set(first)) == TASKS
    assert first_life != second_life
    assert first[0] != other[0] and first[0] != unseeded[0] and unseeded[0] != other[0]


def test_a_seed_means_the_same_on_another_python(submits):
    other = find_other()
    if other is None:
        pytest.skip('no other Python on this machine')
    mine, _ = submits(['--seed', '7'])
    its, _ = submits(['--seed', '7'], other)
    assert mine == its
