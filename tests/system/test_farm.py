"""The library and the commands for calls of functions, with real programs."""

from __future__ import absolute_import, division, print_function

import functools
import io
import itertools
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
from runtime.launcher import is_alive, run
from tests.source_tree import ROOT
from tests.system import farm
from tests.system.processes import eventually, run_to_end

BOUND_S = 60


@pytest.fixture
def executor(system):
    """An executor with a dispatcher, and two calculators with two slots each."""
    farm.start(system, 2)
    made = Executor(farm.address(system))
    try:
        yield made
    finally:
        # A test that failed may have left calls running.
        made.shutdown(cancel_futures=True)


@pytest.fixture
def command(system):
    """A function that runs a client with some arguments on a farm with one calculator."""
    farm.start(system)
    return functools.partial(farm.run_client, system)


def square(x):
    """The client sends only its name."""
    raise AssertionError(x)


# The library.

def test_a_call_returns_its_result(executor):
    assert executor.submit('square', 3).result(BOUND_S) == 9
    assert executor.submit('square', x=4).result(BOUND_S) == 16


def test_map_yields_all_results_in_order(executor):
    for options in ({}, {'chunksize': 7}, {'in_flight_max': 3}, {'chunksize': 10, 'in_flight_max': 5}):
        assert list(executor.map('square', range(100), **options)) == [n * n for n in range(100)]
        assert list(executor.map('square', [], **options)) == []


def test_map_reads_its_input_lazily(executor):
    taken = []

    def numbers():
        for n in itertools.count():
            taken.append(n)
            yield n
    results = executor.map('square', numbers(), in_flight_max=10)
    assert [next(results) for _ in range(20)] == [n * n for n in range(20)]
    assert len(taken) <= 31
    results.close()


def test_the_error_of_a_call_has_its_traceback(executor):
    with pytest.raises(TaskFailed) as caught:
        executor.submit('fail', 'wrong').result(BOUND_S)
    error = caught.value
    assert (error.type, error.attempts, error.stderr) == ('ValueError', 1, 'before the end\n')
    assert 'ValueError: wrong' in str(error) and 'in fail' in error.traceback


def test_a_call_that_kills_its_process_has_three_attempts_and_other_calls_are_done(executor):
    poison = [executor.submit(name) for name in ('vanish', 'segmentation_fault', 'stop_itself')]
    assert list(executor.map('square', range(200))) == [n * n for n in range(200)]
    for future, cause in zip(poison, ('exit', 'signal', 'signal')):
        error = future.exception(BOUND_S)
        assert type(error) is WorkerDied and (error.cause, error.attempts) == (cause, 3)


def test_the_task_timeout_ends_the_task_and_stops_its_function(executor):
    error = executor.options(task_timeout_s=1).submit('sleep', 1000).exception(BOUND_S)
    assert type(error) is TaskExpired
    assert all(future.result(BOUND_S) == 9 for future in [executor.submit('square', 3) for _ in range(8)])


def test_cancel_stops_the_function_and_frees_its_slot(executor):
    pids = {executor.submit('whoami').result(BOUND_S) for _ in range(100)}
    running = [executor.submit('sleep', 1000) for _ in range(4)]
    slow = executor.submit('sleep', 0)
    assert client.wait([slow], timeout=0.3)[0] == set()
    assert all(future.cancel() and future.cancelled() for future in running)
    assert slow.result(BOUND_S) == 'slept'
    eventually(lambda: sum(is_alive(pid) for pid in pids) <= len(pids) - 4 or len(pids) < 4, 'four processes ended')
    with pytest.raises(client.CancelledError):
        running[0].result(BOUND_S)


def test_submit_refuses_what_can_not_be_sent(executor):
    with pytest.raises(TooLarge):
        executor.submit('square', 'x' * 70000)
    with pytest.raises(ValueError):
        executor.options(priority=10)
    with pytest.raises(TypeError):
        executor.options(unknown=1)
    with pytest.raises(ValueError) as caught:
        executor.submit(u'no name', 1)
    assert str(caught.value) == 'found "no name", expected the name of a function'
    for function in (lambda x: x, 3, None, ['square'], functools.partial(square), sys):
        with pytest.raises(TypeError, match='expected the name of a function'):
            executor.submit(function, 3)
    assert executor.submit(square, 3).result(BOUND_S) == 9


def test_wait_and_as_completed_accept_the_futures(executor):
    calls = [executor.submit('square', n) for n in range(10)]
    assert sorted(future.result() for future in client.as_completed(calls, BOUND_S)) == [n * n for n in range(10)]
    done, others = client.wait(calls, BOUND_S)
    assert done == set(calls) and not others
    called = []
    calls[0].add_done_callback(called.append)
    assert called == [calls[0]]


