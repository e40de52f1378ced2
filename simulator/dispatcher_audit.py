"""One incarnation of a dispatcher, looked at from outside: where each task is, and what its client hears of it."""

from __future__ import absolute_import, division, print_function

from heapq import heappop, heappush

from dispatcher.journal import OVER
from net_protocol.rows import CANCELLED, CLIENT, DONE, EXPIRED, FAILED, OUTCOMES
from net_protocol.schedule import JITTER_MAX, PROBE_MAX_S, SLEEP_S
from simulator.audit import ROUNDING_S, on_the_way
from simulator.fleet_audit import ALIVE, FleetAudit
from simulator.violations import broken

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Set, Tuple  # noqa: F401

    from net_protocol.channel import Channel  # noqa: F401
    from simulator.ledger import Ledger  # noqa: F401
    from simulator.process import Process  # noqa: F401
    from simulator.promises import Promises  # noqa: F401

WAITING = 'waiting'
ASSIGNED = 'assigned'

#: What a timer may be late by, if nothing disturbed the process.
LATE_S = 0.6

#: A calculator that was heard so lately and acknowledges nothing for the other time is unreachable: probes back off to
#: their maximum, and the datagrams that are heard may be long under way.
HEARD_S = 2.0
UNREACHABLE_S = 5 * PROBE_MAX_S * JITTER_MAX


class Place(object):
    """A task that is not over: where it is. ``due_at`` is when its live attempt must have been answered.

    ``deadline_at`` is the latest end, ``expires_at`` the earliest: copies of a submit differ in the time left.
    """

    __slots__ = ('state', 'is_adopted', 'accepted_at', 'deadline_at', 'expires_at', 'attempts', 'view', 'attempt', 'assigned_at', 'due_at')

    def __init__(self, accepted_at, deadline_at, expires_at):
        # type: (float, float, float) -> None
        self.state = WAITING
        self.is_adopted = False
        self.accepted_at = accepted_at
        self.deadline_at = deadline_at
        self.expires_at = expires_at
        self.attempts = 0
        # The calculator that it is assigned to.
        self.view = None  # type: Any
        self.attempt = 0
        self.assigned_at = 0.0
        self.due_at = 0.0


class Over(object):
    """A task that is over. ``told`` is what its client was sent first, ``outcome`` None where an earlier incarnation
    ended it. ``ended_at`` is virtual.
    """

    __slots__ = ('outcome', 'ended_at', 'told', 'is_acknowledged')

    def __init__(self, outcome, ended_at):
        # type: (str | None, float) -> None
        self.outcome = outcome
        self.ended_at = ended_at
        self.told = None  # type: Any
        self.is_acknowledged = False


