"""Real cores that meet over addresses which need a proof: they get to work at once, and nobody else is sent more than
came from it.
"""

from __future__ import absolute_import, division, print_function

import random

import pytest

from calculator.core import CalculatorCore
from calculator.settings import SETTINGS as CALCULATOR_SETTINGS
from client.core import ClientCore
from client.settings import SETTINGS as CLIENT_SETTINGS
from dispatcher.core import DispatcherCore
from dispatcher.settings import SETTINGS as DISPATCHER_SETTINGS
from net_protocol import addresses, codec, kept
from net_protocol.addresses import Addresses
from net_protocol.core import draw_incarnation
from net_protocol.errors import DatagramRefused
from net_protocol.guard import CALCULATOR, CLIENT, DISPATCHER, PROBE, Guard
from net_protocol.limits import NAME_CHARS_MAX
from net_protocol.messages import Cancel, Heartbeat, Leave, Ping, Submit
from net_protocol.probe import ProbeCore
from net_protocol.seals import CHECKSUM, Signature
from net_protocol.wire import Wire

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401

KEYS = [b'k' * 32]
STEP_S = 0.01
VICTIM = (u'192.0.2.66', 6)
LONG = u'd' * NAME_CHARS_MAX


class Net(object):
    """Wires by address; nothing is lost, everything takes no time. ``came`` and ``went`` count what strangers sent."""

    def __init__(self, keys=None):
        self.keys = keys
        self.now = 0.0
        self.wires = {}
        self.names = {}
        self.rng = random.Random(1)
        self.to_strangers = []
        self.flights = 0

    def guard(self, role):
        return self.keys and Guard(role, self.keys)

    def add(self, role, core, address):
        self.wires[address] = Wire(core, Addresses(core.incarnation.encode('ascii'), lambda _: False), self.guard(role))
        core.start(self.now)
        return core

    def dispatcher(self, name=u'dispatcher', address=(u'192.0.2.1', 5555)):
        self.names['dispatcher'] = address
        return self.add(DISPATCHER, DispatcherCore(DISPATCHER_SETTINGS.checked({}), name, draw_incarnation(self.rng),
                                                   self.rng), address)

    def calculator(self, **changes):
        settings = CALCULATOR_SETTINGS.checked(dict({'task_duration_s': [0, 0.02], 'outage': {'probability': 0}},
                                                    **changes))
        return self.add(CALCULATOR, CalculatorCore(settings, u'calculator-a', lambda: draw_incarnation(self.rng),
                                                   self.rng, 'dispatcher'), (u'192.0.2.2', 5600))

    def client(self, tasks, **changes):
        settings = CLIENT_SETTINGS.checked(dict({'task_interval_s': [0, 0]}, **changes))
        return self.add(CLIENT, ClientCore(settings, u'client-a', draw_incarnation(self.rng), self.rng, 'dispatcher',
                                           tasks_max=tasks), (u'192.0.2.3', 6000))

    def run(self, until):
        while self.now < until:
            for address in sorted(self.wires):
                self.wires[address]._core.handle_timer(self.now)
            self.carry()
            self.now += STEP_S

    def carry(self):
        for _ in range(20):
            flights = [(source, target, datagram) for source, wire in sorted(self.wires.items())
                       for target, datagram in wire.take_datagrams(self.now, lambda at: self.names.get(at, at))]
            for source, target, datagram in flights:
                self.hand(target, datagram, source)
            if not flights:
                return
        raise AssertionError('they talk without end')

    def hand(self, target, datagram, source):
        self.flights += 1
        if target not in self.wires:
            self.to_strangers.append((target, datagram))
            return
        try:
            self.wires[target].receive(self.now, datagram, source)
        except DatagramRefused:
            pass


@pytest.mark.parametrize('keys', [None, KEYS], ids=['no key', 'key'])
class TestWhoMeets(object):

    def test_a_heartbeat_registers_at_once_and_work_flows_in_the_same_round(self, keys):
        net = Net(keys)
        dispatcher = net.dispatcher()
        net.calculator(capacity=50)
        client = net.client(40, payload_bytes=3000)
        net.carry()
        assert dispatcher.counts['accepted'] == 40
        net.run(1.0)
        assert client.statistics.answered == 40
        assert client.resent + dispatcher.resent == 0

    def test_after_that_datagrams_are_as_short_as_ever(self, keys):
        net = Net(keys)
        net.dispatcher()
        net.calculator()
        net.run(3.0)
        for one in net.wires:
            for other in net.wires:
                # A client and a calculator never speak to each other.
                if net.names['dispatcher'] in (one, other) and one != other:
                    assert net.wires[one]._addresses.fields(other) == ''

    def test_a_dispatcher_that_comes_back_is_met_again(self, keys):
        net = Net(keys)
        net.dispatcher()
        net.calculator(capacity=4, task_duration_s=[0.5, 0.5])
        client = net.client(4)
        net.run(0.2)
        net.dispatcher()
        net.run(10.0)
        assert client.statistics.answered == 4

    @pytest.mark.parametrize('name', [u'd', LONG], ids=['short', 'long'])
    def test_the_first_ping_is_answered_whoever_answers(self, keys, name):
        net = Net(keys)
        net.dispatcher(name)
        probe = net.add(PROBE, ProbeCore(draw_incarnation(net.rng), net.rng, 'dispatcher'), (u'192.0.2.4', 7000))
        net.carry()
        assert probe.has_answer
        assert probe.resent == 0


