"""The loop in a simulated operating system: the actions of a turn, their order, and their times."""

from __future__ import absolute_import, division, print_function

import errno
import select

import pytest

from net_protocol.schedule import ACK_DELAY_S
from runtime import descriptors
from runtime.journal_file import JournalFailed
from runtime.loop import WAIT_MAX_S, Loop
from tests.runtime.fakes import FakeCore, FakeEndpoint, FakeLog, FakeSignals, World

PEER, OTHER = ('127.0.0.2', 1), ('127.0.0.3', 2)


class Bench(object):
    """A loop with its core, endpoint, signals and log."""

    def __init__(self, monkeypatch, journal=None):
        self.world = World()
        self.core = FakeCore(self.world)
        self.endpoint = FakeEndpoint(self.world)
        self.signals = FakeSignals()
        self.log = FakeLog()
        self.loop = Loop(self.core, self.endpoint, self.signals, self.world.monotonic, self.log, journal=journal)
        monkeypatch.setattr(descriptors, 'select', self.world)

    def arrive(self):
        """A datagram arrives now."""
        self.endpoint.arrived.append((b'garbage', PEER))

    def at(self, seconds, action, *arguments):
        """Plan an action, in seconds from the beginning."""
        self.world.at(1000.0 + seconds, lambda: action(*arguments))

    def run(self, seconds):
        """Run for this time, then stop at once."""
        self.at(seconds, self.signals.arrive)
        self.at(seconds, self.signals.arrive)
        self.loop.run()

    def times_of(self, call):
        return [round(at - 1000.0, 6) for at in self.core.times_of(call)]

    def before(self, name, action):
        """Call ``action`` before each call of this method of the core."""
        original = getattr(self.core, name)

        def both(now):
            action(now)
            original(now)

        setattr(self.core, name, both)


@pytest.fixture
def bench(monkeypatch):
    return Bench(monkeypatch)


# Turns.

def test_the_rows_of_the_start_are_sent_before_the_first_wait(bench):
    bench.core.start = lambda now: bench.core.say(PEER)
    waits_before = []
    bench.endpoint.send = lambda datagram, address: waits_before.append(len(bench.world.waits))
    bench.run(0.2)
    assert waits_before[:1] == [0]


def test_a_turn_handles_signals_then_datagrams_then_timers_then_settles(bench):
    bench.core.timer_at = 1001.0
    bench.loop.turn.on_refusal = lambda *_: bench.world.trace.append('read')
    bench.at(1.0, bench.arrive)
    bench.at(1.0, bench.signals.arrive)
    bench.run(1.0)
    assert bench.world.trace == ['start', 'settle', 'stop', 'read', 'timer', 'settle']


@pytest.mark.parametrize('first_at, fired', [(1003.25, [3.25, 5.25, 7.25]), (900.0, [0.0, 2.0, 4.0, 6.0, 8.0])],
                         ids=['future', 'overdue'])
def test_a_timer_fires_at_its_time_or_in_the_first_turn_if_it_is_overdue(bench, first_at, fired):
    bench.core.timer_at = first_at
    bench.core.timer_every_s = 2.0
    bench.run(8.0)
    assert bench.times_of('timer') == fired


def test_an_idle_loop_waits_as_long_as_it_may(bench):
    bench.run(1000.0)
    assert len(bench.world.waits) <= 1000.0 / WAIT_MAX_S + 2


def test_a_readable_socket_without_a_datagram_costs_one_turn(bench):
    # The kernel drops a datagram with a wrong checksum when it is read.
    bench.at(1.0, bench.endpoint.arrived.append, None)
    bench.run(2.0)
    assert len(bench.world.waits) == 2


def test_the_measured_time_of_turns_excludes_the_wait(bench):
    def slow(now):
        bench.world.now += 0.25

    bench.core.settle = slow
    bench.run(10.0)
    assert bench.loop.turns.number == 2
    assert bench.loop.turns.total_s == 0.5


# Reports of the turn.

def test_a_refused_datagram_is_logged(bench):
    bench.endpoint.arrived.append((b'garbage', OTHER))
    bench.run(0.1)
    (cause, detail, address), = bench.log.refusals
    assert (cause, address) == ('bad_checksum', OTHER)
    assert detail
    assert bench.loop.turn.account()['refused']['bad_checksum'] == 1


def test_an_event_is_logged_in_its_turn(bench):
    bench.at(1.0, lambda: bench.core.emit(1001.0, 'left'))
    bench.at(1.0, bench.arrive)
    logged_at = []
    bench.log.event = lambda event: logged_at.append((event.kind, bench.world.now))
    bench.run(5.0)
    assert logged_at == [('left', 1001.0)]


def test_unreachable_addresses_are_reported_to_the_turn(bench):
    noted = []
    bench.loop.turn.note_unreachable = lambda now, address: noted.append((now, address))
    bench.at(1.0, setattr, bench.endpoint, 'unreachable', [PEER, OTHER])
    bench.run(2.0)
    assert noted == [(1001.0, PEER), (1001.0, OTHER)]


class Journal(object):
    """Takes records, or fails."""

    def __init__(self, failure):
        self.failure = failure
        self.records = []

    def write(self, records, now):
        if self.failure is not None:
            raise JournalFailed(self.failure)
        self.records.append((records, now))


