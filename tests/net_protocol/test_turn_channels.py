"""How a channel opens, moves, sleeps and closes; which greetings and tickets are valid."""

from __future__ import absolute_import, division, print_function

import pytest

from net_protocol import codec, directory
from net_protocol.limits import HELLO_BYTES
from net_protocol.rows import CALCULATOR, DISPATCHER, MONITOR, PROBE
from net_protocol.schedule import SLEEP_S
from net_protocol.seals import CHECKSUM
from tests.net_protocol.toys import (
    CLIENT_AT, DISPATCHER_AT, ELSEWHERE, Node, ToyClient, ToyDispatcher, World, craft, delivers, loses, pair)

SUBMIT = {'submit': [[1, u'x', 5]]}


def greeting(re, ticket=u'1.a', incarnation=u'dddddddd'):
    return codec.greeting(CHECKSUM, DISPATCHER, u'd', incarnation, re, ticket)


def fresh_dispatcher(**more):
    return Node(ToyDispatcher(), DISPATCHER_AT, 2, **more)


@pytest.fixture
def fresh():
    return fresh_dispatcher()


# Greetings.

def test_no_greeting_is_longer_than_the_datagram_that_it_answers(fresh):
    (answer,) = fresh.step(1.0, (craft(7, SUBMIT, size=HELLO_BYTES), CLIENT_AT))
    length = len(fresh.outbox[0][0])
    assert (answer.re, answer.incarnation, answer.to) == (7, u'dddddddd', u'')
    for size in range(length - 3, length + 3):
        question = craft(7, size=size)
        assert len(question) == size
        assert bool(fresh.step(1.0, (question, CLIENT_AT))) is (size >= length)
    assert fresh.turn.account()['not_greeted'] == 3
    assert fresh.core.log == []


def test_a_short_datagram_of_a_process_on_this_machine_is_greeted():
    dispatcher = fresh_dispatcher(is_local=lambda address: address == CLIENT_AT)
    assert len(dispatcher.step(1.0, (craft(7), CLIENT_AT), (craft(8), ELSEWHERE))) == 1
    assert dispatcher.outbox[0][1] == CLIENT_AT


def test_a_greeting_needs_no_state(fresh):
    for number in range(1, 50):
        fresh.step(1.0, (craft(number, SUBMIT, size=HELLO_BYTES), ('192.0.2.9', number)))
    assert fresh.core.channels == {}
    assert fresh.turn.next_timer() is None


def test_a_greeting_is_valid_if_it_answers_a_datagram_in_flight():
    client = Node(ToyClient(), CLIENT_AT)
    client.turn.set_upstream(DISPATCHER_AT)
    (hello,) = client.step(1.0)
    assert len(client.outbox[0][0]) == HELLO_BYTES
    for wrong in (hello.number - 1, hello.number + 1, 1):
        client.step(1.0, (greeting(wrong), DISPATCHER_AT))
        assert not client.core.dispatcher.is_open
    client.step(1.0, (greeting(hello.number), DISPATCHER_AT), (greeting(hello.number, u'2.b'), DISPATCHER_AT))
    assert client.core.dispatcher.is_open
    assert client.core.dispatcher.ticket == u'1.a'
    assert client.core.take_log('opened') == [('opened', u'dddddddd')]
    client.core.put('submit', [1, u'x', 5])
    (sent,) = client.step(1.0)
    assert (sent.to, sent.number) == (u'1.a', hello.number + 1)


def test_a_greeting_for_an_acknowledged_datagram_is_ignored():
    world, client, _ = pair()
    client.core.put('submit', [1, u'x', 5])
    (sent,) = world.step(client)
    world.run(0.1)
    client.step(world.now, (greeting(sent.number, incarnation=u'eeeeeeee'), DISPATCHER_AT))
    assert client.core.dispatcher.incarnation == u'dddddddd'
    assert client.core.take_log('opened') == []


