"""The probe: a hello and a greeting through real sockets, with a loop in a thread."""

from __future__ import absolute_import, division, print_function

import select
import socket
import threading

import pytest

from net_protocol import codec
from net_protocol.rows import CALCULATOR, CLIENT, DISPATCHER, PROBE
from net_protocol.seals import CHECKSUM, KEY_CHARS_MIN, Signature
from runtime import probe
from runtime.clock import monotonic
from runtime.endpoint import Endpoint
from runtime.loop import Loop
from runtime.wakeup import Wakeup
from tests.runtime.fakes import INCARNATION, FakeCore, FakeLog, World
from tests.runtime.ipv6 import NEEDS_IPV6

BOUND_S = 30.0


class Process(object):
    """An endpoint, and a thread that answers datagrams until ``close``."""

    def __init__(self, family=socket.AF_INET, host='127.0.0.1'):
        self.endpoint = Endpoint(family, (host, 0))
        self.port = self.endpoint.address[1]
        # A signal would reach only the main thread.
        self.stop = Wakeup()

    def start(self, target):
        self._thread = threading.Thread(target=target)
        self._thread.daemon = True
        self._thread.start()

    def close(self):
        self.stop.count = 2
        self.stop.wake()
        self._thread.join(BOUND_S)
        assert not self._thread.is_alive()
        self.endpoint.close()
        self.stop.close()


@pytest.fixture
def process_with(closing):
    """A function that starts a process with a loop and this core. Returns the port."""
    def start(core, seal=CHECKSUM, **options):
        process = closing(Process(**options))
        process.start(Loop(core, process.endpoint, process.stop, monotonic, FakeLog(), seal).run)
        return process.port
    return start


@pytest.fixture
def impostor(closing):
    """A function that starts a process which answers each hello with the datagrams of ``reply``. Returns the port."""
    def start(reply):
        process = closing(Process())

        def run():
            while select.select(process.endpoint.readers() + [process.stop], [], [], BOUND_S)[0] != [process.stop]:
                hello, address = process.endpoint.receive() or (None, None)
                for answer in [] if hello is None else reply(hello):
                    process.endpoint.send(answer, address)

        process.start(run)
        return process.port
    return start


@pytest.fixture
def quick(monkeypatch):
    """A probe without an answer ends soon."""
    monkeypatch.setattr(probe, 'WAIT_S', 0.3)
    monkeypatch.setattr(probe, 'HELLO_EVERY_S', 0.1)


@pytest.mark.parametrize('family, host, role', [
    pytest.param(socket.AF_INET, '127.0.0.1', DISPATCHER, id='IPv4'),
    pytest.param(socket.AF_INET, '0.0.0.0', CLIENT, id='IPv4, all addresses'),
    pytest.param(socket.AF_INET6, '::1', CALCULATOR, id='IPv6', marks=NEEDS_IPV6),
    pytest.param(socket.AF_INET6, '::', DISPATCHER, id='IPv6, all addresses', marks=NEEDS_IPV6),
])
def test_a_process_of_any_role_answers(process_with, family, host, role):
    core = type('Role', (FakeCore,), {'ROLE': role})(World())
    assert probe.answers(host, process_with(core, family=family, host=host), CHECKSUM)


def test_an_unused_port_gives_no_answer(quick):
    unused = Endpoint(socket.AF_INET, ('127.0.0.1', 0))
    port = unused.address[1]
    unused.close()
    assert not probe.answers('127.0.0.1', port, CHECKSUM)


def test_a_process_in_an_outage_does_not_answer(process_with, quick):
    core = FakeCore(World())
    core.is_listening = False
    assert not probe.answers('127.0.0.1', process_with(core), CHECKSUM)


def greeting(hello, difference=0, role=DISPATCHER):
    number = codec.decode(hello).number
    return codec.greeting(CHECKSUM, role, u'impostor', INCARNATION, number + difference, u'')


@pytest.mark.parametrize('reply, is_answer', [
    (lambda hello: [b'garbage', b'', greeting(hello, -1000000), greeting(hello)], True),
    (lambda hello: [greeting(hello, 1000000)], False),
    (lambda hello: [greeting(hello, 0, PROBE)], False),
    (lambda hello: [b'garbage'] * 20, False),
    (lambda hello: [hello], False),
], ids=['the right number after noise', 'a wrong number', 'another probe', 'noise', 'the hello'])
def test_only_a_greeting_with_the_number_of_the_hello_is_an_answer(quick, impostor, reply, is_answer):
    assert probe.answers('127.0.0.1', impostor(reply), CHECKSUM) is is_answer


def test_the_hello_is_repeated_after_a_lost_answer(quick, impostor):
    hellos = []

    def reply(hello):
        hellos.append(hello)
        return [greeting(hello)] if len(hellos) > 1 else []

    assert probe.answers('127.0.0.1', impostor(reply), CHECKSUM)


def test_a_process_with_a_key_answers_only_a_probe_with_that_key(process_with, quick):
    seal = Signature([b'k' * KEY_CHARS_MIN])
    port = process_with(FakeCore(World()), seal)
    assert probe.answers('127.0.0.1', port, seal)
    assert not probe.answers('127.0.0.1', port, CHECKSUM)
    assert not probe.answers('127.0.0.1', port, Signature([b'K' * KEY_CHARS_MIN]))


# The report.

@pytest.mark.parametrize('is_there, status, words', [(True, 0, 'answers'), (False, 1, 'does not answer')])
def test_the_report_is_one_line_and_an_exit_status(monkeypatch, capsys, is_there, status, words):
    monkeypatch.setattr(probe, 'answers', lambda *arguments: (
        arguments == ('192.0.2.1', 5555, CHECKSUM) and is_there))
    assert probe.report({'listen': {'host': '192.0.2.1', 'port': 5555}}, 'listen', CHECKSUM) == status
    assert capsys.readouterr().out == '192.0.2.1 port 5555 %s\n' % words


@pytest.mark.parametrize('host', ['x' * 70, '192.0.2.1:80', 'fe80::1%nosuch'])
def test_the_report_gives_the_reason_why_a_host_cannot_be_asked(capsys, host):
    assert probe.report({'listen': {'host': host, 'port': 5555}}, 'listen', CHECKSUM) == 1
    begin, _, reason = capsys.readouterr().out.rstrip().partition(' does not answer: ')
    assert begin == '%s port 5555' % host
    assert len(reason) > 3 and not reason.startswith('[')
