"""The settings of a client."""

from __future__ import absolute_import, division, print_function

from common import schema
from common.schema import Group, Setting
from net_protocol.limits import PAYLOAD_BYTES_MAX

RETRY = 'retry'
GIVE_UP = 'give_up'

SETTINGS = Group('', (
    Setting('name', schema.NAME, None,
            'The name of this client. Null: made from the host name, the process id and random characters.'),
    schema.address('dispatcher', schema.PORT, 5555, 'Where the dispatcher listens.'),
    Setting('task_interval_s', schema.random_length(), [0.5, 1.5],
            'The distribution of the time to the next task. [0, 0]: `in_flight_max` tasks are '
            'always open, and each answer starts the next one.'),
    Setting('task_timeout_s', schema.seconds(0.1), 60,
            'The time within which a task must have its outcome.'),
    Setting('in_flight_max', schema.whole_number(1, 1000000), 1000,
            'The largest number of open tasks. Further tasks are held back.'),
    Setting('on_refused', schema.choice(RETRY, GIVE_UP), RETRY,
            'What a client does with a task that is refused for lack of room. `retry`: submit it again. `give_up`: '
            'end it.'),
    Setting('payload_bytes', schema.whole_number(0, PAYLOAD_BYTES_MAX - 2), 100,
            'Length of the random text that a task carries.'),
    schema.KEY_FILE,
    Setting('drain_timeout_s', schema.seconds(0), 10,
            'At a soft stop: the wait for open tasks before they are cancelled.'),
))
