"""Celery over Redis."""

from __future__ import absolute_import, division, print_function

import os
from collections import deque

from benchmarks.load import compute, say
from benchmarks.peers import AFTER_SILENCE, READY, redis_streams

TITLE = 'Celery + Redis'
USED = ('Redis for tasks and results, nothing on disk; acks_late and reject_on_worker_lost; two workers of the solo '
        'pool (no second process between Celery and the task), prefetch 50, no gossip, mingle, heartbeat or events, '
        'JSON; results awaited in the order of submission; a lost task comes again after the visibility time-out, '
        'an hour by default')
GUARANTEE = AFTER_SILENCE
COMMANDS = ('redis-server',)
MODULES = ('celery', 'redis')

broker = redis_streams.broker


def application(port):
    """The Celery application and its task, the same at both ends."""
    import celery
    url = redis_streams.url(port)
    made = celery.Celery('tasks', broker=url, backend=url)
    made.conf.update(task_serializer='json', result_serializer='json', worker_prefetch_multiplier=50,
                     task_acks_late=True, task_reject_on_worker_lost=True, worker_send_task_events=False,
                     task_send_sent_event=False, result_expires=600, broker_connection_retry_on_startup=True,
                     worker_redirect_stdouts=False)

    @made.task(name='task')
    def task(payload):
        return compute(payload.encode('ascii')).decode('ascii')

    return made, task


def work(port):
    from celery.signals import worker_ready
    worker_ready.connect(lambda **_: say(READY), weak=False)
    application(port)[0].worker_main(['worker', '--pool=solo', '--loglevel=warning', '--without-gossip',
                                      '--without-mingle', '--without-heartbeat', '--hostname=%d@host' % os.getpid()])


def ask(port, load):
    _, task = application(port)
    out = deque()

    def send(tasks):
        out.extend((number, task.delay(payload.decode('ascii'))) for number, payload in tasks)

    def receive():
        number, result = out.popleft()
        return [(number, result.get().encode('ascii'))]

    task.delay('').get()
    load.drive(send, receive)
