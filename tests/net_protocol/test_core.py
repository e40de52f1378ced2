"""The base class of all cores."""

from __future__ import absolute_import, division, print_function

import random

import pytest

from net_protocol.channel import Channel
from net_protocol.columns import INCARNATION
from net_protocol.core import Core, draw_incarnation, require
from net_protocol.errors import BrokenInvariant
from net_protocol.rows import DISPATCHER


class Parrot(Core):
    """Answers each ``leave`` with one, and emits an event after a second."""

    HANDLERS = {'leave': '_on_leave'}
    TIMERS = {'echo': '_due_echo'}
    COUNTERS = ('farewells',)

    def _on_leave(self, now, channel, rows):
        self.counts['farewells'] += len(rows)
        self.send(channel, 'leave', [])
        self._timers.set(('echo', channel.name), now + 1)
        self.emit(now, 'left', calculator=channel.name)

    def _due_echo(self, now, name):
        self.emit(now, 'echo', calculator=name)


@pytest.fixture
def parrot():
    return Parrot(u'parrot', u'aaaaaaaa')


def test_rows_are_handled_and_their_answers_collected(parrot):
    one, other = Channel(DISPATCHER, u'one'), Channel(DISPATCHER, u'other')
    for channel in (other, one, other):
        parrot.handlers['leave'](10.0, channel, [[], []])
    parrot.send(one, 'ping', [])
    assert parrot.has_outgoing
    assert parrot.take_outgoing() == [other, one]
    assert not parrot.has_outgoing
    assert parrot.take_outgoing() == []
    assert other.rows == {'leave': [[], []]}
    assert one.rows == {'leave': [[]], 'ping': [[]]}
    assert parrot.counts == {'farewells': 6}


def test_a_channel_is_outgoing_once_until_the_turn_has_sent(parrot):
    channel = Channel(DISPATCHER)
    parrot.send(channel, 'ping', [])
    parrot.take_outgoing()
    parrot.send(channel, 'ping', [])
    assert parrot.take_outgoing() == []
    channel.is_outgoing = False
    parrot.send(channel, 'ping', [])
    assert parrot.take_outgoing() == [channel]


def test_a_timer_fires_once_with_its_key_at_its_time(parrot):
    assert parrot.next_timer() is None
    parrot.handlers['leave'](10.0, Channel(DISPATCHER, u'a'), [[]])
    assert parrot.next_timer() == 11.0
    parrot.take_events()
    parrot.handle_timer(10.9)
    assert parrot.take_events() == []
    parrot.handle_timer(11.0)
    (event,) = parrot.take_events()
    assert (event.kind, event.at, event.facts) == ('echo', 11.0, {'calculator': u'a'})
    assert repr(event) == "Event('echo', 11.0, %r)" % (event.facts,)
    assert parrot.take_events() == []
    assert parrot.next_timer() is None


def test_an_incarnation_has_40_random_bits():
    drawn = {draw_incarnation(random.Random(seed)) for seed in range(500)}
    assert len(drawn) == 500
    assert all(INCARNATION.match(incarnation) for incarnation in drawn)
    assert all(len({incarnation[place] for incarnation in drawn}) == 32 for place in range(8))
    # The same on every Python.
    assert (draw_incarnation(random.Random(0)), draw_incarnation(random.Random(1))) == ('n6bycmlm', 'vpmlgres')


def test_a_false_requirement_raises():
    require(True, 'running %d, counted %d', 1, 2)
    with pytest.raises(BrokenInvariant) as caught:
        require([], 'running %d, counted %d', 1, 2)
    assert str(caught.value) == 'running 1, counted 2'
