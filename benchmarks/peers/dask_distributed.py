"""Dask distributed."""

from __future__ import absolute_import, division, print_function

import os

from benchmarks.load import compute, say
from benchmarks.peers import AFTER_DISCONNECT, READY

TITLE = 'Dask distributed'
USED = ('dask scheduler and two dask workers of one thread, without nanny and dashboard; submit(pure=False), results '
        'taken as they complete')
GUARANTEE = AFTER_DISCONNECT
COMMANDS = ('dask',)
MODULES = ('distributed',)


def broker(port, folder):
    return ['dask', 'scheduler', '--host', '127.0.0.1', '--port', str(port), '--no-dashboard']


def work(port):
    """This process becomes a worker. The client waits until two are registered."""
    say(READY)
    os.execvp('dask', ['dask', 'worker', 'tcp://127.0.0.1:%d' % port, '--nthreads', '1', '--no-nanny',
                       '--no-dashboard'])


def ask(port, load):
    from distributed import Client, as_completed
    with Client('tcp://127.0.0.1:%d' % port) as client:
        client.wait_for_workers(2)
        numbers = {}
        completed = as_completed()

        def send(tasks):
            for number, payload in tasks:
                future = client.submit(compute, payload, pure=False)
                numbers[future.key] = number
                completed.add(future)

        def receive():
            future = next(completed)
            return [(numbers.pop(future.key), future.result())]

        load.drive(send, receive)
