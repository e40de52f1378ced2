"""The processor time of the benchmark and of other processes."""

from __future__ import absolute_import, division, print_function

import os
import subprocess
import sys

import pytest

from benchmarks import machine
from benchmarks.machine import ProcessTimes, busy_s, descendants
from runtime.clock import monotonic

pytestmark = pytest.mark.skipif(not os.path.exists('/proc/self/stat'), reason='reads what Linux shows')

TICKS = os.sysconf('SC_CLK_TCK')
LINE = '%d (%s) S %d 1 %d 0 -1 4194304 103 0 0 0 %d %d %d %d 20 0 1 0 1298725 3133440'


def process(pid, parent, user=0, system=0, name='python'):
    return ProcessTimes(LINE % (pid, name, parent, 42, user * TICKS, system * TICKS, 3 * TICKS, 4 * TICKS))


@pytest.mark.parametrize('name', ['python', 'a b', ') R 1 1', '((', ''])
def test_a_process_may_have_any_name(name):
    read = process(7, 3, 1, 2, name)
    assert (read.pid, read.parent, read.cpu_s) == (7, 3, 1 + 2 + 3 + 4)


def test_descendants_are_found_at_any_depth():
    processes = [process(1, 0), process(10, 1), process(11, 10), process(12, 11), process(20, 1)]
    assert sorted(found.pid for found in descendants(10, processes)) == [10, 11, 12]
    assert descendants(99, processes) == []


def test_busy_time_includes_that_of_the_host_and_no_interrupts():
    text = 'cpu  100 20 30 5000 7 600 700 8 9 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n'
    assert busy_s(text) == pytest.approx((100 + 20 + 30 + 8) / TICKS)
    with pytest.raises(ValueError):
        busy_s('intr 1 2 3\n')


def spinning(seconds):
    # Seconds of processor time, whatever other processes run.
    return subprocess.Popen([sys.executable, '-c', 'import time\nwhile time.process_time() < %r: pass' % seconds])


def test_the_time_of_a_child_that_has_ended_counts_as_own_time():
    watch = machine.Watch()
    began_at = monotonic()
    own = machine.cpu_of(os.getpid())
    child = spinning(0.5)
    child.wait()
    share = watch.others_share()
    own = machine.cpu_of(os.getpid()) - own
    assert own > 0.1
    available = (monotonic() - began_at) * machine.processors()
    # Both shares together are at most 1, and a tolerance for the steps of the clocks.
    assert 0 <= share <= 1 - own / available + 0.2
