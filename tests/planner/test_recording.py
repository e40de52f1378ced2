"""Recordings: a replay has the same datagrams as the simulation. Broken files are refused with the reason."""

from __future__ import absolute_import, division, print_function

import copy

import pytest

from planner.comparison import Comparison
from planner.recording import NOT_LISTENING, Recording, RecordingError
from planner.replication import row_of, run, world_of
from planner.stability import why_unstable
from planner.tape import Tape
from runtime import event_file, event_files
from simulator import scenario

BASE = {'duration_s': 30, 'calculators': 4, 'clients': 2, 'client': {'task_interval_s': {'exponential': 0.5}},
        'calculator': {'task_duration_s': {'exponential': 0.7}}}
CASES = {
    'default': {},
    'killed, stopped and suspended': {
        'network': {'loss': 0.1, 'delay_s': [0.001, 0.05]},
        'faults': {'calculator_crash_s': [4, 10], 'dispatcher_crash_s': [8, 15], 'client_crash_s': [8, 20],
                   'stop_s': [8, 20], 'freeze_s': [5, 15], 'move': 0.3, 'never_back': 0.1, 'clock_drift': 0.002,
                   'slow_process': 0.2}},
    'groups, scheduled events and a torn network': {
        'start_s': 4, 'calculators': [{'count': 2}, {'count': 2, 'capacity': 2}],
        'events': [{'at_s': 10, 'kill': 'calculator-1', 'back_after_s': 5}, {'at_s': 20, 'restart_share': 0.5}],
        'faults': {'partition_s': [5, 20], 'noise_s': [0.1, 1], 'late_turns_s': [8, 15], 'restart_s': [1, 5]}},
    'closed loops and a journal': {
        'client': {'task_interval_s': [0, 0], 'in_flight_max': 3}, 'dispatcher': {'journal': 'in memory'},
        'faults': {'dispatcher_crash_s': [5, 10]}},
    'more tasks than may be open': {'client': {'task_interval_s': {'exponential': 0.15}, 'in_flight_max': 5,
                                        'task_timeout_s': 5}},
}


def events_of(tape, path):
    """The events in the file of a tape."""
    with open(str(path), 'wb') as file:
        for event in tape.events():
            file.write(event_file.line(*event))
    return event_files.read(str(path))[1]


def recorded(seed, path, **changes):
    """Run a world; returns the world and the events in its file."""
    made = scenario.SETTINGS.checked(dict(BASE, **changes))
    tape = Tape(seed, made)
    world = world_of(seed, made, tape)
    run(world)
    return world, events_of(tape, path)


def replayed(recording, seed=None):
    world = world_of(recording.seed if seed is None else seed, dict(recording.settings, recording=recording))
    run(world)
    return world


def history(world):
    return [(task_id, task.intended_at, task.first_at, task.attempts, task.end, task.ended_at)
            for task_id, task in sorted(world.recorder.tasks.items())]


@pytest.mark.parametrize('case', sorted(CASES))
@pytest.mark.parametrize('seed', [1, 2])
def test_a_replay_is_identical_to_the_simulation(tmpdir, seed, case):
    world, events = recorded(seed, tmpdir.join('events'), **CASES[case])
    replay = replayed(Recording([('events', events)], {}))
    assert len(world.recorder.tasks) > 50
    assert history(replay) == history(world)
    assert replay.network.trace_hash == world.network.trace_hash


