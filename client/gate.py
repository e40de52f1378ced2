"""Congestion control: how many submits of a client may be unanswered at a time, and when none may go at all.

Nobody tells a client how much the dispatcher can take; it learns that from the answers. A bounded number of submits,
the window, may be unanswered. A submit that has to be resent means that too much is under way: the window is halved. A
refusal says that there is no room: for the time that it advises nothing goes, and then a few. Each acceptance widens
the window again, by one until it is half of what was too much, and from there on by one for all that it holds. (Slow
start, congestion avoidance and back-off as in TCP, RFC 5681; RFC 8085 section 3.1 asks for the like of whoever uses
UDP.)

What may not go waits here and costs nobody anything, the oldest first. But where that goes on, the oldest are about to
expire, and so would be all that is submitted. So whoever has waited for too long goes last, the newest of these first.

Without it each refused task would come back by itself, and those that come back would soon be most of an overload.
"""

from __future__ import absolute_import, division, print_function

import heapq
from collections import deque

from net_protocol.delivery import ASK_AGAIN_S, RESEND_FIRST_S

MYPY = False
if MYPY:
    from typing import Any, Deque, List, Tuple  # noqa: F401

#: The widest window, and that of a client that begins. As many as a dispatcher can take in the time after which it says
#: ``accepted`` (25,000 a second in 0.02 s), so that one client can keep it busy.
WINDOW_MAX = 500

#: The window after a refusal, and the narrowest.
WINDOW_MIN = 4

#: Whatever is advised, it is shut for so long at least.
SHUT_MIN_S = 0.1


class Gate(object):
    """Lets tasks pass to be submitted, and keeps those that may not go yet. What they are is its owner's business.

    It is never shut for longer than ``lifetime_s``, that of a task, and where no longer time is advised for no longer
    than ``ASK_AGAIN_S`` or half of that; each time ``jitter``.
    """

    def __init__(self, lifetime_s):
        # type: (float) -> None
        #: Whether nobody may pass, and until when; its owner calls ``open`` then.
        self.is_shut = False
        self.shut_until = 0.0
        #: How often it was opened again. Who passed before that tells nothing about the time after it.
        self.openings = 0
        #: How many may be unanswered, and how many are.
        self.window = float(WINDOW_MAX)
        self.unanswered = 0
        self._lifetime_s = lifetime_s
        # Half of what was too much: up to here it widens quickly.
        self._threshold = WINDOW_MAX  # type: float
        # Refusals that shut it since anybody was accepted.
        self._refusals = 0
        # Silence up to then is one and the same.
        self._silent_until = None  # type: float | None
        #: Those that wait, as a heap of (number, when it is late, whoever it is), and those that are late, as (when it
        #: was, whoever it is). One that need not pass any more stays until it comes up, or its lifetime is over.
        self.held = []  # type: List[Tuple[int, float, Any]]
        self.late = deque()  # type: Deque[Tuple[float, Any]]

    def admit(self):
        # type: () -> bool
        """Whether somebody new may pass at once; it is counted then."""
        if self.held or self.unanswered >= self.window or self.is_shut:
            return False
        self.unanswered += 1
        return True

    def let(self):
        # type: () -> None
        """Somebody passes in any case."""
        self.unanswered += 1

    def hold(self, number, late_at, item):
        # type: (int, float, Any) -> None
        """Keep somebody until ``next`` says that it may pass; a lower number goes first, until it is late.

        That is when half of its lifetime is over.
        """
        heapq.heappush(self.held, (number, late_at, item))

    def next(self, now):
        # type: (float) -> Any
        """Somebody that was held and may pass now, counted already; or None."""
        if self.unanswered >= self.window or self.is_shut:
            return None
        while self.held and self.held[0][1] <= now:
            self.late.append(heapq.heappop(self.held)[1:])
        while self.late and self.late[0][0] <= now - self._lifetime_s / 2:
            self.late.popleft()
        if self.held:
            item = heapq.heappop(self.held)[2]
        elif self.late:
            item = self.late.pop()[1]
        else:
            return None
        self.unanswered += 1
        return item

    def note_accepted(self):
        # type: () -> None
        """One that had passed was accepted."""
        self.unanswered -= 1
        # While it is shut: one of those that passed together with the one that was refused.
        if not self.is_shut:
            self._refusals = 0
            widening = 1 if self.window < self._threshold else 1 / self.window
            self.window = min(self.window + widening, WINDOW_MAX)

    def note_gone(self):
        # type: () -> None
        """One that had passed needs no answer any more."""
        self.unanswered -= 1

    def note_silence(self, now):
        # type: (float) -> None
        """One that had passed has to be sent again."""
        if self._silent_until is None or now >= self._silent_until:
            self._silent_until = now + RESEND_FIRST_S
            self.window = self._threshold = max(WINDOW_MIN, self.window / 2)

    def note_refused(self, now, advised_s, jitter, opening):
        # type: (float, float, float, int) -> bool
        """One was refused that had passed when there were so many ``openings``. Returns whether that shuts the gate.

        Then nobody passes until ``shut_until``. That is ``jitter`` times what was advised, and twice as long for each
        refusal before it until anybody is accepted.
        """
        self.unanswered -= 1
        if self.is_shut or opening != self.openings:
            return False
        grown_s = min(advised_s * 2 ** min(self._refusals, 10), ASK_AGAIN_S, self._lifetime_s / 2)
        self._refusals += 1
        self._threshold = max(WINDOW_MIN, self.window / 2)
        self.window = WINDOW_MIN
        self.is_shut = True
        self.shut_until = now + jitter * max(SHUT_MIN_S, min(max(advised_s, grown_s), self._lifetime_s))
        return True

    def open(self):
        # type: () -> None
        """It was shut for long enough."""
        self.is_shut = False
        self.openings += 1
