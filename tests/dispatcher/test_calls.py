"""Calls of functions: which calculator gets a call, which attempts count, and the order of calls."""

from __future__ import absolute_import, division, print_function

import pytest

from dispatcher.conduct import GOOD_ENDS
from dispatcher.results import QUICK_S
from dispatcher.tasks import ANSWER_GRACE_S
from planner.replication import row_of
from simulator import scenario
from tests.dispatcher.driver import ONE, TWO, Driver, task_id

DIGESTS = {name: u'%016x' % number for number, name in enumerate(['square', 'score', 'both', 'none'])}
DEATH = {u'cause': u'exit', u'message': u'exit status 0'}
EXCEPTION = {u'cause': u'exception', u'message': u'no', u'type': u'ValueError', u'traceback': u'trace'}


class Farm(Driver):
    """Calculators that offer functions, and clients that call them."""

    def offer(self, channel, *names, **fields):
        """The first heartbeat of a calculator with these functions. Returns the rows that the dispatcher sends then."""
        digest = DIGESTS['both' if len(names) == 2 else names[0] if names else 'none']
        self.core.handlers['heartbeat'](self.now, channel, [[1, 1, 1, 1.0, fields.get('capacity', 1), [], [], False]])
        self.core.handlers['offer'](self.now, channel, [[digest]])
        return self.hear(channel, 'functions', [[digest, [[name, u'()', u''] for name in names]]])

    def one(self, *names, **fields):
        """Calculator ONE, which offers these functions, by default ``square``."""
        channel = self.calculator(ONE)
        self.offer(channel, *names or [u'square'], **fields)
        return channel

    def two(self, first=u'square', second=u'square'):
        """Two calculators, each with one function."""
        one, two = self.calculator(ONE), self.calculator(TWO)
        self.offer(one, first)
        self.offer(two, second)
        return one, two

    def call(self, number, function=u'square', channel=None, time_left_s=600, **options):
        return self.hear(channel or self.client(), 'call', [
            [number, [[3], {}], time_left_s, function, options]])

    def calls(self, *numbers, **options):
        for number in numbers:
            self.call(number, **options)

    def fail(self, channel, assignment, number, failure=DEATH):
        return self.hear(channel, 'failed', [[assignment, task_id(number), dict(failure)]])

    def runs(self, channel):
        """The numbers of the tasks that were assigned to that calculator."""
        return [int(row[1].rsplit(':', 1)[1]) for row in self.rows_to(channel, 'run')]

    def ended(self):
        return [(row[0], row[1]) for row in self.rows_to(self.client(), 'ended')]


@pytest.fixture
def farm(twice):
    return Farm(twice)


# The calculator that gets a call.

def test_a_call_goes_to_a_calculator_that_offers_its_function(farm):
    one, two = farm.two(second=u'score')
    farm.call(1, u'score')
    farm.call(2, u'square', answer_timeout_s=5)
    assert farm.rows_to(two, 'run') == [[1, task_id(1), 1, [[3], {}], None, 600, u'score', False]]
    assert farm.rows_to(one, 'run') == [[1, task_id(2), 1, [[3], {}], 5, 600, u'square', False]]
    farm.result(two, 1, 1, 9)
    assert farm.rows_to(farm.client(), 'done') == [[1, 9, 1]]


def test_notional_tasks_and_calls_go_to_different_calculators(farm):
    one, two = farm.calculator(ONE), farm.calculator(TWO)
    farm.offer(one, u'square')
    farm.beat(two)
    farm.submit(1, 2)
    farm.calls(3, 4)
    assert farm.runs(one) == [3] and farm.rows_to(one, 'assign') == []
    assert len(farm.rows_to(two, 'assign')) == 1 and farm.runs(two) == []


