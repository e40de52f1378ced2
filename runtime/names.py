"""Where the dispatcher is: its name resolved, and resolved again when it has gone quiet.

Asking for a name can block for many seconds, and a process that waits for it sends no heartbeat. So a name is asked for
by a small child process whose answer stands in the loop's read set; an address that is written in numbers needs none.
A restarted container has another address under the same name: whoever hears nothing asks again, at growing intervals.
"""

from __future__ import absolute_import, division, print_function

import errno
import json
import os
import select
import socket
import subprocess
import sys

MYPY = False
if MYPY:
    from typing import Any, Callable, List, Tuple  # noqa: F401

    from runtime.signals import StopSignals  # noqa: F401

#: Nothing heard for this long: perhaps it moved. Longer than a heartbeat and its acknowledgement usually are apart.
QUIET_S = 5.0

#: Wait between two questions for a name: doubling from the first to the last.
ASK_FIRST_S = 1.0
ASK_LAST_S = 30.0

# What the child runs. It prints the addresses as JSON, or the system's words for why there are none.
_ASK = '''
import json, socket, sys
try:
    found = socket.getaddrinfo(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), socket.SOCK_DGRAM)
    print(json.dumps([[entry[0], entry[4]] for entry in found]))
except (OSError, socket.error, UnicodeError) as error:
    print(json.dumps(str(getattr(error, 'strerror', None) or error)))
'''


class Lookup(object):
    """One question for a name, under way in a child process."""

    def __init__(self, host, port, family):
        # type: (str, int, int) -> None
        # Not with -S, which would be quicker: in a virtual environment of 2.7 it is `site` that knows the way to the
        # standard library (until 2.7 goes).
        with open(os.devnull, 'r+b') as nowhere:
            self._child = subprocess.Popen(
                [sys.executable, '-E', '-c', _ASK, host, str(port), str(int(family))],
                stdin=nowhere, stdout=subprocess.PIPE, stderr=nowhere, close_fds=True)

    def fileno(self):
        # type: () -> int
        """For ``select``: readable when the answer is here."""
        return self._child.stdout.fileno()  # type: ignore[union-attr]

    def answer(self):
        # type: () -> Any
        """A list of ``[family, address]``, or a text that says why there is none. Waits for the child to end."""
        output = self._child.communicate()[0]
        try:
            return json.loads(output.decode('utf-8'))
        except ValueError:
            return 'the name could not be asked for'

    def close(self):
        # type: () -> None
        """End the question where nobody waits for the answer."""
        if self._child.poll() is None:
            self._child.kill()
        self._child.communicate()


