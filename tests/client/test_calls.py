"""The core of a client that calls functions: cancelled calls, and questions about functions."""

from __future__ import absolute_import, division, print_function

import random

import pytest

from client.calls import CallingClientCore
from client.settings import SETTINGS
from tests.client.driver import Driver, of_kind


class Caller(Driver):
    """A client with one call, and the outcomes of that call."""

    def __init__(self, incarnation='dddddddd'):
        self.outcomes = []
        core = CallingClientCore(SETTINGS.checked({}), 'client-a', 'aaaaaaaa', random.Random(1))
        super(Caller, self).__init__(core, incarnation=incarnation)
        self.core.call(self.now, u'square', [[3], {}], {}, 60.0, lambda *outcome: self.outcomes.append(outcome))
        self.sent = self.turn()

    def cancel(self):
        self.core.cancel(self.now, 1)
        return self.turn()


@pytest.mark.parametrize('is_accepted', [False, True])
def test_a_cancel_is_resent_when_the_channel_opens_again(is_accepted):
    caller = Caller()
    (row,) = of_kind(caller.sent, 'call')
    if is_accepted:
        caller.acknowledge('call', row)
    assert caller.cancel() == [('cancel', [1])]
    for incarnation in ('eeeeeeee', 'eeeeeeee', 'ffffffff'):
        rows = caller.reopen(incarnation)
        assert of_kind(rows, 'cancel') == [[1]] and of_kind(rows, 'call') == []
    caller.hear('ended', [1, u'cancelled', u'cancelled by its client', 0])
    assert caller.outcomes == [(u'cancelled', u'cancelled by its client', 0)]


def test_a_call_that_was_not_submitted_is_cancelled_without_a_row():
    caller = Caller(incarnation=None)
    assert caller.sent == [] and caller.cancel() == []
    assert [outcome for outcome, _, _ in caller.outcomes] == ['cancelled']
    assert of_kind(caller.reopen(), 'call') == []


def test_one_event_has_the_number_of_calls_that_their_owner_cancelled():
    caller = Caller()
    for number in range(2, 21):
        caller.core.call(caller.now, u'square', [[number], {}], {}, 60.0, lambda *outcome: None)
    caller.turn()
    caller.core.cancel_all(caller.now)
    caller.turn()
    for number in range(1, 21):
        # Call 7 was done before its cancel arrived.
        if number == 7:
            caller.hear('done', [7, u'49', 1])
        else:
            caller.hear('ended', [number, u'cancelled', u'cancelled by its client', 0])
    caller.core.end_when_over(caller.now, None)
    caller.turn()
    kinds = [event.kind for event in caller.events]
    assert kinds.count('called_off') == 19 and 'unanswered' not in kinds
    assert [event.facts for event in caller.events if event.kind == 'calls_cancelled'] == [{'number': 19}]


def test_a_call_that_an_operator_cancelled_has_an_event_of_its_own():
    caller = Caller()
    caller.hear('ended', [1, u'cancelled', u'cancelled by an operator', 0])
    assert [event.kind for event in caller.events if 'cancel' in str(event.facts)] == ['unanswered']


def test_the_answer_to_the_last_question_about_functions_answers_all():
    caller, answers = Caller(), []
    for _ in range(2):
        caller.core.ask_functions(caller.now, answers.append)
    question = of_kind(caller.turn(), 'ask_functions')[-1][0]
    page = [[u'square', u'(x)', u'']]
    caller.hear('known_functions', [question - 1, 1, 1, []])
    caller.hear('known_functions', [question, 1, 1, page])
    assert answers == [page, page]
