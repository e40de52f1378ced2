"""A dispatcher with a journal: its disk is full or fails, its clients are gone, its file is not a journal."""

from __future__ import absolute_import, division, print_function

import io
import json
import os
import subprocess

import pytest

from runtime.clock import monotonic
from tests.attacks import tracing
from tests.needs import skip_unless_ci
from tests.system.processes import eventually, run_to_end
from tests.system.test_journal import Victim, ledger, live_until_all_is_over, live_until_killed, victim  # noqa: F401

#: Room for a journal and its log under load; soon filled.
SMALL_DISK = '32m'


# Clients that are gone.

@pytest.mark.slow
def test_tasks_go_on_without_their_client_and_its_next_incarnation_gets_their_outcomes(system, tmpdir):
    journal = str(tmpdir.join('the.journal'))
    first = system.dispatcher(journal=journal)
    client = system.client('client', tasks=30)
    eventually(lambda: first.status['waiting'] == 30, 'all are accepted')
    client.kill()
    first.kill()
    second = system.again(first, journal=journal)
    second.says('From the journal: 30 tasks wait again')
    system.calculator('calculator', capacity=4)
    eventually(lambda: second.status['alive'] == 1 and second.status['waiting'] + second.status['running'] == 0,
               'all are over')
    second.kill()
    third = system.again(first, journal=journal)
    third.says('0 tasks wait again, 30 outcomes are sent again')
    back = system.client('client', task_interval_s=[0.5, 0.5])
    # Another incarnation gets them once the former one has been silent for 30 s.
    eventually(lambda: outcomes_of_former(third) == 30, 'it gets what it missed', 60)
    system.balance()
    account = back.account
    assert account['sent'] == account['answered']
    # A datagram without its acknowledgement is sent again.
    assert account['counts']['outcomes_of_former'] >= 30


def outcomes_of_former(dispatcher):
    """The outcomes that another incarnation of their client has acknowledged."""
    found = json.loads(run_to_end(['run_monitor.py', '--json', '--dispatcher', '%s:%d' % dispatcher.address])[1])
    return found['counts']['outcomes_of_former']


# A disk that is full.

def can_mount(directory):
    with open(os.devnull, 'r+b') as nothing:
        return subprocess.call(['mount', '-t', 'tmpfs', '-o', 'size=%s' % SMALL_DISK, 'tmpfs', directory],
                               stdin=nothing, stdout=nothing, stderr=nothing) == 0


@pytest.fixture
def small_disk(tmpdir):
    directory = str(tmpdir.mkdir('disk'))
    if os.getuid() != 0 or not can_mount(directory):
        skip_unless_ci('needs the right to mount a small disk')
    yield directory
    with open(os.devnull, 'r+b') as nothing:
        subprocess.call(['umount', '-l', directory], stdin=nothing, stdout=nothing, stderr=nothing)


def fill(directory):
    """Leave not a byte."""
    path = os.path.join(directory, 'filler')
    with io.open(path, 'wb', buffering=0) as filler:
        for size in (65536, 4096, 512, 1):
            try:
                while True:
                    filler.write(b'x' * size)
            except (IOError, OSError):
                continue
    return path


def test_a_full_disk_costs_new_tasks_and_nothing_else_and_heals(system, small_disk):
    journal = os.path.join(small_disk, 'the.journal')
    dispatcher = system.dispatcher(journal=journal)
    calculator = system.calculator('calculator', capacity=50)
    first = system.client('first', tasks=20)
    assert first.wait() == 0
    filler = fill(small_disk)
    hasty = system.client('hasty', task_timeout_s=3, task_interval_s=[0.02, 0.05], payload_bytes=2000)
    dispatcher.says('The journal cannot be written: database or disk is full')
    # It refuses new tasks with this reason, and goes on answering.
    hasty.says(r'refused .the journal could not be written')
    assert run_to_end(['run_dispatcher.py', '-s', settings_file(small_disk, dispatcher), '--probe'])[0] == 0
    hasty.end()
    assert hasty.account['outcomes']['refused'] >= 1
    patient = system.client('patient', tasks=20, task_timeout_s=60, payload_bytes=2000)
    os.remove(filler)
    dispatcher.says('The journal is written again')
    assert patient.wait() == 0
    assert patient.account['answered'] == 20
    assert calculator.is_running
    dispatcher.kill()
    again = system.again(dispatcher, journal=journal)
    again.says('From the journal: 0 tasks wait again')
    system.balance()


def settings_file(directory, dispatcher):
    """Where a running dispatcher is to be found, for its probe. Not on the disk that is full."""
    path = os.path.join(os.path.dirname(directory), 'probe.json')
    with io.open(path, 'w', encoding='utf-8') as file:
        file.write(u'{"listen": {"host": "%s", "port": %d}}' % dispatcher.address)
    return path


def test_it_does_not_start_on_a_full_disk_and_leaves_the_journal_as_it_was(system, small_disk):
    journal = os.path.join(small_disk, 'the.journal')
    first = system.dispatcher(journal=journal)
    client = system.client('client', tasks=20, payload_bytes=1000)
    eventually(lambda: first.status['waiting'] == 20, 'all are accepted')
    client.kill()
    first.kill()
    filler = fill(small_disk)
    refused = system.start('dispatcher', 'dispatcher', {'journal': journal}, ['--json'])
    assert refused.wait() == 2
    assert 'cannot use the journal %s: database or disk is full' % journal in refused.log.splitlines()[-1]
    os.remove(filler)
    again = system.again(first, journal=journal)
    again.says('From the journal: 20 tasks wait again')
    again.end()
    system.is_balanced = True


# A disk that fails.

CANNOT_WRITE = 'The journal cannot be written'
#: Long enough for some more attempts at it.
FAILING_S = 0.5
FAILURES = (('fdatasync', 'EIO', '20..22'), ('pwrite64', 'EIO', '30..32'), ('pwrite64', 'ENOSPC', '30..32'))


@pytest.mark.slow
@pytest.mark.usefixtures('strace')
@pytest.mark.parametrize('failure', FAILURES, ids='-'.join)
def test_a_disk_that_fails_for_a_while_breaks_no_promise(victim, ledger, failure):  # noqa: F811
    process = victim.start(*tracing.failing_at(*failure))
    try:
        def healed():
            assert process.is_running, victim.log
            ledger.turn(victim.address)
            return 'The journal is written again' in victim.log
        eventually(healed, 'it fails, and heals')
        before = len(ledger.accepted)
        eventually(lambda: ledger.turn(victim.address) or len(ledger.accepted) > before + 20, 'new tasks are taken')
    finally:
        process.dispose_session()
    assert CANNOT_WRITE in victim.log
    live_until_all_is_over(victim, ledger)


@pytest.mark.slow
@pytest.mark.usefixtures('strace')
@pytest.mark.parametrize('call', ['fdatasync', 'pwrite64'])
def test_killed_while_its_disk_fails_it_breaks_no_promise(victim, ledger, call):  # noqa: F811
    for when in (15, 16, 17, 25, 40):
        live_until_killed(victim, ledger, has_failed_for(FAILING_S, victim),
                          *tracing.failing_at(call, 'EIO', '%d+' % when))
    live_until_all_is_over(victim, ledger)


def has_failed_for(seconds, victim):  # noqa: F811
    """Whether so much time has passed since a dispatcher that starts now could not write its journal any more."""
    former = victim.log.count(CANNOT_WRITE)
    since = []

    def is_over():
        if not since and victim.log.count(CANNOT_WRITE) > former:
            since.append(monotonic())
        return bool(since) and monotonic() >= since[0] + seconds
    return is_over
