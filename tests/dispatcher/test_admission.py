"""Which tasks are accepted, how much memory a client gets, and how refusals reach it."""

from __future__ import absolute_import, division, print_function

import pytest

from dispatcher.clients import RANGE_BYTES
from dispatcher.retry_after import PACE_OVER_MAX_S, RETRY_AFTER_MAX_S, RETRY_AFTER_MIN_S, RETRY_AFTER_S, RetryAfter
from dispatcher.tasks import TASK_BYTES
from net_protocol.limits import NUMBERS_AHEAD_MAX
from tests.dispatcher.driver import ONE, Driver, of_kind, task_id

GREEDY, OTHER, SMALL = 'client-g', 'client-o', 'client-s'


def refused(driver, name, tasks):
    """The number of refused tasks among so many new ones."""
    client = driver.client(name)
    first = 1 + (client.peer.highest if client.peer else 0)
    return len(of_kind(driver.submit(*range(first, first + tasks), channel=client), 'refused'))


# Places in the queue.

@pytest.mark.parametrize('places, asked', [
    (19, [(GREEDY, 25, 6)]), (100, [(GREEDY, 125, 30)]),
    (100, [(GREEDY, 200, 105), (SMALL, 5, 0), (OTHER, 5, 5)]),
    (100, [(SMALL, 1, 0), (GREEDY, 100, 50), (OTHER, 100, 66)]),
    (100, [('client-%d' % number, 1, 0) for number in range(20)] + [(GREEDY, 100, 86)]),
], ids=['one client, small queue', 'one client, large queue', 'a client with few tasks beside one with many',
        'two clients with many tasks', 'many clients with one task'])
def test_clients_share_the_places_of_the_queue(places, asked):
    driver = Driver(pending_max=places)
    assert [refused(driver, name, tasks) for name, tasks, _ in asked] == [number for _, _, number in asked]


def test_an_assigned_task_frees_its_place():
    driver = Driver(pending_max=40)
    assert refused(driver, GREEDY, 60) == 22
    driver.beat(driver.calculator(ONE), capacity=2)
    assert refused(driver, GREEDY, 10) == 8


# Refusals.

def test_a_refused_task_may_be_submitted_again_when_its_client_knows_of_the_refusal():
    driver = Driver(pending_max=1)
    driver.submit(1)
    refusal, = of_kind(driver.submit(2), 'refused')
    driver.beat(driver.calculator())
    driver.acknowledge(driver.client(), 'refused', refusal)
    assert of_kind(driver.submit(2), 'refused') == []
    assert driver.counts['accepted'] == 2
    assert driver.lose(driver.client(), 'refused', refusal) is None


def test_a_copy_of_a_refused_task_is_refused_again_and_the_refusal_names_the_newest_datagram():
    driver = Driver(pending_max=1)
    driver.submit(1)
    for number in (50, 52):
        assert driver.hear(driver.client(), 'submit', [[2, u'', 60]], number=number) == [
            ('refused', [2, number, 'queue_full', RETRY_AFTER_S])]
        driver.beat(driver.calculator())
    driver.hear(driver.client(), 'submit', [[2, u'', 60]], number=51)
    assert of_kind(driver.reopen(driver.client()), 'refused') == [[2, 52, 'queue_full', RETRY_AFTER_S]]


def sleep_and_wake(driver, client):
    driver.sleep(client)
    return driver.awake(client)


@pytest.mark.parametrize('restart', [Driver.reopen, sleep_and_wake])
def test_a_refusal_that_the_channel_dropped_is_resent(restart):
    driver = Driver(pending_max=1)
    driver.submit(1)
    refusal, = of_kind(driver.submit(2), 'refused')
    assert of_kind(restart(driver, driver.client()), 'refused') == [refusal]
    driver.acknowledge(driver.client(), 'refused', refusal)
    assert of_kind(restart(driver, driver.client()), 'refused') == []


def test_a_number_far_ahead_is_refused_without_a_time_to_retry():
    driver = Driver()
    number = NUMBERS_AHEAD_MAX + 2
    assert driver.submit(number) == [('refused', [number, 1, 'too_far_ahead', None])]
    assert driver.submit(number - 1) == []


def test_a_draining_dispatcher_refuses():
    driver = Driver()
    driver.submit(1)
    driver.stop()
    assert [row[2] for row in of_kind(driver.submit(2), 'refused')] == ['draining']


