"""One life of a dispatcher, looked at from outside: where each task is, what its client was told, who got work."""

from __future__ import absolute_import, division, print_function

from heapq import heappop, heappush

from dispatcher.journal import ACCEPTED, ENDED, FORGOTTEN
from net_protocol.delivery import ASSIGN_RESENDS_MAX, JITTER_MAX, OUTCOME_GRACE_S, REMEMBER_S, RESEND_CAP_S
from net_protocol.messages import (
    CANCELLED, DONE, EXPIRED, FAILED, Accepted, Assign, Cancel, Outcome, OutcomeAck, Refused, Result, Submit)
from simulator.client_audit import ROUNDING_S
from simulator.fleet_audit import FleetAudit
from simulator.violations import broken

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Set, Tuple  # noqa: F401

    from simulator.ledger import Ledger  # noqa: F401
    from simulator.promises import Promises  # noqa: F401

WAITING = 'waiting'
ASSIGNED = 'assigned'

#: What a timer may be late by, if nothing disturbed the process: turns, and the time to catch up after a hold-up.
LATE_S = 0.6


class Place(object):
    """A task that is not over: where it is."""

    __slots__ = ('client', 'payload', 'state', 'deadline_at', 'attempts', 'calculator', 'attempt', 'assigned_at',
                 'assigns', 'accepted_at',
                 'due_at')

    def __init__(self, client, payload, accepted_at, deadline_at):
        # type: (str, Any, float, float) -> None
        self.client = client
        self.payload = payload
        self.state = WAITING
        self.deadline_at = deadline_at
        self.attempts = 0
        self.calculator = ''
        self.attempt = 0
        self.assigned_at = 0.0
        # Datagrams with the assignment of the live attempt.
        self.assigns = 0
        self.accepted_at = accepted_at
        # When its live attempt must have been answered.
        self.due_at = 0.0


class Over(object):
    """A task that is over: what its client is told, and since when it need not be told any more.

    ``is_kept`` is whether a journal knows of it; it does not where a task was cancelled before it was accepted.
    """

    __slots__ = ('client', 'outcome', 'told', 'deadline_at', 'acknowledged_at', 'is_kept')

    def __init__(self, client, outcome, deadline_at):
        # type: (str, str, float) -> None
        self.client = client
        self.outcome = outcome
        self.told = None  # type: Any
        self.deadline_at = deadline_at
        self.acknowledged_at = None  # type: float | None
        self.is_kept = True


