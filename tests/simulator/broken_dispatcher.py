"""Broken variants of the dispatcher."""

from __future__ import absolute_import, division, print_function

from dispatcher.calculators import ALIVE, DEAD, SUSPECT, Calculator
from dispatcher.core import DispatcherCore
from dispatcher.failure_detector import FailureDetector
from dispatcher.tasks import UNACKNOWLEDGED
from net_protocol.rows import CALCULATOR, CANCELLED, DONE, EXPIRED, JOURNAL, QUEUE_FULL
from tests.simulator.breaking import instead, mutant, nothing

# S1, S2, S3, S4: outcomes.

def _accepts_three_of_four(original):
    def on_submit(self, now, channel, rows):
        rows = [row for row in rows if row[0] % 4]
        if rows:
            original(self, now, channel, rows)
    return on_submit


def _changes_its_mind(original):
    def refresh(self, now, channel, kind, row):
        row = original(self, now, channel, kind, row)
        return row if row is None or kind != 'done' else row[:2] + [row[2] + 1]
    return refresh


def _mixes_up_results(original):
    def on_result(self, now, channel, rows):
        last = getattr(self, 'last_result', None)
        self.last_result = rows[0][2]
        if last is not None and rows[0][3] is None and rows[0][1].endswith('5'):
            rows[0][2] = last
        original(self, now, channel, rows)
    return on_result


def _believes_an_acknowledgement(original):
    def acknowledged(self, now, channel, kind, rows):
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
    return acknowledged


def _to_the_heir(original):
    def send_again(self, channel, client):
        client.is_absent, was_absent = False, client.is_absent
        try:
            return original(self, channel, client)
        finally:
            client.is_absent = was_absent
    return send_again


mutant('accepts_and_forgets', 'S1', 'the dispatcher acknowledges a submit and keeps nothing',
       (DispatcherCore, '_on_submit', _accepts_three_of_four))
mutant('another_outcome_when_sent_again', 'S2', 'an outcome that is sent again is another one',
       (DispatcherCore, 'refresh', _changes_its_mind))
mutant('results_mixed_up', 'S3', 'the dispatcher takes the result of another task',
       (DispatcherCore, '_on_result', _mixes_up_results))
def _registers_whoever_opens(original):
    def opened(self, now, channel):
        original(self, now, channel)
        if channel.role == CALCULATOR and channel.peer is None:
            self.register(now, channel, 1, 1.0)
    return opened


def _cancels_what_expires(original):
    def finish(self, now, task, outcome, *rest):
        original(self, now, task, CANCELLED if outcome == EXPIRED else outcome, *rest)
    return finish


def _with(**changes):
    def patch(original):
        def init(self, settings, *rest):
            original(self, dict(settings, **changes), *rest)
        return init
    return patch


def _calls_it_delivered(original):
    def drop(self, now, client, task):
        self.emit(now, 'outcome_dropped', task_id=task.task_id)
        self.forget(client, task)
    return drop


mutant('registered_by_nobody', 'S4', 'a calculator is registered before its first heartbeat',
       (DispatcherCore, 'opened', _registers_whoever_opens))
mutant('cancelled_by_nobody', 'S4', 'tasks are cancelled whose time is over',
       (DispatcherCore, 'finish', _cancels_what_expires))
mutant('failed_at_once', 'S4', 'a task fails with its first attempt', (
    DispatcherCore, '__init__', _with(attempts_max=1)))
mutant('dropped_as_delivered', 'S1', 'an outcome that is dropped counts as one that its client has',
       (DispatcherCore, 'drop', _calls_it_delivered))
mutant('done_without_a_result', 'S4', 'the dispatcher calls a task done when it was only taken',
       (DispatcherCore, 'acknowledged', _believes_an_acknowledgement))
mutant('outcomes_of_former_to_the_living', 'S4',
       'an outcome of a former incarnation goes to the present one as its own',
       (DispatcherCore, '_send_again', _to_the_heir))


# S5, S6, S7: places, capacity, who gets work.

def _both_places(original):
    def requeue(self, now, task, ended):
        original(self, now, task, ended)
        if not task.is_over and task.task_id.endswith('2'):
            self.emit(now, 'assigned', task_id=task.task_id, calculator='calculator-1', attempt=99)
    return requeue


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


def _believes_older(original):
    def reconcile(self, now, calculator, number, held, orphans):
        original(self, now, calculator, 2 ** 53, held, orphans)
    return reconcile


def _older_wins(original):
    def register(self, now, channel, *said):
        current = self.calculators.by_name.get(channel.name)
        return original(self, now, channel, *said) if current is None or current.state == DEAD else None
    return register


