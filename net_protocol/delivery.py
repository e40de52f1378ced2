"""Getting a message across an unreliable network: resending with back-off, and knowing what was seen before.

One schedule rules all resending; every other time that depends on it is derived here, so that no two of them can
disagree. A message is sent, and again after 0.5 s, 1 s, 2 s, 4 s, 4 s ..., each times one random factor from 1 to 1.5
drawn once per exchange, so that a thousand senders that lost the same peer do not come back in step. (CoAP, RFC 7252
section 4.2, does the same with 2 s and a factor of up to 1.5; ours is quicker because these networks are local.)
"""

from __future__ import absolute_import, division, print_function

from collections import deque

from net_protocol.spread import SpreadDict

MYPY = False
if MYPY:
    from typing import Any, Callable, Deque, Dict, Hashable, Tuple  # noqa: F401

    from net_protocol.messages import Message  # noqa: F401
    from net_protocol.timers import Timers  # noqa: F401

RESEND_FIRST_S = 0.5
RESEND_CAP_S = 4.0
JITTER_MAX = 1.5

#: An assignment that is not acknowledged after this many resends makes its calculator suspect.
ASSIGN_RESENDS_MAX = 3

#: How often a client asks again for a task that is accepted and not over. It finds out in this way that a dispatcher
#: lost everything. Slower than the resending of anything that is still unanswered.
ASK_AGAIN_S = 5.0

#: How long ``accepted`` waits for an outcome that may come at once and makes it needless. No client resends that soon.
RECEIPT_DELAY_S = 0.02

#: How long the network may hold a datagram before it delivers it: the MAX_LATENCY of RFC 7252 section 4.8.2.
DATAGRAM_LIFETIME_S = 100.0


# Below this many entries a lane is not worth compacting.
_SMALL = 64


def longest_wait_s(resends):
    # type: (int) -> float
    """The longest time from the first sending to the moment at which the wait after resend ``resends`` is over."""
    wait = RESEND_FIRST_S
    total = 0.0
    for _ in range(resends + 1):
        total += wait
        wait = min(2 * wait, RESEND_CAP_S)
    return total * JITTER_MAX


#: How long after its deadline a client goes on listening for the outcome: the dispatcher says "expired" at the
#: deadline, and may have to resend that twice.
OUTCOME_GRACE_S = longest_wait_s(2)

#: How long an unknown attempt that a calculator holds is left alone: its client asks again within this time if the
#: dispatcher lost its books, and then the work is not wasted.
ORPHAN_GRACE_S = ASK_AGAIN_S * JITTER_MAX + longest_wait_s(2)

#: How long a finished task is remembered after its client acknowledged the outcome: an old ``submit`` may still be
#: resent once (by a client that has not handled the outcome yet) and then be held by the network.
REMEMBER_S = ASK_AGAIN_S * JITTER_MAX + DATAGRAM_LIFETIME_S


class _Exchange(object):
    """One message that is resent until it is answered. ``lane`` is where it waits for the first time, then None."""

    __slots__ = ('address', 'message', 'until', 'resends_max', 'resends', 'lane', 'wait_s', 'cap_s',
                 'due_at')

    def __init__(self, address, message, until, resends_max):
        # type: (Any, Message, float, int | None) -> None
        self.address = address
        self.message = message
        self.until = until
        self.resends_max = resends_max
        self.resends = 0
        self.lane = None  # type: _Lane | None
        self.wait_s = 0.0
        self.cap_s = 0.0
        # When its timer fires; in a lane, when it may fire at the earliest.
        self.due_at = until


class _Lane(object):
    """Exchanges whose first wait is at least ``pace_s``, in the order in which they began.

    Almost every exchange ends during its first wait. One that does so here has cost no timer and no random draw.
    """

    __slots__ = ('pace_s', 'cap_s', 'entries')

    def __init__(self, pace_s, cap_s):
        # type: (float, float) -> None
        self.pace_s = pace_s
        self.cap_s = cap_s
        # (when the wait is over at the earliest, key, exchange); an entry is live while the exchange is open and here.
        self.entries = deque()  # type: Deque[Tuple[float, Any, _Exchange]]


