"""The three programs without settings, as in the first steps of the tutorial.

With the default durations this takes most of a minute, so it runs only with SLOW=1, and with CI=true on 2.7.
"""

from __future__ import absolute_import, division, print_function

import os
import socket
import sys

import pytest

from runtime.endpoint import Endpoint

#: The default port of the dispatcher. A calculator uses another port if its default one is taken.
PORT = 5555

IS_WANTED = os.environ.get('SLOW') or (os.environ.get('CI') == 'true' and sys.version_info[0] == 2)


def is_free(port):
    try:
        Endpoint(socket.AF_INET, ('127.0.0.1', port)).close()
    except (OSError, socket.error):
        return False
    return True


@pytest.mark.skipif(not IS_WANTED, reason='takes most of a minute: in CI on 2.7 only, or with SLOW=1')
def test_20_of_20_tasks_are_done_without_settings(system, tmpdir):
    options, where = [], []
    if not is_free(PORT):
        print('port %d is taken' % PORT)
        tmpdir.join('dispatcher.json').write('{"listen": {"port": 0}}')
        options = ['-s', str(tmpdir.join('dispatcher.json'))]
    dispatcher = system.run('dispatcher', options + ['--json'])
    if options:
        where = ['--dispatcher', '%s:%d' % dispatcher.address]
    system.run('calculator', where + ['--json'])
    client = system.run('client', where + ['--tasks', '20', '--json'])
    assert client.wait(bound_s=110) == 0
    # A calculator of another test may use the default address too.
    system.strangers_tasks = 0
    system.balance()
    # Without a terminal, client and dispatcher log their progress.
    client.says(r'sent \d+, answered \d+, waiting \d+, response time last \S+ s, mean \S+ s', times=2)
    dispatcher.says(r'waiting \d+, running \d, calculators alive', times=2)
