"""The auditor of one incarnation of a dispatcher: where each task is, and what is sent to its client."""

from __future__ import absolute_import, division, print_function

from net_protocol.rows import CANCELLED, CLIENT, DONE, EXPIRED, FAILED, OUTCOMES
from net_protocol.schedule import SLEEP_S
from simulator.audit import ROUNDING_S, on_the_way
from simulator.call_audit import ACCUSING, EXCEPTIONS, CallAudit, Place
from simulator.violations import broken

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Set, Tuple  # noqa: F401

    from net_protocol.channel import Channel  # noqa: F401
    from simulator.ledger import Ledger  # noqa: F401
    from simulator.process import Process  # noqa: F401
    from simulator.promises import Promises  # noqa: F401

#: How late a timer may be if nothing disturbed the process.
LATE_S = 0.6


class DispatcherAudit(CallAudit):
    """Checks S1 to S5, S8 to S14, S16, S19 and S21. The base classes check rules about calculators and calls.

    ``promises`` are those of all incarnations with a journal; None without one.
    """

    HEARD = dict(CallAudit.HEARD, submit='_heard_submits', call='_heard_submits', cancel='_heard_cancels',
                 result='_heard_results', failed='_heard_results')
    SENT = dict(CallAudit.SENT, done='_sent_outcomes', ended='_sent_outcomes', done_before='_sent_outcomes',
                ended_before='_sent_outcomes', refused='_sent_refusals')
    EVENTS = dict(CallAudit.EVENTS, accepted='_on_accepted', assigned='_on_assigned', adopted='_on_adopted',
                  reassigned='_on_reassigned', done='_on_done', ended='_on_ended', outcome_dropped='_on_dropped')
    ACKNOWLEDGED = CallAudit.ACKNOWLEDGED | frozenset(['done', 'ended'])

    def __init__(self, ledger, settings, promises=None):
        # type: (Ledger, Dict[str, Any], Promises | None) -> None
        super(DispatcherAudit, self).__init__(ledger, settings)
        self._promises = promises
        # Task id -> its outcome as sent to the client: (outcome,) before, and None if an earlier incarnation ended the
        # task. Tasks whose outcome the client acknowledged.
        self._over = {}  # type: Dict[str, Any]
        self._acknowledged = set()  # type: Set[str]
        # (incarnation of a client, number, datagram) of refusals that were sent.
        self._refusals_sent = set()  # type: Set[Tuple[str, int, int]]
        # (name, incarnation) of clients -> their channel.
        self._channels = {}  # type: Dict[Tuple[str, str], Channel]
        # Numbers of accepted tasks, of recovered (tasks, outcomes), and of tasks by outcome.
        self._accepted_total, self._recovered = 0, (0, 0)
        self._ends = dict.fromkeys(OUTCOMES, 0)
        # Received in this turn: task id -> (payload, least and most time left, whether it is below ``open``); task id
        # -> results; tasks that clients cancelled. And tasks whose attempts were revoked in this turn.
        self._submitted = {}  # type: Dict[str, Tuple[Any, float, float, bool]]
        self._results = {}  # type: Dict[str, List[Tuple[Any, Any]]]
        self._cancelled = set()  # type: Set[str]
        self._revoked = set()  # type: Set[str]

    def begin(self, process):
        # type: (Process) -> None
        super(DispatcherAudit, self).begin(process)
        self._accepted = self.ledger.accepted.setdefault(process.core.incarnation, set())
        self._refused = self.ledger.refused.setdefault(process.core.incarnation, set())

    def take_over(self, now, wall_now):
        # type: (float, float) -> None
        """Take over the tasks and outcomes on the disk."""
        for task_id, is_over, time_left_s in self._promises.recovered(self, wall_now):  # type: ignore[union-attr]
            self._accepted.add(task_id)
            if is_over:
                self._over[task_id] = None
            else:
                self._put(now, task_id, max(0.0, time_left_s), max(0.0, time_left_s))
        self._recovered = len(self.places), len(self._over)

    def _put(self, now, task_id, least_s, most_s):
        # type: (float, str, float, float) -> None
        """Note an accepted task and the time left, which the settings limit for a notional task."""
        entry = self.ledger.tasks.get(task_id)
        call = None if entry is None else entry.call
        most = self.settings['task_timeout_s'] if call is None else most_s
        self.places[task_id] = Place(now, (now + min(least_s, most), now + min(most_s, most)), call, self.settings)

    @property
    def size(self):
        # type: () -> int
        return 4 * len(self.places)

    def knows(self, task_id):
        # type: (str) -> bool
        return task_id in self.places or task_id in self._over

    # Received rows, and rows sent to clients.

    def opened(self, now, channel):
        # type: (float, Channel) -> None
        if channel.role == CLIENT:
            key = channel.name, channel.incarnation
            if key in self._channels and self.core.clients.get(*key) is None:
                self.ledger.counts['clients_forgotten_and_heard'] += 1
            self._channels[key] = channel

    def _heard_submits(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        for number, payload, left_s in [row[:3] for row in rows]:
            task_id = '%s:%s:%d' % (channel.name, channel.incarnation, number)
            if self._promises is not None and task_id in self.places and not self._promises.is_kept(task_id):
                self.ledger.counts['submits_again_before_commit'] += 1
            _, least_s, most_s, _ = self._submitted.get(task_id, (None, left_s, left_s, False))
            self._submitted[task_id] = payload, min(least_s, left_s), max(most_s, left_s), number < channel.peer_open

    def _heard_cancels(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        self._cancelled.update(['%s:%s:%d' % (channel.name, channel.incarnation, row[0]) for row in rows])

    def _heard_results(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        for row in rows:
            result, error = (None, row[2]) if kind == 'failed' else row[2:]
            self._results.setdefault(row[1], []).append((result, error))

    def acknowledged(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        if kind in ('done', 'ended'):
            self._acknowledged.update([task_id for task_id, _ in _outcomes(channel, kind, rows)])
        else:
            super(DispatcherAudit, self).acknowledged(now, channel, kind, rows)

    def queueing(self, channel, kind, row):
        # type: (Channel, str, Any) -> None
        """The core adds a row to the queue of a channel."""
        if kind == 'revoke':
            self._revoked.add(row[1])
        elif kind == 'refused':
            task_id = '%s:%s:%d' % (channel.name, channel.incarnation, row[0])
            self._refused.add(task_id)
            self._accepted.discard(task_id)
            if task_id in self.places:
                raise broken('S1', task_id, 'refused after it was accepted')

    def wrote(self, now, channel, rows):
        # type: (float, Channel, Dict[str, List[Any]]) -> None
        super(DispatcherAudit, self).wrote(now, channel, rows)
        silence_s = now - channel.heard_at
        if silence_s > SLEEP_S + LATE_S and self.is_undisturbed(now):
            raise broken('S12', (self.name, channel.name), '%s is sent %r after %.1f s', channel.name, rows, silence_s)

    def _sent_refusals(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        for number, datagram, _, _ in rows:
            key = channel.incarnation, number, datagram
            self.ledger.counts['refusals_again'] += key in self._refusals_sent
            self._refusals_sent.add(key)

    def _sent_outcomes(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        for task_id, outcome in _outcomes(channel, kind, rows):
            if task_id not in self._over:
                # A task may be cancelled before it is accepted.
                if task_id in self.places or outcome[0] != CANCELLED:
                    raise broken('S4', task_id, '%s is sent to its client, but the task has not ended', outcome[0])
                self._over[task_id] = outcome
            told = self._over[task_id]
            if told is None or len(told) == 1:
                if told is not None and told[0] != outcome[0]:
                    raise broken('S2', task_id, 'its outcome is %s, but %s is sent to its client', told[0], outcome[0])
                self._over[task_id] = outcome
                entry = self.ledger.tasks.get(task_id)
                if self._promises is not None and task_id in self._accepted and task_id not in self.ledger.dropped \
                        and entry is not None and entry.is_awaited:
                    self._promises.note_outcome_sent(task_id, outcome)
            elif told != outcome:
                raise broken('S2', task_id, 'first %r, now %r', told, outcome)

    # Events about tasks.

    def _on_accepted(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        task_id = facts['task_id']
        if task_id not in self._submitted:
            raise broken('S4', task_id, 'accepted without a submit')
        payload, least_s, most_s, is_below_open = self._submitted[task_id]
        is_over = task_id in self._over or task_id in self._acknowledged and not self.ledger.is_byzantine(task_id)
        if task_id in self.places or is_below_open or is_over:
            raise broken('S16', task_id, 'accepted again, and it is %s' % (
                'not over' if task_id in self.places else 'below open' if is_below_open else 'over'))
        if task_id in self.ledger.dropped:
            self.ledger.dropped.remove(task_id)
            self.ledger.counts['accepted_again'] += 1
        journal = self.core.journal
        if journal is not None and journal.failing_since is not None and journal.failing_since < now:
            raise broken('S9', task_id, 'accepted while the journal can\'t be written')
        entry = self.ledger.tasks.get(task_id)
        if entry is not None and entry.payload != payload:
            raise broken('S3', task_id, 'another payload than its client sent')
        self._put(now, task_id, least_s, most_s)
        self._accepted.add(task_id)
        self._refused.discard(task_id)
        self._accepted_total += 1

    def _on_assigned(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        place = self.places.get(facts['task_id'])
        given = None if place is None or place.view is None else place.view.given[facts['task_id']]
        # An adoption is confirmed to the calculator by an assignment.
        if given is None or not given.is_adopted or place.attempt != facts['attempt']:  # type: ignore[union-attr]
            self._enter(now, facts, True)

    def _on_adopted(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        self._enter(now, facts, False)

    def _enter(self, now, facts, is_new):
        # type: (float, Dict[str, Any], bool) -> None
        task_id = facts['task_id']
        place = self.places.get(task_id)
        if place is None or place.view is not None:
            raise broken('S5', task_id, 'assigned while it is %s', 'over' if place is None else 'assigned')
        place.attempt = facts['attempt']
        place.view = self.note_given(now, facts['calculator'], task_id, place.attempt, is_new)
        self.note_begun(now, task_id, place, is_new)

    def _on_reassigned(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        task_id, reason = facts['task_id'], facts['reason']
        place = self.places.get(task_id)
        if place is None or place.view is None or place.attempt != facts['attempt'] \
                or place.view.channel.name != facts['calculator']:
            raise broken('S5', task_id, 'taken from %s, which does not have it', facts['calculator'])
        given = place.view.given.pop(task_id)
        if reason == 'timed_out' and now < given.at + place.answer_s - ROUNDING_S:
            raise broken('S13', task_id, 'timed out after %.3f s', now - given.at)
        if reason == 'not_held' and (given.acknowledged_in is None
                                     or given.acknowledged_in >= place.view.newest_heartbeat):
            raise broken('S8', (task_id, facts['calculator']), 'taken back, and no later heartbeat leaves it out')
        if reason in ('child_died', 'error') and not any(
                error is not None and (error['cause'] in EXCEPTIONS) == (reason == 'error')
                for _, error in self._results.get(task_id, ())):
            raise broken('S4', task_id, '%s for no reason', reason)
        if reason == 'child_died':
            causes = {error['cause'] for _, error in self._results[task_id] if error is not None}
            if causes <= ACCUSING and not place.has_lost_a_child:
                self._note_failure_of(now, facts['calculator'])
            place.has_lost_a_child = True
        place.note_end(now, reason)

    def _on_done(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        task_id = facts['task_id']
        self._end(task_id, DONE)
        self._note_good_end_of(facts['calculator'])
        if task_id not in self._results:
            raise broken('S4', task_id, 'done without a result')
        entry = self.ledger.tasks.get(task_id)
        if entry is not None and not any(error is None and self.ledger.is_right(task_id, entry.payload, result)
                                         for result, error in self._results[task_id]):
            raise broken('S3', task_id, 'done with one of %r', self._results[task_id])

    def _on_ended(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        task_id, outcome = facts['task_id'], facts['outcome']
        place = self._end(task_id, outcome)
        entry = self.ledger.tasks.get(task_id)
        if outcome == EXPIRED and now < place.deadlines[0] - ROUNDING_S:
            raise broken('S13', task_id, 'expired %.3f s early', place.deadlines[0] - now)
        if outcome in (EXPIRED, CANCELLED) and place.view is not None and task_id not in self._revoked:
            raise broken('S21', (task_id, place.view.channel.name), '%s, and it goes on', outcome)
        if outcome == FAILED and place.counted < place.attempts_max:
            # The death of a child is no reason for a call to fail.
            if not any(error is not None and (place.call is None or error['cause'] in EXCEPTIONS)
                       for _, error in self._results.get(task_id, ())):
                raise broken('S4' if place.call is None else 'S22', task_id, 'failed for no reason')
            if place.view is not None:
                self._note_good_end_of(place.view.channel.name)
        if outcome == CANCELLED and task_id not in self._cancelled and entry is not None and entry.end is None:
            raise broken('S4', task_id, 'cancelled without a request')

    def _end(self, task_id, outcome):
        # type: (str, str) -> Place
        place = self.places.pop(task_id, None)
        if place is None:
            raise broken('S2', task_id, '%s, and it is not open', outcome)
        if place.view is not None:
            del place.view.given[task_id]
        elif place.call is not None:
            self.ended_waiting.append(place)
        self._ends[outcome] += 1
        self._over[task_id] = (outcome,)
        return place

    def _on_dropped(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        """The outcome was removed from memory. The client may submit the task again."""
        task_id = facts['task_id']
        if self._over.pop(task_id, False) is False:
            raise broken('S4', task_id, 'its outcome is dropped, and it is not over')
        self.ledger.dropped.add(task_id)
        if self._promises is not None:
            self._promises.forget(task_id)

    def end_turn(self, now):
        # type: (float) -> None
        super(DispatcherAudit, self).end_turn(now)
        for found in (self._submitted, self._results, self._cancelled, self._revoked):
            if found:
                found.clear()

    # Periodic checks.

    def sweep(self, now):
        # type: (float) -> None
        self._compare_accounts(now)
        if self.is_undisturbed(now):
            self.check_views(now)
            self._check_outcomes()
            self._check_places(now)

    def _check_outcomes(self):
        # type: () -> None
        """S10: An unacknowledged outcome or refusal is on its way, or the client waits for its turn (``cursor``)."""
        for key in sorted(self._channels):
            channel, client = self._channels[key], self.core.clients.get(*key)
            if not channel.is_open or channel.is_asleep or client is None or client.cursor is not None \
                    or self.core.has_unwritten:
                continue
            missing = set(client.refusals).difference(on_the_way(channel, 0, 'refused'))
            missing.update({number for number, task in client.tasks.items() if task.is_over}.difference(
                on_the_way(channel, 0, 'done', 'ended')))
            for number in sorted(missing):
                raise broken('S10', client.prefix + str(number), '%s, and neither acknowledged nor on its way',
                             'refused' if number in client.refusals else 'over')

    def _check_places(self, now):
        # type: (float) -> None
        """S1, S8: No task is past its deadline, no attempt past its time-out."""
        for task_id, place in self.places.items():
            if now > place.deadlines[1] + LATE_S:
                raise broken('S1', task_id, 'not over %.1f s after its deadline', now - place.deadlines[1])
            for_s = 0.0 if place.view is None else now - place.view.given[task_id].at
            if for_s > place.answer_s + LATE_S:
                raise broken('S8', (task_id, place.view.channel.name), 'with %s for %.1f s', place.view.channel.name,
                             for_s)

    def _compare_accounts(self, now):
        # type: (float) -> None
        account = self.core.account(now)
        running = sum(place.view is not None for place in self.places.values())
        if account['accepted'] + account['tasks_recovered'] != (
                sum(account['outcomes'].values()) + account['waiting'] + account['running']) \
                or account['assignments'] + account['adopted'] != (
                    sum(account['attempts'].values()) + account['running']):
            raise broken('S11', self.name, '%r', account)
        recovered = account['tasks_recovered'], account['counts']['outcomes_recovered']
        if recovered != self._recovered:
            raise broken('S14', self.name, '%r tasks and outcomes recovered, the disk had %r', recovered,
                         self._recovered)
        told = {'accepted': self._accepted_total, 'outcomes': self._ends, 'waiting': len(self.places) - running,
                'running': running}
        kept = {key: account[key] for key in told}
        if kept != told:
            raise broken('S19', self.name, 'its account has %r, its events give %r', kept, told)
        # Tasks taken back from calculators, and recovered tasks, wait even if the queue is full.
        given_back = min(sum(account['attempts'].values()), self.capacity_ever) + self._recovered[0]
        if account['waiting'] > self.settings['pending_max'] + given_back:
            raise broken('S9', self.name, '%d wait', account['waiting'])
        if sum(account['calculators'].values()) > self.settings['calculators_max'] \
                or account['memory_bytes'] > self.settings['memory_max_bytes']:
            raise broken('S9', self.name, '%r', account)


def _outcomes(channel, kind, rows):
    # type: (Channel, str, List[Any]) -> List[Tuple[str, Any]]
    """(task id, (outcome, result or reason, attempts)) of rows with outcomes."""
    found = []
    for row in rows:
        row = list(row)
        incarnation = row.pop(0) if kind.endswith('_before') else channel.incarnation
        if kind.startswith('done'):
            row.insert(1, DONE)
        found.append(('%s:%s:%d' % (channel.name, incarnation, row[0]), tuple(row[1:])))
    return found
