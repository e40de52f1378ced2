"""The cores, loops and sockets of the real programs in one process. Their loops turn one after the other.

The test moves the clock. A loop turns when a datagram has arrived or a timer is due. Thus the number of rows in a
datagram, and with it every count, is the same on every machine. The interpreter reports each call of a Python function
and of a builtin, and these calls are counted.
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
#: Virtual time between two turns of a loop.
TURN_S = 0.001

#: The name of a builtin, or the file and name of a Python function -> the kind of work.
BUILTINS = {
    'recvfrom': 'system calls', 'recvfrom_into': 'system calls', 'recvmsg': 'system calls', 'sendto': 'system calls',
    'sendmsg': 'system calls', 'select': 'system calls', 'poll': 'system calls', 'write': 'system calls',
    'heappush': 'heap operations', 'heappop': 'heap operations', 'heapify': 'heap operations',
}
FUNCTIONS = {
    (os.path.join('json', 'decoder.py'), 'decode'): 'JSON calls',
    (os.path.join('json', 'encoder.py'), 'encode'): 'JSON calls',
    # This function calls the scanner of the json module, and a profile function sees no such call.
    (os.path.join('net_protocol', 'codec.py'), 'loads'): 'JSON calls',
    (os.path.join('net_protocol', 'timers.py'), 'set'): 'timer operations',
    (os.path.join('net_protocol', 'timers.py'), 'cancel'): 'timer operations',
    (os.path.join('logging', '__init__.py'), '_log'): 'log calls',
}
#: Builtins that send datagrams.
SENDS = ('sendto', 'sendmsg')


class Work(object):
    """Counts the calls between ``__enter__`` and ``__exit__``."""

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
    """Signals for a loop that is never stopped."""

    count = 0

    def __init__(self):
        self._ends = socket.socketpair()

    def fileno(self):
        return self._ends[0].fileno()

    def close(self):
        for end in self._ends:
            end.close()


class Seat(object):
    """The core, socket and loop of one process, and the counts of its work."""

    def __init__(self, core, seed, signals, clock, upstream=None):
        self.core = core
        self.endpoint = Endpoint(socket.AF_INET, (LOOPBACK, 0))
        self.work = Work()
        self._loop = Loop(core, self.endpoint, signals, clock, EventLog(EVERY, clock))
        # The first datagram number is random, and its length decides how many rows fit in a datagram.
        self._loop.turn._rng = random.Random(seed)
        self._loop.turn.set_upstream(upstream)
        core.start(clock())

    def turn_if_due(self, now):
        timer = self._loop.turn.next_timer()
        if select.select(self.endpoint.readers(), [], [], 0)[0] or (timer is not None and timer <= now):
            with self.work:
                self._loop._turn(*self._loop._wait())


class Lockstep(object):
    """A dispatcher, calculators and a client with a fixed number of tasks in flight. Use as a context manager."""

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
            self._turn_all()
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
        """Turn until the client has so many answers."""
        for _ in range(100 * tasks):
            if self.client.core.statistics.answered >= tasks:
                return
            self._turn_all()
        raise AssertionError('%d of %d tasks' % (self.client.core.statistics.answered, tasks))

    def clear_counts(self):
        for seat in self.seats:
            seat.work.counts.clear()

    def _turn_all(self):
        self.now += TURN_S
        for seat in self.seats:
            seat.turn_if_due(self.now)

    def _seat(self, core, dispatcher=None):
        return Seat(core, 5, self._signals, lambda: self.now,
                    None if dispatcher is None else dispatcher.endpoint.address)

    def _draw_incarnation(self):
        return draw_incarnation(self._rng)
