"""The one loop that all three processes share, and the only place where they block.

One turn: wait until something is readable or a timer is due; read what has arrived, within bounds, and hand each
message to the core; let due timers fire; write what must outlive this process, all in one go; then send what came of
it, grouped by address into as few datagrams as fit. Under load one datagram carries many messages and the price of a
system call is shared; when idle nothing waits for company. Where very much has arrived it is answered in portions, so
that those who wait for the first do not wait for the last.
"""

from __future__ import absolute_import, division, print_function

import errno
import os
import select

from net_protocol.addresses import Addresses
from net_protocol.errors import DatagramRefused
from net_protocol.histogram import Histogram
from net_protocol.wire import Wire
from runtime.endpoint import is_loopback
from runtime.journal_file import JournalFailed
from runtime.names import Peer

MYPY = False
if MYPY:
    from typing import Any, Callable, List, Tuple  # noqa: F401

    from net_protocol.core import Core  # noqa: F401
    from net_protocol.guard import Guard  # noqa: F401
    from net_protocol.wire import Traffic  # noqa: F401
    from runtime.endpoint import Endpoint  # noqa: F401
    from runtime.journal_file import JournalFile  # noqa: F401
    from runtime.signals import StopSignals  # noqa: F401

#: Datagrams read in one turn, and messages in them. Enough that a burst is handled together, so few that timers fire in
#: time under a flood, be it one of small datagrams or of full ones.
READS_MAX = 256
MESSAGES_READ_MAX = 2048

#: After so many messages what came of them is sent before more is read. Otherwise all that is under way gathers in one
#: crowd, which every process handles while the others wait: that costs a tenth of the throughput. Many enough that
#: datagrams stay full.
PORTION_MESSAGES = 32

#: The secret from which the tokens of addresses are made: as long as one that nobody guesses has to be.
SECRET_BYTES = 16

#: The longest wait. A bound on how long a mistake with timers could go unnoticed, not a poll: nothing happens then.
WAIT_MAX_S = 60.0


class Hook(object):
    """Something to do at even intervals: a line of progress, a line of status."""

    def __init__(self, interval_s, action):
        # type: (float, Callable[[float], None]) -> None
        self.interval_s = interval_s
        self.action = action
        self.due_at = None  # type: float | None