def _lives_on(original):
    def register(self, now, channel, *said):
        current = self.calculators.by_name.get(channel.name)
        if current is not None:
            channel.peer = current
            return current
        return original(self, now, channel, *said)
    return register


mutant('tells_what_is_not_so', 'S5', 'a task that waits is said to be assigned', (DispatcherCore, 'requeue',
                                                                                  _both_places))
mutant('incarnation_ignored', 'S7', 'a new incarnation of a calculator is taken for the old one',
       (DispatcherCore, 'register', _lives_on))
mutant('tables_ignore_capacity', 'S6', 'the dispatcher gives a calculator more than it has slots for', (
    Calculator, 'has_slot', _available_if(
        lambda self: self.state == ALIVE and not self.draining and not self.full_until_beat)))
mutant('suspects_get_work', 'S7', 'a calculator that is suspect is given work', (
    Calculator, 'has_slot', _available_if(
        lambda self: self.state in (ALIVE, SUSPECT) and not self.draining and not self.full_until_beat
        and self.free > 0)))
mutant('draining_get_work', 'S7', 'a calculator that drains is given work', (
    Calculator, 'has_slot', _although_it_drains))
mutant('older_channel_wins', 'S7', 'of two calculators with one name the older one works',
       (DispatcherCore, 'register', _older_wins))
mutant('older_heartbeat_believed', 'S8', 'a heartbeat that an acknowledgement overtook counts as newer',
       (DispatcherCore, '_reconcile', _believes_older))


# S8: nothing stays with the dead.

def _loses_what_is_not_named(original):
    def reconcile(self, now, calculator, number, held, orphans):
        for task in calculator.attempts.values():
            if task.acknowledged_by is None:
                task.acknowledged_by = 0
        original(self, now, calculator, number, held, orphans)
    return reconcile


def _names_everything(original):
    def reconcile(self, now, calculator, number, held, orphans):
        held = sorted(held + [[assignment, assignment] for assignment in calculator.attempts])
        original(self, now, calculator, number, held, orphans)
    return reconcile


def _only_the_deadline(original):
    def due_task(self, now, task):
        if now >= task.deadline_at:
            original(self, now, task)
        else:
            self._timers.set(('task', task), task.deadline_at)
    return due_task


def _only_answers(original):
    def due_task(self, now, task):
        if now < task.deadline_at:
            original(self, now, task)
    return due_task


mutant('no_answer_timeout', 'S8', 'an attempt may take for ever', (DispatcherCore, '_due_task', _only_the_deadline))
mutant('deadline_ignored', 'S1', 'a task whose time is over stays where it is',
       (DispatcherCore, '_due_task', _only_answers))
mutant('never_requeued', 'S8 L8', 'the tasks of a dead calculator stay with it',
       (DispatcherCore, '_lose_all', instead(nothing)))
mutant('nobody_dies', 'S8', 'a calculator is dead after a hundred times the silence', (
    FailureDetector, '__init__', lambda original: lambda self, suspect, dead: original(self, suspect, 100 * dead)))
mutant('heartbeats_ignored', 'S8', 'what a heartbeat does not name stays assigned',
       (DispatcherCore, '_reconcile', _names_everything))
mutant('lost_without_acknowledgement', 'S8', 'an attempt is lost that its calculator may not have received yet',
       (DispatcherCore, '_reconcile', _loses_what_is_not_named))
def _believes_a_hint(original):
    def hinted(self, now, channel):
        calculator = channel.peer
        if calculator is not None and not calculator.IS_CLIENT and calculator.state == ALIVE:
            self._suspect(now, calculator, 'lose_touch', 'nobody listens at its address')
            self._lose_all(calculator, UNACKNOWLEDGED)
    return hinted


def _loses_all_but(ignored):
    def patch(original):
        def lose_all(self, calculator, ended):
            if ended != ignored:
                original(self, calculator, ended)
        return lose_all
    return patch


mutant('unreachable_keep_tasks', 'L8', 'a calculator that can\'t be reached keeps its tasks',
       (DispatcherCore, '_lose_all', _loses_all_but(UNACKNOWLEDGED)))
mutant('hint_believed', 'S13', 'a report that nobody listens is believed at once',
       (DispatcherCore, 'hinted', _believes_a_hint))
mutant('never_excused', 'S13', 'calculators are judged although something from them is unread',
       (FailureDetector, 'excuse', instead(lambda self, now, calculator, late_s: False)))
mutant('doubted_too_soon', 'S13', 'two missed heartbeats less make a calculator suspect, and three less dead', (
    FailureDetector, '__init__', lambda original: lambda self, suspect_after, dead_after: original(
        self, suspect_after - 2, dead_after - 3)))


