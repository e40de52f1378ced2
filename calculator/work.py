"""A calculator that runs the user's functions instead of notional tasks.

The core is pure: it collects the calls to start and to stop. ``calculator.children`` takes them after each turn and
reports the end of each call.
"""

from __future__ import absolute_import, division, print_function

from calculator.attempts import NOT_STARTED
from calculator.calls import Call, failure
from calculator.core import OUT_OF_ORDER, CalculatorCore, kind_of
from net_protocol.causes import DEATHS, RESULT
from net_protocol.codec import check_payload
from net_protocol.errors import MisuseError
from net_protocol.rows import UNKNOWN_FUNCTION

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Tuple  # noqa: F401

    from calculator.attempts import Running  # noqa: F401
    from net_protocol.channel import Channel  # noqa: F401


#: How long a result waits for others, to share a datagram, while calls that were assigned ahead keep all children
#: busy.
REPORTS_WAIT_S = 0.001


class WorkingCalculatorCore(CalculatorCore):
    """The core for ``settings['work']``. Only the children use the value of this setting."""

    def __init__(self, settings, name, draw_incarnation, rng):
        # type: (Dict[str, Any], str, Callable[[], str], Any) -> None
        super(WorkingCalculatorCore, self).__init__(settings, name, draw_incarnation, rng)
        # Refuse notional tasks.
        self._takes_time = True
        # One waiting call per slot, so that a child gets its next call at once.
        self._places = 2 * self._capacity
        # The names of the offered functions. The ``functions`` row, or None until the children have loaded them.
        self._names = frozenset()  # type: Any
        self._functions = None  # type: List[Any] | None
        self._last_call = 0
        # Number of a call -> its attempt.
        self._by_call = {}  # type: Dict[int, Running]
        self._starts = []  # type: List[Call]
        self._stops = []  # type: List[int]
        # Reports that wait for others: see REPORTS_WAIT_S.
        self._reports = []  # type: List[List[Any]]
        # What ``children`` reported during an outage, as (method, arguments).
        self._late = []  # type: List[Tuple[Callable[..., None], Tuple[Any, ...]]]

    # What ``children`` calls.

    def take_calls(self):
        # type: () -> Tuple[List[Call], List[int]]
        """The new calls to start, and the numbers of calls to stop."""
        starts, self._starts = self._starts, []
        stops, self._stops = self._stops, []
        return starts, stops

    def functions_changed(self, now, digest, functions):
        # type: (float, str, List[List[Any]]) -> None
        """The children offer these functions now: [name, signature, first line of the docstring]."""
        if self._is_late(self.functions_changed, digest, functions):
            return
        self._functions = [digest, functions]
        self._names = frozenset(entry[0] for entry in functions)
        self.emit(now, 'functions', functions=', '.join(sorted(self._names)) or 'none')
        self._is_heartbeat_due = True
        if self.dispatcher.is_open:
            self.send(self.dispatcher, 'functions', self._functions)

    def call_ended(self, now, number, result, failed):
        # type: (float, int, Any, Any) -> None
        """A call ended. ``failed`` is None, or the reason why there is no result."""
        if self._is_late(self.call_ended, number, result, failed):
            return
        held = self._by_call.pop(number, None)
        if held is None:
            # The call was stopped before.
            return
        if failed is None:
            try:
                check_payload('result', result)
            except MisuseError as error:
                failed = failure(RESULT, str(error))
        if failed is None:
            row = [held.assignment, held.task_id, result, None]
        else:
            row = [held.assignment, held.task_id, failed]
            self.counts['calls_failed'] += 1
            if failed[u'cause'] in DEATHS:
                self.counts['deaths'] += 1
                self.emit(now, 'child_died', task_id=held.task_id, reason=failed[u'message'])
        self._end_of_work(held)
        self._report(now, row)

    def call_not_started(self, now, number, reason=UNKNOWN_FUNCTION):
        # type: (float, int, str) -> None
        """No child can run this call."""
        if self._is_late(self.call_not_started, number, reason):
            return
        held = self._by_call.pop(number, None)
        if held is not None:
            self._end_of_work(held)
            # Count it as refused, not as assigned.
            self.counts['assigned'] -= 1
            if self.trace:
                self.emit(now, 'let_go', task_id=held.task_id, assignment=held.assignment, end=NOT_STARTED)
            self.counts['refused_' + reason] += 1
            if held.assignment:
                self.send(self.dispatcher, 'assign_refused', [held.assignment, held.task_id, reason])

    def _is_late(self, note, *arguments):
        # type: (Callable[..., None], *Any) -> bool
        """During an outage, postpone a report of ``children`` until the outage ends."""
        is_late = self._condition == OUT_OF_ORDER
        if is_late:
            self._late.append((note, arguments))
        return is_late

    def settle(self, now):
        # type: (float) -> None
        if self._late and self._condition != OUT_OF_ORDER:
            late, self._late = self._late, []
            for note, arguments in late:
                note(now, *arguments)
        super(WorkingCalculatorCore, self).settle(now)
        if self._reports and len(self._running) <= self._capacity:
            self._due_reports(now, None)

    # Overridden methods.

    def _send_report(self, now, row):
        # type: (float, List[Any]) -> None
        if not self._reports:
            self._timers.set(('reports', None), now + REPORTS_WAIT_S)
        self._reports.append(row)

    def _due_reports(self, now, _):
        # type: (float, None) -> None
        reports, self._reports = self._reports, []
        self._timers.cancel(('reports', None))
        for row in reports:
            # Skip a row that was revoked or renumbered.
            if self._unreported.get(row[1]) is row:
                self.send(self.dispatcher, kind_of(row), row)

    def _offers(self, call):
        # type: (Any) -> bool
        return call is not None and call[6] in self._names

    def _begin_work(self, now, held, attempt, call):
        # type: (float, Running, int, Any) -> float | None
        self._last_call = number = self._last_call + 1
        self.counts['calls'] += 1
        held.call = number
        self._by_call[number] = held
        _, task_id, _, arguments, timeout_s, _, function, is_each = call
        if timeout_s is None:
            timeout_s = self._settings['work_timeout_s']
        self._starts.append(Call(number, task_id, attempt, function, arguments, is_each, timeout_s))
        return None  # noqa: RET501

    def _stop_work(self, held):
        # type: (Running) -> None
        if self._by_call.pop(held.call, None) is not None:
            self.counts['calls_stopped'] += 1
            self._stops.append(held.call)

    def _will_end(self, held):
        # type: (Running) -> bool
        return self._by_call.get(held.call) is held

    def _end_of_work(self, held):
        # type: (Running) -> None
        del self._running[held.task_id]
        self._by_assignment.pop(held.assignment, None)

    def _send_heartbeat(self, now):
        # type: (float) -> None
        # Without functions, a heartbeat would bring notional tasks.
        if self._functions is not None:
            super(WorkingCalculatorCore, self)._send_heartbeat(now)

    def _send_offer(self):
        # type: () -> None
        if self._functions is not None:
            self.send(self.dispatcher, 'offer', self._functions[:1])

    def opened(self, now, channel):
        # type: (float, Channel) -> None
        # The base class sends all unacknowledged reports again.
        self._reports = []
        super(WorkingCalculatorCore, self).opened(now, channel)
        if self._functions is not None:
            self.send(channel, 'functions', self._functions)

    def refresh(self, now, channel, kind, row):
        # type: (float, Channel, str, List[Any]) -> List[Any] | None
        if kind == 'functions':
            return row if row is self._functions else None
        return super(WorkingCalculatorCore, self).refresh(now, channel, kind, row)

    def _on_functions_wanted(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        if self._functions is not None and 'functions' not in channel.rows:
            self.send(channel, 'functions', self._functions)
