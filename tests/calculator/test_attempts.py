"""Assignment numbers, and the pages of heartbeats."""

from __future__ import absolute_import, division, print_function

import random

import pytest

from calculator.attempts import MISSING_MAX, Numbers, heartbeat_pages


@pytest.mark.parametrize('seed', range(4))
def test_each_number_is_new_once_in_any_order(seed):
    rng = random.Random(seed)
    numbers, known, lowest = Numbers(), set(), 0
    for _ in range(2000):
        before, lowest = lowest, max(lowest, len(known) - 20)
        number = max(1, len(known) + rng.randrange(-10, 30))
        assert numbers.note(number, lowest) == (number >= lowest and number not in known)
        if number >= lowest:
            known.add(number)
        known.update(range(max(1, before), lowest))


def test_the_number_of_missing_numbers_is_bounded_and_forgotten_numbers_are_not_new():
    numbers = Numbers()
    assert numbers.note(10 ** 15, 0)
    assert len(numbers.missing) == MISSING_MAX
    for step in range(1, 50):
        assert numbers.note(10 ** 15 + 1000 * step, 0)
        assert len(numbers.missing) <= MISSING_MAX
    assert not numbers.note(10 ** 15 - 1, 0)
    assert not numbers.note(5, 0)
    assert numbers.note(10 ** 15 + 48999, 0)


def test_pages_have_the_fewest_ascending_ranges_and_sorted_orphans():
    assert heartbeat_pages([], []) == [([], [])]
    assert heartbeat_pages([7, 3, 1, 2, 9, 8], ['b', 'a']) == [([[1, 3], [7, 9]], ['a', 'b'])]
