"""Addresses of all kinds, and a network that loses, repeats, reorders and damages datagrams."""

from __future__ import absolute_import, division, print_function

import pytest

from tests.runtime.ipv6 import NEEDS_IPV6
from tests.system.lossy_relay import LossyRelay


@pytest.mark.parametrize('host, registered_from', [
    pytest.param('::1', r'\[::1\]', id='IPv6', marks=NEEDS_IPV6), ('localhost', ''), ('0.0.0.0', '')])
def test_tasks_are_answered_where_all_processes_use_this_host(system, host, registered_from):
    dispatcher = system.dispatcher(listen={'host': host, 'port': 0})
    system.address = (host, dispatcher.address[1])
    system.calculators('ab', capacity=4, listen={'host': host, 'port': 0})
    assert system.client(tasks=20).wait() == 0
    system.balance()
    dispatcher.says('registered from ' + registered_from)
    assert host == 'localhost' or dispatcher.address[0] == host
    # A process that listens on all addresses without a key says so once.
    for process in system.processes:
        warnings = process.log.count('without a key')
        assert warnings == (host == '0.0.0.0' and process.role != 'client'), process.log


def answered_through_a_relay(system, tasks, **faults):
    """Three calculators and a client use the relay; all tasks have to be done."""
    dispatcher = system.dispatcher(answer_timeout_s=2)
    system.relay = LossyRelay(dispatcher.address, seed=20, **faults)
    system.address = system.relay.address
    system.calculators('abc', capacity=20, drain_timeout_s=2)
    assert system.client(tasks=tasks).wait() == 0
    system.balance()


def test_all_tasks_are_done_although_30_percent_of_datagrams_are_lost(system):
    answered_through_a_relay(system, 16, drop=0.3)
    counts = system.relay.counts
    assert counts['dropped'] >= 0.2 * (counts['to_target'] + counts['from_target'])
    assert sum(process.account['traffic']['resent'] for process in system.processes) > 0


def test_all_tasks_are_done_although_datagrams_are_repeated_reordered_damaged_and_lost(system):
    answered_through_a_relay(system, 60, duplicate=0.3, delay_s=(0.0, 0.1), drop=0.05, damage=0.05)
    for sign in ('duplicated', 'overtaken', 'dropped', 'damaged'):
        assert system.relay.counts[sign] > 0, system.relay.counts
    traffics = [process.account['traffic'] for process in system.processes]
    assert sum(traffic['duplicates'] for traffic in traffics) > 10
    assert sum(traffic['refused']['bad_checksum'] for traffic in traffics) > 0
