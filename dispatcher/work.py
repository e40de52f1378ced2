"""The state of a dispatcher, and the steps of a task: assigned, requeued, ended, delivered, forgotten.

``core`` and ``fleet`` decide when a step is taken. Each step changes the tables and appends rows, records and events.
"""

from __future__ import absolute_import, division, print_function

from collections import deque

from dispatcher.calculators import UNREPORTED_MAX, Calculators
from dispatcher.clients import RANGE_BYTES, REFUSAL_BYTES, Clients
from dispatcher.due_times import DueTimes
from dispatcher.journal import Journal
from dispatcher.observers.watch import Watch
from dispatcher.pending_queue import PendingQueue
from dispatcher.tasks import (
    ASSIGNED, ATTEMPT_ENDS, CALCULATOR_LEFT, ERROR, NEW_INCARNATION, NOT_HELD, RESULT, SHORT_CHARS, TASK_BYTES, TIMED_OUT,
    TURNED_DOWN, WAITING, Leftover, PastAttempt, size_with)
from net_protocol.compat import text_type
from net_protocol.core import Core, Event
from net_protocol.rows import DONE, FAILED, OUTCOMES
from net_protocol.words import counted

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict, List  # noqa: F401

    from dispatcher.calculators import Calculator  # noqa: F401
    from dispatcher.clients import Client  # noqa: F401
    from dispatcher.tasks import Task  # noqa: F401
    from net_protocol.channel import Channel  # noqa: F401

#: Entries that one loop handles in a turn; the rest waits for the next turn.
TURN_MAX = 1000

#: Outcomes that are sent again on one channel in a turn, so that they share its window with new ones.
AGAIN_MAX = 100

#: A task that was accepted less than this long ago is not planned in ``DueTimes``.
YOUNG_S = 1.0

#: A calculator that holds attempts and was sent nothing for so long gets a ping: only what is sent brings the ICMP error
#: that says that nobody listens any more.
PING_AFTER_S = 0.25

#: Attempts that can't be running on their calculator any more when they end in this way.
_NOT_RUNNING = frozenset([RESULT, ERROR, NOT_HELD, TURNED_DOWN, CALCULATOR_LEFT, NEW_INCARNATION])


