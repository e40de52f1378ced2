"""Addresses of a peer. A numeric address needs no look-up; a child process resolves a name, again after silence."""

from __future__ import absolute_import, division, print_function

import errno
import os
import select
import socket

import pytest

from net_protocol.schedule import QUIET_S
from runtime import descriptors, names
from runtime.endpoint import Endpoint
from runtime.names import ASK_FIRST_S, ASK_LAST_S, Lookup, Peer, wait_for_name
from tests.runtime.fakes import FakeLookup, FakeSignals, World

BOUND_S = 60.0

#: No label may have more than 63 characters, so no server is asked for this name.
NO_NAME = 'x' * 70

PEER = [int(socket.AF_INET), ['192.0.2.1', 5555]]
OTHER = [int(socket.AF_INET), ['192.0.2.2', 5555]]
V6_PEER = [int(socket.AF_INET6), ['2001:db8::1', 5555, 0, 0]]

UNKNOWN = 'Name or service not known'


@pytest.fixture
def world(monkeypatch):
    made = World()
    monkeypatch.setattr(descriptors, 'select', made)
    return made


@pytest.fixture
def lookups(world, monkeypatch):
    """The class of simulated look-ups: their answers, and the times at which they began."""
    return FakeLookup.patch(monkeypatch, world)


@pytest.fixture
def peer(lookups):
    return Peer('dispatcher.example.org', 5555)


def resolved(peer):
    """The peer after the answer of a real child."""
    peer.handle_timer(1000.0)
    assert peer.lookup is not None
    readable, _, _ = select.select([peer.lookup], [], [], BOUND_S)
    assert readable, 'the child does not answer'
    peer.take_answer(1000.0)
    return peer


def pass_time(world, peer, seconds):
    """Advance the time as the loop does; return the times and the new addresses of changes."""
    changes = []
    end_at = world.now + seconds
    while world.now < end_at:
        timer = peer.next_timer()
        readers = [] if peer.lookup is None else [peer.lookup]
        wait = max(0.0, (end_at if timer is None else min(timer, end_at)) - world.now)
        if world.select(readers, [], [], wait)[0]:
            if peer.take_answer(world.now):
                changes.append((world.now, peer.address))
        else:
            peer.handle_timer(world.now)
    return changes


# Numeric addresses.

@pytest.mark.parametrize('host, family, address', [
    ('127.0.0.1', socket.AF_INET, ('127.0.0.1', 5555)),
    ('::1', socket.AF_INET6, ('::1', 5555, 0, 0)),
])
def test_a_numeric_address_is_never_looked_up(lookups, world, host, family, address):
    peer = Peer(host, 5555)
    assert (peer.address, peer.family) == (address, family)
    assert peer.next_timer() is None
    pass_time(world, peer, 1000.0)
    assert wait_for_name(peer, FakeSignals(), world.monotonic, None)
    assert lookups.asked_at == []


@pytest.mark.parametrize('host, family, other', [
    ('127.0.0.1', 0, None), ('127.0.0.1', socket.AF_INET, None), (NO_NAME, socket.AF_INET, None),
    ('::1', socket.AF_INET, socket.AF_INET6)])
def test_a_numeric_address_of_another_family_is_no_address(host, family, other):
    peer = Peer(host, 5555, family)
    assert peer.other_family == other
    assert other is None or peer.address is None


# Look-ups by real children.

@pytest.mark.parametrize('family', [0, socket.AF_INET])
def test_a_child_finds_localhost_in_the_required_family(family):
    peer = resolved(Peer('localhost', 5555, family))
    assert peer.address[:2] == ('127.0.0.1', 5555) or (not family and peer.address[:2] == ('::1', 5555))
    assert family in (0, peer.family)
    assert peer.lookup is None


def test_an_unknown_name_has_no_address_and_a_problem_in_words():
    peer = resolved(Peer(NO_NAME, 5555))
    assert peer.address is None
    assert len(peer.problem) > 3
    # Without the number of the error.
    assert '\n' not in peer.problem and not peer.problem.startswith('[')


def test_close_ends_the_child(monkeypatch):
    # A resolver that never answers.
    monkeypatch.setattr(names, '_ASK', 'import signal; signal.pause()')
    peer = Peer('localhost', 5555)
    peer.handle_timer(1000.0)
    lookup = peer.lookup
    assert lookup is not None
    peer.close()
    assert lookup._child.returncode is not None
    assert peer.lookup is None
    peer.close()


def test_a_killed_child_is_a_failed_look_up():
    lookup = Lookup('localhost', 5555, 0)
    lookup._child.kill()
    answer = lookup.answer()
    # The child may have answered before.
    assert answer == 'the look-up failed' or isinstance(answer, list)


def test_a_child_does_not_inherit_sockets():
    endpoint = Endpoint(socket.AF_INET, ('127.0.0.1', 0))
    lookup = Lookup('localhost', 5555, 0)
    try:
        address = endpoint.address
        endpoint.close()
        # The port is free although the child may still run.
        Endpoint(socket.AF_INET, address).close()
    finally:
        lookup.close()


def test_without_a_descriptor_for_select_the_look_up_fails(monkeypatch):
    monkeypatch.setattr(descriptors, 'SELECT_MAX', 3)
    peer = Peer('localhost', 5555)
    peer.handle_timer(1000.0)
    assert peer.lookup is None
    assert 'select accepts no more' in peer.problem


# Times of look-ups, which the test answers.

