"""The real programs' cores, loops and sockets in one process, one turn after the other, and all that they do counted.

Real time plays no part: each loop turns when something has arrived or a timer is due by a clock that the test moves. So
how many rows share a datagram, and with it every count, is the same on every machine. What is counted is read from the
interpreter itself, which reports each call: of a Python function, and of a builtin.
"""

from __future__ import absolute_import, division, print_function

import os
import random
import select
import socket
import sys
from collections import Counter

from calculator.core import CalculatorCore
from calculator.settings import SETTINGS as CALCULATOR_SETTINGS
from client.core import ClientCore
from client.settings import SETTINGS as CLIENT_SETTINGS
from common.sentences import SENTENCES
from dispatcher.core import DispatcherCore
from dispatcher.settings import SETTINGS as DISPATCHER_SETTINGS
from net_protocol.core import draw_incarnation
from runtime.endpoint import Endpoint
from runtime.logs import EventLog
from runtime.loop import Loop

EVERY = {kind: entry for table in SENTENCES.values() for kind, entry in table.items()}

LOOPBACK = '127.0.0.1'
#: Virtual time from one turn of all to the next.
TURN_S = 0.001

#: What is counted: the name of a builtin, or the file and name of a Python function -> the kind of work.
BUILTINS = {
    'recvfrom': 'system calls', 'recvfrom_into': 'system calls', 'recvmsg': 'system calls', 'sendto': 'system calls',
    'sendmsg': 'system calls', 'select': 'system calls', 'poll': 'system calls', 'write': 'system calls',
    'heappush': 'heap operations', 'heappop': 'heap operations', 'heapify': 'heap operations',
}
FUNCTIONS = {
    (os.path.join('json', 'decoder.py'), 'decode'): 'JSON calls',
    (os.path.join('json', 'encoder.py'), 'encode'): 'JSON calls',
    # It calls the scanner of the json module itself, which no profile function hears of.
    (os.path.join('net_protocol', 'codec.py'), 'loads'): 'JSON calls',
    (os.path.join('net_protocol', 'timers.py'), 'set'): 'timer operations',
    (os.path.join('net_protocol', 'timers.py'), 'cancel'): 'timer operations',
    (os.path.join('logging', '__init__.py'), '_log'): 'log calls',
}
#: Builtins by which datagrams leave.
SENDS = ('sendto', 'sendmsg')


class Work(object):
    """Counts what happens between ``__enter__`` and ``__exit__``."""

    def __init__(self):
        self.counts = Counter()

    def __enter__(self):
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_):
        sys.setprofile(None)

    def _note(self, frame, event, argument):
        if event == 'call':
            self.counts['calls of Python functions'] += 1
            code = frame.f_code
            for (path, name), kind in FUNCTIONS.items():
                if name == code.co_name and code.co_filename.endswith(path):
                    self.counts[kind] += 1
        elif event == 'c_call':
            name = argument.__name__
            if name in BUILTINS:
                self.counts[BUILTINS[name]] += 1
            if name in SENDS:
                self.counts['datagrams'] += 1


class Signals(object):
    """As much of the stop signals as a loop needs: none ever comes."""

    count = 0

    def __init__(self):
        self._ends = socket.socketpair()

    def fileno(self):
        return self._ends[0].fileno()

    def close(self):
        for end in self._ends:
            end.close()


class Seat(object):
    """One process of the system: its core, its socket, its loop, its work."""

    def __init__(self, core, seed, signals, clock, upstream=None):
        self.core = core
        self.endpoint = Endpoint(socket.AF_INET, (LOOPBACK, 0))
        self.work = Work()
        self._loop = Loop(core, self.endpoint, signals, clock, EventLog(EVERY, clock))
        # First numbers are drawn: how long they are decides how many rows fit in a datagram.
        self._loop.turn._rng = random.Random(seed)
        self._loop.turn.set_upstream(upstream)
        core.start(clock())

    def turn_if_due(self, now):
        timer = self._loop.turn.next_timer()
        if select.select(self.endpoint.readers(), [], [], 0)[0] or (timer is not None and timer <= now):
            with self.work:
                self._loop._turn(*self._loop._wait())


class Lockstep(object):
    """A dispatcher, some calculators and a client in a closed loop. Use as a context manager."""

    def __init__(self, in_flight, capacity, calculators=2):
        self.now = 1000.0
        self._rng = random.Random(1)
        self._signals = Signals()
        self.dispatcher = self._seat(DispatcherCore(
            DISPATCHER_SETTINGS.checked({}), 'dispatcher', self._draw_incarnation(), random.Random(2)))
        calculator = {'capacity': capacity, 'task_duration_s': [0, 0], 'outage': {'probability': 0}}
        self.calculators = [self._seat(CalculatorCore(
            CALCULATOR_SETTINGS.checked(calculator), 'calculator-%d' % number, self._draw_incarnation,
            random.Random(3)), self.dispatcher) for number in range(calculators)]
        self.seats = [self.dispatcher] + self.calculators
        for _ in range(10):
            self._everybody_turns()
        self.client = self._seat(ClientCore(
            CLIENT_SETTINGS.checked({'task_interval_s': [0, 0], 'in_flight_max': in_flight}), 'client',
            self._draw_incarnation(), random.Random(4)), self.dispatcher)
        self.seats.append(self.client)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for seat in self.seats:
            seat.endpoint.close()
        self._signals.close()

    def until_answered(self, tasks):
        """Turn until the client has that many answers."""
        for _ in range(100 * tasks):
            if self.client.core.statistics.answered >= tasks:
                return
            self._everybody_turns()
        raise AssertionError('%d of %d tasks' % (self.client.core.statistics.answered, tasks))

    def forget(self):
        """Count from here on."""
        for seat in self.seats:
            seat.work.counts.clear()

    def _everybody_turns(self):
        self.now += TURN_S
        for seat in self.seats:
            seat.turn_if_due(self.now)

    def _seat(self, core, dispatcher=None):
        return Seat(core, 5, self._signals, lambda: self.now,
                    None if dispatcher is None else dispatcher.endpoint.address)

    def _draw_incarnation(self):
        return draw_incarnation(self._rng)
