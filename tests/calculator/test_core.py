"""The core of a calculator with notional tasks."""

from __future__ import absolute_import, division, print_function

import random

import pytest

from calculator.core import LEAVE_WAIT_S, CalculatorCore
from calculator.settings import SETTINGS
from net_protocol import notional
from net_protocol.limits import UNREPORTED_MAX
from tests.client.driver import Driver, of_kind

INCARNATIONS = [u'%sbbbbbbb' % letter for letter in 'abcdefghij']
RESULT = notional.compute(u'abc')


class Calculator(Driver):
    """A calculator. Every task takes two seconds unless the settings say otherwise."""

    def __init__(self, twice=False, incarnation='dddddddd', seed=1, **settings):
        settings.setdefault('outage', {'probability': 0})
        settings.setdefault('task_duration_s', [2, 2])
        incarnations = iter(INCARNATIONS)
        core = CalculatorCore(SETTINGS.checked(settings), 'calculator-1', lambda: next(incarnations),
                              random.Random(seed))
        super(Calculator, self).__init__(core, twice, incarnation)

    def assign(self, *numbers, **fields):
        """Assign these numbers. The number of the task is the same unless ``task`` is given."""
        rest = [fields.get('attempt', 1), fields.get('payload', u'abc'), 10, 60]
        return self.hear('assign', *[[number, task_id(fields.get('task', number))] + rest for number in numbers])

    def beat(self):
        """(Ranges of assignments, orphans) of the next heartbeat."""
        beats = of_kind(self.wait(1.0), 'heartbeat')
        return beats[-1][5], beats[-1][6]

    def account(self):
        return self.core.account(self.now)

    @property
    def ends(self):
        return {end: count for end, count in self.account()['ends'].items() if count}

    @property
    def running(self):
        return self.account()['running']


def task_id(number):
    return u'client-a:cccccccc:%d' % number


def result(number, assignment=None):
    return [number if assignment is None else assignment, task_id(number), RESULT, None]


@pytest.fixture
def calculator(twice):
    return Calculator(twice)


@pytest.fixture
def large(twice):
    return Calculator(twice, capacity=5)


# Work.

def test_a_task_takes_its_duration_and_ends_with_its_result(calculator):
    assert calculator.assign(1) == []
    assert of_kind(calculator.wait(1.9), 'result') == []
    assert of_kind(calculator.wait(0.2), 'result') == [result(1)]


def test_a_task_of_duration_0_is_answered_in_the_same_turn(twice):
    calculator = Calculator(twice, task_duration_s=[0, 0])
    calculator.core.trace = True
    assert calculator.assign(1, 2, 3) == [('result', result(number)) for number in (1, 2, 3)]
    assert calculator.account()['unreported'] == 3 and calculator.account()['assigned'] == 3
    assert [facts['duration_s'] for facts in calculator.emitted('taken')] == [0, 0, 0]


def test_a_lost_result_is_resent_until_it_is_acknowledged(calculator):
    calculator.assign(1)
    (row,) = of_kind(calculator.wait(2.1), 'result')
    assert calculator.lose('result', row) == [row]
    calculator.acknowledge('result', row)
    assert calculator.lose('result', row) == []
    assert calculator.ends == {'reported': 1}


def test_a_payload_that_cannot_be_computed_is_answered_with_the_reason(calculator):
    calculator.assign(1, payload={u'not': u'a text'})
    (row,) = of_kind(calculator.wait(2.1), 'result')
    assert row[2] is None and 'is a text' in row[3]


@pytest.mark.parametrize('duration_s', [[0, 0], [2, 2]])
def test_a_copy_of_an_assignment_never_starts_a_task(duration_s, twice):
    calculator = Calculator(twice, capacity=5, task_duration_s=duration_s)
    calculator.assign(1)
    calculator.assign(1)
    rows = of_kind(calculator.wait(2.1), 'result') or [calculator.core._unreported[task_id(1)]]
    calculator.assign(1)
    calculator.acknowledge('result', *rows)
    assert calculator.assign(1) == []
    assert calculator.account()['assigned'] == 1
    assert calculator.core.counts['duplicate_assigns'] >= 3


