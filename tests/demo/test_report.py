"""The report of the demo: the dispatcher's account, and the outcomes of the killed calculator's tasks."""

from __future__ import absolute_import, division, print_function

import random
import re

import pytest

from demo.cast import CALCULATOR, DISPATCHER
from demo.record import Record
from demo.report import kill_lines, report
from demo.sentences import DEMO, sentence_by, sentence_of
from dispatcher.core import DispatcherCore
from dispatcher.settings import SETTINGS
from monitor.words import BAD
from runtime.event_files import Event

IN_VAIN = re.compile(r'They took (\d+) attempts, (\d+) of them without a result')
BEGAN_AT, KILLED_AT = 100.0, 110.0
VICTIM = 'calculator-a'


def account(**changes):
    """The account of a dispatcher, with some numbers changed."""
    made = DispatcherCore(SETTINGS.checked({}), 'dispatcher', 'abcdefgh', random.Random(1)).account(0.0)
    for part in (made, made['attempts'], made['counts'], made['outcomes']):
        part.update({key: changes[key] for key in changes if key in part})
    return made


class Process(object):
    """A dispatcher that has ended, with an account or None."""

    name = role = DISPATCHER
    how_it_ended = 'ended with status 0'

    def __init__(self, account):
        self.account = lambda: account


class Run(object):
    """A director, and its household, after a run that began at 100 s. The test writes the record event by event."""

    def __init__(self, dispatcher=None, kill=None):
        self.household = self
        self.processes = [Process(dispatcher)]
        self.record = Record()
        self.kill = kill
        self.stops = 0

    def get(self, name):
        return self.processes[0]

    def seconds_at(self, at):
        return at - BEGAN_AT

    def calculator(self, time, kind, number, attempt=1, name=VICTIM):
        self.record.take(Event(time, kind, {'task_id': task_id(number), 'attempt': attempt}, name, CALCULATOR))

    def dispatcher(self, time, kind, number, calculator=VICTIM, attempt=1, **facts):
        facts.update(task_id=task_id(number), calculator=calculator, attempt=attempt)
        self.record.take(Event(time, kind, facts, 'dispatcher', DISPATCHER))


def task_id(number):
    return 'client-1:aaaaaaaa:%d' % number


def text_for(dispatcher):
    return ' '.join(line.strip() for line in report(Run(dispatcher)))


def test_the_report_says_that_the_dispatcher_left_no_account():
    assert 'The dispatcher left no account: ended with status 0.' in text_for(None)
    assert 'Outages of the calculators: crashes 0, freezes 0.' in text_for(None)


@pytest.mark.parametrize('changes, sentence', [
    ({'assignments': 9, 'result': 9}, 'They took 9 attempts, 0 of them without a result.'),
    ({'assignments': 8, 'adopted': 1, 'result': 6, 'dead_calculator': 2, 'new_incarnation': 1},
     'They took 9 attempts, 3 of them without a result (dead calculator 2, restarted calculator 1).'),
    ({'assignments': 97, 'result': 79, 'error': 1, 'dead_calculator': 14, 'new_incarnation': 2, 'withdrawn': 1,
      'late_results_used': 1},
     'They took 97 attempts, 16 of them without a result (dead calculator 14, restarted calculator 2, withdrawn 1); 1 '
     'that were given up still returned the first result.'),
    ({'assignments': 9, 'result': 6, 'dead_calculator': 1, 'running': 2},
     'They took 9 attempts, 1 of them without a result (dead calculator 1); 2 still ran at the end.'),
], ids=['all with a result', 'some lost', 'a late result', 'some still run'])
def test_the_report_counts_attempts_with_and_without_a_result(changes, sentence):
    text = text_for(account(**changes))
    assert sentence in text
    attempts, in_vain = [int(number) for number in IN_VAIN.findall(text)[0]]
    results = sum(changes.get(key, 0) for key in ('result', 'error', 'late_results_used'))
    assert attempts - in_vain - changes.get('running', 0) == results


# The tasks of the killed calculator.

TAKEN, ELSEWHERE = ('calculator', 109, 'taken', {}), {'calculator': 'calculator-b', 'attempt': 2}
HELD = ['calculator-a was killed at 10.0 s while it held 1 task.']
IDLE = ['calculator-a was killed at 10.0 s while it held no tasks.']


