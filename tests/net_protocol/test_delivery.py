"""Resending: the schedule, its bounds, and the times that are derived from it."""

from __future__ import absolute_import, division, print_function

import pytest

from net_protocol import delivery
from net_protocol.delivery import (
    ASK_AGAIN_S, ASSIGN_RESENDS_MAX, DATAGRAM_LIFETIME_S, JITTER_MAX, ORPHAN_GRACE_S, OUTCOME_GRACE_S, REMEMBER_S,
    Resender, longest_wait_s)
from net_protocol.timers import Timers

MYPY = False
if MYPY:
    from typing import Any, List, Tuple  # noqa: F401

NEVER = 1e9
SCHEDULE = [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]


class Draws(object):
    """A generator that draws given numbers, and fails when it is asked too often."""

    def __init__(self, *numbers):
        # type: (*float) -> None
        self._numbers = list(numbers)

    def random(self):
        # type: () -> float
        return self._numbers.pop(0)


class Bench(object):
    """A resender with its timers, a clock, and lists of what it sent and gave up."""

    def __init__(self, *draws, **options):
        # type: (*float, **Any) -> None
        self.now = 100.0
        self.sent = []  # type: List[Tuple[float, Any, Any]]
        self.given_up = []  # type: List[Tuple[float, Any]]
        self.timers = Timers()
        self.resender = Resender(
            self.timers, Draws(*draws or (0.0,)), lambda address, message: self.sent.append(
                (self.now, address, message)), lambda now, key: self.given_up.append((now, key)), **options)

    def begin(self, key='key', address='here', message='message', until=NEVER, **options):
        # type: (Any, Any, Any, float, **Any) -> None
        self.resender.begin(self.now, key, address, message, until, **options)

    def run(self, seconds):
        # type: (float) -> None
        """Let the timers fire, each at its very moment."""
        end_at = self.now + seconds
        for _ in range(1000):
            deadline = self.timers.next_deadline()
            if deadline is None or deadline > end_at:
                self.now = end_at
                return
            self.now = max(self.now, deadline)
            for kind, key in self.timers.take_due(self.now):
                assert kind == 'resend'
                self.resender.handle_timer(self.now, key)
        raise AssertionError('a thousand timers and no end')

    def waits(self):
        # type: () -> List[float]
        """The times between sendings."""
        times = [at for at, _, _ in self.sent]
        return [round(later - earlier, 9) for earlier, later in zip(times, times[1:])]


@pytest.mark.parametrize('draw, factor', [(0.0, 1.0), (0.5, 1.25), (1.0, 1.5)], ids=['least', 'middle', 'most'])
def test_the_waits_double_up_to_four_seconds_times_one_jitter_per_exchange(draw, factor):
    bench = Bench(draw)
    bench.begin()
    bench.run(30.0)
    assert bench.waits()[:6] == [wait * factor for wait in SCHEDULE]


def test_each_exchange_draws_its_own_jitter():
    bench = Bench(0.0, 1.0)
    bench.begin('one', message='one')
    bench.begin('two', message='two')
    bench.run(0.75)
    assert [(at, message) for at, _, message in bench.sent] == [
        (100.0, 'one'), (100.0, 'two'), (100.5, 'one'), (100.75, 'two')]


def test_a_message_is_sent_at_once():
    bench = Bench()
    bench.begin()
    assert bench.sent == [(100.0, 'here', 'message')]
    assert 'key' in bench.resender
    assert len(bench.resender) == 1
    assert bench.resender.resent == 0


def test_an_answered_message_is_not_sent_again():
    bench = Bench()
    bench.begin()
    bench.run(0.6)
    assert bench.resender.end('key') is True
    bench.run(100.0)
    assert len(bench.sent) == 2
    assert bench.resender.resent == 1
    assert bench.given_up == []
    assert 'key' not in bench.resender
    assert len(bench.timers) == 0


def test_an_answer_that_comes_twice_changes_nothing():
    bench = Bench()
    bench.begin()
    assert [bench.resender.end('key'), bench.resender.end('key'), bench.resender.end('other')] == [True, False, False]


def test_at_the_end_of_its_time_an_exchange_is_given_up_once():
    bench = Bench()
    bench.begin(until=103.0)
    bench.run(100.0)
    assert [at for at, _, _ in bench.sent] == [100.0, 100.5, 101.5]
    assert bench.given_up == [(103.0, 'key')]
    assert 'key' not in bench.resender
    assert len(bench.timers) == 0


def test_an_exchange_whose_time_is_over_already_sends_once_and_is_given_up():
    bench = Bench()
    bench.begin(until=100.0)
    bench.run(1.0)
    assert [at for at, _, _ in bench.sent] == [100.0]
    assert bench.given_up == [(100.0, 'key')]


@pytest.mark.parametrize('resends', [0, 1, 3])
def test_after_so_many_resends_and_the_wait_for_the_last_an_exchange_is_given_up(resends):
    bench = Bench()
    bench.begin(resends_max=resends)
    bench.run(100.0)
    assert len(bench.sent) == 1 + resends
    assert bench.given_up == [(100.0 + sum(SCHEDULE[:resends + 1]), 'key')]


def test_whichever_bound_is_reached_first_counts():
    bench = Bench(0.0, 0.0)
    bench.begin('few', until=102.0, resends_max=9)
    bench.begin('short', until=NEVER, resends_max=0)
    bench.run(100.0)
    assert bench.given_up == [(100.5, 'short'), (102.0, 'few')]


