"""The calculator's core, row by row."""

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
        """Assignments of these numbers; task n has the number n unless ``task`` says otherwise."""
        rest = [fields.get('attempt', 1), fields.get('payload', u'abc'), 10, 60]
        return self.hear('assign', *[[number, task_id(fields.get('task', number))] + rest for number in numbers])

    def beat(self):
        """What the next heartbeat says, as (ranges of assignments, orphans)."""
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
def calculator_of_5(twice):
    return Calculator(twice, capacity=5)


# Work.

def test_a_task_takes_its_time_and_ends_with_its_result(calculator):
    assert calculator.assign(1) == []
    assert of_kind(calculator.wait(1.9), 'result') == []
    assert of_kind(calculator.wait(0.2), 'result') == [result(1)]


def test_a_task_without_duration_is_answered_in_the_same_turn(twice):
    calculator = Calculator(twice, task_duration_s=[0, 0])
    assert calculator.assign(1, 2, 3) == [('result', result(number)) for number in (1, 2, 3)]
    assert calculator.account()['unreported'] == 3 and calculator.account()['assigned'] == 3


def test_a_lost_result_goes_again_until_it_is_acknowledged(calculator):
    calculator.assign(1)
    (row,) = of_kind(calculator.wait(2.1), 'result')
    assert calculator.lose('result', row) == [row]
    calculator.acknowledge('result', row)
    assert calculator.lose('result', row) == []
    assert calculator.ends == {'reported': 1}


def test_what_can_not_be_computed_is_answered_with_the_reason(calculator):
    calculator.assign(1, payload={u'not': u'a text'})
    (row,) = of_kind(calculator.wait(2.1), 'result')
    assert row[2] is None and 'is a text' in row[3]


@pytest.mark.parametrize('duration_s', [[0, 0], [2, 2]])
def test_a_copy_of_an_assignment_starts_nothing_at_any_time(duration_s, twice):
    calculator = Calculator(twice, capacity=5, task_duration_s=duration_s)
    calculator.assign(1)
    calculator.assign(1)
    rows = of_kind(calculator.wait(2.1), 'result') or [calculator.core._unreported[task_id(1)]]
    calculator.assign(1)
    calculator.acknowledge('result', *rows)
    assert calculator.assign(1) == []
    assert calculator.account()['assigned'] == 1
    assert calculator.core.counts['duplicate_assigns'] >= 3


def test_an_assignment_below_open_starts_nothing(calculator_of_5):
    calculator_of_5.channel.peer_open = 4
    calculator_of_5.assign(3, 5, 2)
    assert calculator_of_5.running == 1
    calculator_of_5.assign(4)
    assert calculator_of_5.running == 2


def test_more_than_its_capacity_is_refused_as_busy(calculator):
    calculator.assign(1)
    assert calculator.assign(2) == [('assign_refused', [2, task_id(2), 'busy'])]
    calculator.wait(2.1)
    assert calculator.assign(2) == [], 'the dispatcher assigns it under another number'
    calculator.assign(3, task=2)
    assert calculator.running == 1


def test_too_many_unreported_results_refuse_new_work():
    calculator = Calculator(task_duration_s=[0, 0], capacity=5)
    sent = calculator.assign(*range(1, UNREPORTED_MAX + 2))
    assert len(of_kind(sent, 'result')) == UNREPORTED_MAX
    assert of_kind(sent, 'assign_refused') == [[UNREPORTED_MAX + 1, task_id(UNREPORTED_MAX + 1), 'busy']]


def test_a_task_that_is_held_goes_on_under_the_newer_number(twice):
    calculator = Calculator(twice, capacity=2)
    calculator.assign(1)
    calculator.wait(1)
    calculator.assign(7, task=1, attempt=2)
    assert calculator.beat() == ([[7, 7]], [])
    assert calculator.core._unreported[task_id(1)] == result(1, 7)
    old = calculator.core._unreported[task_id(1)]
    assert calculator.assign(9, task=1, attempt=3) == [('result', result(1, 9))]
    calculator.acknowledge('result', old)
    assert calculator.lose('result', old) == [] and calculator.account()['unreported'] == 1
    assert calculator.account()['assigned'] == 1


