"""Timers: each key fires once, not before its deadline, and in the order of deadlines."""

from __future__ import absolute_import, division, print_function

import random

import pytest

from net_protocol.timers import Timers

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401


def test_keys_of_all_types_may_share_a_deadline():
    # On 3.x None and a text can't be compared, so a heap that compares keys fails.
    made = Timers()
    keys = [('drained', None), ('drained', 'x'), ('resend', ('assign', 'x')), 3, None, 'x']
    for key in keys:
        made.set(key, 1.0)
    assert list(made.take_due(1.0)) == keys


def test_memory_depends_on_the_number_of_live_timers():
    made = Timers()
    largest = 0
    for number in range(20000):
        made.set('a', float(number % 1000))
        if number % 3 == 0:
            made.cancel('a')
        largest = max(largest, len(made._heap))
    assert largest < 100
    made.clear()
    for number in range(10000):
        made.set(number, 1.0)
    for number in range(9990):
        made.cancel(number)
    made.set('last', 1.0)
    assert len(made._heap) < 100
    assert list(made.take_due(1.0)) == list(range(9990, 10000)) + ['last']


class NaiveTimers(object):
    """The same with a list of all timers, which every method searches."""

    def __init__(self):
        self.all = []
        self._sequence = 0

    def set(self, key, deadline):
        self.cancel(key)
        self._sequence += 1
        self.all.append((deadline, self._sequence, key))

    def cancel(self, key):
        found = [entry for entry in self.all if entry[2] == key]
        self.all = [entry for entry in self.all if entry[2] != key]
        return bool(found)

    def clear(self):
        self.all = []

    def postpone(self, seconds):
        self.all = [(deadline + seconds, sequence, key) for deadline, sequence, key in self.all]

    def next_deadline(self):
        return min(self.all)[0] if self.all else None

    def take_due(self, now):
        """Timers that are due now and not cancelled meanwhile. A timer that is set meanwhile waits."""
        for entry in sorted(entry for entry in self.all if entry[0] <= now):
            if entry in self.all:
                self.all.remove(entry)
                yield entry[2]


def change(draw, now):
    """A random change: (name of a method, arguments). Deadlines are multiples of 0.25, so that many are equal."""
    kind, key = draw(), int(draw() * 30)
    if kind < 0.7:
        return 'set', (key, now + int(draw() * 40 - 4) / 4)
    return ('cancel', (key,)) if kind < 0.97 else ('postpone', (0.25,)) if kind < 0.99 else ('clear', ())


@pytest.mark.parametrize('seed', range(8))
def test_timers_agree_with_a_list_also_if_they_change_while_they_fire(seed):
    draw = random.Random(seed).random
    both = Timers(), NaiveTimers()
    now = 0.0

    def change_both(names):
        name, arguments = change(draw, now)
        if name in names:
            results = [getattr(timers, name)(*arguments) for timers in both]
            assert results[0] == results[1]

    for _ in range(4000):
        if draw() < 0.8:
            change_both(('set', 'cancel', 'postpone', 'clear'))
        else:
            now += int(draw() * 8) / 4
            # Of ten callers three stop before the end.
            most = int(draw() * 4) if draw() < 0.3 else 100
            due = [timers.take_due(now) for timers in both]  # type: Any
            for _ in range(most):
                key, expected = [next(fired, 'none') for fired in due]
                assert key == expected
                if key == 'none':
                    break
                change_both(('set', 'cancel', 'clear'))
            for fired in due:
                fired.close()
        assert both[0].next_deadline() == both[1].next_deadline()
        assert len(both[0]) == len(both[1].all)
        assert all(entry[2] in both[0] for entry in both[1].all)
    assert list(both[0].take_due(1e9)) == list(both[1].take_due(1e9))
