"""Every message: what it carries, the types and limits of its fields, and which way it goes.

A message is an immutable-by-habit record. Its class has ``KIND`` (its name on the wire) and ``FIELDS``: name and check
of each field, in the order of the constructor. The codec reads and writes messages by these tables alone, so adding a
message means adding a class here, a handler ``_on_<kind>`` in the core that takes it, and a paragraph in
``docs/protocol.md``. A test holds the three together.
"""

from __future__ import absolute_import, division, print_function

from net_protocol import fields
from net_protocol.limits import CAPACITY_MAX, COUNT_MAX, PAGES_MAX

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, Tuple, Type  # noqa: F401

DONE = 'done'
FAILED = 'failed'
EXPIRED = 'expired'
CANCELLED = 'cancelled'

#: How an accepted task can end.
OUTCOMES = (DONE, FAILED, EXPIRED, CANCELLED)

#: Why a submit is refused. With a ``retry_after_s`` the client may ask again; without one it never helps.
QUEUE_FULL = 'queue_full'
DRAINING = 'draining'
NOT_YOURS = 'not_yours'
#: What is accepted has to be on a disk, and the disk takes nothing at the moment.
JOURNAL = 'journal'
REFUSALS = (QUEUE_FULL, DRAINING, NOT_YOURS, JOURNAL)

#: Why a calculator does not take an assignment.
BUSY = 'busy'
ASSIGN_REFUSALS = (BUSY, DRAINING)


class Message(object):
    """Base of all messages: equality by type and fields, and a readable form."""

    __slots__ = ()
    KIND = ''
    FIELDS = ()  # type: Tuple[Tuple[str, Callable[[Any], Any]], ...]

    def values(self):
        # type: () -> Tuple[Any, ...]
        """The values of all fields, in the order of ``FIELDS``."""
        return tuple(getattr(self, name) for name, _ in self.FIELDS)

    def __eq__(self, other):
        # type: (object) -> bool
        return type(self) is type(other) and self.values() == other.values()

    def __ne__(self, other):
        # type: (object) -> bool
        return not self == other

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self):
        # type: () -> str
        inside = ', '.join('%s=%r' % (name, getattr(self, name)) for name, _ in self.FIELDS)
        return '%s(%s)' % (type(self).__name__, inside)


class Submit(Message):
    """client -> dispatcher: do this task within ``time_left_s``. Asks again for what became of it, too."""

    __slots__ = ('task_id', 'payload', 'time_left_s')
    KIND = 'submit'
    FIELDS = (('task_id', fields.task_id), ('payload', fields.json_value), ('time_left_s', fields.seconds))

    def __init__(self, task_id, payload, time_left_s):
        # type: (str, Any, float) -> None
        self.task_id = task_id
        self.payload = payload
        self.time_left_s = time_left_s


class Accepted(Message):
    """dispatcher -> client: I have this task and will tell you its outcome."""

    __slots__ = ('task_id',)
    KIND = 'accepted'
    FIELDS = (('task_id', fields.task_id),)

    def __init__(self, task_id):
        # type: (str) -> None
        self.task_id = task_id


class Refused(Message):
    """dispatcher -> client: I do not take this task. ``retry_after_s`` is None where asking again never helps."""

    __slots__ = ('task_id', 'reason', 'retry_after_s')
    KIND = 'refused'
    FIELDS = (('task_id', fields.task_id), ('reason', fields.one_of(*REFUSALS)),
              ('retry_after_s', fields.optional(fields.seconds)))

    def __init__(self, task_id, reason, retry_after_s):
        # type: (str, str, float | None) -> None
        self.task_id = task_id
        self.reason = reason
        self.retry_after_s = retry_after_s


class Cancel(Message):
    """client -> dispatcher: I no longer wait for this task. Answered by its outcome, whatever that is by then."""

    __slots__ = ('task_id',)
    KIND = 'cancel'
    FIELDS = (('task_id', fields.task_id),)

    def __init__(self, task_id):
        # type: (str) -> None
        self.task_id = task_id


class Outcome(Message):
    """dispatcher -> client: how the task ended. ``result`` is for done, ``reason`` for everything else."""

    __slots__ = ('task_id', 'outcome', 'result', 'reason', 'attempts')
    KIND = 'outcome'
    FIELDS = (('task_id', fields.task_id), ('outcome', fields.one_of(*OUTCOMES)), ('result', fields.json_value),
              ('reason', fields.optional(fields.reason)), ('attempts', fields.count))

    def __init__(self, task_id, outcome, result, reason, attempts):
        # type: (str, str, Any, str | None, int) -> None
        self.task_id = task_id
        self.outcome = outcome
        self.result = result
        self.reason = reason
        self.attempts = attempts


