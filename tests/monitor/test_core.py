"""What a monitor asks, and what it makes of the answers."""

from __future__ import absolute_import, division, print_function

import pytest

from monitor.core import JITTER, SILENT_AFTER, TASK_AGAIN_S, TASK_QUESTIONS_MAX, TASKS_ASKED_MAX
from tests.monitor.driver import Driver

TASK = 'client-a:aaaaaaaa:1'


def test_it_asks_when_the_channel_opens_and_then_at_intervals():
    driver = Driver(is_open=False)
    assert driver.wait(5) == {}
    assert len(driver.open()['status']) == 1
    sent = driver.wait(100)['status']
    assert 100 / (1 + JITTER) <= len(sent) <= 100 / (1 - JITTER)
    numbers = [row[0] for row in sent]
    assert numbers == sorted(set(numbers))


def test_it_asks_for_what_is_new_to_it():
    driver = Driver()
    driver.hear(driver.question, [['facts', 'tables', {'calculators': 3, 'calculators_next': 2, 'clients': 5,
                                                       'clients_next': 4, 'events': 7, 'attempts': 9}]])
    assert driver.wait(1.3)['status'][0][1:] == [7, 9, 2, 4]


def test_a_question_that_was_lost_with_the_channel_is_asked_again():
    driver = Driver()
    answers = []
    driver.core.ask_about(driver.now, TASK, answers.append)
    asked, = driver.sent()['task_status']
    sent = driver.open('eeeeeeee')
    assert sent['task_status'] == [asked]
    driver.hear(sent['status'][0][0], [['facts', 'queue', {'waiting': 1}]])
    driver.hear(asked[0], [['facts', 'task', {'state': 'done'}]])
    assert driver.picture.incarnation == 'eeeeeeee'
    assert answers == [[['facts', 'task', {'state': 'done'}]]]


def test_a_silent_dispatcher_is_noticed_and_its_return_too():
    driver = Driver()
    driver.hear(driver.question, [])
    assert not driver.core.is_silent(driver.now)
    sent = driver.wait(SILENT_AFTER + 1)
    assert driver.core.is_silent(driver.now)
    driver.hear(sent['status'][-1][0], [])
    assert not driver.core.is_silent(driver.now)


@pytest.mark.parametrize('twice', [False, True])
def test_a_report_is_taken_when_all_its_pages_have_arrived(twice):
    driver = Driver(twice=twice)
    driver.hear(driver.question, [['facts', 'counts', {'done': 8}]], page=2, pages=2)
    assert driver.picture.at is None
    driver.hear(driver.question, [['facts', 'queue', {'waiting': 2}]], page=1, pages=2)
    assert driver.picture.facts == {'queue': {'waiting': 2}, 'counts': {'done': 8}}
    assert driver.reports == [driver.now]
    assert driver.core.counts['surplus_pages'] == (1 if twice else 0)


def test_a_report_with_a_lost_page_is_taken_when_the_next_is_due():
    driver = Driver()
    driver.hear(driver.question, [['facts', 'queue', {'waiting': 2}]], page=1, pages=3)
    driver.wait(1.3)
    assert driver.picture.facts == {'queue': {'waiting': 2}}
    assert driver.core.counts['pages_lost'] == 2


def test_pages_of_two_answers_are_not_mixed():
    driver = Driver()
    driver.hear(driver.question, [['facts', 'queue', {'waiting': 1}]], 7, 1, 2)
    driver.hear(driver.question, [['facts', 'counts', {'done': 8}]], 8, 2, 2)
    assert driver.picture.at is None
    driver.hear(driver.question, [['facts', 'counts', {'done': 7}]], 7, 2, 2)
    assert driver.picture.at is None
    driver.hear(driver.question, [['facts', 'queue', {'waiting': 2}]], 8, 1, 2)
    assert driver.picture.facts == {'queue': {'waiting': 2}, 'counts': {'done': 8}}


def test_a_report_without_a_question_is_not_believed():
    driver = Driver()
    driver.hear(driver.question + 1, [['facts', 'queue', {'waiting': 7}]])
    assert driver.picture.at is None
    assert driver.core.counts['surplus_pages'] == 1


@pytest.mark.parametrize('rows', [
    [None], [[]], [['calculator']], [['calculator', 'too short']], [[{}]], [['unknown', 1, 2]], [['facts', 'queue', 7]],
    [['event', 'x', 'y', 'z', 'w']], [['facts', 'response_time', {'buckets': 7}]], [['facts', 'counts', {'done': 'x'}]],
    [['event', 1, 0.0, 'died', None]], [['attempt', None] + [None] * 6], [['facts', 'tables', {'events': 'x'}]],
    [['facts', 'response_time', {'buckets': [[1, 1]], 'shortest_s': 'x', 'longest_s': {}}]]])
def test_rows_of_any_shape_do_no_harm(rows):
    driver = Driver()
    driver.hear(driver.question, rows)
    driver.hear(driver.question, rows, page=3, pages=2)
    later = driver.wait(2)['status']
    driver.hear(later[-1][0], [['facts', 'queue', {'waiting': 7}]])
    assert driver.picture.facts['queue'] == {'waiting': 7}


def test_a_question_about_a_task_is_asked_again_and_given_up():
    driver = Driver()
    answers = []
    assert driver.core.ask_about(driver.now, TASK, answers.append)
    sent = driver.sent()['task_status'] + driver.wait(10 * TASK_AGAIN_S)['task_status']
    assert len(sent) == TASK_QUESTIONS_MAX
    assert {row[1] for row in sent} == {TASK} and len({row[0] for row in sent}) == 1
    assert answers == [None]


def test_questions_about_tasks_are_bounded():
    driver = Driver()
    asked = [driver.core.ask_about(driver.now, 'client-a:aaaaaaaa:%d' % number, lambda rows: None)
             for number in range(2 * TASKS_ASKED_MAX)]
    assert asked == [True] * TASKS_ASKED_MAX + [False] * TASKS_ASKED_MAX


def test_it_stops_at_once():
    driver = Driver()
    driver.core.stop(driver.now)
    assert driver.core.is_stopped


def test_a_question_calls_for_an_acknowledgement_so_that_a_restart_is_noticed():
    driver = Driver(is_open=False)
    assert sorted(driver.open()) == ['ping', 'status']
