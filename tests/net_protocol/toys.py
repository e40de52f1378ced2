"""The smallest cores that a turn can drive, and a network in memory and virtual time."""

from __future__ import absolute_import, division, print_function

import functools
import json
import random
from collections import deque
from heapq import heappop, heappush

from net_protocol import codec
from net_protocol.channel import Channel
from net_protocol.core import Core
from net_protocol.recovery import RoundTrip
from net_protocol.rows import CLIENT, DISPATCHER, ORDER
from net_protocol.seals import CHECKSUM
from net_protocol.turn import Turn


class Toy(Core):
    """Appends each call of the turn to ``log``."""

    ACKNOWLEDGED = frozenset(['submit', 'cancel', 'assign', 'done', 'heartbeat'])
    WANTS_NUMBERS = True

    def __init__(self, name, incarnation):
        super(Toy, self).__init__(name, incarnation)
        self.log = []
        self.handlers = {kind: functools.partial(self.on, kind) for kind in ORDER if kind != 'ping'}
        for call in ('unreachable', 'reachable', 'hinted', 'awake'):
            setattr(self, call, functools.partial(self.note, call))
        #: Whether channels of silent peers stay open.
        self.keeps = False

    def on(self, kind, now, channel, rows):
        self.log.append((kind, rows))

    def note(self, call, now, channel):
        self.log.append((call, channel.name))

    def opened(self, now, channel):
        self.log.append(('opened', channel.incarnation))

    def acknowledged(self, now, channel, kind, rows):
        self.log.append(('acknowledged', kind, rows))

    def refresh(self, now, channel, kind, row):
        self.log.append(('refresh', kind, row))
        return row

    def note_sent(self, number, rows):
        self.log.append(('sent', number, {kind: list(some) for kind, some in rows.items()}))

    def asleep(self, now, channel):
        self.note('asleep', now, channel)
        return not self.keeps

    def take_log(self, *words):
        """The entries since the last call; with ``words`` only those whose first word is one of them."""
        log, self.log = self.log, []
        return [entry for entry in log if not words or entry[0] in words]


class ToyClient(Toy):
    ROLE = CLIENT

    def __init__(self, name=u'c', incarnation=u'cccccccc'):
        super(ToyClient, self).__init__(name, incarnation)
        self.dispatcher = Channel(DISPATCHER)

    def put(self, kind, *rows):
        for row in rows:
            self.send(self.dispatcher, kind, row)


class ToyDispatcher(Toy):
    ROLE = DISPATCHER

    def __init__(self, name=u'd', incarnation=u'dddddddd'):
        super(ToyDispatcher, self).__init__(name, incarnation)
        #: Open channels by the peer's incarnation.
        self.channels = {}

    @property
    def channel(self):
        (channel,) = self.channels.values()
        return channel

    def put(self, kind, *rows):
        for row in rows:
            self.send(self.channel, kind, row)

    def opened(self, now, channel):
        super(ToyDispatcher, self).opened(now, channel)
        self.channels[channel.incarnation] = channel

    def closed(self, now, channel):
        self.note('closed', now, channel)
        del self.channels[channel.incarnation]


class Node(object):
    """A core with its turn, its address and the datagrams that arrived there."""

    def __init__(self, core, address, seed=0, write=None, is_local=lambda address: False):
        self.core = core
        self.address = address
        self.turn = Turn(core, random.Random(seed), secret=b'%d' % seed, is_local=is_local)
        self.refusals = []
        self.turn.on_refusal = lambda cause, detail, address: self.refusals.append(cause)
        self.write = write
        self.inbox = deque()
        self.outbox = []

    def step(self, now, *datagrams):
        """One turn that reads these datagrams (bytes, address). Returns the decoded datagrams that it sent."""
        self.inbox.extend(datagrams)
        self.outbox = []
        self.turn.run(now, lambda: self.inbox.popleft() if self.inbox else None,
                      lambda datagram, address: self.outbox.append((datagram, address)), self.write)
        return [codec.decode(datagram) for datagram, _ in self.outbox]


def delivers(sender, datagram, address):
    return [0.005]


def loses(sender, datagram, address):
    return []


