"""Killed at every moment, with a journal.

A dispatcher with a journal is killed at each call with which it touches its journal and its peers, one after the other
on one file. Its client never submits an accepted task again, so every outcome was kept by the journal alone.
Calculators and clients beside it are killed as they are in ``attack_kills``.
"""

from __future__ import absolute_import, division, print_function

import pytest

from tests.attacks import attack_kills
from tests.attacks.sweeps import FURTHER, Sweep
from tests.system import accounts
from tests.system.ledger import Ledger
from tests.system.processes import DISPATCHER, eventually

pytestmark = [pytest.mark.needs('strace'), pytest.mark.timeout(900)]

SWEPT = ('pwrite64', 'fdatasync', 'pread64', 'write', 'sendto', 'recvfrom', 'pselect6')

#: The log is copied into the file when it has 1,000 pages of 4 KiB; with payloads of this size, after fifty tasks.
BALLAST = u'x' * 40000
#: At which of its calls that change the file itself it is killed.
CLEANING = (('pwrite64', 1), ('pwrite64', 2), ('pwrite64', 7), ('pwrite64', 30), ('fdatasync', 1))

#: Runs in which the log may grow until it is copied: what one of them wrote is there for the next.
RUNS_TO_FILL_IT = 10

#: How far sweeps go, of what they do without a journal. For the others only the dispatcher's answers are different.
SHARE = 0.7
SHARE_OF_OTHERS = 0.5


@pytest.fixture
def ledger():
    made = Ledger()
    yield made
    made.close()


def test_a_dispatcher_with_a_journal_killed_at_every_moment_keeps_what_it_promised(world, tmpdir, python, say, ledger):
    journal = str(tmpdir.join('the.journal'))
    dispatcher = world.victim(DISPATCHER, 'dispatcher', python=python, journal=journal, task_timeout_s=600,
                              drain_timeout_s=1)

    def run_until_quiet(straight=False):
        # With nothing that waits, the next one assigns what it is given at once.
        dispatcher.run_until(lambda: ledger.turn(dispatcher.address, False, straight) or ledger.is_quiet,
                              'every accepted task has its outcome')

    sweep = Sweep(dispatcher, lambda: ledger.turn(dispatcher.address))
    left = list(SWEPT)
    for when in sweep.rounds(SHARE):
        run_until_quiet()
        if sweep.is_further:
            left = [call for call in left if call in FURTHER]
        # Another call is the first after it each time.
        for call in left[when % len(left):] + left[:when % len(left)]:
            if not sweep.kill_at(call, when):
                # It does not come that often before the sweep moves on.
                left.remove(call)
        if when <= len(CLEANING):
            run_until_quiet()
            ledger.client.ballast = BALLAST
            assert any(sweep.kill_at(*CLEANING[when - 1], only=journal) for _ in range(RUNS_TO_FILL_IT))
            ledger.client.ballast = u''
    sweep.check(say)
    check_the_last(dispatcher, ledger)
    world.system.is_balanced = True
    say('    %d tasks, all with their outcome, over %d incarnations' % (len(ledger.outcomes), dispatcher.starts))


def check_the_last(dispatcher, ledger):
    """Nothing is submitted any more, and what was promised is kept."""
    former = set(ledger.incarnations)
    dispatcher.start()
    eventually(lambda: ledger.turn(dispatcher.address, False, True)
               or (ledger.incarnations != former and ledger.is_quiet), 'every accepted task has its outcome')
    account = dispatcher.end()
    accounts.check_dispatcher(account)
    assert account['waiting'] == account['running'] == 0
    assert ledger.contradictions == []
    assert ledger.accepted <= set(ledger.outcomes) and len(ledger.outcomes) > 50
    assert {outcome for outcome, _ in ledger.outcomes.values()} == {'done'}
    assert 'Traceback' not in dispatcher.log


def test_a_calculator_killed_at_every_moment_beside_a_journal_costs_no_task(world, tmpdir, python, say):
    # Not so much to do that it is hardly ever idle, W1, in a sweep that is this short.
    attack_kills.kill_a_calculator(world, python, say, SHARE_OF_OTHERS, (0.01, 0.06),
                                   journal=str(tmpdir.join('the.journal')))


def test_a_client_killed_at_every_moment_beside_a_journal_leaves_the_others_their_answers(world, tmpdir, python, say):
    attack_kills.kill_a_client(world, python, say, SHARE_OF_OTHERS, journal=str(tmpdir.join('the.journal')))
