# -*- coding: utf-8 -*-
"""The log: sentences with their facts in it, one line each, and never more of a kind than a person can read."""

from __future__ import absolute_import, division, print_function

import logging

import pytest

from net_protocol.core import Event
from runtime import logs
from runtime.logs import LINES_PER_SECOND, EventLog
from runtime.names import Peer

SENTENCES = {
    'registered': ('info', 'calculator %(calculator)s registered from %(address)s'),
    'ended': ('warning', 'task %(task_id)s %(outcome)s: %(reason)s'),
    'held_up': ('warning', 'held up for %(seconds).1f s'),
    'step': ('debug', 'step %(number)d'),
}


class Kept(logging.Handler):
    """Keeps level and text of every line."""

    def __init__(self):
        logging.Handler.__init__(self)
        self.lines = []

    def emit(self, record):
        self.lines.append((record.levelname, record.getMessage()))

    @property
    def texts(self):
        return [text for _, text in self.lines]


@pytest.fixture
def kept():
    handler = Kept()
    former = list(logs.log.handlers), logs.log.level, logs.log.propagate
    logs.log.handlers[:] = [handler]
    logs.log.setLevel('INFO')
    logs.log.propagate = False
    yield handler
    logs.log.handlers[:], logs.log.propagate = former[0], former[2]
    logs.log.setLevel(former[1])


