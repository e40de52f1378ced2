"""One life of a client, looked at from outside: one end per task, nothing out of nothing, no timer early."""

from __future__ import absolute_import, division, print_function

from net_protocol.delivery import ASK_AGAIN_S, JITTER_MAX, OUTCOME_GRACE_S, RESEND_CAP_S
from net_protocol.messages import DONE, Accepted, Outcome, Refused, Submit
from simulator.ledger import Audit, Entry
from simulator.violations import broken

MYPY = False
if MYPY:
    from typing import Any, Dict  # noqa: F401

    from simulator.ledger import Ledger  # noqa: F401

#: A timer may be early by what floats lose, no more.
ROUNDING_S = 1e-6

#: Whoever was suspended until shortly before is not called late.
UNDISTURBED_S = 1.0

#: Sendings of one exchange before it reaches its slowest pace.
FIRST_SENDS = 5


class ClientAudit(Audit):
    """S2, S3, S4, S10, S11, S12, S13 and S19, as far as a client goes."""

    def __init__(self, ledger, settings):
        # type: (Ledger, Dict[str, Any]) -> None
        super(ClientAudit, self).__init__(ledger, settings)
        # Task id -> when it was sent, by this client's own clock; exactly those that have no end yet.
        self.pending = {}  # type: Dict[str, float]
        self.sent_total = 0
        self.done_total = 0
        self._lives_met = set()  # type: Any
        # When it last submitted anything; when it was last refused anything; until when it submits nothing that waits.
        self._asked_at = 0.0
        self._refused_at = 0.0
        self._quiet_until = None  # type: float | None
        self._quiet_times = 0
        self._handed = {Accepted: self._on_accepted, Refused: self._on_refused, Outcome: self._on_outcome}
        self._sent = {Submit: self._on_submit}
        self._events = {'sent': self._on_sent, 'answered': self._on_answered, 'unanswered': self._on_unanswered,
                        'refused': self._on_refusal_told}

    # Messages.

    def _on_accepted(self, now, sender, message):
        # type: (float, Any, Accepted) -> None
        entry = self._begins_anew(now, sender, message.task_id)
        if entry is not None:
            entry.is_accepted = True
            entry.waits = False

    def _on_refused(self, now, sender, message):
        # type: (float, Any, Refused) -> None
        entry = self._begins_anew(now, sender, message.task_id)
        self._refused_at = now
        # What was accepted is not refused later, so that is an old copy.
        if entry is None or entry.is_accepted:
            return
        is_certain = not entry.waits and entry.quiet_times == self._quiet_times
        entry.waits = entry.was_refused = True
        # Of refusals that come while it is quiet anyway nobody knows from outside whether they lengthen that.
        if message.retry_after_s is None or self._quiet_until is not None:
            return
        if is_certain:
            self._quiet_until = now + min(message.retry_after_s, self.settings['task_timeout_s'])
        else:
            # That of a task that went before it was quiet last says nothing of the time after it. Where it is not
            # certain that it did, it may be quiet now; then refusals of what went before mean nothing any more.
            self._quiet_times += 1

    def _on_outcome(self, now, sender, message):
        # type: (float, Any, Outcome) -> None
        self._begins_anew(now, sender, message.task_id)

    def _begins_anew(self, now, sender, task_id):
        # type: (float, Any, str) -> Any
        """After these a submit may be resent from the quickest pace on; another life of the dispatcher restarts all."""
        if sender.incarnation not in self._lives_met:
            self._lives_met.add(sender.incarnation)
            # It may submit what waits at once, and be refused at once. When it submits more is seen then.
            self._refused_at = self._quiet_until = now
            for pending in self.pending:
                self.ledger.tasks[pending].is_accepted = False
        if task_id not in self.pending:
            return None
        entry = self.ledger.tasks[task_id]
        entry.exchanges += 1
        entry.asked_at = now
        return entry

    def _on_submit(self, now, address, message):
        # type: (float, Any, Submit) -> None
        entry = self.ledger.tasks.get(message.task_id)
        if entry is None:
            raise broken('S4', message.task_id, 'a submit for a task that was never sent')
        if entry.submits == 0:
            entry.payload = message.payload
        if entry.waits:
            self._let_go(now, message.task_id, entry)
        entry.submits += 1
        entry.asked_at = self._asked_at = now
        lifetime_s = self.settings['task_timeout_s'] + OUTCOME_GRACE_S
        bound = FIRST_SENDS * (entry.exchanges + len(self._lives_met)) + lifetime_s / RESEND_CAP_S
        if entry.submits > bound:
            raise broken('S12', message.task_id, 'submitted %d times, %d at the most', entry.submits, bound)

    def _let_go(self, now, task_id, entry):
        # type: (float, str, Any) -> None
        """A task is submitted that waited: not while a refusal says that there is no room."""
        if now == self._refused_at:
            # What leaves in the turn of a refusal may have been said before it was read, and may wait again.
            entry.quiet_times = None
            return
        entry.waits = False
        if entry.quiet_times is None:
            return
        if self._quiet_until is not None:
            if now < self._quiet_until - ROUNDING_S:
                raise broken('S12', task_id, 'submitted %.3f s too early, after a refusal', self._quiet_until - now)
            self._quiet_until = None
            self._quiet_times += 1
        entry.quiet_times = self._quiet_times

    # What its caller is told.

    def _on_sent(self, now, task_id):
        # type: (float, str) -> None
        if task_id in self.ledger.tasks:
            raise broken('S2', task_id, 'sent twice')
        self.pending[task_id] = now
        self.sent_total += 1
        self.ledger.counts['tasks'] += 1
        self.ledger.tasks[task_id] = Entry(None, self.name, self.process.clock.virtual(now))

    def _on_answered(self, now, task_id, response_time_s, attempts):
        # type: (float, str, float, int) -> None
        entry = self._end(now, task_id, DONE)
        message = self.message
        if not (type(message) is Outcome and message.task_id == task_id and message.outcome == DONE):
            raise broken('S4', task_id, 'answered without an outcome')
        if not (self.ledger.is_right(task_id, entry.payload, message.result)):
            raise broken('S3', task_id, 'answered with %r', message.result)
        self.done_total += 1
        self.ledger.counts['answered'] += 1

    def _on_unanswered(self, now, task_id, outcome, reason):
        # type: (float, str, str, str) -> None
        self._end(now, task_id, outcome)
        self.ledger.counts['unanswered'] += 1
        message = self.message
        if outcome == 'given_up':
            return
        if outcome == 'wrong':
            raise broken('S3', task_id, 'the answer to another question')
        if not (type(message) is Outcome and message.task_id == task_id and message.outcome == outcome):
            raise broken('S4', task_id, '%s without an outcome', outcome)

    def _on_refusal_told(self, now, task_id, reason):
        # type: (float, str, str) -> None
        sent_at = self.pending.get(task_id, now)
        entry = self._end(now, task_id, 'refused')
        self.ledger.counts['unanswered'] += 1
        # At once, or when its time is over and it was not submitted again.
        is_late = now >= sent_at + self.settings['task_timeout_s'] - ROUNDING_S
        if not entry.was_refused or not (is_late or type(self.message) is Refused):
            raise broken('S4', task_id, 'refused by nobody')

    def _end(self, now, task_id, end):
        # type: (float, str, str) -> Any
        entry = self.ledger.tasks.get(task_id)
        if entry is None:
            raise broken('S4', task_id, 'an end without a task')
        if task_id not in self.pending:
            raise broken('S2', task_id, 'ended as %s and now as %s', entry.end, end)
        sent_at = self.pending.pop(task_id)
        if end == 'given_up' and not self.told_to_stop:
            waited_s = now - sent_at
            if waited_s < self.settings['task_timeout_s'] - ROUNDING_S:
                raise broken('S13', task_id, 'given up after %.3f s', waited_s)
        entry.end = end
        entry.ended_at = self.process.clock.virtual(now)
        return entry

    def sweep(self, now):
        # type: (float) -> None
        statistics = self.core.statistics
        if statistics.sent != self.sent_total:
            raise broken('S19', self.name, 'sent %d, told %d', statistics.sent, self.sent_total)
        if statistics.sent != statistics.waiting + sum(statistics.ends.values()):
            raise broken('S11', self.name, '%r', statistics.as_dict(now))
        if statistics.waiting != len(self.pending):
            raise broken('S11', self.name, 'waiting %d, pending here %d', statistics.waiting, len(self.pending))
        if statistics.answered != self.done_total:
            raise broken('S19', self.name, 'answered %d, told %d', statistics.answered, self.done_total)
        self._hold_nothing_overdue(now)

    def _hold_nothing_overdue(self, now):
        # type: (float) -> None
        running_s = self.process.clock.virtual(now) - self.process.disturbed_at
        if self.told_to_stop or running_s < UNDISTURBED_S or not self.pending:
            return
        for task_id in sorted(self.pending):
            entry = self.ledger.tasks[task_id]
            # Where one waits, another is asked for.
            asked_at = max(self._asked_at, self._refused_at) if entry.waits else entry.asked_at
            silent_s = now - max(asked_at, self.pending[task_id])
            if silent_s > ASK_AGAIN_S * JITTER_MAX + UNDISTURBED_S:
                raise broken('S10', task_id, 'its client has not asked for it for %.1f s', silent_s)
            waited_s = now - self.pending[task_id]
            if waited_s > self.settings['task_timeout_s'] + OUTCOME_GRACE_S + UNDISTURBED_S:
                raise broken('S10', task_id, 'no word to its caller for %.1f s', waited_s)
