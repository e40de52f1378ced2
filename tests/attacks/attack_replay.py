"""What was said is said again: at once and after restarts, from elsewhere, to others, and back to whoever said it.

With a key none of it is believed, and each of these datagrams is in a counter that says why. Without one they are
copies and messages of the wrong role, as a bad network and a confused neighbour make them. Either way each task has one
outcome, and the accounts of all close.
"""

from __future__ import absolute_import, division, print_function

import os

import pytest

from tests.attacks.recorder import Recorder
from tests.system import accounts
from tests.system.interpreters import version_of
from tests.system.processes import CALCULATOR, CLIENT, DISPATCHER, a_port_where_nobody_listens, eventually

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401

pytestmark = pytest.mark.timeout(300)

LONG_S = 600
CAPACITY = 4
#: What is recorded before anything is said again, and between one time and the next.
RECORDED = 300

#: Counters of copies, and of words for a life that is over.
COPIES = {
    'dispatcher': ['duplicate_submits', 'submits_after_ack', 'stale_heartbeats', 'duplicate_results'],
    'calculator': ['duplicate_assigns', 'not_for_this_life'],
    'steady': ['duplicate_outcomes', 'unknown_outcomes'],
    'client': ['duplicate_outcomes', 'unknown_outcomes'],
}


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
    """A system all of whose words pass through a recorder."""

    def __init__(self, world, key, python):
        self.world = world
        self.recorder = None  # type: Any
        self._common = {'key_file': key, 'python': python}
        # Every life of a dispatcher and a calculator has the address of the one before.
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
        before = len(self.recorder.recorded)
        eventually(lambda: len(self.recorder.recorded) > before + RECORDED, 'there is something to record')


def test_what_is_said_again_has_no_effect(watched, world, key, python, say):
    dispatcher = watched.start(DISPATCHER, 'dispatcher')
    calculators = [watched.start(CALCULATOR, name, capacity=CAPACITY) for name in ('calculator-a', 'calculator-b')]
    quick = {'task_interval_s': [0.01, 0.03], 'task_timeout_s': LONG_S, 'drain_timeout_s': 30}
    steady = watched.start(CLIENT, 'steady', **quick)
    client = watched.start(CLIENT, 'client', **quick)
    watched.record_more()
    recorder = watched.recorder
    recorder.say_everything_again()
    watched.record_more()

    # Another life of the dispatcher.
    dispatcher.kill()
    dispatcher = watched.start(DISPATCHER, 'dispatcher')
    dispatcher.says('registered from')
    recorder.thrown['dispatcher'] = 0
    recorder.say_everything_again()
    watched.record_more()

    # And of a calculator and a client.
    calculators.pop(0).kill()
    client.kill()
    calculators.append(watched.start(CALCULATOR, 'calculator-a', capacity=CAPACITY))
    client = watched.start(CLIENT, 'client', **quick)
    watched.record_more()
    recorder.thrown['calculator-a'] = recorder.thrown['client'] = 0
    recorder.say_everything_again()
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
    last_lives = {'dispatcher': dispatcher, 'steady': steady, 'client': client, 'calculator-b': calculators[0],
                  'calculator-a': calculators[1]}
    (check_with_a_key if key else check_without)(recorder, {name: last_lives[name].account for name in last_lives})
    version = '%d.%d' % version_of(python)  # type: ignore[str-format]
    say('said again with%s a key on %s: %d datagrams (%s) while %d tasks were done' % (
        '' if key else 'out', version, sum(recorder.ways.values()),
        ', '.join('%s %d' % pair for pair in sorted(recorder.ways.items())), len(audit.ends())))


def check_with_a_key(recorder, account_of):
    """Whatever was said again is in a counter that says why it was not believed, and nobody was told of it."""
    genuine = recorder.messages_to(['steady', 'calculator-b'])
    for name, account in account_of.items():
        traffic = account['traffic']
        refused = {cause: number for cause, number in traffic['refused'].items() if number}
        assert set(refused) <= {'replayed', 'wrong_role'}, (name, traffic)
        # Of what was meant for the last life of these two, the sample may have nothing.
        assert len(refused) == 2 or name in ('client', 'calculator-a'), (name, traffic)
        assert sum(refused.values()) + traffic['unacquainted'] >= recorder.thrown[name] > 50, (name, traffic)
        assert account['counts']['unexpected_messages'] == 0, (name, account)
        # Whoever lived through it all has believed no more than was meant for it.
        assert traffic['messages_in'] <= genuine.get(name, traffic['messages_in']), (name, traffic, genuine)


def check_without(recorder, account_of):
    """Copies are known for what they are, and what was meant for others too."""
    for name, account in account_of.items():
        assert sum(account['traffic']['refused'].values()) == 0, (name, account)
        assert account['counts']['unexpected_messages'] > 0, (name, account)
        assert any(account['counts'][counter] for counter in COPIES[name.split('-')[0]]), (name, account)
