"""The calculators as one life of a dispatcher has to see them,
    kept from outside by what it was told and what it tells."""

from __future__ import absolute_import, division, print_function

from net_protocol.messages import AssignAck, AssignRefused, Heartbeat, Result
from simulator.client_audit import ROUNDING_S
from simulator.ledger import Audit
from simulator.violations import broken

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Set, Tuple  # noqa: F401

    from simulator.ledger import Ledger  # noqa: F401

ALIVE = 'alive'
SUSPECT = 'suspect'
DEAD = 'dead'
LEFT = 'left'

#: What the verdict on a silent calculator may be late by: the turns around it, and the time to catch up.
VERDICT_LATE_S = 1.0


class View(object):
    """One calculator. ``given`` are the task ids that it was given in its present life and that were not taken back."""

    __slots__ = ('incarnation', 'former', 'changed_at', 'state', 'capacity', 'interval_s', 'sequence', 'draining',
                 'last_heard_at', 'given', 'given_total', 'newest_number', 'acknowledged')

    def __init__(self):
        # type: () -> None
        self.former = ''
        self.incarnation = ''
        self.changed_at = 0.0
        self.state = DEAD
        self.capacity = 1
        self.interval_s = 1.0
        self.sequence = 0
        self.draining = False
        self.last_heard_at = 0.0
        self.given = set()  # type: Set[str]
        self.given_total = 0
        # The highest number of a datagram with an answer, and of the one that acknowledged each task it was given.
        self.newest_number = 0
        self.acknowledged = {}  # type: Dict[str, int]


