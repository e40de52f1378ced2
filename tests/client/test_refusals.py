"""The core of a client: refused submits, and the window of unanswered submits."""

from __future__ import absolute_import, division, print_function

import pytest

from client.admission import WINDOW_MAX, WINDOW_MIN
from net_protocol.limits import NUMBERS_AHEAD_MAX
from tests.client.driver import Client, closed_loop, of_kind


@pytest.fixture
def client(twice):
    return Client(twice, tasks=1)


def test_a_refused_task_is_resubmitted_after_the_advised_time(client):
    client.refused(client.first_submit())
    assert of_kind(client.wait(1.9), 'submit') == []
    assert of_kind(client.wait(1.2), 'submit')
    assert client.core.counts['postponed'] == 1


@pytest.mark.parametrize('retry_after_s', [None, 61], ids=['no advice', 'beyond the deadline'])
def test_a_refusal_without_useful_advice_ends_the_task(client, retry_after_s):
    client.refused(client.first_submit(), retry_after_s=retry_after_s)
    assert client.ends == {'refused': 1}
    assert [facts['task_id'] for facts in client.emitted('refused')] == ['client-a:cccccccc:1']


def test_a_refusal_after_the_acknowledgement_counts(client):
    row = client.first_submit()
    client.acknowledge('submit', row)
    client.refused(row)
    assert of_kind(client.wait(3.1), 'submit')


def test_a_refusal_counts_only_for_the_last_datagram_that_carried_the_submit(client):
    row = client.first_submit()
    first = client.datagrams
    client.lose('submit', row)
    client.refused(row, datagram=first, retry_after_s=None)
    assert client.ends == {} and client.core.counts['stale_refusals'] >= 1
    client.refused(row, retry_after_s=None)
    assert client.ends == {'refused': 1}


def test_a_copy_of_a_refusal_does_not_count_while_the_task_waits_for_the_channel(client):
    row = client.first_submit()
    refused = client.datagrams
    client.refused(row)
    client.wait(1.9)
    client.channel.is_open = False
    client.wait(1.2)
    client.refused(row, datagram=refused)
    assert client.core.counts['postponed'] == 1 and client.core.counts['stale_refusals'] >= 1


def test_a_submit_from_before_a_refusal_is_not_resent_and_its_acknowledgement_does_not_count(client):
    old = client.first_submit()
    client.refused(old)
    assert client.lose('submit', old) == []
    (new,) = of_kind(client.wait(3.1), 'submit')
    client.acknowledge('submit', old)
    assert client.core._admission.unanswered == 1
    assert client.lose('submit', old) == [] and client.lose('submit', new) == [new]
    client.acknowledge('submit', new)
    assert client.core._admission.unanswered == 0


def test_with_on_refused_give_up_a_refused_task_ends_and_the_next_one_is_submitted(twice):
    client = Client(twice, on_refused='give_up', task_interval_s=[1, 1])
    client.refused(client.first_submit())
    assert client.ends == {'refused': 1}
    assert [row[0] for row in of_kind(client.wait(1.0), 'submit')] == [2]


def test_the_acknowledgement_of_a_refused_submit_does_not_widen_the_window(twice):
    client, rows = closed_loop(twice, in_flight_max=50)
    client.core.acknowledged(client.now, client.channel, 'submit', rows)
    client.hear('refused', *[[row[0], client.datagrams, 'queue_full', 2] for row in rows])
    resent = of_kind(client.wait(3.1), 'submit')
    assert [row[0] for row in resent] == [1, 2, 3, 4] and WINDOW_MIN == 4


def test_after_the_pause_two_tasks_are_submitted_for_each_accepted_one(twice):
    client, rows = closed_loop(twice, tasks=3 * WINDOW_MAX, in_flight_max=3 * WINDOW_MAX)
    for row in rows:
        assert of_kind(client.refused(row, datagram=1), 'submit') == []
    assert of_kind(client.wait(1.9), 'submit') == []
    few = []
    while not few:
        few = of_kind(client.wait(0.1), 'submit')
    assert [row[0] for row in few] == [row[0] for row in rows[:WINDOW_MIN]]
    assert len(of_kind(client.acknowledge('submit', few[0]), 'submit')) == 2
    assert len(of_kind(client.done(few[1]), 'submit')) == 2
    assert client.core.counts['postponed'] == WINDOW_MAX


def test_a_refusal_of_a_submit_from_before_the_pause_begins_no_pause(twice):
    client, rows = closed_loop(twice, in_flight_max=10)
    client.refused(rows[0], datagram=1)
    assert len(of_kind(client.wait(3.1), 'submit')) == 0, 'more are unanswered than the window has'
    for row in rows[1:]:
        sent = client.refused(row, datagram=1)
    assert of_kind(sent, 'submit'), 'the pause is over'


def test_held_tasks_that_expire_are_refused_or_given_up(twice):
    client, rows = closed_loop(twice, tasks=WINDOW_MAX + 5, in_flight_max=2 * WINDOW_MAX, task_timeout_s=10)
    sent, datagram = rows, 1
    while not client.core.is_stopped:
        for row in sent:
            client.refused(row, datagram)
        sent = of_kind(client.wait(0.1), 'submit')
        datagram = client.datagrams
    assert sum(client.ends.values()) == WINDOW_MAX + 5
    assert client.ends['refused'] >= WINDOW_MAX


def test_a_number_too_far_ahead_waits_for_the_end_of_the_lowest_open_task():
    client, rows = closed_loop(tasks=4, in_flight_max=2)
    client.statistics.sent += NUMBERS_AHEAD_MAX
    client.statistics.ends['done'] += NUMBERS_AHEAD_MAX
    client.core._arrivals._left = 2
    assert of_kind(client.done(rows[1]), 'submit') == []
    assert client.turn() == [] and client.core.next_timer() > client.now
    assert of_kind(client.done(rows[0]), 'submit')
    client.wait(0)
    assert client.channel.open == NUMBERS_AHEAD_MAX + 3 and client.core.next_timer() > client.now
