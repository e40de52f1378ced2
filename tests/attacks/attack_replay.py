"""Recorded datagrams are sent again: at once and after restarts, from new addresses, to other peers, and back.

No process may accept a copy, with a key or without one, and a counter of the process has the reason. Each task has one
outcome, and all accounts balance.
"""

from __future__ import absolute_import, division, print_function

import os

import pytest

from tests.attacks.recorder import Recorder
from tests.system import accounts
from tests.system.interpreters import version_of
from tests.system.processes import CALCULATOR, CLIENT, DISPATCHER, a_port_where_nobody_listens, eventually

pytestmark = pytest.mark.timeout(300)

CAPACITY = 4
#: Datagrams that are recorded before each replay.
RECORDED = 300

#: The reasons for ignoring a datagram.
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
def recorded(world, key, python):
    made = RecordedSystem(world, key, python)
    yield made
    if made.recorder is not None:
        made.recorder.close()


class RecordedSystem(object):
    """A system whose datagrams pass through a recorder."""

    def __init__(self, world, key, python):
        self.world = world
        self.recorder = None
        self._common = {'key_file': key, 'python': python}
        # Name -> port, the same for all incarnations of a dispatcher or calculator.
        self._ports = {}

    def start(self, role, name, **settings):
        if role != CLIENT:
            port = self._ports.setdefault(name, a_port_where_nobody_listens())
            settings['listen'] = {'host': '127.0.0.1', 'port': port}
        settings.update(self._common)
        process = self.world.client(name, **settings) if role == CLIENT else self.world.start(role, name, **settings)
        if role == DISPATCHER:
            if self.recorder is None:
                self.recorder = Recorder(process.address)
            self.world.system.address = self.recorder.address
        return process

    def record(self):
        recorded = self.recorder.recorded  # type: ignore[union-attr]
        before = len(recorded)
        eventually(lambda: len(recorded) > before + RECORDED, '%d datagrams are recorded' % RECORDED)

    def record_and_replay(self, *restarted):
        """Only copies that arrive after a restart are in the account of that process."""
        self.record()
        for name in restarted:
            self.recorder.copies[name] = 0  # type: ignore[union-attr]
        self.recorder.replay()  # type: ignore[union-attr]


def test_a_copy_of_a_datagram_has_no_effect(recorded, world, key, python, say):
    dispatcher = recorded.start(DISPATCHER, 'dispatcher')
    calculators = [recorded.start(CALCULATOR, name, capacity=CAPACITY) for name in ('calculator-a', 'calculator-b')]
    quick = {'task_interval_s': [0.01, 0.03]}
    steady = recorded.start(CLIENT, 'steady', **quick)
    client = recorded.start(CLIENT, 'client', **quick)
    recorded.record_and_replay()

    dispatcher.kill()
    dispatcher = recorded.start(DISPATCHER, 'dispatcher')
    dispatcher.says('registered from')
    recorded.record_and_replay('dispatcher')

    calculators.pop(0).kill()
    client.kill()
    calculators.append(recorded.start(CALCULATOR, 'calculator-a', capacity=CAPACITY))
    client = recorded.start(CLIENT, 'client', **quick)
    recorded.record_and_replay('calculator-a', 'client')
    recorded.record()

    for process in (steady, client):
        assert process.end() == 0
        assert process.account['sent'] == process.account['answered'] > 20
        accounts.check_client(process.account)
    eventually(lambda: dispatcher.status['waiting'] == dispatcher.status['running'] == 0, 'all tasks have ended')
    world.end_calculators(*calculators)
    dispatcher.end()
    accounts.check_dispatcher(dispatcher.account)
    audit = world.audit(['steady', 'client'], {'calculator-a': CAPACITY, 'calculator-b': CAPACITY})
    recorder = recorded.recorder
    check_counters(recorder, [dispatcher, steady, client] + calculators)
    say('replay with%s a key on %d.%d: %d datagrams (%s), %d tasks done' % (
        ('' if key else 'out',) + version_of(python) + (sum(recorder.ways.values()), ', '.join(
            '%s %d' % pair for pair in sorted(recorder.ways.items())), len(audit.ends()))))


def check_counters(recorder, processes):
    """Every copy must be in a counter of its receiver."""
    for process in processes:
        name, traffic = process.settings['name'], process.account['traffic']
        assert {cause for cause, number in traffic['refused'].items() if number} == {'wrong_role'}, (name, traffic)
        explained = traffic['refused']['wrong_role'] + sum(traffic[counter] for counter in COUNTERS)
        assert explained >= recorder.copies[name] > 50, (name, recorder.copies, traffic)
        assert traffic['unexpected'] == 0, (name, traffic)
        if name in ('steady', 'calculator-b'):
            # These never restarted, and handled no row twice.
            assert traffic['rows_in'] <= recorder.rows_to(name), (name, traffic)
