"""Channels in random worlds: a client, a dispatcher, restarts, and a network with all faults of UDP.

A client submits numbered tasks; a dispatcher executes each at once and sends ``done``. A seed draws the faults of the
network, the restarts, the new addresses, and whether there is a journal. The model records what each incarnation did,
and compares the reports of the channel with it. After the last fault all tasks must be done within a time limit.
``pytest tests/net_protocol/test_channel_model.py -k 'world[SEED]'`` repeats a seed that failed.
"""

from __future__ import absolute_import, division, print_function

import random

import pytest

from net_protocol.channel import Channel
from net_protocol.core import Core, draw_incarnation
from net_protocol.rows import CLIENT, DISPATCHER, UNRELIABLE
from net_protocol.schedule import PING_INTERVAL_S
from tests.net_protocol.toys import Node, World

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401


SEEDS = 250
#: The time with faults, and the time limit after it: six times the longest probe time-out, and its jitter.
FAULTS_S = 90.0
HEALED_S = 40.0


class Truth(object):
    """What really happened."""

    def __init__(self):
        #: Dispatcher's incarnation -> (client's incarnation, number) of every submit that it handled.
        self.handled = {}
        #: (client's incarnation, number) of the tasks whose result the client has.
        self.over = set()
        #: The same of the tasks on disk; None without a journal.
        self.disk = None  # type: Any
        self.restarts = 0


def check_window(channel, number, rows):
    """A datagram may be sent only if the window has room, or if it is a probe or has no reliable row."""
    loss = channel.loss
    assert (channel.probes or UNRELIABLE.issuperset(rows) or len(loss.in_flight) < 2
            or loss.segments < channel.window.segments), 'more in flight than the window'
    assert number == channel.number


class ModelClient(Core):
    ROLE = CLIENT
    HANDLERS = {'done': 'on_done'}
    TIMERS = {'submit': 'due_submit', 'ping': 'due_ping'}
    ACKNOWLEDGED = frozenset(['submit'])
    WANTS_NUMBERS = True

    def __init__(self, rng, truth, until):
        super(ModelClient, self).__init__(u'c', draw_incarnation(rng))
        self.dispatcher = Channel(DISPATCHER)
        self.dispatcher.open = 1
        self.rng, self.truth, self.until = rng, truth, until
        self.size = int(rng.random() * 900)
        #: Pings at the beginning, 10 ms apart: in some worlds more than the receive window has numbers.
        self.chats = 1500 if rng.random() < 0.02 else 0
        self.next = 1
        #: Number of an open task -> the incarnation of the dispatcher that acknowledged it, or None.
        self.tasks = {}

    def start(self, now):
        self._timers.set(('submit', None), now)
        self._timers.set(('ping', None), now)

    def due_submit(self, now, key):
        if now > self.until:
            return
        for _ in range(1 + int(self.rng.random() ** 6 * 40)):
            self.tasks[self.next] = None
            self.submit(self.next)
            self.next += 1
        self._timers.set(('submit', None), now + self.rng.expovariate(1 / 12))

    def submit(self, number):
        self.send(self.dispatcher, 'submit', [number, u'x' * self.size, 1])

    def due_ping(self, now, key):
        if self.tasks or self.chats:
            self.send(self.dispatcher, 'ping', [])
        self.chats -= min(self.chats, 1)
        self._timers.set(('ping', None), now + (0.01 if self.chats else PING_INTERVAL_S))

    def opened(self, now, channel):
        for number in sorted(self.tasks):
            if self.tasks[number] != channel.incarnation:
                self.submit(number)

    def acknowledged(self, now, channel, kind, rows):
        for number, _, _ in rows:
            task = (self.incarnation, number)
            assert task in self.truth.handled[channel.incarnation], 'acknowledged but not handled'
            assert self.truth.disk is None or task in self.truth.disk or number not in self.tasks, (
                'acknowledged but not on disk')
            if number in self.tasks:
                self.tasks[number] = channel.incarnation

    def refresh(self, now, channel, kind, row):
        return row if self.tasks.get(row[0], '') is None or self.tasks.get(row[0], '') != channel.incarnation else None

    def note_sent(self, number, rows):
        check_window(self.dispatcher, number, rows)

    def on_done(self, now, channel, rows):
        for number, result, _ in rows:
            assert 0 < number < self.next
            assert result == self.incarnation, 'the result of another incarnation'
            self.tasks.pop(number, None)
            self.truth.over.add((self.incarnation, number))
        channel.open = min(self.tasks) if self.tasks else self.next


