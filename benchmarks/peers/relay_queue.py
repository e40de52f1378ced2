"""The coalescing relay with a queue, and no more than 50 tasks at a time with a worker."""

from __future__ import absolute_import, division, print_function

from collections import deque

from benchmarks.peers import relay, say_ready

TITLE = 'limit: relay with a queue, 50 tasks a worker'
USED = 'as the relay with acknowledgements; tasks wait in a queue, a worker has 50 at the most, the freest is first'
COMMANDS = ()
MODULES = ()

_CAPACITY = 50


def serve(port):
    """A task waits until a worker has room."""
    here = relay.Endpoint(port, relay.MESSAGES_MAX)
    client = None
    held = {}
    waiting = deque()
    say_ready()
    while True:
        for address, message in here.wait():
            kind = message['kind']
            if kind == 'submit':
                client = address
                here.put(client, {'kind': 'accepted', 'id': message['id']})
                waiting.append((message['id'], message['payload']))
            elif kind == 'result':
                held[address] -= 1
                here.put(address, {'kind': 'result_ack', 'id': message['id']})
                here.put(client, {'kind': 'outcome', 'id': message['id'], 'result': message['result']})
            elif kind == 'hello':
                held[address] = 0
        while waiting:
            worker = min(held, key=held.__getitem__)
            if held[worker] >= _CAPACITY:
                break
            held[worker] += 1
            task_id, payload = waiting.popleft()
            here.put(worker, {'kind': 'assign', 'id': task_id, 'payload': payload})
        here.flush()


def work(port):
    """Computes."""
    relay.work(port, relay.MESSAGES_MAX, acknowledge=True)


def ask(port, load):
    """Asks."""
    relay.ask(port, load, relay.MESSAGES_MAX, acknowledge=True)
