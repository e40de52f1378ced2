"""The commands of an operator to a dispatcher."""

from __future__ import absolute_import, division, print_function

import pytest

from tests.dispatcher.driver import ONE, TWO, task_id
from tests.dispatcher.test_calls import DEATH, Farm


@pytest.fixture(params=[False, True], ids=['once', 'twice'])
def farm(request):
    made = Farm(request.param)
    made.core.may_operate = lambda address: True
    return made


def operate(farm, verb, argument=u''):
    """The answer: (found, reason, rows)."""
    monitor = farm.monitor()
    before = len(farm.rows_to(monitor, 'operated'))
    farm.hear(monitor, 'operate', [[1, verb, argument]])
    rows = farm.rows_to(monitor, 'operated')[before:]
    return rows[-1][1], rows[-1][2], [row for answer in rows for row in answer[5]]


def test_a_drained_calculator_gets_no_new_work_until_it_is_readmitted(farm):
    one = farm.one(capacity=2)
    farm.call(1)
    assert operate(farm, u'drain', ONE)[0] is True
    farm.call(2)
    farm.result(one, 1, 1, 9)
    assert farm.runs(one) == [1]
    # Also after a restart.
    restarted = farm.calculator(ONE, 'bbbbbbbb')
    farm.offer(restarted, u'square')
    assert farm.runs(restarted) == []
    assert operate(farm, u'readmit', ONE)[0] is True
    assert farm.runs(restarted) == [2]
    assert len(farm.emitted('drained')) == len(farm.emitted('readmitted')) == 1


def test_a_drained_calculator_gets_no_notional_tasks(farm):
    one, two = farm.calculator(ONE), farm.calculator(TWO)
    farm.beat(one, capacity=5)
    farm.beat(two, capacity=5)
    operate(farm, u'drain', ONE)
    farm.submit(1, 2, 3, 4)
    assert farm.rows_to(one, 'assign') == [] and len(farm.rows_to(two, 'assign')) == 4


def test_unknown_names_and_tasks_are_not_found(farm):
    for verb, argument in ((u'drain', u'nobody'), (u'readmit', u'nobody'), (u'cancel', task_id(7)),
                           (u'cancel', u'rubbish'), (u'cancel', u'client-a:aaaaaaaa:\xb2')):
        assert operate(farm, verb, argument)[0] is False


def test_a_cancelled_task_ends_for_its_client_and_its_attempt_is_revoked(farm):
    one = farm.one()
    farm.calls(1, 2)
    assert operate(farm, u'cancel', task_id(1))[0] and operate(farm, u'cancel', task_id(2))[0]
    assert farm.ended() == [(1, u'cancelled'), (2, u'cancelled')]
    assert farm.rows_to(one, 'revoke') == [[1, task_id(1)]]


def test_the_last_failed_tasks_are_listed_with_payload_and_causes(farm):
    assert operate(farm, u'failed') == (True, u'no task has failed', [])
    one = farm.one()
    farm.call(1, attempts_max=1)
    farm.fail(one, 1, 1)
    _, _, rows = operate(farm, u'failed')
    assert rows[0] == [task_id(1), u'square', [[3], {}], DEATH[u'message'], 1, 0.0, [[1, ONE, u'child_died']]]


def test_an_operator_from_an_unknown_address_is_refused():
    farm = Farm()
    farm.beat(farm.calculator(ONE))
    assert operate(farm, u'drain', ONE)[:2] == (False, u'refused: accepted from this machine, or with a key')
    farm.submit(1)
    assert farm.status['running'] == 1 and farm.counts['operations_refused'] == 1


def test_functions_are_listed_for_clients_and_a_difference_is_reported(farm):
    client = farm.client()
    farm.hear(client, 'ask_functions', [[1]])
    farm.offer(farm.calculator(ONE), u'square')
    farm.hear(client, 'ask_functions', [[2]])
    assert farm.emitted('functions_differ') == []
    farm.offer(farm.calculator(TWO), u'score', u'square')
    farm.hear(client, 'ask_functions', [[3]])
    answers = {row[0]: row[1:] for row in farm.rows_to(client, 'known_functions')}
    assert answers == {1: [1, 1, []], 2: [1, 1, [[u'square', u'()', u'']]],
                       3: [1, 1, [[u'score', u'()', u''], [u'square', u'()', u'']]]}
    assert farm.emitted('functions_differ') == [{'functions': u'score'}]
