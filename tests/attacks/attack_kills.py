"""Processes that are killed at every moment of their work. No accepted task may be lost.

The victim is killed at one system call after the other and restarted at once, while the other processes run on. At the
end the events of all processes are audited.
"""

from __future__ import absolute_import, division, print_function

import pytest

from dispatcher.tasks import NEW_INCARNATION
from tests.attacks.sweeps import FURTHER, Sweep
from tests.system import accounts
from tests.system.processes import CALCULATOR, CLIENT, DISPATCHER, eventually

pytestmark = [pytest.mark.needs('strace'), pytest.mark.timeout(900)]

SWEPT = ('sendto', 'recvfrom', 'write', 'pselect6')
#: How often two processes are killed together.
DOUBLE_KILLS = 10


def sweep(victim, say, share=1.0, caught_up=None):
    """Kill the victim at each call of the sweep.

    Now and then it runs until its log matches ``caught_up``: with a long backlog it would always be killed over that.
    """
    made = Sweep(victim)
    for when in made.rounds(share):
        for call in FURTHER if made.is_further else SWEPT:
            made.kill_at(call, when)
        if caught_up is not None:
            victim.run_until_says(caught_up)
    made.check(say)


def test_a_dispatcher_killed_at_every_moment_loses_no_task_that_clients_resubmit(world, python, say):
    dispatcher = world.victim(DISPATCHER, 'dispatcher', python=python, drain_timeout_s=2)
    # Tasks last longer than a submit waits for its acknowledgement, so that moment D3 occurs.
    calculators = [world.start(CALCULATOR, name, capacity=4, heartbeat_interval_s=0.05, task_duration_s=[0.03, 0.06])
                   for name in ('calculator-a', 'calculator-b')]
    client = world.client()
    sweep(dispatcher, say, caught_up=r'waiting 0, running [0-3], calculators alive 2')
    dispatcher.start()
    world.end_client(client)
    world.end_calculators(*calculators)
    account = dispatcher.end()
    accounts.check_dispatcher(account)
    assert account['waiting'] == account['running'] == 0
    assert 'Traceback' not in dispatcher.log
    answered = world.audit_all_answered(['client'], {'calculator-a': 4, 'calculator-b': 4})
    say('    %d tasks, all answered; %d incarnations' % (answered, dispatcher.starts))


def test_a_calculator_killed_at_every_moment_loses_no_task(world, python, say):
    kill_a_calculator(world, python, say)


def kill_a_calculator(world, python, say, share=1.0, pace_s=(0.01, 0.03), **settings):
    """``pace_s``: the intervals of the client's tasks. ``settings``: of the dispatcher."""
    dispatcher = world.start(DISPATCHER, 'dispatcher', drain_timeout_s=2, attempts_max=1000, **settings)
    steady = world.start(CALCULATOR, 'steady')
    victim = world.victim(CALCULATOR, 'victim', python=python, capacity=2, heartbeat_interval_s=0.1)
    client = world.client(task_interval_s=list(pace_s))
    steady.says('listening')
    sweep(victim, say, share)
    victim.start()
    world.end_client(client)
    accounts.check_calculator(victim.end(), False)
    assert 'Traceback' not in victim.log
    steady.end()
    dispatcher.end()
    accounts.check_dispatcher(dispatcher.account)
    attempts = dispatcher.account['attempts']
    lost = attempts[NEW_INCARNATION] + attempts['dead_calculator']
    answered = world.audit_all_answered(['client'], {'steady': 1, 'victim': 2})
    assert dispatcher.account['outcomes']['done'] == client.account['sent']
    assert lost >= 10 and attempts[NEW_INCARNATION] > 0, 'the victim held too few attempts'
    say('    %d tasks, all answered; %d attempts lost (%d detected by a new incarnation); %d incarnations' % (
        answered, lost, attempts[NEW_INCARNATION], victim.starts))


def test_beside_a_client_killed_at_every_moment_others_get_their_answers(world, python, say):
    kill_a_client(world, python, say)


def kill_a_client(world, python, say, share=1.0, **settings):
    """``settings``: of the dispatcher."""
    dispatcher = world.start(DISPATCHER, 'dispatcher', drain_timeout_s=2, **settings)
    calculator = world.start(CALCULATOR, 'calculator', capacity=8)
    steady = world.client('steady')
    victim = world.victim(CLIENT, 'victim', python=python, task_interval_s=[0.0, 0.02], task_timeout_s=20)
    steady.says('listening')
    sweep(victim, say, share)
    world.end_client(steady)
    eventually(lambda: dispatcher.status['waiting'] == dispatcher.status['running'] == 0,
               'the tasks of killed incarnations are done')
    calculator.end()
    dispatcher.end()
    account = dispatcher.account
    accounts.check_dispatcher(account)
    ends = world.audit(['steady', 'victim'], {'calculator': 8}).ends()
    assert account['accepted'] == account['outcomes']['done'] <= len(ends)
    orphans = sum(1 for each in ends.values() if not each)
    assert orphans >= 10, 'the victim had too few open tasks'
    say('    %d tasks done, %d of them after their client was killed; %d incarnations' % (
        account['accepted'], orphans, victim.starts))


def test_a_dispatcher_and_a_calculator_killed_together_lose_no_task(world, say):
    dispatcher = world.victim(DISPATCHER, 'dispatcher', drain_timeout_s=2)
    calculator = world.victim(CALCULATOR, 'victim', capacity=4, heartbeat_interval_s=0.05)
    steady = world.start(CALCULATOR, 'steady', capacity=2, heartbeat_interval_s=0.05)
    client = world.client()
    for when in range(1, DOUBLE_KILLS + 1):
        calculator.start()
        # By then both have work.
        assert dispatcher.run_until_killed_at('sendto', 8 * when)
        calculator.dispose()
    dispatcher.start()
    calculator.start()
    world.end_client(client)
    calculator.end()
    steady.end()
    dispatcher.end()
    answered = world.audit_all_answered(['client'], {'steady': 2, 'victim': 4})
    say('dispatcher and calculator killed together: %d times, %d tasks, all answered' % (DOUBLE_KILLS, answered))
