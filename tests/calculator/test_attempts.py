"""Assignment numbers, and the pages of a heartbeat."""

from __future__ import absolute_import, division, print_function

import random

import pytest

from calculator.attempts import MISSING_MAX, Numbers, heartbeat_pages
from net_protocol.limits import CAPACITY_MAX, HEARTBEAT_LIST_BYTES, PAGES_MAX


@pytest.mark.parametrize('seed', range(10))
def test_each_number_is_new_once_whatever_the_order(seed):
    rng = random.Random(seed)
    numbers, known, lowest = Numbers(), set(), 0
    for _ in range(5000):
        lowest = max(lowest, len(known) - 20)
        number = max(1, len(known) + rng.randrange(-10, 30))
        assert numbers.note(number, lowest) == (number >= lowest and number not in known)
        if number >= lowest:
            known.add(number)
        known.update(range(1, lowest))


def test_what_is_remembered_is_bounded_and_forgotten_numbers_start_nothing():
    numbers = Numbers()
    assert numbers.note(10 ** 15, 0)
    assert len(numbers.missing) == MISSING_MAX
    for step in range(1, 50):
        assert numbers.note(10 ** 15 + 1000 * step, 0)
        assert len(numbers.missing) <= MISSING_MAX
    assert not numbers.note(10 ** 15 - 1, 0)
    assert not numbers.note(5, 0)
    assert numbers.note(10 ** 15 + 48999, 0)


def test_one_page_says_that_nothing_is_held():
    assert heartbeat_pages([], []) == [([], [])]


def test_ranges_are_ascending_and_as_few_as_possible():
    assert heartbeat_pages([7, 3, 1, 2, 9, 8], ['b', 'a']) == [([[1, 3], [7, 9]], ['a', 'b'])]


def test_the_largest_capacity_fits_in_the_pages_of_a_heartbeat():
    name = 'n' * 80 + ':aaaaaaaa:%d'
    orphans = [name % number for number in range(10 ** 12, 10 ** 12 + CAPACITY_MAX)]
    pages = heartbeat_pages(list(range(10 ** 12, 10 ** 12 + 4000, 2)), orphans)
    assert len(pages) <= PAGES_MAX
    assert sorted(task_id for _, some in pages for task_id in some) == sorted(orphans)
    assert len([pair for some, _ in pages for pair in some]) == 2000
    for ranges, some in pages:
        assert len(str(ranges)) - len(ranges) + len(str(some)) <= 1.1 * HEARTBEAT_LIST_BYTES
