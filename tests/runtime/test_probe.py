"""A ping and a pong, through real sockets and a real loop in a thread of its own."""

from __future__ import absolute_import, division, print_function

import select
import socket
import threading

import pytest

import net_protocol.probe
from net_protocol import codec
from net_protocol.guard import DISPATCHER, PROBE, Guard
from net_protocol.messages import Leave, Ping, Pong
from net_protocol.seals import KEY_CHARS_MIN
from runtime import probe
from runtime.clock import monotonic
from runtime.endpoint import Endpoint
from runtime.loop import Loop
from tests.net_protocol.samples import LIFE
from tests.runtime.fakes import FakeCore, FakeLog, World
from tests.runtime.ipv6 import NEEDS_IPV6

MYPY = False
if MYPY:
    from typing import Any, Callable, Iterator, List  # noqa: F401

BOUND_S = 30.0


class RealSignals(object):
    """Requests to stop that another thread makes; a real signal could only be had by the main thread."""

    def __init__(self):
        # type: () -> None
        self.count = 0
        self._reader, self._writer = socket.socketpair()

    def fileno(self):
        # type: () -> int
        return self._reader.fileno()

    def arrive(self):
        # type: () -> None
        self.count += 2
        self._writer.send(b'x')

    def drain(self):
        # type: () -> None
        self._reader.recv(64)

    def close(self):
        # type: () -> None
        self._reader.close()
        self._writer.close()


class Answering(FakeCore):
    """A core that answers pings, as every core does."""

    def handle_message(self, now, sender, message):
        # type: (float, Any, Any) -> None
        super(FakeCore, self).handle_message(now, sender, message)


class Process(object):
    """A loop that runs in a thread until it is told to stop."""

    def __init__(self, family, host, core, guard):
        # type: (int, str, Any, Guard | None) -> None
        self.core = core
        self.endpoint = Endpoint(family, (host, 0))
        self.address = self.endpoint.address
        self._signals = RealSignals()  # type: Any
        loop = Loop(core, self.endpoint, self._signals, monotonic, FakeLog(), guard=guard)
        self._thread = threading.Thread(target=loop.run)
        self._thread.daemon = True
        self._thread.start()

    def stop(self):
        # type: () -> None
        self._signals.arrive()
        self._thread.join(BOUND_S)
        assert not self._thread.is_alive()
        self.endpoint.close()
        self._signals.close()


def answering():
    # type: () -> Answering
    return Answering(World())


@pytest.fixture
def running():
    # type: () -> Iterator[Callable[..., Process]]
    started = []

    def run(family, host, core, guard=None):
        # type: (int, str, Any, Guard | None) -> Process
        started.append(Process(family, host, core, guard))
        return started[-1]

    yield run
    for process in started:
        process.stop()


@pytest.fixture
def quick(monkeypatch):
    # type: (Any) -> None
    """For what gets no answer: no need to wait as long as a health check does."""
    monkeypatch.setattr(net_protocol.probe, 'WAIT_S', 0.2)


@pytest.mark.parametrize('family, listens, asked', [
    pytest.param(socket.AF_INET, '127.0.0.1', '127.0.0.1', id='IPv4'),
    pytest.param(socket.AF_INET, '0.0.0.0', '0.0.0.0', id='IPv4, all addresses'),
    pytest.param(socket.AF_INET6, '::1', '::1', id='IPv6', marks=NEEDS_IPV6),
    pytest.param(socket.AF_INET6, '::', '::', id='IPv6, all addresses', marks=NEEDS_IPV6),
])
def test_a_process_that_runs_answers(running, family, listens, asked):
    process = running(family, listens, answering())
    assert probe.answers(asked, process.address[1])
    assert process.core.counts['pings'] >= 1


def test_it_is_asked_by_name_too(running):
    process = running(socket.AF_INET, '127.0.0.1', answering())
    family = socket.getaddrinfo('localhost', 1, 0, socket.SOCK_DGRAM)[0][0]
    assert probe.answers('localhost', process.address[1]) or family == socket.AF_INET6


def test_where_nobody_listens_nobody_answers(quick):
    nobody = Endpoint(socket.AF_INET, ('127.0.0.1', 0))
    port = nobody.address[1]
    nobody.close()
    assert not probe.answers('127.0.0.1', port)


