"""Broken variants of the dispatcher."""

from __future__ import absolute_import, division, print_function

from dispatcher.calculators import ALIVE, DEAD, SUSPECT, Calculator
from dispatcher.core import DispatcherCore
from dispatcher.failure_detector import FailureDetector
from dispatcher.tasks import NOT_LISTENING, UNACKNOWLEDGED
from net_protocol.rows import CALCULATOR, CANCELLED, DONE, EXPIRED, JOURNAL, QUEUE_FULL
from tests.simulator.breaking import around, breaks, drops, instead, mutant, nothing, returns

# S1, S2, S3, S4: outcomes.

@breaks('accepts_and_forgets', 'S1', 'the dispatcher acknowledges a submit and forgets it',
        DispatcherCore, '_on_submit')
def _accepts_three_of_four(original, self, now, channel, rows):
    rows = [row for row in rows if row[0] % 4]
    if rows:
        original(self, now, channel, rows)


@breaks('another_outcome_when_sent_again', 'S2', 'an outcome changes when it is sent again',
        DispatcherCore, 'refresh')
def _changes_it(original, self, now, channel, kind, row):
    row = original(self, now, channel, kind, row)
    return row if row is None or kind != 'done' else row[:2] + [row[2] + 1]


@breaks('results_mixed_up', 'S3', 'a task gets the result of another task', DispatcherCore, '_on_result')
def _mixes_up_results(original, self, now, channel, rows):
    last = getattr(self, 'last_result', None)
    self.last_result = rows[0][2]
    if last is not None and rows[0][3] is None and rows[0][1].endswith('5'):
        rows[0][2] = last
    original(self, now, channel, rows)


@breaks('done_without_a_result', 'S4', 'a task counts as done when its assignment is acknowledged',
        DispatcherCore, 'acknowledged')
def _believes_an_acknowledgement(original, self, now, channel, kind, rows):
    original(self, now, channel, kind, rows)
    if kind == 'assign' and channel.peer is not None:
        for row in rows:
            task = channel.peer.attempts.get(row[0])
            if task is not None and task.task_id.endswith('3'):
                self._on_result(now, channel, [])
                del channel.peer.attempts[row[0]]
                self.running -= 1
                self.counts['attempt_result'] += 1
                channel.peer.free += 1
                self.emit(now, 'done', task_id=task.task_id, calculator=channel.name, attempt=task.attempt)
                self.finish(now, task, DONE, u'00000000')


@breaks('outcomes_of_a_former_incarnation', 'S4', 'an outcome of a former incarnation is sent to the present one',
        DispatcherCore, '_send_again')
def _to_the_present(original, self, channel, client):
    client.is_absent, was_absent = False, client.is_absent
    try:
        return original(self, channel, client)
    finally:
        client.is_absent = was_absent


@breaks('registered_without_a_heartbeat', 'S4', 'a calculator is registered before its first heartbeat',
        DispatcherCore, 'opened')
def _registers_all(original, self, now, channel):
    original(self, now, channel)
    if channel.role == CALCULATOR and channel.peer is None:
        self.register(now, channel, 1, 1.0)


def _with(**changes):
    @around
    def init(original, self, settings, *rest):
        original(self, dict(settings, **changes), *rest)
    return init


@breaks('dropped_as_delivered', 'S1', 'a dropped outcome counts as delivered',
        DispatcherCore, 'drop_outcome')
def _calls_it_delivered(original, self, now, client, task):
    self.emit(now, 'outcome_dropped', task_id=task.task_id)
    self.forget_task(client, task)


mutant('cancelled_without_a_cancel', 'S4', 'expired tasks count as cancelled', (
    DispatcherCore, 'finish', around(lambda original, self, now, task, outcome, *rest: original(
        self, now, task, CANCELLED if outcome == EXPIRED else outcome, *rest))))
mutant('failed_at_once', 'S4', 'a task fails with its first attempt', (
    DispatcherCore, '__init__', _with(attempts_max=1)))


# S5, S6, S7: places, capacity, who gets work.

@breaks('event_of_a_false_assignment', 'S5', 'an event reports a waiting task as assigned', DispatcherCore, 'requeue')
def _both_places(original, self, now, task, ended):
    original(self, now, task, ended)
    if not task.is_over and task.task_id.endswith('2'):
        self.emit(now, 'assigned', task_id=task.task_id, calculator='calculator-1', attempt=99)


