"""State tables."""

from __future__ import absolute_import, division, print_function

import pytest

from client.requests import Request
from dispatcher.calculators import Calculator
from net_protocol.errors import IllegalTransition
from net_protocol.states import Stateful

#: Class -> the first state of its objects.
FIRST = {Calculator: 'dead', Request: 'submitted'}


class Door(Stateful):
    __slots__ = ()
    TRANSITIONS = {'open': {'shut': 'closed', 'knock': 'open'}, 'closed': {'open': 'open', 'burn': 'gone'}, 'gone': {}}


def test_an_event_leads_to_the_next_state():
    door = Door('open')
    for event, state in (('knock', 'open'), ('shut', 'closed'), ('open', 'open'), ('shut', 'closed'), ('burn', 'gone')):
        door.advance(event)
        assert (door.state, door.is_over) == (state, state == 'gone')


@pytest.mark.parametrize('state, event', [('open', 'open'), ('open', 'burn'), ('gone', 'open'), ('open', 'unknown')])
def test_a_step_that_is_not_in_the_table_raises(state, event):
    door = Door(state)
    with pytest.raises(IllegalTransition) as caught:
        door.advance(event)
    assert str(caught.value) == 'Door: no step %r from state %r; before that: nothing' % (event, state)
    assert door.state == state


@pytest.mark.parametrize('kind', sorted(FIRST, key=repr), ids=lambda kind: kind.__name__)
def test_every_state_is_reachable_and_leads_to_an_end(kind):
    table = kind.TRANSITIONS
    assert {state for steps in table.values() for state in steps.values()} <= set(table)

    def reachable(start):
        found, fresh = {start}, [start]
        while fresh:
            for state in table[fresh.pop()].values():
                if state not in found:
                    found.add(state)
                    fresh.append(state)
        return found

    assert reachable(FIRST[kind]) == set(table)
    ends = {state for state in table if not table[state]}
    # A calculator has no last state, because it can always come back.
    assert bool(ends) != (kind is Calculator)
    for state in table:
        assert not ends or reachable(state) & ends
