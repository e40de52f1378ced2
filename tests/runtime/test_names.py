"""Addresses of a peer: numeric ones need no look-up; names are looked up by a child, and again after silence."""

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

#: No resolver takes a label of more than 63 characters, so this asks no server.
NO_NAME = 'x' * 70

HERE = [int(socket.AF_INET), ['192.0.2.1', 5555]]
THERE = [int(socket.AF_INET), ['192.0.2.2', 5555]]


@pytest.fixture
def world(monkeypatch):
    """A world in which names are asked for without a child process."""
    made = World()
    monkeypatch.setattr(descriptors, 'select', made)
    monkeypatch.setattr(names, 'Lookup', type('Lookup', (FakeLookup,), {'world': made, 'answers': [], 'asked_at': []}))
    return made


@pytest.fixture
def lookups(world):
    """The class of the questions: what they find, and when they were asked."""
    return names.Lookup


def answered(peer):
    """The peer after a real child has answered."""
    peer.handle_timer(1000.0)
    assert peer.lookup is not None
    readable, _, _ = select.select([peer.lookup], [], [], BOUND_S)
    assert readable, 'the child does not answer'
    peer.take_answer(1000.0)
    return peer


def pass_time(world, peer, seconds):
    """Let the time pass as the loop does; returns when the peer had moved, and where to."""
    moved = []
    end_at = world.now + seconds
    while world.now < end_at:
        timer = peer.next_timer()
        readers = [] if peer.lookup is None else [peer.lookup]
        wait = max(0.0, (end_at if timer is None else min(timer, end_at)) - world.now)
        if world.select(readers, [], [], wait)[0]:
            if peer.take_answer(world.now):
                moved.append((world.now, peer.address))
        else:
            peer.handle_timer(world.now)
    return moved


# Numbers.

@pytest.mark.parametrize('host, family, address', [
    ('127.0.0.1', socket.AF_INET, ('127.0.0.1', 5555)),
    ('::1', socket.AF_INET6, ('::1', 5555, 0, 0)),
])
def test_an_address_in_numbers_is_known_at_once_and_never_asked_for(lookups, world, host, family, address):
    peer = Peer(host, 5555)
    assert (peer.address, peer.family) == (address, family)
    assert peer.next_timer() is None
    pass_time(world, peer, 1000.0)
    assert lookups.asked_at == []


@pytest.mark.parametrize('host, family, other', [
    ('127.0.0.1', 0, None), ('127.0.0.1', socket.AF_INET, None), ('::1', socket.AF_INET6, None),
    ('localhost', socket.AF_INET, None), (NO_NAME, socket.AF_INET, None), ('::1', socket.AF_INET, socket.AF_INET6)])
def test_numbers_of_a_family_that_our_socket_cannot_reach_are_no_address(host, family, other):
    peer = Peer(host, 5555, family)
    assert peer.other_family == other
    assert other is None or peer.address is None


# Real children.

@pytest.mark.parametrize('family', [0, socket.AF_INET])
def test_a_child_process_finds_localhost_in_the_family_that_our_socket_has(family):
    peer = answered(Peer('localhost', 5555, family))
    assert peer.address[:2] == ('127.0.0.1', 5555) or (not family and peer.address[:2] == ('::1', 5555))
    assert family in (0, peer.family)
    assert peer.lookup is None


def test_the_child_reports_the_family_of_each_address():
    lookup = Lookup('::1', 5555, 0)
    assert [socket.AF_INET6, ['::1', 5555, 0, 0]] in lookup.answer()


def test_a_name_that_does_not_exist_has_no_address_and_the_reason_is_said():
    peer = answered(Peer(NO_NAME, 5555))
    assert peer.address is None
    assert len(peer.problem) > 3
    assert '\n' not in peer.problem
    # In the system's words, without a number that means nothing to a person.
    assert not peer.problem.startswith('[')


def test_a_look_up_that_is_given_up_leaves_no_child_behind(monkeypatch):
    # As a resolver that hangs.
    monkeypatch.setattr(names, '_ASK', 'import signal; signal.pause()')
    peer = Peer('localhost', 5555)
    peer.handle_timer(1000.0)
    lookup = peer.lookup
    assert lookup is not None
    peer.close()
    assert lookup._child.returncode is not None
    assert peer.lookup is None
    peer.close()


