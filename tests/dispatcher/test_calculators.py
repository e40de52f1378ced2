"""Calculators: registration, names, heartbeats, orphans, and the verdicts on them."""

from __future__ import absolute_import, division, print_function

import random
import sys

import pytest

from calculator.attempts import ranges
from dispatcher.fleet import FORGET_DEAD_S
from dispatcher.heartbeats import CALCULATOR_BYTES, ORPHAN_BYTES, compare, in_both
from dispatcher.outcomes import TURN_MAX
from net_protocol.limits import UNREPORTED_MAX
from net_protocol.schedule import HINT_PING_S, HINT_PINGS, ORPHAN_GRACE_S
from tests.dispatcher.driver import FIRST, ONE, SECOND, TWO, Driver, assigned, of_kind, task_id


def running(twice=False, tasks=1, capacity=1, acknowledged=True, **settings):
    """Calculator ONE runs so many tasks."""
    driver = Driver(twice, **settings)
    driver.beat(driver.calculator(ONE), capacity=capacity)
    rows = of_kind(driver.submit(*range(1, tasks + 1)), 'assign')
    if acknowledged:
        driver.acknowledge(driver.calculator(ONE), 'assign', *rows)
    return driver


@pytest.fixture
def busy(twice):
    return running(twice)


# Registration.

def test_a_calculator_is_registered_by_its_first_heartbeat(driver):
    driver.hear(driver.calculator())
    assert driver.status['alive'] == 0
    driver.beat(driver.calculator())
    assert driver.status['alive'] == 1
    assert driver.emitted('registered') == [
        {'calculator': ONE, 'address': (ONE, 1), 'capacity': 1, 'heartbeat_interval_s': 1.0}]


def test_a_new_incarnation_means_that_everything_the_old_one_held_is_lost(twice):
    driver = running(twice, tasks=2, capacity=2)
    driver.beat(driver.calculator(incarnation=SECOND), capacity=2)
    left = driver.wait(0)
    assert sorted(assigned(left)) == [(1, 1, 2), (2, 2, 2)]
    assert driver.counts['attempt_new_incarnation'] == 2 and driver.counts['returned'] == 1


def test_of_two_with_one_name_the_newest_channel_wins_and_both_are_told(busy):
    former, newcomer = busy.calculator(), busy.calculator(incarnation=SECOND)
    busy.beat(newcomer)
    assert busy.emitted('replaced') == [
        {'calculator': ONE, 'address': newcomer.address, 'old_address': former.address}]
    busy.wait(0.1)
    # So far the newcomer could be the former one after a restart.
    assert busy.of(newcomer, 'not_registered') == []
    busy.beat(former, [(1, 1)])
    assert busy.of(former, 'not_registered') == [['name_taken']]
    assert busy.of(newcomer, 'not_registered') == [['name_shared']]
    assert len(busy.of(newcomer, 'assign')) == 1
    # The result of the one that was replaced is the first, and counts.
    assert of_kind(busy.result(former, 1, 1), 'done') == [[1, u'result', 2]]


def test_the_replaced_one_is_registered_when_its_successor_is_dead(busy):
    former, newcomer = busy.calculator(), busy.calculator(incarnation=SECOND)
    busy.beat(newcomer)
    busy.wait(6)
    assert busy.status['dead'] == 1
    assert assigned(busy.beat(former)) == [(2, 1, 3)], 'its assignments count on'
    assert busy.status['alive'] == 1


def test_where_there_is_no_room_the_one_that_died_first_makes_room(twice):
    driver = Driver(twice, calculators_max=2)
    for name in (ONE, TWO):
        driver.beat(driver.calculator(name))
        driver.wait(6)
    driver.beat(driver.calculator('calculator-3'))
    assert sorted(driver.core.calculators.by_name) == [TWO, 'calculator-3']
    assert driver.counts['evicted'] == 1


def test_where_all_are_alive_a_newcomer_is_told_that_there_are_too_many(twice):
    driver = Driver(twice, calculators_max=1)
    driver.beat(driver.calculator(ONE))
    assert of_kind(driver.beat(driver.calculator(TWO)), 'not_registered') == [['too_many']]
    assert driver.emitted('registration_refused')[0] == {
        'calculator': TWO, 'setting': 'calculators_max', 'limit': 1}
    driver.wait(6)
    assert driver.beat(driver.calculator(TWO)) == [] and driver.status['alive'] == 1


