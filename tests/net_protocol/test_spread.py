"""Many small dicts in place of one: a dict for who uses it, and no table so large that two of them would show."""

from __future__ import absolute_import, division, print_function

import sys

import pytest

from net_protocol.spread import SpreadDict


def test_it_keeps_and_forgets_like_a_dict():
    spread, plain = SpreadDict(), {}
    for number in range(3000):
        key = ('task:%d' % (number % 1000), number % 7)
        spread[key] = plain[key] = number
        assert len(spread) == len(plain)
    for key in list(plain):
        assert key in spread
        assert spread.get(key) == plain[key]
        if len(plain) % 2:
            del spread[key]
        else:
            assert spread.pop(key, None) == plain[key]
        del plain[key]
        assert key not in spread
        assert (spread.get(key), spread.pop(key, 'none')) == (None, 'none')
        assert len(spread) == len(plain)
    with pytest.raises(KeyError):
        del spread[('task:0', 0)]


def test_cleared_it_is_empty():
    spread = SpreadDict()
    spread['a'] = 1
    spread.clear()
    assert (len(spread), spread.get('a')) == (0, None)


def test_keys_that_come_and_go_never_need_a_large_table():
    spread = SpreadDict()
    largest = 0
    for number in range(300000):
        spread['client:abcdefgh:%d' % number] = number
        if number >= 100000:
            del spread['client:abcdefgh:%d' % (number - 100000)]
        if number % 10000 == 0:
            largest = max([largest] + [sys.getsizeof(part) for part in spread._parts])
    assert len(spread) == 100000
    assert largest < 128 * 1024


def test_the_tables_are_no_larger_after_many_replacements_than_when_they_were_full():
    spread = SpreadDict()

    def run(first, last):
        for number in range(first, last):
            spread['client:abcdefgh:%d' % number] = number
            if number >= 100000:
                del spread['client:abcdefgh:%d' % (number - 100000)]
        return sum([sys.getsizeof(part) for part in spread._parts])

    full = run(0, 100000)
    assert run(100000, 300000) <= 1.1 * full
