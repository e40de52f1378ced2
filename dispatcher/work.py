"""Tasks that are not over: each waits in the queue or is with a calculator, and here are all steps between the two.

Whoever is over leaves for ``outcomes``; which calculators there are, and each one's book of attempts, is the matter of
``fleet``. What gives cause to a step, a message or a timer, is the core's.
"""

from __future__ import absolute_import, division, print_function

from dispatcher import tasks
from dispatcher.calculators import ALIVE
from dispatcher.pending_queue import PendingQueue
from dispatcher.reconcile import confirmed, missing, surplus
from dispatcher.tasks import ASSIGNED, ATTEMPT_ENDS, WAITING, Attempt
from net_protocol.core import require
from net_protocol.delivery import ASSIGN_RESENDS_MAX, ORPHAN_GRACE_S
from net_protocol.messages import FAILED, Assign, Outcome, Revoke
from net_protocol.words import counted

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict  # noqa: F401

    from dispatcher.calculators import Calculator  # noqa: F401
    from dispatcher.fleet import Fleet  # noqa: F401
    from dispatcher.outcomes import Outcomes  # noqa: F401
    from dispatcher.reconcile import Beat  # noqa: F401
    from dispatcher.story import Books  # noqa: F401
    from dispatcher.tasks import Task  # noqa: F401
    from net_protocol.delivery import Resender  # noqa: F401
    from net_protocol.timers import Timers  # noqa: F401

#: An even part of the queue is its places over the clients that have tasks in it. While less than one place in so many
#: is taken nobody counts them; one in so many is kept for those who have less than a small part of an even one.
UNCOUNTED = 3
KEPT = 20
SMALL_PART = 0.5


