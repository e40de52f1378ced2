"""A ZeroMQ Majordomo broker in Python: the protocol of ZeroMQ's RFC 7 (MDP/0.1), the least recently used worker first.

As in the protocol, a worker has one task at a time. A frame of the body names the answered task.
"""

from __future__ import absolute_import, division, print_function

from collections import OrderedDict, deque

from benchmarks.load import compute, say
from benchmarks.peers import AT_MOST_ONCE, READY
from runtime.clock import monotonic

TITLE = 'ZeroMQ Majordomo broker in Python'
USED = 'MDP/0.1 over pyzmq: ROUTER at the broker, DEALER at both ends, heartbeats every 2.5 s, sockets drained in turns'
GUARANTEE = AT_MOST_ONCE
COMMANDS = ()
MODULES = ('zmq',)

CLIENT, WORKER = b'MDPC01', b'MDPW01'
WORKER_READY, REQUEST, REPLY, HEARTBEAT, DISCONNECT = b'\1', b'\2', b'\3', b'\4', b'\5'
HEARTBEAT_S = 2.5
LIVENESS = 3
_READS_MAX = 256


class Broker(object):
    """Waiting requests and idle workers."""

    def __init__(self, send):
        self._send = send
        self._requests = deque()
        # Worker -> when it counts as dead; the least recently used is first.
        self._idle = OrderedDict()

    def handle(self, frames):
        """Handle one message: sender, empty, client or worker, ..."""
        sender, speaker = frames[0], frames[2]
        if speaker == CLIENT:
            self._requests.append((sender, frames[4:]))
        elif speaker == WORKER:
            kind = frames[3]
            if kind == REPLY:
                self._send([frames[4], b'', CLIENT, b'task'] + frames[6:])
            elif kind == DISCONNECT:
                self._idle.pop(sender, None)
                return
            if kind in (WORKER_READY, REPLY) or sender in self._idle:
                self._idle[sender] = monotonic() + HEARTBEAT_S * LIVENESS
        while self._requests and self._idle:
            worker, _ = self._idle.popitem(last=False)
            client, body = self._requests.popleft()
            self._send([worker, b'', WORKER, REQUEST, client, b''] + body)

    def beat(self):
        """Forget silent workers; send heartbeats to the others."""
        now = monotonic()
        for worker, dead_at in list(self._idle.items()):
            if dead_at <= now:
                del self._idle[worker]
            else:
                self._send([worker, b'', WORKER, HEARTBEAT])


def drained(socket):
    """The messages that have arrived."""
    import zmq
    for _ in range(_READS_MAX):
        try:
            yield socket.recv_multipart(zmq.DONTWAIT)
        except zmq.Again:
            return


def serve(port):
    import zmq
    socket = zmq.Context(1).socket(zmq.ROUTER)
    socket.bind('tcp://127.0.0.1:%d' % port)
    broker = Broker(socket.send_multipart)
    say(READY)
    beat_at = monotonic() + HEARTBEAT_S
    while True:
        if socket.poll(max(0, int(1000 * (beat_at - monotonic())))):
            for frames in drained(socket):
                broker.handle(frames)
        if monotonic() >= beat_at:
            broker.beat()
            beat_at = monotonic() + HEARTBEAT_S


def work(port):
    import zmq
    socket = zmq.Context(1).socket(zmq.DEALER)
    socket.connect('tcp://127.0.0.1:%d' % port)
    socket.send_multipart([b'', WORKER, WORKER_READY, b'task'])
    say(READY)
    beat_at = monotonic() + HEARTBEAT_S
    while True:
        if socket.poll(max(0, int(1000 * (beat_at - monotonic())))):
            frames = socket.recv_multipart()
            if frames[2] == REQUEST:
                client, number, payload = frames[3], frames[5], frames[6]
                socket.send_multipart([b'', WORKER, REPLY, client, b'', number, compute(payload)])
        if monotonic() >= beat_at:
            socket.send_multipart([b'', WORKER, HEARTBEAT])
            beat_at = monotonic() + HEARTBEAT_S


def ask(port, load):
    import zmq
    socket = zmq.Context(1).socket(zmq.DEALER)
    socket.connect('tcp://127.0.0.1:%d' % port)

    def send(tasks):
        for number, payload in tasks:
            socket.send_multipart([b'', CLIENT, b'task', b'%d' % number, payload])

    def receive():
        socket.poll()
        return [(int(frames[3]), frames[4]) for frames in drained(socket)]

    load.drive(send, receive)
    socket.close(0)
