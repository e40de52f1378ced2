"""Outcomes for clients that are absent, that return, or that return as another incarnation."""

from __future__ import absolute_import, division, print_function

import random

from dispatcher.clients import Ranges
from net_protocol.schedule import SLEEP_S
from tests.dispatcher.driver import FIRST, SECOND, Driver, of_kind, task_id
from tests.fake_link import FakeLink


def with_outcomes(number, **settings):
    """A sleeping client with so many tasks that are done, and one that runs."""
    driver = Driver(**settings)
    driver.beat(driver.calculator(), capacity=number + 1, interval_s=60)
    driver.submit(*range(1, number + 2), time_left_s=60)
    client = driver.client()
    assert not driver.sleep(client)
    for task in range(1, number + 1):
        assert of_kind(driver.result(driver.calculator(), task, task), 'done') == []
    return driver, client


def test_a_turn_sends_at_most_a_hundred_outcomes_and_none_while_the_window_is_full():
    driver, client = with_outcomes(350)
    assert len(of_kind(driver.awake(client), 'done')) == 100
    client.has_room = False
    assert driver.turn() == []
    client.has_room = True
    rows = of_kind(driver.turn() + driver.turn() + driver.turn() + driver.turn(), 'done')
    assert [row[0] for row in rows] == list(range(101, 351))
    assert of_kind(driver.result(driver.calculator(), 351, 351), 'done') == [[351, u'result', 1]]


def test_a_restarted_channel_gets_its_unacknowledged_outcomes_again(driver):
    driver.beat(driver.calculator(), capacity=2)
    driver.submit(1, 2)
    for number in (1, 2):
        driver.result(driver.calculator(), number, number)
    driver.acknowledge(driver.client(), 'done', [1, u'result', 1])
    assert of_kind(driver.reopen(driver.client()), 'done') == [[2, u'result', 1]]


def test_a_new_incarnation_gets_the_outcomes_of_a_silent_one_and_acknowledges_them():
    driver, client = with_outcomes(2)
    successor = driver.client(incarnation=SECOND)
    assert driver.turn() == [('done_before', [FIRST, number, u'result', 1]) for number in (1, 2)]
    driver.acknowledge(successor, 'done_before', [FIRST, 1, u'result', 1], [FIRST, 2, u'result', 1])
    assert sorted(client.peer.tasks) == [3]
    # The last outcome follows, and then the dispatcher keeps nothing for the silent incarnation.
    assert driver.result(driver.calculator(), 3, 3) == [('done_before', [FIRST, 3, u'result', 1])]
    driver.close(client)
    driver.acknowledge(successor, 'done_before', [FIRST, 3, u'result', 1])
    assert len(driver.core.clients) == 1


def test_a_task_whose_outcome_went_to_another_incarnation_may_be_submitted_again():
    driver, client = with_outcomes(1)
    successor = driver.client(incarnation=SECOND)
    driver.turn()
    driver.acknowledge(successor, 'done_before', [FIRST, 1, u'result', 1])
    accepted = driver.counts['accepted']
    driver.awake(client)
    # The client waits for the outcome that its successor got. If its submit were ignored, it would get no outcome.
    driver.submit(1)
    assert (driver.counts['accepted'], driver.counts['duplicate_submits']) == (accepted + 1, 0)
    assert not client.peer.tasks[1].is_over


def test_outcomes_of_a_present_client_go_to_no_other_incarnation(driver):
    driver.beat(driver.calculator(), capacity=2)
    driver.submit(1)
    driver.client(incarnation=SECOND)
    assert driver.result(driver.calculator(), 1, 1) == [('done', [1, u'result', 1])]
    assert driver.rows_to(driver.client(incarnation=SECOND), 'done_before') == []


def test_a_lost_outcome_of_a_former_incarnation_is_resent_while_it_is_kept():
    driver, client = with_outcomes(1)
    successor = driver.client(incarnation=SECOND)
    driver.turn()
    row = [FIRST, 1, u'result', 1]
    assert driver.lose(successor, 'done_before', row) == row
    driver.awake(client)
    driver.acknowledge(client, 'done', [1, u'result', 1])
    assert driver.lose(successor, 'done_before', row) is None