class Work(Core):
    """All tables. ``settings`` is a complete object of ``dispatcher.settings.SETTINGS``."""

    COUNTERS = ('assignments', 'adopted', 'revokes', 'outcomes_dropped', 'outcomes_sent_again',
                'outcomes_of_former') + OUTCOMES + tuple('attempt_' + end for end in ATTEMPT_ENDS) + Journal.COUNTERS

    def __init__(self, settings, name, incarnation):
        # type: (Dict[str, Any], str, str) -> None
        super(Work, self).__init__(name, incarnation)
        self.settings = settings
        self.clients = Clients()
        self.calculators = Calculators()
        self.queue = PendingQueue()
        self._answer_timeout_s = settings['answer_timeout_s']
        self.due = DueTimes(min(YOUNG_S, self._answer_timeout_s))
        self.journal = Journal() if settings['journal'] is not None else None
        self.watch = Watch()
        #: Tasks that are assigned; outcomes that are not acknowledged, and those among them whose client is absent.
        self.running = 0
        self.undelivered = 0
        self.absent_outcomes = 0
        self.absent_bytes = 0
        #: Memory that tasks take.
        self.memory_bytes = 0
        # What is left for later turns: clients whose outcomes are to be sent again, and absent ones, absent longest first.
        self._to_deliver = deque()  # type: Deque[Client]
        self._absent = deque()  # type: Deque[Client]

    def emit(self, now, kind, **facts):
        # type: (float, str, **Any) -> None
        self._events.append(Event(kind, now, facts))
        self.watch.event(now, kind, facts)

    # Attempts.

    def assign(self, now, task, calculator):
        # type: (float, Task, Calculator) -> None
        """Give a task to a calculator that has a free slot."""
        assignment = calculator.last_assignment = calculator.last_assignment + 1
        self.attach(now, task, calculator, assignment)
        calculator.sent_at = now
        channel = calculator.channel
        row = [assignment, task.task_id, task.attempt, task.payload, self._answer_timeout_s,
               int((task.deadline_at - now) * 1000) / 1000 if task.deadline_at > now else 0]
        if 'assign' in channel.rows:
            channel.rows['assign'].append(row)
        else:
            self.send(channel, 'assign', row)
        if not calculator.is_pinged:
            calculator.is_pinged = True
            self._timers.set(('ping', calculator.name), now + PING_AFTER_S)
        if self.trace:
            self.emit(now, 'assigned', task_id=task.task_id, calculator=calculator.name, attempt=task.attempt)

    def assign_row(self, now, task):
        # type: (float, Task) -> List[Any]
        """The same assignment, sent again."""
        return [task.assignment, task.task_id, task.attempt, task.payload, self._answer_timeout_s,
                int((task.deadline_at - now) * 1000) / 1000 if task.deadline_at > now else 0]

    def attach(self, now, task, calculator, assignment):
        # type: (float, Task, Calculator, int) -> None
        """An attempt begins."""
        task.state = ASSIGNED
        task.calculator = calculator
        task.assignment = assignment
        task.attempt += 1
        task.assigned_at = now
        task.answer_due_at = now + self._answer_timeout_s
        task.acknowledged_by = None
        calculator.attempts[assignment] = task
        calculator.free -= 1
        self.running += 1
        if task.due_at is not None:
            self.due.plan(task, task.next_due_at())

    def requeue(self, now, task, ended):
        # type: (float, Task, str) -> None
        """The live attempt came to nothing: the task waits again, or has failed if there were too many attempts."""
        calculator = task.calculator
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
        self.emit(now, 'reassigned', task_id=task.task_id, attempt=task.attempt, calculator=calculator.name, reason=ended)
        if task.attempt >= self.settings['attempts_max']:
            self.finish(now, task, FAILED, u'no result after %s' % counted(task.attempt, 'attempts'))
        else:
            self.due.plan(task, task.deadline_at)

    def _end_attempt(self, now, task, ended):
        # type: (float, Task, str) -> None
        """The live attempt ends without a result."""
        calculator = task.calculator
        assignment = task.assignment
        del calculator.attempts[assignment]
        self.running -= 1
        self.counts['attempt_' + ended] += 1
        calculator.tally.note_lost(ended)
        self.watch.attempts.add((task, task.attempt, calculator.name, task.assigned_at, now, ended))
        if ended in _NOT_RUNNING:
            calculator.free += 1
            self.calculators.update(calculator)
        else:
            calculator.leftovers[assignment] = Leftover(task)

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
        rows = calculator.channel.rows.get('revoke')
        # A calculator that acknowledges nothing must not fill our memory.
        if rows is None or len(rows) < calculator.capacity + UNREPORTED_MAX:
            self.counts['revokes'] += 1
            self.send(calculator.channel, 'revoke', [assignment, task_id])

    def _revoke_others(self, task):
        # type: (Task) -> None
        """Former attempts of a task that is over may still run."""
        for past in task.history:  # type: ignore[union-attr]
            calculator = self.calculators.by_name.get(past.calculator)
            leftover = None if calculator is None else calculator.leftovers.get(past.assignment)
            if leftover is not None and leftover.task is task:
                self.revoke(calculator, past.assignment, task.task_id)  # type: ignore[arg-type]

    # The end.

    def finish(self, now, task, outcome, value, ended=None):
        # type: (float, Task, str, Any, str | None) -> None
        """A task ends, and its client is sent the outcome. ``value`` is the result of a task that is done, or the reason.

        ``ended`` is how the live attempt ends; None where there is none, or its calculator has brought the result.
        """
        if ended is not None:
            self._end_attempt(now, task, ended)
            if ended not in _NOT_RUNNING:
                self.revoke(task.calculator, task.assignment, task.task_id)
        was_waiting = task.state is WAITING
        client = task.client
        task.state = outcome
        task.payload = None
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
        if was_waiting:
            self.queue.note_over(client)
        if task.due_at is not None:
            self.due.cancel(task)
        if task.history is not None:
            self._revoke_others(task)
        if outcome is not DONE:
            self.emit(now, 'ended', task_id=task.task_id, outcome=outcome, reason=value, attempts=task.attempt)
            self.watch.ended_without_result(now, task)
        if task.number < client.open:
            # The client does not want it. The caller forgets the task.
            pass
        elif self.journal is not None:
            self.journal.ended(task)
            self.has_unwritten = True
        elif client.is_absent or client.cursor is not None:
            self.deliver_later(task)
        elif outcome is DONE:
            self.send(client.channel, 'done', [task.number, value, task.attempt])  # type: ignore[arg-type]
        else:
            self.send(client.channel, 'ended', [task.number, outcome, value, task.attempt])  # type: ignore[arg-type]
        if client.is_absent:
            self.absent_outcomes += 1
            self.absent_bytes += size

    # Delivery.

    def deliver(self, task):
        # type: (Task) -> None
        """Send the outcome of a task, now that it is on disk."""
        client = task.client
        if client.tasks.get(task.number) is not task:
            return
        if client.is_absent or client.cursor is not None:
            self.deliver_later(task)
        else:
            self._send_outcome(client.channel, task)  # type: ignore[arg-type]

    def _send_outcome(self, channel, task):
        # type: (Channel, Task) -> None
        if task.state is DONE:
            self.send(channel, 'done', [task.number, task.result, task.attempt])
        else:
            self.send(channel, 'ended', [task.number, task.state, task.result, task.attempt])

    def deliver_later(self, task):
        # type: (Task) -> None
        """The client is absent, or outcomes of former times are being sent to it again, in the order of numbers."""
        client = task.client
        if client.is_absent:
            if self.clients.heir_of(client) is not None:
                client.cursor = task.number if client.cursor is None else min(task.number, client.cursor)
                self._list_for_delivery(client)
        elif task.number < client.cursor:  # type: ignore[operator]
            self._send_outcome(client.channel, task)  # type: ignore[arg-type]

    def deliver_again(self, client):
        # type: (Client) -> None
        """Send every outcome and refusal that the client has not acknowledged."""
        client.cursor = client.open
        self._list_for_delivery(client)

    def _list_for_delivery(self, client):
        # type: (Client) -> None
        if not client.is_delivering:
            client.is_delivering = True
            self._to_deliver.append(client)

    def unblock(self, receiver):
        # type: (Client) -> None
        """There may be room in that client's channel, or it is not heard any more."""
        self._to_deliver.extend(receiver.blocked)
        receiver.blocked = []

    def deliver_some(self, now):
        # type: (float) -> None
        """Go on sending again: for each client some outcomes, while there is room in the channel."""
        budget = TURN_MAX
        for _ in range(min(len(self._to_deliver), TURN_MAX)):
            if budget <= 0:
                return
            client = self._to_deliver.popleft()
            receiver = client  # type: Client | None
            if client.is_absent:
                receiver = self.clients.heir_of(client) if now >= client.former_from else None
            channel = None if receiver is None else receiver.channel
            if receiver is None or channel is None or client.cursor is None:
                client.is_delivering = False
                client.cursor = None
            elif not channel.has_room:
                receiver.blocked.append(client)
            else:
                budget -= self._send_again(channel, client, min(budget, AGAIN_MAX))
                if client.cursor is not None:
                    self._to_deliver.append(client)
                else:
                    client.is_delivering = False

    def _send_again(self, channel, client, rows_max):
        # type: (Channel, Client, int) -> int
        """Send the next outcomes and refusals of the client; returns how many numbers were looked at."""
        number = client.cursor  # type: int  # type: ignore[assignment]
        begin, stop = number, min(client.highest + 1, number + TURN_MAX)
        tasks, refusals = client.tasks, client.refusals
        sent = 0
        while number < stop and sent < rows_max:
            task = tasks.get(number)
            if number in refusals and not client.is_absent:
                sent += 1
                self.send(channel, 'refused', refusals[number])
            number += 1
            if task is None or not task.is_over or (self.journal is not None and self.journal.holds_back(task)):
                continue
            sent += 1
            if not client.is_absent:
                self.counts['outcomes_sent_again'] += 1
                self._send_outcome(channel, task)
                continue
            self.counts['outcomes_of_former'] += 1
            if task.state is DONE:
                self.send(channel, 'done_before', [client.incarnation, task.number, task.result, task.attempt])
            else:
                self.send(channel, 'ended_before', [client.incarnation, task.number, task.state, task.result,
                                                    task.attempt])
        client.cursor = number if number <= client.highest else None
        return number - begin

    # What is over for the client is forgotten.

    def forget(self, client, task):
        # type: (Client, Task) -> None
        """The client has the outcome of the task, which is not in its table any more."""
        client.over.add(task.number)
        task.result = None
        if self.journal is not None:
            self.journal.over(task.task_id)
        self.note_forgotten(client, 1, task.size)

    def note_forgotten(self, client, number, size):
        # type: (Client, int, int) -> None
        """So many outcomes of that size are not in the client's table any more."""
        client.bytes -= size
        client.over_bytes -= size
        self.memory_bytes -= size
        self.undelivered -= number
        if client.is_absent:
            self.absent_outcomes -= number
            self.absent_bytes -= size
            self.forget_client(client)

    def count_memory(self, client):
        # type: (Client) -> None
        """What is remembered of the client besides its tasks may have changed."""
        extra = len(client.over) * RANGE_BYTES + len(client.refusals) * REFUSAL_BYTES
        if extra != client.extra_bytes:
            client.bytes += extra - client.extra_bytes
            self.memory_bytes += extra - client.extra_bytes
            client.extra_bytes = extra

    def forget_client(self, client):
        # type: (Client) -> None
        """A client without tasks and channel is not kept."""
        if client.channel is None and not client.tasks and self.clients.get(client.name, client.incarnation) is client:
            self.clients.remove(client)
            self.memory_bytes -= client.bytes

    def note_absent(self, client, former_from):
        # type: (Client, float) -> None
        """The client is not heard. From ``former_from`` on, its outcomes may go to another incarnation of it."""
        client.is_absent = True
        client.former_from = former_from
        client.drop_from = client.open
        client.cursor = None
        self.absent_outcomes += len(client.tasks) - client.live
        self.absent_bytes += client.over_bytes
        self._absent.append(client)
        if len(self._absent) > 2 * len(self.clients) + 64:
            self._absent = deque([one for one in self._absent if one.is_absent and one.tasks])
        if self.clients.heir_of(client) is not None:
            self.deliver_again(client)

    def note_present(self, client):
        # type: (Client) -> None
        """The client is heard again, and needs what it was not sent meanwhile."""
        if client.is_absent:
            client.is_absent = False
            self.absent_outcomes -= len(client.tasks) - client.live
            self.absent_bytes -= client.over_bytes
        if client.refusals or len(client.tasks) > client.live:
            self.deliver_again(client)
        for former in self.clients.former(client):
            self.deliver_again(former)

    def drop_outcomes(self):
        # type: () -> None
        """Outcomes of absent clients are bounded: those of the client that has been absent longest go first."""
        budget = TURN_MAX
        while self.has_outcomes_to_drop and budget:
            budget -= 1
            client = self._absent[0]
            number = client.drop_from = max(client.drop_from, client.open)
            if not client.is_absent or not client.tasks:
                self._absent.popleft()
                continue
            if number > client.highest:
                client.drop_from = client.open
                self._absent.rotate(-1)
                continue
            client.drop_from = number + 1
            task = client.tasks.get(number)
            if task is not None and task.is_over:
                del client.tasks[number]
                self.counts['outcomes_dropped'] += 1
                self.forget(client, task)

    @property
    def has_outcomes_to_drop(self):
        # type: () -> bool
        return bool(self._absent) and (
            self.absent_outcomes > self.settings['remembered_max']
            or self.absent_bytes > self.settings['memory_max_bytes'] // 4)
