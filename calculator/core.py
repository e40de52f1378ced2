"""The calculator: accepts tasks, waits for a random time in place of a computation, returns results, and simulates
outages.

A calculator *holds* an attempt from its assignment until its result is acknowledged. Each heartbeat names all held
attempts, so that the dispatcher can correct its tables. When the dispatcher has restarted, the held attempts continue
as *orphans*, until the new incarnation of the dispatcher assigns their tasks again or revokes them.
"""

from __future__ import absolute_import, division, print_function

from calculator.attempts import ABANDONED, ENDS, LOST, MISSING_MAX, REPORTED, REVOKED, Numbers, Running, heartbeat_pages
from calculator.outages import OutagePlan
from calculator.settings import CRASH
from common import lengths
from net_protocol import notional
from net_protocol.channel import Channel
from net_protocol.codec import check_payload
from net_protocol.core import Core, require
from net_protocol.errors import MisuseError
from net_protocol.limits import REASON_CHARS_MAX, UNREPORTED_MAX
from net_protocol.rows import BUSY, CALCULATOR, DISPATCHER, DRAINING, NAME_SHARED, NAME_TAKEN, UNKNOWN_FUNCTION

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Set, Tuple  # noqa: F401

# The condition of a calculator. Whether it drains is stored separately.
IN_ORDER = 'in_order'
OUT_OF_ORDER = 'out_of_order'
LEAVING = 'leaving'

#: How long a calculator waits for the acknowledgement of its ``leave``: long enough for some probes. If the dispatcher
#: does not receive the ``leave``, it notices the missing heartbeats.
LEAVE_WAIT_S = 2.25


def kind_of(report):
    # type: (List[Any]) -> str
    """The kind of a row that reports the end of an attempt."""
    return 'result' if len(report) == 4 else 'failed'


