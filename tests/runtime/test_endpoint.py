"""The endpoint on real loopback sockets: no error of the system ends the process."""

from __future__ import absolute_import, division, print_function

import errno
import select
import socket

import pytest

from net_protocol import codec
from net_protocol.errors import DatagramRefused
from net_protocol.limits import DATAGRAM_BYTES_MAX
from runtime import endpoint as endpoint_module
from runtime.endpoint import BUFFER_BYTES, HAS_ERROR_QUEUE, TRIES_MAX, Endpoint
from tests.runtime.ipv6 import NEEDS_IPV6

BOUND_S = 20.0

NEEDS_ERROR_QUEUE = pytest.mark.skipif(not HAS_ERROR_QUEUE, reason='only Linux has an error queue')


@pytest.fixture
def endpoint(closing):
    return closing(Endpoint(socket.AF_INET, ('127.0.0.1', 0)))


@pytest.fixture
def sender(closing):
    made = closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    made.bind(('127.0.0.1', 0))
    return made


def receive(endpoint):
    """Wait for the next datagram."""
    readable, _, _ = select.select(endpoint.readers(), [], [], BOUND_S)
    assert readable, 'no datagram arrived'
    return endpoint.receive()


def unused_address(family, host):
    """An address at which no process listens."""
    former = Endpoint(family, (host, 0))
    address = former.address
    former.close()
    return address


def error(number):
    return socket.error(number, 'text of the system')


class FailingSocket(object):
    """A socket whose calls raise these errors, one each; None is a successful call. ``reports`` are the addresses in
    its error queue.
    """

    def __init__(self, *errors):
        self.errors = list(errors)
        self.reports = []
        self.calls = 0

    def recvfrom(self, size, flags=0):
        if flags:
            if not self.reports:
                raise error(errno.EAGAIN)
            return b'd', self.reports.pop(0)
        self.calls += 1
        raised = self.errors.pop(0)
        if raised is None:
            return b'datagram', ('192.0.2.1', 5)
        raise raised

    def sendto(self, datagram, address):
        return self.recvfrom(0)


@pytest.fixture
def failing(endpoint, monkeypatch):
    """A function that replaces the socket of the endpoint by one with these errors and reports."""
    def replace(errors, reports=()):
        made = FailingSocket(*errors)
        made.reports = list(reports)
        monkeypatch.setattr(endpoint, '_socket', made)
        if reports:
            monkeypatch.setattr(endpoint_module, 'HAS_ERROR_QUEUE', True)
        return made
    return replace


# Datagrams.

@pytest.mark.parametrize('family, host', [
    pytest.param(socket.AF_INET, '127.0.0.1', id='IPv4'),
    pytest.param(socket.AF_INET6, '::1', id='IPv6', marks=NEEDS_IPV6),
])
def test_a_datagram_arrives_with_the_address_of_its_sender(closing, family, host):
    one, other = closing(Endpoint(family, (host, 0))), closing(Endpoint(family, (host, 0)))
    one.send(b'question', other.address)
    datagram, address = receive(other)
    assert (datagram, address) == (b'question', one.address)
    other.send(b'answer', address)
    assert receive(one) == (b'answer', other.address)
    assert (one.sent, one.received, one.errors) == (1, 1, {})


def test_receive_does_not_wait(endpoint):
    assert endpoint.receive() is None
    assert (endpoint.received, endpoint.errors) == (0, {})


@pytest.mark.parametrize('size, received', [
    (0, 0), (DATAGRAM_BYTES_MAX, DATAGRAM_BYTES_MAX), (DATAGRAM_BYTES_MAX + 1, DATAGRAM_BYTES_MAX + 1),
    (65507, DATAGRAM_BYTES_MAX + 1)])
def test_a_datagram_over_the_limit_is_cut_to_one_byte_over_the_limit(endpoint, sender, size, received):
    sender.sendto(b' ' * size, endpoint.address)
    datagram, address = receive(endpoint)
    assert (len(datagram), address) == (received, sender.getsockname())
    if size > DATAGRAM_BYTES_MAX:
        with pytest.raises(DatagramRefused) as caught:
            codec.decode(datagram)
        assert caught.value.cause == codec.TOO_LONG


