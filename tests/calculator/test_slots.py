"""How long a slot has no child, in virtual time: the real ``Children`` with fake processes."""

from __future__ import absolute_import, division, print_function

import pytest

from calculator import children
from calculator.calls import Call
from calculator.child import BUSY, ENDING, LOADING
from tests.calculator.real_children import FakeCore

#: The longest time for which a slot may have no child, and the time that the start of a process takes.
SLOT_WITHIN_S = 1.0
LOAD_S = 0.4

# How a child ends: its pipes are closed, only ``waitpid`` shows it, or SIGKILL is needed.
SHOWN, SILENT, STUBBORN = 'shown', 'silent', 'stubborn'


class FakeChild(object):
    """A child process of ``system``, which has the clock."""

    is_each_known = takes_texts = is_closed = False
    unwritten = b''

    def __init__(self, system):
        self._system = system
        self.state, self.call, self.calls, self.due_at = LOADING, None, 0, None
        self._lines = [{u'ready': True, u'functions': []}]
        self.speaks_at, self._died_at = system.now + LOAD_S, None
        system.processes.append(self)

    def readers(self):
        return [self] if self._system.now >= self.speaks_at else []

    def take(self, ready):
        return ready is not None and self in ready

    def take_lines(self):
        lines, self._lines, self.speaks_at = self._lines, [], float('inf')
        return lines

    def lines_wait(self):
        return bool(self._lines)

    def begin(self, call):
        self.state, self.call = BUSY, call
        self.calls += 1
        self._system.begun[call.number] = self._system.now

    def die(self):
        self._died_at = self._system.now
        if self._system.how == SHOWN:
            self.is_closed, self.speaks_at = True, self._system.now

    def look(self):
        return self._died_at is not None

    has_ended = look

    @staticmethod
    def cause():
        return 'signal', 'killed'

    @staticmethod
    def last_lines():
        return u''

    @staticmethod
    def wait_a_little():
        pass

    def begin_to_end(self, kill_at):
        self.state, self.due_at = ENDING, kill_at
        if self._system.how != STUBBORN:
            self._died_at = self._system.now

    def kill(self):
        self.due_at = None
        self._died_at = self._system.now


class System(object):
    """Two slots: call 1 runs until the end of the test; the test ends call 2."""

    def __init__(self, how):
        self.how = how
        self.now = 100.0
        self.processes, self.begun = [], {}
        self.core = FakeCore()
        self.children = children.Children(self.core, self, 2, 1000)
        self.run(lambda: len(self.core.offers) == 1 and all(one.state != LOADING for one in self.processes))
        self.start(1)
        self.start(2)
        self.run(lambda: len(self.begun) == 2)

    def start(self, number):
        self.core.starts.append(Call(number, u'task', 1, u'f', u'[[],{}]', False, None))

    def child_of(self, number):
        return [one for one in self.processes if one.call is not None and one.call.number == number][0]

    def run(self, condition):
        end_at = self.now + 10
        while not condition():
            ready = self.children.readers()
            self.children.handle(ready, [], self.now)
            if not ready and not condition():
                self.now = max(self.now, min([self.children.next_timer()] + [
                    one.speaks_at for one in self.processes if one.state == LOADING]))
            assert self.now < end_at, 'the condition did not hold within 10 s'


@pytest.fixture(params=[0.01, 0.1, 0.19])
def system(request, monkeypatch):
    """A function that makes a system, whose time is ``request.param`` seconds after a look at the children."""
    monkeypatch.setattr(children, 'Child', FakeChild)

    def make(how):
        made = System(how)
        look_at = made.children._look_at
        made.run(lambda: made.children._look_at > look_at)
        made.now += request.param
        return made
    return make


def gap_s(system, began_at):
    """The time from ``began_at`` until the slot runs another call."""
    system.run(lambda: 2 not in system.children._by_call)
    system.start(3)
    system.run(lambda: 3 in system.begun)
    assert 1 in system.children._by_call
    return system.begun[3] - began_at


@pytest.mark.parametrize('how', [SHOWN, SILENT])
def test_a_slot_whose_child_died_runs_the_next_call_within_a_second(system, how):
    made = system(how)
    began_at = made.now
    made.child_of(2).die()
    assert LOAD_S <= gap_s(made, began_at) <= SLOT_WITHIN_S
    assert made.core.ended[2][1][u'cause'] == 'signal'


@pytest.mark.parametrize('how', [SILENT, STUBBORN])
def test_a_slot_whose_call_was_stopped_runs_the_next_call_within_a_second(system, how):
    made = system(how)
    began_at, child = made.now, made.child_of(2)
    made.core.stops.append(2)
    assert gap_s(made, began_at) <= SLOT_WITHIN_S
    made.run(child.has_ended)
    assert made.now - began_at <= SLOT_WITHIN_S and 2 not in made.core.ended


def test_repeated_deaths_do_not_delay_the_slot_more_than_one(system):
    made = system(SHOWN)
    for number in range(3, 20):
        began_at = made.now
        made.child_of(number - 1).die()
        made.start(number)
        made.run(lambda number=number: number in made.begun)
        assert made.begun[number] - began_at <= SLOT_WITHIN_S