def lost(time, reason):
    return 'dispatcher', time, 'reassigned', {'reason': reason}


@pytest.mark.parametrize('steps, lines', [
    ([TAKEN, lost(112.5, 'dead_calculator'), ('dispatcher', 113.6, 'done', ELSEWHERE)],
     HELD + ['  client-1:7 was done by calculator-b 3.6 s after the kill, at attempt 2']),
    ([TAKEN, ('calculator', 109, 'let_go', {}), ('dispatcher', 109, 'done', {})], IDLE),
    ([TAKEN, ('dispatcher', 110.001, 'done', {})],
     HELD + ['  client-1:7 was done by calculator-a itself: its answer was already on the way']),
    ([('calculator', 103, 'taken', {}), lost(109, 'timed_out'), ('dispatcher', 109.5, 'done', ELSEWHERE)],
     HELD + ['  client-1:7 was done by calculator-b before the kill, at attempt 2']),
    ([TAKEN, lost(111, 'dead_calculator'),
      ('dispatcher', 120, 'ended', {'outcome': 'expired', 'reason': 'no calculator became free'})],
     HELD + ['  client-1:7 ended expired 10.0 s after the kill: no calculator became free']),
    ([TAKEN], HELD + ['  client-1:7 had no outcome when the run ended']),
    ([lost(112.5, 'dead_calculator'), ('dispatcher', 113, 'done', ELSEWHERE)],
     IDLE + ['Sent to it as well, before its silence was noticed: 1 task.',
             '  client-1:7 was done by calculator-b 3.0 s after the kill, at attempt 2']),
    ([lost(108, 'not_held'), ('dispatcher', 111, 'done', ELSEWHERE)], IDLE),
], ids=['done elsewhere', 'let go before', 'result in flight', 'held although done', 'expired', 'no outcome',
        'sent to a dead calculator', 'lost before'])
def test_the_report_has_the_outcome_of_each_task_of_the_killed_calculator(steps, lines):
    run = Run(kill=(VICTIM, KILLED_AT))
    for process, time, kind, facts in steps:
        getattr(run, process)(time, kind, 7, **facts)
    assert kill_lines(run) == lines


def test_the_report_says_when_the_death_was_noticed():
    run = Run(kill=(VICTIM, KILLED_AT))
    run.record.take(Event(112.5, 'died', {'calculator': VICTIM, 'silence_s': 2.5}, 'dispatcher', DISPATCHER))
    assert kill_lines(run) == IDLE + ['The dispatcher declared it dead 2.5 s later.']


# The calculator to kill, and the sentences.

def test_the_busiest_calculator_has_the_most_tasks_and_no_outage():
    run = Run()
    for name in ('calculator-a', 'calculator-b', 'calculator-c'):
        run.record.take(Event(100, 'began', {}, name, CALCULATOR))
    assert run.record.busiest(['calculator-a']) is None
    for number, name in enumerate(('calculator-a', 'calculator-b', 'calculator-c', 'calculator-c'), 1):
        run.calculator(100 + number, 'taken', number, name=name)
    names = ['calculator-a', 'calculator-b', 'calculator-c']
    assert run.record.busiest(names) == 'calculator-c'
    run.record.take(Event(105, 'out_of_order', {'outage': 'freeze'}, 'calculator-c', CALCULATOR))
    assert run.record.busiest(names) == 'calculator-b'
    assert run.record.busiest(['calculator-a']) == 'calculator-a'


FACTS = {'address': 'http://127.0.0.1:8080/', 'victim': 'calculator-a', 'held': 2, 'newcomer': 'calculator-e',
         'process': 'calculator-a', 'how': 'ended by signal 9', 'why': 'the dispatcher is gone', 'port': 40000}


@pytest.mark.parametrize('kind', sorted(DEMO))
def test_every_sentence_of_the_demo_fits_in_a_line(kind):
    _, sentence = sentence_of(kind, FACTS)
    assert '%' not in sentence
    assert len('%6.1f s  %s' % (12.5, sentence)) <= 79


def test_the_sentence_for_an_event_begins_with_the_name_of_the_process():
    facts = {'outage': 'freeze', 'duration_s': 2.5, 'running': 1}
    assert sentence_by('calculator-a', CALCULATOR, 'out_of_order', facts) == (
        BAD, 'calculator-a: Out of order for 2.5 s: freeze with 1 task running.')
