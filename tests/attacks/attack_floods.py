"""Floods: garbage, strangers, expensive datagrams, requests, forged names, a greedy client, a full receive buffer.

Meanwhile other clients must be served at half of their undisturbed rate or more. Both rates are measured one directly
after the other, several times, and the best pair counts: a busy machine slows down some of the measurements, but a
client that starves is slow in all of them.
"""

from __future__ import absolute_import, division, print_function

import io
import os
import threading
import time
from contextlib import contextmanager

import pytest

from net_protocol import codec
from net_protocol.limits import CAPACITY_MAX, UNREPORTED_MAX
from net_protocol.rows import CALCULATOR, CLIENT, MONITOR
from net_protocol.seals import CHECKSUM
from runtime.clock import monotonic
from runtime.event_files import count
from tests.attacks.soak import resident_kib
from tests.net_protocol import samples
from tests.system import garbage
from tests.system.processes import eventually
from tests.system.strangers import Actor, Stranger

pytestmark = pytest.mark.timeout(200)

#: Datagrams per second, several times the datagrams of all others. (In a flood of more datagrams than a process can
#: read, valid ones are lost too.)
FLOOD_PER_S = 3000
#: The rate of datagrams that take 20 ms each.
EXPENSIVE_PER_S = 60
REQUESTS_PER_S = 1000
HEARTBEATS_PER_S = 3000
BURST_S = 0.01
WINDOW_S = 1.5
REPETITIONS = 5
SHARE_MIN = 0.5

FORGED_NAMES = 1000000 if os.environ.get('EXHAUSTIVE') else 50000
FORGED_TASKS = 500000 if os.environ.get('EXHAUSTIVE') else 50000
ROWS_AT_A_TIME = 500
#: The answers to these fit in one receive buffer.
NAMES_AT_A_TIME = 100
REMEMBERED_MAX = 10000
MEMORY_GROWTH_MAX = 0.1


@contextmanager
def repeated(per_s, send, rest):
    """A thread calls ``send(number)`` at a constant rate, and ``rest()`` in between. Yields [the number of calls]."""
    sent, closing = [0], threading.Event()

    def run():
        began_at = monotonic()
        while not closing.is_set():
            while sent[0] < (monotonic() - began_at) * per_s:
                sent[0] += 1
                send(sent[0])
            rest()
    thread = threading.Thread(target=run)
    thread.daemon = True
    thread.start()
    try:
        yield sent
    finally:
        closing.set()
        thread.join()


@contextmanager
def flood(address, datagrams, per_s, numbers):
    """Sends the datagrams in turn. Appends their number to ``numbers``."""
    with Stranger() as stranger:
        def send(number):
            stranger.throw(address, datagrams[number % len(datagrams)])
            # Keep the receive buffer of this test empty.
            if number % 50 == 0:
                while stranger.listen(0) is not None:
                    pass
        with repeated(per_s, send, lambda: time.sleep(BURST_S)) as sent:
            yield
        numbers.append(sent[0])


@contextmanager
def eager_peer(role, address, kind, per_s, row):
    """A peer that sends a kind of row far more often than usual. ``row`` makes it from its number."""
    with Actor(role, address, 'eager') as actor:
        def rest():
            actor.turn(BURST_S)
            actor.received.clear()
        with repeated(per_s, lambda number: actor.put(kind, row(number)), rest):
            yield


class Client(object):
    """A client that always has open tasks, and the number of its answers."""

    def __init__(self, system, directory, name='served', **settings):
        self.path = os.path.join(directory, name + '.events')
        self.process = system.start(CLIENT, name, dict({'task_interval_s': [0, 0]}, **settings),
                                    ['--json', '--events', self.path])

    @property
    def answers(self):
        return count(self.path, 'answered')

    def has_answers(self, number=20):
        eventually(lambda: self.answers > number, 'the client has %d answers' % number)

    def rate(self):
        """Answers per second, measured now."""
        before, began_at = self.answers, monotonic()
        time.sleep(WINDOW_S)
        return (self.answers - before) / (monotonic() - began_at)

    def end(self):
        self.has_answers(50)
        self.process.end()
        account = self.process.account
        assert account['sent'] == account['outcomes']['done'], account


