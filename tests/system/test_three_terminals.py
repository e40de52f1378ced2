"""The three programs as anybody would start them first: in three terminals, without any file.

With the default durations this takes most of a minute, so it runs where CI=true, on 2.7 alone, and wherever somebody
says SLOW=1.
"""

from __future__ import absolute_import, division, print_function

import io
import json
import os
import socket
import sys

import pytest

#: Where the programs listen by default.
PORTS = (5555, 5600)

IS_THE_PLACE = os.environ.get('SLOW') or (os.environ.get('CI') == 'true' and sys.version_info[0] == 2)


def is_free(port):
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        taken.bind(('127.0.0.1', port))
    except (OSError, socket.error):
        return False
    finally:
        taken.close()
    return True


@pytest.mark.skipif(not IS_THE_PLACE, reason='takes most of a minute: in CI on 2.7 only, or with SLOW=1')
def test_20_of_20_without_any_file(system, tmpdir):
    arguments = {'dispatcher': [], 'calculator': [], 'client': []}
    if not all(is_free(port) for port in PORTS):
        # Somebody uses them. Only the ports stand in the files, then.
        print('ports %d and %d are not both free' % PORTS)
        arguments['dispatcher'] = settings(tmpdir, 'dispatcher', listen={'port': 0})
    dispatcher = system.run('dispatcher', 'dispatcher', arguments['dispatcher'] + ['--json'])
    where = {'port': dispatcher.address[1]}
    if arguments['dispatcher']:
        arguments['calculator'] = settings(tmpdir, 'calculator', listen={'port': 0}, dispatcher=where)
        arguments['client'] = settings(tmpdir, 'client', dispatcher=where)
    system.run('calculator', 'calculator', arguments['calculator'] + ['--json'])
    client = system.run('client', 'client', arguments['client'] + ['--tasks', '20', '--json'])
    assert client.wait(bound_s=110) == 0
    # Where everybody looks by default, others may come: a calculator of another suite that is started without a file.
    system.strangers_tasks = 0
    system.balance()
    assert client.account['answered'] == client.account['outcomes']['done'] == 20
    # Nothing here is a terminal, so progress is told in plain lines, and how the dispatcher stands as well.
    client.says(r'sent \d+, answered \d+, waiting \d+, response time last \S+ s, mean \S+ s', times=2)
    dispatcher.says(r'waiting \d+, running \d, calculators alive', times=2)


def settings(tmpdir, name, **changes):
    path = str(tmpdir.join(name + '.json'))
    with io.open(path, 'w', encoding='utf-8') as file:
        file.write(u'%s' % json.dumps(changes))
    return ['-s', path]
