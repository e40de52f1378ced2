"""beanstalkd, with a client and workers written by hand. Only the question ``detection`` uses it.

A command is a line; a body may follow. (beanstalkd's protocol document.)
"""

from __future__ import absolute_import, division, print_function

import socket

from benchmarks.load import compute, say
from benchmarks.peers import AFTER_DISCONNECT, READY

TITLE = 'beanstalkd, minimal client and workers'
USED = ('beanstalkd of Debian, nothing on disk; both ends by hand on plain sockets; a job is released when its '
        'connection closes, or after 60 s (its client chooses that time; this is the default of common clients)')
GUARANTEE = AFTER_DISCONNECT
COMMANDS = ('beanstalkd',)
MODULES = ()

_TIME_TO_RUN_S = 60


def broker(port, folder):
    return ['beanstalkd', '-l', '127.0.0.1', '-p', str(port)]


class Connection(object):
    """A blocking connection. It puts jobs into one tube and reserves them from another."""

    def __init__(self, port, use, watch):
        self._socket = socket.create_connection(('127.0.0.1', port))
        self._file = self._socket.makefile('rb')
        self.ask(b'use ' + use)
        self.ask(b'watch ' + watch)

    def ask(self, line):
        """Send a command; returns the words of the answer."""
        self._socket.sendall(line + b'\r\n')
        return self._file.readline().split()

    def put(self, body):
        words = self.ask(b'put 0 0 %d %d\r\n%s' % (_TIME_TO_RUN_S, len(body), body))
        if words[:1] != [b'INSERTED']:
            raise SystemExit('beanstalkd: %r' % words)

    def take(self):
        """Reserve a job: its id, and its body, which is a number and bytes."""
        _, job, size = self.ask(b'reserve')
        number, body = self._file.read(int(size) + 2)[:-2].split(b' ')
        return job, number, body


def work(port):
    connection = Connection(port, b'results', b'tasks')
    say(READY)
    while True:
        job, number, payload = connection.take()
        connection.put(number + b' ' + compute(payload))
        connection.ask(b'delete ' + job)


def ask(port, load):
    connection = Connection(port, b'tasks', b'results')

    def send(tasks):
        for number, payload in tasks:
            connection.put(b'%d %s' % (number, payload))

    def receive():
        job, number, result = connection.take()
        connection.ask(b'delete ' + job)
        return [(int(number), result)]

    load.drive(send, receive)
