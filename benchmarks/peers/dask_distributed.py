"""Dask distributed."""

from __future__ import absolute_import, division, print_function

import os

from benchmarks.load import compute
from benchmarks.peers import say_ready

TITLE = 'Dask distributed'
USED = ('dask scheduler and two dask workers of one thread, without nanny and dashboard; submit(pure=False), answers '
        'taken as they complete')
COMMANDS = ('dask',)
MODULES = ('distributed',)


def broker(port, folder):
    """A scheduler without web pages."""
    return ['dask', 'scheduler', '--host', '127.0.0.1', '--port', str(port),
            '--no-dashboard']


def work(port):
    """Becomes a worker; clients wait until both are registered."""
    say_ready()
    os.execvp('dask', ['dask', 'worker', 'tcp://127.0.0.1:%d' % port, '--nthreads', '1', '--no-nanny',
                       '--no-dashboard'])


def ask(port, load):
    """Futures, as they complete."""
    from distributed import Client, as_completed
    with Client('tcp://127.0.0.1:%d' % port) as client:
        client.wait_for_workers(2)
        tasks = {}
        completed = as_completed()

        def submit():
            task = load.new()
            if task is not None:
                future = client.submit(compute, task[1], pure=False)
                tasks[future.key] = task
                completed.add(future)

        load.begin()
        for _ in range(load.in_flight):
            submit()
        while load.out:
            future = next(completed)
            load.done(tasks.pop(future.key), future.result())
            submit()
