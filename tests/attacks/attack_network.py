"""Real packets between namespaces: lost by the kernel, and delayed, copied, reordered, damaged by a program of ours."""

from __future__ import absolute_import, division, print_function

import sys
import time

import pytest

from net_protocol.schedule import ACK_DELAY_S
from tests.attacks.joiner import Faults
from tests.attacks.namespaces import NAME_OF_THE_DISPATCHER, NamespacedSystem, address
from tests.system.processes import CALCULATOR, CLIENT, DISPATCHER, eventually

pytestmark = [pytest.mark.needs('namespaces'), pytest.mark.timeout(300)]

PORT = 5555
#: No task ends by its deadline, none by the number of its attempts; what is lost takes its time.
LONG_S = 600
ATTEMPTS_MAX = 1000
CAPACITY = 20
WAIT_S = 240


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


def world(net, python=sys.executable, host=None, at=0, **settings):
    """A dispatcher and two calculators, each of these at an address of its own."""
    dispatcher = net.dispatcher(python=python, listen={'host': address(DISPATCHER, at), 'port': PORT},
                                answer_timeout_s=3, attempts_max=ATTEMPTS_MAX, **settings)
    net.address = host or dispatcher.address[0], PORT
    calculators = [net.calculator('calculator-%s' % letter, python=python, capacity=CAPACITY, drain_timeout_s=5,
                                  listen={'host': address(CALCULATOR, at), 'port': 0})
                   for at, letter in enumerate('ab')]
    return dispatcher, calculators


def client_of(net, tasks, **settings):
    return net.client(tasks=tasks, task_timeout_s=LONG_S, **settings)


def all_done(net, client, tasks):
    assert client.wait(WAIT_S) == 0
    net.heal()
    net.balance()
    net.audit(CAPACITY)
    assert client.account['outcomes']['done'] == client.account['sent'] == tasks


@pytest.mark.parametrize('percent, tasks', [(10, 60), (30, 20), (50, 8)])
def test_with_so_many_percent_lost_both_ways_all_tasks_are_answered(net, python, percent, tasks, say):
    dispatcher, _ = world(net, python, task_timeout_s=LONG_S)
    for namespace in net.namespaces.values():
        namespace.filter('input', 'meta l4proto udp numgen random mod 100 < %d counter drop' % percent)
    client = client_of(net, tasks, python=python)
    assert client.wait(WAIT_S) == 0
    # Both at the same moment: what follows in peace is carried too, and nothing of it is lost.
    lost, carried = sum(namespace.dropped() for namespace in net.namespaces.values()), net.joiner.counts['carried']
    all_done(net, client, tasks)
    assert lost >= 0.3 * percent / 100 * carried > 0, (lost, carried)
    assert client.account['traffic']['resent'] + dispatcher.account['traffic']['resent'] > 0
    say('%d %% lost: %d tasks done in %.1f s, %d of %d packets dropped by the kernel' % (
        percent, tasks, client.account['duration_s'], lost, carried))


def test_datagrams_that_a_firewall_refuses_to_send_are_counted_and_sent_again(net, say):
    dispatcher, _ = world(net, task_timeout_s=LONG_S)
    net.namespaces[DISPATCHER].filter('output', 'meta l4proto udp numgen random mod 100 < 30 counter drop')
    client = client_of(net, 30)
    all_done(net, client, 30)
    assert dispatcher.account['traffic']['errors']['EPERM'] > 5
    say('EPERM from sendto: %d times, 30 tasks done' % dispatcher.account['traffic']['errors']['EPERM'])


@pytest.mark.parametrize('faults, signs', [
    ({'duplicate': 0.6}, ['duplicated']),
    ({'delay_s': (0.005, 0.2), 'tail': 0.03}, ['delayed', 'overtaken']),
    ({'turn': 0.1, 'cut': 0.05, 'lengthen': 0.05}, ['turned', 'cut', 'lengthened']),
], ids=['exact copies', 'delay and reordering', 'damage'])
def test_in_a_network_with_one_fault_all_tasks_are_answered_once(net, faults, signs, say):
    dispatcher, calculators = world(net, task_timeout_s=LONG_S)
    net.joiner.faults = Faults(**faults)
    client = client_of(net, 60)
    all_done(net, client, 60)
    check_signs(net, signs, faults)
    say('%s: 60 tasks done; %s' % (', '.join(signs), shown(net)))


def test_in_a_network_with_all_faults_all_tasks_are_answered_once(net, python, say):
    """Payloads that have to be fragmented among them: a fragment lost is all lost."""
    dispatcher, calculators = world(net, python, task_timeout_s=LONG_S)
    faults = {'drop': 0.05, 'duplicate': 0.3, 'delay_s': (0.005, 0.1), 'tail': 0.02, 'turn': 0.03, 'cut': 0.02,
              'lengthen': 0.02}
    net.joiner.faults = Faults(**faults)
    large = net.client('client-large', tasks=6, task_timeout_s=LONG_S, payload_bytes=9000)
    small = client_of(net, 40, python=python)
    assert large.wait(WAIT_S) == 0
    all_done(net, small, 40)
    assert large.account['outcomes']['done'] == 6
    check_signs(net, ['dropped', 'duplicated', 'overtaken', 'turned', 'cut', 'lengthened'], faults)
    say('everything at once: 46 tasks done; %s' % shown(net))


