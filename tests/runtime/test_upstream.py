"""The way to the dispatcher: what is tried when it is silent, and what is logged."""

from __future__ import absolute_import, division, print_function

import socket

import pytest

from net_protocol.schedule import QUIET_S
from runtime import names
from runtime.names import Peer
from runtime.upstream import Upstream
from tests.runtime.fakes import FakeEndpoint, FakeLog, FakeLookup, World

V4, V6 = int(socket.AF_INET), int(socket.AF_INET6)
HERE, THERE = ('192.0.2.1', 5555), ('192.0.2.2', 5555)
SIX = ('2001:db8::1', 5555, 0, 0)


class FakeChannel(object):
    """What the way to the dispatcher looks at."""

    def __init__(self):
        self.heard_at = 0.0
        self.is_open = False
        self.unanswered_since = None


class FakeCore(object):
    """A core with a channel."""

    def __init__(self):
        self.dispatcher = FakeChannel()
        self.is_listening = True


class FakeTurn(object):
    """Keeps where the channel leads."""

    def __init__(self):
        self.addresses = []
        self.probed = 0

    def set_upstream(self, address):
        self.addresses.append(address)

    def probe_upstream(self, now):
        self.probed += 1


class Bench(object):
    """A way to the dispatcher, looked at as the loop does, and the channel that it looks at."""

    def __init__(self, monkeypatch):
        self.world = World()
        self.core, self.turn, self.log = FakeCore(), FakeTurn(), FakeLog()
        self.channel = self.core.dispatcher
        self.endpoint = FakeEndpoint(self.world)
        self.endpoint.family = V4
        self.lookup = type('Lookup', (FakeLookup,), {'world': self.world, 'answers': [], 'asked_at': []})
        monkeypatch.setattr(names, 'Lookup', self.lookup)
        self.upstream = None
        self.looks = []

    def begin(self, peer, bind_for=lambda family, address: (family, ('', 0)), expects_answers=False):
        self.peer = peer
        self.upstream = Upstream(self, peer, bind_for, expects_answers)

    def at(self, seconds, action, *arguments):
        self.world.at(1000.0 + seconds, lambda: action(*arguments))

    def hear(self):
        """A datagram of the dispatcher is handled."""
        self.channel.is_open = True
        self.channel.heard_at = self.world.now
        self.channel.unanswered_since = None

    def ask(self):
        """Something is sent that calls for an answer."""
        self.endpoint.sent += 1
        if self.channel.unanswered_since is None:
            self.channel.unanswered_since = self.world.now

    def pass_time(self, seconds, look_every_s=0.5):
        """As in the loop: wait for what is readable or due, with some other turn now and then."""
        end_at = self.world.now + seconds
        while self.world.now < end_at:
            timer = self.upstream.next_timer()  # type: ignore[union-attr]
            wake_at = min(end_at, self.world.now + look_every_s, end_at if timer is None else timer)
            readable, _, _ = self.world.select(self.upstream.readers(), [], [], max(0.0, wake_at - self.world.now))  # type: ignore[union-attr]
            self.looks.append(self.world.now)
            self.upstream.handle(readable, [], self.world.now)  # type: ignore[union-attr]

    @property
    def bound(self):
        """When another port was bound, in seconds from the beginning, and the family of each."""
        return [(round(at - 1000.0, 6), family) for at, (family, _) in self.endpoint.renewed]


@pytest.fixture
def bench(monkeypatch):
    return Bench(monkeypatch)


def two_addresses(bench, *answer):
    """A peer whose name has resolved to these addresses."""
    bench.lookup.answers[:] = [[[family, list(address)] for family, address in answer]]
    peer = Peer('dispatcher.example.org', 5555)
    peer.addresses = list(answer)
    return peer


# Silence.


def test_a_dispatcher_that_never_answers_is_silent_after_a_while_and_another_port_is_tried_again_and_again(bench):
    bench.begin(Peer('192.0.2.1', 5555))
    bench.pass_time(16.0)
    assert bench.log.silence == [(True, False)]
    # Counted from the first look.
    first = bench.looks[0] - 1000.0
    assert bench.bound == [(first + QUIET_S, V4), (first + 2 * QUIET_S, V4), (first + 3 * QUIET_S, V4)]
    assert bench.turn.probed == 3
    # From the start.
    assert set(bench.turn.addresses) == {HERE}


def test_the_socket_of_the_former_port_is_read_for_a_while_and_then_closed(bench):
    bench.begin(Peer('192.0.2.1', 5555))
    bench.at(QUIET_S + 1.0, bench.hear)
    bench.pass_time(30.0)
    (bound_at, _), = bench.bound
    closed_at = [round(at - 1000.0, 6) for at in bench.endpoint.closed_at]
    assert closed_at == [bound_at, bound_at + QUIET_S]


