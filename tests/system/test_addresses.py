"""IPv6, and names instead of numbers."""

from __future__ import absolute_import, division, print_function

from tests.runtime.ipv6 import NEEDS_IPV6


def trio_listens_on(system, host):
    dispatcher = system.dispatcher(listen={'host': host, 'port': 0})
    system.address = (host, dispatcher.address[1])
    for letter in 'ab':
        system.calculator('calculator-%s' % letter, capacity=4, listen={'host': host, 'port': 0})
    client = system.client(tasks=20)
    assert client.wait() == 0
    system.balance()
    assert client.account['answered'] == 20
    return dispatcher


@NEEDS_IPV6
def test_a_trio_on_the_ipv6_loopback(system):
    dispatcher = trio_listens_on(system, '::1')
    assert dispatcher.address[0] == '::1'
    dispatcher.says(r'registered from \[::1\]:\d+')


def test_a_trio_that_knows_each_other_by_name(system):
    trio_listens_on(system, 'localhost')


def test_whoever_listens_on_all_addresses_is_warned_once(system):
    dispatcher = trio_listens_on(system, '0.0.0.0')
    for process in system.processes:
        warned = process.log.count('without a key')
        assert warned == (0 if process.role == 'client' else 1), process.log
    assert dispatcher.address[0] == '0.0.0.0'
