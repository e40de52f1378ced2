"""Tasks and their attempts: what the dispatcher knows of each.

The table below is the life of a task. The state says where the task is: waiting (in the pending queue), assigned (in
exactly one calculator's book), or over.
"""

from __future__ import absolute_import, division, print_function

from net_protocol.messages import CANCELLED, DONE, EXPIRED, FAILED
from net_protocol.states import Stateful

MYPY = False
if MYPY:
    from typing import Any, Tuple  # noqa: F401

WAITING = 'waiting'
ASSIGNED = 'assigned'

# How an attempt ends. The first two end the task as well.
RESULT = 'result'
ERROR = 'error'
#: Not answered in time. It may still run, and its result still counts if it is the first.
TIMED_OUT = 'timed_out'
#: Its calculator was declared dead, came back as a new incarnation, or left.
DEAD_CALCULATOR = 'dead_calculator'
NEW_LIFE = 'new_life'
CALCULATOR_LEFT = 'calculator_left'
#: The assignment was resent in vain.
UNACKNOWLEDGED = 'unacknowledged'
#: A heartbeat does not name an attempt that was acknowledged before.
NOT_HELD = 'not_held'
#: The calculator does not take it: busy or draining.
TURNED_DOWN = 'turned_down'
#: The task was over otherwise: another attempt was first, its time had passed, its client cancelled it.
WITHDRAWN = 'withdrawn'

ATTEMPT_ENDS = (RESULT, ERROR, TIMED_OUT, DEAD_CALCULATOR, NEW_LIFE, CALCULATOR_LEFT, UNACKNOWLEDGED, NOT_HELD,
                TURNED_DOWN, WITHDRAWN)


class Attempt(object):
    """One try of a task on one calculator.

    ``ended`` is None while it is the task's live attempt, then one of ``ATTEMPT_ENDS``. ``acknowledged_by`` is the
    number of the datagram that acknowledged the assignment, None before.
    """

    __slots__ = ('task_id', 'number', 'calculator', 'assigned_at', 'answer_due_at', 'acknowledged_by', 'ended_at',
                 'ended')

    def __init__(self, task_id, number, calculator, assigned_at, answer_due_at):
        # type: (str, int, str, float, float) -> None
        self.task_id = task_id
        self.number = number
        self.calculator = calculator
        self.assigned_at = assigned_at
        self.answer_due_at = answer_due_at
        self.acknowledged_by = None  # type: int | None
        self.ended_at = None  # type: float | None
        self.ended = None  # type: str | None

    def end(self, now, how):
        # type: (float, str) -> None
        """Close this attempt."""
        self.ended_at = now
        self.ended = how

    def __repr__(self):
        # type: () -> str
        return 'attempt %d on %s: %s' % (self.number, self.calculator, self.ended or 'live')


class Task(Stateful):
    """An accepted task. ``reply_to`` is the address of whoever asked for it last.

    ``winner`` is set where a calculator brought its end: (its name, attempt number). ``first_number`` is past all
    attempts that an earlier life of the dispatcher may have given.
    """

    __slots__ = ('task_id', 'client', 'payload', 'accepted_at', 'deadline_at', 'reply_to', 'attempts', 'winner',
                 'first_number')

    TRANSITIONS = {
        # A result or error while waiting comes from an attempt that was thought lost.
        WAITING: {'assign': ASSIGNED, DONE: DONE, FAILED: FAILED, EXPIRED: EXPIRED, CANCELLED: CANCELLED},
        ASSIGNED: {'lose': WAITING, DONE: DONE, FAILED: FAILED, EXPIRED: EXPIRED, CANCELLED: CANCELLED},
        DONE: {}, FAILED: {}, EXPIRED: {}, CANCELLED: {},
    }

    def __init__(self, task_id, client, payload, accepted_at, deadline_at, reply_to):
        # type: (str, str, Any, float, float, Any) -> None
        super(Task, self).__init__(WAITING)
        self.task_id = task_id
        self.client = client
        self.payload = payload
        self.accepted_at = accepted_at
        self.deadline_at = deadline_at
        self.reply_to = reply_to
        #: All attempts, the live one last. A shared empty tuple until there is one: most waiting tasks have none.
        self.attempts = ()  # type: Any
        self.winner = None  # type: Tuple[str, int] | None
        self.first_number = 1

    @property
    def live_attempt(self):
        # type: () -> Attempt | None
        """The attempt that the task is assigned to, or None."""
        return self.attempts[-1] if self.state == ASSIGNED else None

    @property
    def next_number(self):
        # type: () -> int
        """The number of the next attempt; past any that an earlier life of the dispatcher gave."""
        if not self.attempts:
            return self.first_number
        return max(self.first_number, max(attempt.number for attempt in self.attempts) + 1)

    def add_attempt(self, attempt):
        # type: (Attempt) -> None
        """Assign the task: ``attempt`` becomes its live one."""
        self.advance('assign')
        if self.attempts:
            self.attempts.append(attempt)
        else:
            self.attempts = [attempt]

    def failed_on(self, calculator):
        # type: (str) -> bool
        """Whether an attempt on that calculator came to nothing."""
        return any(attempt.calculator == calculator for attempt in self.attempts)

    def was_too_slow_on(self, calculator):
        # type: (str) -> bool
        """Whether it was taken from that calculator because the answer took too long: then another one shall try."""
        return any(attempt.calculator == calculator and attempt.ended == TIMED_OUT for attempt in self.attempts)

    def describe(self):
        # type: () -> str
        return 'task %s' % self.task_id

    def history(self):
        # type: () -> str
        return ', '.join(repr(attempt) for attempt in self.attempts)
