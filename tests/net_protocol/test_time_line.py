"""What ``--check`` prints about a death is what the failure detector does."""

from __future__ import absolute_import, division, print_function

import re

import pytest

from dispatcher.settings import SETTINGS
from net_protocol.schedule import HINT_PING_S, HINT_PINGS
from net_protocol.time_line import (
    INTERVALS_S, REPORTED_S, dead_s, held_s, priority_line, sent_s, suspect_s, time_line, unreachable_s)
from tests.fake_link import FakeLink


def settings(**changes):
    return SETTINGS.checked(changes)


def moves_after(chosen, interval_s, is_held, wait_s=0.0):
    """How long after the death of one of two calculators the other one has its task.

    It dies right after a heartbeat, holding the task (``is_held``), or idle, and the task comes ``wait_s`` later.
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
    """One for each calculator: nobody knows which of them is given the first."""
    for _ in range(2):
        client.core.submit(link.now, 'ab')
    link._take_turn(client)


SETTINGS_TRIED = pytest.mark.parametrize('changes', [
    {}, {'answer_timeout_s': 3}, {'answer_timeout_s': 100}, {'suspect_after_missed': 1, 'dead_after_missed': 9},
], ids=repr)
#: What the network and the work of a moment add to a bound.
SLACK_S = 0.1


@SETTINGS_TRIED
@pytest.mark.parametrize('interval_s', [0.2, 1.0, 5.0])
def test_tasks_of_a_dead_calculator_run_elsewhere_within_the_bound(changes, interval_s):
    chosen = settings(task_timeout_s=3600, **changes)
    bound_s = held_s(chosen, interval_s)
    found_s = moves_after(chosen, interval_s, True)
    assert bound_s - interval_s <= found_s <= bound_s + SLACK_S


@SETTINGS_TRIED
@pytest.mark.parametrize('interval_s', [0.2, 1.0])
def test_tasks_that_are_still_sent_to_it_run_elsewhere_within_the_bound(changes, interval_s):
    chosen = settings(task_timeout_s=3600, **changes)
    bound_s = sent_s(chosen, interval_s)
    steps = 8
    found_s = [moves_after(chosen, interval_s, False, suspect_s(chosen, interval_s) * step / steps)
               for step in range(steps)]
    assert max(found_s) <= bound_s + SLACK_S
    # And it is not a bound that anything would keep.
    assert max(found_s) >= 0.6 * bound_s - interval_s


def test_if_the_system_reports_that_no_process_listens_they_run_elsewhere_sooner():
    link = FakeLink()
    dispatcher = link.dispatcher()
    doomed, _ = [link.calculator('calculator-%s' % letter, task_duration_s=[5, 5] if letter == 'a' else [0.01, 0.01])
                 for letter in 'ab']
    link.run(0.1)
    client = link.client(task_interval_s=[3600, 3600])
    submit_two(link, client)
    link.run(0.1)
    assert doomed.core.account(link.now)['running'] == 1
    link.crash(doomed)
    died_at, seen = link.now, [len(link.sent)]

    def is_moved():
        # What a system with ICMP does: every datagram to the dead address is answered by an error.
        while seen[0] < len(link.sent):
            target = link.sent[seen[0]][2]
            seen[0] += 1
            if target == doomed.address:
                dispatcher.turn.note_unreachable(link.now, target)
        return dispatcher.core.counts['attempt_not_listening'] == 1
    assert link.run_until(is_moved, 5)
    assert link.now - died_at <= REPORTED_S + SLACK_S
    assert REPORTED_S == 0.25 + HINT_PINGS * HINT_PING_S


def cells_of(chosen):
    """The rows of the table, cell by cell."""
    lines = time_line(chosen)
    rows = lines[4:4 + len(INTERVALS_S)]
    assert lines[4 + len(INTERVALS_S)] == ''
    return [re.split(r'\s{2,}', row.strip()) for row in rows]


@pytest.mark.parametrize('changes', [{}, {'suspect_after_missed': 1, 'dead_after_missed': 2},
                                     {'dead_after_missed': 1000, 'answer_timeout_s': 59}], ids=repr)
def test_the_table_has_the_numbers_of_the_settings(changes):
    chosen = settings(**changes)
    columns = (suspect_s, dead_s, held_s, sent_s)
    rows = [[float(cell) for cell in cells] for cells in cells_of(chosen)]
    assert rows == [[interval_s] + [pytest.approx(column(chosen, interval_s), rel=1e-5) for column in columns]
                    for interval_s in INTERVALS_S]


def test_by_default_a_calculator_is_suspect_before_it_is_dead():
    assert cells_of(settings()) == [['5', '17.5', '27.5', '10', '27.5'], ['1', '3.5', '5.5', '5.5', '5.5'],
                                    ['0.2', '0.7', '1.1', '1.1', '1.1']]


def test_a_task_that_has_less_time_than_that_has_expired_by_then():
    rows = cells_of(settings(answer_timeout_s=5, task_timeout_s=5))
    assert rows[0] == ['5', '17.5', '27.5', '5, expired', '22.5, expired']
    # The answer time-out comes at the very moment of its deadline.
    assert rows[1] == ['1', '3.5', '5.5', '5, expired', '5.5']


def test_the_lines_below_name_the_other_ways_and_their_times():
    text = '\n'.join(time_line(settings(answer_timeout_s=12.5, task_timeout_s=77)))
    assert re.search(r'after 12\.5 .*answer_timeout_s', text)
    assert re.search(r'after 77 .*task_timeout_s', text)
    assert re.search(r'after 0\.55 .*no process listens', text)
    assert re.search(r'after 1 to 11\.25 .*acknowledged', text)
    assert unreachable_s() == [1, 11.25]


def test_an_answer_time_out_longer_than_the_task_is_refused():
    with pytest.raises(ValueError):
        settings(answer_timeout_s=61)


def test_an_interval_that_is_asked_for_has_a_row():
    rows = [line.split() for line in time_line(settings(), [0.5, 5.0, 1.0, 0.5]) if re.match(r' +[0-9]', line)]
    assert [row[0] for row in rows] == ['5', '1', '0.5']
    assert rows[2] == ['0.5', '1.75', '2.75', '2.75', '2.75']


def test_every_line_fits_on_a_terminal():
    assert max(len(line) for line in time_line(settings())) <= 120


def test_the_longest_time_to_the_highest_priority_is_said():
    assert '90 s' in priority_line(settings()) and '27 s' in priority_line(settings(priority_ageing_s=3))
