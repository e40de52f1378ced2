"""The dispatcher: every accepted task ends in exactly one outcome that its client is told.

What it does with a message is below, one handler each; what it knows lives in its tables: ``tasks`` (the state of each
task), ``pending_queue`` (ids that wait), ``calculators`` (who is alive, and each one's book of attempts). A task and a
free calculator meet in the turn in which the later of the two appears; nothing here ever walks over a whole table.
"""

from __future__ import absolute_import, division, print_function

from dispatcher import tasks
from dispatcher.calculators import ALIVE
from dispatcher.failure_detector import CATCH_UP_S, HELD_UP_S
from dispatcher.fleet import Fleet
from dispatcher.outcomes import Outcomes
from dispatcher.pending_queue import PendingQueue
from dispatcher.reconcile import collect, confirmed, missing, surplus
from dispatcher.status import StatusDesk
from dispatcher.story import Books
from dispatcher.tasks import ASSIGNED, ATTEMPT_ENDS, WAITING, Attempt, Task
from dispatcher.watch import Watch
from net_protocol.core import Core, require
from net_protocol.delivery import ASSIGN_RESENDS_MAX, ORPHAN_GRACE_S
from net_protocol.messages import (
    CANCELLED, DONE, DRAINING, EXPIRED, FAILED, NOT_YOURS, OUTCOMES, QUEUE_FULL, Accepted, Assign, AssignAck,
    AssignRefused, Cancel, Heartbeat, HeartbeatAck, Leave, LeaveAck, Outcome, OutcomeAck, Refused, Result, ResultAck,
    Revoke, Status, Submit, TaskStatus)

MYPY = False
if MYPY:
    from typing import Any, Dict  # noqa: F401

    from dispatcher.calculators import Calculator  # noqa: F401
    from dispatcher.reconcile import Beat  # noqa: F401
    from net_protocol.core import Sender  # noqa: F401

#: The advice that goes with a refusal: a queue that is full has room again when some tasks are done.
RETRY_AFTER_S = 1.0