class Work(object):
    """The table of tasks that wait or run, the queue of those that wait, and the attempts on those that run.

    ``assigns`` resends assignments that are not acknowledged yet, by task id. ``over(now, task, outcome)`` is called
    where a task ends, when it is in none of these books any more.
    """

    COUNTERS = ('assignments', 'adopted', 'revokes') + tuple('attempt_' + end for end in ATTEMPT_ENDS)

    def __init__(self, settings, fleet, timers, counts, tell, send, assigns, over):
        # type: (Dict[str, Any], Fleet, Timers, Dict[str, int], Callable[..., None], Any, Resender, Callable[..., None]) -> None
        self._settings = settings
        self._fleet = fleet
        self._timers = timers
        self._counts = counts
        self._tell = tell
        self._send = send
        self._assigns = assigns
        self._over = over
        self._tasks = {}  # type: Dict[str, Task]
        self._pending = PendingQueue()
        #: How many tasks are with a calculator.
        self.running = 0

    @property
    def waiting(self):
        # type: () -> int
        """How many tasks wait for a calculator."""
        return len(self._pending)

    def has_room_for(self, client):
        # type: (str) -> bool
        """Whether one more task of that client may wait: those who have tasks in the queue share it evenly.

        While two thirds of the queue are empty that does not matter. From there on nobody gets more than an even part,
        so that no accepted task waits much longer than a full queue takes, unless many clients come after it. The last
        places are kept for those who have less than ``SMALL_PART`` of an even part, so that whoever wants little finds
        room, however much others want.
        """
        waiting = len(self._pending)
        places = self._settings['pending_max']
        if UNCOUNTED * waiting < places:
            return True
        parts = self._pending.waiting_of(client) * self._pending.lanes / places
        if parts < SMALL_PART:
            return waiting < places
        return parts < 1 and waiting < places - places // KEPT

    def get(self, task_id):
        # type: (str) -> Task | None
        """The task of that id, if it waits or runs."""
        return self._tasks.get(task_id)

    def lay_open(self, books):
        # type: (Books) -> None
        """For those who read it and change nothing."""
        books.tasks = self._tasks
        books.pending = self._pending
        books.assigns = self._assigns
        books.running = lambda: self.running

    # Beginning.

    def add(self, task):
        # type: (Task) -> None
        """A new task, which has no place yet: ``wait``, ``assign`` or ``adopt`` comes next."""
        self._tasks[task.task_id] = task

    def wait(self, task):
        # type: (Task) -> None
        """Let a new task wait behind its client's others."""
        self._pending.put(task.client, task.task_id)
        self._timers.set(('task', task.task_id), task.deadline_at)

    def take_next(self):
        # type: () -> Task
        """Remove from the queue whose turn it is: ``assign`` comes next. Needs one that waits."""
        return self._tasks[self._pending.take()]

    # Attempts.

    def assign(self, now, task):
        # type: (float, Task) -> Attempt
        """Give a task to a calculator. Needs one that is available."""
        calculator = self._fleet.choose(task.failed_on)
        attempt = self._enter(now, task, calculator, task.next_number)
        self._counts['assignments'] += 1
        message = Assign(task.task_id, attempt.number, calculator.incarnation, task.payload,
                         self._settings['answer_timeout_s'], max(0.0, task.deadline_at - now))
        self._assigns.begin(now, task.task_id, calculator.address, message, task.deadline_at,
                            resends_max=ASSIGN_RESENDS_MAX)
        return attempt

    def adopt(self, now, task, calculator, number):
        # type: (float, Task, Calculator, int) -> None
        """The calculator runs this task already: let it go on instead of beginning anew."""
        self._pending.discard(task.client, task.task_id)
        attempt = self._enter(now, task, calculator, number)
        # It named the attempt itself, so any later heartbeat must name it too.
        attempt.acknowledged_by = 0
        self._counts['adopted'] += 1
        self._tell('adopted', task_id=task.task_id, calculator=calculator.name, attempt=number)

    def acknowledge(self, attempt, number):
        # type: (Attempt, int) -> None
        """Its calculator has it, and says so in its datagram of that number."""
        self._assigns.end(attempt.task_id)
        attempt.acknowledged_by = number

    def lose(self, now, task_id, how):
        # type: (float, str, str) -> None
        """The live attempt came to nothing: the task waits again, before the others of its client."""
        task = self._tasks[task_id]
        attempt = self._end_attempt(now, task, how)
        task.advance('lose')
        self._tell('reassigned', task_id=task_id, attempt=attempt.number, calculator=attempt.calculator, reason=how)
        if len(task.attempts) >= self._settings['attempts_max']:
            self.finish(now, task, FAILED, None, 'no result after %s' % counted(len(task.attempts), 'attempts'))
            return
        self._pending.put_back(task.client, task_id)
        self._timers.set(('task', task_id), task.deadline_at)

    def _enter(self, now, task, calculator, number):
        # type: (float, Task, Calculator, int) -> Attempt
        attempt = Attempt(task.task_id, number, calculator.name, now, now + self._settings['answer_timeout_s'])
        task.add_attempt(attempt)
        self.running += 1
        self._fleet.enter(calculator, attempt)
        self._timers.set(('task', task.task_id), min(attempt.answer_due_at, task.deadline_at))
        return attempt

    def _end_attempt(self, now, task, how):
        # type: (float, Task, str) -> Attempt
        """Close the live attempt of a task and strike it from its calculator's book."""
        attempt = task.attempts[-1]
        attempt.end(now, how)
        self.running -= 1
        self._counts['attempt_' + how] += 1
        self._assigns.end(task.task_id)
        self._fleet.release(attempt)
        if how in (tasks.TIMED_OUT, tasks.WITHDRAWN):
            self._fleet.occupy(now, attempt)
        return attempt

    # What calculators run.

    def reconcile(self, now, calculator, beat, outcomes):
        # type: (float, Calculator, Beat, Outcomes) -> None
        """Bring the books in line with what the calculator says it holds; ``outcomes`` knows which tasks are over."""
        calculator.full_until_beat = False
        for attempt in confirmed(calculator, beat):
            self.acknowledge(attempt, beat.number)
        for attempt in missing(calculator, beat):
            self.lose(now, attempt.task_id, tasks.NOT_HELD)
        others = {}
        to_adopt = []
        for task_id, number in surplus(calculator, beat):
            _, since = calculator.others.get(task_id, (number, now))
            others[task_id] = (number, since)
            task = self._tasks.get(task_id)
            if task is None:
                # Nobody waits for it, or nobody has asked for it for so long that nobody will; or somebody may yet.
                if outcomes.get(now, task_id) is not None or now - since > ORPHAN_GRACE_S:
                    self._revoke(calculator, task_id, number)
                else:
                    self._fleet.note_orphan(task_id, calculator)
            elif task.state == WAITING and not task.was_too_slow_on(calculator.name):
                to_adopt.append((task, number))
        self._fleet.set_others(calculator, others)
        for task, number in to_adopt:
            if calculator.state == ALIVE and len(calculator.attempts) < calculator.capacity:
                self.adopt(now, task, calculator, number)

    # The end.

    def finish(self, now, task, outcome, result, reason, how=tasks.WITHDRAWN):
        # type: (float, Task, str, Any, str | None, str) -> None
        """The one place where a task ends. ``how`` is what that means for the live attempt, if there is one."""
        if task.state == ASSIGNED:
            self._end_attempt(now, task, how)
        else:
            self._pending.discard(task.client, task.task_id)
        self._timers.cancel(('task', task.task_id))
        task.advance(outcome)
        del self._tasks[task.task_id]
        self._revoke_others(task)
        self._over(now, task, Outcome(task.task_id, outcome, result, reason, len(task.attempts)))

    def _revoke_others(self, task):
        # type: (Task) -> None
        """Whoever still runs an attempt of this task works for nobody."""
        names = [attempt.calculator for attempt in task.attempts]
        for name in names if len(names) < 2 else sorted(set(names)):
            calculator = self._fleet.get(name)
            if calculator is not None and task.task_id in calculator.others:
                self._revoke(calculator, task.task_id, calculator.others[task.task_id][0])

    def _revoke(self, calculator, task_id, number):
        # type: (Calculator, str, int) -> None
        self._counts['revokes'] += 1
        self._send(calculator.address, Revoke(task_id, number))

    def expired_because(self, task):
        # type: (Task) -> str
        """What a client is told whose task was not done in time."""
        if task.state == ASSIGNED:
            return 'attempt %d on %s had not answered' % (len(task.attempts), task.attempts[-1].calculator)
        if not task.attempts:
            return 'no calculator became free' if self._fleet.numbers[ALIVE] else 'no calculator was in order'
        return 'after %s no calculator became free' % counted(len(task.attempts), 'attempts')

    def check_invariants(self):
        # type: () -> None
        """Raise ``BrokenInvariant`` unless every task is in exactly one place, and the place knows it."""
        running = waiting = 0
        for task_id, task in self._tasks.items():
            require(self._pending.holds(task.client, task_id) == (task.state == WAITING),
                    '%s: %s, but the queue disagrees', task_id, task.state)
            waiting += task.state == WAITING
            require(not task.is_over, '%s is over and among those that are not', task_id)
            require(('task', task_id) in self._timers, '%s has no deadline', task_id)
            live = task.live_attempt
            if live is not None:
                running += 1
                calculator = self._fleet.get(live.calculator)
                require(calculator is not None and calculator.attempts.get(task_id) is live,
                        '%s: not in the book of %s', task_id, live.calculator)
        require(waiting == self.waiting, '%d tasks wait, %d in the queue', waiting, self.waiting)
        held = sum(len(calculator.attempts) for calculator in self._fleet)
        require(running == held == self.running, 'assigned %d, held %d, counted %d', running, held, self.running)
