"""Congestion control: how many submits of a client may be unanswered at a time, and when none may go at all.

Nobody tells a client how much the dispatcher can take; it learns that from the answers. A bounded number of submits,
the window, may be unanswered. A submit that has to be resent means that too much is under way: the window is halved. A
refusal says that there is no room: for the time that it advises nothing goes, and then a few. Each acceptance widens
the window again, by one until it is half of what was too much, and from there on by one for all that it holds. What may
not go waits here, the oldest first, and costs nobody anything. (Slow start, congestion avoidance and back-off as in
TCP, RFC 5681; RFC 8085 section 3.1 asks for the like of whoever uses UDP.)

Without it each refused task would come back by itself, and those that come back would soon be most of an overload.
"""

from __future__ import absolute_import, division, print_function

import heapq

from net_protocol.delivery import ASK_AGAIN_S, RESEND_FIRST_S

MYPY = False
if MYPY:
    from typing import Any, List, Tuple  # noqa: F401

#: The widest window, and that of a client that begins. As many as a dispatcher can take in the time after which it says
#: ``accepted`` (25,000 a second in 0.02 s), so that one client can keep it busy; so few that a hundred clients do not
#: overflow the buffer of its socket.
WINDOW_MAX = 500

#: The window after a refusal, and the narrowest.
WINDOW_MIN = 4


class Gate(object):
    """Lets tasks pass to be submitted, and keeps those that may not go yet. What they are is its owner's business.

    ``wait_max_s`` bounds for how long it is shut, where no longer time is advised.
    """

    def __init__(self, wait_max_s=ASK_AGAIN_S):
        # type: (float) -> None
        #: Whether nobody may pass, and until when; its owner calls ``open`` then.
        self.is_shut = False
        self.shut_until = 0.0
        #: How many may be unanswered, and how many are.
        self.window = float(WINDOW_MAX)
        self.unanswered = 0
        # Up to here it widens quickly.
        self._threshold = WINDOW_MAX  # type: float
        self._wait_max_s = wait_max_s
        # Refusals that shut it since anybody was accepted.
        self._refusals = 0
        # Silence up to then is one and the same.
        self._silent_until = None  # type: float | None
        #: Those that wait, as a heap of (number, whoever it is): the lowest number first. One that need not pass any
        #: more stays until it comes up.
        self.held = []  # type: List[Tuple[int, Any]]

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

    def hold(self, number, item):
        # type: (int, Any) -> None
        """Keep somebody until ``next`` says that it may pass."""
        heapq.heappush(self.held, (number, item))

    def next(self):
        # type: () -> Any
        """Somebody that was held and may pass now, counted already; or None."""
        if not self.held or self.unanswered >= self.window or self.is_shut:
            return None
        self.unanswered += 1
        return heapq.heappop(self.held)[1]

    def note_accepted(self):
        # type: () -> None
        """One that had passed was accepted."""
        self.unanswered -= 1
        self._refusals = 0
        if self.window < WINDOW_MAX:
            self.window += 1 if self.window < self._threshold else 1 / self.window

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

    def note_refused(self, now, advised_s, jitter):
        # type: (float, float, float) -> bool
        """One that had passed was refused. Returns whether that shuts the gate: until ``shut_until`` nobody passes.

        That is ``jitter`` times what was advised, and twice as long for each refusal before it until anybody is
        accepted. What is refused while it is shut was sent before, and says nothing new.
        """
        self.unanswered -= 1
        if self.is_shut:
            return False
        wait_s = max(advised_s, min(advised_s * 2 ** min(self._refusals, 10), self._wait_max_s))
        self._refusals += 1
        self._threshold = max(WINDOW_MIN, self.window / 2)
        self.window = WINDOW_MIN
        self.is_shut = True
        self.shut_until = now + jitter * wait_s
        return True

    def open(self):
        # type: () -> None
        """It was shut for long enough."""
        self.is_shut = False
