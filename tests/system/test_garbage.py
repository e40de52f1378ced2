"""Anybody may send anything to all three: it is counted by its cause, and the work goes on.

There is no key here, so anybody may be a client or a calculator; but nobody else can speak on a channel of ours.
"""

from __future__ import absolute_import, division, print_function

import pytest

from net_protocol import codec
from net_protocol.limits import HEARTBEAT_INTERVAL_MAX_S, HEARTBEAT_INTERVAL_MIN_S
from net_protocol.rows import CALCULATOR, CLIENT, DISPATCHER, MONITOR
from tests.net_protocol.samples import ROWS
from tests.system import garbage
from tests.system.strangers import Actor, Stranger

#: Tasks of a client that comes when it is over.
TASKS_AFTER = 5

INVENTED = 'nobody:aaaaaaaa:1'


@pytest.fixture
def trio(system):
    """A dispatcher, two calculators, and a client that goes on until it is told to stop."""
    dispatcher = system.dispatcher()
    calculators = [system.calculator('calculator-%s' % letter, capacity=2) for letter in 'ab']
    dispatcher.says('registered from', times=2)
    client = system.client(task_interval_s=[0.02, 0.02])
    system.strangers_tasks = 0
    return dispatcher, calculators, client


def all_still_work(system, client):
    """Whoever comes now is served as well, and the client that was there all the time got all its answers."""
    assert system.client('after', tasks=TASKS_AFTER).wait() == 0
    client.end()
    system.balance()
    account = client.account
    assert account['sent'] == account['outcomes']['done'] > 0, account


def test_what_is_no_datagram_of_ours_is_counted_by_cause_and_dropped(system, trio):
    dispatcher, calculators, client = trio
    for_others = garbage.datagrams(7, (CLIENT, MONITOR, CALCULATOR))
    corpora = [(dispatcher, garbage.datagrams(7)), (calculators[0], for_others), (client, for_others)]
    with Stranger() as stranger:
        for process, corpus in corpora:
            for cause in sorted(corpus):
                for datagram in corpus[cause]:
                    stranger.throw(process.address, datagram)
                assert stranger.is_answered_by(process.address), '%s no longer answers after %s' % (process, cause)
    all_still_work(system, client)
    for process, corpus in corpora:
        refused = process.account['traffic']['refused']
        assert {cause: number for cause, number in refused.items() if number} == {
            cause: len(datagrams) for cause, datagrams in corpus.items()}, process
    assert sum(calculators[1].account['traffic']['refused'].values()) == 0


def test_a_process_of_version_1_is_refused_and_the_log_says_why(system, trio):
    dispatcher, _, client = trio
    with Stranger() as stranger:
        for _ in range(3):
            stranger.throw(dispatcher.address, garbage.of_version_1())
        # It is not answered.
        assert stranger.listen(0.3) is None
        said = dispatcher.says(r'WARNING .*dropped a datagram from (\S+): other_version: (.*)', times=3)
        assert said.group(1) == '%s:%d' % stranger.address
        assert said.group(2) == 'version 1 of the protocol; this is version 2'
    all_still_work(system, client)
    assert dispatcher.account['traffic']['refused'][codec.OTHER_VERSION] == 3


def test_nobody_else_can_speak_on_a_channel(system, trio):
    dispatcher, calculators, client = trio
    rows = {kind: ROWS[kind] for kind in ROWS if kind != 'ping'}
    with Stranger() as stranger:
        for process in (calculators[0], client):
            stranger.throw(process.address, garbage.envelope(rows, role=DISPATCHER))
            assert stranger.is_answered_by(process.address)
        # The dispatcher answers with a greeting, whose ticket is good for no other name.
        for role, name in ((CLIENT, 'client'), (CALCULATOR, 'calculator-a')):
            stranger.throw(dispatcher.address, garbage.envelope(rows, role=role, **{'from': name}))
            assert stranger.listen(5)[0].ticket
    all_still_work(system, client)
    assert (calculators[0].account['traffic']['stale'], client.account['traffic']['stale']) == (1, 1)
    assert dispatcher.account['accepted'] == client.account['sent'] + TASKS_AFTER


def test_rows_of_another_role_and_invented_ids_change_counters_only(system, trio):
    dispatcher, _, client = trio
    with Actor(CLIENT, dispatcher.address) as liar:
        liar.put('heartbeat', [1, 1, 1, 1, 1, [], [], False])
        liar.put('assign_refused', [1, INVENTED, 'busy'])
        liar.put('leave', [])
        liar.delivers('result', [0, INVENTED, 'forged', None])
        liar.delivers('cancel', [1])
        assert liar.received == {'ended': [[1, 'cancelled', 'cancelled before it was accepted', 0]]}
    with Actor(CALCULATOR, dispatcher.address, 'liar') as liar:
        liar.delivers('heartbeat', [1, 1, 1, 1, 1, [], [], True])
        liar.put('submit', [1, 'x', 60])
        liar.delivers('result', [0, INVENTED, 'forged', None], [7, INVENTED, 'forged', None])
        liar.delivers('leave', [])
    all_still_work(system, client)
    counts = dispatcher.account['counts']
    assert (counts['registered'], counts['left']) == (3, 3)
    assert (counts['unknown_results'], counts['cancelled_unknown']) == (2, 1)
    assert dispatcher.account['accepted'] == client.account['sent'] + TASKS_AFTER


def test_a_ghost_that_beats_like_a_calculator_and_never_works_loses_no_task(system, trio):
    dispatcher, _, client = trio
    with Actor(CALCULATOR, dispatcher.address, 'ghost') as ghost:
        # So frequent, by its own word, that its silence is noticed soon, but not before it gets work on a busy machine.
        ghost.put('heartbeat', [1, 1, 1, 0.5, 50, [], [], False])
        ghost.until(lambda: 'assign' in ghost.received, 'it gets work')
        dispatcher.says('ghost is dead: .* requeued: [1-9][0-9]* task')
    # The shortest and the longest interval that are allowed: neither takes the dispatcher's time.
    for interval_s in (HEARTBEAT_INTERVAL_MIN_S, HEARTBEAT_INTERVAL_MAX_S):
        with Actor(CALCULATOR, dispatcher.address, 'ghost-%d' % interval_s) as ghost:
            ghost.delivers('heartbeat', [1, 1, 1, interval_s, 1, [], [], True])
    all_still_work(system, client)
    assert dispatcher.account['attempts']['dead_calculator'] >= 1


def test_what_strangers_submit_is_work_like_any_other(system, trio):
    dispatcher, _, client = trio
    for number in range(10):
        with Actor(CLIENT, dispatcher.address, 'stranger-%d' % number) as stranger:
            # Every other one is nothing that a calculator can compute: that is an outcome too.
            stranger.delivers('submit', *[[task, 'x' if task % 2 else {'x': [1]}, 60] for task in range(1, 21)])
    all_still_work(system, client)
    account = dispatcher.account
    assert account['accepted'] == client.account['sent'] + TASKS_AFTER + 200
    assert (account['outcomes']['failed'], account['attempts']['error']) == (100, 100)
    # Nobody acknowledged these, and nobody was kept waiting for that.
    assert account['outcomes']['done'] == client.account['sent'] + TASKS_AFTER + 100
