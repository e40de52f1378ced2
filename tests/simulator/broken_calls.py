"""Broken variants of calls of functions and of probation."""

from __future__ import absolute_import, division, print_function

from calculator.work import WorkingCalculatorCore
from dispatcher.calculators import ALIVE, Calculator
from dispatcher.call_queue import CallQueue
from dispatcher.catalogue import Catalogue
from dispatcher.conduct import Conduct
from dispatcher.core import DispatcherCore
from dispatcher.tasks import CHILD_DIED, CallTask
from net_protocol.rows import FAILED
from tests.simulator.breaking import breaks, instead, mutant, nothing, returns


@breaks('each_end_counts', 'S22', 'an attempt counts although its calculator died', CallTask, 'note_end')
def _each_end_counts(original, self, ended):
    self.counted += 1
    return 0.0


@breaks('no_call_waits', 'S22', 'a lost call is assigned again without delay',
        CallTask, 'note_end')
def _without_delay(original, self, ended):
    original(self, ended)
    return 0.0


@breaks('the_neighbours_fail_too', 'S22', 'if a child dies, the other calls of its calculator fail',
        DispatcherCore, 'requeue')
def _the_neighbours_fail(original, self, now, task, ended):
    calculator = task.calculator
    original(self, now, task, ended)
    for other in list(calculator.attempts.values()) if ended is CHILD_DIED else ():
        self.finish(now, other, FAILED, u'another child died', CHILD_DIED)


def _offered_by_all(original):
    return lambda self, digest: frozenset(self.names())


def _least_urgent_first(original):
    return lambda self, now, functions: original(self, now, functions)[::-1]


def _has_slot(self):
    return self.state is ALIVE and self.free > 0 and not self.full_until_beat and not self.draining \
        and self.alone is None


mutant('a_cancelled_call_goes_on', 'S21', 'the child of a cancelled call is not stopped', (
    WorkingCalculatorCore, '_stop_work', instead(lambda self, held: self._by_call.pop(held.call, None))))
mutant('no_end_counts', 'S22', 'a call whose child always dies gets unlimited attempts', (
    CallTask, 'note_end', returns(0.0)))
mutant('nothing_is_revoked', 'S21', 'a call that is over is not revoked', (
    DispatcherCore, 'revoke', instead(nothing)))
mutant('any_calculator_gets_any_function', 'S23', 'a call is assigned to a calculator without its function',
       (Catalogue, 'functions_of', _offered_by_all))
mutant('no_probation', 'S24', 'a calculator that fails often is not put on probation', (
    Conduct, 'note_failure', returns(False)))
mutant('probation_changes_nothing', 'S24', 'a calculator on probation gets more than one attempt at a time', (
    Calculator, 'has_slot', lambda original: property(_has_slot)))
mutant('the_least_urgent_first', 'S25', 'calls of the lowest level are assigned first', (
    CallQueue, 'in_order', _least_urgent_first))
mutant('no_ageing', 'S25', 'the level of a waiting call does not rise', (
    CallQueue, 'level', instead(lambda self, now, priority, accepted_at: priority)))
mutant('a_stopped_call_keeps_its_slot', 'L2', 'the slot of a stopped call stays occupied',
       (DispatcherCore, 'drop_leftover', instead(nothing)),
       (DispatcherCore, '_reconcile_leftovers', instead(nothing)), (Calculator, 'count_free', instead(nothing)))
