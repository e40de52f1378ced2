"""The one loop, in a world without an operating system: what happens in a turn, in which order, and when."""

from __future__ import absolute_import, division, print_function

import errno
import select
import socket

import pytest

from net_protocol import codec, guard
from net_protocol.messages import HeartbeatAck, Leave, LeaveAck, Ping, Submit
from runtime import loop as loop_module
from runtime import names
from runtime.loop import MESSAGES_READ_MAX, PORTION_MESSAGES, READS_MAX, WAIT_MAX_S, Loop
from runtime.names import QUIET_S, Peer
from tests.runtime.fakes import LIFE, FakeCore, FakeEndpoint, FakeLog, FakeLookup, FakeSignals, World

MYPY = False
if MYPY:
    from typing import Any, Callable, List  # noqa: F401

HERE, THERE = ('127.0.0.2', 1), ('127.0.0.3', 2)


class Bench(object):
    """A loop and all that it drives."""

    def __init__(self, peer=None, journal=None):
        # type: (Any, Any) -> None
        self.world = World()
        self.core = FakeCore(self.world)
        self.endpoint = FakeEndpoint(self.world)
        self.signals = FakeSignals()
        self.log = FakeLog()
        self.peer = peer
        self.loop = Loop(self.core, self.endpoint, self.signals, self.world.monotonic, self.log, peer, journal=journal)

    def arrive(self, *messages, **options):
        # type: (*Any, **Any) -> None
        """A datagram with these messages is there now."""
        datagram, = codec.encode(u'peer', LIFE, options.get('number', 1), messages)
        self.endpoint.arrived.append((datagram, options.get('address', HERE)))

    def at(self, seconds, action, *arguments):
        # type: (float, Callable[..., Any], *Any) -> None
        """Plan something for so many seconds from the beginning."""
        self.world.at(1000.0 + seconds, lambda: action(*arguments))

    def run(self, seconds):
        # type: (float) -> None
        """Run for so long, then stop at once."""
        self.at(seconds, self.signals.arrive)
        self.at(seconds, self.signals.arrive)
        self.loop.run()

    def times_of(self, call):
        # type: (str) -> List[float]
        return [round(at - 1000.0, 6) for at in self.core.times_of(call)]


@pytest.fixture
def bench(monkeypatch):
    # type: (Any) -> Bench
    made = Bench()
    monkeypatch.setattr(loop_module, 'select', made.world)
    return made


@pytest.fixture
def named(monkeypatch):
    # type: (Any) -> Bench
    """A loop whose peer has a name, which is found after a tenth of a second."""
    made = Bench(Peer('dispatcher.example.org', 5555))
    monkeypatch.setattr(loop_module, 'select', made.world)
    monkeypatch.setattr(names, 'Lookup', type('Lookup', (FakeLookup,), {
        'world': made.world, 'answers': [[[int(socket.AF_INET), list(HERE)]]], 'asked_at': []}))
    return made


# Turns.

def test_the_core_is_started_first_and_what_it_says_then_is_sent_at_once(bench):
    bench.core.start = lambda now: bench.core.send(HERE, Leave())
    waits_before = []  # type: List[int]
    bench.endpoint.send = lambda datagram, address: waits_before.append(len(bench.world.waits))
    bench.run(1.0)
    assert waits_before == [0]


def test_in_a_turn_it_reads_then_timers_fire_then_it_sends(bench):
    bench.core.answers[Leave] = [(HERE, LeaveAck())]
    bench.core.timer_at = 1001.0
    bench.at(1.0, bench.arrive, Leave(), Leave())
    bench.run(2.0)
    assert bench.world.trace == ['start', 'message', 'message', 'timer', 'send', 'stop']


