"""Who is believed where there is a key: old datagrams, datagrams for others and datagrams thrown back are not."""

from __future__ import absolute_import, division, print_function

import random

import pytest

from client.core import ClientCore
from client.settings import SETTINGS as CLIENT_SETTINGS
from dispatcher.core import DispatcherCore
from dispatcher.settings import SETTINGS as DISPATCHER_SETTINGS
from net_protocol import guard
from net_protocol.addresses import Addresses
from net_protocol.codec import Envelope
from net_protocol.errors import DatagramRefused
from net_protocol.guard import CALCULATOR, CLIENT, DISPATCHER, Guard, Unproven
from net_protocol.messages import Leave
from net_protocol.wire import Wire

KEYS = [b'k' * 32]
US, HERE = 'uuuuuuuu', ('10.0.0.1', 1)


def envelope(number=1, life='aaaaaaaa', to=US, heard=5, role=CALCULATOR, name='calculator-a'):
    return Envelope(name, life, number, [Leave()], role, to, heard)


def admit(doorkeeper, *args, **kwargs):
    doorkeeper.admit(envelope(*args, **kwargs), HERE, US, 100)


@pytest.fixture
def ours():
    made = Guard(DISPATCHER, KEYS)
    admit(made)
    return made


def test_each_number_is_believed_once(ours):
    with pytest.raises(DatagramRefused) as caught:
        admit(ours)
    assert caught.value.cause == guard.REPLAYED


def test_numbers_may_overtake_each_other_within_the_window():
    doorkeeper = Guard(DISPATCHER, KEYS)
    rng = random.Random(1)
    numbers = list(range(1, 500))
    rng.shuffle(numbers)
    for number in numbers:
        admit(doorkeeper, number)
    for number in numbers:
        with pytest.raises(DatagramRefused):
            admit(doorkeeper, number)


def test_the_window_remembers_exactly_what_it_saw(monkeypatch):
    monkeypatch.setattr(guard, 'WINDOW', 64)
    monkeypatch.setattr(guard, 'RING_BYTES', 9)
    rng = random.Random(5)
    peer, seen, highest = guard._Peer(('client', 'a')), set(), 0
    for _ in range(20000):
        step = rng.choice([-70, -64, -63, -30, -9, -8, -1, 0, 1, 1, 1, 2, 7, 8, 9, 70, 1000])
        number = max(1, highest + step)
        assert peer.is_new(number) == (number > highest - 64 and number not in seen)
        if peer.is_new(number):
            peer.see(number)
            seen.add(number)
            highest = max(highest, number)


def test_what_is_older_than_the_window_is_a_replay(ours):
    admit(ours, 2 + guard.WINDOW)
    with pytest.raises(DatagramRefused):
        admit(ours, 2)
    admit(ours, 3)


@pytest.mark.parametrize('to', ['', 'vvvvvvvv', None, 7, ['uuuuuuuu']], ids=repr)
def test_what_was_meant_for_another_life_is_not_believed(ours, to):
    with pytest.raises(Unproven):
        admit(ours, 2, to=to)


@pytest.mark.parametrize('role', [DISPATCHER, '', None, 3, [CALCULATOR]], ids=repr)
def test_a_dispatcher_does_not_listen_to_dispatchers(ours, role):
    with pytest.raises(DatagramRefused) as caught:
        admit(ours, 2, role=role)
    assert caught.value.cause == guard.WRONG_ROLE


def test_a_client_listens_to_the_dispatcher_only():
    for role in (CLIENT, CALCULATOR):
        with pytest.raises(DatagramRefused):
            admit(Guard(CLIENT, KEYS), role=role)
    admit(Guard(CLIENT, KEYS), role=DISPATCHER)


def test_a_new_life_must_have_heard_something_newer_than_the_former_one(ours):
    admit(ours, 2, heard=9)
    for heard in (0, 5, 9):
        with pytest.raises(Unproven):
            admit(ours, 1, life='bbbbbbbb', heard=heard)
    admit(ours, 1, life='bbbbbbbb', heard=10)
    with pytest.raises(Unproven):
        admit(ours, 3, life='aaaaaaaa', heard=9)


def test_lives_that_take_turns_repeat_nothing(ours):
    admit(ours, 2, heard=6)
    admit(ours, 1, life='bbbbbbbb', heard=8)
    # Late, and new: the former life heard more before it ended than the present one had when it first spoke.
    admit(ours, 7, heard=9)
    for number, heard in ((1, 5), (2, 6)):
        with pytest.raises(Unproven):
            admit(ours, number, heard=heard)
    admit(ours, 2, life='bbbbbbbb', heard=10)
    with pytest.raises(Unproven):
        admit(ours, 1, life='bbbbbbbb', heard=8)
    with pytest.raises(Unproven):
        admit(ours, 7, heard=9)


def test_a_life_that_was_forgotten_repeats_nothing(monkeypatch):
    monkeypatch.setattr(guard, 'PEERS_MAX', 1)
    doorkeeper = Guard(DISPATCHER, KEYS)
    admit(doorkeeper, 1, heard=50)
    admit(doorkeeper, 1, name='calculator-b', heard=51)
    admit(doorkeeper, 2, heard=52)
    with pytest.raises(Unproven):
        admit(doorkeeper, 1, heard=50)


def test_nobody_can_have_heard_what_was_never_sent():
    for heard in (101, -1, 1.5, None, 'x', True):
        with pytest.raises((DatagramRefused, Unproven)):
            admit(Guard(DISPATCHER, KEYS), heard=heard)


