"""The times that the recovery benchmark reads from event files."""

from __future__ import absolute_import, division, print_function

from benchmarks.questions.recovery import held_since, moved_from
from runtime.event_files import Event


def event(time, kind, task_id, calculator='a', **facts):
    return Event(time, kind, dict(facts, task_id=task_id, calculator=calculator))


# Calculator a dies at 10 with tasks 2 and 3. Task 1 is done, task 4 runs on b, task 5 is reassigned from b.
STORY = [event(1, 'assigned', '1'), event(2, 'done', '1'), event(4, 'assigned', '2'), event(6, 'assigned', '3'),
         event(7, 'assigned', '4', 'b'), event(11, 'reassigned', '2'), event(11, 'assigned', '2', 'b'),
         event(11.5, 'reassigned', '3'), event(12, 'reassigned', '5', 'b'), event(13, 'assigned', '3', 'c'),
         event(14, 'reassigned', '3', 'c'), event(15, 'assigned', '3', 'd')]


def test_the_first_assignment_after_a_death_counts():
    assert moved_from(STORY, 'a', 10) == {'2': [11, 11], '3': [11.5, 13]}
    # Task 3 has no assignment after its reassignment.
    assert moved_from(STORY[:8], 'a', 10) == {'2': [11, 11], '3': [11.5, None]}


def test_tasks_held_at_a_death_have_the_time_of_their_assignment():
    assert held_since(STORY, 'a', 10) == [4, 6]
    assert held_since(STORY, 'c', 10) == []