def test_silence_and_its_end_are_logged_once(bench):
    bench.begin(Peer('192.0.2.1', 5555))
    bench.at(1.0, bench.hear)
    for second in range(2, 20):
        bench.at(second, bench.ask)
    bench.at(15.5, bench.hear)
    bench.at(16.0, bench.hear)
    bench.at(17.0, bench.hear)
    bench.at(18.0, bench.hear)
    bench.at(19.5, bench.hear)
    bench.pass_time(20.0)
    assert bench.log.silence == [(True, False), (False, False)]
    assert [at for at, _ in bench.bound] == [2.0 + QUIET_S, 2.0 + 2 * QUIET_S]


def test_where_nothing_calls_for_an_answer_nothing_is_silent(bench):
    bench.begin(Peer('192.0.2.1', 5555))
    bench.at(1.0, bench.hear)
    for second in range(2, 100):
        # Acknowledgements, say.
        bench.at(second, setattr, bench.endpoint, 'sent', second)
    bench.pass_time(100.0)
    assert (bench.log.silence, bench.bound) == ([], [])


def test_where_every_datagram_calls_for_an_answer_silence_counts_from_the_first_one_without(bench):
    bench.begin(Peer('192.0.2.1', 5555), expects_answers=True)
    bench.at(1.0, bench.hear)
    for second in range(3, 60):
        bench.at(second, setattr, bench.endpoint, 'sent', second)
    bench.pass_time(9.0)
    assert bench.log.silence == [(True, False)]
    assert bench.bound == [(3.0 + QUIET_S, V4)]


def test_during_an_outage_of_our_own_nobody_is_silent(bench):
    bench.begin(Peer('192.0.2.1', 5555))
    bench.core.is_listening = False
    bench.pass_time(60.0)
    bench.core.is_listening = True
    bench.pass_time(QUIET_S - 1.0)
    assert bench.log.silence == []
    bench.pass_time(2.0)
    assert bench.log.silence == [(True, False)]


def test_after_a_pause_of_our_own_the_dispatcher_has_its_time_to_answer(bench):
    bench.begin(Peer('192.0.2.1', 5555))
    bench.at(1.0, bench.hear)
    bench.at(2.0, bench.ask)
    bench.pass_time(3.0)
    # Suspended.
    bench.world.now += 3600.0
    bench.pass_time(QUIET_S - 1.0)
    assert bench.log.silence == []
    bench.pass_time(2.0)
    assert bench.log.silence == [(True, False)]


def test_a_fixed_port_is_kept(bench):
    bench.begin(Peer('192.0.2.1', 5555), bind_for=None)
    bench.pass_time(60.0)
    assert bench.bound == []
    assert bench.log.silence == [(True, True)]
    assert bench.turn.probed == len(range(int(QUIET_S), 60, int(QUIET_S)))


# Names.

def test_a_name_that_moved_is_followed_at_once(bench):
    bench.lookup.answers[:] = [[[V4, list(HERE)]], [[V4, list(THERE)]]]
    bench.begin(Peer('dispatcher.example.org', 5555))
    bench.pass_time(3.0)
    assert bench.log.moved == [HERE, THERE]
    assert bench.turn.addresses == [None, HERE, THERE]
    assert bench.turn.probed == 2


def test_a_dispatcher_that_is_heard_is_not_looked_up_again(bench):
    bench.lookup.answers[:] = [[[V4, list(HERE)]]]
    bench.begin(Peer('dispatcher.example.org', 5555))
    for second in range(1, 60):
        bench.at(second, bench.hear)
    bench.pass_time(60.0)
    assert len(bench.lookup.asked_at) == 1


def test_of_several_addresses_the_next_is_tried_and_the_one_that_answers_is_kept(bench):
    bench.begin(two_addresses(bench, (V4, HERE), (V4, THERE)))
    bench.at(6.0, bench.hear)
    for second in range(8, 60, 2):
        bench.at(second, bench.ask)
        bench.at(second + 1, bench.hear)
    bench.pass_time(60.0)
    assert bench.log.moved == [THERE]
    assert bench.turn.addresses[-1] == THERE
    assert len(bench.bound) == 1


def test_all_addresses_are_tried_in_turn_while_none_answers(bench):
    bench.begin(two_addresses(bench, (V4, HERE), (V4, THERE), (V6, SIX)))
    bench.pass_time(21.0)
    assert bench.log.moved == [THERE, SIX, HERE, THERE]
    assert [family for _, family in bench.bound] == [V4, V6, V4, V4]


def test_an_address_of_a_family_that_this_machine_lacks_is_passed_over(bench):
    bench.endpoint.refuses.append(V6)
    bench.begin(two_addresses(bench, (V4, HERE), (V6, SIX), (V4, THERE)))
    bench.pass_time(6.0)
    assert bench.log.moved == [THERE]
    assert bench.turn.addresses[-1] == THERE


def test_a_fixed_port_tries_other_addresses_too(bench):
    bench.begin(two_addresses(bench, (V4, HERE), (V4, THERE)), bind_for=None)
    bench.pass_time(6.0)
    assert bench.log.moved == [THERE]


# Ways that do not exist.

def test_where_no_datagram_can_leave_the_reason_is_logged(bench):
    bench.endpoint.problem = 'Invalid argument'
    bench.begin(Peer('192.0.2.1', 5555), bind_for=None)
    assert bench.log.cut == [(bench.endpoint.address, HERE, 'Invalid argument')]