def _available_if(condition):
    return lambda original: property(condition)


def _although_it_drains(original):
    def has_slot(self):
        self.draining, draining = False, self.draining
        try:
            return original.fget(self)
        finally:
            self.draining = draining
    return property(has_slot)


@breaks('older_channel_wins', 'S7', 'of two calculators with one name the older one gets tasks',
        DispatcherCore, 'register')
def _older_wins(original, self, now, channel, *said):
    current = self.calculators.by_name.get(channel.name)
    return original(self, now, channel, *said) if current is None or current.state == DEAD else None


@breaks('incarnation_ignored', 'S7', 'a new incarnation of a calculator counts as the old one',
        DispatcherCore, 'register')
def _keeps_the_former(original, self, now, channel, *said):
    current = self.calculators.by_name.get(channel.name)
    if current is not None:
        channel.peer = current
        return current
    return original(self, now, channel, *said)


mutant('tables_ignore_capacity', 'S6', 'a calculator gets more attempts than it has slots', (
    Calculator, 'has_slot', _available_if(
        lambda self: self.state == ALIVE and not self.draining and not self.full_until_beat)))
mutant('suspects_get_work', 'S7', 'a suspect calculator gets tasks', (
    Calculator, 'has_slot', _available_if(
        lambda self: self.state in (ALIVE, SUSPECT) and not self.draining and not self.full_until_beat
        and self.free > 0)))
mutant('draining_get_work', 'S7', 'a draining calculator gets tasks', (
    Calculator, 'has_slot', _although_it_drains))


# S8: no task stays with a dead calculator.

@breaks('lost_without_acknowledgement', 'S8', 'an attempt counts as lost before its calculator can have received it',
        DispatcherCore, '_reconcile')
def _loses_what_is_not_named(original, self, now, calculator, number, held, orphans):
    for task in calculator.attempts.values():
        if task.acknowledged_in is None:
            task.acknowledged_in = 0
    original(self, now, calculator, number, held, orphans)


@breaks('heartbeats_ignored', 'S8', 'an attempt that a heartbeat does not name stays assigned',
        DispatcherCore, '_reconcile')
def _names_everything(original, self, now, calculator, number, held, orphans):
    held = sorted(held + [[assignment, assignment] for assignment in calculator.attempts])
    original(self, now, calculator, number, held, orphans)


@breaks('no_answer_timeout', 'S8', 'the answer time-out of an attempt is ignored', DispatcherCore, '_due_task')
def _only_the_deadline(original, self, now, task):
    if now >= task.deadline_at:
        original(self, now, task)
    else:
        self._timers.set(('task', task), task.deadline_at)


@breaks('deadline_ignored', 'S1', 'a task does not expire', DispatcherCore, '_due_task')
def _only_answers(original, self, now, task):
    if now < task.deadline_at:
        original(self, now, task)


mutant('older_heartbeat_counts', 'S8', 'a heartbeat older than an acknowledgement counts as newer', (
    DispatcherCore, '_reconcile', around(lambda original, self, now, calculator, number, *rest: original(
        self, now, calculator, 2 ** 53, *rest))))
mutant('never_requeued', 'S8 L8', 'the tasks of a dead calculator are not reassigned',
       (DispatcherCore, '_begin_to_lose', instead(nothing)))
mutant('no_calculator_dies', 'S8', 'a calculator is dead after a hundred times the silence', (
    FailureDetector, '__init__', lambda original: lambda self, suspect, dead: original(self, suspect, 100 * dead)))


@breaks('hint_trusted', 'S13', 'an ICMP error makes a calculator suspect at once', DispatcherCore, 'hinted')
def _believes_a_hint(original, self, now, channel):
    calculator = channel.peer
    if calculator is not None and not calculator.IS_CLIENT and calculator.state == ALIVE:
        self._suspect(now, calculator, 'lose_touch', 'no process listens at its address')
        self._begin_to_lose(calculator, NOT_LISTENING)


@breaks('unreachable_keep_tasks', 'L8', 'an unreachable calculator keeps its tasks',
        DispatcherCore, '_begin_to_lose')
def _loses_no_unacknowledged(original, self, calculator, ended):
    if ended != UNACKNOWLEDGED:
        original(self, calculator, ended)


mutant('never_excused', 'S13', 'calculators become suspect although their datagrams are unread',
       (FailureDetector, 'excuse', returns(False)))
