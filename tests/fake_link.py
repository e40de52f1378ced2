"""A network in memory and in virtual time, on which real cores and real turns exchange datagrams.

The network can drop, duplicate and delay datagrams, cut the connection between two nodes, isolate a node, and crash it.
After every turn, the core checks its invariants.
"""

from __future__ import absolute_import, division, print_function

import random
from heapq import heappop, heappush

from calculator.core import CalculatorCore
from calculator.settings import SETTINGS as CALCULATOR_SETTINGS
from client.core import ClientCore
from client.settings import SETTINGS as CLIENT_SETTINGS
from dispatcher.core import DispatcherCore
from dispatcher.settings import SETTINGS as DISPATCHER_SETTINGS
from net_protocol import codec
from net_protocol.core import draw_incarnation
from net_protocol.turn import Turn

#: The maximum number of turns at one moment of virtual time. No real burst needs so many.
TURNS_AT_ONCE_MAX = 1000

DISPATCHER = ('dispatcher', 5555)
QUIET = {'check_interval_s': 10, 'probability': 0}


class Node(object):
    """A core and its turn at an address."""

    def __init__(self, address, core, turn):
        self.address = address
        self.core = core
        self.turn = turn
        self.inbox = []
        self.events = []

    def __repr__(self):
        return 'Node%r' % (self.address,)

    def receive(self):
        return self.inbox.pop(0) if self.inbox else None


class FakeLink(object):
    def __init__(self, seed=1):
        self.now = 1000.0
        self.rng = random.Random(seed)
        self.nodes = {}
        self.drop_share = 0.0
        self.duplicate_share = 0.0
        self.delay_s = (0.001, 0.002)
        self.cuts = set()
        # All datagrams, delivered or lost: (time, from, to, codec.Datagram).
        self.sent = []
        self._flying = []
        self._sequence = 0

    # Nodes.

    def dispatcher(self, **settings):
        core = DispatcherCore(DISPATCHER_SETTINGS.checked(settings), 'dispatcher', self._incarnation(),
                              self._generator())
        return self.add(DISPATCHER, core)

    def calculator(self, name='calculator-a', **settings):
        settings.setdefault('outage', QUIET)
        core = CalculatorCore(CALCULATOR_SETTINGS.checked(settings), name, self._incarnation, self._generator())
        return self.add((name, 5600), core)

    def client(self, name='client-a', tasks=None, duration_s=None, **settings):
        core = ClientCore(CLIENT_SETTINGS.checked(settings), name, self._incarnation(), self._generator(),
                          tasks_max=tasks, duration_s=duration_s)
        return self.add((name, 6000), core)

    def add(self, address, core):
        turn = Turn(core, self._generator(), secret=core.incarnation.encode('ascii'))
        turn.set_upstream(DISPATCHER)
        node = self.nodes[address] = Node(address, core, turn)
        turn.on_events = lambda events: node.events.extend((self.now, event) for event in events)
        core.start(self.now)
        self._take_turn(node)
        return node

    def _incarnation(self):
        return draw_incarnation(self.rng)

    def _generator(self):
        return random.Random(self.rng.getrandbits(32))

    # Faults.

    def drop(self, share):
        self.drop_share = share

    def cut(self, one, other):
        self.cuts.add((one.address, other.address))

    def isolate(self, node):
        for other in self.nodes.values():
            self.cut(node, other)
            self.cut(other, node)

    def heal(self):
        self.cuts.clear()
        self.drop_share = self.duplicate_share = 0.0

    def crash(self, node):
        """The node disappears with all its state."""
        del self.nodes[node.address]

    # Running.

    def run(self, seconds):
        self.run_until(lambda: False, seconds)

    def run_until(self, condition, bound_s=600.0):
        """Let time pass until ``condition()``, at most ``bound_s``. Returns the last ``condition()``."""
        end_at = self.now + bound_s
        turns_at_once = 0
        while not condition():
            next_at = self._next_at()
            if next_at is None or next_at > end_at:
                self.now = end_at
                return condition()
            turns_at_once = 0 if next_at > self.now else turns_at_once + 1
            assert turns_at_once < TURNS_AT_ONCE_MAX, 'timers fire without end at one moment'
            self.now = max(self.now, next_at)
            self._deliver_due()
            for address in sorted(self.nodes):
                node = self.nodes.get(address)
                if node is not None and self._is_due(node):
                    self._take_turn(node)
        return True

    def _is_due(self, node):
        if node.core.is_stopped:
            return False
        timer = node.turn.next_timer()
        return bool(node.inbox) or (timer is not None and timer <= self.now)

    def _next_at(self):
        times = [entry[0] for entry in self._flying[:1]]
        for node in self.nodes.values():
            if not node.core.is_stopped:
                timer = self.now if node.inbox else node.turn.next_timer()
                if timer is not None:
                    times.append(timer)
        return min(times) if times else None

    def _deliver_due(self):
        while self._flying and self._flying[0][0] <= self.now:
            _, _, source, target, datagram = heappop(self._flying)
            node = self.nodes.get(target)
            if node is not None:
                node.inbox.append((datagram, source))

    def _take_turn(self, node):
        node.turn.run(self.now, node.receive, lambda datagram, address: self._send(node.address, address, datagram))
        node.core.check_invariants()

    def _send(self, source, target, datagram):
        self.sent.append((self.now, source, target, codec.decode(datagram)))
        if (source, target) in self.cuts or self.rng.random() < self.drop_share:
            return
        copies = 2 if self.rng.random() < self.duplicate_share else 1
        for _ in range(copies):
            self._sequence += 1
            arrives_at = self.now + self.rng.uniform(*self.delay_s)
            heappush(self._flying, (arrives_at, self._sequence, source, target, datagram))
