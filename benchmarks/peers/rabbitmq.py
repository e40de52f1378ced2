"""RabbitMQ with acknowledgements at both ends."""

from __future__ import absolute_import, division, print_function

import os

from benchmarks.children import free_port
from benchmarks.load import compute, say
from benchmarks.peers import AFTER_DISCONNECT, READY

TITLE = 'RabbitMQ with acknowledgements'
USED = ('rabbitmq-server of Debian, a classic queue that is not durable; pika; prefetch 50, each task acknowledged by '
        'itself after its result; results by direct reply-to; publisher confirms, which the client checks but does not '
        'wait for; heartbeats of 60 s, the default; TCP_NODELAY')
GUARANTEE = AFTER_DISCONNECT
COMMANDS = ('/usr/lib/rabbitmq/bin/rabbitmq-server',)
MODULES = ('pika',)

_PREFETCH = 50
#: RabbitMQ delivers messages to this name to the connection that requested them, without a queue.
_REPLIES = 'amq.rabbitmq.reply-to'


def broker(port, folder):
    """A node with its own port mapper, files and cookie."""
    base = os.path.join(folder, 'rabbitmq')
    return [COMMANDS[0]], {
        'HOME': folder, 'ERL_EPMD_PORT': str(free_port()), 'ERL_EPMD_ADDRESS': '127.0.0.1',
        'RABBITMQ_NODENAME': 'benchmark-%d@localhost' % port, 'RABBITMQ_NODE_IP_ADDRESS': '127.0.0.1',
        'RABBITMQ_NODE_PORT': str(port), 'RABBITMQ_DIST_PORT': str(free_port()), 'RABBITMQ_MNESIA_BASE': base,
        'RABBITMQ_LOG_BASE': base, 'RABBITMQ_ENABLED_PLUGINS_FILE': base + '.plugins',
        'RABBITMQ_CONF_ENV_FILE': os.devnull, 'RABBITMQ_CONFIG_FILE': base + '.conf'}


def _parameters(port):
    import pika
    return pika.ConnectionParameters('127.0.0.1', port, tcp_options={'TCP_NODELAY': 1})


def work(port):
    import pika
    channel = pika.BlockingConnection(_parameters(port)).channel()
    channel.queue_declare('tasks')
    channel.basic_qos(prefetch_count=_PREFETCH)

    def on_task(channel, method, properties, payload):
        channel.basic_publish('', properties.reply_to, compute(payload),
                              pika.BasicProperties(correlation_id=properties.correlation_id))
        channel.basic_ack(method.delivery_tag)

    channel.basic_consume('tasks', on_task)
    say(READY)
    channel.start_consuming()


def ask(port, load):
    import pika

    def on_channel(channel):
        channel.confirm_delivery(on_confirmed, lambda _: channel.basic_consume(
            _REPLIES, on_answer, auto_ack=True, callback=lambda _: begin(channel)))

    def on_confirmed(frame):
        if isinstance(frame.method, pika.spec.Basic.Nack):
            raise SystemExit('not confirmed: %s' % frame)

    def begin(channel):
        load.begin()
        submit(channel, load.in_flight)

    def submit(channel, count):
        for number, payload in load.new(count):
            channel.basic_publish('', 'tasks', payload, pika.BasicProperties(
                reply_to=_REPLIES, correlation_id=str(number)))

    def on_answer(channel, method, properties, result):
        load.done(int(properties.correlation_id), result)
        submit(channel, 1)
        if not load.out:
            connection.close()

    connection = pika.SelectConnection(
        _parameters(port), on_open_callback=lambda opened: opened.channel(on_open_callback=on_channel),
        on_close_callback=lambda closed, _: closed.ioloop.stop())
    connection.ioloop.start()
