"""Numbers received, what is acknowledged when, and how much one turn reads."""

from __future__ import absolute_import, division, print_function

import pytest

from net_protocol.budget import BYTES_READ_MAX, READS_MAX, ROWS_READ_MAX
from net_protocol.limits import NUMBERS_AHEAD_MAX, RECEIVE_WINDOW
from net_protocol.schedule import ACK_DELAY_S
from net_protocol.turn import PORTION_ROWS
from tests.net_protocol.toys import CLIENT_AT, ELSEWHERE, craft, pair


class Peer(object):
    """A client made by hand at the other end of a dispatcher's channel."""

    def __init__(self, write=None):
        world, client, self.node = pair(write)
        (self.channel,) = self.node.core.channels.values()
        self.now = world.now
        self.number = client.core.dispatcher.number
        # So that nothing of the opening is in the way.
        self.channel.received.ranges = []

    def datagram(self, rows=None, ahead=1, **more):
        self.number += ahead
        return self.at(self.number, rows, **more)

    def at(self, number, rows=None, **more):
        return craft(number, rows, to=self.channel.ticket, **more), CLIENT_AT

    def turn(self, *datagrams, **more):
        self.now += more.get('later', 0.0)
        return self.node.step(self.now, *datagrams)


@pytest.fixture
def peer():
    return Peer()


def submits(first, count=1, size=1):
    return {'submit': [[number, u'x' * size, 5] for number in range(first, first + count)]}


def acknowledged(answers):
    return sorted(pair for answer in answers for pair in answer.acks)


# Numbers.

def test_a_datagram_that_comes_twice_is_handled_once_and_acknowledged_again(peer):
    one = peer.datagram(submits(1))
    peer.turn(one)
    for _ in range(3):
        assert acknowledged(peer.turn(one, later=1.0)) == [[peer.number, peer.number]]
    assert peer.node.core.take_log('submit') == [('submit', submits(1)['submit'])]
    assert peer.node.turn.account()['duplicates'] == 3


def test_a_datagram_below_the_window_is_neither_handled_nor_acknowledged(peer):
    late, within = peer.datagram(submits(1)), peer.datagram(submits(2))
    peer.turn(peer.at(peer.number - 1 + RECEIVE_WINDOW))
    assert acknowledged(peer.turn(late, within))[0] == [peer.number, peer.number]
    assert peer.node.core.take_log('submit') == [('submit', submits(2)['submit'])]
    assert peer.node.turn.account()['too_old'] == 1


def test_a_number_too_far_ahead_refuses_the_datagram_as_a_whole(peer):
    highest = peer.channel.received.highest
    everything = dict(submits(1), cancel=[[1]])
    peer.turn(peer.at(highest + NUMBERS_AHEAD_MAX + 1, everything, open_number=7))
    assert peer.node.refusals == ['bad_number']
    assert (peer.channel.peer_open, peer.channel.received.highest, peer.node.core.take_log()) == (0, highest, [])
    peer.turn(peer.at(highest + NUMBERS_AHEAD_MAX, everything, open_number=7))
    assert [kind for kind, _ in peer.node.core.take_log()] == ['submit', 'cancel']


def test_an_acknowledgement_of_a_number_never_sent_refuses_the_datagram_as_a_whole(peer):
    peer.node.core.send(peer.channel, 'done', [1, u'x', 1])
    peer.turn()
    sent = peer.channel.number
    for acks in ([[sent + 1, sent + 1]], [[sent, sent + 1]], [[1, 2 ** 53]], [[2 ** 53, 2 ** 53], [1, 2]]):
        peer.turn(peer.datagram(submits(1), acks=acks, open_number=7))
    assert peer.node.refusals == ['bad_number'] * 4
    assert list(peer.channel.loss.in_flight) == [sent]
    assert peer.node.core.take_log('submit', 'acknowledged') == []
    peer.turn(peer.datagram(submits(1), acks=[[sent, sent]] * 32))
    assert peer.node.core.take_log('submit', 'acknowledged') == [
        ('acknowledged', 'done', [[1, u'x', 1]]), ('submit', submits(1)['submit'])]


