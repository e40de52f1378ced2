"""An unvalidated address gets no more bytes than it sent. Only for loopback addresses there is no such limit.

The kernel delivers datagrams to the machine's own address over the loopback interface, so no datagram leaves it.
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

#: Time for several probes and heartbeats.
WATCHED_S = 2.0

#: A busy machine may delay acknowledgements and cause resends. One of so many attempts has to be without.
ATTEMPTS_MAX = 5


def own_address():
    """An address of this machine other than loopback, or None. ``connect`` sends no datagram."""
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
pytestmark = pytest.mark.skipif(HOST is None, reason='this machine has only loopback addresses')


class Victim(object):
    """An address that an attacker forges: it receives answers and never returns a ticket."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._socket.setblocking(False)
        self.bytes_out = self.datagrams_out = self.bytes_in = self.datagrams_in = 0

    def seem_to_send(self, address, datagram):
        self._socket.sendto(datagram, address)
        self.bytes_out += len(datagram)
        self.datagrams_out += 1

    def watch(self, seconds):
        """Receive for that time, and check that no more arrives than was sent."""
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


def test_an_address_without_a_valid_ticket_gets_no_more_than_it_sent(system, victim):
    dispatcher = system.dispatcher(listen={'host': HOST, 'port': 0}, name='d' * 80)
    system.calculator('calculator-a', listen={'host': HOST, 'port': 0}, capacity=50)
    client = system.client(tasks=20, payload_bytes=5000)
    system.strangers_tasks = 0
    short = {'ping': [[]]}
    for number, rows in enumerate([ROWS, short, dict(ROWS, submit=[[1, u'5f' * 200, 60]])] * 5, 1):
        # The greeting is longer than a short datagram, which so gets no answer.
        victim.seem_to_send(dispatcher.address, envelope(rows, role=CLIENT, n=number, **{'from': 'victim'}))
    victim.watch(WATCHED_S)
    assert 0 < victim.datagrams_in < victim.datagrams_out
    assert client.wait() == 0
    dispatcher.end()
    assert client.account['answered'] == 20
    assert dispatcher.account['accepted'] == 20
    assert dispatcher.account['traffic']['not_greeted'] >= 5
    system.is_balanced = True


def test_a_validated_address_is_served_without_resending(system):
    dispatcher = system.dispatcher(listen={'host': HOST, 'port': 0})
    system.calculators('ab', listen={'host': HOST, 'port': 0}, capacity=8)
    dispatcher.says('registered from', times=2)
    resent = []
    while 0 not in resent and len(resent) < ATTEMPTS_MAX:
        client = system.client('client-%d' % len(resent), tasks=100, payload_bytes=2000)
        assert client.wait() == 0
        resent.append(client.account['traffic']['resent'])
    system.balance()
    assert 0 in resent, resent


def test_a_process_with_a_long_name_answers_the_first_hello_of_a_probe(system):
    greetings = []
    while 1 not in greetings and len(greetings) < ATTEMPTS_MAX:
        dispatcher = system.dispatcher(listen={'host': HOST, 'port': 0}, name='d' * 80)
        eventually(lambda: answers(HOST, dispatcher.address[1], CHECKSUM), 'the dispatcher answers')  # noqa: B023
        dispatcher.end()
        greetings.append(dispatcher.account['traffic']['greetings'])
    assert 1 in greetings, greetings
    system.is_balanced = True
