"""Looks at a run again and again: what is new goes into the books and onto the screen, signals are heeded."""

from __future__ import absolute_import, division, print_function

import select
from collections import deque

from demo.books import Books
from demo.cast import DISPATCHER
from demo.event_reader import Entry
from demo.picture import EVENTS_SHOWN, Moment
from demo.sentences import DEMO, told
from runtime.clock import monotonic

MYPY = False
if MYPY:
    from typing import Any, Callable, Deque, Tuple  # noqa: F401

    from demo.cast import Part  # noqa: F401
    from demo.processes import Household, Process  # noqa: F401
    from runtime.signals import StopSignals  # noqa: F401

#: Between two looks, and two pictures.
TICK_S = 0.2


class EndEarly(Exception):
    """The main part is over before its time; the text says why."""


class Stage(object):
    """A run as it stands. ``seconds`` count from its beginning, entries carry monotonic time."""

    def __init__(self, household, duration_s, view, signals):
        # type: (Household, float, Any, StopSignals) -> None
        self.books = Books()
        self.household = household
        self.duration_s = duration_s
        #: What goes on, in words; it stands on the screen.
        self.phase = 'starting'
        self._ending_since_s = None  # type: float | None
        self._view = view
        self._signals = signals
        self._began_at = monotonic()
        self._latest = deque(maxlen=EVENTS_SHOWN)  # type: Deque[Tuple[float, str, str]]

    @property
    def seconds(self):
        # type: () -> float
        """Since the beginning."""
        return self.seconds_at(monotonic())

    def seconds_at(self, time):
        # type: (float) -> float
        """A point in time, as seconds since the beginning."""
        return time - self._began_at

    @property
    def stops(self):
        # type: () -> int
        """How often we were asked to stop."""
        return self._signals.count

    @property
    def is_ending(self):
        # type: () -> bool
        """Whether a request to stop, or the end of a process, changes nothing any more."""
        return self._ending_since_s is not None

    def begin_to_end(self):
        # type: () -> None
        """All are going to be asked to end."""
        self._ending_since_s = self.seconds

    def start(self, part):
        # type: (Part) -> Process
        """One more process enters."""
        self.books.add(part.role, part.name)
        return self.household.start(part)

    def tell(self, kind, **facts):
        # type: (str, **Any) -> None
        """Something that the demo itself did or noticed."""
        self._note(Entry(monotonic(), DEMO, DEMO, kind, facts))

    def watch(self, is_over, until_s=None):
        # type: (Callable[[], bool], float | None) -> None
        """Look again and again until ``is_over()``, or until that many seconds since the beginning. Raises
        ``EndEarly`` in the main part where it can't go on.
        """
        while not is_over() and (until_s is None or self.seconds < until_s):
            self._wait(TICK_S if until_s is None else max(0.0, min(TICK_S, until_s - self.seconds)))
            self.look()
            if not self.is_ending and self.stops:
                raise EndEarly('asked to stop')
            if not self.is_ending and self.household.has_lost(DISPATCHER):
                raise EndEarly('nothing goes on without a dispatcher')

    def look(self):
        # type: () -> None
        """Everything new, into the books and onto the screen."""
        # In this order, so that whoever has ended has been heard to its last word.
        ended = self.household.take_ended()
        self.read()
        for process in ended:
            self.books.note_end(monotonic(), process.name, was_killed=process.has_been_killed)
            if not process.is_expected_to_end:
                self.tell('lost', process=process.name, how=process.how_it_ended)
        ending_s = None if self._ending_since_s is None else self.seconds - self._ending_since_s
        self._view.show(Moment(self.books, monotonic(), self.seconds, self.duration_s, self.phase, list(self._latest),
                               ending_s))

    def read(self):
        # type: () -> None
        """What the processes have told since last time."""
        entries = [entry for process in self.household.processes for entry in process.events.take()]
        # They come file by file, and all files share one clock.
        for entry in sorted(entries, key=lambda entry: entry.time):
            self.books.handle(entry)
            self._note(entry)

    def _note(self, entry):
        # type: (Entry) -> None
        found = told(entry)
        if found is not None:
            style, sentence = found
            seconds = self.seconds_at(entry.time)
            self._latest.append((seconds, style, sentence))
            self._view.event(seconds, sentence)

    def _wait(self, seconds):
        # type: (float) -> None
        try:
            if select.select([self._signals], [], [], seconds)[0]:
                self._signals.drain()
        except select.error:
            # On 2.7 a signal ends the wait with an error (until 2.7 goes).
            pass
