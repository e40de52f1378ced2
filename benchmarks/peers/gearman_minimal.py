"""gearmand, with a client and workers written by hand: the least that its protocol requires.

A packet is ``\\0REQ`` or ``\\0RES``, its type, the length of the body, and a body of arguments with a NUL between them;
the last may contain anything. (gearmand's PROTOCOL document.)
"""

from __future__ import absolute_import, division, print_function

import socket
import struct
from collections import deque

from benchmarks.load import compute, say
from benchmarks.peers import AFTER_DISCONNECT, READY

TITLE = 'gearmand, minimal client and workers'
USED = ('gearmand of Debian, its defaults, no persistent queue; both ends by hand on plain sockets: one connection '
        'each, packets that belong together sent in one call')
GUARANTEE = AFTER_DISCONNECT
COMMANDS = ('gearmand',)
MODULES = ()

CAN_DO, PRE_SLEEP, NOOP, SUBMIT_JOB, JOB_CREATED, GRAB_JOB = 1, 4, 6, 7, 8, 9
NO_JOB, JOB_ASSIGN, WORK_COMPLETE, WORK_FAIL, ERROR = 10, 11, 13, 14, 19
_HEADER = struct.Struct('>4sII')
_READ_BYTES = 65536


def broker(port, folder):
    return ['gearmand', '--listen', '127.0.0.1', '--port', str(port), '--log-file', 'none']


def packet(kind, *arguments):
    body = b'\0'.join(arguments)
    return _HEADER.pack(b'\0REQ', kind, len(body)) + body


class Connection(object):
    """A blocking connection that reads whole packets."""

    def __init__(self, port):
        self._socket = socket.create_connection(('127.0.0.1', port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.send = self._socket.sendall
        self._rest = b''

    def receive(self):
        """All packets that have arrived, at least one, as (kind, body)."""
        packets = []
        while not packets:
            received = self._socket.recv(_READ_BYTES)
            if not received:
                raise SystemExit('gearmand closed the connection')
            rest = self._rest + received
            at = 0
            while len(rest) - at >= 12:
                _, kind, length = _HEADER.unpack_from(rest, at)
                if len(rest) - at < 12 + length:
                    break
                packets.append((kind, rest[at + 12:at + 12 + length]))
                at += 12 + length
            self._rest = rest[at:]
        return packets


def work(port):
    """Complete a job and grab the next one in one call; sleep if there is none."""
    connection = Connection(port)
    grab = packet(GRAB_JOB)
    connection.send(packet(CAN_DO, b'task') + grab)
    say(READY)
    while True:
        answers = []
        for kind, body in connection.receive():
            if kind == JOB_ASSIGN:
                handle, _, payload = body.split(b'\0', 2)
                answers.append(packet(WORK_COMPLETE, handle, compute(payload)) + grab)
            elif kind == NO_JOB:
                answers.append(packet(PRE_SLEEP))
            elif kind == NOOP:
                answers.append(grab)
        if answers:
            connection.send(b''.join(answers))


def ask(port, load):
    """The server names jobs in the order in which they were submitted."""
    connection = Connection(port)
    unnamed = deque()
    named = {}

    def send(tasks):
        unnamed.extend(number for number, _ in tasks)
        connection.send(b''.join(packet(SUBMIT_JOB, b'task', b'', payload) for _, payload in tasks))

    def receive():
        results = []
        while not results:
            for kind, body in connection.receive():
                if kind == JOB_CREATED:
                    named[body] = unnamed.popleft()
                elif kind == WORK_COMPLETE:
                    handle, result = body.split(b'\0', 1)
                    results.append((named.pop(handle), result))
                elif kind in (WORK_FAIL, ERROR):
                    raise SystemExit('gearmand: %r' % body)
        return results

    load.drive(send, receive)
