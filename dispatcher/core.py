"""The dispatcher: every accepted task ends in exactly one outcome that its client is told.

What it does with a message or when a timer is due is below, one handler each. What it knows lives elsewhere: in
``work`` the tasks that wait or run, in ``outcomes`` those that are over, in ``fleet`` the calculators and each one's
book of attempts, in ``journal`` what has to be written. A task and a free calculator meet in the turn in which the
later of the two appears; nothing here ever walks over a whole table.
"""

from __future__ import absolute_import, division, print_function

from dispatcher import journal, tasks
from dispatcher.advice import RETRY_AFTER_S, Advice
from dispatcher.failure_detector import CATCH_UP_S, HELD_UP_S
from dispatcher.fleet import Fleet
from dispatcher.journal import Journal
from dispatcher.outcomes import Outcomes
from dispatcher.receipts import Receipts
from dispatcher.reconcile import collect
from dispatcher.status import StatusDesk
from dispatcher.story import Books
from dispatcher.tasks import ATTEMPT_ENDS, Task
from dispatcher.watch import Watch
from dispatcher.work import Work
from net_protocol.core import Core, require
from net_protocol.delivery import JITTER_MAX, RESEND_FIRST_S
from net_protocol.messages import (
    CANCELLED, DONE, DRAINING, EXPIRED, FAILED, JOURNAL, NOT_YOURS, OUTCOMES, QUEUE_FULL, Accepted, AssignAck,
    AssignRefused, Cancel, Heartbeat, HeartbeatAck, Leave, LeaveAck, Outcome, OutcomeAck, Refused, Result, ResultAck,
    Status, Submit, TaskStatus)

MYPY = False
if MYPY:
    from typing import Any, Dict, Iterable, List, Tuple  # noqa: F401

    from dispatcher.journal import Row  # noqa: F401
    from dispatcher.tasks import Attempt  # noqa: F401
    from net_protocol.core import Sender  # noqa: F401

#: An assignment was sent at least twice by then.
RESENT_AFTER_S = RESEND_FIRST_S * JITTER_MAX

#: After a recovery nothing is handed out for this long: each calculator in order says meanwhile what it runs (once a
#: second where nobody set it otherwise), and that goes on there instead of being begun anew by whoever speaks first.
ADOPTION_S = 1.5


