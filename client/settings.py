"""The settings of a client."""

from __future__ import absolute_import, division, print_function

from common import schema
from common.schema import Group, Setting
from net_protocol.limits import PAYLOAD_BYTES_MAX

RETRY = 'retry'
GIVE_UP = 'give_up'

SETTINGS = Group('', (
    Setting('name', schema.NAME, None,
            'Who this client is. Null: made from the host name, the process id and random characters.'),
    schema.address('dispatcher', schema.PORT, 5555, 'Where the dispatcher listens.'),
    Setting('task_interval_s', schema.random_length(), [0.5, 1.5],
            'The time to the next task is drawn from this. [0, 0]: always `in_flight_max` tasks are out, and '
            'each answer lets the next one go.'),
    Setting('task_timeout_s', schema.seconds(0.1), 60,
            'The time within which a task must have its outcome.'),
    Setting('in_flight_max', schema.whole_number(1, 1000000), 1000,
            'Tasks that may be out at a time; more are held back.'),
    Setting('on_refused', schema.choice(RETRY, GIVE_UP), RETRY,
            'What becomes of a task that is refused for lack of room: `retry`: it is submitted again; `give_up`: it '
            'is over.'),
    Setting('payload_bytes', schema.whole_number(0, PAYLOAD_BYTES_MAX - 2), 100,
            'Length of the random text that a task carries.'),
    schema.KEY_FILE,
    Setting('drain_timeout_s', schema.seconds(0), 10,
            'At a soft stop: the wait for what is still out before it is cancelled.'),
))
