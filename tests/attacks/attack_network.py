"""Bad networks between network namespaces: the kernel drops packets, and a program delays, copies, reorders and damages
them.
"""

from __future__ import absolute_import, division, print_function

import collections
import sys
import time

import pytest

from net_protocol.schedule import ACK_DELAY_S
from tests.attacks.joiner import Faults
from tests.attacks.namespaces import NAME_OF_THE_DISPATCHER, NamespacedSystem, address
from tests.system.processes import CALCULATOR, CLIENT, DISPATCHER, eventually

pytestmark = [pytest.mark.needs('namespaces'), pytest.mark.timeout(300)]

PORT = 5555
#: No task ends by its deadline or its number of attempts.
LONG_S = 600
ATTEMPTS_MAX = 1000
CAPACITY = 20
WAIT_S = 240
#: By then every client has received that its tasks were accepted: fifty times the delay of an acknowledgement.
ACCEPTED_S = 50 * ACK_DELAY_S


@pytest.fixture
def net(tmpdir, request, told_to_end):
    made = NamespacedSystem(str(tmpdir), seed=len(request.node.name))
    try:
        yield made
    finally:
        report = made.report()
        made.dispose()
        if getattr(request.node, 'system_test_failed', True):
            print(report)


def start(net, python=sys.executable, host=None):
    """Start a dispatcher and two calculators, and return them. Each has an address of its own."""
    dispatcher = net.dispatcher(python=python, listen={'host': address(DISPATCHER), 'port': PORT}, answer_timeout_s=3,
                                attempts_max=ATTEMPTS_MAX, task_timeout_s=LONG_S)
    net.address = host or dispatcher.address[0], PORT
    calculators = [net.calculator('calculator-%s' % letter, python=python, capacity=CAPACITY, drain_timeout_s=5,
                                  listen={'host': address(CALCULATOR, at), 'port': 0})
                   for at, letter in enumerate('ab')]
    return dispatcher, calculators


def client_of(net, tasks, name='client', **settings):
    return net.client(name, tasks=tasks, task_timeout_s=LONG_S, **settings)


def finish(net, *clients):
    """Wait for these clients, check that all their tasks were done, and check all accounts and events."""
    for client in clients:
        assert client.wait(WAIT_S) == 0
    net.heal()
    net.balance()
    net.audit(CAPACITY)
    for client in clients:
        assert client.account['outcomes']['done'] == client.account['sent'] > 0


@pytest.mark.parametrize('percent, tasks', [(30, 20), (50, 8)])
def test_with_losses_in_both_directions_all_tasks_are_done(net, python, percent, tasks, say):
    dispatcher, _ = start(net, python)
    for namespace in net.namespaces.values():
        namespace.filter('input', 'meta l4proto udp numgen random mod 100 < %d counter drop' % percent)
    client = client_of(net, tasks, python=python)
    assert client.wait(WAIT_S) == 0
    # Read now: without filters, ``carried`` grows further.
    lost, carried = sum(namespace.dropped() for namespace in net.namespaces.values()), net.joiner.counts['carried']
    finish(net, client)
    assert lost >= 0.3 * percent / 100 * carried > 0, (lost, carried)
    assert client.account['traffic']['resent'] + dispatcher.account['traffic']['resent'] > 0
    say('%d %% lost: %d tasks done in %.1f s, %d of %d packets dropped by the kernel' % (
        percent, tasks, client.account['duration_s'], lost, carried))


def test_in_a_network_with_all_faults_all_tasks_are_done(net, python, say):
    """Some payloads are fragmented; a lost fragment loses the datagram."""
    start(net, python)
    net.joiner.faults = Faults(drop=0.05, duplicate=0.3, delay_s=(0.005, 0.1), tail=0.02, corrupt=0.03, cut=0.02,
                               lengthen=0.02)
    finish(net, client_of(net, 6, 'client-large', payload_bytes=9000), client_of(net, 40, python=python))
    counts = net.joiner.counts
    for fault in ('dropped', 'duplicated', 'delayed', 'overtaken', 'corrupted', 'cut', 'lengthened'):
        assert counts[fault] > 0, counts
    refused = collections.Counter()
    for process in net.processes:
        refused.update(process.account['traffic']['refused'])
    # Damaged datagrams are refused before anything is parsed.
    assert {cause for cause in refused if refused[cause]} == {'bad_checksum'}
    say('all faults: 46 tasks done; %s' % ', '.join(
        '%s %d' % (name, counts[name]) for name in sorted(counts) if counts[name]))


def test_a_calculator_that_receives_nothing_keeps_no_task(net, python):
    dispatcher, calculators = start(net, python)
    dispatcher.says('registered from', times=2)
    net.joiner.blocked = {(address(DISPATCHER), address(CALCULATOR, 1))}
    client = client_of(net, 40, python=python)
    assert client.wait(WAIT_S) == 0
    assert net.joiner.counts['blocked'] > 0
    dispatcher.says('calculator-b is suspect')
    net.joiner.blocked = set()
    dispatcher.says('calculator-b was suspect and is alive again')
    finish(net, client, client_of(net, 40, 'second', python=python))
    assert calculators[1].account['ends']['reported'] >= 10, 'the calculator gets no tasks afterwards'


def test_a_calculator_whose_datagrams_are_lost_is_dead_and_returns(net, python):
    dispatcher, _ = start(net, python)
    dispatcher.says('registered from', times=2)
    net.joiner.blocked = {(address(CALCULATOR, 1), '*')}
    client = client_of(net, 40, python=python)
    assert client.wait(WAIT_S) == 0
    dispatcher.says('calculator-b is dead')
    net.joiner.blocked = set()
    dispatcher.says('calculator-b was dead and is alive again')
    finish(net, client)


def test_a_client_cut_off_in_one_direction_gets_its_answers_later(net, python):
    start(net, python)
    clients = []
    for pair in ((address(DISPATCHER), address(CLIENT)), (address(CLIENT), address(DISPATCHER))):
        blocked = net.joiner.counts['blocked']
        net.joiner.blocked = {pair}
        client = client_of(net, 10, 'client-%s' % pair[0], python=python)
        eventually(lambda: net.joiner.counts['blocked'] >= blocked + 4, 'packets are blocked')  # noqa: B023
        assert client.is_running
        net.joiner.blocked = set()
        assert client.wait(WAIT_S) == 0
        clients.append(client)
    finish(net, *clients)


def test_all_processes_follow_a_dispatcher_that_moves_to_another_address(net, python):
    dispatcher, _ = start(net, python, NAME_OF_THE_DISPATCHER)
    client = client_of(net, None, python=python, task_interval_s=[0.1, 0.2], drain_timeout_s=WAIT_S)
    dispatcher.says('registered from', times=2)
    client.says('listening')
    eventually(lambda: dispatcher.status['running'] >= 1, 'a task runs')
    # A client that never had an open channel can't tell that the dispatcher restarted.
    time.sleep(ACCEPTED_S)
    dispatcher.kill()
    for namespace in net.namespaces.values():
        namespace.set_dispatcher_address(address(DISPATCHER, 1))
    second = net.start(DISPATCHER, 'moved', {
        'listen': {'host': address(DISPATCHER, 1), 'port': PORT}, 'name': 'dispatcher', 'attempts_max': ATTEMPTS_MAX,
        'task_timeout_s': LONG_S}, ['--json'], python)
    second.says('registered from', times=2)
    client.says('The dispatcher restarted')
    client.ask_to_end()
    finish(net, client)
    assert client.account['sent'] > 20