def test_a_future_can_be_awaited(executor):
    asyncio = pytest.importorskip('asyncio')
    loop = asyncio.new_event_loop()
    try:
        assert loop.run_until_complete(asyncio.wrap_future(executor.submit('square', 5), loop=loop)) == 25
    finally:
        loop.close()


def test_threads_share_an_executor(executor):
    results = []
    threads = [threading.Thread(target=lambda n=n: results.append(sum(executor.map('square', [n] * 50))))
               for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND_S)
    assert sorted(results) == [50 * n * n for n in range(4)]


def test_shutdown_waits_for_calls_or_cancels_them_and_refuses_new_ones(system):
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

def test_map_prints_a_line_for_each_line(command):
    status, out, err = command(['--map', 'square'], ''.join('%d\n' % n for n in range(1, 501)))
    assert (status, out.split()) == (0, ['%d' % (n * n) for n in range(1, 501)])
    assert 'answered' in err
    lines = '"one"\nrubbish\n"two"\nNaN\n1e999\n"%s"' % (70000 * 'x')
    status, out, _ = command(['--map', 'fail'], lines)
    assert status == 1 and [json.loads(line)['error']['kind'] for line in out.splitlines()] == [
        'TaskFailed', 'NotSent', 'TaskFailed', 'NotSent', 'NotSent', 'NotSent']
    assert json.loads(out.splitlines()[0]) == {'error': {'kind': 'TaskFailed', 'message': 'ValueError: one',
                                                         'attempts': 1}}


def test_the_manual_lists_every_kind_of_error():
    with io.open(os.path.join(ROOT, 'docs', 'work.md'), encoding='utf-8') as file:
        sentence = file.read().partition('`kind` is ')[2].partition('Progress')[0]
    # The subclasses of the base class are the kinds.
    errors = [NotSent] + TaskError.__subclasses__() + TaskFailed.__subclasses__()
    kinds = {described(error('some'))['kind'] for error in errors} | {described('cancelled')['kind']}
    assert set(re.findall('`([A-Za-z]+)`', sentence)) == kinds


def test_map_with_resume_skips_inputs_whose_results_are_in_the_file(command, tmpdir):
    before = tmpdir.join('squares.jsonl')
    before.write('1\n4\n9\n')
    inputs = ''.join('%d\n' % n for n in range(1, 7))
    assert command(['--map', 'square', '--resume', str(before)], inputs)[:2] == (0, '16\n25\n36\n')
    before.write('1\n4\n9')
    status, _, err = command(['--map', 'square', '--resume', str(before)], inputs)
    assert status == 2 and 'incomplete' in err


def test_map_finishes_calls_that_run_when_it_is_interrupted(system):
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


def test_map_ends_when_the_reader_closes_the_pipe(system):
    farm.start(system)
    command = 'yes 3 | %s run_client.py --dispatcher %s --map square | head -n 3; echo "${PIPESTATUS[1]}"' % (
        sys.executable, farm.address(system))
    _, out, err = run(['bash', '-c', command])
    assert out.split() == ['9', '9', '9', '0']
    # One line about all calls; on a busy machine perhaps a second one.
    assert ' Cancelled ' in err and len(err.splitlines()) <= 2 and 'Task' not in err, err


def test_call_prints_its_result_or_its_error_in_one_line(system):
    _, (calculator,) = farm.start(system, work=farm.SAMPLE)
    assert farm.run_client(system, ['--call', 'score', '"abc"', 'scale=2'])[:2] == (0, '6\n')
    errors = [('3', 1, 'TaskFailed: TypeError: '), (json.dumps('x' * 70000), 1, 'limit of 60000 bytes'),
              ('1e999', 1, 'JSON'), ('abc', 2, 'not JSON'), ('NaN', 2, 'not JSON'), ('[' * 5000, 2, 'not JSON'),
              ('scale=-Infinity', 2, 'not JSON')]
    for argument, expected, words in errors:
        status, out, err = farm.run_client(system, ['--call', 'score', argument])
        assert (status, out, err.count('\n')) == (expected, '', 1) and words in err
    assert calculator.end() == 0
    assert (calculator.account['counts']['calls'], calculator.account['counts']['calls_failed']) == (2, 1)


def test_options_set_the_timeouts_and_the_priority_of_calls(command):
    status, _, err = command(['--call', 'scor', '--task-timeout', '0.5'])
    assert status == 1 and "TaskExpired: no calculator has 'scor'; known: " in err
    status, out, _ = command(['--map', 'scor', '--task-timeout', '0.5'], '3\n')
    assert status == 1 and json.loads(out)['error']['kind'] == 'TaskExpired'
    status, _, err = command(['--call', 'sleep', '1000', '--answer-timeout', '0.2', '--priority', '9'])
    assert status == 1 and 'WorkerDied: no result within 0.2 s' in err
    for arguments in (['--priority', '3'], ['--functions', '--task-timeout', '3'], ['--call', 'f', '--priority', '10']):
        assert command(arguments)[0] == 2


