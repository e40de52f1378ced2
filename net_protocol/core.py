"""The contract that the three cores share, and the parts of it that are the same in all.

A core is a pure state machine. The shell (``runtime.loop``, a test, or a simulator) calls it with the time and with
decoded messages, and takes what it wants to send:

    start(now)                              first timers, first messages
    handle_message(now, sender, message)    one message; a peer's mistake is counted, never raised
    handle_timer(now)                       everything due at or before now; what is due is decided first
    next_timer()                            when to call again, or None
    take_records()                          what must be on a disk before take_outgoing(), or None
    note_written(now, failure)              it is (None), or why it is not
    take_outgoing()                         [(address, message)] collected since last taken
    take_events()                           [Event] collected since last taken: what a person would want to know
    stop(now), is_stopped                   begin to drain; drained
    account(now)                            everything counted, as plain values
    check_invariants()                      raises BrokenInvariant where the books contradict each other

``now`` is monotonic seconds as a float and never goes back.
"""

from __future__ import absolute_import, division, print_function

from collections import defaultdict

from net_protocol.delivery import Resender
from net_protocol.errors import BrokenInvariant
from net_protocol.messages import Ping, Pong
from net_protocol.timers import Timers

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Tuple, Type  # noqa: F401

    from net_protocol.messages import Message  # noqa: F401

_BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'


def draw_incarnation(rng):
    # type: (Any) -> str
    """A new incarnation: 40 random bits in eight characters, so that two lives never meet by chance."""
    bits = rng.getrandbits(40)
    return ''.join(_BASE32[(bits >> shift) & 31] for shift in range(0, 40, 5))


class Sender(object):
    """Where a message came from: made once per datagram.

    ``address`` is what the endpoint received from, opaque to the cores; ``number`` counts the datagrams of that
    incarnation, so that a core can tell which of two messages was sent later.
    """

    __slots__ = ('address', 'name', 'incarnation', 'number')

    def __init__(self, address, name, incarnation, number):
        # type: (Any, str, str, int) -> None
        self.address = address
        self.name = name
        self.incarnation = incarnation
        self.number = number

    def __repr__(self):
        # type: () -> str
        return 'Sender(%r, %r, %r, %d)' % (self.address, self.name, self.incarnation, self.number)


class Event(object):
    """Something a person would want to know: ``kind`` names it, ``facts`` are the values of its sentence."""

    __slots__ = ('kind', 'facts')

    def __init__(self, kind, facts):
        # type: (str, Dict[str, Any]) -> None
        self.kind = kind
        self.facts = facts

    def __repr__(self):
        # type: () -> str
        return 'Event(%r, %r)' % (self.kind, self.facts)


