"""The HTTP server on real sockets: its answers, and the connections that it closes. The test runs each turn."""

from __future__ import absolute_import, division, print_function

import errno
import select
import socket

import pytest

from runtime import http_server
from runtime.http_server import HttpServer, Response

GET = b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'


class Site(object):
    """Gives every request the same response, and keeps the requests."""

    def __init__(self):
        self.requests = []
        self.response = Response(200, 'text/plain', b'hello')

    def respond(self, now, request):
        self.requests.append(request)
        if self.response is not None:
            request.answer(self.response)


class Bench(object):
    """A server, its clients, and the time."""

    def __init__(self):
        self.site = Site()
        self.server = HttpServer('127.0.0.1', 0, self.site)
        self.now = 100.0
        self.clients = []

    def open(self, data=b''):
        """A client that has sent these data. The server has had one turn."""
        client = socket.create_connection(self.server.address)
        client.settimeout(30)
        self.clients.append(client)
        client.sendall(data)
        self.one_turn()
        return client

    def connect(self, data=b'', is_end=False):
        """A client that has sent these data, and with ``is_end`` no more. The server has handled them."""
        client = self.open(data)
        if is_end:
            client.shutdown(socket.SHUT_WR)
        self.turn()
        return client

    def stream(self, body):
        self.site.response = Response(200, 'text/event-stream', body, is_stream=True)

    def turn(self):
        """Turns until the server has nothing to do for 30 ms."""
        for _ in range(1000):
            if not self.one_turn(0.03):
                return
        raise AssertionError('the server does not become idle')

    def one_turn(self, wait_s=0.002):
        readable, writable, _ = select.select(self.server.readers(), self.server.writers(), [], wait_s)
        self.server.handle(readable, writable, self.now)
        return bool(readable or writable)

    def exchange(self, data):
        """The complete answer."""
        return self.rest(self.connect(data))

    def rest(self, client):
        """Everything until the server closes the connection."""
        client.setblocking(False)
        received = b''
        for _ in range(2000):
            self.one_turn()
            try:
                data = client.recv(65536)
            except (OSError, socket.error) as error:
                if error.errno in http_server._TRY_LATER:
                    continue
                return received
            if not data:
                return received
            received += data
        raise AssertionError('the connection does not end: %r' % received[-200:])

    def close(self):
        for client in self.clients:
            client.close()
        self.server.close()


@pytest.fixture
def bench(closing):
    return closing(Bench())


def test_an_answer_has_strict_headers_and_ends_the_connection(bench):
    head, _, body = bench.exchange(GET).partition(b'\r\n\r\n')
    lines = head.decode('ascii').split('\r\n')
    assert (lines[0], body) == ('HTTP/1.1 200 OK', b'hello')
    headers = dict(line.split(': ', 1) for line in lines[1:])
    assert headers['Content-Length'] == '5'
    assert headers['X-Content-Type-Options'] == 'nosniff'
    policy = headers['Content-Security-Policy']
    assert policy.startswith("default-src 'none'")
    assert 'unsafe' not in policy and '*' not in policy and 'http' not in policy
    assert bench.server.connections == 0


def test_an_answer_to_head_has_no_body(bench):
    answer = bench.exchange(GET.replace(b'GET', b'HEAD'))
    assert b'Content-Length: 5\r\n' in answer
    assert answer.endswith(b'\r\n\r\n')