class World(object):
    """Nodes and a network: ``fate(sender, datagram, address)`` returns the delays of the copies that arrive."""

    def __init__(self, *nodes):
        self.now = 100.0
        self.nodes = list(nodes)
        self.fate = delivers
        self.on_step = lambda node: None
        self._on_the_way = []
        self._order = 0

    def later(self, delay_s, datagram, sender, receiver):
        self._order += 1
        heappush(self._on_the_way, (self.now + delay_s, self._order, datagram, sender, receiver))

    def step(self, node):
        found = node.step(self.now)
        self.on_step(node)
        for datagram, address in node.outbox:
            for delay_s in self.fate(node, datagram, address):
                self.later(delay_s, datagram, node.address, address)
        return found

    def run(self, for_s):
        """Deliver datagrams and take turns for this time."""
        until, steps, since = self.now + for_s, 0, self.now
        while True:
            for node in self.nodes:
                due_at = node.turn.next_timer()
                if node.inbox or due_at is not None and due_at <= self.now:
                    steps = steps + 1 if since == self.now else 0
                    since = self.now
                    assert steps < 1000, '1,000 turns at one moment'
                    self.step(node)
            times = [self._on_the_way[0][0]] if self._on_the_way else []
            times += [max(at, self.now) for at in (node.turn.next_timer() for node in self.nodes) if at is not None]
            if not times or min(times) > until:
                self.now = until
                return
            self.now = min(times)
            while self._on_the_way and self._on_the_way[0][0] <= self.now:
                _, _, datagram, sender, receiver = heappop(self._on_the_way)
                for node in self.nodes:
                    if node.address == receiver:
                        node.inbox.append((datagram, sender))


CLIENT_AT, DISPATCHER_AT, ELSEWHERE = ('192.0.2.1', 1001), ('192.0.2.2', 5555), ('192.0.2.3', 1003)


def pair(write=None):
    """A client and a dispatcher with an open channel and nothing in flight, 5 ms apart."""
    client, dispatcher = Node(ToyClient(), CLIENT_AT, 1), Node(ToyDispatcher(), DISPATCHER_AT, 2, write)
    client.turn.set_upstream(DISPATCHER_AT)
    world = World(client, dispatcher)
    world.run(0.1)
    client.core.put('ping', [])
    world.run(0.1)
    assert client.core.dispatcher.is_open
    assert not client.core.dispatcher.loss.in_flight
    client.core.take_log()
    dispatcher.core.take_log()
    return world, client, dispatcher


def craft(number, rows=None, to=u'', acks=(), open_number=0, role=CLIENT, name=u'c', incarnation=u'cccccccc', size=0):
    """A datagram of a client, if ``role`` is not given."""
    text = json.dumps(rows)[1:-1] if rows else ''
    head = codec.head(role, name, incarnation, to)
    return codec.datagram(CHECKSUM, head, number, list(acks), open_number, text, size)


class OneChannel(object):
    """A dispatcher with one open channel, on which nothing was measured or received. The test plays the client."""

    def __init__(self, write=None):
        world, client, self.node = pair(write)
        self.core = self.node.core
        self.channel = self.core.channel
        self.channel.round_trip = RoundTrip()
        self.channel.received.ranges = []
        self.now = world.now
        #: The number of the client's last datagram.
        self.number = client.core.dispatcher.number

    def datagram(self, rows=None, ahead=1, **more):
        """The client's next datagram."""
        self.number += ahead
        return self.at(self.number, rows, **more)

    def at(self, number, rows=None, **more):
        return craft(number, rows, to=self.channel.ticket, **more), CLIENT_AT

    # These methods return the datagrams that the dispatcher sends.

    def turn(self, *datagrams, **more):
        self.now += more.get('later', 0.0)
        return self.node.step(self.now, *datagrams)

    def send(self, kind, *rows):
        self.core.put(kind, *rows)
        return self.turn()

    def acknowledge(self, *numbers):
        return self.turn(self.datagram(acks=[[number, number] for number in sorted(numbers)]))

    def probe(self):
        """The next probe time-out."""
        self.now = self.channel.probe_at
        return self.turn()
