"""The calculator: takes tasks, imitates a long computation by waiting, answers, and breaks down from time to time.

It owns nothing but its own work: the dispatcher may ask for anything twice, and every heartbeat tells the whole truth
about what is held here, so that the two books can't drift apart for longer than one interval.
"""

from __future__ import absolute_import, division, print_function

from calculator.attempts import ENDS, RUNNING, UNREPORTED, HeldAttempt
from calculator.outages import OutagePlan
from calculator.settings import CRASH
from net_protocol import notional
from net_protocol.codec import check_payload
from net_protocol.core import Core, require
from net_protocol.delivery import DATAGRAM_LIFETIME_S, OUTCOME_GRACE_S, Remembered, longest_wait_s
from net_protocol.errors import MisuseError
from net_protocol.limits import HEARTBEAT_LIST_BYTES, REASON_CHARS_MAX
from net_protocol.lives import NEXT, Lives
from net_protocol.messages import (
    BUSY, DRAINING, Assign, AssignAck, AssignRefused, Heartbeat, HeartbeatAck, Leave, LeaveAck, Result, ResultAck,
    Revoke)

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Tuple  # noqa: F401

    from net_protocol.core import Sender  # noqa: F401

# The condition of a calculator, which draining does not change.
IN_ORDER = 'in_order'
OUT_OF_ORDER = 'out_of_order'
LEAVING = 'leaving'

#: A leave is resent once or twice; a dispatcher that does not hear it finds out by missing heartbeats.
LEAVE_WAIT_S = longest_wait_s(1)

#: Finished attempts that are remembered, to tell a late copy of an assignment from a new one.
REMEMBERED_MAX = 20000

#: Results that may wait for their acknowledgement; past that no new work is taken.
UNREPORTED_MAX = 1000