def test_an_older_number_for_a_task_that_is_held_is_late(calculator):
    calculator.assign(7, task=1, attempt=2)
    calculator.assign(3, task=1)
    assert calculator.beat() == ([[7, 7]], [])


def test_a_revoked_task_frees_its_slot_and_a_heartbeat_says_so_at_once(calculator):
    calculator.assign(1)
    (beat,) = of_kind(calculator.hear('revoke', [1, task_id(1)]), 'heartbeat')
    assert beat[5] == []
    assert calculator.ends == {'revoked': 1}
    assert calculator.assign(2) == []
    assert of_kind(calculator.wait(3), 'result') == [result(2)]


def test_a_result_can_be_revoked_too(twice):
    calculator = Calculator(twice, task_duration_s=[0, 0])
    ((_, row),) = calculator.assign(1)
    calculator.hear('revoke', [1, task_id(1)])
    assert calculator.lose('result', row) == []
    assert calculator.ends == {'revoked': 1}


def test_an_assignment_that_arrives_after_its_revocation_starts_nothing(calculator_of_5):
    calculator_of_5.hear('revoke', [3, task_id(3)])
    calculator_of_5.assign(1, 2, 3)
    assert calculator_of_5.running == 2
    calculator_of_5.hear('revoke', [1, task_id(1)])
    calculator_of_5.assign(1)
    assert calculator_of_5.running == 1
    assert calculator_of_5.core.counts['unknown_revokes'] >= 1


def test_a_revoke_of_an_older_number_does_not_touch_the_work(calculator):
    calculator.assign(1)
    calculator.assign(2, task=1, attempt=2)
    calculator.hear('revoke', [1, task_id(1)])
    assert calculator.running == 1
    calculator.hear('revoke', [0, task_id(1)])
    assert calculator.running == 1, 'it is no orphan'


# Heartbeats.

def test_it_introduces_itself_when_the_channel_opens(twice):
    calculator = Calculator(twice, incarnation=None, capacity=7)
    assert calculator.started_with == [] and calculator.wait(10) == []
    assert calculator.reopen() == [('heartbeat', [1, 1, 1, 1, 7, [], [], False])]


def test_heartbeats_come_at_even_intervals_while_it_computes(twice):
    calculator = Calculator(twice, task_duration_s=[30, 30])
    calculator.assign(1)
    beats = of_kind(calculator.wait(10.5), 'heartbeat')
    assert [beat[0] for beat in beats] == list(range(2, 12))
    assert all(beat[5] == [[1, 1]] for beat in beats)


def test_a_heartbeat_names_what_runs_and_what_is_not_reported(twice):
    calculator = Calculator(twice, capacity=10)
    calculator.assign(1, 2, 3)
    calculator.wait(2.5)
    calculator.assign(4, 5, 9)
    calculator.acknowledge('result', calculator.core._unreported[task_id(2)])
    assert calculator.beat() == ([[1, 1], [3, 5], [9, 9]], [])


def test_a_heartbeat_is_made_when_it_leaves():
    calculator = Calculator(capacity=10)
    calculator.now += 1
    calculator.core.handle_timer(calculator.now)
    (beat,) = of_kind(calculator.assign(1), 'heartbeat')
    assert beat[5] == [[1, 1]]


def test_what_one_datagram_does_not_hold_is_sent_in_pages(twice):
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


# The channel opens anew.

def test_when_the_dispatcher_restarts_attempts_become_orphans_and_results_go_again(calculator_of_5):
    calculator_of_5.assign(1)
    calculator_of_5.wait(1)
    calculator_of_5.assign(2, 3)
    calculator_of_5.wait(1.1)
    sent = calculator_of_5.reopen('eeeeeeee')
    assert of_kind(sent, 'result') == [result(1, 0)]
    assert of_kind(sent, 'heartbeat')[0][5:7] == [[], [task_id(1), task_id(2), task_id(3)]]
    assert calculator_of_5.emitted('dispatcher_restarted') == [{'held': 3}]
    assert of_kind(calculator_of_5.wait(1), 'result') == [result(2, 0), result(3, 0)]