def test_hellos_are_repeated_after_growing_pauses_and_a_late_greeting_is_valid():
    client = Node(ToyClient(), CLIENT_AT)
    world = World(client)
    at, numbers = [], []

    def fate(sender, datagram, address):
        at.append(world.now)
        numbers.append(codec.decode(datagram).number)
        return []
    world.fate = fate
    world.run(5.0)
    assert at == []
    client.turn.set_upstream(DISPATCHER_AT)
    world.run(100.0)
    pauses = [later - earlier for earlier, later in zip(at, at[1:])]
    assert at[0] == 105.0
    assert 0.5 <= pauses[0] <= 1.5 * 2
    assert all(4.0 <= pause <= 6.0 for pause in pauses[4:])
    assert len(client.core.dispatcher.loss.in_flight) <= 16
    client.step(world.now, (greeting(numbers[-10]), DISPATCHER_AT))
    assert client.core.dispatcher.is_open


def test_all_roles_greet_a_health_probe_and_ignore_its_greetings():
    client = Node(ToyClient(), CLIENT_AT)
    for node in (client, fresh_dispatcher()):
        (answer,) = node.step(1.0, (craft(5, role=PROBE, size=HELLO_BYTES), ELSEWHERE))
        assert (answer.re, answer.role) == (5, node.core.ROLE)
    assert client.step(1.0, (codec.greeting(CHECKSUM, PROBE, u'p', u'pppppppp', 5, u''), ELSEWHERE)) == []


@pytest.mark.parametrize('node, role', [(fresh_dispatcher(), DISPATCHER), (Node(ToyClient(), CLIENT_AT), u'client'),
                                        (Node(ToyClient(), CLIENT_AT), CALCULATOR)],
                         ids=['dispatcher', 'client', 'calculator'])
def test_a_datagram_of_a_wrong_role_is_refused(node, role):
    assert node.step(1.0, (craft(5, SUBMIT, role=role, size=HELLO_BYTES), ELSEWHERE)) == []
    assert node.refusals == ['wrong_role']


# Tickets.

def test_a_datagram_without_the_ticket_of_its_address_is_not_handled():
    world, _, dispatcher = pair()
    channel = dispatcher.core.channel
    dispatcher.core.put('done', [1, u'x', 1])
    (done,) = dispatcher.step(world.now)
    number = channel.number_received + 1
    everything = {'rows': SUBMIT, 'acks': [[done.number, done.number]], 'open_number': 9}
    foreign = [(craft(number, to=to, size=400, **dict(everything, **who)), address) for to, address, who in (
        (channel.ticket, ELSEWHERE, {}), (u'', CLIENT_AT, {}), (u'1.c2f0a91b44', CLIENT_AT, {}),
        (channel.ticket, CLIENT_AT, {'name': u'cc'}), (channel.ticket, CLIENT_AT, {'incarnation': u'cccccccb'}),
        (channel.ticket, CLIENT_AT, {'role': MONITOR}))]
    heard_at = channel.heard_at
    answers = dispatcher.step(world.now + 0.1, *foreign)
    assert [answer.re for answer in answers if answer.re] == [number] * len(foreign)
    assert dispatcher.core.take_log() == [('sent', done.number, {'done': [[1, u'x', 1]]})]
    assert list(channel.loss.in_flight) == [done.number]
    assert (channel.peer_open, channel.heard_at) == (0, heard_at)
    # The same datagram of its owner is handled.
    dispatcher.step(world.now + 0.1, (craft(number, to=channel.ticket, **everything), CLIENT_AT))
    assert [entry[0] for entry in dispatcher.core.take_log()] == ['acknowledged', 'submit']
    assert channel.peer_open == 9


