"""A dispatcher with a journal whose clients are gone, or whose disk is full or fails."""

from __future__ import absolute_import, division, print_function

import io
import json
import os

import pytest

from runtime.clock import monotonic
from runtime.launcher import run
from tests.attacks import tracing
from tests.needs import skip_unless_ci
from tests.system.processes import eventually, run_to_end
from tests.system.strangers import Stranger
from tests.system.test_journal import finish, kill_under_load, ledger, victim  # noqa: F401

#: Large enough for a journal and its write-ahead log under load, and soon filled.
SMALL_DISK = '32m'


# Clients that are gone.

@pytest.mark.slow
def test_tasks_of_a_client_that_is_gone_are_done_and_its_next_incarnation_gets_the_outcomes(system, tmpdir):
    journal = str(tmpdir.join('the.journal'))
    first = system.dispatcher(journal=journal)
    client = system.client('client', tasks=30)
    eventually(lambda: first.status['waiting'] == 30, 'all tasks are accepted')
    client.kill()
    first.kill()
    second = system.restart(first, journal=journal)
    second.says('From the journal: 30 tasks wait again')
    system.calculator('calculator', capacity=4)
    eventually(lambda: second.status['alive'] == 1 and second.status['waiting'] + second.status['running'] == 0,
               'all tasks are done')
    second.kill()
    third = system.restart(first, journal=journal)
    third.says('0 tasks wait again, 30 outcomes are sent again')
    next_incarnation = system.client('client', task_interval_s=[0.5, 0.5])
    # The dispatcher waits until the former incarnation has been silent for 30 s.
    eventually(lambda: outcomes_of_former(third) == 30, 'the next incarnation gets the outcomes', 60)
    system.balance()
    account = next_incarnation.account
    assert account['sent'] == account['answered']
    # A datagram may be resent.
    assert account['counts']['outcomes_of_former'] >= 30


def outcomes_of_former(dispatcher):
    """The number of outcomes that a later incarnation of their client has acknowledged."""
    found = json.loads(run_to_end(['run_monitor.py', '--json', '--dispatcher', '%s:%d' % dispatcher.address])[1])
    return found['counts']['outcomes_of_former']


# A disk that is full.

@pytest.fixture
def small_disk(tmpdir):
    directory = str(tmpdir.mkdir('disk'))
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=%s' % SMALL_DISK, 'tmpfs', directory]
    if os.getuid() != 0 or run(mount)[0] != 0:
        skip_unless_ci('needs the right to mount a small disk')
    yield directory
    run(['umount', '-l', directory])


def fill(directory):
    """Fill the disk to the last byte; returns the path of the file."""
    path = os.path.join(directory, 'filler')
    with io.open(path, 'wb', buffering=0) as filler:
        for size in (65536, 4096, 512, 1):
            try:
                while True:
                    filler.write(b'x' * size)
            except (IOError, OSError):
                continue
    return path


def test_while_the_disk_is_full_only_new_tasks_are_refused(system, small_disk):
    journal = os.path.join(small_disk, 'the.journal')
    dispatcher = system.dispatcher(journal=journal)
    calculator = system.calculator('calculator', capacity=50)
    first = system.client('first', tasks=20)
    assert first.wait() == 0
    filler = fill(small_disk)
    hasty = system.client('hasty', task_timeout_s=3, task_interval_s=[0.02, 0.05], payload_bytes=2000)
    dispatcher.says('The journal cannot be written: database or disk is full')
    # The dispatcher refuses new tasks with this reason, and still answers.
    hasty.says(r'refused .the journal could not be written')
    with Stranger() as stranger:
        assert stranger.is_answered_by(dispatcher.address)
    hasty.end()
    assert hasty.account['outcomes']['refused'] >= 1
    patient = system.client('patient', tasks=20, task_timeout_s=60, payload_bytes=2000)
    os.remove(filler)
    dispatcher.says('The journal is written again')
    assert patient.wait() == 0
    assert calculator.is_running
    dispatcher.kill()
    system.restart(dispatcher, journal=journal).says('From the journal: 0 tasks wait again')
    system.balance()


def test_a_dispatcher_does_not_start_on_a_full_disk_and_leaves_the_journal_unchanged(system, small_disk):
    journal = os.path.join(small_disk, 'the.journal')
    first = system.dispatcher(journal=journal)
    client = system.client('client', tasks=20, payload_bytes=1000)
    eventually(lambda: first.status['waiting'] == 20, 'all tasks are accepted')
    client.kill()
    first.kill()
    filler = fill(small_disk)
    refused = system.start('dispatcher', 'dispatcher', {'journal': journal}, ['--json'])
    assert refused.wait() == 2
    assert 'cannot use the journal %s: database or disk is full' % journal in refused.log.splitlines()[-1]
    os.remove(filler)
    system.restart(first, journal=journal).says('From the journal: 20 tasks wait again')
    system.is_balanced = True


# A disk that fails.

CANNOT_WRITE = 'The journal cannot be written'
#: Time for some attempts to write.
FAILING_S = 0.5
FAILURES = (('fdatasync', 'EIO', '20..22'), ('pwrite64', 'EIO', '30..32'), ('pwrite64', 'ENOSPC', '30..32'))


@pytest.mark.slow
@pytest.mark.usefixtures('strace')
@pytest.mark.parametrize('failure', FAILURES, ids='-'.join)
def test_after_some_errors_of_the_disk_every_accepted_task_has_its_outcome(victim, ledger, failure):  # noqa: F811
    process = victim.start(*tracing.failing_at(*failure))
    try:
        def is_written_again():
            assert process.is_running, victim.log
            ledger.turn(victim.address)
            return 'The journal is written again' in victim.log
        eventually(is_written_again, 'the journal is written again after errors')
        before = len(ledger.accepted)
        eventually(lambda: ledger.turn(victim.address) or len(ledger.accepted) > before + 20, 'new acceptances')
    finally:
        process.dispose_session()
    assert CANNOT_WRITE in victim.log
    finish(victim, ledger)


@pytest.mark.slow
@pytest.mark.usefixtures('strace')
@pytest.mark.parametrize('call', ['fdatasync', 'pwrite64'])
def test_a_dispatcher_that_is_killed_while_its_disk_fails_loses_no_accepted_task(victim, ledger, call):  # noqa: F811
    for when in (15, 16, 17, 25, 40):
        kill_under_load(victim, ledger, has_failed_for(FAILING_S, victim),
                        *tracing.failing_at(call, 'EIO', '%d+' % when))
    finish(victim, ledger)


def has_failed_for(seconds, victim):  # noqa: F811
    """A condition: the next incarnation logged ``seconds`` ago that it can't write its journal."""
    former = victim.log.count(CANNOT_WRITE)
    since = []

    def condition():
        if not since and victim.log.count(CANNOT_WRITE) > former:
            since.append(monotonic())
        return bool(since) and monotonic() >= since[0] + seconds
    return condition
