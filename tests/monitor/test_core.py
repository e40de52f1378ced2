"""A monitor and a real dispatcher's core, over a network in memory."""

from __future__ import absolute_import, division, print_function

import random

import pytest

from monitor.core import SILENT_AFTER, TASK_QUESTIONS_MAX, TASKS_ASKED_MAX, MonitorCore
from monitor.picture import Picture
from net_protocol import report
from net_protocol.messages import Status, StatusReport, TaskStatus
from tests.driver import Driver, of_type
from tests.fake_link import DISPATCHER, FakeLink

QUICK = {'task_duration_s': [0.2, 0.2], 'heartbeat_interval_s': 0.2}


class Watched(FakeLink):
    """A network with a dispatcher and a monitor."""

    def __init__(self, seed=1, **settings):
        super(Watched, self).__init__(seed)
        self.server = self.dispatcher(**settings)
        self.reports = []
        self.picture = Picture()
        self.monitor = self.add(('monitor', 7000), MonitorCore(
            'monitor', self._life(), self._generator(), DISPATCHER, 1.0, self.picture, self.reports.append))

    def story(self, task_id):
        answers = []
        self._step(self.monitor, lambda now: self.monitor.core.ask_about(now, task_id, answers.append))
        assert self.run_until(lambda: answers, 30)
        return answers[0]

    def sent_by(self, node):
        return [message for _, source, _, message in self.sent if source == node.address]


def test_each_question_brings_a_report():
    link = Watched()
    link.run(0.1)
    assert len(of_type(link.sent_by(link.monitor), Status)) == len(link.reports) == 1
    link.run(3)
    assert len(link.reports) == 4


def test_the_picture_is_what_the_dispatcher_knows():
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
    assert 0 < status['response_time']['p50'] <= status['response_time']['p99'] <= 1.26 * worst
    assert len(link.picture.attempts) == 30
    assert [event.record['kind'] for event in link.picture.events][:2] == ['registered'] * 2
    assert status['calculator_states']['alive'] == 2


def test_rates_are_those_of_the_last_seconds():
    link = Watched()
    link.calculator('calculator-a', **dict(QUICK, capacity=10))
    link.client('client-a', task_interval_s=[0.1, 0.1])
    link.run(1.5)
    assert link.picture.rates()['done_per_s'] is not None
    link.run(20)
    assert link.picture.rates()['done_per_s'] == pytest.approx(10, rel=0.15)
    assert link.picture.client_rate('client-a') == pytest.approx(10, rel=0.15)


def test_no_event_is_shown_twice_and_a_gap_is_known():
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
    # Everything that happens while no answer arrives is there afterwards, or known to be missed.
    link.cut(link.server, link.monitor)
    link.run(30)
    link.heal()
    link.run(3)
    numbers = [event.number for event in link.picture.events]
    assert numbers == sorted(set(numbers))
    assert len(numbers) + link.picture.events_missed == link.picture.events_seen


def test_pages_that_are_lost_take_only_themselves():
    link = Watched(seed=3)
    for number in range(40):
        link.calculator('calculator-%02d' % number, **QUICK)
    link.drop(0.2)
    link.run(60)
    assert link.monitor.core.counts['pages_lost'] > 10
    assert len(link.picture.calculators) == 40
    assert link.picture.is_whole
    numbers = [event.number for event in link.picture.events]
    assert numbers == sorted(set(numbers))


def test_a_silent_dispatcher_is_noticed_and_its_return_too():
    link = Watched()
    link.run(2)
    assert not link.monitor.core.is_silent(link.now)
    link.isolate(link.server)
    link.run(SILENT_AFTER + 1)
    assert link.monitor.core.is_silent(link.now)
    link.heal()
    link.run(2)
    assert not link.monitor.core.is_silent(link.now)


def test_another_life_of_the_dispatcher_begins_a_new_picture():
    link = Watched()
    link.calculator('calculator-a', **QUICK)
    link.run(3)
    assert link.picture.events_seen == 1
    link.crash(link.server)
    link.run(1)
    link.dispatcher()
    link.run(5)
    assert link.picture.lives == 2
    assert link.picture.events_seen == 1
    assert len(link.picture.events) == 1
    assert len(link.picture.samples) < 7


