"""The contract between a core and the turn that drives it, and the parts that all cores share.

A core is a pure state machine: it decides, and ``turn`` moves data. The turn calls

    opened(now, channel)                        a channel was opened or restarted: rows sent on it may be lost
    heard(now, channel)                         a valid datagram arrived, before its rows
    acknowledged(now, channel, kind, rows)      the peer has handled these rows; only kinds in ACKNOWLEDGED
    <handler>(now, channel, rows)               the rows of one kind, in the order of ``rows.ORDER``
    refresh(now, channel, kind, row)            a row that goes out again: its present form, or None to drop it
    unreachable(now, channel), reachable(...)   the peer is heard but acknowledges nothing; it acknowledges again
    asleep(now, channel), awake(now, channel)   nothing was heard for SLEEP_S; something is heard again
    closed(now, channel)                        the channel is forgotten
    handle_timer(now)                           everything due at or before now
    settle(now)                                 decide what follows from all of that; once for each portion of input
    take_records() -> [record] or None          to be written to disk before anything is sent
    note_written(now, failure)                  they are on disk (failure is None), or why they are not
    take_outgoing() -> [channel]                the channels with rows to send
    take_events() -> [Event]                    what happened, for observers

and the owner of the process calls ``start(now)``, ``stop(now)``, ``is_stopped``, ``account(now)`` and
``check_invariants()``. ``now`` is monotonic seconds as a float and never goes back.

A handler changes the core's state and appends: rows with ``send``, events with ``emit``, records (the dispatcher only).
It calls no other part that calls it back. Every handler is safe to run twice with the same row.
"""

from __future__ import absolute_import, division, print_function

from net_protocol.errors import BrokenInvariant
from net_protocol.timers import Timers

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List  # noqa: F401

    from net_protocol.channel import Channel  # noqa: F401

_BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'


def draw_incarnation(rng):
    # type: (Any) -> str
    """A new incarnation: 40 random bits in eight characters, so that two are not the same by chance."""
    bits = rng.getrandbits(40)
    return ''.join(_BASE32[(bits >> shift) & 31] for shift in range(0, 40, 5))


class Event(object):
    """Something that happened: ``kind`` names it, ``at`` is when, ``facts`` are the values of its sentence."""

    __slots__ = ('kind', 'at', 'facts')

    def __init__(self, kind, at, facts):
        # type: (str, float, Dict[str, Any]) -> None
        self.kind = kind
        self.at = at
        self.facts = facts

    def __repr__(self):
        # type: () -> str
        return 'Event(%r, %r, %r)' % (self.kind, self.at, self.facts)