def test_a_restarted_dispatcher_adopts_an_orphan_by_assigning_its_task(calculator_of_5):
    calculator_of_5.assign(1, 2)
    calculator_of_5.reopen('eeeeeeee')
    calculator_of_5.assign(1, task=2)
    assert calculator_of_5.beat() == ([[1, 1]], [task_id(1)])
    assert of_kind(calculator_of_5.wait(1.1), 'result') == [result(1, 0), result(2, 1)]
    assert calculator_of_5.assign(2, task=1) == [('result', result(1, 2))]
    assert calculator_of_5.account()['assigned'] == 2
    assert calculator_of_5.core.counts['adoptions'] == 2


def test_a_restarted_dispatcher_counts_assignments_from_1_again(calculator_of_5):
    calculator_of_5.assign(1, 2)
    for row in of_kind(calculator_of_5.wait(2.1), 'result'):
        calculator_of_5.acknowledge('result', row)
    calculator_of_5.reopen('eeeeeeee')
    calculator_of_5.assign(1, task=7)
    assert calculator_of_5.running == 1


def test_an_orphan_is_revoked_by_its_task(calculator_of_5):
    calculator_of_5.assign(1, 2)
    calculator_of_5.reopen('eeeeeeee')
    calculator_of_5.hear('revoke', [0, task_id(1)])
    assert calculator_of_5.running == 1 and calculator_of_5.ends == {'revoked': 1}
    calculator_of_5.wait(2.1)
    calculator_of_5.hear('revoke', [0, task_id(2)])
    assert calculator_of_5.ends == {'revoked': 2}


def test_when_the_same_dispatcher_answers_numbers_stay_and_results_go_again(calculator_of_5):
    calculator_of_5.assign(1, 2)
    (first, _) = of_kind(calculator_of_5.wait(2.1), 'result')
    calculator_of_5.acknowledge('result', first)
    sent = calculator_of_5.reopen()
    assert of_kind(sent, 'result') == [result(2)]
    assert of_kind(sent, 'heartbeat')[0][5] == [[2, 2]]
    calculator_of_5.assign(1)
    assert calculator_of_5.running == 0
    assert calculator_of_5.emitted('dispatcher_restarted') == []


def test_a_calculator_that_is_not_registered_says_so_once_and_goes_on_beating(calculator, twice):
    for _ in range(3):
        calculator.hear('not_registered', ['name_taken'])
        calculator.hear('not_registered', ['too_many'])
        calculator.hear('not_registered', ['name_shared'])
    for kind in ('name_taken', 'not_registered', 'name_shared'):
        assert calculator.emitted(kind) == [{'name': 'calculator-1'}]
    # The last one is registered.
    assert calculator.core.account(0)['counts']['not_registered'] == (12 if twice else 6)
    assert len(of_kind(calculator.wait(3.1), 'heartbeat')) == 3
    calculator.reopen('eeeeeeee')
    calculator.hear('not_registered', ['name_taken'])
    assert len(calculator.emitted('name_taken')) == 2


# Outages.

def broken(kind, twice=False, **settings):
    """A calculator that goes out of order after some seconds while it works on task 1, for five seconds."""
    calculator = Calculator(twice, task_duration_s=[8, 8], outage={
        'probability': 1, 'check_interval_s': 10, 'duration_s': [5, 5], 'kind': kind}, **settings)
    calculator.assign(1)
    while calculator.core.is_listening:
        calculator.wait(0.1)
    calculator.now = calculator.core._out_at
    return calculator


@pytest.mark.parametrize('kind', ['crash', 'freeze'])
def test_out_of_order_it_sends_nothing_and_does_not_listen(kind):
    calculator = broken(kind)
    assert calculator.wait(4.9) == []
    assert not calculator.core.is_listening
    calculator.wait(0.2)
    assert calculator.core.is_listening