class DispatcherAudit(FleetAudit):
    """S1 to S5, S8 to S14, S16 and S19; those about calculators (S6, S7, S8) are its base's.

    ``promises`` are those of all incarnations, where there is a journal; else None.
    """

    HEARD = dict(FleetAudit.HEARD, submit='_heard_submits', cancel='_heard_cancels', result='_heard_results')
    SENT = dict(FleetAudit.SENT, done='_sent_done', ended='_sent_ended', done_before='_sent_done_before',
                ended_before='_sent_ended_before')
    EVENTS = dict(FleetAudit.EVENTS, accepted='_on_accepted', assigned='_on_assigned', adopted='_on_adopted',
                  reassigned='_on_reassigned', done='_on_done', ended='_on_ended')
    ACKNOWLEDGED = FleetAudit.ACKNOWLEDGED | frozenset(['done', 'ended', 'done_before', 'ended_before'])

    def __init__(self, ledger, settings, promises=None):
        # type: (Ledger, Dict[str, Any], Promises | None) -> None
        super(DispatcherAudit, self).__init__(ledger, settings)
        self._promises = promises
        self.places = {}  # type: Dict[str, Place]
        # (name, incarnation) of clients -> their channel.
        self._channels = {}  # type: Dict[Tuple[str, str], Channel]
        # Tasks that are over and not known to be over for their client, in the order of their end.
        self._undelivered = []  # type: List[str]
        self.over = {}  # type: Dict[str, Over]
        self.waiting = 0
        self.accepted_total = 0
        self.recovered_total = 0
        self.ends = dict.fromkeys(OUTCOMES, 0)
        # In this turn: task id -> (payload, least and most time left, whether it is below `open`), results, and cancels.
        self._submitted = {}  # type: Dict[str, Tuple[Any, float, float, bool]]
        self._results = {}  # type: Dict[str, List[Tuple[Any, Any]]]
        self._cancelled = set()  # type: Set[str]
        # Outcomes that were removed from the journal although their client waits.
        self._dropped = 0
        # (point in time, task id, attempts or 0 for the task's own deadline): what must have happened by when.
        self._due = []  # type: List[Tuple[float, str, int]]

    def begin(self, process):
        # type: (Process) -> None
        super(DispatcherAudit, self).begin(process)
        self._accepted = self.ledger.accepted.setdefault(process.core.incarnation, set())
        self._refused = self.ledger.refused.setdefault(process.core.incarnation, set())

    @property
    def size(self):
        # type: () -> int
        return 4 * len(self.places)

    def take_over(self, now, wall_now):
        # type: (float, float) -> None
        """Begin with what the disk says."""
        for task_id, is_over, time_left_s in self._promises.recovered(  # type: ignore[union-attr]
                self.core.incarnation, wall_now):
            self._accepted.add(task_id)
            if not is_over:
                deadline_at = now + min(max(0.0, time_left_s), self.settings['task_timeout_s'])
                self._open(task_id, now, deadline_at, deadline_at)
                self.recovered_total += 1
            else:
                self.over[task_id] = Over(None, self._began_at)
                self._undelivered.append(task_id)

    # What clients and calculators say.

    def _heard_submits(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        prefix = '%s:%s:' % (channel.name, channel.incarnation)
        for number, payload, time_left_s in rows:
            task_id = prefix + str(number)
            _, least_s, most_s, _ = self._submitted.get(task_id, (None, time_left_s, time_left_s, False))
            self._submitted[task_id] = (payload, min(least_s, time_left_s), max(most_s, time_left_s),
                                        number < channel.peer_open)

    def _heard_cancels(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        prefix = '%s:%s:' % (channel.name, channel.incarnation)
        self._cancelled.update([prefix + str(row[0]) for row in rows])

    def _heard_results(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        for _, task_id, result, error in rows:
            self._results.setdefault(task_id, []).append((result, error))

    def acknowledged(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        if kind == 'assign':
            super(DispatcherAudit, self).acknowledged(now, channel, kind, rows)
            return
        prefix = '%s:%s:' % (channel.name, channel.incarnation)
        for row in rows:
            task_id = '%s:%s:%d' % (channel.name, row[0], row[1]) if kind.endswith('_before') else prefix + str(row[0])
            over = self.over.get(task_id)
            if over is not None:
                over.is_acknowledged = True

    # What they are sent.

    def wrote(self, now, channel, rows):
        # type: (float, Channel, Dict[str, List[Any]]) -> None
        super(DispatcherAudit, self).wrote(now, channel, rows)
        if now - channel.heard_at > SLEEP_S + LATE_S and self.is_undisturbed(now):
            raise broken('S12', (self.name, channel.name), '%s is sent %r after %.1f s of silence', channel.name, rows,
                         now - channel.heard_at)

    def queueing(self, channel, kind, row):
        # type: (Channel, str, Any) -> None
        """The core wants to send a row."""
        if kind == 'refused':
            task_id = '%s:%s:%d' % (channel.name, channel.incarnation, row[0])
            self._refused.add(task_id)
            if task_id in self.places:
                raise broken('S1', task_id, 'refused after it was accepted')

    def _sent_done(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        prefix = '%s:%s:' % (channel.name, channel.incarnation)
        for row in rows:
            self._tell(prefix + str(row[0]), (DONE, row[1], None, row[2]))

    def _sent_ended(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        prefix = '%s:%s:' % (channel.name, channel.incarnation)
        for row in rows:
            self._tell(prefix + str(row[0]), (row[1], None, row[2], row[3]))

    def _sent_done_before(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        for row in rows:
            self._tell('%s:%s:%d' % (channel.name, row[0], row[1]), (DONE, row[2], None, row[3]))

    def _sent_ended_before(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        for row in rows:
            self._tell('%s:%s:%d' % (channel.name, row[0], row[1]), (row[2], None, row[3], row[4]))

    def _tell(self, task_id, told):
        # type: (str, Any) -> None
        over = self.over.get(task_id)
        if over is None:
            if task_id in self.places or told[0] != CANCELLED:
                raise broken('S4', task_id, 'its client is told %s, and it is %s', told[0],
                             self.places[task_id].state if task_id in self.places else 'unknown')
            # Cancelled before it was accepted.
            over = self.over[task_id] = Over(CANCELLED, self.process.environment.agenda.now)
            over.told = told
        if over.told is None:
            over.told = told
            if over.outcome is not None and told[0] != over.outcome:
                raise broken('S2', task_id, 'it is %s, its client is told %s', over.outcome, told[0])
            if self._promises is not None and task_id in self._accepted and not self.ledger.is_byzantine(task_id):
                self._promises.note_outcome_sent(task_id, told)
        elif over.told != told:
            raise broken('S2', task_id, 'first %r, now %r', over.told, told)

    def recorded(self, records):
        # type: (List[Any]) -> None
        """Records went to the disk, or will with the next write that works."""
        for record in records:
            over = self.over.get(record.task_id)
            if record.KIND != OVER or (over is not None and over.is_acknowledged):
                continue
            entry = self.ledger.tasks.get(record.task_id)
            if entry is not None and entry.is_awaited:
                # An outcome of a client that is absent. Otherwise it must not be dropped.
                self._dropped += 1
                self._promises.note_dropped(record.task_id)  # type: ignore[union-attr]
                if self._dropped > self.core.counts['outcomes_dropped']:
                    raise broken('S1', record.task_id, 'removed from the journal, and its client waits for it')

    # The places of a task.

    def _on_accepted(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        task_id = facts['task_id']
        if task_id not in self._submitted:
            raise broken('S4', task_id, 'accepted, and nobody submitted it')
        payload, least_s, most_s, is_below_open = self._submitted[task_id]
        over = self.over.pop(task_id, None)
        if self.ledger.is_byzantine(task_id):
            over = None
        if task_id in self.places or is_below_open or (over is not None and over.is_acknowledged):
            raise broken('S16', task_id, 'accepted again, and it is %s' % (
                'not over' if task_id in self.places else 'below open' if is_below_open else 'acknowledged'))
        if over is not None:
            # Its outcome was dropped, and its client still waits for it.
            self.ledger.counts['accepted_again'] += 1
            if self._promises is not None:
                self._promises.forget(task_id)
        entry = self.ledger.tasks.get(task_id)
        if entry is not None and entry.payload != payload:
            raise broken('S3', task_id, 'another payload than its client sent')
        self._accepted.add(task_id)
        timeout_s = self.settings['task_timeout_s']
        self._open(task_id, now, now + min(most_s, timeout_s), now + min(least_s, timeout_s))
        self.accepted_total += 1

    def _open(self, task_id, now, deadline_at, expires_at):
        # type: (str, float, float, float) -> None
        self.places[task_id] = Place(now, deadline_at, expires_at)
        self.waiting += 1
        heappush(self._due, (deadline_at, task_id, 0))

    def _on_assigned(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        self._enter(now, facts, True)

    def _on_adopted(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        self._enter(now, facts, False)

    def _enter(self, now, facts, is_new):
        # type: (float, Dict[str, Any], bool) -> None
        task_id = facts['task_id']
        place = self.places.get(task_id)
        if is_new and place is not None and place.state == ASSIGNED and place.attempt == facts['attempt'] \
                and place.view.name == facts['calculator']:
            # The assignment by which a calculator learns that it was adopted.
            return
        place = self._place(task_id, WAITING, 'assigned')
        place.state = ASSIGNED
        place.is_adopted = not is_new
        place.attempt = facts['attempt']
        place.attempts += 1
        place.assigned_at = now
        self.waiting -= 1
        if place.attempts > self.settings['attempts_max']:
            raise broken('S12', task_id, '%d attempts, %d at the most', place.attempts, self.settings['attempts_max'])
        place.view = self.note_given(now, facts['calculator'], task_id, place.attempt, is_new)
        place.due_at = now + self.settings['answer_timeout_s']
        heappush(self._due, (place.due_at, task_id, place.attempts))

    def _on_reassigned(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        task_id, reason = facts['task_id'], facts['reason']
        place = self._place(task_id, ASSIGNED, 'reassigned')
        if (facts['attempt'], facts['calculator']) != (place.attempt, place.view.name):
            raise broken('S5', task_id, 'taken from %s, it was with %s', facts['calculator'], place.view.name)
        if reason == 'timed_out' and now < place.due_at - ROUNDING_S:
            raise broken('S13', task_id, 'timed out after %.3f s', now - place.assigned_at)
        self.note_taken(place.view, task_id, reason)
        place.state = WAITING
        self.waiting += 1

    def _on_done(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        task_id = facts['task_id']
        self._end(task_id, DONE)
        if task_id not in self._results:
            raise broken('S4', task_id, 'done without a result')
        entry = self.ledger.tasks.get(task_id)
        if entry is not None and not any(error is None and self.ledger.is_right(task_id, entry.payload, result)
                                         for result, error in self._results[task_id]):
            raise broken('S3', task_id, 'done with one of %r', self._results[task_id])

    def _on_ended(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        task_id, outcome = facts['task_id'], facts['outcome']
        place = self.places.get(task_id)
        self._end(task_id, outcome)
        if outcome == EXPIRED and now < place.expires_at - ROUNDING_S:  # type: ignore[union-attr]
            raise broken('S13', task_id, 'expired %.3f s early', place.expires_at - now)  # type: ignore[union-attr]
        if outcome == FAILED and place.attempts < self.settings['attempts_max'] and not any(  # type: ignore[union-attr]
                error is not None for _, error in self._results.get(task_id, ())):
            raise broken('S4', task_id, 'failed for no reason')
        if outcome == CANCELLED and task_id not in self._cancelled and not self._is_below_open(task_id):
            raise broken('S4', task_id, 'cancelled by nobody')

    def _is_below_open(self, task_id):
        # type: (str) -> bool
        """Whether its client has said that it is over."""
        entry = self.ledger.tasks.get(task_id)
        return entry is None or entry.end is not None

    def _place(self, task_id, state, step):
        # type: (str, str, str) -> Any
        place = self.places.get(task_id)
        if place is None:
            raise broken('S5', task_id, '%s, and it is %s', step, 'over' if task_id in self.over else 'unknown')
        if place.state != state:
            raise broken('S5', task_id, '%s while it is %s', step, place.state)
        return place

    def _end(self, task_id, outcome):
        # type: (str, str) -> None
        place = self.places.pop(task_id, None)
        if place is None:
            raise broken('S2', task_id, '%s, and it is not open', outcome)
        if place.state == ASSIGNED:
            self.note_taken(place.view, task_id, outcome)
        else:
            self.waiting -= 1
        self.ends[outcome] += 1
        self.over[task_id] = Over(outcome, self.process.environment.agenda.now)
        self._undelivered.append(task_id)

    # At the end of a turn, and once in a while.

    def end_turn(self, now):
        # type: (float) -> None
        if self._beats:
            super(DispatcherAudit, self).end_turn(now)
        if self._submitted:
            self._submitted.clear()
        if self._results:
            self._results.clear()
        if self._cancelled:
            self._cancelled.clear()

    def sweep(self, now):
        # type: (float) -> None
        self._compare_accounts(now)
        if self.is_undisturbed(now):
            self._hold_nothing_overdue(now)
            self.hold_no_task_with_the_silent(now)
            self._hold_outcomes_on_the_way()
            self._hold_assignments_on_the_way(now)

    def opened(self, now, channel):
        # type: (float, Channel) -> None
        if channel.role == CLIENT:
            self._channels[channel.name, channel.incarnation] = channel

    def _hold_outcomes_on_the_way(self):
        # type: () -> None
        """S10: an outcome, or a refusal, that its client has not acknowledged is on its way, or waits for its turn."""
        ways = {}  # type: Dict[Any, Any]
        for key, channel in self._channels.items():
            client = self.core.clients.get(*key)
            if channel.is_open and not channel.is_asleep and client is not None and client.cursor is None:
                ways[key] = client, on_the_way(channel, 0, 'done', 'ended')
                for number in set(client.refusals).difference(on_the_way(channel, 0, 'refused')):
                    raise broken('S10', client.prefix + str(number), 'its refusal is neither acknowledged nor on its way')
        kept = []
        for task_id in self._undelivered:
            entry = self.ledger.tasks.get(task_id)
            if task_id not in self.over or self.over[task_id].is_acknowledged or entry is None or not entry.is_awaited:
                continue
            kept.append(task_id)
            client, numbers = ways.get((entry.client, entry.process.incarnation), (None, ()))
            if client is None or entry.number in numbers or self.core.has_unwritten:
                continue
            if entry.number in client.tasks or not self.core.counts['outcomes_dropped']:
                raise broken('S10', task_id, 'its outcome is neither acknowledged nor on its way')
        self._undelivered = kept

    def _hold_assignments_on_the_way(self, now):
        # type: (float) -> None
        """S8: an assignment that its calculator has not acknowledged is on its way, and not for long if that is heard."""
        ways = {}  # type: Dict[str, Set[str]]
        for task_id, place in self.places.items():
            view = place.view
            if place.state != ASSIGNED or place.is_adopted or view.state != ALIVE or task_id in view.acknowledged \
                    or not view.channel.is_open or view.channel.is_asleep:
                continue
            if view.name not in ways:
                ways[view.name] = on_the_way(view.channel, 1, 'assign')
            if task_id not in ways[view.name]:
                raise broken('S8', (task_id, view.name), 'its assignment is neither acknowledged nor on its way')
            if now - place.assigned_at > UNREACHABLE_S and now - view.last_heard_at < HEARD_S:
                raise broken('L8', (task_id, view.name), 'not acknowledged for %.1f s by %s, which is heard',
                             now - place.assigned_at, view.name)

    def _hold_nothing_overdue(self, now):
        # type: (float) -> None
        while self._due and self._due[0][0] < now - LATE_S:
            due_at, task_id, attempt = heappop(self._due)
            place = self.places.get(task_id)
            if place is None:
                continue
            if not attempt and place.deadline_at == due_at:
                raise broken('S1', task_id, 'not over %.1f s after its deadline', now - due_at)
            if attempt and place.state == ASSIGNED and place.due_at == due_at:
                raise broken('S8', (task_id, place.view.name), 'with %s for %.1f s', place.view.name,
                             now - place.assigned_at)

    def _compare_accounts(self, now):
        # type: (float) -> None
        account = self.core.account(now)
        told = {'accepted': self.accepted_total, 'tasks_recovered': self.recovered_total, 'outcomes': self.ends,
                'waiting': self.waiting, 'running': len(self.places) - self.waiting}
        kept = {key: account[key] for key in told}
        if kept != told:
            raise broken('S19', self.name, 'it counts %r, its events say %r', kept, told)
        if account['accepted'] + account['tasks_recovered'] != sum(account['outcomes'].values()) + len(self.places):
            raise broken('S11', self.name, '%r', account)
        if account['assignments'] + account['adopted'] != sum(account['attempts'].values()) + account['running']:
            raise broken('S11', self.name, '%r', account)
        # What was taken back from calculators, or from a former incarnation, waits again although the queue is full.
        given_back = min(sum(account['attempts'].values()), self.capacity_ever) + self.recovered_total
        if account['waiting'] > self.settings['pending_max'] + given_back:
            raise broken('S9', self.name, '%d wait', account['waiting'])
        if sum(account['calculators'].values()) > self.settings['calculators_max']:
            raise broken('S9', self.name, '%r', account)
