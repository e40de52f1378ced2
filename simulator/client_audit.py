"""The auditor of a client: each task has one outcome, which has a cause, and no promise is broken."""

from __future__ import absolute_import, division, print_function

from net_protocol.rows import CANCELLED, DONE, EXPIRED
from net_protocol.schedule import OUTCOME_GRACE_S, PING_INTERVAL_S
from simulator.audit import ROUNDING_S, UNDISTURBED_S, Audit, on_the_way
from simulator.ledger import Entry
from simulator.violations import broken

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Set  # noqa: F401

    from net_protocol.channel import Channel  # noqa: F401
    from simulator.dispatcher_audit import DispatcherAudit  # noqa: F401
    from simulator.ledger import Ledger  # noqa: F401
    from simulator.promises import Promises  # noqa: F401

#: The limit of datagrams with the submit of one task: so many at once, and so many for each second that it waits.
SUBMITS_AT_ONCE = 40
SUBMITS_PER_S = 12


class ClientAudit(Audit):
    """Checks the client's part of S1 to S4, S10 to S13, S19 and L4. ``promises``: of dispatchers with a journal."""

    HEARD = {'done': '_heard_outcomes', 'ended': '_heard_outcomes', 'refused': '_heard_refused'}
    SENT = {'submit': '_sent_submits', 'call': '_sent_submits', 'cancel': '_sent_cancels'}
    EVENTS = {'sent': '_on_sent', 'answered': '_on_answered', 'unanswered': '_on_unanswered',
              'called_off': '_on_unanswered', 'refused': '_on_refused'}
    ACKNOWLEDGED = frozenset(['submit', 'call'])

    def __init__(self, ledger, settings, promises=None):
        # type: (Ledger, Dict[str, Any], Promises | None) -> None
        super(ClientAudit, self).__init__(ledger, settings)
        self._promises = promises
        # Task id -> when it was sent, by this client's clock. Only tasks that have not ended.
        self.pending = {}  # type: Dict[str, float]
        self.sent_total = 0
        self.done_total = 0
        self._cancelled = set()  # type: Set[str]
        # When it last sent rows.
        self._wrote_at = 0.0

    @property
    def size(self):
        # type: () -> int
        return 2 * len(self.pending)

    def _task_id(self, number):
        # type: (int) -> Any
        return '%s:%s:%d' % (self.name, self.core.incarnation, number)

    # Received rows.

    def opened(self, now, channel):
        # type: (float, Channel) -> None
        """A new channel is open: earlier acknowledgements of submits do not count any more."""
        for task_id in self.pending:
            self.ledger.tasks[task_id].accepted_by = ''

    def acknowledged(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        """S1: An acknowledged task is accepted, and on the disk if there is a journal; or its refusal is on its way."""
        dispatcher, others = channel.incarnation, on_the_way(channel, 0, 'submit', 'call')
        for row in rows if self.process.fault is None else ():
            task_id = self._task_id(row[0])
            entry = self.ledger.tasks[task_id]
            entry.accepted_by = dispatcher
            # If another copy of the submit is on its way, that one may be accepted.
            if entry.end is not None or task_id in self._cancelled or row[0] in others:
                continue
            is_accepted = task_id in self.ledger.accepted[dispatcher]
            if not is_accepted and task_id not in self.ledger.refused[dispatcher]:
                raise broken('S1', task_id, 'acknowledged, and neither accepted nor refused')
            if is_accepted and self._promises is not None:
                self._promises.note_acknowledged(dispatcher, task_id)

    def _heard_outcomes(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        for row in rows:
            task_id, outcome = self._task_id(row[0]), [DONE] * (kind == 'done') + row[1:]
            entry = self.ledger.tasks.get(task_id)
            if entry is None:
                raise broken('S4', task_id, 'an outcome of a task that was never sent')
            if entry.heard_from != channel.incarnation:
                # Another dispatcher may have started the task again.
                entry.outcome, entry.heard_from = outcome, channel.incarnation
            elif entry.outcome != outcome:
                raise broken('S2', task_id, 'first %r, now %r', entry.outcome, outcome)

    def _heard_refused(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        for number, datagram, _, _ in rows:
            task_id = self._task_id(number)
            if task_id in self.pending and self.ledger.tasks[task_id].datagram == datagram:
                entry = self.ledger.tasks[task_id]
                entry.accepted_by = ''
                entry.was_refused = entry.is_refused = True

    # Sent rows.

    def wrote(self, now, channel, rows):
        # type: (float, Channel, Dict[str, List[Any]]) -> None
        super(ClientAudit, self).wrote(now, channel, rows)
        self._wrote_at = now

    def _sent_submits(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        for row in rows:
            task_id = self._task_id(row[0])
            entry = self.ledger.tasks.get(task_id)
            if entry is None:
                raise broken('S4', task_id, 'a submit for a task that was never sent')
            if entry.submits == 0:
                entry.payload = row[1]
                entry.call = row[3:] or None
            elif entry.payload != row[1] or entry.call != (row[3:] or None):
                raise broken('S3', task_id, 'submitted with another payload')
            entry.submits += 1
            entry.datagram = channel.number
            entry.is_refused = False
            if entry.end is None:
                waited_s = now - self.pending[task_id]
                if entry.submits > SUBMITS_AT_ONCE + SUBMITS_PER_S * waited_s:
                    raise broken('S12', task_id, 'submitted %d times in %.1f s', entry.submits, waited_s)

    def _sent_cancels(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        self._cancelled.update([self._task_id(row[0]) for row in rows])

    # Events.

    def _on_sent(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        task_id = facts['task_id']
        if task_id in self.ledger.tasks:
            raise broken('S2', task_id, 'sent twice')
        if not self.pending:
            self._wrote_at = now
        self.pending[task_id] = now
        self.sent_total += 1
        self.ledger.counts['tasks'] += 1
        self.ledger.tasks[task_id] = Entry(self.process, self.sent_total, self.process.clock.virtual(now))

    def _on_answered(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        task_id = facts['task_id']
        entry = self._end(now, task_id, DONE)
        if entry.outcome is None or entry.outcome[0] != DONE:
            raise broken('S4', task_id, 'answered without an outcome')
        if not self.ledger.is_right(task_id, entry.payload, entry.outcome[1]):
            raise broken('S3', task_id, 'answered with %r', entry.outcome[1])
        self.done_total += 1
        self.ledger.counts['answered'] += 1

    def _on_unanswered(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        task_id, outcome = facts['task_id'], facts['outcome']
        entry = self._end(now, task_id, outcome)
        self.ledger.counts['unanswered'] += 1
        if outcome == 'wrong':
            raise broken('S3', task_id, 'the result of another task')
        # The client itself ends a call that was not submitted by its deadline.
        is_late = outcome == EXPIRED and not entry.submits
        if not (outcome == 'given_up' or entry.outcome is not None and entry.outcome[0] == outcome
                or outcome == CANCELLED and (self.told_to_stop or self._is_called_off(entry)) or is_late):
            raise broken('S4', task_id, '%s without an outcome', outcome)

    def _on_refused(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        entry = self._end(now, facts['task_id'], 'refused')
        self.ledger.counts['unanswered'] += 1
        if not entry.was_refused:
            raise broken('S4', facts['task_id'], 'refused without a refusal from the dispatcher')

    def _is_called_off(self, entry):
        # type: (Entry) -> bool
        """Whether its caller cancelled it."""
        return entry.number in getattr(self.core, 'called_off', ())

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
            if entry.is_refused and entry.number not in on_the_way(self.core.dispatcher, 0, 'submit', 'call'):
                raise broken('S10', task_id, 'given up, although it was refused: the caller gets the wrong outcome')
        entry.end = end
        entry.ended_at = self.process.clock.virtual(now)
        return entry

    # Periodic checks.

    def sweep(self, now):
        # type: (float) -> None
        statistics = self.core.statistics
        if (statistics.sent, statistics.answered) != (self.sent_total, self.done_total):
            raise broken('S19', self.name, 'sent %d and answered %d, its events say %d and %d', statistics.sent,
                         statistics.answered, self.sent_total, self.done_total)
        if statistics.sent != len(self.pending) + sum(statistics.ends.values()):
            raise broken('S11', self.name, '%d wait: %r', len(self.pending), statistics.as_dict(now))
        if not self.told_to_stop and self.is_undisturbed(now):
            if self.pending and self.core.dispatcher.is_open and now - self._wrote_at > 2 * PING_INTERVAL_S:
                raise broken('L4', self.name, 'silent for %.1f s with open tasks', now - self._wrote_at)
            self._check_on_the_way()
            limit_s = self.settings['task_timeout_s'] + OUTCOME_GRACE_S + UNDISTURBED_S
            for task_id, sent_at in self.pending.items():
                if now - sent_at > limit_s:
                    raise broken('S10', task_id, 'no outcome for its caller for %.1f s', now - sent_at)

    def _check_on_the_way(self):
        # type: () -> None
        """S10: A submitted task is accepted, refused or on its way. A channel without room may send it later."""
        channel = self.core.dispatcher
        if channel.is_open and channel.has_room and self.process.fault is None:
            numbers = on_the_way(channel, 0, 'submit', 'call')
            for task_id in self.pending:
                entry = self.ledger.tasks[task_id]
                if entry.submits and not (entry.accepted_by or entry.is_refused or entry.number in numbers
                                          or self._is_called_off(entry)):
                    raise broken('S10', task_id, 'neither answered nor on its way')

    def compare(self, dispatcher):
        # type: (DispatcherAudit) -> None
        """S1, without faults: the dispatcher knows every task that it accepted according to this client."""
        for task_id in sorted(self.pending):
            if self.ledger.tasks[task_id].accepted_by == dispatcher.core.incarnation and not dispatcher.knows(task_id):
                raise broken('S1', task_id, 'its client considers it accepted, and the dispatcher has no record of it')
