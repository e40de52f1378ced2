"""Timers: each key fires once, never early, in the order of the deadlines, and leaves nothing behind."""

from __future__ import absolute_import, division, print_function

import random

import pytest

from net_protocol.timers import Timers


def timers(**deadlines):
    made = Timers()
    for key in sorted(deadlines):
        made.set(key, deadlines[key])
    return made


def due(made, now):
    return list(made.take_due(now))


def entries(made):
    """What the timers keep in memory, live or not. Not part of the contract, but what its promise is about."""
    return len(made._heap)


def test_nothing_is_due_where_nothing_is_set():
    assert due(Timers(), 1e9) == []
    assert Timers().next_deadline() is None


def test_what_is_set_can_be_asked_for():
    made = timers(a=1.0, b=2.0)
    assert ('a' in made, 'b' in made, 'c' in made) == (True, True, False)
    assert len(made) == 2


def test_a_timer_does_not_fire_early():
    made = timers(a=1.0)
    assert due(made, 0.9999999999999999) == []
    assert due(made, 1.0) == ['a']


def test_a_timer_fires_once():
    made = timers(a=1.0)
    assert due(made, 1.0) == ['a']
    assert due(made, 2.0) == []
    assert 'a' not in made
    assert len(made) == 0


def test_timers_fire_in_the_order_of_their_deadlines():
    assert due(timers(a=3.0, b=1.0, c=2.0), 5.0) == ['b', 'c', 'a']


def test_of_equal_deadlines_the_one_set_first_fires_first():
    made = Timers()
    for key in ('z', 'a', 'm', 'b'):
        made.set(key, 1.0)
    assert due(made, 1.0) == ['z', 'a', 'm', 'b']


def test_keys_of_all_types_may_share_a_deadline():
    # On 3.x None and a text can't be compared, and a heap that compared keys would fail here.
    made = Timers()
    keys = [('drained', None), ('drained', 'x'), ('resend', ('assign', 'x')), 3, None, 'x']
    for key in keys:
        made.set(key, 1.0)
    assert due(made, 1.0) == keys


@pytest.mark.parametrize('first, second', [(1.0, 3.0), (3.0, 1.0), (2.0, 2.0)], ids=['later', 'earlier', 'same'])
def test_a_timer_set_again_fires_at_the_new_deadline_only(first, second):
    made = timers(a=first)
    made.set('a', second)
    assert len(made) == 1
    assert made.next_deadline() == second
    assert due(made, second - 0.5) == []
    assert due(made, second) == ['a']
    assert due(made, 9.0) == []


def test_a_timer_moved_to_an_equal_deadline_goes_behind():
    made = timers(a=1.0, b=1.0)
    made.set('a', 1.0)
    assert due(made, 1.0) == ['b', 'a']


def test_a_cancelled_timer_does_not_fire():
    made = timers(a=1.0, b=2.0)
    assert made.cancel('a') is True
    assert made.next_deadline() == 2.0
    assert due(made, 9.0) == ['b']


def test_to_cancel_what_is_not_set_says_so():
    made = timers(a=1.0)
    assert made.cancel('b') is False
    assert due(made, 1.0) == ['a']
    assert made.cancel('a') is False


def test_a_cancelled_timer_may_be_set_again():
    made = timers(a=1.0)
    made.cancel('a')
    made.set('a', 2.0)
    assert due(made, 1.5) == []
    assert due(made, 2.0) == ['a']


def test_a_timer_that_is_cancelled_while_it_is_due_does_not_fire():
    made = timers(a=1.0, b=1.0, c=1.0)
    fired = []
    for key in made.take_due(1.0):
        fired.append(key)
        made.cancel('b')
    assert fired == ['a', 'c']


def test_a_due_timer_that_is_moved_to_later_waits_until_then():
    made = timers(a=1.0, b=1.0)
    fired = []
    for key in made.take_due(1.0):
        fired.append(key)
        made.set('b', 2.0)
    assert fired == ['a']
    assert due(made, 2.0) == ['b']


def test_a_timer_set_while_others_fire_waits_for_the_next_call_even_if_it_is_due():
    made = timers(a=1.0, c=2.0)
    fired = []
    for key in made.take_due(2.0):
        fired.append(key)
        made.set('again', 0.5)
        made.set(key, 1.0)
    assert fired == ['a', 'c']
    assert made.next_deadline() == 0.5
    assert due(made, 2.0) == ['again', 'a', 'c']