class ModelDispatcher(Core):
    ROLE = DISPATCHER
    HANDLERS = {'submit': 'on_submit'}
    ACKNOWLEDGED = frozenset(['done'])
    WANTS_NUMBERS = True

    def __init__(self, rng, truth):
        super(ModelDispatcher, self).__init__(u'd', draw_incarnation(rng))
        self.truth = truth
        self.handled = truth.handled[self.incarnation] = set()
        #: Client's incarnation -> number -> whether the client acknowledged its outcome.
        self.clients = {}
        self.channels = []
        #: Tasks that are not on disk yet, and (channel, number) of the outcomes that wait for the disk.
        self.records = []
        self.waiting = []
        for incarnation, number in truth.disk or ():
            self.clients.setdefault(incarnation, {})[number] = False
        self.handled.update(truth.disk or ())

    def on_submit(self, now, channel, rows):
        tasks = self.clients.setdefault(channel.incarnation, {})
        for number, _, _ in rows:
            task = (channel.incarnation, number)
            self.handled.add(task)
            if number in tasks or number < channel.peer_open:
                continue
            assert task not in self.truth.over, 'executed after its client had the result'
            tasks[number] = False
            self.waiting.append((channel, number))
            if self.truth.disk is not None:
                self.records.append(task)
                self.has_unwritten = True

    def take_records(self):
        return list(self.records) or None

    def note_written(self, now, failure):
        if failure is None:
            self.records = []
            self.has_unwritten = False
            self.deliver()

    def settle(self, now):
        if not self.has_unwritten:
            self.deliver()

    def deliver(self):
        waiting, self.waiting = self.waiting, []
        for channel, number in waiting:
            self.send(channel, 'done', [number, channel.incarnation, 1])

    def opened(self, now, channel):
        if channel not in self.channels:
            self.channels.append(channel)
        unwritten = {number for incarnation, number in self.records if incarnation == channel.incarnation}
        for number, is_acknowledged in sorted(self.clients.get(channel.incarnation, {}).items()):
            if not is_acknowledged and number >= channel.peer_open and number not in unwritten:
                self.send(channel, 'done', [number, channel.incarnation, 1])

    awake = opened

    def asleep(self, now, channel):
        return all(self.clients.get(channel.incarnation, {}).values())

    def closed(self, now, channel):
        self.channels.remove(channel)

    def acknowledged(self, now, channel, kind, rows):
        for number, _, _ in rows:
            assert (channel.incarnation, number) in self.truth.over, 'an outcome is acknowledged but was not handled'
            self.clients[channel.incarnation][number] = True

    def refresh(self, now, channel, kind, row):
        return None if self.clients[channel.incarnation][row[0]] or row[0] < channel.peer_open else row

    def note_sent(self, number, rows):
        (channel,) = [channel for channel in self.channels if channel.number == number]
        check_window(channel, number, rows)