def test_a_replay_follows_the_events_and_not_the_draws_of_a_seed(tmpdir):
    world, events = recorded(1, tmpdir.join('events'), calculator={'outage': {'probability': 0}}, calculators=50)
    changed = copy.deepcopy(events)
    sent = [event for event in changed if event.kind == 'sent']
    sent[3].facts['intended_at'] += 0.01
    task_ids = [event.facts['task_id'] for event in sent[5:8]]
    for event in changed:
        if event.kind == 'taken' and event.facts['task_id'] in task_ids:
            event.facts['duration_s'] += 5.0
    # The last calculator is killed early and does not return.
    began = [event for event in changed if event.kind == 'began'][50]
    changed.insert(changed.index(began) + 1, event_files.Event(1.0, 'killed', {'sends_left': None}))
    recording = Recording([('events', changed)], {})
    # Another seed of the network.
    tasks = replayed(recording, seed=7).recorder.tasks
    for task_id, task in world.recorder.tasks.items():
        if task.end == 'done' and task.attempts == tasks[task_id].attempts == 1:
            longer_s = 5.0 if task_id in task_ids else 0.0
            shift_s = 0.01 if task_id == sent[3].facts['task_id'] else 0.0
            other = tasks[task_id]
            assert other.intended_at == pytest.approx(task.intended_at + shift_s, abs=1e-9)
            took_s = task.ended_at - task.intended_at
            assert other.ended_at - other.intended_at == pytest.approx(took_s + longer_s, abs=0.02)
    assert [act[1:4] for act in recording.acts if act[1] == 'killed'] == [('killed', 'calculator', 'calculator-50')]


def test_the_numbers_of_clients_and_calculators_of_a_recording_can_be_varied(tmpdir):
    _, events = recorded(3, tmpdir.join('events'))
    recording = Recording([('events', events)], {})
    rows = [row_of(3, dict(recording.settings, recording=recording, **changes)) for changes in (
        {}, {'calculators': 2}, {'calculators': 9}, {'clients': 1}, {'clients': 3})]
    assert [row['error'] for row in rows] == [None] * 5
    assert rows[0]['tasks'] == rows[1]['tasks'] == rows[2]['tasks']
    assert rows[3]['tasks'] < rows[0]['tasks'] < rows[4]['tasks']

    def response_s(row):
        return sum(segment['response']['total_s'] for segment in row['segments']) / row['tasks']
    assert response_s(rows[1]) > response_s(rows[0]) > response_s(rows[2])
    # A recording has a fixed number of tasks, so no backlog is unstable.
    assert why_unstable(dict(recording.settings, calculators=1, recording=recording), rows[:1] * 3) is None


def test_the_duration_of_an_attempt_that_is_not_recorded_is_that_of_a_recorded_one(tmpdir):
    _, events = recorded(1, tmpdir.join('events'), calculator={'task_duration_s': {'constant': 2}})
    recording = Recording([('events', events)], {})
    draw = recording.draw_duration_s
    assert draw(lambda: 0.99, 'calculator-1', 'nobody:aaaaaaaa:1', 1, recording.settings['calculator']) == 2
    recording.durations = {}
    recording._drawn = [1.0, 2.0, 3.0]
    recording._lost = {('t', 1): ('calculator-1', 1.5), ('u', 1): ('calculator-1', 8.0)}
    settings = recording.settings['calculator']
    assert [draw(lambda: 0.0, 'calculator-%d' % number, 't', 1, settings) for number in (1, 2)] == [2.0, 1.0]
    assert draw(lambda: 0.0, 'calculator-1', 'u', 1, settings) == 9.0


def test_a_comparison_has_the_tasks_with_another_outcome(tmpdir):
    _, events = recorded(2, tmpdir.join('events'))
    recording = Recording([('events', events)], {})
    comparison = Comparison(recording, recording.settings, 2)
    assert comparison.is_reproduced and comparison.differing == {}
    assert comparison.recorded == comparison.replayed
    # Without calculators all tasks expire.
    comparison = Comparison(recording, dict(recording.settings, calculators=0), 2)
    assert not comparison.is_reproduced
    assert set(map(tuple, comparison.differing.values())) == {('done', 'expired')}
    assert comparison.as_lines()[-1] == 'The run is not reproduced.'
    assert '  %s: done recorded, expired replayed' % sorted(comparison.differing)[0] in comparison.as_lines()


# Event files of real processes.

