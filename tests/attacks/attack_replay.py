"""Recorded datagrams are sent again: at once and after restarts, from elsewhere, to others, and back to their sender.

None of it is believed, with a key or without one, and each of these datagrams is in a counter that says why. Each task
has one outcome, and the accounts of all close.
"""

from __future__ import absolute_import, division, print_function

import os

import pytest

from tests.attacks.recorder import Recorder
from tests.system import accounts
from tests.system.interpreters import version_of
from tests.system.processes import CALCULATOR, CLIENT, DISPATCHER, a_port_where_nobody_listens, eventually

pytestmark = pytest.mark.timeout(300)

LONG_S = 600
CAPACITY = 4
#: Datagrams that are recorded before they are sent again, and between one time and the next.
RECORDED = 300

#: Why a datagram was not believed, besides a greeting that answers nothing.
COUNTERS = ('duplicates', 'too_old', 'stale', 'greetings')


@pytest.fixture(params=[False, True], ids=['without_key', 'with_key'])
def key(request, tmpdir):
    if not request.param:
        return None
    path = str(tmpdir.join('key'))
    with open(path, 'w') as file:
        file.write('k' * 40 + '\n')
    os.chmod(path, 0o600)
    return path


@pytest.fixture
def watched(world, key, python):
    made = Watched(world, key, python)
    yield made
    if made.recorder is not None:
        made.recorder.close()


class Watched(object):
    """A system all of whose datagrams pass through a recorder."""

    def __init__(self, world, key, python):
        self.world = world
        self.recorder = None
        self._common = {'key_file': key, 'python': python}
        # A dispatcher or calculator that is restarted has the address of the one before.
        self._ports = {}

    def start(self, role, name, **settings):
        if role != CLIENT:
            port = self._ports.setdefault(name, a_port_where_nobody_listens())
            settings['listen'] = {'host': '127.0.0.1', 'port': port}
        process = self.world.start(role, name, **dict(self._common, **settings))
        if role == DISPATCHER:
            if self.recorder is None:
                self.recorder = Recorder(process.address)
            self.world.system.address = self.recorder.address
        return process

    def record_more(self):
        before = len(self.recorder.recorded)  # type: ignore[union-attr]
        eventually(lambda: len(self.recorder.recorded) > before + RECORDED, 'there is something to record')  # type: ignore[union-attr]


def test_what_is_sent_again_has_no_effect(watched, world, key, python, say):
    dispatcher = watched.start(DISPATCHER, 'dispatcher')
    calculators = [watched.start(CALCULATOR, name, capacity=CAPACITY) for name in ('calculator-a', 'calculator-b')]
    quick = {'task_interval_s': [0.01, 0.03], 'task_timeout_s': LONG_S, 'drain_timeout_s': 30}
    steady = watched.start(CLIENT, 'steady', **quick)
    client = watched.start(CLIENT, 'client', **quick)
    watched.record_more()
    recorder = watched.recorder
    recorder.send_everything_again()
    watched.record_more()

    # Another dispatcher.
    dispatcher.kill()
    dispatcher = watched.start(DISPATCHER, 'dispatcher')
    dispatcher.says('registered from')
    recorder.thrown['dispatcher'] = 0
    recorder.send_everything_again()
    watched.record_more()

    # And another calculator and client.
    calculators.pop(0).kill()
    client.kill()
    calculators.append(watched.start(CALCULATOR, 'calculator-a', capacity=CAPACITY))
    client = watched.start(CLIENT, 'client', **quick)
    watched.record_more()
    recorder.thrown['calculator-a'] = recorder.thrown['client'] = 0
    recorder.send_everything_again()
    watched.record_more()

    for process in (steady, client):
        assert process.end() == 0
        assert process.account['sent'] == process.account['answered'] > 20
        accounts.check_client(process.account)
    eventually(lambda: dispatcher.status['waiting'] == dispatcher.status['running'] == 0, 'nothing is left to do')
    for process in calculators:
        process.end()
        accounts.check_calculator(process.account, False)
    dispatcher.end()
    accounts.check_dispatcher(dispatcher.account)
    audit = world.audit(['steady', 'client'], {'calculator-a': CAPACITY, 'calculator-b': CAPACITY})
    check_counters(recorder, [dispatcher, steady, client] + calculators)
    version = '%d.%d' % version_of(python)
    say('sent again with%s a key on %s: %d datagrams (%s) while %d tasks were done' % (
        '' if key else 'out', version, sum(recorder.ways.values()),
        ', '.join('%s %d' % pair for pair in sorted(recorder.ways.items())), len(audit.ends())))


def check_counters(recorder, processes):
    """Whatever was sent again is in a counter that says why it was not believed."""
    for process in processes:
        name, traffic = process.settings['name'], process.account['traffic']
        refused = {cause for cause, number in traffic['refused'].items() if number}
        assert refused == {'wrong_role'}, (name, traffic)
        explained = traffic['refused']['wrong_role'] + sum(traffic[counter] for counter in COUNTERS)
        assert explained >= recorder.thrown[name] > 50, (name, recorder.thrown, traffic)
        assert traffic['unexpected'] == 0, (name, traffic)
        if name in ('steady', 'calculator-b'):
            # It was there all the time, and has handled no more than what was meant for it.
            assert traffic['rows_in'] <= recorder.rows_to(name), (name, traffic)
