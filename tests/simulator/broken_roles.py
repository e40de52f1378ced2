"""Broken variants of the three roles and of what they share."""

from __future__ import absolute_import, division, print_function

import sys

from calculator.core import CalculatorCore
from calculator.core import notional as calculator_notional
from client.core import ClientCore
from client.gate import Gate
from dispatcher import work as dispatcher_work
from dispatcher.calculators import ALIVE, DEAD, SUSPECT, Calculator
from dispatcher.core import DispatcherCore
from dispatcher.failure_detector import FailureDetector
from dispatcher.fleet import Fleet
from dispatcher.journal import Journal
from dispatcher.outcomes import Outcomes
from dispatcher.receipts import Receipts
from dispatcher.work import Work
from net_protocol.core import Core
from net_protocol.delivery import Remembered, Resender
from net_protocol.lives import FIRST, SAME, Lives
from net_protocol.messages import DONE, Accepted, Outcome, Refused
from net_protocol.seals import Checksum
from net_protocol.timers import Timers
from simulator.process import Process
from tests.simulator.breaking import instead, mutant, nothing

# S1: no accepted task is lost.

def _accepts_three_of_four(original):
    def accept(self, now, sender, message):
        if message.task_id.endswith('4'):
            self._send(sender.address, Accepted(message.task_id))
        else:
            original(self, now, sender, message)
    return accept


def _ignores_the_deadline(original):
    def due_task(self, now, task_id):
        if now < self._work.get(task_id).deadline_at:
            original(self, now, task_id)
    return due_task


mutant('accepts_and_forgets', 'S1', 'the dispatcher says accepted and keeps nothing',
       (DispatcherCore, '_accept', _accepts_three_of_four))
mutant('acknowledges_without_taking', 'S1', 'the calculator acknowledges an assignment and does not work on it',
       (CalculatorCore, '_is_done_at_once', instead(nothing)))
mutant('deadline_ignored', 'S1', 'a task whose time is over stays where it is',
       (DispatcherCore, '_due_task', _ignores_the_deadline))


# S2: one outcome.

def _tells_it_again(original):
    def on_outcome(self, now, sender, message):
        known = message.task_id in self._requests
        original(self, now, sender, message)
        if not known and message.outcome == DONE:
            self._tell('answered', task_id=message.task_id, response_time_s=0.0, attempts=1)
    return on_outcome


def _changes_its_mind(original):
    def answer(self, now, client, address, task_id):
        told = original(self, now, client, address, task_id)
        return told and Outcome(told.task_id, told.outcome, told.result, told.reason, told.attempts + 1)
    return answer


mutant('late_outcome_told_twice', 'S2', 'the client tells its caller about every copy of an outcome',
       (ClientCore, '_on_outcome', _tells_it_again))
mutant('another_outcome_when_asked_again', 'S2', 'the dispatcher answers a repeated submit differently',
       (Outcomes, 'answer', _changes_its_mind))


# S3, S4: the right result, and none out of nothing.

class _WrongSometimes(object):
    """Computes wrongly whenever the payload begins with a certain digit."""

    NotComputable = calculator_notional.NotComputable

    @staticmethod
    def compute(payload):
        right = calculator_notional.compute(payload)
        return right[::-1] if right[0] in u'0369c' else right


def _believes_an_acknowledgement(original):
    def on_assign_ack(self, now, sender, message):
        task = self._work.get(message.task_id)
        if task is not None and message.task_id.endswith('3'):
            self._work.finish(now, task, DONE, u'00000000', None)
        else:
            original(self, now, sender, message)
    return on_assign_ack


def _mixes_up_results(original):
    def end_by_result(self, now, task, live, sender, message):
        last = getattr(self, 'last_result', None)
        self.last_result = message.result
        if last is not None and message.error is None and task.task_id.endswith('5'):
            message.result = last
        original(self, now, task, live, sender, message)
    return end_by_result


