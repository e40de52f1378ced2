"""The core of a client with notional tasks."""

from __future__ import absolute_import, division, print_function

import pytest

from client.admission import WINDOW_MAX
from client.core import CANCEL_WAIT_S, STEPS_MAX
from net_protocol import notional
from net_protocol.errors import MisuseError, TooLarge
from net_protocol.limits import PAYLOAD_BYTES_MAX
from net_protocol.schedule import OUTCOME_GRACE_S, PING_INTERVAL_S
from tests.client.driver import Client, closed_loop, of_kind


@pytest.fixture
def client(twice):
    return Client(twice, tasks=1)


@pytest.fixture
def endless():
    return Client()


def busy_client(tasks, **settings):
    """A client in a closed loop, all of whose tasks are submitted and acknowledged."""
    client, rows = closed_loop(in_flight_max=tasks, **settings)
    rows += of_kind(client.wait(0), 'submit')
    while len(rows) < tasks:
        rows += of_kind(client.acknowledge('submit', *rows), 'submit')
    return client


# Submits and outcomes.

def test_an_acknowledged_submit_is_not_repeated(client):
    row = client.first_submit()
    assert (row[0], row[2]) == (1, 60) and len(row[1]) == 100
    assert client.acknowledge('submit', row) == []
    assert of_kind(client.wait(20), 'submit') == []
    assert client.lose('submit', row), 'the dispatcher may have refused the copy that was acknowledged'


def test_tasks_wait_for_an_open_channel_with_room(twice):
    client = Client(twice, incarnation=None)
    assert client.wait(3.5) == []
    assert [row[0] for row in of_kind(client.reopen(), 'submit')] == [1, 2, 3]
    client.channel.has_room = False
    assert client.wait(3) == []
    client.channel.has_room = True
    assert [row[0] for row in of_kind(client.wait(0.5), 'submit')] == [4, 5, 6, 7]


def test_a_lost_submit_is_resent_with_the_time_that_is_left(client):
    row = client.first_submit()
    client.wait(10)
    assert client.lose('submit', row) == [[1, row[1], 50]]
    client.done(row)
    assert client.lose('submit', row) == [], 'it is over'


def test_a_result_ends_a_task(client):
    row = client.first_submit()
    client.wait(2)
    client.done(row)
    assert client.core.is_stopped
    assert (client.statistics.answered, client.statistics.unanswered) == (1, 0)
    assert client.statistics.response_time.max_s == pytest.approx(2)


def test_a_second_outcome_changes_nothing(twice):
    client = Client(twice, tasks=2)
    row = client.first_submit()
    client.done(row)
    client.hear('ended', [row[0], 'failed', u'no', 1])
    assert client.ends == {'done': 1}
    assert client.core.counts['duplicate_outcomes'] >= 1


def test_the_result_of_another_task_is_wrong(client):
    row = client.first_submit()
    client.hear('done', [row[0], notional.compute(u'another'), 1])
    assert client.ends == {'wrong': 1}
    assert (client.statistics.answered, client.statistics.unanswered) == (0, 1)


@pytest.mark.parametrize('outcome', ['failed', 'expired', 'cancelled'])
def test_every_outcome_has_its_own_count(client, outcome):
    row = client.first_submit()
    client.hear('ended', [row[0], outcome, u'because', 1])
    assert client.ends == {outcome: 1}
    assert client.statistics.response_time.number == 0


def test_outcomes_of_other_incarnations_and_unknown_tasks_are_counted(endless):
    endless.hear('done_before', [u'zzzzzzzz', 1, u'00000000', 1])
    endless.hear('ended_before', [u'zzzzzzzz', 2, 'expired', None, 0])
    endless.hear('ended', [77, 'expired', None, 0])
    counts = endless.core.counts
    assert (counts['outcomes_of_former'], counts['unknown_outcomes'], counts['duplicate_outcomes']) == (2, 1, 0)


def test_open_is_the_lowest_number_of_an_open_task(twice):
    client, rows = closed_loop(twice, in_flight_max=3, tasks=5)
    assert client.channel.open == 1
    client.done(rows[1])
    assert client.channel.open == 1
    client.done(rows[0])
    assert client.channel.open == 3
    client.hear('ended', [3, 'failed', None, 1], [4, 'failed', None, 1], [5, 'failed', None, 1])
    assert client.channel.open == 6


@pytest.mark.parametrize('incarnation, given_up_s', [('dddddddd', 11 + OUTCOME_GRACE_S), (None, 11)])
def test_a_task_without_an_outcome_is_given_up(incarnation, given_up_s, twice):
    # After 1 s the task is submitted, if the channel is open. Only the outcome of a submitted task can come late.
    client = Client(twice, tasks=1, task_timeout_s=10, incarnation=incarnation)
    client.acknowledge('submit', *of_kind(client.wait(1), 'submit'))
    client.wait(given_up_s - 1.1)
    assert client.ends == {}
    client.wait(0.2)
    assert client.ends == {'given_up': 1}
    assert client.core.is_stopped