class CalculatorCore(Core):
    """A calculator as a pure state machine.

    ``settings`` is a complete object of ``calculator.settings.SETTINGS``. ``draw_incarnation()`` returns a new
    incarnation; it is called now and after each simulated crash. ``outages`` determines when outages begin; by default
    ``rng`` draws them as the settings say.
    """

    ROLE = CALCULATOR
    HANDLERS = {'assign': '_on_assign', 'run': '_on_run', 'revoke': '_on_revoke',
                'not_registered': '_on_not_registered', 'functions_wanted': '_on_functions_wanted'}
    TIMERS = {'heartbeat': 'beat', 'finish': '_due_finish', 'outage': '_due_outage',
              'drained': '_due_drained', 'left': '_due_left', 'reports': '_due_reports'}
    ACKNOWLEDGED = frozenset(['result', 'failed', 'leave'])
    COUNTERS = ('assigned', 'duplicate_assigns', 'adoptions', 'refused_busy', 'refused_draining',
                'refused_unknown_function', 'refused_handed_back', 'unknown_revokes',
                'errors', 'crashes', 'freezes', 'heartbeats', 'not_registered', 'channel_openings',
                'dispatcher_restarts', 'calls', 'calls_failed', 'calls_stopped', 'deaths')

    def __init__(self, settings, name, draw_incarnation, rng, outages=None):
        # type: (Dict[str, Any], str, Callable[[], str], Any, OutagePlan | None) -> None
        super(CalculatorCore, self).__init__(name, draw_incarnation())
        self.dispatcher = Channel(DISPATCHER)
        self._settings = settings
        self._capacity = settings['capacity']
        # The largest number of attempts in ``_running``. ``calculator.work`` doubles it: one more can wait per slot.
        self._places = self._capacity
        self._takes_time = lengths.longest(settings['task_duration_s']) > 0
        self._draw_incarnation = draw_incarnation
        self._rng = rng
        self._plan = outages or OutagePlan(settings['outage'], rng)
        # Task id -> running attempt. Assignment number -> the same attempt; orphans have no entry here.
        self._running = {}  # type: Dict[str, Running]
        self._by_assignment = {}  # type: Dict[int, Running]
        # Task id -> ``result`` or ``failed`` row that is not acknowledged. Only an acknowledgement of this very object
        # counts, not one of an equal or older row.
        self._unreported = {}  # type: Dict[str, Any]
        self.ends = dict.fromkeys(ENDS, 0)
        self._numbers = Numbers()
        self._condition = IN_ORDER
        self._draining = False
        # The present or last outage: its kind, its beginning and its end.
        self._outage_kind = CRASH
        self._out_at = self._back_at = 0.0
        self._sequence = 0
        # Whether to send a heartbeat at the end of this turn, or later when the channel is open.
        self._is_heartbeat_due = False
        self._dispatcher_incarnation = None  # type: str | None
        # Reasons of ``not_registered`` rows that were already logged.
        self._logged = set()  # type: Set[str]

    # What the owner calls.

    def start(self, now):
        # type: (float) -> None
        self._begin(now)

    def stop(self, now):
        # type: (float) -> None
        """Refuse new tasks, wait up to ``drain_timeout_s`` for the held ones, send ``leave``, and end."""
        if self._draining:
            return
        self._draining = True
        if self._condition == OUT_OF_ORDER:
            self._come_back(now)
        self.emit(now, 'draining', running=len(self._running), unreported=len(self._unreported),
                  bound_s=self._settings['drain_timeout_s'])
        self._timers.cancel(('outage', None))
        self._timers.set(('drained', None), now + self._settings['drain_timeout_s'])
        self._is_heartbeat_due = True

    def handle_timer(self, now):
        # type: (float) -> None
        if self._condition == OUT_OF_ORDER:
            # During an outage no timer runs, except the end of the outage.
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

    def settle(self, now):
        # type: (float) -> None
        if self._condition != IN_ORDER:
            return
        if self._is_heartbeat_due and self.dispatcher.is_open:
            self._send_heartbeat(now)
        if self._draining and not self._running and not self._unreported:
            # Send no heartbeat after this: it would register the calculator again.
            self._condition = LEAVING
            self._timers.clear()
            self._timers.set(('left', None), now + LEAVE_WAIT_S)
            self.send(self.dispatcher, 'leave', [])

    def account(self, now):
        # type: (float) -> Dict[str, Any]
        """``assigned`` = sum of ``ends`` + ``running`` + ``unreported``, always."""
        return {'assigned': self.counts['assigned'], 'ends': dict(self.ends), 'running': len(self._running),
                'unreported': len(self._unreported), 'counts': dict(self.counts)}

    @property
    def capacity(self):
        # type: () -> int
        return self._capacity

    @property
    def running(self):
        # type: () -> int
        """The number of attempts that run or wait for a slot."""
        return len(self._running)

    @property
    def is_in_order(self):
        # type: () -> bool
        """False during an outage."""
        return self._condition != OUT_OF_ORDER

    def check_invariants(self):
        # type: () -> None
        running, unreported = self._running, self._unreported
        require(len(running) <= self._places, 'running %d over capacity', len(running))
        require(self.counts['assigned'] == sum(self.ends.values()) + len(running) + len(unreported),
                'attempts went missing')
        require(not set(running) & set(unreported), 'a task runs and has a result')
        require(sorted(self._by_assignment) == sorted(held.assignment for held in running.values() if held.assignment),
                'assignment numbers do not match what runs')
        for task_id, held in running.items():
            require(held.task_id == task_id and self._by_assignment.get(held.assignment, held) is held,
                    'the assignment number of %s is wrong', task_id)
            require(self._will_end(held), '%s never finishes', task_id)
        require(len(self._numbers.missing) <= MISSING_MAX, 'too many missing numbers')

    # Work.

    def _on_assign(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        numbers, running, unreported, compute = self._numbers, self._running, self._unreported, self._compute
        is_simple = not (self._takes_time or self._draining)
        results = []  # type: List[List[Any]]
        for row in rows:
            assignment, task_id, attempt, payload, _, _ = row
            if assignment == numbers.highest + 1 and assignment >= channel.peer_open:
                numbers.highest = assignment
            elif not numbers.note(assignment, channel.peer_open):
                self.counts['duplicate_assigns'] += 1
                continue
            if task_id in running or task_id in unreported:
                self._renumber(now, assignment, task_id, attempt)
            elif is_simple and len(unreported) < UNREPORTED_MAX and len(running) < self._capacity:
                result, error = compute(payload)
                unreported[task_id] = answer = [assignment, task_id, result, error]
                results.append(answer)
                if self.trace:
                    self.emit(now, 'taken', task_id=task_id, assignment=assignment, attempt=attempt, duration_s=0.0)
            else:
                self._take(now, assignment, task_id, attempt, payload, None)
        if results:
            self.counts['assigned'] += len(results)
            self.send(channel, 'result', results[0])
            channel.rows['result'].extend(results[1:])

    def _on_run(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        for row in rows:
            assignment, task_id, attempt, arguments = row[:4]
            if not self._numbers.note(assignment, channel.peer_open):
                self.counts['duplicate_assigns'] += 1
            elif task_id in self._running or task_id in self._unreported:
                self._renumber(now, assignment, task_id, attempt)
            else:
                self._take(now, assignment, task_id, attempt, arguments, row)

    def _take(self, now, assignment, task_id, attempt, payload, call):
        # type: (float, int, str, int, Any, Any) -> None
        """Refuse a new assignment or start it. ``call`` is the ``run`` row of a call, None for a notional task."""
        reason = self._reason_to_refuse(call)
        if reason is not None:
            self.counts['refused_' + reason] += 1
            self.send(self.dispatcher, 'assign_refused', [assignment, task_id, reason])
            return
        self._running[task_id] = self._by_assignment[assignment] = held = Running(assignment, task_id, payload)
        self.counts['assigned'] += 1
        duration_s = self._begin_work(now, held, attempt, call)
        if self.trace:
            self.emit(now, 'taken', task_id=task_id, assignment=assignment, attempt=attempt, duration_s=duration_s)

    def _reason_to_refuse(self, call):
        # type: (Any) -> str | None
        if self._draining:
            return DRAINING
        if len(self._running) >= self._places or len(self._unreported) >= UNREPORTED_MAX:
            return BUSY
        return None if self._offers(call) else UNKNOWN_FUNCTION

    # ``calculator.work`` overrides these methods.

    def _offers(self, call):
        # type: (Any) -> bool
        return call is None

    def _begin_work(self, now, held, attempt, call):
        # type: (float, Running, int, Any) -> float | None
        """Start an attempt. Returns its duration, or None if that is not known."""
        duration_s = self.draw_duration_s(held.task_id, attempt)
        self._timers.set(('finish', held.task_id), now + duration_s)
        return duration_s

    def draw_duration_s(self, task_id, attempt):
        # type: (str, int) -> float
        """The duration of an attempt at a notional task."""
        return lengths.draw(self._rng.random, self._settings['task_duration_s'])

    def _stop_work(self, held):
        # type: (Running) -> None
        self._timers.cancel(('finish', held.task_id))

    def _will_end(self, held):
        # type: (Running) -> bool
        return ('finish', held.task_id) in self._timers

    def _on_functions_wanted(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        pass

    def _due_reports(self, now, _):
        # type: (float, None) -> None
        pass

    def _renumber(self, now, assignment, task_id, attempt):
        # type: (float, int, str, int) -> None
        """The dispatcher assigned a task that is already held. Continue under the higher assignment number."""
        held = self._running.get(task_id)
        former = self._unreported[task_id][0] if held is None else held.assignment
        if assignment < former:
            self.counts['duplicate_assigns'] += 1
            return
        self.counts['adoptions'] += 1
        if self.trace:
            self.emit(now, 'renumbered', task_id=task_id, assignment=assignment, attempt=attempt)
        if held is not None:
            self._by_assignment.pop(former, None)
            self._by_assignment[assignment] = held
            held.assignment = assignment
        else:
            self._report(now, [assignment] + self._unreported[task_id][1:])

    def _due_finish(self, now, task_id):
        # type: (float, str) -> None
        held = self._running.pop(task_id)
        self._by_assignment.pop(held.assignment, None)
        result, error = self._compute(held.payload)
        self._report(now, [held.assignment, task_id, result, error])

    def _report(self, now, row):
        # type: (float, List[Any]) -> None
        self._unreported[row[1]] = row
        self._send_report(now, row)

    def _send_report(self, now, row):
        # type: (float, List[Any]) -> None
        self.send(self.dispatcher, kind_of(row), row)

    def _compute(self, payload):
        # type: (Any) -> Tuple[Any, str | None]
        try:
            result = notional.compute(payload)
            check_payload('result', result)
            return result, None
        except (notional.NotComputable, MisuseError) as error:
            self.counts['errors'] += 1
            return None, str(error)[:REASON_CHARS_MAX]

    def _on_revoke(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        for assignment, task_id in rows:
            held = self._by_assignment.get(assignment) if assignment else self._running.get(task_id)
            if assignment:
                # If the assignment arrives after its revocation, it is ignored.
                self._numbers.note(assignment, channel.peer_open)
            if held is not None and held.assignment == assignment:
                # Report the free slot at once, not with the next regular heartbeat.
                self._is_heartbeat_due = True
                self._stop_work(held)
                self._by_assignment.pop(assignment, None)
                self._let_go(now, self._running, held.task_id, assignment, REVOKED)
            elif task_id in self._unreported and self._unreported[task_id][0] == assignment:
                self._let_go(now, self._unreported, task_id, assignment, REVOKED)
            else:
                self.counts['unknown_revokes'] += 1

    def _let_go(self, now, table, task_id, assignment, end):
        # type: (float, Dict[str, Any], str, int, str) -> None
        """Remove an ended attempt from ``table`` and count its end."""
        del table[task_id]
        self.ends[end] += 1
        if self.trace:
            self.emit(now, 'let_go', task_id=task_id, assignment=assignment, end=end)

    def _let_go_of_all(self, now, end):
        # type: (float, str) -> None
        # Sorted, because the order of a dict differs between versions of Python.
        for task_id in sorted(self._running):
            self._stop_work(self._running[task_id])
            self._let_go(now, self._running, task_id, self._running[task_id].assignment, end)
        for task_id in sorted(self._unreported):
            self._let_go(now, self._unreported, task_id, self._unreported[task_id][0], end)
        self._by_assignment.clear()

    # The channel.

    def opened(self, now, channel):
        # type: (float, Channel) -> None
        self.counts['channel_openings'] += 1
        former, self._dispatcher_incarnation = self._dispatcher_incarnation, channel.incarnation
        if former is not None and former != channel.incarnation:
            self.counts['dispatcher_restarts'] += 1
            self.emit(now, 'dispatcher_restarted', held=len(self._running) + len(self._unreported))
            self._logged.clear()
            self._numbers.clear()
            self._by_assignment.clear()
            for held in self._running.values():
                held.assignment = 0
            for task_id in self._unreported:
                self._unreported[task_id] = [0] + self._unreported[task_id][1:]
        for task_id in sorted(self._unreported):
            self.send(channel, kind_of(self._unreported[task_id]), self._unreported[task_id])
        self._is_heartbeat_due = True
        if self._condition == LEAVING:
            self.send(channel, 'leave', [])

    def acknowledged(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        if kind == 'leave':
            self._due_left(now, None)
            return
        unreported = self._unreported
        for row in rows:
            assignment, task_id = row[:2]
            if unreported.get(task_id) is row:
                self._let_go(now, unreported, task_id, assignment, REPORTED)

    def refresh(self, now, channel, kind, row):
        # type: (float, Channel, str, List[Any]) -> List[Any] | None
        return row if kind not in ('result', 'failed') or self._unreported.get(row[1]) is row else None

    def _on_not_registered(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        for reason, in rows:
            if reason != NAME_SHARED:
                self.counts['not_registered'] += 1
            if reason not in self._logged:
                self._logged.add(reason)
                self.emit(now, reason if reason in (NAME_TAKEN, NAME_SHARED) else 'not_registered', name=self.name)

    # Heartbeats.

    def beat(self, now=0.0, _=None):
        # type: (float, None) -> None
        """Send a heartbeat at the end of the turn."""
        self._is_heartbeat_due = True

    def _send_heartbeat(self, now):
        # type: (float) -> None
        self._is_heartbeat_due = False
        self._timers.set(('heartbeat', None), now + self._settings['heartbeat_interval_s'])
        self._sequence += 1
        self.counts['heartbeats'] += 1
        assignments = list(self._by_assignment)
        orphans = [task_id for task_id, held in self._running.items() if not held.assignment]
        for task_id, row in self._unreported.items():
            if row[0]:
                assignments.append(row[0])
            else:
                orphans.append(task_id)
        pages = heartbeat_pages(assignments, orphans)
        for page, (ranges, task_ids) in enumerate(pages, 1):
            self.send(self.dispatcher, 'heartbeat', [
                self._sequence, page, len(pages), self._settings['heartbeat_interval_s'], self._capacity, ranges,
                task_ids, self._draining])
        self._send_offer()

    def _send_offer(self):
        # type: () -> None
        pass

    # Outages.

    def _begin(self, now):
        # type: (float) -> None
        self._is_heartbeat_due = True
        self._plan_outage(self._plan.first_at(now))

    def _plan_outage(self, at):
        # type: (float) -> None
        if self._plan.is_possible and not self._draining:
            self._timers.set(('outage', None), at)

    def _due_outage(self, now, _):
        # type: (float, None) -> None
        outage = self._plan.draw(now)
        if outage is None:
            self._plan_outage(self._plan.next_at(now))
            return
        self._outage_kind, duration_s = outage
        self._condition = OUT_OF_ORDER
        self.is_listening = False
        self._out_at = now
        self._back_at = now + duration_s
        self.counts['crashes' if self._outage_kind == CRASH else 'freezes'] += 1
        self.emit(now, 'out_of_order', outage=self._outage_kind, duration_s=duration_s, running=len(self._running))
        if self._outage_kind == CRASH:
            self._let_go_of_all(now, LOST)
            self._timers.clear()
            self._numbers.clear()

    def _come_back(self, now):
        # type: (float) -> None
        self._condition = IN_ORDER
        self.is_listening = True
        if self._outage_kind == CRASH:
            self.incarnation = self._draw_incarnation()
            self._sequence = 0
            self._logged.clear()
            self.dispatcher.forget()
            self._begin(now)
        else:
            # A freeze stops the time of the process: postpone all timers by its length.
            self._timers.postpone(now - self._out_at)
            self._plan_outage(self._plan.next_at(now))
        self.emit(now, 'in_order', outage=self._outage_kind, away_s=now - self._out_at)

    # The end.

    def _due_drained(self, now, _):
        # type: (float, None) -> None
        self._let_go_of_all(now, ABANDONED)

    def _due_left(self, now, _):
        # type: (float, None) -> None
        self._timers.clear()
        self.is_stopped = True