mutant('computes_wrongly', 'S3', 'the calculator returns a wrong result now and then',
       (sys.modules['calculator.core'], 'notional', instead(_WrongSometimes)))
mutant('results_mixed_up', 'S3', 'the dispatcher takes the result of another task',
       (DispatcherCore, '_end_by_result', _mixes_up_results))
mutant('done_without_a_result', 'S4', 'the dispatcher calls a task done when it was only taken',
       (DispatcherCore, '_on_assign_ack', _believes_an_acknowledgement))


# S5, S6, S7: places, capacity, who gets work.

def _both_places(original):
    def lose(self, now, task_id, how):
        original(self, now, task_id, how)
        if task_id in self._tasks and task_id.endswith('2'):
            self._tell('assigned', task_id=task_id, calculator='calculator-1', attempt=99)
    return lose


def _available_if(condition):
    return lambda original: property(condition)


mutant('struck_from_no_book', 'S5', 'an attempt that ended stays in its calculator\'s book',
       (Fleet, 'release', instead(nothing)))
mutant('tells_what_is_not_so', 'S5', 'a task that waits is said to be assigned',
       (Work, 'lose', _both_places))
mutant('books_ignore_capacity', 'S6', 'the dispatcher gives a calculator more than it has places for',
       (Calculator, 'free', _available_if(lambda self: 1)))
mutant('calculator_ignores_capacity', 'S6', 'the calculator takes whatever comes',
       (CalculatorCore, '_reason_to_refuse', instead(nothing)))
mutant('suspects_get_work', 'S7', 'a calculator that is suspect is given work', (
    Calculator, 'is_available', _available_if(
        lambda self: self.state in (ALIVE, SUSPECT) and not self.draining and not self.full_until_beat
        and self.free > 0)))
mutant('draining_get_work', 'S7', 'a calculator that drains is given work', (
    Calculator, 'is_available', _available_if(
        lambda self: self.state == ALIVE and not self.full_until_beat and self.free > 0)))


def _takes_for_any_life(original):
    def on_assign(self, now, sender, message):
        mine = type(message)(*message.values())
        mine.incarnation = self.incarnation
        original(self, now, sender, mine)
    return on_assign


def _overtaken_news(original):
    def meet(self, now, sender, message):
        calculator = original(self, now, sender, message)
        if calculator is not None:
            calculator.draining = message.draining
            self.update(calculator)
        return calculator
    return meet


mutant('life_ignored_by_calculator', 'S7', 'the calculator takes work that was meant for an earlier life',
       (CalculatorCore, '_on_assign', _takes_for_any_life))
mutant('overtaken_heartbeat_believed', 'S7', 'a heartbeat that was overtaken undoes what the newer one said',
       (Fleet, 'meet', _overtaken_news))
mutant('life_ignored_by_dispatcher', 'S5', 'a new life of a calculator is taken for the old one',
       (Lives, 'recognise', lambda original: lambda self, life: FIRST if self.current is None else SAME))

# S8: nothing stays with the dead.
mutant('no_reassignment', 'S8', 'the tasks of a dead calculator stay with it', (Fleet, '_empty', instead(nothing)))
mutant('nobody_dies', 'S8', 'a calculator is dead after a hundred times the silence', (
    FailureDetector, '__init__', lambda original: lambda self, suspect, dead: original(self, suspect, 100 * dead)))
mutant('no_answer_timeout', 'S8', 'an attempt may take for ever', (
    DispatcherCore, '_due_task', lambda original: lambda self, now, task_id: original(self, now, task_id) if (
        now >= self._work.get(task_id).deadline_at) else None))
mutant('heartbeat_lists_ignored', 'S8', 'what a heartbeat does not name stays assigned',
       (dispatcher_work, 'missing', instead(lambda calculator, beat: [])))
mutant('deafness_counted_twice', 'S8', 'whoever is heard after a hold-up is given that time once more', (
    FailureDetector, '_deaf_since_heard_s', instead(
        lambda self, calculator: self._deaf_s - calculator.deaf_before_s)))


