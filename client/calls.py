"""A client that submits calls of functions instead of notional tasks."""

from __future__ import absolute_import, division, print_function

from client.core import ClientCore
from client.requests import ACCEPTED, GIVEN_UP, HELD, REFUSED, SUBMITTED, Request
from net_protocol.limits import SECONDS_MAX
from net_protocol.rows import CANCELLED, DONE, EXPIRED
from net_protocol.schedule import OUTCOME_GRACE_S

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Set  # noqa: F401

    from net_protocol.channel import Channel  # noqa: F401

#: The default time-out of a call: a day.
TASK_TIMEOUT_S = 86400.0

#: Time between two questions about functions.
ASK_AGAIN_S = 1.0

#: The period of the event ``calls_cancelled``, which counts the calls that this client cancelled.
SUM_UP_S = 1.0


class CallRequest(Request):
    """A call. ``payload`` is [args, kwargs] as JSON text, and so is the result. ``deliver(outcome, value, attempts)``
    is called once; ``value`` is the result or the reason.
    """

    __slots__ = ('function', 'options', 'deadline_at', 'deliver', 'attempts')

    def __init__(self, number, payload, sent_at, function, options, timeout_s, deliver):
        # type: (int, Any, float, str, Dict[str, Any], float, Callable[[str, Any, int], None]) -> None
        super(CallRequest, self).__init__(number, payload, sent_at)
        self.function = function
        self.options = options
        self.deadline_at = sent_at + timeout_s
        self.deliver = deliver
        self.attempts = 0


