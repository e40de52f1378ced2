"""Suspended around each time-out, and wall clocks that jump: nobody is judged wrongly, each task gets its answer."""

from __future__ import absolute_import, division, print_function

import time

import pytest

from dispatcher.settings import SETTINGS
from runtime.event_files import read
from tests.attacks import tools
from tests.system.processes import CALCULATOR, CLIENT, DISPATCHER, STATUS, eventually

pytestmark = pytest.mark.timeout(200)

#: A calculator that is starved for less than five of these is not called dead.
BEAT_S = 0.25
DEFAULTS = SETTINGS.default
SUSPECT_S = BEAT_S * DEFAULTS['suspect_after_missed']
DEAD_S = BEAT_S * DEFAULTS['dead_after_missed']
ANSWER_S = 1.5
#: Of a time-out: just under, just over, far over.
SHARES = (0.9, 1.1, 2.5)
#: Of the time after which silence is suspicious: how much later than the dispatcher all others wake up.
WAKING_SHARE = 0.4
LONG_S = 600

HOUR_S = 3600
YEAR_S = 366 * 24 * HOUR_S
STEPS_S = (HOUR_S, 10 * YEAR_S, -3 * HOUR_S, -10 * YEAR_S)


def goes_on(dispatcher):
    """Wait until the dispatcher has been seen at work a few times more."""
    said = len(STATUS.findall(dispatcher.log))
    eventually(lambda: len(STATUS.findall(dispatcher.log)) > said + 3 and dispatcher.status['running'],
               'the dispatcher goes on')


def trio(system, python, **settings):
    dispatcher = system.dispatcher(python=python, answer_timeout_s=ANSWER_S, attempts_max=1000, **settings)
    calculators = [system.calculator('calculator-%s' % letter, python=python, capacity=4, heartbeat_interval_s=BEAT_S,
                                     task_duration_s=[0.05, 0.15]) for letter in 'ab']
    dispatcher.says('registered from', times=2)
    return dispatcher, calculators


def end_with_all_answered(system, dispatcher, client, at_least=20):
    # Tasks that the client had no room to submit yet it would cancel.
    goes_on(dispatcher)
    eventually(lambda: dispatcher.status['waiting'] == 0, 'the client has caught up')
    client.ask_to_end()
    assert client.wait() == 0
    system.balance()
    account = client.account
    assert account['sent'] == account['outcomes']['done'] > at_least, account
    return account


# Suspended: a process stands still, and its socket's buffer fills.


@pytest.mark.parametrize('role', [CALCULATOR, DISPATCHER, CLIENT])
def test_a_process_suspended_around_each_time_out_costs_no_task(system, role, python, say):
    dispatcher, calculators = trio(system, python)
    # What the dispatcher decided while a client stood still waited in its buffer, or was sent again.
    timeouts_s = [ANSWER_S] if role == CLIENT else [SUSPECT_S, DEAD_S, ANSWER_S]
    client = system.client(python=python, task_interval_s=[0.02, 0.06], drain_timeout_s=30,
                           task_timeout_s=ANSWER_S if role == CLIENT else LONG_S)
    client.says('listening')
    victim = {CALCULATOR: calculators[1], DISPATCHER: dispatcher, CLIENT: client}[role]
    for seconds in [share * timeout_s for timeout_s in timeouts_s for share in SHARES]:
        goes_on(dispatcher)
        eventually(lambda: role != CALCULATOR or dispatcher.status['alive'] == 2, 'both are in order')
        victim.suspend()
        time.sleep(seconds)
        victim.resume()
    for words in {CALCULATOR: ('calculator-b is suspect', 'calculator-b is dead'), DISPATCHER: ('did not run for',),
                  CLIENT: ()}[role]:
        dispatcher.says(words)
    account = end_with_all_answered(system, dispatcher, client, at_least=5 if role == CLIENT else 20)
    counts = dispatcher.account['counts']
    if role == DISPATCHER:
        # It judges nobody.
        assert counts['held_up'] >= 4, counts
        assert counts['died'] == dispatcher.account['attempts']['dead_calculator'] == 0, counts
        assert dispatcher.account['outcomes']['expired'] == 0
    say('%s suspended %d times: %d tasks done, %s' % (
        role, len(timeouts_s) * len(SHARES), account['sent'], ', '.join('%s %d' % (name, counts[name]) for name in (
            'held_up', 'suspected', 'died', 'late_results', 'late_results_used'))))


