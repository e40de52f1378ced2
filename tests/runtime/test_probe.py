"""A hello and a greeting, through real sockets and a real loop in a thread of its own."""

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
from tests.runtime.fakes import INCARNATION, FakeCore, FakeLog, World
from tests.runtime.ipv6 import NEEDS_IPV6

BOUND_S = 30.0


class RealSignals(object):
    """Requests to stop that another thread makes; only the main thread could have real signals."""

    def __init__(self):
        self.count = 0
        self._reader, self._writer = socket.socketpair()

    def fileno(self):
        return self._reader.fileno()

    def arrive(self):
        self.count += 2
        self._writer.send(b'x')

    def drain(self):
        self._reader.recv(64)

    def close(self):
        self._reader.close()
        self._writer.close()


class Process(object):
    """A loop that runs in a thread until it is stopped."""

    def __init__(self, family, host, core, seal):
        self.core = core
        self.endpoint = Endpoint(family, (host, 0))
        self.address = self.endpoint.address
        self._signals = RealSignals()
        self.loop = Loop(core, self.endpoint, self._signals, monotonic, FakeLog(), seal)
        self._thread = threading.Thread(target=self.loop.run)
        self._thread.daemon = True
        self._thread.start()

    def stop(self):
        self._signals.arrive()
        self._thread.join(BOUND_S)
        assert not self._thread.is_alive()
        self.endpoint.close()
        self._signals.close()


def core_of(role):
    return type('Role', (FakeCore,), {'ROLE': role})(World())


@pytest.fixture
def running():
    started = []

    def run(family, host, core, seal=CHECKSUM):
        started.append(Process(family, host, core, seal))
        return started[-1]

    yield run
    for process in started:
        process.stop()


@pytest.fixture
def quick(monkeypatch):
    """For what gets no answer: no need to wait as long as a health check does."""
    monkeypatch.setattr(probe, 'WAIT_S', 0.3)
    monkeypatch.setattr(probe, 'HELLO_EVERY_S', 0.1)


@pytest.mark.parametrize('family, host, role', [
    pytest.param(socket.AF_INET, '127.0.0.1', DISPATCHER, id='IPv4'),
    pytest.param(socket.AF_INET, '0.0.0.0', CLIENT, id='IPv4, all addresses'),
    pytest.param(socket.AF_INET6, '::1', CALCULATOR, id='IPv6', marks=NEEDS_IPV6),
    pytest.param(socket.AF_INET6, '::', DISPATCHER, id='IPv6, all addresses', marks=NEEDS_IPV6),
])
def test_a_process_of_any_role_answers(running, family, host, role):
    process = running(family, host, core_of(role))
    assert probe.answers(host, process.address[1], CHECKSUM)


def test_it_is_asked_by_name_too(running):
    process = running(socket.AF_INET, '127.0.0.1', core_of(DISPATCHER))
    family = socket.getaddrinfo('localhost', 1, 0, socket.SOCK_DGRAM)[0][0]
    assert probe.answers('localhost', process.address[1], CHECKSUM) or family == socket.AF_INET6


def test_where_nobody_listens_nobody_answers(quick):
    nobody = Endpoint(socket.AF_INET, ('127.0.0.1', 0))
    port = nobody.address[1]
    nobody.close()
    assert not probe.answers('127.0.0.1', port, CHECKSUM)


def test_a_process_that_is_out_of_order_does_not_answer(running, quick):
    core = core_of(CALCULATOR)
    core.is_listening = False
    process = running(socket.AF_INET, '127.0.0.1', core)
    assert not probe.answers('127.0.0.1', process.address[1], CHECKSUM)
    assert process.loop.turn.account()['ignored'] >= 1


@pytest.mark.parametrize('host', ['x' * 70, '192.0.2.1:80', 'fe80::1%nosuch'])
def test_a_host_that_does_not_exist_does_not_answer_and_the_reason_is_said(quick, capsys, host):
    assert probe.report({'listen': {'host': host, 'port': 5555}}, 'listen', CHECKSUM) == 1
    begin, _, why = capsys.readouterr().out.rstrip().partition(' does not answer: ')
    assert begin == '%s port 5555' % host
    assert len(why) > 3 and not why.startswith('[')


class Impostor(object):
    """Answers each hello with the datagrams that a test makes of it."""

    def __init__(self, reply):
        self._reply = reply
        self.endpoint = Endpoint(socket.AF_INET, ('127.0.0.1', 0))
        self._end, self._wake = socket.socketpair()
        self._thread = threading.Thread(target=self._run)
        self._thread.daemon = True
        self._thread.start()

    def _run(self):
        while True:
            readable, _, _ = select.select(self.endpoint.readers() + [self._end], [], [], BOUND_S)
            if self._end in readable or not readable:
                return
            received = self.endpoint.receive()
            if received is not None:
                for answer in self._reply(received[0]):
                    self.endpoint.send(answer, received[1])

    def stop(self):
        self._wake.send(b'x')
        self._thread.join(BOUND_S)
        self.endpoint.close()
        self._end.close()
        self._wake.close()


def greeting(hello, difference=0, role=DISPATCHER):
    number = codec.decode(hello).number
    return codec.greeting(CHECKSUM, role, u'impostor', INCARNATION, number + difference, u'')


@pytest.mark.parametrize('reply, is_answer', [
    (lambda hello: [greeting(hello)], True),
    (lambda hello: [b'garbage', b'', greeting(hello, -1000000), greeting(hello)], True),
    (lambda hello: [greeting(hello, 1000000)], False),
    (lambda hello: [greeting(hello, 0, PROBE)], False),
    (lambda hello: [b'garbage'] * 20, False),
    (lambda hello: [hello], False),
], ids=['the right number', 'noise before it', 'a wrong number', 'another probe', 'noise', 'its own question'])
def test_only_a_greeting_that_names_the_hello_is_an_answer(quick, reply, is_answer):
    impostor = Impostor(reply)
    try:
        assert probe.answers('127.0.0.1', impostor.endpoint.address[1], CHECKSUM) is is_answer
    finally:
        impostor.stop()


def test_an_answer_that_was_lost_is_asked_for_again(quick):
    seen = []

    def reply(hello):
        seen.append(hello)
        return [greeting(hello)] if len(seen) > 1 else []

    impostor = Impostor(reply)
    try:
        assert probe.answers('127.0.0.1', impostor.endpoint.address[1], CHECKSUM)
    finally:
        impostor.stop()


def test_a_process_with_a_key_is_asked_under_it(running, quick):
    seal = Signature([b'k' * KEY_CHARS_MIN])
    process = running(socket.AF_INET, '127.0.0.1', core_of(DISPATCHER), seal)
    assert probe.answers('127.0.0.1', process.address[1], seal)
    assert not probe.answers('127.0.0.1', process.address[1], CHECKSUM)
    assert not probe.answers('127.0.0.1', process.address[1], Signature([b'K' * KEY_CHARS_MIN]))


@pytest.mark.parametrize('is_there, status, line', [(True, 0, 'answers'), (False, 1, 'does not answer')])
def test_the_report_is_one_line_and_an_exit_status(monkeypatch, capsys, is_there, status, line):
    asked = []

    def answers(host, port, seal):
        assert seal is CHECKSUM
        asked.append((host, port))
        return is_there

    monkeypatch.setattr(probe, 'answers', answers)
    assert probe.report({'listen': {'host': '192.0.2.1', 'port': 5555}}, 'listen', CHECKSUM) == status
    assert capsys.readouterr().out == '192.0.2.1 port 5555 %s\n' % line
    assert asked == [('192.0.2.1', 5555)]
