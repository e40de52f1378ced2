"""What the three bare relays share: the limits of what Python and UDP can give.

They lose tasks where a datagram is lost, know one client and workers that never fail, and check nothing: no system, but
the price of JSON, sockets and Python alone. They run on 2.7 too.
"""

from __future__ import absolute_import, division, print_function

import json
import select
import socket

from benchmarks.load import compute
from benchmarks.peers import say_ready

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401

#: Messages of one datagram: with 100 bytes of payload they fill an Ethernet frame.
MESSAGES_MAX = 10
_BUFFER_BYTES = 4 * 1024 * 1024
_READS_MAX = 256
_DATAGRAM_BYTES_MAX = 65535

_encode = json.JSONEncoder(separators=(',', ':')).encode
_decode = json.JSONDecoder().decode


class Endpoint(object):
    """A UDP socket of loopback that waits, drains, and sends messages in datagrams of up to ``messages_max``."""

    def __init__(self, port, messages_max):
        # type: (int, int) -> None
        self._messages_max = messages_max
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        self._socket.setblocking(False)
        self._socket.bind(('127.0.0.1', port))
        self._waiting = {}  # type: Dict[Any, List[Dict[str, Any]]]

    def wait(self):
        # type: () -> List[Tuple[Any, Dict[str, Any]]]
        """All messages that are here, at least one, as (address, message)."""
        select.select([self._socket], [], [])
        messages = []
        for _ in range(_READS_MAX):
            try:
                datagram, address = self._socket.recvfrom(_DATAGRAM_BYTES_MAX)
            except (OSError, socket.error):
                break
            for message in _decode(datagram.decode('ascii')):
                messages.append((address, message))
        return messages

    def put(self, address, message):
        # type: (Any, Dict[str, Any]) -> None
        """Send with the next ``flush``."""
        self._waiting.setdefault(address, []).append(message)

    def flush(self):
        # type: () -> None
        """Send what waits, grouped by address."""
        waiting, self._waiting = self._waiting, {}
        for address, messages in waiting.items():
            for first in range(0, len(messages), self._messages_max):
                self._socket.sendto(_encode(messages[first:first + self._messages_max]).encode('ascii'), address)


def work(port, messages_max, acknowledge):
    # type: (int, int, bool) -> None
    """A worker: says hello, computes what it is given."""
    relay = ('127.0.0.1', port)
    here = Endpoint(0, messages_max)
    here.put(relay, {'kind': 'hello'})
    here.flush()
    say_ready()
    while True:
        for _, message in here.wait():
            if message['kind'] == 'assign':
                if acknowledge:
                    here.put(relay, {'kind': 'assign_ack', 'id': message['id']})
                result = compute(message['payload'].encode('ascii')).decode('ascii')
                here.put(relay, {'kind': 'result', 'id': message['id'], 'result': result})
        here.flush()


def ask(port, load, messages_max, acknowledge):
    # type: (int, Any, int, bool) -> None
    """A client: keeps its tasks out."""
    relay = ('127.0.0.1', port)
    here = Endpoint(0, messages_max)
    out = {}  # type: Dict[int, Any]

    def submit():
        # type: () -> None
        task = load.new()
        if task is not None:
            number = load.sent
            out[number] = task
            here.put(relay, {'kind': 'submit', 'id': number, 'payload': task[1].decode('ascii')})

    load.begin()
    for _ in range(load.in_flight):
        submit()
    here.flush()
    while load.out:
        for _, message in here.wait():
            if message['kind'] == 'outcome':
                load.done(out.pop(message['id']), message['result'].encode('ascii'))
                if acknowledge:
                    here.put(relay, {'kind': 'outcome_ack', 'id': message['id']})
                submit()
        here.flush()
