"""The ends of attempts and tasks. A task is forgotten when its client does not need it any more."""

from __future__ import absolute_import, division, print_function

from collections import deque

from common.compat import text_type
from common.words import reason_text
from dispatcher.calculators import Calculators
from dispatcher.outcomes import TURN_MAX, Outcomes
from dispatcher.pending_queue import PendingQueue
from dispatcher.tasks import (
    ASSIGNED, ATTEMPT_ENDS, CALCULATOR_LEFT, CHILD_DIED, ERROR, NEW_INCARNATION, NOT_HELD, SHORT_CHARS, TASK_BYTES,
    TURNED_DOWN, WAITING, WITHDRAWN, Leftover, size_with)
from net_protocol.limits import UNREPORTED_MAX
from net_protocol.rows import CANCELLED, DONE, OUTCOMES

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict  # noqa: F401

    from dispatcher.calculators import Calculator  # noqa: F401
    from dispatcher.clients import Client  # noqa: F401
    from dispatcher.tasks import Task  # noqa: F401

#: Ends after which an attempt can't be running on its calculator any more.
_NOT_RUNNING = frozenset([NOT_HELD, TURNED_DOWN, CALCULATOR_LEFT, NEW_INCARNATION, CHILD_DIED, ERROR])

#: One part in so many of the memory is for clients alone, and one for calculators: neither works without the other.
SHARE = 8