class CallingClientCore(ClientCore):
    """Submits the calls of ``call``."""

    ACKNOWLEDGED = frozenset(['call'])
    TIMERS = dict(ClientCore.TIMERS, functions='_due_functions', cancelled='_due_cancelled')

    def __init__(self, settings, name, incarnation, rng):
        # type: (Dict[str, Any], str, str, Any) -> None
        # Each call has its own deadline; the common time-out must not come before it.
        super(CallingClientCore, self).__init__(dict(settings, task_timeout_s=SECONDS_MAX), name, incarnation, rng)
        # Functions that were already reported as not offered.
        self._missing = set()  # type: Set[str]
        self._is_ending = False
        # Numbers of open calls that the owner cancelled; and the number of cancelled calls since the last event.
        self._calling_off = set()  # type: Set[int]
        self._cancelled = 0
        # The last question about functions: its number, the pages of its answer, and the functions that take it.
        self._asked = 0
        self._pages = {}  # type: Dict[int, List[Any]]
        self._answers = []  # type: List[Callable[[List[Any]], None]]

    @property
    def open_calls(self):
        # type: () -> int
        return len(self._requests)

    def start(self, now):
        # type: (float) -> None
        super(CallingClientCore, self).start(now)
        self._arrivals.stop()

    def call(self, now, function, arguments, options, timeout_s, deliver):
        # type: (float, str, Any, Dict[str, Any], float, Callable[[str, Any, int], None]) -> int
        """Submit a call with checked arguments; returns its number."""
        number = self.statistics.sent + 1
        self.statistics.sent = number
        request = CallRequest(number, arguments, now, function, options, timeout_s, deliver)
        self._held.add([request])
        self._requests[number] = request
        self._timers.set(('deadline', number), now + timeout_s)
        if self.trace:
            self.emit(now, 'sent', task_id=self._task_id(number), intended_at=now)
        self._has_more = True
        return number

    def cancel(self, now, number):
        # type: (float, int) -> None
        """Cancel a call, unless it has ended."""
        request = self._requests.get(number)
        if request is None:
            return
        self._calling_off.add(number)
        if request.state == HELD:
            self._end_unanswered(now, request, CANCELLED, 'cancelled before it was submitted')
        elif request.state in (SUBMITTED, ACCEPTED):
            if request.state == SUBMITTED:
                self._admission.unanswered -= 1
            request.advance('cancel')
            self.send(self.dispatcher, 'cancel', [number])
        self._has_more = True

    def cancel_all(self, now):
        # type: (float) -> None
        for number in sorted(self._requests):
            self.cancel(now, number)

    def settle(self, now):
        # type: (float) -> None
        super(CallingClientCore, self).settle(now)
        if self._is_ending and not self._requests and not self.is_stopped:
            self._finish(now)

    def end_when_over(self, now, within_s):
        # type: (float, float | None) -> None
        """End when all calls have ended, or after ``within_s``; None: no limit."""
        self._is_ending = True
        self._has_more = True
        if within_s is not None:
            self._timers.set(('drained', True), now + within_s)

    def _due_deadline(self, now, number):
        # type: (float, int) -> None
        """End a held call at its deadline, and others when the dispatcher reports no outcome within a grace period."""
        request = self._requests.get(number)  # type: Any
        if request is None:
            return
        grace_at = request.deadline_at + OUTCOME_GRACE_S
        if request.state == HELD:
            self._end_unanswered(now, request, REFUSED if request.refusal else EXPIRED,
                                 request.refusal or 'not submitted in time')
            # ``settle`` then advances ``open``.
            self._has_more = True
        elif now < grace_at:
            self._timers.set(('deadline', number), grace_at)
        else:
            self._end_unanswered(now, request, GIVEN_UP, 'no outcome in time')
            self._has_more = True

    # Overridden methods.

    def _put(self, now, requests):
        # type: (float, List[Any]) -> None
        for request in requests:
            if request.state != SUBMITTED:
                self._admission.unanswered += 1
            request.advance('submit')
            request.opening = self._openings
            request.datagram = 0
            request.row = [request.number, request.payload, self._time_left_s(now, request), request.function,
                           request.options]
            self.send(self.dispatcher, 'call', request.row)

    def _time_left_s(self, now, request):
        # type: (float, Any) -> float
        return max(0.0, round(request.deadline_at - now, 6))

    def note_sent(self, number, rows):
        # type: (int, Dict[str, List[Any]]) -> None
        super(CallingClientCore, self).note_sent(number, rows)
        for row in rows.get('call', ()):
            request = self._requests.get(row[0])
            if request is not None:
                request.datagram = number

    def _on_done(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        for number, result, attempts in rows:
            request = self._requests.get(number)  # type: Any
            if request is None:
                self._note_stray(number)
                continue
            if request.state == SUBMITTED:
                self._accepted += 1
            self._forget(request)
            self.statistics.ends[DONE] += 1
            self.statistics.response_time.add(now - request.sent_at)
            self.statistics.further_attempts += max(0, attempts - 1)
            if self.trace:
                self.emit(now, 'answered', task_id=self._task_id(number), response_time_s=now - request.sent_at,
                          attempts=attempts)
            request.deliver(DONE, result, attempts)

    def _on_ended(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        for number, _, _, attempts in rows:
            request = self._requests.get(number)  # type: Any
            if request is not None:
                request.attempts = attempts
        super(CallingClientCore, self)._on_ended(now, channel, rows)

    def _end_unanswered(self, now, request, end, reason):
        # type: (float, Any, str, Any) -> None
        super(CallingClientCore, self)._end_unanswered(now, request, end, reason)
        if end == CANCELLED and request.number in self._calling_off:
            if not self._cancelled:
                self._timers.set(('cancelled', None), now + SUM_UP_S)
            self._cancelled += 1
        self._let_go(request)
        request.deliver(end, reason, request.attempts)

    def _unanswered_kind(self, number, end):
        # type: (int, str) -> str
        if end == CANCELLED and number in self._calling_off:
            return 'called_off'
        return super(CallingClientCore, self)._unanswered_kind(number, end)

    def _due_cancelled(self, now, _):
        # type: (float, None) -> None
        if self._cancelled:
            self.emit(now, 'calls_cancelled', number=self._cancelled)
            self._cancelled = 0

    def _finish(self, now):
        # type: (float) -> None
        self._due_cancelled(now, None)
        super(CallingClientCore, self)._finish(now)

    def _forget(self, request):
        # type: (CallRequest) -> None
        del self._requests[request.number]
        self._let_go(request)

    def _let_go(self, request):
        # type: (CallRequest) -> None
        self._timers.cancel(('deadline', request.number))
        self._calling_off.discard(request.number)

    def ask_functions(self, now, answer):
        # type: (float, Callable[[List[Any]], None]) -> None
        """Ask for the offered functions; ``answer`` is called with [name, signature, first line] of each."""
        self._asked += 1
        self._pages = {}
        self._answers.append(answer)
        self._due_functions(now, None)

    def opened(self, now, channel):
        # type: (float, Channel) -> None
        super(CallingClientCore, self).opened(now, channel)
        self._due_functions(now, None)

    def _due_functions(self, now, _):
        # type: (float, None) -> None
        if self._answers:
            self._timers.set(('functions', None), now + ASK_AGAIN_S)
            if self.dispatcher.is_open:
                self.send(self.dispatcher, 'ask_functions', [self._asked])

    def _on_known_functions(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        for question, page, pages, functions in rows:
            if question == self._asked and page <= pages and self._answers:
                self._pages[page] = functions
                if len(self._pages) == pages:
                    found = [entry for number in sorted(self._pages) for entry in self._pages[number]]
                    answers, self._answers = self._answers, []
                    for answer in answers:
                        answer(list(found))

    def _on_not_offered(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        for function, reason in rows:
            if function not in self._missing:
                self._missing.add(function)
                self.emit(now, 'not_offered', reason=reason)
