"""Every kind of row: its fields, their checks, and its direction.

A datagram carries, for each kind, a list of rows; a row is a list of values in the order of the fields. The codec
checks rows by ``FIELDS`` alone. To add a kind: an entry here, a handler in the core that takes it, and a paragraph
in ``docs/protocol.md``. A test compares the three.
"""

from __future__ import absolute_import, division, print_function

from net_protocol import columns
from net_protocol.limits import CAPACITY_MAX, PAGES_MAX

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Sequence, Tuple  # noqa: F401

DONE = 'done'
FAILED = 'failed'
EXPIRED = 'expired'
CANCELLED = 'cancelled'

#: The outcomes of an accepted task.
OUTCOMES = (DONE, FAILED, EXPIRED, CANCELLED)

#: Why a submit is refused. A client may submit again after ``retry_after_s``. If that is null, it never helps.
QUEUE_FULL = 'queue_full'
DRAINING = 'draining'
#: An accepted task has to be on disk, and the journal can't be written now.
JOURNAL = 'journal'
#: The number of the task is more than ``NUMBERS_AHEAD_MAX`` above ``open``.
TOO_FAR_AHEAD = 'too_far_ahead'
REFUSALS = (QUEUE_FULL, DRAINING, JOURNAL, TOO_FAR_AHEAD)

#: Why a calculator refuses an assignment.
BUSY = 'busy'
#: It does not offer the function any more.
UNKNOWN_FUNCTION = 'unknown_function'
#: A call that was assigned ahead would have waited too long for a slot.
HANDED_BACK = 'handed_back'
ASSIGN_REFUSALS = (BUSY, DRAINING, UNKNOWN_FUNCTION, HANDED_BACK)

#: Why a calculator is not registered. ``NAME_SHARED``: it is registered, and another process with its name is not.
NAME_TAKEN = 'name_taken'
TOO_MANY = 'too_many'
NAME_SHARED = 'name_shared'
REGISTRATION_REFUSALS = (NAME_TAKEN, TOO_MANY, NAME_SHARED)

#: Requests of operators: give a calculator no new work, or work again; cancel a task; show the last failed tasks.
DRAIN = 'drain'
READMIT = 'readmit'
CANCEL = 'cancel'
FAILED_TASKS = 'failed'
VERBS = (DRAIN, READMIT, CANCEL, FAILED_TASKS)

CLIENT = 'client'
DISPATCHER = 'dispatcher'
CALCULATOR = 'calculator'
MONITOR = 'monitor'
PROBE = 'probe'
ROLES = (CLIENT, DISPATCHER, CALCULATOR, MONITOR, PROBE)

_DONE = (('number', columns.positive), ('result', columns.json_value), ('attempts', columns.count))
_ENDED = (('number', columns.positive), ('outcome', columns.one_of(FAILED, EXPIRED, CANCELLED)),
          ('reason', columns.optional(columns.reason_or_failure)), ('attempts', columns.count))
_BEFORE = (('incarnation', columns.incarnation),)

