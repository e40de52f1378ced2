"""The closed loop that every peer's client drives: the same work for all.

So many tasks are out at a time; each answer lets the next one go, until the time is over; then what is out is waited
for. A payload is 100 hexadecimal digits, its result the CRC-32 as eight, which the client checks, as our own does.
Payloads are drawn before the clock starts.
"""

from __future__ import absolute_import, division, print_function

import json
import random
import resource
import sys
from binascii import crc32

from benchmarks.figures import SHARES, quantile
from runtime.clock import monotonic

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401

PAYLOAD_BYTES = 100
_PAYLOADS = 1000


def compute(payload):
    # type: (bytes) -> bytes
    """The work of a worker."""
    return b'%08x' % (crc32(payload) & 0xffffffff)


class Load(object):
    """One client's tasks: what is out, and what came of it.

    A peer's client calls ``begin`` once connected, then ``new`` until it has ``in_flight`` tasks out, and for each
    answer ``done`` and ``new`` again, while ``out`` is above 0. ``new`` returns None when the time is over.
    """

    def __init__(self, in_flight, duration_s):
        # type: (int, float) -> None
        self.in_flight = in_flight
        self.out = 0
        self._duration_s = duration_s
        rng = random.Random(1)
        self._payloads = [b'%0*x' % (PAYLOAD_BYTES, rng.getrandbits(4 * PAYLOAD_BYTES)) for _ in range(_PAYLOADS)]
        self._latencies = []  # type: List[float]
        self._wrong = 0
        self.sent = 0
        self._began_at = self._over_at = self._ended_at = 0.0
        self._cpu_s = 0.0

    def begin(self):
        # type: () -> None
        """The clock starts."""
        self._cpu_s = _cpu_s()
        self._began_at = monotonic()
        self._over_at = self._began_at + self._duration_s

    def new(self):
        # type: () -> Tuple[float, bytes] | None
        """The next task as (when it was sent, payload), or None where the time is over."""
        now = monotonic()
        if now >= self._over_at:
            return None
        self.sent += 1
        self.out += 1
        return now, self._payloads[self.sent % _PAYLOADS]

    def done(self, task, result):
        # type: (Tuple[float, bytes], bytes) -> None
        """An answer is here."""
        self._ended_at = now = monotonic()
        self.out -= 1
        self._latencies.append(now - task[0])
        if result != compute(task[1]):
            self._wrong += 1

    def report(self):
        # type: () -> Dict[str, Any]
        """What came of it, as ``own_client`` says it too."""
        ordered = sorted(self._latencies)
        return {'answered': len(ordered) - self._wrong, 'wrong': self._wrong,
                'duration_s': self._ended_at - self._began_at, 'cpu_s': _cpu_s() - self._cpu_s,
                'quantiles_s': [quantile(ordered, share) for share in SHARES] if ordered else []}


def _cpu_s():
    # type: () -> float
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def write_report(load):
    # type: (Load) -> None
    """To standard output, for the harness."""
    json.dump(load.report(), sys.stdout)
    sys.stdout.flush()
