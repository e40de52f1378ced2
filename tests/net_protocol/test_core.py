"""The contract that all cores share, on the smallest core that has it."""

from __future__ import absolute_import, division, print_function

import random

import pytest

from net_protocol.channel import Channel
from net_protocol.columns import INCARNATION
from net_protocol.core import Core, Event, draw_incarnation, require
from net_protocol.errors import BrokenInvariant
from net_protocol.rows import DISPATCHER


class Parrot(Core):
    """Answers every farewell with one, and once more after a while."""

    HANDLERS = {'leave': '_on_leave'}
    TIMERS = {'again': '_due_again'}
    COUNTERS = ('farewells',)

    def _on_leave(self, now, channel, rows):
        self.counts['farewells'] += len(rows)
        self.send(channel, 'leave', [])
        self._timers.set(('again', channel.name), now + 1)
        self.emit(now, 'left', calculator=channel.name)

    def _due_again(self, now, name):
        self.emit(now, 'again', calculator=name)


@pytest.fixture
def parrot():
    return Parrot(u'parrot', u'aaaaaaaa')


def test_rows_go_to_their_handler_and_the_answer_is_collected_not_sent(parrot):
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


def test_a_channel_that_was_taken_is_listed_again_only_when_the_turn_has_said_so(parrot):
    channel = Channel(DISPATCHER)
    parrot.send(channel, 'ping', [])
    parrot.take_outgoing()
    parrot.send(channel, 'ping', [])
    assert parrot.take_outgoing() == []
    channel.is_outgoing = False
    parrot.send(channel, 'ping', [])
    assert parrot.take_outgoing() == [channel]


def test_a_timer_fires_once_with_its_key_and_not_before_its_time(parrot):
    assert parrot.next_timer() is None
    parrot.handlers['leave'](10.0, Channel(DISPATCHER, u'a'), [[]])
    assert parrot.next_timer() == 11.0
    parrot.take_events()
    parrot.handle_timer(10.9)
    assert parrot.take_events() == []
    parrot.handle_timer(11.0)
    (event,) = parrot.take_events()
    assert (event.kind, event.at, event.facts) == ('again', 11.0, {'calculator': u'a'})
    assert parrot.take_events() == []
    assert parrot.next_timer() is None


def test_a_core_does_nothing_unasked(parrot):
    channel = Channel(DISPATCHER)
    for report in (parrot.opened, parrot.heard, parrot.unreachable, parrot.reachable, parrot.hinted, parrot.awake,
                   parrot.closed):
        report(1.0, channel)
    assert parrot.refresh(1.0, channel, 'cancel', [7]) == [7]
    # Nothing is kept for a peer that sleeps.
    assert parrot.asleep(1.0, channel) and parrot.take_records() is None and not parrot.has_outgoing
    assert repr(Event('left', 1.5, {'calculator': 'a'})) == "Event('left', 1.5, {'calculator': 'a'})"


def test_an_incarnation_has_forty_random_bits():
    drawn = {draw_incarnation(random.Random(seed)) for seed in range(2000)}
    assert len(drawn) == 2000
    assert all(INCARNATION.match(incarnation) for incarnation in drawn)
    for place in range(8):
        assert len({incarnation[place] for incarnation in drawn}) == 32


@pytest.mark.parametrize('seed, incarnation', [(0, 'n6bycmlm'), (1, 'vpmlgres')])
def test_a_seed_draws_the_same_incarnation_on_every_python(seed, incarnation):
    assert draw_incarnation(random.Random(seed)) == incarnation


@pytest.mark.parametrize('condition', [False, None, 0, [], ''], ids=repr)
def test_a_requirement_that_does_not_hold_is_a_broken_invariant(condition):
    with pytest.raises(BrokenInvariant) as caught:
        require(condition, 'running %d, counted %d', 1, 2)
    assert str(caught.value) == 'running 1, counted 2'
