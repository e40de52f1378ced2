"""Who may wait, what memory a client gets, and how refusals reach it."""

from __future__ import absolute_import, division, print_function

import pytest

from dispatcher.clients import RANGE_BYTES
from dispatcher.retry_after import PACE_OVER_MAX_S, RETRY_AFTER_MAX_S, RETRY_AFTER_MIN_S, RETRY_AFTER_S, RetryAfter
from dispatcher.tasks import TASK_BYTES
from net_protocol.limits import NUMBERS_AHEAD_MAX
from tests.dispatcher.driver import ONE, Driver, of_kind, task_id

GREEDY, OTHER, SMALL = 'client-g', 'client-o', 'client-s'


def refused(driver, name, tasks):
    """How many of so many new tasks are refused."""
    client = driver.client(name)
    first = 1 + (client.peer.highest if client.peer else 0)
    return len(of_kind(driver.submit(*range(first, first + tasks), channel=client), 'refused'))


# Who may wait.

@pytest.mark.parametrize('places, asked', [
    (19, [(GREEDY, 25, 6)]), (100, [(GREEDY, 125, 30)]),
    (100, [(GREEDY, 200, 105), (SMALL, 5, 0), (OTHER, 5, 5)]),
    (100, [(SMALL, 1, 0), (GREEDY, 100, 50), (OTHER, 100, 66)]),
    (100, [('client-%d' % number, 1, 0) for number in range(20)] + [(GREEDY, 100, 86)]),
], ids=['alone, a small queue', 'alone, nearly all of a large one', 'room for who wants little until it is full',
        'an even part while others wait', 'no parts while little is taken'])
def test_how_many_tasks_of_each_client_are_refused(places, asked):
    driver = Driver(pending_max=places)
    assert [refused(driver, name, tasks) for name, tasks, _ in asked] == [number for _, _, number in asked]


def test_places_of_assigned_tasks_are_free_again():
    driver = Driver(pending_max=40)
    assert refused(driver, GREEDY, 60) == 22
    driver.beat(driver.calculator(ONE), capacity=2)
    assert refused(driver, GREEDY, 10) == 8


# Refusals.

def test_a_refusal_names_the_datagram_that_it_answers():
    driver = Driver(pending_max=1)
    driver.submit(1)
    assert driver.hear(driver.client(), 'submit', [[2, u'', 60]], number=77) == [
        ('refused', [2, 77, 'queue_full', RETRY_AFTER_S])]
    assert driver.hear(driver.client(), 'submit', [[2, u'', 60]], number=78) == [
        ('refused', [2, 78, 'queue_full', RETRY_AFTER_S])]


def test_a_refused_task_may_be_submitted_again_when_its_client_knows():
    driver = Driver(pending_max=1)
    driver.submit(1)
    refusal, = of_kind(driver.submit(2), 'refused')
    driver.beat(driver.calculator())
    driver.acknowledge(driver.client(), 'refused', refusal)
    assert of_kind(driver.submit(2), 'refused') == []
    assert driver.counts['accepted'] == 2
    assert driver.lose(driver.client(), 'refused', refusal) is None


def test_a_copy_that_left_before_the_refusal_was_heard_is_refused_as_well():
    driver = Driver(pending_max=1)
    driver.submit(1)
    driver.hear(driver.client(), 'submit', [[2, u'', 60]], number=50)
    driver.beat(driver.calculator())
    assert driver.hear(driver.client(), 'submit', [[2, u'', 60]], number=52) == [
        ('refused', [2, 52, 'queue_full', RETRY_AFTER_S])]
    driver.hear(driver.client(), 'submit', [[2, u'', 60]], number=51)
    assert of_kind(driver.reopen(driver.client()), 'refused') == [[2, 52, 'queue_full', RETRY_AFTER_S]]


def sleep_and_wake(driver, client):
    driver.sleep(client)
    return driver.awake(client)


@pytest.mark.parametrize('restart', [Driver.reopen, sleep_and_wake])
def test_a_refusal_that_the_channel_dropped_is_sent_again(restart):
    driver = Driver(pending_max=1)
    driver.submit(1)
    refusal, = of_kind(driver.submit(2), 'refused')
    assert of_kind(restart(driver, driver.client()), 'refused') == [refusal]
    driver.acknowledge(driver.client(), 'refused', refusal)
    assert of_kind(restart(driver, driver.client()), 'refused') == []


def test_a_number_far_ahead_is_refused_for_good():
    driver = Driver()
    number = NUMBERS_AHEAD_MAX + 2
    assert driver.submit(number) == [('refused', [number, 1, 'too_far_ahead', None])]
    assert driver.submit(number - 1) == []


def test_a_draining_dispatcher_refuses():
    driver = Driver()
    driver.submit(1)
    driver.stop()
    assert [row[2] for row in of_kind(driver.submit(2), 'refused')] == ['draining']


