"""The steps of a task: assigned, requeued, ended. ``core`` and ``fleet`` decide when each is taken."""

from __future__ import absolute_import, division, print_function

from collections import deque

from dispatcher.calculators import UNREPORTED_MAX, Calculators
from dispatcher.outcomes import Outcomes
from dispatcher.pending_queue import PendingQueue
from dispatcher.tasks import (
    ASSIGNED, ATTEMPT_ENDS, CALCULATOR_LEFT, CHILD_DIED, ERROR, NEW_INCARNATION, NOT_HELD, SHORT_CHARS, TASK_BYTES,
    TIMED_OUT, TURNED_DOWN, WAITING, Leftover, PastAttempt, size_with)
from net_protocol.compat import text_type
from net_protocol.rows import DONE, FAILED, OUTCOMES
from net_protocol.schedule import PING_AFTER_S
from net_protocol.words import counted, reason_text

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict, List  # noqa: F401

    from dispatcher.calculators import Calculator  # noqa: F401
    from dispatcher.tasks import Task  # noqa: F401

#: Most tasks are over sooner than this after their acceptance, and get no timer.
YOUNG_S = 1.0

#: Attempts that can't be running on their calculator any more when they end in this way.
_NOT_RUNNING = frozenset([NOT_HELD, TURNED_DOWN, CALCULATOR_LEFT, NEW_INCARNATION, CHILD_DIED, ERROR])