@contextmanager
def greedy_client(system, directory):
    """A client with ten thousand open tasks."""
    client = Client(system, directory, 'greedy', in_flight_max=10000, drain_timeout_s=0, payload_bytes=20)
    client.has_answers()
    yield
    # Without ``Client.end``: it need not wait until all its tasks are cancelled.
    client.process.end()


@pytest.fixture
def farm(system, python):
    """A dispatcher whose calculators can do at most 200 tasks per second."""
    dispatcher = system.dispatcher(python=python, remembered_max=REMEMBERED_MAX, calculators_max=1000)
    for letter in 'ab':
        system.calculator('calculator-%s' % letter, capacity=5, task_duration_s=[0.05, 0.05])
    dispatcher.says('registered from', times=2)
    system.strangers_tasks = 0
    return dispatcher


def check_share(served, what, say, disturb):
    """Measure the client's rate during ``with disturb()`` over the rate directly before, and check the best pair."""
    served.has_answers()
    found = []
    for _ in range(REPETITIONS):
        before = served.rate()
        with disturb():
            found.append((served.rate() / before, before))
        if max(found)[0] >= SHARE_MIN:
            break
    share, before = max(found)
    assert share >= SHARE_MIN
    served.end()
    say('%s: another client is served at %.2f of its rate (%.0f per second)' % (what, share, before))


def hello(name, role=CLIENT):
    return codec.hello(CHECKSUM, codec.head(role, name, 'strangee', ''), 1)


def strangers():
    """Hellos of clients, calculators and monitors that send nothing else."""
    return [hello('stranger-%d' % number, role) for number in range(1000)
            for role in (CLIENT, CALCULATOR, MONITOR)]


def without_ticket():
    """Rows of every kind with the names of real processes, without their tickets."""
    return [garbage.envelope(samples.ROWS, role=role, n=number, **{'from': name}) for number in range(1, 500)
            for role, name in ((CLIENT, 'served'), (CALCULATOR, 'calculator-a'))]


def expensive():
    """A datagram of the maximum length with a maximum number of values."""
    return [garbage.submit_with(b'[' + b','.join([b'1'] * 29000) + b']')]


@pytest.mark.parametrize('kind, made, per_s', [
    ('garbage', lambda: [each for each in garbage.bent(seed=11, number=3000) if len(each) < 2000], FLOOD_PER_S),
    ('strangers of all roles', strangers, FLOOD_PER_S),
    ('rows without a ticket', without_ticket, FLOOD_PER_S),
    ('expensive datagrams', expensive, EXPENSIVE_PER_S),
])
def test_in_a_flood_of_strangers_a_client_has_half_of_its_rate(system, farm, tmpdir, kind, made, per_s, say):
    served = Client(system, str(tmpdir), in_flight_max=20)
    datagrams, numbers = made(), []
    check_share(served, '%s, %d per second' % (kind, per_s), say,
                lambda: flood(farm.address, datagrams, per_s, numbers))
    system.balance()
    assert farm.account['traffic']['datagrams_in'] > 0.5 * sum(numbers)
    assert farm.account['accepted'] == served.process.account['sent']


def eager_monitor(address):
    return eager_peer(MONITOR, address, 'status', REQUESTS_PER_S, lambda number: [number, 0, 0, 0, 0])


def eager_calculator(address):
    """Each heartbeat names as many attempts as possible. A hundred of them share a datagram."""
    return eager_peer(CALCULATOR, address, 'heartbeat', HEARTBEATS_PER_S, lambda number: [
        number, 1, 1, 1, CAPACITY_MAX, [[1, CAPACITY_MAX + UNREPORTED_MAX]], [], True])


@pytest.mark.parametrize('what, disturb, in_flight', [
    ('a monitor with %d requests per second' % REQUESTS_PER_S, lambda farm, *_: eager_monitor(farm.address), 20),
    ('%d heartbeats per second that name %d attempts' % (HEARTBEATS_PER_S, CAPACITY_MAX + UNREPORTED_MAX),
     lambda farm, *_: eager_calculator(farm.address), 20),
    ('a client with 10000 open tasks', lambda _, *where: greedy_client(*where), 4)],
    ids=['monitor', 'calculator', 'client'])
