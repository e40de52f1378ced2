"""Real processes on an address that is not the loopback one: whoever is said to have asked is sent no more than that.

The kernel delivers what this machine sends to its own address by way of the loopback interface, so nothing leaves it.
"""

from __future__ import absolute_import, division, print_function

import socket
import time

import pytest

from net_protocol import codec
from net_protocol.messages import Cancel, Heartbeat, Ping, Submit
from runtime.clock import monotonic
from runtime.endpoint import is_loopback
from runtime.probe import answers
from tests.system.processes import eventually

#: How long the one that never asked is watched: two resends of an outcome, several heartbeats.
WATCHED_S = 3.0

#: Whoever waits for half a second, whatever the reason, says it again. Of so many that are served at once one does not.
ONE_OF = 5


def own_address():
    """An address of this machine that is not the loopback one, or None. Asking for it sends nothing."""
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
pytestmark = pytest.mark.skipif(HOST is None, reason='this machine has no address but the loopback one')


class Victim(object):
    """An address in whose name anybody speaks, and which never says a word itself: it answers no token."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._socket.setblocking(False)
        self.bytes_said = self.datagrams_said = self.bytes_sent = self.datagrams_sent = self._number = 0

    def is_made_to_say(self, address, *messages):
        self._number += 1
        for datagram in codec.encode('victim', 'aaaaaaaa', self._number, messages):
            self._socket.sendto(datagram, address)
            self.bytes_said += len(datagram)
            self.datagrams_said += 1

    def watch(self, seconds):
        """Count what comes, and hold it against what was said, until that time is over."""
        end_at = monotonic() + seconds
        while monotonic() < end_at:
            try:
                self.bytes_sent += len(self._socket.recv(65536))
                self.datagrams_sent += 1
            except (OSError, socket.error):
                time.sleep(0.01)
            assert self.bytes_sent <= self.bytes_said
            assert self.datagrams_sent <= self.datagrams_said

    def close(self):
        self._socket.close()


@pytest.fixture
def victim():
    made = Victim()
    yield made
    made.close()


def test_a_dispatcher_sends_no_more_to_whoever_is_said_to_have_asked(system, victim):
    dispatcher = system.dispatcher(listen={'host': HOST, 'port': 0})
    where = dispatcher.address
    system.calculator('calculator-a', listen={'host': HOST, 'port': 0}, capacity=50)
    client = system.client(tasks=20, payload_bytes=5000)
    system.strangers_tasks = 0
    for number in range(1, 21):
        victim.is_made_to_say(where, Submit('victim:aaaaaaaa:%d' % number, '5f' * 10, 60))
    victim.is_made_to_say(where, Heartbeat(1, 1, 1, 0.2, 10, [], [], False, 0))
    victim.is_made_to_say(where, Ping(1), Ping(2), Cancel('victim:aaaaaaaa:99'))
    victim.watch(WATCHED_S)
    # It did get something, so the limit is what kept the rest away; and everybody else is served.
    assert victim.datagrams_sent > 0
    assert client.wait() == 0
    dispatcher.end()
    assert client.account['answered'] == 20
    assert dispatcher.account['traffic']['withheld'] > 0
    assert dispatcher.account['accepted'] >= 40
    system.is_balanced = True


def test_who_answers_for_its_address_is_served_without_a_resend(system):
    dispatcher = system.dispatcher(listen={'host': HOST, 'port': 0})
    for letter in 'ab':
        system.calculator('calculator-%s' % letter, listen={'host': HOST, 'port': 0}, capacity=8)
    dispatcher.says('registered from', times=2)
    resent = []
    while 0 not in resent and len(resent) < ONE_OF:
        client = system.client('client-%d' % len(resent), tasks=100, payload_bytes=2000)
        assert client.wait() == 0
        assert client.account['answered'] == 100
        resent.append(client.account['counts']['resent'])
    system.balance()
    assert 0 in resent, resent


def test_a_probe_is_answered_at_its_first_question(system):
    pings = []
    while 1 not in pings and len(pings) < ONE_OF:
        dispatcher = system.dispatcher(listen={'host': HOST, 'port': 0}, name='d' * 80)
        eventually(lambda: answers(HOST, dispatcher.address[1]), 'it answers')  # noqa: B023
        dispatcher.end()
        pings.append(dispatcher.account['counts']['pings'])
    assert 1 in pings, pings
    system.is_balanced = True
