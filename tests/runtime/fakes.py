"""A world without an operating system for the loop: time, sockets, signals and names that do what a test says.

``World.select`` takes the place of the system's: where nothing is readable it lets the time pass at once, to the next
thing that was planned or to the end of the wait. So a test of hours takes a millisecond, and nothing depends on how
fast a machine is.
"""

from __future__ import absolute_import, division, print_function

import select
from heapq import heappop, heappush

from net_protocol import codec
from net_protocol.core import Core

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Tuple  # noqa: F401

#: The life of whoever speaks to the core under test.
LIFE = u'k3f7q2xa'


class World(object):
    """The time, what is planned, and what happened."""

    error = select.error

    def __init__(self):
        # type: () -> None
        self.now = 1000.0
        self.waits = []  # type: List[float | None]
        self.trace = []  # type: List[Any]
        #: Raised by the next waits, one by one.
        self.errors = []  # type: List[Exception]
        self._planned = []  # type: List[Tuple[float, int, Callable[[], Any]]]
        self._sequence = 0

    def monotonic(self):
        # type: () -> float
        return self.now

    def at(self, time, action):
        # type: (float, Callable[[], Any]) -> None
        """Plan something; it happens in the wait that reaches its time."""
        self._sequence += 1
        heappush(self._planned, (time, self._sequence, action))

    def select(self, readers, writers, errors, timeout):
        # type: (List[Any], List[Any], List[Any], float | None) -> Tuple[List[Any], List[Any], List[Any]]
        """What ``select.select`` does, in this world."""
        assert len(self.waits) < 10000, 'the loop turns and turns'
        assert not writers
        assert not errors
        self.waits.append(timeout)
        if self.errors:
            raise self.errors.pop(0)
        end_at = float('inf') if timeout is None else self.now + timeout
        self._let_happen()
        while not any(reader.is_readable for reader in readers) and self._next_at() <= end_at:
            assert self._planned or timeout is not None, 'a wait for ever'
            self.now = max(self.now, self._next_at())
            self._let_happen()
        if not any(reader.is_readable for reader in readers):
            # What happened may have held us up past the end of the wait.
            self.now = max(self.now, end_at)
        return [reader for reader in readers if reader.is_readable], [], []

    def _next_at(self):
        # type: () -> float
        return self._planned[0][0] if self._planned else float('inf')

    def _let_happen(self):
        # type: () -> None
        while self._next_at() <= self.now:
            heappop(self._planned)[2]()


class FakeEndpoint(object):
    """Holds what has arrived, and keeps what was sent."""

    def __init__(self, world):
        # type: (World) -> None
        self._world = world
        self.arrived = []  # type: List[Tuple[bytes, Any]]
        self.sent = []  # type: List[Tuple[Any, Any]]
        self.datagrams = []  # type: List[Tuple[bytes, Any]]

    @property
    def is_readable(self):
        # type: () -> bool
        return bool(self.arrived)

    def receive(self):
        # type: () -> Any
        return self.arrived.pop(0) if self.arrived else None

    def send(self, datagram, address):
        # type: (bytes, Any) -> None
        self._world.trace.append('send')
        self.datagrams.append((datagram, address))
        self.sent.append((codec.decode(datagram), address))

    def messages_to(self, address):
        # type: (Any) -> List[List[Any]]
        """The messages sent there, datagram by datagram."""
        return [envelope.messages for envelope, target in self.sent if target == address]


class FakeSignals(object):
    """Counts requests to stop that a test makes."""

    def __init__(self):
        # type: () -> None
        self.count = 0
        self.is_readable = False

    def arrive(self):
        # type: () -> None
        self.count += 1
        self.is_readable = True

    def drain(self):
        # type: () -> None
        self.is_readable = False


class FakeLookup(object):
    """One question for a name, answered after a tenth of a second with the next of the world's answers."""

    #: What the next questions find: a list of ``[family, address]``, or a text that says why there is none.
    answers = []  # type: List[Any]
    world = None  # type: Any
    asked_at = []  # type: List[float]

    def __init__(self, host, port, family):
        # type: (str, int, int) -> None
        self.asked_at.append(self.world.now)
        self.is_readable = False
        self.is_closed = False
        self.world.at(self.world.now + 0.1, self._answer)

    def _answer(self):
        # type: () -> None
        self.is_readable = True

    def answer(self):
        # type: () -> Any
        assert self.is_readable, 'taken before it was there'
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def close(self):
        # type: () -> None
        self.is_closed = True


class FakeLog(object):
    """Keeps what the loop has to say."""

    def __init__(self):
        # type: () -> None
        self.events = []  # type: List[Any]
        self.refusals = []  # type: List[Tuple[str, str, Any]]
        self.moved = []  # type: List[Any]
        self.silence = []  # type: List[Tuple[Any, bool]]

    def event(self, event):
        # type: (Any) -> None
        self.events.append(event)

    def refusal(self, cause, detail, address):
        # type: (str, str, Any) -> None
        self.refusals.append((cause, detail, address))

    def peer_moved(self, peer):
        # type: (Any) -> None
        self.moved.append(peer.address)

    def peer_silence(self, peer, is_silent):
        # type: (Any, bool) -> None
        self.silence.append((peer, is_silent))


class FakeCore(Core):
    """Notes every call, and answers as a test says: ``answers`` maps a message class to ``[(address, message)]``."""

    def __init__(self, world):
        # type: (World) -> None
        super(FakeCore, self).__init__(u'core', u'aaaaaaaa')
        self._world = world
        self.calls = []  # type: List[Tuple[str, float]]
        self.heard = []  # type: List[Tuple[Any, Any]]
        self.answers = {}  # type: Dict[Any, List[Tuple[Any, Any]]]
        self.timer_at = None  # type: float | None
        #: Seconds between timers, 0 for none after the first.
        self.timer_every_s = 0.0
        self.stops_at_once = False

    def start(self, now):
        # type: (float) -> None
        self._note('start', now)

    def stop(self, now):
        # type: (float) -> None
        self._note('stop', now)
        self._stopped = self.stops_at_once

    def end(self):
        # type: () -> None
        """Be drained."""
        self._stopped = True

    def send(self, address, message):
        # type: (Any, Any) -> None
        self._send(address, message)

    def tell(self, kind, **facts):
        # type: (str, **Any) -> None
        self._tell(kind, **facts)

    def handle_message(self, now, sender, message):
        # type: (float, Any, Any) -> None
        self._note('message', now)
        self.heard.append((sender, message))
        self._outgoing.extend(self.answers.get(type(message), []))

    def handle_timer(self, now):
        # type: (float) -> None
        if self.timer_at is not None and self.timer_at <= now:
            self._note('timer', now)
            self.timer_at = now + self.timer_every_s if self.timer_every_s else None

    def next_timer(self):
        # type: () -> float | None
        return self.timer_at

    def account(self, now):
        # type: (float) -> Dict[str, Any]
        return {}

    def check_invariants(self):
        # type: () -> None
        pass

    def times_of(self, call):
        # type: (str) -> List[float]
        return [at for name, at in self.calls if name == call]

    def _note(self, call, now):
        # type: (str, float) -> None
        self._world.trace.append(call)
        self.calls.append((call, now))