@pytest.mark.parametrize('option', ['--call', '--map'])
def test_a_name_that_no_function_can_have_is_wrong_usage(option):
    status, out, err = run_to_end(['run_client.py', option, 'no name'])
    assert (status, out, err) == (
        2, '', 'run_client.py: argument %s: found "no name", expected the name of a function\n' % option)


# The calculator.

# `--check` and a start find the same problems: each is used for two of them.
@pytest.mark.parametrize('work, says, options', [
    ('nofile.py', 'nofile.py: no such file', []),
    ({'command': ['./nowhere']}, './nowhere: no such program, or it is not executable', ['--check']),
    ({'command': ['no-such-program']}, 'no-such-program: no such program, or it is not executable', []),
    ({'command': ['./data']}, './data: no such program, or it is not executable', ['--check'])])
def test_a_calculator_refuses_work_that_can_not_be_started(tmpdir, work, says, options):
    tmpdir.join('data').write('some')
    tmpdir.join('s.json').write(json.dumps({'work': work, 'listen': {'port': 0}}))
    assert run([sys.executable, os.path.join(ROOT, 'run_calculator.py'), '-s', 's.json'] + options,
               cwd=str(tmpdir)) == (2, '', 'run_calculator.py: work: %s\n' % says)


def test_check_accepts_a_file_a_program_on_the_path_and_a_module(tmpdir):
    tmpdir.join('work.py').write('import nowhere_to_be_found\n')
    for work in ('work.py', {'command': ['sh']}, {'command': [sys.executable]}, {'module': 'no.such.module'}):
        tmpdir.join('s.json').write(json.dumps({'work': work}))
        assert run([sys.executable, os.path.join(ROOT, 'run_calculator.py'), '-s', 's.json', '--check'],
                   cwd=str(tmpdir))[0] == 0


def test_a_calculator_uses_another_port_if_the_default_one_is_taken(system):
    system.is_balanced = True
    system.dispatcher()
    first, second = [system.run('calculator', ['--dispatcher', farm.address(system), '--name', name])
                     for name in ('first', 'second')]
    ports = {first.address[1], second.address[1]}
    assert len(ports) == 2
    assert any('taken; using port' in process.log for process in (first, second)) or 5600 not in ports


# Operation.

def test_functions_are_listed_after_waiting_up_to_two_seconds_for_a_calculator(system):
    system.is_balanced = True
    system.dispatcher()
    began_at = monotonic()
    status, out, err = farm.run_client(system, ['--functions'])
    assert (status, out) == (1, '') and 'no calculator offers a function' in err and len(err.splitlines()) == 1
    assert monotonic() - began_at >= 2
    # The client asks before the process of the calculator has imported the functions.
    system.calculator('calculator-1', work=farm.SAMPLE)
    assert farm.run_client(system, ['--functions'])[:2] == (
        0, 'score(text, scale=1)  Score a text.\nsquare(x)  The square of a number.\n')
    status, out, _ = farm.run_client(system, ['--functions', '--json'])
    assert status == 0 and [entry['name'] for entry in json.loads(out)] == ['score', 'square']


def test_an_operator_drains_and_readmits_calculators_cancels_tasks_and_lists_failures(system, executor):
    def monitor(*arguments):
        return run_to_end(['run_monitor.py', '--dispatcher', farm.address(system)] + list(arguments))
    assert monitor('--drain', 'calculator-1')[:2] == (0, 'calculator-1 gets no new work; 0 attempts run\n')
    assert monitor('--drain', 'calculator-7')[:2] == (1, 'calculator-7: no calculator has that name\n')
    list(executor.map('square', range(50)))
    assert monitor('--readmit', 'calculator-1')[0] == 0
    slow = executor.submit('sleep', 1000)
    task = eventually(lambda: slow.number and '%s:%s:%d' % (
        executor._link.core.name, executor._link.core.incarnation, slow.number), 'the call is submitted')
    eventually(lambda: monitor('--cancel', task)[0] == 0, 'the task is cancelled')
    with pytest.raises(client.CancelledError):
        slow.result(BOUND_S)
    assert executor.options(attempts_max=1).submit('vanish').exception(BOUND_S).attempts == 1
    status, out, _ = monitor('--failed')
    assert status == 0 and 'vanish [[],{}]' in out and 'the process that ran the function died' in out
    assert json.loads(monitor('--failed', '--json')[1])['tasks'][0]['function'] == 'vanish'