class Core(object):
    """The base of all cores.

    A subclass names its handlers in ``HANDLERS`` (kind of row -> method name), its timers in ``TIMERS`` (first part of
    the timer's key -> method name; the method gets ``now`` and the second part), and in ``ACKNOWLEDGED`` the kinds for
    which ``acknowledged`` is called. ``COUNTERS`` lists all counters, so that a misspelt one is an error and an unused
    one is 0.
    """

    ROLE = ''
    HANDLERS = {}  # type: Dict[str, str]
    TIMERS = {}  # type: Dict[str, str]
    ACKNOWLEDGED = frozenset()  # type: Any
    COUNTERS = ()  # type: Any

    def __init__(self, name, incarnation):
        # type: (str, str) -> None
        self.name = name
        self.incarnation = incarnation
        self.counts = dict.fromkeys(self.COUNTERS, 0)  # type: Dict[str, int]
        #: Kind -> handler(now, channel, rows).
        self.handlers = {kind: getattr(self, method) for kind, method in self.HANDLERS.items()}
        #: Whether each step of each task is an event too. Steps are the most frequent events, so they are optional.
        self.trace = False
        #: Whether datagrams are handled. A calculator in an outage handles none.
        self.is_listening = True
        #: Whether an urgent record is not on disk yet. While it is true, no datagram with a ``submit`` or ``call`` is
        #: acknowledged.
        self.has_unwritten = False
        #: The work of the handlers for the present datagram, as the number of bytes that take as long to read.
        self.cost = 0
        #: Whether the turn left datagrams unread. Then a peer that seems silent may have sent something.
        self.has_unread = False
        self._timers = Timers()
        self._on_timer = {kind: getattr(self, method) for kind, method in self.TIMERS.items()}
        self._outgoing = []  # type: List[Channel]
        self._events = []  # type: List[Event]
        #: Whether this core has nothing more to do.
        self.is_stopped = False

    def start(self, now):
        # type: (float) -> None
        """Set the first timers, send the first rows."""
        raise NotImplementedError

    def stop(self, now):
        # type: (float) -> None
        """Begin to drain. ``is_stopped`` becomes true when that is done, after a limited time."""
        raise NotImplementedError

    # Called by the turn. Most cores need few of these.

    def opened(self, now, channel):
        # type: (float, Channel) -> None
        pass

    def heard(self, now, channel):
        # type: (float, Channel) -> None
        pass

    def acknowledged(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        pass

    def refresh(self, now, channel, kind, row):
        # type: (float, Channel, str, Any) -> Any
        return row

    def note_sent(self, number, rows):
        # type: (int, Dict[str, List[Any]]) -> None
        """These rows leave in the datagram with that number. Called only if ``WANTS_NUMBERS`` is true."""

    #: Whether ``note_sent`` is called: a client has to know in which datagram each submit left last.
    WANTS_NUMBERS = False

    def unreachable(self, now, channel):
        # type: (float, Channel) -> None
        pass

    def reachable(self, now, channel):
        # type: (float, Channel) -> None
        pass

    def hinted(self, now, channel):
        # type: (float, Channel) -> None
        """The system reported (ICMP, which can be forged) that no process listens at the channel's address."""

    def asleep(self, now, channel):
        # type: (float, Channel) -> bool
        """Nothing was heard for ``SLEEP_S``. Returns whether the channel may close: nothing is kept for this peer."""
        return True

    def awake(self, now, channel):
        # type: (float, Channel) -> None
        pass

    def closed(self, now, channel):
        # type: (float, Channel) -> None
        pass

    # Turns.

    def handle_timer(self, now):
        # type: (float) -> None
        """Do everything that is due at or before ``now``."""
        for kind, key in self._timers.take_due(now):
            self._on_timer[kind](now, key)

    def next_timer(self):
        # type: () -> float | None
        """The point in time at which ``handle_timer`` wants to be called, or None."""
        return self._timers.next_deadline()

    def settle(self, now):
        # type: (float) -> None
        """Decide what follows from the input since the last call."""

    def take_records(self):
        # type: () -> List[Any] | None
        """What must be on disk before anything is sent, or None. Only a dispatcher with a journal has any."""
        return None  # noqa: RET501

    def note_written(self, now, failure):
        # type: (float, str | None) -> None
        """The taken records are on disk, or ``failure`` says why not. Then the writer keeps them."""

    def take_outgoing(self):
        # type: () -> List[Channel]
        """The channels with rows to send, in the order of their first row."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    @property
    def has_outgoing(self):
        # type: () -> bool
        """Whether ``take_outgoing`` would return a channel."""
        return bool(self._outgoing)

    def take_events(self):
        # type: () -> List[Event]
        """The events since the last call."""
        events, self._events = self._events, []
        return events

    def account(self, now):
        # type: (float) -> Dict[str, Any]
        """All counters, as plain values for programs."""
        raise NotImplementedError

    def check_invariants(self):
        # type: () -> None
        """Raise ``BrokenInvariant`` if the state contradicts itself. Walks over all of it."""
        raise NotImplementedError

    # Called by handlers.

    def send(self, channel, kind, row):
        # type: (Channel, str, Any) -> None
        """Send a row with the next datagram on that channel."""
        rows = channel.rows
        if kind in rows:
            rows[kind].append(row)
        else:
            rows[kind] = [row]
        if not channel.is_outgoing:
            channel.is_outgoing = True
            self._outgoing.append(channel)

    def emit(self, now, kind, **facts):
        # type: (float, str, **Any) -> None
        self._events.append(Event(kind, now, facts))


def require(condition, sentence, *values):
    # type: (Any, str, *Any) -> None
    """Raise ``BrokenInvariant`` with ``sentence % values`` unless ``condition``. Not an assert: -O keeps it."""
    if not condition:
        raise BrokenInvariant(sentence % values)
