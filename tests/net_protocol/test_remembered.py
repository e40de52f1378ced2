"""The bounded memory of what was finished lately."""

from __future__ import absolute_import, division, print_function

import random

import pytest

from net_protocol.delivery import Remembered

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401


def kept(memory):
    # type: (Remembered) -> int
    """All that the memory holds, superseded entries included."""
    return max(len(memory._order), len(memory._entries))


def test_what_was_added_is_remembered_until_its_time_is_over():
    memory = Remembered(10.0, 100)
    memory.add(1.0, 'a', 'value')
    assert memory.get(1.0, 'a') == 'value'
    assert memory.get(10.9, 'a') == 'value'
    assert memory.get(11.0, 'a') is None
    assert len(memory) == 0


def test_what_was_never_added_is_not_remembered():
    assert Remembered(10.0, 100).get(0.0, 'a') is None


def test_a_key_added_again_lives_anew_with_its_new_value():
    memory = Remembered(10.0, 100)
    memory.add(0.0, 'a', 'old')
    memory.add(6.0, 'a', 'new')
    assert len(memory) == 1
    assert memory.get(10.0, 'a') == 'new'
    assert memory.get(15.9, 'a') == 'new'
    assert memory.get(16.0, 'a') is None


def test_reading_does_not_prolong_a_life():
    memory = Remembered(10.0, 100)
    memory.add(0.0, 'a', 'value')
    assert [memory.get(now, 'a') for now in (5.0, 9.0, 10.0)] == ['value', 'value', None]


def test_past_the_bound_the_oldest_goes_and_is_counted():
    memory = Remembered(10.0, 3)
    for number in range(5):
        memory.add(0.0, number, number)
    assert [memory.get(0.0, number) for number in range(5)] == [None, None, 2, 3, 4]
    assert memory.dropped_early == 2


def test_what_ended_in_time_is_not_counted_as_dropped():
    memory = Remembered(10.0, 3)
    for number in range(100):
        memory.add(number * 10.0, number, number)
    assert memory.dropped_early == 0
    assert len(memory) == 1


def test_superseded_entries_are_bounded_too_and_nobody_makes_room_for_them():
    memory = Remembered(10.0, 50)
    memory.add(0.0, 'other', 'kept')
    for number in range(1000):
        memory.add(1.0, 'same', number)
        assert kept(memory) <= 2 * 50
    assert memory.get(1.0, 'same') == 999
    assert memory.get(1.0, 'other') == 'kept'
    assert memory.dropped_early == 0
    assert len(memory) == 2


def test_what_was_taken_out_and_put_back_makes_nobody_go():
    memory = Remembered(10.0, 3)
    for number in range(3):
        memory.add(0.0, number, number)
    for _ in range(100):
        memory.add(1.0, 0, memory.take(1.0, 0))
    assert [memory.get(1.0, number) for number in range(3)] == [0, 1, 2]


def test_a_value_may_be_none_though_it_looks_like_nothing():
    memory = Remembered(10.0, 3)
    memory.add(0.0, 'a', None)
    assert len(memory) == 1
    assert memory.get(0.0, 'a') is None


def test_cleared_is_forgotten():
    memory = Remembered(10.0, 3)
    memory.add(0.0, 'a', 1)
    memory.clear()
    assert memory.get(0.0, 'a') is None
    assert kept(memory) == 0


@pytest.mark.parametrize('seed, bound', [(0, 5), (1, 12), (2, 10 ** 6)])
def test_it_does_what_a_naive_dictionary_does(seed, bound):
    rng = random.Random(seed)
    memory = Remembered(5.0, bound)
    naive = {}  # type: Dict[int, Tuple[float, int]]
    now = 0.0
    for number in range(3000):
        now += int(rng.random() * 3) / 4
        key = int(rng.random() * 20)
        if rng.random() < 0.5:
            memory.add(now, key, number)
            naive[key] = (now + 5.0, number)
            if len([entry for entry in naive.values() if entry[0] > now]) > bound:
                # The numbers count up, so the oldest has the lowest.
                del naive[min((naive[key][1], key) for key in naive if naive[key][0] > now)[1]]
        naive = {key: entry for key, entry in naive.items() if entry[0] > now}
        assert memory.get(now, key) == (naive[key][1] if key in naive else None)
        assert len(memory) == len(naive)
