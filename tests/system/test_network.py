"""A network that loses, repeats, reorders and damages what it is given."""

from __future__ import absolute_import, division, print_function

from tests.system.lossy_relay import LossyRelay

CALCULATORS = 'abc'
TASKS = 60
#: Where 30 % are lost.
FEW_TASKS = 16


def through_a_relay(system, tasks=TASKS, **faults):
    """A dispatcher, and behind the relay three calculators that take all tasks at once, and a client."""
    dispatcher = system.dispatcher(answer_timeout_s=2)
    system.relay = LossyRelay(dispatcher.address, seed=20, **faults)
    system.address = system.relay.address
    for letter in CALCULATORS:
        system.calculator('calculator-%s' % letter, capacity=20, drain_timeout_s=2)
    return dispatcher, system.client(tasks=tasks)


def test_with_30_percent_of_datagrams_lost_all_tasks_are_answered(system):
    dispatcher, client = through_a_relay(system, FEW_TASKS, drop=0.3)
    assert client.wait() == 0
    system.balance()
    assert client.account['outcomes']['done'] == FEW_TASKS
    counts = system.relay.counts
    assert counts['dropped'] >= 0.2 * (counts['to_target'] + counts['from_target'])
    # Nothing of this works by itself.
    assert sum(process.account['traffic']['resent'] for process in system.processes) > 0


def test_in_a_network_that_repeats_reorders_damages_and_loses_all_tasks_are_answered_once(system):
    dispatcher, client = through_a_relay(system, duplicate=0.3, delay_s=(0.0, 0.1), drop=0.05, damage=0.05)
    assert client.wait() == 0
    system.balance()
    assert client.account['outcomes']['done'] == TASKS
    for sign in ('duplicated', 'overtaken', 'dropped', 'damaged'):
        assert system.relay.counts[sign] > 0, system.relay.counts
    traffics = [process.account['traffic'] for process in system.processes]
    assert sum(traffic['duplicates'] for traffic in traffics) > 10
    # None of the damaged ones was believed.
    assert sum(traffic['refused']['bad_checksum'] for traffic in traffics) > 0
