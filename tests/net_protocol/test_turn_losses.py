"""Lost rows are resent: after three later acknowledgements, by a probe, after a collapse. And the congestion window."""

from __future__ import absolute_import, division, print_function

import pytest

from net_protocol import channel as channels
from net_protocol.recovery import WINDOW_FIRST, WINDOW_MIN
from net_protocol.schedule import JITTER_MAX, PROBE_FIRST_S, PROBE_MAX_S
from tests.net_protocol.toys import CLIENT_AT, OneChannel, delivers, pair


@pytest.fixture
def sender():
    return OneChannel()


def done(number, size=1):
    return [number, u'x' * size, 1]


def one_by_one(sender, count):
    """Send datagrams; returns their numbers."""
    return [sender.send('done', done(number))[0].number for number in range(1, count + 1)]


# Three later acknowledgements.

def test_after_three_later_acknowledgements_a_datagram_is_resent_under_a_new_number(sender):
    numbers = one_by_one(sender, 5)
    assert sender.acknowledge(numbers[1]) == []
    assert sender.acknowledge(numbers[2]) == []
    (resent,) = sender.acknowledge(numbers[3])
    assert resent.rows == {'done': [done(1)]}
    assert resent.number == numbers[-1] + 1
    assert sender.core.take_log('refresh') == [('refresh', 'done', done(1))]
    assert sender.node.turn.account()['lost'] == sender.node.turn.account()['resent'] == 1
    # A late acknowledgement of the lost datagram changes nothing.
    sender.acknowledge(numbers[0], numbers[4], resent.number)
    assert not sender.channel.loss.in_flight
    assert sender.channel.probe_at is None


def test_the_core_changes_or_drops_rows_before_they_are_resent(sender):
    sender.core.refresh = lambda now, channel, kind, row: None if row[0] == 2 else [row[0], u'fresh', 9]
    lost = sender.send('done', done(1), done(2), done(3))[0].number
    (resent,) = sender.acknowledge(*[sender.send('done', done(9))[0].number for _ in range(3)])
    assert lost not in sender.channel.loss.in_flight
    assert resent.rows == {'done': [[1, u'fresh', 9], [3, u'fresh', 9]]}
    sender.core.refresh = lambda now, channel, kind, row: None
    assert sender.acknowledge(*[sender.send('done', done(9))[0].number for _ in range(3)]) == []
    assert not sender.channel.loss.in_flight


def test_unreliable_kinds_are_not_resent(sender):
    sender.core.put('done', done(1))
    sender.send('heartbeat', [1, 1, 1, 1.0, 1, [], [], False])
    sender.send('ping', [])
    (resent,) = sender.acknowledge(*one_by_one(sender, 3))
    assert resent.rows == {'done': [done(1)]}
    assert sender.core.take_log('refresh') == [('refresh', 'done', done(1))]


def test_acknowledged_rows_are_reported_before_the_rows_of_the_same_datagram(sender):
    sender.core.put('revoke', [1, u'a:aaaaaaaa:1'])
    (sent,) = sender.send('done', done(1), done(2))
    sender.core.take_log()
    sender.turn(sender.datagram({'cancel': [[1]]}, acks=[[sent.number, sent.number]]))
    assert sender.core.take_log() == [('acknowledged', 'done', [done(1), done(2)]), ('cancel', [[1]])]


def test_rows_that_are_lost_repeatedly_are_resent_in_smaller_datagrams(sender):
    sizes, rows = [], []
    datagrams = sender.send('done', *[done(number, 60) for number in range(1, 17)])
    assert len(datagrams) == 1
    for _ in range(4):
        sizes.append(max(len(datagram) for datagram, _ in sender.node.outbox))
        rows.append(max(len(datagram.rows['done']) for datagram in datagrams))
        others = [sender.send('ping', [])[0].number for _ in range(3)]
        datagrams = sender.acknowledge(*others)
        # The window may not have room for all. The next acknowledgement makes room.
        more = sender.acknowledge(datagrams[0].number) if len(sender.channel.lost_rows) else []
        assert all(datagram.rows for datagram in datagrams + more)
    assert rows[0] == 16
    assert rows == sorted(rows, reverse=True)
    assert rows[1] > rows[2] > rows[3] == 1
    for size, limit in zip(sizes[1:], channels.RESENT_BYTES):
        assert size <= limit + 150 or limit == 1


# Probes.