def test_giving_up_may_begin_the_same_exchange_anew():
    bench = Bench(0.0, 0.0)
    bench.resender = Resender(bench.timers, Draws(0.0, 0.0), lambda *sent: bench.sent.append((bench.now,) + sent),
                              lambda now, key: bench.begin(key, message='second', until=NEVER))
    bench.begin(message='first', resends_max=0)
    bench.run(0.5)
    assert [message for _, _, message in bench.sent] == ['first', 'second']
    assert 'key' in bench.resender


def test_a_late_timer_resends_once_and_waits_from_then():
    # Whoever was held up does not make up for what it missed.
    bench = Bench()
    bench.begin()
    bench.now = 120.0
    bench.run(0.0)
    assert len(bench.sent) == 2
    bench.run(1.0)
    assert [at for at, _, _ in bench.sent] == [100.0, 120.0, 121.0]


def test_what_ages_is_refreshed_at_each_resend():
    bench = Bench(refresh=lambda now, key, message: '%s at %g' % (key, now))
    bench.begin()
    bench.run(1.5)
    assert [message for _, _, message in bench.sent] == ['message', 'key at 100.5', 'key at 101.5']


@pytest.mark.parametrize('draw, pace', [(0.0, 5.0), (1.0, 7.5)], ids=['least', 'most'])
def test_asking_again_begins_after_one_interval_and_keeps_an_even_pace(draw, pace):
    bench = Bench(draw)
    bench.begin()
    bench.resender.slow_down(bench.now, 'key', 5.0)
    bench.run(4 * pace)
    assert [at for at, _, _ in bench.sent] == [100.0 + pace * number for number in (0, 1, 2, 3, 4)]
    assert bench.resender.resent == 4


def test_one_that_was_resent_already_can_be_slowed_down():
    bench = Bench(0.0, 0.0)
    bench.begin()
    bench.run(0.6)
    bench.resender.slow_down(bench.now, 'key', 5.0)
    bench.run(11.0)
    assert [at for at, _, _ in bench.sent] == pytest.approx([100.0, 100.5, 105.6, 110.6])


def test_what_is_answered_in_its_first_wait_costs_no_draw_and_no_timer_of_its_own():
    bench = Bench()
    for number in range(1000):
        bench.begin(number)
        bench.resender.end(number)
        bench.now += 0.01
    assert len(bench.timers) <= 1


def test_a_lane_keeps_neither_payloads_nor_many_entries_of_what_is_over():
    bench = Bench()
    for number in range(1000):
        bench.begin(number)
        bench.resender.end(number)
    entries = bench.resender._unanswered.entries
    assert len(entries) < 200
    assert {exchange.message for _, _, exchange in entries} == {None}


def test_a_late_call_sends_in_that_call():
    bench = Bench()
    bench.begin()
    for _, key in bench.timers.take_due(120.0):
        bench.resender.handle_timer(120.0, key)
    assert len(bench.sent) == 2


def test_the_peer_may_move_meanwhile():
    bench = Bench()
    bench.begin()
    bench.resender.redirect('key', 'there')
    bench.resender.redirect('no such key', 'there')
    bench.run(0.5)
    assert [address for _, address, _ in bench.sent] == ['here', 'there']


def test_a_key_that_begins_again_is_one_exchange():
    bench = Bench(0.0, 1.0)
    bench.begin(message='old')
    bench.run(0.4)
    bench.begin(message='new')
    bench.run(0.75)
    assert [message for _, _, message in bench.sent] == ['old', 'new', 'new']
    assert len(bench.resender) == 1


def test_after_clearing_nothing_is_sent():
    bench = Bench(0.0, 0.0)
    bench.begin('one')
    bench.begin('two')
    bench.resender.clear()
    bench.run(100.0)
    assert len(bench.sent) == 2
    assert bench.given_up == []
    assert len(bench.timers) == 0


# Derived times.

@pytest.mark.parametrize('resends', range(6))
def test_the_longest_wait_is_that_of_the_largest_jitter(resends):
    bench = Bench(1.0)
    bench.begin(resends_max=resends)
    bench.run(100.0)
    assert bench.given_up[0][0] - 100.0 == pytest.approx(longest_wait_s(resends))


def test_the_numbers_that_the_manual_prints():
    assert [delivery.RESEND_FIRST_S, delivery.RESEND_CAP_S, JITTER_MAX, ASSIGN_RESENDS_MAX] == [0.5, 4.0, 1.5, 3]
    assert [longest_wait_s(resends) for resends in range(5)] == [0.75, 2.25, 5.25, 11.25, 17.25]
    assert (OUTCOME_GRACE_S, ORPHAN_GRACE_S, REMEMBER_S) == (5.25, 12.75, 107.5)


def test_a_finished_task_is_remembered_longer_than_its_submit_may_be_under_way():
    assert REMEMBER_S >= ASK_AGAIN_S * JITTER_MAX + DATAGRAM_LIFETIME_S


def test_an_orphan_waits_longer_than_its_client_waits_to_ask_again():
    assert ORPHAN_GRACE_S > ASK_AGAIN_S * JITTER_MAX


def test_a_lane_whose_timer_was_cleared_with_all_others_gets_another():
    bench = Bench(0.0, 0.0)
    bench.begin('before')
    bench.resender.clear()
    bench.timers.clear()
    bench.begin('after', message='after')
    bench.run(0.5)
    assert [message for _, _, message in bench.sent] == ['message', 'after', 'after']