class Peer(object):
    """A process at a host and port from the settings. Cores use it as an address; the loop sends to ``address``.

    ``family`` restricts the answers to those that our socket can reach; 0 takes the first.
    """

    def __init__(self, host, port, family=0):
        # type: (str, int, int) -> None
        self.host = host
        self.port = port
        self.family = family
        #: The address that datagrams go to, or None as long as the name has not been resolved.
        self.address = None  # type: Any
        #: Why there is none.
        self.problem = ''
        self.lookup = None  # type: Lookup | None
        # When the first datagram left that has not been answered by any since; when the last one came.
        self._asked_at = None  # type: float | None
        self._heard_at = None  # type: float | None
        #: Whether a person has been told that it does not answer.
        self.is_called_silent = False
        self._wait_s = ASK_FIRST_S
        self._ask_at = 0.0
        self._is_number = self._take_number()

    def __repr__(self):
        # type: () -> str
        return '%s:%d' % (self.host, self.port)

    def next_timer(self):
        # type: () -> float | None
        """When the name should be asked for (again), or None."""
        return None if self._is_number or self.lookup is not None else self._ask_at

    def note_sent(self, now):
        # type: (float) -> None
        """Something was sent to it. In a turn in which it was heard that is likely to be thanks, which nobody answers;
        if it is a question after all, that will be sent again.
        """
        if self._asked_at is None and now != self._heard_at:
            self._asked_at = now

    def is_silent(self, now):
        # type: (float) -> bool
        """Whether it should have answered long ago. A process that sends nothing can't tell."""
        return self._asked_at is not None and now - self._asked_at >= QUIET_S

    def note_heard(self, now):
        # type: (float) -> None
        """It answers: no need to look for it."""
        self._asked_at = None
        self._heard_at = now
        self._wait_s = ASK_FIRST_S
        self._ask_at = now + QUIET_S

    def handle_timer(self, now):
        # type: (float) -> None
        """Ask, if it is time."""
        due_at = self.next_timer()
        if due_at is None or now < due_at:
            return
        try:
            self.lookup = Lookup(self.host, self.port, self.family)
        except (OSError, IOError) as error:
            # No memory, process or descriptor to be had just now: no reason to end a process that works.
            self._ask_later(now, str(error.strerror))

    def take_answer(self, now):
        # type: (float) -> bool
        """The child has answered. Returns whether the address is another one than before."""
        answer = self.lookup.answer()  # type: ignore[union-attr]
        self.lookup = None
        if not isinstance(answer, list) or not answer:
            self._ask_later(now, str(answer or 'no address'))
            return False
        self._ask_later(now, '')
        self.family = answer[0][0]
        addresses = [tuple(address) for _, address in answer]
        # Where there are several, stay with the one in use: the order of answers changes from one to the next.
        if self.address in addresses:
            return False
        self.address = addresses[0]
        return True

    def close(self):
        # type: () -> None
        """Leave no child behind."""
        if self.lookup is not None:
            self.lookup.close()
            self.lookup = None

    def _ask_later(self, now, problem):
        # type: (float, str) -> None
        self.problem = problem
        self._ask_at = now + self._wait_s
        self._wait_s = min(2 * self._wait_s, ASK_LAST_S)

    def _take_number(self):
        # type: () -> bool
        found = _number(self.host, self.port, self.family)
        if found is None:
            return False
        self.family, self.address = found
        return True

    @property
    def other_family(self):
        # type: () -> int | None
        """The family of an address in numbers that our socket can't reach; None where it can, or it is a name."""
        found = None if self._is_number else _number(self.host, self.port, 0)
        return None if found is None else found[0]


def _number(host, port, family):
    # type: (str, int, int) -> Tuple[int, Any] | None
    """Family and address of a host in numbers, None where it is a name or of another family."""
    try:
        found = socket.getaddrinfo(host, port, family, socket.SOCK_DGRAM, 0, socket.AI_NUMERICHOST)
    except (OSError, socket.error, UnicodeError):
        return None
    return found[0][0], found[0][4]


def wait_for_name(peer, signals, monotonic, say, until=None):
    # type: (Peer, StopSignals, Callable[[], float], Callable[..., None], float | None) -> bool
    """Wait until the name of a peer resolves for the first time; ``say`` tells a person. False: we were asked to stop,
    or it was ``until`` then.
    """
    while peer.address is None and not signals.count:
        now = monotonic()
        if until is not None and now >= until:
            break
        peer.handle_timer(now)
        waits = [peer.lookup] if peer.lookup is not None else []
        timers = [timer for timer in (peer.next_timer(), until) if timer is not None]
        if _readable([signals] + waits, max(0.0, min(timers) - now) if timers else None):
            signals.drain()
            if waits and _readable(waits, 0):
                peer.take_answer(monotonic())
                if peer.address is None:
                    say('waiting for the name "%s" to appear (%s)', peer.host, peer.problem)
    return peer.address is not None


def _readable(readers, timeout_s):
    # type: (List[Any], float | None) -> Any
    try:
        return select.select(readers, [], [], timeout_s)[0]
    except select.error as error:
        # On 2.7 a signal ends the wait with an error (until 2.7 goes); whoever waits looks again.
        if error.args[0] != errno.EINTR:
            raise
        return []