class OutcomeAck(Message):
    """client -> dispatcher: I know how this task ended; you may forget it."""

    __slots__ = ('task_id',)
    KIND = 'outcome_ack'
    FIELDS = (('task_id', fields.task_id),)

    def __init__(self, task_id):
        # type: (str) -> None
        self.task_id = task_id


class Heartbeat(Message):
    """calculator -> dispatcher: I am in order, and this is all I hold.

    ``running`` are the attempts being computed, ``unreported`` the finished ones whose result is not acknowledged yet:
    lists of ``(task_id, attempt)``. Where one message does not hold them, ``pages`` messages of one ``sequence`` do.
    ``heard`` is the sequence of the newest heartbeat whose acknowledgement arrived: proof that the way back works.
    """

    __slots__ = ('sequence', 'page', 'pages', 'interval_s', 'capacity', 'running', 'unreported', 'draining', 'heard')
    KIND = 'heartbeat'
    FIELDS = (('sequence', fields.positive), ('page', fields.positive), ('pages', fields.whole_number(1, PAGES_MAX)),
              ('interval_s', fields.interval), ('capacity', fields.whole_number(1, CAPACITY_MAX)),
              ('running', fields.attempts), ('unreported', fields.attempts), ('draining', fields.flag),
              ('heard', fields.count))

    def __init__(self, sequence, page, pages, interval_s, capacity, running, unreported, draining, heard):
        # type: (int, int, int, float, int, Any, Any, bool, int) -> None
        self.sequence = sequence
        self.page = page
        self.pages = pages
        self.interval_s = interval_s
        self.capacity = capacity
        self.running = running
        self.unreported = unreported
        self.draining = draining
        self.heard = heard


class HeartbeatAck(Message):
    """dispatcher -> calculator: I heard that heartbeat. (Which life of the dispatcher says so, the envelope tells.)"""

    __slots__ = ('sequence',)
    KIND = 'heartbeat_ack'
    FIELDS = (('sequence', fields.positive),)

    def __init__(self, sequence):
        # type: (int) -> None
        self.sequence = sequence


class Leave(Message):
    """calculator -> dispatcher: I hold nothing any more and go. Not a failure."""

    __slots__ = ()
    KIND = 'leave'
    FIELDS = ()


class LeaveAck(Message):
    """dispatcher -> calculator: good-bye."""

    __slots__ = ()
    KIND = 'leave_ack'
    FIELDS = ()


class Assign(Message):
    """dispatcher -> calculator: compute this.

    ``incarnation`` is the life of the calculator that is meant: another process that got the port of a dead one, or
    the same one after a crash, does not take work that was meant for somebody else. ``answer_timeout_s`` is the time
    for this attempt, ``time_left_s`` that for the whole task: a result is resent no longer than somebody waits.
    """

    __slots__ = ('task_id', 'attempt', 'incarnation', 'payload', 'answer_timeout_s', 'time_left_s')
    KIND = 'assign'
    FIELDS = (('task_id', fields.task_id), ('attempt', fields.positive), ('incarnation', fields.incarnation),
              ('payload', fields.json_value), ('answer_timeout_s', fields.seconds),
              ('time_left_s', fields.seconds))

    def __init__(self, task_id, attempt, incarnation, payload, answer_timeout_s, time_left_s):
        # type: (str, int, str, Any, float, float) -> None
        self.task_id = task_id
        self.attempt = attempt
        self.incarnation = incarnation
        self.payload = payload
        self.answer_timeout_s = answer_timeout_s
        self.time_left_s = time_left_s


class AssignAck(Message):
    """calculator -> dispatcher: I have this attempt and work on it."""

    __slots__ = ('task_id', 'attempt')
    KIND = 'assign_ack'
    FIELDS = (('task_id', fields.task_id), ('attempt', fields.positive))

    def __init__(self, task_id, attempt):
        # type: (str, int) -> None
        self.task_id = task_id
        self.attempt = attempt


class AssignRefused(Message):
    """calculator -> dispatcher: I do not take this attempt; give it to another."""

    __slots__ = ('task_id', 'attempt', 'reason')
    KIND = 'assign_refused'
    FIELDS = (('task_id', fields.task_id), ('attempt', fields.positive), ('reason', fields.one_of(*ASSIGN_REFUSALS)))

    def __init__(self, task_id, attempt, reason):
        # type: (str, int, str) -> None
        self.task_id = task_id
        self.attempt = attempt
        self.reason = reason