mutant('doubted_too_soon', 'S13', 'a calculator is suspect two heartbeats too early, and dead three too early', (
    FailureDetector, '__init__', lambda original: lambda self, suspect_after, dead_after: original(
        self, suspect_after - 2, dead_after - 3)))


# S9, S10, S11, S12, S16: bounds, refusals, accounts, copies.

def _takes_in_spite_of(ignored):
    @around
    def reason_to_refuse(original, self, client, number, size):
        reason = original(self, client, number, size)
        return None if reason == ignored else reason
    return reason_to_refuse


@breaks('counts_twice', 'S11', 'one accepted task in ten is counted twice', DispatcherCore, '_note_accepted')
def _counts_twice(original, self, client, number, size):
    original(self, client, number, size)
    self.counts['accepted'] += self.counts['accepted'] % 10 == 7


@breaks('open_ignored', 'S16', 'numbers below ``open`` may be submitted', DispatcherCore, '_may_accept')
def _accepts_duplicates(original, self, now, channel, client, number, size):
    client.acknowledged.drop_below(2 ** 53)
    client.open = 1
    channel.peer_open = 0
    return original(self, now, channel, client, number, size)


@breaks('copy_begins_anew', 'S16', 'a duplicate of a submit accepts the task again', DispatcherCore, '_on_submit')
def _restarts_what_waits(original, self, now, channel, rows):
    client = channel.peer
    for row in rows:
        task = None if client is None else client.tasks.get(row[0])
        if task is not None and not task.is_over:
            self.emit(now, 'accepted', task_id=task.task_id)
    original(self, now, channel, rows)


mutant('queue_unbounded', 'S9', 'a full queue accepts tasks', (
    DispatcherCore, '_reason_to_refuse', _takes_in_spite_of(QUEUE_FULL)))
mutant('accepts_while_the_disk_fails', 'S9', 'tasks are accepted while the journal can\'t be written', (
    DispatcherCore, '_reason_to_refuse', _takes_in_spite_of(JOURNAL)))
mutant('memory_unbounded', 'S9', 'the memory for tasks has no limit', (
    DispatcherCore, '__init__', _with(memory_max_bytes=1 << 30)))
mutant('memory_of_calculators_unbounded', 'S9', 'calculators register without free memory', (
    DispatcherCore, '_make_room', returns(True)))
mutant('registry_unbounded', 'S9', 'calculators register without limit', (
    DispatcherCore, '__init__', _with(calculators_max=10 ** 6)))
mutant('refusal_forgotten', 'S10', 'a lost refusal is not sent again', (DispatcherCore, 'refresh', drops('refused')))
mutant('attempts_unbounded', 'S12', 'a task gets unlimited attempts', (
    DispatcherCore, '__init__', _with(attempts_max=10 ** 6)))


# Liveness.

@around
def _refuses_one_client(original, self, client, number, size):
    return 'queue_full' if client.name == 'client-2' else original(self, client, number, size)


@breaks('no_calculator_returns', 'L3', 'a dead calculator can\'t return', DispatcherCore, '_on_heartbeat')
def _stays_dead(original, self, now, channel, rows):
    known = self.calculators.by_name.get(channel.name)
    if known is None or known.state != DEAD:
        original(self, now, channel, rows)


@breaks('a_slot_is_never_free', 'L7 L1', 'each assignment costs a slot',
        DispatcherCore, 'assign')
def _shrinks(original, self, now, task, calculator, known_as=0):
    original(self, now, task, calculator, known_as)
    calculator.capacity = max(1, calculator.capacity - 1)


mutant('outcomes_not_resent', 'L1 S10', 'a lost outcome is not sent again', (
    DispatcherCore, 'refresh', lambda original: drops('done')(drops('ended')(original))))


@around
def _never_stopped(original, self, now):
    original(self, now)
    self.is_stopped = False


mutant('never_drained', 'L2', 'the dispatcher does not end', (DispatcherCore, '_due_drain_over', instead(nothing)),
       (DispatcherCore, 'settle', _never_stopped))
mutant('one_client_starves', 'L5', 'one client is always refused',
       (DispatcherCore, '_fast_places', returns(0)),
       (DispatcherCore, '_reason_to_refuse', _refuses_one_client))
mutant('unreachable_get_work', 'L8', 'a calculator that acknowledges nothing gets tasks',
       (DispatcherCore, 'unreachable', instead(nothing)), (Calculator, 'is_available', _available_if(
           lambda self: self.has_slot)))
