"""Assignment, adoption and requeueing of a task; the timers of tasks.

The *live* attempt of a task is the newest one, until it ends. A *leftover* is an attempt that has ended for the
dispatcher, but may still run on its calculator. An *orphan* is an attempt that another incarnation of the dispatcher
assigned. To *adopt* a waiting task means to leave it on a calculator that already holds it.
"""

from __future__ import absolute_import, division, print_function

from collections import deque

from common.words import counted
from dispatcher.calculators import ALIVE
from dispatcher.outcomes import TURN_MAX
from dispatcher.results import Results
from dispatcher.tasks import ASSIGNED, HISTORY_MAX, TIMED_OUT, WAITING, PastAttempt
from net_protocol.rows import EXPIRED, FAILED
from net_protocol.schedule import PING_AFTER_S

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict, List  # noqa: F401

    from dispatcher.calculators import Calculator  # noqa: F401
    from dispatcher.tasks import CallTask, Task  # noqa: F401
    from net_protocol.channel import Channel  # noqa: F401

#: A task gets a timer this long after its acceptance. Most tasks end earlier and need none.
YOUNG_S = 1.0

#: The shortest time between two warnings about attempts that took too long on calculators that are alive.
TOO_SLOW_EVERY_S = 60.0

#: Ping times are rounded down to a multiple of this, so that one turn sends the pings to many calculators.
PING_STEP_S = 0.05


def step_before(at):
    # type: (float) -> float
    """The last multiple of ``PING_STEP_S`` that is not after ``at``."""
    return (at + 1e-6) // PING_STEP_S * PING_STEP_S