def test_unknown_functions_of_a_calculator_are_requested(farm):
    one = farm.calculator(ONE)
    farm.beat(one)
    assert ('functions_wanted', [DIGESTS['square']]) in farm.hear(one, 'offer', [[DIGESTS['square']]])
    farm.call(1)
    assert farm.runs(one) == []
    farm.hear(one, 'functions', [[DIGESTS['square'], [[u'square', u'(x)', u'']]]])
    assert farm.runs(one) == [1]
    assert farm.hear(one, 'offer', [[DIGESTS['square']]]) == []
    two = farm.calculator(TWO)
    farm.beat(two)
    assert farm.hear(two, 'offer', [[DIGESTS['square']]]) == []
    assert [facts['calculator'] for facts in farm.emitted('offers')] == [ONE, TWO]


def test_one_reply_registers_the_functions_of_all_calculators_with_the_same_digest(farm):
    one, two = farm.calculator(ONE), farm.calculator(TWO)
    for channel in (one, two):
        farm.beat(channel)
        farm.hear(channel, 'offer', [[DIGESTS['square']]])
    farm.hear(two, 'functions', [[DIGESTS['square'], [[u'square', u'(x)', u'']]]])
    farm.hear(one, 'functions', [[DIGESTS['square'], [[u'square', u'(x)', u'']]]])
    assert [facts['calculator'] for facts in farm.emitted('offers')] == [TWO, ONE]


def test_a_calculator_that_changes_its_functions_gets_other_calls(farm):
    one = farm.one()
    farm.offer(one, u'score')
    farm.call(1)
    farm.call(2, u'score')
    assert farm.runs(one) == [2]


def test_a_client_is_warned_once_of_an_unknown_function_and_its_calls_expire_with_the_reason(farm):
    farm.one(u'score', u'square')
    farm.call(1, u'scor', time_left_s=5)
    farm.call(2, u'scor', time_left_s=5)
    reason = u"no calculator has 'scor'; known: 'score', 'square'"
    farm.wait(3, beating=[])
    assert farm.rows_to(farm.client(), 'not_offered') == [[u'scor', reason]]
    farm.wait(3)
    assert farm.rows_to(farm.client(), 'ended') == [[1, u'expired', reason, 0], [2, u'expired', reason, 0]]


def test_the_time_outs_of_notional_tasks_do_not_end_a_call():
    farm = Farm(task_timeout_s=20, answer_timeout_s=1)
    one = farm.one()
    farm.call(1, time_left_s=86400)
    farm.wait(1000, beating=[one], held=[(1, 1)])
    assert farm.ended() == [] and farm.counts['attempt_timed_out'] == 0
    farm.result(one, 1, 1, 9)
    assert farm.rows_to(farm.client(), 'done') == [[1, 9, 1]]


# Which attempts count.

def test_a_call_whose_child_dies_runs_on_another_calculator_and_fails_after_three_attempts(farm):
    one, two = farm.two()
    farm.call(1)
    farm.fail(one, 1, 1)
    assert farm.runs(two) == [1]
    farm.fail(two, 1, 1)
    assert farm.ended() == [] and len(farm.runs(one) + farm.runs(two)) == 3
    last = one if len(farm.runs(one)) == 2 else two
    farm.fail(last, 2, 1)
    assert farm.rows_to(farm.client(), 'ended') == [[1, u'failed', DEATH, 3]]
    # The slots are free again.
    farm.calls(2, 3)
    assert sorted([farm.runs(one)[-1], farm.runs(two)[-1]]) == [2, 3] and farm.status['running'] == 2


@pytest.mark.parametrize('failure, options, attempts', [
    (DEATH, {'attempts_max': 1}, 1), (EXCEPTION, {'retry_on_error': False}, 1),
    (EXCEPTION, {'retry_on_error': True}, 3)])
def test_the_options_of_a_call_say_how_many_attempts_it_has(farm, failure, options, attempts):
    one = farm.one()
    farm.call(1, **options)
    for assignment in range(1, attempts + 1):
        farm.fail(one, assignment, 1, failure)
    assert farm.rows_to(farm.client(), 'ended') == [[1, u'failed', failure, attempts]]
    assert len(farm.runs(one)) == attempts


