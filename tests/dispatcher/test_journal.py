"""The journal: the dispatcher promises only what is on disk, and a restart continues with all open tasks."""

from __future__ import absolute_import, division, print_function

import json

import pytest

from dispatcher.core import ADOPTION_S
from dispatcher.journal import ACCEPTED, ENDED, HELD_BACK_MAX, LAZY_S, OVER, RETRY_S
from dispatcher.journal_rows import DamagedRow, JournalRows
from tests.dispatcher.driver import Driver, assigned, of_kind, task_id

PATH = 'journal'


@pytest.fixture
def journalled(twice):
    return Driver(twice, journal=PATH)


def kinds(driver):
    return [record.KIND for record in driver.records]


# Writing.

def test_the_journal_records_the_acceptance_the_end_and_the_acknowledgement_of_a_task(journalled):
    journalled.beat(journalled.calculator())
    journalled.submit(1)
    assert kinds(journalled) == [ACCEPTED]
    assert journalled.result(journalled.calculator(), 1, 1) == [('done', [1, u'result', 1])]
    assert kinds(journalled) == [ACCEPTED, ENDED]
    journalled.acknowledge(journalled.client(), 'done', [1, u'result', 1])
    assert kinds(journalled) == [ACCEPTED, ENDED], 'this record may wait for others'
    journalled.wait(LAZY_S)
    assert kinds(journalled) == [ACCEPTED, ENDED, OVER]


def test_a_submit_is_not_acknowledged_before_it_is_on_disk(journalled):
    core = journalled.core
    core.handlers['submit'](journalled.now, journalled.client(), [[1, u'', 60]])
    assert core.has_unwritten
    core.settle(journalled.now)
    assert len(core.take_records()) == 1 and core.has_unwritten
    core.note_written(journalled.now, None)
    assert not core.has_unwritten


def test_an_outcome_is_sent_when_it_is_on_disk(journalled):
    journalled.beat(journalled.calculator())
    journalled.submit(1)
    journalled.failure = 'No space left on device'
    assert journalled.result(journalled.calculator(), 1, 1) == []
    assert journalled.reopen(journalled.client()) == [], 'a restarted channel gets no unwritten outcome'
    journalled.failure = None
    assert journalled.wait(RETRY_S) == [('done', [1, u'result', 1])]


def test_no_task_is_accepted_while_the_journal_fails():
    journalled = Driver(journal=PATH)
    journalled.beat(journalled.calculator(), capacity=2)
    journalled.submit(1)
    journalled.failure = 'No space left on device'
    journalled.submit(2)
    assert journalled.emitted('journal_failed') == [{'reason': 'No space left on device'}]
    assert journalled.core.has_unwritten and journalled.status['journal_failing'] == 1
    assert journalled.status['running'] == 2
    refusal, = of_kind(journalled.submit(3), 'refused')
    assert refusal[2] == 'journal'
    journalled.acknowledge(journalled.client(), 'refused', refusal)
    journalled.wait(3 * RETRY_S)
    assert journalled.counts['journal_failures'] == 4
    journalled.failure = None
    journalled.wait(RETRY_S)
    assert journalled.emitted('journal_works') == [{'seconds': 4.0}]
    assert of_kind(journalled.submit(3), 'refused') == []


def test_a_turn_sends_a_limited_number_of_outcomes_that_waited_for_the_disk(monkeypatch):
    driver = Driver(journal=PATH, answer_timeout_s=60)
    driver.beat(driver.calculator(), capacity=3000, interval_s=60)
    driver.submit(*range(1, 1501))
    driver.turn()
    driver.failure = 'I/O error'
    for number in range(1, 1501, 500):
        driver.hear(driver.calculator(), 'result',
                    [[one, task_id(one), u'result', None] for one in range(number, number + 500)])
    driver.failure = None
    resumed, resume = [], driver.core.deliver_again
    monkeypatch.setattr(driver.core, 'deliver_again', lambda *arguments: resumed.append(resume(*arguments)))
    first = of_kind(driver.wait(RETRY_S), 'done')
    assert len(first) <= 200 and len(resumed) <= HELD_BACK_MAX + 1
    rows = first + [row for _ in range(20) for row in of_kind(driver.turn(), 'done')]
    assert sorted(row[0] for row in rows) == list(range(1, 1501))


def test_a_task_that_its_client_abandons_has_no_outcome_on_disk(journalled):
    journalled.submit(1)
    journalled.raise_open(2)
    journalled.wait(LAZY_S)
    assert kinds(journalled) == [ACCEPTED, OVER]


