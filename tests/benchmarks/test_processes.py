"""A benchmark leaves no process, whatever ends it."""

from __future__ import absolute_import, division, print_function

import os
import signal
import subprocess
import sys

import pytest

from benchmarks import machine
from benchmarks.children import ProcessGroup, RunFailed
from runtime.launcher import is_alive
from tests.source_tree import ROOT
from tests.system.processes import eventually

pytestmark = pytest.mark.skipif(not os.path.exists('/proc/self/stat'), reason='reads what Linux shows')

BOUND_S = 60.0
SLEEP = [sys.executable, '-c', 'import time; time.sleep(1000)']
# Starts a child that outlives it, and prints the process id.
LEAVES_AN_ORPHAN = [sys.executable, '-c', (
    'import subprocess, sys; print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"]).pid); '
    'sys.stdout.flush(); import time; time.sleep(1000)')]


def test_all_descendants_are_ended():
    with ProcessGroup() as group:
        child = group.start('child', SLEEP)
        parent = group.start('parent', LEAVES_AN_ORPHAN)
        orphan = int(parent.until(lambda: parent.output.strip() or None, 'started'))
        # This process becomes the parent of the orphan.
        parent.kill()
        folder = group.folder
        assert is_alive(child.pid) and is_alive(orphan)
    assert not is_alive(child.pid) and not is_alive(orphan)
    assert not os.path.exists(folder)


def test_the_error_of_a_child_is_in_the_failure():
    with ProcessGroup() as group:
        child = group.start('child', [sys.executable, '-c', 'import sys; sys.stderr.write("no port"); sys.exit(3)'])
        with pytest.raises(RunFailed) as failure:
            child.until(lambda: False, 'ready')
        assert 'never ready: no port' in str(failure.value)
        with pytest.raises(RunFailed) as failure:
            child.wait(BOUND_S)
        assert 'status 3: no port' in str(failure.value)


def test_a_missing_program_is_a_failed_run():
    with ProcessGroup() as group, pytest.raises(RunFailed):
        group.start('child', ['/no/such/program'])


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_benchmark_that_is_stopped_leaves_no_process(number, tmpdir):
    benchmark = subprocess.Popen(
        [sys.executable, '-m', 'benchmarks', 'throughput', '--systems', 'ours', '--python', sys.executable,
         '--duration', '1000', '--out', str(tmpdir.join('results.json'))],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
        env=dict(os.environ, TMPDIR=str(tmpdir)))

    def family():
        return {process.pid for process in machine.descendants(benchmark.pid, list(machine.all_processes()))}

    # The benchmark, a dispatcher, two calculators and a client.
    eventually(lambda: len(family()) == 5 or benchmark.poll() is not None, 'all processes run')
    assert benchmark.poll() is None, benchmark.communicate()[0]
    members = family()
    benchmark.send_signal(number)
    said = benchmark.communicate()[0]
    eventually(lambda: not any(is_alive(pid) for pid in members), 'all processes have ended')
    assert not tmpdir.join('results.json').exists()
    if number != signal.SIGKILL:
        assert benchmark.returncode == 130
        assert 'stopped; nothing of "throughput" is kept' in said
        # The temporary folder is removed too.
        assert tmpdir.listdir() == []