def test_a_client_ignores_datagrams_of_a_former_channel_or_another_incarnation():
    world, client, _ = pair()
    channel = client.core.dispatcher
    for to, incarnation in ((u'1.a', u'dddddddd'), (u'', u'dddddddd'), (channel.ticket, u'eeeeeeee')):
        client.step(world.now, (craft(channel.number_received + 1, {'done': [[1, None, 1]]}, to=to, role=DISPATCHER,
                                      name=u'd', incarnation=incarnation), DISPATCHER_AT))
    assert client.core.take_log() == []
    assert client.turn.account()['stale'] == 3


def ticket_for(dispatcher, now, address=CLIENT_AT, **who):
    answers = dispatcher.step(now, (craft(1, size=HELLO_BYTES, **who), address))
    (ticket,) = [answer.ticket for answer in answers if answer.re]
    return ticket


def test_a_channel_with_a_datagram_in_30_seconds_needs_no_new_ticket_and_does_not_sleep():
    world, client, dispatcher = pair()
    for _ in range(4):
        client.core.put('submit', [1, u'x', 5])
        world.run(20.0)
    assert dispatcher.core.take_log() == [('submit', [[1, u'x', 5]])] * 4


def test_a_ticket_from_before_a_close_does_not_open_a_channel(fresh):
    used = ticket_for(fresh, 50.0)
    fresh.step(50.1, (craft(2, SUBMIT, to=used), CLIENT_AT))
    waiting = ticket_for(fresh, 50.0 + SLEEP_S - 1, ELSEWHERE)
    fresh.step(50.1 + SLEEP_S)
    assert fresh.core.take_log('closed')
    for ticket, address in ((used, CLIENT_AT), (waiting, ELSEWHERE)):
        fresh.step(50.1 + SLEEP_S, (craft(3, SUBMIT, to=ticket, size=HELLO_BYTES), address))
    assert fresh.core.take_log() == []
    ticket = ticket_for(fresh, 50.1 + SLEEP_S)
    fresh.step(50.1 + SLEEP_S, (craft(3, SUBMIT, to=ticket), CLIENT_AT))
    assert [entry[0] for entry in fresh.core.take_log()] == ['opened', 'submit']


def test_an_older_ticket_than_the_present_one_is_ignored(fresh):
    older, newer = ticket_for(fresh, 50.0, ELSEWHERE), ticket_for(fresh, 51.0)
    fresh.step(52.0, (craft(2, to=newer), CLIENT_AT))
    (answer,) = fresh.step(52.0, (craft(3, SUBMIT, to=older, size=HELLO_BYTES), ELSEWHERE))
    assert answer.re == 3
    assert fresh.core.take_log() == [('opened', u'cccccccc')]
    assert fresh.core.channel.address == CLIENT_AT


def test_a_client_with_a_new_address_keeps_its_channel_without_the_rows_in_flight():
    world, client, dispatcher = pair()
    channel = dispatcher.core.channel
    channel.peer = 'kept'
    client.address = ELSEWHERE
    client.core.put('submit', [1, u'x', 5])
    dispatcher.core.put('done', [1, u'x', 1], [2, u'x', 1])
    number = channel.number
    world.run(10.0)
    # The channel does not resend these rows. A real core does it in ``opened``.
    assert client.core.take_log('opened') == [('opened', u'dddddddd')]
    assert dispatcher.core.take_log('opened', 'submit') == []
    client.core.put('submit', [2, u'y', 5])
    world.run(10.0)
    assert dispatcher.core.take_log('opened', 'submit') == [('opened', u'cccccccc'), ('submit', [[2, u'y', 5]])]
    assert dispatcher.core.channel is channel
    assert (channel.address, channel.peer) == (ELSEWHERE, 'kept')
    assert channel.number > number
    assert not channel.loss.in_flight