class Clock(object):
    """A clock that a test sets."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def log(clock):
    return EventLog(SENTENCES, clock)


def event(kind, **facts):
    return Event(kind, 100.0, facts)


def test_an_event_becomes_its_sentence_at_its_level(log, kept):
    log.event(event('held_up', seconds=1.25))
    log.event(event('registered', calculator=u'calculator-a', address=('192.0.2.1', 5600)))
    assert kept.lines == [('WARNING', 'held up for 1.2 s'),
                          ('INFO', 'calculator calculator-a registered from 192.0.2.1:5600')]


def test_words_of_the_program_are_written_as_people_write_them(log, kept):
    log.event(event('ended', task_id=u'a_b:aaaaaaaa:1', outcome='given_up', reason='no_outcome_in time'))
    assert kept.texts == ['task a_b:aaaaaaaa:1 given up: no outcome in time']


def test_a_fact_that_is_missing_or_a_sentence_that_is_missing_is_a_bug(log, kept):
    with pytest.raises(KeyError):
        log.event(event('held_up'))
    with pytest.raises(KeyError):
        log.event(event('no such event'))


def test_what_is_below_the_level_is_not_even_put_together(log, kept):
    log.event(event('step'))
    assert kept.lines == []
    logs.log.setLevel('ERROR')
    log.event(event('held_up'))
    assert kept.lines == []


@pytest.mark.parametrize('reason, shown', [
    (u'two\nlines', u'two?lines'),
    (u'\x1b[2Jcleared', u'?[2Jcleared'),
    (u'back\r12:00:00.000 INFO forged', u'back?12:00:00.000 INFO forged'),
    (u'\x00\x07\x7f\x9b', u'????'),
    (u'line\u2028separator, turned \u202eround', u'line?separator, turned ?round'),
    (u'plain, caf\xe9, \U0001f600', u'plain, caf\xe9, \U0001f600'),
])
def test_what_another_process_said_stays_in_its_line(log, kept, reason, shown):
    log.event(event('ended', task_id=u'a:aaaaaaaa:1', outcome='failed', reason=reason))
    log.refusal('bad_field', reason, ('127.0.0.1', 1))
    assert kept.texts == [u'task a:aaaaaaaa:1 failed: ' + shown,
                          u'dropped a datagram from 127.0.0.1:1: bad_field: ' + shown]


def test_a_dropped_datagram_is_logged_with_its_sender_its_cause_and_the_detail(log, kept):
    log.refusal('bad_field', 'ping.nonce: found -1', ('::1', 5600, 0, 0))
    assert kept.lines == [('WARNING', 'dropped a datagram from [::1]:5600: bad_field: ping.nonce: found -1')]


def test_of_one_kind_no_more_lines_a_second_than_a_person_reads(log, kept, clock):
    for _ in range(1000):
        log.event(event('held_up', seconds=1))
    assert len(kept.lines) == LINES_PER_SECOND


def test_what_was_not_written_is_counted_when_the_next_of_its_kind_comes(log, kept, clock):
    for _ in range(LINES_PER_SECOND + 7):
        log.event(event('held_up', seconds=1))
    clock.now += 5
    log.event(event('held_up', seconds=2))
    assert kept.texts[LINES_PER_SECOND:] == ['(7 more lines like the last "held_up")', 'held up for 2.0 s']


def flood(log, lines):
    for _ in range(lines):
        log.refusal('not_json', 'garbage', ('192.0.2.1', 1))


def test_what_was_not_written_is_counted_within_a_second_though_nothing_more_comes(log, kept, clock):
    flood(log, LINES_PER_SECOND + 290)
    log.log_left_out(clock.now)
    assert len(kept.lines) == LINES_PER_SECOND
    clock.now += 1
    for _ in range(3):
        log.log_left_out(clock.now)
    assert kept.lines[LINES_PER_SECOND:] == [('WARNING', '(290 more lines like the last "refused not_json")')]


def test_what_was_not_written_is_counted_once(log, kept, clock):
    flood(log, LINES_PER_SECOND + 5)
    clock.now += 1
    log.log_left_out(clock.now)
    flood(log, 1)
    assert sum('more lines' in text for text in kept.texts) == 1
    assert len(kept.lines) == LINES_PER_SECOND + 2


class Core(object):
    """As much of a core as an event log asks at the end."""

    def __init__(self, *events):
        self._events = list(events)

    def take_events(self):
        return self._events


def test_at_the_end_everything_is_logged_and_what_was_left_out_is_counted(log, kept):
    flood(log, LINES_PER_SECOND + 1)
    log.end(Core(event('registered', calculator='a', address=('192.0.2.1', 1)), *[
        event('held_up', seconds=1) for _ in range(LINES_PER_SECOND + 2)]))
    assert kept.texts[LINES_PER_SECOND] == 'calculator a registered from 192.0.2.1:1'
    assert kept.texts[-2:] == ['(2 more lines like the last "held_up")',
                               '(1 more line like the last "refused not_json")']
    assert len(kept.lines) == 2 * LINES_PER_SECOND + 3


def test_where_nothing_was_left_out_nothing_is_said_about_it(log, kept, clock):
    for _ in range(3):
        for _ in range(LINES_PER_SECOND):
            log.event(event('held_up', seconds=1))
        log.log_left_out(clock.now)
        clock.now += 1
        log.log_left_out(clock.now)
    log.end(Core())
    assert kept.texts == ['held up for 1.0 s'] * (3 * LINES_PER_SECOND)


def test_one_kind_does_not_use_up_the_lines_of_another(log, kept):
    for _ in range(100):
        log.refusal('not_json', 'garbage', ('192.0.2.1', 1))
    log.refusal('bad_field', 'nonsense', ('192.0.2.1', 1))
    log.event(event('held_up', seconds=1))
    assert len(kept.lines) == LINES_PER_SECOND + 2


def test_a_long_flood_is_a_steady_trickle(log, kept, clock):
    for _ in range(100):
        for _ in range(50):
            log.refusal('not_json', 'garbage', ('192.0.2.1', 1))
        clock.now += 0.1
    # Ten seconds: the lines of each, and one that says how many were left out.
    assert len(kept.lines) <= 11 * (LINES_PER_SECOND + 1)


def test_senders_of_a_flood_do_not_make_the_memory_of_it_larger(log, kept):
    for number in range(1000):
        log.refusal('not_json', 'garbage %d' % number, ('192.0.2.%d' % (number % 250), number))
    assert len(log._lines) == 1


def test_where_the_dispatcher_is_looked_for_is_logged(log, kept):
    peer = Peer('127.0.0.1', 5555)
    log.peer_moved(peer)
    log.peer_silence(peer, True, False)
    log.peer_silence(peer, False, False)
    assert kept.lines == [('INFO', 'trying 127.0.0.1 at 127.0.0.1:5555'),
                          ('WARNING', '127.0.0.1:5555 does not answer; trying again from another port'),
                          ('INFO', '127.0.0.1:5555 answers')]


def test_that_another_port_would_help_is_logged_once(log, kept):
    peer = Peer('127.0.0.1', 5555)
    for _ in range(3):
        log.peer_silence(peer, True, True)
    assert [text for text in kept.texts if '"port": 0' in text] == [
        'with settings {"listen": {"port": 0}} another port would be tried: this helps where 127.0.0.1:5555 is a '
        'virtual address whose target has changed']


def test_that_nothing_can_leave_is_logged_with_the_remedy(log, kept):
    log.cut_off(('127.0.0.1', 5600), ('192.0.2.1', 5555), 'Invalid argument')
    log.cut_off(('192.0.2.9', 5600), ('192.0.2.1', 5555), 'Network is unreachable')
    assert kept.texts == [
        'cannot send from 127.0.0.1:5600 to 192.0.2.1:5555: Invalid argument; other machines need settings {"listen": '
        '{"host": "0.0.0.0"}}',
        'cannot send from 192.0.2.9:5600 to 192.0.2.1:5555: Network is unreachable']
