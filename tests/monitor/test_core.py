"""The questions of a monitor, and its use of the answers."""

from __future__ import absolute_import, division, print_function

import pytest

from monitor.core import JITTER, SILENT_AFTER, TASK_AGAIN_S, TASK_QUESTIONS_MAX, TASKS_ASKED_MAX
from tests.monitor.driver import Driver

TASK = 'client-a:aaaaaaaa:1'


@pytest.fixture
def driver():
    return Driver()


def test_a_monitor_asks_when_the_channel_opens_and_then_at_intervals_until_it_stops():
    driver = Driver(is_open=False)
    assert driver.wait(5) == {}
    # The dispatcher acknowledges the ping, and so the monitor notices a restart of the dispatcher.
    assert sorted(driver.open()) == ['ping', 'status']
    sent = driver.wait(100)['status']
    assert 100 / (1 + JITTER) <= len(sent) <= 100 / (1 - JITTER)
    numbers = [row[0] for row in sent]
    assert numbers == sorted(set(numbers))
    driver.core.stop(driver.now)
    assert driver.core.is_stopped


def test_a_question_names_the_last_known_event_attempt_calculator_and_client(driver):
    driver.hear(driver.question, [['facts', 'tables', {'calculators': 3, 'calculators_next': 2, 'clients': 5,
                                                       'clients_next': 4, 'events': 7, 'attempts': 9}]])
    assert driver.wait(1.3)['status'][0][1:] == [7, 9, 2, 4]


def test_a_restarted_channel_gets_all_open_questions_again(driver):
    answers = []
    driver.core.ask_about(driver.now, TASK, answers.append)
    asked, = driver.sent()['task_status']
    sent = driver.open('eeeeeeee')
    assert sent['task_status'] == [asked]
    driver.hear(sent['status'][0][0], [['facts', 'queue', {'waiting': 1}]])
    driver.hear(asked[0], [['facts', 'task', {'state': 'done'}]])
    assert driver.picture.incarnation == 'eeeeeeee'
    assert answers == [[['facts', 'task', {'state': 'done'}]]]


def test_the_silence_and_the_return_of_a_dispatcher_are_noticed(driver):
    driver.hear(driver.question, [])
    assert not driver.core.is_silent(driver.now)
    sent = driver.wait(SILENT_AFTER + 1)
    assert driver.core.is_silent(driver.now)
    driver.hear(sent['status'][-1][0], [])
    assert not driver.core.is_silent(driver.now)


def test_a_report_counts_when_all_its_pages_have_arrived(twice):
    driver = Driver(twice=twice)
    driver.hear(driver.question, [['facts', 'counts', {'done': 8}]], page=2, pages=2)
    assert driver.picture.at is None
    driver.hear(driver.question, [['facts', 'queue', {'waiting': 2}]], page=1, pages=2)
    assert driver.picture.facts == {'queue': {'waiting': 2}, 'counts': {'done': 8}}
    assert driver.reports == [driver.now]
    assert driver.core.counts['surplus_pages'] == (1 if twice else 0)


def test_a_report_with_a_lost_page_counts_when_the_next_report_is_due(driver):
    driver.hear(driver.question, [['facts', 'queue', {'waiting': 2}]], page=1, pages=3)
    driver.wait(1.3)
    assert driver.picture.facts == {'queue': {'waiting': 2}}
    assert driver.core.counts['pages_lost'] == 2


def test_pages_of_two_answers_are_not_mixed(driver):
    driver.hear(driver.question, [['facts', 'queue', {'waiting': 1}]], 7, 1, 2)
    driver.hear(driver.question, [['facts', 'counts', {'done': 8}]], 8, 2, 2)
    assert driver.picture.at is None
    driver.hear(driver.question, [['facts', 'counts', {'done': 7}]], 7, 2, 2)
    assert driver.picture.at is None
    driver.hear(driver.question, [['facts', 'queue', {'waiting': 2}]], 8, 1, 2)
    assert driver.picture.facts == {'queue': {'waiting': 2}, 'counts': {'done': 8}}


def test_a_report_without_a_question_is_ignored(driver):
    driver.hear(driver.question + 1, [['facts', 'queue', {'waiting': 7}]])
    assert driver.picture.at is None
    assert driver.core.counts['surplus_pages'] == 1


@pytest.mark.parametrize('rows', [
    [None], [[]], [['calculator']], [['calculator', 'too short']], [[{}]], [['unknown', 1, 2]], [['facts', 'queue', 7]],
    [['event', 'x', 'y', 'z', 'w']], [['facts', 'response_time', {'buckets': 7}]], [['facts', 'counts', {'done': 'x'}]],
    [['event', 1, 0.0, 'died', None]], [['attempt', None] + [None] * 6], [['facts', 'tables', {'events': 'x'}]],
    [['facts', 'response_time', {'buckets': [[1, 1]], 'shortest_s': 'x', 'longest_s': {}}]]])
def test_a_report_may_have_rows_of_any_shape(driver, rows):
    driver.hear(driver.question, rows)
    driver.hear(driver.question, rows, page=3, pages=2)
    later = driver.wait(2)['status']
    driver.hear(later[-1][0], [['facts', 'queue', {'waiting': 7}]])
    assert driver.picture.facts['queue'] == {'waiting': 7}


def test_a_question_about_a_task_is_repeated_a_few_times(driver):
    answers = []
    assert driver.core.ask_about(driver.now, TASK, answers.append)
    sent = driver.sent()['task_status'] + driver.wait(10 * TASK_AGAIN_S)['task_status']
    assert len(sent) == TASK_QUESTIONS_MAX
    assert {row[1] for row in sent} == {TASK} and len({row[0] for row in sent}) == 1
    assert answers == [None]


def test_the_number_of_questions_about_tasks_is_limited(driver):
    asked = [driver.core.ask_about(driver.now, 'client-a:aaaaaaaa:%d' % number, lambda rows: None)
             for number in range(2 * TASKS_ASKED_MAX)]
    assert asked == [True] * TASKS_ASKED_MAX + [False] * TASKS_ASKED_MAX