def test_an_assignment_below_open_is_ignored(large):
    large.channel.peer_open = 4
    large.assign(3, 5, 2)
    assert large.running == 1
    large.assign(4)
    assert large.running == 2


def test_an_assignment_over_the_capacity_is_refused_as_busy(calculator):
    calculator.assign(1)
    assert calculator.assign(2) == [('assign_refused', [2, task_id(2), 'busy'])]
    calculator.wait(2.1)
    assert calculator.assign(2) == [], 'a refused number is not used again'
    calculator.assign(3, task=2)
    assert calculator.running == 1


def test_with_too_many_unreported_results_a_new_task_is_refused():
    calculator = Calculator(task_duration_s=[0, 0], capacity=5)
    sent = calculator.assign(*range(1, UNREPORTED_MAX + 2))
    assert len(of_kind(sent, 'result')) == UNREPORTED_MAX
    assert of_kind(sent, 'assign_refused') == [[UNREPORTED_MAX + 1, task_id(UNREPORTED_MAX + 1), 'busy']]


def test_a_held_task_takes_only_a_newer_assignment_number(twice):
    calculator = Calculator(twice, capacity=2)
    calculator.core.trace = True
    calculator.assign(1)
    calculator.wait(1)
    calculator.assign(7, task=1, attempt=2)
    calculator.assign(3, task=1)
    assert calculator.beat() == ([[7, 7]], [])
    old = calculator.core._unreported[task_id(1)]
    assert old == result(1, 7)
    assert calculator.assign(9, task=1, attempt=3) == [('result', result(1, 9))]
    calculator.acknowledge('result', old)
    assert calculator.lose('result', old) == [] and calculator.account()['unreported'] == 1
    assert [facts['assignment'] for facts in calculator.emitted('taken')] == [1]
    assert [facts['assignment'] for facts in calculator.emitted('renumbered')] == [7, 9]


def test_the_slot_of_a_revoked_task_is_free_and_a_heartbeat_is_sent_at_once(calculator):
    calculator.assign(1)
    (beat,) = of_kind(calculator.hear('revoke', [1, task_id(1)]), 'heartbeat')
    assert beat[5] == []
    assert calculator.ends == {'revoked': 1}
    assert calculator.assign(2) == []
    assert of_kind(calculator.wait(3), 'result') == [result(2)]


def test_a_revoked_result_is_not_resent(twice):
    calculator = Calculator(twice, task_duration_s=[0, 0])
    ((_, row),) = calculator.assign(1)
    calculator.hear('revoke', [1, task_id(1)])
    assert calculator.lose('result', row) == []
    assert calculator.ends == {'revoked': 1}


def test_an_assignment_that_arrives_after_its_revocation_is_ignored(large):
    large.hear('revoke', [3, task_id(3)])
    large.assign(1, 2, 3)
    assert large.running == 2
    large.hear('revoke', [1, task_id(1)])
    large.assign(1)
    assert large.running == 1
    assert large.core.counts['unknown_revokes'] >= 1


def test_a_revocation_of_another_number_is_ignored(calculator):
    calculator.assign(1)
    calculator.assign(2, task=1, attempt=2)
    for number in (1, 0):
        calculator.hear('revoke', [number, task_id(1)])
        assert calculator.running == 1


# Heartbeats.

def test_a_heartbeat_is_sent_when_the_channel_opens(twice):
    calculator = Calculator(twice, incarnation=None, capacity=7)
    assert calculator.started_with == [] and calculator.wait(10) == []
    assert calculator.reopen() == [('heartbeat', [1, 1, 1, 1, 7, [], [], False])]


def test_heartbeats_are_sent_at_even_intervals_during_a_task(twice):
    calculator = Calculator(twice, task_duration_s=[30, 30])
    calculator.assign(1)
    beats = of_kind(calculator.wait(10.5), 'heartbeat')
    assert [beat[0] for beat in beats] == list(range(2, 12))
    assert all(beat[5] == [[1, 1]] for beat in beats)


def test_a_heartbeat_has_the_running_tasks_and_the_unreported_results(twice):
    calculator = Calculator(twice, capacity=10)
    calculator.assign(1, 2, 3)
    calculator.wait(2.5)
    calculator.assign(4, 5, 9)
    calculator.acknowledge('result', calculator.core._unreported[task_id(2)])
    assert calculator.beat() == ([[1, 1], [3, 5], [9, 9]], [])


