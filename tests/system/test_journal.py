"""A dispatcher with a journal is killed at random moments; every accepted task is done.

tests/attacks/attack_journal.py kills it at each system call.
"""

from __future__ import absolute_import, division, print_function

import json
import os
import random
import signal

import pytest

from runtime.clock import monotonic
from runtime.launcher import Child, command, own_session, text_of
from tests.system import accounts
from tests.system.ledger import Ledger
from tests.system.processes import a_port_where_nobody_listens, environment, eventually

#: An incarnation that is killed after some acceptances accepts at most this many tasks.
TASKS_MAX = 60
RANDOM_KILLS = 12
START_S = 0.5


class Victim(object):
    """Incarnations of a dispatcher on one port and one journal, one after the other."""

    def __init__(self, directory):
        self.address = ('127.0.0.1', a_port_where_nobody_listens())
        self.journal = os.path.join(directory, 'the.journal')
        self._base = os.path.join(directory, 'dispatcher')
        self._command = command('dispatcher', self._base + '.json', {
            'listen': {'host': '127.0.0.1', 'port': self.address[1]}, 'task_timeout_s': 600, 'drain_timeout_s': 1,
            'journal': self.journal}) + ['--json']

    def start(self, *wrapper):
        return Child(list(wrapper) + self._command, self._base, environment=environment(), before=own_session)

    @property
    def log(self):
        return text_of(self._base + '.log')

    @property
    def account(self):
        return json.loads(text_of(self._base + '.out'))


@pytest.fixture
def victim(tmpdir):
    return Victim(str(tmpdir))


@pytest.fixture
def ledger():
    made = Ledger()
    yield made
    made.close()


def kill_under_load(victim, ledger, condition, *wrapper):
    """Start an incarnation and submit tasks to it. Kill it when ``condition()`` is true, if it has not ended."""
    process = victim.start(*wrapper)
    try:
        eventually(lambda: ledger.turn(victim.address) or not process.is_running or condition(), 'the time to kill')
    finally:
        process.dispose_session()


def finish(victim, ledger):
    """Start the last incarnation, and check that every accepted task has its one outcome."""
    former = set(ledger.incarnations)
    process = victim.start()
    try:
        def has_all_outcomes():
            assert process.is_running, victim.log
            ledger.turn(victim.address, submits=False, straight=True)
            return ledger.incarnations != former and not ledger.open
        eventually(has_all_outcomes, 'every accepted task has its outcome')
        process.signal(signal.SIGTERM)
        eventually(lambda: not process.is_running, 'the dispatcher ends')
    finally:
        process.dispose_session()
    assert process.exit_status == 0
    accounts.check_dispatcher(victim.account)
    assert ledger.contradictions == []
    assert 'Traceback' not in victim.log, victim.log
    assert not os.path.exists(victim.journal + '-wal'), 'the write-ahead log is removed at the end'


def test_a_dispatcher_that_is_killed_at_random_moments_loses_no_accepted_task(victim, ledger):
    rng = random.Random(3)
    for _ in range(RANDOM_KILLS // 2):
        # The first kill comes during the start or soon after it, the second after some acceptances.
        kill_at = monotonic() + START_S * rng.random()
        kill_under_load(victim, ledger, lambda: monotonic() >= kill_at)  # noqa: B023
        enough = len(ledger.accepted) + 4 + int(TASKS_MAX * rng.random())
        kill_under_load(victim, ledger, lambda: len(ledger.accepted) >= enough)  # noqa: B023
    finish(victim, ledger)
    assert len(ledger.outcomes) > 20
