"""States as a table, and the tables of all that has states."""

from __future__ import absolute_import, division, print_function

import pytest

from calculator.attempts import HeldAttempt
from client.requests import Request
from dispatcher.calculators import Calculator
from dispatcher.tasks import Attempt, Task
from net_protocol.errors import BrokenInvariant, IllegalTransition
from net_protocol.states import Stateful

MYPY = False
if MYPY:
    from typing import Any, List, Set  # noqa: F401

ALL = [Task, Calculator, Request, HeldAttempt]


class Door(Stateful):
    __slots__ = ()
    TRANSITIONS = {'open': {'shut': 'closed', 'knock': 'open'}, 'closed': {'open': 'open', 'burn': 'gone'}, 'gone': {}}


def test_an_event_leads_to_the_next_state():
    door = Door('open')
    for event, state in (('knock', 'open'), ('shut', 'closed'), ('open', 'open'), ('shut', 'closed'), ('burn', 'gone')):
        door.advance(event)
        assert door.state == state
    assert door.is_over


def test_a_thing_is_over_exactly_where_no_step_is_left():
    assert [Door(state).is_over for state in ('open', 'closed', 'gone')] == [False, False, True]


@pytest.mark.parametrize('state, event', [('open', 'open'), ('open', 'burn'), ('gone', 'open'), ('open', 'unknown')])
def test_a_step_that_the_table_lacks_raises_and_changes_nothing(state, event):
    door = Door(state)
    with pytest.raises(IllegalTransition) as caught:
        door.advance(event)
    assert str(caught.value) == 'Door: no step %r from state %r; before that: nothing' % (event, state)
    assert door.state == state


def test_an_illegal_step_tells_the_things_own_history():
    task = Task('client-a:aaaaaaaa:7', 'client-a', 'payload', 0.0, 60.0, None)
    first = Attempt(task.task_id, 1, 'calculator-a', 0.0, 10.0)
    task.add_attempt(first)
    first.end(10.0, 'timed_out')
    task.advance('lose')
    task.add_attempt(Attempt(task.task_id, 2, 'calculator-b', 10.0, 20.0))
    with pytest.raises(IllegalTransition) as caught:
        task.advance('assign')
    assert str(caught.value) == (
        "task client-a:aaaaaaaa:7: no step 'assign' from state 'assigned'; before that: "
        'attempt 1 on calculator-a: timed_out, attempt 2 on calculator-b: live')


def test_an_illegal_step_stops_the_process_like_every_broken_invariant():
    assert issubclass(IllegalTransition, BrokenInvariant)


@pytest.mark.parametrize('thing', ALL, ids=lambda thing: thing.__name__)
def test_every_step_leads_to_a_state_of_the_table(thing):
    assert {state for steps in thing.TRANSITIONS.values() for state in steps.values()} <= set(thing.TRANSITIONS)


@pytest.mark.parametrize('thing, first', [
    (Task('', '', None, 0.0, 0.0, None), 'waiting'), (Request(1, '', None, 0.0, 0.0), 'submitted'),
    (HeldAttempt('', 1, None, 0.0), 'running'), (Calculator('', 0.0), 'dead'),
], ids=lambda value: value if isinstance(value, str) else type(value).__name__)
def test_every_state_can_be_reached_and_every_state_leads_to_an_end(thing, first):
    table = thing.TRANSITIONS
    assert thing.state == first

    def reachable(start):
        # type: (str) -> Set[str]
        found, fresh = {start}, [start]
        while fresh:
            for state in table[fresh.pop()].values():
                if state not in found:
                    found.add(state)
                    fresh.append(state)
        return found

    assert reachable(first) == set(table)
    ends = {state for state in table if not table[state]}
    # A calculator has no end: it can always come back.
    assert bool(ends) != (type(thing) is Calculator)
    for state in table:
        assert not ends or reachable(state) & ends