def test_a_heartbeat_has_the_assignments_of_its_own_turn():
    calculator = Calculator(capacity=10)
    calculator.now += 1
    calculator.core.handle_timer(calculator.now)
    (beat,) = of_kind(calculator.assign(1), 'heartbeat')
    assert beat[5] == [[1, 1]]


def test_a_long_heartbeat_is_sent_in_pages(twice):
    calculator = Calculator(twice, capacity=600, task_duration_s=[50, 50])
    calculator.assign(*range(1, 1201, 2))
    beats = of_kind(calculator.wait(1), 'heartbeat')
    assert len(beats) == beats[0][2] > 5
    assert [beat[1] for beat in beats] == list(range(1, len(beats) + 1))
    assert {beat[0] for beat in beats} == {2}
    assert [pair for beat in beats for pair in beat[5]] == [[number, number] for number in range(1, 1201, 2)]
    calculator.reopen('eeeeeeee')
    beats = of_kind(calculator.wait(1), 'heartbeat')
    assert sorted(name for beat in beats for name in beat[6]) == sorted(map(task_id, range(1, 1201, 2)))
    assert all(sum(map(len, beat[6])) <= 1000 and beat[5] == [] for beat in beats)


# The channel opens again.

def test_after_a_restart_of_the_dispatcher_attempts_are_orphans_and_results_are_resent(large):
    large.assign(1)
    large.wait(1)
    large.assign(2, 3)
    large.wait(1.1)
    sent = large.reopen('eeeeeeee')
    assert of_kind(sent, 'result') == [result(1, 0)]
    assert of_kind(sent, 'heartbeat')[0][5:7] == [[], [task_id(1), task_id(2), task_id(3)]]
    assert large.emitted('dispatcher_restarted') == [{'held': 3}]
    assert of_kind(large.wait(1), 'result') == [result(2, 0), result(3, 0)]


def test_a_restarted_dispatcher_adopts_an_orphan_by_assigning_its_task(large):
    large.assign(1, 2)
    large.reopen('eeeeeeee')
    large.assign(1, task=2)
    assert large.beat() == ([[1, 1]], [task_id(1)])
    assert of_kind(large.wait(1.1), 'result') == [result(1, 0), result(2, 1)]
    assert large.assign(2, task=1) == [('result', result(1, 2))]
    assert large.account()['assigned'] == 2
    assert large.core.counts['adoptions'] == 2


def test_a_restarted_dispatcher_counts_assignments_from_1(large):
    large.assign(1, 2)
    for row in of_kind(large.wait(2.1), 'result'):
        large.acknowledge('result', row)
    large.reopen('eeeeeeee')
    large.assign(1, task=7)
    assert large.running == 1


def test_an_orphan_is_revoked_by_its_task_id(large):
    large.assign(1, 2)
    large.reopen('eeeeeeee')
    large.hear('revoke', [0, task_id(1)])
    assert large.running == 1 and large.ends == {'revoked': 1}
    large.wait(2.1)
    large.hear('revoke', [0, task_id(2)])
    assert large.ends == {'revoked': 2}


def test_if_the_same_dispatcher_opens_the_channel_numbers_stay_and_results_are_resent(large):
    large.assign(1, 2)
    (first, _) = of_kind(large.wait(2.1), 'result')
    large.acknowledge('result', first)
    sent = large.reopen()
    assert of_kind(sent, 'result') == [result(2)]
    assert of_kind(sent, 'heartbeat')[0][5] == [[2, 2]]
    large.assign(1)
    assert large.running == 0
    assert large.emitted('dispatcher_restarted') == []


def test_a_calculator_that_is_not_registered_logs_it_once_and_sends_heartbeats(calculator, twice):
    for _ in range(3):
        calculator.hear('not_registered', ['name_taken'])
        calculator.hear('not_registered', ['too_many'])
        calculator.hear('not_registered', ['name_shared'])
    for kind in ('name_taken', 'not_registered', 'name_shared'):
        assert calculator.emitted(kind) == [{'name': 'calculator-1'}]
    # A calculator with a shared name is registered.
    assert calculator.core.account(0)['counts']['not_registered'] == (12 if twice else 6)
    assert len(of_kind(calculator.wait(3.1), 'heartbeat')) == 3
    calculator.reopen('eeeeeeee')
    calculator.hear('not_registered', ['name_taken'])
    assert len(calculator.emitted('name_taken')) == 2


