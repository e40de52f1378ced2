"""The time line of a run: who is started, killed and asked to end, and when."""

from __future__ import absolute_import, division, print_function

from demo.books import IN_ORDER, KILLED
from demo.cast import CALCULATOR, CLIENT, DISPATCHER, DRAIN_TIMEOUT_S, PLACES_MAX
from demo.sentences import tasks_in_words
from demo.stage import EndEarly
from runtime.clock import monotonic
from runtime.process import CannotStart

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401

    from demo.books import CalculatorBook  # noqa: F401
    from demo.cast import Cast  # noqa: F401
    from demo.stage import Stage  # noqa: F401

#: The kill comes after this part of the duration, as soon as a calculator holds as many tasks as one can; after the
#: second part, as soon as one holds any; after the third, whoever it hits.
KILL_FROM, KILL_BUSY_UNTIL, KILL_UNTIL = 0.4, 0.5, 0.6
NEWCOMER_AFTER_S = 1.0

#: What the dispatcher may take to begin: a slow machine, a cold disk.
BEGIN_WITHIN_S = 30.0
#: What those of each role may take to end: their own bound, and some more.
END_WITHIN_S = {CLIENT: DRAIN_TIMEOUT_S + 6.0, CALCULATOR: 8.0, DISPATCHER: 8.0}
END_AT_ONCE_WITHIN_S = 3.0

# In this order every answer reaches its client, every calculator is heard taking its leave, and all accounts are whole.
_FAREWELLS = (
    (CLIENT, 'ending softly: clients send no more and wait for their last answers'),
    (CALCULATOR, 'ending softly: calculators take their leave'),
    (DISPATCHER, 'ending softly: the dispatcher closes its books'),
)


class Kill(object):
    """The kill in the middle: the book of the victim, and when, in monotonic seconds."""

    def __init__(self, victim, at):
        # type: (CalculatorBook, float) -> None
        self.victim = victim
        self.at = at


class Director(object):
    """Leads one run with ``cast`` on ``stage``. ``kill`` says who was killed in the middle, None before."""

    def __init__(self, stage, cast, page_port=None):
        # type: (Stage, Cast, int | None) -> None
        self.kill = None  # type: Kill | None
        self._stage = stage
        self._cast = cast
        # Where the page of the monitor is shown; None: nowhere.
        self._page_port = page_port
        self._where = ''

    def run(self):
        # type: () -> None
        """From the first process to the last."""
        stage = self._stage
        try:
            self._main_part()
            why = 'the %g seconds are over' % stage.duration_s
        except EndEarly as early:
            why = str(early)
        stage.begin_to_end()
        stage.tell('ending', why=why)
        for role, phase in _FAREWELLS:
            stage.phase = phase
            for process in stage.household.running(role):
                process.ask_to_end()
            self._see_off(role)
        stage.phase = 'all have ended'
        stage.look()

    def _main_part(self):
        # type: () -> None
        stage = self._stage
        port = self._begin_all()
        # A slow machine takes its time to begin; that shall not be taken from the run.
        begun_s, duration_s = stage.seconds, stage.duration_s
        stage.phase = self._where + 'running; Ctrl-C ends it softly (or kill -9 a calculator yourself, and watch)'
        stage.watch(_never, begun_s + KILL_FROM * duration_s)
        stage.watch(lambda: self._most_held() == PLACES_MAX, begun_s + KILL_BUSY_UNTIL * duration_s)
        stage.watch(lambda: self._most_held() > 0, begun_s + KILL_UNTIL * duration_s)
        self._kill_one()
        stage.watch(_never, min(stage.seconds + NEWCOMER_AFTER_S, begun_s + duration_s))
        newcomer = stage.start(self._cast.newcomer(port))
        stage.tell('newcomer', newcomer=newcomer.name)
        stage.watch(_never, begun_s + duration_s)

    def _begin_all(self):
        # type: () -> int
        """Start the dispatcher, and all others when its port is known; returns that."""
        stage = self._stage
        dispatcher = stage.start(self._cast.dispatcher())
        stage.watch(lambda: dispatcher.events.has_begun, BEGIN_WITHIN_S)
        if not dispatcher.events.has_begun:
            raise CannotStart('the dispatcher has not begun within %d s' % BEGIN_WITHIN_S)
        port = dispatcher.events.address[1]  # type: int
        if self._page_port is not None:
            page = stage.household.show_page(port, self._page_port)
            stage.watch(lambda: page.address is not None or not page.is_running, stage.seconds + BEGIN_WITHIN_S)
            if page.address is None:
                raise CannotStart('the page can not be shown: %s' % page.last_words)
            stage.tell('page', address=page.address)
            self._where = 'page at %s; ' % page.address
        for part in self._cast.calculators(port) + self._cast.clients(port):
            stage.start(part)
        stage.tell('began', port=port)
        stage.watch(lambda: all(process.events.has_begun or not process.is_running
                                for process in stage.household.processes), stage.seconds + BEGIN_WITHIN_S)
        return port

    def _busiest(self):
        # type: () -> CalculatorBook | None
        """The calculator in order that works on most; among equals the one that took a task last, because it will
        hold it for longest.
        """
        working = [book for book in self._stage.books.calculators.values()
                   if book.condition == IN_ORDER and book.held and self._stage.household.get(book.name).is_running]
        return max(working, key=lambda book: (len(book.held), book.taken_last_at)) if working else None

    def _most_held(self):
        # type: () -> int
        busiest = self._busiest()
        return 0 if busiest is None else len(busiest.held)

    def _kill_one(self):
        # type: () -> None
        stage = self._stage
        victim = self._busiest()
        if victim is None:
            # All are out of order, or there was nothing to do: then any that still runs.
            running = stage.household.running(CALCULATOR)
            if not running:
                return
            victim = stage.books.calculators[running[0].name]
        stage.household.get(victim.name).kill()
        self.kill = Kill(victim, monotonic())
        # What it told last belongs to what it held.
        stage.read()
        victim.change(self.kill.at, KILLED)
        stage.tell('killed', victim=victim.name, tasks=tasks_in_words(len(victim.held)))

    def _see_off(self, role):
        # type: (str) -> None
        """Wait until all of that role have ended, hurry them where it must be, and kill those that do not end."""
        stage, household = self._stage, self._stage.household
        stage.watch(lambda: not household.running(role) or self._must_hurry, stage.seconds + END_WITHIN_S[role])
        if self._must_hurry:
            stage.phase = 'ending at once'
            for process in household.running(role):
                process.ask_to_end_at_once()
            stage.watch(lambda: not household.running(role) or stage.stops > 2, stage.seconds + END_AT_ONCE_WITHIN_S)
        for process in household.running(role):
            process.kill()
            stage.tell('cut_short' if stage.stops > 2 else 'stuck', process=process.name)

    @property
    def _must_hurry(self):
        # type: () -> bool
        """Somebody pressed Ctrl-C again, or there is nobody left who could bring an answer."""
        return self._stage.stops > 1 or self._stage.household.has_lost(DISPATCHER)


def _never():
    # type: () -> bool
    return False
