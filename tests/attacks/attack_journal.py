"""Dispatchers with a journal that are killed at every moment.

The dispatcher is killed at each call that touches its journal or its peers; all incarnations share one file. The client
never submits an accepted task again, so only the journal keeps the outcomes. Calculators and clients beside a journal
are killed as in ``attack_kills``.
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

#: SQLite copies the log into the file at 1,000 pages of 4 KiB: with payloads of this size, after fifty tasks.
BALLAST = u'x' * 40000
#: The kill points among the calls that change the file itself.
CLEANING = (('pwrite64', 1), ('pwrite64', 2), ('pwrite64', 7), ('pwrite64', 30), ('fdatasync', 1))
#: Runs within which the log grows until it is copied. It keeps what earlier runs wrote.
FILLING_RUNS = 10

#: Shares of the usual sweep. A journal changes only the answers of the dispatcher to the others.
SHARE = 0.7
SHARE_OF_OTHERS = 0.5


@pytest.fixture
def ledger():
    made = Ledger()
    yield made
    made.close()


def test_a_dispatcher_with_a_journal_killed_at_every_moment_keeps_all_accepted_tasks(
        world, tmpdir, python, say, ledger):
    journal = str(tmpdir.join('the.journal'))
    dispatcher = world.victim(DISPATCHER, 'dispatcher', python=python, journal=journal, task_timeout_s=600,
                              drain_timeout_s=1)

    def run_until_quiet():
        # Without waiting tasks, the next incarnation assigns new tasks at once.
        dispatcher.run_until(lambda: ledger.turn(dispatcher.address, False) or ledger.is_quiet,
                             'every accepted task has its outcome')

    sweep = Sweep(dispatcher, lambda: ledger.turn(dispatcher.address))
    left = list(SWEPT)
    for when in sweep.rounds(SHARE):
        run_until_quiet()
        if sweep.is_further:
            left = [call for call in left if call in FURTHER]
        # Begin each round with another call, because the first one follows a quiet dispatcher.
        for call in left[when % len(left):] + left[:when % len(left)]:
            if not sweep.kill_at(call, when):
                # This call occurs less often in one run.
                left.remove(call)
        if when <= len(CLEANING):
            run_until_quiet()
            ledger.client.ballast = BALLAST
            assert any(sweep.kill_at(*CLEANING[when - 1], only=journal) for _ in range(FILLING_RUNS))
            ledger.client.ballast = u''
    sweep.check(say)
    check_the_last(dispatcher, ledger)
    world.system.is_balanced = True
    say('    %d tasks, all with their outcome; %d incarnations' % (len(ledger.outcomes), dispatcher.starts))


def check_the_last(dispatcher, ledger):
    """Run one more incarnation without new tasks, and check all outcomes."""
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


def test_beside_a_journal_a_calculator_killed_at_every_moment_loses_no_task(world, tmpdir, python, say):
    # A pace at which the victim is sometimes idle (moment W1), also in this short sweep.
    attack_kills.kill_a_calculator(world, python, say, SHARE_OF_OTHERS, (0.01, 0.06),
                                   journal=str(tmpdir.join('the.journal')))


def test_beside_a_journal_and_a_client_killed_at_every_moment_others_get_their_answers(world, tmpdir, python, say):
    attack_kills.kill_a_client(world, python, say, SHARE_OF_OTHERS, journal=str(tmpdir.join('the.journal')))