class Result(Message):
    """calculator -> dispatcher: the result, or why the task can't be computed (``error``, else None)."""

    __slots__ = ('task_id', 'attempt', 'result', 'error')
    KIND = 'result'
    FIELDS = (('task_id', fields.task_id), ('attempt', fields.positive), ('result', fields.json_value),
              ('error', fields.optional(fields.reason)))

    def __init__(self, task_id, attempt, result, error):
        # type: (str, int, Any, str | None) -> None
        self.task_id = task_id
        self.attempt = attempt
        self.result = result
        self.error = error


class ResultAck(Message):
    """dispatcher -> calculator: I have that result; you may forget it."""

    __slots__ = ('task_id', 'attempt')
    KIND = 'result_ack'
    FIELDS = (('task_id', fields.task_id), ('attempt', fields.positive))

    def __init__(self, task_id, attempt):
        # type: (str, int) -> None
        self.task_id = task_id
        self.attempt = attempt


class Revoke(Message):
    """dispatcher -> calculator: nobody waits for this attempt any more; drop it."""

    __slots__ = ('task_id', 'attempt')
    KIND = 'revoke'
    FIELDS = (('task_id', fields.task_id), ('attempt', fields.positive))

    def __init__(self, task_id, attempt):
        # type: (str, int) -> None
        self.task_id = task_id
        self.attempt = attempt


class Ping(Message):
    """anybody -> any process: do you answer? A calculator that is out of order does not."""

    __slots__ = ('nonce',)
    KIND = 'ping'
    FIELDS = (('nonce', fields.whole_number(0, COUNT_MAX)),)

    def __init__(self, nonce):
        # type: (int) -> None
        self.nonce = nonce


class Pong(Message):
    """any process -> who asked: I do. As long as the ping, so that it amplifies nothing."""

    __slots__ = ('nonce',)
    KIND = 'pong'
    FIELDS = (('nonce', fields.whole_number(0, COUNT_MAX)),)

    def __init__(self, nonce):
        # type: (int) -> None
        self.nonce = nonce


class Welcome(Message):
    """any process -> who is not known yet: this is me. All it says is in its envelope; it never comes to a core."""

    __slots__ = ()
    KIND = 'welcome'
    FIELDS = ()


class Status(Message):
    """monitor -> dispatcher: how do things stand?

    Of the events and attempts those are told that are newer than the numbers ``events_since`` and ``attempts_since``;
    of long tables a part is told, from ``calculators_from`` and ``clients_from`` on.
    """

    __slots__ = ('question', 'events_since', 'attempts_since', 'calculators_from', 'clients_from')
    KIND = 'status'
    FIELDS = (('question', fields.positive), ('events_since', fields.count), ('attempts_since', fields.count),
              ('calculators_from', fields.count), ('clients_from', fields.count))

    def __init__(self, question, events_since, attempts_since, calculators_from, clients_from):
        # type: (int, int, int, int, int) -> None
        self.question = question
        self.events_since = events_since
        self.attempts_since = attempts_since
        self.calculators_from = calculators_from
        self.clients_from = clients_from


class TaskStatus(Message):
    """monitor -> dispatcher: what became of this task, and what does it wait for?"""

    __slots__ = ('question', 'task_id')
    KIND = 'task_status'
    FIELDS = (('question', fields.positive), ('task_id', fields.task_id))

    def __init__(self, question, task_id):
        # type: (int, str) -> None
        self.question = question
        self.task_id = task_id


class StatusReport(Message):
    """dispatcher -> monitor: one page of the answer to a ``status`` or ``task_status``.

    ``answer`` counts the answers of a dispatcher's life, so that pages are not mixed where a question came twice.
    ``rows`` are lists that begin with a word; ``net_protocol.report`` says what follows it. Each row can be understood
    without the others.
    """

    __slots__ = ('question', 'answer', 'page', 'pages', 'rows')
    KIND = 'status_report'
    FIELDS = (('question', fields.positive), ('answer', fields.positive), ('page', fields.positive),
              ('pages', fields.whole_number(1, PAGES_MAX)), ('rows', fields.rows))

    def __init__(self, question, answer, page, pages, rows):
        # type: (int, int, int, int, Any) -> None
        self.question = question
        self.answer = answer
        self.page = page
        self.pages = pages
        self.rows = rows


MESSAGES = (Submit, Accepted, Refused, Cancel, Outcome, OutcomeAck, Heartbeat, HeartbeatAck, Leave, LeaveAck,
            Assign, AssignAck, AssignRefused, Result, ResultAck, Revoke, Ping, Pong, Welcome,
            Status, TaskStatus, StatusReport)  # type: Tuple[Type[Message], ...]

#: The message class of each name on the wire.
BY_KIND = {message.KIND: message for message in MESSAGES}  # type: Dict[str, Type[Message]]
