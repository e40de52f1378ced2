"""The parts of a process, and the line that says why one cannot be made."""

from __future__ import absolute_import, division, print_function

import errno
import random
import re
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


# Names.

@pytest.mark.parametrize('host, part', [
    ('my-host9', 'my-host9'), ('a' * 40, 'a' * 40), ('my-host9.example.org', 'my-host9-e75ef1'),
    ('UPPER_lower', 'UPPER-lower-DIGEST'), ('', 'host-DIGEST'), ('...', 'host-DIGEST'),
    ('a' * 63, 'a' * 40 + '-DIGEST'), ('-x-', 'x-DIGEST'), ('caf\xe9', 'caf-DIGEST'), (u'\u043a\u043e', 'host-DIGEST'),
], ids=['plain', 'long', 'with a domain', 'with an underscore', 'none', 'dots', 'too long', 'dashes', 'Latin-1',
        'another script'])
def test_the_default_name_has_the_host_and_is_valid(monkeypatch, host, part):
    monkeypatch.setattr(socket, 'gethostname', lambda: host)
    name = process.default_name('calculator', 65535)
    assert columns.NAME.match(name)
    assert re.match('calculator-%s-65535$' % part.replace('DIGEST', '[0-9a-f]{6}'), name)


def test_different_hosts_have_different_default_names(monkeypatch):
    hosts = ['a' * 50 + '-1', 'a' * 50 + '-2', 'web.a.example', 'web.b.example', 'web', 'w_b', 'w-b', u'\u043a',
             u'\u043e']
    names = set()
    for host in hosts:
        monkeypatch.setattr(socket, 'gethostname', lambda host=host: host)
        names.add(process.default_name('calculator', 5600))
    assert len(names) == len(hosts)


def test_clients_with_equal_process_ids_have_different_default_names():
    names = {process.default_name('client', 1, is_random=True) for _ in range(20)}
    assert len(names) == 20
    assert all(columns.NAME.match(name) for name in names)


# Random draws.

def test_a_seed_repeats_all_draws():
    assert process.generator(7).random() == process.generator(7).random() == random.Random(7).random()
    assert process.generator(None).random() != process.generator(None).random()


def test_the_incarnation_does_not_depend_on_the_seed():
    random.seed(1)
    one = process.new_incarnation()
    random.seed(1)
    assert one != process.new_incarnation()


# Addresses.

def test_a_port_in_use_is_one_line(closing):
    port = closing(Endpoint(socket.AF_INET, ('127.0.0.1', 0))).address[1]
    with pytest.raises(CannotStart) as caught:
        process.listen({'host': '127.0.0.1', 'port': port})
    assert str(caught.value) == 'cannot listen on 127.0.0.1 port %d: Address already in use' % port


@pytest.mark.parametrize('host', ['192.0.2.1', 'x' * 70, 'fe80::1%nosuch', 'a..b'],
                         ids=['another machine', 'no name', 'no interface', 'no label'])
def test_an_address_that_cannot_be_bound_is_one_line(host):
    with pytest.raises(CannotStart) as caught:
        process.listen({'host': host, 'port': 5555})
    begin, _, reason = str(caught.value).partition(' port 5555: ')
    assert begin == 'cannot listen on %s' % host
    assert reason and '\n' not in reason


@pytest.mark.parametrize('host, expected', [
    ('127.0.0.5', '127.0.0.1'), ('192.0.2.1', '0.0.0.0'),
    pytest.param('::1', '::1', marks=NEEDS_IPV6), pytest.param('2001:db8::1', '::', marks=NEEDS_IPV6),
])
def test_a_client_of_a_local_dispatcher_binds_the_loopback_address(closing, host, expected):
    endpoint = closing(process.endpoint_towards(Peer(host, 5555)))
    assert endpoint.address[0] == expected
    assert endpoint.address[1] > 1


def refuse(family, address):
    raise OSError(errno.EADDRNOTAVAIL, 'Cannot assign requested address')


@pytest.mark.parametrize('host, tried', [('::1', '::1'), ('2001:db8::1', '::')])
def test_a_dispatcher_of_a_family_that_this_machine_lacks_is_one_line(monkeypatch, host, tried):
    monkeypatch.setattr(process, 'Endpoint', refuse)
    with pytest.raises(CannotStart) as caught:
        process.endpoint_towards(Peer(host, 5555))
    assert str(caught.value) == 'cannot reach %s from here: cannot listen on %s: Cannot assign requested address' % (
        host, tried)


