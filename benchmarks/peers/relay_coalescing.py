"""The bare relay with acknowledgements at each hop, and up to ten messages in a datagram."""

from __future__ import absolute_import, division, print_function

from benchmarks.peers import relay, say_ready

TITLE = 'limit: relay with acknowledgements, ten messages a datagram'
USED = 'as the bare relay; every submit, assignment, result and outcome is acknowledged; grouped by address'
COMMANDS = ()
MODULES = ()


def serve(port):
    """What comes from a client goes to the next worker, what comes from a worker to the client."""
    here = relay.Endpoint(port, relay.MESSAGES_MAX)
    client = None
    workers = []
    turn = 0
    say_ready()
    while True:
        for address, message in here.wait():
            kind = message['kind']
            if kind == 'submit':
                client = address
                turn += 1
                here.put(client, {'kind': 'accepted', 'id': message['id']})
                here.put(workers[turn % len(workers)], {'kind': 'assign', 'id': message['id'],
                                                        'payload': message['payload']})
            elif kind == 'result':
                here.put(address, {'kind': 'result_ack', 'id': message['id']})
                here.put(client, {'kind': 'outcome', 'id': message['id'], 'result': message['result']})
            elif kind == 'hello':
                workers.append(address)
        here.flush()


def work(port):
    """Computes."""
    relay.work(port, relay.MESSAGES_MAX, acknowledge=True)


def ask(port, load):
    """Asks."""
    relay.ask(port, load, relay.MESSAGES_MAX, acknowledge=True)
