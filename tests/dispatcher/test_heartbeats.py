"""Heartbeats of calculators: the attempts that they name, orphans, pages, and limits of work and memory."""

from __future__ import absolute_import, division, print_function

import random
import sys

import pytest

from calculator.attempts import ranges
from dispatcher.heartbeats import CALCULATOR_BYTES, ORPHAN_BYTES, compare, in_both
from dispatcher.outcomes import TURN_MAX
from net_protocol.limits import UNREPORTED_MAX
from net_protocol.schedule import ORPHAN_GRACE_S
from tests.dispatcher.driver import ONE, TWO, Driver, assigned, of_kind, running, task_id


def test_only_a_heartbeat_that_was_sent_after_the_acknowledgement_ends_an_attempt():
    driver = running(acknowledged=False)
    channel = driver.calculator()
    assert driver.beat(channel) == []
    channel.number_received = 20
    driver.core.acknowledged(driver.now, channel, 'assign', [[1]])
    assert driver.beat(channel, number=20) == [] and driver.beat(channel, number=19) == []
    assert assigned(driver.beat(channel, number=21)) == [(2, 1, 2)]
    assert driver.counts['attempt_not_held'] == 1


def test_an_attempt_that_a_heartbeat_has_named_counts_as_acknowledged(twice):
    driver = running(twice, acknowledged=False)
    driver.beat(driver.calculator(), [(1, 1)])
    assert assigned(driver.beat(driver.calculator())) == [(2, 1, 2)]


def test_a_heartbeat_that_names_more_than_its_capacity_allows_is_refused(twice):
    driver = running(twice)
    driver.beat(driver.calculator(), [(2, 2 + UNREPORTED_MAX)])
    assert driver.counts['attempt_not_held'] == 1, 'the heartbeat was accepted'
    driver = running(twice)
    driver.beat(driver.calculator(), [(2, 3 + UNREPORTED_MAX)])
    driver.beat(driver.calculator(), [(1, 2 ** 53)])
    assert driver.counts['attempt_not_held'] == 0 and driver.counts['refused_heartbeats'] >= 2


def test_a_heartbeat_that_is_older_than_the_newest_is_ignored(busy):
    busy.beat(busy.calculator(), [(1, 1)], sequence=9)
    assert busy.beat(busy.calculator(), sequence=8) == []
    assert busy.counts['stale_heartbeats'] >= 1 and busy.status['running'] == 1


def test_an_unknown_assignment_is_revoked_when_a_second_heartbeat_names_it(busy):
    assert busy.beat(busy.calculator(), [(1, 1), (7, 7)]) == []
    assert [row[0] for row in of_kind(busy.beat(busy.calculator(), [(1, 1), (7, 7)]), 'revoke')] == [7]


def test_heartbeats_lead_to_no_second_revoke_while_one_waits_for_the_window(busy):
    channel = busy.calculator()
    busy.beat(channel, [(1, 1), (7, 7)])
    channel.rows['revoke'] = [[7, u'unknown:aaaaaaaa:1']]
    assert busy.beat(channel, [(1, 1), (7, 7)]) == [] and len(channel.rows['revoke']) == 1
    channel.rows = {}
    assert len(of_kind(busy.beat(channel, [(1, 1), (7, 7)]), 'revoke')) == 1


def test_an_attempt_whose_result_has_just_arrived_is_not_revoked(busy):
    busy.result(busy.calculator(), 1, 1)
    assert busy.beat(busy.calculator(), [(1, 1)]) == [] and busy.beat(busy.calculator()) == []


def test_a_draining_calculator_gets_no_task(driver):
    driver.beat(driver.calculator(), draining=True)
    assert assigned(driver.submit(1)) == []
    assert assigned(driver.beat(driver.calculator())) == [(1, 1, 1)]


def test_a_calculator_that_refuses_an_assignment_counts_as_full_until_its_next_heartbeat(twice):
    driver = running(twice, capacity=2)
    assert assigned(driver.refuse(driver.calculator(), 1, 1)) == []
    assert driver.counts['attempt_turned_down'] == 1 and driver.status['waiting'] == 1
    assert assigned(driver.beat(driver.calculator(), capacity=2)) == [(2, 1, 2)]


def test_the_capacity_is_that_of_the_first_heartbeat(twice):
    driver = running(twice, tasks=3, capacity=1)
    driver.beat(driver.calculator(), [(1, 1)], capacity=5)
    assert driver.status['waiting'] == 2


# Orphans: attempts that another incarnation of the dispatcher assigned.