#: Kind -> (name, check) of each field. ``number`` is a client's number of a task; ``assignment`` is the dispatcher's
#: number of an attempt on one calculator, 0 for one that another incarnation of the dispatcher assigned.
FIELDS = {
    # dispatcher -> client
    'refused': (('number', columns.positive), ('datagram', columns.positive), ('reason', columns.one_of(*REFUSALS)),
                ('retry_after_s', columns.optional(columns.seconds))),
    'done': _DONE,
    'ended': _ENDED,
    'done_before': _BEFORE + _DONE,
    'ended_before': _BEFORE + _ENDED,
    # Calls of a function wait, and no calculator offers it.
    'not_offered': (('function', columns.function), ('reason', columns.reason)),
    'known_functions': (('question', columns.positive), ('page', columns.positive),
                        ('pages', columns.whole_number(1, PAGES_MAX)), ('functions', columns.functions)),
    # dispatcher -> calculator
    'revoke': (('assignment', columns.count), ('task_id', columns.task_id)),
    'assign': (('assignment', columns.positive), ('task_id', columns.task_id), ('attempt', columns.positive),
               ('payload', columns.json_value), ('answer_timeout_s', columns.seconds),
               ('time_left_s', columns.seconds)),
    # The assignment of a call; ``each``: the arguments are those of many calls.
    'run': (('assignment', columns.positive), ('task_id', columns.task_id), ('attempt', columns.positive),
            ('arguments', columns.json_value), ('answer_timeout_s', columns.optional(columns.seconds)),
            ('time_left_s', columns.seconds), ('function', columns.function), ('each', columns.flag)),
    'functions_wanted': (('digest', columns.digest),),
    'not_registered': (('reason', columns.one_of(*REGISTRATION_REFUSALS)),),
    # calculator -> dispatcher
    'assign_refused': (('assignment', columns.positive), ('task_id', columns.task_id),
                       ('reason', columns.one_of(*ASSIGN_REFUSALS))),
    'result': (('assignment', columns.count), ('task_id', columns.task_id), ('result', columns.json_value),
               ('error', columns.optional(columns.reason))),
    # The end of a call without a result.
    'failed': (('assignment', columns.count), ('task_id', columns.task_id), ('failure', columns.failure)),
    'heartbeat': (('sequence', columns.positive), ('page', columns.positive),
                  ('pages', columns.whole_number(1, PAGES_MAX)), ('interval_s', columns.interval),
                  ('capacity', columns.whole_number(1, CAPACITY_MAX)), ('held', columns.ranges),
                  ('orphans', columns.task_ids), ('draining', columns.flag)),
    # The digest of the functions that a calculator offers, with each heartbeat; and the functions: name, signature,
    # first line of the docstring.
    'offer': (('digest', columns.digest),),
    'functions': (('digest', columns.digest), ('functions', columns.functions)),
    'leave': (),
    # client -> dispatcher
    'submit': (('number', columns.positive), ('payload', columns.json_value), ('time_left_s', columns.seconds)),
    # A function by name, [args, kwargs] as JSON in a text, and the options that were set.
    'call': (('number', columns.positive), ('arguments', columns.json_value), ('time_left_s', columns.seconds),
             ('function', columns.function), ('options', columns.options)),
    'cancel': (('number', columns.positive),),
    'ask_functions': (('question', columns.positive),),
    # any process -> any other
    'ping': (),
    # monitor -> dispatcher, and back
    'status': (('question', columns.positive), ('events_since', columns.count), ('attempts_since', columns.count),
               ('calculators_from', columns.count), ('clients_from', columns.count)),
    'task_status': (('question', columns.positive), ('task_id', columns.task_id)),
    'operate': (('question', columns.positive), ('verb', columns.one_of(*VERBS)), ('argument', columns.reason)),
    'operated': (('question', columns.positive), ('found', columns.flag), ('reason', columns.reason),
                 ('page', columns.positive), ('pages', columns.whole_number(1, PAGES_MAX)), ('rows', columns.rows)),
    'status_report': (('question', columns.positive), ('answer', columns.positive), ('page', columns.positive),
                      ('pages', columns.whole_number(1, PAGES_MAX)), ('rows', columns.rows)),
}  # type: Dict[str, Tuple[Tuple[str, Callable[[Sequence[Any]], None]], ...]]

#: The order in which the kinds of one datagram are handled, and written: the order of a JSON object's keys is not kept
#: on 2.7.
ORDER = ('refused', 'not_offered', 'known_functions', 'done', 'ended', 'done_before', 'ended_before', 'revoke',
         'assign', 'run', 'functions_wanted', 'not_registered', 'assign_refused', 'result', 'failed', 'heartbeat',
         'offer', 'functions', 'leave', 'submit', 'call', 'cancel', 'ask_functions', 'ping', 'status', 'task_status',
         'status_report', 'operate', 'operated')

#: Kinds that pass a full congestion window and are never resent: a newer row of the kind replaces a lost one.
UNRELIABLE = frozenset(['heartbeat', 'offer', 'functions_wanted', 'ask_functions', 'known_functions', 'ping', 'status',
                        'task_status', 'status_report', 'operate', 'operated'])

#: Kinds that alone need no acknowledgement: an answer acknowledges its question, and is not resent.
UNACKNOWLEDGED = frozenset(['status', 'task_status', 'status_report', 'operate', 'operated'])

#: Kinds that are acknowledged at the end of the turn: within the delay, another datagram would rarely leave.
AT_ONCE = frozenset(['heartbeat', 'ping'])

#: Kinds that a dispatcher acknowledges only when their tasks are on disk.
SUBMITS = frozenset(['submit', 'call'])

#: Role -> the roles whose datagrams it handles.
LISTENS_TO = {
    CLIENT: (DISPATCHER,),
    CALCULATOR: (DISPATCHER,),
    MONITOR: (DISPATCHER,),
    PROBE: (CLIENT, CALCULATOR, DISPATCHER),
    DISPATCHER: (CLIENT, CALCULATOR, MONITOR),
}
