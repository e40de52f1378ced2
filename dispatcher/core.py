"""The dispatcher: every accepted task has exactly one outcome, and the dispatcher sends it to the client of the task.

The dispatcher is one object. Its methods are in several files, one class in each. A task passes through six of these
files, in the order below. The class of each file extends, directly or not, the classes below it. First read the records
in ``tasks``, ``clients``, ``calculators`` and ``pending_queue``. ``net_protocol.turn`` explains turns and portions.

    admission       ``_on_submit`` accepts the task and puts it into the queue. The client
                    learns this from the acknowledgement of the datagram, unless a ``refused`` row follows.
    assignment      ``assign_waiting`` takes it out of the queue. ``settle`` calls this after each portion of a turn,
                    and ``_may_accept`` calls it when the queue is full.
    work            ``assign`` sends the task to a calculator. ``note_acknowledged`` (from ``core.acknowledged``) notes
                    that the calculator has it.
    results         ``_on_result`` handles the result.
    ends            ``finish`` ends the task.
    outcomes        ``deliver`` sends the outcome. With a journal, ``core.note_written`` calls it when the outcome is on
                    disk. Without one, ``finish`` calls it, or sends the row itself in the most frequent case. An
                    outcome for an absent client (one that is not heard) is kept. ``deliver_some`` sends it when the
                    client, or another incarnation of the client, is heard.

A task is forgotten when its client does not need it any more. Either the client acknowledged the outcome
(``outcomes.forget_acknowledged``), or its ``open``, the lowest number that it still needs, is now above the number of
the task (``ends.forget_below``, from ``core.heard``).

If a submit is refused, ``admission._may_accept`` sends and keeps the refusal, ``outcomes`` sends it again on a new
channel, and ``ends.forget_below`` or ``outcomes.forget_refusals`` forgets it. If a calculator refuses an assignment,
``reports._on_assign_refused`` handles that.

``reports._on_heartbeat`` registers a calculator; ``calculators.update`` puts it into the queue of available ones. When
it is declared dead, ``fleet._due_silence`` calls ``_begin_to_lose``. In this turn and the next ones, ``lose_some`` ends
its attempts, and ``work.requeue`` puts each task back into the queue. ``fleet.unreachable`` and ``_due_hint`` also
call it, for a calculator that acknowledges nothing, or at whose address no process listens.

State of each class:

    outcomes        clients, the journal, observers
    ends            the queue, calculators, the number of running tasks, the limits and totals of memory
    work            tasks that have no timer yet
    assignment      whether tasks are assigned at all: ``is_draining``, ``is_adopting``
    fleet           the failure detector

This file has the tables of handlers and timers, the callbacks of the turn and of channels, recovery, the journal and
the account.
"""

from __future__ import absolute_import, division, print_function

from collections import deque

from dispatcher.calculators import DEAD, LEFT, SUSPECT
from dispatcher.failure_detector import HELD_UP_S
from dispatcher.invariants import check
from dispatcher.journal import ACCEPTED, ACCEPTED_CALL, LAZY_S, RETRY_S, restored
from dispatcher.operations import Operations
from dispatcher.outcomes import TURN_MAX
from dispatcher.tasks import ATTEMPT_ENDS
from net_protocol.rows import CALCULATOR, CLIENT, DISPATCHER, OUTCOMES
from net_protocol.schedule import SLEEP_S

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict, Iterable, List  # noqa: F401

    from dispatcher.calculators import Calculator  # noqa: F401
    from dispatcher.clients import Client  # noqa: F401
    from dispatcher.journal import Row  # noqa: F401
    from dispatcher.tasks import Task  # noqa: F401
    from net_protocol.channel import Channel  # noqa: F401

#: After a recovery nothing is assigned for this long. In this time the heartbeats of the calculators (by default one
#: per second) name the tasks that they run. Such a task stays on its calculator and is not started on another one.
ADOPTION_S = 1.5


