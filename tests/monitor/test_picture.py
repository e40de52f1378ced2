"""The picture of a monitor beside a real dispatcher's core."""

from __future__ import absolute_import, division, print_function

import pytest

from common import report
from common.sketch import RELATIVE_ERROR, Sketch
from monitor.picture import Picture
from tests.monitor.driver import QUICK, Watched


def test_the_picture_agrees_with_the_account_of_the_dispatcher():
    link = Watched()
    for name in ('calculator-a', 'calculator-b'):
        link.calculator(name, **QUICK)
    client = link.client('client-a', tasks=30, task_interval_s=[0.05, 0.1])
    link.run(30)
    account = link.server.core.account(link.now)
    status = link.picture.as_status(link.now, 0.0, False)
    assert status['counts']['accepted'] == account['accepted'] == 30
    assert status['queue']['over'] == 30
    assert sum(calculator['done'] for calculator in status['calculators']) == 30
    assert [one['done'] for one in status['clients']] == [30]
    assert status['response_time']['number'] == 30
    worst = client.core.statistics.as_dict(link.now)['response_time_s']['max']
    times = status['response_time']
    assert 0 < times['shortest_s'] <= times['p50'] <= times['p95'] <= times['p99'] <= times['longest_s'] <= worst
    assert sum(count for _, count in times['buckets']) == 30
    assert len(link.picture.attempts) == 30
    assert [event.record['kind'] for event in link.picture.events][:2] == ['registered'] * 2
    assert status['calculator_states']['alive'] == 2


def test_the_time_line_has_the_heartbeat_intervals_in_use():
    link = Watched(dead_after_missed=7)
    assert link.picture.time_line() == []
    for name, interval_s in (('calculator-a', 0.5), ('calculator-b', 2), ('calculator-c', 2)):
        link.calculator(name, **dict(QUICK, heartbeat_interval_s=interval_s))
    link.run(5)
    rows = [line.split() for line in link.picture.time_line() if line.strip()[:1].isdigit()]
    assert [row[:3] for row in rows] == [['2', '7', '15'], ['0.5', '1.75', '3.75']]


def test_quantiles_are_within_the_measured_range():
    picture, times = Picture(), Sketch()
    times.add(0.9)
    picture.take(100.0, 'aaaaaaaa', [
        ['facts', report.RESPONSE_TIME, {'number': 1, 'shortest_s': 0.9, 'longest_s': 0.9}],
        ['facts', report.RESPONSE_COUNTS, {'%d' % index: count for index, count in times.pairs()}]])
    assert picture.response_time()['p50'] == picture.response_time()['p99'] == 0.9


def test_quantiles_are_those_of_the_last_minute():
    picture, times = Picture(), Sketch()
    for second in range(200):
        times.add(5.0 if second < 100 else 1.0)
        picture.take(float(second), 'aaaaaaaa', [
            ['facts', report.RESPONSE_COUNTS, {'%d' % index: count for index, count in times.pairs()}]])
    assert picture.response_time()['p99'] == pytest.approx(1.0, rel=RELATIVE_ERROR)
    assert len(picture._recent) <= 62


def test_rates_are_those_of_the_last_seconds():
    link = Watched()
    link.calculator('calculator-a', **dict(QUICK, capacity=10))
    link.client('client-a', task_interval_s=[0.1, 0.1])
    link.run(2.5)
    assert link.picture.rates()['done_per_s'] is not None
    link.run(20)
    assert link.picture.rates()['done_per_s'] == pytest.approx(10, rel=0.15)
    assert link.picture.client_rate('client-a') == pytest.approx(10, rel=0.15)


def test_free_slots_are_those_of_calculators_that_are_alive():
    link = Watched()
    link.calculator('calculator-a', **dict(QUICK, capacity=10, task_duration_s=[100, 100]))
    victim = link.calculator('calculator-b', **QUICK)
    link.client('client-a', task_interval_s=[0, 0], in_flight_max=4)
    link.run(5)
    assert link.picture.slots[1] == 11 and link.picture.slots[0] <= 8
    link.crash(victim)
    link.run(5)
    assert link.picture.slots == (6, 10)


def test_no_event_is_reported_twice_and_missed_events_are_counted():
    link = Watched()
    link.calculator('calculator-a', **dict(QUICK, outage={
        'check_interval_s': 1, 'probability': 0.5, 'duration_s': [1, 3], 'kind': 'mixed'}))
    link.client('client-a', task_interval_s=[0.1, 0.3])
    link.duplicate_share = 0.5
    link.run(60)
    numbers = [event.number for event in link.picture.events]
    assert len(numbers) > 20
    assert numbers == sorted(set(numbers))
    assert link.picture.events_missed == 0
    # Events during a time without answers are reported afterwards, or counted as missed.
    link.cut(link.server, link.monitor)
    link.run(30)
    link.heal()
    link.run(10)
    numbers = [event.number for event in link.picture.events]
    assert numbers == sorted(set(numbers))
    assert len(numbers) + link.picture.events_missed == link.picture.events_seen


def test_a_lost_page_leaves_the_other_pages_valid():
    link = Watched(seed=3)
    for number in range(40):
        link.calculator('calculator-%02d' % number, **dict(QUICK, heartbeat_interval_s=2))
    link.drop(0.2)
    link.run(30)
    assert link.monitor.core.counts['pages_lost'] > 10
    assert len(link.picture.calculators) == 40
    assert link.picture.is_whole
    numbers = [event.number for event in link.picture.events]
    assert numbers == sorted(set(numbers))


def test_a_new_incarnation_of_the_dispatcher_starts_a_new_picture():
    link = Watched()
    link.calculator('calculator-a', **QUICK)
    link.run(3)
    assert link.picture.events_seen == 1
    link.crash(link.server)
    link.run(1)
    link.dispatcher()
    link.run(10)
    assert link.picture.incarnations == 2
    assert link.picture.events_seen == 1
    assert len(link.picture.events) == 1


def test_a_forgotten_calculator_leaves_the_picture():
    link = Watched()
    node = link.calculator('calculator-a', **QUICK)
    link.run(2)
    node.core.stop(link.now)
    link._take_turn(node)
    link.run(3)
    assert link.picture.calculators['calculator-a']['state'] == 'left'
    link.run(110)
    assert not link.picture.calculators