class Work(Results):
    COUNTERS = ('adopted', 'calls_delayed', 'calls_run_alone') + Results.COUNTERS

    def __init__(self, settings, name, incarnation):
        # type: (Dict[str, Any], str, str) -> None
        super(Work, self).__init__(settings, name, incarnation)
        self._answer_timeout_s = settings['answer_timeout_s']
        #: Tasks that were accepted lately and may need a timer, the oldest first. Most end before they need one.
        self.young = deque()  # type: Deque[Task]
        self.young_s = min(YOUNG_S, self._answer_timeout_s)
        self._warn_slow_at = 0.0

    def set_task_timer(self, task):
        # type: (Task) -> None
        """Set the timer of a task: for its deadline, or for the answer time-out of its attempt if that is sooner."""
        task.has_timer = True
        due_at = task.deadline_at
        if task.state is ASSIGNED and task.answer_due_at < due_at:
            due_at = task.answer_due_at
        self._timers.set(('task', task), due_at)

    def set_timers_of_young(self, now):
        # type: (float) -> None
        """Set the timers of tasks that were accepted longer than ``young_s`` ago and have not ended. If there is one,
        also set the timers of tasks at least half as old, so that one turn handles many tasks.
        """
        young, age_s = self.young, self.young_s
        for _ in range(min(len(young), TURN_MAX)):
            task = young[0]
            if (task.state is WAITING or task.state is ASSIGNED) and not task.has_timer:
                if task.accepted_at + age_s > now:
                    break
                self.set_task_timer(task)
                age_s = self.young_s / 2
            young.popleft()

    def set_ping_timer(self, calculator, at):
        # type: (Calculator, float) -> None
        """Set the time to check whether the calculator needs a ping."""
        self._timers.set(('ping', calculator.name), step_before(at))

    def assign(self, now, task, calculator, known_as=0):
        # type: (float, Any, Calculator, int) -> None
        """Assign a task to a calculator that has a free slot, or a call to one whose ``takes_ahead`` is true. If the
        calculator already runs the task under an assignment number of this incarnation, ``known_as`` is this number.
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
        task.acknowledged_in = None
        calculator.attempts[assignment] = task
        calculator.free -= 1
        self.running += 1
        if task.has_timer:
            self.set_task_timer(task)
        if not calculator.is_pinged:
            calculator.is_pinged = True
            self.set_ping_timer(calculator, now + PING_AFTER_S)
        if self.trace:
            self.emit(now, 'assigned', task_id=task.task_id, calculator=calculator.name, attempt=task.attempt)
        if not known_as:
            calculator.sent_at = now
            rows = calculator.channel.rows
            if task.IS_CALL:
                self.send(calculator.channel, 'run', self.assign_row(now, task))
                return
            # The same as ``assign_row``; inlined because it runs for each task.
            row = [assignment, task.task_id, task.attempt, task.payload, self._answer_timeout_s,
                   int((task.deadline_at - now) * 1000) / 1000 if task.deadline_at > now else 0]
            if 'assign' in rows:
                rows['assign'].append(row)
            else:
                self.send(calculator.channel, 'assign', row)

    def assign_row(self, now, task):
        # type: (float, Any) -> List[Any]
        """The ``run`` row of an assigned call, or the ``assign`` row of a notional task that is resent. ``assign``
        itself builds the first row of a notional task.
        """
        if task.IS_CALL:
            return [task.assignment, task.task_id, task.attempt, task.payload, task.options.get(u'answer_timeout_s'),
                    max(0.0, int((task.deadline_at - now) * 1000) / 1000), task.function,
                    task.options.get(u'each', False)]
        return [task.assignment, task.task_id, task.attempt, task.payload, self._answer_timeout_s,
                int((task.deadline_at - now) * 1000) / 1000 if task.deadline_at > now else 0]

    def refresh_assignment(self, now, calculator, kind, row):
        # type: (float, Calculator, str, Any) -> Any
        """The row to send in place of a lost row, or None if it is out of date."""
        if kind == 'assign' or kind == 'run':
            task = calculator.attempts.get(row[0])
            if task is not None:
                return self.assign_row(now, task)
            leftover = calculator.leftovers.get(row[0])
            if leftover is not None and leftover.acknowledged_in is None:
                # The attempt has ended and its row was lost, so the slot is free.
                self.drop_leftover(calculator, row[0])
            return None
        return row if kind != 'revoke' or row[0] in calculator.leftovers or not row[0] else None

    def adopt(self, now, task, calculator, known_as):
        # type: (float, Any, Calculator, int) -> None
        """The calculator already holds this waiting task: leave it there. ``known_as`` is as in ``assign``."""
        self.counts['adopted'] += 1
        self.emit(now, 'adopted', task_id=task.task_id, calculator=calculator.name, attempt=task.attempt + 1)
        # For an orphan this sends a new assignment number. The calculator recognises the task id and continues.
        self.assign(now, task, calculator, known_as)
        self.queue.remove(task)
        if task.IS_CALL and task.reserved is not calculator:
            self.release(task)

    def note_acknowledged(self, channel, calculator, kind, rows):
        # type: (Channel, Calculator, str, List[Any]) -> None
        if kind == 'revoke':
            for assignment, task_id in rows:
                if assignment:
                    self.drop_leftover(calculator, assignment)
                else:
                    self.calculators.drop_orphan(calculator, task_id)
            return
        attempts, number = calculator.attempts, channel.number_received
        for row in rows:
            attempt = attempts.get(row[0]) or calculator.leftovers.get(row[0])
            if attempt is not None and attempt.acknowledged_in is None:
                attempt.acknowledged_in = number

    def requeue(self, now, task, ended):
        # type: (float, Any, str) -> None
        """The live attempt ended without a result: the task waits again, or fails if it has no attempts left."""
        self._end_attempt(now, task, ended)
        task.state = WAITING
        past = PastAttempt(task, now, ended)
        if task.history is None:
            task.history = [past]
        else:
            task.history.append(past)
        self.emit(now, 'reassigned', task_id=task.task_id, attempt=past.number, calculator=past.calculator,
                  reason=ended)
        if task.IS_CALL:
            self._requeue_call(now, task, ended)
            return
        if ended is TIMED_OUT:
            self.queue.put_back(task)
        else:
            self.queue.put_first(task)
        if task.attempt >= self.settings['attempts_max']:
            # ``finish`` removes it from the queue.
            self.finish(now, task, FAILED, u'no result after %s' % counted(task.attempt, 'attempts'))
        else:
            self.set_task_timer(task)

    def _requeue_call(self, now, task, ended):
        # type: (float, Any, str) -> None
        if ended is TIMED_OUT:
            # The calculator should have ended this attempt. Revoke it, so that it does not run beside the next one.
            self.revoke(task.calculator, task.assignment, task.task_id)
        self.release(task)
        del task.history[:-HISTORY_MAX]
        was_alone = task.is_alone
        delay_s = task.note_end(ended)
        if delay_s:
            self.counts['calls_delayed'] += 1
            self.queue.put_call_delayed(task)
            self._timers.set(('delay', task), now + delay_s)
        else:
            self.queue.put_call_first(task)
        if task.is_alone and not was_alone:
            self.counts['calls_run_alone'] += 1
        if task.counted >= task.attempts_max:
            self.finish(now, task, FAILED, task.failure or u'no result after %s, the last: %s' % (
                counted(task.attempt, 'attempts'), ended.replace('_', ' ')))
        else:
            self.set_task_timer(task)

    def _due_delay(self, now, task):
        # type: (float, CallTask) -> None
        self.queue.calls.end_delay(task)

    def _due_task(self, now, task):
        # type: (float, Task) -> None
        """The deadline of a task or the answer time-out of its attempt has come."""
        if now >= task.deadline_at:
            self.finish_and_withdraw(now, task, EXPIRED, self._expired_because(task))
        elif task.state is ASSIGNED and now >= task.answer_due_at:
            if now >= self._warn_slow_at and task.calculator.state is ALIVE and task.acknowledged_in is not None:
                self._warn_slow_at = now + TOO_SLOW_EVERY_S
                self.emit(now, 'too_slow', task_id=task.task_id, calculator=task.calculator.name,
                          limit_s=round(task.answer_due_at - task.assigned_at, 3))
            self.requeue(now, task, TIMED_OUT)
        else:
            self.set_task_timer(task)

    def _expired_because(self, task):
        # type: (Any) -> str
        """The reason in the outcome of an expired task."""
        if task.state is ASSIGNED:
            return u'attempt %d on %s had not answered' % (task.attempt, task.calculator.name)
        if not task.attempt:
            catalogue = self.calculators.catalogue
            if task.IS_CALL and not catalogue.is_offered(task.function):
                return catalogue.why_not(task.function)
            has_alive = self.calculators.numbers[ALIVE]
            return u'no calculator became free' if has_alive else u'no calculator was alive'
        return u'after %s no calculator became free' % counted(task.attempt, 'attempts')
