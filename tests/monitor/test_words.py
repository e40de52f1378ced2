"""The sentences of the monitor."""

from __future__ import absolute_import, division, print_function

import re

import pytest

from common import report
from dispatcher.tasks import ATTEMPT_ENDS
from monitor import words
from net_protocol.rows import REFUSALS

HOSTILE = u'<script>\x1b[2J\r\n\u202eevil\u2028</script>'


def test_every_end_refusal_wait_and_timer_has_words():
    assert set(words.ENDS) == set(ATTEMPT_ENDS)
    assert set(words.REFUSALS) >= set(REFUSALS)
    assert set(words._WAITS) == set(report.WAITS)
    assert set(words._THEN) == set(report.TIMERS)


@pytest.mark.parametrize('kind', sorted(words.EVENTS) + ['of a later version'])
@pytest.mark.parametrize('value', [HOSTILE, None, 7, 0.5, [], {}], ids=repr)
def test_a_sentence_of_an_event_has_only_printable_characters(kind, value):
    names = ['calculator', 'address', 'old_address', 'limit', 'why', 'held', 'silence_s', 'was', 'task_id', 'attempt',
             'reason', 'outcome', 'attempts', 'seconds', 'running', 'waiting']
    for facts in (dict.fromkeys(names, value), {}):
        _, sentence = words.event(kind, facts)
        assert re.match(r'[ -~]+\Z', sentence)


def test_the_sentence_of_an_event_has_its_facts():
    assert words.event('died', {'calculator': 'calculator-a', 'silence_s': 2.5, 'held': 1}) == (
        words.LOUD, 'Calculator calculator-a is dead: silent for 2.5 s; requeued: 1 task.')
    facts = {'task_id': 'client-1:aaaaaaaa:17', 'attempt': 2, 'calculator': 'c', 'reason': 'timed_out'}
    assert words.event('reassigned', facts)[1] == 'Task client-1:17 lost attempt 2 on c: no answer in time.'


@pytest.mark.parametrize('value, expected', [
    (None, '-'), (0, '0 ms'), (0.0123, '12 ms'), (0.34, '0.34 s'), (1.26, '1.3 s'), (12.3, '12 s'), (119.4, '119 s'),
    (119.6, '2 min 00 s'), (3599, '59 min 59 s'), (3600, '60 min 00 s'), (6000, '1 h 40 min'), (200000, '2 d 08 h')])
def test_a_duration_has_two_or_three_digits(value, expected):
    assert words.seconds(value) == expected


@pytest.mark.parametrize('rows', [
    [], [['facts', 'task', {}]], [['facts', 'task', {'state': HOSTILE}]],
    [['facts', 'task', {'state': 'done', 'reason': HOSTILE}], ['try', 1, HOSTILE, 1.0, True, 0.5, HOSTILE]],
    [['facts', 'task', {'state': 'waiting'}], ['facts', 'waits_for', {'what': 'all_busy'}],
     ['facts', 'next', {'timer': 'expire'}]]])
def test_a_story_has_only_printable_characters(rows):
    for line in words.story(u'client-1:aaaaaaaa:17', rows):
        assert re.match(r'[ -~]+\Z', line)


def test_a_failed_task_has_the_ends_of_its_attempts_in_the_words_of_the_log():
    row = ['client-1:aaaaaaaa:17', 'scale', '[[1], {}]', HOSTILE, 2, 3.2,
           [[1, 'a', 'child_died'], [2, 'b', 'timed_out'], [3, 'c', HOSTILE]]]
    lines = words.failed_lines(row)
    assert lines[0].startswith('client-1:aaaaaaaa:17 failed 3 s ago after 2 attempts: ')
    assert lines[1:4] == ['  scale [[1], {}]', '  attempt 1 on a: the process that ran the function died',
                          '  attempt 2 on b: no answer in time']
    assert all(re.match(r'[ -~]+\Z', line) for line in lines)
