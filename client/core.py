"""The client: submits notional tasks at random intervals and tracks each of them until its outcome.

The channel resends lost rows. When the channel opens again, the dispatcher may have restarted and lost all tasks. So
the client resubmits all open tasks, lowest numbers first. A submit may be handled twice: the dispatcher identifies
tasks by number.
"""

from __future__ import absolute_import, division, print_function

from client.admission import AdmissionControl, HeldTasks
from client.arrivals import Arrivals
from client.requests import ACCEPTED, CANCELLING, GIVEN_UP, HELD, REFUSED, SUBMITTED, WRONG, Request
from client.settings import GIVE_UP
from client.statistics import Statistics
from common.words import reason_text
from net_protocol import notional
from net_protocol.channel import Channel
from net_protocol.codec import check_payload
from net_protocol.core import Core, require
from net_protocol.limits import NUMBERS_AHEAD_MAX
from net_protocol.rows import CANCELLED, CLIENT, DISPATCHER, DONE
from net_protocol.schedule import JITTER_MAX, OUTCOME_GRACE_S, PING_INTERVAL_S

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

#: The wait for outcomes after the remaining tasks were cancelled.
CANCEL_WAIT_S = 2.0

#: The largest number of submits, of expired tasks and of resubmitted tasks in one turn.
STEPS_MAX = 1000


