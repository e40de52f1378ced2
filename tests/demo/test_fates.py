"""What is said of the tasks of a killed calculator, from handmade events."""

from __future__ import absolute_import, division, print_function

import pytest

from demo.books import Books
from demo.cast import CALCULATOR, CLIENT, DISPATCHER
from demo.director import Kill
from demo.event_reader import Entry
from demo.fates import fate_lines

KILLED_AT = 110.0


class Run(object):
    """Books that are written event by event; the run began at 100 s."""

    def __init__(self):
        self.books = Books()
        for name in ('calculator-a', 'calculator-b'):
            self.books.add(CALCULATOR, name)
        self.books.add(CLIENT, 'client-1')

    def calculator(self, time, kind, number, attempt=1, name='calculator-a'):
        self.books.handle(Entry(time, name, CALCULATOR, kind, {'task_id': task_id(number), 'attempt': attempt}))

    def dispatcher(self, time, kind, number, calculator='calculator-a', attempt=1, **facts):
        facts.update(task_id=task_id(number), calculator=calculator, attempt=attempt)
        self.books.handle(Entry(time, 'dispatcher', DISPATCHER, kind, facts))

    def given(self, time, number, **others):
        """A task is accepted and assigned to calculator-a, and taken there."""
        self.dispatcher(time, 'accepted', number)
        self.dispatcher(time, 'assigned', number, **others)
        self.calculator(time + 0.1, 'taken', number)

    def lines(self):
        return fate_lines(self.books, Kill(self.books.calculators['calculator-a'], KILLED_AT), lambda time: time - 100)


def task_id(number):
    return 'client-1:aaaaaaaa:%d' % number


@pytest.fixture
def run():
    return Run()


def test_a_task_that_it_held_was_done_by_another(run):
    run.given(109, 7)
    run.books.handle(Entry(112.5, 'dispatcher', DISPATCHER, 'died', {'calculator': 'calculator-a', 'silence_s': 2.5}))
    run.dispatcher(112.5, 'reassigned', 7, reason='dead_calculator')
    run.dispatcher(112.5, 'assigned', 7, 'calculator-b', 2)
    run.dispatcher(113.6, 'done', 7, 'calculator-b', 2)
    assert run.lines() == [
        'calculator-a was killed at 10.0 s while it held 1 task.',
        'The dispatcher declared it dead 2.5 s later.',
        '  client-1:7 was done by calculator-b 3.6 s later, at attempt 2',
    ]


def test_what_it_had_let_go_is_not_counted(run):
    run.given(108, 7)
    run.calculator(109, 'let_go', 7)
    run.dispatcher(109, 'done', 7)
    assert run.lines() == ['calculator-a was killed at 10.0 s while it held no tasks.']


def test_an_answer_that_was_under_way_counts(run):
    run.given(109, 7)
    run.dispatcher(110.001, 'done', 7)
    assert run.lines()[1:] == ['  client-1:7 was done by calculator-a itself: its answer was under way already']


def test_a_task_that_it_held_for_nobody_was_done_before(run):
    run.given(103, 7)
    run.dispatcher(109, 'reassigned', 7, reason='timed_out')
    run.dispatcher(109, 'assigned', 7, 'calculator-b', 2)
    run.dispatcher(109.5, 'done', 7, 'calculator-b', 2)
    assert run.lines()[1:] == ['  client-1:7 was done by calculator-b before that, at attempt 2']


def test_a_task_that_ended_otherwise(run):
    run.given(109, 7)
    run.dispatcher(111, 'reassigned', 7, reason='dead_calculator')
    run.dispatcher(120, 'ended', 7, outcome='expired', reason='no calculator became free')
    assert run.lines()[1:] == ['  client-1:7 ended expired 10.0 s later: no calculator became free']


def test_a_task_without_an_outcome(run):
    run.given(109, 7)
    assert run.lines()[1:] == ['  client-1:7 had no outcome yet when all was ended']


def test_what_was_sent_to_the_dead(run):
    run.dispatcher(110.5, 'accepted', 7)
    run.dispatcher(110.5, 'assigned', 7)
    run.dispatcher(112.5, 'reassigned', 7, reason='dead_calculator')
    run.dispatcher(113, 'done', 7, 'calculator-b', 2)
    assert run.lines() == [
        'calculator-a was killed at 10.0 s while it held no tasks.',
        'Sent to it as well, before its silence was noticed: 1 task.',
        '  client-1:7 was done by calculator-b 3.0 s later, at attempt 2',
    ]


def test_what_was_taken_back_from_it_before_is_not_its_own(run):
    run.dispatcher(105, 'accepted', 7)
    run.dispatcher(105, 'assigned', 7)
    run.dispatcher(108, 'reassigned', 7, reason='not_held')
    run.dispatcher(111, 'done', 7, 'calculator-b', 2)
    assert run.lines() == ['calculator-a was killed at 10.0 s while it held no tasks.']