class DispatcherAudit(FleetAudit):
    """S1 to S5, S8 to S13, S16 and S19; those about calculators (S6, S7, S8) are its base's.

    ``promises`` are those of all lives, where there is a journal; else None, and each life answers for itself.
    """

    def __init__(self, ledger, settings, promises=None):
        # type: (Ledger, Dict[str, Any], Promises | None) -> None
        super(DispatcherAudit, self).__init__(ledger, settings)
        self._promises = promises
        self.places = {}  # type: Dict[str, Place]
        self.over = {}  # type: Dict[str, Over]
        self.waiting = 0
        self.assigned = 0
        self.accepted_total = 0
        self.recovered_total = 0
        self.ends = dict.fromkeys((DONE, FAILED, EXPIRED, CANCELLED), 0)
        # Tasks whose client has to be told until it acknowledges -> when it was told last.
        self._telling = {}  # type: Dict[str, float]
        # Submits of this turn that have no answer yet.
        self._owed = {}  # type: Dict[str, Any]
        # Tasks that were cancelled in this turn.
        self._cancels = set()  # type: Set[str]
        # What must have happened by when, as (point in time, task id, attempt or 0 for the task's own deadline).
        self._due = []  # type: List[Tuple[float, str, int]]
        self._handed.update({Submit: self._on_submit, Cancel: self._on_cancel, OutcomeAck: self._on_outcome_ack})
        self._sent = {Accepted: self._on_accepted_sent, Refused: self._on_refused_sent, Outcome: self._on_outcome_sent,
                      Assign: self._on_assign_sent}
        self._events.update({
            'accepted': self._on_accepted, 'assigned': self._on_assigned, 'adopted': self._on_adopted,
            'reassigned': self._on_reassigned, 'done': self._on_done, 'ended': self._on_ended,
            'recovered_books': self._on_recovered_books})

    # An earlier life.

    def take_over(self, now, wall_now):
        # type: (float, float) -> None
        """Begin with what the disk says."""
        for kind, task_id, body, time_left_s, _ in self._promises.begin_life(wall_now):  # type: ignore[union-attr]
            client = task_id.split(':')[0]
            deadline_at = now + min(max(0.0, time_left_s), self.settings['task_timeout_s'])
            if kind == ACCEPTED:
                self._open(task_id, client, body, now, deadline_at)
                self.recovered_total += 1
            elif kind == ENDED:
                over = self.over[task_id] = Over(client, body[0], deadline_at)
                over.told = tuple(body[:4])
                self._telling[task_id] = now
            else:
                over = self.over[task_id] = Over(client, '', deadline_at)
                over.acknowledged_at = now

    def _on_recovered_books(self, now, waiting, untold, lives):
        # type: (float, int, int, int) -> None
        if (waiting, untold) != (self.waiting, len(self._telling)):
            raise broken('S14', self.name, '%d wait and %d are to be told, on the disk %d and %d', waiting, untold,
                         self.waiting, len(self._telling))

    def written(self, now, records):
        # type: (float, List[Any]) -> None
        """Records went to the disk, or will with the next write that works."""
        begun_anew = {record.task_id for record in records if record.KIND == ACCEPTED}
        for record in records:
            task_id = record.task_id
            if record.KIND == FORGOTTEN and task_id not in begun_anew:
                over = self.over.get(task_id)
                if over is None:
                    raise broken('S1', task_id, 'struck from the journal, and not over')
                self._hold_forgotten(now, task_id, over)
                self._promises.forget(task_id)  # type: ignore[union-attr]

    def _is_withheld(self, task_id):
        # type: (str) -> bool
        """Whether nobody may hear of it now, because the disk does not know yet."""
        if self._promises is None:
            return False
        on_disk = self._promises.disk.state_of(task_id)
        if task_id in self.places:
            return on_disk is None
        over = self.over.get(task_id)
        return over is not None and over.is_kept and on_disk in (None, ACCEPTED)

    # Clients.

    def _on_submit(self, now, sender, message):
        # type: (float, Any, Submit) -> None
        over = self.over.get(message.task_id)
        if over is None or (over.acknowledged_at is None and over.client == sender.name):
            self._owed[message.task_id] = now

    def _on_cancel(self, now, sender, message):
        # type: (float, Any, Cancel) -> None
        self._cancels.add(message.task_id)

    def _on_outcome_ack(self, now, sender, message):
        # type: (float, Any, OutcomeAck) -> None
        over = self.over.get(message.task_id)
        if over is not None and over.acknowledged_at is None and over.client == sender.name:
            over.acknowledged_at = now
            self._telling.pop(message.task_id, None)

    def _on_accepted(self, now, task_id):
        # type: (float, str) -> None
        message = self.message
        if not (type(message) is Submit and message.task_id == task_id):
            raise broken('S4', task_id, 'accepted, and nobody submitted it')
        if task_id in self.places:
            raise broken('S16', task_id, 'accepted again')
        if task_id in self.over:
            self._hold_forgotten(now, task_id, self.over.pop(task_id))
            self._telling.pop(task_id, None)
            self.ledger.counts['accepted_again'] += 1
            if self._promises is not None:
                self._promises.forget(task_id)
        if self._promises is not None:
            self._promises.note_accepted_anew(task_id)
        entry = self.ledger.tasks.get(task_id)
        if not (entry is None or entry.payload == message.payload):
            raise broken('S3', task_id, 'another payload than its client sent')
        deadline_at = now + min(message.time_left_s, self.settings['task_timeout_s'])
        self._open(task_id, self.sender.name, message.payload, now, deadline_at)
        self.accepted_total += 1

    def _open(self, task_id, client, payload, now, deadline_at):
        # type: (str, str, Any, float, float) -> None
        self.places[task_id] = Place(client, payload, now, deadline_at)
        self.waiting += 1
        heappush(self._due, (deadline_at, task_id, 0))

    def _hold_forgotten(self, now, task_id, over):
        # type: (float, str, Over) -> None
        """A task that was over begins anew only where nobody could be expected to remember it."""
        if len(self.over) + 1 >= self.settings['remembered_max']:
            return
        # Its client need not be told any more from its word on, or from when it no longer listens.
        since = over.deadline_at + OUTCOME_GRACE_S
        if over.acknowledged_at is not None:
            since = min(since, over.acknowledged_at)
        if now < since + REMEMBER_S - ROUNDING_S:
            raise broken('S16', task_id, 'accepted again %.1f s after it was over', now - since)

    def _on_accepted_sent(self, now, address, message):
        # type: (float, Any, Accepted) -> None
        self._owed.pop(message.task_id, None)
        if not (message.task_id in self.places or message.task_id in self.over):
            raise broken('S1', message.task_id, 'called accepted, and is nowhere')
        if self._promises is not None:
            self._promises.note_accepted_sent(message.task_id)

    def _on_refused_sent(self, now, address, message):
        # type: (float, Any, Refused) -> None
        self._owed.pop(message.task_id, None)
        if message.task_id in self.over:
            self._hold_forgotten(now, message.task_id, self.over[message.task_id])
        elif self._promises is not None:
            self._promises.note_refused_sent(message.task_id)

    def _on_outcome_sent(self, now, address, message):
        # type: (float, Any, Outcome) -> None
        task_id = message.task_id
        self._owed.pop(task_id, None)
        over = self.over.get(task_id)
        told = (message.outcome, message.result, message.reason, message.attempts)
        if over is not None and told != over.told is not None and task_id in self._cancels:
            # A copy of a cancel so late that the task is forgotten.
            self._hold_forgotten(now, task_id, over)
            over = None
        if over is None:
            if task_id not in self._cancels:
                raise broken('S4', task_id, 'an outcome out of nothing')
            if task_id in self.places:
                raise broken('S2', task_id, '%s while it goes on', message.outcome)
            # Cancelled before it was ever accepted, and remembered at once.
            over = self.over[task_id] = Over(task_id.split(':')[0], CANCELLED, now - OUTCOME_GRACE_S)
            over.is_kept = False
        if over.told is None:
            over.told = told
            if message.outcome != over.outcome:
                raise broken('S2', task_id, 'it is %s, its client is told %s', over.outcome, message.outcome)
        if over.acknowledged_at is None:
            self._telling[task_id] = now
        if over.told != told:
            raise broken('S2', task_id, 'first %r, now %r', over.told, told)
        if self._promises is not None and over.is_kept:
            self._promises.note_outcome_sent(task_id, told)

    # The places of a task.

    def _on_assigned(self, now, task_id, calculator, attempt):
        # type: (float, str, str, int) -> None
        self._enter(now, task_id, calculator, attempt)
        self.hold_may_get_work(calculator, task_id)
        if self._promises is not None:
            self._promises.note_attempt(task_id, attempt)

    def _on_adopted(self, now, task_id, calculator, attempt):
        # type: (float, str, str, int) -> None
        # It runs the task already, so it may be draining.
        self._enter(now, task_id, calculator, attempt)

    def _enter(self, now, task_id, calculator, attempt):
        # type: (float, str, str, int) -> None
        place = self._place(task_id, WAITING, 'assigned')
        place.state = ASSIGNED
        place.calculator = calculator
        place.attempt = attempt
        place.attempts += 1
        place.assigned_at = now
        place.assigns = 0
        self.waiting -= 1
        self.assigned += 1
        limit = self.settings['attempts_max']
        if place.attempts > limit:
            raise broken('S12', task_id, '%d attempts, %d at the most', place.attempts, limit)
        self.note_given(calculator, task_id)
        place.due_at = now + self.settings['answer_timeout_s']
        heappush(self._due, (place.due_at, task_id, place.attempts))

    def _on_reassigned(self, now, task_id, attempt, calculator, reason):
        # type: (float, str, int, str, str) -> None
        place = self._place(task_id, ASSIGNED, 'reassigned')
        if (attempt, calculator) != (place.attempt, place.calculator):
            raise broken('S5', task_id, 'taken from %s, it was with %s', calculator, place.calculator)
        if reason == 'timed_out':
            waited_s = now - place.assigned_at
            if waited_s < self.settings['answer_timeout_s'] - ROUNDING_S:
                raise broken('S13', task_id, 'timed out after %.3f s', waited_s)
        self._take_back(place, task_id)
        place.state = WAITING
        self.waiting += 1

    def _on_done(self, now, task_id, calculator, attempt):
        # type: (float, str, str, int) -> None
        message = self.message
        if not (type(message) is Result and (message.task_id, message.attempt) == (task_id, attempt)):
            raise broken('S4', task_id, 'done without a result')
        place = self._end(now, task_id, DONE)
        entry = self.ledger.tasks.get(task_id)
        payload = place.payload if entry is None else entry.payload
        if not (self.ledger.is_right(task_id, payload, message.result)):
            raise broken('S3', task_id, 'done with %r', message.result)

    def _on_ended(self, now, task_id, outcome, reason, attempts):
        # type: (float, str, str, str, int) -> None
        place = self._end(now, task_id, outcome)
        if outcome == EXPIRED:
            if now < place.deadline_at - ROUNDING_S:
                raise broken('S13', task_id, 'expired %.3f s early', place.deadline_at - now)
        elif outcome == CANCELLED:
            if type(self.message) is not Cancel:
                raise broken('S4', task_id, 'cancelled by nobody')
        elif outcome == FAILED:
            has_error = type(self.message) is Result and self.message.error is not None
            if not (has_error or place.attempts >= self.settings['attempts_max']):
                raise broken('S4', task_id, 'failed for no reason')
        if not (outcome != DONE or type(self.message) is Result):
            raise broken('S4', task_id, 'done without a result')

    def attempt_of(self, task_id):
        # type: (str) -> int
        place = self.places.get(task_id)
        return place.attempt if place is not None and place.state == ASSIGNED else 0

    def _place(self, task_id, state, step):
        # type: (str, str, str) -> Any
        place = self.places.get(task_id)
        if place is None:
            raise broken('S5', task_id, '%s, and it is %s', step, 'over' if task_id in self.over else 'unknown')
        if place.state != state:
            raise broken('S5', task_id, '%s while it is %s', step, place.state)
        return place

    def _take_back(self, place, task_id):
        # type: (Place, str) -> None
        self.assigned -= 1
        self.note_taken(place.calculator, task_id)

    def _end(self, now, task_id, outcome):
        # type: (float, str, str) -> Any
        place = self.places.pop(task_id, None)
        if place is None:
            raise broken('S2', task_id, '%s, and it is not open', outcome)
        if place.state == ASSIGNED:
            self._take_back(place, task_id)
        else:
            self.waiting -= 1
        self.ends[outcome] += 1
        self.over[task_id] = Over(place.client, outcome, place.deadline_at)
        self._telling[task_id] = now
        return place

    def _on_assign_sent(self, now, address, message):
        # type: (float, Any, Assign) -> None
        place = self.places.get(message.task_id)
        if place is None or place.state != ASSIGNED or place.attempt != message.attempt:
            return
        place.assigns += 1
        if place.assigns > 1 + ASSIGN_RESENDS_MAX:
            raise broken('S12', message.task_id, 'assigned %d times', place.assigns)
        self.hold_meant_for(now, place.calculator, message)

    # At the end of a turn, and once a second.

    def end_turn(self, now):
        # type: (float) -> None
        super(DispatcherAudit, self).end_turn(now)
        if self._cancels:
            self._cancels.clear()
        if self._owed:
            for task_id in sorted(self._owed):
                over = self.over.get(task_id)
                if not (over is not None and over.acknowledged_at is not None) and not self._is_withheld(task_id):
                    raise broken('S10', task_id, 'submitted, and not a word')
            self._owed.clear()

    def sweep(self, now):
        # type: (float) -> None
        self._compare_accounts(now)
        if self.is_undisturbed(now):
            self._hold_nothing_overdue(now)
            self._hold_all_told(now)
            self.hold_no_task_with_the_silent(now)

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
                raise broken('S8', (task_id, place.calculator), 'with %s for %.1f s', place.calculator,
                             now - place.assigned_at)

    def _hold_all_told(self, now):
        # type: (float) -> None
        """Whoever has not acknowledged an outcome is told again, for as long as it listens."""
        for task_id, told_at in sorted(self._telling.items()):
            if now > self.over[task_id].deadline_at + OUTCOME_GRACE_S:
                del self._telling[task_id]
            elif self._is_withheld(task_id):
                self._telling[task_id] = now
            elif now - told_at > RESEND_CAP_S * JITTER_MAX + LATE_S:
                raise broken('S10', task_id, 'its client was last told %.1f s ago', now - told_at)

    def _compare_accounts(self, now):
        # type: (float) -> None
        account = self.core.account(now)
        told = {'accepted': self.accepted_total, 'tasks_recovered': self.recovered_total, 'outcomes': self.ends,
                'waiting': self.waiting, 'running': self.assigned}
        kept = {key: account[key] for key in told}
        if kept != told:
            raise broken('S19', self.name, 'it counts %r, it told %r', kept, told)
        begun = account['accepted'] + account['tasks_recovered']
        if begun != sum(account['outcomes'].values()) + account['waiting'] + account['running']:
            raise broken('S11', self.name, '%r', account)
        if account['assignments'] + account['adopted'] != sum(account['attempts'].values()) + account['running']:
            raise broken('S11', self.name, '%r', account)
        # What was taken back from calculators, or from a former life, waits again although the queue is full.
        given_back = min(sum(account['attempts'].values()), self.capacity_ever) + self.recovered_total
        if account['waiting'] > self.settings['pending_max'] + given_back:
            raise broken('S9', self.name, '%d wait', account['waiting'])
        if sum(account['calculators'].values()) > self.settings['calculators_max']:
            raise broken('S9', self.name, '%r', account)