def check_signs(net, signs, faults):
    for sign in signs:
        assert net.joiner.counts[sign] > 0, net.joiner.counts
    accounts = [process.account for process in net.processes]
    refused = sum(account['traffic']['refused'].pop('bad_checksum') for account in accounts)
    assert (refused > 0) == bool(faults.get('turn')), 'damage is noticed, nothing else is refused'
    assert sum(sum(account['traffic']['refused'].values()) for account in accounts) == 0, 'before anything is parsed'


def shown(net):
    return ', '.join('%s %d' % (name, net.joiner.counts[name]) for name in sorted(net.joiner.counts)
                     if net.joiner.counts[name])


def test_a_calculator_that_is_heard_and_hears_nothing_keeps_no_task(net, python, say):
    dispatcher, calculators = world(net, python, task_timeout_s=LONG_S)
    dispatcher.says('registered from', times=2)
    net.joiner.blocked = {(address(DISPATCHER), address(CALCULATOR, 1))}
    client = client_of(net, 40, python=python)
    assert client.wait(WAIT_S) == 0
    assert net.joiner.counts['blocked'] > 0
    dispatcher.says('calculator-b is suspect')
    net.joiner.blocked = set()
    dispatcher.says('calculator-b was suspect and is alive again')
    second = net.client('second', python=python, tasks=40, task_timeout_s=LONG_S)
    assert second.wait(WAIT_S) == 0
    all_done(net, client, 40)
    assert calculators[1].account['ends']['reported'] >= 10, 'healed, it is given work'
    say('a calculator cut off one way: 40 tasks done by the other, %d by it when healed' % (
        calculators[1].account['ends']['reported']))


def test_a_calculator_that_hears_and_is_not_heard_is_dead_and_comes_back(net, python, say):
    dispatcher, calculators = world(net, python, task_timeout_s=LONG_S)
    dispatcher.says('registered from', times=2)
    net.joiner.blocked = {(address(CALCULATOR, 1), '*')}
    client = client_of(net, 40, python=python)
    assert client.wait(WAIT_S) == 0
    dispatcher.says('calculator-b is dead')
    net.joiner.blocked = set()
    dispatcher.says('calculator-b was dead and is alive again')
    all_done(net, client, 40)
    say('a calculator that is not heard: 40 tasks done by the other')


def test_a_client_that_is_cut_off_one_way_or_the_other_gets_its_answers_when_that_is_over(net, python, say):
    dispatcher, _ = world(net, python, task_timeout_s=LONG_S)
    for pair in ((address(DISPATCHER), address(CLIENT)), (address(CLIENT), address(DISPATCHER))):
        blocked = net.joiner.counts['blocked']
        net.joiner.blocked = {pair}
        client = net.client('client-%s' % pair[0], python=python, tasks=10, task_timeout_s=LONG_S)
        wait_until_blocked(net, blocked + 4)
        assert client.is_running
        net.joiner.blocked = set()
        assert client.wait(WAIT_S) == 0
    net.balance()
    net.audit(CAPACITY)
    assert dispatcher.account['outcomes']['done'] == 20
    say('clients cut off one way and the other: 20 tasks done')


def wait_until_blocked(net, packets):
    eventually(lambda: net.joiner.counts['blocked'] >= packets, 'it is cut off')


#: By then every client has heard that its tasks were accepted: fifty times the delay of that.
ACCEPTED_S = 50 * ACK_DELAY_S


def test_everybody_follows_a_dispatcher_that_moves_to_another_address(net, python, say):
    dispatcher, calculators = world(net, python, NAME_OF_THE_DISPATCHER, task_timeout_s=LONG_S)
    client = net.client(python=python, task_timeout_s=LONG_S, task_interval_s=[0.1, 0.2], drain_timeout_s=WAIT_S)
    dispatcher.says('registered from', times=2)
    client.says('listening')
    eventually(lambda: dispatcher.status['running'] >= 1, 'there is work')
    # A client whose channel was not open before cannot know the next dispatcher for another one.
    time.sleep(ACCEPTED_S)
    dispatcher.kill()
    for namespace in net.namespaces.values():
        namespace.say_where_the_dispatcher_is(address(DISPATCHER, 1))
    second = net.start(DISPATCHER, 'moved', {
        'listen': {'host': address(DISPATCHER, 1), 'port': PORT}, 'name': 'dispatcher', 'attempts_max': ATTEMPTS_MAX,
        'task_timeout_s': LONG_S}, ['--json'], python)
    second.says('registered from', times=2)
    client.says('The dispatcher restarted')
    client.ask_to_end()
    assert client.wait(WAIT_S) == 0
    net.balance()
    net.audit(CAPACITY)
    assert client.account['sent'] == client.account['outcomes']['done'] > 20
    say('the dispatcher moved: %d tasks sent, all done' % client.account['sent'])
