"""Anybody may send anything to all three: it is counted by its cause, and the work goes on.

There is no key here, so who knows the name of a calculator or the id of a task can still speak for it; these strangers
know neither.
"""

from __future__ import absolute_import, division, print_function

import pytest

from net_protocol import codec, guard
from net_protocol.limits import HEARTBEAT_INTERVAL_MAX_S, HEARTBEAT_INTERVAL_MIN_S
from net_protocol.messages import (
    BUSY, Accepted, Assign, AssignRefused, Heartbeat, HeartbeatAck, Leave, Outcome, Refused, Result, ResultAck, Revoke,
    Submit)
from tests.system import garbage
from tests.system.strangers import Stranger

#: Tasks of a client that comes when it is over.
TASKS_AFTER = 5

#: Without a key nothing is refused for these.
NEED_A_KEY = (codec.BAD_SIGNATURE,) + guard.CAUSES


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


def test_what_is_no_message_is_counted_by_cause_and_dropped(system, trio):
    dispatcher, calculators, client = trio
    corpus = garbage.datagrams(seed=7)
    with Stranger() as stranger:
        for process in (dispatcher, calculators[0], client):
            for cause in sorted(corpus):
                for datagram in corpus[cause]:
                    stranger.throw(process.address, datagram)
                assert stranger.is_answered_by(process.address), '%s no longer answers after %s' % (process, cause)
    all_still_work(system, client)
    expected = dict({cause: len(datagrams) for cause, datagrams in corpus.items()}, **dict.fromkeys(NEED_A_KEY, 0))
    for process in (dispatcher, calculators[0], client):
        assert process.account['traffic']['refused'] == expected, process
    assert sum(calculators[1].account['traffic']['refused'].values()) == 0


def test_random_bytes_and_bent_messages_end_nothing(system, trio):
    dispatcher, calculators, client = trio
    bent = garbage.bent(seed=9, number=400)
    with Stranger() as stranger:
        for process in (dispatcher, calculators[0], client):
            for at, datagram in enumerate(bent):
                stranger.throw(process.address, datagram)
                if at % 30 == 29:
                    assert stranger.is_answered_by(process.address), '%s no longer answers' % process
    all_still_work(system, client)


def test_messages_of_the_wrong_role_and_invented_ids_change_counters_only(system, trio):
    dispatcher, calculators, client = trio
    calculator = calculators[0]
    wrong = {dispatcher: garbage.FOR_CLIENTS + garbage.FOR_CALCULATORS,
             calculator: garbage.FOR_CLIENTS + garbage.FOR_DISPATCHERS,
             client: garbage.FOR_CALCULATORS + garbage.FOR_DISPATCHERS}
    with Stranger() as stranger:
        for process in (dispatcher, calculator, client):
            stranger.say(process.address, wrong[process])
            assert stranger.is_answered_by(process.address)
        invented = garbage.INVENTED
        stranger.say(client.address, [Accepted(invented), Refused(invented, 'draining', None),
                                      Outcome(invented, 'done', 'x', None, 1)])
        stranger.say(calculator.address, [Assign(invented, 1, 'aaaaaaaa', 'x', 1, 1), Revoke(invented, 9),
                                          ResultAck(invented, 1), HeartbeatAck(1 << 50)])
        stranger.say(dispatcher.address, [Result(invented, 1, 'forged', None), AssignRefused(invented, 1, BUSY),
                                          Leave(), Submit(invented, 'x', 1)])
        for process in (dispatcher, calculator, client):
            assert stranger.is_answered_by(process.address)
    all_still_work(system, client)
    for process in (dispatcher, calculator, client):
        assert process.account['counts']['unexpected_messages'] == len(wrong[process]), process
    assert client.account['counts']['unknown_outcomes'] == 1
    counts = calculator.account['counts']
    assert (counts['not_for_this_life'], counts['unknown_revokes']) == (1, 1)
    counts = dispatcher.account['counts']
    assert (counts['unknown_results'], counts['refused_not_yours'], counts['left']) == (1, 1, 2)
    assert dispatcher.account['accepted'] == client.account['sent'] + TASKS_AFTER


def test_a_ghost_that_beats_like_a_calculator_and_never_works_loses_no_task(system, trio):
    dispatcher, _, client = trio
    with Stranger('ghost') as ghost:
        # So frequent, by its own word, that its silence is soon noticed, but not before it gets work on a busy machine;
        # and with many hands.
        ghost.say(dispatcher.address, [Heartbeat(1, 1, 1, 0.5, 50, [], [], False, 0)])
        dispatcher.says('calculator ghost registered')
        dispatcher.says('ghost is dead: .* taken from it: [1-9][0-9]* task')
        # As much in a hurry, and as slow, as may be said at all: neither takes the dispatcher's time.
        for interval_s in (HEARTBEAT_INTERVAL_MIN_S, HEARTBEAT_INTERVAL_MAX_S):
            ghost.say(dispatcher.address, [Heartbeat(1, 1, 1, interval_s, 1, [], [], True, 0)], 'ghost-2')
            assert ghost.is_answered_by(dispatcher.address)
    all_still_work(system, client)
    assert dispatcher.account['attempts']['dead_calculator'] >= 1


def test_what_strangers_submit_is_work_like_any_other(system, trio):
    dispatcher, _, client = trio
    with Stranger() as stranger:
        for number in range(1, 201):
            name = 'stranger-%d' % (number % 20)
            stranger.say(dispatcher.address, [Submit('%s:aaaaaaaa:%d' % (name, number), 'x', 60)], name)
            # Nothing a calculator can compute: that is an answer too.
            stranger.say(dispatcher.address, [Submit('%s:bbbbbbbb:%d' % (name, number), {'x': [1]}, 60)], name)
            assert number % 20 or stranger.is_answered_by(dispatcher.address)
    all_still_work(system, client)
    account = dispatcher.account
    assert account['accepted'] == client.account['sent'] + TASKS_AFTER + 400
    assert (account['outcomes']['failed'], account['attempts']['error']) == (200, 200)
    # Nobody acknowledged these, and nobody was kept waiting for that.
    assert account['outcomes']['done'] == client.account['sent'] + TASKS_AFTER + 200
