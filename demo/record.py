"""The part of the event files that the demo needs for its decisions and its report."""

from __future__ import absolute_import, division, print_function

from demo.cast import CALCULATOR, CLIENT, DISPATCHER

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Set, Tuple  # noqa: F401

    from runtime.event_files import Event  # noqa: F401


class Record(object):
    """A run so far. Times are monotonic seconds."""

    def __init__(self):
        # type: () -> None
        #: Calculator -> ids of the tasks that it holds, by its own events; unchanged after a kill.
        self.held = {}  # type: Dict[str, Set[str]]
        #: Calculators that have started, are not out of order and do not drain.
        self.in_order = set()  # type: Set[str]
        #: Calculator -> when it took a task last.
        self.taken_at = {}  # type: Dict[str, float]
        #: Task id -> the event ``done`` or ``ended`` of the dispatcher.
        self.ends = {}  # type: Dict[str, Event]
        #: (calculator, task id, time) of each attempt that the dispatcher gave up.
        self.lost = []  # type: List[Tuple[str, str, float]]
        #: Calculator -> when the dispatcher declared it dead last.
        self.dead_at = {}  # type: Dict[str, float]
        #: Tasks sent and answered, by the clients' events.
        self.sent = 0
        self.answered = 0

    def take(self, event):
        # type: (Event) -> None
        if event.role == CALCULATOR:
            self._take_calculator(event)
        elif event.role == CLIENT:
            self.sent += event.kind == 'sent'
            self.answered += event.kind == 'answered'
        elif event.role == DISPATCHER:
            if event.kind in ('done', 'ended'):
                self.ends[event.facts['task_id']] = event
            elif event.kind == 'reassigned':
                self.lost.append((event.facts['calculator'], event.facts['task_id'], event.time))
            elif event.kind == 'died':
                self.dead_at[event.facts['calculator']] = event.time

    def _take_calculator(self, event):
        # type: (Event) -> None
        held = self.held.setdefault(event.name, set())
        if event.kind in ('taken', 'renumbered'):
            held.add(event.facts['task_id'])
            self.taken_at[event.name] = event.time
        elif event.kind == 'let_go':
            held.discard(event.facts['task_id'])
        elif event.kind in ('began', 'in_order'):
            self.in_order.add(event.name)
        elif event.kind in ('out_of_order', 'draining'):
            self.in_order.discard(event.name)

    def busiest(self, names):
        # type: (List[str]) -> str | None
        """The calculator in order that holds most tasks, None if none holds any. Of equals, the one that took a task
        last, because it will hold that task longest.
        """
        working = [name for name in names if name in self.in_order and self.held.get(name)]
        return max(working, key=lambda name: (len(self.held[name]), self.taken_at[name])) if working else None