def test_a_forgotten_calculator_that_comes_back_gets_no_number_twice(busy):
    busy.result(busy.calculator(), 1, 1)
    busy.wait(FORGET_DEAD_S + 10)
    assert len(busy.core.calculators) == 0
    busy.submit(2)
    assert assigned(busy.beat(busy.calculator())) == [(2, 2, 1)]


def test_the_calculator_of_a_closed_channel_is_known_when_it_comes_back(busy):
    channel = busy.calculator()
    busy.wait(6)
    assert busy.sleep(channel)
    busy.beat(busy.calculator(), [(1, 1)])
    assert busy.counts['recovered'] == 1 and busy.counts['registered'] == 1
    assert busy.status['running'] == 1, 'it goes on where it stood'


def test_leaving_is_no_failure_and_its_tasks_go_to_others_at_once(busy):
    busy.beat(busy.calculator(TWO))
    left = busy.hear(busy.calculator(ONE), 'leave', [[]]) + busy.wait(0)
    assert assigned(left) == [(1, 1, 2)] and busy.counts['attempt_calculator_left'] == 1
    assert busy.status['left'] == 1 and busy.counts['died'] == 0
    busy.beat(busy.calculator(ONE))
    assert busy.status['left'] == 1, 'a heartbeat that was overtaken'


# Heartbeats.

def test_an_acknowledged_attempt_that_a_later_heartbeat_does_not_name_is_lost(busy):
    assert assigned(busy.beat(busy.calculator())) == [(2, 1, 2)]
    assert busy.counts['attempt_not_held'] == 1


def test_an_attempt_that_was_not_acknowledged_before_is_not_missed(twice):
    driver = running(twice, acknowledged=False)
    assert driver.beat(driver.calculator()) == [] and driver.status['running'] == 1


def test_a_heartbeat_that_left_before_the_acknowledgement_says_nothing():
    driver = running(acknowledged=False)
    channel = driver.calculator()
    channel.number_received = 20
    driver.core.acknowledged(driver.now, channel, 'assign', [[1]])
    assert driver.beat(channel, number=20) == [] and driver.beat(channel, number=19) == []
    assert assigned(driver.beat(channel, number=21)) == [(2, 1, 2)]


def test_an_attempt_that_a_heartbeat_names_needs_no_acknowledgement(twice):
    driver = running(twice, acknowledged=False)
    driver.beat(driver.calculator(), [(1, 1)])
    assert assigned(driver.beat(driver.calculator())) == [(2, 1, 2)]


def test_a_heartbeat_older_than_the_newest_is_ignored(busy):
    busy.beat(busy.calculator(), [(1, 1)], sequence=9)
    assert busy.beat(busy.calculator(), sequence=8) == []
    assert busy.counts['stale_heartbeats'] >= 1 and busy.status['running'] == 1


def test_a_heartbeat_that_names_more_than_its_capacity_allows_is_refused(twice):
    driver = running(twice)
    driver.beat(driver.calculator(), [(2, 2 + UNREPORTED_MAX)])
    assert driver.counts['attempt_not_held'] == 1, 'it was believed'
    driver = running(twice)
    driver.beat(driver.calculator(), [(2, 3 + UNREPORTED_MAX)])
    driver.beat(driver.calculator(), [(1, 2 ** 53)])
    assert driver.counts['attempt_not_held'] == 0 and driver.counts['refused_heartbeats'] >= 2


def test_a_number_that_is_not_known_is_revoked_when_it_is_named_twice(busy):
    assert busy.beat(busy.calculator(), [(1, 1), (7, 7)]) == []
    assert [row[0] for row in of_kind(busy.beat(busy.calculator(), [(1, 1), (7, 7)]), 'revoke')] == [7]


def test_a_result_whose_acknowledgement_is_under_way_is_not_revoked(busy):
    busy.result(busy.calculator(), 1, 1)
    assert busy.beat(busy.calculator(), [(1, 1)]) == [] and busy.beat(busy.calculator()) == []


def test_a_draining_calculator_gets_no_task(driver):
    driver.beat(driver.calculator(), draining=True)
    assert assigned(driver.submit(1)) == []
    assert assigned(driver.beat(driver.calculator())) == [(1, 1, 1)]


