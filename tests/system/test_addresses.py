"""IPv6, and names instead of numbers."""

from __future__ import absolute_import, division, print_function

import socket

import pytest


def has_ipv6():
    try:
        one = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    except (OSError, socket.error):
        return False
    try:
        one.bind(('::1', 0))
        return True
    except (OSError, socket.error):
        return False
    finally:
        one.close()


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


@pytest.mark.skipif(not has_ipv6(), reason='no IPv6 loopback on this machine')
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
