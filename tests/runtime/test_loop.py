"""The loop, in a world without an operating system: what happens in a turn, in which order, and when."""

from __future__ import absolute_import, division, print_function

import errno
import select

import pytest

from net_protocol.schedule import ACK_DELAY_S
from runtime import descriptors
from runtime.journal_file import JournalFailed
from runtime.loop import WAIT_MAX_S, Loop
from tests.runtime.fakes import FakeCore, FakeEndpoint, FakeLog, FakeSignals, World

HERE, THERE = ('127.0.0.2', 1), ('127.0.0.3', 2)


class Bench(object):
    """A loop and all that it drives."""

    def __init__(self, journal=None):
        self.world = World()
        self.core = FakeCore(self.world)
        self.endpoint = FakeEndpoint(self.world)
        self.signals = FakeSignals()
        self.log = FakeLog()
        self.loop = Loop(self.core, self.endpoint, self.signals, self.world.monotonic, self.log, journal=journal)

    def arrive(self):
        """A datagram is there now."""
        self.endpoint.arrived.append((b'garbage', HERE))

    def at(self, seconds, action, *arguments):
        """Plan something for so many seconds from the beginning."""
        self.world.at(1000.0 + seconds, lambda: action(*arguments))

    def run(self, seconds):
        """Run for so long, then stop at once."""
        self.at(seconds, self.signals.arrive)
        self.at(seconds, self.signals.arrive)
        self.loop.run()

    def times_of(self, call):
        return [round(at - 1000.0, 6) for at in self.core.times_of(call)]


@pytest.fixture
def bench(monkeypatch):
    made = Bench()
    monkeypatch.setattr(descriptors, 'select', made.world)
    return made


# Turns.

def test_the_core_is_started_first_and_what_it_sends_then_leaves_at_once(bench):
    bench.core.start = lambda now: bench.core.say(HERE)
    waits_before = []
    bench.endpoint.send = lambda datagram, address: waits_before.append(len(bench.world.waits))
    bench.run(0.2)
    assert waits_before[:1] == [0]


def test_a_turn_handles_signals_then_reads_then_fires_timers_then_settles(bench):
    bench.core.timer_at = 1001.0
    bench.loop.turn.on_refusal = lambda *_: bench.world.trace.append('read')
    bench.at(1.0, bench.arrive)
    bench.at(1.0, bench.signals.arrive)
    bench.run(1.0)
    assert bench.world.trace == ['start', 'settle', 'stop', 'read', 'timer', 'settle']


@pytest.mark.parametrize('first_at, fired', [(1003.25, [3.25, 5.25, 7.25]), (900.0, [0.0, 2.0, 4.0, 6.0, 8.0])],
                         ids=['later', 'overdue'])
def test_a_timer_fires_at_its_time_and_one_that_is_overdue_in_the_first_turn(bench, first_at, fired):
    bench.core.timer_at = first_at
    bench.core.timer_every_s = 2.0
    bench.run(8.0)
    assert bench.times_of('timer') == fired


def test_where_nothing_happens_nothing_is_done(bench):
    bench.run(1000.0)
    # A turn now and then bounds how long a mistake with timers could go unnoticed.
    assert len(bench.world.waits) <= 1000.0 / WAIT_MAX_S + 2


def test_a_socket_that_was_readable_and_is_empty_costs_a_turn_and_no_more(bench):
    # The kernel drops a datagram with a wrong checksum only when it is read.
    bench.at(1.0, bench.endpoint.arrived.append, None)
    bench.run(2.0)
    assert len(bench.world.waits) == 2


def test_the_time_of_turns_is_measured_without_the_wait(bench):
    def slow(now):
        bench.world.now += 0.25

    bench.core.settle = slow
    bench.run(10.0)
    assert bench.loop.turns.number == 2
    assert bench.loop.turns.total_s == 0.5


# What the turn reports.

def test_a_refused_datagram_is_logged(bench):
    bench.endpoint.arrived.append((b'garbage', THERE))
    bench.run(0.1)
    (cause, detail, address), = bench.log.refusals
    assert (cause, address) == ('bad_checksum', THERE)
    assert detail
    assert bench.loop.turn.account()['refused']['bad_checksum'] == 1


def test_events_are_logged_in_the_turn_in_which_they_happen(bench):
    bench.at(1.0, lambda: bench.core.emit(1001.0, 'left'))
    bench.at(1.0, bench.arrive)
    logged_at = []
    bench.log.event = lambda event: logged_at.append((event.kind, bench.world.now))
    bench.run(5.0)
    assert logged_at == [('left', 1001.0)]


def test_addresses_that_the_system_could_not_reach_are_reported_to_the_turn(bench):
    noted = []
    bench.loop.turn.note_unreachable = lambda now, address: noted.append((now, address))
    bench.at(1.0, setattr, bench.endpoint, 'unreachable', [HERE, THERE])
    bench.run(2.0)
    assert noted == [(1001.0, HERE), (1001.0, THERE)]


# The journal.

class Journal(object):
    """Takes records, or fails."""

    def __init__(self, failure=None):
        self.failure = failure
        self.records = []

    def write(self, records, now):
        if self.failure is not None:
            raise JournalFailed(self.failure)
        self.records.append((records, now))