class Core(object):
    """What client, dispatcher and calculator have in common.

    A subclass names its handlers in ``HANDLERS`` (message class -> method name) and its timers in ``TIMERS`` (first
    part of the timer's key -> method name; the method gets ``now`` and the second part); the timers of a resender are
    added with it. ``COUNTERS`` lists every counter it has, so that a misspelt one is an error and an untouched one is a
    visible zero.
    """

    HANDLERS = {}  # type: Dict[Type[Message], str]
    TIMERS = {}  # type: Dict[str, str]
    COUNTERS = ()  # type: Tuple[str, ...]

    def __init__(self, name, incarnation):
        # type: (str, str) -> None
        self.name = name
        self.incarnation = incarnation
        self.counts = dict.fromkeys(self.COUNTERS + ('unexpected_messages', 'pings'), 0)  # type: Dict[str, int]
        self._timers = Timers()
        self._outgoing = []  # type: List[Tuple[Any, Message]]
        self._events = []  # type: List[Event]
        # The time of the step that is being taken.
        self._now = 0.0
        #: Messages handled and sent so far, by class.
        self.handled = defaultdict(int)  # type: Dict[Type[Message], int]
        self.sent = defaultdict(int)  # type: Dict[Type[Message], int]
        self._stopped = False
        #: Whether each step of each task is told as an event too. That is what happens most, so nothing is built for
        #: it unless somebody reads it.
        self.trace = False
        self._on_message = {
            message: getattr(self, method) for message, method in self.HANDLERS.items()
        }  # type: Dict[Type[Message], Callable[[float, Sender, Any], None]]
        self._on_message[Ping] = self._on_ping
        self._on_timer = {
            kind: getattr(self, method) for kind, method in self.TIMERS.items()
        }  # type: Dict[str, Callable[[float, Any], None]]
        self._resenders = []  # type: List[Resender]

    def start(self, now):
        # type: (float) -> None
        """Set the first timers, send the first messages."""
        raise NotImplementedError

    def stop(self, now):
        # type: (float) -> None
        """Begin to drain; ``is_stopped`` turns true when that is done, within a bound."""
        raise NotImplementedError

    @property
    def is_stopped(self):
        # type: () -> bool
        """Whether this core has nothing more to do."""
        return self._stopped

    def handle_message(self, now, sender, message):
        # type: (float, Sender, Message) -> None
        """Take one decoded message from ``sender``. Never raises for what the peer did."""
        self._now = now
        handler = self._on_message.get(type(message))
        if handler is None:
            self.counts['unexpected_messages'] += 1
        else:
            self.handled[type(message)] += 1
            handler(now, sender, message)

    def handle_timer(self, now):
        # type: (float) -> None
        """Do everything that is due at or before ``now``."""
        self._now = now
        for kind, key in self._timers.take_due(now):
            self._on_timer[kind](now, key)

    def next_timer(self):
        # type: () -> float | None
        """The point in time at which ``handle_timer`` wants to be called, or None."""
        return self._timers.next_deadline()

    def take_records(self):
        # type: () -> List[Any] | None
        """What must be on a disk before ``take_outgoing``, or None. Only the dispatcher has any, with a journal."""
        raise NotImplementedError

    def note_written(self, now, failure):
        # type: (float, str | None) -> None
        """What ``take_records`` gave is on the disk, or ``failure`` says why not: then it goes on being kept there."""
        raise NotImplementedError

    def take_outgoing(self):
        # type: () -> List[Tuple[Any, Message]]
        """The ``(address, message)`` pairs to send, in order."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def take_events(self):
        # type: () -> List[Event]
        """What happened since last asked."""
        events, self._events = self._events, []
        return events

    def account(self, now):
        # type: (float) -> Dict[str, Any]
        """Everything counted, as plain values for programs."""
        raise NotImplementedError

    def check_invariants(self):
        # type: () -> None
        """Raise ``BrokenInvariant`` where the books contradict each other. Costs a walk over all of them."""
        raise NotImplementedError

    @property
    def resent(self):
        # type: () -> int
        """Messages sent again because no answer came."""
        return sum(resender.resent for resender in self._resenders)

    def _new_resender(self, kind, rng, give_up, refresh=None):
        # type: (str, Any, Callable[[float, Any], None], Any) -> Resender
        """A resender of this core, whose timers have that kind."""
        resender = Resender(self._timers, rng, self._send, give_up, refresh, kind)
        self._resenders.append(resender)
        self._on_timer[kind] = resender.handle_timer
        return resender

    def _send(self, address, message):
        # type: (Any, Message) -> None
        self.sent[type(message)] += 1
        self._outgoing.append((address, message))

    def _tell(self, kind, **facts):
        # type: (str, **Any) -> None
        self._note_event(kind, facts)
        self._events.append(Event(kind, facts))

    def _note_event(self, kind, facts):
        # type: (str, Dict[str, Any]) -> None
        """For a core that wants to know what it told."""

    def _on_ping(self, now, sender, message):
        # type: (float, Sender, Ping) -> None
        self.counts['pings'] += 1
        self._send(sender.address, Pong(message.nonce))


def require(condition, sentence, *values):
    # type: (Any, str, *Any) -> None
    """Raise ``BrokenInvariant`` with ``sentence % values`` unless ``condition``. Not an assert: -O keeps it."""
    if not condition:
        raise BrokenInvariant(sentence % values)