class Work(Outcomes):
    """Tasks, the queue of those that wait, and the calculators that the others are assigned to."""

    COUNTERS = ('assignments', 'adopted', 'revokes') + OUTCOMES + tuple('attempt_' + end for end in ATTEMPT_ENDS) \
        + Outcomes.COUNTERS

    def __init__(self, settings, name, incarnation):
        # type: (Dict[str, Any], str, str) -> None
        super(Work, self).__init__(settings, name, incarnation)
        self.calculators = Calculators()
        self.queue = PendingQueue(settings['priority_ageing_s'])
        #: Tasks that are assigned.
        self.running = 0
        self._answer_timeout_s = settings['answer_timeout_s']
        #: Tasks without a timer, in the order of acceptance; some are over. Nothing is due for them within ``young_s``.
        self.young = deque()  # type: Deque[Task]
        self.young_s = min(YOUNG_S, self._answer_timeout_s)

    def plan(self, task):
        # type: (Task) -> None
        """Set the timer of a task: for its deadline, or for the answer time-out of its attempt if that is sooner."""
        task.is_planned = True
        due_at = task.deadline_at
        if task.state is ASSIGNED and task.answer_due_at < due_at:
            due_at = task.answer_due_at
        self._timers.set(('task', task), due_at)

    def assign(self, now, task, calculator, known_as=0):
        # type: (float, Any, Calculator, int) -> None
        """Give a task to a calculator that has a free slot. ``known_as`` is the assignment under which it runs there
        already, if it does.
        """
        assignment = known_as
        if not assignment:
            assignment = calculator.last_assignment = calculator.last_assignment + 1
        task.state = ASSIGNED
        task.calculator = calculator
        task.assignment = assignment
        task.attempt += 1
        task.assigned_at = now
        task.answer_due_at = now + (task.answer_limit_s() if task.IS_CALL else self._answer_timeout_s)
        task.acknowledged_by = None
        calculator.attempts[assignment] = task
        calculator.free -= 1
        self.running += 1
        if task.is_planned:
            self.plan(task)
        if not calculator.is_pinged:
            calculator.is_pinged = True
            self._timers.set(('ping', calculator.name), now + PING_AFTER_S)
        if self.trace:
            self.emit(now, 'assigned', task_id=task.task_id, calculator=calculator.name, attempt=task.attempt)
        if not known_as:
            calculator.sent_at = now
            rows = calculator.channel.rows
            if task.IS_CALL:
                self.send(calculator.channel, 'run', self.assign_row(now, task))
                return
            row = [assignment, task.task_id, task.attempt, task.payload, self._answer_timeout_s,
                   int((task.deadline_at - now) * 1000) / 1000 if task.deadline_at > now else 0]
            if 'assign' in rows:
                rows['assign'].append(row)
            else:
                self.send(calculator.channel, 'assign', row)

    def assign_row(self, now, task):
        # type: (float, Any) -> List[Any]
        """The same row for an assignment that is sent again; that of a call."""
        if task.IS_CALL:
            return [task.assignment, task.task_id, task.attempt, task.payload, task.options.get(u'answer_timeout_s'),
                    max(0.0, int((task.deadline_at - now) * 1000) / 1000), task.function,
                    task.options.get(u'each', False)]
        return [task.assignment, task.task_id, task.attempt, task.payload, self._answer_timeout_s,
                int((task.deadline_at - now) * 1000) / 1000 if task.deadline_at > now else 0]

    def requeue(self, now, task, ended):
        # type: (float, Task, str) -> None
        """The live attempt came to nothing: the task waits again, or has failed if there were too many attempts."""
        self._end_attempt(now, task, ended)
        task.state = WAITING
        past = PastAttempt(task, now, ended)
        if task.history is None:
            task.history = [past]
        else:
            task.history.append(past)
        if ended is TIMED_OUT:
            self.queue.put_back(task)
        else:
            self.queue.put_first(task)
        self.emit(now, 'reassigned', task_id=task.task_id, attempt=past.number, calculator=past.calculator,
                  reason=ended)
        if task.attempt >= self.settings['attempts_max']:
            self.finish(now, task, FAILED, u'no result after %s' % counted(task.attempt, 'attempts'))
        else:
            self.plan(task)

    def _end_attempt(self, now, task, ended):
        # type: (float, Task, str) -> None
        """The live attempt ends without a result."""
        calculator = task.calculator
        del calculator.attempts[task.assignment]
        self.running -= 1
        self.counts['attempt_' + ended] += 1
        calculator.tally.note_lost(ended)
        self.watch.attempts.add(task, task.attempt, calculator.name, task.assigned_at, now, ended)
        if ended in _NOT_RUNNING:
            calculator.free += 1
            self.calculators.update(calculator)
        else:
            calculator.leftovers[task.assignment] = Leftover(task)

    def drop_leftover(self, calculator, assignment):
        # type: (Calculator, int) -> bool
        """That attempt does not run any more. Returns whether it occupied a slot."""
        if calculator.leftovers.pop(assignment, None) is None:
            return False
        calculator.free += 1
        self.calculators.update(calculator)
        return True

    def revoke(self, calculator, assignment, task_id):
        # type: (Calculator, int, str) -> None
        """Nobody waits for that attempt any more. 0: one that another incarnation of the dispatcher assigned."""
        # A calculator that acknowledges nothing must not fill our memory.
        if len(calculator.channel.rows.get('revoke', ())) < calculator.capacity + UNREPORTED_MAX:
            self.counts['revokes'] += 1
            self.send(calculator.channel, 'revoke', [assignment, task_id])

    def release(self, call):
        # type: (Any) -> None
        """No calculator is kept free for that call any more."""
        calculator, call.reserved = call.reserved, None
        if calculator is not None:
            calculator.alone = None
            self.calculators.update(calculator)

    def _revoke_others(self, task):
        # type: (Task) -> None
        """Former attempts of a task that is over may still run."""
        for past in task.history or ():
            calculator = self.calculators.by_name.get(past.calculator)
            leftover = None if calculator is None else calculator.leftovers.get(past.assignment)
            if calculator is not None and leftover is not None and leftover.task is task:
                self.revoke(calculator, past.assignment, task.task_id)

    def _let_go(self, task):
        # type: (Any) -> None
        if task.IS_CALL and task.reserved is not None:
            self.release(task)
        if task.history is not None:
            self._revoke_others(task)

    def finish(self, now, task, outcome, value, ended=None):
        # type: (float, Any, str, Any, str | None) -> None
        """A task ends, and its client is sent the outcome. ``value`` is the result of a task that is done, or the
        reason.

        ``ended`` is how the live attempt ends; None where there is none, or where it brought the result.
        """
        client = task.client
        if task.state is WAITING:
            task.state = outcome
            self.queue.remove(task)
        elif ended is not None:
            self._end_attempt(now, task, ended)
            self.revoke(task.calculator, task.assignment, task.task_id)
        task.state = outcome
        payload, task.payload = task.payload, None
        task.result = value
        size = TASK_BYTES if type(value) is text_type and len(value) <= SHORT_CHARS else size_with(value)
        if size != task.size:
            client.bytes += size - task.size
            self.memory_bytes += size - task.size
            task.size = size
        client.live -= 1
        client.over_bytes += size
        self.undelivered += 1
        self.counts[outcome] += 1
        client.tally.outcomes[outcome] += 1
        if client.is_absent:
            self.absent_outcomes += 1
            self.absent_bytes += size
        if task.is_planned:
            self._timers.cancel(('task', task))
        self._let_go(task)
        if outcome is not DONE:
            self.emit(now, 'ended', task_id=task.task_id, outcome=outcome, reason=reason_text(value),
                      attempts=task.attempt)
            self.watch.ended_without_result(now, task, payload)
        # Below its lowest open number the client does not want it: the caller forgets the task.
        if task.number >= client.open:
            if self.journal is not None:
                self.journal.ended(task)
                self.has_unwritten = True
            elif outcome is DONE and client.cursor is None and not client.is_absent:
                channel = client.channel  # type: Any
                if 'done' in channel.rows:
                    channel.rows['done'].append([task.number, value, task.attempt])
                else:
                    self.send(channel, 'done', [task.number, value, task.attempt])
            else:
                self.deliver(task)