def test_an_orphan_whose_task_waits_is_adopted_under_a_new_number(driver):
    driver.submit(1)
    assert assigned(driver.beat(driver.calculator(), orphans=[task_id(1)])) == [(1, 1, 1)]
    assert driver.counts['adopted'] == 1 and driver.counts['assignments'] == 0
    assert driver.calculator().peer.free == 0
    # A heartbeat that the calculator sent before it knew of the adoption changes nothing.
    driver.beat(driver.calculator(), orphans=[task_id(1)])
    assert driver.calculator().peer.free == 0 and driver.status['running'] == 1
    assert driver.result(driver.calculator(), 1, 1) == [('done', [1, u'result', 1])]


def test_an_unknown_orphan_occupies_a_slot_and_is_revoked_after_a_grace_time(driver):
    channel = driver.calculator()
    driver.beat(channel, orphans=[task_id(9)])
    assert assigned(driver.submit(1)) == []
    for _ in range(int(ORPHAN_GRACE_S)):
        driver.wait(1)
        assert driver.beat(channel, orphans=[task_id(9)]) == []
    driver.wait(1)
    assert of_kind(driver.beat(channel, orphans=[task_id(9)]), 'revoke')[0] == [0, task_id(9)]
    driver.beat(channel)
    assert driver.status['running'] == 1


def test_an_orphan_of_a_finished_task_is_revoked_at_once(busy):
    busy.result(busy.calculator(), 1, 1)
    busy.raise_open(2)
    assert of_kind(busy.beat(busy.calculator(TWO), orphans=[task_id(1)]), 'revoke')[0] == [0, task_id(1)]


@pytest.mark.parametrize('is_adopted', [False, True])
def test_the_result_of_an_orphan_counts_by_its_task_id_and_is_late_unless_it_was_adopted(driver, is_adopted):
    driver.submit(1)
    if is_adopted:
        driver.beat(driver.calculator(), orphans=[task_id(1)])
    assert driver.result(driver.calculator(), 0, 1) == [('done', [1, u'result', is_adopted])]
    assert driver.counts['attempt_result'] == is_adopted and driver.counts['late_results_used'] == (not is_adopted)


def test_a_heartbeat_of_many_pages_counts_when_all_have_arrived():
    driver = running(capacity=3)
    channel = driver.calculator()
    driver.submit(5, 6)
    driver.beat(channel, orphans=[task_id(8)], pages=(2, 2), sequence=5)
    assert channel.peer.orphans == {}
    driver.beat(channel, [(1, 3)], orphans=[task_id(7)], pages=(1, 2), sequence=5)
    assert sorted(channel.peer.orphans) == [task_id(7), task_id(8)]
    assert driver.status['running'] == 3


@pytest.mark.parametrize('capacity', [1, 1000])
@pytest.mark.parametrize('held, orphans', [
    (lambda page: [], lambda page: [task_id(page * 100 + number) for number in range(100)]),
    (lambda page: [(page * 10000 + number, page * 10000 + number) for number in range(1, 101)], lambda page: []),
    (lambda page: [(page * 10000 + 1, page * 10000 + 1000)], lambda page: [task_id(page)])])
def test_all_pages_of_a_heartbeat_together_name_no_more_than_its_capacity_allows(held, orphans, capacity):
    driver = Driver()
    channel, named_max = driver.calculator(), capacity + UNREPORTED_MAX
    for page in range(1, 101):
        driver.beat(channel, held(page), orphans(page), capacity, pages=(page, 100), sequence=5)
        pages = channel.peer.pages.kept.values() if channel.peer.pages else ()
        named = sum(last - first + 1 for _, ranges, _ in pages for first, last in ranges)
        assert named + sum(len(ids) for _, _, ids in pages) <= named_max
    assert driver.counts['refused_heartbeats'] > 0 and not channel.peer.unknown and not channel.peer.orphans


def calls_in(function, *arguments):
    """The number of functions that are called."""
    called = []
    sys.setprofile(lambda frame, event, argument: called.append(1) if event.endswith('call') else None)
    try:
        function(*arguments)
    finally:
        sys.setprofile(None)
    return len(called)


#: Heartbeats of which a datagram of 60 kB holds many.
MANY_HEARTBEATS = {
    'each names as many attempts as it may': lambda number: [number, 1, 1, 1.0, 10000, [[1, 11000]], [], False],
    'all have the same sequence number': lambda number: [9000, 1, 1, 1.0, 10000, [[1, 11000]], [], False],
    'two pages, repeated': lambda number: [9000, number % 2 + 1, 2, 1.0, 10000, [[1, 5500]], [], False],
    'each is another page': lambda number: [9000, number % 2000 + 1, 2000, 1.0, 10000, [[1, 1]], [], False]}