def test_the_number_of_outcomes_of_absent_clients_is_limited_and_the_oldest_are_dropped():
    driver, client = with_outcomes(30, remembered_max=10)
    driver.wait(1)
    assert driver.counts['outcomes_dropped'] == 20 and driver.core.absent_outcomes == 10
    assert not client.is_open, 'a greeting answers its next datagram'
    rows = of_kind(driver.reopen(client), 'done')
    assert [row[0] for row in rows] == list(range(21, 31))
    assert driver.counts['refused_queue_full'] == 0
    # A dropped task runs again when its client submits it.
    driver.acknowledge(client, 'done', *rows)
    assert of_kind(driver.submit(1), 'assign')[0][1] == task_id(1) and driver.counts['accepted'] == 32


def test_the_memory_of_outcomes_of_absent_clients_is_limited():
    driver = Driver(memory_max_bytes=1000000)
    driver.beat(driver.calculator(), capacity=20)
    driver.submit(*range(1, 21))
    driver.sleep(driver.client())
    for number in range(1, 21):
        driver.result(driver.calculator(), number, number, result=u'x' * 20000)
    driver.wait(1)
    assert driver.core.absent_bytes <= 250000
    assert driver.counts['outcomes_dropped'] >= 8


def test_a_present_client_loses_no_outcome_by_an_acknowledgement_of_another_incarnation():
    driver, client = with_outcomes(2)
    successor = driver.client(incarnation=SECOND)
    driver.turn()
    driver.acknowledge(successor, 'done_before', [FIRST, 1, u'result', 1])
    assert not client.is_open
    driver.reopen(client)
    driver.acknowledge(successor, 'done_before', [FIRST, 2, u'result', 1])
    assert client.is_open and sorted(client.peer.tasks) == [2, 3]


def test_a_client_whose_outcomes_were_dropped_gets_all_answers_after_it_wakes():
    link = FakeLink()
    dispatcher, calculator = link.dispatcher(remembered_max=1), link.calculator(capacity=3, task_duration_s=[5, 5])
    client = link.client(tasks=3, in_flight_max=3, task_interval_s=[0, 0], task_timeout_s=100)
    link.run_until(lambda: dispatcher.core.running == 3)
    link.isolate(client)
    link.run_until(lambda: dispatcher.core.counts['outcomes_dropped'] == 2)
    link.heal()
    healed_at = link.now
    assert link.run_until(lambda: client.core.is_stopped)
    assert client.core.statistics.answered == 3 and link.now - healed_at < 20
    assert calculator.core.account(0)['assigned'] == 5


def test_a_client_without_tasks_is_forgotten_with_its_channel(driver):
    driver.submit(1)
    driver.cancel(1)
    driver.acknowledge(driver.client(), 'ended', [1, 'cancelled', u'cancelled by its client', 0])
    assert driver.sleep(driver.client())
    assert len(driver.core.clients) == 0 and driver.core.memory_bytes == 0


def test_a_client_whose_channel_was_closed_finds_its_tasks():
    driver, client = with_outcomes(1)
    driver.close(client)
    reopened = driver.client()
    assert reopened is not client and driver.turn() == [('done', [1, u'result', 1])]
    assert driver.submit(2, channel=reopened) == [], 'the task runs'


def test_a_client_that_sleeps_and_wakes_often_takes_no_memory(driver):
    driver.beat(driver.calculator(), interval_s=3600)
    driver.submit(1, time_left_s=3600)
    for _ in range(50):
        driver.sleep(driver.client())
        driver.awake(driver.client())
    assert len(driver.core._absent) == 0 and len(driver.core._to_deliver) == 0


def test_the_silence_of_a_recovered_client_begins_at_the_start_of_the_dispatcher():
    rows = [('ended', u'client-a:%s:1' % FIRST, ['done', 7, None, 1], 50.0)]
    driver = Driver(recover=rows, journal='a file')
    successor = driver.client(incarnation=SECOND)
    assert driver.turn() == []
    assert driver.wait(SLEEP_S - 0.1) == []
    assert driver.wait(0.2) == [('done_before', [FIRST, 1, 7, 1])]
    driver.acknowledge(successor, 'done_before', [FIRST, 1, 7, 1])
    assert len(driver.core.clients) == 1


def test_ranges_contain_the_same_numbers_as_a_set():
    rng = random.Random(7)
    for _ in range(50):
        ranges, numbers, lowest = Ranges(), set(), 1
        for _ in range(200):
            number = lowest + rng.getrandbits(6)
            ranges.add(number)
            numbers.add(number)
            if rng.random() < 0.05:
                lowest += rng.getrandbits(5)
                ranges.drop_below(lowest)
                numbers = {number for number in numbers if number >= lowest}
            assert all((number in ranges) == (number in numbers) for number in range(lowest - 2, lowest + 70))
            runs = sum(number - 1 not in numbers for number in numbers)
            assert len(ranges) == runs