def test_what_a_turn_brings_for_one_address_goes_out_together(bench):
    bench.core.answers[Leave] = [(HERE, LeaveAck()), (THERE, HeartbeatAck(1))]
    bench.at(1.0, bench.arrive, Leave())
    bench.at(1.0, lambda: bench.arrive(Leave(), number=2))
    bench.run(2.0)
    assert bench.endpoint.messages_to(HERE) == [[LeaveAck(), LeaveAck()]]
    assert bench.endpoint.messages_to(THERE) == [[HeartbeatAck(1), HeartbeatAck(1)]]
    assert bench.loop.traffic.as_dict()['messages_per_datagram_out'] == 2.0


def arrive_in_portions(bench):
    """Half a portion three times, and what is said to that."""
    bench.core.answers[Leave] = [(HERE, LeaveAck())]
    for number in range(3):
        bench.at(1.0, lambda number=number: bench.arrive(*[Leave()] * (PORTION_MESSAGES // 2), number=1 + number))
    bench.run(2.0)
    assert bench.world.trace.count('message') == 3 * PORTION_MESSAGES // 2
    return [len(messages) for messages in bench.endpoint.messages_to(HERE)]


def test_what_comes_of_a_portion_is_sent_before_the_rest_is_read(bench):
    assert arrive_in_portions(bench) == [PORTION_MESSAGES, PORTION_MESSAGES // 2]


def test_where_there_is_a_journal_all_that_has_arrived_shares_one_write(monkeypatch):
    bench = Bench(journal=object())
    bench.core.take_records = lambda: None  # type: ignore[method-assign]
    monkeypatch.setattr(loop_module, 'select', bench.world)
    assert arrive_in_portions(bench) == [3 * PORTION_MESSAGES // 2]


def test_when_idle_an_answer_waits_for_no_company(bench):
    bench.core.answers[Ping] = [(HERE, Leave())]
    sent_at = []
    bench.endpoint.send = lambda datagram, address: sent_at.append(bench.world.now)
    bench.at(1.5, bench.arrive, Ping(1))
    bench.run(10.0)
    assert sent_at == [1001.5]


def test_a_core_learns_who_sent_a_message_and_when(bench):
    bench.at(1.5, lambda: bench.arrive(Leave(), address=THERE, number=9))
    bench.run(2.0)
    (sender, message), = bench.core.heard
    assert (sender.address, sender.name, sender.incarnation, sender.number) == (THERE, u'peer', LIFE, 9)
    assert message == Leave()
    assert bench.times_of('message') == [1.5]


def test_a_timer_fires_at_its_time(bench):
    bench.core.timer_at = 1003.25
    bench.core.timer_every_s = 2.0
    bench.run(8.0)
    assert bench.times_of('timer') == [3.25, 5.25, 7.25]


def test_a_timer_that_is_overdue_fires_in_the_first_turn(bench):
    bench.core.timer_at = 900.0
    bench.run(1.0)
    assert bench.times_of('timer') == [0.0]


def test_where_nothing_happens_nothing_is_done(bench):
    bench.run(1000.0)
    # A turn now and then bounds how long a mistake with timers could go unnoticed.
    assert len(bench.world.waits) <= 1000.0 / WAIT_MAX_S + 2
    assert bench.world.trace == ['start', 'stop']


def test_of_a_flood_a_turn_reads_so_much_that_timers_still_fire(bench):
    for number in range(3 * READS_MAX):
        bench.arrive(Leave(), number=number + 1)
    read_before_timer = []  # type: List[int]
    bench.core.handle_timer = lambda now: read_before_timer.append(len(bench.core.heard))
    bench.run(0.1)
    assert read_before_timer[:3] == [READS_MAX, 2 * READS_MAX, 3 * READS_MAX]


def test_of_a_flood_of_full_datagrams_a_turn_reads_no_more_messages_than_of_another(bench):
    full = 64
    for number in range(3 * MESSAGES_READ_MAX // full):
        bench.arrive(*[Leave()] * full, number=number + 1)
    read_before_timer = []  # type: List[int]
    bench.core.handle_timer = lambda now: read_before_timer.append(len(bench.core.heard))
    bench.run(0.1)
    assert read_before_timer[:3] == [MESSAGES_READ_MAX, 2 * MESSAGES_READ_MAX, 3 * MESSAGES_READ_MAX]


def test_of_messages_that_arrived_together_none_is_left_behind(bench):
    for number in range(READS_MAX + 10):
        bench.arrive(Leave(), number=number + 1)
    bench.run(0.1)
    assert [sender.number for sender, _ in bench.core.heard] == list(range(1, READS_MAX + 11))


def test_a_socket_that_was_readable_and_is_empty_costs_a_turn_and_no_more(bench):
    # The kernel drops a datagram with a wrong checksum only when it is read.
    bench.endpoint.arrived.append(None)
    bench.run(2.0)
    assert bench.world.trace == ['start', 'stop']
    assert len(bench.world.waits) == 2


# Refusals.

def test_a_refused_datagram_is_counted_and_logged_and_the_next_one_read(bench):
    bench.endpoint.arrived.append((b'garbage', THERE))
    bench.arrive(Leave())
    bench.run(0.1)
    assert bench.loop.traffic.refused['bad_checksum'] == 1
    (cause, detail, address), = bench.log.refusals
    assert (cause, address) == ('bad_checksum', THERE)
    assert detail
    assert len(bench.core.heard) == 1


def test_a_turn_of_nothing_but_garbage_ends_like_any_other(bench):
    bench.endpoint.arrived.extend([(b'\xff' * 100, THERE)] * (2 * READS_MAX))
    bench.core.timer_at = 1000.0
    bench.run(0.1)
    assert bench.times_of('timer') == [0.0]
    assert len(bench.log.refusals) == 2 * READS_MAX
    assert bench.endpoint.datagrams == []


# Events.

def test_events_are_told_in_the_turn_in_which_they_happen(bench):
    bench.at(1.0, bench.core.tell, 'left')
    bench.at(1.0, bench.arrive, Leave())
    told_at = []
    bench.log.event = lambda event: told_at.append((event.kind, bench.world.now))
    bench.run(5.0)
    assert told_at == [('left', 1001.0)]


# Hooks.

def test_a_hook_is_called_at_even_intervals_and_not_at_once(bench):
    called = []
    bench.loop.every(2.0, called.append)
    bench.run(7.0)
    assert called == [1002.0, 1004.0, 1006.0]


def test_hooks_keep_their_own_pace(bench):
    slow, quick = [], []  # type: List[float], List[float]
    bench.loop.every(3.0, slow.append)
    bench.loop.every(1.0, quick.append)
    bench.run(6.5)
    assert (slow, quick) == ([1003.0, 1006.0], [1001.0, 1002.0, 1003.0, 1004.0, 1005.0, 1006.0])


def test_a_hook_of_interval_zero_is_never_called(bench):
    bench.loop.every(0, lambda now: pytest.fail('called'))
    bench.run(100.0)


def test_after_a_hold_up_a_hook_is_called_once_and_not_for_each_time_it_missed(bench):
    called = []

    def hold_up():
        # type: () -> None
        bench.world.now += 60.0

    bench.loop.every(1.0, called.append)
    bench.at(1.5, hold_up)
    bench.run(63.0)
    assert called == [1001.0, 1061.5, 1062.5]


def test_what_a_hook_makes_the_core_say_is_sent_in_the_same_turn(bench):
    bench.loop.every(1.0, lambda now: bench.core.send(HERE, Leave()))
    bench.run(1.5)
    assert bench.endpoint.messages_to(HERE) == [[Leave()]]


# The end.

def test_the_first_signal_asks_the_core_to_stop_and_the_loop_goes_on_until_it_has(bench):
    bench.core.timer_at = 1001.0
    bench.core.timer_every_s = 1.0
    bench.at(2.5, bench.signals.arrive)
    bench.at(4.5, bench.core.end)
    bench.at(4.5, bench.arrive, Leave())
    bench.loop.run()
    assert bench.times_of('stop') == [2.5]
    assert bench.times_of('timer') == [1.0, 2.0, 3.0, 4.0]
    assert bench.world.now == 1004.5


def test_the_second_signal_ends_it_at_once(bench):
    bench.at(1.0, bench.signals.arrive)
    bench.at(3.0, bench.signals.arrive)
    bench.loop.run()
    assert bench.world.now == 1003.0
    assert not bench.core.is_stopped


def test_two_signals_in_one_turn_end_it_at_once_and_what_the_core_said_last_is_sent(bench):
    bench.core.stop = lambda now: bench.core.send(HERE, Leave())
    bench.run(1.0)
    assert bench.world.now == 1001.0
    assert bench.endpoint.messages_to(HERE) == [[Leave()]]


def test_a_core_that_stops_at_once_says_its_last_words(bench):
    bench.core.stops_at_once = True
    original = bench.core.stop

    def stop(now):
        # type: (float) -> None
        bench.core.send(HERE, Leave())
        original(now)

    bench.core.stop = stop
    bench.at(1.0, bench.signals.arrive)
    bench.loop.run()
    assert bench.endpoint.messages_to(HERE) == [[Leave()]]
    assert bench.core.is_stopped


def test_a_core_that_has_nothing_to_do_ends_the_loop_without_a_turn(bench):
    bench.core.end()
    bench.loop.run()
    assert bench.world.waits == []


def test_signals_are_drained_so_that_the_next_wait_is_a_wait(bench):
    bench.at(1.0, bench.signals.arrive)
    bench.at(100.0, bench.core.end)
    bench.at(100.0, bench.arrive, Leave())
    bench.loop.run()
    assert len(bench.world.waits) < 6


def test_a_signal_that_interrupts_the_wait_is_heard_all_the_same(bench):
    # On 2.7 the wait ends with an error, and nothing is known to be readable.
    original = bench.world.select

    def interrupted(*arguments):
        # type: (*Any) -> Any
        bench.world.select = original
        bench.signals.count += 1
        raise select.error(errno.EINTR, 'Interrupted system call')

    bench.world.select = interrupted
    bench.at(1.0, bench.core.end)
    bench.at(1.0, bench.arrive, Leave())
    bench.loop.run()
    assert bench.times_of('stop') == [0.0]


def test_an_interrupt_without_a_meaning_changes_nothing(bench):
    bench.world.errors[:] = [select.error(errno.EINTR, 'Interrupted system call')] * 3
    bench.core.timer_at = 1001.0
    bench.run(2.0)
    assert bench.times_of('timer') == [1.0]
    assert bench.world.trace == ['start', 'timer', 'stop']


def test_any_other_error_of_the_wait_is_a_bug_and_raised(bench):
    bench.world.errors[:] = [select.error(errno.EBADF, 'Bad file descriptor')]
    with pytest.raises(select.error):
        bench.loop.run()


def test_a_bug_in_the_core_is_raised_and_not_passed_over(bench):
    def broken(*_):
        # type: (*Any) -> None
        raise ZeroDivisionError

    bench.core.handle_message = broken
    bench.arrive(Leave())
    with pytest.raises(ZeroDivisionError):
        bench.run(1.0)


# Peers with a name.

def test_what_is_said_to_a_peer_goes_to_where_it_is(named):
    named.at(1.0, named.core.send, named.peer, Leave())
    named.at(1.0, named.arrive, Ping(1))
    named.run(2.0)
    assert named.endpoint.messages_to(HERE) == [[Leave()]]


def test_what_is_said_to_a_peer_that_is_nowhere_yet_is_counted(named):
    named.core.start = lambda now: [named.core.send(named.peer, Leave()) for _ in range(3)]
    named.run(0.05)
    assert named.endpoint.datagrams == []
    assert named.loop.traffic.unaddressed == 3


def test_a_peer_that_was_found_is_told_about_once(named):
    named.run(20.0)
    assert named.log.moved == [HERE]


def test_while_a_name_is_asked_for_everything_goes_on(named):
    names.Lookup.answers[:] = ['Temporary failure in name resolution']  # type: ignore[attr-defined]
    named.core.timer_at = 1000.01
    named.core.timer_every_s = 0.01
    named.run(1.0)
    assert len(named.times_of('timer')) >= 98


def test_a_peer_that_is_heard_is_not_asked_for_again(named):
    for second in range(1, 60):
        named.at(second, named.arrive, Leave())
    named.run(60.0)
    assert len(names.Lookup.asked_at) == 1  # type: ignore[attr-defined]


def test_somebody_else_is_not_the_peer(named):
    for second in range(1, 60):
        named.at(second, lambda: named.arrive(Leave(), address=THERE))
    named.run(60.0)
    assert len(names.Lookup.asked_at) > 3  # type: ignore[attr-defined]


def test_a_peer_that_moved_is_followed(named):
    answers = names.Lookup.answers  # type: ignore[attr-defined]
    answers[:] = [[[int(socket.AF_INET), list(HERE)]], [[int(socket.AF_INET), list(THERE)]]]
    for second in (0.5, 20.0):
        named.at(second, named.core.send, named.peer, Leave())
        named.at(second, lambda: named.arrive(Ping(1), address=('127.0.0.9', 9)))
    named.run(21.0)
    assert named.log.moved == [HERE, THERE]
    assert named.endpoint.messages_to(HERE) == [[Leave()]]
    assert named.endpoint.messages_to(THERE) == [[Leave()]]


def test_that_a_peer_does_not_answer_is_said_once_and_that_it_does_again_too(named):
    for second in range(1, 20):
        named.at(second, named.core.send, named.peer, Leave())
        named.at(second, lambda: named.arrive(Ping(1), address=THERE))
    named.at(15.5, named.arrive, Leave())
    named.run(18.0)
    assert named.log.silence == [(named.peer, True), (named.peer, False)]


def test_a_peer_that_answers_is_never_called_silent(named):
    named.core.answers[Leave] = [(named.peer, LeaveAck())]
    for second in range(1, 100, int(QUIET_S) + 5):
        named.at(second, named.arrive, Leave())
    named.run(100.0)
    assert named.log.silence == []
    assert len(named.endpoint.messages_to(HERE)) == 10


def test_the_account_of_the_traffic_adds_up(bench):
    bench.core.answers[Leave] = [(HERE, LeaveAck())] * 3
    for number in range(5):
        bench.arrive(Leave(), Leave(), number=number + 1)
    bench.endpoint.arrived.append((b'', HERE))
    bench.arrive(Submit(u'client-a:k3f7q2xa:1', u'', 1), number=6)
    bench.run(1.0)
    assert bench.loop.traffic.as_dict() == {
        'datagrams_in': 7, 'messages_in': 11, 'datagrams_out': 1, 'messages_out': 30, 'unaddressed': 0,
        'unacquainted': 0, 'withheld': 0, 'welcomes': 0,
        'refused': dict(dict.fromkeys(codec.CAUSES + guard.CAUSES, 0), bad_checksum=1),
        'messages_per_datagram_in': 1.833,
        'messages_per_datagram_out': 30.0}


# Guests.

class Guest(object):
    """Somebody else in the loop."""

    def __init__(self):
        # type: () -> None
        self.is_readable = False
        self.timer_at = None  # type: float | None
        self.turns = []  # type: List[Any]

    def readers(self):
        # type: () -> List[Any]
        return [self]

    def writers(self):
        # type: () -> List[Any]
        return []

    def next_timer(self):
        # type: () -> float | None
        return self.timer_at

    def handle(self, readable, writable, now):
        # type: (List[Any], List[Any], float) -> None
        self.turns.append((round(now - 1000.0, 6), self in readable))
        self.is_readable = False
        if self.timer_at is not None and now >= self.timer_at:
            self.timer_at = None


def test_a_guest_is_waited_for_and_has_its_part_of_every_turn(bench):
    guest = Guest()
    bench.loop.attend(guest)
    guest.timer_at = 1002.0
    bench.at(1.0, setattr, guest, 'is_readable', True)
    bench.run(3.0)
    assert guest.turns[:2] == [(1.0, True), (2.0, False)]
    assert bench.loop.turns.number == len(guest.turns)
