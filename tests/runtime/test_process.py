"""What a process is made of, and the one line it says where it can't be made."""

from __future__ import absolute_import, division, print_function

import errno
import random
import socket

import pytest

from net_protocol import columns
from runtime import logs, process
from runtime.endpoint import Endpoint, shown
from runtime.loop import Loop
from runtime.names import Peer
from runtime.process import CannotStart
from tests.runtime.fakes import FakeCore, FakeEndpoint, FakeLog, FakeSignals, World
from tests.runtime.ipv6 import NEEDS_IPV6

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401


@pytest.mark.parametrize('host, part', [
    ('host', 'host'), ('my-host9', 'my-host9'), ('a' * 40, 'a' * 40), ('my-host9.example.org', 'my-host9-e75ef1'),
    ('UPPER_lower', 'UPPER-lower-'), ('', 'host-'), ('-', 'host-'), ('...', 'host-'), ('a' * 63, 'a' * 40 + '-'),
    ('-x-', 'x-'), ('10.0.0.1', '10-'), ('caf\xe9', 'caf-'), (u'\u043a\u043e', 'host-'),
], ids=['plain', 'with a dash', 'long', 'with a domain', 'with an underscore', 'none', 'a dash', 'dots', 'too long',
        'dashes', 'numbers', 'Latin-1', 'another script'])
@pytest.mark.parametrize('role', ['client', 'calculator'])
def test_a_process_that_was_given_no_name_makes_one_that_every_peer_accepts(monkeypatch, role, host, part):
    monkeypatch.setattr(socket, 'gethostname', lambda: host)
    name = process.default_name(role, 65535)
    assert columns.NAME.match(name) is not None
    digest = '' if not part.endswith('-') else name[len(role) + 1 + len(part):-len('-65535')]
    assert name == '%s-%s%s-65535' % (role, part, digest)
    assert len(digest) in (0, 6)


def test_hosts_that_differ_anywhere_make_different_names(monkeypatch):
    hosts = ['a' * 50 + '-1', 'a' * 50 + '-2', 'web.a.example', 'web.b.example', 'web', 'w_b', 'w-b', u'\u043a',
             u'\u043e']
    names = set()
    for host in hosts:
        monkeypatch.setattr(socket, 'gethostname', lambda host=host: host)
        names.add(process.default_name('calculator', 5600))
    assert len(names) == len(hosts)


def test_clients_of_one_host_and_process_id_have_different_names():
    names = {process.default_name('client', 1, is_random=True) for _ in range(20)}
    assert len(names) == 20
    assert all(columns.NAME.match(name) for name in names)


def test_a_seed_repeats_all_draws_and_no_seed_does_not():
    assert process.generator(7).random() == process.generator(7).random() == random.Random(7).random()
    assert process.generator(None).random() != process.generator(None).random()


def test_every_start_has_an_incarnation_of_its_own_whatever_the_seed():
    random.seed(1)
    one = process.new_incarnation()
    random.seed(1)
    assert one != process.new_incarnation()


def test_a_port_that_is_taken_is_said_in_one_line():
    taken = Endpoint(socket.AF_INET, ('127.0.0.1', 0))
    try:
        with pytest.raises(CannotStart) as caught:
            process.listen({'host': '127.0.0.1', 'port': taken.address[1]})
        assert str(caught.value) == 'cannot listen on 127.0.0.1 port %d: Address already in use' % taken.address[1]
    finally:
        taken.close()


@pytest.mark.parametrize('host', ['192.0.2.1', 'x' * 70, 'fe80::1%nosuch', 'a..b'],
                         ids=['not ours', 'no name', 'no interface', 'no label'])
def test_an_address_that_can_not_be_listened_on_is_said_in_one_line(host):
    with pytest.raises(CannotStart) as caught:
        process.listen({'host': host, 'port': 5555})
    line = str(caught.value)
    assert line.startswith('cannot listen on %s port 5555: ' % host)
    assert '\n' not in line
    assert len(line) > len('cannot listen on %s port 5555: ' % host)