def test_a_probe_repeats_the_oldest_rows_under_a_new_number(sender):
    first = sender.send('done', done(1))[0].number
    sent_at = sender.now
    assert PROBE_FIRST_S <= sender.channel.probe_at - sent_at <= PROBE_FIRST_S * JITTER_MAX
    sender.send('done', done(2))
    (probe,) = sender.probe()
    assert probe.rows == {'done': [done(1)]}
    assert set(sender.channel.loss.in_flight) == {first, first + 1, probe.number}
    assert sender.node.turn.account()['probes'] == 1
    assert sender.node.turn.account()['lost'] == 0
    # Its acknowledgement also acknowledges the repeated rows. A datagram older by a round trip is lost.
    assert [resent.rows for resent in sender.acknowledge(probe.number)] == [{'done': [done(2)]}]
    assert list(sender.channel.loss.in_flight) == [probe.number + 1]


def test_the_pause_before_a_probe_doubles_until_an_acknowledgement(sender):
    sender.send('done', done(1))
    pauses = []
    for _ in range(7):
        before = sender.now
        sender.probe()
        pauses.append(sender.channel.probe_at - sender.now)
        assert sender.now > before
        # A datagram without acknowledgements, so that the channel does not sleep.
        sender.acknowledge()
    for place, pause in enumerate(pauses):
        expected = min(PROBE_MAX_S, PROBE_FIRST_S * 2 ** (place + 1))
        assert expected <= pause <= expected * JITTER_MAX
    assert len(set(pauses)) == len(pauses)
    last = sender.channel.number
    sender.acknowledge(last)
    sender.send('done', done(2))
    assert sender.channel.probes == 0
    assert sender.channel.probe_at - sender.now < PROBE_MAX_S


def test_the_third_probe_collapses_the_window_and_all_rows_are_resent(sender):
    one_by_one(sender, 8)
    sender.core.take_log()
    for _ in range(2):
        (probe,) = sender.probe()
        assert probe.rows == {'done': [done(1)]}
        assert sender.channel.window.segments == WINDOW_FIRST
    refreshed = sender.core.take_log('refresh')
    assert refreshed == [('refresh', 'done', done(1))] * 2
    datagrams = sender.probe()
    assert sender.channel.window.segments == WINDOW_MIN
    # The window has room for two. Each row is refreshed once, although the oldest was in flight three times.
    assert sender.core.take_log('refresh') == [('refresh', 'done', done(number)) for number in (1, 2)]
    assert [datagram.rows for datagram in datagrams] == [{'done': [done(1)]}, {'done': [done(2)]}]
    seen = []
    while datagrams:
        seen += [datagram.rows['done'][0] for datagram in datagrams]
        datagrams = sender.acknowledge(*[datagram.number for datagram in datagrams])
    assert seen == [done(number) for number in range(1, 9)]


def test_after_a_collapse_without_rows_to_resend_waiting_rows_are_sent(sender):
    sender.channel.window.segments = WINDOW_MIN
    numbers = one_by_one(sender, 2)
    assert sender.send('done', done(3)) == []
    sender.core.refresh = lambda now, channel, kind, row: None
    assert [sorted(probe.rows) for probe in sender.probe() + sender.probe()] == [['ping'], ['ping']]
    (last,) = sender.probe()
    assert last.rows == {'done': [done(3)]}
    assert list(sender.channel.loss.in_flight) == [last.number]
    assert not set(numbers) & set(sender.channel.loss.in_flight)


def test_a_probe_is_long_enough_for_a_greeting(sender):
    sender.send('done', done(1))
    for _ in range(5):
        sender.probe()
        assert all(len(datagram) >= 400 for datagram, _ in sender.node.outbox)


def test_a_probe_repeats_only_some_of_large_rows(sender):
    sender.send('done', *[done(number, 200) for number in range(1, 6)])
    first = sender.channel.number
    (probe,) = sender.probe()
    assert len(sender.node.outbox[0][0]) <= channels.PROBE_BYTES + 150
    assert probe.number in sender.channel.loss.in_flight
    # So its acknowledgement does not acknowledge all of them.
    (resent,) = sender.acknowledge(probe.number)
    assert first not in sender.channel.loss.in_flight
    assert resent.rows == {'done': [done(number, 200) for number in range(1, 6)]}


