"""Ray: two actors, asked in turn."""

from __future__ import absolute_import, division, print_function

import os
import time

from benchmarks.load import compute
from benchmarks.peers import say_ready

TITLE = 'Ray actors'
USED = ('one node without dashboard; two actors with a name each, asked in turn; all answers that are there are taken '
        'in one call; broker is everything of Ray but the actors')
COMMANDS = ('ray',)
MODULES = ('ray',)

#: How the command line of an actor begins: the actors run below what was started as the broker.
WORKERS_BELOW_BROKER = 'ray::'

_NAMESPACE = 'benchmark'


def broker(port, folder):
    """A head node in the foreground."""
    # Ray names sockets in its folder, whose path may have 107 characters at most.
    return ['ray', 'start', '--head', '--block', '--node-ip-address', '127.0.0.1', '--port', str(port),
            '--num-cpus', '2', '--include-dashboard', 'false', '--disable-usage-stats',
            '--temp-dir', os.path.join(folder, 'ray')]


def _connect(port):
    import ray
    ray.init('127.0.0.1:%d' % port, namespace=_NAMESPACE, log_to_driver=False, logging_level='ERROR')
    return ray


class Worker(object):
    """What becomes an actor."""

    def compute(self, payload):
        """The task."""
        return compute(payload)


def work(port):
    """Make an actor that outlives this process, and stay."""
    ray = _connect(port)
    actor = ray.remote(Worker).options(name='worker-%d' % os.getpid(), lifetime='detached', num_cpus=1).remote()
    ray.get(actor.compute.remote(b''))
    say_ready()
    while True:
        time.sleep(60)


def ask(port, load):
    """Whatever is ready is taken together."""
    ray = _connect(port)
    actors = [ray.get_actor(name) for name in ray.util.list_named_actors()]
    ray.get([actor.compute.remote(b'') for actor in actors])
    out = {}

    def submit():
        task = load.new()
        if task is not None:
            out[actors[load.sent % len(actors)].compute.remote(task[1])] = task

    load.begin()
    for _ in range(load.in_flight):
        submit()
    while load.out:
        ray.wait(list(out), num_returns=1)
        ready, _ = ray.wait(list(out), num_returns=len(out), timeout=0)
        for reference, result in zip(ready, ray.get(ready)):
            load.done(out.pop(reference), result)
            submit()
