"""Addresses of the dispatcher: its name is resolved at the start, and again after silence.

A resolver can block for many seconds, and a blocked process sends no heartbeats. So a small child process resolves the
name, and the loop waits for its answer. Numeric addresses need no child.
"""

from __future__ import absolute_import, division, print_function

import json
import os
import re
import socket
import subprocess
import sys

from net_protocol.schedule import QUIET_S
from runtime.descriptors import CLOSE_FDS, ready, selectable

MYPY = False
if MYPY:
    from typing import Any, Callable, List, Tuple  # noqa: F401

    from runtime.wakeup import Wakeup  # noqa: F401

_HOST_AND_PORT = re.compile(r'(?:\[([^][]+)\]|([^][]+)):([0-9]{1,5})\Z')

#: The wait between two look-ups doubles from the first to the last value.
ASK_FIRST_S = 1.0
ASK_LAST_S = 30.0

# The program of the child. It prints the addresses, or an error message, as JSON.
_ASK = '''
import json, socket, sys
try:
    found = socket.getaddrinfo(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), socket.SOCK_DGRAM)
    print(json.dumps([[entry[0], entry[4]] for entry in found]))
except (OSError, socket.error, UnicodeError) as error:
    print(json.dumps(str(getattr(error, 'strerror', None) or error)))
'''


def host_and_port(text, port_min=1):
    # type: (str, int) -> Tuple[str, int]
    """The parts of HOST:PORT or [IPV6]:PORT. Raises ``ValueError``."""
    found = _HOST_AND_PORT.match(text)
    if found is None or not port_min <= int(found.group(3)) < 65536:
        raise ValueError('found %s, expected HOST:PORT' % json.dumps(text))
    return found.group(1) or found.group(2), int(found.group(3))


class Lookup(object):
    """A look-up of a name in a child process."""

    def __init__(self, host, port, family):
        # type: (str, int, int) -> None
        with open(os.devnull, 'r+b') as nowhere:
            # Not -S, which starts faster: in a virtual environment of 2.7 only ``site`` knows the path of the standard
            # library (until 2.7 goes).
            self._child = subprocess.Popen(
                [sys.executable, '-E', '-c', _ASK, host, str(port), str(int(family))],
                stdin=nowhere, stdout=subprocess.PIPE, stderr=nowhere, close_fds=CLOSE_FDS)
        try:
            selectable(self._child.stdout)
        except OSError:
            self._child.kill()
            self._child.wait()
            raise

    def fileno(self):
        # type: () -> int
        """Readable when the child has answered."""
        return self._child.stdout.fileno()  # type: ignore[union-attr]

    def answer(self):
        # type: () -> Any
        """A list of ``[family, address]``, or the reason why there is none. Waits for the child to end."""
        output = self._child.communicate()[0]
        try:
            return json.loads(output.decode('utf-8'))
        except ValueError:
            return 'the look-up failed'

    def close(self):
        # type: () -> None
        if self._child.poll() is None:
            self._child.kill()
        self._child.communicate()


