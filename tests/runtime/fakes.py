"""A simulated operating system for the loop: the test controls time, sockets, signals and names.

``World.select`` replaces ``select.select``. If nothing is readable, the simulated time advances at once to the next
planned action or to the end of the wait. So a test of hours takes a millisecond, and the speed of the machine does not
matter.
"""

from __future__ import absolute_import, division, print_function

import select
from heapq import heappop, heappush

from net_protocol import codec
from net_protocol.channel import Channel
from net_protocol.core import Core
from net_protocol.rows import CLIENT, DISPATCHER
from runtime import names

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401

#: The incarnation of every peer.
INCARNATION = u'k3f7q2xa'


class World(object):
    """The time, the planned actions, and a trace of calls."""

    error = select.error

    def __init__(self):
        self.now = 1000.0
        self.waits = []
        self.trace = []
        #: Errors that the next waits raise, one each.
        self.errors = []
        self._planned = []
        self._sequence = 0

    def monotonic(self):
        return self.now

    def at(self, time, action):
        """Plan an action for the wait that reaches its time."""
        self._sequence += 1
        heappush(self._planned, (time, self._sequence, action))

    def select(self, readers, writers, errors, timeout):
        """``select.select`` in simulated time."""
        assert len(self.waits) < 10000, 'the loop does not wait'
        assert not writers and not errors
        self.waits.append(timeout)
        if self.errors:
            raise self.errors.pop(0)
        end_at = float('inf') if timeout is None else self.now + timeout
        self._run_due()
        while not any(reader.is_readable for reader in readers) and self._next_at() <= end_at:
            assert self._planned or timeout is not None, 'an endless wait'
            self.now = max(self.now, self._next_at())
            self._run_due()
        if not any(reader.is_readable for reader in readers):
            # An action may have advanced the time past the end of the wait.
            self.now = max(self.now, end_at)
        return [reader for reader in readers if reader.is_readable], [], []

    def _next_at(self):
        return self._planned[0][0] if self._planned else float('inf')

    def _run_due(self):
        while self._next_at() <= self.now:
            heappop(self._planned)[2]()


class FakeEndpoint(object):
    """Delivers the datagrams in ``arrived`` and keeps the sent ones."""

    def __init__(self, world):
        self._world = world
        self.family = 0
        self.address = ('127.0.0.1', 40000)
        self.sent = 0
        self.errors = {}
        self.arrived = []
        self.datagrams = []
        self.unreachable = []
        #: The times and addresses of new sockets, and the times at which the former sockets were closed.
        self.renewed = []
        self.closed_at = []
        #: Families that this machine does not have.
        self.missing_families = []
        self.problem = ''

    @property
    def is_readable(self):
        return bool(self.arrived) or bool(self.unreachable)

    def readers(self):
        return [self]

    def receive(self):
        return self.arrived.pop(0) if self.arrived else None

    def send(self, datagram, address):
        self.sent += 1
        self.datagrams.append((datagram, address))

    def take_unreachable(self):
        taken, self.unreachable = self.unreachable, []
        return taken

    def renew(self, family, address):
        if family in self.missing_families:
            raise OSError(97, 'Address family not supported by protocol')
        self.family = family
        self.renewed.append((self._world.now, (family, address)))

    def close_former(self):
        self.closed_at.append(self._world.now)

    def problem_towards(self, address):
        return self.problem

    def rows_to(self, address):
        """The rows of each datagram sent to an address."""
        return [codec.decode(datagram).rows for datagram, target in self.datagrams if target == address]


class FakeSignals(object):
    """Requests to stop, which the test makes."""

    def __init__(self):
        self.count = 0
        self.is_readable = False

    def arrive(self):
        self.count += 1
        self.is_readable = True

    def drain(self):
        self.is_readable = False


class FakeLookup(object):
    """One look-up of a name. Its answer, the next of ``answers``, arrives after a tenth of a second."""

    #: The answers of the next look-ups: a list of ``[family, address]``, or the reason for a failure.
    answers = []
    world = None  # type: Any
    asked_at = []

    def __init__(self, host, port, family):
        self.asked_at.append(self.world.now)
        self.is_readable = False
        self.world.at(self.world.now + 0.1, self._answer)

    def _answer(self):
        self.is_readable = True

    def answer(self):
        assert self.is_readable, 'the answer has not arrived'
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    @classmethod
    def patch(cls, monkeypatch, world):
        """Replace ``names.Lookup``; return the class that replaces it."""
        made = type('Lookup', (cls,), {'world': world, 'answers': [], 'asked_at': []})
        monkeypatch.setattr(names, 'Lookup', made)
        return made


class FakeLog(object):
    """Keeps the reports of the loop."""

    def __init__(self):
        self.refusals = []
        self.moved = []
        self.silence = []
        self.cut = []

    def event(self, event):
        pass

    def refusal(self, cause, detail, address):
        self.refusals.append((cause, detail, address))

    def peer_moved(self, peer):
        self.moved.append(peer.address)

    def peer_silence(self, peer, is_silent, is_port_fixed):
        self.silence.append((is_silent, is_port_fixed))

    def cut_off(self, local, remote, reason):
        self.cut.append((local, remote, reason))


class FakeCore(Core):
    """Records each call. The test sets timers, and sends rows with ``say``."""

    ROLE = DISPATCHER

    def __init__(self, world):
        super(FakeCore, self).__init__(u'core', u'aaaaaaaa')
        self._world = world
        self.calls = []
        self.timer_at = None
        #: Seconds between timers; 0: only one timer.
        self.timer_every_s = 0.0
        self.stops_at_once = False
        self.records = None
        self.written = []
        self._channels = {}

    def start(self, now):
        self._note('start', now)

    def stop(self, now):
        self._note('stop', now)
        self.is_stopped = self.stops_at_once

    def end(self):
        self.is_stopped = True

    def say(self, address):
        """Send a row to an address, on an open channel."""
        if address not in self._channels:
            channel = self._channels[address] = Channel(CLIENT, u'peer', INCARNATION)
            channel.restart(u'1.0123456789', u'peer', INCARNATION)
            channel.use_address(address, True)
        self.send(self._channels[address], 'ping', [])

    def settle(self, now):
        self._world.trace.append('settle')

    def take_records(self):
        records, self.records = self.records, None
        return records

    def note_written(self, now, failure):
        self.written.append(failure)

    def handle_timer(self, now):
        if self.timer_at is not None and self.timer_at <= now:
            self._note('timer', now)
            self.timer_at = now + self.timer_every_s if self.timer_every_s else None

    def next_timer(self):
        return self.timer_at

    def account(self, now):
        return {}

    def check_invariants(self):
        pass

    def times_of(self, call):
        return [at for name, at in self.calls if name == call]

    def _note(self, call, now):
        self._world.trace.append(call)
        self.calls.append((call, now))
