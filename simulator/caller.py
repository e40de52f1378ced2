"""A client that calls functions, with options of all kinds, and cancels some of its calls."""

from __future__ import absolute_import, division, print_function

from client.calls import CallingClientCore
from common import lengths
from net_protocol import notional

MYPY = False
if MYPY:
    from typing import Any, Dict, Set  # noqa: F401

#: The prefix of the argument of a call that kills its child in every attempt.
POISON = u'poison'

#: The shortest time between two calls.
PAUSE_S = 0.1


class Caller(CallingClientCore):
    """``settings`` are those of a client; ``settings['calls']`` is the block ``calls`` of the scenario."""

    TIMERS = dict(CallingClientCore.TIMERS, next_call='_due_next_call', cancel='_due_cancel')
    COUNTERS = CallingClientCore.COUNTERS + ('poisonous_calls', 'called_off')  # type: Any

    def __init__(self, settings, name, incarnation, rng):
        # type: (Dict[str, Any], str, str, Any) -> None
        super(Caller, self).__init__(settings, name, incarnation, rng)
        # No copy: the settings change when the faults end.
        self._settings = settings
        self._draw = rng.random
        #: Numbers of the calls that it cancelled.
        self.called_off = set()  # type: Set[int]

    def start(self, now):
        # type: (float) -> None
        super(Caller, self).start(now)
        self._due_next_call(now, None)

    def _due_next_call(self, now, _):
        # type: (float, None) -> None
        if self._draining:
            return
        settings, calls, draw = self._settings, self._settings['calls'], self._draw
        self._timers.set(('next_call', None), now + max(PAUSE_S, lengths.draw(draw, settings['task_interval_s'])))
        if self.open_calls >= settings['in_flight_max']:
            return
        options = {u'priority': int(10 * draw()), u'retry_on_error': draw() < 0.3}  # type: Dict[str, Any]
        if draw() < 0.5:
            options[u'attempts_max'] = 1 + int(4 * draw())
        if draw() < calls['timeout']:
            options[u'answer_timeout_s'] = 0.5 + 5 * draw()
        text = notional.draw_payload(self._payload_rng, settings['payload_bytes'])
        if draw() < calls['poison']:
            self.counts['poisonous_calls'] += 1
            text = POISON + text
        function = calls['functions'][int(len(calls['functions']) * draw())]
        number = self.call(now, function, [[text], {}], options, settings['task_timeout_s'], lambda *_: None)
        if draw() < calls['cancel']:
            self._timers.set(('cancel', number), now + 3 * draw())

    def _due_cancel(self, now, number):
        # type: (float, int) -> None
        self.counts['called_off'] += number in self._requests
        self.called_off.add(number)
        self.cancel(now, number)