@pytest.mark.parametrize('incarnation', [None, 'dddddddd'])
def test_many_tasks_that_expire_together_end_in_portions(incarnation):
    client = Client(task_interval_s=[0, 0], in_flight_max=2500, tasks=2500, task_timeout_s=10, incarnation=incarnation)
    client.wait(1)
    assert client.statistics.sent == 2500
    client.now += 100
    ended = []
    while not client.core.is_stopped:
        before = client.statistics.waiting
        client.core.handle_timer(client.now)
        client.turn()
        ended.append(before - client.statistics.waiting)
    assert sum(ended) == 2500 and max(ended) <= 2 * STEPS_MAX and len(ended) >= 2


def test_a_silent_client_with_open_tasks_sends_pings(client):
    assert of_kind(client.wait(1), 'ping') == []
    assert [len(of_kind(client.wait(seconds), 'ping')) for seconds in (
        PING_INTERVAL_S - 0.1, 0.2, 3 * PING_INTERVAL_S)] == [0, 1, 3]


def test_a_client_that_submits_or_has_no_open_task_sends_no_ping(endless):
    assert of_kind(endless.wait(30), 'ping') == []
    idle = Client(task_interval_s=[1000, 1000])
    assert idle.wait(30) == []


# The channel opens again.

def test_all_tasks_are_resubmitted_to_another_incarnation_of_the_dispatcher(twice):
    client, rows = closed_loop(twice, in_flight_max=20)
    client.acknowledge('submit', *rows[:10])
    resubmitted = of_kind(client.reopen('eeeeeeee'), 'submit')
    assert [row[0] for row in resubmitted] == list(range(1, 21))
    assert client.emitted('dispatcher_restarted') == [{'waiting': 20}]
    client.acknowledge('submit', *rows)
    assert client.core._admission.unanswered == 20, 'acknowledgements of the former channel do not count'
    client.acknowledge('submit', *resubmitted)
    assert client.core._admission.unanswered == 0


def test_all_tasks_are_resubmitted_to_the_same_incarnation_without_an_event(twice):
    client, rows = closed_loop(twice, in_flight_max=20)
    client.done(rows[3])
    assert [row[0] for row in of_kind(client.reopen(), 'submit')] == [1, 2, 3] + list(range(5, 22))
    assert client.emitted('dispatcher_restarted') == []
    assert client.core.counts['dispatcher_restarts'] == 0 and client.core.counts['channel_openings'] == 2


def test_another_incarnation_ends_the_pause(twice):
    client, rows = closed_loop(twice, in_flight_max=3)
    client.refused(rows[0])
    assert of_kind(client.reopen(), 'submit') and not client.core._admission.allowance()
    assert [row[0] for row in of_kind(client.reopen('eeeeeeee'), 'submit')] == [2, 3, 1]


def test_tasks_are_resubmitted_in_portions_while_the_channel_has_room():
    client = busy_client(2500)
    client.reopen('eeeeeeee')
    first = client.core._examined
    assert first == STEPS_MAX + 1
    client.channel.has_room = False
    assert client.wait(1) == []
    client.channel.has_room = True
    resubmitted = []
    while client.core._examined <= 2500:
        portion = of_kind(client.turn(), 'submit')
        assert len(portion) <= STEPS_MAX
        resubmitted += portion
    assert [row[0] for row in resubmitted] == list(range(first, 2501))


def test_another_opening_restarts_the_resubmission_at_the_lowest_number():
    client = Client(task_interval_s=[0, 0], in_flight_max=2000)
    client.wait(0)
    client.reopen('eeeeeeee')
    rows = of_kind(client.reopen('ffffffff') + client.wait(0), 'submit')
    assert [row[0] for row in rows][:WINDOW_MAX] == list(range(1, WINDOW_MAX + 1))


# New tasks.

def test_tasks_over_in_flight_max_are_held_back(twice):
    client = Client(twice, in_flight_max=2)
    rows = of_kind(client.wait(5.5), 'submit')
    assert len(rows) == 2
    (third,) = of_kind(client.done(rows[0]), 'submit')
    assert third[0] == 3
    assert client.core.account(client.now)['counts']['held_back'] == 3


def test_the_response_time_of_a_held_back_task_counts_from_its_intended_time():
    client = Client(in_flight_max=1, task_interval_s=[1, 1])
    client.core.trace = True
    (first,) = of_kind(client.wait(1.0), 'submit')
    client.wait(3.5)
    (second,) = of_kind(client.done(first), 'submit')
    client.wait(1.0)
    client.done(second)
    times = [facts['response_time_s'] for facts in client.emitted('answered')]
    # The intended times are 1 and 2 s; the tasks are done at 4.5 and 5.5 s.
    assert times == [pytest.approx(3.5), pytest.approx(3.5)]


