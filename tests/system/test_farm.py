"""A farm as its user sees it: the library and the commands against real programs."""

from __future__ import absolute_import, division, print_function

import functools
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading

import pytest

import client
from client import Executor, TaskExpired, TaskFailed, WorkerDied
from client.commands import NotSent, described
from client.executor import TaskError
from net_protocol.errors import TooLarge
from runtime.clock import monotonic
from runtime.launcher import is_alive
from tests.source_tree import ROOT
from tests.system import farm
from tests.system.processes import eventually, run_to_end

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401

BOUND_S = 60


@pytest.fixture
def started(system):
    """A dispatcher, two calculators with two slots each, and an executor."""
    system.is_balanced = True
    _, calculators = farm.start(system, 2)
    executor = Executor(farm.address(system))  # type: Any
    executor.system, executor.calculators = system, calculators
    try:
        yield executor
    finally:
        # Also what a test that failed left running.
        executor.shutdown(cancel_futures=True)


def square(x):
    """Only its name is sent."""
    raise AssertionError(x)


# The library.

def test_a_call_brings_its_result(started):
    assert started.submit('square', 3).result(BOUND_S) == 9
    assert started.submit('square', x=4).result(BOUND_S) == 16


def test_map_yields_all_results_in_order(started):
    for options in ({}, {'chunksize': 7}, {'in_flight_max': 3}, {'chunksize': 10, 'in_flight_max': 5}):
        assert list(started.map('square', range(100), **options)) == [n * n for n in range(100)]
        assert list(started.map('square', [], **options)) == []


def test_map_is_lazy_and_bounded(started):
    taken = []

    def numbers():
        n = 0
        while True:
            taken.append(n)
            yield n
            n += 1
    results = started.map('square', numbers(), in_flight_max=10)
    assert [next(results) for _ in range(20)] == [n * n for n in range(20)]
    assert len(taken) <= 31
    results.close()


def test_an_exception_comes_with_its_traceback(started):
    with pytest.raises(TaskFailed) as caught:
        started.submit('fail', 'wrong').result(BOUND_S)
    error = caught.value
    assert (error.type, error.attempts, error.stderr) == ('ValueError', 1, 'before the end\n')
    assert 'ValueError: wrong' in str(error) and 'in fail' in error.traceback


def test_a_task_that_kills_its_process_is_tried_three_times_and_harms_no_other(started):
    poison = [started.submit(name) for name in ('vanish', 'segmentation_fault', 'stop_itself')]
    assert list(started.map('square', range(200))) == [n * n for n in range(200)]
    for future, cause in zip(poison, ('exit', 'signal', 'signal')):
        error = future.exception(BOUND_S)
        assert type(error) is WorkerDied and (error.cause, error.attempts) == (cause, 3)


def test_calls_that_kill_their_processes_delay_others_by_a_second_at_most(system):
    system.is_balanced = True
    farm.start(system, capacity=8)
    with Executor(farm.address(system)) as executor:
        def seconds(poisonous):
            began_at = monotonic()
            poison = [executor.submit('vanish') for _ in range(poisonous)]
            assert list(executor.map('sleep', [1] * 24)) == ['slept'] * 24
            assert [type(future.exception(BOUND_S)) for future in poison] == [WorkerDied] * poisonous
            return monotonic() - began_at
        seconds(0)
        alone_s = seconds(0)
        # Three times the promise, because a start of Python takes its time where the machine is busy.
        assert seconds(2) - alone_s <= 3


def test_an_answer_time_out_ends_each_attempt(started):
    error = started.options(answer_timeout_s=0.3, attempts_max=2).submit('loop').exception(BOUND_S)
    assert type(error) is WorkerDied and (error.cause, error.attempts) == ('time', 2)


def test_a_task_time_out_ends_the_task_and_stops_it(started):
    error = started.options(task_timeout_s=1).submit('sleep', 1000).exception(BOUND_S)
    assert type(error) is TaskExpired
    assert all(future.result(BOUND_S) == 9 for future in [started.submit('square', 3) for _ in range(8)])


def test_cancel_stops_the_function_and_frees_its_slot(started):
    pids = {started.submit('whoami').result(BOUND_S) for _ in range(100)}
    running = [started.submit('sleep', 1000) for _ in range(4)]
    slow = started.submit('sleep', 0)
    assert client.wait([slow], timeout=1)[0] == set()
    assert all(future.cancel() and future.cancelled() for future in running)
    assert slow.result(BOUND_S) == 'slept'
    eventually(lambda: sum(is_alive(pid) for pid in pids) <= len(pids) - 4 or len(pids) < 4, 'they ended')
    with pytest.raises(client.CancelledError):
        running[0].result(BOUND_S)


