"""Processes that are suspended around each time-out, and wall clocks that jump. No task is lost."""

from __future__ import absolute_import, division, print_function

import time

import pytest

from dispatcher.settings import SETTINGS
from runtime.event_files import read
from tests.attacks import tools
from tests.system.processes import CALCULATOR, CLIENT, DISPATCHER, STATUS, eventually

pytestmark = pytest.mark.timeout(200)

#: A calculator without processor time for less than five of these is not called dead.
BEAT_S = 0.25
DEFAULTS = SETTINGS.default
SUSPECT_S = BEAT_S * DEFAULTS['suspect_after_missed']
DEAD_S = BEAT_S * DEFAULTS['dead_after_missed']
ANSWER_S = 1.5
#: Shares of a time-out: just below it, just above it, far above it.
SHARES = (0.9, 1.1, 2.5)
#: How much later than the dispatcher the others wake up, as a share of SUSPECT_S.
WAKING_SHARE = 0.4
LONG_S = 600

#: A process with a tenth of a core: the time that it is suspended, and the time that it runs, alternately.
SUSPENDED_S, RUNS_S = 0.09, 0.01
SLOW_TURNS = 30

HOUR_S = 3600
YEAR_S = 366 * 24 * HOUR_S
STEPS_S = (HOUR_S, 10 * YEAR_S, -3 * HOUR_S, -10 * YEAR_S)


def wait_for_work(dispatcher):
    """Wait for more status lines of the dispatcher, and running tasks."""
    said = len(STATUS.findall(dispatcher.log))
    eventually(lambda: len(STATUS.findall(dispatcher.log)) > said + 3 and dispatcher.status['running'],
               'the dispatcher works')


def start(system, python):
    dispatcher = system.dispatcher(python=python, answer_timeout_s=ANSWER_S, attempts_max=1000)
    calculators = [system.calculator('calculator-%s' % letter, python=python, capacity=4, heartbeat_interval_s=BEAT_S,
                                     task_duration_s=[0.05, 0.15]) for letter in 'ab']
    dispatcher.says('registered from', times=2)
    return dispatcher, calculators


def start_client(system, name='client', **changes):
    return system.client(name, **dict({'task_interval_s': [0.02, 0.06], 'task_timeout_s': LONG_S,
                                       'drain_timeout_s': 30}, **changes))


def finish(system, dispatcher, client, at_least=20):
    """End all processes, check that all tasks are done, and return the account of the client."""
    # A client that ends cancels tasks that wait for room.
    wait_for_work(dispatcher)
    eventually(lambda: dispatcher.status['waiting'] == 0, 'the client has caught up')
    client.ask_to_end()
    assert client.wait() == 0
    system.balance()
    account = client.account
    assert account['sent'] == account['outcomes']['done'] > at_least, account
    return account


# Suspensions: the receive buffer of a suspended process fills.


@pytest.mark.parametrize('role', [CALCULATOR, DISPATCHER, CLIENT])
def test_a_process_suspended_around_each_time_out_loses_no_task(system, role, python, say):
    dispatcher, calculators = start(system, python)
    # For a client, the outcomes of that time wait in its buffer or are sent again.
    timeouts_s = [ANSWER_S] if role == CLIENT else [SUSPECT_S, DEAD_S, ANSWER_S]
    client = start_client(system, python=python, task_timeout_s=ANSWER_S if role == CLIENT else LONG_S)
    client.says('listening')
    victim = {CALCULATOR: calculators[1], DISPATCHER: dispatcher, CLIENT: client}[role]
    for seconds in [share * timeout_s for timeout_s in timeouts_s for share in SHARES]:
        wait_for_work(dispatcher)
        eventually(lambda: role != CALCULATOR or dispatcher.status['alive'] == 2, 'both calculators are alive')
        victim.suspend()
        time.sleep(seconds)
        victim.resume()
    for words in {CALCULATOR: ('calculator-b is suspect', 'calculator-b is dead'), DISPATCHER: ('did not run for',),
                  CLIENT: ()}[role]:
        dispatcher.says(words)
    account = finish(system, dispatcher, client, at_least=5 if role == CLIENT else 20)
    counts = dispatcher.account['counts']
    if role == DISPATCHER:
        assert counts['held_up'] >= 4, counts
        check_no_death(dispatcher)
        assert dispatcher.account['outcomes']['expired'] == 0
    say('%s suspended %d times: %d tasks done, %s' % (
        role, len(timeouts_s) * len(SHARES), account['sent'], ', '.join('%s %d' % (name, counts[name]) for name in (
            'held_up', 'suspected', 'died', 'late_results', 'late_results_used'))))


