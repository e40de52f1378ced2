"""The settings of the monitor."""

from __future__ import absolute_import, division, print_function

from common import schema
from common.schema import Group, Kind, Setting

HOSTS_MAX = 100
HOSTS = Kind('a list of up to %d host names' % HOSTS_MAX, lambda value: (
    type(value) is list and len(value) <= HOSTS_MAX and all(schema.HOST.accepts(host) for host in value)))

SETTINGS = Group('', (
    schema.address('dispatcher', schema.PORT, 5555, 'Where the dispatcher listens.'),
    schema.KEY_FILE,
    Setting('interval_s', schema.number(0.2, 3600, 'seconds'), 1, 'Time between two questions.'),
    Setting('http_hosts', HOSTS, [], 'Further host names under which browsers or a proxy ask for the page. Addresses, '
                                     'localhost and the host of --http are always accepted.'),
))