def test_a_child_that_ends_without_a_word_is_a_reason_too():
    lookup = Lookup('localhost', 5555, 0)
    lookup._child.kill()
    answer = lookup.answer()
    # It may have been quicker.
    assert answer == 'the look-up failed' or isinstance(answer, list)


def test_the_child_shares_none_of_our_sockets():
    one = Endpoint(socket.AF_INET, ('127.0.0.1', 0))
    lookup = Lookup('localhost', 5555, 0)
    try:
        address = one.address
        one.close()
        # The port is free although the child may still run.
        Endpoint(socket.AF_INET, address).close()
    finally:
        lookup.close()


def test_an_answer_that_select_can_not_wait_for_is_refused(monkeypatch):
    monkeypatch.setattr(descriptors, 'SELECT_MAX', 3)
    peer = Peer('localhost', 5555)
    peer.handle_timer(1000.0)
    assert peer.lookup is None
    assert 'select accepts no more' in peer.problem


# When it is asked, with names that a test makes up.

@pytest.mark.parametrize('answer, problem', [('Name or service not known',) * 2, ([], 'no address')],
                         ids=['no name', 'no address'])
def test_a_name_that_does_not_appear_is_asked_for_at_growing_intervals(world, lookups, answer, problem):
    lookups.answers[:] = [answer]
    peer = Peer('dispatcher.example.org', 5555)
    pass_time(world, peer, 130.0)
    waits = [round(later - earlier, 6) for earlier, later in zip(lookups.asked_at, lookups.asked_at[1:])]
    # From the answer, which takes a tenth of a second, to the next question.
    assert waits == [wait + 0.1 for wait in (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0)]
    assert waits[0] == ASK_FIRST_S + 0.1
    assert waits[-1] == ASK_LAST_S + 0.1
    assert (peer.address, peer.problem) == (None, problem)


def test_a_peer_that_has_gone_quiet_is_asked_for_again_with_a_fresh_back_off(world, lookups):
    lookups.answers[:] = [[HERE]]
    peer = Peer('dispatcher.example.org', 5555)
    pass_time(world, peer, 100.0)
    peer.note_heard(world.now)
    quiet_from = world.now
    del lookups.asked_at[:]
    pass_time(world, peer, 20.0)
    assert [round(at - quiet_from, 6) for at in lookups.asked_at[:3]] == [QUIET_S, QUIET_S + 1.1, QUIET_S + 3.2]


def test_a_peer_has_the_family_of_its_address(world, lookups):
    lookups.answers[:] = [[[int(socket.AF_INET6), ['2001:db8::1', 5555, 0, 0]], HERE]]
    peer = Peer('dispatcher.example.org', 5555)
    pass_time(world, peer, 1.0)
    assert (peer.family, peer.address) == (socket.AF_INET6, ('2001:db8::1', 5555, 0, 0))


def test_an_address_that_is_still_among_the_answers_is_kept(world, lookups):
    lookups.answers[:] = [[HERE, THERE], [THERE, HERE], [THERE], [HERE, THERE]]
    peer = Peer('dispatcher.example.org', 5555)
    moved = pass_time(world, peer, 60.0)
    assert [address for _, address in moved] == [('192.0.2.1', 5555), ('192.0.2.2', 5555)]


def test_new_addresses_come_after_those_that_are_known_and_the_next_one_can_be_used(world, lookups):
    lookups.answers[:] = [[HERE], [THERE, HERE]]
    peer = Peer('dispatcher.example.org', 5555)
    pass_time(world, peer, 3.0)
    assert [address for _, address in peer.addresses] == [('192.0.2.1', 5555), ('192.0.2.2', 5555)]
    peer.use_next()
    assert peer.address == ('192.0.2.2', 5555)


def test_addresses_of_the_preferred_family_come_first(world, lookups):
    six = [int(socket.AF_INET6), ['2001:db8::1', 5555, 0, 0]]
    lookups.answers[:] = [[six, HERE]]
    peer = Peer('dispatcher.example.org', 5555, preferred=socket.AF_INET)
    pass_time(world, peer, 1.0)
    assert [family for family, _ in peer.addresses] == [socket.AF_INET, socket.AF_INET6]


