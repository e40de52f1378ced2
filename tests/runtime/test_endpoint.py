"""The endpoint on real loopback sockets: nothing that the system says about a datagram ends the process."""

from __future__ import absolute_import, division, print_function

import errno
import select
import socket

import pytest

from net_protocol import codec
from net_protocol.errors import DatagramRefused
from net_protocol.limits import DATAGRAM_BYTES_MAX
from runtime import endpoint as endpoint_module
from runtime.endpoint import BUFFER_BYTES, HAS_ERROR_QUEUE, TRIES_MAX, Endpoint, resolve_here, shown
from tests.runtime.ipv6 import NEEDS_IPV6

BOUND_S = 20.0


@pytest.fixture
def endpoint():
    made = Endpoint(socket.AF_INET, ('127.0.0.1', 0))
    yield made
    made.close()


@pytest.fixture
def sender():
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(('127.0.0.1', 0))
    yield made
    made.close()


NEEDS_ERROR_QUEUE = pytest.mark.skipif(not HAS_ERROR_QUEUE, reason='only Linux has an error queue')


def receive(endpoint):
    """The next datagram, however long it takes to arrive."""
    readable, _, _ = select.select(endpoint.readers(), [], [], BOUND_S)
    assert readable, 'nothing arrived'
    return endpoint.receive()