@pytest.mark.parametrize('answer, problem', [(UNKNOWN, UNKNOWN), ([], 'no address')], ids=['no name', 'no address'])
def test_the_intervals_between_failed_look_ups_grow(world, lookups, peer, answer, problem):
    lookups.answers[:] = [answer]
    pass_time(world, peer, 130.0)
    waits = [round(later - earlier, 6) for earlier, later in zip(lookups.asked_at, lookups.asked_at[1:])]
    # An answer takes a tenth of a second.
    assert waits == [wait + 0.1 for wait in (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0)]
    assert (waits[0], waits[-1]) == (ASK_FIRST_S + 0.1, ASK_LAST_S + 0.1)
    assert (peer.address, peer.problem) == (None, problem)


def test_the_intervals_begin_anew_after_the_peer_was_heard(world, lookups, peer):
    lookups.answers[:] = [[PEER]]
    pass_time(world, peer, 100.0)
    peer.note_heard(world.now)
    heard_at = world.now
    del lookups.asked_at[:]
    pass_time(world, peer, 20.0)
    assert [round(at - heard_at, 6) for at in lookups.asked_at[:3]] == [QUIET_S, QUIET_S + 1.1, QUIET_S + 3.2]


@pytest.mark.parametrize('answers, preferred, used', [
    ([[V6_PEER, PEER]], 0, ['2001:db8::1']),
    ([[V6_PEER, PEER]], socket.AF_INET, ['192.0.2.1']),
    ([[PEER, OTHER], [OTHER, PEER], [OTHER], [PEER, OTHER]], 0, ['192.0.2.1', '192.0.2.2']),
    ([[PEER], UNKNOWN], 0, ['192.0.2.1']),
], ids=['the first', 'of the preferred family', 'while it is among the answers', 'after the name disappeared'])
def test_an_address_is_kept_as_long_as_possible(world, lookups, answers, preferred, used):
    lookups.answers[:] = answers
    peer = Peer('dispatcher.example.org', 5555, preferred=preferred)
    assert [address[0] for _, address in pass_time(world, peer, 60.0)] == used
    assert peer.address[0] == used[-1]
    assert peer.family == (socket.AF_INET6 if ':' in used[-1] else socket.AF_INET)


def test_new_addresses_follow_the_known_ones_and_use_next_rotates_them(world, lookups, peer):
    lookups.answers[:] = [[PEER], [OTHER, PEER]]
    pass_time(world, peer, 3.0)
    assert [address for _, address in peer.addresses] == [('192.0.2.1', 5555), ('192.0.2.2', 5555)]
    peer.use_next()
    assert peer.address == ('192.0.2.2', 5555)


def test_there_is_one_look_up_at_a_time(world, lookups, peer):
    lookups.answers[:] = [[PEER]]
    for _ in range(10):
        peer.handle_timer(world.now)
    assert len(lookups.asked_at) == 1
    assert peer.next_timer() is None


def test_if_no_child_can_be_started_the_look_up_is_repeated_later(world, lookups, peer, monkeypatch):
    failing = [True, True]
    original = lookups.__init__

    def init(self, *arguments):
        original(self, *arguments)
        if failing:
            failing.pop()
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(lookups, '__init__', init)
    lookups.answers[:] = [[PEER]]
    peer.handle_timer(world.now)
    assert peer.lookup is None
    assert peer.problem == os.strerror(errno.EAGAIN)
    pass_time(world, peer, 10.0)
    assert peer.address == ('192.0.2.1', 5555)
    assert [round(at - lookups.asked_at[0], 6) for at in lookups.asked_at[:3]] == [0.0, 1.0, 3.0]


# Waiting for the first answer.

def test_the_wait_logs_each_failure_until_the_name_resolves(world, lookups, peer):
    lookups.answers[:] = [UNKNOWN, 'Temporary failure in name resolution', [PEER]]
    logged = []
    # On 2.7 any signal ends a wait with an error.
    world.errors[:] = [select.error(errno.EINTR, 'Interrupted system call')]
    began = world.now
    assert wait_for_name(peer, FakeSignals(), world.monotonic, lambda text, *values: logged.append(text % values))
    assert peer.address == ('192.0.2.1', 5555)
    assert logged == [
        'waiting for the name "dispatcher.example.org" to resolve (Name or service not known)',
        'waiting for the name "dispatcher.example.org" to resolve (Temporary failure in name resolution)']
    # Three look-ups of a tenth of a second each, and the intervals between them.
    assert world.now - began == pytest.approx(0.1 + 1.0 + 0.1 + 2.0 + 0.1)
    assert len(world.waits) <= 10


@pytest.mark.parametrize('at', [0.05, 0.5, 20.0], ids=['during a look-up', 'between two', 'after many'])
def test_a_request_to_stop_ends_the_wait(world, lookups, peer, at):
    lookups.answers[:] = [UNKNOWN]
    signals = FakeSignals()
    world.at(world.now + at, signals.arrive)
    began = world.now
    assert not wait_for_name(peer, signals, world.monotonic, lambda *_: None)
    assert world.now == began + at


# HOST:PORT.

@pytest.mark.parametrize('text, found', [
    ('host:1', ('host', 1)), (u'h\xf6st:65535', (u'h\xf6st', 65535)), ('[::1]:5555', ('::1', 5555))])
def test_a_host_and_a_port_are_found(text, found):
    assert names.host_and_port(text) == found


@pytest.mark.parametrize('text', [
    '', 'host', ':5555', 'host:', 'host:0', 'host:65536', 'host:-1', u'host:\xb2', 'host:0x10', '[]:1', '[::1]',
    '[::1:1'])
def test_another_text_is_refused(text):
    with pytest.raises(ValueError, match='expected HOST:PORT'):
        names.host_and_port(text)