class Ends(Outcomes):
    COUNTERS = ('revokes',) + OUTCOMES + tuple('attempt_' + end for end in ATTEMPT_ENDS) + Outcomes.COUNTERS

    def __init__(self, settings, name, incarnation):
        # type: (Dict[str, Any], str, str) -> None
        super(Ends, self).__init__(settings, name, incarnation)
        self.calculators = Calculators()
        self._memory_max_bytes = settings['memory_max_bytes']
        self._share_bytes = settings['memory_max_bytes'] // SHARE
        self.queue = PendingQueue(settings['priority_ageing_s'])
        #: The number of assigned tasks.
        self.running = 0
        # Clients for which later turns continue ``forget_below``.
        self._behind = deque()  # type: Deque[Client]

    @property
    def memory_bytes(self):
        # type: () -> int
        """The memory of all tables that peers can fill."""
        return self.client_bytes + self.calculators.bytes

    @property
    def bytes_free(self):
        # type: () -> int
        """Free memory for clients, without the share of calculators."""
        others, share = self.calculators.bytes, self._share_bytes
        return self._memory_max_bytes - self.client_bytes - (others if others > share else share)

    @property
    def bytes_free_for_calculators(self):
        # type: () -> int
        return self._memory_max_bytes - self.calculators.bytes - max(self.client_bytes, self._share_bytes)

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
        """A leftover does not run any more. Returns whether it was known."""
        if calculator.leftovers.pop(assignment, None) is None:
            return False
        calculator.free += 1
        self.calculators.update(calculator)
        return True

    def free_slot(self, calculator, assignment, task_id):
        # type: (Calculator | None, int, str) -> None
        """A leftover or an orphan has ended."""
        if calculator is not None and not (assignment and self.drop_leftover(calculator, assignment)):
            self.calculators.drop_orphan(calculator, task_id)

    def revoke(self, calculator, assignment, task_id):
        # type: (Calculator, int, str) -> None
        """Tell a calculator to drop an attempt. ``assignment`` 0: another incarnation of the dispatcher assigned it."""
        # A calculator that acknowledges nothing must not fill our memory.
        if len(calculator.channel.rows.get('revoke', ())) < calculator.capacity + UNREPORTED_MAX:
            self.counts['revokes'] += 1
            self.send(calculator.channel, 'revoke', [assignment, task_id])

    def release(self, call):
        # type: (Any) -> None
        """Cancel the reservation of a calculator for a call that runs alone."""
        calculator, call.reserved = call.reserved, None
        if calculator is not None:
            calculator.alone = None
            self.calculators.update(calculator)

    def _revoke_others(self, task):
        # type: (Any) -> None
        """Cancel the reservation for an ended task, and revoke its other attempts, which may still run."""
        if task.IS_CALL and task.reserved is not None:
            self.release(task)
        for past in task.history or ():
            calculator = self.calculators.by_name.get(past.calculator)
            leftover = None if calculator is None else calculator.leftovers.get(past.assignment)
            if calculator is not None and leftover is not None and leftover.task is task:
                self.revoke(calculator, past.assignment, task.task_id)

    def finish(self, now, task, outcome, value, ended=None):
        # type: (float, Any, str, Any, str | None) -> None
        """A task ends, and its outcome is sent to its client. ``value`` is the result, or the reason if it is not done.

        ``ended`` is how the live attempt ends. None: there is none, or ``_on_result`` has already removed it.
        """
        client = task.client
        if task.state is WAITING:
            # Before ``remove``, which drops entries that do not wait.
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
            self.client_bytes += size - task.size
            task.size = size
        client.live -= 1
        client.outcome_bytes += size
        self.undelivered += 1
        self.counts[outcome] += 1
        client.tally.outcomes[outcome] += 1
        if client.is_absent:
            self.absent_outcomes += 1
            self.absent_bytes += size
        if task.has_timer:
            self._timers.cancel(('task', task))
        self._revoke_others(task)
        if outcome is not DONE:
            self.emit(now, 'ended', task_id=task.task_id, outcome=outcome, reason=reason_text(value),
                      attempts=task.attempt)
            self.watch.ended_without_result(now, task, payload)
        # Otherwise ``forget_below`` cancels the task: the client does not want the outcome.
        if task.number >= client.open:
            if self.journal is not None:
                # ``core.note_written`` delivers it.
                self.journal.ended(task)
                self.has_unwritten = True
            elif outcome is DONE and client.cursor is None and not client.is_absent:
                # The same as ``_send_outcome``; inlined because it runs for each task.
                channel = client.channel  # type: Any
                if 'done' in channel.rows:
                    channel.rows['done'].append([task.number, value, task.attempt])
                else:
                    self.send(channel, 'done', [task.number, value, task.attempt])
            else:
                self.deliver(task)

    def finish_and_withdraw(self, now, task, outcome, value):
        # type: (float, Any, str, Any) -> None
        """``finish`` for a task that waits or is assigned; its live attempt is withdrawn."""
        self.finish(now, task, outcome, value, WITHDRAWN if task.state is ASSIGNED else None)

    def forget_below(self, now, client):
        # type: (float, Client) -> None
        """Forget the tasks below the ``open`` that the client sent (``channel.peer_open``), at most ``TURN_MAX`` at a
        time. Cancel those that wait or run. ``core.heard`` calls this.
        """
        channel = client.channel
        wanted = client.open if channel is None else channel.peer_open
        first = client.open
        stop = min(wanted, client.highest + 1, first + TURN_MAX)
        tasks, refusals, journal = client.tasks, client.refusals, self.journal
        client.open = max(first, stop)
        forgotten = size = 0
        for number in range(first, stop):
            task = tasks.pop(number, None)
            if task is not None:
                if task.state is WAITING or task.state is ASSIGNED:
                    self.finish_and_withdraw(now, task, CANCELLED, u'its client does not wait for it')
                forgotten += 1
                size += task.size
                if task.state is DONE:
                    # ``watch`` still holds the task, and its result may be large.
                    task.result = None
                if journal is not None:
                    journal.over(task.task_id)
            elif refusals:
                refusals.pop(number, None)
        if client.open > client.highest:
            # Nothing is known above ``highest``: skip the gap.
            client.open = max(client.open, wanted)
            client.highest = client.open - 1
        if client.acknowledged:
            client.acknowledged.drop_below(client.open)
        self.recount(client, forgotten, size)
        if client.open < wanted and not client.is_behind:
            client.is_behind = True
            self._behind.append(client)

    def forget_some(self, now):
        # type: (float) -> None
        """Continue ``forget_below`` for one client."""
        if self._behind:
            client = self._behind.popleft()
            client.is_behind = False
            self.forget_below(now, client)
