"""The calculators as a dispatcher has to see them, judged from outside by what it hears and what it emits."""

from __future__ import absolute_import, division, print_function

from net_protocol.rows import CALCULATOR
from simulator.audit import ROUNDING_S, Audit
from simulator.violations import broken

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Set, Tuple  # noqa: F401

    from net_protocol.channel import Channel  # noqa: F401
    from simulator.ledger import Ledger  # noqa: F401

ALIVE = 'alive'
SUSPECT = 'suspect'
DEAD = 'dead'
LEFT = 'left'

#: What the verdict on a silent calculator may be late by: the turns around it, and the time to catch up.
VERDICT_LATE_S = 1.0


class View(object):
    """One incarnation of a calculator. ``given`` are the tasks that it was given and that were not taken back: task id ->
    attempt. ``lost_at`` is since when it may hold none.
    """

    def __init__(self, channel):
        # type: (Channel) -> None
        self.name = channel.name
        self.incarnation = channel.incarnation
        self.channel = channel
        self.lost_at = None  # type: float | None
        self.state = DEAD
        self.capacity = 1
        self.interval_s = 1.0
        self.draining_since = None  # type: float | None
        self.last_heard_at = 0.0
        self.given = {}  # type: Dict[str, int]
        self.given_total = 0
        self.newest_heartbeat = 0
        # Task id -> its assignment, and the number of the datagram that acknowledged it.
        self.assignments = {}  # type: Dict[str, int]
        self.acknowledged = {}  # type: Dict[str, int]

    def note_draining(self, now, draining):
        # type: (float, bool) -> None
        if not draining:
            self.draining_since = None
        elif self.draining_since is None:
            self.draining_since = now