# Errors.

@pytest.mark.parametrize('datagram, address, error', [
    (b'x', ('127.0.0.1', 0), 'EINVAL'),
    (b'x', ('127.0.0.1', 65536), 'OverflowError'),
    (b'x', ('127.0.0.1',), 'TypeError'),
    (b'x', ('255.255.255.255', 9), 'EACCES'),
    (b'x' * 65508, ('127.0.0.1', 9), 'EMSGSIZE'),
], ids=['port 0', 'port too large', 'no port', 'broadcast', 'too long for UDP'])
def test_a_datagram_that_cannot_be_sent_is_lost_and_the_error_is_counted_by_name(endpoint, datagram, address, error):
    endpoint.send(datagram, address)
    endpoint.send(datagram, address)
    assert endpoint.errors == {error: 2}
    assert endpoint.sent == 0


def test_a_datagram_to_the_other_family_is_lost_and_counted(endpoint):
    endpoint.send(b'x', ('::1', 9, 0, 0))
    endpoint.send(b'x', ('::1', 9))
    assert sum(endpoint.errors.values()) == 2


def test_an_interrupted_read_is_repeated(endpoint, failing):
    made = failing([error(errno.EINTR), error(errno.EINTR), None])
    assert endpoint.receive() == (b'datagram', ('192.0.2.1', 5))
    assert (made.calls, endpoint.errors) == (3, {})


@pytest.mark.parametrize('number', [errno.ECONNREFUSED, errno.EIO])
def test_another_error_of_a_read_is_counted_and_the_next_read_succeeds(endpoint, failing, number):
    failing([error(number), None])
    assert endpoint.receive() is None
    assert endpoint.receive() == (b'datagram', ('192.0.2.1', 5))
    assert endpoint.errors == {errno.errorcode[number]: 1}
    assert endpoint.take_unreachable() == []


@pytest.mark.parametrize('number', [errno.EAGAIN, errno.EINTR, errno.ECONNREFUSED])
def test_an_error_of_a_send_is_a_lost_datagram_and_counted(endpoint, failing, number):
    failing([error(number), None])
    endpoint.send(b'lost', ('192.0.2.1', 5))
    endpoint.send(b'not lost', ('192.0.2.1', 5))
    assert endpoint.errors == {errno.errorcode[number]: 1}
    assert endpoint.sent == 1


def test_an_error_without_a_name_is_counted_by_its_type(endpoint, failing):
    failing([error(99999)])
    endpoint.send(b'lost', ('192.0.2.1', 5))
    assert list(endpoint.errors.values()) == [1]


# Reports of the error queue.

@NEEDS_ERROR_QUEUE
@pytest.mark.parametrize('family, host, bound', [
    pytest.param(socket.AF_INET, '127.0.0.1', '127.0.0.1', id='IPv4'),
    pytest.param(socket.AF_INET, '127.0.0.1', '0.0.0.0', id='IPv4, all addresses'),
    pytest.param(socket.AF_INET6, '::1', '::1', id='IPv6', marks=NEEDS_IPV6),
    pytest.param(socket.AF_INET6, '::ffff:127.0.0.1', '::', id='IPv4 on an IPv6 socket', marks=NEEDS_IPV6),
])
def test_an_unused_address_is_reported_and_other_peers_lose_nothing(closing, family, host, bound):
    endpoint, peer = closing(Endpoint(family, (bound, 0))), closing(Endpoint(family, (host, 0)))
    unused = unused_address(family, host)
    for _ in range(5):
        endpoint.send(b'to the unused address', unused)
        endpoint.send(b'to the peer', peer.address)
    # No further send follows, so a read takes the last report.
    assert endpoint.receive() is None
    for _ in range(5):
        assert receive(peer)[0] == b'to the peer'
    assert endpoint.take_unreachable() == [unused] * 5
    assert endpoint.take_unreachable() == []
    assert (endpoint.sent, endpoint.errors) == (10, {'ECONNREFUSED': 5})
    assert not select.select(endpoint.readers(), [], [], 0)[0]


