"""A small HTTP server in the loop of a process: it answers GET and HEAD, and keeps streams of events open.

One request per connection. Slow senders and slow readers are dropped, and the number of connections is limited. A site
makes the answers (``respond(now, request)``, see ``Request`` and ``Response``).
"""

from __future__ import absolute_import, division, print_function

import codecs
import errno
import re
import socket

from runtime.descriptors import NONE_LEFT, selectable

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401

#: Connections at a time, including streams. ``select`` accepts no descriptor above 1,023.
CONNECTIONS_MAX = 100
STREAMS_MAX = 50

#: Bytes of a request: the request line and the headers. A body is not read.
REQUEST_BYTES_MAX = 8192
#: Time for the whole request to arrive, and for the client to read the answer.
REQUEST_WITHIN_S = 10.0
TAKEN_WITHIN_S = 30.0

#: Bytes that wait for the reader of a stream. Beyond this the connection is closed, and the browser reconnects.
BEHIND_BYTES_MAX = 4 * 1024 * 1024

#: Time between two checks for slow connections.
LOOK_S = 1.0

#: The pause when the system has no descriptor or memory for a new connection: the listener stays readable.
PAUSE_S = 0.5

# Python 2.7 loads a codec at its first use, which fails when there are no descriptors left (until 2.7 goes).
for _codec in ('ascii', 'latin-1', 'utf-8'):
    codecs.lookup(_codec)

_REQUEST_LINE = re.compile(r'([A-Z]{1,10}) (/[!-~]{0,2000}) HTTP/1\.[01]\Z')
_HOST_HEADER = re.compile(r'host:[ \t]*([!-~]{1,300})[ \t]*\Z', re.IGNORECASE)

REASONS = {200: 'OK', 400: 'Bad Request', 404: 'Not Found', 405: 'Method Not Allowed', 408: 'Request Timeout',
           421: 'Misdirected Request', 431: 'Request Header Fields Too Large', 503: 'Service Unavailable'}

#: No content from other sites, no frames, no caching, no guessed content types.
HEADERS = (
    ('Content-Security-Policy',
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
     "form-action 'none'; frame-ancestors 'none'"),
    ('X-Content-Type-Options', 'nosniff'),
    ('X-Frame-Options', 'DENY'),
    ('Referrer-Policy', 'no-referrer'),
    ('Cross-Origin-Opener-Policy', 'same-origin'),
    ('Cross-Origin-Resource-Policy', 'same-origin'),
    ('Cache-Control', 'no-store'),
    ('Connection', 'close'),
)

_EXHAUSTED = NONE_LEFT + (errno.ENOBUFS, errno.ENOMEM)
_TRY_LATER = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR)


class Request(object):
    """A request. ``host`` is the Host header without its port; call ``answer`` with a ``Response``, now or later."""

    def __init__(self, method, path, query, host, answer):
        # type: (str, str, str, str, Any) -> None
        self.method = method
        self.path = path
        self.query = query
        self.host = host
        self.answer = answer


class Response(object):
    """An answer. A stream begins with ``body`` and continues with broadcasts."""

    def __init__(self, status, content_type, body, is_stream=False):
        # type: (int, str, bytes, bool) -> None
        self.status = status
        self.content_type = content_type
        self.body = body
        self.is_stream = is_stream