class FleetAudit(Audit):
    """S6, S7 and S8 as far as the dispatcher goes."""

    HEARD = {'heartbeat': '_heard_heartbeat'}
    SENT = {'assign': '_sent_assigns'}
    EVENTS = {'registered': '_on_registered', 'returned': '_on_registered', 'died': '_on_died',
              'suspected': '_on_suspected', 'recovered': '_on_recovered', 'left': '_on_left', 'held_up': '_on_held_up'}
    ACKNOWLEDGED = frozenset(['assign'])

    def __init__(self, ledger, settings):
        # type: (Ledger, Dict[str, Any]) -> None
        super(FleetAudit, self).__init__(ledger, settings)
        self.views = {}  # type: Dict[str, View]
        self.capacity_ever = 0
        # The newest heartbeats of this turn, (channel, row), by name and address: two processes may have one name.
        self._beats = {}  # type: Dict[Tuple[str, Any], Tuple[Channel, Any]]
        # What turned out not to be held in this turn, with how much its calculator had been given until then.
        self._to_be_taken = []  # type: List[Tuple[View, str, int]]
        # Those that must lose what they hold.
        self._losing = []  # type: List[View]
        self._deaf_at = 0.0

    def is_undisturbed(self, now):
        # type: (float) -> bool
        return super(FleetAudit, self).is_undisturbed(now) and now - self._deaf_at > VERDICT_LATE_S

    # What it hears and sends.

    def heard(self, now, channel):
        # type: (float, Channel) -> None
        if channel.role == CALCULATOR:
            view = self.views.get(channel.name)
            if view is not None and view.incarnation == channel.incarnation:
                view.last_heard_at = now

    def _heard_heartbeat(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        for row in rows:
            self._beats[channel.name, channel.address] = (channel, row)
            view = self.views.get(channel.name)
            number = channel.number_received
            if view is None or view.incarnation != channel.incarnation or number < view.newest_heartbeat:
                continue
            _, _, pages, interval_s, _, held, _, draining = row
            view.newest_heartbeat = number
            view.interval_s = interval_s
            view.note_draining(now, draining)
            if pages == 1:
                for task_id in sorted(view.given):
                    if _names(held, view.assignments.get(task_id, 0)):
                        # As good as an acknowledgement.
                        view.acknowledged.setdefault(task_id, number)
                    elif view.acknowledged.get(task_id, number) < number:
                        self._to_be_taken.append((view, task_id, view.given_total))

    def acknowledged(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        if kind == 'assign':
            view = self.views.get(channel.name)
            if view is not None and view.incarnation == channel.incarnation:
                for assignment, task_id, attempt, _, _, _ in rows:
                    if view.given.get(task_id) == attempt and view.assignments.get(task_id) == assignment:
                        view.acknowledged.setdefault(task_id, channel.number_received)

    def _sent_assigns(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        view = self.views.get(channel.name)
        for assignment, task_id, attempt, _, _, _ in rows:
            if self.ledger.assigned.get((self.core.incarnation, task_id, attempt)) != channel.incarnation:
                raise broken('S7', (task_id, channel.name), 'assigned to another incarnation of %s', channel.name)
            if view is not None and view.given.get(task_id) == attempt and view.incarnation == channel.incarnation:
                view.assignments[task_id] = assignment

    # What it says about them.

    def _on_registered(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        name = facts['calculator']
        if (name, facts['address']) not in self._beats:
            raise broken('S4', name, 'registered by nobody')
        channel, row = self._beats[name, facts['address']]
        if name in self.views:
            self._lose(now, self.views[name], DEAD)
        view = self.views[name] = View(channel)
        view.last_heard_at = now
        view.state = ALIVE
        _, _, _, view.interval_s, view.capacity, _, _, draining = row
        view.note_draining(now, draining)
        self.capacity_ever += view.capacity
        view.newest_heartbeat = channel.number_received

    def _on_died(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        name = facts['calculator']
        view = self.views[name]
        silent_s = now - view.last_heard_at
        wanted_s = self.settings['dead_after_missed'] * view.interval_s
        if silent_s < wanted_s - ROUNDING_S:
            raise broken('S13', name, 'dead after %.3f s of silence, %.3f are needed', silent_s, wanted_s)
        self._lose(now, view, DEAD)

    def _on_suspected(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        self.views[facts['calculator']].state = SUSPECT

    def _on_recovered(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        view = self.views[facts['calculator']]
        view.state = ALIVE
        view.lost_at = None

    def _on_left(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        self._lose(now, self.views[facts['calculator']], LEFT)

    def _lose(self, now, view, state):
        # type: (float, View, str) -> None
        view.state = state
        view.lost_at = now
        self._losing.append(view)

    def _on_held_up(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        self._deaf_at = now

    # Work.

    def note_given(self, now, calculator, task_id, attempt, is_new):
        # type: (float, str, str, int, bool) -> View
        """A calculator has a task, a new one or one that it ran already."""
        view = self.views.get(calculator)
        if view is None:
            raise broken('S7', task_id, 'given to %s, which nobody knows', calculator)
        # What it runs already it may keep while it drains, and this turn may have assigned before it heard of that.
        if view.state != ALIVE or (view.draining_since is not None and view.draining_since < now and is_new):
            raise broken('S7', (task_id, calculator), 'given to %s, which %s', calculator,
                         'drains' if view.state == ALIVE else 'is ' + view.state)
        view.given[task_id] = attempt
        view.given_total += 1
        if len(view.given) > view.capacity:
            raise broken('S6', (task_id, calculator), '%s was given %d tasks, its capacity is %d', calculator,
                         len(view.given), view.capacity)
        self.ledger.assigned[self.core.incarnation, task_id, attempt] = view.incarnation
        return view

    def note_taken(self, view, task_id, how):
        # type: (View, str, str) -> None
        """A task that was with it is with it no more."""
        if how == 'not_held' and task_id not in view.acknowledged:
            raise broken('S8', (task_id, view.name), 'taken from %s, which may not have received it yet', view.name)
        view.given.pop(task_id, None)
        view.assignments.pop(task_id, None)
        view.acknowledged.pop(task_id, None)

    def end_turn(self, now):
        # type: (float) -> None
        self._beats.clear()
        for view, task_id, given_total in self._to_be_taken:
            if task_id in view.given and view.given_total == given_total:
                raise broken('S8', task_id, 'its calculator does not have it, and says so')
        del self._to_be_taken[:]

    def hold_no_task_with_the_silent(self, now):
        # type: (float) -> None
        """S8: whoever holds a task was heard within the detection time, and has not come back without it."""
        for view in self._losing:
            if view.given and view.lost_at is not None and now - view.lost_at > VERDICT_LATE_S:
                raise broken('S8', (view.name,) + tuple(sorted(view.given)), '%s, and %d tasks stay with it', view.state,
                             len(view.given))
        self._losing = [view for view in self._losing if view.given and view.lost_at is not None]
        for name in sorted(self.views):
            view = self.views[name]
            if view.given and self._deaf_at <= view.last_heard_at:
                silent_s = now - view.last_heard_at
                limit_s = (self.settings['dead_after_missed'] + 0.5) * view.interval_s + VERDICT_LATE_S
                if silent_s > limit_s:
                    raise broken('S8', (name,) + tuple(sorted(view.given)), '%d tasks with %s, silent for %.1f s',
                                 len(view.given), name, silent_s)


def _names(ranges, number):
    # type: (List[List[int]], int) -> bool
    """Whether one of these ranges contains a number."""
    return any(first <= number <= last for first, last in ranges)
