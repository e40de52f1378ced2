"""The statistics of a client, for people and for programs."""

from __future__ import absolute_import, division, print_function

import json

import pytest

from client.requests import ENDS
from client.sentences import progress_line
from client.statistics import Statistics, shown_seconds
from net_protocol.rows import DONE

NO_TIMES = {'min': None, 'mean': None, 'max': None, 'p50': None, 'p95': None, 'p99': None}


def statistics(sent=0, times=(), **ends):
    """Statistics of a client that started at 100 s."""
    made = Statistics()
    made.started_at = 100.0
    made.sent = sent
    for end, count in ends.items():
        made.ends[end] += count
    for seconds in times:
        made.response_time.add(seconds)
    return made


def test_at_the_start_all_numbers_are_zero_or_none():
    assert Statistics().as_dict(5.0) == {
        'sent': 0, 'answered': 0, 'unanswered': 0, 'outcomes': dict.fromkeys(ENDS, 0), 'waiting': 0,
        'further_attempts': 0, 'duration_s': 0.0, 'response_time_s': NO_TIMES}


@pytest.mark.parametrize('end', ENDS)
def test_only_a_correct_result_is_an_answer(end):
    made = statistics(sent=1, **{end: 1})
    assert made.answered == (1 if end == DONE else 0)
    assert made.unanswered == 1 - made.answered
    assert made.waiting == 0


def test_the_duration_ends_with_the_client():
    made = statistics()
    assert made.as_dict(103.5)['duration_s'] == 3.5
    made.ended_at = 110.0
    assert made.as_dict(500.0)['duration_s'] == 10.0


def test_times_for_programs_are_rounded_to_microseconds():
    made = statistics(sent=3, times=[1 / 3.0, 2 / 3.0, 1e-9], done=3)
    facts = json.loads(json.dumps(made.as_dict(100 + 1 / 7.0)))
    times = facts['response_time_s']
    assert (facts['duration_s'], times['min'], times['mean'], times['max']) == (0.142857, 0.0, 0.333333, 0.666667)
    assert sorted(times) == sorted(NO_TIMES)
    assert all(seconds == round(seconds, 6) for seconds in times.values())


def test_text_for_people_leaves_out_what_is_zero():
    made = statistics(sent=12, times=[0.25, 2.0], done=2, expired=3, given_up=1)
    made.further_attempts = 4
    assert made.as_lines(108.0) == [
        'sent              12   in 8.0 s',
        'answered           2   0.2 a second',
        'unanswered        10   expired 3, given up 1, still open 6',
        'reassigned         4   attempts beyond the first',
        'response time, s   min 0.2500   mean 1.12   max 2.00   p50 0.2500   p95 1.99   p99 1.99',
    ]
    assert statistics().as_lines(100.0) == [
        'sent               0   in 0.0 s',
        'answered           0',
        'unanswered         0',
    ]


@pytest.mark.parametrize('seconds, text', [
    (None, '-'), (0.0, '0.0000'), (0.00012, '0.0001'), (0.99996, '1.0000'), (1.0, '1.00'), (1234.567, '1234.57')])
def test_a_time_from_one_second_has_two_decimals_and_a_shorter_one_four(seconds, text):
    assert shown_seconds(seconds) == text


def test_progress_is_one_line_of_text():
    assert progress_line(statistics()) == 'sent 0, answered 0, waiting 0'
    assert progress_line(statistics(sent=5, times=[0.1, 0.3], done=2, expired=1)) == (
        'sent 5, answered 2, waiting 2, response time last 0.3000 s, mean 0.2000 s')


@pytest.mark.parametrize('answered, shown', [(1, '0.01 a second'), (5, '0.05 a second'), (10, '0.1 a second'),
                                             (1234, '12.3 a second')])
def test_a_small_rate_is_not_rounded_to_zero(answered, shown):
    made = statistics(sent=answered, done=answered)
    assert made.as_lines(200.0)[1] == 'answered    %8d   %s' % (answered, shown)
