"""Redis Streams: a consumer group for tasks, a stream for results."""

from __future__ import absolute_import, division, print_function

import os

from benchmarks.load import compute, say
from benchmarks.peers import READY, WHEN_CLAIMED

TITLE = 'Redis Streams'
USED = ('nothing on disk; redis-py with pipelines; workers read up to 50 entries, acknowledge (XACK, XDEL) and add '
        'their results in one call; results travel through a stream of their own; no worker claims entries of another '
        '(XAUTOCLAIM), which the server never does by itself')
GUARANTEE = WHEN_CLAIMED
COMMANDS = ('redis-server',)
MODULES = ('redis',)

_GROUP = 'workers'
_COUNT = 50


def broker(port, folder):
    return ['redis-server', '--bind', '127.0.0.1', '--port', str(port), '--save', '', '--appendonly', 'no',
            '--dir', folder]


def url(port):
    return 'redis://127.0.0.1:%d/0' % port


def work(port):
    import redis
    client = redis.Redis.from_url(url(port))
    try:
        client.xgroup_create('tasks', _GROUP, mkstream=True)
    except redis.ResponseError:
        pass  # The other worker has made it.
    say(READY)
    consumer = 'worker-%d' % os.getpid()
    while True:
        for _, entries in client.xreadgroup(_GROUP, consumer, {'tasks': '>'}, count=_COUNT, block=0):
            pipeline = client.pipeline(transaction=False)
            for _, fields in entries:
                pipeline.xadd('results', {b'n': fields[b'n'], b'r': compute(fields[b'p'])})
            numbers = [number for number, _ in entries]
            pipeline.xack('tasks', _GROUP, *numbers)
            pipeline.xdel('tasks', *numbers)
            pipeline.execute()


def ask(port, load):
    import redis
    client = redis.Redis.from_url(url(port))
    last = [(client.xrevrange('results', count=1) or [(b'0', None)])[0][0]]

    def send(tasks):
        pipeline = client.pipeline(transaction=False)
        for number, payload in tasks:
            pipeline.xadd('tasks', {b'n': number, b'p': payload})
        pipeline.execute()

    def receive():
        (_, entries), = client.xread({'results': last[0]}, count=2 * _COUNT, block=0)
        last[0] = entries[-1][0]
        client.xtrim('results', minid=last[0], approximate=True)
        return [(int(fields[b'n']), fields[b'r']) for _, fields in entries]

    load.drive(send, receive)
