"""Probation: a calculator that has failed repeatedly gets one attempt at a time."""

from __future__ import absolute_import, division, print_function

from collections import deque

MYPY = False
if MYPY:
    from typing import Deque  # noqa: F401

#: So many attempts have to end well, without a failure between them, until a probation ends.
GOOD_ENDS = 5


class Conduct(object):
    """The failures of one calculator over all its incarnations: deaths, restarts, and dead children (the first of each
    call, unless it exceeded its time or memory). ``events_max`` within ``window_s`` begin a probation; 0: never.
    """

    __slots__ = ('_events_max', '_window_s', '_events', 'reason', 'good_ends', 'is_drained_by_operator')

    def __init__(self, events_max, window_s):
        # type: (int, float) -> None
        self._events_max = events_max
        self._window_s = window_s
        self._events = deque(maxlen=max(1, events_max))  # type: Deque[float]
        #: Why it is on probation, or None.
        self.reason = None  # type: str | None
        self.good_ends = 0
        self.is_drained_by_operator = False

    @property
    def note(self):
        # type: () -> str
        """Why it gets less work than others, for people; empty if it does not."""
        if self.is_drained_by_operator:
            return u'no new work: an operator drains it'
        return u'' if self.reason is None else u'one attempt at a time: ' + self.reason

    def note_failure(self, now, what):
        # type: (float, str) -> bool
        """Returns whether that begins a probation."""
        if not self._events_max:
            return False
        self.good_ends = 0
        self._events.append(now)
        if self.reason is not None or len(self._events) < self._events_max \
                or now - self._events[0] > self._window_s:
            return False
        self.reason = u'%d failures within %g s, the last: %s' % (self._events_max, now - self._events[0], what)
        return True

    def note_good_end(self):
        # type: () -> bool
        """Returns whether that ends the probation."""
        self.good_ends += 1
        if self.good_ends < GOOD_ENDS:
            return False
        self.reason = None
        self._events.clear()
        return True

    def readmit(self):
        # type: () -> None
        self.reason = None
        self.is_drained_by_operator = False
        self._events.clear()