class FleetAudit(Audit):
    """S6, S7 and S8 as far as the dispatcher goes."""

    def __init__(self, ledger, settings):
        # type: (Ledger, Dict[str, Any]) -> None
        super(FleetAudit, self).__init__(ledger, settings)
        self.views = {}  # type: Dict[str, View]
        self.capacity_ever = 0
        # Calculators that were declared dead or gone in this turn: at its end they must hold nothing.
        self._to_be_empty = []  # type: List[str]
        # What calculators turned out not to have in this turn, with how much each had been given until then.
        self._to_be_taken = []  # type: List[Tuple[View, str, int]]
        self._deaf_at = 0.0
        self._handed = {Heartbeat: self._on_heartbeat, AssignAck: self._on_answer, AssignRefused: self._on_answer,
                        Result: self._on_answer}
        self._events = {'registered': self._on_new_life, 'returned': self._on_new_life, 'died': self._on_died,
                        'suspected': self._on_suspected, 'recovered': self._on_recovered, 'left': self._on_left,
                        'held_up': self._on_held_up}

    # What it is told.

    def _on_heartbeat(self, now, sender, message):
        # type: (float, Any, Heartbeat) -> None
        view = self.views.get(sender.name)
        if view is None or view.incarnation != sender.incarnation or view.state == LEFT:
            return
        view.last_heard_at = now
        view.interval_s = max(message.interval_s, 0.0)
        if message.sequence >= view.sequence:
            view.sequence = message.sequence
            view.draining = message.draining
            if message.pages == 1 and sender.number >= view.newest_number:
                self._note_missing(view, sender.number, message)

    def _note_missing(self, view, number, message):
        # type: (View, int, Heartbeat) -> None
        """What it acknowledged before it sent this heartbeat, and does not name, it does not have."""
        held = {task_id for task_id, _ in message.running + message.unreported}
        for task_id in sorted(view.given):
            if task_id not in held and view.acknowledged.get(task_id, number) < number:
                self._to_be_taken.append((view, task_id, view.given_total))

    def _on_answer(self, now, sender, message):
        # type: (float, Any, Any) -> None
        view = self.views.get(sender.name)
        if view is None or view.incarnation != sender.incarnation:
            return
        view.newest_number = max(view.newest_number, sender.number)
        if view.state in (ALIVE, SUSPECT):
            view.last_heard_at = now
        if type(message) is AssignAck and message.task_id in view.given \
                and self.attempt_of(message.task_id) == message.attempt:
            view.acknowledged[message.task_id] = sender.number

    def attempt_of(self, task_id):
        # type: (str) -> int
        """The number of the task's live attempt."""
        raise NotImplementedError

    # What it says about them.

    def _on_new_life(self, now, calculator, address):
        # type: (float, str, Any) -> None
        message = self.message
        if not (type(message) is Heartbeat and self.sender.name == calculator):
            raise broken('S4', calculator, 'registered by nobody')
        view = self.views.setdefault(calculator, View())
        if view.given:
            raise broken('S5', calculator, 'its old life is said to hold %s', ', '.join(sorted(view.given)))
        view.former, view.incarnation = view.incarnation, self.sender.incarnation
        view.changed_at = view.last_heard_at = now
        view.state = ALIVE
        self.capacity_ever += message.capacity
        view.capacity = message.capacity
        view.newest_number = 0
        view.acknowledged.clear()
        view.interval_s = message.interval_s
        view.sequence = message.sequence
        view.draining = message.draining

    def _on_died(self, now, calculator, silence_s, held):
        # type: (float, str, float, int) -> None
        view = self.views[calculator]
        silent_s = now - view.last_heard_at
        wanted_s = self.settings['dead_after_missed'] * view.interval_s
        if silent_s < wanted_s - ROUNDING_S:
            raise broken('S13', calculator, 'dead after %.3f s of silence, %.3f are needed', silent_s, wanted_s)
        view.state = DEAD
        self._to_be_empty.append(calculator)

    def _on_suspected(self, now, calculator, held, why):
        # type: (float, str, int, str) -> None
        self.views[calculator].state = SUSPECT

    def _on_recovered(self, now, calculator, was):
        # type: (float, str, str) -> None
        self.views[calculator].state = ALIVE

    def _on_left(self, now, calculator):
        # type: (float, str) -> None
        self.views[calculator].state = LEFT
        self._to_be_empty.append(calculator)

    def _on_held_up(self, now, seconds):
        # type: (float, float) -> None
        self._deaf_at = now

    # Work.

    def hold_may_get_work(self, calculator, task_id):
        # type: (str, str) -> None
        """S7: only one that is alive and stays gets new work."""
        view = self.views[calculator]
        if view.state != ALIVE:
            raise broken('S7', (task_id, calculator), 'given to %s, which is %s', calculator, view.state)
        if view.draining:
            raise broken('S7', (task_id, calculator), 'given to %s, which drains', calculator)

    def note_given(self, calculator, task_id):
        # type: (str, str) -> None
        """It has a task, new or its own: is there a place for it?"""
        view = self.views.get(calculator)
        if view is None:
            raise broken('S7', task_id, 'given to %s, whom nobody knows', calculator)
        view.given.add(task_id)
        view.given_total += 1
        if len(view.given) > view.capacity:
            raise broken('S6', (task_id, calculator), '%s was given %d tasks, its capacity is %d', calculator,
                         len(view.given), view.capacity)

    def note_taken(self, calculator, task_id):
        # type: (str, str) -> None
        """A task that was with it is with it no more."""
        view = self.views[calculator]
        view.given.discard(task_id)
        view.acknowledged.pop(task_id, None)

    def hold_meant_for(self, now, calculator, message):
        # type: (float, str, Any) -> None
        """An assignment names the present life of its calculator, or the one that ended in this very turn."""
        view = self.views[calculator]
        lives = (view.incarnation, view.former) if view.changed_at == now else (view.incarnation,)
        if message.incarnation not in lives:
            raise broken('S7', (message.task_id, calculator), 'meant for an old life of %s', calculator)

    def end_turn(self, now):
        # type: (float) -> None
        super(FleetAudit, self).end_turn(now)
        if self._to_be_empty:
            for calculator in self._to_be_empty:
                view = self.views[calculator]
                if not (not view.given or view.state == ALIVE):
                    raise broken('S8', (calculator,) + tuple(sorted(view.given)), '%s, and %s stay with it',
                                 view.state, ', '.join(sorted(view.given)))
            del self._to_be_empty[:]
        if self._to_be_taken:
            for view, task_id, given_total in self._to_be_taken:
                if task_id in view.given and view.given_total == given_total:
                    raise broken('S8', task_id, 'its calculator does not have it, and says so')
            del self._to_be_taken[:]

    def is_undisturbed(self, now):
        # type: (float) -> bool
        """Whether it has been running freely for a while, so that nothing is late for a good reason."""
        running_s = self.process.clock.virtual(now) - self.process.disturbed_at
        return not self.process.is_suspended and running_s > VERDICT_LATE_S and now - self._deaf_at > VERDICT_LATE_S

    def hold_no_task_with_the_silent(self, now):
        # type: (float) -> None
        """S8: whoever holds a task was heard within the detection time."""
        for name in sorted(self.views):
            view = self.views[name]
            if view.given and self._deaf_at <= view.last_heard_at:
                silent_s = now - view.last_heard_at
                limit_s = self.settings['dead_after_missed'] * view.interval_s + VERDICT_LATE_S
                if silent_s > limit_s:
                    raise broken('S8', (name,) + tuple(sorted(view.given)), '%d tasks with %s, silent for %.1f s',
                                 len(view.given), name, silent_s)
