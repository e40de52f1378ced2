"""The script of a run: which processes start, are killed and are asked to end, and when.

The script is a generator that yields (condition, until): it goes on when ``condition()`` is true, or at the time
``until`` (monotonic seconds, None for no limit). The monitor's loop calls ``step`` a few times a second; the script
itself never waits.
"""

from __future__ import absolute_import, division, print_function

import time

from demo.cast import CALCULATOR, CLIENT, DISPATCHER, DRAIN_TIMEOUT_S, SLOTS_MAX
from demo.record import Record
from demo.sentences import OWN_KINDS, sentence_by, sentence_of
from runtime.clock import monotonic
from runtime.process import CannotStart

MYPY = False
if MYPY:
    from typing import Any, Callable, Generator, Iterator, List, Tuple  # noqa: F401

    from demo.cast import Cast  # noqa: F401
    from demo.processes import Household, Process  # noqa: F401
    from runtime.event_files import Event  # noqa: F401
    from runtime.signals import StopSignals  # noqa: F401

    Wait = Tuple[Callable[[], Any], float | None]

#: One calculator is killed after this share of the duration, as soon as one holds as many tasks as it can; after the
#: second share as soon as one holds any; after the third in any case.
KILL_FROM, KILL_BUSY_UNTIL, KILL_UNTIL = 0.4, 0.5, 0.6
NEWCOMER_AFTER_S = 1.0

#: How long the dispatcher, and then all others, may take to start: for a slow machine or a cold disk.
BEGIN_WITHIN_S = 30.0
#: How long the processes of each role may take to end: their own limit, and some more.
END_WITHIN_S = {CLIENT: DRAIN_TIMEOUT_S + 6.0, CALCULATOR: 8.0, DISPATCHER: 8.0}
END_AT_ONCE_WITHIN_S = 3.0
#: How long to wait for the report with the final state.
LAST_REPORT_WITHIN_S = 2.0

# In this order every answer reaches its client, and the dispatcher learns that every calculator leaves.
_ENDINGS = (
    (CLIENT, 'ending: clients send no more and wait for their last answers'),
    (CALCULATOR, 'ending: calculators leave'),
    (DISPATCHER, 'ending: the dispatcher'),
)


class EndEarly(Exception):
    """The main part ends before its time; the text says why."""