def test_recorded_lives_stay_dead_when_their_peer_is_forgotten(monkeypatch):
    monkeypatch.setattr(guard, 'PEERS_MAX', 3)
    doorkeeper = Guard(DISPATCHER, KEYS)
    admit(doorkeeper, heard=50)
    for number in range(5):
        admit(doorkeeper, name='calculator-%d' % number, heard=51 + number)
    with pytest.raises(Unproven):
        admit(doorkeeper, heard=50)
    assert len(doorkeeper._peers) == 3
    assert len(doorkeeper._by_address) <= 3


def test_a_client_and_a_calculator_of_one_name_are_two(ours):
    admit(ours, role=CLIENT)
    with pytest.raises(DatagramRefused):
        admit(ours, role=CLIENT)


def test_the_same_number_from_another_address_moves_nothing(ours):
    assert ours.credentials(HERE) == ('aaaaaaaa', 1)
    with pytest.raises(DatagramRefused):
        ours.admit(envelope(), ('10.6.6.6', 6), US, 100)
    assert ours.credentials(('10.6.6.6', 6)) == ('', 0)
    ours.admit(envelope(2), ('10.0.0.2', 2), US, 100)
    assert ours.credentials(HERE) == ('', 0)
    assert ours.credentials(('10.0.0.2', 2)) == ('aaaaaaaa', 2)


# Two wires that talk.

def everywhere():
    return Addresses(b'', lambda address: True)


class Pair(object):
    """A client and a dispatcher, each with its wire; ``exchange`` carries all datagrams until there are none."""

    def __init__(self, client_keys=KEYS, dispatcher_keys=KEYS):
        self.client = ClientCore(CLIENT_SETTINGS.checked({'task_interval_s': [0, 0], 'in_flight_max': 3}), 'client-a',
                                 'cccccccc', random.Random(1), 'dispatcher')
        self.dispatcher = self.new_dispatcher('dddddddd')
        self.client_wire = Wire(self.client, everywhere(), Guard(CLIENT, client_keys))
        self.dispatcher_wire = Wire(self.dispatcher, everywhere(), Guard(DISPATCHER, dispatcher_keys))
        self.recorded = []
        self.client.start(0.0)

    def new_dispatcher(self, life):
        return DispatcherCore(DISPATCHER_SETTINGS.checked({}), 'dispatcher', life, random.Random(1))

    def exchange(self):
        for _ in range(10):
            moved = self.carry(self.client_wire, 'client', self.dispatcher_wire)
            moved += self.carry(self.dispatcher_wire, 'dispatcher', self.client_wire)
            if not moved:
                return
        raise AssertionError('they talk without end')

    def carry(self, source, address, target):
        moved = 0
        for _, datagram in source.take_datagrams(1.0):
            moved += 1
            self.recorded.append((target, datagram, address))
            self.hand(target, datagram, address)
        return moved

    @staticmethod
    def hand(target, datagram, address):
        try:
            target.receive(1.0, datagram, address)
        except DatagramRefused:
            pass


def test_one_round_trip_makes_them_known_and_nothing_said_before_is_lost():
    pair = Pair()
    pair.exchange()
    assert pair.dispatcher.counts['accepted'] == 3
    assert pair.dispatcher_wire.traffic.welcomes == 1
    assert pair.client_wire.traffic.welcomes == 0


def test_without_the_key_nothing_is_answered_and_nothing_believed():
    pair = Pair(client_keys=[b'x' * 32])
    pair.exchange()
    assert pair.dispatcher.counts['accepted'] == 0
    assert pair.dispatcher_wire.traffic.datagrams_out == 0
    assert pair.dispatcher_wire.traffic.refused['bad_signature'] == 1


def test_a_restarted_dispatcher_is_known_again_after_one_round_trip():
    pair = Pair()
    pair.exchange()
    pair.dispatcher = pair.new_dispatcher('eeeeeeee')
    pair.dispatcher_wire = Wire(pair.dispatcher, everywhere(), Guard(DISPATCHER, KEYS))
    pair.client.handle_timer(8.0)
    pair.exchange()
    pair.client.handle_timer(16.0)
    pair.exchange()
    assert pair.dispatcher.counts['accepted'] == 3


def test_whatever_was_recorded_changes_counters_only_when_it_is_played_again():
    pair = Pair()
    pair.exchange()
    before = (dict(pair.dispatcher.counts), dict(pair.client.counts), pair.client.statistics.as_dict(0))
    for target, datagram, address in list(pair.recorded):
        pair.hand(target, datagram, 'elsewhere')
        # Thrown back at its sender, too.
        pair.hand(pair.client_wire if target is pair.dispatcher_wire else pair.dispatcher_wire, datagram, address)
    assert (pair.dispatcher.counts, pair.client.counts, pair.client.statistics.as_dict(0)) == before


def test_what_was_recorded_in_one_life_of_the_dispatcher_is_nothing_in_the_next():
    pair = Pair()
    pair.exchange()
    dispatcher = pair.new_dispatcher('eeeeeeee')
    wire = Wire(dispatcher, everywhere(), Guard(DISPATCHER, KEYS))
    for target, datagram, _ in pair.recorded:
        if target is pair.dispatcher_wire:
            pair.hand(wire, datagram, 'client')
    assert dispatcher.counts['accepted'] == 0


def test_a_welcome_is_smaller_than_what_it_answers():
    pair = Pair()
    ((_, first),) = pair.client_wire.take_datagrams(1.0)
    pair.hand(pair.dispatcher_wire, first, 'client')
    ((_, welcome),) = pair.dispatcher_wire.take_datagrams(1.0)
    assert len(welcome) <= len(first)