def test_a_calculator_that_refuses_an_assignment_counts_as_full_until_its_next_heartbeat(twice):
    driver = running(twice, capacity=2)
    refusal = [[1, task_id(1), 'busy']]
    assert assigned(driver.hear(driver.calculator(), 'assign_refused', refusal)) == []
    assert driver.counts['attempt_turned_down'] == 1 and driver.status['waiting'] == 1
    assert assigned(driver.beat(driver.calculator(), capacity=2)) == [(2, 1, 2)]


def test_the_capacity_is_that_of_the_first_heartbeat(twice):
    driver = running(twice, tasks=3, capacity=1)
    driver.beat(driver.calculator(), [(1, 1)], capacity=5)
    assert driver.status['waiting'] == 2


# Orphans: what another incarnation of the dispatcher assigned.

def test_an_orphan_whose_task_waits_is_adopted_under_a_new_number(driver):
    driver.submit(1)
    assert assigned(driver.beat(driver.calculator(), orphans=[task_id(1)])) == [(1, 1, 1)]
    assert driver.counts['adopted'] == 1 and driver.counts['assignments'] == 0
    assert driver.calculator().peer.free == 0
    # A heartbeat that left before it heard of that changes nothing.
    driver.beat(driver.calculator(), orphans=[task_id(1)])
    assert driver.calculator().peer.free == 0 and driver.status['running'] == 1
    assert driver.result(driver.calculator(), 1, 1) == [('done', [1, u'result', 1])]


def test_an_orphan_is_adopted_when_its_client_asks_for_it(driver):
    driver.beat(driver.calculator(TWO))
    driver.beat(driver.calculator(ONE), orphans=[task_id(1)])
    driver.submit(1)
    assert [row[1] for row in driver.of(driver.calculator(ONE), 'assign')] == [task_id(1)]


def test_an_unknown_orphan_occupies_a_slot_and_is_revoked_after_the_grace(driver):
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


def test_an_orphan_of_a_task_that_is_over_is_revoked_at_once(busy):
    busy.result(busy.calculator(), 1, 1)
    busy.over(2)
    assert of_kind(busy.beat(busy.calculator(TWO), orphans=[task_id(1)]), 'revoke')[0] == [0, task_id(1)]


def test_the_result_of_an_orphan_is_taken_by_its_task_id(driver):
    driver.submit(1)
    assert driver.result(driver.calculator(), 0, 1) == [('done', [1, u'result', 0])]


def test_the_result_of_an_orphan_that_was_just_adopted_is_not_late(driver):
    driver.submit(1)
    driver.beat(driver.calculator(), orphans=[task_id(1)])
    assert driver.result(driver.calculator(), 0, 1) == [('done', [1, u'result', 1])]
    assert driver.counts['attempt_result'] == 1 and driver.counts['late_results_used'] == 0


def test_a_heartbeat_of_many_pages_counts_when_all_are_here():
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
    """How many functions are called meanwhile."""
    called = []
    sys.setprofile(lambda frame, event, argument: called.append(1) if event.endswith('call') else None)
    try:
        function(*arguments)
    finally:
        sys.setprofile(None)
    return len(called)


#: 60 kB each, with as many heartbeats as fit.
MANY_HEARTBEATS = {
    'each names all that it may': lambda number: [number, 1, 1, 1.0, 10000, [[1, 11000]], [], False],
    'all have one number': lambda number: [9000, 1, 1, 1.0, 10000, [[1, 11000]], [], False],
    'in two pages, again and again': lambda number: [9000, number % 2 + 1, 2, 1.0, 10000, [[1, 5500]], [], False],
    'each of a page more': lambda number: [9000, number % 2000 + 1, 2000, 1.0, 10000, [[1, 1]], [], False]}


@pytest.mark.parametrize('made', sorted(MANY_HEARTBEATS))
def test_a_datagram_of_heartbeats_makes_no_more_work_than_its_size_allows(made):
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


def test_what_many_heartbeats_name_and_nobody_knows_is_revoked_part_by_part():
    driver = Driver()
    for _ in range(4):
        driver.beat(driver.calculator(), [(1, 2500)], capacity=2000)
    assert [row[0] for row in driver.of(driver.calculator(), 'revoke')] == 3 * list(range(1, TURN_MAX + 1))


