"""NATS JetStream: a work queue whose messages are acknowledged by the workers."""

from __future__ import absolute_import, division, print_function

import os

from benchmarks.load import compute, say
from benchmarks.peers import AFTER_SILENCE, READY, nats

TITLE = 'NATS JetStream work queue, in memory'
USED = ('nats-server of Debian; a stream with work-queue retention and one durable pull consumer, as the manual has it '
        'for work queues, with the default ack_wait of 30 s; nats-py; publish_async, whose acknowledgements the client '
        'need not wait for; workers fetch up to 50 messages; results travel as plain NATS messages')
GUARANTEE = AFTER_SILENCE
COMMANDS = ('nats-server',)
MODULES = ('nats',)

_BATCH = 50


def broker(port, folder):
    return ['nats-server', '--addr', '127.0.0.1', '--port', str(port), '--jetstream',
            '--store_dir', os.path.join(folder, 'jetstream')]


@nats.in_a_loop
async def work(port, storage='memory'):
    import nats as client
    connection = await client.connect('nats://127.0.0.1:%d' % port)
    jetstream = connection.jetstream()
    try:
        await jetstream.add_stream(name='tasks', subjects=['task'], retention='workqueue', storage=storage)
    except client.js.errors.BadRequestError:
        # The other worker adds it at this moment.
        pass
    tasks = await jetstream.pull_subscribe('task', durable='workers')
    say(READY)
    while True:
        try:
            messages = await tasks.fetch(_BATCH, timeout=60)
        except client.errors.TimeoutError:
            continue
        for message in messages:
            reply, payload = message.data.split(b' ', 1)
            await connection.publish(reply.decode('ascii'), compute(payload))
            await message.ack()


@nats.in_a_loop
async def ask(port, load):
    import nats as client
    connection = await client.connect('nats://127.0.0.1:%d' % port)
    jetstream = connection.jetstream()
    inbox = connection.new_inbox()

    async def send(number, payload):
        await jetstream.publish_async('task', b'%s.%d %s' % (inbox.encode('ascii'), number, payload))

    await nats.closed_loop(connection, inbox, load, send)
