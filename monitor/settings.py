"""The settings of the monitor."""

from __future__ import absolute_import, division, print_function

from net_protocol import schema
from net_protocol.schema import Group, Setting

SETTINGS = Group('', (
    schema.address('dispatcher', schema.PORT, 5555, 'Where the dispatcher is.'),
    schema.KEY_FILE,
    Setting('interval_s', schema.number(0.2, 3600, 'seconds'), 1, 'Time between two questions.'),
))
