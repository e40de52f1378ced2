"""NATS: request and reply over a queue group."""

from __future__ import absolute_import, division, print_function

import asyncio

from benchmarks.load import compute, say
from benchmarks.peers import AT_MOST_ONCE, READY

TITLE = 'NATS, request/reply with a queue group'
USED = ('nats-server of Debian with its defaults, no JetStream; nats-py, one subscription for all replies, as its own '
        'request() has it; workers reply from their callbacks')
GUARANTEE = AT_MOST_ONCE
COMMANDS = ('nats-server',)
MODULES = ('nats',)


def broker(port, folder):
    return ['nats-server', '--addr', '127.0.0.1', '--port', str(port)]


def in_a_loop(coroutine):
    """A function that runs a coroutine to its end."""
    return lambda *arguments, **options: asyncio.run(coroutine(*arguments, **options))


@in_a_loop
async def work(port):
    import nats
    connection = await nats.connect('nats://127.0.0.1:%d' % port)

    async def on_task(message):
        await connection.publish(message.reply, compute(message.data))

    await connection.subscribe('task', queue='workers', cb=on_task)
    await connection.flush()
    say(READY)
    await asyncio.Event().wait()


@in_a_loop
async def ask(port, load):
    import nats
    connection = await nats.connect('nats://127.0.0.1:%d' % port)
    inbox = connection.new_inbox()

    async def send(number, payload):
        await connection.publish('task', payload, reply='%s.%d' % (inbox, number))

    await closed_loop(connection, inbox, load, send)


async def closed_loop(connection, inbox, load, send):
    """Drive a load. ``send(number, payload)`` names the subject of the answer: ``INBOX.NUMBER``."""
    over = asyncio.Event()

    async def submit(count):
        for number, payload in load.new(count):
            await send(number, payload)

    async def on_answer(message):
        # Without a worker, a request is answered with a status and no data.
        if message.headers:
            raise SystemExit('no worker: %s' % message.headers)
        load.done(int(message.subject.rsplit('.', 1)[1]), message.data)
        await submit(1)
        if not load.out:
            over.set()

    await connection.subscribe(inbox + '.*', cb=on_answer)
    await connection.flush()
    load.begin()
    await submit(load.in_flight)
    await over.wait()
    await connection.close()