@pytest.mark.parametrize('seed', range(20))
def test_ranges_are_compared_as_the_numbers_in_them(seed):
    rng = random.Random(seed)
    one, other, known = [{number for number in range(1, 60) if rng.random() < share}
                         for share in [rng.random() for _ in range(3)]]
    named, missing, unknown = compare(ranges(one), sorted(known))
    assert named == sorted(one & known) and missing == sorted(known - one)
    assert sorted(number for first, last in unknown for number in range(first, last + 1)) == sorted(one - known)
    assert list(in_both(ranges(one), ranges(other))) == sorted(one & other)


def test_one_calculator_gets_at_most_half_of_the_memory_that_is_free():
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


def test_clients_leave_memory_for_calculators_and_beyond_that_none_is_registered(twice):
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


def test_half_a_heartbeat_makes_nobody_available_and_an_end_of_draining_does(driver):
    channel = driver.calculator()
    driver.beat(channel, pages=(1, 2), sequence=1)
    driver.core.check_invariants()
    assert not channel.peer.has_slot
    driver.beat(channel, pages=(2, 2), sequence=1)
    assert channel.peer.is_queued
    driver.beat(channel, sequence=2, draining=True)
    driver.beat(channel, pages=(1, 2), sequence=3)
    driver.core.check_invariants()


# Silence.

def test_silence_is_judged_half_an_interval_after_the_heartbeat_that_was_missed(busy):
    busy.wait(3.499)
    assert busy.status['alive'] == 1
    busy.wait(0.002)
    assert busy.status['suspect'] == 1
    busy.wait(1.99)
    assert busy.status['suspect'] == 1 and busy.status['running'] == 1
    busy.wait(0.02)
    assert busy.status['dead'] == 1 and busy.status['running'] == 0
    assert busy.emitted('died')[0]['held'] == 1


def test_a_suspect_gets_no_task_and_recovers_with_any_sign_of_life(twice):
    driver = running(twice, capacity=2)
    driver.wait(4)
    assert assigned(driver.submit(2)) == []
    assert assigned(driver.hear(driver.calculator())) == [(2, 2, 1)]
    assert driver.emitted('recovered') == [{'calculator': ONE, 'was': 'suspect'}]


def test_a_dead_one_recovers_by_a_heartbeat_only(busy):
    busy.wait(6)
    busy.hear(busy.calculator())
    assert busy.status['dead'] == 1
    busy.beat(busy.calculator())
    assert busy.status['alive'] == 1


def test_what_a_frozen_calculator_still_holds_goes_on_there_if_nobody_else_took_it(busy):
    busy.wait(6)
    assert busy.status['waiting'] == 1
    busy.beat(busy.calculator(), [(1, 1)])
    assert busy.status['running'] == 1 and busy.counts['adopted'] == 1
    assert busy.result(busy.calculator(), 1, 1) == [('done', [1, u'result', 2])]


def test_what_a_frozen_calculator_still_holds_is_revoked_when_it_is_done_elsewhere(busy):
    busy.wait(6)
    busy.beat(busy.calculator(TWO))
    left = busy.result(busy.calculator(TWO), 1, 1)
    assert of_kind(left, 'done') == [[1, u'result', 2]] and of_kind(left, 'revoke') == [[1, task_id(1)]]


def test_tasks_of_a_dead_calculator_are_served_before_all_others(busy):
    busy.submit(1, 2, 3, name='client-b')
    busy.wait(6)
    assert assigned(busy.beat(busy.calculator(TWO)))[0][2] == 2


# A calculator that can't be reached.

def test_an_unreachable_calculator_loses_its_attempts_and_gets_no_new_work(busy):
    channel = busy.calculator()
    channel.is_unreachable = True
    busy.core.unreachable(busy.now, channel)
    busy.turn()
    busy.wait(0)
    assert busy.status['suspect'] == 1 and busy.status['waiting'] == 1
    busy.beat(channel, [(1, 1)])
    assert busy.status['suspect'] == 1 and busy.status['waiting'] == 1, 'heartbeats alone change nothing'
    busy.beat(busy.calculator(TWO))
    channel.is_unreachable = False
    busy.core.reachable(busy.now, channel)
    busy.turn()
    assert busy.status['alive'] == 2
    assert busy.counts['attempt_unacknowledged'] == 1


def test_a_lost_assignment_to_an_unreachable_calculator_frees_its_slot(twice):
    driver = running(twice, acknowledged=False)
    driver.core.unreachable(driver.now, driver.calculator())
    driver.wait(0)
    assert driver.calculator().peer.free == 0
    assert driver.lose(driver.calculator(), 'assign', [1, task_id(1), 1, u'payload', 10, 60]) is None
    assert driver.calculator().peer.free == 1


