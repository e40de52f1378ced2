"""Audits what a dispatcher does with its calculators: compares what it hears with its verdicts and assignments."""

from __future__ import absolute_import, division, print_function

from bisect import bisect_right

from net_protocol.rows import CALCULATOR
from net_protocol.schedule import JITTER_MAX, PROBE_MAX_S
from net_protocol.schedule import UNREACHABLE_S as SUSPECT_AFTER_S
from simulator.audit import ROUNDING_S, Audit, on_the_way
from simulator.violations import broken

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Set, Tuple  # noqa: F401

    from net_protocol.channel import Channel  # noqa: F401
    from simulator.ledger import Ledger  # noqa: F401

ALIVE, SUSPECT = 'alive', 'suspect'

#: How late the verdict on a silent calculator may be: some turns, and the time to read the datagrams of a late one.
VERDICT_LATE_S = 1.0

#: A report that no process listens at an address is believed after so many pings, and after so long.
HINT_PINGS, HINT_S = 3, 0.3

#: L8: a calculator that was heard within ``HEARD_S`` must acknowledge an assignment within ``UNREACHABLE_S``. This time
#: is long, because probes back off to their maximum and datagrams may be long under way. If the calculator acknowledges
#: other rows, the assignment must also have been written ``WRITES_MAX`` times, or not at all for that time.
HEARD_S = 2.0
UNREACHABLE_S = 5 * PROBE_MAX_S * JITTER_MAX
WRITES_MAX = 12


class Given(object):
    """A task that a calculator has since ``at``, and the number of the attempt. ``number`` is that of its assignment, 0
    before it is written. The assignment was written ``written`` times, from ``first_at`` to ``last_at``.
    ``acknowledged_in`` is the number of the datagram that acknowledged it.
    """

    __slots__ = ('at', 'attempt', 'is_adopted', 'number', 'first_at', 'last_at', 'written', 'acknowledged_in')

    def __init__(self, now, attempt, is_adopted):
        # type: (float, int, bool) -> None
        self.at = self.first_at = self.last_at = now
        self.attempt = attempt
        self.is_adopted = is_adopted
        self.number = self.written = 0
        self.acknowledged_in = None  # type: int | None


class View(object):
    """One incarnation of a calculator. ``given`` are the tasks that it has. From ``lost_at`` on it must lose them.
    ``acknowledged_at`` is the time of its last acknowledgement, ``pings`` the times of the pings since it was heard.
    """

    def __init__(self, channel, heartbeat, now):
        # type: (Channel, Any, float) -> None
        self.channel = channel
        self.state = ALIVE
        self.lost_at = None  # type: float | None
        self.acknowledged_at = 0.0
        # ``places`` is the most tasks that it may have: with functions, one more call for each slot (``_on_offers``).
        self.capacity = self.places = heartbeat[4]
        self.draining_since = None  # type: float | None
        self.given = {}  # type: Dict[str, Given]
        self.given_total = 0
        self.pings = []  # type: List[float]
        self.heard_at = now
        self.hear(now, heartbeat)

    def hear(self, now, heartbeat):
        # type: (float, Any) -> None
        self.newest_heartbeat = self.channel.number_received
        self.interval_s = heartbeat[3]
        if not heartbeat[7]:
            self.draining_since = None
        elif self.draining_since is None:
            self.draining_since = now