class Director(object):
    """One run with ``cast``. ``on_note(at, style, sentence)`` gets the events that are not the dispatcher's."""

    def __init__(self, household, cast, duration_s, signals, on_note):
        # type: (Household, Cast, float, StopSignals, Callable[[float, str, str], None]) -> None
        self.household = household
        self.record = Record()
        self.duration_s = duration_s
        #: The current phase, for the screen.
        self.phase = 'starting'
        #: The name of the calculator that was killed, and when; None before.
        self.kill = None  # type: Tuple[str, float] | None
        #: Whether a request to stop, or the end of the dispatcher, ended the main part.
        self.was_ended_early = False
        self.is_over = False
        self.began_at = monotonic()
        self.port = 0
        self._cast = cast
        self._signals = signals
        self._on_note = on_note
        self._running_since = None  # type: float | None
        self._is_ending = False
        # When the last of the clients and calculators ended.
        self._ended_at = 0.0
        #: When the monitor took its latest report.
        self.report_at = 0.0
        self._script = self._run()
        self._wait = (lambda: True, None)  # type: Wait

    # Called by the owner.

    def start_dispatcher(self):
        # type: () -> bool
        """Start the dispatcher and wait for its port. Returns False after a request to stop; raises ``CannotStart``."""
        dispatcher = self.household.start(self._cast.dispatcher())
        while not dispatcher.has_begun:
            if self._signals.count:
                return False
            if not dispatcher.is_running or monotonic() - self.began_at > BEGIN_WITHIN_S:
                raise CannotStart('the dispatcher did not start: %s' % (dispatcher.last_line or 'it logged nothing'))
            time.sleep(0.02)
            self.read()
        self.port = dispatcher.events.header['address'][1]  # type: ignore[index]
        return True

    def step(self, now):
        # type: (float) -> bool
        """Read new events and continue the script until it waits. Returns whether it is over."""
        self._look()
        try:
            if not self._is_ending and self._why_early():
                self._wait = self._script.throw(EndEarly(self._why_early()))
            while self._wait[0]() or (self._wait[1] is not None and monotonic() >= self._wait[1]):
                self._wait = next(self._script)
        except StopIteration:
            self.is_over = True
        return self.is_over

    def note(self, kind, **facts):
        # type: (str, **Any) -> None
        """An event of the demo itself."""
        self._on_note(monotonic(), *sentence_of(kind, facts))

    def seconds_at(self, at):
        # type: (float) -> float
        """A point in time as seconds since the beginning."""
        return at - self.began_at

    @property
    def stops(self):
        # type: () -> int
        return self._signals.count

    @property
    def title(self):
        # type: () -> str
        """The phase and the time."""
        if self._running_since is None or self._is_ending:
            return self.phase
        # The time counts from when all processes have started.
        return '%.1f of %g s: %s' % (monotonic() - self._running_since, self.duration_s, self.phase)

    def read(self):
        # type: () -> None
        """Take the events that processes wrote since the last call."""
        events = [event for process in self.household.processes for event in process.events.take()]  # type: List[Event]
        # They are read file by file. All files have the same clock.
        for event in sorted(events, key=lambda event: event.time):
            self.record.take(event)
            if event.kind in OWN_KINDS:
                self._on_note(event.time, *sentence_by(event.name, event.role, event.kind, event.facts))

    # The script.

    def _run(self):
        # type: () -> Generator[Wait, None, None]
        try:
            for wait in self._main_part():
                yield wait
            why = 'the %g seconds are over' % self.duration_s
        except EndEarly as early:
            why = str(early)
            self.was_ended_early = True
        self._is_ending = True
        self.note('ending', why=why)
        for role, phase in _ENDINGS:
            self.phase = phase
            if role == DISPATCHER and not self.was_ended_early:
                self._ended_at = monotonic()
                yield self._has_last_report, self._ended_at + LAST_REPORT_WITHIN_S
            for process in self.household.running(role):
                process.ask_to_end()
            for wait in self._wait_for_the_end_of(role):
                yield wait
        self.phase = 'all processes have ended'
        self._look()

    def _main_part(self):
        # type: () -> Iterator[Wait]
        household = self.household
        for part in self._cast.calculators(self.port) + self._cast.clients(self.port):
            household.start(part)
        self.note('began', port=self.port)
        yield (lambda: all(process.has_begun or not process.is_running for process in household.processes),
               monotonic() + BEGIN_WITHIN_S)
        self._running_since = begun_at = monotonic()
        self.phase = 'running. Ctrl-C ends it. Try kill -9 on a calculator.'
        yield _never, begun_at + KILL_FROM * self.duration_s
        yield (lambda: self._most_held() == SLOTS_MAX), begun_at + KILL_BUSY_UNTIL * self.duration_s
        yield (lambda: self._most_held() > 0), begun_at + KILL_UNTIL * self.duration_s
        self._kill_one()
        yield _never, min(monotonic() + NEWCOMER_AFTER_S, begun_at + self.duration_s)
        self.note('newcomer', newcomer=household.start(self._cast.newcomer(self.port)).name)
        yield _never, begun_at + self.duration_s

    def _most_held(self):
        # type: () -> int
        busiest = self._busiest()
        return 0 if busiest is None else len(self.record.held[busiest])

    def _busiest(self):
        # type: () -> str | None
        return self.record.busiest([process.name for process in self.household.running(CALCULATOR)])

    def _kill_one(self):
        # type: () -> None
        # If no calculator in order has a task: any that runs.
        running = [process.name for process in self.household.running(CALCULATOR)]
        if not running:
            return
        victim = self._busiest() or running[0]
        self.household.get(victim).kill()
        self.kill = (victim, monotonic())
        # Its last events show which tasks it held.
        self.read()
        self.note('killed', victim=victim, held=len(self.record.held.get(victim, ())))

    def _wait_for_the_end_of(self, role):
        # type: (str) -> Iterator[Wait]
        """Wait until all processes of that role end. Ask them again if needed, and kill those that do not end."""
        household = self.household
        yield (lambda: not household.running(role) or self._must_hurry), monotonic() + END_WITHIN_S[role]
        if self._must_hurry:
            self.phase = 'ending at once'
            for process in household.running(role):
                process.ask_to_end_at_once()
            yield (lambda: not household.running(role) or self.stops > 2), monotonic() + END_AT_ONCE_WITHIN_S
        for process in household.running(role):
            process.kill()
            self.note('cut_short' if self.stops > 2 else 'stuck', process=process.name)

    @property
    def _must_hurry(self):
        # type: () -> bool
        """Whether there was a second Ctrl-C, or no dispatcher is left to send answers."""
        return self.stops > 1 or self.household.has_lost(DISPATCHER)

    def _has_last_report(self):
        # type: () -> bool
        return self.report_at > self._ended_at or self._must_hurry

    def _why_early(self):
        # type: () -> str
        if self.stops:
            return 'asked to stop'
        return 'the dispatcher is gone' if self.household.has_lost(DISPATCHER) else ''

    def _look(self):
        # type: () -> None
        # In this order, so that all events of an ended process are read.
        ended = self.household.take_ended()
        self.read()
        for process in ended:
            if not process.is_expected_to_end:
                self.note('lost', process=process.name, how=process.how_it_ended)


def _never():
    # type: () -> bool
    return False
