"""Tasks: one record each, from acceptance until the client has acknowledged the outcome."""

from __future__ import absolute_import, division, print_function

from common.compat import text_type
from net_protocol.limits import PRIORITY_DEFAULT

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

    from dispatcher.calculators import Calculator  # noqa: F401
    from dispatcher.clients import Client  # noqa: F401

#: The states of a task are these two and the outcomes (``net_protocol.rows.OUTCOMES``). A waiting task is in the queue.
#: An assigned task is in ``attempts`` of exactly one calculator.
WAITING = 'waiting'
ASSIGNED = 'assigned'

# How an attempt ends. ``RESULT`` also ends the task, and so does ``ERROR``, unless a call has ``retry_on_error``.
RESULT = 'result'
ERROR = 'error'
#: Not answered in time. It may still run, and its result still counts if it is the first.
TIMED_OUT = 'timed_out'
#: Its calculator was declared dead, came back as a new incarnation, or left.
DEAD_CALCULATOR = 'dead_calculator'
NEW_INCARNATION = 'new_incarnation'
CALCULATOR_LEFT = 'calculator_left'
#: Its calculator is heard and does not acknowledge.
UNACKNOWLEDGED = 'unacknowledged'
#: The system reported that no process listens at its calculator's address, and pings were not answered.
NOT_LISTENING = 'not_listening'
#: A heartbeat does not name an attempt that was acknowledged before.
NOT_HELD = 'not_held'
#: The calculator refused it: it was busy or draining, lacked the function, or handed the call back.
TURNED_DOWN = 'turned_down'
#: The task ended first: another attempt had a result, the deadline passed, or the task was cancelled.
WITHDRAWN = 'withdrawn'
#: The child process of a call died.
CHILD_DIED = 'child_died'

ATTEMPT_ENDS = (RESULT, ERROR, TIMED_OUT, DEAD_CALCULATOR, NEW_INCARNATION, CALCULATOR_LEFT, UNACKNOWLEDGED,
                NOT_LISTENING, NOT_HELD, TURNED_DOWN, WITHDRAWN, CHILD_DIED)

#: Ends of attempts that count for a call: its function ran and caused them.
COUNTED = frozenset([ERROR, TIMED_OUT, CHILD_DIED])

#: A call may have this many uncounted ends. Then it runs alone, and each end counts.
UNCOUNTED_MAX = 3

#: The delay of a call after its first, second ... uncounted end.
DELAYS_S = (0.0, 1.0, 2.0, 4.0, 8.0)

#: Counted ends after which a call fails, unless it has the option of that name; past attempts of a call that are kept.
ATTEMPTS_MAX = 3
HISTORY_MAX = 50

#: A calculator ends a call at its answer time-out and reports that. The dispatcher waits this much longer.
ANSWER_GRACE_S = 2.0

#: Bytes of memory of a task with a short payload or result, with its timer and its entries in tables and queues.
#: Measured with 100,000 waiting tasks: 750 bytes on 3.11, 950 on 2.7.
TASK_BYTES = 1000
SHORT_CHARS = 100


class Task(object):
    """An accepted task: a *call* of a function, or a *notional* one (see ``net_protocol.notional``).

    ``has_timer`` says whether it has a timer. ``attempt`` is the number of the newest attempt, 0 before the first.
    ``calculator``, ``assignment``, ``assigned_at``, ``answer_due_at`` and ``acknowledged_in`` (the number of the
    datagram that acknowledged the assignment, or None) describe that attempt and are not set before. ``assignment`` is
    the dispatcher's number of an attempt on one calculator. ``history`` holds the attempts that did not end the task,
    None while there are none. ``result`` is set at the end: the result of a task that is done, otherwise the reason.
    """

    __slots__ = ('client', 'number', 'task_id', 'payload', 'accepted_at', 'deadline_at', 'size', 'state', 'has_timer',
                 'attempt', 'history', 'calculator', 'assignment', 'assigned_at', 'answer_due_at', 'acknowledged_in',
                 'result')

    IS_CALL = False

    if MYPY:
        calculator = None  # type: Any
        assignment = 0
        assigned_at = answer_due_at = 0.0
        acknowledged_in = None  # type: int | None
        result = None  # type: Any

    def __init__(self, client, number, payload, accepted_at, deadline_at, size):
        # type: (Client, int, Any, float, float, int) -> None
        self.client = client
        self.number = number
        self.task_id = client.prefix + str(number)
        self.payload = payload
        self.accepted_at = accepted_at
        self.deadline_at = deadline_at
        self.size = size
        self.state = WAITING
        self.has_timer = False
        self.attempt = 0
        self.history = None  # type: List[PastAttempt] | None

    @property
    def is_over(self):
        # type: () -> bool
        return self.state is not WAITING and self.state is not ASSIGNED

    def was_in_vain_on(self, name):
        # type: (str) -> bool
        """Whether an attempt on that calculator ended and did not end the task."""
        return any(past.calculator == name for past in self.history or ())

    def was_too_slow_on(self, name):
        # type: (str) -> bool
        """Whether an attempt on that calculator timed out."""
        return any(past.calculator == name and past.ended == TIMED_OUT for past in self.history or ())

    @property
    def has_lost_a_child(self):
        # type: () -> bool
        return any(past.ended == CHILD_DIED for past in self.history or ())

    def number_of_attempt(self, name, assignment):
        # type: (str, int) -> int
        """The number of the attempt with that assignment on that calculator, or of the newest one if it is unknown."""
        for past in self.history or ():
            if past.assignment == assignment and past.calculator == name:
                return past.number
        return self.attempt

    def __repr__(self):
        # type: () -> str
        return 'Task(%r, %s, attempt %d)' % (self.task_id, self.state, self.attempt)


