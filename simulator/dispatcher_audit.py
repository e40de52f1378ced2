"""One life of a dispatcher, looked at from outside: where each task is, what its client was told, who got work."""

from __future__ import absolute_import, division, print_function

from heapq import heappop, heappush

from dispatcher.journal import ACCEPTED, ENDED
from net_protocol.delivery import ASSIGN_RESENDS_MAX
from net_protocol.messages import CANCELLED, DONE, EXPIRED, FAILED, Accepted, Assign, Cancel, Result, Submit
from simulator.answers_audit import LATE_S, AnswersAudit, Over
from simulator.client_audit import ROUNDING_S
from simulator.violations import broken

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401

    from simulator.ledger import Ledger  # noqa: F401
    from simulator.promises import Promises  # noqa: F401

WAITING = 'waiting'
ASSIGNED = 'assigned'


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


class DispatcherAudit(AnswersAudit):
    """S1 to S5, S8 to S13, S16 and S19; those about calculators (S6, S7, S8) are its base's.

    ``promises`` are those of all lives, where there is a journal; else None, and each life answers for itself.
    """

    def __init__(self, ledger, settings, promises=None):
        # type: (Ledger, Dict[str, Any], Promises | None) -> None
        super(DispatcherAudit, self).__init__(ledger, settings, promises)
        self.places = {}  # type: Dict[str, Place]
        self.waiting = 0
        self.assigned = 0
        self.accepted_total = 0
        self.recovered_total = 0
        self.ends = dict.fromkeys((DONE, FAILED, EXPIRED, CANCELLED), 0)
        self._journal_failing = False
        # What must have happened by when, as (point in time, task id, attempt or 0 for the task's own deadline).
        self._due = []  # type: List[Tuple[float, str, int]]
        self._sent.update({Accepted: self._on_accepted_sent, Assign: self._on_assign_sent})
        self._events.update({
            'accepted': self._on_accepted, 'assigned': self._on_assigned, 'adopted': self._on_adopted,
            'reassigned': self._on_reassigned, 'done': self._on_done, 'ended': self._on_ended,
            'recovered_books': self._on_recovered_books, 'journal_failed': self._on_journal_failed,
            'journal_works': self._on_journal_works})

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

    def _on_journal_failed(self, now, reason):
        # type: (float, str) -> None
        self._journal_failing = True

    def _on_journal_works(self, now, seconds):
        # type: (float, float) -> None
        self._journal_failing = False
        # What was withheld goes out with the next resend; it may have been claimed, and nobody heard of that.
        self._telling = dict.fromkeys(self._telling, now)
        for task_id in self._telling:
            self.over[task_id].note_told(now)

    # Clients.

    def open_since(self, task_id):
        # type: (str) -> float | None
        place = self.places.get(task_id)
        return None if place is None else place.accepted_at

    def _on_accepted(self, now, task_id):
        # type: (float, str) -> None
        message = self.message
        if not (type(message) is Submit and message.task_id == task_id):
            raise broken('S4', task_id, 'accepted, and nobody submitted it')
        if task_id in self.places:
            raise broken('S16', task_id, 'accepted again')
        if self._journal_failing:
            raise broken('S9', task_id, 'accepted while nothing can be written')
        if task_id in self.over:
            self.note_begun_anew(now, task_id)
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

    def _on_accepted_sent(self, now, address, message):
        # type: (float, Any, Accepted) -> None
        self.note_called_accepted(message.task_id)
        if not (message.task_id in self.places or message.task_id in self.over):
            raise broken('S1', message.task_id, 'called accepted, and is nowhere')
        if self._promises is not None:
            self._promises.note_accepted_sent(message.task_id)

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
        over = self.over[task_id] = Over(place.client, outcome, place.deadline_at)
        over.ended_at = now
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

    # Once in a while.

    def sweep(self, now):
        # type: (float) -> None
        self._compare_accounts(now)
        if self.is_undisturbed(now):
            self._hold_nothing_overdue(now)
            self.hold_all_told(now)
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
