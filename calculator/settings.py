"""The settings of a calculator."""

from __future__ import absolute_import, division, print_function

from common import schema
from common.compat import TEXT_TYPES
from common.schema import Group, Kind, Setting
from net_protocol.limits import CAPACITY_MAX, HEARTBEAT_INTERVAL_MAX_S, HEARTBEAT_INTERVAL_MIN_S

MYPY = False
if MYPY:
    from typing import Any, Dict, Tuple  # noqa: F401

CRASH = 'crash'
FREEZE = 'freeze'
MIXED = 'mixed'

#: Children of one calculator: each needs three descriptors, and ``select`` accepts about a thousand.
CHILDREN_MAX = 300


def _is_work(value):
    # type: (Any) -> bool
    if type(value) in TEXT_TYPES:
        return bool(value.strip()) and u'\0' not in value
    if type(value) is not dict or len(value) != 1:
        return False
    (kind, what), = value.items()
    if kind == 'module':
        return type(what) in TEXT_TYPES and bool(what.strip('.'))
    return (kind == 'command' and type(what) is list and len(what) > 0
            and all(type(word) in TEXT_TYPES and u'\0' not in word for word in what) and bool(what[0]))


def _together(settings):
    # type: (Dict[str, Any]) -> Tuple[str, str] | None
    if settings['work'] is not None and settings['capacity'] > CHILDREN_MAX:
        return 'capacity', 'at most %d with work: each slot is a process' % CHILDREN_MAX
    return None


class _Settings(Group):
    """With ``work`` the default probability of an outage is 0."""

    def checked(self, value, path=''):
        # type: (Any, str) -> Dict[str, Any]
        complete = super(_Settings, self).checked(value, path)
        if complete['work'] is not None and 'probability' not in value.get('outage', ()):
            complete['outage'] = dict(complete['outage'], probability=0)
        return complete


SETTINGS = _Settings('', (
    Setting('name', schema.NAME, None,
            'The name of this calculator, the same after a restart. Null: made from the host name and the port.'),
    schema.address('dispatcher', schema.PORT, 5555, 'Where the dispatcher listens.'),
    schema.address('listen', schema.PORT_OR_ANY, 5600, 'Where this calculator listens; port 0: any free port.'),
    Setting('task_duration_s', schema.random_length(), [1, 3],
            'The distribution of the duration of a task.'),
    Setting('heartbeat_interval_s', schema.number(HEARTBEAT_INTERVAL_MIN_S, HEARTBEAT_INTERVAL_MAX_S, 'seconds'), 1,
            'Time between heartbeats. Each heartbeat carries it, so the dispatcher needs no setting for it.'),
    Setting('capacity', schema.whole_number(1, CAPACITY_MAX), 1,
            'The number of tasks that run at a time.'),
    Setting('work', schema.or_null(Kind(
        'a file of Python functions, {"module": NAME} or {"command": [PROGRAM, ...]}', _is_work)), None,
            'The functions that this calculator runs, each call in a child process. Null: notional tasks.'),
    Setting('work_timeout_s', schema.or_null(schema.seconds(0.05)), None,
            'With work: the time for a call that sets no answer time-out. Null: no limit.'),
    Setting('work_memory_bytes', schema.or_null(schema.whole_number(1 << 24, 1 << 50)), 1 << 31,
            'With work: the address space of each child, if the system can limit it. Null: no limit.'),
    Setting('work_tasks_max', schema.whole_number(1, 1000000000), 1000,
            'With work: calls after which a child is replaced.'),
    Group('outage', (
        Setting('check_interval_s', schema.number_or_length(0.1, 1e7), 10,
                'Time between draws of whether an outage begins: fixed, or a distribution. With a probability of 1 it '
                'is the time between outages.'),
        Setting('probability', schema.number(0, 1), 0.1,
                'The probability that a draw begins an outage. 0: no outages.'),
        Setting('duration_s', schema.random_length(), [2, 5],
                'The distribution of the duration of an outage.'),
        Setting('kind', schema.choice(CRASH, FREEZE, MIXED), CRASH,
                '`crash`: all attempts are lost, and a new incarnation starts. `freeze`: all attempts continue '
                'later. `mixed`: one of both, drawn each time.'),
    ), 'Simulated outages of this calculator.'),
    schema.KEY_FILE,
    Setting('drain_timeout_s', schema.seconds(0), 10,
            'At a soft stop: the wait for held tasks before they are given up.'),
), together=_together)
