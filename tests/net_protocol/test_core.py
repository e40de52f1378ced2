"""The contract that the three cores share, on the smallest core that has it."""

from __future__ import absolute_import, division, print_function

import random

import pytest

from net_protocol.core import Core, Event, Sender, draw_incarnation, require
from net_protocol.errors import BrokenInvariant
from net_protocol.fields import INCARNATION
from net_protocol.messages import Accepted, Leave, LeaveAck, Ping, Pong

MYPY = False
if MYPY:
    from typing import Any, List  # noqa: F401

SENDER = Sender(('192.0.2.7', 5600), u'calculator-a', u'k3f7q2xa', 3)
TASK = u'client-a:k3f7q2xa:1'


class Parrot(Core):
    """Answers every farewell with one, and once more after a while."""

    HANDLERS = {Leave: '_on_leave', LeaveAck: '_on_leave_ack'}
    TIMERS = {'again': '_due_again'}
    COUNTERS = ('farewells',)

    def __init__(self, *who):
        # type: (*str) -> None
        super(Parrot, self).__init__(*who)
        self.given_up = []  # type: List[Any]
        self._farewells = self._new_resender('farewell', random.Random(1), lambda now, key: self.given_up.append(key))

    def go(self, now, address):
        # type: (float, Any) -> None
        """Say farewell until it is answered, at the most for ten seconds."""
        self._farewells.begin(now, 'go', address, Leave(), now + 10)

    def _on_leave_ack(self, now, sender, message):
        # type: (float, Any, LeaveAck) -> None
        self._farewells.end('go')

    def _on_leave(self, now, sender, message):
        # type: (float, Any, Leave) -> None
        self.counts['farewells'] += 1
        self._send(sender.address, message)
        self._timers.set(('again', sender.address), now + 1)
        self._tell('left', calculator=sender.name)

    def _due_again(self, now, address):
        # type: (float, Any) -> None
        self._send(address, Leave())


@pytest.fixture
def parrot():
    # type: () -> Any
    return Parrot(u'parrot', u'aaaaaaaa')


def test_a_message_goes_to_its_handler_and_the_answer_is_collected_not_sent(parrot):
    parrot.handle_message(10.0, SENDER, Leave())
    assert parrot.take_outgoing() == [(SENDER.address, Leave())]
    assert parrot.take_outgoing() == []
    assert parrot.counts['farewells'] == 1


def test_a_message_for_somebody_else_is_counted_and_changes_nothing(parrot):
    parrot.handle_message(10.0, SENDER, Accepted(TASK))
    parrot.handle_message(10.0, SENDER, Pong(5))
    assert parrot.counts == {'farewells': 0, 'unexpected_messages': 2, 'pings': 0}
    assert parrot.take_outgoing() == []
    assert parrot.take_events() == []
    assert parrot.next_timer() is None


def test_every_core_answers_a_ping_with_its_number(parrot):
    parrot.handle_message(10.0, SENDER, Ping(77))
    assert parrot.take_outgoing() == [(SENDER.address, Pong(77))]
    assert parrot.counts['pings'] == 1


def test_a_timer_asks_to_be_called_and_is_called_with_its_key(parrot):
    parrot.handle_message(10.0, SENDER, Leave())
    parrot.take_outgoing()
    assert parrot.next_timer() == 11.0
    parrot.handle_timer(10.9)
    assert parrot.take_outgoing() == []
    parrot.handle_timer(11.0)
    assert parrot.take_outgoing() == [(SENDER.address, Leave())]
    assert parrot.next_timer() is None


def test_a_resender_of_a_core_has_timers_of_its_own_kind_and_is_counted(parrot):
    parrot.go(10.0, SENDER.address)
    while parrot.resent < 3:
        parrot.handle_timer(parrot.next_timer())
    assert parrot.take_outgoing() == [(SENDER.address, Leave())] * 4
    assert parrot.resent == 3
    parrot.handle_message(20.0, SENDER, LeaveAck())
    assert parrot.next_timer() is None
    assert parrot.given_up == []


def test_what_a_resender_gives_up_its_core_hears_of(parrot):
    parrot.go(10.0, SENDER.address)
    while parrot.next_timer() is not None:
        parrot.handle_timer(parrot.next_timer())
    assert parrot.given_up == ['go']


def test_a_core_has_the_name_and_the_life_it_was_given_and_tells_no_steps_unasked(parrot):
    assert (parrot.name, parrot.incarnation, parrot.trace) == (u'parrot', u'aaaaaaaa', False)


def test_events_are_told_once_with_their_facts(parrot):
    parrot.handle_message(10.0, SENDER, Leave())
    event, = parrot.take_events()
    assert (event.kind, event.facts) == ('left', {'calculator': u'calculator-a'})
    assert parrot.take_events() == []


def test_a_counter_that_nobody_listed_is_an_error(parrot):
    with pytest.raises(KeyError):
        parrot.counts['farewels'] += 1


def test_a_core_is_not_stopped_by_itself(parrot):
    assert parrot.is_stopped is False


def test_for_errors_a_sender_and_an_event_show_what_they_are():
    assert 'k3f7q2xa' in repr(SENDER)
    assert '192.0.2.7' in repr(SENDER)
    assert repr(Event('left', {'calculator': 'a'})) == "Event('left', {'calculator': 'a'})"


def test_an_incarnation_has_forty_random_bits():
    drawn = {draw_incarnation(random.Random(seed)) for seed in range(2000)}
    assert len(drawn) == 2000
    assert all(INCARNATION.match(incarnation) for incarnation in drawn)
    for place in range(8):
        assert len({incarnation[place] for incarnation in drawn}) == 32


@pytest.mark.parametrize('seed, incarnation', [(0, 'n6bycmlm'), (1, 'vpmlgres')])
def test_a_seed_draws_the_same_incarnation_on_every_python(seed, incarnation):
    assert draw_incarnation(random.Random(seed)) == incarnation


def test_a_requirement_that_holds_says_nothing():
    require(True, 'never %s', 'seen')
    require([0], 'a list with something in it')


@pytest.mark.parametrize('condition', [False, None, 0, [], ''], ids=repr)
def test_a_requirement_that_does_not_hold_is_a_broken_invariant(condition):
    with pytest.raises(BrokenInvariant) as caught:
        require(condition, 'running %d, counted %d', 1, 2)
    assert str(caught.value) == 'running 1, counted 2'
