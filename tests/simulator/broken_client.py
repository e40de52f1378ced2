"""Broken variants of the client and of the calculator."""

from __future__ import absolute_import, division, print_function

import sys

from calculator.attempts import Numbers
from calculator.core import CalculatorCore
from calculator.core import notional as calculator_notional
from client.admission import AdmissionControl
from client.core import ClientCore
from dispatcher.core import DispatcherCore
from net_protocol.core import Core
from net_protocol.rows import EXPIRED
from net_protocol.timers import Timers
from simulator.upstream import Upstream
from tests.simulator.breaking import around, breaks, drops, instead, mutant, nothing, returns

# S1, S2: acceptance and outcomes.

@breaks('late_refusal_ignored', 'S10', 'a refusal that comes after the acknowledgement is ignored',
        ClientCore, '_on_refused')
def _only_while_submitted(original, self, now, channel, rows):
    original(self, now, channel, [
        row for row in rows if row[0] not in self._requests or self._requests[row[0]].state == 'submitted'])


@breaks('late_outcome_reported_twice', 'S2', 'the client reports each copy of an outcome to its caller',
        ClientCore, '_on_done')
def _reports_it_again(original, self, now, channel, rows):
    known = set(self._requests)
    original(self, now, channel, rows)
    for number, _, attempts in rows:
        if number not in known:
            self.emit(now, 'answered', task_id=self._task_id(number), response_time_s=0.0, attempts=attempts)


# S3, S4: correct results, and none without a computation.

class _WrongSometimes(object):
    """Computes wrong results for some payloads."""

    NotComputable = calculator_notional.NotComputable

    @staticmethod
    def compute(payload):
        right = calculator_notional.compute(payload)
        return right[::-1] if right[0] in u'0369c' else right


@breaks('answered_by_itself', 'S4', 'the client counts an accepted task as answered', ClientCore, 'settle')
def _answers_from_nowhere(original, self, now):
    for number in sorted(self._requests):
        if number % 7 == 0 and self._requests[number].state == 'accepted':
            self._on_done(now, self.dispatcher, [[number, calculator_notional.compute(
                self._requests[number].payload), 1]])
    return original(self, now)


@breaks('refused_without_a_refusal', 'S4', 'a client reports tasks as refused that it gave up', ClientCore, 'emit')
def _calls_it_refused(original, self, now, what, **facts):
    is_given_up = what == 'unanswered' and facts['outcome'] == 'given_up'
    original(self, now, 'refused' if is_given_up else what, **facts)


mutant('computes_wrongly', 'S3', 'the calculator returns wrong results for some tasks',
       (sys.modules['calculator.core'], 'notional', instead(_WrongSometimes)))


# S6, S7, S8, S16: the calculator.

@breaks('calculator_ignores_capacity', 'S6', 'the calculator takes more attempts than it has slots',
        CalculatorCore, '__init__')
def _any_capacity(original, self, *arguments):
    original(self, *arguments)
    self._capacity += 1
    self._places += 1


@breaks('revoked_without_a_revoke', 'S1', 'the calculator drops one assignment in five as if it were revoked',
        CalculatorCore, '_on_assign')
def _revokes_itself(original, self, now, channel, rows):
    original(self, now, channel, rows)
    self._on_revoke(now, channel, [row[:2] for row in rows if row[0] % 5 == 0])


@breaks('work_survives_a_crash', 'S5', 'a calculator keeps its attempts after a crash',
        CalculatorCore, '_let_go_of_all')
def _keeps_what_was_lost(original, self, now, why):
    if why != 'lost':
        original(self, now, why)


@breaks('back_early', 'S13', 'an outage lasts half of its time', CalculatorCore, '_due_outage')
def _comes_back_at_half_time(original, self, now, _):
    original(self, now, _)
    if not self.is_listening:
        self._back_at = (now + self._back_at) / 2


@breaks('forgets_assignments', 'L1', 'the calculator forgets one assignment in four', CalculatorCore, '_take')
def _forgets_some(original, self, now, assignment, *rest):
    if assignment % 4:
        original(self, now, assignment, *rest)


@around
def _works_while_frozen(original, self, now):
    for kind, key in self._timers.take_due(now):
        self._on_timer[kind](now, key)
    original(self, now)


mutant('acknowledges_without_working', 'L1',
       'the calculator acknowledges and names an assignment, and does not work on it', (
           CalculatorCore, '_due_finish', instead(
               lambda self, now, task_id: self._timers.set(('finish', task_id), now + 3600))))
mutant('assignments_begin_anew', 'S16', 'a duplicate of an assignment starts a second attempt',
       (Numbers, 'note', returns(True)))
mutant('overtime', 'L7', 'work lasts half a minute longer', (
    CalculatorCore, 'draw_duration_s', lambda original: lambda self, *attempt: original(self, *attempt) + 32))
mutant('works_while_frozen', 'S13', 'timers fire during an outage of a calculator',
       (CalculatorCore, 'handle_timer', _works_while_frozen),
       (CalculatorCore, 'next_timer', instead(Core.next_timer)))


# S11, S12, S13, S19: accounts, schedules, time, events.

def _emits_no(kind):
    @around
    def emit(original, self, now, what, **facts):
        if what != kind:
            original(self, now, what, **facts)
    return emit


@breaks('ends_counted_twice', 'S11', 'a client counts one end in seven twice', ClientCore, '_on_done')
def _counts_another(original, self, now, channel, rows):
    original(self, now, channel, rows)
    self.statistics.ends[EXPIRED] += rows[0][0] % 7 == 0


mutant('advice_ignored', 'S12', 'a refused client submits again at once', (
    AdmissionControl, 'note_refused', returns(False)))
mutant('timers_early', 'S13', 'every timer fires 0.3 s early', (
    Timers, 'set', around(lambda original, self, key, deadline: original(self, key, deadline - 0.3))))
mutant('no_event_of_an_answer', 'S19', 'a client emits no event for an answer',
       (Core, 'emit', _emits_no('answered')))
mutant('event_missing', 'S5', 'a reassignment emits no event',
       (DispatcherCore, 'emit', _emits_no('reassigned')))


# Liveness.

mutant('deadline_forgotten', 'S10', 'a client waits beyond the deadline', (
    ClientCore, '_expire', returns(False)))
mutant('submit_not_resent', 'L1 S10', 'a lost submit is not sent again', (ClientCore, 'refresh', drops('submit')))
mutant('result_not_resent', 'L1 S10', 'a lost result is not sent again', (CalculatorCore, 'refresh', drops('result')))
mutant('nothing_resubmitted', 'S10', 'a client does not submit again after a restart of the dispatcher',
       (ClientCore, '_examine_all', instead(nothing)))
mutant('never_pings', 'L4', 'a client with open tasks sends no pings', (
    ClientCore, '_due_ping', instead(lambda self, now, _: self._timers.set(('ping', None), now + 5))))
mutant('pause_without_end', 'L5', 'after a refusal a client submits nothing more',
       (AdmissionControl, 'resume', instead(nothing)))
mutant('poison_stops_a_process', 'L6 NotComputable', 'a payload that can\'t be computed ends the calculator', (
    CalculatorCore, '_compute', instead(lambda self, payload: (calculator_notional.compute(payload), None))))
mutant('port_kept', 'L3 L1 L4', 'no new source port is used after a silence', (
    Upstream, '_use_fresh_port', instead(nothing)))


@breaks('name_asked_once', 'L3 L1 L4', 'the new address of a dispatcher that moved is not looked up',
        Upstream, '_resolve')
def _asks_before_it_starts(original, self):
    if not self.look_at:
        original(self)