def test_a_crash_loses_the_work_and_brings_a_new_incarnation():
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


def test_a_freeze_goes_on_where_it_stood():
    calculator = broken('freeze')
    before, left_s = calculator.core.incarnation, 8 - (calculator.now - 1000)
    sent = calculator.wait(5 + left_s - 0.1)
    assert of_kind(sent, 'result') == []
    assert of_kind(sent, 'heartbeat')[-1][5] == [[1, 1]]
    assert of_kind(calculator.wait(0.2), 'result')
    assert calculator.core.incarnation == before and calculator.channel.forgotten == 0


def test_with_mixed_outages_both_kinds_come():
    calculator = Calculator(outage={'probability': 1, 'check_interval_s': 1, 'duration_s': [1, 1], 'kind': 'mixed'})
    calculator.core._draw_incarnation = lambda: 'aaaaaaaa'
    calculator.wait(100)
    assert calculator.core.counts['crashes'] > 5
    assert calculator.core.counts['freezes'] > 5


# The end.

def test_stopping_it_refuses_new_work_finishes_the_old_and_leaves(calculator):
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
    assert calculator.core.is_stopped, 'also if nobody acknowledges it'


def test_stopping_takes_no_longer_than_its_bound(twice):
    calculator = Calculator(twice, task_duration_s=[50, 50], drain_timeout_s=5)
    calculator.assign(1)
    calculator.stop()
    assert of_kind(calculator.wait(4.9), 'leave') == []
    assert of_kind(calculator.wait(0.2), 'leave')
    calculator.wait(LEAVE_WAIT_S)
    assert calculator.core.is_stopped
    assert calculator.ends == {'abandoned': 1}


@pytest.mark.parametrize('kind', ['crash', 'freeze'])
def test_a_calculator_that_is_out_of_order_can_be_stopped(kind):
    calculator = broken(kind)
    calculator.stop()
    for _ in range(30):
        calculator.wait(1)
        calculator.acknowledge('result', *calculator.core._unreported.values())
    assert calculator.core.is_stopped
    assert calculator.ends == ({'reported': 1} if kind == 'freeze' else {'lost': 1})


# At random.

@pytest.mark.parametrize('duration_s', [[0, 0], [0, 3]])
@pytest.mark.parametrize('seed', range(15))
def test_whatever_happens_each_assignment_runs_once_and_the_account_closes(seed, duration_s):
    rng = random.Random(seed)
    calculator = Calculator(capacity=6, task_duration_s=duration_s, seed=seed)
    calculator.core.trace = True
    number, incarnation, sent = 0, 0, []
    for _ in range(600):
        sent += of_kind(calculator.wait(rng.uniform(0, 0.5)), 'result')
        fate = rng.random()
        if fate < 0.5:
            number += rng.choice([1, 1, 1, 2])
            assignment = max(1, number - rng.choice([0, 0, 0, 1, 2, 5]))
            sent += of_kind(calculator.assign(assignment, task=rng.randrange(1, 9)), 'result')
        elif fate < 0.6:
            calculator.hear('revoke', [max(0, number - rng.randrange(4)), task_id(rng.randrange(1, 9))])
        elif fate < 0.63:
            incarnation += rng.randrange(2)
            before = calculator.channel.incarnation
            sent = of_kind(calculator.reopen('d%07d' % incarnation), 'result')
            number = number if before == calculator.channel.incarnation else 0
        elif sent:
            row = sent.pop(rng.randrange(len(sent)))
            if rng.random() < 0.5:
                sent += calculator.lose('result', row)
            else:
                calculator.acknowledge('result', row)
        calculator.channel.peer_open = max(calculator.channel.peer_open, number - 20)
    taken = [(facts['task_id'], facts['assignment']) for facts in calculator.emitted('taken')]
    assert len(taken) == calculator.account()['assigned'] > 20
    assert all(calculator.ends.get(end) for end in ('reported', 'revoked'))
