"""Child processes of a calculator: a function can harm only its own call."""

from __future__ import absolute_import, division, print_function

import os
import signal
import subprocess
import sys
import time

import pytest

from calculator.children import SUCCESSOR_CALLS
from net_protocol.causes import DEATHS, EXCEPTION, EXIT, MEMORY, PROTOCOL, RESULT, SIGNAL, TIME
from runtime.clock import monotonic
from runtime.launcher import is_alive
from tests.calculator.real_children import Farm
from tests.source_tree import ROOT

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401


@pytest.fixture
def farm():
    with Farm() as made:
        yield made


def test_a_call_has_arguments_a_result_and_its_task_and_attempt(farm):
    assert farm.call('square', 3) == (9, None)
    assert farm.call('square', keywords={'x': 4}) == (16, None)
    assert farm.call('square', [1], [2], [3], each=True) == ([1, 4, 9], None)
    assert farm.call('task', attempt=3)[0] == [u'client-a:cccccccc:4', 3]
    assert 'square' in farm.core.offers[0] and not {'_private', 'ctypes'} & set(farm.core.offers[0])


def test_a_child_is_reused_and_replaced_after_its_calls():
    with Farm(calls_max=2) as farm:
        pids = [farm.call('whoami')[0] for _ in range(5)]
    assert pids[0] == pids[1] != pids[2] == pids[3] != pids[4]


# Functions that fail. The next call succeeds.

@pytest.mark.parametrize('function, cause, says', [
    ('segmentation_fault', SIGNAL, 'SIGSEGV'),
    ('vanish', EXIT, 'status 0'),
    ('allocate', MEMORY, 'memory'),
    ('loop', TIME, '0.5 s'),
    ('stop_itself', SIGNAL, 'stopped by SIGSTOP'),
])
def test_the_death_of_a_child_ends_its_call(farm, function, cause, says):
    result, failed = farm.call(function, timeout_s=0.5 if function == 'loop' else None)
    assert (result, failed['cause']) == (None, cause) and says in failed['message'] and cause in DEATHS
    assert farm.call('square', 3) == (9, None)


@pytest.mark.parametrize('function, cause, kind, says', [
    ('leave', EXCEPTION, 'SystemExit', 'enough'),
    ('recurse', EXCEPTION, 'RuntimeError' if sys.version_info < (3,) else 'RecursionError', 'recursion'),
    ('many', RESULT, 'NoResult', 'limit 60000'),
    ('large', RESULT, 'NoResult', 'more than 60000 bytes'),
    ('no_json', RESULT, 'NoResult', 'not JSON'),
    ('no_number', RESULT, 'NoResult', 'not JSON'),
])
def test_an_exception_or_a_wrong_result_does_not_end_the_child(farm, function, cause, kind, says):
    before = farm.call('whoami')
    result, failed = farm.call(function)
    assert (result, failed['cause'], failed['type']) == (None, cause, kind)
    assert says in failed['message'] and kind in failed['traceback']
    assert farm.call('whoami') == before


def test_output_of_a_function_does_not_disturb_the_protocol(farm):
    for function, result in (('loud', 'said'), ('loud', 'said'), ('close_output', 'closed')):
        assert farm.call(function) == (result, None)
    assert farm.call('square', 3) == (9, None)


def test_the_processes_that_a_child_started_end_with_it():
    with Farm(calls_max=2) as farm:
        pid, failed = farm.call('grandchild')
        assert failed is None and is_alive(pid)
        farm.call('square', 1)
        farm.until(lambda: not is_alive(pid))


def test_the_copy_of_a_child_that_forks_sends_nothing(farm):
    assert farm.call('fork')[1] is None
    assert farm.call('square', 3) == (9, None)


def test_the_last_lines_of_standard_error_come_with_a_failure(farm):
    _, failed = farm.call('fail', 'wrong')
    assert failed['message'] == 'wrong' and failed['type'] == 'ValueError'
    assert failed['stderr'] == 'before the end\n' and 'in fail' in failed['traceback']


def test_a_failing_import_offers_no_function(tmpdir):
    path = tmpdir.join('broken.py')
    path.write('import nowhere_to_be_found\n')
    with Farm(str(path)) as farm:
        farm.until(lambda: farm.core.offers)
        number = farm.start('square', 1)
        farm.until(lambda: farm.core.not_started)
        assert farm.core.offers == [[]] and farm.core.not_started == [number]


def test_only_the_names_in_all_are_offered(tmpdir):
    path = tmpdir.join('some.py')
    path.write('from math import sqrt\n__all__ = ["sqrt"]\ndef other():\n    pass\n')
    with Farm(str(path)) as farm:
        assert farm.call('sqrt', 9) == (3.0, None)
        assert farm.core.offers == [['sqrt']]


# Calls that are stopped or wait.

@pytest.mark.parametrize('function', ['loop', 'stubborn', 'stop_itself'])
def test_the_slot_of_a_stopped_call_becomes_free(farm, function):
    farm.call('square', 1)
    number = farm.start(function)
    farm.turn()
    farm.core.stops.append(number)
    began_at = monotonic()
    assert farm.call('square', 3) == (9, None)
    assert number not in farm.core.ended or function == 'stop_itself'
    # ``test_slots`` checks the limit of one second. This one includes the start of Python on a busy machine.
    assert monotonic() - began_at < 10
    farm.until(lambda: not farm.children._ending)