class _Connection(object):
    def __init__(self, server, opened, now):
        # type: (HttpServer, socket.socket, float) -> None
        self._server = server
        self._socket = opened
        self._asked = b''
        self._unsent = []  # type: List[bytes]
        self._unsent_bytes = 0
        self.has_asked = False
        self.is_stream = False
        self.is_closed = False
        # Whether to close the connection when all is sent.
        self._is_last = False
        self._is_head = False
        #: False after the client closed its side. It may still read the answer.
        self.is_readable = True
        self.due_at = now + REQUEST_WITHIN_S

    def fileno(self):
        # type: () -> int
        return self._socket.fileno()

    @property
    def wants_to_write(self):
        # type: () -> bool
        return self._unsent_bytes > 0

    def read(self, now):
        # type: (float) -> None
        """Handle new data, or the end of the client's side."""
        try:
            data = self._socket.recv(REQUEST_BYTES_MAX + 1)
        except (OSError, socket.error) as error:
            if error.errno not in _TRY_LATER:
                self.close()
            return
        if not data:
            self.is_readable = False
            # An answer is still sent; a stream would never end.
            self._is_last = self._is_last or self.is_stream
            if not self.has_asked or (self._is_last and not self._unsent):
                self.close()
        elif not self.has_asked:
            self._asked += data
            self._look_for_request(now)
        # Data after the request is ignored.

    def _look_for_request(self, now):
        # type: (float) -> None
        end = self._asked.find(b'\r\n\r\n')
        if end < 0 and len(self._asked) <= REQUEST_BYTES_MAX:
            return
        self.has_asked = True
        self.due_at = now + TAKEN_WITHIN_S
        if not 0 <= end <= REQUEST_BYTES_MAX:
            self.answer(Response(431, 'text/plain', b'too long\n'))
            return
        lines = self._asked[:end].decode('latin-1').split('\r\n')
        self._asked = b''
        match = _REQUEST_LINE.match(lines[0])
        hosts = [host.group(1) for host in map(_HOST_HEADER.match, lines[1:]) if host is not None]
        if match is None or len(hosts) != 1:
            self.answer(Response(400, 'text/plain', b'not understood\n'))
            return
        method, target = match.groups()
        self._is_head = method == 'HEAD'
        if method not in ('GET', 'HEAD'):
            self.answer(Response(405, 'text/plain', b'this server is read-only\n'))
            return
        path, _, query = target.partition('?')
        self._server.ask_site(now, Request(method, path, query, _without_port(hosts[0]), self.answer))

    def answer(self, response):
        # type: (Response) -> None
        """Send the answer, or begin a stream."""
        if self.is_closed:
            return
        if response.is_stream and self._server.streams >= STREAMS_MAX:
            response = Response(503, 'text/plain', b'too many streams\n')
        self.is_stream = response.is_stream and not self._is_head
        headers = [('Content-Type', response.content_type)]
        if response.is_stream:
            # A stream must pass nginx, which as a proxy buffers answers, without delay.
            headers.append(('X-Accel-Buffering', 'no'))
        else:
            headers.append(('Content-Length', '%d' % len(response.body)))
        if response.status == 405:
            headers.append(('Allow', 'GET, HEAD'))
        lines = ['HTTP/1.1 %d %s' % (response.status, REASONS[response.status])]
        lines += ['%s: %s' % header for header in headers + list(HEADERS)]
        self._is_last = not self.is_stream
        self.send(('\r\n'.join(lines) + '\r\n\r\n').encode('ascii') + (b'' if self._is_head else response.body))

    def send(self, data):
        # type: (bytes) -> None
        """Send data now or when the client reads."""
        self._unsent.append(data)
        self._unsent_bytes += len(data)
        if self.is_stream and self._unsent_bytes > BEHIND_BYTES_MAX:
            self._server.dropped += 1
            self.close()
            return
        self.write()

    def write(self):
        # type: () -> None
        """Send as much as possible without waiting."""
        while self._unsent and not self.is_closed:
            try:
                sent = self._socket.send(self._unsent[0][:65536])
            except (OSError, socket.error) as error:
                if error.errno not in _TRY_LATER:
                    self.close()
                return
            self._unsent_bytes -= sent
            self._unsent[0] = self._unsent[0][sent:]
            if not self._unsent[0]:
                self._unsent.pop(0)
        if self._is_last and not self._unsent:
            self.close()

    def close(self):
        # type: () -> None
        if not self.is_closed:
            self.is_closed = True
            self._unsent, self._unsent_bytes = [], 0
            self._socket.close()


