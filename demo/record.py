"""What the processes of a run reported in their event files, as far as the demo decides or reports by it."""

from __future__ import absolute_import, division, print_function

from demo.cast import CALCULATOR, CLIENT, DISPATCHER

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Set, Tuple  # noqa: F401

    from demo.event_reader import Entry  # noqa: F401


class Record(object):
    """A run so far. Times are monotonic seconds."""

    def __init__(self):
        # type: () -> None
        #: Calculator -> ids of the tasks that it holds, by its own report; it stays as it was when one is killed.
        self.held = {}  # type: Dict[str, Set[str]]
        #: Calculators that do what they are told: not those that start, are out of order or end.
        self.in_order = set()  # type: Set[str]
        #: Calculator -> when it took a task last.
        self.taken_at = {}  # type: Dict[str, float]
        #: Task id -> the event ``done`` or ``ended`` of the dispatcher.
        self.ends = {}  # type: Dict[str, Entry]
        #: (calculator, task id, time) of each attempt that the dispatcher gave up.
        self.lost = []  # type: List[Tuple[str, str, float]]
        #: Calculator -> when the dispatcher declared it dead last.
        self.dead_at = {}  # type: Dict[str, float]
        #: Tasks sent and answered, by the clients' reports.
        self.sent = 0
        self.answered = 0

    def take(self, entry):
        # type: (Entry) -> None
        if entry.role == CALCULATOR:
            self._take_calculator(entry)
        elif entry.role == CLIENT:
            self.sent += entry.kind == 'sent'
            self.answered += entry.kind == 'answered'
        elif entry.role == DISPATCHER:
            if entry.kind in ('done', 'ended'):
                self.ends[entry.facts['task_id']] = entry
            elif entry.kind == 'reassigned':
                self.lost.append((entry.facts['calculator'], entry.facts['task_id'], entry.time))
            elif entry.kind == 'died':
                self.dead_at[entry.facts['calculator']] = entry.time

    def _take_calculator(self, entry):
        # type: (Entry) -> None
        held = self.held.setdefault(entry.name, set())
        if entry.kind in ('taken', 'renumbered'):
            held.add(entry.facts['task_id'])
            self.taken_at[entry.name] = entry.time
        elif entry.kind == 'let_go':
            held.discard(entry.facts['task_id'])
        elif entry.kind in ('began', 'in_order'):
            self.in_order.add(entry.name)
        elif entry.kind in ('out_of_order', 'draining'):
            self.in_order.discard(entry.name)

    def busiest(self, names):
        # type: (List[str]) -> str | None
        """Of these calculators in order, the one that holds most; of equals the one that took a task last, because it
        will hold that for longest. None where none holds any.
        """
        working = [name for name in names if name in self.in_order and self.held.get(name)]
        return max(working, key=lambda name: (len(self.held[name]), self.taken_at[name])) if working else None