# S9, S10, S11, S12: bounds, refusals, accounts, schedules.

def _takes_everything(original):
    def reason_to_refuse(self, sender, task_id):
        reason = original(self, sender, task_id)
        return None if reason == 'queue_full' else reason
    return reason_to_refuse


def _with(**changes):
    def patch(original):
        def init(self, settings, *rest):
            original(self, dict(settings, **changes), *rest)
        return init
    return patch


def _never_says(message_class):
    def patch(original):
        def send(self, address, message):
            if type(message) is not message_class:
                self._outgoing.append((address, message))
        return send
    return patch


def _counts_twice(original):
    def accept(self, now, sender, message):
        original(self, now, sender, message)
        self.counts['duplicate_submits'] += 1
        self.counts['accepted'] += message.task_id.endswith('7')
    return accept


def _keeps_quiet_about(step):
    def patch(original):
        def tell(self, kind, **facts):
            if kind != step:
                original(self, kind, **facts)
        return tell
    return patch


def _hurries(original):
    def handle_timer(self, now, key):
        original(self, now, key)
        # The other timers are those of lanes.
        if key in self._exchanges:
            self._timers.set((self._kind, key), now + 0.1)
    return handle_timer


def _sends_once(kind):
    def patch(original):
        def handle_timer(self, now, key):
            exchange = self._exchanges.get(key)
            if self._kind == kind and exchange is not None and now < exchange.until:
                self._timers.set((kind, key), exchange.until)
            else:
                original(self, now, key)
        return handle_timer
    return patch


def _does_not_wait(original):
    def note_refused(self, now, advised_s, jitter, opening):
        is_news = original(self, now, advised_s, jitter, opening)
        self.shut_until = now
        return is_news
    return note_refused


mutant('queue_unbounded', 'S9', 'a full queue takes more', (DispatcherCore, '_reason_to_refuse', _takes_everything))
mutant('registry_unbounded', 'S9', 'calculators register without limit', (
    Fleet, '__init__', lambda original: lambda self, settings, *rest: original(
        self, dict(settings, calculators_max=10 ** 6), *rest)))
mutant('receipt_not_given', 'S10', 'a task that goes on is never called accepted', (Receipts, 'give', instead(nothing)))
mutant('gate_stays_shut', 'S10', 'after a refusal a client submits nothing more', (Gate, 'open', instead(nothing)))
mutant('refusal_not_told', 'S10', 'a refused client hears nothing', (Core, '_send', _never_says(Refused)))
mutant('outcome_not_resent', 'S10', 'an outcome is sent once', (Resender, 'handle_timer', _sends_once('outcome')))
mutant('counts_twice', 'S11', 'one accepted task in ten is counted twice', (DispatcherCore, '_accept', _counts_twice))
mutant('answers_untold', 'S11', 'a client does not tell that a task was answered',
       (Core, '_tell', _keeps_quiet_about('answered')))
mutant('attempts_unbounded', 'S12', 'a task is tried without end',
       (DispatcherCore, '__init__', _with(attempts_max=10 ** 6)))
mutant('advice_ignored', 'S12', 'whoever was refused asks again at once', (Gate, 'note_refused', _does_not_wait))
mutant('resends_in_a_hurry', 'S12', 'everything is resent every 0.1 s', (Resender, 'handle_timer', _hurries))


# S13, S15, S16, S19: time, garbage, copies, events.

def _early(original):
    def set_timer(self, key, deadline):
        original(self, key, deadline - 0.3)
    return set_timer


def _works_while_frozen(original):
    def handle_timer(self, now):
        for kind, key in self._timers.take_due(now):
            self._on_timer[kind](now, key)
        original(self, now)
    return handle_timer


