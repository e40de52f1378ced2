"""The calculators as a dispatcher has to see them, judged from outside by what it hears and what it emits."""

from __future__ import absolute_import, division, print_function

from net_protocol.rows import CALCULATOR
from simulator.audit import ROUNDING_S, Audit
from simulator.violations import broken

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401

    from net_protocol.channel import Channel  # noqa: F401
    from simulator.ledger import Ledger  # noqa: F401

ALIVE = 'alive'

#: What the verdict on a silent calculator may be late by: the turns around it, and the time to catch up.
VERDICT_LATE_S = 1.0


class View(object):
    """One incarnation of a calculator. ``given`` are the tasks that it has: task id -> assignment, 0 while the row
    is not written. ``acknowledged`` are the numbers of the datagrams that acknowledged them. ``lost_at`` is since
    when it may have none.
    """

    def __init__(self, channel, heartbeat, now):
        # type: (Channel, Any, float) -> None
        self.channel = channel
        self.state = ALIVE
        self.lost_at = None  # type: float | None
        # With functions, one call ahead for each slot: see ``_on_offers``.
        self.capacity = self.places = heartbeat[4]
        self.draining_since = None  # type: float | None
        self.given = {}  # type: Dict[str, int]
        self.given_total = 0
        self.acknowledged = {}  # type: Dict[str, int]
        self.hear(now, heartbeat)

    def hear(self, now, heartbeat):
        # type: (float, Any) -> None
        self.heard_at = now
        self.newest_heartbeat = self.channel.number_received
        self.interval_s = heartbeat[3]
        if not heartbeat[7]:
            self.draining_since = None
        elif self.draining_since is None:
            self.draining_since = now

    def forget(self, task_id):
        # type: (str) -> None
        self.given.pop(task_id, None)
        self.acknowledged.pop(task_id, None)


