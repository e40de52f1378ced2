"""What all auditors share: every task as its client sent it, its outcome, and every datagram."""

from __future__ import absolute_import, division, print_function

from net_protocol import notional

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Set, Tuple  # noqa: F401

    from net_protocol.channel import Channel  # noqa: F401
    from simulator.process import Process  # noqa: F401

#: Rare paths that the auditors count. The processes count the others.
COUNTERS = ('tasks', 'answered', 'unanswered', 'accepted_again', 'clients_forgotten_and_heard', 'refusals_again',
            'submits_again_before_commit', 'copies_for_former', 'copies_from_former', 'copies_with_old_tickets',
            'idle_deaths', 'failed_loads')


class Entry(object):
    """One task. ``sent_at`` is virtual time. ``end`` is None until the caller of the client receives the outcome."""

    __slots__ = ('payload', 'number', 'process', 'client', 'sent_at', 'end', 'ended_at', 'datagram', 'accepted_by',
                 'outcome', 'heard_from', 'submits', 'was_refused', 'is_refused', 'call')

    def __init__(self, process, number, sent_at):
        # type: (Process, int, float) -> None
        self.payload = None  # type: Any
        # (function, options) of a call.
        self.call = None  # type: Any
        self.number = number
        self.process = process
        self.client = process.name
        self.sent_at = sent_at
        self.end = None  # type: str | None
        self.ended_at = 0.0
        # The number of the last datagram with its submit, and how many there were.
        self.datagram = 0
        self.submits = 0
        # The incarnation of the dispatcher that acknowledged its submit and has not refused it since.
        self.accepted_by = ''
        # The first outcome that arrived, and the incarnation of the dispatcher that sent it.
        self.outcome = None  # type: Any
        self.heard_from = ''
        # Whether it was ever refused, and whether the refusal was the last event.
        self.was_refused = self.is_refused = False

    @property
    def is_awaited(self):
        # type: () -> bool
        """Whether its client runs and waits for it."""
        return self.end is None and self.process.is_running and self.process.fault is None


class Ledger(object):
    """All tasks by id, and all datagrams."""

    def __init__(self):
        # type: () -> None
        self.tasks = {}  # type: Dict[str, Entry]
        self.counts = dict.fromkeys(COUNTERS, 0)
        #: (incarnation of the sender, number) -> the incarnation that it was meant for.
        self.datagrams = {}  # type: Dict[Tuple[str, int], str]
        #: Incarnation of a dispatcher -> tasks that it accepted or recovered, and tasks that it refused since.
        self.accepted = {}  # type: Dict[str, Set[str]]
        self.refused = {}  # type: Dict[str, Set[str]]
        #: (incarnation of a dispatcher, task id, attempt) -> the incarnation of the calculator that it is assigned to.
        self.assigned = {}  # type: Dict[Tuple[str, str, int], str]
        #: Tasks whose outcome was dropped, and that were not accepted again since.
        self.dropped = set()  # type: Set[str]
        #: Whether all processes of the world have one key.
        self.has_key = False
        # Task id -> its right result, computed when first needed.
        self._results = {}  # type: Dict[str, Any]

    def is_byzantine(self, task_id):
        # type: (str) -> bool
        """Whether its client has a fault (such as acknowledging what it does not handle): then nothing is promised."""
        entry = self.tasks.get(task_id)
        return entry is not None and entry.process.fault is not None

    def is_right(self, task_id, payload, result):
        # type: (str, Any, Any) -> bool
        """Whether ``result`` is right. It is compared with the result that is computed here."""
        right = self._results.get(task_id)
        if right is None:
            # The payload of a call is [args, kwargs].
            right = self._results[task_id] = notional.compute(payload[0][0] if type(payload) is list else payload)
        return bool(right == result)