@NEEDS_ERROR_QUEUE
def test_a_report_is_read_before_a_datagram(endpoint, sender):
    unused = unused_address(socket.AF_INET, '127.0.0.1')
    endpoint.send(b'to the unused address', unused)
    sender.sendto(b'a datagram', endpoint.address)
    assert receive(endpoint) == (b'a datagram', sender.getsockname())
    assert endpoint.take_unreachable() == [unused]


def test_reports_about_former_datagrams_do_not_lose_the_present_one(endpoint, failing):
    reports = [('192.0.2.7', 7), ('192.0.2.8', 8)]
    failing([error(errno.EHOSTUNREACH), None], reports)
    endpoint.send(b'not lost', ('192.0.2.1', 5))
    assert endpoint.take_unreachable() == reports
    assert (endpoint.sent, endpoint.errors) == (1, {'EHOSTUNREACH': 2})


def test_a_report_of_a_long_datagram_does_not_make_the_peer_unreachable(endpoint, failing):
    failing([error(errno.EMSGSIZE), None], [('192.0.2.7', 7)])
    assert endpoint.receive() == (b'datagram', ('192.0.2.1', 5))
    assert endpoint.take_unreachable() == []


def test_the_number_of_reports_in_one_turn_is_limited(endpoint, failing):
    made = failing([error(errno.ECONNREFUSED)] * (2 * TRIES_MAX), [('192.0.2.7', 7)] * 10000)
    assert endpoint.receive() is None
    assert made.calls == TRIES_MAX
    assert len(endpoint.take_unreachable()) == endpoint_module.UNREACHABLE_MAX
    endpoint.send(b'lost', ('192.0.2.1', 5))
    assert endpoint.sent == 0


# Ports and options.

def test_after_renew_datagrams_leave_from_the_new_port_and_the_former_port_is_read(endpoint, sender):
    former = endpoint.address
    endpoint.renew(socket.AF_INET, ('127.0.0.1', 0))
    assert endpoint.address != former
    sender.settimeout(BOUND_S)
    endpoint.send(b'from the new port', sender.getsockname())
    assert sender.recvfrom(100) == (b'from the new port', endpoint.address)
    for address, datagram in ((former, b'to the former port'), (endpoint.address, b'to the new port')):
        sender.sendto(datagram, address)
        assert receive(endpoint)[0] == datagram
    endpoint.close_former()
    Endpoint(socket.AF_INET, former).close()
    assert len(endpoint.readers()) == 1


def test_if_renew_fails_the_present_port_stays(endpoint, sender):
    with pytest.raises((OSError, socket.error)):
        endpoint.renew(socket.AF_INET, sender.getsockname())
    sender.sendto(b'a datagram', endpoint.address)
    assert receive(endpoint)[0] == b'a datagram'


def test_the_reason_why_no_datagram_can_be_sent_is_known_beforehand(endpoint):
    assert endpoint.problem_towards(('127.0.0.9', 9)) == ''
    # From the loopback interface to the network, and to another family.
    assert endpoint.problem_towards(('192.0.2.77', 9)) != ''
    assert endpoint.problem_towards(('::1', 9, 0, 0)) != ''


def test_a_port_in_use_raises_and_leaves_no_socket_open(endpoint, monkeypatch):
    made = []
    original = socket.socket

    def record(*arguments):
        made.append(original(*arguments))
        return made[-1]

    monkeypatch.setattr(endpoint_module.socket, 'socket', record)
    with pytest.raises((OSError, socket.error)) as caught:
        Endpoint(socket.AF_INET, endpoint.address)
    assert caught.value.errno == errno.EADDRINUSE
    with pytest.raises((OSError, socket.error)):
        made[0].getsockname()


def test_the_endpoint_asks_for_a_large_receive_buffer(endpoint, sender):
    # The system may give less.
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    assert endpoint.receive_buffer_bytes == sender.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


def test_a_refused_socket_option_is_counted(endpoint):
    class Refusing(object):
        def setsockopt(self, *_):
            raise error(errno.ENOBUFS)

    endpoint._set(Refusing(), socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    assert endpoint.errors == {'ENOBUFS': 1}