def began(name, role, time=100.0, incarnation='aaaaaaaa', unix_time=None, **settings):
    block = dict(scenario.SETTINGS.default[role], **settings)
    return event(time, 'began', name=name, incarnation=incarnation, role=role, settings=block, version='0.2.0',
                 unix_time=5000.0 + time if unix_time is None else unix_time, address=['127.0.0.1', 5555])


def event(time, kind, **facts):
    return event_files.Event(time, kind, facts)


TASK = 'client-a:aaaaaaaa:1'


def client_file():
    return [began('client-a', 'client', 101.0), event(103.0, 'sent', task_id=TASK, intended_at=102.99),
            event(105.0, 'answered', task_id=TASK, response_time_s=2.01, attempts=1), event(110.0, 'stopped')]


def dispatcher_file():
    return [began('d', 'dispatcher'),
            event(101.5, 'registered', calculator='c', address=['h', 1], capacity=3, heartbeat_interval_s=0.5),
            event(103.0, 'accepted', task_id=TASK),
            event(103.0, 'assigned', task_id=TASK, calculator='c', attempt=1),
            event(105.0, 'done', task_id=TASK, calculator='c', attempt=1), event(120.0, 'stopped')]


def recording_of(*files):
    return Recording([('file-%d' % number, events) for number, events in enumerate(files, 1)], {})


def test_the_files_of_a_dispatcher_and_its_clients_are_a_recording():
    recording = recording_of(client_file(), dispatcher_file())
    settings = recording.settings
    assert (settings['clients'], settings['calculators'], settings['duration_s']) == (1, 1, 10.0)
    assert settings['calculator']['capacity'] == 3 and settings['calculator']['outage']['probability'] == 0
    assert recording.names == {'client': ['client-a'], 'calculator': ['c']}
    # Without the network delays, which the replay adds.
    assert recording.durations == {(TASK, 1): pytest.approx(2.0 - 2 * 0.0006)}
    assert recording.ends == {TASK: ('done', pytest.approx(2.99), 5.0, 63.0)}
    comparison = Comparison(recording, settings, 1)
    assert comparison.is_reproduced
    assert comparison.replayed['mean'] == pytest.approx(2.0, abs=0.01)


def test_the_file_of_a_dispatcher_has_the_faults_of_its_calculators():
    noticed = [event(103.5, 'suspected', calculator='c', why='silent', silence_s=1.5, held=1),
               event(104.5, 'recovered', calculator='c', was='suspect')]
    file = dispatcher_file()
    file[4:4] = noticed
    file[6:] = [event(106.0, 'done', task_id=TASK, calculator='c', attempt=1),
                event(108.0, 'suspected', calculator='c', why=NOT_LISTENING, silence_s=5.0, held=0),
                event(109.0, 'returned', calculator='c', address=['h', 2], capacity=3, heartbeat_interval_s=0.5),
                event(119.0, 'left', calculator='c')]
    recording = recording_of(client_file(), file)
    assert [(round(at, 2), what) for at, what, role, _, _ in recording.acts if role == 'calculator'] == [
        (1.5, 'start'), (2.0, 'heard'), (2.0, 'suspended'), (4.5, 'resumed'), (7.65, 'killed'), (9.0, 'start'),
        (19.0, 'told_to_stop')]
    # The work began at the end of the silence.
    assert recording.durations == {(TASK, 1): pytest.approx(1.5, abs=0.01)}


def test_the_file_of_a_calculator_has_its_kills_and_outages():
    file = [began('c', 'calculator', 101.4, capacity=2),
            event(102.0, 'out_of_order', outage='crash', duration_s=0.5, running=0), event(104.0, 'let_go', end='lost')]
    second = [began('c', 'calculator', 112.0, 'bbbbbbbb', capacity=2), event(115.0, 'draining'),
              event(115.1, 'stopped')]
    recording = recording_of(client_file(), dispatcher_file(), file + second)
    assert recording.outages['c', 1] == [(102.0, 'crash', 0.5)]
    assert [(round(at, 2), what) for at, what, role, _, _ in recording.acts if role == 'calculator'] == [
        (1.4, 'start'), (11.8, 'killed'), (12.0, 'start'), (15.0, 'told_to_stop')]
    assert recording.settings['calculator']['capacity'] == 2


