"""Records what happens to the tasks and calculators of one replication.

It also checks that each task has one outcome (S2), and that no outcome is without a task (S4). Clients check every
result (S3), cores check their invariants now and then.
"""

from __future__ import absolute_import, division, print_function

from net_protocol.rows import DONE
from simulator.violations import broken

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Set, Tuple  # noqa: F401

    from planner.world import MeasuredProcess  # noqa: F401


#: The end of a task whose client was killed.
CLIENT_GONE = 'client_gone'


class Task(object):
    """One task. Times are virtual. ``first_at`` is its first assignment, ``datagrams`` how many were sent before it."""

    __slots__ = ('client', 'intended_at', 'datagrams', 'first_at', 'attempts', 'last', 'ended_at', 'end')

    def __init__(self, client, intended_at, datagrams):
        # type: (MeasuredProcess, float, int) -> None
        self.client = client
        self.intended_at = intended_at
        self.datagrams = datagrams
        self.first_at = None  # type: float | None
        self.attempts = 0
        self.last = None  # type: Any
        self.ended_at = None  # type: float | None
        self.end = None  # type: str | None


class Work(object):
    """An attempt on a calculator: when it began, how long it takes, how long it took, whether its result was used."""

    __slots__ = ('began_at', 'duration_s', 'is_useful')

    def __init__(self, began_at, duration_s):
        # type: (float, float) -> None
        self.began_at = began_at
        self.duration_s = duration_s
        self.is_useful = False