def test_kinds_are_handled_in_one_order_whatever_the_order_of_the_keys(peer):
    peer.turn(peer.datagram({'cancel': [[1]], 'ping': [[]], 'leave': [[]], 'submit': submits(1)['submit']}))
    assert [kind for kind, _ in peer.node.core.take_log()] == ['leave', 'submit', 'cancel']


def test_a_kind_without_a_handler_is_counted_and_acknowledged(peer):
    del peer.node.core.handlers['cancel']
    assert acknowledged(peer.turn(peer.datagram({'cancel': [[1], [2]], 'ping': [[]]}))) == [[peer.number, peer.number]]
    assert peer.node.turn.account()['unexpected'] == 2


def test_open_never_goes_back_and_is_set_before_the_rows_are_handled(peer):
    opens = []
    peer.node.core.handlers['submit'] = lambda now, channel, rows: opens.append(channel.peer_open)
    first, second, third = (peer.datagram(submits(1), open_number=number) for number in (3, 9, 0))
    peer.turn(second, first, third)
    assert opens == [9, 9, 9]


# When.

def test_one_datagram_is_acknowledged_within_twenty_milliseconds(peer):
    assert peer.turn(peer.datagram(submits(1))) == []
    assert peer.node.turn.next_timer() == pytest.approx(peer.now + ACK_DELAY_S)
    assert peer.turn(later=ACK_DELAY_S - 0.001) == []
    assert acknowledged(peer.turn(later=0.0011)) == [[peer.number, peer.number]]
    assert peer.turn(later=1.0) == []


def test_a_channel_that_fell_asleep_meanwhile_is_sent_no_acknowledgement(peer):
    peer.turn(peer.datagram(submits(1)))
    peer.channel.is_asleep = True
    assert peer.turn(later=ACK_DELAY_S) == []


def test_the_delay_counts_from_the_first_that_waits(peer):
    peer.turn(peer.datagram(submits(1)))
    peer.turn(later=0.015)
    peer.turn(peer.datagram())
    assert acknowledged(peer.turn(later=0.0051)) == [[peer.number - 1, peer.number]]


@pytest.mark.parametrize('name', ['two wait', 'out of order', 'a gap', 'ping'])
def test_heartbeats_and_pings_are_acknowledged_at_the_end_of_the_turn(peer, name):
    peer.turn(peer.datagram(submits(1)))
    peer.turn(later=ACK_DELAY_S)
    first = peer.number
    if name == 'two wait':
        answers = peer.turn(peer.datagram(submits(2)), peer.datagram(submits(3)))
        assert acknowledged(answers) == [[first, first + 2]]
    elif name == 'out of order':
        later, earlier = peer.at(first + 2, submits(3)), peer.at(first + 1, submits(2))
        peer.turn(later)
        assert acknowledged(peer.turn(earlier)) == [[first, first + 2]]
    elif name == 'a gap':
        assert acknowledged(peer.turn(peer.datagram(submits(2), ahead=2))) == [[first, first], [first + 2, first + 2]]
    else:
        answers = peer.turn(peer.datagram({'ping': [[]]}))
        assert acknowledged(answers) == [[first, first + 1]]
    assert peer.turn(later=1.0) == []


def test_rows_take_the_acknowledgement_with_them(peer):
    core = peer.node.core
    core.handlers['submit'] = lambda now, channel, rows: core.send(channel, 'done', [1, u'x', 1])
    (answer,) = peer.turn(peer.datagram(submits(1)))
    assert answer.rows == {'done': [[1, u'x', 1]]}
    assert acknowledged([answer]) == [[peer.number, peer.number]]
    assert peer.turn(later=ACK_DELAY_S) == []


@pytest.mark.parametrize('rows', [None, {'status': [[1, 0, 0, 0, 0]]}])
def test_a_datagram_that_needs_no_acknowledgement_gets_none_of_its_own(peer, rows):
    assert peer.turn(peer.datagram(rows), peer.datagram(rows), peer.datagram(rows)) == []
    assert peer.turn(later=0.3) == []