def check_no_death(dispatcher):
    account = dispatcher.account
    assert account['counts']['died'] == account['attempts']['dead_calculator'] == 0, account


def test_a_suspended_machine_leads_to_no_death(system, python):
    """The dispatcher wakes up first. Its receive buffer is empty, and nothing arrives for a while."""
    dispatcher, calculators = start(system, python)
    client = start_client(system)
    processes = [dispatcher, client] + calculators
    for share in SHARES:
        wait_for_work(dispatcher)
        for process in reversed(processes):
            process.suspend()
        time.sleep(share * DEAD_S)
        dispatcher.resume()
        time.sleep(WAKING_SHARE * SUSPECT_S)
        for process in processes[1:]:
            process.resume()
    dispatcher.says('did not run for')
    finish(system, dispatcher, client, at_least=5)
    check_no_death(dispatcher)


@pytest.mark.parametrize('role', [DISPATCHER, CALCULATOR, CLIENT])
def test_beside_a_slow_process_no_client_starves(system, role, python):
    dispatcher, calculators = start(system, python)
    clients = [start_client(system, 'client-%d' % number, task_interval_s=[0.05, 0.15]) for number in range(3)]
    slow = {DISPATCHER: dispatcher, CALCULATOR: calculators[0], CLIENT: clients[0]}[role]
    wait_for_work(dispatcher)
    for _ in range(SLOW_TURNS):
        slow.suspend()
        time.sleep(SUSPENDED_S)
        slow.resume()
        time.sleep(RUNS_S)
    for client in clients:
        client.ask_to_end()
        assert client.wait() == 0
        assert client.account['sent'] == client.account['outcomes']['done'] > 5
    system.balance()
    check_no_death(dispatcher)


# The wall clock.


@pytest.fixture
def step_to(monkeypatch, tmpdir):
    """Sets the offset of the wall clock of all processes started from now on, while they run. The monotonic clock is
    not changed.
    """
    path = tmpdir.join('time')

    def step_to(offset_s):
        # Renamed: the processes must not read half a file.
        other = tmpdir.join('time.new')
        other.write('%+d' % offset_s)
        other.rename(path)
    step_to(0)
    monkeypatch.setenv('LD_PRELOAD', tools.faketime_library())
    monkeypatch.setenv('FAKETIME_TIMESTAMP_FILE', str(path))
    for name in ('FAKETIME_NO_CACHE', 'DONT_FAKE_MONOTONIC', 'FAKETIME_DONT_FAKE_MONOTONIC'):
        monkeypatch.setenv(name, '1')
    return step_to


@pytest.mark.needs('faketime')
def test_a_step_of_the_wall_clock_changes_only_the_time_stamps_of_the_log(system, tmpdir, step_to, python):
    dispatcher, _ = start(system, python)
    client = system.client(python=python, task_interval_s=[0.02, 0.06], drain_timeout_s=30)
    client.says('listening')
    for number, step_s in enumerate(STEPS_S):
        step_to(step_s)
        # The event file of a new process shows that the clock has changed.
        path = str(tmpdir.join('witness-%d.events' % number))
        witness = system.start(CALCULATOR, 'witness-%d' % number, {'heartbeat_interval_s': BEAT_S},
                               ['--json', '--events', path], python)
        dispatcher.says('calculator witness-%d registered' % number)
        assert abs(read(path)[0]['unix_time'] - time.time() - step_s) < HOUR_S / 2
        time.sleep(2 * BEAT_S)
        witness.end()
    account = finish(system, dispatcher, client)
    check_no_death(dispatcher)
    assert dispatcher.account['counts']['held_up'] == dispatcher.account['outcomes']['expired'] == 0
    assert dispatcher.account['attempts']['timed_out'] == 0
    assert account['response_time_s']['min'] >= 0 and account['response_time_s']['max'] < HOUR_S / 2, account
    assert 0 < account['duration_s'] < HOUR_S / 2
    stamps = [line[:5] for line in dispatcher.log.splitlines() if 'registered' in line]
    assert len(set(stamps)) >= 3, stamps