class FleetAudit(Audit):
    """Checks the dispatcher's part of S6, S7, S8, S13 and L8."""

    HEARD = {'heartbeat': '_heard_heartbeats'}
    SENT = {'assign': '_sent_assigns', 'ping': '_sent_pings'}
    EVENTS = {'registered': '_on_registered', 'returned': '_on_registered', 'died': '_on_gone', 'left': '_on_gone',
              'suspected': '_on_suspected', 'recovered': '_on_recovered', 'held_up': '_on_held_up',
              'offers': '_on_offers'}
    ACKNOWLEDGED = frozenset(['assign', 'revoke', 'ping'])

    def __init__(self, ledger, settings):
        # type: (Ledger, Dict[str, Any]) -> None
        super(FleetAudit, self).__init__(ledger, settings)
        # Name -> view of the present incarnation; views that must lose their tasks.
        self.views = {}  # type: Dict[str, View]
        self._losing = []  # type: List[View]
        self.capacity_ever = 0
        # The heartbeats of this turn as (channel, row, whether a later datagram came before it); the tasks that they
        # should name but do not.
        self._beats = []  # type: List[Tuple[Channel, Any, bool]]
        self._missing = []  # type: List[Tuple[View, str, Given]]
        # (name, incarnation) of all that were ever registered.
        self._registered = set()  # type: Set[Tuple[str, str]]
        # By how much this turn is late, 0 if by little; the time of the last late turn; the time of the last turn that
        # was late or left datagrams unread.
        self._late_s = self._deaf_at = self._hindered_at = 0.0

    def is_undisturbed(self, now):
        # type: (float) -> bool
        return super(FleetAudit, self).is_undisturbed(now) and now - self._deaf_at > VERDICT_LATE_S

    def view_of(self, channel):
        # type: (Channel) -> View | None
        """The view of a channel's calculator, or None if the channel is not that of its present incarnation."""
        view = self.views.get(channel.name) if channel.role == CALCULATOR else None
        return view if view is not None and view.channel.incarnation == channel.incarnation else None

    # Received and sent rows.

    def heard(self, now, channel):
        # type: (float, Channel) -> None
        view = self.view_of(channel)
        if view is not None:
            view.heard_at = now
            view.channel = channel
            view.pings = []

    def _heard_heartbeats(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        self._beats.append((channel, rows[-1], channel.number_received < channel.received.highest))
        view, number = self.view_of(channel), channel.number_received
        if view is None or number < view.newest_heartbeat:
            return
        view.hear(now, rows[-1])
        _, _, pages, _, _, held, _, _ = rows[-1]
        firsts = [first for first, _ in held]
        for task_id in sorted(view.given) if pages == 1 else ():
            given = view.given[task_id]
            place = bisect_right(firsts, given.number)
            if place and given.number <= held[place - 1][1]:
                # The heartbeat names the task: this counts as an acknowledgement.
                given.acknowledged_in = number if given.acknowledged_in is None else given.acknowledged_in
            elif given.acknowledged_in is not None and given.acknowledged_in < number:
                self._missing.append((view, task_id, given))

    def acknowledged(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        view = self.view_of(channel)
        if view is None:
            return
        view.acknowledged_at = now
        for row in rows if kind in ('assign', 'run') else ():
            given = view.given.get(row[1])
            if given is not None and given.number == row[0] and given.acknowledged_in is None:
                given.acknowledged_in = channel.number_received

    def _sent_assigns(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        view = self.view_of(channel)
        for assignment, task_id, attempt in [row[:3] for row in rows]:
            if self.ledger.assigned.get((self.core.incarnation, task_id, attempt)) != channel.incarnation:
                raise broken('S7', (task_id, channel.name), 'assigned to another incarnation of %s', channel.name)
            given = None if view is None else view.given.get(task_id)
            # The row of an earlier attempt may have waited for the window until now.
            if given is not None and attempt == given.attempt and assignment >= given.number:
                given.number = assignment
                given.first_at = given.first_at if given.written else now
                given.last_at = now
                given.written += 1

    def _sent_pings(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        view = self.view_of(channel)
        if view is not None:
            view.pings.append(now)

    # Events of the dispatcher about calculators.

    def _on_registered(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        name = facts['calculator']
        found = [beat for beat in self._beats if (beat[0].name, beat[0].address) == (name, facts['address'])]
        if not found:
            raise broken('S4', name, 'registered without a heartbeat')
        # Several incarnations may be heard in one turn. Take one that is not the present one, and not a former one if
        # the present one is alive or suspect.
        view = self.views.get(name)
        former = self._registered if view is not None and view.state in (ALIVE, SUSPECT) else ()
        channel, heartbeat, _ = ([beat for beat in found if self.view_of(beat[0]) is None
                                  and (name, beat[0].incarnation) not in former] or found)[0]
        if name in self.views:
            self._lose(now, name, 'replaced')
        self.views[name] = View(channel, heartbeat, now)
        self._registered.add((name, channel.incarnation))
        self.capacity_ever += heartbeat[4]

    def _on_offers(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        view = self.views[facts['calculator']]
        view.places = 2 * view.capacity

    def _on_gone(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        name = facts['calculator']
        if 'silence_s' in facts:
            self._check_silence(now, self.views[name], self.settings['dead_after_missed'])
        self._lose(now, name, 'gone')

    def _lose(self, now, name, state):
        # type: (float, str, str) -> None
        view = self.views[name]
        view.state = state
        view.lost_at = now
        self._losing.append(view)

    def _on_suspected(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        name, why = facts['calculator'], facts['why']
        view = self.views[name]
        if why == 'silent':
            self._check_silence(now, view, self.settings['suspect_after_missed'])
            view.state = SUSPECT
            return
        if why == 'does not acknowledge':
            is_early = now - view.acknowledged_at < SUSPECT_AFTER_S - ROUNDING_S
        else:
            pings = view.pings
            is_early = len(pings) < HINT_PINGS + self._is_unread(view) or now - pings[0] < HINT_S - ROUNDING_S
        if is_early:
            raise broken('S13', name, 'suspect too early (%s)', why)
        self._lose(now, name, SUSPECT)

    def _check_silence(self, now, view, missed):
        # type: (float, View, int) -> None
        """S13: ``missed`` heartbeats are missed. The first verdict of a silence is postponed if this turn is late or
        left datagrams unread.
        """
        name, late_s = view.channel.name, now - view.heard_at - (missed + 0.5) * view.interval_s
        if late_s < -ROUNDING_S:
            raise broken('S13', name, 'judged after %.3f s of silence, %.3f s early', now - view.heard_at, -late_s)
        waits_from = view.heard_at + (self.settings['suspect_after_missed'] + 0.5) * view.interval_s
        if self._hindered_at < waits_from and (late_s < self._late_s - ROUNDING_S or self._is_unread(view)):
            raise broken('S13', name, 'judged in a turn that is late, or leaves something from it unread')

    def _is_unread(self, view):
        # type: (View) -> bool
        """Whether a datagram of the calculator waits to be read."""
        return any(source == view.channel.address for _, source, _ in self.process.unread)

    def _on_recovered(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        view = self.views[facts['calculator']]
        view.state, view.lost_at = ALIVE, None

    def _on_held_up(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        self._deaf_at, self._late_s = now, facts['seconds']

    # Work.

    def note_given(self, now, name, task_id, attempt, is_new):
        # type: (float, str, str, int, bool) -> View
        """Note that a calculator has a task: a new one, or one that it ran already and may keep while it drains."""
        view = self.views.get(name)
        if view is None or view.state != ALIVE:
            raise broken('S7', (task_id, name), 'given to %s, which is %s', name, view and view.state)
        # In this turn, the task may have been assigned before the heartbeat with the drain was handled.
        if is_new and view.draining_since is not None and view.draining_since < now:
            raise broken('S7', (task_id, name), 'given to %s, which drains', name)
        view.given[task_id] = Given(now, attempt, not is_new)
        view.given_total += 1
        if len(view.given) > view.places:
            raise broken('S6', (task_id, name), '%s has %d tasks and %d slots', name, len(view.given), view.capacity)
        self.ledger.assigned[self.core.incarnation, task_id, attempt] = view.channel.incarnation
        return view

    def end_turn(self, now):
        # type: (float) -> None
        if self._late_s or self.process.unread:
            self._hindered_at, self._late_s = now, 0.0
        if self._beats:
            for channel, _, is_late in self._beats:
                view = self.views.get(channel.name)
                if not is_late and view is not None and view.state in (ALIVE, SUSPECT) \
                        and (channel.name, channel.incarnation) not in self._registered:
                    raise broken('S7', channel.name, 'a new incarnation is heard, and the former one keeps its place')
            del self._beats[:]
            for view, task_id, given in self._missing:
                if view.given.get(task_id) is given:
                    raise broken('S8', (task_id, view.channel.name), 'its calculator does not have it, and says so')
            del self._missing[:]

    def check_views(self, now):
        # type: (float) -> None
        """S8, L8: a calculator with tasks was heard within the detection time and is not gone. Assignments arrive."""
        for view in self._losing + [self.views[name] for name in sorted(self.views)]:
            limit_s = (self.settings['dead_after_missed'] + 0.5) * view.interval_s + VERDICT_LATE_S
            is_gone = view.lost_at is not None and now - view.lost_at > VERDICT_LATE_S
            if view.given and (is_gone or self._deaf_at <= view.heard_at < now - limit_s):
                # An unreachable suspect loses its tasks; a silent one keeps them until it is dead.
                raise broken('L8' if is_gone and view.state == SUSPECT else 'S8',
                             (view.channel.name,) + tuple(sorted(view.given)),
                             '%d tasks with %s (%s), heard %.1f s ago', len(view.given), view.channel.name, view.state,
                             now - view.heard_at)
            if view.state == ALIVE and view.channel.is_open and not view.channel.is_asleep:
                self._check_assignments(now, view)
        self._losing = [view for view in self._losing if view.given and view.lost_at is not None]

    def _check_assignments(self, now, view):
        # type: (float, View) -> None
        """An unacknowledged assignment is on its way, and only for a limited time, even if the calculator acknowledges
        other rows.
        """
        missing = {task_id for task_id, given in view.given.items()
                   if given.acknowledged_in is None and not given.is_adopted}
        left = missing - on_the_way(view.channel, 1, 'assign', 'run') if missing else missing
        for task_id in sorted(missing):
            given, about = view.given[task_id], (task_id, view.channel.name)
            if task_id in left:
                raise broken('S8', about, 'its assignment is neither acknowledged nor on its way')
            if now - view.heard_at < HEARD_S and now - given.first_at > UNREACHABLE_S and (
                    given.written >= WRITES_MAX or view.acknowledged_at < given.first_at
                    or now - given.last_at > UNREACHABLE_S):
                raise broken('L8', about, '%s is heard, and does not acknowledge what was written %d times for %.1f s',
                             view.channel.name, given.written, now - given.first_at)