def test_a_process_that_is_out_of_order_does_not_answer(running, quick):
    # Its core takes every message and says nothing.
    process = running(socket.AF_INET, '127.0.0.1', FakeCore(World()))
    assert not probe.answers('127.0.0.1', process.address[1])
    assert [type(message) for _, message in process.core.heard] == [Ping]


@pytest.mark.parametrize('host', ['x' * 70, '192.0.2.1:80', 'fe80::1%nosuch'])
def test_a_host_that_does_not_exist_does_not_answer_and_the_reason_is_said(quick, capsys, host):
    assert probe.report({'listen': {'host': host, 'port': 5555}, 'key_file': None}, 'listen') == 1
    begin, _, why = capsys.readouterr().out.rstrip().partition(' does not answer: ')
    assert begin == '%s port 5555' % host
    assert len(why) > 3 and not why.startswith('[')


class Impostor(object):
    """Answers each ping with the datagrams that a test makes of it."""

    def __init__(self, reply):
        # type: (Callable[[Any, Any], Any]) -> None
        self._reply = reply
        self.endpoint = Endpoint(socket.AF_INET, ('127.0.0.1', 0))
        self._end, self._wake = socket.socketpair()
        self._thread = threading.Thread(target=self._run)
        self._thread.daemon = True
        self._thread.start()

    def _run(self):
        # type: () -> None
        while True:
            readers = [self.endpoint, self._end]  # type: List[Any]
            readable, _, _ = select.select(readers, [], [], BOUND_S)
            if self.endpoint not in readable:
                return
            datagram, address = self.endpoint.receive()  # type: ignore[misc]
            for answer in self._reply(codec.decode(datagram), address):
                self.endpoint.send(answer, address)

    def stop(self):
        # type: () -> None
        self._wake.send(b'x')
        self._thread.join(BOUND_S)
        self.endpoint.close()
        self._end.close()
        self._wake.close()


def pong(nonce):
    # type: (int) -> bytes
    return codec.encode('impostor', LIFE, 1, [Leave(), Pong(nonce)])[0]


@pytest.mark.parametrize('reply, is_answer', [
    (lambda asked, _: [pong(asked.messages[0].nonce)], True),
    (lambda asked, _: [b'garbage', b'', pong(0), pong(asked.messages[0].nonce)], True),
    (lambda asked, _: [pong(asked.messages[0].nonce + 1)], False),
    (lambda asked, _: [b'garbage'] * 20, False),
    (lambda asked, _: codec.encode('reflected', LIFE, 1, asked.messages), False),
], ids=['the right number', 'noise before it', 'a wrong number', 'noise', 'its own question'])
def test_only_the_number_that_was_asked_with_is_an_answer(quick, reply, is_answer):
    impostor = Impostor(reply)
    try:
        assert probe.answers('127.0.0.1', impostor.endpoint.address[1]) is is_answer
    finally:
        impostor.stop()


def test_an_answer_that_was_lost_is_asked_for_again():
    impostor = Impostor(lambda asked, _: [pong(asked.messages[0].nonce)] if asked.number > 1 else [])
    try:
        assert probe.answers('127.0.0.1', impostor.endpoint.address[1])
    finally:
        impostor.stop()


def test_whoever_has_the_key_is_asked_under_it(running, monkeypatch):
    keys = [b'k' * KEY_CHARS_MIN]
    process = running(socket.AF_INET, '127.0.0.1', answering(), Guard(DISPATCHER, keys))
    assert probe.answers('127.0.0.1', process.address[1], Guard(PROBE, keys))
    monkeypatch.setattr(net_protocol.probe, 'WAIT_S', 0.2)
    assert not probe.answers('127.0.0.1', process.address[1])
    assert not probe.answers('127.0.0.1', process.address[1], Guard(PROBE, [b'K' * KEY_CHARS_MIN]))


@pytest.mark.parametrize('is_there, status, line', [(True, 0, 'answers'), (False, 1, 'does not answer')])
def test_the_report_is_one_line_and_an_exit_status(monkeypatch, capsys, is_there, status, line):
    asked = []

    def answers(host, port, guard):
        # type: (str, int, Any) -> bool
        assert guard is None
        asked.append((host, port))
        return is_there

    monkeypatch.setattr(probe, 'answers', answers)
    assert probe.report({'listen': {'host': '192.0.2.1', 'port': 5555}, 'key_file': None}, 'listen') == status
    assert capsys.readouterr().out == '192.0.2.1 port 5555 %s\n' % line
    assert asked == [('192.0.2.1', 5555)]