def test_in_a_closed_loop_the_next_task_follows_each_answer(twice):
    client, rows = closed_loop(twice, in_flight_max=3, tasks=4)
    assert len(rows) == 3
    (fourth,) = of_kind(client.done(rows[0]), 'submit')
    assert of_kind(client.done(rows[1]), 'submit') == []
    client.done(rows[2], fourth)
    assert client.core.is_stopped
    assert client.statistics.sent == 4


def test_a_client_with_0_tasks_ends_at_once():
    assert Client(tasks=0).core.is_stopped


def test_a_wrong_payload_is_an_error_of_submit(endless):
    with pytest.raises(TooLarge) as caught:
        endless.core.submit(endless.now, u'x' * PAYLOAD_BYTES_MAX)
    assert str(PAYLOAD_BYTES_MAX) in str(caught.value)
    with pytest.raises(MisuseError):
        endless.core.submit(endless.now, float('nan'))
    with pytest.raises(MisuseError):
        endless.core.submit(endless.now, {1, 2})
    assert endless.statistics.sent == 0
    assert endless.core.submit(endless.now, u'x') == 'client-a:cccccccc:1'
    assert endless.core.next_timer() <= endless.now
    assert of_kind(endless.turn(), 'submit') == [[1, u'x', 60]]


# The end.

def test_a_drain_waits_for_open_tasks_and_sends_no_new_ones(twice):
    client = Client(twice)
    row = client.first_submit()
    client.acknowledge('submit', row)
    client.stop()
    client.wait(3)
    assert client.statistics.sent == 1
    assert not client.core.is_stopped
    client.done(row)
    assert client.core.is_stopped


def test_a_drain_cancels_tasks_that_were_not_submitted(twice):
    client, rows = closed_loop(twice, tasks=2 * WINDOW_MAX, in_flight_max=2 * WINDOW_MAX)
    assert client.stop() == []
    assert client.ends == {'cancelled': WINDOW_MAX}
    for row in rows:
        client.done(row)
    assert client.core.is_stopped


def test_refused_tasks_are_resubmitted_during_the_drain(twice):
    client, rows = closed_loop(twice, tasks=2, drain_timeout_s=5)
    client.refused(rows[0])
    client.refused(rows[1], datagram=1)
    client.stop()
    resubmitted = of_kind(client.wait(3.1), 'submit')
    assert len(resubmitted) == 2
    client.refused(resubmitted[0])
    # Only the other one needs a cancel.
    assert of_kind(client.wait(2), 'cancel') == [[resubmitted[1][0]]]
    assert client.ends == {'cancelled': 1}


def test_open_tasks_are_cancelled_at_the_end_of_the_drain(twice):
    client = Client(twice, drain_timeout_s=5)
    row = client.first_submit()
    client.stop()
    assert of_kind(client.wait(5), 'cancel') == [[row[0]]]
    assert client.lose('submit', row) == []
    assert client.lose('cancel', [row[0]]) == [[row[0]]]
    assert of_kind(client.reopen(), 'cancel') == [[row[0]]]
    client.hear('ended', [row[0], 'cancelled', None, 1])
    assert client.ends == {'cancelled': 1}
    assert client.core.is_stopped


def test_a_refusal_ends_a_task_that_is_being_cancelled(twice):
    client = Client(twice, drain_timeout_s=0)
    row = client.first_submit()
    submitted_in = client.datagrams
    client.stop()
    client.wait(0)
    client.refused(row, submitted_in)
    assert client.ends == {'cancelled': 1}


@pytest.mark.parametrize('is_open', [True, False])
def test_a_stop_ends_without_a_dispatcher(is_open, twice):
    client = Client(twice, drain_timeout_s=5)
    client.first_submit()
    client.channel.is_open = client.channel.has_room = is_open
    client.stop()
    client.wait(5 + CANCEL_WAIT_S + 0.1)
    assert client.core.is_stopped
    assert client.ends == {'given_up': 1}


def test_many_tasks_are_cancelled_and_given_up_in_portions():
    client = busy_client(2500, drain_timeout_s=1)
    client.stop()
    cancels = of_kind(client.wait(1.1), 'cancel')
    assert cancels == [[number] for number in range(1, 2501)]
    client.wait(CANCEL_WAIT_S)
    assert client.ends == {'given_up': 2500} and client.core.is_stopped


def test_close_gives_up_all_tasks_at_once(endless):
    endless.wait(3.5)
    endless.core.close(endless.now)
    assert endless.statistics.sent == endless.statistics.unanswered == 3
    assert endless.ends == {'given_up': 3} and endless.core.is_stopped
    assert endless.turn() == []


def test_after_its_duration_a_client_drains():
    client = Client(duration_s=4.5)
    client.wait(4.6)
    assert client.statistics.sent == 4
    assert client.emitted('draining')
