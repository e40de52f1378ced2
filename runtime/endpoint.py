"""The UDP socket of a process. It never blocks, and no system error ends it.

The socket is not connected, so a process can send to many peers. A send error is a lost datagram, which the protocol
expects: it is counted by the name of the error.

On Linux the socket asks for ICMP errors (``IP_RECVERR``, ip(7)). The system reports one at the *next* call on the
socket, whatever that call is; a ``sendto`` to another peer then fails and sends nothing. So after an error, read the
error queue, which gives the unreachable addresses, and repeat the call.
"""

from __future__ import absolute_import, division, print_function

import errno
import socket
import sys

from net_protocol.limits import DATAGRAM_BYTES_MAX
from runtime.descriptors import selectable

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401

#: The requested size of the buffers; the system may give less. A default buffer of 208 KiB holds 166 datagrams of 200
#: bytes, because the kernel counts its own overhead too; a dispatcher that pauses for 50 ms would lose some.
BUFFER_BYTES = 4 * 1024 * 1024

#: Linux has an error queue. The ``socket`` module of 2.7 lacks the numbers; they are the same on all processors.
HAS_ERROR_QUEUE = sys.platform.startswith('linux')
_IP_RECVERR = 11
_IPV6_RECVERR = 25
_MSG_ERRQUEUE = 0x2000

#: Errors read from the queue at a time, and addresses kept until ``take_unreachable``.
ERRORS_READ_MAX = 64
UNREACHABLE_MAX = 1024

#: Tries of one ``receive``.
TRIES_MAX = 16

_NOTHING_THERE = (errno.EAGAIN, errno.EWOULDBLOCK)