@pytest.mark.parametrize('data, status', [
    (GET.replace(b'GET', b'POST'), 405), (b'hello\r\n\r\n', 400), (b'\r\n\r\n', 400),
    (b'GET / HTTP/2\r\nHost: a\r\n\r\n', 400), (b'GET / HTTP/1.1\r\n\r\n', 400),
    (b'GET nowhere HTTP/1.1\r\nHost: a\r\n\r\n', 400),
    (b'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400), (b'GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n', 400),
    (b'GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n', 400), (b'GET / HTTP/1.1\r\nA: ' + b'b' * 9000, 431)])
def test_another_request_is_refused(bench, data, status):
    assert bench.exchange(data).startswith(('HTTP/1.1 %d ' % status).encode('ascii'))
    assert bench.site.requests == []


def test_a_request_may_arrive_in_pieces(bench):
    client = bench.connect()
    for index in range(len(GET)):
        client.sendall(GET[index:index + 1])
        bench.one_turn()
    assert bench.rest(client).endswith(b'hello')


def test_the_site_gets_the_path_the_query_and_the_host_without_its_port(bench):
    bench.exchange(b'GET /a/b?c=d HTTP/1.1\r\nhost:  [::1]:80\r\n\r\n')
    bench.exchange(b'GET / HTTP/1.1\r\nHost: Example.ORG:8080\r\n\r\n')
    assert [(request.path, request.query, request.host) for request in bench.site.requests] == [
        ('/a/b', 'c=d', '::1'), ('/', '', 'example.org')]


@pytest.mark.parametrize('is_end', [False, True], ids=['open', 'closed for writing'])
def test_the_site_may_answer_later(bench, is_end):
    bench.site.response = None
    client = bench.connect(GET, is_end)
    bench.site.requests[0].answer(Response(200, 'text/plain', b'later' * 100000))
    assert bench.rest(client).endswith(b'later')


def test_a_client_may_close_its_side_after_the_request(bench):
    bench.stream(b'first')
    assert bench.rest(bench.connect(GET, is_end=True)).endswith(b'first')
    assert bench.rest(bench.connect(GET[:-2], is_end=True)) == b''
    assert bench.server.connections == 0


def test_without_free_descriptors_the_server_pauses_and_continues(bench):
    class Exhausted(object):
        def accept(self):
            raise socket.error(errno.EMFILE, 'too many open files')
    listener, bench.server._listener = bench.server._listener, Exhausted()
    bench.server.handle([bench.server._listener], [], bench.now)
    assert bench.server.readers() == []
    assert bench.server.next_timer() == bench.now + http_server.PAUSE_S
    bench.server._listener = listener
    bench.now += http_server.PAUSE_S
    bench.server.handle([], [], bench.now)
    assert bench.exchange(GET).endswith(b'hello')


def test_a_stream_continues_until_its_reader_leaves(bench):
    bench.stream(b'first')
    client = bench.connect(GET)
    # A client without a request gets nothing.
    bench.connect()
    bench.server.broadcast(b'second')
    bench.now += 1000
    bench.turn()
    bench.server.broadcast(b'third')
    bench.turn()
    received = client.recv(65536)
    # A proxy must not buffer it.
    assert b'\r\nX-Accel-Buffering: no\r\n' in received and received.endswith(b'firstsecondthird')
    assert bench.server.streams == 1
    client.close()
    bench.turn()
    assert bench.server.streams == 0


def test_a_client_that_sends_slowly_is_dropped(bench):
    client = bench.connect(b'GET / HT')
    bench.now += http_server.REQUEST_WITHIN_S + 1
    bench.turn()
    assert bench.rest(client).startswith(b'HTTP/1.1 408 ')
    assert (bench.server.connections, bench.server.dropped) == (0, 1)


def test_a_slow_reader_of_a_stream_is_dropped_and_delays_no_other(bench):
    bench.stream(b'')
    bench.connect(GET)
    quick = bench.connect(GET)
    quick.setblocking(False)
    chunk = b'x' * 65536
    received = 0
    for _ in range(3 * http_server.BEHIND_BYTES_MAX // len(chunk)):
        bench.server.broadcast(chunk)
        bench.one_turn()
        for _ in range(50):
            try:
                received += len(quick.recv(1 << 20))
            except (OSError, socket.error):
                break
    assert (bench.server.dropped, bench.server.streams) == (1, 1)
    assert received > 2 * http_server.BEHIND_BYTES_MAX


def test_a_slow_reader_of_an_answer_is_dropped(bench):
    bench.site.response = Response(200, 'text/plain', b'x' * (32 << 20))
    bench.connect(GET)
    bench.now += http_server.TAKEN_WITHIN_S + 1
    bench.turn()
    assert bench.server.connections == 0


def test_the_number_of_connections_is_limited(bench):
    for _ in range(http_server.CONNECTIONS_MAX):
        bench.open()
    bench.turn()
    assert bench.server.connections == http_server.CONNECTIONS_MAX
    refused = bench.connect(GET)
    assert bench.server.connections == http_server.CONNECTIONS_MAX
    assert b'503' in bench.rest(refused)[:20] or bench.site.requests == []
    for client in bench.clients:
        client.close()
    bench.turn()
    assert bench.server.connections == 0


def test_the_number_of_streams_is_limited(bench):
    bench.stream(b'')
    for _ in range(http_server.STREAMS_MAX):
        bench.open(GET)
    bench.turn()
    assert bench.server.streams == http_server.STREAMS_MAX
    assert bench.exchange(GET).startswith(b'HTTP/1.1 503 ')


def test_a_reader_that_resets_the_connection_is_forgotten(bench):
    bench.stream(b'x')
    client = bench.connect(GET)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\x01\x00\x00\x00\x00\x00\x00\x00')
    client.close()
    for _ in range(5):
        bench.server.broadcast(b'more')
        bench.turn()
    assert bench.server.connections == 0