def test_the_last_turn_writes_all_records(journalled):
    journalled.beat(journalled.calculator())
    journalled.submit(1)
    journalled.result(journalled.calculator(), 1, 1)
    journalled.stop()
    journalled.acknowledge(journalled.client(), 'done', [1, u'result', 1])
    assert journalled.core.is_stopped and kinds(journalled)[-1] == OVER


# Restarting.

def restarted(*rows, **settings):
    return Driver(incarnation='eeeeeeee', journal=PATH, recover=rows, **settings)


def test_recovered_tasks_wait_in_the_order_of_acceptance_with_the_time_that_was_left():
    driver = restarted((ACCEPTED, task_id(2), u'two', 20.0), (ACCEPTED, task_id(1), u'one', 30.0))
    driver.turn()
    assert driver.emitted('journal_read') == [{'waiting': 2, 'unacknowledged': 0, 'incarnations': 1}]
    driver.beat(driver.calculator())
    assert of_kind(driver.turn_at(driver.now + ADOPTION_S), 'assign') == [[1, task_id(2), 1, u'two', 10, 18.5]]


def test_the_client_finds_its_tasks_and_outcomes_after_a_restart():
    driver = restarted((ACCEPTED, task_id(7), u'', 30.0), (ENDED, task_id(8), ['done', 5, None, 2], 30.0),
                       (ENDED, task_id(9), ['failed', None, 'why', 3], 30.0))
    driver.client()
    assert driver.submit(7, 8, 9) == [('done', [8, 5, 2]), ('ended', [9, 'failed', 'why', 3])]
    assert driver.counts['duplicate_submits'] == 3
    driver.raise_open(10)
    assert driver.status['waiting'] == 0 and driver.core.undelivered == 0


def test_no_task_is_assigned_before_calculators_had_time_to_name_their_attempts():
    driver = restarted((ACCEPTED, task_id(1), u'', 30.0))
    driver.beat(driver.calculator('calculator-2'))
    assert driver.status['waiting'] == 1
    assert assigned(driver.beat(driver.calculator('calculator-1'), orphans=[task_id(1)])) == [(1, 1, 1)]
    assert driver.counts['adopted'] == 1
    assert driver.core.account(0)['tasks_recovered'] == 1


def test_a_recovered_task_gets_no_more_time_than_the_setting():
    driver = restarted((ACCEPTED, task_id(1), u'', 86400.0), (ACCEPTED, task_id(2), u'', -5.0), task_timeout_s=60)
    driver.wait(60.1)
    assert driver.counts['expired'] == 2


# Rows.

def table_after(records):
    """The rows of the table after these records."""
    table = JournalRows()
    table.note(records, 1000.0)
    kept = {row[0]: row for row in table.inserts}
    for state, deadline, body, checksum, number in table.updates:
        kept[number] = (number, kept[number][1], state, deadline, body, checksum)
    for number, in table.deletes:
        del kept[number]
    return [kept[number] for number in sorted(kept)]


def test_the_table_returns_the_open_tasks_and_outcomes_that_were_written(journalled):
    journalled.beat(journalled.calculator())
    journalled.submit(1, payload={u'a': [1, None, u'\u00e9']})
    journalled.submit(2)
    journalled.submit(3)
    journalled.result(journalled.calculator(), 1, 1, result=[u'r'])
    ended, = of_kind(journalled.cancel(3), 'ended')
    journalled.acknowledge(journalled.client(), 'ended', ended)
    journalled.wait(LAZY_S)
    rows = table_after(journalled.records)
    assert list(JournalRows().read(rows, 2000.0)) == [
        (ENDED, task_id(1), ['done', ['r'], None, 1], 60.0), (ACCEPTED, task_id(2), u'payload', 60.0)]
    assert restarted(*JournalRows().read(rows, 2000.0)).status['waiting'] == 1


@pytest.mark.parametrize('place, value', [(1, task_id(9)), (2, 1), (3, 5.0), (4, json.dumps(u'other'))])
def test_a_damaged_row_and_a_second_row_of_a_task_raise(journalled, place, value):
    journalled.submit(1)
    row, = table_after(journalled.records)
    damaged = row[:place] + (value,) + row[place + 1:]
    for rows in ([damaged], [row, row]):
        with pytest.raises(DamagedRow):
            list(JournalRows().read(rows, 0.0))
