"""Deliberately broken variants of the product: a check that catches none of them is worth nothing.

Each is a patch that is applied while worlds run and taken back afterwards; nothing of it is in the product. Run it::

    python -m tests.simulator.mutants              how many seeds each of them survives
    python -m tests.simulator.mutants NAME         what catches this one, with its story
"""

from __future__ import absolute_import, division, print_function

import sys
from contextlib import contextmanager

from calculator.core import CalculatorCore
from calculator.core import notional as calculator_notional
from client.core import ClientCore
from dispatcher import journal as dispatcher_journal
from dispatcher import work as dispatcher_work
from dispatcher.calculators import ALIVE, SUSPECT, Calculator
from dispatcher.core import DispatcherCore
from dispatcher.failure_detector import FailureDetector
from dispatcher.fleet import Fleet
from dispatcher.journal import ACCEPTED, ENDED, TOLD, Journal
from dispatcher.journal_rows import JournalRows
from dispatcher.outcomes import Outcomes
from dispatcher.work import Work
from net_protocol import codec, guard
from net_protocol.addresses import Addresses
from net_protocol.core import Core
from net_protocol.delivery import Remembered, Resender
from net_protocol.guard import ROLES, Guard
from net_protocol.lives import FIRST, NEXT, SAME, Lives
from net_protocol.messages import DONE, EXPIRED, Accepted, Outcome, Refused
from net_protocol.seals import Signature
from net_protocol.timers import Timers
from simulator.process import Process
from simulator.run import CLEAN, draw_settings, run_world

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, Iterator, List, Tuple  # noqa: F401

#: Seeds within which every mutant has to be caught.
SEEDS_MAX = 40

#: Some show in few worlds only; the search for them begins close to one of those, to be quick.
FIRST_SEEDS = {
    'overtaken_heartbeat_believed': 120, 'deafness_counted_twice': 120, 'former_life_for_ever': 100,
    'former_life_believed': 20,
}  # type: Dict[str, int]

#: Name -> (the invariant it breaks, what is wrong with it, patches as (owner, attribute, function of the original)).
MUTANTS = {}  # type: Dict[str, Tuple[str, str, List[Any]]]


def mutant(name, rule, about, *patches):
    # type: (str, str, str, *Any) -> None
    MUTANTS[name] = (rule, about, list(patches))


@contextmanager
def applied(name):
    # type: (str) -> Iterator[None]
    """The product is broken inside this block."""
    kept = []
    for owner, attribute, make in MUTANTS[name][2]:
        # From the class's own dict, because that is where a property or a static method still is one.
        original = vars(owner)[attribute]
        kept.append((owner, attribute, original))
        setattr(owner, attribute, make(original))
    try:
        yield
    finally:
        for owner, attribute, original in kept:
            setattr(owner, attribute, original)


def seeds_survived(name, seeds_max=SEEDS_MAX):
    # type: (str, int) -> Tuple[int, Dict[str, Any] | None]
    """How many seeds it took to catch a mutant, and the result that did; None if none did."""
    first = FIRST_SEEDS.get(name, 1)
    with applied(name):
        for seed in range(first, first + seeds_max):
            result = run_world(seed, draw_settings(seed))
            if result['verdict'] != CLEAN:
                return seed - first + 1, result
    return seeds_max, None


def instead(function):
    # type: (Callable[..., Any]) -> Callable[[Any], Any]
    """A patch that ignores the original."""
    return lambda original: function


def nothing(*_, **__):
    # type: (*Any, **Any) -> None
    """Does nothing."""


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


mutant('queue_unbounded', 'S9', 'a full queue takes more', (DispatcherCore, '_reason_to_refuse', _takes_everything))
mutant('registry_unbounded', 'S9', 'calculators register without limit', (
    Fleet, '__init__', lambda original: lambda self, settings, *rest: original(
        self, dict(settings, calculators_max=10 ** 6), *rest)))
mutant('refusal_not_told', 'S10', 'a refused client hears nothing', (Core, '_send', _never_says(Refused)))
mutant('outcome_not_resent', 'S10', 'an outcome is sent once', (Resender, 'handle_timer', _sends_once('outcome')))
mutant('counts_twice', 'S11', 'one accepted task in ten is counted twice', (DispatcherCore, '_accept', _counts_twice))
mutant('attempts_unbounded', 'S12', 'a task is tried without end',
       (DispatcherCore, '__init__', _with(attempts_max=10 ** 6)))
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
        def init(self, lifetime_s, entries_max):
            original(self, seconds, entries_max)
        return init
    return patch


def _keeps_no_trace(original):
    def tell(self, kind, **facts):
        if kind != 'reassigned':
            original(self, kind, **facts)
    return tell


