"""Results from calculators. A result ends the attempt that it names. The first result of a task also ends the task."""

from __future__ import absolute_import, division, print_function

from dispatcher.ends import Ends
from dispatcher.outcomes import TURN_MAX
from dispatcher.tasks import ASSIGNED, ERROR, RESULT
from net_protocol.rows import CALCULATOR, DONE, FAILED

MYPY = False
if MYPY:
    from typing import Any, List  # noqa: F401

    from dispatcher.calculators import Calculator  # noqa: F401
    from net_protocol.channel import Channel  # noqa: F401

#: If the last call on a calculator took less than this, more calls than free slots are assigned to it (*ahead*).
QUICK_S = 0.05


class Results(Ends):
    """Results of attempts, and what they show about their calculators: speed and probation."""

    COUNTERS = ('late_results', 'late_results_used', 'duplicate_results', 'unknown_results',
                'probations') + Ends.COUNTERS

    def _on_result(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        calculator = channel.peer
        if channel.role != CALCULATOR:
            return
        if calculator is None:
            for row in rows:
                self._take_late(now, channel, None, row)
            return
        attempts, tally, ring = calculator.attempts, calculator.tally, self.watch.attempts
        done = failed = alike = 0
        trace, name = self.trace, calculator.name
        # Consecutive results often have the same two times. Add the durations of such a group in one call.
        assigned_at = accepted_at = 0.0
        for row in rows:
            assignment, task_id, result, error = row
            task = attempts.get(assignment)
            if task is None or task.task_id != task_id:
                self._take_late(now, channel, calculator, row)
                continue
            del attempts[assignment]
            if alike and (task.assigned_at != assigned_at or task.accepted_at != accepted_at):
                self._note_durations(tally, now - assigned_at, now - accepted_at, alike)
                alike = 0
            assigned_at, accepted_at = task.assigned_at, task.accepted_at
            alike += 1
            # The same as ``Ring.add``; inlined because it runs for each result.
            ring.total = number = ring.total + 1
            if error is None:
                done += 1
                ring.kept.append((number, task, task.attempt, name, assigned_at, now, RESULT))
                if trace:
                    self.emit(now, 'done', task_id=task_id, calculator=name, attempt=task.attempt)
                self.finish(now, task, DONE, result)
            else:
                failed += 1
                ring.kept.append((number, task, task.attempt, name, assigned_at, now, ERROR))
                self.finish(now, task, FAILED, error)
        if done or failed:
            self._note_durations(tally, now - assigned_at, now - accepted_at, alike)
            self._note_quick(calculator, now - assigned_at)
            self.running -= done + failed
            self.counts['attempt_result'] += done
            self.counts['attempt_error'] += failed
            tally.done += done
            tally.failed += failed
            calculator.free += done + failed
            if calculator.conduct.reason is not None:
                self.note_good_ends(now, calculator, done)
            calculator.raise_lowest(TURN_MAX)
            if not calculator.is_queued:
                self.calculators.update(calculator)

    def _note_quick(self, calculator, answer_s):
        # type: (Calculator, float) -> None
        """``answer_s`` is the time of the last task on this calculator, network included."""
        calculator.is_quick = calculator.digest is not None and answer_s < QUICK_S
        if calculator.is_quick and not calculator.is_to_be_fed:
            calculator.is_to_be_fed = True
            self.calculators.quick.append(calculator)

    def _note_durations(self, tally, answer_s, response_s, number):
        # type: (Any, float, float, int) -> None
        tally.answers.add(answer_s, number)
        self.watch.response_times.add(response_s, number)

    def _take_late(self, now, channel, calculator, row):
        # type: (float, Channel, Calculator | None, Any) -> None
        """Handle a result of an attempt that is not live. The first result of a task is used, whatever its attempt."""
        assignment, task_id, result, error = row
        self.free_slot(calculator, assignment, task_id)
        task = self.clients.task(task_id)
        if task is None:
            self.counts['unknown_results'] += 1
            return
        if not assignment and task.state is ASSIGNED and task.calculator is calculator:
            # The task was adopted, and the calculator finished it before it received the new assignment number.
            self._on_result(now, channel, [[task.assignment, task_id, result, error]])
            return
        number = task.number_of_attempt(channel.name, assignment)
        if task.is_over:
            is_copy = task.attempt and task.calculator is calculator and task.assignment == assignment
            self.counts['duplicate_results' if is_copy else 'late_results'] += 1
            if not is_copy:
                self.emit(now, 'late_result', task_id=task_id, calculator=channel.name, attempt=number)
            return
        self.counts['late_results_used'] += 1
        self.emit(now, 'late_result_used', task_id=task_id, calculator=channel.name, attempt=number)
        if error is None:
            if self.trace:
                self.emit(now, 'done', task_id=task_id, calculator=channel.name, attempt=number)
            self.watch.response_times.add(now - task.accepted_at)
            self.finish_and_withdraw(now, task, DONE, result)
        else:
            self.finish_and_withdraw(now, task, FAILED, error)

    # Probation.

    def note_failure_of(self, now, calculator, what):
        # type: (float, Calculator, str) -> None
        if calculator.conduct.note_failure(now, what):
            self.counts['probations'] += 1
            self.emit(now, 'probation', calculator=calculator.name, reason=calculator.conduct.reason)

    def note_good_ends(self, now, calculator, number):
        # type: (float, Calculator, int) -> None
        """``number`` attempts ended well."""
        conduct = calculator.conduct
        for _ in range(number if conduct.reason is not None else 0):
            if conduct.note_good_end():
                self.emit(now, 'probation_over', calculator=calculator.name)
                self.calculators.update(calculator)
                break
