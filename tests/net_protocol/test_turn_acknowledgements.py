"""Received numbers, acknowledgements and their times, and the limit of what one turn reads."""

from __future__ import absolute_import, division, print_function

import pytest

from net_protocol.budget import BYTES_READ_MAX, READS_MAX, ROWS_READ_MAX
from net_protocol.limits import NUMBERS_AHEAD_MAX, RECEIVE_WINDOW
from net_protocol.schedule import ACK_DELAY_S
from net_protocol.turn import PORTION_ROWS
from tests.net_protocol.toys import CLIENT_AT, ELSEWHERE, OneChannel, craft


@pytest.fixture
def peer():
    return OneChannel()


def submits(first, count=1, size=1):
    return {'submit': [[number, u'x' * size, 5] for number in range(first, first + count)]}


def acknowledged(answers):
    return sorted(pair for answer in answers for pair in answer.acks)


# Numbers.

def test_a_copy_of_a_datagram_is_acknowledged_and_not_handled(peer):
    one = peer.datagram(submits(1))
    peer.turn(one)
    for _ in range(3):
        assert acknowledged(peer.turn(one, later=1.0)) == [[peer.number, peer.number]]
    assert peer.core.take_log('submit') == [('submit', submits(1)['submit'])]
    assert peer.node.turn.account()['duplicates'] == 3


def test_a_datagram_below_the_window_is_not_handled_and_not_acknowledged(peer):
    late, within = peer.datagram(submits(1)), peer.datagram(submits(2))
    peer.turn(peer.at(peer.number - 1 + RECEIVE_WINDOW))
    assert acknowledged(peer.turn(late, within))[0] == [peer.number, peer.number]
    assert peer.core.take_log('submit') == [('submit', submits(2)['submit'])]
    assert peer.node.turn.account()['too_old'] == 1


def test_a_datagram_with_a_number_too_far_ahead_is_refused(peer):
    highest = peer.channel.received.highest
    everything = dict(submits(1), cancel=[[1]])
    peer.turn(peer.at(highest + NUMBERS_AHEAD_MAX + 1, everything, open_number=7))
    assert peer.node.refusals == ['bad_number']
    assert (peer.channel.peer_open, peer.channel.received.highest, peer.core.take_log()) == (0, highest, [])
    peer.turn(peer.at(highest + NUMBERS_AHEAD_MAX, everything, open_number=7))
    assert [kind for kind, _ in peer.core.take_log()] == ['submit', 'cancel']


def test_a_datagram_that_acknowledges_an_unknown_number_is_refused(peer):
    peer.core.put('done', [1, u'x', 1])
    peer.turn()
    sent = peer.channel.number
    for acks in ([[sent + 1, sent + 1]], [[sent, sent + 1]], [[1, 2 ** 53]], [[2 ** 53, 2 ** 53], [1, 2]]):
        peer.turn(peer.datagram(submits(1), acks=acks, open_number=7))
    assert peer.node.refusals == ['bad_number'] * 4
    assert list(peer.channel.loss.in_flight) == [sent]
    assert peer.core.take_log('submit', 'acknowledged') == []
    peer.turn(peer.datagram(submits(1), acks=[[sent, sent]] * 32))
    assert peer.core.take_log('submit', 'acknowledged') == [
        ('acknowledged', 'done', [[1, u'x', 1]]), ('submit', submits(1)['submit'])]


def test_kinds_are_handled_in_a_fixed_order(peer):
    peer.turn(peer.datagram({'cancel': [[1]], 'ping': [[]], 'leave': [[]], 'submit': submits(1)['submit']}))
    assert [kind for kind, _ in peer.core.take_log()] == ['leave', 'submit', 'cancel']


def test_a_kind_without_a_handler_is_counted_and_acknowledged(peer):
    del peer.core.handlers['cancel']
    assert acknowledged(peer.turn(peer.datagram({'cancel': [[1], [2]], 'ping': [[]]}))) == [[peer.number, peer.number]]
    assert peer.node.turn.account()['unexpected'] == 2


def test_open_never_decreases_and_is_set_before_the_rows_are_handled(peer):
    opens = []
    peer.core.handlers['submit'] = lambda now, channel, rows: opens.append(channel.peer_open)
    first, second, third = (peer.datagram(submits(1), open_number=number) for number in (3, 9, 0))
    peer.turn(second, first, third)
    assert opens == [9, 9, 9]