def test_a_machine_that_is_suspended_with_all_its_processes_judges_nobody(system, python, say):
    """The dispatcher wakes up first: there is nothing in its buffer, and for a while there will be nothing."""
    dispatcher, calculators = trio(system, python)
    client = system.client(task_interval_s=[0.02, 0.06], task_timeout_s=LONG_S, drain_timeout_s=30)
    for share in SHARES:
        goes_on(dispatcher)
        everybody = [dispatcher, client] + calculators
        for process in reversed(everybody):
            process.suspend()
        time.sleep(share * DEAD_S)
        dispatcher.resume()
        time.sleep(WAKING_SHARE * SUSPECT_S)
        for process in everybody[1:]:
            process.resume()
    dispatcher.says('did not run for')
    account = end_with_all_answered(system, dispatcher, client, at_least=5)
    counts = dispatcher.account['counts']
    assert counts['died'] == dispatcher.account['attempts']['dead_calculator'] == 0, counts
    say('machine suspended %d times: %d tasks done, suspected %d, died 0' % (
        len(SHARES), account['sent'], counts['suspected']))


#: A process that gets a tenth of a core: so long it stands still, and so long it runs.
STILL_S, RUNS_S = 0.09, 0.01
SLOW_TURNS = 30


@pytest.mark.parametrize('role', [DISPATCHER, CALCULATOR, CLIENT])
def test_a_process_that_is_slow_starves_no_client(system, role, python, say):
    dispatcher, calculators = trio(system, python)
    clients = [system.client('client-%d' % number, task_interval_s=[0.05, 0.15], task_timeout_s=LONG_S,
                             drain_timeout_s=30) for number in range(3)]
    slow = {DISPATCHER: dispatcher, CALCULATOR: calculators[0], CLIENT: clients[0]}[role]
    goes_on(dispatcher)
    for _ in range(SLOW_TURNS):
        slow.suspend()
        time.sleep(STILL_S)
        slow.resume()
        time.sleep(RUNS_S)
    for client in clients:
        client.ask_to_end()
        assert client.wait() == 0
        assert client.account['sent'] == client.account['outcomes']['done'] > 5
    system.balance()
    assert dispatcher.account['counts']['died'] == 0
    say('%s with a tenth of a core: %s tasks of three clients done' % (
        role, ', '.join('%d' % client.account['sent'] for client in clients)))


# The wall clock: set by somebody, or by a time server that has just found out.


@pytest.fixture
def wall_clock(monkeypatch, tmpdir):
    """Sets the wall clock of all processes that are started from now on, while they run. The monotonic one goes on."""
    path = tmpdir.join('time')

    def step_to(offset_s):
        # Replaced at once: half a file would be another time.
        other = tmpdir.join('time.new')
        other.write('%+d' % offset_s)
        other.rename(path)
    step_to(0)
    monkeypatch.setenv('LD_PRELOAD', tools.faketime_library())
    monkeypatch.setenv('FAKETIME_TIMESTAMP_FILE', str(path))
    monkeypatch.setenv('FAKETIME_NO_CACHE', '1')
    for name in ('DONT_FAKE_MONOTONIC', 'FAKETIME_DONT_FAKE_MONOTONIC'):
        monkeypatch.setenv(name, '1')
    return step_to


@pytest.mark.needs('faketime')
def test_nothing_changes_when_the_wall_clock_jumps(system, tmpdir, wall_clock, python, say):
    dispatcher, calculators = trio(system, python)
    client = system.client(python=python, task_interval_s=[0.02, 0.06], drain_timeout_s=30)
    client.says('listening')
    for number, step_s in enumerate(STEPS_S):
        wall_clock(step_s)
        # One that begins now says what time it is to all of them.
        path = str(tmpdir.join('witness-%d.events' % number))
        witness = system.start(CALCULATOR, 'witness-%d' % number, {'heartbeat_interval_s': BEAT_S},
                               ['--json', '--events', path], python)
        dispatcher.says('calculator witness-%d registered' % number)
        assert abs(unix_time(path) - time.time() - step_s) < HOUR_S / 2
        time.sleep(2 * BEAT_S)
        witness.end()
    account = end_with_all_answered(system, dispatcher, client)
    counts = dispatcher.account['counts']
    assert (counts['died'], counts['held_up'], dispatcher.account['outcomes']['expired']) == (0, 0, 0), counts
    assert dispatcher.account['attempts']['timed_out'] == 0
    assert account['response_time_s']['min'] >= 0 and account['response_time_s']['max'] < HOUR_S / 2, account
    assert 0 < account['duration_s'] < HOUR_S / 2
    stamps = [line[:5] for line in dispatcher.log.splitlines() if 'registered' in line]
    assert len(set(stamps)) >= 3, 'only the stamps of the log follow the wall clock: %r' % stamps
    say('wall clock stepped by %s hours: %d tasks done, nothing else happened' % (
        ', '.join('%+d' % (step_s // HOUR_S) for step_s in STEPS_S), account['sent']))


def unix_time(path):
    return read(path)[0]['unix_time']