@pytest.mark.parametrize('made', sorted(MANY_HEARTBEATS))
def test_a_datagram_of_heartbeats_causes_limited_work(made):
    driver = Driver()
    channel, beat = driver.calculator(), MANY_HEARTBEATS[made]
    for first in (1, 1001, 2001):
        channel.number_received += 1
        rows = [beat(number) for number in range(first, first + 1000)]
        before = driver.counts['revokes']
        assert calls_in(driver.core.handlers['heartbeat'], driver.now, channel, rows) < 40 * len(rows)
        assert driver.counts['revokes'] <= before + TURN_MAX
        assert driver.core.cost <= 11000 + 1000
        driver.core.cost = 0
        driver.turn()


def test_of_heartbeats_in_one_datagram_the_newest_counts(twice):
    driver = running(twice, tasks=3, capacity=3)
    rows = [[sequence, 1, 1, 1.0, 3, [[1, sequence - 100]], [], False] for sequence in (101, 103, 102)]
    driver.hear(driver.calculator(), 'heartbeat', rows)
    assert driver.counts['attempt_not_held'] == 0 and driver.counts['stale_heartbeats'] >= 2
    driver.hear(driver.calculator(), 'heartbeat', [[104, 1, 1, 1.0, 3, [[1, 2]], [], False], rows[1]])
    assert driver.counts['attempt_not_held'] == 1


@pytest.mark.parametrize('seed', range(20))
def test_ranges_are_compared_as_the_sets_of_their_numbers(seed):
    rng = random.Random(seed)
    one, other, known = [{number for number in range(1, 60) if rng.random() < share}
                         for share in [rng.random() for _ in range(3)]]
    named, missing, unknown = compare(ranges(one), sorted(known))
    assert named == sorted(one & known) and missing == sorted(known - one)
    assert sorted(number for first, last in unknown for number in range(first, last + 1)) == sorted(one - known)
    assert list(in_both(ranges(one), ranges(other))) == sorted(one & other)


def test_a_calculator_gets_at_most_half_of_the_memory_that_is_left():
    driver = Driver(memory_max_bytes=1000000)
    for name in (ONE, TWO):
        ids = [task_id(number, name) for number in range(1, 1001)]
        driver.beat(driver.calculator(name), orphans=ids)
        driver.beat(driver.calculator(name), [(1, 10)], ids[:500])
        driver.beat(driver.calculator(name), orphans=ids[:900], pages=(1, 2))
    before = driver.core.memory_bytes
    for _ in range(2):
        driver.beat(driver.calculator('calculator-3'), orphans=[task_id(number) for number in range(1, 1001)])
        driver.beat(driver.calculator('calculator-3'), orphans=[task_id(number) for number in range(1, 901)],
                    pages=(1, 2))
    assert driver.counts['refused_heartbeats'] == 6 and driver.core.memory_bytes == before + CALCULATOR_BYTES
    driver.beat(driver.calculator(ONE))
    assert driver.core.memory_bytes < before - 500 * ORPHAN_BYTES


def test_clients_leave_memory_for_calculators_and_registrations_keep_within_it(twice):
    driver = Driver(twice, memory_max_bytes=1000000)
    for number in range(1, 300):
        driver.submit(number, payload=u'x' * 5000, name='client-%d' % (number % 20))
    assert driver.counts['refused_queue_full'] > 0
    driver.wait(1)
    for number in range(200):
        driver.beat(driver.calculator('calculator-%d' % number), draining=True)
    assert driver.counts['registered'] >= 40 and driver.status['memory_bytes'] <= 1000000
    assert driver.emitted('registration_refused')[0]['setting'] == 'memory_max_bytes'
    driver.wait(6, beating=[driver.calculator('calculator-1')])
    assert driver.counts['evicted'] == 0
    driver.beat(driver.calculator('calculator-199'), draining=True)
    assert driver.counts['evicted'] == 1 and driver.core.calculators.by_name['calculator-199']


def test_the_last_page_of_a_heartbeat_makes_its_calculator_available(driver):
    channel = driver.calculator()
    driver.beat(channel, pages=(1, 2), sequence=1)
    driver.core.check_invariants()
    assert not channel.peer.has_slot
    driver.beat(channel, pages=(2, 2), sequence=1)
    assert channel.peer.is_queued
    driver.beat(channel, sequence=2, draining=True)
    driver.beat(channel, pages=(1, 2), sequence=3)
    driver.core.check_invariants()