class Recorder(object):
    """Receives the events of all processes. The owner sets ``network``."""

    network = None  # type: Any
    #: The ``Tape`` that records every event, or None.
    tape = None  # type: Any

    def __init__(self):
        # type: () -> None
        self.handlers = {
            'sent': self._on_sent, 'answered': self._on_answered, 'unanswered': self._on_unanswered,
            'called_off': self._on_unanswered, 'refused': self._on_unanswered,
            'assigned': self._on_assigned, 'adopted': self._on_adopted,
            'reassigned': self._on_reassigned, 'done': self._on_done, 'ended': self._on_ended,
            'suspected': self._on_suspected, 'let_go': self._on_let_go, 'out_of_order': self._on_out_of_order}
        #: Task id -> task; the tasks in the order of their sending.
        self.tasks = {}  # type: Dict[str, Task]
        self.order = []  # type: List[Task]
        #: (time, number of open tasks from then on), for each change.
        self.opens = []  # type: List[Tuple[float, int]]
        #: Name of a calculator -> (since when, tasks running, slots in order, slots), in the order of time.
        self.states = {}  # type: Dict[str, List[Tuple[float, int, int, int]]]
        self.works = []  # type: List[Work]
        #: (when a calculator died, until a task of it was assigned again).
        self.moves = []  # type: List[Tuple[float, float]]
        self.false_suspicions = []  # type: List[float]
        # (calculator, task id) -> its last attempt there.
        self._work = {}  # type: Dict[Tuple[str, str], Work]
        # Calculator -> the tasks that are assigned to it; task -> its calculator; task -> when its calculator died.
        self._held = {}  # type: Dict[str, Set[str]]
        self._holder = {}  # type: Dict[str, str]
        self._orphaned_at = {}  # type: Dict[str, float]

    # Clients.

    def _on_sent(self, now, process, facts):
        # type: (float, MeasuredProcess, Dict[str, Any]) -> None
        task_id = facts['task_id']
        if task_id in self.tasks:
            raise broken('S2', task_id, 'sent twice')
        task = Task(process, process.clock.virtual(facts['intended_at']), self.network.counts['sent'])
        self.tasks[task_id] = task
        self.order.append(task)
        self._note_open(now, 1)

    def _on_answered(self, now, process, facts):
        # type: (float, MeasuredProcess, Dict[str, Any]) -> None
        self._end(now, facts['task_id'], DONE)

    def _on_unanswered(self, now, process, facts):
        # type: (float, MeasuredProcess, Dict[str, Any]) -> None
        # The event ``refused`` may be about a client instead of a task.
        if 'task_id' in facts and facts['task_id'] in self.tasks:
            self._end(now, facts['task_id'], facts['outcome'])

    def _end(self, now, task_id, end):
        # type: (float, str, str) -> None
        task = self.tasks.get(task_id)
        if task is None:
            raise broken('S4', task_id, 'an end without a task')
        if task.end is not None:
            raise broken('S2', task_id, 'ended as %s and now as %s', task.end, end)
        task.end, task.ended_at = end, now
        self._note_open(now, -1)

    def _note_open(self, now, change):
        # type: (float, int) -> None
        self.opens.append((now, (self.opens[-1][1] if self.opens else 0) + change))

    def note_client_death(self, now, process):
        # type: (float, MeasuredProcess) -> None
        """A client was killed, and with it its open tasks."""
        left = [task for task in self.order if task.end is None and task.client is process]
        for task in left:
            task.end, task.ended_at = CLIENT_GONE, now
        self._note_open(now, -len(left))

    # The dispatcher.

    def _on_assigned(self, now, process, facts):
        # type: (float, MeasuredProcess, Dict[str, Any]) -> None
        task_id, calculator = facts['task_id'], facts['calculator']
        task = self.tasks.get(task_id)
        if task is not None and task.last != (calculator, facts['attempt']):
            task.last = (calculator, facts['attempt'])
            task.attempts += 1
            if task.first_at is None:
                task.first_at = now
        self._hold(task_id, calculator)
        died_at = self._orphaned_at.pop(task_id, None)
        if died_at is not None:
            self.moves.append((died_at, now - died_at))

    def _on_adopted(self, now, process, facts):
        # type: (float, MeasuredProcess, Dict[str, Any]) -> None
        """The attempt continues; it is no new one."""
        task = self.tasks.get(facts['task_id'])
        if task is not None:
            task.last = (facts['calculator'], facts['attempt'])
        self._hold(facts['task_id'], facts['calculator'])

    def _hold(self, task_id, calculator):
        # type: (str, str) -> None
        self._free(task_id)
        self._holder[task_id] = calculator
        self._held.setdefault(calculator, set()).add(task_id)

    def _free(self, task_id):
        # type: (str) -> None
        calculator = self._holder.pop(task_id, None)
        if calculator is not None:
            self._held[calculator].discard(task_id)

    def _on_reassigned(self, now, process, facts):
        # type: (float, MeasuredProcess, Dict[str, Any]) -> None
        self._free(facts['task_id'])

    def _on_done(self, now, process, facts):
        # type: (float, MeasuredProcess, Dict[str, Any]) -> None
        work = self._work.get((facts['calculator'], facts['task_id']))
        if work is not None:
            work.is_useful = True
        self._on_ended(now, process, facts)

    def _on_ended(self, now, process, facts):
        # type: (float, MeasuredProcess, Dict[str, Any]) -> None
        self._free(facts['task_id'])
        self._orphaned_at.pop(facts['task_id'], None)

    def _on_suspected(self, now, process, facts):
        # type: (float, MeasuredProcess, Dict[str, Any]) -> None
        states = self.states.get(facts['calculator'])
        if states and states[-1][2]:
            self.false_suspicions.append(now)

    # Calculators.

    def add_calculator(self, now, process):
        # type: (float, MeasuredProcess) -> None
        slots = process.core.capacity
        self.states.setdefault(process.name, []).append((now, 0, slots, slots))

    def note_calculator(self, now, process):
        # type: (float, MeasuredProcess) -> None
        """Note the state of a calculator after a turn."""
        core, states = process.core, self.states[process.name]
        slots = core.capacity if core.is_in_order and process.is_running else 0
        running = core.running if slots else 0
        last = states[-1]
        if last[1] != running or last[2] != slots:
            states.append((now, running, slots, core.capacity))

    def begins(self, now, name, task_id, duration_s):
        # type: (float, str, str, float) -> None
        """A calculator begins to work on a task."""
        work = self._work[name, task_id] = Work(now, duration_s)
        self.works.append(work)

    def _on_let_go(self, now, process, facts):
        # type: (float, MeasuredProcess, Dict[str, Any]) -> None
        work = self._work.pop((process.name, facts['task_id']), None)
        if work is not None and facts['end'] != 'reported':
            work.duration_s = min(work.duration_s, now - work.began_at)

    def _on_out_of_order(self, now, process, facts):
        # type: (float, MeasuredProcess, Dict[str, Any]) -> None
        self.note_death(now, process.name, facts['outage'] == 'crash')

    def note_death(self, now, name, is_lost=True):
        # type: (float, str, bool) -> None
        """A calculator is killed or out of order; its work is lost, or late."""
        for task_id in self._held.get(name, ()):
            self._orphaned_at.setdefault(task_id, now)
            work = self._work.get((name, task_id))
            if is_lost and work is not None:
                work.duration_s = min(work.duration_s, now - work.began_at)
