"""The client's core, message by message."""

from __future__ import absolute_import, division, print_function

import random

import pytest

from client.core import CANCEL_WAIT_S, ClientCore
from client.gate import WINDOW_MAX, WINDOW_MIN
from client.settings import SETTINGS
from net_protocol import notional
from net_protocol.delivery import OUTCOME_GRACE_S
from net_protocol.errors import MisuseError, TooLarge
from net_protocol.limits import PAYLOAD_BYTES_MAX
from net_protocol.messages import Accepted, Cancel, Outcome, OutcomeAck, Refused, Submit
from tests.driver import Driver, of_type

DISPATCHER = 'dispatcher'


@pytest.fixture(params=[False, True], ids=['once', 'twice'])
def twice(request):
    return request.param


class Client(Driver):
    """A client with the words that these tests need: a task every second, if nothing else is said."""

    def __init__(self, twice, tasks=None, duration_s=None, seed=1, **settings):
        settings.setdefault('task_interval_s', [1, 1])
        core = ClientCore(SETTINGS.checked(settings), 'client-a', 'cccccccc', random.Random(seed), (DISPATCHER, 1),
                          tasks, duration_s)
        super(Client, self).__init__(core, twice=twice)
        self.payloads = {}

    def first_submit(self):
        (submit,) = of_type(self.wait(1), Submit)
        return submit

    def says(self, message, life='dddddddd'):
        return self.hear(DISPATCHER, message, life)

    def done(self, submit, attempts=1, life='dddddddd'):
        result = notional.compute(submit.payload)
        return self.says(Outcome(submit.task_id, 'done', result, None, attempts), life)

    @property
    def statistics(self):
        return self.core.statistics

    @property
    def ends(self):
        return {end: count for end, count in self.statistics.ends.items() if count}


def test_a_task_is_resent_with_back_off_until_it_is_accepted(twice):
    client = Client(twice, tasks=1)
    submit = client.first_submit()
    assert len(of_type(client.wait(6), Submit)) in (2, 3)
    client.says(Accepted(submit.task_id))
    assert of_type(client.wait(4.9), Submit) == []


def test_an_accepted_task_is_asked_for_again_slowly(twice):
    client = Client(twice, tasks=1)
    submit = client.first_submit()
    client.says(Accepted(submit.task_id))
    asked = of_type(client.wait(40), Submit)
    assert 5 <= len(asked) <= 8
    assert asked[-1].time_left_s < submit.time_left_s - 30, 'the time that is left now, not then'


def test_the_outcome_ends_a_task_and_is_acknowledged(twice):
    client = Client(twice, tasks=1)
    submit = client.first_submit()
    client.wait(2)
    assert client.done(submit) == [OutcomeAck(submit.task_id)]
    assert client.core.is_stopped
    assert (client.statistics.answered, client.statistics.unanswered) == (1, 0)
    assert client.statistics.response_time.max_s == pytest.approx(2)


def test_a_second_outcome_changes_nothing_but_is_acknowledged(twice):
    client = Client(twice, tasks=2)
    submit = client.first_submit()
    client.done(submit)
    assert client.says(Outcome(submit.task_id, 'failed', None, u'no', 1)) == [OutcomeAck(submit.task_id)]
    assert client.ends == {'done': 1}
    assert client.core.counts['duplicate_outcomes'] >= 1


def test_the_answer_to_another_question_is_noticed(twice):
    client = Client(twice, tasks=1)
    submit = client.first_submit()
    client.says(Outcome(submit.task_id, 'done', notional.compute(u'another'), None, 1))
    assert client.ends == {'wrong': 1}
    assert (client.statistics.answered, client.statistics.unanswered) == (0, 1)


@pytest.mark.parametrize('outcome', ['failed', 'expired', 'cancelled'])
def test_every_outcome_has_its_own_count(outcome, twice):
    client = Client(twice, tasks=1)
    submit = client.first_submit()
    client.says(Outcome(submit.task_id, outcome, None, u'because', 1))
    assert client.ends == {outcome: 1}
    assert client.statistics.response_time.count == 0


def test_an_outcome_of_an_earlier_life_is_acknowledged_and_counted(twice):
    client = Client(twice)
    old = 'client-a:zzzzzzzz:1'
    assert client.says(Outcome(old, 'expired', None, None, 0)) == [OutcomeAck(old)]
    assert client.core.counts['unknown_outcomes'] >= 1


def test_without_any_answer_a_task_is_given_up_when_its_time_has_passed(twice):
    client = Client(twice, tasks=1, task_timeout_s=10)
    client.first_submit()
    client.wait(10 + OUTCOME_GRACE_S - 0.1)
    assert client.ends == {}
    client.wait(0.2)
    assert client.ends == {'given_up': 1}
    assert client.core.is_stopped