class ModelWorld(World):
    """A world with the faults of one seed."""

    def __init__(self, seed):
        super(ModelWorld, self).__init__()
        rng = self.rng = random.Random(seed)
        self.heals_at = self.now + FAULTS_S
        self.truth = Truth()
        self.has_journal = rng.random() < 0.5
        if self.has_journal:
            self.truth.disk = set()
        self.loss_share, self.copy_share, self.late_share = rng.random() * 0.5, rng.random() * 0.3, rng.random() * 0.1
        self.rtt_s = 10 ** (rng.random() * 3 - 3)
        self.disk_fails_until = self.cut_until = 0.0
        self.restarts = rng.random() < 0.7
        self.addresses = 0
        self.client = self.new_client()
        self.dispatcher = self.new_dispatcher()
        self.join()
        self.fate = self.drawn_fate

    def new_address(self):
        self.addresses += 1
        return ('192.0.2.1', self.addresses)

    def new_client(self, address=None):
        core = ModelClient(self.rng, self.truth, self.heals_at + 1)
        core.start(self.now)
        return Node(core, address or self.new_address(), self.rng.getrandbits(30))

    def new_dispatcher(self, address=None):
        return Node(ModelDispatcher(self.rng, self.truth), address or self.new_address(), self.rng.getrandbits(30),
                    self.write if self.has_journal else None)

    def join(self):
        self.nodes = [self.client, self.dispatcher]
        self.client.turn.set_upstream(self.dispatcher.address)

    def write(self, records):
        if self.now < self.disk_fails_until:
            return 'the disk is full'
        self.truth.disk.update(records)
        return None

    def drawn_fate(self, sender, datagram, address):
        rng = self.rng
        if self.now >= self.heals_at:
            return [self.rtt_s / 2]
        if self.now < self.cut_until or rng.random() < self.loss_share:
            return []
        delays = [self.rtt_s / 2 * (0.5 + rng.random() + (10 * rng.random() if rng.random() < 0.1 else 0))]
        while rng.random() < self.copy_share:
            delays.append(rng.random() * 2)
        if rng.random() < self.late_share:
            delays.append(rng.random() * 100)
        return delays

    def fault(self):
        drawn = self.rng.random()
        if drawn < 0.2:
            self.disk_fails_until = self.now + self.rng.random() * 10
        elif drawn < 0.4:
            self.cut_until = self.now + 10 ** (self.rng.random() * 3 - 1.3)
        elif drawn < 0.5:
            self.client.address = self.new_address()
        elif drawn < 0.6:
            self.dispatcher.address = self.new_address()
        elif not self.restarts:
            return
        elif drawn < 0.75:
            self.truth.restarts += 1
            self.client = self.new_client(self.client.address if self.rng.random() < 0.8 else None)
        else:
            self.truth.restarts += 1
            self.dispatcher = self.new_dispatcher(self.dispatcher.address if self.rng.random() < 0.8 else None)
        self.join()

    def live(self):
        while self.now < self.heals_at:
            self.run(min(self.rng.expovariate(1 / 10), self.heals_at - self.now + 0.001))
            self.fault()
        self.disk_fails_until = self.cut_until = 0.0
        self.run(HEALED_S)


def lived(seed):
    world = ModelWorld(seed)
    world.live()
    return world


@pytest.mark.parametrize('seed', range(SEEDS))
def test_world(seed):
    world = lived(seed)
    client, dispatcher = world.client.core, world.dispatcher.core
    assert client.tasks == {}, 'not all tasks were done'
    assert client.next > 1
    assert client.dispatcher.open == client.next
    if not world.truth.restarts:
        assert {(client.incarnation, number) for number in range(1, client.next)} <= dispatcher.handled
    assert all(is_acknowledged for number, is_acknowledged in dispatcher.clients.get(client.incarnation, {}).items()
               if number >= client.next)
    assert world.client.refusals == []
    assert world.dispatcher.refusals == []


def test_the_worlds_have_all_faults():
    total = dict.fromkeys(('resent', 'probes', 'lost', 'duplicates', 'stale', 'channels_opened'), 0)
    for seed in range(0, SEEDS, 25):
        for node in lived(seed).nodes:
            account = node.turn.account()
            for key in total:
                total[key] += account[key]
    assert all(total.values()), total


def test_a_seed_repeats_its_world():
    one, other = ([node.turn.account() for node in lived(3).nodes] for _ in range(2))
    assert one == other
