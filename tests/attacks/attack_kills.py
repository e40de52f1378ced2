"""Killed at every moment, by every system call it makes: whoever it is, nothing that was accepted is lost.

The victim is killed at one call after the other, and restarted at once. The others go on all the time. In the end the
events of all processes are audited.
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
AT_ONCE = 10
#: Long enough for everything that happens here, so that no task ends by its deadline.
LONG_S = 600


def sweep(victim, say, share=1.0, caught_up=None):
    """Kill it at each call in turn, and at later ones for as long as there is a moment that none of them was at.

    Now and then it runs until its log has ``caught_up``: with too much piled up, it would always be killed over that.
    """
    made = Sweep(victim)
    for when in made.rounds(share):
        for call in FURTHER if made.is_further else SWEPT:
            made.kill_at(call, when)
        if caught_up is not None:
            victim.run_until_says(caught_up)
    made.check(say)


def test_a_dispatcher_killed_at_every_moment_loses_nothing_that_clients_ask_for(world, python, say):
    dispatcher = world.victim(DISPATCHER, 'dispatcher', python=python, drain_timeout_s=2)
    # Tasks take longer than a submit waits for its acknowledgement, so that this is seen alone.
    calculators = [world.start(CALCULATOR, name, capacity=4, heartbeat_interval_s=0.05, task_duration_s=[0.03, 0.06])
                   for name in ('calculator-a', 'calculator-b')]
    client = world.start(CLIENT, 'client', task_interval_s=[0.02, 0.04], task_timeout_s=LONG_S,
                         drain_timeout_s=30)
    sweep(dispatcher, say, caught_up=r'waiting 0, running [0-3], calculators alive 2')
    dispatcher.start()
    world.end_client(client)
    for calculator in calculators:
        calculator.end()
        accounts.check_calculator(calculator.account, False)
    account = dispatcher.end()
    accounts.check_dispatcher(account)
    assert account['waiting'] == account['running'] == 0
    assert 'Traceback' not in dispatcher.log
    audit = world.audit(['client'], {'calculator-a': 4, 'calculator-b': 4})
    assert all(ends == ['answered'] for ends in audit.ends().values())
    say('    %d tasks, all answered, over %d incarnations' % (len(audit.ends()), dispatcher.starts))


def test_a_calculator_killed_at_every_moment_costs_no_task(world, python, say):
    kill_a_calculator(world, python, say)


def kill_a_calculator(world, python, say, share=1.0, pace_s=(0.01, 0.03), **settings):
    """Beside a dispatcher with these settings, and a client that sends a task at intervals like these."""
    dispatcher = world.start(DISPATCHER, 'dispatcher', drain_timeout_s=2, attempts_max=1000, **settings)
    steady = world.start(CALCULATOR, 'steady')
    victim = world.victim(CALCULATOR, 'victim', python=python, capacity=2, heartbeat_interval_s=0.1)
    client = world.start(CLIENT, 'client', task_interval_s=list(pace_s), task_timeout_s=LONG_S, drain_timeout_s=30)
    steady.says('listening')
    sweep(victim, say, share)
    victim.start()
    world.end_client(client)
    account = victim.end()
    accounts.check_calculator(account, False)
    assert 'Traceback' not in victim.log
    steady.end()
    dispatcher.end()
    accounts.check_dispatcher(dispatcher.account)
    attempts = dispatcher.account['attempts']
    lost = attempts[NEW_INCARNATION] + attempts['dead_calculator']
    audit = world.audit(['client'], {'steady': 1, 'victim': 2})
    assert all(ends == ['answered'] for ends in audit.ends().values())
    assert dispatcher.account['outcomes']['done'] == client.account['sent']
    assert lost >= 10 and attempts[NEW_INCARNATION] > 0, 'it never had anything to lose'
    say('    %d tasks, all answered, %d attempts lost (%d noticed by the next incarnation), over %d incarnations' % (
        len(audit.ends()), lost, attempts[NEW_INCARNATION], victim.starts))


def test_a_client_killed_at_every_moment_leaves_the_others_their_answers(world, python, say):
    kill_a_client(world, python, say)


def kill_a_client(world, python, say, share=1.0, **settings):
    """Beside a dispatcher with these settings."""
    dispatcher = world.start(DISPATCHER, 'dispatcher', drain_timeout_s=2, **settings)
    calculator = world.start(CALCULATOR, 'calculator', capacity=8)
    steady = world.start(CLIENT, 'steady', task_interval_s=[0.02, 0.04])
    victim = world.victim(CLIENT, 'victim', python=python, task_interval_s=[0.0, 0.02], task_timeout_s=20)
    steady.says('listening')
    sweep(victim, say, share)
    world.end_client(steady)
    eventually(lambda: dispatcher.status['waiting'] == dispatcher.status['running'] == 0,
               'what was submitted by incarnations that are gone is done')
    calculator.end()
    dispatcher.end()
    account = dispatcher.account
    accounts.check_dispatcher(account)
    audit = world.audit(['steady', 'victim'], {'calculator': 8})
    ends = audit.ends()
    assert account['accepted'] == account['outcomes']['done'] <= len(ends)
    orphans = sum(1 for each in ends.values() if not each)
    assert orphans >= 10, 'it was never killed with anything open'
    say('    %d tasks done, of which %d were submitted by incarnations that never heard of it, over %d incarnations' % (
        account['accepted'], orphans, victim.starts))


def test_a_dispatcher_and_a_calculator_killed_at_once_lose_nothing(world, say):
    dispatcher = world.victim(DISPATCHER, 'dispatcher', drain_timeout_s=2)
    calculator = world.victim(CALCULATOR, 'victim', capacity=4, heartbeat_interval_s=0.05)
    steady = world.start(CALCULATOR, 'steady', capacity=2, heartbeat_interval_s=0.05)
    client = world.start(CLIENT, 'client', task_interval_s=[0.02, 0.04], task_timeout_s=LONG_S, drain_timeout_s=30)
    for when in range(1, AT_ONCE + 1):
        calculator.start()
        # Late enough that both have work.
        assert dispatcher.run_until_killed_at('sendto', 8 * when)
        calculator.dispose()
    dispatcher.start()
    calculator.start()
    world.end_client(client)
    calculator.end()
    steady.end()
    dispatcher.end()
    audit = world.audit(['client'], {'steady': 2, 'victim': 4})
    assert all(ends == ['answered'] for ends in audit.ends().values())
    say('dispatcher and calculator at once: %d times, %d tasks, all answered' % (AT_ONCE, len(audit.ends())))