def _forgets_early(seconds):
    def patch(original):
        def init(self, lifetime_s, entries_max, on_drop=None):
            original(self, seconds, entries_max, on_drop)
        return init
    return patch


def _no_duplicate_check(original):
    def on_submit(self, now, sender, message):
        task = self._work.get(message.task_id)
        if task is not None and task.state == 'waiting':
            self._work._pending.discard(task.client, task.task_id)
            del self._work._tasks[task.task_id]
            self._timers.cancel(('task', task.task_id))
            self.counts['accepted'] -= 1
        original(self, now, sender, message)
    return on_submit


mutant('timers_early', 'S13', 'every timer fires 0.3 s early', (Timers, 'set', _early))
mutant('doubted_too_soon', 'S13', 'two missed heartbeats less make a calculator suspect, and three less dead', (
    FailureDetector, '__init__', lambda original: lambda self, suspect_after, dead_after: original(
        self, suspect_after - 2, dead_after - 3)))
mutant('works_while_frozen', 'S13', 'timers fire in a calculator that is out of order',
       (CalculatorCore, 'handle_timer', _works_while_frozen),
       (CalculatorCore, 'next_timer', instead(Core.next_timer)))
mutant('checksum_ignored', 'S15', 'a damaged datagram is read as if it were whole',
       (Checksum, 'check', instead(nothing)))
mutant('no_duplicate_check', 'S16', 'a copy of a submit begins the task anew',
       (DispatcherCore, '_on_submit', _no_duplicate_check))
mutant('tombstone_forgotten_early', 'S16', 'finished tasks and attempts are remembered for 1 s',
       (Remembered, '__init__', _forgets_early(1.0)))
mutant('event_missing', 'S19', 'a reassignment is not told', (Core, '_tell', _keeps_quiet_about('reassigned')))


# Liveness.

def _refuses_one_client(original):
    def reason_to_refuse(self, sender, task_id):
        return 'queue_full' if sender.name == 'client-2' else original(self, sender, task_id)
    return reason_to_refuse


def _stays_dead(original):
    def meet(self, now, sender, message):
        known = self.get(sender.name)
        return None if known is not None and known.state == DEAD else original(self, now, sender, message)
    return meet


def _shrinks(original):
    def enter(self, calculator, attempt):
        original(self, calculator, attempt)
        calculator.capacity = max(1, calculator.capacity - 1)
        self.update(calculator)
    return enter


mutant('submit_not_resent', 'L1', 'a client asks once', (Resender, 'handle_timer', _sends_once('submit')))
mutant('failing_journal_left_alone', 'L1', 'a journal that failed once is never tried again', (
    Journal, 'due', instead(nothing)))
mutant('never_drained', 'L2', 'the dispatcher does not end', (DispatcherCore, '_stop_if_drained', instead(nothing)),
       (DispatcherCore, '_due_drained', instead(nothing)))
mutant('nobody_comes_back', 'L3', 'a calculator that was dead stays dead', (Fleet, 'meet', _stays_dead))
mutant('former_life_for_ever', 'L3', 'a life that was taken for a former one is never believed again',
       (Fleet, '_goes_on', instead(staticmethod(lambda calculator, sender, message: False))))
mutant('name_asked_once', 'L4', 'nobody looks for a dispatcher that moved',
       (Process, '_ask_for_peer', instead(nothing)))
mutant('one_client_starves', 'L5', 'one client is always told to come back later',
       (DispatcherCore, '_reason_to_refuse', _refuses_one_client))
mutant('poison_stops_a_process', 'L6', 'a payload that can\'t be computed ends its calculator', (
    CalculatorCore, '_compute', instead(lambda self, payload: (calculator_notional.compute(payload), None))))
mutant('a_place_is_never_free', 'L7', 'a calculator has one place less after each assignment',
       (Fleet, 'enter', _shrinks))
mutant('unreachable_get_work', 'L8', 'who does not acknowledge is given more all the same',
       (Fleet, 'lose_touch', instead(nothing)))
