"""Calculators: registration, names, verdicts, and which calculator gets a task. See also test_heartbeats.py."""

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


def test_a_new_incarnation_of_a_calculator_ends_the_attempts_of_the_old_one(twice):
    driver = running(twice, tasks=2, capacity=2)
    driver.beat(driver.calculator(incarnation=SECOND), capacity=2)
    sent = driver.wait(0)
    assert sorted(assigned(sent)) == [(1, 1, 2), (2, 2, 2)]
    assert driver.counts['attempt_new_incarnation'] == 2 and driver.counts['returned'] == 1


def test_of_two_calculators_with_one_name_the_newest_is_registered_and_both_are_warned(busy):
    old, new = busy.calculator(), busy.calculator(incarnation=SECOND)
    busy.beat(new)
    assert busy.emitted('replaced') == [
        {'calculator': ONE, 'address': new.address, 'old_address': old.address}]
    busy.wait(0.1)
    # The new calculator may still be the old one after a restart.
    assert busy.rows_to(new, 'not_registered') == []
    busy.beat(old, [(1, 1)])
    assert busy.rows_to(old, 'not_registered') == [['name_taken']]
    assert busy.rows_to(new, 'not_registered') == [['name_shared']]
    assert len(busy.rows_to(new, 'assign')) == 1
    # The replaced calculator sends the first result, and that result counts.
    assert of_kind(busy.result(old, 1, 1), 'done') == [[1, u'result', 2]]


def test_a_replaced_calculator_is_registered_again_when_its_successor_is_dead(busy):
    old, new = busy.calculator(), busy.calculator(incarnation=SECOND)
    busy.beat(new)
    busy.wait(6)
    assert busy.status['dead'] == 1
    assert assigned(busy.beat(old)) == [(2, 1, 3)], 'its assignment numbers go on'
    assert busy.status['alive'] == 1


def test_a_full_table_of_calculators_drops_the_first_that_died(twice):
    driver = Driver(twice, calculators_max=2)
    for name in (ONE, TWO):
        driver.beat(driver.calculator(name))
        driver.wait(6)
    driver.beat(driver.calculator('calculator-3'))
    assert sorted(driver.core.calculators.by_name) == [TWO, 'calculator-3']
    assert driver.counts['evicted'] == 1


def test_a_full_table_of_living_calculators_refuses_a_registration(twice):
    driver = Driver(twice, calculators_max=1)
    driver.beat(driver.calculator(ONE))
    assert of_kind(driver.beat(driver.calculator(TWO)), 'not_registered') == [['too_many']]
    assert driver.emitted('registration_refused')[0] == {
        'calculator': TWO, 'setting': 'calculators_max', 'limit': 1}
    driver.wait(6)
    assert driver.beat(driver.calculator(TWO)) == [] and driver.status['alive'] == 1


def test_a_forgotten_calculator_that_returns_gets_new_assignment_numbers(busy):
    busy.result(busy.calculator(), 1, 1)
    busy.wait(FORGET_DEAD_S + 10)
    assert len(busy.core.calculators) == 0
    busy.submit(2)
    assert assigned(busy.beat(busy.calculator())) == [(2, 2, 1)]


def test_a_calculator_whose_channel_was_closed_keeps_its_attempts_when_it_returns(busy):
    channel = busy.calculator()
    busy.wait(6)
    assert busy.sleep(channel)
    busy.beat(busy.calculator(), [(1, 1)])
    assert busy.counts['recovered'] == 1 and busy.counts['registered'] == 1
    assert busy.status['running'] == 1, 'the attempt goes on'


def test_a_late_heartbeat_of_a_former_incarnation_replaces_no_calculator(twice):
    driver = Driver(twice, calculators_max=1)
    old = driver.calculator()
    driver.beat(old, number=8)
    driver.hear(old, 'leave', [[]], number=9)
    # Another calculator takes its place in the table.
    driver.beat(driver.calculator(TWO))
    driver.hear(driver.calculator(TWO), 'leave', [[]])
    present = driver.calculator(incarnation=SECOND)
    driver.beat(present)
    driver.beat(old, number=7)
    assert driver.core.calculators.by_name[ONE].channel is present


def test_a_calculator_that_leaves_has_not_failed_and_its_tasks_are_reassigned_at_once(busy):
    busy.beat(busy.calculator(TWO))
    sent = busy.hear(busy.calculator(ONE), 'leave', [[]]) + busy.wait(0)
    assert assigned(sent) == [(1, 1, 2)] and busy.counts['attempt_calculator_left'] == 1
    assert busy.status['left'] == 1 and busy.counts['died'] == 0
    busy.beat(busy.calculator(ONE))
    assert busy.status['left'] == 1, 'another datagram overtook this heartbeat'


# Silence.

def test_a_silent_calculator_is_suspect_after_three_and_dead_after_five_heartbeats(busy):
    busy.wait(3.499)
    assert busy.status['alive'] == 1 and busy.counts['pings'] >= 11, 'unanswered pings are no verdict'
    busy.wait(0.002)
    assert busy.status['suspect'] == 1
    busy.wait(1.99)
    assert busy.status['suspect'] == 1 and busy.status['running'] == 1
    busy.wait(0.02)
    assert busy.status['dead'] == 1 and busy.status['running'] == 0
    assert busy.emitted('died')[0]['held'] == 1