def test_a_function_that_nobody_has_is_named_at_the_deadline(started):
    error = started.options(task_timeout_s=2.5).submit('scor').exception(BOUND_S)
    assert type(error) is TaskExpired and "no calculator has 'scor'; known: " in str(error)


def test_what_can_not_be_sent_is_refused_where_it_is_called(started):
    with pytest.raises(TooLarge):
        started.submit('square', 'x' * 70000)
    with pytest.raises(ValueError):
        started.options(priority=10)
    with pytest.raises(TypeError):
        started.options(unknown=1)
    with pytest.raises(ValueError) as caught:
        started.submit(u'no name', 1)
    assert str(caught.value) == 'found "no name", expected the name of a function'
    for function in (lambda x: x, 3, None, ['square'], functools.partial(square), sys):
        with pytest.raises(TypeError, match='expected the name of a function'):
            started.submit(function, 3)
    assert started.submit(square, 3).result(BOUND_S) == 9


def test_futures_work_with_the_functions_of_the_module(started):
    calls = [started.submit('square', n) for n in range(10)]
    assert sorted(future.result() for future in client.as_completed(calls, BOUND_S)) == [n * n for n in range(10)]
    done, others = client.wait(calls, BOUND_S)
    assert done == set(calls) and not others
    called = []
    calls[0].add_done_callback(called.append)
    assert called == [calls[0]]


@pytest.mark.skipif(sys.version_info < (3, 7), reason='asyncio is of 3.x')
def test_a_future_can_be_awaited(started):
    import asyncio

    async_result = asyncio.new_event_loop()
    try:
        wrapped = asyncio.wrap_future(started.submit('square', 5), loop=async_result)
        assert async_result.run_until_complete(wrapped) == 25
    finally:
        async_result.close()


def test_threads_share_an_executor(started):
    results = []
    threads = [threading.Thread(target=lambda n=n: results.append(sum(started.map('square', [n] * 50))))
               for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND_S)
    assert sorted(results) == [50 * n * n for n in range(4)]


def test_after_shutdown_nothing_is_taken_and_what_was_is_done(system):
    system.is_balanced = True
    farm.start(system)
    executor = Executor(farm.address(system))
    calls = [executor.submit('square', n) for n in range(50)]
    executor.shutdown()
    assert [future.result(0) for future in calls] == [n * n for n in range(50)]
    with pytest.raises(RuntimeError):
        executor.submit('square', 1)
    executor = Executor(farm.address(system))
    slow = [executor.submit('sleep', 1000) for _ in range(5)]
    executor.shutdown(cancel_futures=True)
    assert all(future.cancelled() for future in slow)


# The commands.

def test_map_prints_a_line_for_each_line(system):
    system.is_balanced = True
    farm.start(system)
    status, out, err = farm.run_client(system, ['--map', 'square'], ''.join('%d\n' % n for n in range(1, 501)))
    assert (status, out.split()) == (0, ['%d' % (n * n) for n in range(1, 501)])
    assert 'answered' in err
    lines = '"one"\nrubbish\n"two"\nNaN\n1e999\n"%s"' % (70000 * 'x')
    status, out, _ = farm.run_client(system, ['--map', 'fail'], lines)
    assert status == 1 and [json.loads(line)['error']['kind'] for line in out.splitlines()] == [
        'TaskFailed', 'NotSent', 'TaskFailed', 'NotSent', 'NotSent', 'NotSent']
    assert json.loads(out.splitlines()[0]) == {'error': {'kind': 'TaskFailed', 'message': 'ValueError: one',
                                                         'attempts': 1}}


def test_the_manual_has_every_kind_of_error():
    with io.open(os.path.join(ROOT, 'docs', 'work.md'), encoding='utf-8') as file:
        sentence = file.read().partition('`kind` is ')[2].partition('Progress')[0]
    # The base is no kind, and its subclasses are all that an outcome can be.
    errors = [NotSent] + TaskError.__subclasses__() + TaskFailed.__subclasses__()
    kinds = {described(error('some'))['kind'] for error in errors} | {described('cancelled')['kind']}
    assert set(re.findall('`([A-Za-z]+)`', sentence)) == kinds