class Peer(object):
    """A process at a host and port from the settings. ``address`` is the address in use.

    ``family`` restricts the addresses to one family; addresses of ``preferred`` come first.
    """

    def __init__(self, host, port, family=0, preferred=0):
        # type: (str, int, int, int) -> None
        self.host = host
        self.port = port
        self.preferred = preferred or family
        self._restriction = family
        #: The (family, address) pairs that the name resolved to; the first is in use.
        self.addresses = []  # type: List[Tuple[int, Any]]
        #: Why there is no address.
        self.problem = ''
        self.lookup = None  # type: Lookup | None
        self._wait_s = ASK_FIRST_S
        self._ask_at = 0.0
        found = _numeric(host, port, family)
        self._is_numeric = found is not None
        if found is not None:
            self.addresses = [found]

    def __repr__(self):
        # type: () -> str
        return '%s:%d' % (self.host, self.port)

    @property
    def address(self):
        # type: () -> Any
        """The address in use, or None before the name is resolved."""
        return self.addresses[0][1] if self.addresses else None

    @property
    def family(self):
        # type: () -> int
        """The family of the address in use; before there is one, the required or preferred family."""
        return self.addresses[0][0] if self.addresses else self.preferred

    @property
    def other_family(self):
        # type: () -> int | None
        """The family of a numeric address that the restriction excludes, or None."""
        found = None if self._is_numeric else _numeric(self.host, self.port, 0)
        return None if found is None else found[0]

    def next_timer(self):
        # type: () -> float | None
        """When the name should be looked up (again), or None."""
        return None if self._is_numeric or self.lookup is not None else self._ask_at

    def note_heard(self, now):
        # type: (float) -> None
        """The peer answers, so postpone the next look-up."""
        self._wait_s = ASK_FIRST_S
        self._ask_at = now + QUIET_S

    def handle_timer(self, now):
        # type: (float) -> None
        """Start a look-up if it is due."""
        due_at = self.next_timer()
        if due_at is None or now < due_at:
            return
        try:
            self.lookup = Lookup(self.host, self.port, self._restriction)
        except (OSError, IOError, UnicodeError) as error:
            # A temporary lack of memory, processes or descriptors is no reason to end this process.
            self._ask_later(now, str(getattr(error, 'strerror', None) or error))

    def take_answer(self, now):
        # type: (float) -> bool
        """Take the answer of the child. Returns whether the address in use has changed."""
        answer = self.lookup.answer()  # type: ignore[union-attr]
        self.lookup = None
        if not isinstance(answer, list) or not answer:
            self._ask_later(now, str(answer or 'no address'))
            return False
        self._ask_later(now, '')
        former = self.address
        found = [(family, tuple(address)) for family, address in answer]
        found.sort(key=lambda entry: self.preferred not in (0, entry[0]))
        # The order of answers changes from one look-up to the next. Keep the address in use while it is listed.
        self.addresses = [entry for entry in self.addresses if entry in found]
        self.addresses += [entry for entry in found if entry not in self.addresses]
        return self.address != former

    def use_next(self):
        # type: () -> None
        """Rotate the addresses."""
        self.addresses.append(self.addresses.pop(0))

    def close(self):
        # type: () -> None
        if self.lookup is not None:
            self.lookup.close()
            self.lookup = None

    def _ask_later(self, now, problem):
        # type: (float, str) -> None
        self.problem = problem
        self._ask_at = now + self._wait_s
        self._wait_s = min(2 * self._wait_s, ASK_LAST_S)


def _numeric(host, port, family):
    # type: (str, int, int) -> Tuple[int, Any] | None
    """Family and address of a numeric host; None for a name or another family."""
    try:
        found = socket.getaddrinfo(host, port, family, socket.SOCK_DGRAM, 0, socket.AI_NUMERICHOST)
    except (OSError, socket.error, UnicodeError):
        return None
    return found[0][0], found[0][4]


def wait_for_name(peer, signals, monotonic, say, until=None):
    # type: (Peer, Wakeup, Callable[[], float], Callable[..., None], float | None) -> bool
    """Wait until the name of a peer resolves; ``say`` logs failures. Returns False after a request to stop, and at
    ``until``.
    """
    while peer.address is None and not signals.count:
        now = monotonic()
        if until is not None and now >= until:
            break
        peer.handle_timer(now)
        waits = [peer.lookup] if peer.lookup is not None else []
        timers = [timer for timer in (peer.next_timer(), until) if timer is not None]
        if ready([signals] + waits, [], max(0.0, min(timers) - now) if timers else None)[0]:
            signals.drain()
            if waits and ready(waits, [], 0)[0]:
                peer.take_answer(monotonic())
                if peer.address is None:
                    say('waiting for the name "%s" to resolve (%s)', peer.host, peer.problem)
    return peer.address is not None
