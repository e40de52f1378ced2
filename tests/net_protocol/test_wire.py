"""Between a core and its datagrams: decoding, grouping by address, numbering, and accounts that add up."""

from __future__ import absolute_import, division, print_function

import pytest

from net_protocol import codec
from net_protocol.addresses import Addresses
from net_protocol.core import Core
from net_protocol.errors import DatagramRefused
from net_protocol.limits import COALESCED_BYTES, COALESCED_LOCAL_BYTES
from net_protocol.messages import HeartbeatAck, Leave, Ping, Submit
from net_protocol.seals import CHECKSUM
from net_protocol.wire import Wire
from tests.net_protocol.samples import LIFE, NAME, TASK

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

HERE, THERE = ('192.0.2.1', 1), ('192.0.2.2', 2)


class Heard(Core):
    """Keeps what it hears, says what it is told to."""

    HANDLERS = {Leave: '_on_leave'}

    def __init__(self):
        # type: () -> None
        super(Heard, self).__init__(u'heard', u'aaaaaaaa')
        self.heard = []  # type: List[Any]

    def _on_leave(self, now, sender, message):
        # type: (float, Any, Leave) -> None
        self.heard.append((now, sender.address, sender.name, sender.incarnation, sender.number))

    def say(self, address, *messages):
        # type: (Any, *Any) -> None
        for message in messages:
            self._send(address, message)


@pytest.fixture
def core():
    # type: () -> Heard
    return Heard()


@pytest.fixture
def wire(core):
    # type: (Heard) -> Wire
    return Wire(core, Addresses(b'', lambda address: True))


def by_address(wire, **options):
    # type: (Wire, **Any) -> Dict[Any, List[Any]]
    """The envelopes that go out, by address."""
    out = {}  # type: Dict[Any, List[Any]]
    for address, datagram in wire.take_datagrams(1.0, **options):
        out.setdefault(address, []).append(codec.decode(datagram))
    return out


def test_each_message_of_a_datagram_reaches_the_core_with_its_sender(core, wire):
    datagram, = codec.encode(NAME, LIFE, 7, [Leave(), Leave(), Ping(1)])
    wire.receive(5.0, datagram, HERE)
    assert core.heard == [(5.0, HERE, NAME, LIFE, 7)] * 2
    assert core.counts['pings'] == 1


def test_a_refused_datagram_is_counted_and_nothing_of_it_is_believed(core, wire):
    for datagram in (b'', b'garbage', CHECKSUM.seal(b'"v":2}'), CHECKSUM.seal(b'"v":1}'), CHECKSUM.seal(b'')):
        with pytest.raises(DatagramRefused):
            wire.receive(5.0, datagram, HERE)
    traffic = wire.traffic.as_dict()
    assert core.heard == []
    assert traffic['datagrams_in'] == 5 == sum(traffic['refused'].values())
    assert {cause: count for cause, count in traffic['refused'].items() if count} == {
        'bad_checksum': 2, 'other_version': 1, 'bad_envelope': 1, 'not_json': 1}
    assert traffic['messages_in'] == 0
    assert traffic['messages_per_datagram_in'] is None


def test_messages_are_grouped_by_address_and_stay_in_order(core, wire):
    for number in range(1, 6):
        core.say(HERE, HeartbeatAck(number))
        core.say(THERE, HeartbeatAck(10 * number))
    out = by_address(wire)
    assert {address: [envelope.messages for envelope in envelopes] for address, envelopes in out.items()} == {
        HERE: [[HeartbeatAck(number) for number in (1, 2, 3, 4, 5)]],
        THERE: [[HeartbeatAck(number) for number in (10, 20, 30, 40, 50)]]}


@pytest.mark.parametrize('is_local, datagrams, limit', [
    (False, 5, COALESCED_BYTES), (True, 1, COALESCED_LOCAL_BYTES)], ids=['elsewhere', 'on this machine'])
def test_what_does_not_fit_into_one_datagram_takes_several(core, is_local, datagrams, limit):
    addresses = Addresses(b'', lambda address: is_local)
    addresses.trust(HERE)
    addresses.note_heard(HERE, 1)
    wire = Wire(core, addresses)
    core.say(HERE, *[Submit(TASK, u'x' * 500, 1) for _ in range(10)])
    out = list(wire.take_datagrams(1.0))
    assert len(out) == datagrams
    assert all(len(datagram) <= limit for _, datagram in out)
    assert wire.traffic.as_dict()['messages_per_datagram_out'] == 10 / datagrams


def test_datagrams_are_numbered_one_after_the_other_whoever_they_are_for(core, wire):
    for _ in range(3):
        core.say(HERE, *[Submit(TASK, u'x' * 5000, 1) for _ in range(2)])
        core.say(THERE, Leave())
        list(wire.take_datagrams(1.0))
    core.say(HERE, Leave())
    assert by_address(wire)[HERE][0].number == 10


def test_nothing_to_say_is_no_datagram(wire):
    assert list(wire.take_datagrams(1.0)) == []
    assert wire.traffic.datagrams_out == 0


def test_what_is_taken_is_taken(core, wire):
    core.say(HERE, Leave())
    assert len(list(wire.take_datagrams(1.0))) == 1
    assert list(wire.take_datagrams(1.0)) == []


def test_targets_are_resolved_and_what_is_nowhere_yet_is_counted(core, wire):
    core.say('dispatcher', Leave(), Leave())
    core.say('nowhere', Leave(), Leave(), Leave())
    core.say(HERE, Leave())
    out = by_address(wire, resolve={'dispatcher': HERE, HERE: HERE, 'nowhere': None}.get)
    # A peer and its address are the same place.
    assert [len(envelope.messages) for envelope in out.pop(HERE)] == [3]
    assert out == {}
    assert wire.traffic.unaddressed == 3
    assert (wire.traffic.messages_out, wire.traffic.datagrams_out) == (3, 1)


def test_the_envelope_carries_the_life_that_the_core_has_now(core, wire):
    core.say(HERE, Leave())
    list(wire.take_datagrams(1.0))
    core.incarnation = u'bbbbbbbb'
    core.say(HERE, Leave())
    envelope, = by_address(wire)[HERE]
    assert (envelope.name, envelope.incarnation, envelope.number) == (u'heard', u'bbbbbbbb', 2)