def test_a_call_that_times_out_is_revoked_and_its_attempt_counts(farm):
    one = farm.one()
    farm.call(1, answer_timeout_s=5, attempts_max=1)
    farm.wait(5 + ANSWER_GRACE_S + 0.1, beating=[one], held=[(1, 1)])
    assert farm.ended() == [(1, u'failed')]
    assert [1, task_id(1)] in farm.rows_to(one, 'revoke')


def test_attempts_that_calculators_end_delay_the_call_which_then_runs_alone(farm):
    one = farm.one(capacity=3)
    farm.call(1, attempts_max=4)
    waited = []
    for assignment in range(1, 7):
        farm.refuse(one, assignment, 1)
        before = farm.now
        while len(farm.runs(one)) == assignment:
            farm.wait(0.25)
            farm.beat(one, capacity=3)
        waited.append(farm.now - before)
        assert farm.counts['calls_run_alone'] == (assignment >= 3)
    assert [int(seconds) for seconds in waited] == [0, 1, 2, 4, 8, 8]
    # Call 1 runs alone: the others wait although slots are free.
    farm.calls(2, 3)
    assert farm.runs(one) == [1] * 7
    # The first three ends did not count. This is the fourth that counts.
    farm.refuse(one, 7, 1)
    assert farm.ended() == [(1, u'failed')]
    farm.beat(one, capacity=3)
    assert farm.runs(one)[7:] == [2, 3]


def test_a_call_that_runs_alone_waits_for_a_free_calculator_and_its_attempts_count(farm):
    one = farm.one(capacity=2)
    farm.calls(1, 2)
    for assignment in (1, 3, 4):
        farm.refuse(one, assignment, 1)
        for _ in range(12):
            farm.wait(0.25)
            farm.beat(one, held=[(2, 2)] + [(4, 4)] * (assignment == 3), capacity=2)
    farm.call(3)
    assert farm.runs(one) == [1, 2, 1, 1]
    farm.result(one, 2, 2, 9)
    assert farm.runs(one) == [1, 2, 1, 1, 1]
    # The calculator is not reserved while the call is delayed.
    for assignment in (5, 7, 8):
        farm.refuse(one, assignment, 1)
        farm.beat(one, capacity=2)
        if assignment == 5:
            assert farm.runs(one)[5:] == [3]
            farm.result(one, 6, 3, 9)
        for _ in range(40):
            farm.wait(0.25)
            farm.beat(one, capacity=2)
    assert farm.ended() == [(1, u'failed')]


@pytest.mark.parametrize('how', ['cancel', 'open'])
def test_a_cancelled_call_frees_its_slot_when_its_revocation_is_acknowledged(farm, how):
    one = farm.one()
    farm.calls(1, 2)
    farm.cancel(1) if how == 'cancel' else farm.hear(farm.client(), peer_open=2)
    assert farm.rows_to(one, 'revoke') == [[1, task_id(1)]] and farm.runs(one) == [1]
    farm.acknowledge(one, 'revoke', [1, task_id(1)])
    assert farm.runs(one) == [1, 2]


def test_cancelled_calls_leave_the_queue(farm):
    farm.calls(*range(1, 200))
    for number in range(1, 199):
        farm.cancel(number)
    one = farm.one()
    assert farm.runs(one) == [199]


# Priority.

def test_a_call_with_a_higher_priority_is_assigned_first(farm):
    for number, priority in enumerate((5, 0, 9, 3), 1):
        farm.call(number, priority=priority)
    farm.call(5)
    one = farm.one(capacity=10)
    assert farm.runs(one) == [3, 1, 5, 4, 2]


def test_the_priority_of_a_waiting_call_rises():
    farm = Farm(priority_ageing_s=10)
    farm.call(1, priority=0, time_left_s=1000)
    farm.wait(91)
    one = farm.calculator(ONE)
    farm.call(2, priority=9)
    farm.call(3, priority=8)
    farm.offer(one, u'square', capacity=3)
    assert farm.runs(one) == [1, 2, 3]