def test_a_restart_of_the_dispatcher_opens_the_channel_without_the_former_rows():
    world, client, dispatcher = pair()
    client.core.dispatcher.peer_open = 5
    world.nodes[1] = restarted = Node(ToyDispatcher(incarnation=u'eeeeeeee'), DISPATCHER_AT, 3)
    # These are more than the window: some are in flight, some wait. None is sent to the new incarnation.
    client.core.put('submit', *[[number, u'x' * 1200, 5] for number in range(1, 31)])
    world.run(10.0)
    assert client.core.take_log('opened', 'refresh') == [('opened', u'eeeeeeee')]
    assert client.core.dispatcher.peer_open == 0
    assert restarted.core.take_log() == []
    client.core.put('submit', [1, u'x', 5])
    world.run(1.0)
    assert restarted.core.take_log('submit') == [('submit', [[1, u'x', 5]])]
    assert not client.core.dispatcher.loss.in_flight


def test_a_new_incarnation_of_the_client_opens_its_own_channel():
    world, client, dispatcher = pair()
    core, number = client.core, client.core.dispatcher.number
    core.put('submit', [1, u'x', 5])
    core.incarnation = u'ffffffff'
    core.dispatcher.forget()
    world.run(0.1)
    core.put('submit', [2, u'y', 5])
    world.run(0.1)
    assert dispatcher.core.take_log('opened', 'submit') == [('opened', u'ffffffff'), ('submit', [[2, u'y', 5]])]
    assert core.dispatcher.number > number


def test_rows_from_before_the_opening_are_dropped():
    client = Node(ToyClient(), CLIENT_AT)
    client.turn.set_upstream(DISPATCHER_AT)
    client.core.put('submit', [1, u'x', 5])
    (hello,) = client.step(1.0)
    assert hello.rows == {'ping': [[]]}
    client.step(1.0, (greeting(hello.number), DISPATCHER_AT))
    assert client.outbox == []
    assert client.core.dispatcher.rows == {}


def test_each_incarnation_has_a_channel_and_one_over_the_limit_replaces_one_that_sleeps(monkeypatch):
    monkeypatch.setattr(directory, 'CHANNELS_MAX', 2)
    dispatcher = fresh_dispatcher()
    dispatcher.core.keeps = True
    for at, incarnation in ((50.0, u'aaaaaaaa'), (60.0, u'bbbbbbbb'), (60.0, u'cccccccc')):
        ticket = ticket_for(dispatcher, at, incarnation=incarnation)
        dispatcher.step(at, (craft(2, SUBMIT, to=ticket, incarnation=incarnation), CLIENT_AT))
    assert sorted(dispatcher.core.channels) == [u'aaaaaaaa', u'bbbbbbbb']
    assert dispatcher.turn.account()['not_opened'] == 1
    # The first channel sleeps, so it is closed for a new one.
    dispatcher.step(50.0 + SLEEP_S)
    ticket = ticket_for(dispatcher, 81.0)
    dispatcher.step(81.0, (craft(2, SUBMIT, to=ticket), CLIENT_AT))
    # The close also made this ticket void. The next one is valid.
    ticket = ticket_for(dispatcher, 81.1)
    dispatcher.step(81.1, (craft(3, SUBMIT, to=ticket), CLIENT_AT))
    assert sorted(dispatcher.core.channels) == [u'bbbbbbbb', u'cccccccc']


# Sleep.

def test_a_silent_channel_sleeps_after_30_seconds_until_a_datagram_arrives():
    world, client, dispatcher = pair()
    dispatcher.core.keeps = True
    channel = dispatcher.core.channel
    dispatcher.core.put('done', [1, u'x', 1])
    world.fate = loses
    world.run(SLEEP_S + 0.1)
    assert channel.is_asleep
    assert not channel.has_room
    assert not channel.loss.in_flight
    assert dispatcher.core.take_log('asleep', 'closed', 'refresh')[-1] == ('asleep', u'c')
    sent = dispatcher.turn.account()['datagrams_out']
    dispatcher.core.put('done', [2, u'x', 1])
    world.run(100.0)
    assert dispatcher.turn.account()['datagrams_out'] == sent
    assert dispatcher.turn.next_timer() is None
    world.fate = delivers
    client.core.put('submit', [1, u'x', 5])
    world.run(0.1)
    assert dispatcher.core.take_log('awake', 'submit', 'opened') == [('awake', u'c'), ('submit', [[1, u'x', 5]])]
    dispatcher.core.put('done', [1, u'x', 1])
    world.run(0.1)
    assert client.core.take_log('done') == [('done', [[1, u'x', 1]])]
    world.run(SLEEP_S)
    assert channel.is_asleep


