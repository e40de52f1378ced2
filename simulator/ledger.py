"""What the auditors know together: every task as its client sent it, and what became of it there."""

from __future__ import absolute_import, division, print_function

from net_protocol import notional

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

    from simulator.process import Process  # noqa: F401

#: What the auditors count; the rest of the rare paths is counted by the cores.
COUNTERS = ('tasks', 'answered', 'unanswered', 'taken_again', 'accepted_again')


class Entry(object):
    """One task. ``sent_at`` is virtual; ``end`` is None until its client's caller has been told."""

    __slots__ = ('payload', 'client', 'sent_at', 'end', 'ended_at', 'submits', 'exchanges', 'asked_at', 'waits',
                 'is_accepted', 'was_refused', 'quiet_times')

    def __init__(self, payload, client, sent_at):
        # type: (Any, str, float) -> None
        self.payload = payload
        self.client = client
        self.sent_at = sent_at
        self.end = None  # type: str | None
        self.ended_at = 0.0
        # Datagrams with its submit so far, and how often something gave reason to begin anew.
        self.submits = 0
        self.exchanges = 1
        # When its client asked for it last, by that client's clock.
        self.asked_at = 0.0
        # Whether its client keeps it back: it was never submitted, or was refused after that. What the present life of
        # the dispatcher said of it, as far as it was heard.
        self.waits = True
        self.is_accepted = False
        self.was_refused = False
        # How often its client had been quiet before it was let go, or None where that is not certain.
        self.quiet_times = 0  # type: int | None


class Ledger(object):
    """All tasks by id."""

    def __init__(self):
        # type: () -> None
        self.tasks = {}  # type: Dict[str, Entry]
        self.counts = dict.fromkeys(COUNTERS, 0)
        # Task id -> its right result, computed when first needed.
        self._results = {}  # type: Dict[str, Any]

    def is_right(self, task_id, payload, result):
        # type: (str, Any, Any) -> bool
        """Whether that is the result of that payload, recomputed here."""
        right = self._results.get(task_id)
        if right is None:
            right = self._results[task_id] = notional.compute(payload)
        return bool(right == result)


class Audit(object):
    """Base of the three auditors: each looks at one life of a process.

    ``handed`` comes before the core gets a message, ``event`` after each step that told one, ``sent`` when the messages
    of a turn are taken, ``end_turn`` when the turn is over, ``sweep`` every ``SWEEP_S`` of virtual time.
    """

    def __init__(self, ledger, settings):
        # type: (Ledger, Dict[str, Any]) -> None
        self.ledger = ledger
        self.settings = settings
        # The sender and message that the core is handling.
        self.sender = None  # type: Any
        self.message = None  # type: Any
        #: SIGTERM came: from here on a process may give up what it would wait for otherwise.
        self.told_to_stop = False
        self._handed = {}  # type: Dict[Any, Any]
        self._sent = {}  # type: Dict[Any, Any]
        self._events = {}  # type: Dict[str, Any]

    def begin(self, process):
        # type: (Process) -> None
        """It is this process that is looked at."""
        self.process = process
        self.core = process.core  # type: Any
        self.name = process.core.name

    def handed(self, now, sender, message):
        # type: (float, Any, Any) -> None
        self.sender = sender
        self.message = message
        handler = self._handed.get(type(message))
        if handler is not None:
            handler(now, sender, message)

    def sent(self, now, address, message):
        # type: (float, Any, Any) -> None
        handler = self._sent.get(type(message))
        if handler is not None:
            handler(now, address, message)

    def event(self, now, event):
        # type: (float, Any) -> None
        handler = self._events.get(event.kind)
        if handler is not None:
            handler(now, **event.facts)

    def written(self, now, records):
        # type: (float, List[Any]) -> None
        """The process has a journal and wrote."""

    def end_turn(self, now):
        # type: (float) -> None
        self.message = None

    def sweep(self, now):
        # type: (float) -> None
        """What costs more than a step should."""