def test_refusals_for_a_client_that_acknowledges_nothing_take_a_limited_memory():
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

def test_a_client_gets_at_most_half_of_the_memory_that_is_left():
    driver = Driver(memory_max_bytes=1000000)
    payload = u'x' * 9000
    for number in range(1, 200):
        driver.submit(number, payload=payload)
        driver.submit(number, payload=payload, name='client-b')
    sizes = [driver.client(name).peer.bytes for name in ('client-a', 'client-b')]
    assert min(sizes) > 270000 and max(sizes) < 1000000 * 7 // 8 // 2
    assert driver.counts['refused_queue_full'] > 100
    assert driver.status['memory_bytes'] == sum(sizes) < 1000000


def test_unacknowledged_results_take_memory_of_their_client():
    driver = Driver(memory_max_bytes=1000000)
    driver.beat(driver.calculator(), capacity=100)
    for number in range(1, 101):
        driver.submit(number)
        if driver.client().peer.tasks.get(number) is not None:
            driver.result(driver.calculator(), number, number, result=u'x' * 20000)
    assert driver.counts['refused_queue_full'] > 50
    driver.raise_open(101)
    assert driver.client().peer.bytes < 10000


def test_unacknowledged_outcomes_of_one_client_do_not_refuse_others():
    driver = Driver(remembered_max=10)
    driver.beat(driver.calculator(), capacity=100)
    for number in range(1, 21):
        driver.submit(number)
        driver.result(driver.calculator(), number, number)
    assert driver.counts['refused_queue_full'] == 10
    assert of_kind(driver.submit(1, name='client-b'), 'refused') == []


def test_ranges_of_acknowledged_numbers_take_counted_memory(driver):
    driver.beat(driver.calculator(), capacity=1)
    driver.submit(*range(1, 200))
    before = driver.core.memory_bytes
    for number in range(2, 200, 2):
        ended, = of_kind(driver.cancel(number), 'ended')
        driver.acknowledge(driver.client(), 'ended', ended)
    assert len(driver.client().peer.acknowledged) == 99
    assert driver.core.memory_bytes == before - 99 * TASK_BYTES + 99 * RANGE_BYTES
    driver.raise_open(200)
    assert len(driver.client().peer.acknowledged) == 0


# When to submit again.

@pytest.mark.parametrize('later', [
    # (Seconds since the previous refusal, waiting tasks, tasks that left the queue since then, retry_after_s.)
    [(1, 1000, 200, 2.5)], [(1, 100000, 20000, 2.5)], [(1, 10000, 20000, 0.25)],
    [(1, 10, 20000, RETRY_AFTER_MIN_S)], [(1, 100000, 10, RETRY_AFTER_MAX_S)],
    # No task leaves the queue, or a task comes back into it.
    [(1, 1000, 0, RETRY_AFTER_S)], [(1, 1000, -10, RETRY_AFTER_S)],
    # The pace changes. A refusal long ago says nothing about the pace.
    [(1, 1000, 1000, 0.5), (1, 1000, 200, 2.5)], [(1, 1000, 1000, 0.5), (PACE_OVER_MAX_S, 1000, 1, RETRY_AFTER_S)]])
def test_retry_after_is_a_default_and_then_the_time_in_which_half_of_the_queue_is_assigned(later):
    retry_after, now, left = RetryAfter(), 100.0, 5000
    assert retry_after.seconds(now, later[0][1], left) == RETRY_AFTER_S
    for after_s, waiting, gone, seconds in later:
        now, left = now + after_s, left + gone
        assert retry_after.seconds(now, waiting, left) == seconds


def test_a_datagram_may_submit_many_tasks_of_which_a_calculator_already_runs_most():
    driver = Driver()
    one = driver.calculator()
    driver.beat(one, capacity=71, orphans=[task_id(number) for number in range(1, 71)])
    # The queue removes the adopted tasks from the lane of the client on the way.
    driver.submit(*range(1, 73))
    assert driver.counts['adopted'] == 70
    assert [row[1] for row in driver.rows_to(one, 'assign')][70:] == [task_id(71)]
    driver.result(one, 71, 71)
    assert [row[1] for row in driver.rows_to(one, 'assign')][70:] == [task_id(71), task_id(72)]