class ClientCore(Core):
    """A client as a pure state machine.

    ``settings`` is a complete object of ``client.settings.SETTINGS``, ``rng`` a ``random.Random``. With ``tasks_max``
    the client ends after that many tasks; with ``duration_s`` it begins to drain after that time. ``arrivals``
    determines when tasks are sent; by default ``rng`` draws the times.
    """

    ROLE = CLIENT
    HANDLERS = {'refused': '_on_refused', 'done': '_on_done', 'ended': '_on_ended', 'done_before': '_on_former',
                'ended_before': '_on_former', 'not_offered': '_on_not_offered',
                'known_functions': '_on_known_functions'}
    TIMERS = {'resume': '_due_resume', 'ping': '_due_ping', 'end': 'stop', 'drained': '_due_drained',
              'deadline': '_due_deadline'}
    ACKNOWLEDGED = frozenset(['submit'])
    WANTS_NUMBERS = True
    COUNTERS = ('duplicate_outcomes', 'unknown_outcomes', 'outcomes_of_former', 'postponed', 'stale_refusals',
                'resubmitted', 'pings', 'channel_openings', 'dispatcher_restarts')

    def __init__(self, settings, name, incarnation, rng, tasks_max=None, duration_s=None, arrivals=None):
        # type: (Dict[str, Any], str, str, Any, int | None, float | None, Arrivals | None) -> None
        super(ClientCore, self).__init__(name, incarnation)
        self.statistics = Statistics()
        #: The channel's ``open`` is the lowest open task.
        self.dispatcher = Channel(DISPATCHER)
        self.dispatcher.open = 1
        self._settings = settings
        self._timeout_s = settings['task_timeout_s']
        self._rng = rng
        # A separate generator, so that the payloads of a seed do not depend on how many are drawn in one turn.
        self._payload_rng = type(rng)(rng.getrandbits(64))
        self._tasks_max = tasks_max
        self._duration_s = duration_s
        self._arrivals = arrivals or Arrivals(settings, rng, tasks_max)
        # Number -> open task. Numbers ascend with time, so deadlines are in the order of numbers.
        self._requests = {}  # type: Dict[int, Request]
        self._held = HeldTasks(self._requests, self._timeout_s)
        self._admission = AdmissionControl(self._timeout_s)
        # The number of tasks accepted since the last ``settle``.
        self._accepted = 0
        # The range of task numbers to examine, some in each turn: see ``_examine_all``.
        self._examined = 1
        self._examine_until = 0
        # The number of channel openings, and the incarnation of the dispatcher at the last one.
        self._openings = 0
        self._dispatcher_incarnation = None  # type: str | None
        # The number and time of the last datagram with rows, and its number at the end of the last pause of submits.
        self._datagram = self._datagram_of_resume = 0
        self._sent_at = 0.0
        self._now = 0.0
        # Whether another turn can make progress at once.
        self._has_more = True
        self._draining = self._cancelling = self._giving_up = False

    # What the owner calls.

    def start(self, now):
        # type: (float) -> None
        self.statistics.started_at = self._now = self._sent_at = now
        self._arrivals.start(now)
        self._timers.set(('ping', None), now + PING_INTERVAL_S)
        if self._duration_s is not None:
            self._timers.set(('end', None), now + self._duration_s)

    def stop(self, now, _=None):
        # type: (float, None) -> None
        """Send no new tasks; wait up to ``drain_timeout_s`` for the open ones, cancel the rest, end."""
        if not self._draining:
            self._draining = True
            self._arrivals.stop()
            self.emit(now, 'draining', waiting=len(self._requests), bound_s=self._settings['drain_timeout_s'])
            self._timers.set(('drained', False), now + self._settings['drain_timeout_s'])
            self._examine_all()

    def close(self, now):
        # type: (float) -> None
        """Stop at once and give up all open tasks."""
        for number in sorted(self._requests):
            self._end_unanswered(now, self._requests[number], GIVEN_UP, 'the client was stopped')
        if not self.is_stopped:
            self._finish(now)

    def submit(self, now, payload):
        # type: (float, Any) -> str
        """Submit a task; returns its id. Raises ``TooLarge`` or ``MisuseError`` for a payload that can't be sent."""
        check_payload('payload', payload)
        self._add(now, [payload], [now])
        self._has_more = True
        return self._task_id(self.statistics.sent)

    def _add(self, now, payloads, intended):
        # type: (float, List[Any], List[float]) -> None
        """Create tasks. ``intended``: when each should have been sent."""
        first = self.statistics.sent + 1
        self.statistics.sent += len(payloads)
        new = [Request(number, payload, now) for number, payload in enumerate(payloads, first)]
        self._held.add(new)
        for request, intended_at in zip(new, intended):
            self._requests[request.number] = request
            request.intended_at = intended_at
            if self.trace:
                self.emit(now, 'sent', task_id=self._task_id(request.number), intended_at=intended_at)

    def account(self, now):
        # type: (float) -> Dict[str, Any]
        return dict(self.statistics.as_dict(now), counts=dict(self.counts, held_back=self._arrivals.held_back))

    def next_timer(self):
        # type: () -> float | None
        if self.is_stopped:
            return None
        if self._has_more:
            return self._now
        times = [self._timers.next_deadline(), self._arrivals.next_at]
        held = self._held.first()
        if held is not None:
            times.append(held.sent_at + self._timeout_s)
        oldest = self._requests.get(self.dispatcher.open)
        if oldest is not None:
            times.append(oldest.sent_at + self._timeout_s + OUTCOME_GRACE_S)
        return min([time for time in times if time is not None])

    def settle(self, now):
        # type: (float) -> None
        if self.is_stopped:
            return
        self._now = now
        if self._accepted:
            self._admission.note_accepted(self._accepted)
            self._accepted = 0
        new = self._arrivals.take(now, self._settings['in_flight_max'] - len(self._requests))
        if new:
            rng, size = self._payload_rng, self._settings['payload_bytes']
            self._add(now, [notional.draw_payload(rng, size) for _ in range(new)], self._arrivals.taken)
        # Each part returns whether it needs another turn.
        has_more = self._expire(now) | self._examine_some(now)
        if self._held and self._examined > self._examine_until:
            has_more |= self._submit_held(now)
        self._has_more = has_more
        if not self._requests and (self._draining or self.statistics.sent == self._tasks_max):
            self._finish(now)

    def check_invariants(self):
        # type: () -> None
        statistics, requests = self.statistics, self._requests
        require(statistics.waiting == len(requests), 'waiting %d, requests %d', statistics.waiting, len(requests))
        require(statistics.sent == statistics.answered + statistics.unanswered, 'sent is not answered + unanswered')
        require(not requests or self.dispatcher.open <= min(requests), 'a task below open is not over')
        submitted = [request.state for request in requests.values()].count(SUBMITTED)
        unanswered = self._admission.unanswered - self._accepted
        require(unanswered == submitted, '%d unanswered, %d submitted', unanswered, submitted)
        held = {request.number for request in self._held}
        for number, request in requests.items():
            require(not request.is_over, '%d is over and still kept', number)
            is_to_be_examined = self._examined <= number <= self._examine_until
            require(number in held if request.state == HELD else
                    request.opening == self._openings or is_to_be_examined, '%d (%s) is forgotten', number,
                    request.state)

    # Submits.

    def _submit_held(self, now):
        # type: (float) -> bool
        """Submit held tasks, if allowed. Returns whether another turn can submit more."""
        allowance = self._admission.allowance()
        if not allowance or not self.dispatcher.has_room:
            return False
        waiting = len(self._held)
        requests = self._held.take(now, min(allowance, STEPS_MAX), self.dispatcher.open + NUMBERS_AHEAD_MAX)
        if requests:
            self._put(now, requests)
        return 0 < len(self._held) < waiting and self._admission.allowance() > 0

    def _put(self, now, requests):
        # type: (float, List[Request]) -> None
        rows, opening = [], self._openings
        for request in requests:
            if request.state != SUBMITTED:
                self._admission.unanswered += 1
            request.advance('submit')
            request.opening = opening
            # 0 until the row is sent: refusals of earlier datagrams do not count.
            request.datagram = 0
            # If no time has passed, use the setting: 60 is shorter than 60.0.
            left_s = self._timeout_s if request.sent_at == now else self._time_left_s(now, request)
            request.row = row = [request.number, request.payload, left_s]
            rows.append(row)
        self.send(self.dispatcher, 'submit', rows[0])
        self.dispatcher.rows['submit'].extend(rows[1:])

    def _time_left_s(self, now, request):
        # type: (float, Request) -> float
        return max(0.0, round(request.sent_at + self._timeout_s - now, 6))

    def note_sent(self, number, rows):
        # type: (int, Dict[str, List[Any]]) -> None
        self._datagram = number
        self._sent_at = self._now
        if 'submit' in rows:
            requests = self._requests
            for row in rows['submit']:
                request = requests.get(row[0])
                if request is not None:
                    request.datagram = number

    def acknowledged(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        requests = self._requests
        for row in rows:
            request = requests.get(row[0])
            # An acknowledgement of an older row, from before a refusal, does not count.
            if request is not None and request.row is row and request.state == SUBMITTED:
                request.advance('accept')
                self._accepted += 1

    def refresh(self, now, channel, kind, row):
        # type: (float, Channel, str, List[Any]) -> List[Any] | None
        request = self._requests.get(row[0])
        if request is None:
            return None
        if kind == 'cancel':
            return row
        # Resend even if another copy was acknowledged: the dispatcher may have refused that one, and the client
        # ignored the refusal because this copy was sent later.
        if request.row is not row or request.state not in (SUBMITTED, ACCEPTED):
            return None
        row[2] = self._time_left_s(now, request)
        return row

    # What the dispatcher sends.

    def opened(self, now, channel):
        # type: (float, Channel) -> None
        self._openings += 1
        self.counts['channel_openings'] += 1
        former, self._dispatcher_incarnation = self._dispatcher_incarnation, channel.incarnation
        if former is not None and former != channel.incarnation:
            self.counts['dispatcher_restarts'] += 1
            self.emit(now, 'dispatcher_restarted', waiting=len(self._requests))
            # The new queue may have room.
            self._due_resume(now, None)
        self._examine_all()

    def _on_refused(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        for number, datagram, reason, retry_after_s in rows:
            request = self._requests.get(number)
            if request is None or request.state == HELD or request.datagram != datagram:
                self.counts['stale_refusals'] += 1
            elif request.state == CANCELLING:
                self._end_unanswered(now, request, CANCELLED, reason)
            else:
                self._hold(now, request, datagram, reason, retry_after_s)

    def _hold(self, now, request, datagram, reason, retry_after_s):
        # type: (float, Request, int, str, float | None) -> None
        """A submit was refused: hold the task, or end it if it cannot be resubmitted in time."""
        admission = self._admission
        if request.state == SUBMITTED:
            admission.unanswered -= 1
        elif self._accepted:
            # Its submit was acknowledged in the same turn. A refused submit is no acceptance.
            self._accepted -= 1
            admission.unanswered -= 1
        request.advance('hold')
        request.refusal = reason
        if retry_after_s is None or self._settings['on_refused'] == GIVE_UP:
            self._end_unanswered(now, request, REFUSED, reason)
            return
        if datagram > self._datagram_of_resume:
            # Submits before the end of the last pause do not count. The jitter separates clients that were refused at
            # the same time.
            jitter = 1 + (JITTER_MAX - 1) * self._rng.random()
            if admission.note_refused(now, retry_after_s, jitter):
                self._timers.set(('resume', None), admission.paused_until)  # type: ignore[arg-type]
        deadline_at = request.sent_at + self._timeout_s
        if admission.paused_until is not None and admission.paused_until >= deadline_at:
            self._end_unanswered(now, request, REFUSED, reason)
        else:
            self.counts['postponed'] += 1
            self._held.put_back(request)

    def _due_resume(self, now, _):
        # type: (float, None) -> None
        self._timers.cancel(('resume', None))
        self._admission.resume()
        self._datagram_of_resume = self._datagram

    def _on_done(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        requests, statistics, compute = self._requests, self.statistics, notional.compute
        add_response_time = statistics.response_time.add
        done = 0
        for number, result, attempts in rows:
            request = requests.get(number)
            if request is None:
                self._note_stray(number)
                continue
            if compute(request.payload) != result:
                self._end_unanswered(now, request, WRONG, 'the result is wrong')
                continue
            if request.state == SUBMITTED:
                self._accepted += 1
            # Every state allows this end, so ``advance`` is not needed.
            del requests[number]
            done += 1
            add_response_time(now - request.intended_at)
            if attempts > 1:
                statistics.further_attempts += attempts - 1
            if self.trace:
                self.emit(now, 'answered', task_id=self._task_id(number), response_time_s=now - request.intended_at,
                          attempts=attempts)
        statistics.ends[DONE] += done

    def _on_ended(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        for number, outcome, reason, _ in rows:
            request = self._requests.get(number)
            if request is None:
                self._note_stray(number)
            else:
                self._end_unanswered(now, request, outcome, reason)

    def _note_stray(self, number):
        # type: (int) -> None
        self.counts['duplicate_outcomes' if number <= self.statistics.sent else 'unknown_outcomes'] += 1

    def _on_former(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        self.counts['outcomes_of_former'] += len(rows)

    def _on_not_offered(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        """Only for calls: see ``client.calls``."""

    def _due_deadline(self, now, number):
        # type: (float, int) -> None
        """Only for calls: notional tasks have a common time-out."""

    _on_known_functions = _on_not_offered

    def _due_ping(self, now, _):
        # type: (float, None) -> None
        """Ping if tasks are open and nothing was sent: the answer shows whether the dispatcher restarted."""
        if self._requests and self.dispatcher.is_open and now >= self._sent_at + PING_INTERVAL_S:
            self.counts['pings'] += 1
            self._sent_at = now
            self.send(self.dispatcher, 'ping', [])
        due_at = self._sent_at + PING_INTERVAL_S
        self._timers.set(('ping', None), due_at if due_at > now else now + PING_INTERVAL_S)

    # Examination of open tasks, some in each turn.

    def _examine_all(self):
        # type: () -> None
        """After an opening of the channel, or at a stop: examine all open tasks, lowest numbers first."""
        self._examined = self.dispatcher.open
        self._examine_until = self.statistics.sent
        self._has_more = True

    def _examine_some(self, now):
        # type: (float) -> bool
        if self._examined > self._examine_until:
            return False
        self._examined = max(self._examined, self.dispatcher.open)
        last = min(self._examine_until, self._examined + STEPS_MAX - 1)
        while self._examined <= last:
            request = self._requests.get(self._examined)
            if request is not None and not self._examine(now, request):
                return False
            self._examined += 1
        return last < self._examine_until

    def _examine(self, now, request):
        # type: (float, Request) -> bool
        """Resubmit, cancel or end a task if needed; returns False if the channel has no room."""
        if request.state == HELD:
            if self._cancelling or self._draining and not request.opening:
                self._end_unanswered(now, request, CANCELLED, 'the client stopped before the task was submitted')
        elif self._giving_up:
            self._end_unanswered(now, request, GIVEN_UP, 'no outcome in time')
        elif request.opening != self._openings or self._cancelling and request.state != CANCELLING:
            if not self.dispatcher.has_room:
                return False
            if not (self._cancelling or request.state == CANCELLING):
                self.counts['resubmitted'] += 1
                self._put(now, [request])
                return True
            if request.state == SUBMITTED:
                self._admission.unanswered -= 1
            if request.state != CANCELLING:
                request.advance('cancel')
            request.opening = self._openings
            self.send(self.dispatcher, 'cancel', [request.number])
        return True

    def _expire(self, now):
        # type: (float) -> bool
        """End held tasks at their deadline, and other tasks a grace period later; advance ``open``. Returns whether
        another turn is needed.
        """
        requests = self._requests
        expired = self._held.take_expired(now) if self._held else []
        for held in expired:
            end = GIVEN_UP if held.refusal is None else REFUSED
            self._end_unanswered(now, held, end, held.refusal or 'not submitted in time')
        number = self.dispatcher.open
        last = min(self.statistics.sent, number + STEPS_MAX - 1)
        while number <= last:
            request = requests.get(number)
            if request is not None:
                if request.sent_at + self._timeout_s + OUTCOME_GRACE_S > now:
                    break
                self._end_unanswered(now, request, GIVEN_UP, 'no outcome in time')
            number += 1
        has_more = len(expired) == STEPS_MAX or number == self.dispatcher.open + STEPS_MAX
        self.dispatcher.open = number
        return has_more

    # Ends.

    def _end_unanswered(self, now, request, end, reason):
        # type: (float, Request, str, Any) -> None
        if request.state == SUBMITTED:
            if end in (GIVEN_UP, CANCELLED):
                self._admission.unanswered -= 1
            else:
                self._accepted += 1
        request.advance(end)
        del self._requests[request.number]
        self.statistics.ends[end] += 1
        self.emit(now, self._unanswered_kind(request.number, end), task_id=self._task_id(request.number), outcome=end,
                  reason=reason_text(reason))

    def _unanswered_kind(self, number, end):
        # type: (int, str) -> str
        return 'refused' if end == REFUSED else 'unanswered'

    def _task_id(self, number):
        # type: (int) -> str
        return '%s:%s:%d' % (self.name, self.incarnation, number)

    def _due_drained(self, now, is_over):
        # type: (float, bool) -> None
        """When the drain ends, cancel the open tasks. When the second wait ends (``is_over``), give them up."""
        if is_over:
            self._giving_up = True
        elif self._requests:
            self._cancelling = True
            self.emit(now, 'cancelling', waiting=len(self._requests))
            self._timers.set(('drained', True), now + CANCEL_WAIT_S)
        self._examine_all()

    def _finish(self, now):
        # type: (float) -> None
        self.statistics.ended_at = now
        self._timers.clear()
        self.is_stopped = True
