"""The client: sends notional tasks at random intervals and owns each of them until it knows the outcome.

Reliability is end to end. The client resends ``submit`` until it hears that the task is accepted, then goes on asking
slowly until it has the outcome, because a dispatcher that lost its books has nobody else to learn the task from. A
``submit`` is idempotent, so asking once too often costs a datagram and nothing else.
"""

from __future__ import absolute_import, division, print_function

from client.gate import Gate
from client.requests import ACCEPTED, CANCELLING, GIVEN_UP, POSTPONED, SUBMITTED, WRONG, Request
from client.statistics import Statistics
from net_protocol import notional
from net_protocol.codec import check_payload
from net_protocol.core import Core, require
from net_protocol.delivery import ASK_AGAIN_S, JITTER_MAX, OUTCOME_GRACE_S
from net_protocol.lives import NEXT, Lives
from net_protocol.messages import DONE, OUTCOMES, Accepted, Cancel, Outcome, OutcomeAck, Refused, Submit

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

    from net_protocol.core import Sender  # noqa: F401

#: After the bounded wait of a soft stop the rest is cancelled; this is the wait for the answers to that.
CANCEL_WAIT_S = 2.0


class ClientCore(Core):
    """A client as a pure state machine.

    ``settings`` is a complete object of ``client.settings.SETTINGS``, ``dispatcher`` the address to send to (opaque),
    ``rng`` a ``random.Random``. With ``tasks_max`` it ends by itself when that many tasks have ended, with
    ``duration_s`` it begins to drain after that time.
    """

    HANDLERS = {Accepted: '_on_accepted', Refused: '_on_refused', Outcome: '_on_outcome'}
    TIMERS = {'arrival': '_due_arrival', 'gate': '_due_gate', 'postponed': '_due_postponed', 'end': '_due_end',
              'drained': '_due_drained', 'cancelled': '_due_cancelled'}
    COUNTERS = ('duplicate_outcomes', 'unknown_outcomes', 'postponed', 'kept_waiting', 'held_back',
                'dispatcher_restarts')

    def __init__(self, settings, name, incarnation, rng, dispatcher, tasks_max=None, duration_s=None):
        # type: (Dict[str, Any], str, str, Any, Any, int | None, float | None) -> None
        super(ClientCore, self).__init__(name, incarnation)
        self.statistics = Statistics()
        self._settings = settings
        self._rng = rng
        self._dispatcher = dispatcher
        self._tasks_max = tasks_max
        self._duration_s = duration_s
        self._requests = {}  # type: Dict[str, Request]
        # Task id -> what is asked for it: exactly one of the two, unless it is postponed.
        self._submits = self._new_resender('submit', rng, self._give_up, self._refresh)
        self._cancels = self._new_resender('cancel', rng, self._give_up)
        self._gate = Gate(settings['task_timeout_s'])
        self._draining = False
        self._planned_at = 0.0
        # Another life of the dispatcher than the one that answered last means that the books may be lost.
        self._dispatcher_lives = Lives()
        self._closed_loop = settings['task_interval_s'][1] == 0
        # An arrival came while ``in_flight_max`` tasks were out; it is made up for when one ends.
        self._held_back = 0

    # What the shell calls.

    def start(self, now):
        # type: (float) -> None
        self.statistics.started_at = now
        self._planned_at = now
        if self._duration_s is not None:
            self._timers.set(('end', None), now + self._duration_s)
        if self._tasks_max == 0:
            self._finish(now)
        elif self._closed_loop:
            self._fill(now)
        else:
            self._plan_arrival(now)

    def stop(self, now):
        # type: (float) -> None
        """No new task; wait up to ``drain_timeout_s`` for what is out, then cancel it, then end."""
        if self._draining:
            return
        self._draining = True
        self._timers.cancel(('arrival', None))
        self._tell('draining', waiting=len(self._requests), bound_s=self._settings['drain_timeout_s'])
        self._timers.set(('drained', None), now + self._settings['drain_timeout_s'])
        self._end_if_drained(now)

    def handle_message(self, now, sender, message):
        # type: (float, Sender, Any) -> None
        if (sender.incarnation != self._dispatcher_lives.current and type(message) in self.HANDLERS
                and self._dispatcher_lives.meet(sender.incarnation) == NEXT):
            self._ask_for_all(now)
        super(ClientCore, self).handle_message(now, sender, message)

    def close_books(self, now):
        # type: (float) -> None
        """Stopped at once: whatever is still out gets no answer any more."""
        for request in self._all_requests():
            self._give_up(now, request.task_id)
        if not self._stopped:
            self._finish(now)

    def submit(self, now, payload):
        # type: (float, Any) -> str
        """Send one task; returns its id. Raises ``TooLarge`` or ``MisuseError`` for a payload that can't be sent."""
        check_payload('payload', payload)
        self.statistics.sent += 1
        task_id = '%s:%s:%d' % (self.name, self.incarnation, self.statistics.sent)
        request = Request(self.statistics.sent, task_id, payload, now, now + self._settings['task_timeout_s'])
        self._requests[task_id] = request
        if self.trace:
            self._tell('sent', task_id=task_id)
        if self._gate.admit():
            self._ask(now, request)
        else:
            self.counts['kept_waiting'] += 1
            request.advance('postpone')
            self._hold(request)
        return task_id

    def account(self, now):
        # type: (float) -> Dict[str, Any]
        """Everything this client counted, for programs."""
        return dict(self.statistics.as_dict(now), counts=dict(self.counts, resent=self.resent))

    def check_invariants(self):
        # type: () -> None
        statistics = self.statistics
        require(statistics.waiting == len(self._requests), 'waiting %d, requests %d',
                statistics.waiting, len(self._requests))
        require(statistics.sent == statistics.answered + statistics.unanswered, 'sent is not answered + unanswered')
        require(len(self._requests) <= self._settings['in_flight_max'], 'more in flight than allowed')
        states = [request.state for request in self._requests.values()]
        require(self._gate.unanswered == states.count(SUBMITTED), 'counted %d as unanswered, %d are',
                self._gate.unanswered, states.count(SUBMITTED))
        if POSTPONED in states:
            require(self._gate.unanswered or ('gate', None) in self._timers, 'tasks wait behind nobody')
        for task_id, request in self._requests.items():
            require(not request.is_over, '%s is over and still kept', task_id)
            asked = self._cancels if request.state == CANCELLING else self._submits
            if request.state == POSTPONED:
                require(('postponed', task_id) in self._timers, '%s is postponed for ever', task_id)
            else:
                require(asked.is_timed(task_id), '%s (%s) is asked for by nobody', task_id, request.state)

    # New tasks.

    def _plan_arrival(self, now):
        # type: (float) -> None
        # From the planned time, not from now, so that a late turn does not thin out the load; but a client that was
        # suspended does not make up for the time in one burst.
        self._planned_at = max(self._planned_at + self._rng.uniform(*self._settings['task_interval_s']), now)
        self._timers.set(('arrival', None), self._planned_at)

    def _due_arrival(self, now, _):
        # type: (float, None) -> None
        if len(self._requests) < self._settings['in_flight_max']:
            self._send_new_task(now)
        else:
            self._held_back += 1
            self.counts['held_back'] += 1
        if self._may_send_more():
            self._plan_arrival(now)

    def _may_send_more(self):
        # type: () -> bool
        if self._draining:
            return False
        return self._tasks_max is None or self.statistics.sent + self._held_back < self._tasks_max

    def _fill(self, now):
        # type: (float) -> None
        while self._may_send_more() and len(self._requests) < self._settings['in_flight_max']:
            self._send_new_task(now)

    def _send_new_task(self, now):
        # type: (float) -> None
        self.submit(now, notional.draw_payload(self._rng, self._settings['payload_bytes']))

    def _ask(self, now, request):
        # type: (float, Request) -> None
        message = Submit(request.task_id, request.payload, max(0.0, request.deadline_at - now))
        request.opening = self._gate.openings
        self._submits.begin(now, request.task_id, self._dispatcher, message, request.deadline_at + OUTCOME_GRACE_S)

    def _ask_no_more(self, request):
        # type: (Request) -> None
        if request.state == POSTPONED:
            self._timers.cancel(('postponed', request.task_id))
        elif request.state == CANCELLING:
            self._cancels.end(request.task_id)
        else:
            self._submits.end(request.task_id)

    def _refresh(self, now, task_id, message):
        # type: (float, str, Submit) -> Submit
        """A submit that is sent again says how much time is left now."""
        request = self._requests[task_id]
        if request.state == SUBMITTED:
            self._gate.note_silence(now)
        return Submit(task_id, message.payload, max(0.0, request.deadline_at - now))

    # What the dispatcher says.

    def _on_accepted(self, now, sender, message):
        # type: (float, Sender, Accepted) -> None
        request = self._requests.get(message.task_id)
        if request is None or request.state in (ACCEPTED, CANCELLING):
            return
        if request.state == POSTPONED:
            # It was asked for twice, and this answer was overtaken by a refusal.
            self._timers.cancel(('postponed', request.task_id))
            self._ask(now, request)
        else:
            self._gate.note_accepted()
        request.advance('accept')
        self._submits.slow_down(now, request.task_id, ASK_AGAIN_S)
        if self._gate.held or self._gate.late:
            self._let_pass(now)

    def _on_refused(self, now, sender, message):
        # type: (float, Sender, Refused) -> None
        request = self._requests.get(message.task_id)
        if request is None or request.state != SUBMITTED:
            return
        request.refusal = message.reason
        if message.retry_after_s is None:
            self._refuse(now, request)
            return
        # Spread, so that all who were refused together do not come back together.
        jitter = 1 + (JITTER_MAX - 1) * self._rng.random()
        if self._gate.note_refused(now, message.retry_after_s, jitter, request.opening):
            self._timers.set(('gate', None), self._gate.shut_until)
        self._submits.end(request.task_id)
        request.advance('postpone')
        self.counts['postponed'] += 1
        if self._gate.is_shut and self._gate.shut_until >= request.deadline_at:
            self._refuse(now, request)
        else:
            self._hold(request)
            self._let_pass(now)

    def _on_outcome(self, now, sender, message):
        # type: (float, Sender, Outcome) -> None
        # Acknowledged in every case: whoever resends an outcome that we know, or never asked for, must be able to stop.
        self._send(sender.address, OutcomeAck(message.task_id))
        request = self._requests.get(message.task_id)
        if request is None:
            own = message.task_id.startswith('%s:%s:' % (self.name, self.incarnation))
            self.counts['duplicate_outcomes' if own else 'unknown_outcomes'] += 1
            return
        end = message.outcome
        if end == DONE:
            if notional.compute(request.payload) == message.result:
                self.statistics.response_time.add(now - request.sent_at)
                self.statistics.further_attempts += max(0, message.attempts - 1)
                if self.trace:
                    self._tell('answered', task_id=request.task_id, response_time_s=now - request.sent_at,
                               attempts=message.attempts)
            else:
                end = WRONG
        if end != DONE:
            self._tell('unanswered', task_id=request.task_id, outcome=end, reason=message.reason)
        self._end_request(now, request, end)

    # Congestion control.

    def _hold(self, request):
        # type: (Request) -> None
        """Keep it until it may be submitted, or its time is over."""
        self._gate.hold(request.number, (request.sent_at + request.deadline_at) / 2, request.task_id)
        self._timers.set(('postponed', request.task_id), request.deadline_at)

    def _let_pass(self, now):
        # type: (float) -> None
        """Submit those that waited and may go."""
        task_id = self._gate.next(now)
        while task_id is not None:
            request = self._requests.get(task_id)
            if request is not None and request.state == POSTPONED and now < request.deadline_at:
                self._timers.cancel(('postponed', task_id))
                request.advance('submit')
                self._ask(now, request)
            else:
                self._gate.note_gone()
            task_id = self._gate.next(now)

    def _due_gate(self, now, _):
        # type: (float, None) -> None
        self._gate.open()
        self._let_pass(now)

    def _due_postponed(self, now, task_id):
        # type: (float, str) -> None
        """Its time is over, and it waited in vain."""
        request = self._requests[task_id]
        if request.refusal is None:
            self._give_up(now, task_id, 'never submitted, since others were unanswered or refused')
        else:
            self._refuse(now, request)

    def _ask_for_all(self, now):
        # type: (float) -> None
        """Another life of the dispatcher answered. It may have lost everything, so ask for all at once."""
        self.counts['dispatcher_restarts'] += 1
        self._tell('dispatcher_restarted', waiting=len(self._requests))
        for request in self._all_requests():
            if request.state == ACCEPTED:
                request.advance('forgotten')
                self._gate.let()
                self._ask(now, request)
        if self._gate.is_shut:
            # It may have room that the former one had not.
            self._timers.cancel(('gate', None))
            self._due_gate(now, None)

    # Ends.

    def _end_request(self, now, request, event):
        # type: (float, Request, str) -> None
        task_id = request.task_id
        self._ask_no_more(request)
        if request.state == SUBMITTED:
            if event in OUTCOMES:
                self._gate.note_accepted()
            else:
                self._gate.note_gone()
        request.advance(event)
        del self._requests[task_id]
        self.statistics.ends[request.state] += 1
        if self._gate.held or self._gate.late:
            self._let_pass(now)
        self._make_up(now)
        self._end_if_drained(now)

    def _make_up(self, now):
        # type: (float) -> None
        """A place is free: send what was held back."""
        if self._draining:
            return
        if self._closed_loop:
            self._fill(now)
        elif self._held_back:
            self._held_back -= 1
            self._send_new_task(now)

    def _refuse(self, now, request):
        # type: (float, Request) -> None
        self._tell('refused', task_id=request.task_id, reason=request.refusal)
        self._end_request(now, request, 'refuse')

    def _give_up(self, now, task_id, reason='no outcome in time'):
        # type: (float, str, str) -> None
        request = self._requests[task_id]
        self._tell('unanswered', task_id=request.task_id, outcome=GIVEN_UP, reason=reason)
        self._end_request(now, request, GIVEN_UP)

    def _all_requests(self):
        # type: () -> List[Request]
        """Those that are out, in an order that is the same on every Python: for each of them a number is drawn."""
        return [self._requests[task_id] for task_id in sorted(self._requests)]

    def _end_if_drained(self, now):
        # type: (float) -> None
        if self._requests:
            return
        if self._draining or self.statistics.sent == self._tasks_max:
            self._finish(now)

    def _finish(self, now):
        # type: (float) -> None
        self.statistics.ended_at = now
        self._timers.clear()
        self._stopped = True

    # Timers.

    def _due_end(self, now, _):
        # type: (float, None) -> None
        self.stop(now)

    def _due_drained(self, now, _):
        # type: (float, None) -> None
        """The bounded wait is over: tell the dispatcher that nobody waits for the rest."""
        if not self._requests:
            return
        self._tell('cancelling', waiting=len(self._requests))
        for request in self._all_requests():
            self._ask_no_more(request)
            if request.state == SUBMITTED:
                self._gate.note_gone()
            request.advance('cancel')
            self._cancels.begin(now, request.task_id, self._dispatcher, Cancel(request.task_id),
                                now + CANCEL_WAIT_S + 1)
        self._timers.set(('cancelled', None), now + CANCEL_WAIT_S)

    def _due_cancelled(self, now, _):
        # type: (float, None) -> None
        for request in self._all_requests():
            self._give_up(now, request.task_id)
