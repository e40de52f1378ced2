"""The rows of a status report: the first word of a row determines its columns.

The dispatcher writes the rows and a monitor reads them. All times are lengths in seconds before (or, if the name says
so, after) the report, so that no two clocks are compared. A later version may add columns at the end, facts, and words:
a reader ignores those that it does not know.
"""

from __future__ import absolute_import, division, print_function

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401

#: ``[FACTS, section, {name: value}]``: single values. One section may come in several rows.
FACTS = 'facts'

#: Sections of facts. WHOLE is about the process; TABLES has the lengths of the tables and the next parts to request.
WHOLE = 'dispatcher'
SETTINGS = 'settings'
COUNTS = 'counts'
TRAFFIC = 'traffic'
TURNS = 'turns'
DROPPED = 'dropped'
QUEUE = 'queue'
CALCULATOR_STATES = 'calculator_states'
TABLES = 'tables'
RESPONSE_TIME = 'response_time'
#: From acceptance to the result: number of durations in each bucket of a sketch, by its index as a text.
RESPONSE_COUNTS = 'response_counts'
TASK = 'task'
WAITS_FOR = 'waits_for'
NEXT = 'next'

#: A calculator. ``since_s`` is the time in its state, ``silence_s`` the time since its last message; ``running`` has
#: some of its attempts, as ``[task id, attempt, seconds]``; ``note`` says why it gets less work than it has slots, or
#: is empty.
CALCULATOR = 'calculator'
#: A client, and the counts of its tasks.
CLIENT = 'client'
#: An event. ``number`` counts all events of this incarnation of the dispatcher from 1.
EVENT = 'event'
#: An ended attempt; ``number`` counts them in the same way.
ATTEMPT = 'attempt'
#: An attempt of the requested task. ``ended_s`` and ``end`` are null while it runs.
TRY = 'try'

COLUMNS = {
    CALCULATOR: ('name', 'address', 'state', 'since_s', 'draining', 'capacity', 'held', 'done', 'failed', 'lost',
                 'silence_s', 'interval_s', 'outages', 'p50_s', 'p95_s', 'running', 'note'),
    CLIENT: ('name', 'accepted', 'refused', 'waiting', 'running', 'done', 'failed', 'expired', 'cancelled', 'heard_s'),
    EVENT: ('number', 'age_s', 'kind', 'facts'),
    ATTEMPT: ('number', 'task_id', 'attempt', 'calculator', 'began_s', 'ended_s', 'end'),
    TRY: ('attempt', 'calculator', 'began_s', 'acknowledged', 'ended_s', 'end'),
}  # type: Dict[str, Tuple[str, ...]]

#: Further states of a task, beside the states and outcomes in the table of the dispatcher.
REFUSED = 'refused'
UNKNOWN = 'unknown'

#: What a task waits for.
NO_CALCULATOR = 'no_calculator'
NONE_IN_ORDER = 'none_in_order'
NO_FUNCTION = 'no_function'
DELAYED = 'delayed'
ALL_BUSY = 'all_busy'
DISPATCHER_DRAINS = 'dispatcher_drains'
DISPATCHER_RECOVERS = 'dispatcher_recovers'
ITS_TURN = 'its_turn'
ACKNOWLEDGEMENT = 'acknowledgement'
ANSWER = 'answer'
WAITS = (NO_CALCULATOR, NONE_IN_ORDER, NO_FUNCTION, DELAYED, ALL_BUSY, DISPATCHER_DRAINS, DISPATCHER_RECOVERS, ITS_TURN,
         ACKNOWLEDGEMENT, ANSWER)

#: Timers that can fire for a task, named after their effect.
ASSIGN_AGAIN = 'assign_again'
GIVE_UP_CALCULATOR = 'give_up_calculator'
SUSPECT_CALCULATOR = 'suspect_calculator'
DECLARE_DEAD = 'declare_dead'
ANSWER_TIMEOUT = 'answer_timeout'
EXPIRE = 'expire'
TIMERS = (ASSIGN_AGAIN, GIVE_UP_CALCULATOR, SUSPECT_CALCULATOR, DECLARE_DEAD, ANSWER_TIMEOUT, EXPIRE)


def as_record(row):
    # type: (List[Any]) -> Dict[str, Any]
    """A row of a table as name -> value. Raises ``ValueError`` if columns are missing."""
    names = COLUMNS[row[0]]
    if len(row) <= len(names):
        raise ValueError('a row of %d columns for %s' % (len(row) - 1, row[0]))
    return dict(zip(names, row[1:]))