def test_clients_and_functions_with_the_same_priority_take_turns(farm):
    farm.calls(*range(1, 5))
    farm.call(1, channel=farm.client('client-b'))
    farm.call(5, u'score')
    one = farm.one(u'square', u'score', capacity=4)
    rows = farm.rows_to(one, 'run')
    assert [row[1] for row in rows[:3]].count(task_id(1, 'client-b')) == 1
    assert u'score' in [row[6] for row in rows[:2]]


# Extra calls for quick calculators.

def test_a_calculator_of_quick_calls_gets_one_extra_call_for_each_slot(farm):
    one = farm.one(capacity=2)
    farm.calls(*range(1, 11))
    assert farm.status['running'] == 2
    farm.result(one, 1, 1, 9)
    assert farm.status['running'] == 4
    farm.wait(QUICK_S + 0.01)
    farm.result(one, 2, 2, 9)
    # Call 2 was slow: the extra calls stay, and the calculator gets no others.
    assert farm.status['running'] == 3
    farm.result(one, 3, 3, 9)
    farm.result(one, 4, 4, 9)
    assert farm.status['running'] == 2


def test_a_call_that_is_handed_back_runs_on_another_calculator_and_its_attempt_does_not_count(farm):
    one = farm.one()
    farm.calls(1, 2, 3, attempts_max=1)
    farm.result(one, 1, 1, 9)
    assert farm.runs(one) == [1, 2, 3]
    two = farm.calculator(TWO)
    farm.offer(two, u'square')
    farm.refuse(one, 3, 3, u'handed_back')
    assert farm.runs(two) == [3] and farm.status['running'] == 2
    assert not farm.ended() and farm.core.counts['calls_delayed'] == 0
    assert [facts['reason'] for facts in farm.emitted('reassigned')] == ['turned_down']


# Probation.

def test_a_calculator_whose_children_die_gets_one_attempt_at_a_time_until_five_succeed(farm):
    one = farm.one(capacity=3)
    for number in range(1, 6):
        farm.call(number, attempts_max=1)
        farm.fail(one, number, number)
    (facts,) = farm.emitted('probation')
    assert facts['calculator'] == ONE and '5 failures' in facts['reason']
    farm.calls(*range(6, 20))
    for number in range(6, 6 + GOOD_ENDS):
        assert farm.status['running'] == 1
        farm.result(one, number, number, 9)
    # One call for each slot, and one extra call for each.
    assert farm.status['running'] == 6 and len(farm.emitted('probation_over')) == 1


@pytest.mark.parametrize('names', [[ONE], [ONE, TWO]], ids=['one', 'two'])
def test_calls_that_kill_their_children_leave_the_other_slots_in_use(names):
    farm = Farm()
    channels = [farm.calculator(name) for name in names]
    for channel in channels:
        farm.offer(channel, u'square', capacity=8)
    farm.calls(*range(1, 25), time_left_s=86400)
    poisonous = (1, 2, 3, 4)
    for _ in range(3):
        held = [(channel, assignment, task.number) for channel in channels
                for assignment, task in sorted(channel.peer.attempts.items())]
        for channel, assignment, number in held:
            if number in poisonous:
                farm.fail(channel, assignment, number)
        # Each slot has a call, also if its child has died.
        assert farm.status['running'] == 8 * len(channels)
    assert sorted(farm.ended()) == [(number, u'failed') for number in poisonous]
    assert farm.emitted('probation') == []


@pytest.mark.parametrize('cause', [u'time', u'memory'])
def test_a_call_that_exceeds_its_limit_is_no_failure_of_its_calculator(cause):
    farm = Farm()
    one = farm.one()
    for number in range(1, 11):
        farm.call(number, attempts_max=1)
        farm.fail(one, number, number, dict(DEATH, cause=cause))
    assert len(farm.ended()) == 10 and farm.emitted('probation') == []


