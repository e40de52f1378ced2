"""A core by itself, with a test as its whole world.

Every step is followed by ``check_invariants``. With ``twice`` every message is handed over two times, because in a
network of datagrams duplicates are normal: what a test says must hold then too.
"""

from __future__ import absolute_import, division, print_function

from net_protocol.core import Sender

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401


class Driver(object):
    """Time, messages in, messages out."""

    def __init__(self, core, now=1000.0, twice=False):
        # type: (Any, float, bool) -> None
        self.core = core
        self.now = now
        self.twice = twice
        self.events = []  # type: List[Any]
        self._numbers = {}  # type: Dict[Tuple[str, str], int]
        core.start(now)
        self.started_with = self._take()

    def hear(self, name, message, life='aaaaaaaa', number=None):
        # type: (str, Any, str, int | None) -> List[Any]
        """Hand over a message of that sender; returns the messages sent because of it (of the first copy, if twice)."""
        if number is None:
            number = self._numbers[name, life] = self._numbers.get((name, life), 0) + 1
        sender = Sender((name, 1), name, life, number)
        self.core.handle_message(self.now, sender, message)
        sent = self._take()
        if self.twice:
            self.core.handle_message(self.now, sender, message)
            self._take()
        return [message for _, message in sent]

    def wait(self, seconds):
        # type: (float) -> List[Any]
        """Let time pass, timers firing as they come due; returns the messages sent meanwhile."""
        end_at = self.now + seconds
        sent = []  # type: List[Any]
        for _ in range(100000):
            timer = self.core.next_timer()
            if timer is None or timer > end_at or self.core.is_stopped:
                self.now = end_at
                return sent
            self.now = max(self.now, timer)
            self.core.handle_timer(self.now)
            sent.extend(message for _, message in self._take())
        raise AssertionError('timers fire without end')

    def stop(self):
        # type: () -> List[Any]
        """Ask the core to stop; returns the messages sent because of it."""
        self.core.stop(self.now)
        return [message for _, message in self._take()]

    def told(self, kind):
        # type: (str) -> List[Dict[str, Any]]
        """The facts of all events of one kind so far."""
        return [event.facts for event in self.events if event.kind == kind]

    def _take(self):
        # type: () -> List[Tuple[Any, Any]]
        self.core.check_invariants()
        self.events.extend(self.core.take_events())
        return self.core.take_outgoing()


def of_type(messages, *types):
    # type: (List[Any], *type) -> List[Any]
    """Those messages that are of one of the types."""
    return [message for message in messages if isinstance(message, types)]