def test_a_name_that_vanishes_keeps_its_last_address(world, lookups):
    lookups.answers[:] = [[HERE], 'Name or service not known']
    peer = Peer('dispatcher.example.org', 5555)
    pass_time(world, peer, 60.0)
    assert peer.address == ('192.0.2.1', 5555)


def test_only_one_question_is_under_way_at_a_time(world, lookups):
    lookups.answers[:] = [[HERE]]
    peer = Peer('dispatcher.example.org', 5555)
    for _ in range(10):
        peer.handle_timer(world.now)
    assert len(lookups.asked_at) == 1
    assert peer.next_timer() is None


@pytest.mark.parametrize('number', [errno.EAGAIN, errno.ENOMEM, errno.EMFILE])
def test_where_no_child_can_be_made_it_is_tried_again_later(world, lookups, monkeypatch, number):
    failing = [True, True]
    original = lookups.__init__

    def init(self, *arguments):
        original(self, *arguments)
        if failing:
            failing.pop()
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(lookups, '__init__', init)
    lookups.answers[:] = [[HERE]]
    peer = Peer('dispatcher.example.org', 5555)
    peer.handle_timer(world.now)
    assert peer.lookup is None
    assert peer.problem == os.strerror(number)
    pass_time(world, peer, 10.0)
    assert peer.address == ('192.0.2.1', 5555)
    assert [round(at - lookups.asked_at[0], 6) for at in lookups.asked_at[:3]] == [0.0, 1.0, 3.0]


# Waiting for the first answer.


def test_while_a_name_does_not_appear_the_reason_is_logged(world, lookups):
    lookups.answers[:] = ['Name or service not known', 'Temporary failure in name resolution', [HERE]]
    peer, said = Peer('dispatcher.example.org', 5555), []
    # On 2.7 any signal ends a wait with an error.
    world.errors[:] = [select.error(errno.EINTR, 'Interrupted system call')]
    began = world.now
    assert wait_for_name(peer, FakeSignals(), world.monotonic, lambda sentence, *values: said.append(sentence % values))
    assert peer.address == ('192.0.2.1', 5555)
    assert said == [
        'waiting for the name "dispatcher.example.org" to resolve (Name or service not known)',
        'waiting for the name "dispatcher.example.org" to resolve (Temporary failure in name resolution)']
    # Three questions, which take a tenth of a second each, and the waits of the back-off in between.
    assert world.now - began == pytest.approx(0.1 + 1.0 + 0.1 + 2.0 + 0.1)
    assert len(world.waits) <= 10


def test_a_numeric_address_needs_no_wait_and_another_error_of_a_wait_is_a_bug(world):
    assert wait_for_name(Peer('127.0.0.1', 5), FakeSignals(), world.monotonic, None)
    assert world.waits == []
    world.errors[:] = [select.error(errno.EBADF, 'Bad file descriptor')]
    with pytest.raises(select.error):
        wait_for_name(Peer('a.example.org', 5), FakeSignals(), world.monotonic, None)


@pytest.mark.parametrize('at', [0.05, 0.5, 20.0], ids=['during a question', 'in between', 'after many'])
def test_who_is_asked_to_stop_waits_no_longer(world, lookups, at):
    lookups.answers[:] = ['Name or service not known']
    signals = FakeSignals()
    world.at(world.now + at, signals.arrive)
    began = world.now
    assert not wait_for_name(Peer('a.example.org', 5), signals, world.monotonic, lambda *_: None)
    assert world.now == began + at


@pytest.mark.parametrize('text, found', [
    ('host:1', ('host', 1)), (u'h\xf6st:65535', (u'h\xf6st', 65535)), ('[::1]:5555', ('::1', 5555))])
def test_a_host_and_a_port(text, found):
    assert names.host_and_port(text) == found


@pytest.mark.parametrize('text', [
    '', 'host', ':5555', 'host:', 'host:0', 'host:65536', 'host:-1', u'host:\xb2', 'host:0x10', '[]:1', '[::1]',
    '[::1:1'])
def test_what_is_no_host_and_port_is_refused(text):
    with pytest.raises(ValueError, match='expected HOST:PORT'):
        names.host_and_port(text)
