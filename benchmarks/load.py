"""The closed loop that every peer's client drives: the same work for all.

A fixed number of tasks is in flight: after each answer the client sends the next task, until the time is over; then it
waits for the remaining answers. A payload is 100 hexadecimal digits, its result the CRC-32 as eight, which the client
checks. Payloads are drawn before the clock starts.
"""

from __future__ import absolute_import, division, print_function

import json
import random
import resource
import sys
import time
from binascii import crc32

from benchmarks.figures import SHARES, quantile
from runtime.clock import monotonic

PAYLOAD_BYTES = 100
_PAYLOADS = 1000

#: A task with this payload never ends: its worker reports when it began, and sleeps.
ENDLESS = b'endless'
BEGAN = 'began at '


def compute(payload):
    if payload == ENDLESS:
        say('%s%r' % (BEGAN, monotonic()))
        while True:
            time.sleep(60)
    return b'%08x' % (crc32(payload) & 0xffffffff)


def say(line):
    """Write a line that the harness waits for."""
    print(line)
    sys.stdout.flush()


class Load(object):
    """The tasks of one client.

    A peer's client calls ``drive`` once connected. One that is driven by callbacks calls ``begin``, sends the tasks of
    ``new(in_flight)``, calls ``done`` for each result and then sends those of ``new`` again, while ``out`` is above 0.
    """

    def __init__(self, in_flight, duration_s):
        self.in_flight = in_flight
        self._duration_s = duration_s
        rng = random.Random(1)
        self._payloads = [b'%0*x' % (PAYLOAD_BYTES, rng.getrandbits(4 * PAYLOAD_BYTES)) for _ in range(_PAYLOADS)]
        self._sent = 0
        # Number -> (when it was sent, payload) of each task that is out.
        self._out = {}
        self._latencies = []
        self._wrong = 0
        self._began_at = self._over_at = self._ended_at = 0.0
        self._cpu_s = 0.0

    @property
    def out(self):
        return len(self._out)

    def drive(self, send, receive):
        """``send(tasks)`` takes (number, payload) pairs; ``receive()`` returns at least one (number, result)."""
        self.begin()
        send(self.new(self.in_flight))
        while self.out:
            results = receive()
            for number, result in results:
                self.done(number, result)
            send(self.new(len(results)))

    def begin(self):
        self._cpu_s = cpu_s()
        self._began_at = monotonic()
        self._over_at = self._began_at + self._duration_s

    def new(self, count=1):
        """(Number, payload) of that many new tasks, none when the time is over."""
        now = monotonic()
        if now >= self._over_at:
            return []
        first = self._sent + 1
        self._sent += count
        payloads = self._payloads
        tasks = [(number, payloads[number % len(payloads)]) for number in range(first, first + count)]
        for number, payload in tasks:
            self._out[number] = now, payload
        return tasks

    def done(self, number, result):
        self._ended_at = now = monotonic()
        sent_at, payload = self._out.pop(number)
        self._latencies.append(now - sent_at)
        if result != compute(payload):
            self._wrong += 1

    def report(self):
        """The account of the run, in the same form as that of ``own_client``."""
        ordered = sorted(self._latencies)
        return {'answered': len(ordered) - self._wrong, 'wrong': self._wrong,
                'duration_s': self._ended_at - self._began_at, 'cpu_s': cpu_s() - self._cpu_s,
                'quantiles_s': [quantile(ordered, share) for share in SHARES] if ordered else []}


class EndlessLoad(Load):
    """One task that never ends."""

    def __init__(self):
        super(EndlessLoad, self).__init__(1, float('inf'))
        self._payloads = [ENDLESS]


def cpu_s():
    """Processor seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def write_report(load):
    json.dump(load.report(), sys.stdout)
    sys.stdout.flush()
