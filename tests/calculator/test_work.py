"""The core of a calculator that runs functions."""

from __future__ import absolute_import, division, print_function

import random

import pytest

from calculator.calls import failure
from calculator.settings import SETTINGS
from calculator.work import REPORTS_WAIT_S, WorkingCalculatorCore
from common.schema import SettingRefused
from net_protocol.causes import EXCEPTION, EXIT, RESULT
from net_protocol.rows import HANDED_BACK
from tests.calculator.test_core import INCARNATIONS, task_id
from tests.client.driver import Driver, of_kind

DIGEST = u'0123456789abcdef'
FUNCTIONS = [[u'score', u'(text)', u''], [u'square', u'(x)', u'The square.']]


class Worker(Driver):
    """A calculator that offers ``score`` and ``square``."""

    def __init__(self, twice=False, **settings):
        incarnations = iter(INCARNATIONS)
        core = WorkingCalculatorCore(SETTINGS.checked(dict(settings, work='work.py')), 'calculator-1',
                                     lambda: next(incarnations), random.Random(1))
        super(Worker, self).__init__(core, twice)
        core.functions_changed(self.now, DIGEST, FUNCTIONS)
        self.offered = self.turn()

    def run(self, number, **fields):
        return self.hear('run', [
            number, task_id(number), fields.get('attempt', 1), [[3], {}], fields.get('answer_timeout_s'), 60,
            fields.get('function', u'square'), False])

    def taken(self):
        """(Numbers of the calls to start, numbers of the calls to stop)."""
        starts, stops = self.core.take_calls()
        return [call.number for call in starts], stops

    def end(self, call, result=None, failed=None):
        self.core.call_ended(self.now, call, result, failed)
        return self.turn()


@pytest.fixture
def worker(twice):
    return Worker(twice)


def test_functions_are_reported_and_their_digest_is_sent_with_each_heartbeat(worker):
    assert of_kind(worker.offered, 'functions') == [[DIGEST, FUNCTIONS]]
    assert of_kind(worker.offered, 'offer') == [[DIGEST]]
    assert of_kind(worker.wait(1.1), 'offer') == [[DIGEST]]
    assert ('functions', [DIGEST, FUNCTIONS]) in worker.hear('functions_wanted', [DIGEST])
    assert of_kind(worker.reopen('eeeeeeee'), 'functions') == [[DIGEST, FUNCTIONS]]


def test_without_functions_there_is_no_heartbeat():
    core = WorkingCalculatorCore(SETTINGS.checked({'work': 'work.py'}), 'calculator-1', lambda: INCARNATIONS[0],
                                 random.Random(1))
    worker = Driver(core)
    assert worker.wait(5) == []
    core.functions_changed(worker.now, DIGEST, [])
    assert of_kind(worker.turn(), 'heartbeat')


def test_a_call_is_started_and_its_result_reported(worker):
    assert worker.run(1) == []
    (call,), stops = worker.core.take_calls()
    assert (call.function, call.arguments, call.timeout_s, stops) == ('square', [[3], {}], None, [])
    assert worker.end(call.number, 9) == [('result', [1, task_id(1), 9, None])]
    assert worker.run(1) == [] and worker.taken() == ([], [])


@pytest.mark.parametrize('failed', [failure(EXIT, 'exit status 1'), failure(EXCEPTION, 'no', 'ValueError', 'trace')])
def test_a_failure_is_reported_until_it_is_acknowledged(worker, failed):
    worker.run(1)
    worker.taken()
    ((kind, row),) = worker.end(1, failed=failed)
    assert (kind, row) == ('failed', [1, task_id(1), failed])
    assert worker.lose('failed', row) == [row]
    worker.acknowledge('failed', row)
    assert worker.core.account(worker.now)['ends']['reported'] == 1


@pytest.mark.parametrize('result', [u'x' * 60000, 2 ** 64, float('inf')])
def test_a_result_that_cannot_be_sent_is_a_failure(worker, result):
    worker.run(1)
    worker.taken()
    ((kind, row),) = worker.end(1, result)
    assert kind == 'failed' and row[2]['cause'] == RESULT


def test_a_function_that_is_not_offered_is_refused(worker):
    assert worker.run(1, function=u'other')[0] == ('assign_refused', [1, task_id(1), u'unknown_function'])
    # A notional task is no function.
    assert worker.hear('assign', [2, task_id(2), 1, u'abc', 10, 60])[0] == (
        'assign_refused', [2, task_id(2), u'unknown_function'])
    assert worker.taken() == ([], [])


def test_one_call_for_each_slot_may_wait_and_results_are_collected_meanwhile(twice):
    worker = Worker(twice, capacity=2)
    for number in (1, 2, 3, 4):
        assert worker.run(number) == []
    assert worker.run(5)[0] == ('assign_refused', [5, task_id(5), u'busy'])
    assert worker.end(1, u'1') == []
    assert of_kind(worker.end(2, u'2'), 'result') == [[1, task_id(1), u'1', None], [2, task_id(2), u'2', None]]
    worker.run(6)
    assert worker.end(3, u'3') == [('result', [3, task_id(3), u'3', None])]
    worker.run(7)
    worker.run(8)
    assert worker.end(4, u'4') == []
    assert worker.wait(2 * REPORTS_WAIT_S) == [('result', [4, task_id(4), u'4', None])]