# S9, S10, S11, S12, S16: bounds, refusals, accounts, copies.

def _takes_in_spite_of(ignored):
    def patch(original):
        def reason_to_refuse(self, client, number, size):
            reason = original(self, client, number, size)
            return None if reason == ignored else reason
        return reason_to_refuse
    return patch


def _forgets(kind):
    def patch(original):
        def refresh(self, now, channel, name, row):
            return None if name == kind else original(self, now, channel, name, row)
        return refresh
    return patch


def _counts_twice(original):
    def note_accepted(self, client, number, size):
        original(self, client, number, size)
        self.counts['accepted'] += self.counts['accepted'] % 10 == 7
    return note_accepted


def _knows_no_copies(original):
    def may_accept(self, now, channel, client, number, size):
        client.acknowledged.drop_below(2 ** 53)
        client.open = 1
        channel.peer_open = 0
        return original(self, now, channel, client, number, size)
    return may_accept


def _restarts_what_waits(original):
    def on_submit(self, now, channel, rows):
        client = channel.peer
        for row in rows:
            task = None if client is None else client.tasks.get(row[0])
            if task is not None and not task.is_over:
                self.emit(now, 'accepted', task_id=task.task_id)
        original(self, now, channel, rows)
    return on_submit


mutant('queue_unbounded', 'S9', 'a full queue takes more', (
    DispatcherCore, '_reason_to_refuse', _takes_in_spite_of(QUEUE_FULL)))
mutant('accepts_while_the_disk_fails', 'S9', 'tasks are accepted while the journal can\'t be written', (
    DispatcherCore, '_reason_to_refuse', _takes_in_spite_of(JOURNAL)))
mutant('memory_unbounded', 'S9', 'clients get any memory', (
    DispatcherCore, '__init__', _with(memory_max_bytes=1 << 30)))
mutant('registry_unbounded', 'S9', 'calculators register without limit', (
    DispatcherCore, '__init__', _with(calculators_max=10 ** 6)))
mutant('refusal_forgotten', 'S10', 'a lost refusal is not sent again', (DispatcherCore, 'refresh', _forgets('refused')))
mutant('counts_twice', 'S11', 'one accepted task in ten is counted twice',
       (DispatcherCore, '_note_accepted', _counts_twice))
mutant('attempts_unbounded', 'S12', 'a task is tried without end', (
    DispatcherCore, '__init__', _with(attempts_max=10 ** 6)))
mutant('copy_begins_anew', 'S16', 'a copy of a submit begins the task anew',
       (DispatcherCore, '_on_submit', _restarts_what_waits))
mutant('open_ignored', 'S16', 'what is below open may be submitted', (DispatcherCore, '_may_accept', _knows_no_copies))


# Liveness.

def _refuses_one_client(original):
    def reason_to_refuse(self, client, number, size):
        return 'queue_full' if client.name == 'client-2' else original(self, client, number, size)
    return reason_to_refuse


def _stays_dead(original):
    def on_heartbeat(self, now, channel, rows):
        known = self.calculators.by_name.get(channel.name)
        if known is None or known.state != DEAD:
            original(self, now, channel, rows)
    return on_heartbeat


def _shrinks(original):
    def assign(self, now, task, calculator, known_as=0):
        original(self, now, task, calculator, known_as)
        calculator.capacity = max(1, calculator.capacity - 1)
    return assign


mutant('outcomes_not_resent', 'L1 S10', 'a lost outcome is not sent again', (
    DispatcherCore, 'refresh', lambda original: _forgets('done')(_forgets('ended')(original))))


def _never_stopped(original):
    def settle(self, now):
        original(self, now)
        self.is_stopped = False
    return settle


mutant('never_drained', 'L2', 'the dispatcher does not end', (DispatcherCore, '_due_drained', instead(nothing)),
       (DispatcherCore, 'settle', _never_stopped))
mutant('nobody_comes_back', 'L3', 'a calculator that was dead stays dead', (DispatcherCore, '_on_heartbeat',
                                                                            _stays_dead))
mutant('one_client_starves', 'L5', 'one client is always told to come back later',
       (DispatcherCore, '_plain_places', instead(lambda self, client: 0)),
       (DispatcherCore, '_reason_to_refuse', _refuses_one_client))
mutant('a_slot_is_never_free', 'L7 L1', 'a calculator has one slot less after each assignment', (
    DispatcherCore, 'assign', _shrinks))
mutant('unreachable_get_work', 'L8', 'a calculator that does not acknowledge is given more all the same',
       (DispatcherCore, 'unreachable', instead(nothing)), (Calculator, 'is_available', _available_if(
           lambda self: self.has_slot)))
