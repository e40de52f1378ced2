"""One UDP socket, never blocking, that survives whatever the system says about it.

The socket is not connected: a connected one reports an ICMP "port unreachable" as an error of the *next* call. An
error while sending is a lost datagram, which the protocol expects anyway: it is counted, and life goes on.
"""

from __future__ import absolute_import, division, print_function

import errno
import socket

from net_protocol.limits import DATAGRAM_BYTES_MAX

MYPY = False
if MYPY:
    from typing import Any, Dict, Tuple  # noqa: F401

#: What is asked for. A default buffer of 208 KiB holds 166 datagrams of 200 bytes, since the kernel counts its own
#: book-keeping too; a dispatcher that pauses for 50 ms would lose some. The system may give less.
RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024

_NOTHING_THERE = (errno.EAGAIN, errno.EWOULDBLOCK)


class Endpoint(object):
    """A bound UDP socket. Raises ``socket.error`` from the constructor only."""

    def __init__(self, family, address):
        # type: (int, Tuple[Any, ...]) -> None
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._ask_for_buffers()
            self._socket.setblocking(False)
            self._socket.bind(address)
        except (OSError, socket.error):
            self._socket.close()
            raise
        self.family = family
        #: Datagrams received and sent, and errors by name (EPERM, ENOBUFS, ...), which are datagrams lost.
        self.received = 0
        self.sent = 0
        self.errors = {}  # type: Dict[str, int]

    @property
    def address(self):
        # type: () -> Tuple[Any, ...]
        """Where it listens."""
        return self._socket.getsockname()

    @property
    def receive_buffer_bytes(self):
        # type: () -> int
        """The buffer that the system really gave. Linux doubles what is asked for, to have room for its own books."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)

    def fileno(self):
        # type: () -> int
        """For ``select``."""
        return self._socket.fileno()

    def receive(self):
        # type: () -> Tuple[bytes, Any] | None
        """The next ``(datagram, address)`` that has arrived, or None. One byte over the limit shows what was cut."""
        while True:
            try:
                received = self._socket.recvfrom(DATAGRAM_BYTES_MAX + 1)
            except (OSError, socket.error) as error:
                if error.errno in _NOTHING_THERE:
                    return None
                if error.errno != errno.EINTR:
                    # Some systems report an unreachable peer here, once per lost datagram: the next call goes on.
                    self._count(error)
                    return None
            else:
                self.received += 1
                return received

    def send(self, datagram, address):
        # type: (bytes, Any) -> None
        """Send one datagram, or count why it is lost."""
        try:
            self._socket.sendto(datagram, address)
            self.sent += 1
        except (OSError, socket.error, OverflowError, TypeError) as error:
            # The last two: an address that a datagram made up, such as a port of the wrong family.
            self._count(error)

    def close(self):
        # type: () -> None
        """Give the port back."""
        self._socket.close()

    def _ask_for_buffers(self):
        # type: () -> None
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            try:
                self._socket.setsockopt(socket.SOL_SOCKET, option, RECEIVE_BUFFER_BYTES)
            except (OSError, socket.error) as error:
                # Some systems refuse what is too large instead of giving what they can.
                self._count(error)

    def _count(self, error):
        # type: (Exception) -> None
        number = getattr(error, 'errno', None)
        name = errno.errorcode.get(number, type(error).__name__) if number is not None else type(error).__name__
        self.errors[name] = self.errors.get(name, 0) + 1


def resolve_here(host, port, family=0):
    # type: (str, int, int) -> Tuple[int, Tuple[Any, ...]]
    """The ``(family, address)`` of a host to listen on. May block on a name; raises ``socket.gaierror``."""
    family, _, _, _, address = socket.getaddrinfo(host, port, family, socket.SOCK_DGRAM, 0, socket.AI_PASSIVE)[0]
    return family, address


def is_loopback(address):
    # type: (Any) -> bool
    """Whether only this machine can have sent from there: the system takes such a source from nobody else."""
    host = address[0]  # type: str
    return host.startswith(('127.', '::ffff:127.')) or host == '::1'


def shown(address):
    # type: (Any) -> str
    """An address as people write it."""
    host, port = address[:2]
    return '[%s]:%d' % (host, port) if ':' in host else '%s:%d' % (host, port)
