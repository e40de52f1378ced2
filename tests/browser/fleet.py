"""A thousand calculators and a client in one thread: cores with sockets, as a load for the page."""

from __future__ import absolute_import, division, print_function

import heapq
import random
import resource
import select
import socket
import threading
import time

from calculator.core import CalculatorCore
from calculator.settings import SETTINGS as CALCULATOR_SETTINGS
from client.core import ClientCore
from client.settings import SETTINGS as CLIENT_SETTINGS
from net_protocol.core import draw_incarnation
from net_protocol.turn import Turn

CALCULATOR = {'heartbeat_interval_s': 5, 'capacity': 4, 'task_duration_s': [0.3, 0.3], 'outage': {'probability': 0}}
WAIT_MAX_S = 0.1


class Node(object):
    """A core with its turn and its socket."""

    def __init__(self, core, address, rng):
        self.core = core
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind(('127.0.0.1', 0))
        self._turn = Turn(core, rng, is_local=lambda address: True)
        self._turn.set_upstream(address)

    def run(self, now):
        """One turn; returns when the next one is due."""
        self._turn.run(now, self._receive, self._send)
        next_at = self._turn.next_timer()
        return now + WAIT_MAX_S if next_at is None else max(next_at, now + 0.001)

    def _receive(self):
        try:
            return self.socket.recvfrom(65536)
        except OSError:
            return None

    def _send(self, datagram, address):
        try:
            self.socket.sendto(datagram, address)
        except OSError:
            # The datagram is lost.
            pass


class Fleet(object):
    """A context manager: the calculators and the client run until the end of the block."""

    def __init__(self, address, calculators, tasks_per_second):
        rng = random.Random(1)
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(limits[0], min(4096, limits[1])), limits[1]))
        cores = [CalculatorCore(CALCULATOR_SETTINGS.checked(CALCULATOR), 'calculator-%04d' % number,
                                lambda: draw_incarnation(rng), rng) for number in range(calculators)]
        settings = {'task_interval_s': [1 / tasks_per_second] * 2, 'in_flight_max': 5000}
        cores.append(ClientCore(CLIENT_SETTINGS.checked(settings), 'client-1', draw_incarnation(rng), rng))
        self._nodes = [Node(core, address, rng) for core in cores]
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()
        for node in self._nodes:
            node.socket.close()

    def _run(self):
        poll = select.poll()
        by_descriptor = {node.socket.fileno(): node for node in self._nodes}
        for descriptor in by_descriptor:
            poll.register(descriptor, select.POLLIN)
        due = []
        for number, node in enumerate(self._nodes):
            now = time.monotonic()
            node.core.start(now)
            # Heartbeats are spread over time.
            heapq.heappush(due, (now + number / len(self._nodes), number))
        while not self._is_over.is_set():
            now = time.monotonic()
            while due and due[0][0] <= now:
                _, number = heapq.heappop(due)
                heapq.heappush(due, (self._nodes[number].run(now), number))
            wait_s = min(WAIT_MAX_S, max(0.0, due[0][0] - time.monotonic()))
            for descriptor, _ in poll.poll(wait_s * 1000):
                by_descriptor[descriptor].run(time.monotonic())
