"""Replications on a Dask cluster give the same rows as on this machine, also if workers are killed.

Needs the package ``distributed``, which ``.ci/nightly`` installs.
"""

from __future__ import absolute_import, division, print_function

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from planner.replication import PACKAGES, row_of, row_of_piece
from runtime.dask_pool import DaskPool
from simulator import scenario
from tests.planner.programs import SCENARIO, answer, children
from tests.source_tree import ROOT

if not os.environ.get('NIGHTLY'):
    pytest.importorskip('distributed')


@pytest.fixture
def cluster(tmpdir):
    """The address of a scheduler with two workers, and the processes."""
    running = []

    def run(*arguments):
        # In another folder than this project, so that the packages must be sent to the workers.
        running.append(subprocess.Popen([sys.executable, '-m'] + list(arguments), cwd=str(tmpdir),
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
    file = str(tmpdir.join('scheduler.json'))
    run('distributed.cli.dask_scheduler', '--port', '0', '--host', '127.0.0.1', '--no-dashboard', '--scheduler-file',
        file)
    deadline = time.time() + 30
    while not os.path.exists(file) and time.time() < deadline:
        time.sleep(0.1)
    with open(file) as content:
        address = json.load(content)['address']
    for _ in range(2):
        run('distributed.cli.dask_worker', address, '--nthreads', '1', '--no-dashboard', '--local-directory',
            str(tmpdir))
    yield address, running
    for process in reversed(running):
        process.terminate()
    for process in running:
        process.wait()


def test_rows_are_the_same_as_here_also_if_workers_are_killed(cluster):
    address, running = cluster
    settings = scenario.SETTINGS.checked(SCENARIO)
    pool = DaskPool(row_of_piece, address, ROOT, PACKAGES)
    rows = []
    for row in pool.results([(seed, settings) for seed in range(1, 31)], None):
        rows.append(json.dumps(row, sort_keys=True))
        if len(rows) in (5, 10):
            # The nanny starts another worker.
            for child in children(running[len(rows) // 5].pid):
                os.kill(child, signal.SIGKILL)
    pool.close()
    assert rows == [json.dumps(row_of(seed, settings), sort_keys=True) for seed in range(1, 31)]


def test_the_answer_is_the_same_as_here(start, cluster):
    address, _ = cluster
    question = ['--measure', '--precision', '0.15', '--json']
    assert answer(start('--engine', 'dask:' + address, *question)) == answer(start(*question))


def test_a_missing_scheduler_is_an_error(start):
    process = start('--measure', '--engine', 'dask:tcp://127.0.0.1:1')
    output, errors = process.communicate()
    assert process.returncode == 2 and not output
    assert b'no Dask scheduler answers' in errors
