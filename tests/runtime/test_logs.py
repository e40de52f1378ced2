# -*- coding: utf-8 -*-
"""The log: one sentence per event in one line, and a limited number of lines of one kind per second."""

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


class Lines(logging.Handler):
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
def written():
    """The lines of the log. ``tests/conftest.py`` removes the handler."""
    handler = Lines()
    logs.log.addHandler(handler)
    logs.log.setLevel('INFO')
    logs.log.propagate = False
    return handler


class Clock(object):
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


def delays(log, lines):
    for _ in range(lines):
        log.event(event('held_up', seconds=1))


def refusals(log, lines):
    for number in range(lines):
        log.refusal('not_json', 'garbage %d' % number, ('192.0.2.%d' % (number % 250), number))


# Sentences.

def test_an_event_becomes_its_sentence_at_its_level(log, written):
    log.event(event('held_up', seconds=1.25))
    log.event(event('registered', calculator=u'calculator-a', address=('192.0.2.1', 5600)))
    assert written.lines == [('WARNING', 'held up for 1.2 s'),
                             ('INFO', 'calculator calculator-a registered from 192.0.2.1:5600')]


def test_outcomes_and_reasons_are_written_without_underscores(log, written):
    log.event(event('ended', task_id=u'a_b:aaaaaaaa:1', outcome='given_up', reason='no_outcome_in time'))
    assert written.texts == ['task a_b:aaaaaaaa:1 given up: no outcome in time']


def test_a_missing_fact_and_a_missing_sentence_are_bugs(log, written):
    with pytest.raises(KeyError):
        log.event(event('held_up'))
    with pytest.raises(KeyError):
        log.event(event('no such event'))


def test_an_event_below_the_level_is_not_formatted(log, written):
    # Without its facts the sentence would raise an error.
    log.event(event('step'))
    logs.log.setLevel('ERROR')
    log.event(event('held_up'))
    assert written.lines == []


@pytest.mark.parametrize('reason, shown', [
    (u'\x1b[2Jcleared', u'?[2Jcleared'),
    (u'back\r12:00:00.000 INFO forged', u'back?12:00:00.000 INFO forged'),
    (u'\x00\n\x07\x7f\x9b', u'?????'),
    (u'line\u2028separator, turned \u202eround', u'line?separator, turned ?round'),
    (u'plain, caf\xe9, \U0001f600', u'plain, caf\xe9, \U0001f600'),
])
def test_control_characters_of_another_process_are_replaced(log, written, reason, shown):
    log.event(event('ended', task_id=u'a:aaaaaaaa:1', outcome='failed', reason=reason))
    log.refusal('bad_field', reason, ('::1', 1, 0, 0))
    assert written.lines == [('WARNING', u'task a:aaaaaaaa:1 failed: ' + shown),
                             ('WARNING', u'dropped a datagram from [::1]:1: bad_field: ' + shown)]


# The limit.

def test_further_lines_of_a_kind_in_one_second_are_counted_before_its_next_line(log, written, clock):
    delays(log, LINES_PER_SECOND + 7)
    assert len(written.lines) == LINES_PER_SECOND
    clock.now += 5
    log.event(event('held_up', seconds=2))
    assert written.texts[LINES_PER_SECOND:] == ['(7 more lines like the last "held_up")', 'held up for 2.0 s']


def test_omitted_lines_are_reported_once_when_their_second_is_over(log, written, clock):
    refusals(log, LINES_PER_SECOND + 290)
    log.log_left_out(clock.now)
    assert len(written.lines) == LINES_PER_SECOND
    clock.now += 1
    for _ in range(3):
        log.log_left_out(clock.now)
    refusals(log, 1)
    assert written.texts[LINES_PER_SECOND:] == [
        '(290 more lines like the last "refused not_json")',
        'dropped a datagram from 192.0.2.0:0: not_json: garbage 0']
    assert written.lines[LINES_PER_SECOND][0] == 'WARNING'


class Core(object):
    """A core with a last event."""

    def __init__(self, *events):
        self._events = list(events)

    def take_events(self):
        return self._events


def test_the_end_writes_the_last_events_and_the_numbers_of_omitted_lines(log, written):
    refusals(log, LINES_PER_SECOND + 1)
    log.end(Core(event('registered', calculator='a', address=('192.0.2.1', 1)), *[
        event('held_up', seconds=1) for _ in range(LINES_PER_SECOND + 2)]))
    assert written.texts[LINES_PER_SECOND] == 'calculator a registered from 192.0.2.1:1'
    assert written.texts[-2:] == ['(2 more lines like the last "held_up")',
                                  '(1 more line like the last "refused not_json")']
    assert len(written.lines) == 2 * LINES_PER_SECOND + 3


def test_each_kind_has_its_own_limit_and_senders_are_not_kinds(log, written):
    refusals(log, 1000)
    log.refusal('bad_field', 'nonsense', ('192.0.2.1', 1))
    delays(log, 1)
    assert len(written.lines) == LINES_PER_SECOND + 2
    assert len(log._lines) == 3


# The dispatcher.

def test_the_address_and_the_silence_of_the_dispatcher_are_logged(log, written):
    peer = Peer('127.0.0.1', 5555)
    log.peer_moved(peer)
    log.peer_silence(peer, True, False)
    log.peer_silence(peer, False, False)
    assert written.lines == [('INFO', 'trying 127.0.0.1 at 127.0.0.1:5555'),
                             ('WARNING', '127.0.0.1:5555 does not answer; trying again from another port'),
                             ('INFO', '127.0.0.1:5555 answers')]


def test_with_a_fixed_port_the_setting_for_another_port_is_logged_once(log, written):
    peer = Peer('127.0.0.1', 5555)
    for _ in range(3):
        log.peer_silence(peer, True, True)
    assert [text for text in written.texts if '"port": 0' in text] == [
        'with settings {"listen": {"port": 0}} another port would be tried: this helps where 127.0.0.1:5555 is a '
        'virtual address whose target has changed']


def test_the_reason_why_no_datagram_can_be_sent_is_logged_with_the_remedy(log, written):
    log.cut_off(('127.0.0.1', 5600), ('192.0.2.1', 5555), 'Invalid argument')
    log.cut_off(('192.0.2.9', 5600), ('192.0.2.1', 5555), 'Network is unreachable')
    assert written.texts == [
        'cannot send from 127.0.0.1:5600 to 192.0.2.1:5555: Invalid argument; other machines need settings {"listen": '
        '{"host": "0.0.0.0"}}',
        'cannot send from 192.0.2.9:5600 to 192.0.2.1:5555: Network is unreachable']
