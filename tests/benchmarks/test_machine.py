"""How much of the machine was ours."""

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
def test_a_process_is_read_whatever_its_name(name):
    read = process(7, 3, 1, 2, name)
    assert (read.pid, read.parent, read.cpu_s) == (7, 3, 1 + 2 + 3 + 4)


def test_what_descends_is_found_at_any_depth():
    everybody = [process(1, 0), process(10, 1), process(11, 10), process(12, 11), process(20, 1)]
    assert sorted(one.pid for one in descendants(10, everybody)) == [10, 11, 12]
    assert descendants(99, everybody) == []


def test_busy_is_what_processes_and_the_host_took_and_not_interrupts():
    text = 'cpu  100 20 30 5000 7 600 700 8 9 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n'
    assert busy_s(text) == pytest.approx((100 + 20 + 30 + 8) / TICKS)
    with pytest.raises(ValueError):
        busy_s('intr 1 2 3\n')


def spinning(seconds):
    # Of its own processor time: how long that takes is the business of whatever else runs.
    return subprocess.Popen([sys.executable, '-c', 'import time\nwhile time.process_time() < %r: pass' % seconds])


def test_the_work_of_a_child_is_ours_also_when_it_has_ended():
    before = machine.cpu_of(os.getpid())
    child = spinning(0.5)
    child.wait()
    assert machine.cpu_of(os.getpid()) - before > 0.1


def test_the_work_of_a_child_is_not_that_of_others():
    # The same child, seen by a watch that knows it and by the kernel, which books it as busy.
    watch = machine.Watch()
    began_at = monotonic()
    own = machine.cpu_of(os.getpid())
    child = spinning(1.0)
    child.wait()
    share = watch.others_share()
    own = machine.cpu_of(os.getpid()) - own
    available = (monotonic() - began_at) * machine.processors()
    # Whatever others do, the two together can't take more than there is (and some for the steps of the clocks).
    assert 0 <= share <= 1 - own / available + 0.2