# Outages.

def broken(kind, twice=False, **settings):
    """A calculator in an outage of five seconds, which began during task 1."""
    calculator = Calculator(twice, task_duration_s=[8, 8], outage={
        'probability': 1, 'check_interval_s': 10, 'duration_s': [5, 5], 'kind': kind}, **settings)
    calculator.assign(1)
    while calculator.core.is_listening:
        calculator.wait(0.1)
    calculator.now = calculator.core._out_at
    return calculator


@pytest.mark.parametrize('kind', ['crash', 'freeze'])
def test_during_an_outage_no_datagram_is_sent_or_handled(kind):
    calculator = broken(kind)
    assert calculator.wait(4.9) == [] and not calculator.core.is_listening
    calculator.wait(0.2)
    assert calculator.core.is_listening


def test_a_crash_loses_the_tasks_and_begins_a_new_incarnation():
    calculator = broken('crash')
    before = calculator.core.incarnation
    assert calculator.running == 0 and calculator.ends == {'lost': 1}
    assert calculator.wait(5.1) == [], 'the channel is not open yet'
    assert calculator.core.incarnation != before and calculator.channel.forgotten == 1
    (beat,) = of_kind(calculator.reopen(), 'heartbeat')
    assert beat[0] == 1 and beat[5:7] == [[], []]
    assert calculator.emitted('dispatcher_restarted') == []
    calculator.assign(1)
    assert calculator.running == 1, 'assignments are counted from 1 for each incarnation'


def test_after_a_freeze_the_tasks_continue():
    calculator = broken('freeze')
    before, left_s = calculator.core.incarnation, 8 - (calculator.now - 1000)
    sent = calculator.wait(5 + left_s - 0.1)
    assert of_kind(sent, 'result') == []
    assert of_kind(sent, 'heartbeat')[-1][5] == [[1, 1]]
    assert of_kind(calculator.wait(0.2), 'result')
    assert calculator.core.incarnation == before and calculator.channel.forgotten == 0


# The end.

def test_a_drain_refuses_new_tasks_finishes_held_ones_and_sends_leave(calculator):
    calculator.assign(1)
    (beat,) = of_kind(calculator.stop(), 'heartbeat')
    assert beat[7] is True
    assert calculator.assign(2) == [('assign_refused', [2, task_id(2), 'draining'])]
    assert of_kind(calculator.wait(2.1), 'leave') == []
    assert calculator.acknowledge('result', calculator.core._unreported[task_id(1)]) == [('leave', [])]
    assert not calculator.core.is_stopped
    assert calculator.lose('leave', []) == [[]]
    calculator.acknowledge('leave', [])
    assert calculator.core.is_stopped


def test_no_heartbeat_follows_the_leave(calculator):
    assert of_kind(calculator.stop(), 'leave')
    assert calculator.reopen('eeeeeeee') == [('leave', [])]
    assert of_kind(calculator.wait(LEAVE_WAIT_S + 1), 'heartbeat') == []
    assert calculator.core.is_stopped, 'without an acknowledgement too'


def test_a_drain_has_a_time_limit(twice):
    calculator = Calculator(twice, task_duration_s=[50, 50], drain_timeout_s=5)
    calculator.assign(1)
    calculator.stop()
    assert of_kind(calculator.wait(4.9), 'leave') == []
    assert of_kind(calculator.wait(0.2), 'leave')
    calculator.wait(LEAVE_WAIT_S)
    assert calculator.core.is_stopped
    assert calculator.ends == {'abandoned': 1}


@pytest.mark.parametrize('kind', ['crash', 'freeze'])
def test_a_calculator_can_be_stopped_during_an_outage(kind):
    calculator = broken(kind)
    calculator.stop()
    for _ in range(30):
        calculator.wait(1)
        calculator.acknowledge('result', *calculator.core._unreported.values())
    assert calculator.core.is_stopped
    assert calculator.ends == ({'reported': 1} if kind == 'freeze' else {'lost': 1})