class Endpoint(object):
    """A bound UDP socket. Only the constructor and ``renew`` raise ``socket.error``."""

    def __init__(self, family, address):
        # type: (int, Tuple[Any, ...]) -> None
        #: The numbers of received and sent datagrams, and of errors by name (EPERM, ENOBUFS, ...).
        self.received = 0
        self.sent = 0
        self.errors = {}  # type: Dict[str, int]
        self._unreachable = []  # type: List[Any]
        self._former = []  # type: List[Any]
        self._socket = self._bound(family, address)
        self.family = family

    def _bound(self, family, address):
        # type: (int, Tuple[Any, ...]) -> Any
        made = selectable(socket.socket(family, socket.SOCK_DGRAM))
        try:
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                self._set(made, socket.SOL_SOCKET, option, BUFFER_BYTES)
            if HAS_ERROR_QUEUE:
                self._set(made, socket.IPPROTO_IP, _IP_RECVERR, 1)
                if family == socket.AF_INET6:
                    self._set(made, socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
            made.setblocking(False)
            made.bind(address)
        except (OSError, socket.error):
            made.close()
            raise
        return made

    def _set(self, made, level, option, value):
        # type: (Any, int, int, int) -> None
        """Set an option, or count the error: some systems refuse a large buffer."""
        try:
            made.setsockopt(level, option, value)
        except (OSError, socket.error) as error:
            self._count(error)

    def renew(self, family, address):
        # type: (int, Tuple[Any, ...]) -> None
        """Send from a new socket. The present one is still read, until ``close_former``."""
        made = self._bound(family, address)
        self._former.append(self._socket)
        self._socket = made
        self.family = family

    def problem_towards(self, address):
        # type: (Any) -> str
        """Why this system cannot send from here to an address, as far as it knows beforehand; empty if it can."""
        trial = None
        try:
            trial = socket.socket(self.family, socket.SOCK_DGRAM)
            trial.bind((self.address[0], 0))
            # Sends nothing.
            trial.connect(address)
        except (OSError, socket.error, TypeError) as error:
            return getattr(error, 'strerror', None) or str(error)
        finally:
            if trial is not None:
                trial.close()
        return ''

    def close_former(self):
        # type: () -> None
        """Close the sockets that ``renew`` replaced."""
        for former in self._former:
            former.close()
        self._former = []

    def close(self):
        # type: () -> None
        self.close_former()
        self._socket.close()

    @property
    def address(self):
        # type: () -> Tuple[Any, ...]
        return self._socket.getsockname()

    @property
    def receive_buffer_bytes(self):
        # type: () -> int
        """The size of the buffer that the system gave. Linux doubles what is asked for, to have room for overhead."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)

    def readers(self):
        # type: () -> List[Any]
        return [self._socket] + self._former

    def receive(self):
        # type: () -> Tuple[bytes, Any] | None
        """The next ``(datagram, address)`` that has arrived, or None."""
        received = self._receive(self._socket)
        for former in self._former:
            if received is None:
                received = self._receive(former)
        return received

    def _receive(self, source):
        # type: (Any) -> Tuple[bytes, Any] | None
        for _ in range(TRIES_MAX):
            try:
                # One byte over the limit, because ``recvfrom`` truncates silently.
                received = source.recvfrom(DATAGRAM_BYTES_MAX + 1)
            except (OSError, socket.error) as error:
                if error.errno in _NOTHING_THERE:
                    return None
                if error.errno != errno.EINTR and not self._note_error(source, error):
                    return None
            else:
                self.received += 1
                return received
        return None

    def send(self, datagram, address):
        # type: (bytes, Any) -> None
        for _ in range(2):
            try:
                self._socket.sendto(datagram, address)
            except (OSError, socket.error, OverflowError, TypeError) as error:
                # The last two: an address of the wrong form, such as one of another family.
                is_report = self._note_error(self._socket, error)
                # A datagram that is too long would only add another error to the queue.
                if not is_report or error.errno == errno.EMSGSIZE:  # type: ignore[union-attr]
                    return
            else:
                self.sent += 1
                return

    def take_unreachable(self):
        # type: () -> List[Any]
        """The addresses that ICMP errors named since the last call. Such an error can be forged."""
        taken, self._unreachable = self._unreachable, []
        return taken

    def _note_error(self, source, error):
        # type: (Any, Exception) -> bool
        """Count an error. Returns whether the error queue had it, so that it belongs to a datagram sent before."""
        number = getattr(error, 'errno', None)
        reports = 0
        while HAS_ERROR_QUEUE and number is not None and reports < ERRORS_READ_MAX:
            try:
                # Never blocks. The queue holds the datagram and its destination; one byte of the datagram is enough.
                _, address = source.recvfrom(1, _MSG_ERRQUEUE)
            except (OSError, socket.error):
                break
            reports += 1
            # EMSGSIZE: a link refused a long datagram, which says nothing about the peer.
            if number != errno.EMSGSIZE and len(self._unreachable) < UNREACHABLE_MAX:
                self._unreachable.append(address)
        self._count(error, reports or 1)
        return reports > 0

    def _count(self, error, times=1):
        # type: (Exception, int) -> None
        number = getattr(error, 'errno', None)
        name = type(error).__name__ if number is None else errno.errorcode.get(number, type(error).__name__)
        self.errors[name] = self.errors.get(name, 0) + times


def resolve_here(host, port, family=0):
    # type: (str, int, int) -> Tuple[int, Tuple[Any, ...]]
    """The ``(family, address)`` of a host to listen on. May block on a name; raises ``socket.gaierror``."""
    family, _, _, _, address = socket.getaddrinfo(host, port, family, socket.SOCK_DGRAM, 0, socket.AI_PASSIVE)[0]
    return family, address


def is_loopback(address):
    # type: (Any) -> bool
    """Whether only this machine can use an address."""
    host = address[0]  # type: str
    return host.startswith(('127.', '::ffff:127.')) or host == '::1'


def shown(address):
    # type: (Any) -> str
    """An address for people: ``host:port`` or ``[host]:port``."""
    host, port = address[:2]
    return '[%s]:%d' % (host, port) if ':' in host else '%s:%d' % (host, port)