def test_a_client_that_acknowledges_nothing_does_not_fill_the_memory_with_refusals():
    driver = Driver(pending_max=1, memory_max_bytes=1000000)
    client = driver.client()
    driver.submit(1)
    client.is_open = False
    for first in range(2, 20000, 1000):
        rows = [[number, u'', 60] for number in range(first, first + 1000)]
        driver.core.handlers['submit'](driver.now, client, rows)
    assert driver.counts['refusals_dropped'] > 10000
    assert driver.core.memory_bytes <= 1000000
    assert len(client.rows['refused']) < 2000


# Memory.

def test_one_client_gets_at_most_half_of_the_memory_and_another_half_of_what_is_left():
    driver = Driver(memory_max_bytes=1000000)
    payload = u'x' * 9000
    for number in range(1, 200):
        driver.submit(number, payload=payload)
        driver.submit(number, payload=payload, name='client-b')
    sizes = [driver.client(name).peer.bytes for name in ('client-a', 'client-b')]
    assert min(sizes) > 270000 and max(sizes) < 1000000 * 7 // 8 // 2
    assert driver.counts['refused_queue_full'] > 100
    assert driver.status['memory_bytes'] == sum(sizes) < 1000000


def test_results_that_are_not_acknowledged_count_too():
    driver = Driver(memory_max_bytes=1000000)
    driver.beat(driver.calculator(), capacity=100)
    for number in range(1, 101):
        driver.submit(number)
        if driver.client().peer.tasks.get(number) is not None:
            driver.result(driver.calculator(), number, number, result=u'x' * 20000)
    assert driver.counts['refused_queue_full'] > 50
    driver.over(101)
    assert driver.client().peer.bytes < 10000


def test_unacknowledged_outcomes_of_one_client_do_not_refuse_others():
    driver = Driver(remembered_max=10)
    driver.beat(driver.calculator(), capacity=100)
    for number in range(1, 21):
        driver.submit(number)
        driver.result(driver.calculator(), number, number)
    assert driver.counts['refused_queue_full'] == 10
    assert of_kind(driver.submit(1, name='client-b'), 'refused') == []


def test_holes_above_the_lowest_open_task_take_memory_that_is_counted(driver):
    driver.beat(driver.calculator(), capacity=1)
    driver.submit(*range(1, 200))
    before = driver.core.memory_bytes
    for number in range(2, 200, 2):
        ended, = of_kind(driver.cancel(number), 'ended')
        driver.acknowledge(driver.client(), 'ended', ended)
    assert len(driver.client().peer.acknowledged) == 99
    assert driver.core.memory_bytes == before - 99 * TASK_BYTES + 99 * RANGE_BYTES
    driver.over(200)
    assert len(driver.client().peer.acknowledged) == 0


# When to submit again.

@pytest.mark.parametrize('later', [
    # (Seconds since the refusal before, waiting tasks, those that left meanwhile, what is said.)
    [(1, 1000, 200, 2.5)], [(1, 100000, 20000, 2.5)], [(1, 10000, 20000, 0.25)],
    [(1, 10, 20000, RETRY_AFTER_MIN_S)], [(1, 100000, 10, RETRY_AFTER_MAX_S)],
    # Nothing moves, or a task comes back into the queue.
    [(1, 1000, 0, RETRY_AFTER_S)], [(1, 1000, -10, RETRY_AFTER_S)],
    # The pace changes; a refusal long ago says nothing of it.
    [(1, 1000, 1000, 0.5), (1, 1000, 200, 2.5)], [(1, 1000, 1000, 0.5), (PACE_OVER_MAX_S, 1000, 1, RETRY_AFTER_S)]])
def test_retry_after_is_the_time_in_which_half_of_the_queue_is_assigned_and_at_first_the_default(later):
    retry_after, now, left = RetryAfter(), 100.0, 5000
    assert retry_after.seconds(now, later[0][1], left) == RETRY_AFTER_S
    for after_s, waiting, gone, seconds in later:
        now, left = now + after_s, left + gone
        assert retry_after.seconds(now, waiting, left) == seconds


def test_a_datagram_may_submit_many_tasks_that_a_calculator_runs_already_and_others_after_them():
    driver = Driver()
    one = driver.calculator()
    driver.beat(one, capacity=71, orphans=[task_id(number) for number in range(1, 71)])
    # The queue compacts the client's lane on the way.
    driver.submit(*range(1, 73))
    assert driver.counts['adopted'] == 70
    assert [row[1] for row in driver.of(one, 'assign')][70:] == [task_id(71)]
    driver.result(one, 71, 71)
    assert [row[1] for row in driver.of(one, 'assign')][70:] == [task_id(71), task_id(72)]