def test_only_the_acknowledgement_of_a_later_datagram_makes_a_peer_reachable(sender):
    first = sender.send('done', done(1))[0].number
    while not sender.channel.is_unreachable:
        sender.probe()
        sender.acknowledge()
    verdict = sender.channel.unreachable_since
    assert first < verdict < sender.channel.number
    before = [number for number in sender.channel.loss.in_flight if number <= verdict]
    sender.acknowledge(*before)
    assert sender.channel.is_unreachable
    sender.acknowledge(sender.channel.number)
    assert sender.core.take_log('unreachable', 'reachable') == [('unreachable', u'c'), ('reachable', u'c')]


def test_rows_that_were_handled_but_seemed_lost_are_not_resent_for_ever():
    world, client, dispatcher = pair()
    channel = dispatcher.core.channel
    world.fate = lambda sender, datagram, address: [] if sender is client else [0.005]
    dispatcher.core.put('done', *[done(number, 300) for number in range(1, 40)])
    world.run(8.0)
    world.fate = delivers
    world.run(8.0)
    assert not channel.loss.in_flight
    assert not channel.has_waiting_rows()
    handled = {row[0] for _, rows in client.core.take_log('done') for row in rows}
    assert handled == set(range(1, 40))
    out = dispatcher.turn.account()['datagrams_out']
    world.run(10.0)
    assert dispatcher.turn.account()['datagrams_out'] == out


# The window.

def test_rows_wait_while_the_window_is_full(sender):
    datagrams = sender.send('done', *[done(number, 1200) for number in range(1, 31)])
    assert len(datagrams) == 11
    assert not sender.channel.has_room
    # A datagram of 1,400 bytes is one segment. The last one may exceed the window.
    assert WINDOW_FIRST <= sender.channel.loss.segments < WINDOW_FIRST + 1.1
    assert sender.send('done', done(31, 1200)) == []
    seen = [row[0] for datagram in datagrams for row in datagram.rows['done']]
    while datagrams:
        before = sender.channel.loss.segments
        datagrams = datagrams[3:] + sender.acknowledge(*[datagram.number for datagram in datagrams[:3]])
        assert sender.channel.loss.segments <= max(before, sender.channel.window.segments + 1)
        seen += [row[0] for datagram in datagrams for row in datagram.rows['done'] if row[0] not in seen]
    assert seen == list(range(1, 32))
    assert sender.channel.has_room
    assert sender.channel.window.segments > WINDOW_FIRST


def test_two_large_datagrams_may_be_in_flight(sender):
    sender.channel.window.segments = WINDOW_MIN
    datagrams = [sender.send('done', done(number, 50000)) for number in range(1, 4)]
    assert [len(some) for some in datagrams] == [1, 1, 0]


def test_unreliable_rows_and_acknowledgements_are_sent_although_the_window_is_full(sender):
    sender.send('done', *[done(number, 1200) for number in range(1, 31)])
    for kind, row in (('heartbeat', [1, 1, 1, 1.0, 1, [], [], False]), ('ping', []), ('status', [1, 0, 0, 0, 0])):
        (passed,) = sender.send(kind, row)
        assert passed.rows == {kind: [row]}
    (passed,) = sender.turn(sender.datagram({'ping': [[]]}))
    assert not passed.rows
    assert passed.acks[0][1] == sender.number
    assert list(sender.channel.rows) == ['done']


def test_lost_rows_are_resent_although_unacknowledged_pings_are_in_flight(sender):
    sender.channel.window.segments = WINDOW_MIN
    first, = sender.send('done', done(1))
    pings = [sender.send('ping', [])[0] for _ in range(10)]
    resent, = sender.acknowledge(*[ping.number for ping in pings[:3]])
    assert resent.rows == first.rows


@pytest.mark.parametrize('is_local, limit', [(False, 1400), (True, 8000)])
def test_a_datagram_of_several_rows_is_within_the_limit_of_its_path(sender, is_local, limit):
    sender.channel.use_address(CLIENT_AT, is_local)
    for ranges in (0, 1, 2, 16, 32):
        sender.channel.open += 10 ** 15
        sender.channel.drop_rows()
        sender.channel.window.segments = 100.0
        sender.channel.received.ranges = [[sender.number + 3 * place] * 2 for place in range(ranges)]
        sender.send('done', *[done(number, 50) for number in range(1, 1000)])
        sizes = [len(datagram) for datagram, _ in sender.node.outbox]
        assert limit * 0.85 < max(sizes) <= limit
        assert len(sizes) > 3