class Loop(object):
    """Drives one core over one endpoint until it is stopped.

    ``peer`` is the process whose name may have to be resolved again, ``guard`` decides who is believed, ``journal``
    takes the core's records; each is None where there is none. ``log`` has ``event(event)`` and
    ``refusal(cause, detail, address)``.
    """

    def __init__(self, core, endpoint, signals, monotonic, log, peer=None, guard=None, journal=None):
        # type: (Core, Endpoint, StopSignals, Callable[[], float], Any, Peer | None, Guard | None, JournalFile | None) -> None
        self._addresses = Addresses(os.urandom(SECRET_BYTES), is_loopback)
        self._wire = Wire(core, self._addresses, guard)
        self._core = core
        self._endpoint = endpoint
        self._signals = signals
        self._monotonic = monotonic
        self._log = log
        self._peer = peer
        self._journal = journal
        self._hooks = []  # type: List[Hook]
        # Others that live in this loop: an HTTP server.
        self._guests = []  # type: List[Any]
        self._stops_seen = 0
        #: How long the turns took, the wait not counted.
        self.turns = Histogram()

    @property
    def traffic(self):
        # type: () -> Traffic
        """What went through so far."""
        return self._wire.traffic

    def trust(self, address):
        # type: (Any) -> None
        """Whoever started us wants datagrams to go there, whether or not that address has shown itself."""
        self._addresses.trust(address)

    def every(self, interval_s, action):
        # type: (float, Callable[[float], None]) -> None
        """Call ``action(now)`` every ``interval_s``; never for 0."""
        if interval_s > 0:
            self._hooks.append(Hook(interval_s, action))

    def attend(self, guest):
        # type: (Any) -> None
        """Wait for the ``readers()``, ``writers()`` and ``next_timer()`` of a guest too, and let it ``handle(readable,
        writable, now)`` in every turn.
        """
        self._guests.append(guest)

    def run(self):
        # type: () -> None
        """Turn until the core is stopped, or a second signal says: at once."""
        now = self._monotonic()
        for hook in self._hooks:
            hook.due_at = now + hook.interval_s
        self._core.start(now)
        self._flush(now)
        while not self._core.is_stopped and self._signals.count < 2:
            self._turn()

    def _turn(self):
        # type: () -> None
        readable, writable = self._wait(self._monotonic())
        now = self._monotonic()
        if self._signals in readable:
            self._signals.drain()
        if self._signals.count > self._stops_seen:
            self._stops_seen = self._signals.count
            self._core.stop(now)
        if self._endpoint in readable:
            self._read(now)
        self._core.handle_timer(now)
        if self._peer is not None:
            self._look_for(self._peer, readable, now)
        for hook in self._hooks:
            if now >= hook.due_at:  # type: ignore[operator]
                hook.due_at = now + hook.interval_s
                hook.action(now)
        for guest in self._guests:
            guest.handle(readable, writable, now)
        self._flush(now)
        self.turns.add(max(0.0, self._monotonic() - now))

    def _wait(self, now):
        # type: (float) -> Tuple[List[Any], List[Any]]
        readers = [self._endpoint, self._signals]  # type: List[Any]
        deadlines = [hook.due_at for hook in self._hooks] + [self._core.next_timer()]
        if self._peer is not None:
            deadlines.append(self._peer.next_timer())
            if self._peer.lookup is not None:
                readers.append(self._peer.lookup)
        writers = []  # type: List[Any]
        for guest in self._guests:
            readers.extend(guest.readers())
            writers.extend(guest.writers())
            deadlines.append(guest.next_timer())
        due_at = min([deadline for deadline in deadlines if deadline is not None] or [now + WAIT_MAX_S])
        try:
            return select.select(readers, writers, [], min(max(0.0, due_at - now), WAIT_MAX_S))[:2]
        except select.error as error:
            # On 2.7 a signal ends the wait with an error (until 2.7 goes). Everything is looked at next time.
            if error.args[0] != errno.EINTR:
                raise
            return [], []

    def _read(self, now):
        # type: (float) -> None
        traffic = self._wire.traffic
        portion_ends = traffic.messages_in + PORTION_MESSAGES
        turn_ends = traffic.messages_in + MESSAGES_READ_MAX
        for _ in range(READS_MAX):
            received = self._endpoint.receive()
            if received is None:
                return
            datagram, address = received
            try:
                is_believed = self._wire.receive(now, datagram, address)
            except DatagramRefused as refusal:
                self._log.refusal(refusal.cause, refusal.detail, address)
            else:
                if is_believed and self._peer is not None and address == self._peer.address:
                    self._peer.note_heard(now)
            # One write for all of them is cheaper than one for each portion.
            if traffic.messages_in >= portion_ends and self._journal is None:
                self._flush(now)
                portion_ends = traffic.messages_in + PORTION_MESSAGES
            if traffic.messages_in >= turn_ends:
                return

    def _look_for(self, peer, readable, now):
        # type: (Peer, List[Any], float) -> None
        if peer.lookup is not None and peer.lookup in readable:
            if peer.take_answer(now):
                self._log.peer_moved(peer)
        else:
            peer.handle_timer(now)
        is_silent = peer.is_silent(now)
        if is_silent != peer.is_called_silent:
            peer.is_called_silent = is_silent
            self._log.peer_silence(peer, is_silent)

    def _flush(self, now):
        # type: (float) -> None
        # Written first, so that nobody is told of what a crash would take back.
        if self._journal is not None:
            self._write(self._journal, now)
        for event in self._core.take_events():
            self._log.event(event)
        for address, datagram in self._wire.take_datagrams(now, _resolved):
            self._endpoint.send(datagram, address)
            if self._peer is not None and address == self._peer.address:
                self._peer.note_sent(now)

    def _write(self, journal, now):
        # type: (JournalFile, float) -> None
        records = self._core.take_records()
        if records is None:
            return
        failure = None
        try:
            journal.write(records, now)
        except JournalFailed as error:
            failure = str(error)
        self._core.note_written(now, failure)


def _resolved(target):
    # type: (Any) -> Any
    """Cores name their peer by the ``Peer`` itself; where it is, or that it is nowhere yet, is known here."""
    return target.address if isinstance(target, Peer) else target