class CalculatorCore(Core):
    """A calculator as a pure state machine.

    ``settings`` is a complete object of ``calculator.settings.SETTINGS``, ``dispatcher`` the address to send to
    (opaque), ``draw_life()`` returns a new incarnation each time it is called: the first now, the next after each
    crash.
    """

    HANDLERS = {Assign: '_on_assign', Revoke: '_on_revoke', ResultAck: '_on_result_ack',
                HeartbeatAck: '_on_heartbeat_ack', LeaveAck: '_on_leave_ack'}
    TIMERS = {'heartbeat': '_due_heartbeat', 'finish': '_due_finish', 'outage': '_due_outage',
              'drained': '_due_drained'}
    COUNTERS = ('assigned', 'duplicate_assigns', 'refused_busy', 'refused_draining', 'not_for_this_life',
                'unknown_revokes', 'errors', 'crashes', 'freezes', 'ignored_out_of_order', 'heartbeats',
                'dispatcher_restarts')

    def __init__(self, settings, name, draw_life, rng, dispatcher):
        # type: (Dict[str, Any], str, Callable[[], str], Any, Any) -> None
        super(CalculatorCore, self).__init__(name, draw_life())
        self._settings = settings
        self._draw_life = draw_life
        self._rng = rng
        self._dispatcher = dispatcher
        self._plan = OutagePlan(settings['outage'], rng)
        self._held = {}  # type: Dict[str, HeldAttempt]
        self._running = 0
        self.ends = dict.fromkeys(ENDS, 0)
        # (task id, attempt) of what was reported or revoked. A duplicate of its assignment is acknowledged and no
        # more. The next life of the dispatcher starts counting attempts anew, so this is cleared when it appears.
        self._finished = Remembered(DATAGRAM_LIFETIME_S, REMEMBERED_MAX)
        # Results by task id, and the farewell.
        self._results = self._new_resender('result', rng, self._give_up_result)
        self._farewell = self._new_resender('leave', rng, self._give_up_leave)
        self._condition = IN_ORDER
        self._draining = False
        # The outage that is going on: its kind, and when it began and will end.
        self._outage_kind = CRASH
        self._out_at = 0.0
        self._back_at = 0.0
        self._heartbeat_sequence = 0
        self._heard_sequence = 0
        self._dispatcher_lives = Lives()

    # What the shell calls.

    def start(self, now):
        # type: (float) -> None
        self._begin_life(now)

    def stop(self, now):
        # type: (float) -> None
        """Refuse new work, finish what is held for up to ``drain_timeout_s``, say ``leave``, end."""
        if self._draining:
            return
        self._draining = True
        if self._condition == OUT_OF_ORDER:
            self._come_back(now)
        self._tell('draining', running=self._running, unreported=len(self._held) - self._running,
                   bound_s=self._settings['drain_timeout_s'])
        self._timers.cancel(('outage', None))
        self._timers.set(('drained', None), now + self._settings['drain_timeout_s'])
        self._beat(now)
        self._leave_if_drained(now)

    def handle_message(self, now, sender, message):
        # type: (float, Sender, Any) -> None
        if self._condition == OUT_OF_ORDER:
            self.counts['ignored_out_of_order'] += 1
            return
        if (sender.incarnation != self._dispatcher_lives.current and type(message) in self.HANDLERS
                and self._dispatcher_lives.meet(sender.incarnation) == NEXT):
            self._meet_another_dispatcher(now)
        super(CalculatorCore, self).handle_message(now, sender, message)

    def handle_timer(self, now):
        # type: (float) -> None
        if self._condition == OUT_OF_ORDER:
            # A frozen process runs no timer but the one that ends the outage.
            if self._back_at <= now:
                self._come_back(now)
            return
        for kind, key in self._timers.take_due(now):
            self._on_timer[kind](now, key)
            if self._condition == OUT_OF_ORDER:
                break

    def next_timer(self):
        # type: () -> float | None
        if self._condition == OUT_OF_ORDER:
            return self._back_at
        return super(CalculatorCore, self).next_timer()

    def account(self, now):
        # type: (float) -> Dict[str, Any]
        """Everything this calculator counted. ``assigned`` = the ends + running + unreported, at every moment."""
        return {'assigned': self.counts['assigned'], 'ends': dict(self.ends), 'running': self._running,
                'unreported': len(self._held) - self._running,
                'counts': dict(self.counts, resent=self.resent)}

    def check_invariants(self):
        # type: () -> None
        running = sum(1 for held in self._held.values() if held.state == RUNNING)
        require(running == self._running, 'running %d, counted %d', running, self._running)
        require(running <= self._settings['capacity'], 'running %d over capacity', running)
        require(self.counts['assigned'] == sum(self.ends.values()) + len(self._held), 'attempts went missing')
        for task_id, held in self._held.items():
            require(held.state in (RUNNING, UNREPORTED), '%s is over and still held', task_id)
            waited_for = (('finish', task_id) in self._timers if held.state == RUNNING
                          else self._results.is_timed(task_id))
            require(waited_for, '%s (%s) is waited for by nobody', task_id, held.state)

    # Work.

    def _on_assign(self, now, sender, message):
        # type: (float, Sender, Assign) -> None
        if message.incarnation != self.incarnation:
            self.counts['not_for_this_life'] += 1
            return
        held = self._held.get(message.task_id)
        if held is not None:
            self.counts['duplicate_assigns'] += 1
            self._renumber(now, held, message.attempt)
        elif self._finished.get(now, (message.task_id, message.attempt)):
            self.counts['duplicate_assigns'] += 1
        else:
            reason = self._reason_to_refuse()
            if reason:
                self.counts['refused_' + reason] += 1
                self._send(sender.address, AssignRefused(message.task_id, message.attempt, reason))
                return
            if self._is_done_at_once(now, message):
                # The result is the acknowledgement too.
                return
        self._send(sender.address, AssignAck(message.task_id, message.attempt))

    def _reason_to_refuse(self):
        # type: () -> str | None
        if self._draining:
            return DRAINING
        if self._running >= self._settings['capacity'] or len(self._held) - self._running >= UNREPORTED_MAX:
            return BUSY
        return None

    def _is_done_at_once(self, now, message):
        # type: (float, Assign) -> bool
        """Begin to work. Returns whether that took no time."""
        held = HeldAttempt(message.task_id, message.attempt, message.payload,
                           now + message.time_left_s + OUTCOME_GRACE_S)
        self._held[held.task_id] = held
        self._running += 1
        self.counts['assigned'] += 1
        if self.trace:
            self._tell('taken', task_id=held.task_id, attempt=held.attempt)
        duration_s = self._rng.uniform(*self._settings['task_duration_s'])
        if duration_s == 0:
            self._due_finish(now, held.task_id)
            return True
        self._timers.set(('finish', held.task_id), now + duration_s)
        return False

    def _renumber(self, now, held, attempt):
        # type: (float, HeldAttempt, int) -> None
        """The same task under a newer attempt: the work goes on, its result carries the newer number."""
        if attempt <= held.attempt:
            return
        held.attempt = attempt
        if self.trace:
            self._tell('renumbered', task_id=held.task_id, attempt=attempt)
        if held.state == UNREPORTED:
            self._results.end(held.task_id)
            self._report(now, held)

    def _due_finish(self, now, task_id):
        # type: (float, str) -> None
        held = self._held[task_id]
        held.advance('finish')
        self._running -= 1
        self._report(now, held)

    def _report(self, now, held):
        # type: (float, HeldAttempt) -> None
        result, error = self._compute(held.payload)
        message = Result(held.task_id, held.attempt, result, error)
        self._results.begin(now, held.task_id, self._dispatcher, message, held.wanted_until)

    def _compute(self, payload):
        # type: (Any) -> Tuple[Any, str | None]
        try:
            result = notional.compute(payload)
            check_payload('result', result)
            return result, None
        except (notional.NotComputable, MisuseError) as error:
            self.counts['errors'] += 1
            return None, str(error)[:REASON_CHARS_MAX]

    def _on_result_ack(self, now, sender, message):
        # type: (float, Sender, ResultAck) -> None
        held = self._held.get(message.task_id)
        if held is None or held.state != UNREPORTED or held.attempt != message.attempt:
            return
        self._let_go(now, held, 'acknowledge')

    def _on_revoke(self, now, sender, message):
        # type: (float, Sender, Revoke) -> None
        held = self._held.get(message.task_id)
        # A revoke of an older number is late: the same work was asked for again since.
        if held is None or held.attempt > message.attempt:
            self.counts['unknown_revokes'] += 1
            return
        if held.state == RUNNING:
            # The place is free at once: say so rather than let the dispatcher wait for the next heartbeat.
            self._timers.set(('heartbeat', None), now)
        self._let_go(now, held, 'revoke')

    def _let_go(self, now, held, event):
        # type: (float, HeldAttempt, str) -> None
        if held.state == RUNNING:
            self._running -= 1
            self._timers.cancel(('finish', held.task_id))
        else:
            self._results.end(held.task_id)
        held.advance(event)
        self.ends[held.state] += 1
        if self.trace:
            self._tell('let_go', task_id=held.task_id, attempt=held.attempt, end=held.state)
        del self._held[held.task_id]
        self._finished.add(now, (held.task_id, held.attempt), True)
        self._leave_if_drained(now)

    def _let_go_of_all(self, now, event):
        # type: (float, str) -> None
        # Sorted, because the order of a dict differs between versions of Python.
        for task_id in sorted(self._held):
            self._let_go(now, self._held[task_id], event)

    def _give_up_result(self, now, task_id):
        # type: (float, str) -> None
        self._let_go(now, self._held[task_id], 'abandon')

    # Heartbeats.

    def _due_heartbeat(self, now, _):
        # type: (float, None) -> None
        self._beat(now)

    def _beat(self, now):
        # type: (float) -> None
        self._timers.set(('heartbeat', None), now + self._settings['heartbeat_interval_s'])
        self._heartbeat_sequence += 1
        self.counts['heartbeats'] += 1
        pages = self._pages()
        for number, (running, unreported) in enumerate(pages, 1):
            self._send(self._dispatcher, Heartbeat(
                self._heartbeat_sequence, number, len(pages), self._settings['heartbeat_interval_s'],
                self._settings['capacity'], running, unreported, self._draining, self._heard_sequence))

    def _pages(self):
        # type: () -> List[Tuple[List[Tuple[str, int]], List[Tuple[str, int]]]]
        """What is held, as (running, unreported) lists, each pair of them small enough for one datagram."""
        pages = [([], [])]  # type: List[Tuple[List[Tuple[str, int]], List[Tuple[str, int]]]]
        size = 0
        # Sorted, because the order of a dict differs between versions of Python.
        for task_id in sorted(self._held):
            held = self._held[task_id]
            length = len(task_id) + 12
            if size + length > HEARTBEAT_LIST_BYTES:
                pages.append(([], []))
                size = 0
            size += length
            pages[-1][held.state == UNREPORTED].append((task_id, held.attempt))
        return pages

    def _on_heartbeat_ack(self, now, sender, message):
        # type: (float, Sender, HeartbeatAck) -> None
        self._heard_sequence = max(self._heard_sequence, min(message.sequence, self._heartbeat_sequence))

    def _meet_another_dispatcher(self, now):
        # type: (float) -> None
        """Its books may be empty: tell it at once what is held here, and let it count attempts anew."""
        self.counts['dispatcher_restarts'] += 1
        self._tell('dispatcher_restarted', held=len(self._held))
        self._finished.clear()
        if self._condition == IN_ORDER:
            self._timers.set(('heartbeat', None), now)

    # Outages.

    def _begin_life(self, now):
        # type: (float) -> None
        self._beat(now)
        self._plan_outage(now)

    def _plan_outage(self, now):
        # type: (float) -> None
        if self._plan.is_possible and not self._draining:
            self._timers.set(('outage', None), now + self._plan.check_interval_s)

    def _due_outage(self, now, _):
        # type: (float, None) -> None
        outage = self._plan.draw()
        if outage is None:
            self._plan_outage(now)
            return
        self._outage_kind, duration_s = outage
        self._condition = OUT_OF_ORDER
        self._out_at = now
        self._back_at = now + duration_s
        self.counts['crashes' if self._outage_kind == CRASH else 'freezes'] += 1
        self._tell('out_of_order', outage=self._outage_kind, duration_s=duration_s, running=self._running)
        if self._outage_kind == CRASH:
            self._let_go_of_all(now, 'crash')
            self._timers.clear()
            self._finished.clear()

    def _come_back(self, now):
        # type: (float) -> None
        self._condition = IN_ORDER
        if self._outage_kind == CRASH:
            self.incarnation = self._draw_life()
            self._heartbeat_sequence = self._heard_sequence = 0
            self._begin_life(now)
        else:
            # It knows nothing of the time in between: whatever was to happen happens that much later.
            self._timers.postpone(now - self._out_at)
            self._plan_outage(now)
        self._tell('in_order', outage=self._outage_kind, away_s=now - self._out_at)

    # The end.

    def _due_drained(self, now, _):
        # type: (float, None) -> None
        self._let_go_of_all(now, 'abandon')

    def _leave_if_drained(self, now):
        # type: (float) -> None
        if not self._draining or self._held or self._condition != IN_ORDER:
            return
        # No heartbeat may follow: it would register a calculator that is gone.
        self._condition = LEAVING
        self._timers.cancel(('heartbeat', None))
        self._farewell.begin(now, None, self._dispatcher, Leave(), now + LEAVE_WAIT_S)

    def _on_leave_ack(self, now, sender, message):
        # type: (float, Sender, LeaveAck) -> None
        if self._farewell.end(None):
            self._finish()

    def _give_up_leave(self, now, _):
        # type: (float, None) -> None
        self._finish()

    def _finish(self):
        # type: () -> None
        self._timers.clear()
        self._stopped = True