def test_beside_a_greedy_peer_a_client_has_half_of_its_rate(system, farm, tmpdir, what, disturb, in_flight, say):
    served = Client(system, str(tmpdir), in_flight_max=in_flight)
    check_share(served, what, say, lambda: disturb(farm, system, str(tmpdir)))
    system.balance()


def test_forged_names_take_no_memory(system, farm, tmpdir, say):
    def forge(first, last):
        with Stranger() as stranger:
            for number in range(first, last):
                stranger.throw(farm.address, hello('forged-%d' % number))
                if number % NAMES_AT_A_TIME == 0:
                    assert stranger.is_answered_by(farm.address)
            assert stranger.is_answered_by(farm.address)
    check_memory(system, farm, tmpdir, say, 'names without a ticket', FORGED_NAMES, forge)
    assert farm.account['traffic']['greetings'] >= FORGED_NAMES
    assert farm.account['traffic']['channels_opened'] <= 4


def test_forged_tasks_take_no_memory(system, farm, tmpdir, say):
    """A client cancels tasks that it did not submit. A calculator reports results of tasks that were not assigned."""
    with Actor(CLIENT, farm.address, 'forger') as client, Actor(CALCULATOR, farm.address, 'forger') as calculator:
        calculator.delivers('heartbeat', [1, 1, 1, 60, 1, [], [], True])

        def forge(first, last):
            for number in range(first, last, ROWS_AT_A_TIME):
                several = range(number + 1, number + 1 + ROWS_AT_A_TIME)
                client.dispatcher.open = number + 1
                client.delivers('cancel', *[[each] for each in several])
                # A row may arrive twice.
                client.until(lambda: {row[0] for row in client.received.get('ended', ())}.issuperset(several),  # noqa: B023
                             'all are cancelled')
                calculator.delivers('result', *[[each, 'nobody:aaaaaaaa:%d' % each, 'x', None] for each in several])
                client.received.clear()
        check_memory(system, farm, tmpdir, say, 'tasks', FORGED_TASKS, forge)
    counts = farm.account['counts']
    assert (counts['cancelled_unknown'], counts['unknown_results']) == (FORGED_TASKS, FORGED_TASKS)


def check_memory(system, farm, tmpdir, say, what, number, forge):
    """Compare the dispatcher's memory after ``forge(first, last)`` of the first and of the second half."""
    # A slow client: what the dispatcher remembers of finished tasks grows too, up to its limit.
    served = Client(system, str(tmpdir), task_interval_s=[0.02, 0.04])
    forge(0, number // 2)
    warm = resident_kib(farm.pid)
    forge(number // 2, number)
    last = resident_kib(farm.pid)
    assert last / warm - 1 < MEMORY_GROWTH_MAX, (warm, last)
    served.end()
    system.balance()
    say('%d forged %s: the dispatcher has %d KiB after half of them, %d KiB after all' % (number, what, warm, last))


def drops(port):
    """Datagrams that the kernel dropped because the receive buffer of this port was full."""
    with io.open('/proc/net/udp', encoding='ascii') as file:
        for line in file:
            fields = line.split()
            if fields[1].endswith(':%04X' % port):
                return int(fields[-1])
    return 0


def test_datagrams_dropped_by_a_full_buffer_count_as_lost(system, farm, tmpdir, say):
    served = Client(system, str(tmpdir), in_flight_max=20)
    served.has_answers()
    host, port = farm.address
    farm.suspend()
    datagram = hello('stranger')
    sent = 0
    with Stranger() as stranger:
        while drops(port) < 100:
            for _ in range(500):
                stranger.throw((host, port), datagram)
            sent += 500
            assert sent < 1000000, 'the buffer is never full'
        before = served.answers
        farm.resume()
        assert stranger.is_answered_by((host, port))
        lost = drops(port)
    served.has_answers(before + 50)
    served.end()
    system.balance()
    say('receive buffer full after %d datagrams: the kernel dropped %d, all tasks done' % (sent, lost))
