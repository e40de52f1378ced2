"""Heartbeats held against the books, while messages cross on the way."""

from __future__ import absolute_import, division, print_function

import itertools
import random

import pytest

from dispatcher.calculators import Calculator
from dispatcher.reconcile import Beat, collect, confirmed, missing, surplus
from dispatcher.tasks import Attempt
from net_protocol.messages import Heartbeat

MYPY = False
if MYPY:
    from typing import Any, List, Tuple  # noqa: F401


def calculator():
    # type: () -> Calculator
    return Calculator('calculator-a', 0.0)


def page(sequence, number, of, running=(), unreported=()):
    # type: (int, int, int, Any, Any) -> Heartbeat
    """Page ``number`` of ``of`` of a heartbeat."""
    return Heartbeat(sequence, number, of, 1.0, 10, list(running), list(unreported), False, 0)


def whole(sequence, running=(), unreported=()):
    # type: (int, Any, Any) -> Heartbeat
    return page(sequence, 1, 1, running, unreported)


def book(**acknowledged_by):
    # type: (**int | None) -> Calculator
    """A calculator with these live attempts, each acknowledged by the datagram of that number, or by none."""
    made = calculator()
    for task_id, number in acknowledged_by.items():
        made.attempts[task_id] = Attempt(task_id, 1, made.name, 0.0, 10.0)
        made.attempts[task_id].acknowledged_by = number
    return made


def beat(number, running=(), unreported=()):
    # type: (int, Any, Any) -> Beat
    return Beat(number, dict(running), dict(unreported))


def ids(attempts):
    # type: (List[Attempt]) -> List[str]
    return [attempt.task_id for attempt in attempts]


# One page.

def test_a_heartbeat_of_one_page_is_whole_at_once():
    found = collect(calculator(), 7, whole(1, [('a', 1)], [('b', 2)]))
    assert found is not None
    assert (found.number, found.running, found.unreported) == (7, {'a': 1}, {'b': 2})


def test_a_heartbeat_that_comes_twice_says_the_same_twice():
    known = calculator()
    one, other = collect(known, 7, whole(1, [('a', 1)])), collect(known, 7, whole(1, [('a', 1)]))
    assert one is not None
    assert other is not None
    assert (one.number, one.running) == (other.number, other.running)


def test_a_heartbeat_that_a_later_one_overtook_says_nothing():
    known = calculator()
    assert collect(known, 8, whole(2)) is not None
    assert collect(known, 7, whole(1, [('a', 1)])) is None
    assert collect(known, 9, whole(3)) is not None


@pytest.mark.parametrize('number, is_heard', [(6, False), (7, True), (8, True)])
def test_a_heartbeat_that_an_answer_overtook_says_nothing(number, is_heard):
    # The answer (a result, perhaps) came in datagram 7: what was sent before it may name what is over since.
    known = calculator()
    known.newest_number = 7
    assert (collect(known, number, whole(1, [('a', 1)])) is not None) == is_heard


def test_a_page_that_can_not_be_is_left_out():
    known = calculator()
    assert collect(known, 7, page(1, 2, 1, [('a', 1)])) is None
    assert collect(known, 7, page(1, 3, 2, [('a', 1)])) is None
    assert known.pages == {}


# Several pages.

PAGES = [(5, page(1, 1, 3, [('a', 1)])), (6, page(1, 2, 3, [('b', 1)], [('c', 2)])), (7, page(1, 3, 3, (), [('d', 1)]))]


@pytest.mark.parametrize('order', list(itertools.permutations(range(3))), ids=str)
def test_pages_make_one_heartbeat_in_whatever_order_they_arrive(order):
    known = calculator()
    found = [collect(known, *PAGES[place]) for place in order]
    assert found[:2] == [None, None]
    last = found[2]
    assert last is not None
    # The number of the earliest: an acknowledgement sent between two pages may be missing from the first of them.
    assert (last.number, last.running, last.unreported) == (5, {'a': 1, 'b': 1}, {'c': 2, 'd': 1})


@pytest.mark.parametrize('order', list(itertools.permutations([0, 0, 1, 1, 2], 5))[:40:7], ids=str)
def test_pages_that_come_twice_count_once(order):
    known = calculator()
    found = [collect(known, *PAGES[place]) for place in order]
    complete = [place for place in range(5) if {0, 1, 2} <= set(order[:place + 1])][0]
    assert [place for place in range(5) if found[place] is not None] == [complete]


@pytest.mark.parametrize('lost', range(3))
def test_a_heartbeat_that_lost_a_page_says_nothing_and_the_next_one_is_whole(lost):
    known = calculator()
    for place in range(3):
        if place != lost:
            assert collect(known, *PAGES[place]) is None
    found = collect(known, 8, whole(2, [('z', 1)]))
    assert found is not None
    # Nothing of the torn one is left in it.
    assert (found.number, found.running, found.unreported) == (8, {'z': 1}, {})
    assert known.pages == {}