def test_a_waiting_call_can_be_stopped(farm):
    slow, waiting = farm.start('sleep', 0.5), farm.start('square', 1)
    farm.turn()
    farm.core.stops.append(waiting)
    farm.until(lambda: slow in farm.core.ended)
    assert farm.call('square', 2) == (4, None)
    assert waiting not in farm.core.ended


def test_a_call_that_waits_too_long_for_a_slot_is_handed_back(farm):
    assert farm.call('square', 1) == (1, None)
    slow, ahead = farm.start('sleep', 0.5), farm.start('square', 3)
    farm.until(lambda: slow in farm.core.ended)
    assert farm.core.not_started == [ahead] and ahead not in farm.core.ended
    calls = [farm.start('square', n) for n in (1, 2)]
    farm.until(lambda: calls[1] in farm.core.ended)
    assert farm.core.not_started == [ahead]


def test_the_successor_of_a_child_is_idle_before_the_child_ends():
    with Farm(calls_max=2 * SUCCESSOR_CALLS) as farm:
        first = farm.call('whoami')
        for _ in range(SUCCESSOR_CALLS):
            farm.call('whoami')
        farm.until(lambda: len(farm.children._idle) == 2)
        assert [farm.call('whoami') == first for _ in range(SUCCESSOR_CALLS)].index(False) == SUCCESSOR_CALLS - 1
        assert len(farm.children._children) == 1


# Programs in other languages.

ECHO = '''import json, sys
print(json.dumps({"ready": True, "functions": [{"name": "echo", "signature": "(x)", "doc": "Echo."}]}))
sys.stdout.flush()
for line in iter(sys.stdin.readline, ''):
    call = json.loads(line)
    if call["args"] == ["rubbish"]:
        print("rubbish")
    elif call["args"] == ["wrong"]:
        print(json.dumps({"call": call["call"], "error": {"type": "E", "message": "m", "traceback": "t"}}))
    else:
        print(json.dumps({"call": call["call"], "result": call["args"][0]}))
    sys.stdout.flush()
'''


@pytest.fixture
def echo():
    with Farm({'command': [sys.executable, '-c', ECHO]}) as made:
        yield made


def test_a_command_reads_calls_and_writes_results_as_lines(echo):
    assert echo.call('echo', [1, None]) == ([1, None], None)
    assert echo.call('echo', [1], [2], each=True) == ([1, 2], None)
    assert echo.call('echo', 'wrong')[1] == {'cause': 'exception', 'type': 'E', 'message': 'm', 'traceback': 't'}


def test_wrong_arguments_are_an_exception(echo, farm):
    for some in (echo, farm):
        for arguments in (u'no JSON', u'[[]]', u'[{}, []]', None, 1):
            number = some.start('square')
            some.core.starts[0].arguments = arguments
            some.until(lambda some=some, number=number: number in some.core.ended)
            assert some.core.ended[number][1]['cause'] == EXCEPTION


def test_a_wrong_line_counts_as_a_death(echo):
    assert echo.call('echo', 'rubbish')[1]['cause'] == PROTOCOL
    assert echo.call('echo', 1) == (1, None)


def test_a_program_that_does_not_exist_offers_nothing():
    with Farm({'command': ['/nowhere/to/be/found']}) as farm:
        farm.until(lambda: farm.core.offers == [[]])


# The end of the calculator.

CALCULATOR = '''import sys, time
sys.path.insert(0, %r)
from tests.calculator.real_children import Farm
farm = Farm(number=2, has_death_signal=%r)
print(farm.call('whoami')[0])
print(farm.call('whoami')[0])
farm.start('loop')
farm.start('stop_itself' if %r else 'loop')
for _ in range(3):
    farm.turn()
sys.stdout.flush()
time.sleep(100)
'''


@pytest.mark.parametrize('has_death_signal', [True, False])
def test_a_killed_calculator_leaves_no_child(has_death_signal):
    if has_death_signal and not sys.platform.startswith('linux'):
        pytest.skip('only Linux has PR_SET_PDEATHSIG')
    process = subprocess.Popen([sys.executable, '-c', CALCULATOR % (ROOT, has_death_signal, has_death_signal)],
                               stdout=subprocess.PIPE)  # type: Any
    try:
        pids = [int(process.stdout.readline()) for _ in range(2)]
        assert all(is_alive(pid) for pid in pids)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    end_at = monotonic() + 30
    while any(is_alive(pid) for pid in pids):
        assert monotonic() < end_at, 'a child is alive 30 s after its calculator was killed'
        time.sleep(0.05)
def test_close_ends_all_children_and_the_processes_that_they_started():
    with Farm(number=2) as farm:
        grandchild = farm.call('grandchild')[0]
        farm.start('stubborn')
        for _ in range(3):
            farm.turn()
        pids = [child._process.pid for child in farm.children._children]
    assert not any(is_alive(pid) for pid in pids + [grandchild])


def test_an_idle_child_that_is_killed_is_replaced(farm):
    pid = farm.call('whoami')[0]
    os.kill(pid, signal.SIGKILL)
    farm.until(lambda: pid not in [child._process.pid for child in farm.children._children])
    assert farm.call('square', 3) == (9, None)