def strangers_datagrams(keys):
    """What somebody may send in another's name; with a key these are replays, or by somebody with the key."""
    life, task = u'aaaaaaaa', u'victim:aaaaaaaa:%d'
    said = []  # type: Any
    said += [[Submit(task % number, u'5f' * 10, 60)] for number in range(30)]
    said += [[Heartbeat(number, 1, 1, 1, 9000, [], [], False, 0)] for number in range(1, 30)]
    said += [[Ping(7)], [Cancel(task % 5), Cancel(task % 77)], [Leave()], [Submit(task % 3, u'', 60)]]
    for number, messages in enumerate(said, 1):
        role = CALCULATOR if type(messages[0]) in (Heartbeat, Leave) else CLIENT
        for datagram in codec.encode(u'victim', life, number, messages, seal=Signature(keys) if keys else CHECKSUM,
                                     credentials=(role, '', 0) if keys else None,
                                     more='"echo":"0123456789abcdef","token":"fedcba9876543210",'):
            yield datagram


@pytest.mark.parametrize('keys', [None, KEYS], ids=['no key', 'key'])
def test_whoever_is_said_to_have_asked_is_sent_no_more_than_that_at_any_moment(keys):
    net = Net(keys)
    dispatcher = net.dispatcher()
    net.calculator(capacity=50)
    net.run(0.1)
    came = 0
    for count, datagram in enumerate(strangers_datagrams(keys), 1):
        came += len(datagram)
        for target in sorted(net.wires):
            net.hand(target, datagram, VICTIM)
        net.run(net.now + 0.5)
        sent = [len(datagram) for address, datagram in net.to_strangers if address == VICTIM]
        # Two processes were asked, and each may answer as much.
        assert sum(sent) <= 2 * came
        assert len(sent) <= 2 * count
    assert sent
    # Its outcomes are told again and again, its assignments too: none of that goes there.
    net.run(net.now + 30.0)
    sent = [len(datagram) for address, datagram in net.to_strangers if address == VICTIM]
    assert sum(sent) <= 2 * came
    assert keys or dispatcher.resent > 20


def test_a_token_from_a_stranger_makes_nobody_speak():
    net = Net()
    net.dispatcher()
    net.carry()
    flights = net.flights
    for datagram in codec.encode(u'stranger', u'aaaaaaaa', 1, [Leave()], more='"token":"fedcba9876543210",'):
        net.wires[net.names['dispatcher']].receive(0.0, datagram, VICTIM)
    net.wires[net.names['dispatcher']]._core.take_outgoing()
    net.carry()
    assert net.flights == flights


def test_what_was_withheld_is_counted_and_said_as_soon_as_the_address_has_shown_itself():
    net = Net()
    net.dispatcher()
    wire = net.wires[net.names['dispatcher']]
    task = u'client-b:aaaaaaaa:1'
    for number in range(3):
        datagram, = codec.encode(u'client-b', u'aaaaaaaa', number + 1, [Submit(task, u'', 1)])
        wire.receive(0.0, datagram, VICTIM)
    (_, answer), = wire.take_datagrams(0.0)
    token = codec.decode(answer).token
    # Three questions came, one answer went; a fourth, with an outcome of any size, is not paid for.
    net.run(8.0)
    assert wire.traffic.withheld > 0
    datagram, = codec.encode(u'client-b', u'aaaaaaaa', 9, [Submit(task, u'', 1)], more='"echo":"%s",' % token)
    del net.to_strangers[:]
    wire.receive(8.0, datagram, VICTIM)
    said = [codec.decode(datagram) for _, datagram in wire.take_datagrams(8.0)]
    assert [message.KIND for envelope in said for message in envelope.messages] == ['outcome']
    assert {envelope.token for envelope in said} == {None}


@pytest.mark.parametrize('keys', [None, KEYS], ids=['no key', 'key'])
def test_newcomers_are_met_at_once_also_in_a_flood_of_invented_addresses(keys, monkeypatch):
    monkeypatch.setattr(addresses, 'ALLOWANCES_MAX', 50)
    monkeypatch.setattr(kept, 'ADDRESSES_MAX', 5)
    net = Net(keys)
    dispatcher = net.dispatcher()
    flood = list(strangers_datagrams(keys))
    for port in range(400):
        net.hand(net.names['dispatcher'], flood[port % len(flood)], (u'192.0.2.77', port))
        if port % 100 == 99:
            net.carry()
    net.calculator(capacity=50)
    client = net.client(20, payload_bytes=500)
    net.run(3.0)
    assert client.statistics.answered == 20
    assert dispatcher.counts['registered'] >= 1
