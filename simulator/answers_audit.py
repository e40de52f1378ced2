"""What one life of a dispatcher tells its clients: a word on each submit, and each outcome until they know it."""

from __future__ import absolute_import, division, print_function

from collections import deque

from dispatcher.journal import ACCEPTED, FORGOTTEN
from dispatcher.outcomes import CLAIMED_AT_ONCE
from net_protocol.delivery import JITTER_MAX, OUTCOME_GRACE_S, RECEIPT_DELAY_S, REMEMBER_S, RESEND_CAP_S
from net_protocol.messages import CANCELLED, Cancel, Outcome, OutcomeAck, Refused, Submit
from simulator.client_audit import ROUNDING_S
from simulator.fleet_audit import FleetAudit
from simulator.violations import broken

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict, List, Set, Tuple  # noqa: F401

    from simulator.ledger import Ledger  # noqa: F401
    from simulator.promises import Promises  # noqa: F401

#: What a timer may be late by, if nothing disturbed the process: turns, and the time to catch up after a hold-up.
LATE_S = 0.6


#: An outcome that is told in vain counts as such after this time at the latest: it may have been claimed just before,
#: and the last resend may have come just before the end of that.
GIVEN_UP_S = OUTCOME_GRACE_S + RESEND_CAP_S * JITTER_MAX + LATE_S


class Over(object):
    """A task that is over: what its client is told, and since when it need not be told any more.

    ``is_kept`` is whether it was ever accepted; one cancelled before that is in no journal, and told only when asked.
    ``tell_until`` is for how long its client is told at least; ``ended_at`` None where it ended in an earlier life.
    """

    __slots__ = ('client', 'outcome', 'told', 'deadline_at', 'tell_until', 'acknowledged_at', 'is_kept', 'ended_at')

    def __init__(self, client, outcome, deadline_at):
        # type: (str, str, float) -> None
        self.client = client
        self.outcome = outcome
        self.told = None  # type: Any
        self.deadline_at = deadline_at
        self.tell_until = deadline_at + OUTCOME_GRACE_S
        self.acknowledged_at = None  # type: float | None
        self.is_kept = True
        self.ended_at = None  # type: float | None

    def note_told(self, now):
        # type: (float) -> None
        """It is told, or may be told again. Once its time is over, only a claim does that, and begins another."""
        if now > self.tell_until:
            self.tell_until = now + OUTCOME_GRACE_S