def test_a_silent_channel_without_tasks_is_closed():
    world, client, dispatcher = pair()
    world.run(SLEEP_S + 0.1)
    assert dispatcher.core.take_log() == [('asleep', u'c'), ('closed', u'c')]
    assert dispatcher.turn.next_timer() is None
    client.core.put('submit', [1, u'x', 5])
    world.run(10.0)
    assert client.core.take_log('opened') == [('opened', u'dddddddd')]


# Unreachable.

def one_way(world, node):
    """Lose all datagrams of that node."""
    world.fate = lambda sender, datagram, address: [] if sender is node else [0.005]


def chatter(world, client, for_s):
    """The client sends a heartbeat every second."""
    for _ in range(for_s):
        client.core.put('heartbeat', [1, 1, 1, 1.0, 1, [], [], False])
        world.run(1.0)


def test_a_peer_that_sends_but_does_not_acknowledge_is_unreachable():
    world, client, dispatcher = pair()
    one_way(world, dispatcher)
    dispatcher.core.put('done', [1, u'x', 1])
    chatter(world, client, 20)
    assert dispatcher.core.take_log('unreachable', 'reachable') == [('unreachable', u'c')]
    assert dispatcher.core.channel.is_unreachable
    assert dispatcher.turn.account()['unreachable'] == 1
    world.fate = delivers
    chatter(world, client, 10)
    assert dispatcher.core.take_log('unreachable', 'reachable') == [('reachable', u'c')]
    assert not dispatcher.core.channel.is_unreachable


def test_a_silent_peer_is_not_unreachable():
    world, client, dispatcher = pair()
    world.fate = loses
    dispatcher.core.put('done', [1, u'x', 1])
    chatter(world, client, 20)
    assert dispatcher.core.take_log('unreachable') == []


def test_an_unreachable_peer_becomes_reachable_after_a_sleep():
    world, client, dispatcher = pair()
    dispatcher.core.keeps = True
    channel = dispatcher.core.channel
    one_way(world, dispatcher)
    dispatcher.core.put('done', [1, u'x', 1])
    chatter(world, client, 10)
    assert channel.is_unreachable
    world.fate = loses
    world.run(SLEEP_S + 5)
    assert channel.is_asleep
    world.fate = delivers
    chatter(world, client, 10)
    assert not channel.is_unreachable
    assert dispatcher.core.take_log('unreachable', 'reachable') == [('unreachable', u'c'), ('reachable', u'c')]


def test_an_icmp_error_is_reported_for_the_channel_at_that_address():
    world, client, dispatcher = pair()
    for node, address, heard in ((dispatcher, CLIENT_AT, [('hinted', u'c')]), (dispatcher, ELSEWHERE, []),
                                 (client, DISPATCHER_AT, [('hinted', u'd')]), (client, ELSEWHERE, [])):
        node.turn.note_unreachable(world.now, address)
        assert node.core.take_log() == heard


# Outages.

def test_a_process_in_an_outage_ignores_datagrams():
    world, client, dispatcher = pair()
    client.core.is_listening = False
    dispatcher.core.put('done', [1, u'x', 1])
    world.run(3.0)
    assert client.core.take_log() == []
    assert client.turn.account()['ignored'] > 2
    client.core.is_listening = True
    world.run(6.0)
    assert client.core.take_log('done') == [('done', [[1, u'x', 1]])]
