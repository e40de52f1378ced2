"""Events for programs: built only where somebody reads them, complete, and written whatever the level of the log is."""

from __future__ import absolute_import, division, print_function

import json
import re

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
    """As much of a loop as an event log needs, with a core that does nothing."""

    class endpoint(object):  # noqa: N801
        address = ('127.0.0.1', 5555)

    def __init__(self):
        self.core = Core('dispatcher', 'abcdefgh')

    def attach(self, service):
        pass

    def every(self, interval_s, action):
        pass


def begun(log):
    """The core of a process that has begun to write that log."""
    process = Process()
    log.begin(process, {})
    return process.core


class FullDisk(object):
    """A file that can't be written to."""

    def write(self, time, kind, facts):
        raise OSError(28, 'No space left on device')


FULL_DISK = FullDisk()


def world(trace):
    """Three cores that have finished five tasks, one of which was lost in a crash on the way."""
    link = FakeLink()
    nodes = [link.dispatcher(), link.calculator(outage={'check_interval_s': 4, 'probability': 1, 'duration_s': [1, 1]}),
             link.client(tasks=5, task_interval_s=[0.1, 0.2])]
    for node in nodes:
        node.core.trace = trace
    assert link.run_until(lambda: nodes[2].core.is_stopped and not nodes[1].core.account(0)['unreported'])
    return link, nodes


def of_kind(node, *kinds):
    return [event for _, event in node.events if event.kind in kinds]


def test_without_a_reader_no_step_of_a_task_is_an_event():
    _, nodes = world(trace=False)
    assert [of_kind(node, *STEPS) for node in nodes] == [[], [], []]


def test_with_a_reader_every_step_of_every_task_is_an_event():
    _, (dispatcher, calculator, client) = world(trace=True)
    task_ids = {event.facts['task_id'] for event in of_kind(client, 'sent')}
    assert len(task_ids) == 5
    for node, kind in ((client, 'answered'), (dispatcher, 'accepted'), (dispatcher, 'done')):
        assert sorted(event.facts['task_id'] for event in of_kind(node, kind)) == sorted(task_ids)
    # Every attempt that was assigned was taken and let go; those that were lost there were reassigned here.
    assigned = [(event.facts['task_id'], event.facts['attempt']) for event in of_kind(dispatcher, 'assigned')]
    taken = of_kind(calculator, 'taken')
    assert [(event.facts['task_id'], event.facts['attempt']) for event in taken] == assigned
    assert attempts_of(calculator, 'let_go') == attempts_of(calculator, 'taken')
    lost = [event.facts['task_id'] for event in of_kind(calculator, 'let_go') if event.facts['end'] == 'lost']
    assert lost == [event.facts['task_id'] for event in of_kind(dispatcher, 'reassigned')] != []


def attempts_of(node, kind):
    return [(event.facts['task_id'], event.facts['assignment']) for event in of_kind(node, kind)]


def test_what_is_done_names_the_attempt_that_did_it():
    _, (dispatcher, calculator, _) = world(trace=True)
    done = {(event.facts['task_id'], event.facts['attempt']) for event in of_kind(dispatcher, 'done')}
    # The last attempt of each task is the one that was reported.
    last = {event.facts['task_id']: event.facts['attempt'] for event in of_kind(calculator, 'taken')}
    assert done == set(last.items())
    assert {event.facts['calculator'] for event in of_kind(dispatcher, 'done')} == {'calculator-a'}


def test_every_event_has_a_sentence_and_is_json():
    _, nodes = world(trace=True)
    for node in nodes:
        for _, event in node.events:
            level, sentence = SENTENCES[node.core.name.split('-')[0]][event.kind]
            assert sentence % Facts(event.facts)
            assert (level == 'debug') == (event.kind in STEPS)
            json.dumps(event.facts)


class Ones(object):
    """Facts that are all 1."""

    def __getitem__(self, name):
        return 1


@pytest.mark.parametrize('sentences', [SENTENCES[name] for name in sorted(SENTENCES)], ids=sorted(SENTENCES))
def test_one_thing_is_not_called_several(sentences):
    for kind, (_, sentence) in sorted(sentences.items()):
        shown = sentence % Facts(Ones())
        assert re.search(r'\b1 (tasks|results|attempts|outcomes|incarnations)\b', shown) is None, kind


def test_the_file_takes_what_the_log_leaves_out(tmpdir, capsys):
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
def test_without_a_file_the_level_of_the_log_decides(level, trace):
    logs.set_up('dispatcher', level, LiveLine())
    assert begun(logs.EventLog(SENTENCES['dispatcher'], lambda: 0.0)).trace is trace


def test_a_full_disk_ends_the_file_and_nothing_else(capsys):
    logs.set_up('dispatcher', 'warning', LiveLine())
    log = logs.EventLog(SENTENCES['dispatcher'], lambda: 0.0, FULL_DISK)
    begun(log)
    log.event(Event('left', 0.0, {'calculator': 'calculator-a'}))
    assert capsys.readouterr().err.count('No space left on device') == 1