class Resender(object):
    """All messages of one core that wait for an answer.

    A key names an exchange; the owner ends it when the answer comes. ``give_up(now, key)`` is called when the bound
    of an exchange (a point in time, or a number of resends) is reached without an answer. Where the content of a
    message ages, ``refresh(now, key, message)`` returns the one to send instead. Its timers are ``(kind, key)``, and
    one for each lane.
    """

    def __init__(self, timers, rng, send, give_up, refresh=None, kind='resend'):
        # type: (Timers, Any, Callable[[Any, Message], None], Callable[[float, Any], None], Any, str) -> None
        self._timers = timers
        self._kind = kind
        self._rng = rng
        self._send = send
        self._give_up = give_up
        self._refresh = refresh
        self._exchanges = {}  # type: Dict[Any, _Exchange]
        self._unanswered = _Lane(RESEND_FIRST_S, RESEND_CAP_S)
        # Those that are asked again at an even pace, by that pace.
        self._even = {}  # type: Dict[float, _Lane]
        #: Messages sent again, for the account.
        self.resent = 0

    def __len__(self):
        # type: () -> int
        return len(self._exchanges)

    def __contains__(self, key):
        # type: (Hashable) -> bool
        return key in self._exchanges

    def begin(self, now, key, address, message, until, resends_max=None):
        # type: (float, Hashable, Any, Message, float, int | None) -> None
        """Send ``message`` and go on until ``end(key)``, at most until ``until`` or for ``resends_max`` resends."""
        if key in self._exchanges:
            self.end(key)
        exchange = self._exchanges[key] = _Exchange(address, message, until, resends_max)
        self._send(address, message)
        self._enter_lane(now, key, exchange, self._unanswered)

    def slow_down(self, now, key, pace_s):
        # type: (float, Hashable, float) -> None
        """The peer has it, and only the final answer is missing: from now on ask again at this even pace."""
        exchange = self._exchanges[key]
        if exchange.lane is None:
            self._timers.cancel((self._kind, key))
        lane = self._even.get(pace_s)
        if lane is None:
            lane = self._even[pace_s] = _Lane(pace_s, pace_s)
        self._enter_lane(now, key, exchange, lane)

    def end(self, key):
        # type: (Hashable) -> bool
        """The answer is here: stop resending. Returns whether the exchange was open."""
        exchange = self._exchanges.pop(key, None)
        if exchange is None:
            return False
        if exchange.lane is None:
            self._timers.cancel((self._kind, key))
        else:
            # Its entry stays in the lane for a while and must not keep a payload.
            exchange.lane = exchange.message = None  # type: ignore[assignment]
        return True

    def redirect(self, key, address):
        # type: (Hashable, Any) -> None
        """The peer has another address now."""
        exchange = self._exchanges.get(key)
        if exchange is not None:
            exchange.address = address

    def prospect(self, key):
        # type: (Hashable) -> Tuple[float, bool] | None
        """When the timer of an exchange fires, and whether that ends it unanswered; None where it is not open."""
        exchange = self._exchanges.get(key)
        if exchange is None:
            return None
        return exchange.due_at, exchange.due_at >= exchange.until or exchange.resends == exchange.resends_max

    def clear(self):
        # type: () -> None
        """End all."""
        for key in list(self._exchanges):
            self.end(key)

    def is_timed(self, key):
        # type: (Hashable) -> bool
        """Whether an exchange is open and something will happen to it by itself. For checks."""
        exchange = self._exchanges.get(key)
        return exchange is not None and (self._kind, exchange.lane or key) in self._timers

    def handle_timer(self, now, key):
        # type: (float, Any) -> None
        """The timer of a lane or of an exchange fired: send again, or give up."""
        if type(key) is _Lane:
            self._leave_lane(now, key)
            return
        exchange = self._exchanges[key]
        if now >= exchange.until or exchange.resends == exchange.resends_max:
            del self._exchanges[key]
            self._give_up(now, key)
            return
        exchange.resends += 1
        self.resent += 1
        exchange.wait_s = min(2 * exchange.wait_s, exchange.cap_s)
        if self._refresh is not None:
            exchange.message = self._refresh(now, key, exchange.message)
        self._send(exchange.address, exchange.message)
        exchange.due_at = min(now + exchange.wait_s, exchange.until)
        self._timers.set((self._kind, key), exchange.due_at)

    def _enter_lane(self, now, key, exchange, lane):
        # type: (float, Hashable, _Exchange, _Lane) -> None
        earliest = now + lane.pace_s
        if earliest > exchange.until:
            # It ends before it would ever be sent again.
            exchange.lane = None
            self._timers.set((self._kind, key), exchange.until)
            return
        exchange.lane = lane
        exchange.due_at = earliest
        entries = lane.entries
        entries.append((earliest, key, exchange))
        timer = self._kind, lane
        if timer not in self._timers:
            self._timers.set(timer, earliest)
        elif len(entries) > 2 * len(self._exchanges) + _SMALL:
            lane.entries = deque(entry for entry in entries if entry[2].lane is lane)

    def _leave_lane(self, now, lane):
        # type: (float, _Lane) -> None
        """Whose first wait may be over draws how long it really is, and gets a timer of its own."""
        while lane.entries:
            earliest, key, exchange = lane.entries[0]
            if exchange.lane is lane and earliest > now:
                self._timers.set((self._kind, lane), earliest)
                return
            lane.entries.popleft()
            if exchange.lane is lane:
                self._end_first_wait(now, key, exchange, lane, earliest)

    def _end_first_wait(self, now, key, exchange, lane, earliest):
        # type: (float, Any, _Exchange, _Lane, float) -> None
        jitter = 1 + (JITTER_MAX - 1) * self._rng.random()
        exchange.lane = None
        exchange.wait_s = lane.pace_s * jitter
        exchange.cap_s = lane.cap_s * jitter
        due_at = exchange.due_at = min(earliest + exchange.wait_s - lane.pace_s, exchange.until)
        if due_at > now:
            self._timers.set((self._kind, key), due_at)
        else:
            self.handle_timer(now, key)