def test_a_calculator_that_is_forgotten_leaves_the_picture():
    link = Watched()
    node = link.calculator('calculator-a', **QUICK)
    link.run(2)
    assert list(link.picture.calculators) == ['calculator-a']
    link._step(node, node.core.stop)
    link.run(3)
    assert link.picture.calculators['calculator-a']['state'] == 'left'
    link.run(110)
    assert not link.picture.calculators


def test_the_story_of_a_task_is_told():
    link = Watched()
    client = link.client('client-a', tasks=1)
    link.run(3)
    task_id = 'client-a:%s:1' % client.core.incarnation
    rows = link.story(task_id)
    facts = {row[1]: row[2] for row in rows if row[0] == report.FACTS}
    assert facts[report.TASK]['task_id'] == task_id
    assert facts[report.WAITS_FOR]['what'] == report.NO_CALCULATOR


def test_a_story_is_asked_for_again_and_given_up():
    link = Watched()
    link.run(2)
    link.isolate(link.server)
    assert link.story('client-a:aaaaaaaa:1') is None
    assert len(of_type(link.sent_by(link.monitor), TaskStatus)) == TASK_QUESTIONS_MAX


def test_questions_about_tasks_are_bounded():
    driver = Driver(MonitorCore('monitor', 'mmmmmmmm', random.Random(1), DISPATCHER, 1.0, Picture()))
    asked = [driver.core.ask_about(driver.now, 'client-a:aaaaaaaa:%d' % number, lambda rows: None)
             for number in range(2 * TASKS_ASKED_MAX)]
    assert asked == [True] * TASKS_ASKED_MAX + [False] * TASKS_ASKED_MAX


# Whoever is not asked has nothing to say.

def asked_once():
    driver = Driver(MonitorCore('monitor', 'mmmmmmmm', random.Random(1), DISPATCHER, 1.0, Picture()))
    return driver, driver.started_with[0][1].question


def test_pages_of_two_answers_are_not_mixed():
    driver, question = asked_once()
    driver.hear('dispatcher', StatusReport(question, 7, 1, 2, [['facts', 'queue', {'waiting': 1}]]))
    driver.hear('dispatcher', StatusReport(question, 8, 2, 2, [['facts', 'counts', {'done': 8}]]))
    assert driver.core.picture.at is None
    driver.hear('dispatcher', StatusReport(question, 7, 2, 2, [['facts', 'counts', {'done': 7}]]))
    assert driver.core.picture.at is None
    driver.hear('dispatcher', StatusReport(question, 8, 1, 2, [['facts', 'queue', {'waiting': 2}]]))
    assert driver.core.picture.facts == {'queue': {'waiting': 2}, 'counts': {'done': 8}}


def test_a_report_that_nobody_asked_for_is_not_believed():
    driver, question = asked_once()
    driver.hear('stranger', StatusReport(question + 1, 1, 1, 1, [['facts', 'queue', {'waiting': 7}]]))
    assert driver.core.picture.at is None
    assert driver.core.counts['surplus_pages'] == 1


@pytest.mark.parametrize('rows', [
    [None], [[]], [['calculator']], [['calculator', 'too short']], [[{}]], [['unknown', 1, 2]], [['facts', 'queue', 7]],
    [['event', 'x', 'y', 'z', 'w']], [['facts', 'response_time', {'buckets': 7}]], [['facts', 'counts', {'done': 'x'}]],
    [['event', 1, 0.0, 'died', None]], [['attempt', None] + [None] * 6], [['facts', 'tables', {'events': 'x'}]]])
def test_rows_of_any_shape_do_no_harm(rows):
    driver, question = asked_once()
    driver.hear('dispatcher', StatusReport(question, 1, 1, 1, rows))
    driver.hear('dispatcher', StatusReport(question, 1, 3, 2, rows))
    driver.wait(1)
    later = of_type(driver.wait(1), Status)
    assert later, 'it goes on asking'
    driver.hear('dispatcher', StatusReport(later[-1].question, 1, 1, 1, [['facts', 'queue', {'waiting': 7}]]))
    assert driver.core.picture.facts['queue'] == {'waiting': 7}