@pytest.mark.parametrize('failure', [None, 'database or disk is full'])
def test_the_core_learns_whether_its_records_are_in_the_journal(monkeypatch, failure):
    journal = Journal(failure)
    bench = Bench(monkeypatch, journal)
    bench.core.timer_at = 1001.0
    bench.at(1.0, setattr, bench.core, 'records', ['a record'])
    bench.run(2.0)
    assert journal.records == ([] if failure else [(['a record'], 1001.0)])
    assert bench.core.written == [failure]


# Hooks.

def test_each_hook_has_its_interval_and_0_means_never(bench):
    slow, quick = [], []
    bench.loop.every(0, lambda now: pytest.fail('called'))
    bench.loop.every(3.0, slow.append)
    bench.loop.every(1.0, quick.append)
    bench.run(6.5)
    assert (slow, quick) == ([1003.0, 1006.0], [1001.0, 1002.0, 1003.0, 1004.0, 1005.0, 1006.0])


def test_after_a_delay_a_hook_is_called_once(bench):
    called = []

    def delay():
        bench.world.now += 60.0

    bench.loop.every(1.0, called.append)
    bench.at(1.5, delay)
    bench.run(63.0)
    assert called == [1001.0, 1061.5, 1062.5]


def test_the_rows_of_a_hook_are_sent_without_a_wait(bench):
    bench.loop.every(1.0, lambda now: bench.core.say(PEER))
    bench.run(1.5)
    assert bench.endpoint.rows_to(PEER)[0] == {'ping': [[]]}
    assert 0.0 in bench.world.waits


# The end.

def test_the_first_signal_stops_the_core_and_the_loop_runs_until_the_core_has_stopped(bench):
    bench.core.timer_at = 1001.0
    bench.core.timer_every_s = 1.0
    bench.at(2.5, bench.signals.arrive)
    bench.at(4.5, bench.core.end)
    bench.at(4.5, bench.arrive)
    bench.loop.run()
    assert bench.times_of('stop') == [2.5]
    assert bench.times_of('timer') == [1.0, 2.0, 3.0, 4.0]
    assert bench.world.now == 1004.5 + ACK_DELAY_S


def test_the_second_signal_ends_the_loop_at_once(bench):
    bench.at(1.0, bench.signals.arrive)
    bench.at(3.0, bench.signals.arrive)
    bench.loop.run()
    assert bench.world.now == 1003.0
    assert not bench.core.is_stopped


def test_two_signals_in_one_turn_end_the_loop_after_the_last_rows_are_sent(bench):
    bench.core.stop = lambda now: bench.core.say(PEER)
    bench.run(1.0)
    assert bench.world.now == 1001.0
    assert bench.endpoint.rows_to(PEER) == [{'ping': [[]]}]


def test_the_last_rows_of_a_core_that_stops_at_once_are_sent(bench):
    bench.core.stops_at_once = True
    bench.before('stop', lambda now: bench.core.say(PEER))
    bench.at(1.0, bench.signals.arrive)
    bench.loop.run()
    assert bench.endpoint.rows_to(PEER)[0] == {'ping': [[]]}
    assert bench.core.is_stopped


def test_after_the_core_has_stopped_delayed_acknowledgements_are_sent(bench):
    bench.core.end()
    settled_at = []
    bench.before('settle', settled_at.append)
    bench.loop.run()
    assert settled_at == [1000.0, 1000.0 + ACK_DELAY_S]


def test_after_a_signal_the_loop_still_waits(bench):
    bench.at(1.0, bench.signals.arrive)
    bench.at(100.0, bench.core.end)
    bench.at(100.0, bench.arrive)
    bench.loop.run()
    assert len(bench.world.waits) < 7


# Errors of the wait.

INTERRUPTED = select.error(errno.EINTR, 'Interrupted system call')


def test_a_signal_that_interrupts_the_wait_is_handled(bench):
    # On 2.7 the wait ends with an error, and returns no readable descriptor.
    original = bench.world.select

    def interrupted(*arguments):
        bench.world.select = original
        bench.signals.count += 1
        raise INTERRUPTED

    bench.world.select = interrupted
    bench.at(1.0, bench.core.end)
    bench.at(1.0, bench.arrive)
    bench.loop.run()
    assert bench.times_of('stop') == [0.0]


def test_an_interrupted_wait_without_a_signal_changes_nothing(bench):
    bench.world.errors[:] = [INTERRUPTED] * 3
    bench.core.timer_at = 1001.0
    bench.run(2.0)
    assert bench.times_of('timer') == [1.0]


def test_another_error_of_the_wait_is_raised(bench):
    bench.world.errors[:] = [select.error(errno.EBADF, 'Bad file descriptor')]
    with pytest.raises(select.error):
        bench.loop.run()


# Services.

class Service(object):
    """A service of the loop that records its turns."""

    def __init__(self):
        self.is_readable = False
        self.timer_at = None
        self.turns = []

    def readers(self):
        return [self]

    def writers(self):
        return []

    def next_timer(self):
        return self.timer_at

    def handle(self, readable, writable, now):
        self.turns.append((round(now - 1000.0, 6), self in readable))
        self.is_readable = False
        if self.timer_at is not None and now >= self.timer_at:
            self.timer_at = None


def test_a_service_takes_part_in_each_wait_and_each_turn(bench):
    service = Service()
    bench.loop.attach(service)
    service.timer_at = 1002.0
    bench.at(1.0, setattr, service, 'is_readable', True)
    bench.run(3.0)
    assert service.turns[:3] == [(0.0, False), (1.0, True), (2.0, False)]
    assert bench.loop.turns.number == len(service.turns)
