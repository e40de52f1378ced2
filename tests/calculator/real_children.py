"""Real child processes without a calculator: a test starts calls and reads their results."""

from __future__ import absolute_import, division, print_function

import json
import os
import select

from calculator.calls import Call
from calculator.child import Program
from calculator.children import Children
from runtime.clock import monotonic

POISON = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'poison.py')

#: The longest wait for a condition, on a busy machine.
PATIENCE_S = 60.0


class FakeCore(object):
    """The methods of a core that ``Children`` calls. ``ended``: number of a call -> (result, failure)."""

    def __init__(self):
        self.starts, self.stops = [], []
        self.ended, self.not_started, self.offers = {}, [], []

    def take_calls(self):
        taken = self.starts, self.stops
        self.starts, self.stops = [], []
        return taken

    def functions_changed(self, now, digest, functions):
        self.offers.append([entry[0] for entry in functions])

    def call_ended(self, now, number, result, failed):
        assert number not in self.ended
        self.ended[number] = (None if result is None else json.loads(result), failed)

    def call_not_started(self, now, number, reason=None):
        self.not_started.append(number)


class Farm(object):
    """``number`` children and their core. A context manager."""

    def __init__(self, work=POISON, number=1, calls_max=1000, memory_bytes=1 << 29, **options):
        self.core = FakeCore()
        self.children = Children(self.core, Program(work, memory_bytes, **options), number, calls_max)
        self._number = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.children.close()

    def start(self, function, *arguments, **options):
        self._number += 1
        self.core.starts.append(Call(
            self._number, u'client-a:cccccccc:%d' % self._number, options.get('attempt', 1), function,
            json.dumps([list(arguments), options.get('keywords', {})]), options.get('each', False),
            options.get('timeout_s')))
        return self._number

    def turn(self):
        children, now = self.children, monotonic()
        due_at = children.next_timer()
        wait_s = min(1.0, max(0.0, (now + 1 if due_at is None else due_at) - now))
        readable, writable = select.select(children.readers(), children.writers(), [], wait_s)[:2]
        children.handle(readable, writable, monotonic())

    def until(self, condition):
        """Take turns until the condition holds. The first turn starts the waiting calls."""
        end_at = monotonic() + PATIENCE_S
        self.children.handle((), (), monotonic())
        while not condition():
            assert monotonic() < end_at, 'the condition did not hold within %d s' % PATIENCE_S
            self.turn()

    def call(self, function, *arguments, **options):
        """Run one call; returns (result, failure)."""
        number = self.start(function, *arguments, **options)
        self.until(lambda: number in self.core.ended)
        return self.core.ended[number]
