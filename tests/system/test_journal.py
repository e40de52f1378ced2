"""A dispatcher with a journal, killed at any moment: what it accepted is done.

That it is killed at every moment, one after the other, is tests/attacks/attack_journal.py.
"""

from __future__ import absolute_import, division, print_function

import json
import os
import random
import signal

import pytest

from runtime.clock import monotonic
from runtime.launcher import Child, command, own_session, text_of
from tests.system.ledger import Ledger
from tests.system.processes import a_port_where_nobody_listens, environment, eventually

#: A dispatcher that promises something before it is killed accepts up to this many tasks.
TASKS_MAX = 60
RANDOM_KILLS = 12
START_S = 0.5


class Victim(object):
    """One dispatcher after the other, on one port and one journal."""

    def __init__(self, directory):
        self.address = ('127.0.0.1', a_port_where_nobody_listens())
        self.starts = 0
        self._directory = directory
        self._base = os.path.join(directory, 'dispatcher')
        self._command = command('dispatcher', self._base + '.json', {
            'listen': {'host': '127.0.0.1', 'port': self.address[1]}, 'task_timeout_s': 600, 'drain_timeout_s': 1,
            'journal': os.path.join(directory, 'the.journal')}) + ['--json']

    def start(self, *wrapper):
        self.starts += 1
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


def live_until_killed(victim, ledger, is_over, *wrapper):
    """Start one under load. Returns whether it ended before ``is_over()``; else it is killed then."""
    process = victim.start(*wrapper)
    try:
        def ended():
            ledger.turn(victim.address)
            return not process.is_running or is_over()
        eventually(ended, 'it ends')
        return not process.is_running
    finally:
        process.dispose_session()


def accepted(ledger, more):
    """Whether that many tasks more than now were accepted."""
    enough = len(ledger.accepted) + more
    return lambda: len(ledger.accepted) >= enough


def passed(seconds):
    """Whether so much time has passed since now."""
    end_at = monotonic() + seconds
    return lambda: monotonic() >= end_at


def live_until_all_is_over(victim, ledger):
    """Start the last one: nothing is submitted any more, and what was promised is kept."""
    former = set(ledger.incarnations)
    process = victim.start()
    try:
        def all_over():
            assert process.is_running, victim.log
            ledger.turn(victim.address, submits=False, straight=True)
            return ledger.incarnations != former and not ledger.open
        eventually(all_over, 'every accepted task has its outcome')
        process.signal(signal.SIGTERM)
        eventually(lambda: not process.is_running, 'the dispatcher ends')
    finally:
        process.dispose_session()
    assert process.exit_status == 0
    account = victim.account
    assert account['accepted'] + account['tasks_recovered'] == sum(account['outcomes'].values()) + account['waiting']
    assert ledger.contradictions == []
    assert 'Traceback' not in victim.log, victim.log
    assert not os.path.exists(os.path.join(victim._directory, 'the.journal-wal')), 'its log is gone when it is closed'


def test_killed_at_any_moment_it_loses_nothing_and_never_contradicts_itself(victim, ledger):
    generator = random.Random(3)
    for _ in range(RANDOM_KILLS // 2):
        # One dies while it starts, or soon after; the next one has the time to promise something.
        live_until_killed(victim, ledger, passed(START_S * generator.random()))
        live_until_killed(victim, ledger, accepted(ledger, 4 + int(TASKS_MAX * generator.random())))
    live_until_all_is_over(victim, ledger)
    assert len(ledger.outcomes) > 20
