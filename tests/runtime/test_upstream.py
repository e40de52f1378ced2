"""The path to the dispatcher: the attempts after silence, and the lines of the log."""

from __future__ import absolute_import, division, print_function

import socket

import pytest

from net_protocol.schedule import QUIET_S
from runtime.names import Peer
from runtime.upstream import Upstream
from tests.runtime.fakes import FakeEndpoint, FakeLog, FakeLookup, World

V4, V6 = int(socket.AF_INET), int(socket.AF_INET6)
FIRST, SECOND = ('192.0.2.1', 5555), ('192.0.2.2', 5555)
SIX = ('2001:db8::1', 5555, 0, 0)
NAME = 'dispatcher.example.org'


class FakeChannel(object):
    """The state of the channel to the dispatcher."""

    heard_at = 0.0
    is_open = False
    unanswered_since = None  # type: float | None


class FakeCore(object):
    """A core with a channel to the dispatcher."""

    is_listening = True

    def __init__(self):
        self.dispatcher = FakeChannel()


class FakeTurn(object):
    """Keeps the addresses of the channel."""

    probed = 0

    def __init__(self):
        self.addresses = []

    def set_upstream(self, address):
        self.addresses.append(address)

    def probe_upstream(self, now):
        self.probed += 1


class Bench(object):
    """An ``Upstream`` in the place of a loop, and its channel."""

    def __init__(self, monkeypatch):
        self.world = World()
        self.core, self.turn, self.log = FakeCore(), FakeTurn(), FakeLog()
        self.channel = self.core.dispatcher
        self.endpoint = FakeEndpoint(self.world)
        self.endpoint.family = V4
        self.lookup = FakeLookup.patch(monkeypatch, self.world)
        self.upstream = None  # type: Upstream  # type: ignore[assignment]
        self.handled_at = []

    def begin(self, peer=None, bind_for=lambda family, address: (family, ('', 0)), expects_answers=False):
        peer = Peer('192.0.2.1', 5555) if peer is None else peer
        self.upstream = Upstream(self, peer, bind_for, expects_answers)

    def begin_with_addresses(self, *addresses, **options):
        """The name of the peer has resolved to these (family, address) pairs."""
        self.lookup.answers[:] = [[[family, list(address)] for family, address in addresses]]
        peer = Peer(NAME, 5555)
        peer.addresses = list(addresses)
        self.begin(peer, **options)

    def at(self, seconds, action, *arguments):
        self.world.at(1000.0 + seconds, lambda: action(*arguments))

    def send_each_second(self, first, last):
        """Datagrams that need no answer, such as acknowledgements."""
        for second in range(first, last):
            self.at(second, setattr, self.endpoint, 'sent', second)

    def hear(self):
        """A datagram of the dispatcher is handled."""
        self.channel.is_open = True
        self.channel.heard_at = self.world.now
        self.channel.unanswered_since = None

    def ask(self):
        """A datagram that needs an answer is sent."""
        self.endpoint.sent += 1
        if self.channel.unanswered_since is None:
            self.channel.unanswered_since = self.world.now

    def pass_time(self, seconds):
        """Wait for readable descriptors and timers as the loop does, at most 0.5 s at a time."""
        end_at = self.world.now + seconds
        while self.world.now < end_at:
            timer = self.upstream.next_timer()
            wake_at = min(end_at, self.world.now + 0.5, end_at if timer is None else timer)
            wait = max(0.0, wake_at - self.world.now)
            readable, _, _ = self.world.select(self.upstream.readers(), [], [], wait)
            self.handled_at.append(self.world.now)
            self.upstream.handle(readable, [], self.world.now)

    @property
    def bound(self):
        """The times of new ports, in seconds from the beginning, and their families."""
        return [(round(at - 1000.0, 6), family) for at, (family, _) in self.endpoint.renewed]


@pytest.fixture
def bench(monkeypatch):
    return Bench(monkeypatch)


# Silence.

def test_a_dispatcher_that_never_answers_is_silent_and_other_ports_are_tried(bench):
    bench.begin()
    bench.pass_time(16.0)
    assert bench.log.silence == [(True, False)]
    first = bench.handled_at[0] - 1000.0
    assert bench.bound == [(first + QUIET_S, V4), (first + 2 * QUIET_S, V4), (first + 3 * QUIET_S, V4)]
    assert bench.turn.probed == 3
    assert set(bench.turn.addresses) == {FIRST}


def test_the_socket_of_the_former_port_is_closed_after_a_while(bench):
    bench.begin()
    bench.at(QUIET_S + 1.0, bench.hear)
    bench.pass_time(30.0)
    (bound_at, _), = bench.bound
    closed_at = [round(at - 1000.0, 6) for at in bench.endpoint.closed_at]
    assert closed_at == [bound_at, bound_at + QUIET_S]


