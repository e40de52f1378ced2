"""Datagrams from strangers are counted by their cause, and all tasks are done.

Without a key a stranger may be a client or a calculator, but can't send on the channel of another process.
"""

from __future__ import absolute_import, division, print_function

import pytest

from net_protocol.limits import HEARTBEAT_INTERVAL_MAX_S, HEARTBEAT_INTERVAL_MIN_S
from net_protocol.rows import CALCULATOR, CLIENT, DISPATCHER, MONITOR
from tests.net_protocol.samples import ROWS
from tests.system import garbage
from tests.system.strangers import Actor, Stranger

#: Tasks of a client that starts after the strangers.
TASKS_AFTER = 5


@pytest.fixture
def trio(system):
    """A dispatcher, two calculators, and a client that sends tasks until it is stopped."""
    dispatcher = system.dispatcher()
    calculators = system.calculators('ab', capacity=2)
    dispatcher.says('registered from', times=2)
    client = system.client(task_interval_s=[0.02, 0.02])
    system.strangers_tasks = 0
    return dispatcher, calculators, client


def all_still_work(system, client):
    """Check that a new client is served, and that all tasks of the first client are done."""
    assert system.client('after', tasks=TASKS_AFTER).wait() == 0
    client.end()
    system.balance()
    account = client.account
    assert account['sent'] == account['outcomes']['done'] > 0, account


def test_invalid_datagrams_are_dropped_and_counted_by_cause(system, trio):
    dispatcher, calculators, client = trio
    for_others = garbage.datagrams(7, (CLIENT, MONITOR, CALCULATOR))
    corpora = [(dispatcher, garbage.datagrams(7)), (calculators[0], for_others), (client, for_others)]
    with Stranger() as stranger:
        for process, corpus in corpora:
            for cause in sorted(corpus):
                for datagram in corpus[cause]:
                    stranger.throw(process.address, datagram)
                assert stranger.is_answered_by(process.address), '%s does not answer after %s' % (process, cause)
    all_still_work(system, client)
    for process, corpus in corpora:
        refused = process.account['traffic']['refused']
        assert {cause: number for cause, number in refused.items() if number} == {
            cause: len(datagrams) for cause, datagrams in corpus.items()}, process
    assert sum(calculators[1].account['traffic']['refused'].values()) == 0


def test_a_stranger_can_not_send_on_the_channel_of_another_process(system, trio):
    dispatcher, calculators, client = trio
    rows = {kind: ROWS[kind] for kind in ROWS if kind != 'ping'}
    with Stranger() as stranger:
        for process in (calculators[0], client):
            stranger.throw(process.address, garbage.envelope(rows, role=DISPATCHER))
            assert stranger.is_answered_by(process.address)
        # The dispatcher answers with a greeting. Its ticket is for the stranger's address only.
        for role, name in ((CLIENT, 'client'), (CALCULATOR, 'calculator-a')):
            stranger.throw(dispatcher.address, garbage.envelope(rows, role=role, **{'from': name}))
            assert stranger.listen(5)[0].ticket
    all_still_work(system, client)
    assert (calculators[0].account['traffic']['stale'], client.account['traffic']['stale']) == (1, 1)
    assert dispatcher.account['accepted'] == client.account['sent'] + TASKS_AFTER


def test_the_tasks_of_a_calculator_that_sends_only_heartbeats_are_requeued(system, trio):
    dispatcher, _, client = trio
    with Actor(CALCULATOR, dispatcher.address, 'ghost') as ghost:
        # With this interval the ghost is soon dead, but on a busy machine gets a task first.
        ghost.put('heartbeat', [1, 1, 1, 0.5, 50, [], [], False])
        ghost.until(lambda: 'assign' in ghost.received, 'the ghost gets a task')
        dispatcher.says('ghost is dead: .* requeued: [1-9][0-9]* task')
    # The shortest and the longest interval do not keep the dispatcher busy.
    for interval_s in (HEARTBEAT_INTERVAL_MIN_S, HEARTBEAT_INTERVAL_MAX_S):
        with Actor(CALCULATOR, dispatcher.address, 'ghost-%d' % interval_s) as ghost:
            ghost.delivers('heartbeat', [1, 1, 1, interval_s, 1, [], [], True])
    all_still_work(system, client)
    assert dispatcher.account['attempts']['dead_calculator'] >= 1