# The times of acknowledgements.

def test_one_datagram_is_acknowledged_after_20_milliseconds(peer):
    assert peer.turn(peer.datagram(submits(1))) == []
    assert peer.node.turn.next_timer() == pytest.approx(peer.now + ACK_DELAY_S)
    assert peer.turn(later=ACK_DELAY_S - 0.001) == []
    assert acknowledged(peer.turn(later=0.0011)) == [[peer.number, peer.number]]
    assert peer.turn(later=1.0) == []


def test_no_acknowledgement_is_sent_on_a_channel_that_sleeps(peer):
    peer.turn(peer.datagram(submits(1)))
    peer.channel.is_asleep = True
    assert peer.turn(later=ACK_DELAY_S) == []


def test_the_delay_counts_from_the_first_unacknowledged_datagram(peer):
    peer.turn(peer.datagram(submits(1)))
    peer.turn(later=0.015)
    peer.turn(peer.datagram())
    assert acknowledged(peer.turn(later=0.0051)) == [[peer.number - 1, peer.number]]


@pytest.mark.parametrize('turns, expected', [
    ([[(1, submits(2)), (2, submits(3))]], [[0, 2]]),
    ([[(2, submits(3))], [(1, submits(2))]], [[0, 2]]),
    ([[(2, submits(2))]], [[0, 0], [2, 2]]),
    ([[(1, {'ping': [[]]})]], [[0, 1]]),
], ids=['two datagrams', 'out of order', 'a gap', 'ping'])
def test_some_datagrams_are_acknowledged_at_the_end_of_the_turn(peer, turns, expected):
    peer.turn(peer.datagram(submits(1)))
    peer.turn(later=ACK_DELAY_S)
    for datagrams in turns:
        answers = peer.turn(*[peer.at(peer.number + ahead, rows) for ahead, rows in datagrams])
    assert acknowledged(answers) == [[peer.number + first, peer.number + last] for first, last in expected]
    assert peer.turn(later=1.0) == []


def test_a_datagram_with_rows_has_the_acknowledgement(peer):
    core = peer.core
    core.handlers['submit'] = lambda now, channel, rows: core.send(channel, 'done', [1, u'x', 1])
    (answer,) = peer.turn(peer.datagram(submits(1)))
    assert answer.rows == {'done': [[1, u'x', 1]]}
    assert acknowledged([answer]) == [[peer.number, peer.number]]
    assert peer.turn(later=ACK_DELAY_S) == []


@pytest.mark.parametrize('rows', [None, {'status': [[1, 0, 0, 0, 0]]}])
def test_some_datagrams_need_no_acknowledgement(peer, rows):
    assert peer.turn(peer.datagram(rows), peer.datagram(rows), peer.datagram(rows)) == []
    assert peer.turn(later=0.3) == []


def test_datagrams_that_need_no_acknowledgement_make_no_gap(peer):
    for number in range(1, 101):
        peer.turn(peer.datagram(submits(number)), later=0.001)
        peer.turn(peer.datagram())
    peer.turn(later=ACK_DELAY_S)
    assert len(peer.channel.received.ranges) == 1
    # All of them are in order, so at most every second datagram is acknowledged at once.
    assert peer.node.turn.account()['datagrams_out'] < 60


def test_an_acknowledgement_is_repeated_until_it_is_acknowledged(peer):
    core = peer.core
    answers = []
    for number in range(1, 4):
        core.put('done', [number, u'x', 1])
        answers += peer.turn(peer.datagram(submits(number)))
    assert [answer.acks for answer in answers] == [[[peer.number - 2, peer.number - behind]] for behind in (2, 1, 0)]
    peer.turn(peer.datagram(acks=[[answers[1].number, answers[1].number]]))
    core.put('done', [4, u'x', 1])
    (answer,) = peer.turn()
    assert answer.acks[0][0] == peer.number - 1


# The disk.

class Disk(object):
    failure = None

    def __call__(self, records):
        return self.failure


def with_disk():
    """A dispatcher that writes each new submit."""
    disk = Disk()
    peer = OneChannel(disk)
    core = peer.core
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


