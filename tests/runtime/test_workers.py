"""Work in child processes: results in order, also after a child was killed."""

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


def test_results_have_the_order_of_the_work_and_a_killed_child_gives_an_error():
    found = list(workers.results(square, iter(range(20)), 3, lambda piece, error: (piece, str(error))))
    assert found[5] == (5, 'a worker ended with status -9')
    del found[5]
    assert found == [number * number for number in range(20) if number != 5]


def slow_first(number):
    time.sleep(0.2 * (number == 0))
    return number


def test_all_work_is_done_when_the_first_piece_is_the_slowest():
    assert list(workers.results(slow_first, iter(range(30)), 2, None)) == list(range(30))


def test_close_ends_the_children():
    results = workers.results(square, iter(range(100, 10000)), 2, None)
    assert next(results) == 10000
    results.close()  # type: ignore[attr-defined]


#: A parent that starts two children, prints their process ids, and kills itself.
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
def test_children_of_a_killed_parent_end():
    parent = subprocess.Popen([sys.executable, '-c', PARENT], cwd=ROOT, stdout=subprocess.PIPE)
    children = [int(word) for word in parent.stdout.read(64).split()]  # type: ignore[union-attr]
    assert parent.wait() == -signal.SIGKILL and len(children) == 2
    eventually(lambda: not any(is_alive(pid) for pid in children), 'the children have ended')


def test_no_work_has_no_results():
    assert list(workers.results(square, iter(()), 2, None)) == []