class DispatcherCore(Operations):
    """A dispatcher as a pure state machine.

    ``settings`` is a complete object of ``dispatcher.settings.SETTINGS``. ``rng`` is not used.
    """

    ROLE = DISPATCHER
    HANDLERS = {'submit': '_on_submit', 'call': '_on_call', 'failed': '_on_failed',
                'offer': '_on_offer', 'functions': '_on_functions', 'cancel': '_on_cancel',
                'heartbeat': '_on_heartbeat', 'leave': '_on_leave', 'assign_refused': '_on_assign_refused',
                'result': '_on_result', 'status': '_on_status', 'task_status': '_on_task_status',
                'operate': '_on_operate', 'ask_functions': '_on_ask_functions'}
    TIMERS = {'task': '_due_task', 'silence': '_due_silence', 'removal': '_due_removal', 'ping': '_due_ping',
              'hint': '_due_hint', 'drain_over': '_due_drain_over', 'adoption': '_due_adoption',
              'journal': '_due_journal', 'former': '_due_former', 'delay': '_due_delay', 'function': '_due_function',
              'no_calculators': '_due_no_calculators'}
    ACKNOWLEDGED = frozenset(['assign', 'run', 'revoke', 'refused', 'done', 'ended', 'done_before', 'ended_before'])
    COUNTERS = ('tasks_recovered', 'outcomes_recovered', 'held_up') + Operations.COUNTERS

    def __init__(self, settings, name, incarnation, rng):
        # type: (Dict[str, Any], str, str, Any) -> None
        super(DispatcherCore, self).__init__(settings, name, incarnation)
        # Clients that were read from the journal. Some may not have been heard yet.
        self._recovered = deque()  # type: Deque[Client]
        # The time of the last call of ``handle_timer``.
        self._handled_at = 0.0

    # What the owner calls.

    def start(self, now):
        # type: (float) -> None
        """Send nothing: clients and calculators send first."""
        self.watch.began_at = self._handled_at = now

    def recover(self, now, incarnations, rows):
        # type: (float, int, Iterable[Row]) -> None
        """Restore the state from ``rows`` of the journal (see ``dispatcher.journal``), which ``incarnations`` earlier
        incarnations have written. Call this before anything else.

        Tasks that were waiting or running wait, in the order of their acceptance. Outcomes that clients have not
        acknowledged are sent again.
        """
        for row in rows:
            name, incarnation, number = row[1].rsplit(':', 2)
            client = self.clients.get(name, incarnation)
            if client is None:
                client = self.new_client(now, name, incarnation, now + SLEEP_S)
                client.open = int(number)
                self._recovered.append(client)
            task = restored(now, client, int(number), row, self.settings['task_timeout_s'])
            client.tasks[task.number] = task
            client.open = min(client.open, task.number)
            client.highest = max(client.highest, task.number)
            client.bytes += task.size
            self.client_bytes += task.size
            if row[0] in (ACCEPTED, ACCEPTED_CALL):
                self.counts['tasks_recovered'] += 1
                client.live += 1
                client.tally.accepted += 1
                if task.IS_CALL:
                    self.queue.put_call(task)
                else:
                    self.queue.put(task)
                self.set_task_timer(task)
            else:
                self.counts['outcomes_recovered'] += 1
                client.outcome_bytes += task.size
                self.undelivered += 1
                self.absent_outcomes += 1
                self.absent_bytes += task.size
        self.emit(now, 'journal_read', waiting=self.queue.size, unacknowledged=self.undelivered,
                  incarnations=incarnations)
        self._timers.set(('former', None), now + SLEEP_S)
        if self.queue.size:
            self.is_adopting = True
            self._timers.set(('adoption', None), now + ADOPTION_S)

    def stop(self, now):
        # type: (float) -> None
        """Accept and assign no more tasks. Wait up to ``drain_timeout_s`` for running tasks and acknowledgements.

        Waiting tasks are not cancelled. Their clients submit them again to the next dispatcher at this address. With a
        journal, the next dispatcher still has them.
        """
        if self.is_draining:
            return
        self.is_draining = True
        bound_s = self.settings['drain_timeout_s']
        self.emit(now, 'draining', waiting=self.queue.size, running=self.running, unacknowledged=self.undelivered,
                  bound_s=bound_s)
        self._timers.set(('drain_over', None), now + bound_s)

    # Turns.

    def settle(self, now):
        # type: (float) -> None
        """After each portion of a turn: resend, assign waiting tasks, and test whether the drain is over."""
        self.set_timers_of_young(now)
        if self._to_deliver:
            self.deliver_some(now)
        if self._sending_again:
            self.send_some_again(now)
        self.assign_waiting(now)
        if self.is_draining and not self.running and self.undelivered == self.absent_outcomes:
            self.is_stopped = True
        journal = self.journal
        if journal is not None and journal.is_lazy and ('journal', None) not in self._timers:
            self._timers.set(('journal', None), now + LAZY_S)

    # Channels.

    def opened(self, now, channel):
        # type: (float, Channel) -> None
        if channel.role == CLIENT:
            self.meet_client(now, channel)
        elif channel.role == CALCULATOR:
            self.reattach(channel)

    def awake(self, now, channel):
        # type: (float, Channel) -> None
        self.opened(now, channel)

    def heard(self, now, channel):
        # type: (float, Channel) -> None
        peer = channel.peer
        if peer is None:
            return
        if peer.IS_CLIENT:
            if channel.peer_open > peer.open and not peer.is_behind:
                self.forget_below(now, peer)
        elif peer.state is SUSPECT and not channel.is_unreachable:
            self.recover_calculator(now, peer)

    def asleep(self, now, channel):
        # type: (float, Channel) -> bool
        peer = channel.peer
        if peer is None:
            return True
        if not peer.IS_CLIENT:
            return peer.state in (DEAD, LEFT) and not peer.attempts
        self.note_absent(now, peer)
        return not peer.tasks

    def closed(self, now, channel):
        # type: (float, Channel) -> None
        peer, channel.peer = channel.peer, None
        if peer is not None and peer.IS_CLIENT:
            peer.channel = None
            self.forget_client(peer)

    def acknowledged(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        peer = channel.peer
        if peer is None:
            return
        if kind == 'assign' or kind == 'run' or kind == 'revoke':
            self.note_acknowledged(channel, peer, kind, rows)
        elif kind == 'done' or kind == 'ended':
            self.forget_acknowledged(peer, rows)
        elif kind == 'refused':
            self.forget_refusals(peer, rows)
        else:
            self.forget_former(now, peer, rows)

    def refresh(self, now, channel, kind, row):
        # type: (float, Channel, str, Any) -> Any
        peer = channel.peer
        if peer is None:
            return None
        if peer.IS_CLIENT:
            return self.refresh_outcome(peer, kind, row)
        return self.refresh_assignment(now, peer, kind, row)

    # Timers.

    def next_timer(self):
        # type: () -> float | None
        # Work of earlier turns: attempts to end or resend, tasks to forget or assign, outcomes to send or drop.
        if self._losing or self._sending_again or self._behind or self._deliver_now \
                or self.assigns_left or self._absent and self.has_outcomes_to_drop:
            return 0.0
        return self._next_due()

    def _next_due(self):
        # type: () -> float | None
        due_at = self._timers.next_deadline()
        if self.young:
            grown_at = self.young[0].accepted_at + self.young_s
            if due_at is None or grown_at < due_at:
                return grown_at
        return due_at

    def handle_timer(self, now):
        # type: (float) -> None
        """Handle timers that are due, and a part of the work that earlier turns left. Both are limited by ``TURN_MAX``;
        the rest follows in the next turns.
        """
        due_at = self._next_due()
        # A timer that the last call left over does not count as late.
        self._late_s = 0.0 if due_at is None else max(0.0, now - max(due_at, self._handled_at))
        if self._late_s > HELD_UP_S:
            self.counts['held_up'] += 1
            self.emit(now, 'held_up', seconds=self._late_s)
        self.set_timers_of_young(now)
        keys = self._timers.take_due(now)
        for number, (kind, key) in enumerate(keys, 1):
            self._on_timer[kind](now, key)
            if number == TURN_MAX:
                break
        # Put the timers that handlers set during this loop back into the heap.
        keys.close()  # type: ignore[attr-defined]
        self.lose_some(now)
        self.forget_some(now)
        self.drop_outcomes(now)
        self._handled_at = now

    def _due_former(self, now, _):
        # type: (float, Any) -> None
        """Clients from the journal that were not heard since the start may have ended. Send their outcomes to other
        incarnations of these clients.
        """
        for _ in range(min(len(self._recovered), TURN_MAX)):
            client = self._recovered.popleft()
            if client.is_absent:
                self.deliver_again(client, client.open)
        if self._recovered:
            self._timers.set(('former', None), now)

    def _due_adoption(self, now, _):
        # type: (float, None) -> None
        self.is_adopting = False

    def _due_drain_over(self, now, _):
        # type: (float, None) -> None
        self.is_stopped = True

    # The journal.

    def take_records(self):
        # type: () -> List[Any] | None
        return None if self.journal is None else self.journal.take(self.is_stopped)

    def note_written(self, now, failure):
        # type: (float, str | None) -> None
        journal = self.journal  # type: Any
        if failure is not None:
            self.counts['journal_failures'] += 1
            if journal.failing_since is None:
                journal.failing_since = now
                self.emit(now, 'journal_failed', reason=failure)
            self._timers.set(('journal', None), now + RETRY_S)
            return
        failing_since = journal.failing_since
        written, held_back, lowest = journal.note_written()
        self.has_unwritten = False
        self.counts['journal_commits'] += 1
        self.counts['journal_records'] += written
        if failing_since is not None:
            self.emit(now, 'journal_works', seconds=now - failing_since)
        for client, number in lowest:
            self.deliver_again(client, number)
        for task in held_back:
            if lowest:
                self.deliver_again(task.client, task.number)
            elif task.client.tasks.get(task.number) is task:
                self.deliver(task)

    def _due_journal(self, now, _):
        # type: (float, None) -> None
        self.journal.is_due = True  # type: ignore[union-attr]

    # Accounts.

    @property
    def status(self):
        # type: () -> Dict[str, int]
        """The main numbers of the present state. ``over`` counts ended tasks; ``journal_failing`` is 0 or 1."""
        numbers = dict(self.calculators.numbers)
        numbers.update(waiting=self.queue.size, running=self.running, memory_bytes=self.memory_bytes,
                       journal_failing=int(self.journal is not None and self.journal.failing_since is not None),
                       over=sum(self.counts[outcome] for outcome in OUTCOMES))
        return numbers

    def account(self, now):
        # type: (float) -> Dict[str, Any]
        """All counters. Two equations always hold: ``accepted`` + ``tasks_recovered`` = sum of ``outcomes`` +
        ``waiting`` + ``running``, and ``assignments`` + ``adopted`` = sum of ``attempts`` + ``running``.
        """
        counts = self.counts
        return {
            'accepted': counts['accepted'],
            'tasks_recovered': counts['tasks_recovered'],
            'outcomes': {outcome: counts[outcome] for outcome in OUTCOMES},
            'waiting': self.queue.size,
            'running': self.running,
            'attempts': {end: counts['attempt_' + end] for end in ATTEMPT_ENDS},
            'assignments': counts['assignments'],
            'adopted': counts['adopted'],
            'calculators': dict(self.calculators.numbers),
            'memory_bytes': self.memory_bytes,
            'counts': dict(counts),
        }

    def check_invariants(self):
        # type: () -> None
        check(self)
