"""Celery over Redis."""

from __future__ import absolute_import, division, print_function

from collections import deque

from benchmarks.load import compute
from benchmarks.peers import redis_server, say_ready

TITLE = 'Celery + Redis'
USED = ('Redis for tasks and results, nothing on disk; two workers of the solo pool (no second process between Celery '
        'and the task), prefetch 50, no gossip, mingle, heartbeat or events, JSON; results awaited in the order of '
        'asking')
COMMANDS = ('redis-server',)
MODULES = ('celery', 'redis')

broker = redis_server.broker


def application(port):
    """The same at both ends."""
    import celery
    made = celery.Celery('tasks', broker=redis_server.url(port), backend=redis_server.url(port))
    made.conf.update(task_serializer='json', result_serializer='json', worker_prefetch_multiplier=50,
                     worker_send_task_events=False, task_send_sent_event=False, result_expires=600,
                     broker_connection_retry_on_startup=True, worker_redirect_stdouts=False)

    @made.task(name='task')
    def task(payload):
        return compute(payload.encode('ascii')).decode('ascii')

    return made, task


def work(port):
    """A worker without a pool."""
    import os

    from celery.signals import worker_ready
    worker_ready.connect(lambda **_: say_ready(), weak=False)
    application(port)[0].worker_main(['worker', '--pool=solo', '--loglevel=warning', '--without-gossip',
                                      '--without-mingle', '--without-heartbeat', '--hostname=%d@host' % os.getpid()])


def ask(port, load):
    """The oldest result first."""
    _, task_of_celery = application(port)
    out = deque()

    def submit():
        task = load.new()
        if task is not None:
            out.append((task, task_of_celery.delay(task[1].decode('ascii'))))

    task_of_celery.delay('').get()
    load.begin()
    for _ in range(load.in_flight):
        submit()
    while load.out:
        task, result = out.popleft()
        load.done(task, result.get().encode('ascii'))
        submit()