@pytest.mark.parametrize('host, expected', [
    ('127.0.0.1', '127.0.0.1'), ('127.0.0.5', '127.0.0.1'), ('192.0.2.1', '0.0.0.0'),
    pytest.param('::1', '::1', marks=NEEDS_IPV6), pytest.param('2001:db8::1', '::', marks=NEEDS_IPV6),
])
def test_a_client_can_be_reached_from_no_further_than_its_dispatcher_is(host, expected):
    endpoint = process.endpoint_towards(Peer(host, 5555))
    try:
        assert endpoint.address[0] == expected
        assert endpoint.address[1] > 1
    finally:
        endpoint.close()


def refuse(family, address):
    raise OSError(errno.EADDRNOTAVAIL, 'Cannot assign requested address')


@pytest.mark.parametrize('host, tried', [('::1', '::1'), ('2001:db8::1', '::')])
def test_a_dispatcher_in_a_family_that_this_machine_lacks_is_said_in_one_line(monkeypatch, host, tried):
    monkeypatch.setattr(process, 'Endpoint', refuse)
    with pytest.raises(CannotStart) as caught:
        process.endpoint_towards(Peer(host, 5555))
    assert str(caught.value) == 'cannot reach %s from here: cannot listen on %s: Cannot assign requested address' % (
        host, tried)


def test_of_several_addresses_the_first_is_used_that_this_machine_can_send_to(monkeypatch):
    monkeypatch.setattr(process, 'Endpoint', lambda family, address: (
        refuse(family, address) if family == socket.AF_INET6 else (family, address)))
    peer = Peer('dispatcher.example.org', 5555)
    peer.addresses = [(socket.AF_INET6, ('::1', 5555, 0, 0)), (socket.AF_INET, ('127.0.0.1', 5555))]
    assert process.endpoint_towards(peer) == (socket.AF_INET, ('127.0.0.1', 0))  # type: ignore[comparison-overlap]
    assert peer.address == ('127.0.0.1', 5555)


@pytest.mark.parametrize('host, v4, v6', [
    ('127.0.0.1', '127.0.0.1', '::1'), ('0.0.0.0', '0.0.0.0', '::'), ('::1', '127.0.0.1', '::1'),
    ('192.0.2.7', '192.0.2.7', None), ('2001:db8::7', None, '2001:db8::7'),
])
def test_a_calculator_can_bind_another_port_of_either_family_unless_its_port_is_fixed(host, v4, v6):
    bind_for = process.any_port_of({'host': host, 'port': 0})  # type: Any
    for family, expected in ((socket.AF_INET, v4), (socket.AF_INET6, v6)):
        local = bind_for(family, None)
        assert local is None if expected is None else (local[0], local[1][:2]) == (family, (expected, 0))
    assert process.any_port_of({'host': host, 'port': 5600}) is None


@pytest.mark.parametrize('ours, theirs, families', [
    ('127.0.0.1', '::1', ('IPv6', 'IPv4')), ('0.0.0.0', '2001:db8::1', ('IPv6', 'IPv4')),
    pytest.param('::1', '127.0.0.1', ('IPv4', 'IPv6'), marks=NEEDS_IPV6),
    pytest.param('::', '192.0.2.1', ('IPv4', 'IPv6'), marks=NEEDS_IPV6),
])
def test_an_address_in_numbers_of_another_family_than_ours_is_refused(ours, theirs, families):
    listen = {'host': ours, 'port': 0}
    endpoint = process.listen(listen)
    try:
        with pytest.raises(CannotStart) as caught:
            process.peer_for(endpoint, {'listen': listen, 'dispatcher': {'host': theirs, 'port': 5555}})
        assert str(caught.value) == 'dispatcher.host %s is %s, listen.host %s is %s: both need the same family' % (
            theirs, families[0], ours, families[1])
    finally:
        endpoint.close()


