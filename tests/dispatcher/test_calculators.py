"""Calculators: registration, names, and the verdicts on them; heartbeats have test_heartbeats.py."""

from __future__ import absolute_import, division, print_function

import pytest

from dispatcher.fleet import FORGET_DEAD_S
from net_protocol.schedule import HINT_PING_S, HINT_PINGS
from tests.dispatcher.driver import FIRST, ONE, SECOND, TWO, Driver, assigned, of_kind, running, task_id

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


def test_of_two_with_one_name_the_newest_channel_wins_and_both_are_informed(busy):
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


def test_if_the_table_is_full_the_one_that_died_first_is_removed(twice):
    driver = Driver(twice, calculators_max=2)
    for name in (ONE, TWO):
        driver.beat(driver.calculator(name))
        driver.wait(6)
    driver.beat(driver.calculator('calculator-3'))
    assert sorted(driver.core.calculators.by_name) == [TWO, 'calculator-3']
    assert driver.counts['evicted'] == 1


def test_if_the_table_is_full_and_all_are_alive_a_registration_is_refused(twice):
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


def test_a_late_heartbeat_of_a_former_incarnation_takes_no_name(twice):
    driver = Driver(twice, calculators_max=1)
    former = driver.calculator()
    driver.beat(former, number=8)
    driver.hear(former, 'leave', [[]], number=9)
    # Another takes its place, so nothing is known of it any more.
    driver.beat(driver.calculator(TWO))
    driver.hear(driver.calculator(TWO), 'leave', [[]])
    present = driver.calculator(incarnation=SECOND)
    driver.beat(present)
    driver.beat(former, number=7)
    assert driver.core.calculators.by_name[ONE].channel is present


def test_leaving_is_no_failure_and_its_tasks_go_to_others_at_once(busy):
    busy.beat(busy.calculator(TWO))
    left = busy.hear(busy.calculator(ONE), 'leave', [[]]) + busy.wait(0)
    assert assigned(left) == [(1, 1, 2)] and busy.counts['attempt_calculator_left'] == 1
    assert busy.status['left'] == 1 and busy.counts['died'] == 0
    busy.beat(busy.calculator(ONE))
    assert busy.status['left'] == 1, 'a heartbeat that was overtaken'


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


def test_a_waiting_task_that_a_frozen_calculator_still_holds_is_adopted_there(busy):
    busy.wait(6)
    assert busy.status['waiting'] == 1
    busy.beat(busy.calculator(), [(1, 1)])
    assert busy.status['running'] == 1 and busy.counts['adopted'] == 1
    assert busy.result(busy.calculator(), 1, 1) == [('done', [1, u'result', 2])]


def test_a_task_that_a_frozen_calculator_still_holds_is_revoked_when_it_is_done_elsewhere(busy):
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


def test_if_no_process_listens_at_its_address_three_pings_decide(busy):
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


def test_no_two_pings_leave_together_although_turns_are_late(busy):
    busy.core.hinted(busy.now, busy.calculator())
    left = []
    for _ in range(HINT_PINGS):
        busy.now += 1.5 * HINT_PING_S
        busy.core.handle_timer(busy.now)
        left.append(len(of_kind(busy.turn(), 'ping')))
    assert left == [1] * HINT_PINGS and busy.counts['suspected'] == 0


def test_a_forged_report_costs_three_pings(busy):
    busy.core.hinted(busy.now, busy.calculator())
    busy.wait(0.05)
    busy.hear(busy.calculator())
    busy.wait(1)
    assert busy.status['running'] == 1 and busy.counts['suspected'] == 0


@pytest.mark.parametrize('is_asleep_first', [False, True])
def test_a_report_about_a_channel_that_is_asleep_is_no_verdict(busy, is_asleep_first):
    channel = busy.calculator()
    channel.is_asleep = is_asleep_first
    busy.core.hinted(busy.now, channel)
    channel.is_asleep = True
    busy.wait(HINT_PINGS * HINT_PING_S + 0.001)
    assert busy.counts['suspected'] == 0


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


def test_after_a_channel_restarted_unacknowledged_assignments_are_sent_again(twice):
    driver = running(twice, tasks=2, capacity=3, acknowledged=False)
    driver.acknowledge(driver.calculator(), 'assign', [1])
    assert assigned(driver.reopen(driver.calculator())) == [(2, 2, 1)]


def test_no_calculators_is_logged_once_after_two_seconds(driver):
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
