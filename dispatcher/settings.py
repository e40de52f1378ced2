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
    Setting('name', schema.NAME, 'dispatcher', 'The name of this dispatcher.'),
    schema.address('listen', schema.PORT_OR_ANY, 5555, 'The local address. Port 0: any free port.'),
    Setting('answer_timeout_s', schema.seconds(0.05), 10,
            'The time for one attempt. A task that has no result by then goes to another calculator.'),
    Setting('task_timeout_s', schema.seconds(0.1), 60,
            'The longest time for a whole task. A client may ask for less.'),
    Setting('pending_max', schema.whole_number(1, 10000000), 100000,
            'The largest number of waiting tasks. Further submits are refused.'),
    Setting('attempts_max', schema.whole_number(1, 1000), 20,
            'Attempts of one notional task, then it has failed. Each counts, however it ended. Calls have an option of '
            'that name.'),
    Setting('suspect_after_missed', schema.whole_number(1, 1000), 3,
            'Heartbeats missed in a row after which a calculator gets no new work.'),
    Setting('dead_after_missed', schema.whole_number(2, 1000), 5,
            'Heartbeats missed in a row after which its tasks go to others.'),
    Setting('calculators_max', schema.whole_number(1, 1000000), 20000,
            'Calculators that may be registered, the dead ones included.'),
    Setting('remembered_max', schema.whole_number(1, 10000000), 100000,
            'Outcomes kept for absent clients. Beyond that those of the longest absent client are dropped first.'),
    Setting('memory_max_bytes', schema.whole_number(1000000, 1 << 40), 1 << 30,
            'Memory for tasks, their results, and what is kept of clients and calculators. One of them gets at most '
            'half of what is free. Beyond, submits, heartbeats and registrations are refused. An eighth is for '
            'clients alone, and one for calculators.'),
    Setting('priority_ageing_s', schema.seconds(0.1), 10,
            'A waiting call gains one level of priority each time this has passed, up to the highest.'),
    Setting('flap_events_max', schema.whole_number(0, 1000), 5,
            'A calculator with so many deaths, restarts and dead children within flap_window_s gets one attempt at '
            'a time, until five have ended well. Of each call, the first dead child counts. 0: never.'),
    Setting('flap_window_s', schema.seconds(0.1), 60, 'The time within which flap_events_max counts.'),
    Setting('journal', schema.PATH, None,
            'The file that keeps accepted tasks and their outcomes across restarts. Null: nothing is kept.'),
    schema.KEY_FILE,
    Setting('drain_timeout_s', schema.seconds(0), 10,
            'At a soft stop: the wait for running tasks and for acknowledgements.'),
    Setting('status_interval_s', schema.seconds(0), 10, 'Time between status lines in the log. 0: none.'),
), together=_together)