class FleetAudit(Audit):
    """S6, S7 and S8 as far as the dispatcher goes."""

    HEARD = {'heartbeat': '_heard_heartbeats'}
    SENT = {'assign': '_sent_assigns'}
    EVENTS = {'registered': '_on_registered', 'returned': '_on_registered', 'died': '_on_gone', 'left': '_on_gone',
              'suspected': '_on_suspected', 'recovered': '_on_recovered', 'held_up': '_on_held_up',
              'offers': '_on_offers'}
    ACKNOWLEDGED = frozenset(['assign'])

    def __init__(self, ledger, settings):
        # type: (Ledger, Dict[str, Any]) -> None
        super(FleetAudit, self).__init__(ledger, settings)
        # Name -> its present incarnation; those that must lose what they have.
        self.views = {}  # type: Dict[str, View]
        self._losing = []  # type: List[View]
        self.capacity_ever = 0
        # The heartbeats of this turn as (channel, row); and what turned out not to be held.
        self._beats = []  # type: List[Tuple[Channel, Any]]
        self._missing = []  # type: List[Tuple[View, str, int]]
        self._deaf_at = 0.0

    def is_undisturbed(self, now):
        # type: (float) -> bool
        return super(FleetAudit, self).is_undisturbed(now) and now - self._deaf_at > VERDICT_LATE_S

    def view_of(self, channel):
        # type: (Channel) -> View | None
        """The present incarnation of a calculator, if that is its channel."""
        view = self.views.get(channel.name) if channel.role == CALCULATOR else None
        return view if view is not None and view.channel.incarnation == channel.incarnation else None

    # What it hears and sends.

    def heard(self, now, channel):
        # type: (float, Channel) -> None
        view = self.view_of(channel)
        if view is not None:
            view.heard_at = now
            view.channel = channel

    def _heard_heartbeats(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        self._beats.append((channel, rows[-1]))
        view, number = self.view_of(channel), channel.number_received
        if view is None or number < view.newest_heartbeat:
            return
        view.hear(now, rows[-1])
        _, _, pages, _, _, held, _, _ = rows[-1]
        for task_id in sorted(view.given) if pages == 1 else ():
            assignment = view.given[task_id]
            if any(first <= assignment <= last for first, last in held):
                # As good as an acknowledgement.
                view.acknowledged.setdefault(task_id, number)
            elif view.acknowledged.get(task_id, number) < number:
                self._missing.append((view, task_id, assignment))

    def acknowledged(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        view = self.view_of(channel)
        for row in rows if view is not None else ():
            if view.given.get(row[1]) == row[0]:  # type: ignore[union-attr]
                view.acknowledged.setdefault(row[1], channel.number_received)  # type: ignore[union-attr]

    def _sent_assigns(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        view = self.view_of(channel)
        for assignment, task_id, attempt, _, _, _ in rows:
            if self.ledger.assigned.get((self.core.incarnation, task_id, attempt)) != channel.incarnation:
                raise broken('S7', (task_id, channel.name), 'assigned to another incarnation of %s', channel.name)
            if view is not None and task_id in view.given and assignment >= view.given[task_id]:
                view.given[task_id] = assignment

    # What it says about them.

    def _on_registered(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        name = facts['calculator']
        found = [beat for beat in self._beats if (beat[0].name, beat[0].address) == (name, facts['address'])]
        if not found:
            raise broken('S4', name, 'registered by nobody')
        # Of two incarnations that are heard in one turn, the other one is present already.
        channel, heartbeat = ([beat for beat in found if self.view_of(beat[0]) is None] or found)[0]
        if name in self.views:
            self._lose(now, name, 'replaced')
        self.views[name] = View(channel, heartbeat, now)
        self.capacity_ever += heartbeat[4]

    def _on_offers(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        view = self.views[facts['calculator']]
        view.places = 2 * view.capacity

    def _on_gone(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        name = facts['calculator']
        view = self.views[name]
        if 'silence_s' in facts:
            wanted_s = self.settings['dead_after_missed'] * view.interval_s
            if now - view.heard_at < wanted_s - ROUNDING_S:
                raise broken(
    'S13',
    name,
    'dead after %.3f s of silence, %.3f are needed',
    now - view.heard_at,
     wanted_s)
        self._lose(now, name, 'gone')

    def _lose(self, now, name, state):
        # type: (float, str, str) -> None
        view = self.views[name]
        view.state = state
        view.lost_at = now
        self._losing.append(view)

    def _on_suspected(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        self.views[facts['calculator']].state = 'suspect'

    def _on_recovered(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        view = self.views[facts['calculator']]
        view.state, view.lost_at = ALIVE, None

    def _on_held_up(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        self._deaf_at = now

    # Work.

    def note_given(self, now, name, task_id, attempt, is_new):
        # type: (float, str, str, int, bool) -> View
        """A calculator has a task, a new one or one that it ran already: that one it may keep while it drains."""
        view = self.views.get(name)
        if view is None or view.state != ALIVE:
            raise broken('S7', (task_id, name), 'given to %s, which is %s', name, view and view.state)
        # This turn may have assigned before it heard of the drain.
        if is_new and view.draining_since is not None and view.draining_since < now:
            raise broken('S7', (task_id, name), 'given to %s, which drains', name)
        view.given[task_id] = 0
        view.given_total += 1
        if len(view.given) > view.places:
            raise broken('S6', (task_id, name), '%s has %d tasks and %d slots', name, len(view.given), view.capacity)
        self.ledger.assigned[self.core.incarnation, task_id, attempt] = view.channel.incarnation
        return view

    def end_turn(self, now):
        # type: (float) -> None
        if self._beats:
            del self._beats[:]
            for view, task_id, assignment in self._missing:
                if view.given.get(task_id) == assignment:
                    raise broken('S8', (task_id, view.channel.name), 'its calculator does not have it, and says so')
            del self._missing[:]

    def hold_no_task_with_the_silent(self, now):
        # type: (float) -> None
        """S8: whoever has a task was heard within the detection time, and is not gone."""
        for view in self._losing + [self.views[name] for name in sorted(self.views)]:
            limit_s = (self.settings['dead_after_missed'] + 0.5) * view.interval_s + VERDICT_LATE_S
            is_gone = view.lost_at is not None and now - view.lost_at > VERDICT_LATE_S
            if view.given and (is_gone or self._deaf_at <= view.heard_at < now - limit_s):
                raise broken('S8', (view.channel.name,) + tuple(sorted(view.given)),
                             '%d tasks with %s (%s), heard %.1f s '
                             'ago', len(view.given), view.channel.name, view.state, now - view.heard_at)
        self._losing = [view for view in self._losing if view.given and view.lost_at is not None]