def test_pages_of_two_heartbeats_do_not_mix():
    known = calculator()
    assert collect(known, 5, page(1, 1, 2, [('a', 1)])) is None
    assert collect(known, 8, page(2, 2, 2, [('d', 1)])) is None
    # The missing page of the first one comes late.
    assert collect(known, 6, page(1, 2, 2, [('b', 1)])) is None
    found = collect(known, 7, page(2, 1, 2, [('c', 1)]))
    assert found is not None
    assert (found.number, found.running) == (7, {'c': 1, 'd': 1})


@pytest.mark.parametrize('seed', range(10))
def test_over_a_network_that_loses_doubles_and_reorders_every_heartbeat_is_whole_or_nothing(seed):
    rng = random.Random(seed)
    sent = []  # type: List[Tuple[float, int, Heartbeat]]
    number = 0
    for sequence in range(1, 60):
        for place in range(1, 5):
            number += 1
            for _ in range(int(rng.random() * 4)):
                # Each page names one attempt, whose number is the sequence.
                sent.append((sequence + rng.random() * 1.2, number, page(
                    sequence, place, 4, [('task %d' % place, sequence)])))
    known = calculator()
    heard = []
    for _, number, message in sorted(sent, key=lambda entry: entry[0]):
        found = collect(known, number, message)
        if found is not None:
            heard.append(message.sequence)
            assert found.running == {'task %d' % place: message.sequence for place in range(1, 5)}
            assert found.number == 4 * message.sequence - 3
        assert len(known.pages) < 4
    assert heard == sorted(heard)
    assert len(set(heard)) > 3


def test_pages_of_a_calculator_that_never_finishes_one_are_bounded():
    known = calculator()
    for sequence in range(1, 1000):
        collect(known, sequence, page(sequence, 1, 2000, [('a', 1)]))
        assert len(known.pages) == 1


# What it should hold and does not.

@pytest.mark.parametrize('acknowledged_by, heartbeat_number, is_missing', [
    (None, 7, False),  # The assignment, or its acknowledgement, may still be under way.
    (8, 7, False),     # Acknowledged after the heartbeat was sent: they crossed.
    (7, 7, False),     # In the same datagram: which came first inside it is not looked at.
    (6, 7, True),      # It had it before, and does not name it any more.
    (1, 7, True),
])
def test_an_attempt_is_lost_only_if_it_was_acknowledged_before_the_heartbeat_was_sent(
        acknowledged_by, heartbeat_number, is_missing):
    assert ids(missing(book(a=acknowledged_by), beat(heartbeat_number))) == ['a'] * is_missing


@pytest.mark.parametrize('said', [{'running': [('a', 1)]}, {'unreported': [('a', 1)]},
                                  {'running': [('a', 1)], 'unreported': [('a', 1)]}], ids=['running', 'done', 'both'])
def test_what_it_names_it_has(said):
    assert missing(book(a=1), beat(7, **said)) == []


def test_of_many_only_the_missing_ones_are_lost_in_an_order_that_never_changes():
    known = book(e=1, d=None, c=9, b=2, a=3)
    assert ids(missing(known, beat(7, [('b', 1)]))) == ['a', 'e']


def test_an_attempt_whose_acknowledgement_came_between_two_pages_is_not_lost():
    # Page 1 (datagram 5) was written before the attempt was taken (acknowledged by 6), page 2 after.
    known = book(a=6)
    assert collect(known, 5, page(1, 1, 2)) is None
    found = collect(known, 7, page(1, 2, 2))
    assert found is not None
    assert missing(known, found) == []


# What it has and we did not know.

def test_an_attempt_that_it_names_needs_no_other_acknowledgement():
    known = book(a=None, b=None, c=None, d=3)
    named = beat(7, [('a', 1), ('d', 1)], [('b', 1)])
    assert ids(confirmed(known, named)) == ['a', 'b']


def test_an_older_attempt_of_the_same_task_confirms_nothing():
    known = book(a=None)
    known.attempts['a'].number = 2
    assert confirmed(known, beat(7, [('a', 1)])) == []
    assert ids(confirmed(known, beat(8, [('a', 2)]))) == ['a']


def test_what_it_runs_beyond_its_book_is_surplus():
    known = book(a=1)
    assert surplus(known, beat(7, [('c', 2), ('a', 1), ('b', 3)])) == [('b', 3), ('c', 2)]


def test_what_it_only_has_to_report_takes_no_place():
    assert surplus(book(), beat(7, (), [('a', 1)])) == []
