"""A dispatcher with a journal whose disk is full or fails, whose clients are gone, whose file is somebody else's."""

from __future__ import absolute_import, division, print_function

import io
import json
import os
import signal
import subprocess

import pytest

from runtime.clock import monotonic
from tests.attacks import tracing
from tests.needs import skip_unless_ci
from tests.system.processes import eventually, run_to_end
from tests.system.test_journal import Victim, ledger, live_until_all_is_told, live_until_killed, victim  # noqa: F401

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401

#: Room for a journal and its log under load; soon filled.
SMALL_DISK = '32m'


# Clients that are gone.

def test_clients_need_not_be_alive_for_their_tasks_and_get_the_outcomes_when_they_come_back(system, tmpdir):
    journal = str(tmpdir.join('the.journal'))
    first = system.dispatcher(journal=journal)
    client = system.client('client', tasks=30)
    eventually(lambda: first.status['waiting'] == 30, 'all are accepted')
    client.kill()
    first.kill()
    # Nobody who asked is there, nobody who promised is there, and the address has another owner.
    second = system.again(first, journal=journal)
    second.says('from the journal: waiting again 30 tasks')
    system.calculator('calculator', capacity=4)
    eventually(lambda: second.status['alive'] == 1 and second.status['waiting'] + second.status['running'] == 0,
               'all are over')
    second.kill()
    third = system.again(first, journal=journal)
    third.says('waiting again 0 tasks, told again 30 outcomes')
    back = system.client('client', task_interval_s=[0.5, 0.5])
    eventually(lambda: has_told_again(third, 30), 'it claims what it missed')
    system.balance()
    account = back.account
    assert account['sent'] == account['answered']
    # Each once, but for copies: those that the third life told to the old address come again to the new one.
    assert account['counts']['unknown_outcomes'] >= 30
    assert third.account['counts']['outcomes_claimed'] >= 30


def has_told_again(dispatcher, outcomes):
    """Whether clients have acknowledged so many outcomes more than a life of it has decided."""
    found = json.loads(run_to_end(['run_monitor.py', '--json', '--dispatcher', '%s:%d' % dispatcher.address])[1])
    counts = found['counts']
    return (counts['outcomes_claimed'] >= outcomes
            and found['received'].get('outcome_ack', 0) >= outcomes + counts['done'])


# A disk that is full.

def can_mount(directory):
    # type: (str) -> bool
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
    # type: (str) -> str
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
    dispatcher.says('the journal cannot be written: database or disk is full')
    # It says so to whoever asks, and goes on answering.
    hasty.says(r'refused .journal')
    assert run_to_end(['run_dispatcher.py', '-s', settings_file(small_disk, dispatcher), '--probe'])[0] == 0
    hasty.end()
    assert hasty.account['outcomes']['refused'] >= 1
    patient = system.client('patient', tasks=20, task_timeout_s=60, payload_bytes=2000)
    os.remove(filler)
    dispatcher.says('the journal is written again')
    assert patient.wait() == 0
    assert patient.account['answered'] == 20
    assert calculator.is_running
    dispatcher.kill()
    again = system.again(dispatcher, journal=journal)
    again.says('from the journal: waiting again 0 tasks')
    system.balance()


def settings_file(directory, dispatcher):
    # type: (str, Any) -> str
    """Where a running dispatcher is to be found, for its probe. Not on the disk that is full."""
    path = os.path.join(os.path.dirname(directory), 'probe.json')
    with io.open(path, 'w', encoding='utf-8') as file:
        file.write(u'{"listen": {"host": "127.0.0.1", "port": %d}}' % dispatcher.address[1])
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
    again.says('from the journal: waiting again 20 tasks')
    again.end()
    system.is_balanced = True


# A disk that fails.

CANNOT_WRITE = 'the journal cannot be written'
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
            # type: () -> bool
            assert process.poll() is None, victim.log
            ledger.turn(victim.address)
            return 'the journal is written again' in victim.log
        eventually(healed, 'it fails, and heals')
        before = len(ledger.accepted)
        eventually(lambda: ledger.turn(victim.address) or len(ledger.accepted) > before + 20, 'new tasks are taken')
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert CANNOT_WRITE in victim.log
    live_until_all_is_told(victim, ledger)


@pytest.mark.slow
@pytest.mark.usefixtures('strace')
@pytest.mark.parametrize('call', ['fdatasync', 'pwrite64'])
def test_killed_while_its_disk_fails_it_breaks_no_promise(victim, ledger, call):  # noqa: F811
    for when in (15, 16, 17, 25, 40):
        live_until_killed(victim, ledger, has_failed_for(FAILING_S, victim),
                          *tracing.failing_at(call, 'EIO', '%d+' % when))
    live_until_all_is_told(victim, ledger)


def has_failed_for(seconds, victim):  # noqa: F811
    """Whether so much time has passed since a life that begins now could not write its journal any more."""
    former = victim.log.count(CANNOT_WRITE)
    since = []  # type: Any

    def is_over():
        # type: () -> bool
        if not since and victim.log.count(CANNOT_WRITE) > former:
            since.append(monotonic())
        return bool(since) and monotonic() >= since[0] + seconds
    return is_over


# Files.

def refusal(tmpdir, journal):
    # type: (Any, str) -> str
    """The one line with which a dispatcher does not start."""
    settings = tmpdir.join('refused.json')
    settings.write('{"listen": {"port": 0}, "journal": "%s"}' % journal)
    status, output, errors = run_to_end([os.path.join('run_dispatcher.py'), '-s', str(settings)])
    assert (status, output) == (2, '')
    assert len(errors.splitlines()) == 1, errors
    return errors


def test_two_dispatchers_on_one_file(system, tmpdir):
    journal = str(tmpdir.join('the.journal'))
    first = system.dispatcher(journal=journal)
    assert 'is in use by another dispatcher' in refusal(tmpdir, journal)
    # The one that has it does not notice.
    system.calculator('calculator')
    client = system.client(tasks=20)
    assert client.wait() == 0
    system.balance()
    assert first.account['counts']['journal_failures'] == 0
    again = system.again(first, journal=journal)
    again.end()


@pytest.mark.parametrize('content', [b'not a data base', b'SQLite format 3\0' + b'\xff' * 4000], ids=['text', 'torn'])
def test_a_file_that_is_not_ours_is_refused_and_left_as_it_is(tmpdir, content):
    journal = tmpdir.join('notes.txt')
    journal.write_binary(content)
    assert 'is not a journal of a dispatcher' in refusal(tmpdir, str(journal))
    assert journal.read_binary() == content


def test_a_damaged_journal_is_refused(system, tmpdir):
    journal = tmpdir.join('the.journal')
    first = system.dispatcher(journal=str(journal))
    client = system.client('client', tasks=200, payload_bytes=500, drain_timeout_s=0)
    eventually(lambda: first.status['waiting'] == 200, 'all are accepted')
    client.kill()
    first.end()
    content = bytearray(journal.read_binary())
    content[len(content) // 2:len(content) // 2 + 2000] = b'\x55' * 2000
    journal.write_binary(bytes(content))
    assert 'is damaged' in refusal(tmpdir, str(journal))
    system.is_balanced = True
