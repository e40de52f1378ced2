"""RQ over Redis."""

from __future__ import absolute_import, division, print_function

from collections import deque

from benchmarks.load import compute
from benchmarks.peers import redis_server, say_ready

TITLE = 'RQ + Redis'
USED = ('Redis, nothing on disk; two workers of the class SimpleWorker (no fork for each job, which costs far more); '
        'results kept for 60 s and awaited in the order of asking')
COMMANDS = ('redis-server',)
MODULES = ('rq', 'redis')

broker = redis_server.broker


def task(payload):
    """What a worker imports by name."""
    return compute(payload.encode('ascii')).decode('ascii')


def _queue(port):
    import redis
    import rq
    return rq.Queue('tasks', connection=redis.Redis.from_url(redis_server.url(port)))


def work(port):
    """A worker without a fork."""
    import rq
    queue = _queue(port)
    say_ready()
    rq.SimpleWorker([queue], connection=queue.connection).work(logging_level='WARNING')


def ask(port, load):
    """The oldest result first; the wait for it blocks in Redis."""
    queue = _queue(port)
    out = deque()

    def submit():
        new = load.new()
        if new is not None:
            out.append((new, queue.enqueue('benchmarks.peers.rq_redis.task', new[1].decode('ascii'), result_ttl=60)))

    load.begin()
    for _ in range(load.in_flight):
        submit()
    while load.out:
        asked, job = out.popleft()
        load.done(asked, job.latest_result(timeout=60).return_value.encode('ascii'))
        submit()
