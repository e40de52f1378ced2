"""Work in child processes: in order, also when one of them is killed."""

from __future__ import absolute_import, division, print_function

import os
import signal
import subprocess
import sys
import time

import pytest

from runtime import workers
from runtime.launcher import is_alive
from tests.source_tree import ROOT
from tests.system.processes import eventually


def square(number):
    if number == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def test_results_come_in_the_order_of_the_work_and_a_killed_child_is_one_of_them():
    found = list(workers.results(square, iter(range(20)), 3, lambda piece, error: (piece, str(error))))
    assert found[5] == (5, 'a worker ended with status -9')
    del found[5]
    assert found == [number * number for number in range(20) if number != 5]


def slow_at_first(number):
    time.sleep(0.5 * (number == 0))
    return number


def test_no_work_is_left_where_all_others_wait_for_the_slowest():
    assert list(workers.results(slow_at_first, iter(range(100)), 2, None)) == list(range(100))


def test_closing_ends_the_children():
    results = workers.results(square, iter(range(100, 10000)), 2, None)
    assert next(results) == 10000
    results.close()  # type: ignore[attr-defined]


#: A parent that starts two children, prints who they are, and is killed.
PARENT = '''
import os, signal, sys
from runtime import workers
if __name__ == '__main__':
    pool = workers.Pool(abs, 2)
    assert list(pool.results(iter([-1, -2]), None)) == [1, 2]
    sys.stdout.write(' '.join(str(worker.process.pid) for worker in pool._workers))
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)
'''


@pytest.mark.skipif(not os.path.isdir('/proc/self'), reason='needs /proc')
def test_children_end_with_a_parent_that_is_killed():
    parent = subprocess.Popen([sys.executable, '-c', PARENT], cwd=ROOT, stdout=subprocess.PIPE)
    children = [int(word) for word in parent.stdout.read(64).split()]  # type: ignore[union-attr]
    assert parent.wait() == -signal.SIGKILL and len(children) == 2
    eventually(lambda: not any(is_alive(pid) for pid in children), 'the children have ended')


def test_no_work_has_no_results():
    assert list(workers.results(square, iter(()), 2, None)) == []
