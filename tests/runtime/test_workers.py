"""Work in child processes: in order, also when one of them is killed."""

from __future__ import absolute_import, division, print_function

import os
import signal

from runtime import workers

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401


def square(number):
    if number == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def test_results_come_in_the_order_of_the_work_and_a_killed_child_is_one_of_them():
    found = list(workers.results(square, iter(range(20)), 3, lambda piece, error: (piece, str(error))))
    assert found[5] == (5, 'a worker ended with status -9')
    del found[5]
    assert found == [number * number for number in range(20) if number != 5]


def test_closing_ends_the_children():
    results = workers.results(square, iter(range(100, 10000)), 2, None)  # type: Any
    assert next(results) == 10000
    results.close()


def test_no_work_has_no_results():
    assert list(workers.results(square, iter(()), 2, None)) == []