def test_a_call_that_no_child_started_in_time_is_handed_back(worker):
    worker.run(1)
    worker.run(2)
    worker.taken()
    worker.core.call_not_started(worker.now, 2, HANDED_BACK)
    assert worker.turn() == [('assign_refused', [2, task_id(2), u'handed_back'])]
    assert worker.end(1, u'1') == [('result', [1, task_id(1), u'1', None])]


def test_the_slot_of_a_revoked_call_is_free(worker):
    worker.run(1)
    assert worker.taken() == ([1], [])
    rows = worker.hear('revoke', [1, task_id(1)])
    assert of_kind(rows, 'heartbeat') and worker.taken() == ([], [1])
    assert worker.end(1, 9) == []
    assert worker.run(2) == [] and worker.taken() == ([2], [])


def test_a_call_that_no_child_can_start_is_refused(worker):
    worker.run(1)
    worker.taken()
    worker.core.trace = True
    worker.core.call_not_started(worker.now, 1)
    assert of_kind(worker.turn(), 'assign_refused') == [[1, task_id(1), u'unknown_function']]
    assert [event.facts['end'] for event in worker.events if event.kind == 'let_go'] == ['not_started']


def test_a_call_without_a_time_out_gets_that_of_the_settings():
    worker = Worker(work_timeout_s=7)
    worker.run(1)
    (call,), _ = worker.core.take_calls()
    worker.end(call.number, 1)
    worker.run(2, answer_timeout_s=2)
    (other,), _ = worker.core.take_calls()
    assert (call.timeout_s, other.timeout_s) == (7, 2)


@pytest.mark.parametrize('kind', ['crash', 'freeze'])
def test_a_crash_stops_the_calls_and_a_freeze_keeps_their_results(kind):
    worker = Worker(outage={'probability': 1, 'check_interval_s': 1, 'duration_s': [2, 2], 'kind': kind})
    worker.run(1)
    worker.taken()
    while worker.core.is_listening:
        worker.wait(0.1)
    stops = worker.taken()[1]
    worker.core.call_ended(worker.now, 1, 9, None)
    rows = of_kind(worker.wait(2.5), 'result')
    assert (stops, rows) == (([1], []) if kind == 'crash' else ([], [[1, task_id(1), 9, None]]))


@pytest.mark.parametrize('kind', ['crash', 'freeze'])
def test_events_of_children_during_an_outage_are_sent_after_it(kind, twice):
    worker = Worker(twice, outage={'probability': 1, 'check_interval_s': 9, 'duration_s': [2, 2], 'kind': kind})
    worker.run(1)
    worker.run(2)
    worker.taken()
    while worker.core.is_listening:
        worker.wait(0.1)
    worker.core.functions_changed(worker.now, u'other', FUNCTIONS[:1])
    worker.core.call_not_started(worker.now, 2, HANDED_BACK)
    assert worker.turn() == worker.wait(1.5) == []
    rows = worker.wait(0.7)
    refused = of_kind(rows, 'assign_refused')
    if kind == 'crash':
        assert rows == [], 'the channel is not open yet'
        rows = worker.reopen()
    assert of_kind(rows, 'functions') == [[u'other', FUNCTIONS[:1]]]
    assert of_kind(rows, 'offer') == [[u'other']]
    assert refused == ([] if kind == 'crash' else [[2, task_id(2), u'handed_back']])


def test_after_a_restart_of_the_dispatcher_a_call_continues_under_its_new_number(worker):
    worker.run(1)
    worker.taken()
    worker.reopen('eeeeeeee')
    worker.hear('run', [5, task_id(1), 2, [[3], {}], None, 60, u'square', False])
    assert worker.taken() == ([], [])
    assert worker.end(1, 9) == [('result', [5, task_id(1), 9, None])]


# Settings.

@pytest.mark.parametrize('work', ['work.py', {'module': 'pkg.mod'}, {'command': ['./worker', '-x']}, None])
def test_the_setting_work_is_a_file_a_module_or_a_command(work):
    settings = SETTINGS.checked({'work': work})
    assert settings['work'] == work
    assert settings['outage']['probability'] == (0.1 if work is None else 0)
    assert SETTINGS.checked({'work': work, 'outage': {'probability': 0.3}})['outage']['probability'] == 0.3


@pytest.mark.parametrize('settings', [
    {'work': ''}, {'work': 1}, {'work': {}}, {'work': {'module': ''}}, {'work': {'command': []}},
    {'work': {'command': 'x'}}, {'work': {'command': ['']}}, {'work': {'module': 'a', 'command': ['b']}},
    {'work': 'work.py', 'capacity': 301},
])
def test_a_wrong_setting_work_is_refused(settings):
    with pytest.raises(SettingRefused):
        SETTINGS.checked(settings)