@pytest.mark.parametrize('theirs', ['127.0.0.1', '192.0.2.1', 'localhost', 'nobody.invalid'])
@pytest.mark.parametrize('port', [0, 'a fixed one'])
def test_an_address_of_our_family_or_a_name_is_taken(theirs, port):
    listen = {'host': '127.0.0.1', 'port': 0}
    endpoint = process.listen(listen)
    try:
        peer = process.peer_for(endpoint, {'listen': dict(listen, port=port),
                                           'dispatcher': {'host': theirs, 'port': 5555}})
        assert (peer.host, peer.port, peer.family) == (theirs, 5555, socket.AF_INET)
    finally:
        endpoint.close()


def lines_of(monkeypatch, action):
    lines = []
    for level in ('info', 'warning'):
        monkeypatch.setattr(logs.log, level, lambda sentence, *values: lines.append(sentence % values))
    action()
    return lines


@pytest.mark.parametrize('host, is_warned', [
    ('127.0.0.1', False), ('0.0.0.0', True),
    pytest.param('::1', False, marks=NEEDS_IPV6), pytest.param('::', True, marks=NEEDS_IPV6),
])
def test_a_door_that_is_open_to_the_network_is_warned_about_where_a_setting_opened_it(monkeypatch, host, is_warned):
    endpoint = process.listen({'host': host, 'port': 0})
    try:
        lines = lines_of(monkeypatch, lambda: process.log_address(endpoint, host))
        assert lines[0] == 'listening on %s, receive buffer %d KiB' % (
            shown(endpoint.address), endpoint.receive_buffer_bytes // 1024)
        assert len(lines) == 1 + is_warned
        # A client listens for answers only.
        assert len(lines_of(monkeypatch, lambda: process.log_address(endpoint))) == 1
    finally:
        endpoint.close()


class Named(object):
    """A peer with a name that may or may not be found."""

    def __init__(self, address):
        self.host = 'dispatcher.example.org'
        self.address = address
        self.is_closed = False

    def close(self):
        self.is_closed = True


@pytest.mark.parametrize('address, is_found, said', [
    (('192.0.2.1', 1), True, []),
    (None, True, ['looking for "dispatcher.example.org"']),
    (None, False, ['looking for "dispatcher.example.org"']),
], ids=['known', 'found', 'asked to stop'])
def test_a_peer_is_looked_for_and_let_go_where_we_are_asked_to_stop(monkeypatch, address, is_found, said):
    peer = Named(address)
    found = []
    monkeypatch.setattr(process, 'wait_for_name', lambda *_: is_found)
    lines = lines_of(monkeypatch, lambda: found.append(process.find(peer, None)))
    assert (lines, found, peer.is_closed) == (said, [is_found], not is_found)


def test_the_loop_that_ends_with_an_error_closes_everything():
    class Broken(object):
        """A loop that does not last."""

        endpoint = Endpoint(socket.AF_INET, ('127.0.0.1', 0))

        def run(self):
            raise ZeroDivisionError

    loop, peer = Broken(), Named(None)
    with pytest.raises(ZeroDivisionError):
        process.run_loop(loop, peer)
    assert peer.is_closed
    with pytest.raises((OSError, socket.error)):
        loop.endpoint.address  # noqa: B018


def test_a_process_that_was_stopped_before_it_had_a_loop_has_an_account_too():
    account = process.full_account(FakeCore(World()))
    assert account['traffic']['datagrams_in'] == 0
    assert account['traffic']['errors'] == {}


def test_what_the_system_refused_to_send_does_not_count_as_sent():
    world = World()
    endpoint, signals = FakeEndpoint(world), FakeSignals()
    loop = Loop(FakeCore(world), endpoint, signals, world.monotonic, FakeLog())
    traffic = loop.turn.traffic
    traffic.datagrams_out = 7
    endpoint.sent, endpoint.errors = 5, {'EINVAL': 2}
    account = process.full_account(loop.core, loop)['traffic']
    assert (account['datagrams_out'], account['errors']) == (5, {'EINVAL': 2})