class CallTask(Task):
    """A call of a function. ``payload`` is [args, kwargs] as JSON in a text.

    ``counted`` is the number of ends that count, ``lost`` the number of those that are not in ``COUNTED``.
    ``is_queued``: it waits in a line of the queue. ``reserved`` is the calculator that is reserved for a call that runs
    alone. ``failure`` is the last reported failure.
    """

    __slots__ = ('function', 'options', 'priority', 'counted', 'lost', 'is_alone', 'is_queued', 'reserved',
                 'failure')

    IS_CALL = True

    def __init__(self, client, number, payload, accepted_at, deadline_at, size, function, options):
        # type: (Client, int, Any, float, float, int, str, Dict[str, Any]) -> None
        super(CallTask, self).__init__(client, number, payload, accepted_at, deadline_at, size)
        self.function = function
        self.options = options
        self.priority = options.get(u'priority', PRIORITY_DEFAULT)  # type: int
        self.counted = 0
        self.lost = 0
        self.is_alone = False
        self.is_queued = False
        self.reserved = None  # type: Calculator | None
        self.failure = None  # type: Any

    @property
    def attempts_max(self):
        # type: () -> int
        return self.options.get(u'attempts_max', ATTEMPTS_MAX)

    def answer_limit_s(self):
        # type: () -> float
        timeout_s = self.options.get(u'answer_timeout_s')
        return float('inf') if timeout_s is None else timeout_s + ANSWER_GRACE_S

    def note_end(self, ended):
        # type: (str) -> float
        """Count the end of an attempt. Returns the delay of the next one, in seconds."""
        if ended in COUNTED:
            self.counted += 1
            return 0.0
        self.lost += 1
        if self.is_alone:
            self.counted += 1
        self.is_alone = self.lost >= UNCOUNTED_MAX
        return DELAYS_S[min(self.lost, len(DELAYS_S)) - 1]


class PastAttempt(object):
    """An attempt that ended and did not end its task. ``ended`` is one of ``ATTEMPT_ENDS``."""

    __slots__ = ('number', 'calculator', 'assignment', 'assigned_at', 'was_acknowledged', 'ended_at', 'ended')

    def __init__(self, task, now, ended):
        # type: (Task, float, str) -> None
        self.number = task.attempt
        self.calculator = task.calculator.name
        self.assignment = task.assignment
        self.assigned_at = task.assigned_at
        self.was_acknowledged = task.acknowledged_in is not None
        self.ended_at = now
        self.ended = ended


class Leftover(object):
    """An attempt that is not live any more and may still run: it occupies a slot of its calculator."""

    __slots__ = ('task', 'acknowledged_in')

    def __init__(self, task):
        # type: (Task) -> None
        self.task = task
        self.acknowledged_in = task.acknowledged_in


def size_with(value):
    # type: (Any) -> int
    """The bytes of memory of a task with this payload or result."""
    if type(value) is text_type and len(value) <= SHORT_CHARS:
        return TASK_BYTES
    size = TASK_BYTES
    level = [value]
    while level:
        below = []  # type: List[Any]
        for item in level:
            size += item.__sizeof__()
            if type(item) is list:
                below.extend(item)
            elif type(item) is dict:
                below.extend(item)
                below.extend(item.values())
        level = below
    return size