def test_the_clocks_of_several_machines_are_aligned_by_the_time_of_day():
    file = client_file()
    for one in file:
        one.time += 7e5
        one.facts.pop('intended_at', None)
    recording = recording_of(file, dispatcher_file())
    assert recording.ends == {TASK: ('done', 3.0, 5.0, 63.0)}


def test_clients_with_different_settings_are_groups():
    second = [began('client-b', 'client', 104.0, task_timeout_s=7), event(104.0, 'stopped')]
    recording = recording_of(client_file(), dispatcher_file(), second)
    assert recording.settings['clients'] == [{'count': 1}, {'count': 1, 'task_timeout_s': 7}]


def without(events, kind):
    return [one for one in events if one.kind != kind]


BROKEN = [
    ([[]], 'file-1: there are no events in it'),
    ([client_file()[1:]], 'file-1: its first line is not the start of a process ("began")'),
    ([client_file()], 'file-1: none of these files is that of a dispatcher'),
    ([dispatcher_file()], 'file-1: none of these files is that of a client'),
    ([client_file(), client_file(), dispatcher_file()], 'file-1 and file-2: both have the client client-a (aaaaaaaa)'),
    ([client_file()[:2] + dispatcher_file()[2:]], 'file-1: an event of a dispatcher ("accepted") after the start of a '
     'client: have two processes written into one file?'),
    ([client_file(), dispatcher_file() + [event(121.0, 'events_dropped', number=7)]],
     'file-2: 7 events were dropped, because a pipe was full; record to a file'),
    ([[began('client-b', 'client')], dispatcher_file()],
     'the dispatcher has tasks of the client client-a (aaaaaaaa), whose file is missing'),
    ([without(client_file(), 'sent'), dispatcher_file()],
     'file-1: the task %s is not in it: it is cut off, or of another run' % TASK),
    ([client_file(), without(dispatcher_file(), 'accepted')],
     'file-1: the dispatcher does not know the task %s: its file is cut off, or of another run' % TASK),
    ([[event(0.0, 'began', name='a', version='0.1.0')]],
     'file-1: it has no settings: it was recorded by version 0.1.0'),
    ([client_file(), [began('client-a', 'calculator')], dispatcher_file()],
     'file-2: "client-a" is the name of a client too'),
]


@pytest.mark.parametrize('files, sentence', BROKEN, ids=[sentence for _, sentence in BROKEN])
def test_incomplete_or_wrong_files_are_refused_with_the_reason(files, sentence):
    with pytest.raises(RecordingError) as caught:
        recording_of(*copy.deepcopy(files))
    assert str(caught.value) == sentence


def test_an_incomplete_line_of_a_killed_process_is_left_out(tmpdir):
    path = tmpdir.join('events')
    whole = event_file.line(1.0, 'began', {'name': 'a'})
    path.write_binary(whole + b'{"time": 2.0, "ki')
    assert [one.kind for one in event_files.read(str(path))[1]] == ['began']
    path.write_binary(whole + b'{"time": 2.0, "ki\n' + whole)
    assert [one.kind for one in event_files.read(str(path))[1]] == ['began', 'began']


@pytest.mark.parametrize('line', [b'', b'[]', b'{"time": "1", "kind": "a", "facts": {}}', b'[' * 100000])
def test_another_line_that_is_no_event_is_refused_with_its_number(tmpdir, line):
    path = tmpdir.join('events')
    whole = event_file.line(1.0, 'began', {'name': 'a'})
    path.write_binary(whole + line + b'\n' + event_file.line(2.0, 'stopped', {}))
    with pytest.raises(event_files.EventsBroken) as caught:
        event_files.read(str(path))
    assert str(caught.value) == '%s: line 2 is no event' % path
