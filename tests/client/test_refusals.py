"""The client's core: submits that are refused, and how many go at a time."""

from __future__ import absolute_import, division, print_function

import pytest

from client.admission import WINDOW_MAX, WINDOW_MIN
from net_protocol.limits import NUMBERS_AHEAD_MAX
from tests.client.driver import Client, closed_loop, of_kind


@pytest.fixture
def client(twice):
    return Client(twice, tasks=1)


def test_a_refusal_with_advice_is_followed(client):
    client.refused(client.first_submit())
    assert of_kind(client.wait(1.9), 'submit') == []
    assert of_kind(client.wait(1.2), 'submit')
    assert client.core.counts['postponed'] == 1


def test_repeated_refusals_lengthen_the_pause_up_to_a_bound(client):
    row = client.first_submit()
    waits = []
    while client.ends == {}:
        asked_at, again = client.now, []
        client.core.acknowledged(client.now, client.channel, 'submit', [row])
        client.refused(row, retry_after_s=1)
        while client.ends == {} and not again:
            again = of_kind(client.wait(0.05), 'submit')
        row = again[0] if again else row
        waits.append(client.now - asked_at)
    assert client.ends == {'refused': 1}
    for wait_s, advice_s in zip(waits, [1, 2, 4, 5, 5, 5]):
        assert advice_s - 0.01 <= wait_s <= 1.5 * advice_s + 0.06
    assert len(waits) <= 20


def test_a_refusal_without_advice_is_the_end(client):
    client.refused(client.first_submit(), retry_after_s=None)
    assert client.ends == {'refused': 1}
    assert [facts['task_id'] for facts in client.emitted('refused')] == ['client-a:cccccccc:1']


def test_advice_beyond_the_deadline_is_the_end(twice):
    client = Client(twice, tasks=1, task_timeout_s=5)
    client.refused(client.first_submit(), retry_after_s=6)
    assert client.ends == {'refused': 1}


def test_a_refusal_counts_after_the_acknowledgement_too(client):
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


def test_a_refusal_that_comes_again_while_the_next_submit_waits_for_the_window_does_not_count(client):
    row = client.first_submit()
    refused = client.datagrams
    client.refused(row)
    client.wait(1.9)
    client.channel.is_open = False
    client.wait(1.2)
    client.refused(row, datagram=refused)
    assert client.core.counts['postponed'] == 1 and client.core.counts['stale_refusals'] >= 1


def test_copies_from_before_a_refusal_neither_go_again_nor_count_as_accepted(client):
    old = client.first_submit()
    client.refused(old)
    assert client.lose('submit', old) == []
    (new,) = of_kind(client.wait(3.1), 'submit')
    client.acknowledge('submit', old)
    assert client.core._admission.unanswered == 1
    assert client.lose('submit', old) == [] and client.lose('submit', new) == [new]
    client.acknowledge('submit', new)
    assert client.core._admission.unanswered == 0


def test_a_client_that_gives_up_submits_a_refused_task_no_more_and_the_next_one_at_once(twice):
    client = Client(twice, on_refused='give_up', task_interval_s=[1, 1])
    client.refused(client.first_submit())
    assert client.ends == {'refused': 1}
    assert [row[0] for row in of_kind(client.wait(1.0), 'submit')] == [2]


def test_the_acknowledgement_of_a_refused_submit_does_not_widen_the_window(twice):
    client, rows = closed_loop(twice, in_flight_max=50)
    for kind in ('submit', 'refused'):
        for row in rows:
            if kind == 'submit':
                client.core.acknowledged(client.now, client.channel, 'submit', [row])
            else:
                client.core._on_refused(client.now, client.channel, [[row[0], client.datagrams, 'queue_full', 2]])
    client.turn()
    again = of_kind(client.wait(3.1), 'submit')
    assert [row[0] for row in again] == [1, 2, 3, 4] and WINDOW_MIN == 4


def test_no_more_than_a_window_are_unanswered_and_each_acceptance_lets_the_next_go(twice):
    client, rows = closed_loop(twice, tasks=WINDOW_MAX + 10)
    assert len(rows) == WINDOW_MAX
    (following,) = of_kind(client.acknowledge('submit', rows[0]), 'submit')
    assert following[0] == WINDOW_MAX + 1


def test_one_refusal_stops_all_then_a_few_go_and_two_more_for_each_that_is_accepted(twice):
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


def test_refusals_of_submits_from_before_the_pause_do_not_begin_another(twice):
    client, rows = closed_loop(twice, in_flight_max=10)
    client.refused(rows[0], datagram=1)
    assert len(of_kind(client.wait(3.1), 'submit')) == 0, 'more are unanswered than the window has'
    for row in rows[1:]:
        again = client.refused(row, datagram=1)
    assert of_kind(again, 'submit'), 'the pause is over'


def test_tasks_whose_time_ends_while_they_are_held_are_refused_or_given_up(twice):
    client, rows = closed_loop(twice, tasks=WINDOW_MAX + 5, in_flight_max=2 * WINDOW_MAX, task_timeout_s=10)
    sent, datagram = rows, 1
    while not client.core.is_stopped:
        for row in sent:
            client.refused(row, datagram)
        sent = of_kind(client.wait(0.1), 'submit')
        datagram = client.datagrams
    assert sum(client.ends.values()) == WINDOW_MAX + 5
    assert client.ends['refused'] >= WINDOW_MAX


def test_a_number_that_is_too_far_ahead_waits_for_the_lowest_open_task():
    client, rows = closed_loop(tasks=4, in_flight_max=2)
    client.statistics.sent += NUMBERS_AHEAD_MAX
    client.statistics.ends['done'] += NUMBERS_AHEAD_MAX
    client.core._arrivals._left = 2
    assert of_kind(client.done(rows[1]), 'submit') == []
    assert client.turn() == [] and client.core.next_timer() > client.now
    assert of_kind(client.done(rows[0]), 'submit')
    client.wait(0)
    assert client.channel.open == NUMBERS_AHEAD_MAX + 3 and client.core.next_timer() > client.now
