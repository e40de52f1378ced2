"""The settings of the dispatcher."""

from __future__ import absolute_import, division, print_function

from common import schema
from common.schema import Group, Setting

MYPY = False
if MYPY:
    from typing import Any, Dict, Tuple  # noqa: F401


def _together(settings):
    # type: (Dict[str, Any]) -> Tuple[str, str] | None
    if settings['dead_after_missed'] <= settings['suspect_after_missed']:
        return 'dead_after_missed', 'more than suspect_after_missed (%d)' % settings['suspect_after_missed']
    if settings['answer_timeout_s'] > settings['task_timeout_s']:
        return 'answer_timeout_s', 'at most task_timeout_s (%g)' % settings['task_timeout_s']
    return None


SETTINGS = Group('', (
    Setting('name', schema.NAME, 'dispatcher', 'Who this dispatcher is.'),
    schema.address('listen', schema.PORT_OR_ANY, 5555, 'Where it listens; port 0: any free one.'),
    Setting('answer_timeout_s', schema.seconds(0.05), 10,
            'The time for one attempt: a calculator that has not answered by then loses the task to another.'),
    Setting('task_timeout_s', schema.seconds(0.1), 60,
            'The most time for a whole task; a client may ask for less.'),
    Setting('pending_max', schema.whole_number(1, 10000000), 100000,
            'Tasks that may wait at a time; past that a submit is refused.'),
    Setting('attempts_max', schema.whole_number(1, 1000), 20,
            'Attempts of one task; past that it has failed. It stops a task that kills its calculators.'),
    Setting('suspect_after_missed', schema.whole_number(1, 1000), 3,
            'Heartbeats missed in a row after which a calculator gets no new work.'),
    Setting('dead_after_missed', schema.whole_number(2, 1000), 5,
            'Heartbeats missed in a row after which its tasks go to others.'),
    Setting('calculators_max', schema.whole_number(1, 1000000), 20000,
            'Calculators that may be registered, the dead ones included.'),
    Setting('remembered_max', schema.whole_number(1, 10000000), 100000,
            'Outcomes kept for clients that are away; past that the oldest are dropped.'),
    Setting('memory_max_bytes', schema.whole_number(1000000, 1 << 40), 1 << 30,
            'Memory for tasks, their results, and what is kept of clients. One client gets at most half of what is '
            'free; past that a submit is refused.'),
    Setting('priority_ageing_s', schema.seconds(0.1), 10,
            'A call that waits gains one level of priority after each such time, up to the highest.'),
    Setting('flap_events_max', schema.whole_number(0, 1000), 5,
            'Deaths, restarts and dead children of one calculator within flap_window_s after which it gets one '
            'attempt at a time, until five end well. 0: never.'),
    Setting('flap_window_s', schema.seconds(0.1), 60, 'The time within which these are counted.'),
    Setting('journal', schema.PATH, None,
            'The file that accepted tasks and their outcomes outlive this process in. null: nothing outlives it.'),
    schema.KEY_FILE,
    Setting('drain_timeout_s', schema.seconds(0), 10,
            'At a soft stop: the wait for running tasks and for acknowledgements.'),
    Setting('status_interval_s', schema.seconds(0), 10, 'Time between status lines in the log. 0: none.'),
), together=_together)
