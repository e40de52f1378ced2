"""Real processes on an address that is not a loopback one: an unvalidated address is sent no more than it sent.

The kernel delivers what this machine sends to its own address by way of the loopback interface, so nothing leaves it.
"""

from __future__ import absolute_import, division, print_function

import socket
import time

import pytest

from net_protocol.rows import CLIENT
from net_protocol.seals import CHECKSUM
from runtime.clock import monotonic
from runtime.endpoint import is_loopback
from runtime.probe import answers
from tests.net_protocol.samples import ROWS
from tests.system.garbage import envelope
from tests.system.processes import eventually

#: How long an address that never asked is watched: several probes, several heartbeats.
WATCHED_S = 3.0

#: On a busy machine something is resent although nothing was lost. Of so many clients one has nothing to resend.
ONE_OF = 5


def own_address():
    """An address of this machine that is not a loopback one, or None. Asking for it sends nothing."""
    asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        asked.connect(('192.0.2.1', 9))
        host = asked.getsockname()[0]
    except (OSError, socket.error):
        return None
    finally:
        asked.close()
    return None if is_loopback((host, 0)) else host


HOST = own_address()
pytestmark = pytest.mark.skipif(HOST is None, reason='this machine has no address but loopback ones')


class Victim(object):
    """An address in whose name anybody sends, and which itself sends nothing: it returns no ticket."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._socket.setblocking(False)
        self.bytes_out = self.datagrams_out = self.bytes_in = self.datagrams_in = 0

    def is_made_to_send(self, address, datagram):
        self._socket.sendto(datagram, address)
        self.bytes_out += len(datagram)
        self.datagrams_out += 1

    def watch(self, seconds):
        """Count what comes, and compare it with what was sent, until that time is over."""
        end_at = monotonic() + seconds
        while monotonic() < end_at:
            try:
                self.bytes_in += len(self._socket.recv(65536))
                self.datagrams_in += 1
            except (OSError, socket.error):
                time.sleep(0.01)
            assert self.bytes_in <= self.bytes_out
            assert self.datagrams_in <= self.datagrams_out

    def close(self):
        self._socket.close()


@pytest.fixture
def victim():
    made = Victim()
    yield made
    made.close()


def test_an_address_that_returned_no_ticket_is_sent_no_more_than_it_sent(system, victim):
    dispatcher = system.dispatcher(listen={'host': HOST, 'port': 0}, name='d' * 80)
    system.calculator('calculator-a', listen={'host': HOST, 'port': 0}, capacity=50)
    client = system.client(tasks=20, payload_bytes=5000)
    system.strangers_tasks = 0
    short = {'ping': [[]]}
    for number, rows in enumerate([ROWS, short, dict(ROWS, submit=[[1, u'5f' * 200, 60]])] * 5, 1):
        # Short ones are not answered: a greeting would be longer.
        victim.is_made_to_send(dispatcher.address, envelope(rows, role=CLIENT, n=number, **{'from': 'victim'}))
    victim.watch(WATCHED_S)
    # Something was sent to it, so the limit is what kept the rest away.
    assert 0 < victim.datagrams_in < victim.datagrams_out
    assert client.wait() == 0
    dispatcher.end()
    assert client.account['answered'] == 20
    assert dispatcher.account['accepted'] == 20
    assert dispatcher.account['traffic']['not_greeted'] >= 5
    system.is_balanced = True


def test_a_validated_address_is_served_without_resending(system):
    dispatcher = system.dispatcher(listen={'host': HOST, 'port': 0})
    for letter in 'ab':
        system.calculator('calculator-%s' % letter, listen={'host': HOST, 'port': 0}, capacity=8)
    dispatcher.says('registered from', times=2)
    resent = []
    while 0 not in resent and len(resent) < ONE_OF:
        client = system.client('client-%d' % len(resent), tasks=100, payload_bytes=2000)
        assert client.wait() == 0
        assert client.account['answered'] == 100
        resent.append(client.account['traffic']['resent'])
    system.balance()
    assert 0 in resent, resent


def test_the_first_hello_of_a_probe_is_greeted_also_by_a_process_with_a_long_name(system):
    greetings = []
    while 1 not in greetings and len(greetings) < ONE_OF:
        dispatcher = system.dispatcher(listen={'host': HOST, 'port': 0}, name='d' * 80)
        eventually(lambda: answers(HOST, dispatcher.address[1], CHECKSUM), 'it answers')  # noqa: B023
        dispatcher.end()
        greetings.append(dispatcher.account['traffic']['greetings'])
    assert 1 in greetings, greetings
    system.is_balanced = True
