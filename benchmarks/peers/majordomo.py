"""A ZeroMQ Majordomo broker in Python: the protocol of ZeroMQ's RFC 7 (MDP/0.1), the least recently used worker first.

A worker has one task at a time, as the protocol has it. What correlates answers is a frame of the body.
"""

from __future__ import absolute_import, division, print_function

from collections import OrderedDict, deque

from benchmarks.load import compute
from benchmarks.peers import say_ready
from runtime.clock import monotonic

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict  # noqa: F401

TITLE = 'ZeroMQ Majordomo broker in Python'
USED = 'MDP/0.1 over pyzmq: ROUTER at the broker, DEALER at both ends, heartbeats every 2.5 s, sockets drained in turns'
COMMANDS = ()
MODULES = ('zmq',)

CLIENT, WORKER = b'MDPC01', b'MDPW01'
READY, REQUEST, REPLY, HEARTBEAT, DISCONNECT = b'\1', b'\2', b'\3', b'\4', b'\5'
HEARTBEAT_S = 2.5
LIVENESS = 3
_READS_MAX = 256


class Broker(object):
    """Requests wait, workers wait, the two meet."""

    def __init__(self, send):
        # type: (Any) -> None
        self._send = send
        self._requests = deque()  # type: Deque[Any]
        # Worker -> when it is taken for dead; the least recently used is first.
        self._idle = OrderedDict()  # type: OrderedDict[bytes, float]

    def handle(self, frames):
        # type: (Any) -> None
        """One message: sender, empty, who speaks, ..."""
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
            if kind in (READY, REPLY) or sender in self._idle:
                self._idle[sender] = monotonic() + HEARTBEAT_S * LIVENESS
        while self._requests and self._idle:
            worker, _ = self._idle.popitem(last=False)
            client, body = self._requests.popleft()
            self._send([worker, b'', WORKER, REQUEST, client, b''] + body)

    def beat(self):
        # type: () -> None
        """Forget the silent, tell the others that we live."""
        now = monotonic()
        for worker, dead_at in list(self._idle.items()):
            if dead_at <= now:
                del self._idle[worker]
            else:
                self._send([worker, b'', WORKER, HEARTBEAT])


def drained(socket):
    """The messages that are here."""
    import zmq
    for _ in range(_READS_MAX):
        try:
            yield socket.recv_multipart(zmq.DONTWAIT)
        except zmq.Again:
            return


def serve(port):
    """One ROUTER for clients and workers."""
    import zmq
    socket = zmq.Context(1).socket(zmq.ROUTER)
    socket.bind('tcp://127.0.0.1:%d' % port)
    broker = Broker(socket.send_multipart)
    say_ready()
    beat_at = monotonic() + HEARTBEAT_S
    while True:
        if socket.poll(max(0, int(1000 * (beat_at - monotonic())))):
            for frames in drained(socket):
                broker.handle(frames)
        if monotonic() >= beat_at:
            broker.beat()
            beat_at = monotonic() + HEARTBEAT_S


def work(port):
    """Ready, then a reply for each request."""
    import zmq
    socket = zmq.Context(1).socket(zmq.DEALER)
    socket.connect('tcp://127.0.0.1:%d' % port)
    socket.send_multipart([b'', WORKER, READY, b'task'])
    say_ready()
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
    """Asynchronous, as the second client interface of the guide to ZeroMQ is."""
    import zmq
    socket = zmq.Context(1).socket(zmq.DEALER)
    socket.connect('tcp://127.0.0.1:%d' % port)
    out = {}  # type: Dict[bytes, Any]

    def submit():
        task = load.new()
        if task is not None:
            number = b'%d' % load.sent
            out[number] = task
            socket.send_multipart([b'', CLIENT, b'task', number, task[1]])

    load.begin()
    for _ in range(load.in_flight):
        submit()
    while load.out:
        socket.poll()
        for frames in drained(socket):
            load.done(out.pop(frames[3]), frames[4])
            submit()
    socket.close(0)