def _no_duplicate_check(original):
    def on_submit(self, now, sender, message):
        task = self._work.get(message.task_id)
        if task is not None and task.state == 'waiting':
            self._work._pending.remove(task.task_id)
            del self._work._tasks[task.task_id]
            self._timers.cancel(('task', task.task_id))
            self.counts['accepted'] -= 1
        original(self, now, sender, message)
    return on_submit


mutant('timers_early', 'S13', 'every timer fires 0.3 s early', (Timers, 'set', _early))
mutant('works_while_frozen', 'S13', 'timers fire in a calculator that is out of order',
       (CalculatorCore, 'handle_timer', _works_while_frozen),
       (CalculatorCore, 'next_timer', instead(Core.next_timer)))
mutant('checksum_ignored', 'S15', 'a damaged datagram is read as if it were whole',
       (codec, 'decode', instead(codec.parse)))
mutant('no_duplicate_check', 'S16', 'a copy of a submit begins the task anew',
       (DispatcherCore, '_on_submit', _no_duplicate_check))
mutant('tombstone_forgotten_early', 'S16', 'finished tasks and attempts are remembered for 1 s',
       (Remembered, '__init__', _forgets_early(1.0)))
mutant('event_missing', 'S19', 'a reassignment is not told', (Core, '_tell', _keeps_no_trace))


# S15, S16 where there is a key.

def _compares_some(digits):
    def patch(original):
        def check(self, datagram):
            good = self.seal(datagram[self.LENGTH:])
            original(self, good if good[:digits] == datagram[:digits] else datagram)
        return check
    return patch


def _covers_the_head(original):
    def digits(keyed, body):
        return original.__func__(keyed, body[:40])
    return staticmethod(digits)


def _whatever_it_says(**changes):
    def patch(original):
        def admit(self, envelope, address, own_life, own_number):
            for field, value in changes.items():
                setattr(envelope, field, own_life if value is None else value)
            original(self, envelope, address, own_life, own_number)
        return admit
    return patch


def _any_life(original):
    def admit(self, envelope, address, own_life, own_number):
        for peer in self._peers.values():
            peer.heard = -1
        original(self, envelope, address, own_life, max(own_number, envelope.re))
    return admit


mutant('signature_ignored', 'S15', 'any signature is a good one', (Signature, 'check', instead(nothing)))
mutant('signature_compared_in_part', 'S15', 'the first 32 digits of a signature are compared',
       (Signature, 'check', _compares_some(len('{"hmac":"') + 32)))
mutant('signature_of_the_head', 'S15', 'the signature covers the first 40 bytes', (
    Signature, '_digits', _covers_the_head))
mutant('any_role_heard', 'S15', 'everybody listens to every role', (
    guard, 'LISTENS_TO', instead(dict.fromkeys(ROLES, ROLES))))
mutant('meant_for_anybody', 'S15', 'what was meant for another life is believed',
       (Guard, 'admit', _whatever_it_says(to=None)))
mutant('no_window', 'S16', 'a number is believed as often as it comes',
       (guard._Peer, 'is_new', instead(lambda self, number: True)))
mutant('window_of_the_last', 'S16', 'only the highest number is remembered',
       (guard._Peer, 'is_new', instead(lambda self, number: number != self.highest)))
mutant('former_life_believed', 'S16', 'a life is believed whether or not it has heard anything new',
       (Guard, 'admit', _any_life))


# S17: what goes to an address that has not shown itself.

def _no_proof(original):
    def note_heard(self, address, size):
        self.trust(address)
        original(self, address, size)
    return note_heard


def _any_echo(original):
    def note_proof(self, address, token, echo):
        return original(self, address, token, echo and self.token(address))
    return note_proof


mutant('allowance_ignored', 'S17', 'whoever asks is answered at any length', (
    Addresses, 'spend', instead(lambda self, address, datagrams: True)))
mutant('heard_is_proven', 'S17', 'an address from which something came is taken for proven',
       (Addresses, 'note_heard', _no_proof))
mutant('outcomes_not_counted', 'S17', 'outcomes go to whoever is said to have asked', (
    Addresses, 'spend', lambda original: lambda self, address, datagrams: original(self, address, [
        datagram for datagram in datagrams if b'"outcome"' not in datagram])))
mutant('any_echo_will_do', 'S17', 'the echo is not looked at', (Addresses, 'note_proof', _any_echo))
mutant('one_token_for_all', 'S17', 'all addresses have the same token',
       (Addresses, 'token', instead(lambda self, address: '0123456789abcdef')))


# S1, S2, S14, S20: the journal.

def _withholds_but(*kinds):
    def patch(original):
        def without_withheld(self, outgoing):
            passed = original(self, outgoing)
            return [pair for pair in outgoing if type(pair[1]) in kinds or pair in passed]
        return without_withheld
    return patch