class DispatcherCore(Core):
    """A dispatcher as a pure state machine.

    ``settings`` is a complete object of ``dispatcher.settings.SETTINGS``, ``rng`` a ``random.Random`` (it only spreads
    resends).
    """

    HANDLERS = {Submit: '_on_submit', Cancel: '_on_cancel', OutcomeAck: '_on_outcome_ack', Heartbeat: '_on_heartbeat',
                Leave: '_on_leave', AssignAck: '_on_assign_ack', AssignRefused: '_on_assign_refused',
                Result: '_on_result', Status: '_on_status', TaskStatus: '_on_task_status'}
    TIMERS = {'task': '_due_task', 'silence': '_due_silence', 'forget': '_due_forget',
              'drained': '_due_drained', 'adoption': '_due_adoption', 'journal': '_due_journal',
              'receipt': '_due_receipt'}
    COUNTERS = ('accepted',) + OUTCOMES + (
        'refused_queue_full', 'refused_draining', 'refused_not_yours', 'refused_journal', 'duplicate_submits',
        'tasks_recovered', 'outcomes_recovered', 'cancelled_unknown', 'late_results_used', 'stale_heartbeats',
        'heartbeats', 'held_up',
    ) + Work.COUNTERS + Fleet.COUNTERS + Outcomes.COUNTERS + Journal.COUNTERS + StatusDesk.COUNTERS

    def __init__(self, settings, name, incarnation, rng):
        # type: (Dict[str, Any], str, str, Any) -> None
        super(DispatcherCore, self).__init__(name, incarnation)
        self._settings = settings
        self._fleet = Fleet(settings, self._timers, self.counts, self._tell, self._lose)
        self._work = Work(settings, self._fleet, self._timers, self.counts, self._tell, self._send,
                          self._new_resender('assign', rng, self._give_up_assign), self._over)
        self._receipts = Receipts(self._timers, self._send)
        self._advice = Advice()
        self._journal = Journal(settings['journal'] is not None, self._timers, self.counts, self._tell)
        self._outcomes = Outcomes(
            lambda give_up, refresh: self._new_resender('outcome', rng, give_up, refresh),
            settings['remembered_max'], self.counts, self._journal, self._stop_if_drained)
        self._draining = False
        # Just recovered: see ADOPTION_S.
        self._is_adopting = False
        # After a hold-up no timer fires before this point in time.
        self._catch_up_at = 0.0
        self._watch = Watch()
        self._fleet.on_release = self._watch.attempt_ended
        #: Answers monitors. Its owner may set ``surroundings``.
        self.desk = StatusDesk(self._books(), self._watch, self.counts, self._send)

    def _books(self):
        # type: () -> Books
        books = Books(self.name, self.incarnation, self._settings, self.counts, self.handled, self.sent)
        self._work.lay_open(books)
        books.fleet = self._fleet
        books.outcomes = self._outcomes
        books.is_draining = lambda: self._draining
        books.is_adopting = lambda: self._is_adopting
        return books

    # What the shell calls.

    def start(self, now):
        # type: (float) -> None
        """Nothing to send: clients and calculators speak first."""
        self._watch.began_at = now

    def recover(self, now, lives, rows):
        # type: (float, int, Iterable[Row]) -> None
        """Go on where an earlier life stood. Before anything else; ``rows`` as ``dispatcher.journal`` says.

        What waited or ran waits, in the order in which it was accepted; whoever was not told yet is told.
        """
        for task, outcome, is_told in journal.restored(now, lives, rows, self._settings['task_timeout_s']):
            if is_told:
                self._outcomes.remember(now, task.client, task.task_id, None)
            elif outcome is not None:
                self.counts['outcomes_recovered'] += 1
                self._outcomes.tell(now, task, outcome)
            else:
                self.counts['tasks_recovered'] += 1
                self._work.add(task)
                self._work.wait(task)
                self._watch.accepted(now, task)
        self._now = now
        self._tell('recovered_books', waiting=self._work.waiting, untold=len(self._outcomes), lives=lives)
        if self._work.waiting:
            self._is_adopting = True
            self._timers.set(('adoption', None), now + ADOPTION_S)

    def take_records(self):
        # type: () -> List[Any] | None
        """What has to be written before ``take_outgoing``, or None; ``note_written`` says how that went."""
        return self._journal.take(self._stopped)

    def note_written(self, now, failure):
        # type: (float, str | None) -> None
        """Everything taken is on the disk, or (``failure`` says why) none of it is."""
        self._journal.note_written(now, failure)

    def take_outgoing(self):
        # type: () -> List[Tuple[Any, Any]]
        return self._journal.without_withheld(super(DispatcherCore, self).take_outgoing())

    def stop(self, now):
        # type: (float) -> None
        """Take and hand out nothing more; wait up to ``drain_timeout_s`` for what runs and for acknowledgements.

        Waiting tasks are not cancelled: their clients go on asking, and find whoever comes back on this address. With a
        journal that goes on with them by itself.
        """
        if self._draining:
            return
        self._draining = True
        self._now = now
        self._tell('draining', waiting=self._work.waiting, running=self._work.running,
                   unacknowledged=len(self._outcomes), bound_s=self._settings['drain_timeout_s'])
        self._timers.set(('drained', None), now + self._settings['drain_timeout_s'])
        self._receipts.give_all()
        self._stop_if_drained()

    def handle_timer(self, now):
        # type: (float) -> None
        due_at = self.next_timer()
        if due_at is None or now < due_at:
            return
        if now - due_at > HELD_UP_S:
            # Suspended or starved. Whoever seems silent or late by our clock may have spoken in time: read first.
            self._now = now
            self.counts['held_up'] += 1
            self._fleet.detector.note_held_up(now, now - due_at)
            self._catch_up_at = now + CATCH_UP_S
            self._tell('held_up', seconds=now - due_at)
            return
        super(DispatcherCore, self).handle_timer(now)

    def next_timer(self):
        # type: () -> float | None
        deadline = super(DispatcherCore, self).next_timer()
        return None if deadline is None else max(deadline, self._catch_up_at)

    # Clients.

    def _on_submit(self, now, sender, message):
        # type: (float, Sender, Submit) -> None
        task_id = message.task_id
        task = self._work.get(task_id)
        if task is not None and task.client == sender.name:
            self.counts['duplicate_submits'] += 1
            task.reply_to = sender.address
            self._send(sender.address, Accepted(task_id))
        elif self._outcomes.get(now, task_id) is not None:
            self.counts['duplicate_submits'] += 1
            self._answer_with_outcome(now, sender, task_id)
        else:
            reason = self._reason_to_refuse(sender, task_id)
            if reason is None:
                self._accept(now, sender, message)
            else:
                self.counts['refused_' + reason] += 1
                self._watch.refused(now, sender.name, task_id, reason)
                self._send(sender.address, Refused(task_id, reason, self._retry_after_s(now, reason)))
        self._outcomes.claim(now, sender)

    def _answer_with_outcome(self, now, sender, task_id):
        # type: (float, Sender, str) -> None
        outcome = self._outcomes.answer(now, sender.name, sender.address, task_id)
        if outcome is not None:
            self._send(sender.address, outcome)

    def _reason_to_refuse(self, sender, task_id):
        # type: (Sender, str) -> str | None
        if not task_id.startswith(sender.name + ':'):
            return NOT_YOURS
        if self._draining:
            return DRAINING
        if self._journal.is_failing:
            return JOURNAL
        # Outcomes that nobody acknowledges take memory like tasks that wait.
        if not self._work.has_room_for(sender.name) or len(self._outcomes) >= self._settings['remembered_max']:
            return QUEUE_FULL
        return None

    def _retry_after_s(self, now, reason):
        # type: (float, str) -> float | None
        if reason == NOT_YOURS:
            return None
        if reason == QUEUE_FULL and len(self._outcomes) < self._settings['remembered_max']:
            waiting = self._work.waiting
            return self._advice.wait_s(now, waiting, self.counts['accepted'] - waiting)
        return RETRY_AFTER_S

    def _accept(self, now, sender, message):
        # type: (float, Sender, Submit) -> None
        deadline_at = now + min(message.time_left_s, self._settings['task_timeout_s'])
        task = Task(message.task_id, sender.name, message.payload, now, deadline_at, sender.address)
        self._work.add(task)
        self._journal.accepted(task)
        self.counts['accepted'] += 1
        self._watch.accepted(now, task)
        if self.trace:
            self._tell('accepted', task_id=task.task_id)
        self._receipts.owe(now, task)
        holder = self._fleet.holder_of_orphan(task.task_id)
        # It may have been given other work since it named this; then the task waits until a heartbeat makes it clear.
        if holder is not None and len(holder.attempts) < holder.capacity:
            self._work.adopt(now, task, holder, holder.others[task.task_id][0])
        elif self._may_hand_out and not self._work.waiting:
            self._assign(now, task)
        else:
            self._work.wait(task)
            self._hand_out(now)

    def _on_cancel(self, now, sender, message):
        # type: (float, Sender, Cancel) -> None
        task = self._work.get(message.task_id)
        if task is not None and task.client == sender.name:
            task.reply_to = sender.address
            self._work.finish(now, task, CANCELLED, None, 'cancelled by its client')
        else:
            if task is None and self._outcomes.get(now, message.task_id) is None \
                    and message.task_id.startswith(sender.name + ':'):
                # Its submit was lost or is still under way; remembered, so that the latter starts nothing.
                self.counts['cancelled_unknown'] += 1
                self._outcomes.remember(now, sender.name, message.task_id, Outcome(
                    message.task_id, CANCELLED, None, 'cancelled before it was accepted', 0))
            self._answer_with_outcome(now, sender, message.task_id)
        self._outcomes.claim(now, sender)

    def _on_outcome_ack(self, now, sender, message):
        # type: (float, Sender, OutcomeAck) -> None
        self._outcomes.acknowledge(now, sender, message.task_id)
        self._outcomes.claim(now, sender)
        self._stop_if_drained()

    # Monitors.

    def _on_status(self, now, sender, message):
        # type: (float, Sender, Status) -> None
        self.desk.answer_status(now, sender, message)

    def _on_task_status(self, now, sender, message):
        # type: (float, Sender, TaskStatus) -> None
        self.desk.answer_task_status(now, sender, message)

    def _note_event(self, kind, facts):
        # type: (str, Dict[str, Any]) -> None
        self._watch.event(self._now, kind, facts)

    # The life of a task.

    def _hand_out(self, now):
        # type: (float) -> None
        """Give waiting tasks to available calculators until one of the two runs out."""
        while self._work.waiting and self._may_hand_out:
            self._assign(now, self._work.take_next())

    @property
    def _may_hand_out(self):
        # type: () -> bool
        return self._fleet.has_available and not (self._draining or self._is_adopting)

    def _assign(self, now, task):
        # type: (float, Task) -> None
        attempt = self._work.assign(now, task)
        if self.trace:
            self._tell('assigned', task_id=attempt.task_id, calculator=attempt.calculator, attempt=attempt.number)

    def _lose(self, now, task_id, how):
        # type: (float, str, str) -> None
        self._work.lose(now, task_id, how)
        self._stop_if_drained()

    def _over(self, now, task, outcome):
        # type: (float, Task, Outcome) -> None
        """A task has ended. Its client is told until it acknowledges."""
        self.counts[outcome.outcome] += 1
        if outcome.outcome != DONE:
            self._tell('ended', task_id=task.task_id, outcome=outcome.outcome, reason=outcome.reason,
                       attempts=outcome.attempts)
        elif self.trace and task.winner is not None:
            self._tell('done', task_id=task.task_id, calculator=task.winner[0], attempt=task.winner[1])
        self._journal.ended(task, outcome)
        self._watch.ended(now, task, outcome)
        self._outcomes.tell(now, task, outcome)

    def _due_task(self, now, task_id):
        # type: (float, str) -> None
        """The answer time-out of the live attempt, or the deadline of the task."""
        task = self._work.get(task_id)  # type: Any
        attempt = task.live_attempt
        if attempt is not None and attempt.acknowledged_by is None and \
                now >= min(attempt.answer_due_at, attempt.assigned_at + RESENT_AFTER_S):
            # Not even acknowledged in all that time, which may end before the resending does: it can't be reached.
            self._fleet.lose_touch(now, self._fleet.get(attempt.calculator))  # type: ignore[arg-type]
        if now >= task.deadline_at:
            self._work.finish(now, task, EXPIRED, None, self._work.expired_because(task))
        else:
            self._lose(now, task_id, tasks.TIMED_OUT)
        self._hand_out(now)

    # Calculators.

    def _on_heartbeat(self, now, sender, message):
        # type: (float, Sender, Heartbeat) -> None
        self.counts['heartbeats'] += 1
        calculator = self._fleet.meet(now, sender, message)
        if calculator is None:
            return
        if message.page == 1:
            self._send(sender.address, HeartbeatAck(message.sequence))
        beat = collect(calculator, sender.number, message)
        if beat is not None:
            self._work.reconcile(now, calculator, beat, self._outcomes)
            self._stop_if_drained()
        elif message.pages == 1:
            self.counts['stale_heartbeats'] += 1
        self._hand_out(now)

    def _on_leave(self, now, sender, message):
        # type: (float, Sender, Leave) -> None
        self._send(sender.address, LeaveAck())
        calculator = self._fleet.heard_from(now, sender)
        if calculator is not None:
            self._fleet.leave(now, calculator)
            self._hand_out(now)

    def _on_assign_ack(self, now, sender, message):
        # type: (float, Sender, AssignAck) -> None
        calculator = self._fleet.heard_from(now, sender)
        attempt = None if calculator is None else calculator.live_attempt(message)
        if calculator is None or attempt is None:
            return
        self._fleet.note_in_touch(now, calculator)
        self._work.acknowledge(attempt, sender.number)
        self._hand_out(now)

    def _on_assign_refused(self, now, sender, message):
        # type: (float, Sender, AssignRefused) -> None
        calculator = self._fleet.heard_from(now, sender)
        if calculator is None or calculator.live_attempt(message) is None:
            return
        calculator.full_until_beat = True
        self._lose(now, message.task_id, tasks.TURNED_DOWN)
        self._hand_out(now)

    def _on_result(self, now, sender, message):
        # type: (float, Sender, Result) -> None
        calculator = self._fleet.heard_from(now, sender)
        live = None
        if calculator is not None:
            self._fleet.vacate(calculator, message.task_id)
            live = calculator.live_attempt(message)
        task = self._work.get(message.task_id)
        if task is not None:
            self._end_by_result(now, task, live, sender, message)
        elif self._outcomes.count_surplus_result(now, message.task_id, sender.name, message.attempt):
            self._tell('late_result', task_id=message.task_id, calculator=sender.name, attempt=message.attempt)
        # After the outcome, for which somebody waits.
        self._send(sender.address, ResultAck(message.task_id, message.attempt))
        self._hand_out(now)

    def _end_by_result(self, now, task, live, sender, message):
        # type: (float, Task, Attempt | None, Sender, Result) -> None
        """The first valid result wins, whatever its attempt; ``live`` is the attempt where it is the live one."""
        how = tasks.WITHDRAWN
        if live is not None:
            self._fleet.note_in_touch(now, self._fleet.get(sender.name))  # type: ignore[arg-type]
            how = tasks.RESULT if message.error is None else tasks.ERROR
        else:
            self.counts['late_results_used'] += 1
            self._tell('late_result_used', task_id=task.task_id, calculator=sender.name, attempt=message.attempt)
        task.winner = (sender.name, message.attempt)
        if message.error is None:
            self._work.finish(now, task, DONE, message.result, None, how)
        else:
            self._work.finish(now, task, FAILED, None, message.error, how)

    # Timers and ends.

    def _give_up_assign(self, now, task_id):
        # type: (float, str) -> None
        """The assignment was resent in vain: its calculator can't be reached."""
        task = self._work.get(task_id)  # type: Any
        if now < task.deadline_at:
            calculator = self._fleet.get(task.attempts[-1].calculator)
            self._fleet.lose_touch(now, calculator)  # type: ignore[arg-type]
            self._lose(now, task_id, tasks.UNACKNOWLEDGED)
            self._hand_out(now)

    def _due_silence(self, now, name):
        # type: (float, str) -> None
        self._fleet.due_silence(now, name)
        self._hand_out(now)

    def _due_forget(self, now, name):
        # type: (float, str) -> None
        self._fleet.due_forget(now, name)

    def _due_journal(self, now, _):
        # type: (float, None) -> None
        self._journal.due()

    def _due_receipt(self, now, _):
        # type: (float, None) -> None
        self._receipts.give(now)

    def _due_adoption(self, now, _):
        # type: (float, None) -> None
        self._is_adopting = False
        self._hand_out(now)

    def _due_drained(self, now, _):
        # type: (float, None) -> None
        self._stopped = True

    def _stop_if_drained(self):
        # type: () -> None
        if self._draining and not self._work.running and not self._outcomes:
            self._stopped = True

    # Accounts.

    @property
    def status(self):
        # type: () -> Dict[str, int]
        """The few numbers that say how things stand; ``journal_failing`` is 0 or 1."""
        numbers = dict(self._fleet.numbers)
        numbers.update(waiting=self._work.waiting, running=self._work.running,
                       journal_failing=int(self._journal.is_failing),
                       over=sum(self.counts[outcome] for outcome in OUTCOMES))
        return numbers

    def account(self, now):
        # type: (float) -> Dict[str, Any]
        """Everything counted. ``accepted`` + ``tasks_recovered`` = the outcomes + waiting + running, and
        ``assignments`` + ``adopted`` = the ends of attempts + running, at every moment.
        """
        counts = self.counts
        return {
            'accepted': counts['accepted'],
            'tasks_recovered': counts['tasks_recovered'],
            'outcomes': {outcome: counts[outcome] for outcome in OUTCOMES},
            'waiting': self._work.waiting,
            'running': self._work.running,
            'attempts': {end: counts['attempt_' + end] for end in ATTEMPT_ENDS},
            'assignments': counts['assignments'],
            'adopted': counts['adopted'],
            'calculators': dict(self._fleet.numbers),
            'counts': dict(counts, resent=self.resent, forgotten_early=self._outcomes.forgotten_early),
        }

    def check_invariants(self):
        # type: () -> None
        self._fleet.check_invariants()
        self._outcomes.check_invariants()
        self._work.check_invariants()
        account = self.account(0.0)
        require(account['accepted'] + account['tasks_recovered']
                == sum(account['outcomes'].values()) + account['waiting'] + account['running'],
                'accepted tasks went missing: %r', account)
        require(account['assignments'] + account['adopted'] == sum(account['attempts'].values()) + account['running'],
                'attempts went missing: %r', account)
        # What was recovered or given back waits again although the queue is full.
        require(account['waiting'] <= self._settings['pending_max'] + account['tasks_recovered'] + account['running']
                + sum(account['attempts'].values()), 'the queue is over its bound')