def test_while_the_disk_fails_no_submit_is_acknowledged():
    peer, disk, core = with_disk()
    disk.failure = 'full'
    first, copy = peer.datagram(submits(1)), peer.datagram(submits(1))
    other = peer.datagram({'cancel': [[1]]})
    last = peer.number
    peer.turn(first)
    for datagrams in ([copy], [first, copy], [other], []):
        assert all(pair == [last, last] for pair in acknowledged(peer.turn(*datagrams, later=0.1)))
    assert peer.channel.received.ranges == [[last, last]]
    disk.failure = None
    assert acknowledged(peer.turn(later=0.1)) == [[last - 2, last]]
    # The next one waits only for its own commit.
    peer.turn(peer.datagram(submits(1)))
    assert acknowledged(peer.turn(later=ACK_DELAY_S)) == [[last - 2, peer.number]]


def test_acknowledgements_that_wait_for_the_disk_end_with_their_channel():
    peer, disk, core = with_disk()
    disk.failure = 'full'
    peer.turn(peer.datagram(submits(1)))
    (answer,) = peer.turn((craft(peer.number + 1, size=400), CLIENT_AT), later=1.0)
    peer.turn((craft(peer.number + 2, to=answer.ticket), CLIENT_AT))
    disk.failure = None
    assert acknowledged(peer.turn(later=1.0)) == []
    assert peer.channel.received.ranges == [[peer.number + 2, peer.number + 2]]


def test_records_are_written_first_then_events_are_delivered_then_datagrams_are_sent():
    peer, disk, core = with_disk()
    order, inbox = [], [peer.datagram(submits(1))]
    peer.node.turn.on_events = lambda events: order.append('events')
    handler = core.handlers['submit']

    def on_submit(now, channel, rows):
        handler(now, channel, rows)
        core.emit(now, 'accepted')
        core.send(channel, 'done', [1, u'x', 1])
    core.handlers['submit'] = on_submit
    peer.node.turn.run(peer.now, lambda: inbox.pop() if inbox else None,
                       lambda datagram, address: order.append('send'), lambda records: order.append('write'))
    assert order == ['write', 'events', 'send']


# The limit of what one turn reads.

def test_each_portion_is_answered_before_the_next_is_read(peer):
    core = peer.core
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
    # With a journal there is one commit for the whole turn.
    del seen[:]
    peer.node.write = lambda records: None
    peer.turn(*[peer.datagram(submits(number, 4)) for number in range(1, 160, 4)])
    assert [rows for rows, _ in seen] == [320]


@pytest.mark.parametrize('rows, size, reads', [
    (None, 1, READS_MAX), (submits(1, 100), 1, ROWS_READ_MAX // 100 + 1),
    (submits(1, 1, 40000), 40000, BYTES_READ_MAX // 40000 + 1)], ids=['datagrams', 'rows', 'bytes'])
def test_a_turn_reads_a_limited_part_and_reports_that_datagrams_are_left(peer, rows, size, reads):
    fired = []
    peer.core.handle_timer = fired.append
    peer.core.next_timer = lambda: 0.0
    peer.turn(*[peer.datagram(rows) for _ in range(reads + 3)])
    assert len(peer.node.inbox) == 3
    assert peer.core.has_unread
    assert peer.node.turn.next_timer() == 0.0
    assert fired == [peer.now]
    peer.turn()
    assert not peer.node.inbox
    assert not peer.core.has_unread


@pytest.mark.parametrize('cost', [0, 10000])
def test_the_work_of_handlers_counts_as_bytes(cost, peer):
    core, handled = peer.core, []

    def on_submit(now, channel, rows):
        core.cost += cost
        handled.extend(rows)
    core.handlers['submit'] = on_submit
    peer.turn((craft(1, size=400), ELSEWHERE), *[peer.datagram(submits(number)) for number in range(1, 101)])
    assert len(handled) == (BYTES_READ_MAX // 2 // 10000 if cost else 100)
    assert peer.node.refusals == ['over_budget'] * (100 - len(handled))


def test_one_address_gets_half_of_a_turn_while_others_are_heard(peer):
    def flood(*others):
        """The number of refused datagrams, of 20."""
        del peer.node.refusals[:]
        peer.turn(*(others + tuple(peer.datagram(submits(1, 1, 40000)) for _ in range(20))))
        assert set(peer.node.refusals) <= {'over_budget'}
        return len(peer.node.refusals)
    beyond_half = 20 - BYTES_READ_MAX // 2 // 40100
    assert flood() == 0
    assert flood((craft(1, size=400), ELSEWHERE)) == beyond_half
    # The limit also applies in the next turn.
    assert [flood(), flood()] == [beyond_half, 0]