class DispatcherCore(Core):
    """A dispatcher as a pure state machine.

    ``settings`` is a complete object of ``dispatcher.settings.SETTINGS``, ``rng`` a ``random.Random`` (it only spreads
    resends).
    """

    HANDLERS = {Submit: '_on_submit', Cancel: '_on_cancel', OutcomeAck: '_on_outcome_ack', Heartbeat: '_on_heartbeat',
                Leave: '_on_leave', AssignAck: '_on_assign_ack', AssignRefused: '_on_assign_refused',
                Result: '_on_result', Status: '_on_status', TaskStatus: '_on_task_status'}
    TIMERS = {'task': '_due_task', 'silence': '_due_silence', 'forget': '_due_forget',
              'drained': '_due_drained'}
    COUNTERS = ('accepted',) + OUTCOMES + (
        'refused_queue_full', 'refused_draining', 'refused_not_yours', 'duplicate_submits',
        'cancelled_unknown', 'assignments', 'adopted', 'late_results', 'late_results_used',
        'duplicate_results', 'unknown_results', 'revokes', 'stale_heartbeats', 'heartbeats', 'held_up',
    ) + StatusDesk.COUNTERS + Fleet.COUNTERS + Outcomes.COUNTERS + tuple('attempt_' + end for end in ATTEMPT_ENDS)

    def __init__(self, settings, name, incarnation, rng):
        # type: (Dict[str, Any], str, str, Any) -> None
        super(DispatcherCore, self).__init__(name, incarnation)
        self._settings = settings
        # The tasks that wait or run; one that is over moves to the outcomes.
        self._tasks = {}  # type: Dict[str, Task]
        self._pending = PendingQueue()
        self._fleet = Fleet(settings, self._timers, self.counts, self._tell, self._lose)
        # Assignments that are not acknowledged yet, by task id.
        self._assigns = self._new_resender('assign', rng, self._give_up_assign)
        self._outcomes = Outcomes(self._new_resender('outcome', rng, self._give_up_outcome),
                                  settings['remembered_max'], self.counts)
        self._assigned = 0
        self._draining = False
        # After a hold-up no timer fires before this point in time.
        self._catch_up_at = 0.0
        self._watch = Watch()
        self._fleet.on_release = self._watch.attempt_ended
        #: Answers monitors. Its owner may set ``surroundings``.
        self.desk = StatusDesk(self._books(), self._watch, self.counts, rng, self._send)

    def _books(self):
        # type: () -> Books
        books = Books(self.name, self.incarnation, self._settings, self.counts, self.handled, self.sent)
        books.tasks = self._tasks
        books.pending = self._pending
        books.fleet = self._fleet
        books.outcomes = self._outcomes
        books.assigns = self._assigns
        books.running = lambda: self._assigned
        books.is_draining = lambda: self._draining
        return books

    # What the shell calls.

    def start(self, now):
        # type: (float) -> None
        """Nothing to send: clients and calculators speak first."""
        self._watch.began_at = now

    def stop(self, now):
        # type: (float) -> None
        """Take and hand out nothing more; wait up to ``drain_timeout_s`` for what runs and for acknowledgements.

        Waiting tasks are not cancelled: their clients go on asking, and find whoever comes back on this address.
        """
        if self._draining:
            return
        self._draining = True
        self._now = now
        self._tell('draining', waiting=len(self._pending), running=self._assigned,
                   bound_s=self._settings['drain_timeout_s'])
        self._timers.set(('drained', None), now + self._settings['drain_timeout_s'])
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
        task = self._tasks.get(task_id)
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
                self._send(sender.address, Refused(task_id, reason, None if reason == NOT_YOURS else RETRY_AFTER_S))

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
        # Outcomes that nobody acknowledges take memory like tasks that wait.
        if (len(self._pending) >= self._settings['pending_max']
                or len(self._outcomes) >= self._settings['remembered_max']):
            return QUEUE_FULL
        return None

    def _accept(self, now, sender, message):
        # type: (float, Sender, Submit) -> None
        deadline_at = now + min(message.time_left_s, self._settings['task_timeout_s'])
        task = Task(message.task_id, sender.name, message.payload, now, deadline_at, sender.address)
        self._tasks[task.task_id] = task
        self.counts['accepted'] += 1
        self._watch.accepted(now, task)
        if self.trace:
            self._tell('accepted', task_id=task.task_id)
        self._send(sender.address, Accepted(task.task_id))
        self._timers.set(('task', task.task_id), deadline_at)
        holder = self._fleet.holder_of_orphan(task.task_id)
        # It may have been given other work since it named this; then the task waits until a heartbeat makes it clear.
        if holder is not None and len(holder.attempts) < holder.capacity:
            self._adopt(now, task, holder, holder.others[task.task_id][0])
            return
        self._pending.put(task.client, task.task_id)
        self._hand_out(now)

    def _on_cancel(self, now, sender, message):
        # type: (float, Sender, Cancel) -> None
        task = self._tasks.get(message.task_id)
        if task is not None and task.client == sender.name:
            task.reply_to = sender.address
            self._finish(now, task, CANCELLED, None, 'cancelled by its client')
            return
        if task is None and self._outcomes.get(now, message.task_id) is None \
                and message.task_id.startswith(sender.name + ':'):
            # Its submit was lost or is still under way; remembered, so that the latter starts nothing.
            self.counts['cancelled_unknown'] += 1
            self._outcomes.remember(now, sender.name, Outcome(message.task_id, CANCELLED, None,
                                                              'cancelled before it was accepted', 0))
        self._answer_with_outcome(now, sender, message.task_id)

    def _on_outcome_ack(self, now, sender, message):
        # type: (float, Sender, OutcomeAck) -> None
        self._outcomes.acknowledge(now, sender.name, message.task_id)
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
        while self._pending and self._fleet.has_available and not self._draining:
            task = self._tasks[self._pending.take()]
            self._assign(now, task, self._fleet.choose(task.failed_on))

    def _assign(self, now, task, calculator):
        # type: (float, Task, Calculator) -> None
        attempt = self._enter(now, task, calculator, task.next_number)
        self.counts['assignments'] += 1
        if self.trace:
            self._tell('assigned', task_id=task.task_id, calculator=calculator.name, attempt=attempt.number)
        message = Assign(task.task_id, attempt.number, calculator.incarnation, task.payload,
                         self._settings['answer_timeout_s'], max(0.0, task.deadline_at - now))
        self._assigns.begin(now, task.task_id, calculator.address, message, task.deadline_at,
                            resends_max=ASSIGN_RESENDS_MAX)

    def _adopt(self, now, task, calculator, number):
        # type: (float, Task, Calculator, int) -> None
        """The calculator runs this task already: let it go on instead of beginning anew."""
        attempt = self._enter(now, task, calculator, number)
        # It named the attempt itself, so any later heartbeat must name it too.
        attempt.acknowledged_by = 0
        self.counts['adopted'] += 1
        self._tell('adopted', task_id=task.task_id, calculator=calculator.name, attempt=number)

    def _enter(self, now, task, calculator, number):
        # type: (float, Task, Calculator, int) -> Attempt
        attempt = Attempt(task.task_id, number, calculator.name, now, now + self._settings['answer_timeout_s'])
        task.add_attempt(attempt)
        self._assigned += 1
        self._fleet.enter(calculator, attempt)
        self._timers.set(('task', task.task_id), min(attempt.answer_due_at, task.deadline_at))
        return attempt

    def _end_attempt(self, now, task, how):
        # type: (float, Task, str) -> Attempt
        """Close the live attempt of a task and strike it from its calculator's book."""
        attempt = task.attempts[-1]
        attempt.end(now, how)
        self._assigned -= 1
        self.counts['attempt_' + how] += 1
        self._assigns.end(task.task_id)
        self._fleet.release(attempt)
        if how in (tasks.TIMED_OUT, tasks.WITHDRAWN):
            self._fleet.occupy(now, attempt)
        return attempt

    def _lose(self, now, task_id, how):
        # type: (float, str, str) -> None
        """The live attempt came to nothing: the task waits again, before the others of its client."""
        task = self._tasks[task_id]
        attempt = self._end_attempt(now, task, how)
        task.advance('lose')
        self._tell('reassigned', task_id=task_id, attempt=attempt.number, calculator=attempt.calculator, reason=how)
        if len(task.attempts) >= self._settings['attempts_max']:
            self._finish(now, task, FAILED, None, 'no result after %d attempts' % len(task.attempts))
            return
        self._pending.put_back(task.client, task_id)
        self._timers.set(('task', task_id), task.deadline_at)
        self._stop_if_drained()

    def _finish(self, now, task, outcome, result, reason, how=tasks.WITHDRAWN):
        # type: (float, Task, str, Any, str | None, str) -> None
        """The one place where a task ends. Its client is told until it acknowledges.

        ``how`` is what that means for the live attempt, if there is one.
        """
        if task.state == ASSIGNED:
            self._end_attempt(now, task, how)
        elif task.task_id in self._pending:
            self._pending.remove(task.task_id)
        self._timers.cancel(('task', task.task_id))
        task.advance(outcome)
        del self._tasks[task.task_id]
        self.counts[outcome] += 1
        self._revoke_others(task)
        if outcome != DONE:
            self._tell('ended', task_id=task.task_id, outcome=outcome, reason=reason, attempts=len(task.attempts))
        elif self.trace and task.winner is not None:
            self._tell('done', task_id=task.task_id, calculator=task.winner[0], attempt=task.winner[1])
        ending = Outcome(task.task_id, outcome, result, reason, len(task.attempts))
        self._watch.ended(now, task, ending)
        self._outcomes.tell(now, task, ending)

    def _revoke_others(self, task):
        # type: (Task) -> None
        """Whoever still runs an attempt of this task works for nobody."""
        for name in sorted({attempt.calculator for attempt in task.attempts}):
            calculator = self._fleet.get(name)
            if calculator is not None and task.task_id in calculator.others:
                self._revoke(calculator, task.task_id, calculator.others[task.task_id][0])

    def _revoke(self, calculator, task_id, number):
        # type: (Calculator, str, int) -> None
        self.counts['revokes'] += 1
        self._send(calculator.address, Revoke(task_id, number))

    def _due_task(self, now, task_id):
        # type: (float, str) -> None
        """The answer time-out of the live attempt, or the deadline of the task."""
        task = self._tasks[task_id]
        if now >= task.deadline_at:
            self._finish(now, task, EXPIRED, None, self._why_expired(task))
        else:
            attempt = task.attempts[-1]
            if attempt.acknowledged_by is None:
                # Not even acknowledged in all that time, which may end before the resending does: it can't be reached.
                self._fleet.lose_touch(now, self._fleet.get(attempt.calculator))  # type: ignore[arg-type]
            self._lose(now, task_id, tasks.TIMED_OUT)
        self._hand_out(now)

    def _why_expired(self, task):
        # type: (Task) -> str
        if task.state == ASSIGNED:
            return 'attempt %d on %s had not answered' % (len(task.attempts), task.attempts[-1].calculator)
        if not task.attempts:
            return 'no calculator became free' if self._fleet.numbers[ALIVE] else 'no calculator was in order'
        return 'after %d attempts no calculator became free' % len(task.attempts)

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
            self._reconcile(now, calculator, beat)
        elif message.pages == 1:
            self.counts['stale_heartbeats'] += 1
        self._hand_out(now)

    def _reconcile(self, now, calculator, beat):
        # type: (float, Calculator, Beat) -> None
        """Bring the books in line with what the calculator says it holds."""
        calculator.full_until_beat = False
        for attempt in confirmed(calculator, beat):
            self._acknowledge(attempt, beat.number)
        for attempt in missing(calculator, beat):
            self._lose(now, attempt.task_id, tasks.NOT_HELD)
        others = {}
        to_adopt = []
        for task_id, number in surplus(calculator, beat):
            _, since = calculator.others.get(task_id, (number, now))
            others[task_id] = (number, since)
            task = self._tasks.get(task_id)
            if self._is_unwanted(now, task_id, task, since):
                self._revoke(calculator, task_id, number)
            elif task is None:
                self._fleet.note_orphan(task_id, calculator)
            elif task.state == WAITING and not task.was_too_slow_on(calculator.name):
                to_adopt.append((task, number))
        self._fleet.set_others(calculator, others)
        for task, number in to_adopt:
            if calculator.state == ALIVE and len(calculator.attempts) < calculator.capacity:
                self._pending.remove(task.task_id)
                self._adopt(now, task, calculator, number)

    def _is_unwanted(self, now, task_id, task, since):
        # type: (float, str, Task | None, float) -> bool
        """Whether nobody waits for this work, or nobody has asked for it for so long that nobody will."""
        if task is not None:
            return False
        return self._outcomes.get(now, task_id) is not None or now - since > ORPHAN_GRACE_S

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
        attempt = self._live_attempt(calculator, message)
        if calculator is None or attempt is None:
            return
        self._fleet.note_in_touch(now, calculator)
        self._acknowledge(attempt, sender.number)
        self._hand_out(now)

    def _acknowledge(self, attempt, number):
        # type: (Attempt, int) -> None
        self._assigns.end(attempt.task_id)
        attempt.acknowledged_by = number

    def _on_assign_refused(self, now, sender, message):
        # type: (float, Sender, AssignRefused) -> None
        calculator = self._fleet.heard_from(now, sender)
        if calculator is None or self._live_attempt(calculator, message) is None:
            return
        calculator.full_until_beat = True
        self._lose(now, message.task_id, tasks.TURNED_DOWN)
        self._hand_out(now)

    @staticmethod
    def _live_attempt(calculator, message):
        # type: (Calculator | None, Any) -> Attempt | None
        """The live attempt that a calculator's answer is about, or None where it is about none."""
        attempt = None if calculator is None else calculator.attempts.get(message.task_id)
        return attempt if attempt is not None and attempt.number == message.attempt else None

    def _on_result(self, now, sender, message):
        # type: (float, Sender, Result) -> None
        self._send(sender.address, ResultAck(message.task_id, message.attempt))
        calculator = self._fleet.heard_from(now, sender)
        if calculator is not None:
            self._fleet.vacate(calculator, message.task_id)
        task = self._tasks.get(message.task_id)
        if task is not None:
            self._end_by_result(now, task, self._live_attempt(calculator, message), sender, message)
        else:
            self._count_surplus_result(now, sender, message)
        self._hand_out(now)

    def _count_surplus_result(self, now, sender, message):
        # type: (float, Sender, Result) -> None
        """A result for a task that is over: a copy of the one that ended it, or one that came too late."""
        ending = self._outcomes.get(now, message.task_id)
        if ending is None:
            self.counts['unknown_results'] += 1
        elif ending.winner == (sender.name, message.attempt):
            self.counts['duplicate_results'] += 1
        else:
            self.counts['late_results'] += 1
            self._tell('late_result', task_id=message.task_id, calculator=sender.name, attempt=message.attempt)

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
            self._finish(now, task, DONE, message.result, None, how)
        else:
            self._finish(now, task, FAILED, None, message.error, how)

    # Timers and ends.

    def _give_up_assign(self, now, task_id):
        # type: (float, str) -> None
        """The assignment was resent in vain: its calculator can't be reached."""
        task = self._tasks[task_id]
        if now < task.deadline_at:
            calculator = self._fleet.get(task.attempts[-1].calculator)
            self._fleet.lose_touch(now, calculator)  # type: ignore[arg-type]
            self._lose(now, task_id, tasks.UNACKNOWLEDGED)
            self._hand_out(now)

    def _give_up_outcome(self, now, task_id):
        # type: (float, str) -> None
        self._outcomes.give_up(now, task_id)
        self._stop_if_drained()

    def _due_silence(self, now, name):
        # type: (float, str) -> None
        self._fleet.due_silence(now, name)
        self._hand_out(now)

    def _due_forget(self, now, name):
        # type: (float, str) -> None
        self._fleet.due_forget(now, name)

    def _due_drained(self, now, _):
        # type: (float, None) -> None
        self._stopped = True

    def _stop_if_drained(self):
        # type: () -> None
        if self._draining and not self._assigned and not self._outcomes:
            self._stopped = True

    # Accounts.

    @property
    def status(self):
        # type: () -> Dict[str, int]
        """The few numbers that say how things stand."""
        numbers = dict(self._fleet.numbers)
        numbers.update(waiting=len(self._pending), running=self._assigned,
                       over=sum(self.counts[outcome] for outcome in OUTCOMES))
        return numbers

    def account(self, now):
        # type: (float) -> Dict[str, Any]
        """Everything counted. ``accepted`` = the outcomes + waiting + running, and ``assignments`` + ``adopted`` =
        the ends of attempts + running, at every moment.
        """
        counts = self.counts
        return {
            'accepted': counts['accepted'],
            'outcomes': {outcome: counts[outcome] for outcome in OUTCOMES},
            'waiting': len(self._pending),
            'running': self._assigned,
            'attempts': {end: counts['attempt_' + end] for end in ATTEMPT_ENDS},
            'assignments': counts['assignments'],
            'adopted': counts['adopted'],
            'calculators': dict(self._fleet.numbers),
            'counts': dict(counts, resent=self.resent),
        }

    def check_invariants(self):
        # type: () -> None
        self._fleet.check_invariants()
        self._outcomes.check_invariants()
        self._check_places()
        account = self.account(0.0)
        require(account['accepted'] == sum(account['outcomes'].values()) + account['waiting'] + account['running'],
                'accepted tasks went missing: %r', account)
        require(account['assignments'] + account['adopted'] == sum(account['attempts'].values()) + account['running'],
                'attempts went missing: %r', account)
        require(len(self._pending) <= self._settings['pending_max'] + self._assigned + sum(
            account['attempts'].values()), 'the queue is over its bound')

    def _check_places(self):
        # type: () -> None
        """Every task is in exactly one place, and the place knows it."""
        running = 0
        for task_id, task in self._tasks.items():
            require((task_id in self._pending) == (task.state == WAITING), '%s: %s, but the queue disagrees', task_id,
                    task.state)
            require(not task.is_over, '%s is over and among those that are not', task_id)
            require(('task', task_id) in self._timers, '%s has no deadline', task_id)
            live = task.live_attempt
            if live is not None:
                running += 1
                calculator = self._fleet.get(live.calculator)
                require(calculator is not None and calculator.attempts.get(task_id) is live,
                        '%s: not in the book of %s', task_id, live.calculator)
        held = sum(len(calculator.attempts) for calculator in self._fleet)
        require(running == held == self._assigned, 'assigned %d, held %d, counted %d', running, held, self._assigned)