def test_datagrams_that_need_no_acknowledgement_make_no_gap(peer):
    for number in range(1, 101):
        peer.turn(peer.datagram(submits(number)), later=0.001)
        peer.turn(peer.datagram())
    peer.turn(later=ACK_DELAY_S)
    assert len(peer.channel.received.ranges) == 1
    # In order, each of them, so at least every second waits.
    assert peer.node.turn.account()['datagrams_out'] < 60


def test_an_acknowledgement_is_repeated_until_its_own_is_acknowledged(peer):
    core = peer.node.core
    answers = []
    for number in range(1, 4):
        core.send(peer.channel, 'done', [number, u'x', 1])
        answers += peer.turn(peer.datagram(submits(number)))
    assert [answer.acks for answer in answers] == [[[peer.number - 2, peer.number - behind]] for behind in (2, 1, 0)]
    peer.turn(peer.datagram(acks=[[answers[1].number, answers[1].number]]))
    core.send(peer.channel, 'done', [4, u'x', 1])
    (answer,) = peer.turn()
    assert answer.acks[0][0] == peer.number - 1


# The disk.

class Disk(object):
    def __init__(self):
        self.failure = None

    def __call__(self, records):
        return self.failure


def with_disk():
    """A dispatcher that writes each submit that it has not seen."""
    disk = Disk()
    peer = Peer(disk)
    core = peer.node.core
    core.records, core.known = [], set()

    def on_submit(now, channel, rows):
        for row in rows:
            if row[0] not in core.known:
                core.known.add(row[0])
                core.records.append(row)
                core.has_unwritten = True

    def note_written(now, failure):
        if failure is None:
            core.records = []
            core.has_unwritten = False
    core.handlers['submit'] = on_submit
    core.take_records = lambda: core.records or None
    core.note_written = note_written
    return peer, disk, core


def test_a_submit_is_acknowledged_after_its_commit():
    peer, disk, _ = with_disk()
    peer.turn(peer.datagram(submits(1)))
    assert acknowledged(peer.turn(later=ACK_DELAY_S)) == [[peer.number, peer.number]]


def test_while_the_disk_fails_no_submit_is_acknowledged_not_even_when_it_comes_again():
    peer, disk, core = with_disk()
    disk.failure = 'full'
    first = peer.datagram(submits(1))
    again = peer.datagram(submits(1))
    other = peer.datagram({'cancel': [[1]]})
    numbers = peer.number
    peer.turn(first)
    for datagrams in ([again], [first, again], [other], []):
        answers = peer.turn(*datagrams, later=0.1)
        assert all(pair == [numbers, numbers] for pair in acknowledged(answers))
    assert peer.channel.received.ranges == [[numbers, numbers]]
    disk.failure = None
    answers = peer.turn(later=0.1)
    assert acknowledged(answers) == [[numbers - 2, numbers]]
    # The next one waits for its own commit only.
    peer.turn(peer.datagram(submits(1)))
    assert acknowledged(peer.turn(later=ACK_DELAY_S)) == [[numbers - 2, peer.number]]


def test_acknowledgements_that_wait_for_the_disk_are_forgotten_with_their_channel():
    peer, disk, core = with_disk()
    disk.failure = 'full'
    peer.turn(peer.datagram(submits(1)))
    (answer,) = peer.turn((craft(peer.number + 1, size=400), CLIENT_AT), later=1.0)
    peer.turn((craft(peer.number + 2, to=answer.ticket), CLIENT_AT))
    disk.failure = None
    assert acknowledged(peer.turn(later=1.0)) == []
    assert peer.channel.received.ranges == [[peer.number + 2, peer.number + 2]]


def test_events_are_delivered_after_the_commit_and_records_are_written_before_anything_is_sent():
    order = []
    peer, disk, core = with_disk()
    peer.node.write = lambda records: order.append('write')
    peer.node.turn.on_events = lambda events: order.append('events')
    handler = core.handlers['submit']

    def on_submit(now, channel, rows):
        handler(now, channel, rows)
        core.emit(now, 'accepted')
        core.send(channel, 'done', [1, u'x', 1])
    core.handlers['submit'] = on_submit
    peer.node.outbox = []
    outbox = type('Outbox', (list,), {'append': lambda self, one: order.append('send')})()
    peer.node.inbox.append(peer.datagram(submits(1)))
    peer.node.turn.run(peer.now, lambda: peer.node.inbox.popleft() if peer.node.inbox else None,
                       lambda datagram, address: outbox.append(datagram), peer.node.write)
    assert order == ['write', 'events', 'send']


