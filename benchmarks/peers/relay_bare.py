"""The least that a relay in Python can be: JSON decoded and encoded at each hop, one message a datagram, no state."""

from __future__ import absolute_import, division, print_function

from benchmarks.peers import relay, say_ready

TITLE = 'limit: bare relay, one message a datagram'
USED = 'UDP, JSON decoded and encoded at each hop, no state but addresses; workers take turns; sockets are drained'
COMMANDS = ()
MODULES = ()

_MESSAGES_MAX = 1


def serve(port):
    """What comes from a client goes to the next worker, what comes from a worker to the client."""
    here = relay.Endpoint(port, _MESSAGES_MAX)
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
                here.put(workers[turn % len(workers)], {'kind': 'assign', 'id': message['id'],
                                                        'payload': message['payload']})
            elif kind == 'result':
                here.put(client, {'kind': 'outcome', 'id': message['id'], 'result': message['result']})
            elif kind == 'hello':
                workers.append(address)
        here.flush()


def work(port):
    """Computes."""
    relay.work(port, _MESSAGES_MAX, acknowledge=False)


def ask(port, load):
    """Asks."""
    relay.ask(port, load, _MESSAGES_MAX, acknowledge=False)
