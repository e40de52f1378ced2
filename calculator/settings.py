"""The settings of a calculator."""

from __future__ import absolute_import, division, print_function

from net_protocol import schema
from net_protocol.limits import CAPACITY_MAX, HEARTBEAT_INTERVAL_MAX_S, HEARTBEAT_INTERVAL_MIN_S
from net_protocol.schema import Group, Setting

CRASH = 'crash'
FREEZE = 'freeze'
MIXED = 'mixed'

SETTINGS = Group('', (
    Setting('name', schema.NAME, None,
            'Who this calculator is; the same after a restart. Null: made from the host name and the port.'),
    schema.address('dispatcher', schema.PORT, 5555, 'Where the dispatcher listens.'),
    schema.address('listen', schema.PORT_OR_ANY, 5600, 'Where this calculator listens; port 0: any free one.'),
    Setting('task_duration_s', schema.random_length(), [1, 3],
            'How long a task takes is drawn from this.'),
    Setting('heartbeat_interval_s', schema.number(HEARTBEAT_INTERVAL_MIN_S, HEARTBEAT_INTERVAL_MAX_S, 'seconds'), 1,
            'Time between heartbeats. The dispatcher counts missed ones, so it need not be told.'),
    Setting('capacity', schema.whole_number(1, CAPACITY_MAX), 1,
            'Tasks this calculator works on at a time.'),
    Group('outage', (
        Setting('check_interval_s', schema.number_or_length(0.1, 1e7), 10,
                'How often it is drawn whether an outage begins. A distribution: the time to the next draw; with a '
                'probability of 1, the time between outages.'),
        Setting('probability', schema.number(0, 1), 0.1,
                'The probability of each draw. 0: never out of order.'),
        Setting('duration_s', schema.random_length(), [2, 5],
                'How long an outage lasts is drawn from this.'),
        Setting('kind', schema.choice(CRASH, FREEZE, MIXED), CRASH,
                '`crash`: what was computed is lost, a new incarnation comes back. `freeze`: it goes on where it '
                'stood. `mixed`: either, drawn each time.'),
    ), 'When this calculator goes out of order by itself.'),
    schema.KEY_FILE,
    Setting('drain_timeout_s', schema.seconds(0), 10,
            'At a soft stop: the wait for the tasks it works on.'),
))
