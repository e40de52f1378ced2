"""A thousand calculators and a busy client in one thread: as much as the page has to bear, at a small price."""

from __future__ import absolute_import, division, print_function

import select
import socket
import threading
import time

from net_protocol import codec
from net_protocol.messages import Assign, AssignAck, Heartbeat, Outcome, OutcomeAck, Result, Submit

LIFE = u'ffffffff'
_BASE32 = u'abcdefghijklmnopqrstuvwxyz234567'
BEAT_S = 5.0
#: Answers are that late, so that there are tasks to be seen running.
WORK_S = 0.3


class Fleet(object):
    """Speaks to the dispatcher at ``address`` until the end of the block."""

    def __init__(self, address, calculators, tasks_per_second):
        self._address = address
        self._names = [u'calculator-%04d' % number for number in range(calculators)]
        # Each has a life of its own, by which the dispatcher says whom it means.
        self._lives = {name: u'aaaa' + u''.join(_BASE32[(index >> shift) & 31] for shift in (15, 10, 5, 0))
                       for index, name in enumerate(self._names)}
        self._of_life = {life: name for name, life in self._lives.items()}
        self._rate = tasks_per_second
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        # One socket for the client, and one for each thirty calculators: who speaks is told by the name.
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(len(self._names) // 30 + 2)]
        self._numbers = {}
        self._submitted = 0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()
        for one in self._sockets:
            one.close()

    def _say(self, name, index, messages):
        number = self._numbers[name] = self._numbers.get(name, 0) + 1
        for datagram in codec.encode(name, self._lives.get(name, LIFE), number, messages):
            self._sockets[index].sendto(datagram, self._address)

    def _run(self):
        began_at = time.monotonic()
        beat_at = dict.fromkeys(self._names, 0.0)
        held = {name: {} for name in self._names}
        sequences = dict.fromkeys(self._names, 0)
        due = []
        while not self._is_over.is_set():
            now = time.monotonic()
            for index, name in enumerate(self._names):
                if now >= beat_at[name]:
                    # Spread over the interval, so that not all speak at the same time.
                    beat_at[name] = now + BEAT_S * (1 + index / len(self._names)) / 1.5
                    sequences[name] += 1
                    self._say(name, 1 + index // 30, [Heartbeat(
                        sequences[name], 1, 1, BEAT_S, 4, sorted(held[name].items()), [], False, 0)])
            wanted = min(200, int((now - began_at) * self._rate) - self._submitted)
            if wanted > 0 and now - began_at > 2:
                self._say(u'client-1', 0, [Submit(u'client-1:%s:%d' % (LIFE, self._submitted + number), u'5f', 60)
                                           for number in range(wanted)])
                self._submitted += wanted
            while due and due[0][0] <= now:
                _, name, index, task_id, attempt = due.pop(0)
                held[name].pop(task_id, None)
                self._say(name, index, [Result(task_id, attempt, u'1d01be29', None)])
            for readable in select.select(self._sockets, [], [], 0.01)[0]:
                self._hear(readable, self._sockets.index(readable), now, held, due)

    def _hear(self, readable, index, now, held, due):
        envelope = codec.decode(readable.recv(65536))
        acks = []
        for message in envelope.messages:
            if isinstance(message, Assign):
                name = self._of_life[message.incarnation]
                held[name][message.task_id] = message.attempt
                self._say(name, index, [AssignAck(message.task_id, message.attempt)])
                due.append((now + WORK_S, name, index, message.task_id, message.attempt))
            elif isinstance(message, Outcome):
                acks.append(OutcomeAck(message.task_id))
        if acks:
            self._say(u'client-1', 0, acks)
