"""The times that ``--check`` prints are those of the failure detector."""

from __future__ import absolute_import, division, print_function

import re

import pytest

from dispatcher.settings import SETTINGS
from net_protocol.time_line import INTERVALS_S, held_s, priority_line, sent_s, suspect_s, time_line, unreachable_s
from tests.fake_link import FakeLink


def settings(**changes):
    return SETTINGS.checked(changes)


def moves_after(chosen, interval_s, is_held, wait_s=0.0):
    """How long after the death of one of two calculators the other one gets its task.

    The calculator dies right after a heartbeat. It holds the task (``is_held``), or the task is submitted ``wait_s``
    after the death.
    """
    link = FakeLink()
    link.dispatcher(**chosen)
    doomed, _ = [link.calculator('calculator-%s' % letter, heartbeat_interval_s=interval_s,
                                 task_duration_s=[3600, 3600] if letter == 'a' else [0.01, 0.01]) for letter in 'ab']
    link.run(0.1 * interval_s)
    client = link.client(task_interval_s=[3600, 3600], task_timeout_s=3600)
    if is_held:
        submit_two(link, client)
        link.run(0.1 * interval_s)
    assert doomed.core.account(link.now)['running'] == is_held
    link.crash(doomed)
    died_at = link.now
    if not is_held:
        link.run(wait_s)
        submit_two(link, client)
    assert link.run_until(lambda: client.core.statistics.waiting == 0)
    return link.now - died_at


def submit_two(link, client):
    """Submit a task for each calculator, because the dispatcher may choose either of them first."""
    for _ in range(2):
        client.core.submit(link.now, 'ab')
    link._take_turn(client)


SETTINGS_TRIED = pytest.mark.parametrize('changes', [
    {}, {'answer_timeout_s': 3}, {'answer_timeout_s': 100}, {'suspect_after_missed': 1, 'dead_after_missed': 9},
], ids=repr)
#: The time of the network and of the task itself.
SLACK_S = 0.1


@SETTINGS_TRIED
@pytest.mark.parametrize('interval_s', [0.2, 5.0])
def test_tasks_held_by_a_dead_calculator_are_reassigned_within_the_limit(changes, interval_s):
    chosen = settings(task_timeout_s=3600, **changes)
    bound_s = held_s(chosen, interval_s)
    found_s = moves_after(chosen, interval_s, True)
    assert bound_s - interval_s <= found_s <= bound_s + SLACK_S


@SETTINGS_TRIED
@pytest.mark.parametrize('interval_s', [0.2, 1.0])
def test_tasks_sent_to_a_dead_calculator_are_reassigned_within_the_limit(changes, interval_s):
    chosen = settings(task_timeout_s=3600, **changes)
    bound_s = sent_s(chosen, interval_s)
    steps = 8
    found_s = [moves_after(chosen, interval_s, False, suspect_s(chosen, interval_s) * step / steps)
               for step in range(steps)]
    assert max(found_s) <= bound_s + SLACK_S
    # The limit is not much longer than necessary.
    assert max(found_s) >= 0.6 * bound_s - interval_s


def test_the_table_shows_that_a_task_has_expired():
    lines = time_line(settings(answer_timeout_s=5, task_timeout_s=5))
    rows = [re.split(r'\s{2,}', line.strip()) for line in lines[4:4 + len(INTERVALS_S)]]
    # With an interval of 1 s the answer time-out is at the deadline of the task.
    assert rows[:2] == [['5', '17.5', '27.5', '5, expired', '22.5, expired'], ['1', '3.5', '5.5', '5, expired', '5.5']]


def test_the_lines_below_the_table_have_the_other_times():
    lines = time_line(settings(answer_timeout_s=12.5, task_timeout_s=77))
    assert max(len(line) for line in lines) <= 120
    text = '\n'.join(lines)
    assert re.search(r'after 12\.5 .*answer_timeout_s', text)
    assert re.search(r'after 77 .*task_timeout_s', text)
    assert re.search(r'after 0\.55 .*no process listens', text)
    assert re.search(r'after 1 to 11\.25 .*acknowledged', text)
    assert unreachable_s() == [1, 11.25]


def test_an_answer_time_out_over_the_task_time_out_is_refused():
    with pytest.raises(ValueError):
        settings(answer_timeout_s=61)


def test_each_requested_interval_has_a_row():
    rows = [line.split() for line in time_line(settings(), [0.5, 5.0, 1.0, 0.5]) if re.match(r' +[0-9]', line)]
    assert [row[0] for row in rows] == ['5', '1', '0.5']
    assert rows[2] == ['0.5', '1.75', '2.75', '2.75', '2.75']


def test_the_line_of_the_highest_priority_has_its_longest_time():
    assert '90 s' in priority_line(settings()) and '27 s' in priority_line(settings(priority_ageing_s=3))
