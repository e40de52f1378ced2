"""What is read from the programs' files of events."""

from __future__ import absolute_import, division, print_function

from benchmarks import event_files


def event(time, kind, task_id, calculator='a', **facts):
    return {'time': time, 'kind': kind, 'facts': dict(facts, task_id=task_id, calculator=calculator)}


# Calculator a dies at 10 with tasks 2 and 3; task 1 was done, task 4 is with b, task 5 is taken from b later.
STORY = [event(1, 'assigned', '1'), event(2, 'done', '1'), event(4, 'assigned', '2'), event(6, 'assigned', '3'),
         event(7, 'assigned', '4', 'b'), event(11, 'reassigned', '2'), event(11, 'assigned', '2', 'b'),
         event(11.5, 'reassigned', '3'), event(12, 'reassigned', '5', 'b'), event(13, 'assigned', '3', 'c'),
         event(14, 'reassigned', '3', 'c'), event(15, 'assigned', '3', 'd')]


def test_the_first_place_after_a_death_is_what_counts():
    assert event_files.moved(STORY, 'a', 10) == {'2': (11, 11), '3': (11.5, 13)}


def test_a_task_that_never_ran_elsewhere_is_told_apart():
    assert event_files.moved(STORY[:8], 'a', 10) == {'2': (11, 11), '3': (11.5, None)}


def test_work_in_vain_is_the_time_since_what_was_held_was_given():
    assert event_files.lost_work_s(STORY, 'a', 10) == (10 - 4) + (10 - 6)
    assert event_files.lost_work_s(STORY, 'c', 10) == 0


def test_what_is_held_is_counted_moment_by_moment():
    assert event_files.held_by(STORY, 'a', [0, 1, 3, 5, 10, 11.2, 20]) == [0, 1, 0, 1, 2, 1, 0]


def test_events_are_counted_between_moments():
    assert event_files.each(STORY, 'assigned', [0, 5, 10, 12]) == [2, 2, 1]
    assert event_files.each(STORY, 'assigned', [4, 7]) == [2]


def test_a_line_that_is_half_written_is_not_read(tmpdir):
    path = tmpdir.join('events')
    assert event_files.read(str(path)) == []
    path.write('{"time": 1, "kind": "done", "facts": {}}\n{"time": 2, "ki')
    assert event_files.read(str(path)) == [{'time': 1, 'kind': 'done', 'facts': {}}]