def restart_often(farm):
    for letter in 'abcdef':
        farm.beat(farm.calculator(ONE, letter * 8), capacity=4, sequence=1)
    farm.submit(*range(1, 9))


def test_a_calculator_that_restarts_often_is_on_probation(farm):
    restart_often(farm)
    # On probation, a calculator that has just restarted gets nothing before its second heartbeat.
    assert farm.status['running'] == 0
    farm.beat(farm.calculator(ONE, 'f' * 8), capacity=4, sequence=2)
    assert farm.status['running'] == 1
    farm = Farm(flap_events_max=0)
    restart_often(farm)
    assert farm.status['running'] == 4


def test_a_calculator_that_restarts_continually_fails_no_task():
    """The two other calculators are busy, so that the restarted calculator is the next free one for a lost task."""
    steady = {'task_duration_s': {'constant': 2}, 'outage': {'probability': 0}}
    outage = {'check_interval_s': 0.2, 'probability': 1, 'duration_s': [0.01, 0.01], 'kind': 'crash'}
    row = row_of(1, scenario.SETTINGS.checked({
        'duration_s': 30, 'clients': 1, 'client': {'task_interval_s': [0.7, 1]}, 'calculator': steady,
        'calculators': [{'count': 2}, {'count': 1, 'outage': outage}], 'network': {'delay_s': [0.0005, 0.001]}}))
    assert row['error'] is None
    ends = [end for segment in row['segments'] for end in segment['ends']]
    assert row['tasks'] > 20 and set(ends) == {'done'}
    assert sum([segment['attempts'] for segment in row['segments']]) < 2 * row['tasks']


# Restarts of the dispatcher.

@pytest.mark.parametrize('wall_left_s, options, row', [
    (500.0, {'answer_timeout_s': 7, 'priority': 2}, [[[3], {}], 7, 498.5, u'square', False]),
    # The wall clock was set back. The call gets no more time than it had.
    (5000.0, {'time_left_s': 30}, [[[3], {}], None, 28.5, u'square', False])])
def test_a_call_in_the_journal_survives_a_restart_with_its_options(wall_left_s, options, row):
    farm = Farm(journal='some.journal')
    farm.call(1, **options)
    (record,) = farm.records
    restarted = Farm(journal='some.journal', incarnation='eeeeeeee',
                     recover=[(record.KIND, record.task_id, record.payload, wall_left_s)])
    one = restarted.one()
    restarted.wait(2)
    assert [run[3:] for run in restarted.rows_to(one, 'run')] == [row]


def test_an_orphan_may_fail_before_it_is_adopted(farm):
    one = farm.one()
    farm.beat(one, orphans=[task_id(1)], sequence=2)
    farm.call(1, attempts_max=1)
    assert farm.counts['adopted'] == 1
    farm.fail(one, 0, 1)
    assert farm.ended() == [(1, u'failed')]


def test_a_call_that_is_adopted_elsewhere_reserves_no_calculator():
    farm = Farm()
    one, two = farm.calculator(ONE), farm.calculator(TWO)
    farm.offer(one, u'square')
    farm.call(1)
    farm.offer(two, u'square', capacity=2)
    farm.calls(2, 3)
    for assignment in (1, 2):
        farm.refuse(one, assignment, 1)
        farm.beat(one, sequence=assignment + 1)
        farm.wait(1.5, beating=[two], held=[(1, 2)])
    farm.result(two, 2, 3)
    # After its third end, call 1 runs alone, and the other calculator is reserved for it.
    farm.wait(9, beating=[two], held=[(1, 1)])
    assert farm.counts['died'] == farm.counts['calls_run_alone'] == 1
    farm.call(4)
    assert farm.runs(one) == [1, 1, 1] and farm.runs(two) == [2, 3]
    farm.beat(one, held=[(3, 3)], sequence=9)
    assert farm.counts['adopted'] == 1
    assert farm.runs(two) == [2, 3, 4]
