"""Events for programs: only with a reader, complete, and written to a file at every level of the log."""

from __future__ import absolute_import, division, print_function

import json
import re
from collections import defaultdict

import pytest

from common.sentences import SENTENCES
from common.words import Facts
from net_protocol.core import Core, Event
from runtime import logs
from runtime.console import LiveLine
from runtime.event_file import EventFile
from runtime.event_files import read
from tests.fake_link import FakeLink

STEPS = {'accepted', 'assigned', 'done', 'outcome_dropped', 'sent', 'answered', 'taken', 'renumbered', 'let_go'}


class Process(object):
    """The attributes of a loop that an event log uses, with a core that does nothing."""

    class endpoint(object):  # noqa: N801
        address = ('127.0.0.1', 5555)

    def __init__(self):
        self.core = Core('dispatcher', 'abcdefgh')

    def attach(self, service):
        pass

    def every(self, interval_s, action):
        pass


def begun(log):
    """The core of a process that writes that log."""
    process = Process()
    log.begin(process, {})
    return process.core


def world(trace):
    """A dispatcher, a calculator and a client after five tasks, one of which was lost in a crash and reassigned."""
    link = FakeLink()
    nodes = [link.dispatcher(), link.calculator(outage={'check_interval_s': 4, 'probability': 1, 'duration_s': [1, 1]}),
             link.client(tasks=5, task_interval_s=[0.1, 0.2])]
    for node in nodes:
        node.core.trace = trace
    assert link.run_until(lambda: nodes[2].core.is_stopped and not nodes[1].core.account(0)['unreported'])
    return nodes


def of_kind(node, *kinds):
    return [event for _, event in node.events if event.kind in kinds]


@pytest.fixture(scope='module')
def traced():
    return world(trace=True)


def test_no_step_of_a_task_is_an_event_without_a_reader():
    assert [of_kind(node, *STEPS) for node in world(trace=False)] == [[], [], []]


def test_every_step_of_every_task_is_an_event_with_a_reader(traced):
    dispatcher, calculator, client = traced
    task_ids = {event.facts['task_id'] for event in of_kind(client, 'sent')}
    assert len(task_ids) == 5
    for node, kind in ((client, 'answered'), (dispatcher, 'accepted'), (dispatcher, 'done')):
        assert sorted(event.facts['task_id'] for event in of_kind(node, kind)) == sorted(task_ids)
    # The calculator has taken and released every assigned attempt, and the dispatcher has reassigned the lost ones.
    assigned = [(event.facts['task_id'], event.facts['attempt']) for event in of_kind(dispatcher, 'assigned')]
    taken, released = of_kind(calculator, 'taken'), of_kind(calculator, 'let_go')
    assert [(event.facts['task_id'], event.facts['attempt']) for event in taken] == assigned
    assert [event.facts['assignment'] for event in released] == [event.facts['assignment'] for event in taken]
    lost = [event.facts['task_id'] for event in released if event.facts['end'] == 'lost']
    assert lost == [event.facts['task_id'] for event in of_kind(dispatcher, 'reassigned')] != []


def test_the_event_of_a_finished_task_names_its_attempt(traced):
    dispatcher, calculator, _ = traced
    done = {(event.facts['task_id'], event.facts['attempt']) for event in of_kind(dispatcher, 'done')}
    # The last attempt of each task was reported.
    last = {event.facts['task_id']: event.facts['attempt'] for event in of_kind(calculator, 'taken')}
    assert done == set(last.items())
    assert {event.facts['calculator'] for event in of_kind(dispatcher, 'done')} == {'calculator-a'}


def test_every_event_has_a_sentence_and_is_json(traced):
    for node in traced:
        for _, event in node.events:
            level, sentence = SENTENCES[node.core.name.split('-')[0]][event.kind]
            assert sentence % Facts(event.facts)
            assert (level == 'debug') == (event.kind in STEPS)
            json.dumps(event.facts)


@pytest.mark.parametrize('sentences', [SENTENCES[name] for name in sorted(SENTENCES)], ids=sorted(SENTENCES))
def test_a_sentence_has_the_singular_for_one_thing(sentences):
    for kind, (_, sentence) in sorted(sentences.items()):
        shown = sentence % Facts(defaultdict(lambda: 1))
        assert re.search(r'\b1 (tasks|results|attempts|outcomes|incarnations)\b', shown) is None, kind


def test_the_event_file_has_events_below_the_level_of_the_log(tmpdir, capsys):
    logs.set_up('dispatcher', 'error', LiveLine())
    log = logs.EventLog(SENTENCES['dispatcher'], lambda: 12.5, EventFile(str(tmpdir.join('events'))))
    core = begun(log)
    for _ in range(100):
        log.event(Event('left', 0.0, {'calculator': 'calculator-a'}))
    header, events = read(str(tmpdir.join('events')))
    assert core.trace is True
    assert (header['name'], header['address']) == ('dispatcher', ['127.0.0.1', 5555])
    assert events[0].kind == 'began'
    assert [(one.time, one.kind, one.facts) for one in events[1:]] == [
        (12.5, 'left', {'calculator': 'calculator-a'})] * 100
    assert capsys.readouterr().err == ''


@pytest.mark.parametrize('level, trace', [('debug', True), ('info', False)])
def test_the_level_of_the_log_decides_about_steps_without_an_event_file(level, trace):
    logs.set_up('dispatcher', level, LiveLine())
    assert begun(logs.EventLog(SENTENCES['dispatcher'], lambda: 0.0)).trace is trace


def test_a_full_disk_is_reported_once_and_the_process_continues(capsys):
    class FullDisk(object):
        def write(self, time, kind, facts):
            raise OSError(28, 'No space left on device')

    logs.set_up('dispatcher', 'warning', LiveLine())
    log = logs.EventLog(SENTENCES['dispatcher'], lambda: 0.0, FullDisk())
    begun(log)
    log.event(Event('left', 0.0, {'calculator': 'calculator-a'}))
    assert capsys.readouterr().err.count('No space left on device') == 1
