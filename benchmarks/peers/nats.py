"""NATS: request and reply over a queue group."""

from __future__ import absolute_import, division, print_function

import asyncio

from benchmarks.load import compute
from benchmarks.peers import say_ready

TITLE = 'NATS, request/reply with a queue group'
USED = ('nats-server of Debian with its defaults (no JetStream: at most once); nats-py, one subscription for all '
        'replies, as its own request() has it; workers reply from their callbacks')
COMMANDS = ('nats-server',)
MODULES = ('nats',)


def broker(port, folder):
    """Core NATS: nothing on disk."""
    return ['nats-server', '--addr', '127.0.0.1', '--port', str(port)]


def work(port):
    """A member of the queue group."""
    asyncio.run(_work(port))


async def _work(port):
    import nats
    connection = await nats.connect('nats://127.0.0.1:%d' % port)

    async def on_task(message):
        await connection.publish(message.reply, compute(message.data))

    await connection.subscribe('task', queue='workers', cb=on_task)
    await connection.flush()
    say_ready()
    await asyncio.Event().wait()


def ask(port, load):
    """Each task has a reply subject of its own below one subscription."""
    asyncio.run(_ask(port, load))


async def _ask(port, load):
    import nats
    connection = await nats.connect('nats://127.0.0.1:%d' % port)
    inbox = connection.new_inbox()
    out = {}
    over = asyncio.Event()
    numbers = iter(range(1 << 62))

    async def send():
        task = load.new()
        if task is not None:
            number = next(numbers)
            out[number] = task
            await connection.publish('task', task[1], reply='%s.%d' % (inbox, number))

    async def on_answer(message):
        # A request that meets no worker is answered with a status and no data.
        if message.headers:
            raise SystemExit('no worker: %s' % message.headers)
        load.done(out.pop(int(message.subject.rsplit('.', 1)[1])), message.data)
        await send()
        if not load.out:
            over.set()

    await connection.subscribe(inbox + '.*', cb=on_answer)
    await connection.flush()
    load.begin()
    for _ in range(load.in_flight):
        await send()
    await over.wait()
    await connection.close()