def test_the_first_address_to_which_this_machine_can_send_is_used(monkeypatch):
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
    ('127.0.0.1', '::1', ('IPv6', 'IPv4')),
    pytest.param('::', '192.0.2.1', ('IPv4', 'IPv6'), marks=NEEDS_IPV6),
])
def test_a_numeric_address_of_another_family_is_refused(closing, ours, theirs, families):
    listen = {'host': ours, 'port': 0}
    endpoint = closing(process.listen(listen))
    with pytest.raises(CannotStart) as caught:
        process.peer_for(endpoint, {'listen': listen, 'dispatcher': {'host': theirs, 'port': 5555}})
    assert str(caught.value) == 'dispatcher.host %s is %s, listen.host %s is %s: both need the same family' % (
        theirs, families[0], ours, families[1])


@pytest.mark.parametrize('theirs', ['127.0.0.1', 'no.such.invalid'])
@pytest.mark.parametrize('port', [0, 5600])
def test_an_address_of_the_same_family_and_a_name_are_accepted(closing, theirs, port):
    listen = {'host': '127.0.0.1', 'port': 0}
    endpoint = closing(process.listen(listen))
    peer = process.peer_for(endpoint, {'listen': dict(listen, port=port),
                                       'dispatcher': {'host': theirs, 'port': 5555}})
    assert (peer.host, peer.port, peer.family) == (theirs, 5555, socket.AF_INET)


@pytest.fixture
def logged(monkeypatch):
    """The lines of the log."""
    lines = []
    for level in ('info', 'warning'):
        monkeypatch.setattr(logs.log, level, lambda sentence, *values: lines.append(sentence % values))
    return lines


@pytest.mark.parametrize('host, is_warned', [
    ('127.0.0.1', False), ('0.0.0.0', True),
    pytest.param('::1', False, marks=NEEDS_IPV6), pytest.param('::', True, marks=NEEDS_IPV6),
])
def test_an_address_that_other_machines_can_reach_is_logged_with_a_warning(closing, logged, host, is_warned):
    endpoint = closing(process.listen({'host': host, 'port': 0}))
    process.log_address(endpoint, host)
    assert logged[0] == 'listening on %s, receive buffer %d KiB' % (
        shown(endpoint.address), endpoint.receive_buffer_bytes // 1024)
    assert len(logged) == 1 + is_warned
    # A client listens for answers only.
    del logged[:]
    process.log_address(endpoint)
    assert len(logged) == 1


# The loop, and the end.

class NamedPeer(object):
    """A peer with a name, and perhaps an address."""

    def __init__(self, address):
        self.host = 'dispatcher.example.org'
        self.address = address
        self.is_closed = False

    def close(self):
        self.is_closed = True


@pytest.mark.parametrize('address, is_found, lines', [
    (('192.0.2.1', 1), True, []),
    (None, True, ['looking for "dispatcher.example.org"']),
    (None, False, ['looking for "dispatcher.example.org"']),
], ids=['known', 'found', 'request to stop'])
def test_find_waits_for_the_address_and_closes_the_peer_after_a_request_to_stop(
        monkeypatch, logged, address, is_found, lines):
    peer = NamedPeer(address)
    monkeypatch.setattr(process, 'wait_for_name', lambda *_: is_found)
    assert process.find(peer, None) == is_found
    assert (logged, peer.is_closed) == (lines, not is_found)


def test_after_an_error_of_the_loop_its_sockets_are_closed():
    class BrokenLoop(object):
        endpoint = Endpoint(socket.AF_INET, ('127.0.0.1', 0))

        def run(self):
            raise ZeroDivisionError

    loop, peer = BrokenLoop(), NamedPeer(None)
    with pytest.raises(ZeroDivisionError):
        process.run_loop(loop, peer)
    assert peer.is_closed
    with pytest.raises((OSError, socket.error)):
        loop.endpoint.address  # noqa: B018


def test_the_account_of_a_process_without_a_loop_has_no_traffic():
    traffic = process.full_account(FakeCore(World()))['traffic']
    assert (traffic['datagrams_in'], traffic['errors']) == (0, {})


def test_the_account_excludes_datagrams_that_the_system_refused():
    world = World()
    endpoint = FakeEndpoint(world)
    loop = Loop(FakeCore(world), endpoint, FakeSignals(), world.monotonic, FakeLog())
    loop.turn.traffic.datagrams_out = 7
    endpoint.sent, endpoint.errors = 5, {'EINVAL': 2}
    account = process.full_account(loop.core, loop)['traffic']
    assert (account['datagrams_out'], account['errors']) == (5, {'EINVAL': 2})