def test_silence_and_its_end_are_logged_once(bench):
    bench.begin()
    bench.at(1.0, bench.hear)
    for second in range(2, 20):
        bench.at(second, bench.ask)
    for heard_at in (15.5, 16.0, 17.0, 18.0, 19.5):
        bench.at(heard_at, bench.hear)
    bench.pass_time(20.0)
    assert bench.log.silence == [(True, False), (False, False)]
    assert [at for at, _ in bench.bound] == [2.0 + QUIET_S, 2.0 + 2 * QUIET_S]


def test_without_a_datagram_that_needs_an_answer_there_is_no_silence(bench):
    bench.begin()
    bench.at(1.0, bench.hear)
    bench.send_each_second(2, 100)
    bench.pass_time(100.0)
    assert (bench.log.silence, bench.bound) == ([], [])


def test_if_each_datagram_needs_an_answer_silence_begins_with_the_first_unanswered_one(bench):
    bench.begin(expects_answers=True)
    bench.at(1.0, bench.hear)
    bench.send_each_second(3, 60)
    bench.pass_time(9.0)
    assert bench.log.silence == [(True, False)]
    assert bench.bound == [(3.0 + QUIET_S, V4)]


def test_during_an_outage_of_this_process_the_dispatcher_is_not_silent(bench):
    bench.begin()
    bench.core.is_listening = False
    bench.pass_time(60.0)
    bench.core.is_listening = True
    bench.pass_time(QUIET_S - 1.0)
    assert bench.log.silence == []
    bench.pass_time(2.0)
    assert bench.log.silence == [(True, False)]


def test_after_a_suspension_of_this_process_the_dispatcher_has_time_to_answer(bench):
    bench.begin()
    bench.at(1.0, bench.hear)
    bench.at(2.0, bench.ask)
    bench.pass_time(3.0)
    bench.world.now += 3600.0
    bench.pass_time(QUIET_S - 1.0)
    assert bench.log.silence == []
    bench.pass_time(2.0)
    assert bench.log.silence == [(True, False)]


def test_a_fixed_port_is_kept(bench):
    bench.begin(bind_for=None)
    bench.pass_time(60.0)
    assert bench.bound == []
    assert bench.log.silence == [(True, True)]
    assert bench.turn.probed == len(range(int(QUIET_S), 60, int(QUIET_S)))


# Names.

def test_a_new_address_of_the_name_is_used_at_once(bench):
    bench.lookup.answers[:] = [[[V4, list(FIRST)]], [[V4, list(SECOND)]]]
    bench.begin(Peer(NAME, 5555))
    bench.pass_time(3.0)
    assert bench.log.moved == [FIRST, SECOND]
    assert bench.turn.addresses == [None, FIRST, SECOND]
    assert bench.turn.probed == 2


def test_the_name_of_a_dispatcher_that_is_heard_is_not_looked_up_again(bench):
    bench.lookup.answers[:] = [[[V4, list(FIRST)]]]
    bench.begin(Peer(NAME, 5555))
    for second in range(1, 60):
        bench.at(second, bench.hear)
    bench.pass_time(60.0)
    assert len(bench.lookup.asked_at) == 1


def test_the_next_address_is_tried_and_kept_when_it_answers(bench):
    bench.begin_with_addresses((V4, FIRST), (V4, SECOND))
    bench.at(6.0, bench.hear)
    for second in range(8, 60, 2):
        bench.at(second, bench.ask)
        bench.at(second + 1, bench.hear)
    bench.pass_time(60.0)
    assert bench.log.moved == [SECOND]
    assert bench.turn.addresses[-1] == SECOND
    assert len(bench.bound) == 1


def test_without_an_answer_all_addresses_are_tried_in_turn(bench):
    bench.begin_with_addresses((V4, FIRST), (V4, SECOND), (V6, SIX))
    bench.pass_time(21.0)
    assert bench.log.moved == [SECOND, SIX, FIRST, SECOND]
    assert [family for _, family in bench.bound] == [V4, V6, V4, V4]


@pytest.mark.parametrize('options', [{}, {'bind_for': None}], ids=['any port', 'fixed port'])
def test_an_address_of_a_missing_family_is_skipped(bench, options):
    bench.endpoint.missing_families.append(V6)
    bench.begin_with_addresses((V4, FIRST), (V6, SIX), (V4, SECOND), **options)
    bench.pass_time(6.0)
    assert bench.log.moved == [SECOND]
    assert bench.turn.addresses[-1] == SECOND


def test_the_reason_why_no_datagram_can_be_sent_is_logged(bench):
    bench.endpoint.problem = 'Invalid argument'
    bench.begin(bind_for=None)
    assert bench.log.cut == [(bench.endpoint.address, FIRST, 'Invalid argument')]