def test_a_refusal_with_advice_is_followed(twice):
    client = Client(twice, tasks=1)
    submit = client.first_submit()
    client.says(Refused(submit.task_id, 'queue_full', 2))
    assert of_type(client.wait(1.9), Submit) == []
    assert of_type(client.wait(1.2), Submit)
    assert client.core.counts['postponed'] == 1


def test_whoever_is_refused_again_and_again_asks_less_and_less_often(twice):
    client = Client(twice, tasks=1, task_timeout_s=60)
    submit = client.first_submit()
    waits = []
    while client.ends == {}:
        asked_at = client.now
        client.says(Refused(submit.task_id, 'queue_full', 1))
        while client.ends == {} and not of_type(client.wait(0.01), Submit):
            pass
        waits.append(client.now - asked_at)
    assert client.ends == {'refused': 1}
    # (At least, at most) for each; an even pace at the end would be a storm of those who have little time left.
    for wait_s, advice_s in zip(waits, [1, 2, 4, 5, 5, 5]):
        assert advice_s - 0.02 <= wait_s <= 1.5 * advice_s + 0.02
    assert len(waits) <= 20


def test_a_refusal_without_advice_is_the_end(twice):
    client = Client(twice, tasks=1)
    submit = client.first_submit()
    client.says(Refused(submit.task_id, 'not_yours', None))
    assert client.ends == {'refused': 1}


def test_advice_beyond_the_deadline_is_the_end(twice):
    client = Client(twice, tasks=1, task_timeout_s=5)
    submit = client.first_submit()
    client.says(Refused(submit.task_id, 'queue_full', 6))
    assert client.ends == {'refused': 1}


def test_an_old_copy_of_a_refusal_does_not_touch_an_accepted_task(twice):
    client = Client(twice, tasks=1)
    submit = client.first_submit()
    client.says(Accepted(submit.task_id))
    client.says(Refused(submit.task_id, 'not_yours', None))
    assert client.ends == {}
    client.done(submit)
    assert client.ends == {'done': 1}


def crowded(twice, tasks, **settings):
    """A client with that many tasks, the first of which were refused; they, and those that are still unanswered."""
    client = Client(twice, tasks=tasks, task_interval_s=[0, 0], **settings)
    submits = of_type([message for _, message in client.started_with], Submit)
    client.says(Refused(submits[0].task_id, 'queue_full', 2))
    return client, submits


def test_no_more_than_a_window_are_unanswered_and_each_answer_lets_the_next_go(twice):
    client = Client(twice, tasks=WINDOW_MAX + 10, task_interval_s=[0, 0])
    submits = of_type([message for _, message in client.started_with], Submit)
    assert len(submits) == WINDOW_MAX
    assert client.core.counts['kept_waiting'] == 10
    (following,) = of_type(client.says(Accepted(submits[0].task_id)), Submit)
    assert following.task_id.endswith(':%d' % (WINDOW_MAX + 1)), 'the oldest first'


def test_one_refusal_stops_all_then_a_few_go_and_two_more_for_each_that_is_accepted(twice):
    client, submits = crowded(twice, tasks=3 * WINDOW_MAX)
    for submit in submits[1:]:
        assert of_type(client.says(Refused(submit.task_id, 'queue_full', 2)), Submit) == []
    assert of_type(client.wait(1.9), Submit) == []
    few = []
    while not few:
        few = of_type(client.wait(0.1), Submit)
    assert [submit.task_id for submit in few] == [submit.task_id for submit in submits[:WINDOW_MIN]]
    assert len(of_type(client.says(Accepted(few[0].task_id)), Submit)) == 2
    assert len(of_type(client.done(few[1]), Submit)) == 2
    assert client.core.counts['postponed'] == WINDOW_MAX


def test_a_client_whose_tasks_were_refused_and_then_wait_says_refused_when_their_time_is_over(twice):
    client, submits = crowded(twice, tasks=WINDOW_MAX + 5, task_timeout_s=10)
    for submit in submits[1:]:
        client.says(Refused(submit.task_id, 'queue_full', 2))
    while not client.core.is_stopped:
        for submit in of_type(client.wait(0.1), Submit):
            client.says(Refused(submit.task_id, 'queue_full', 2))
    # At last the newest were let go, as far as the window held them; the others were never submitted.
    assert client.ends == {'refused': WINDOW_MAX + WINDOW_MIN, 'given_up': 5 - WINDOW_MIN}


def test_what_waits_is_cancelled_with_the_rest(twice):
    client, submits = crowded(twice, tasks=WINDOW_MAX + 5, drain_timeout_s=1, task_timeout_s=600)
    client.stop()
    assert len(of_type(client.wait(1.1), Cancel)) >= WINDOW_MAX + 5


