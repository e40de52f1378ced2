"""Simulated child processes of a calculator, in place of ``calculator.children``.

A random generator decides what happens in a child. A suspended calculator receives the reports of its children later.
"""

from __future__ import absolute_import, division, print_function

from collections import deque

from calculator.calls import failure
from common import lengths
from net_protocol import notional
from net_protocol.causes import DEATHS, EXCEPTION, EXIT, MEMORY, PROTOCOL, SIGNAL, TIME
from simulator.caller import POISON

MYPY = False
if MYPY:
    from typing import Any, Callable, Deque, Dict, List, Tuple  # noqa: F401

#: The time to load functions, the time until a child that does not stop is killed, and the pauses after failed starts.
LOAD_S = (0.02, 0.3)
GRACE_S = 0.5
PAUSES_S = (0.0, 0.2, 1.0, 5.0)

_DEATHS = (SIGNAL, EXIT, MEMORY, PROTOCOL)


class Children(object):
    """The children of a calculator with these ``settings``; ``calls`` is the block ``calls`` of the scenario."""

    def __init__(self, process, settings, calls, rng):
        # type: (Any, Dict[str, Any], Dict[str, Any], Any) -> None
        self._process = process
        self._agenda = process.environment.agenda
        self._functions = settings['work'].strip('-')
        self._calls = calls
        self._rng = rng
        # The functions that were last reported to the calculator; None before the first report.
        self.offered = None  # type: Any
        self._idle = self._failed_loads = 0
        self._waiting = deque()  # type: Deque[Any]
        #: Number of a call -> the call, while a child works on it.
        self.running = {}  # type: Dict[int, Any]
        #: Reports that the calculator has not received yet.
        self.reports = []  # type: List[Tuple[Callable[[float, Any], None], Any]]
        for _ in range(settings['capacity']):
            self._start()
        self._plan_idle_death()

    def _after(self, seconds, note, fact=None):
        # type: (float, Callable[[float, Any], None], Any) -> None
        self._agenda.after(seconds, self._happen, (note, fact))

    def _happen(self, report):
        # type: (Tuple[Callable[[float, Any], None], Any]) -> None
        if self._process.is_running:
            self.reports.append(report)
            self._process.rouse()

    # Called before and after each turn of the calculator.

    def report(self, now):
        # type: (float) -> None
        reports, self.reports = self.reports, []
        for note, fact in reports:
            note(now, fact)

    def take(self, now):
        # type: (float) -> None
        starts, stops = self._process.core.take_calls()
        for number in stops:
            if self.running.pop(number, None) is not None:
                self._start(GRACE_S if self._rng.random() < 0.5 else 0.0)
        self._waiting = deque(call for call in list(self._waiting) + starts if call.number not in stops)
        while self._waiting and self._idle:
            self._idle -= 1
            self._begin(self._waiting.popleft())

    # Children.

    def _start(self, wait_s=0.0):
        # type: (float) -> None
        self._after(wait_s + self._rng.uniform(*LOAD_S), self._note_loaded)

    def _note_loaded(self, now, _):
        # type: (float, None) -> None
        if self._functions and self._rng.random() >= self._calls['no_load']:
            self._failed_loads = 0
            self._idle += 1
            self._offer(now, self._functions)
            return
        self._process.audit.ledger.counts['failed_loads'] += 1
        self._failed_loads += 1
        self._start(PAUSES_S[min(self._failed_loads, len(PAUSES_S)) - 1])
        if self._failed_loads > 1 and not (self._idle or self.running):
            self._offer(now, u'')
            while self._waiting:
                self._process.core.call_not_started(now, self._waiting.popleft().number)

    def _offer(self, now, functions):
        # type: (float, Any) -> None
        if functions != self.offered:
            self.offered = functions
            digest = u'%016x' % sum([1 << (ord(name) - ord('a')) for name in functions])
            self._process.core.functions_changed(now, digest, [[name, u'(text)', u''] for name in functions])

    def _plan_idle_death(self):
        # type: () -> None
        if lengths.longest(self._calls['idle_death_s']) > 0:
            self._after(lengths.draw(self._rng.random, self._calls['idle_death_s']), self._note_idle_death)

    def _note_idle_death(self, now, _):
        # type: (float, None) -> None
        if self._idle:
            self._process.audit.ledger.counts['idle_deaths'] += 1
            self._idle -= 1
            self._start()
        self._plan_idle_death()

    # Calls.

    def _begin(self, call):
        # type: (Any) -> None
        draw = self._rng.random
        self.running[call.number] = call
        takes_s = lengths.draw(draw, self._calls['duration_s'])
        cause, fate = None, draw()
        if call.arguments[0][0].startswith(POISON) or fate < self._calls['death']:
            cause, takes_s = _DEATHS[int(len(_DEATHS) * draw())], takes_s * draw()
        elif fate < self._calls['death'] + self._calls['error']:
            cause = EXCEPTION
        if call.timeout_s is not None and takes_s > call.timeout_s:
            cause, takes_s = TIME, call.timeout_s
        self._after(takes_s, self._note_end, (call.number, cause))

    def _note_end(self, now, end):
        # type: (float, Tuple[int, str | None]) -> None
        number, cause = end
        call = self.running.pop(number, None)
        if call is None:
            # It was stopped.
            return
        if cause in DEATHS:
            self._start()
        else:
            self._idle += 1
        result = notional.compute(call.arguments[0][0]) if cause is None else None
        self._process.core.call_ended(now, number, result, None if cause is None else failure(cause, 'drawn'))