def test_a_suspect_calculator_gets_no_task_and_recovers_with_any_datagram(twice):
    driver = running(twice, capacity=2)
    driver.wait(4)
    assert assigned(driver.submit(2)) == []
    assert assigned(driver.hear(driver.calculator())) == [(2, 2, 1)]
    assert driver.emitted('recovered') == [{'calculator': ONE, 'was': 'suspect'}]


def test_a_dead_calculator_recovers_with_a_heartbeat_and_keeps_the_requeued_task_that_it_holds(busy):
    busy.wait(6)
    busy.hear(busy.calculator())
    assert busy.status['dead'] == 1 and busy.status['waiting'] == 1
    busy.beat(busy.calculator(), [(1, 1)])
    assert busy.status['alive'] == 1
    assert busy.status['running'] == 1 and busy.counts['adopted'] == 1
    assert busy.result(busy.calculator(), 1, 1) == [('done', [1, u'result', 2])]


def test_a_task_of_a_dead_calculator_is_assigned_before_all_others_and_then_its_old_attempt_is_revoked(busy):
    busy.submit(1, 2, 3, name='client-b')
    busy.wait(6)
    assert assigned(busy.beat(busy.calculator(TWO)))[0][2] == 2
    sent = busy.result(busy.calculator(TWO), 1, 1)
    assert of_kind(sent, 'done') == [[1, u'result', 2]] and of_kind(sent, 'revoke') == [[1, task_id(1)]]


# Unreachable calculators.

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


def test_a_calculator_at_whose_address_no_process_listens_is_suspect_after_three_pings(busy):
    busy.core.hinted(busy.now, busy.calculator())
    busy.core.hinted(busy.now, busy.calculator())
    sent = busy.turn() + busy.wait(HINT_PINGS * HINT_PING_S + 0.001)
    assert len(of_kind(sent, 'ping')) == HINT_PINGS
    suspected, = busy.emitted('suspected')
    assert (suspected['calculator'], suspected['held']) == (ONE, 1)
    assert suspected['why'] == 'no process listens at its address'
    assert 0 < suspected['silence_s'] < 1
    assert [facts['reason'] for facts in busy.emitted('reassigned')] == ['not_listening']
    assert busy.status['waiting'] == 1
    # A late result still counts.
    assert of_kind(busy.result(busy.calculator(), 1, 1), 'done') == [[1, u'result', 1]]


def test_a_late_turn_sends_one_ping(busy):
    busy.core.hinted(busy.now, busy.calculator())
    sent = []
    for _ in range(HINT_PINGS):
        sent.append(len(of_kind(busy.turn_at(busy.now + 1.5 * HINT_PING_S), 'ping')))
    assert sent == [1] * HINT_PINGS and busy.counts['suspected'] == 0


def test_a_forged_icmp_error_ends_no_attempt(busy):
    busy.core.hinted(busy.now, busy.calculator())
    busy.wait(0.05)
    busy.hear(busy.calculator())
    busy.wait(1)
    assert busy.status['running'] == 1 and busy.counts['suspected'] == 0


@pytest.mark.parametrize('is_asleep_first', [False, True])
def test_an_icmp_error_for_a_sleeping_channel_is_no_verdict(busy, is_asleep_first):
    channel = busy.calculator()
    channel.is_asleep = is_asleep_first
    busy.core.hinted(busy.now, channel)
    channel.is_asleep = True
    busy.wait(HINT_PINGS * HINT_PING_S + 0.001)
    assert busy.counts['suspected'] == 0


def test_a_busy_calculator_is_pinged_after_a_quarter_of_a_second_of_silence(twice):
    assert len(of_kind(running(twice).wait(2.1), 'ping')) == 8
    driver = running(twice)
    # Each heartbeat replaces one ping.
    assert len(of_kind(driver.wait(2, beating=[driver.calculator()], held=[(1, 1)]), 'ping')) == 6
    for _ in range(10):
        driver.beat(driver.calculator(), [(1, 1)])
        assert of_kind(driver.wait(0.19), 'ping') == []
    driver.result(driver.calculator(), 1, 1)
    driver.wait(0.3)
    assert of_kind(driver.wait(2), 'ping') == []


# The choice of a calculator.

def test_a_task_avoids_calculators_on_which_it_failed(twice):
    driver = running(twice, capacity=3)
    driver.beat(driver.calculator(TWO), [], capacity=3)
    driver.beat(driver.calculator(ONE), capacity=3)
    assert [row[2] for row in driver.rows_to(driver.calculator(TWO), 'assign')] == [2]


def test_a_calculator_whose_window_is_full_gets_no_task(driver):
    driver.beat(driver.calculator(ONE))
    driver.beat(driver.calculator(TWO))
    driver.calculator(ONE).has_room = False
    driver.submit(1, 2)
    assert driver.rows_to(driver.calculator(ONE), 'assign') == [] and driver.status['waiting'] == 1
    driver.calculator(ONE).has_room = True
    assert assigned(driver.hear(driver.client())) == [(1, 2, 1)]


def test_missing_calculators_are_logged_once_after_two_seconds(driver):
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


def test_late_rows_of_a_former_incarnation_change_nothing(busy):
    busy.beat(busy.calculator(incarnation=SECOND))
    busy.wait(0)
    former = busy.calculator(incarnation=FIRST)
    busy.hear(former, 'leave', [[]])
    busy.refuse(former, 1, 1)
    busy.acknowledge(former, 'assign', [1])
    assert busy.status['running'] == 1 and busy.status['alive'] == 1