class Failing(object):
    """A socket whose calls raise one error after the other; None is a call that goes well. ``reports`` are the
    addresses in its error queue.
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


@pytest.mark.parametrize('family, host', [
    pytest.param(socket.AF_INET, '127.0.0.1', id='IPv4'),
    pytest.param(socket.AF_INET6, '::1', id='IPv6', marks=NEEDS_IPV6),
])
def test_a_datagram_arrives_with_the_address_of_its_sender(family, host):
    one, other = Endpoint(family, (host, 0)), Endpoint(family, (host, 0))
    try:
        one.send(b'question', other.address)
        datagram, address = receive(other)
        assert datagram == b'question'
        assert address == one.address
        other.send(b'answer', address)
        assert receive(one) == (b'answer', other.address)
        assert (one.sent, one.received, one.errors) == (1, 1, {})
    finally:
        one.close()
        other.close()


def test_where_nothing_has_arrived_it_says_so_and_does_not_wait(endpoint):
    assert endpoint.receive() is None
    assert (endpoint.received, endpoint.errors) == (0, {})


def test_an_empty_datagram_is_one(endpoint, sender):
    sender.sendto(b'', endpoint.address)
    assert receive(endpoint) == (b'', sender.getsockname())
    assert endpoint.received == 1


@pytest.mark.parametrize('size', [DATAGRAM_BYTES_MAX + 1, 65507])
def test_a_datagram_over_the_limit_is_cut_where_that_can_be_noticed(endpoint, sender, size):
    sender.sendto(b' ' * size, endpoint.address)
    datagram, _ = receive(endpoint)
    assert len(datagram) == DATAGRAM_BYTES_MAX + 1
    with pytest.raises(DatagramRefused) as caught:
        codec.decode(datagram)
    assert caught.value.cause == codec.TOO_LONG


def test_a_datagram_of_just_the_limit_arrives_whole(endpoint, sender):
    sender.sendto(b' ' * DATAGRAM_BYTES_MAX, endpoint.address)
    assert len(receive(endpoint)[0]) == DATAGRAM_BYTES_MAX


@pytest.mark.parametrize('datagram, address, error', [
    (b'x', ('127.0.0.1', 0), 'EINVAL'),
    (b'x', ('127.0.0.1', 65536), 'OverflowError'),
    (b'x', ('127.0.0.1', -1), 'OverflowError'),
    (b'x', ('127.0.0.1',), 'TypeError'),
    (b'x', None, 'TypeError'),
    (b'x', ('255.255.255.255', 9), 'EACCES'),
    (b'x' * 65508, ('127.0.0.1', 9), 'EMSGSIZE'),
], ids=['port 0', 'port too large', 'port negative', 'no port', 'no address', 'broadcast', 'too long for UDP'])
def test_what_cannot_be_sent_is_lost_and_counted_by_name(endpoint, datagram, address, error):
    endpoint.send(datagram, address)
    endpoint.send(datagram, address)
    assert endpoint.errors == {error: 2}
    assert endpoint.sent == 0


def test_an_address_of_the_other_family_is_counted_like_any_other_loss(endpoint):
    endpoint.send(b'x', ('::1', 9, 0, 0))
    endpoint.send(b'x', ('::1', 9))
    assert sum(endpoint.errors.values()) == 2


def nobody(family, host):
    """An address at which nobody listens."""
    gone = Endpoint(family, (host, 0))
    address = gone.address
    gone.close()
    return address


@NEEDS_ERROR_QUEUE
@pytest.mark.parametrize('family, host, bound', [
    pytest.param(socket.AF_INET, '127.0.0.1', '127.0.0.1', id='IPv4'),
    pytest.param(socket.AF_INET, '127.0.0.1', '0.0.0.0', id='IPv4, all addresses'),
    pytest.param(socket.AF_INET6, '::1', '::1', id='IPv6', marks=NEEDS_IPV6),
    pytest.param(socket.AF_INET6, '::ffff:127.0.0.1', '::', id='IPv4 on an IPv6 socket', marks=NEEDS_IPV6),
])
def test_an_address_at_which_nobody_listens_is_reported_and_others_lose_nothing(family, host, bound):
    endpoint, somebody = Endpoint(family, (bound, 0)), Endpoint(family, (host, 0))
    nowhere = nobody(family, host)
    try:
        for _ in range(5):
            endpoint.send(b'to nobody', nowhere)
            endpoint.send(b'to somebody', somebody.address)
        # The report of the last one is read by itself.
        assert endpoint.receive() is None
        for _ in range(5):
            assert receive(somebody)[0] == b'to somebody'
        assert endpoint.take_unreachable() == [nowhere] * 5
        assert endpoint.take_unreachable() == []
        assert (endpoint.sent, endpoint.errors) == (10, {'ECONNREFUSED': 5})
        assert not select.select(endpoint.readers(), [], [], 0)[0]
    finally:
        endpoint.close()
        somebody.close()


@NEEDS_ERROR_QUEUE
def test_a_report_makes_the_socket_readable_and_comes_before_the_datagrams_behind_it(endpoint, sender):
    nowhere = nobody(socket.AF_INET, '127.0.0.1')
    endpoint.send(b'to nobody', nowhere)
    sender.sendto(b'behind it', endpoint.address)
    assert receive(endpoint) == (b'behind it', sender.getsockname())
    assert endpoint.take_unreachable() == [nowhere]


def test_what_the_error_queue_says_about_a_datagram_before_is_no_reason_to_lose_this_one(endpoint, monkeypatch):
    failing = Failing(error(errno.EHOSTUNREACH), None)
    failing.reports = [('192.0.2.7', 7), ('192.0.2.8', 8)]
    monkeypatch.setattr(endpoint_module, 'HAS_ERROR_QUEUE', True)
    monkeypatch.setattr(endpoint, '_socket', failing)
    endpoint.send(b'not lost', ('192.0.2.1', 5))
    assert endpoint.take_unreachable() == [('192.0.2.7', 7), ('192.0.2.8', 8)]
    assert (endpoint.sent, endpoint.errors) == (1, {'EHOSTUNREACH': 2})


def test_a_datagram_that_was_too_long_for_the_path_says_nothing_about_the_peer(endpoint, monkeypatch):
    failing = Failing(error(errno.EMSGSIZE), None)
    failing.reports = [('192.0.2.7', 7)]
    monkeypatch.setattr(endpoint_module, 'HAS_ERROR_QUEUE', True)
    monkeypatch.setattr(endpoint, '_socket', failing)
    assert endpoint.receive() == (b'datagram', ('192.0.2.1', 5))
    assert endpoint.take_unreachable() == []


def test_a_flood_of_reports_is_left_to_the_next_turn(endpoint, monkeypatch):
    failing = Failing(*[error(errno.ECONNREFUSED)] * (2 * TRIES_MAX))
    failing.reports = [('192.0.2.7', 7)] * 100000
    monkeypatch.setattr(endpoint_module, 'HAS_ERROR_QUEUE', True)
    monkeypatch.setattr(endpoint, '_socket', failing)
    assert endpoint.receive() is None
    assert failing.calls == TRIES_MAX
    assert len(endpoint.take_unreachable()) == endpoint_module.UNREACHABLE_MAX
    endpoint.send(b'lost', ('192.0.2.1', 5))
    assert endpoint.sent == 0


def test_another_port_is_used_and_the_former_one_still_read(endpoint, sender):
    before = endpoint.address
    endpoint.renew(socket.AF_INET, ('127.0.0.1', 0))
    assert endpoint.address != before
    sender.settimeout(BOUND_S)
    endpoint.send(b'from here', sender.getsockname())
    assert sender.recvfrom(100) == (b'from here', endpoint.address)
    sender.sendto(b'to the former', before)
    assert receive(endpoint)[0] == b'to the former'
    sender.sendto(b'to the new', endpoint.address)
    assert receive(endpoint)[0] == b'to the new'
    endpoint.close_former()
    Endpoint(socket.AF_INET, before).close()
    assert len(endpoint.readers()) == 1


def test_where_no_other_port_can_be_bound_the_present_one_stays(endpoint, sender):
    with pytest.raises((OSError, socket.error)):
        endpoint.renew(socket.AF_INET, sender.getsockname())
    sender.sendto(b'still here', endpoint.address)
    assert receive(endpoint)[0] == b'still here'


def test_that_no_datagram_can_leave_is_known_beforehand(endpoint):
    assert endpoint.problem_towards(('127.0.0.9', 9)) == ''
    # From the loopback interface to the network, and to another family.
    assert endpoint.problem_towards(('192.0.2.77', 9)) != ''
    assert endpoint.problem_towards(('::1', 9, 0, 0)) != ''


def error(number):
    return socket.error(number, 'said the system')


@pytest.mark.parametrize('number', [errno.EAGAIN, errno.EWOULDBLOCK])
def test_that_nothing_is_there_is_no_error(endpoint, monkeypatch, number):
    monkeypatch.setattr(endpoint, '_socket', Failing(error(number)))
    assert endpoint.receive() is None
    assert endpoint.errors == {}


def test_an_interrupted_read_is_tried_again(endpoint, monkeypatch):
    failing = Failing(error(errno.EINTR), error(errno.EINTR), None)
    monkeypatch.setattr(endpoint, '_socket', failing)
    assert endpoint.receive() == (b'datagram', ('192.0.2.1', 5))
    assert failing.calls == 3
    assert endpoint.errors == {}


@pytest.mark.parametrize('number', [errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENOMEM, errno.EIO])
def test_any_other_error_of_a_read_is_counted_and_the_next_turn_goes_on(endpoint, monkeypatch, number):
    monkeypatch.setattr(endpoint, '_socket', Failing(error(number), None))
    assert endpoint.receive() is None
    assert endpoint.receive() == (b'datagram', ('192.0.2.1', 5))
    assert endpoint.errors == {errno.errorcode[number]: 1}
    assert endpoint.take_unreachable() == []


@pytest.mark.parametrize('number', [errno.EAGAIN, errno.ENOBUFS, errno.EPERM, errno.ENETUNREACH, errno.EINTR,
                                    errno.ECONNREFUSED])
def test_any_error_of_a_sending_is_a_datagram_lost_and_counted(endpoint, monkeypatch, number):
    monkeypatch.setattr(endpoint, '_socket', Failing(error(number), None))
    endpoint.send(b'lost', ('192.0.2.1', 5))
    endpoint.send(b'not lost', ('192.0.2.1', 5))
    assert endpoint.errors == {errno.errorcode[number]: 1}
    assert endpoint.sent == 1


def test_an_error_that_this_system_has_no_name_for_is_counted_by_its_type(endpoint, monkeypatch):
    monkeypatch.setattr(endpoint, '_socket', Failing(error(99999)))
    endpoint.send(b'lost', ('192.0.2.1', 5))
    assert list(endpoint.errors.values()) == [1]


def test_a_port_that_is_taken_raises_and_leaves_nothing_open(endpoint, monkeypatch):
    made = []
    original = socket.socket

    def remembered(*arguments):
        made.append(original(*arguments))
        return made[-1]

    monkeypatch.setattr(endpoint_module.socket, 'socket', remembered)
    with pytest.raises((OSError, socket.error)) as caught:
        Endpoint(socket.AF_INET, endpoint.address)
    assert caught.value.errno == errno.EADDRINUSE
    with pytest.raises((OSError, socket.error)):
        made[0].getsockname()


def test_a_larger_receive_buffer_than_the_usual_one_is_asked_for(endpoint, sender):
    # The kernel gives what its limit allows; never less than before.
    assert endpoint.receive_buffer_bytes >= sender.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


class Options(object):
    """A socket that keeps, or refuses, the options that are set on it."""

    def __init__(self, refuses):
        self._refuses = refuses
        self.options = {}

    def setsockopt(self, level, option, value):
        if self._refuses:
            raise error(errno.ENOBUFS)
        self.options[option] = value


def test_a_system_that_refuses_an_option_is_no_reason_to_stop(endpoint):
    options = Options(refuses=False)
    endpoint._set(options, socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    assert (options.options, endpoint.errors) == ({socket.SO_RCVBUF: BUFFER_BYTES}, {})
    endpoint._set(Options(refuses=True), socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    assert endpoint.errors == {'ENOBUFS': 1}


def test_a_burst_that_arrives_between_two_turns_is_kept(endpoint, sender):
    for number in range(150):
        sender.sendto(('datagram %d' % number).encode('ascii'), endpoint.address)
    receive(endpoint)
    rest = 0
    while endpoint.receive() is not None:
        rest += 1
    assert rest == 149


@pytest.mark.parametrize('host, family, address', [
    ('127.0.0.1', socket.AF_INET, ('127.0.0.1', 5555)),
    ('::1', socket.AF_INET6, ('::1', 5555, 0, 0)),
    ('0.0.0.0', socket.AF_INET, ('0.0.0.0', 5555)),
])
def test_an_address_in_numbers_is_taken_as_it_is(host, family, address):
    assert resolve_here(host, 5555) == (family, address)


@pytest.mark.parametrize('address, text', [
    (('192.0.2.1', 5555), '192.0.2.1:5555'),
    (('::1', 5555, 0, 0), '[::1]:5555'),
    (('dispatcher.example.org', 1), 'dispatcher.example.org:1'),
])
def test_an_address_is_shown_as_people_write_it(address, text):
    assert shown(address) == text
