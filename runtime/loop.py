"""The loop of a process: the only place where the process waits.

One pass: wait until input is readable or a timer is due; handle signals and sources; run one ``net_protocol.turn``,
which receives, handles, writes the journal and sends; call the hooks and services of this process.
"""

from __future__ import absolute_import, division, print_function

import os
import random

from common.sketch import Sketch
from net_protocol.schedule import ACK_DELAY_S
from net_protocol.seals import CHECKSUM
from net_protocol.turn import Turn
from runtime.descriptors import ready
from runtime.endpoint import is_loopback
from runtime.journal_file import JournalFailed

MYPY = False
if MYPY:
    from typing import Any, Callable, List, Tuple  # noqa: F401

    from net_protocol.core import Core, Event  # noqa: F401
    from runtime.endpoint import Endpoint  # noqa: F401
    from runtime.journal_file import JournalFile  # noqa: F401
    from runtime.wakeup import Wakeup  # noqa: F401

#: Bytes of the secret from which tickets are made.
SECRET_BYTES = 16

#: The longest wait. It bounds the delay that a bug in the timers can cause.
WAIT_MAX_S = 60.0


class Hook(object):
    """An action at regular intervals."""

    def __init__(self, interval_s, action):
        # type: (float, Callable[[float], None]) -> None
        self.interval_s = interval_s
        self.action = action
        self.due_at = None  # type: float | None


class Loop(object):
    """Drives one core over one endpoint until the core is stopped.

    ``log`` has ``event(event)`` and ``refusal(cause, detail, address)``; ``seal`` signs and checks datagrams;
    ``journal`` writes the core's records, or is None.
    """

    def __init__(self, core, endpoint, signals, monotonic, log, seal=CHECKSUM, journal=None):
        # type: (Core, Endpoint, Wakeup, Callable[[], float], Any, Any, JournalFile | None) -> None
        self.core = core
        self.endpoint = endpoint
        self.log = log
        # Not seeded by ``--seed``: the first numbers of channels must be unpredictable.
        rng = random.Random(random.SystemRandom().getrandbits(128))
        self.turn = Turn(core, rng, seal, os.urandom(SECRET_BYTES), is_loopback)
        self.turn.on_refusal = log.refusal
        self.turn.on_events = self._log_events
        self._signals = signals
        self._monotonic = monotonic
        self._journal = journal
        self._write = None if journal is None else self._write_records
        self._hooks = []  # type: List[Hook]
        self._services = []  # type: List[Any]
        # The services whose input is handled before the input of the socket.
        self._sources = []  # type: List[Any]
        self._stops_seen = 0
        #: Durations of the turns, without the wait.
        self.turns = Sketch()

    def every(self, interval_s, action):
        # type: (float, Callable[[float], None]) -> None
        """Call ``action(now)`` every ``interval_s`` seconds; never if that is 0."""
        if interval_s > 0:
            self._hooks.append(Hook(interval_s, action))

    def attach(self, service, is_source=False):
        # type: (Any, bool) -> None
        """Wait for the ``readers()``, ``writers()`` and ``next_timer()`` of a service too, and call its
        ``handle(readable, writable, now)`` after each turn of the core. A source is also called before the turn,
        so that its input is handled in the same turn.
        """
        self._services.append(service)
        if is_source:
            self._sources.append(service)

    def run(self):
        # type: () -> None
        """Run turns until the core is stopped, or until a second stop signal."""
        now = self._monotonic()
        for hook in self._hooks:
            hook.due_at = now + hook.interval_s
        self.core.start(now)
        self._turn([], [])
        while not self.core.is_stopped and self._signals.count < 2:
            self._turn(*self._wait())
        # Acknowledge the last datagrams that arrived.
        end_at = self._monotonic() + ACK_DELAY_S
        while self._signals.count < 2 and self._monotonic() < end_at:
            self._turn(*self._wait(end_at))

    def _turn(self, readable, writable):
        # type: (List[Any], List[Any]) -> None
        now = self._monotonic()
        if self._signals in readable:
            self._signals.drain()
        if self._signals.count > self._stops_seen:
            self._stops_seen = self._signals.count
            self.core.stop(now)
        turn, endpoint = self.turn, self.endpoint
        for service in self._sources:
            service.handle(readable, writable, now)
        turn.run(now, endpoint.receive, endpoint.send, self._write)
        for address in endpoint.take_unreachable():
            turn.note_unreachable(now, address)
        for hook in self._hooks:
            if now >= hook.due_at:  # type: ignore[operator]
                hook.due_at = now + hook.interval_s
                hook.action(now)
        for service in self._services:
            if service in self._sources:
                service.handle((), (), now)
            else:
                service.handle(readable, writable, now)
        self.turns.add(max(0.0, self._monotonic() - now))

    def _wait(self, end_at=None):
        # type: (float | None) -> Tuple[List[Any], List[Any]]
        readers = self.endpoint.readers() + [self._signals]
        writers = []  # type: List[Any]
        deadlines = [hook.due_at for hook in self._hooks] + [self.turn.next_timer(), end_at]
        for service in self._services:
            readers.extend(service.readers())
            writers.extend(service.writers())
            deadlines.append(service.next_timer())
        now = self._monotonic()
        due_at = min([deadline for deadline in deadlines if deadline is not None] or [now + WAIT_MAX_S])
        return ready(readers, writers, min(max(0.0, due_at - now), WAIT_MAX_S))

    def _log_events(self, events):
        # type: (List[Event]) -> None
        for event in events:
            self.log.event(event)

    def _write_records(self, records):
        # type: (Any) -> str | None
        try:
            self._journal.write(records, self._monotonic())  # type: ignore[union-attr]
        except JournalFailed as error:
            return str(error)
        return None
