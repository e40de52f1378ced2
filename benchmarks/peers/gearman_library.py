"""gearmand with a library as people use it."""

from __future__ import absolute_import, division, print_function

import queue
import socket

from benchmarks.load import compute
from benchmarks.peers import gearman_minimal, say_ready

TITLE = 'gearmand, Python library gear'
USED = ('the same gearmand; gear (of OpenStack) for both ends, whose threads read the connections; these are set to '
        'TCP_NODELAY, which it does not do itself and without which each task waits for a delayed acknowledgement')
COMMANDS = ('gearmand',)
MODULES = ('gear',)

broker = gearman_minimal.broker


def _connect(end, port):
    end.addServer('127.0.0.1', port)
    end.waitForServer()
    for connection in end.active_connections:
        connection.conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def work(port):
    """One job at a time, as the library has it."""
    import gear
    worker = gear.Worker('worker')
    _connect(worker, port)
    worker.registerFunction('task')
    say_ready()
    while True:
        job = worker.getJob()
        job.sendWorkComplete(compute(job.arguments))


def ask(port, load):
    """Answers arrive in a thread of the library; that thread must not submit, which waits for an answer itself."""
    import gear
    answers = queue.Queue()

    class Client(gear.Client):
        """Hands over what is complete."""

        def handleWorkComplete(self, packet):  # noqa: N802
            job = super(Client, self).handleWorkComplete(packet)
            answers.put(job)
            return job

    def submit():
        task = load.new()
        if task is not None:
            job = gear.Job(b'task', task[1], unique=b'')
            job.task = task
            client.submitJob(job)

    client = Client()
    _connect(client, port)
    load.begin()
    for _ in range(load.in_flight):
        submit()
    while load.out:
        job = answers.get()
        load.done(job.task, b''.join(job.data))
        submit()
    client.shutdown()