class AnswersAudit(FleetAudit):
    """S2, S10 and S16 as far as the dispatcher goes; ``promises`` are those of all its lives, or None."""

    def __init__(self, ledger, settings, promises=None):
        # type: (Ledger, Dict[str, Any], Promises | None) -> None
        super(AnswersAudit, self).__init__(ledger, settings)
        self._promises = promises
        self.over = {}  # type: Dict[str, Over]
        # Tasks whose client has to be told until it acknowledges -> when it was told last.
        self._telling = {}  # type: Dict[str, float]
        # Submits of this turn that have no answer yet.
        self._owed = {}  # type: Dict[str, Any]
        # Tasks of which nothing was said when they were accepted, with the point in time at which something should be,
        # and those of them of which nothing has been said yet.
        self._receipts = deque()  # type: Deque[Tuple[float, str]]
        self._unsaid = set()  # type: Set[str]
        # Tasks that were cancelled in this turn -> by whom.
        self._cancels = {}  # type: Dict[str, str]
        # Client -> outcomes that it was told in vain and may claim, with the point in time up to which they are
        # remembered for it; and of those, what it may claim in this turn.
        self._unclaimed = {}  # type: Dict[str, Dict[str, float]]
        self._claimed = {}  # type: Dict[str, List[str]]
        self._handed.update({Submit: self._on_submit, Cancel: self._on_cancel, OutcomeAck: self._on_outcome_ack})
        self._sent = {Refused: self._on_refused_sent, Outcome: self._on_outcome_sent}

    def open_since(self, task_id):
        # type: (str) -> float | None
        """When a task was accepted that is not over; None for any other."""
        raise NotImplementedError

    def is_open(self, task_id):
        # type: (str) -> bool
        """Whether a task was accepted and is not over."""
        return self.open_since(task_id) is not None

    # What clients say.

    def handed(self, now, sender, message):
        # type: (float, Any, Any) -> None
        super(AnswersAudit, self).handed(now, sender, message)
        unclaimed = self._unclaimed.get(sender.name)
        if unclaimed and type(message) in (Submit, Cancel, OutcomeAck):
            claimed = [task_id for task_id, until in sorted(unclaimed.items())
                       if until - REMEMBER_S + GIVEN_UP_S < now < until]
            for task_id in unclaimed:
                if self._is_withheld(task_id):
                    # Claimed perhaps, and nobody hears of it.
                    unclaimed[task_id] = now + OUTCOME_GRACE_S + REMEMBER_S
            if claimed and len(self.over) < self.settings['remembered_max']:
                self._claimed[sender.name] = claimed

    def _on_submit(self, now, sender, message):
        # type: (float, Any, Submit) -> None
        over = self.over.get(message.task_id)
        if over is None or (over.acknowledged_at is None and over.client == sender.name):
            self._owed[message.task_id] = now

    def _on_cancel(self, now, sender, message):
        # type: (float, Any, Cancel) -> None
        self._cancels[message.task_id] = sender.name

    def _on_outcome_ack(self, now, sender, message):
        # type: (float, Any, OutcomeAck) -> None
        over = self.over.get(message.task_id)
        if over is not None and over.acknowledged_at is None and over.client == sender.name:
            over.acknowledged_at = now
            self._telling.pop(message.task_id, None)
            self._unclaimed.get(over.client, {}).pop(message.task_id, None)

    # What they are told.

    def note_called_accepted(self, task_id):
        # type: (str) -> None
        """Its client is told that it is accepted."""
        self._owed.pop(task_id, None)
        self._unsaid.discard(task_id)

    def _on_refused_sent(self, now, address, message):
        # type: (float, Any, Refused) -> None
        self._owed.pop(message.task_id, None)
        over = self.over.get(message.task_id)
        if over is not None:
            # One copy of a submit may be refused, the next taken, and the task done, all in one turn that was held up.
            if over.ended_at != now:
                self.hold_forgotten(now, message.task_id, over)
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
            self.hold_forgotten(now, task_id, over)
            over = None
        if over is None:
            if task_id not in self._cancels:
                raise broken('S4', task_id, 'an outcome out of nothing')
            if self.is_open(task_id):
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
            # The sweep, which finds out what is unclaimed, may not have come by since.
            over.note_told(now)
            self._unclaimed.get(over.client, {}).pop(task_id, None)
        if over.told != told:
            raise broken('S2', task_id, 'first %r, now %r', over.told, told)
        if self._promises is not None and over.is_kept:
            self._promises.note_outcome_sent(task_id, told)

    # What is kept.

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
                self.hold_forgotten(now, task_id, over)
                self._promises.forget(task_id)  # type: ignore[union-attr]

    def note_begun_anew(self, now, task_id):
        # type: (float, str) -> None
        """A task that was over is taken for a new one."""
        over = self.over.pop(task_id)
        self.hold_forgotten(now, task_id, over)
        self._telling.pop(task_id, None)
        self._unclaimed.get(over.client, {}).pop(task_id, None)
        self.ledger.counts['accepted_again'] += 1
        if self._promises is not None:
            self._promises.forget(task_id)

    def hold_forgotten(self, now, task_id, over):
        # type: (float, str, Over) -> None
        """A task that was over begins anew only where nobody could be expected to remember it."""
        if len(self.over) + self._cancelled_unknown() + 1 >= self.settings['remembered_max']:
            return
        # Its client need not be told any more from its word on, or from when it no longer listens.
        since = over.deadline_at + OUTCOME_GRACE_S
        if over.acknowledged_at is not None:
            since = min(since, over.acknowledged_at)
        if now < since + REMEMBER_S - ROUNDING_S:
            raise broken('S16', task_id, 'accepted again %.1f s after it was over', now - since)

    def _cancelled_unknown(self):
        # type: () -> int
        """How many tasks it may have met in this turn by their cancel: remembered, and told after the writing."""
        return sum(task_id.startswith(client + ':') and task_id not in self.over and not self.is_open(task_id)
                   for task_id, client in self._cancels.items())

    def _is_withheld(self, task_id):
        # type: (str) -> bool
        """Whether nobody may hear of it now, because the disk does not know yet."""
        if self._promises is None:
            return False
        on_disk = self._promises.disk.state_of(task_id)
        if self.is_open(task_id):
            return on_disk is None
        over = self.over.get(task_id)
        return over is not None and over.is_kept and on_disk in (None, ACCEPTED)

    # At the end of a turn, and once in a while.

    def end_turn(self, now):
        # type: (float) -> None
        super(AnswersAudit, self).end_turn(now)
        self._cancels.clear()
        if self._claimed:
            for client in sorted(self._claimed):
                self._hold_claimed(now, client, self._claimed[client])
            self._claimed.clear()
        if self._owed:
            for task_id in sorted(self._owed):
                over = self.over.get(task_id)
                if (over is not None and over.acknowledged_at is not None) or self._is_withheld(task_id):
                    continue
                if self.open_since(task_id) != now:
                    raise broken('S10', task_id, 'submitted, and not a word')
                self._receipts.append((now + RECEIPT_DELAY_S, task_id))
                self._unsaid.add(task_id)
            self._owed.clear()
        if self._receipts and self._receipts[0][0] < now - LATE_S and self.is_undisturbed(now):
            self._hold_receipts(now)

    def _hold_receipts(self, now):
        # type: (float) -> None
        """What was accepted is called so soon, unless it is over by then."""
        while self._receipts and self._receipts[0][0] < now - LATE_S:
            due_at, task_id = self._receipts.popleft()
            if task_id in self._unsaid and self.is_open(task_id):
                raise broken('S10', task_id, 'accepted %.2f s ago, and not a word', now - due_at + RECEIPT_DELAY_S)
            self._unsaid.discard(task_id)

    def _hold_claimed(self, now, client, claimed):
        # type: (float, str, List[str]) -> None
        """A client that is back is told at least some of what it was told in vain."""
        told = [task_id for task_id, told_at in self._telling.items()
                if told_at == now and self.over[task_id].client == client]
        if len(told) >= CLAIMED_AT_ONCE:
            # Others came first, of which the sweep has not found out yet that they were told in vain.
            return
        is_told = any(self._telling.get(task_id) == now or task_id not in self.over
                      or self.over[task_id].acknowledged_at is not None or self._is_withheld(task_id)
                      for task_id in claimed)
        if not is_told:
            raise broken('S10', tuple(claimed), 'its client is back, and not told')

    def hold_all_told(self, now):
        # type: (float) -> None
        """Whoever has not acknowledged an outcome is told again, for as long as it listens."""
        for task_id, told_at in sorted(self._telling.items()):
            over = self.over[task_id]
            if now > over.tell_until:
                del self._telling[task_id]
                if over.is_kept:
                    self._unclaimed.setdefault(over.client, {})[task_id] = over.tell_until + REMEMBER_S
            elif self._is_withheld(task_id):
                self._telling[task_id] = now
            elif now - told_at > RESEND_CAP_S * JITTER_MAX + LATE_S:
                raise broken('S10', task_id, 'its client was last told %.1f s ago', now - told_at)
