"""System calls that fail, SIGTERM at every system call, and a process on the port of a dead one."""

from __future__ import absolute_import, division, print_function

import os
import sys

import pytest

from runtime.event_files import count
from tests.system import accounts
from tests.system.processes import CALCULATOR, CLIENT, DISPATCHER, eventually

pytestmark = pytest.mark.timeout(600)

LONG_S = 600

#: System call -> its error. EINTR and EAGAIN may be handled without counting an error.
ERRORS = [
    {'sendto': 'ENOBUFS', 'recvfrom': 'EINTR', 'pselect6': 'EINTR'},
    {'sendto': 'EPERM', 'recvfrom': 'ECONNREFUSED'},
    {'sendto': 'ENETUNREACH', 'recvfrom': 'EAGAIN', 'pselect6': 'EINTR'},
    {'sendto': 'EINVAL', 'recvfrom': 'ENOMEM'},
    {'sendto': 'EINTR', 'recvfrom': 'EHOSTUNREACH'},
]
UNCOUNTED = ('EINTR', 'EAGAIN')

#: The last call of a kind at which SIGTERM is sent, on this Python and on the other one.
FARTHEST = (30, 30) if os.environ.get('EXHAUSTIVE') else (6, 4)
SWEPT = ('sendto', 'recvfrom', 'write', 'pselect6')


@pytest.mark.needs('strace')
@pytest.mark.parametrize('errors', ERRORS, ids=lambda errors: ' '.join(errors[call] for call in sorted(errors)))
def test_all_processes_continue_when_calls_fail(world, python, errors, say):
    dispatcher = world.victim(DISPATCHER, 'dispatcher', python=python)
    calculator = world.victim(CALCULATOR, 'calculator', python=python, capacity=20)
    client = world.victim(CLIENT, 'client', python=python, task_interval_s=[0.02, 0.06], task_timeout_s=LONG_S,
                          drain_timeout_s=40)
    for victim in (dispatcher, calculator, client):
        victim.start_failing(errors)
    eventually(lambda: count(client.events, 'answered') >= 40, 'the client has 40 answers')
    found = [victim.end() for victim in (client, calculator, dispatcher)]
    assert found[0]['sent'] == found[0]['answered'] >= 40
    accounts.check_client(found[0])
    accounts.check_calculator(found[1], False)
    accounts.check_dispatcher(found[2])
    for account in found:
        seen = account['traffic']['errors']
        for error in errors.values():
            assert seen.get(error, 0) > 0 or error in UNCOUNTED, (error, seen)
    world.audit(['client'], {'calculator': 20})
    say('calls that fail (%s) on %s: %d tasks done, %d errors counted' % (
        ', '.join('%s %s' % pair for pair in sorted(errors.items())), dispatcher.version, found[0]['sent'],
        sum(sum(account['traffic']['errors'].values()) for account in found)))


def sweep(victim, say, check):
    """Run the victim with SIGTERM at each call of the sweep, every other time twice. Check each account."""
    ended = points = 0
    for when in range(1, FARTHEST[victim.python != sys.executable] + 1):
        for call in SWEPT:
            account = victim.run_until_terminated_at(call, when, times=1 + when % 2)
            points += 1
            if account is not None:
                check(account)
                ended += 1
    assert 'Traceback' not in victim.log, victim.log
    assert ended > points // 2
    say('%s on %s: SIGTERM at %d calls, %d accounts, all of them balance' % (
        victim.role, victim.version, points, ended))


@pytest.mark.needs('strace')
def test_sigterm_at_every_call_of_a_dispatcher_loses_no_task(world, python, say):
    dispatcher = world.victim(DISPATCHER, 'dispatcher', python=python, drain_timeout_s=0.05)
    calculator = world.start(CALCULATOR, 'calculator', capacity=8, heartbeat_interval_s=0.05)
    client = world.client()
    sweep(dispatcher, say, accounts.check_dispatcher)
    dispatcher.start()
    world.end_client(client, 20)
    calculator.end()
    dispatcher.end()
    world.audit(['client'], {'calculator': 8})


@pytest.mark.needs('strace')
def test_sigterm_at_every_call_of_a_calculator_loses_no_task(world, python, say):
    dispatcher = world.start(DISPATCHER, 'dispatcher', attempts_max=1000)
    steady = world.start(CALCULATOR, 'steady', capacity=4)
    victim = world.victim(CALCULATOR, 'victim', python=python, capacity=2, heartbeat_interval_s=0.1)
    client = world.client(task_interval_s=[0.01, 0.03])
    sweep(victim, say, lambda account: accounts.check_calculator(account, True))
    world.end_client(client, 20)
    steady.end()
    dispatcher.end()
    world.audit(['client'], {'steady': 4, 'victim': 2})


@pytest.mark.needs('strace')
def test_after_sigterm_at_every_call_the_account_of_a_client_balances(world, python, say):
    dispatcher = world.start(DISPATCHER, 'dispatcher')
    calculator = world.start(CALCULATOR, 'calculator', capacity=8)
    victim = world.victim(CLIENT, 'victim', python=python, task_interval_s=[0.0, 0.02])
    sweep(victim, say, accounts.check_client)
    eventually(lambda: dispatcher.status['waiting'] == dispatcher.status['running'] == 0, 'all tasks have ended')
    calculator.end()
    dispatcher.end()
    world.audit(['victim'], {'calculator': 8})


def test_a_process_on_the_port_of_a_dead_one_ignores_its_datagrams(system):
    dispatcher = system.dispatcher()
    dead = system.calculator('dead', capacity=100, task_duration_s=[0.3, 0.3], heartbeat_interval_s=1)
    client = system.client(task_interval_s=[0.01, 0.03], task_timeout_s=LONG_S, drain_timeout_s=30)
    eventually(lambda: dispatcher.status['running'] > 4, 'the calculator has tasks')
    host, port = dead.address
    dead.kill()
    heir = system.calculator('heir', capacity=20, listen={'host': host, 'port': port})
    dispatcher.says('calculator heir registered')
    dispatcher.says('dead is dead')
    eventually(lambda: dispatcher.status['waiting'] == 0, 'the second calculator does all tasks')
    client.end()
    system.balance()
    assert client.account['sent'] == client.account['outcomes']['done'] > 20
    assert heir.account['traffic']['stale'] > 0