def test_a_turn_ends_even_if_every_timer_sets_itself_again_for_now():
    made = timers(a=1.0, b=1.0)
    fired = []
    for key in made.take_due(1.0):
        made.set(key, 1.0)
        fired.append(key)
        assert len(fired) < 10
    assert fired == ['a', 'b']


def test_whoever_stops_half_way_loses_no_timer():
    made = timers(a=1.0, b=2.0, c=3.0)
    for _ in made.take_due(9.0):
        made.set('d', 0.5)
        made.set('e', 1.5)
        break
    assert len(made) == 4
    assert due(made, 9.0) == ['d', 'e', 'b', 'c']


def test_timers_that_are_cleared_do_not_fire():
    made = timers(a=1.0, b=2.0)
    made.clear()
    assert len(made) == entries(made) == 0
    assert made.next_deadline() is None
    assert due(made, 9.0) == []
    made.set('a', 3.0)
    assert due(made, 9.0) == ['a']


def test_timers_that_are_cleared_while_they_fire_do_not_fire():
    made = timers(a=1.0, b=1.0)
    for key in made.take_due(1.0):
        assert key == 'a'
        made.set('c', 1.0)
        made.clear()
    assert due(made, 9.0) == []


def test_postponed_timers_fire_that_much_later_and_in_the_same_order():
    made = timers(a=1.0, b=1.0, c=2.0)
    made.cancel('c')
    made.set('d', 1.5)
    made.postpone(10.0)
    assert made.next_deadline() == 11.0
    assert due(made, 10.9) == []
    assert due(made, 11.5) == ['a', 'b', 'd']


def test_a_million_changes_of_one_timer_leave_nothing_behind():
    made = Timers()
    largest = 0
    for number in range(1000000):
        made.set('a', float(number % 1000))
        if number % 3 == 0:
            made.cancel('a')
        if number % 1000 == 0:
            largest = max(largest, entries(made))
    assert largest < 100
    assert due(made, 1000.0) in ([], ['a'])


def test_memory_follows_the_number_of_live_timers():
    made = Timers()
    for number in range(10000):
        made.set(number, 1.0)
    for number in range(9990):
        made.cancel(number)
    made.set('one more', 1.0)
    assert entries(made) < 100
    assert due(made, 1.0) == list(range(9990, 10000)) + ['one more']


class NaiveTimers(object):
    """The same without any cleverness: a list of all timers, looked through for everything."""

    def __init__(self):
        self._all = []
        self._sequence = 0

    def set(self, key, deadline):
        self.cancel(key)
        self._sequence += 1
        self._all.append((deadline, self._sequence, key))

    def cancel(self, key):
        found = [entry for entry in self._all if entry[2] == key]
        self._all = [entry for entry in self._all if entry[2] != key]
        return bool(found)

    def postpone(self, seconds):
        self._all = [(deadline + seconds, sequence, key) for deadline, sequence, key in self._all]

    def next_deadline(self):
        return min(self._all)[0] if self._all else None

    def take_due(self, now):
        found = sorted(entry for entry in self._all if entry[0] <= now)
        self._all = [entry for entry in self._all if entry[0] > now]
        return [key for _, _, key in found]


@pytest.mark.parametrize('seed', range(5))
def test_they_do_what_a_naive_list_does(seed):
    rng = random.Random(seed)
    made, naive = Timers(), NaiveTimers()
    now = 0.0
    for _ in range(4000):
        draw = rng.random()
        key = int(rng.random() * 30)
        if draw < 0.6:
            # In quarters, so that many deadlines are equal.
            deadline = now + int(rng.random() * 40) / 4
            made.set(key, deadline)
            naive.set(key, deadline)
        elif draw < 0.8:
            assert made.cancel(key) == naive.cancel(key)
        elif draw < 0.81:
            made.postpone(0.25)
            naive.postpone(0.25)
        else:
            now += int(rng.random() * 8) / 4
            assert due(made, now) == naive.take_due(now)
        assert made.next_deadline() == naive.next_deadline()
    assert due(made, 1e9) == naive.take_due(1e9)