# How much one turn reads.

def test_each_portion_is_settled_and_answered_before_the_next_is_read(peer):
    core = peer.node.core
    read = [0]
    seen = []

    def on_submit(now, channel, rows):
        read[0] += len(rows)
        core.send(channel, 'done', [rows[0][0], None, 1])
    core.handlers['submit'] = on_submit
    core.settle = lambda now: seen.append((read[0], len(peer.node.outbox)))
    datagrams = [peer.datagram(submits(number, 4)) for number in range(1, 160, 4)]
    peer.turn(*datagrams)
    assert [rows for rows, _ in seen] == [PORTION_ROWS, 2 * PORTION_ROWS, 160]
    assert [sent for _, sent in seen] == [0, 1, 2]
    # With a journal once a turn, because one commit for all is cheaper.
    del seen[:]
    peer.node.write = lambda records: None
    peer.turn(*[peer.datagram(submits(number, 4)) for number in range(1, 160, 4)])
    assert [rows for rows, _ in seen] == [320]


@pytest.mark.parametrize('rows, size, reads', [
    (None, 1, READS_MAX), (submits(1, 100), 1, ROWS_READ_MAX // 100 + 1),
    (submits(1, 1, 40000), 40000, BYTES_READ_MAX // 40000 + 1)], ids=['datagrams', 'rows', 'bytes'])
def test_a_turn_reads_a_bounded_part_and_says_that_something_is_left(peer, rows, size, reads):
    fired = []
    peer.node.core.handle_timer = fired.append
    peer.node.core.next_timer = lambda: 0.0
    peer.turn(*[peer.datagram(rows) for _ in range(reads + 3)])
    assert len(peer.node.inbox) == 3
    assert peer.node.core.has_unread
    assert peer.node.turn.next_timer() == 0.0
    assert fired == [peer.now]
    peer.turn()
    assert not peer.node.inbox
    assert not peer.node.core.has_unread


@pytest.mark.parametrize('cost', [0, 10000])
def test_work_beyond_reading_counts_as_bytes(cost, peer):
    core, handled = peer.node.core, []

    def on_submit(now, channel, rows):
        core.cost += cost
        handled.extend(rows)
    core.handlers['submit'] = on_submit
    peer.turn((craft(1, size=400), ELSEWHERE), *[peer.datagram(submits(number)) for number in range(1, 101)])
    assert len(handled) == (BYTES_READ_MAX // 2 // 10000 if cost else 100)
    assert peer.node.refusals == ['over_budget'] * (100 - len(handled))


def test_one_address_gets_half_of_a_turn_while_others_are_heard(peer):
    other = craft(1, size=400), ELSEWHERE
    flood = [peer.datagram(submits(1, 1, 40000)) for _ in range(20)]
    # Alone it may send more than half.
    peer.turn(*flood)
    assert peer.node.refusals == []
    flood = [peer.datagram(submits(1, 1, 40000)) for _ in range(20)]
    peer.turn(other, *flood)
    fit = BYTES_READ_MAX // 2 // 40100
    assert peer.node.refusals == ['over_budget'] * (20 - fit)
    # Another was heard in the turn before.
    peer.turn(*[peer.datagram(submits(1, 1, 40000)) for _ in range(20)])
    assert peer.node.refusals == ['over_budget'] * 2 * (20 - fit)
    peer.turn(*[peer.datagram(submits(1, 1, 40000)) for _ in range(20)])
    assert peer.node.refusals == ['over_budget'] * 2 * (20 - fit)


def test_what_receive_send_and_write_raise_passes_through():
    def fail(*arguments):
        raise KeyError('killed')
    peer = Peer()
    for receive, send in ((fail, None), (lambda: None, fail)):
        peer.node.core.send(peer.channel, 'done', [1, None, 1])
        with pytest.raises(KeyError):
            peer.node.turn.run(peer.now, receive, send)