class HttpServer(object):
    """Serves a site on ``host`` and ``port``. Only the constructor raises ``socket.error``."""

    def __init__(self, host, port, site):
        # type: (str, int, Any) -> None
        family, _, _, _, address = socket.getaddrinfo(
            host, port, 0, socket.SOCK_STREAM, 0, socket.AI_PASSIVE)[0]
        self._site = site
        self._connections = []  # type: List[_Connection]
        #: Connections that were closed because they were slow.
        self.dropped = 0
        self._look_at = None  # type: float | None
        self._paused_until = None  # type: float | None
        self._listener = selectable(socket.socket(family, socket.SOCK_STREAM))
        try:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.setblocking(False)
            self._listener.bind(address)
            self._listener.listen(64)
        except (OSError, socket.error):
            self._listener.close()
            raise

    @property
    def address(self):
        # type: () -> Tuple[Any, ...]
        return self._listener.getsockname()

    @property
    def streams(self):
        # type: () -> int
        return sum(one.is_stream for one in self._connections)

    @property
    def connections(self):
        # type: () -> int
        return len(self._connections)

    # What the loop calls (see ``Loop.attach``).

    def readers(self):
        # type: () -> List[Any]
        # A broadcast or a late answer may have closed some.
        self._connections = [one for one in self._connections if not one.is_closed]
        listeners = [self._listener] if self._paused_until is None else []  # type: List[Any]
        return listeners + [one for one in self._connections if one.is_readable]

    def writers(self):
        # type: () -> List[Any]
        return [one for one in self._connections if one.wants_to_write and not one.is_closed]

    def next_timer(self):
        # type: () -> float | None
        times = [at for at in (self._look_at, self._paused_until) if at is not None]
        return min(times) if times else None

    def handle(self, readable, writable, now):
        # type: (List[Any], List[Any], float) -> None
        if self._paused_until is not None and now >= self._paused_until:
            self._paused_until = None
        for connection in list(self._connections):
            if connection in readable:
                connection.read(now)
            if connection in writable and not connection.is_closed:
                connection.write()
        if self._listener in readable:
            self._accept(now)
        if self._look_at is None or now >= self._look_at:
            self._drop_the_slow(now)
        self._connections = [one for one in self._connections if not one.is_closed]
        if not self._connections:
            self._look_at = None
        elif self._look_at is None or now >= self._look_at:
            self._look_at = now + LOOK_S

    def close(self):
        # type: () -> None
        for connection in self._connections:
            connection.close()
        self._listener.close()

    # What the site calls.

    def broadcast(self, data):
        # type: (bytes) -> None
        """Send data to all streams."""
        for connection in self._connections:
            if connection.is_stream and not connection.is_closed:
                connection.send(data)

    def ask_site(self, now, request):
        # type: (float, Request) -> None
        self._site.respond(now, request)

    def _accept(self, now):
        # type: (float) -> None
        while True:
            try:
                opened = selectable(self._listener.accept()[0])
            except (OSError, socket.error) as error:
                if error.errno in _EXHAUSTED:
                    self._paused_until = now + PAUSE_S
                return
            opened.setblocking(False)
            connection = _Connection(self, opened, now)
            if len(self._connections) >= CONNECTIONS_MAX:
                connection.answer(Response(503, 'text/plain', b'too many are connected\n'))
                connection.close()
                return
            self._connections.append(connection)

    def _drop_the_slow(self, now):
        # type: (float) -> None
        for connection in self._connections:
            if not connection.is_stream and now >= connection.due_at:
                self.dropped += 1
                if not connection.has_asked:
                    connection.answer(Response(408, 'text/plain', b'too slow\n'))
                connection.close()


def _without_port(host):
    # type: (str) -> str
    if host.startswith('['):
        return host[1:].partition(']')[0].lower()
    return host.partition(':')[0].lower()