@pytest.mark.parametrize('failure', [None, 'database or disk is full'])
def test_records_go_to_the_journal_and_the_core_learns_whether_they_are_there(monkeypatch, failure):
    journal = Journal(failure)
    bench = Bench(journal)
    monkeypatch.setattr(descriptors, 'select', bench.world)
    bench.core.timer_at = 1001.0
    bench.at(1.0, setattr, bench.core, 'records', ['a record'])
    bench.run(2.0)
    assert journal.records == ([] if failure else [(['a record'], 1001.0)])
    assert bench.core.written == [failure]


# Hooks.


def test_hooks_keep_their_own_pace_and_one_of_interval_zero_is_never_called(bench):
    slow, quick = [], []
    bench.loop.every(0, lambda now: pytest.fail('called'))
    bench.loop.every(3.0, slow.append)
    bench.loop.every(1.0, quick.append)
    bench.run(6.5)
    assert (slow, quick) == ([1003.0, 1006.0], [1001.0, 1002.0, 1003.0, 1004.0, 1005.0, 1006.0])


def test_after_a_hold_up_a_hook_is_called_once_and_not_for_each_time_it_missed(bench):
    called = []

    def hold_up():
        bench.world.now += 60.0

    bench.loop.every(1.0, called.append)
    bench.at(1.5, hold_up)
    bench.run(63.0)
    assert called == [1001.0, 1061.5, 1062.5]


def test_what_a_hook_makes_the_core_send_leaves_at_the_same_time(bench):
    bench.loop.every(1.0, lambda now: bench.core.say(HERE))
    bench.run(1.5)
    assert bench.endpoint.rows_to(HERE)[0] == {'ping': [[]]}
    # In a turn of its own, without a wait.
    assert 0.0 in bench.world.waits


# The end.

def test_the_first_signal_asks_the_core_to_stop_and_the_loop_goes_on_until_it_has(bench):
    bench.core.timer_at = 1001.0
    bench.core.timer_every_s = 1.0
    bench.at(2.5, bench.signals.arrive)
    bench.at(4.5, bench.core.end)
    bench.at(4.5, bench.arrive)
    bench.loop.run()
    assert bench.times_of('stop') == [2.5]
    assert bench.times_of('timer') == [1.0, 2.0, 3.0, 4.0]
    assert bench.world.now == 1004.5 + ACK_DELAY_S


def test_the_second_signal_ends_it_at_once(bench):
    bench.at(1.0, bench.signals.arrive)
    bench.at(3.0, bench.signals.arrive)
    bench.loop.run()
    assert bench.world.now == 1003.0
    assert not bench.core.is_stopped


def test_two_signals_in_one_turn_end_it_at_once_and_what_the_core_sent_last_leaves(bench):
    bench.core.stop = lambda now: bench.core.say(HERE)
    bench.run(1.0)
    assert bench.world.now == 1001.0
    assert bench.endpoint.rows_to(HERE) == [{'ping': [[]]}]


def test_what_a_core_sends_that_stops_at_once_leaves(bench):
    bench.core.stops_at_once = True
    original = bench.core.stop

    def stop(now):
        bench.core.say(HERE)
        original(now)

    bench.core.stop = stop
    bench.at(1.0, bench.signals.arrive)
    bench.loop.run()
    assert bench.endpoint.rows_to(HERE)[0] == {'ping': [[]]}
    assert bench.core.is_stopped


def test_after_the_core_has_stopped_delayed_acknowledgements_still_leave(bench):
    bench.core.end()
    at = []
    original = bench.core.settle

    def settle(now):
        at.append(now)
        original(now)

    bench.core.settle = settle
    bench.loop.run()
    assert at == [1000.0, 1000.0 + ACK_DELAY_S]


def test_signals_are_drained_so_that_the_next_wait_is_a_wait(bench):
    bench.at(1.0, bench.signals.arrive)
    bench.at(100.0, bench.core.end)
    bench.at(100.0, bench.arrive)
    bench.loop.run()
    assert len(bench.world.waits) < 7


def test_a_signal_that_interrupts_the_wait_is_heard_all_the_same(bench):
    # On 2.7 the wait ends with an error, and nothing is known to be readable.
    original = bench.world.select

    def interrupted(*arguments):
        bench.world.select = original
        bench.signals.count += 1
        raise select.error(errno.EINTR, 'Interrupted system call')

    bench.world.select = interrupted
    bench.at(1.0, bench.core.end)
    bench.at(1.0, bench.arrive)
    bench.loop.run()
    assert bench.times_of('stop') == [0.0]


def test_an_interrupt_without_a_meaning_changes_nothing(bench):
    bench.world.errors[:] = [select.error(errno.EINTR, 'Interrupted system call')] * 3
    bench.core.timer_at = 1001.0
    bench.run(2.0)
    assert bench.times_of('timer') == [1.0]


def test_any_other_error_of_the_wait_is_a_bug_and_raised(bench):
    bench.world.errors[:] = [select.error(errno.EBADF, 'Bad file descriptor')]
    with pytest.raises(select.error):
        bench.loop.run()


def test_a_bug_in_the_core_is_raised(bench):
    def broken(*_):
        raise ZeroDivisionError

    bench.core.settle = broken
    with pytest.raises(ZeroDivisionError):
        bench.run(1.0)


# Services.

class Service(object):
    """Another part of the process in the loop."""

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


def test_a_service_is_waited_for_and_has_its_part_of_every_turn(bench):
    service = Service()
    bench.loop.attach(service)
    service.timer_at = 1002.0
    bench.at(1.0, setattr, service, 'is_readable', True)
    bench.run(3.0)
    assert service.turns[:3] == [(0.0, False), (1.0, True), (2.0, False)]
    assert bench.loop.turns.number == len(service.turns)