def test_where_nobody_answers_less_and_less_is_new(twice):
    client = Client(twice, tasks=100, task_interval_s=[0.2, 0.2], task_timeout_s=600)
    # The window shrinks with every silence, until there is no room in it for any more.
    asked = [{submit.task_id for submit in of_type(client.wait(10), Submit)} for _ in range(6)]
    assert 10 < len(asked[0]) == len(asked[-1]) < 50
    assert client.statistics.waiting == 100


def test_another_life_of_the_dispatcher_may_have_room(twice):
    client, submits = crowded(twice, tasks=3)
    client.says(Accepted(submits[1].task_id))
    asked = of_type(client.says(Accepted(submits[2].task_id), life='eeeeeeee'), Submit)
    assert {submit.task_id for submit in asked} == {submit.task_id for submit in submits[:2]}


def test_a_new_life_of_the_dispatcher_is_asked_for_everything_at_once(twice):
    client = Client(twice, task_interval_s=[0.1, 0.1], in_flight_max=20)
    submits = of_type(client.wait(2.05), Submit)
    assert len(submits) >= 20
    for submit in submits:
        client.says(Accepted(submit.task_id))
    asked = client.says(Accepted(submits[0].task_id), life='eeeeeeee')
    assert len(of_type(asked, Submit)) == 20
    assert client.says(Accepted(submits[1].task_id), life='dddddddd') == [], 'an old life is no news'


def test_no_more_than_in_flight_max_are_out_and_the_rest_is_made_up_for(twice):
    client = Client(twice, in_flight_max=2)
    submits = {submit.task_id: submit for submit in of_type(client.wait(5.5), Submit)}
    assert len(submits) == 2
    (after,) = of_type(client.done(sorted(submits.values(), key=lambda s: s.task_id)[0]), Submit)
    assert after.task_id not in submits
    assert client.core.counts['held_back'] == 3


def test_in_a_closed_loop_each_answer_lets_the_next_task_go(twice):
    client = Client(twice, task_interval_s=[0, 0], in_flight_max=3, tasks=4)
    first = [message for _, message in client.started_with]
    assert len(first) == 3
    (fourth,) = of_type(client.done(first[0]), Submit)
    assert of_type(client.done(first[1]), Submit) == []
    client.done(first[2])
    client.done(fourth)
    assert client.core.is_stopped
    assert client.statistics.sent == 4


def test_a_client_that_was_suspended_does_not_make_up_for_the_time_in_a_burst():
    client = Client(False)
    client.wait(5)
    client.now += 100
    client.core.handle_timer(client.now)
    assert len(of_type([message for _, message in client._take()], Submit)) <= 6 + 5
    assert client.statistics.sent <= 7


def test_a_soft_stop_waits_for_what_is_out_and_sends_nothing_new(twice):
    client = Client(twice)
    submit = client.first_submit()
    client.says(Accepted(submit.task_id))
    client.stop()
    client.wait(3)
    assert client.statistics.sent == 1
    assert not client.core.is_stopped
    client.done(submit)
    assert client.core.is_stopped


def test_what_is_still_out_after_the_bounded_wait_is_cancelled(twice):
    client = Client(twice, drain_timeout_s=5)
    submit = client.first_submit()
    client.stop()
    sent = client.wait(5)
    assert of_type(sent, Cancel) == [Cancel(submit.task_id)]
    client.says(Outcome(submit.task_id, 'cancelled', None, None, 1))
    assert client.ends == {'cancelled': 1}
    assert client.core.is_stopped


def test_a_stop_ends_even_if_nobody_answers(twice):
    client = Client(twice, drain_timeout_s=5)
    client.first_submit()
    client.stop()
    client.wait(5 + CANCEL_WAIT_S + 0.1)
    assert client.core.is_stopped
    assert client.ends == {'given_up': 1}


def test_a_stop_at_once_closes_the_books():
    client = Client(False)
    client.wait(3.5)
    client.core.close_books(client.now)
    assert client.statistics.sent == client.statistics.unanswered == 3
    assert client.ends == {'given_up': 3}


def test_a_duration_ends_it_softly():
    client = Client(False, duration_s=4.5)
    client.wait(4.6)
    assert client.statistics.sent == 4
    assert client.told('draining')


def test_the_same_seed_sends_the_same_tasks_at_the_same_times():
    def run(seed):
        client = Client(False, seed=seed, task_interval_s=[0.1, 1])
        return [(submit.task_id, submit.payload) for submit in of_type(client.wait(20), Submit)]
    assert run(3) == run(3) != run(4)


def test_a_payload_that_is_too_large_is_refused_where_it_enters():
    client = Client(False)
    with pytest.raises(TooLarge) as caught:
        client.core.submit(client.now, u'x' * PAYLOAD_BYTES_MAX)
    assert str(PAYLOAD_BYTES_MAX) in str(caught.value)
    with pytest.raises(MisuseError):
        client.core.submit(client.now, float('nan'))
    with pytest.raises(MisuseError):
        client.core.submit(client.now, {1, 2})
    assert client.statistics.sent == 0