class Remembered(object):
    """What was finished lately: a bounded memory in which each entry lives for the same time.

    Because all live equally long, the oldest is always the first to go and no timer is needed: each call forgets what
    is due. ``on_drop(now, key)`` hears of each key that is forgotten.
    """

    def __init__(self, lifetime_s, entries_max, on_drop=None):
        # type: (float, int, Callable[[float, Any], None] | None) -> None
        self._lifetime_s = lifetime_s
        self._entries_max = entries_max
        self._on_drop = on_drop
        # Key -> (when it is forgotten, key, value), the very tuple that stands in the order if it is the newest of its
        # key.
        self._entries = SpreadDict()
        self._order = deque()  # type: Deque[Tuple[float, Any, Any]]
        #: Entries that had to go before their time because there were too many.
        self.dropped_early = 0

    def __len__(self):
        # type: () -> int
        return len(self._entries)

    def __contains__(self, key):
        # type: (Hashable) -> bool
        return key in self._entries

    def add(self, now, key, value):
        # type: (float, Hashable, Any) -> None
        """Remember ``value`` under ``key`` from ``now`` on; a key that is known starts anew."""
        self.forget(now)
        entry = self._entries[key] = now + self._lifetime_s, key, value
        self._order.append(entry)
        while len(self._entries) > self._entries_max:
            self.dropped_early += self._drop_oldest(now)
        if len(self._order) > 2 * self._entries_max:
            # Superseded entries: nobody has to make room for them, and they are bounded too.
            self._order = deque(entry for entry in self._order if self._entries.get(entry[1]) is entry)

    def get(self, now, key):
        # type: (float, Hashable) -> Any
        """What is remembered under ``key``, or None."""
        self.forget(now)
        entry = self._entries.get(key)
        return None if entry is None else entry[2]

    def forget(self, now):
        # type: (float) -> None
        """Drop what has been remembered long enough."""
        while self._order and self._order[0][0] <= now:
            self._drop_oldest(now)

    def take(self, now, key):
        # type: (float, Hashable) -> Any
        """Remove and return what is remembered under ``key``, or None. That is no forgetting."""
        value = self.get(now, key)
        self._entries.pop(key, None)
        return value

    def clear(self):
        # type: () -> None
        """Forget all."""
        self._entries.clear()
        self._order.clear()

    def _drop_oldest(self, now):
        # type: (float) -> int
        entry = self._order.popleft()
        key = entry[1]
        if self._entries.get(key) is not entry:
            return 0
        del self._entries[key]
        if self._on_drop is not None:
            self._on_drop(now, key)
        return 1