def test_map_resumes_after_the_lines_that_are_there(system, tmpdir):
    system.is_balanced = True
    farm.start(system)
    before = tmpdir.join('squares.jsonl')
    before.write('1\n4\n9\n')
    inputs = ''.join('%d\n' % n for n in range(1, 7))
    assert farm.run_client(system, ['--map', 'square', '--resume', str(before)], inputs)[:2] == (0, '16\n25\n36\n')
    before.write('1\n4\n9')
    status, _, err = farm.run_client(system, ['--map', 'square', '--resume', str(before)], inputs)
    assert status == 2 and 'incomplete' in err


def test_map_stops_softly(system):
    system.is_balanced = True
    farm.start(system)
    command = [sys.executable, os.path.join(ROOT, 'run_client.py'), '--dispatcher', farm.address(system), '--map',
               'square']
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
                               bufsize=0)
    process.stdin.write(b'2\n3\n')  # type: ignore[union-attr]
    process.stdin.flush()  # type: ignore[union-attr]
    assert process.stdout.readline() == b'4\n'  # type: ignore[union-attr]
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out) == (0, b'9\n'), err


def test_map_ends_when_nobody_reads_any_more(system):
    system.is_balanced = True
    farm.start(system)
    command = 'yes 3 | %s run_client.py --dispatcher %s --map square | head -n 3; echo "${PIPESTATUS[1]}"' % (
        sys.executable, farm.address(system))
    process = subprocess.Popen(['bash', '-c', command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate()
    assert out.split() == [b'9', b'9', b'9', b'0']
    # One line about all of them, perhaps a second one where the machine is busy.
    assert b' Cancelled ' in err and len(err.splitlines()) <= 2 and b'Task' not in err, err


def test_call_prints_one_line(system):
    system.is_balanced = True
    _, (calculator,) = farm.start(system, work=os.path.join(ROOT, 'config', 'work.py'))
    assert farm.run_client(system, ['--call', 'score', '"abc"', 'scale=2'])[:2] == (0, '6\n')
    status, out, err = farm.run_client(system, ['--call', 'score', '3'])
    assert (status, out) == (1, '') and 'TaskFailed: TypeError: ' in err and len(err.splitlines()) == 1
    for argument in ('abc', 'NaN', 'scale=-Infinity', '[' * 5000):
        status, out, err = farm.run_client(system, ['--call', 'score', argument])
        assert (status, out) == (2, '') and 'not JSON' in err and len(err.splitlines()) == 1
    for argument, says in ((json.dumps('x' * 70000), 'limit of 60000 bytes'), ('1e999', 'JSON')):
        status, out, err = farm.run_client(system, ['--call', 'score', argument])
        assert (status, out) == (1, '') and says in err and len(err.splitlines()) == 1
    assert calculator.end() == 0
    assert (calculator.account['counts']['calls'], calculator.account['counts']['calls_failed']) == (2, 1)


def test_the_options_of_calls(system):
    system.is_balanced = True
    farm.start(system)
    status, _, err = farm.run_client(system, ['--call', 'scor', '--task-timeout', '0.5'])
    assert status == 1 and "TaskExpired: no calculator has 'scor'" in err
    status, out, _ = farm.run_client(system, ['--map', 'scor', '--task-timeout', '0.5'], '3\n')
    assert status == 1 and json.loads(out)['error']['kind'] == 'TaskExpired'
    status, _, err = farm.run_client(system, ['--call', 'sleep', '1000', '--answer-timeout', '0.2', '--priority', '9'])
    assert status == 1 and 'WorkerDied: no result within 0.2 s' in err
    for arguments in (['--priority', '3'], ['--functions', '--task-timeout', '3'], ['--call', 'f', '--priority', '10']):
        assert farm.run_client(system, arguments)[0] == 2


@pytest.mark.parametrize('option', ['--call', '--map'])
def test_a_name_that_no_function_has_is_refused_before_anything_is_read(option):
    status, out, err = run_to_end(['run_client.py', option, 'no name'])
    assert (status, out, err) == (
        2, '', 'run_client.py: argument %s: found "no name", expected the name of a function\n' % option)


# The calculator.

def test_a_calculator_that_anybody_can_reach_runs_no_code_without_a_key(tmpdir):
    settings = tmpdir.join('open.json')
    settings.write('{"listen": {"host": "0.0.0.0", "port": 0}, "work": "config/work.py"}')
    status, _, err = run_to_end(['run_calculator.py', '-s', str(settings)])
    assert status == 2 and 'needs a key' in err


@pytest.mark.parametrize('work, says', [
    ('nofile.py', 'nofile.py: no such file'),
    ({'command': ['./nowhere']}, './nowhere: no such program, or it is not executable'),
    ({'command': ['no-such-program']}, 'no-such-program: no such program, or it is not executable'),
    ({'command': ['./data']}, './data: no such program, or it is not executable')])
@pytest.mark.parametrize('more', [[], ['--check']], ids=str)
def test_work_that_is_not_there_ends_the_calculator(tmpdir, work, says, more):
    tmpdir.join('data').write('some')
    tmpdir.join('s.json').write(json.dumps({'work': work, 'listen': {'port': 0}}))
    process = subprocess.Popen([sys.executable, os.path.join(ROOT, 'run_calculator.py'), '-s', 's.json'] + more,
                               cwd=str(tmpdir), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate()
    assert (process.returncode, out, err.decode('ascii')) == (2, b'', u'run_calculator.py: work: %s\n' % says)


def test_work_that_is_there_is_started_wherever_it_is(tmpdir):
    tmpdir.join('work.py').write('import nowhere_to_be_found\n')
    for work in ('work.py', {'command': ['sh']}, {'command': [sys.executable]}, {'module': 'no.such.module'}):
        tmpdir.join('s.json').write(json.dumps({'work': work}))
        subprocess.check_output([sys.executable, os.path.join(ROOT, 'run_calculator.py'), '-s', 's.json', '--check'],
                                cwd=str(tmpdir))


def test_a_killed_calculator_leaves_no_child(system):
    system.is_balanced = True
    _, (calculator,) = farm.start(system)
    with Executor(farm.address(system)) as executor:
        pids = {executor.submit('whoami').result(BOUND_S) for _ in range(20)}
        assert all(is_alive(pid) for pid in pids)
        calculator.kill()
        eventually(lambda: not any(is_alive(pid) for pid in pids), 'its children ended')


def test_the_default_port_may_be_taken(system):
    system.is_balanced = True
    system.dispatcher()
    first, second = [system.run('calculator', 'calculator', ['--dispatcher', farm.address(system), '--name',
                                                             'calculator-%d' % number]) for number in (1, 2)]
    ports = {first.address[1], second.address[1]}
    assert len(ports) == 2
    assert any('taken; using port' in process.log for process in (first, second)) or 5600 not in ports


# Operating.

def test_functions_are_listed(system):
    system.is_balanced = True
    farm.start(system, work=os.path.join(ROOT, 'config', 'work.py'))
    assert farm.run_client(system, ['--functions'])[:2] == (
        0, 'score(text, scale=1)  Score a text.\nsquare(x)  The square of a number.\n')
    status, out, _ = farm.run_client(system, ['--functions', '--json'])
    assert status == 0 and [entry['name'] for entry in json.loads(out)] == ['score', 'square']


def test_functions_are_awaited_for_two_seconds(system):
    system.is_balanced = True
    system.dispatcher()
    began_at = monotonic()
    status, out, err = farm.run_client(system, ['--functions'])
    assert (status, out) == (1, '') and 'no calculator offers a function' in err and len(err.splitlines()) == 1
    assert monotonic() - began_at >= 2
    # Its process and its import take longer than the first question.
    system.calculator('calculator-1', work=os.path.join(ROOT, 'config', 'work.py'))
    status, out, _ = farm.run_client(system, ['--functions'])
    assert status == 0 and 'square(x)' in out


def test_an_operator_drains_readmits_cancels_and_lists(started):
    def monitor(*arguments):
        return run_to_end(['run_monitor.py', '--dispatcher', farm.address(started.system)] + list(arguments))
    assert monitor('--drain', 'calculator-1')[:2] == (0, 'calculator-1 gets no new work; 0 attempts run\n')
    assert monitor('--drain', 'calculator-7')[:2] == (1, 'calculator-7: no calculator has that name\n')
    list(started.map('square', range(50)))
    assert monitor('--readmit', 'calculator-1')[0] == 0
    slow = started.submit('sleep', 1000)
    task = eventually(lambda: slow.number and '%s:%s:%d' % (
        started._link.core.name, started._link.core.incarnation, slow.number), 'it is submitted')
    eventually(lambda: monitor('--cancel', task)[0] == 0, 'it is cancelled')
    with pytest.raises(client.CancelledError):
        slow.result(BOUND_S)
    assert started.options(attempts_max=1).submit('vanish').exception(BOUND_S) is not None
    status, out, _ = monitor('--failed')
    assert status == 0 and 'vanish [[],{}]' in out and 'child died' in out
    assert json.loads(monitor('--failed', '--json')[1])['tasks'][0]['function'] == 'vanish'