def test_when_nobody_listens_at_its_address_three_pings_decide(busy):
    busy.core.hinted(busy.now, busy.calculator())
    busy.core.hinted(busy.now, busy.calculator())
    left = busy.turn() + busy.wait(HINT_PINGS * HINT_PING_S + 0.001)
    assert len(of_kind(left, 'ping')) == HINT_PINGS
    suspected, = busy.emitted('suspected')
    assert (suspected['calculator'], suspected['held']) == (ONE, 1)
    assert suspected['why'] == 'nobody listens at its address'
    assert 0 < suspected['silence_s'] < 1
    assert [facts['reason'] for facts in busy.emitted('reassigned')] == ['not_listening']
    assert busy.status['waiting'] == 1
    # A late result still counts.
    assert of_kind(busy.result(busy.calculator(), 1, 1), 'done') == [[1, u'result', 1]]


def test_a_forged_report_costs_three_pings(busy):
    busy.core.hinted(busy.now, busy.calculator())
    busy.wait(0.05)
    busy.hear(busy.calculator())
    busy.wait(1)
    assert busy.status['running'] == 1 and busy.counts['suspected'] == 0


def test_a_calculator_that_works_is_pinged_when_nothing_was_sent_or_heard_for_a_quarter_of_a_second(twice):
    assert len(of_kind(running(twice).wait(2.1), 'ping')) == 8
    driver = running(twice)
    # Every second a heartbeat saves one.
    assert len(of_kind(driver.wait(2, beating=[driver.calculator()], held=[(1, 1)]), 'ping')) == 6
    for _ in range(10):
        driver.beat(driver.calculator(), [(1, 1)])
        assert of_kind(driver.wait(0.19), 'ping') == []
    driver.result(driver.calculator(), 1, 1)
    driver.wait(0.3)
    assert of_kind(driver.wait(2), 'ping') == []


def test_unanswered_pings_alone_mean_nothing(busy):
    busy.wait(3)
    assert busy.counts['pings'] >= 11 and busy.counts['suspected'] == 0


# Which calculator.

def test_a_task_avoids_calculators_on_which_it_failed(twice):
    driver = running(twice, capacity=3)
    driver.beat(driver.calculator(TWO), [], capacity=3)
    driver.beat(driver.calculator(ONE), capacity=3)
    assert [row[2] for row in driver.of(driver.calculator(TWO), 'assign')] == [2]


def test_a_calculator_without_room_in_its_channel_is_passed_over(driver):
    driver.beat(driver.calculator(ONE))
    driver.beat(driver.calculator(TWO))
    driver.calculator(ONE).has_room = False
    driver.submit(1, 2)
    assert driver.of(driver.calculator(ONE), 'assign') == [] and driver.status['waiting'] == 1
    driver.calculator(ONE).has_room = True
    assert assigned(driver.hear(driver.client())) == [(1, 2, 1)]


def test_after_a_channel_began_anew_unacknowledged_assignments_are_sent_again(twice):
    driver = running(twice, tasks=2, capacity=3, acknowledged=False)
    driver.acknowledge(driver.calculator(), 'assign', [1])
    assert assigned(driver.reopen(driver.calculator())) == [(2, 2, 1)]


def test_that_no_calculator_is_registered_is_said_once_after_two_seconds(driver):
    driver.submit(1, 2)
    driver.wait(1.9)
    assert driver.emitted('no_calculators') == []
    driver.wait(30)
    driver.submit(3)
    driver.wait(5)
    assert driver.emitted('no_calculators') == [{'waiting': 2}]
    driver.beat(driver.calculator())
    driver.wait(20)
    assert len(driver.emitted('no_calculators')) == 2


def test_a_calculator_of_a_former_incarnation_that_is_heard_late_changes_nothing(busy):
    busy.beat(busy.calculator(incarnation=SECOND))
    busy.wait(0)
    late = busy.calculator(incarnation=FIRST)
    busy.hear(late, 'leave', [[]])
    busy.hear(late, 'assign_refused', [[1, task_id(1), 'busy']])
    busy.acknowledge(late, 'assign', [1])
    assert busy.status['running'] == 1 and busy.status['alive'] == 1