def _calls_it_written(original):
    def note_written(self, now, failure):
        original(self, now, None)
    return note_written


def _drops_what_failed(original):
    def note(self, records, to_wall):
        self.note_done()
        original(self, records, to_wall)
    return note


def _restores_only(*kinds):
    def patch(original):
        def restored(now, lives, rows, task_timeout_s):
            return original(now, lives, [row for row in rows if row[0] in kinds], task_timeout_s)
        return restored
    return patch


def _restores_with(change):
    def patch(original):
        def restored(now, lives, rows, task_timeout_s):
            return original(now, lives, [change(*row) for row in rows], task_timeout_s)
        return restored
    return patch


def _another_word(kind, task_id, body, time_left_s, reply_to):
    if kind == ENDED:
        body = [EXPIRED, None, u'while nobody was there', 0, None]
    return kind, task_id, body, time_left_s, reply_to


def _time_begins_anew(kind, task_id, body, time_left_s, reply_to):
    return kind, task_id, body, time_left_s + 30, reply_to


def _drops_the_queue(original):
    def stop(self, now):
        for task_id in sorted(self._work._tasks):
            self._journal.forgotten(now, task_id)
        original(self, now)
    return stop


mutant('accepted_before_commit', 'S1', 'what could not be written is called accepted',
       (Journal, 'without_withheld', _withholds_but(Accepted)))
mutant('outcome_before_commit', 'S1', 'an outcome is told that could not be written',
       (Journal, 'without_withheld', _withholds_but(Outcome)))
mutant('failed_write_believed', 'S1', 'a write that failed is taken for one that worked',
       (Journal, 'note_written', _calls_it_written))
mutant('failed_write_dropped', 'S1', 'what could not be written is not written later',
       (JournalRows, 'note', _drops_what_failed))
mutant('another_outcome_after_a_restart', 'S2', 'an outcome comes back from the journal as another one',
       (dispatcher_journal, 'restored', _restores_with(_another_word)))
mutant('takes_what_it_cannot_write', 'S9', 'new tasks are taken while nothing can be written',
       (Journal, 'is_failing', instead(property(lambda self: False))))
mutant('nobody_may_come_back', 'S10', 'a client that is back is not told what it missed',
       (Outcomes, 'claim', instead(nothing)))
mutant('deadline_begins_anew', 'S14', 'a recovered task is given 30 s more', (
    dispatcher_journal, 'restored', _restores_with(_time_begins_anew)))
mutant('forgets_on_restart', 'S14', 'what waited is not there after a restart',
       (dispatcher_journal, 'restored', _restores_only(ENDED, TOLD)))
mutant('forgets_outcomes_on_restart', 'S14', 'what was over and not told is not there after a restart',
       (dispatcher_journal, 'restored', _restores_only(ACCEPTED, TOLD)))
mutant('forgets_tombstones_on_restart', 'S16', 'what was told is not known after a restart',
       (dispatcher_journal, 'restored', _restores_only(ACCEPTED, ENDED)))
mutant('reuses_attempt_numbers', 'S14', 'a new life counts attempts from 1 again',
       (dispatcher_journal, 'ATTEMPTS_PER_LIFE', instead(0)))
mutant('stop_drops_the_queue', 'S20', 'a soft stop strikes what waits from the journal',
       (DispatcherCore, 'stop', _drops_the_queue))


# Liveness.

def _refuses_one_client(original):
    def reason_to_refuse(self, sender, task_id):
        return 'queue_full' if sender.name == 'client-2' else original(self, sender, task_id)
    return reason_to_refuse


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
mutant('nobody_comes_back', 'L3', 'a calculator that was dead stays dead', (
    Lives, 'recognise', lambda original: lambda self, life: 'former' if original(self, life) == NEXT
    else original(self, life)))
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


def main(names):
    # type: (List[str]) -> int
    survivors = 0
    print('| mutant | breaks | what is wrong with it | seeds | caught as |\n| --- | --- | --- | --- | --- |')
    for name in names or sorted(MUTANTS, key=lambda name: (MUTANTS[name][0][0] == 'L', int(MUTANTS[name][0][1:]))):
        rule, about, _ = MUTANTS[name]
        seeds, result = seeds_survived(name)
        survivors += result is None
        caught = 'NOT CAUGHT' if result is None else '%s %s' % (result['verdict'], result['rule'])
        print('| `%s` | %s | %s | %d | %s |' % (name, rule, about, seeds, caught))
        sys.stdout.flush()
        if names and result is not None:
            print(result['sentence'], *result['lines'], sep='\n')
    return survivors


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
