"""Asks the dispatcher how things stand, at even intervals, and keeps a picture of what it says.

Each question brings a report of some pages. A page that is lost is not asked for again: the next report is not far.
"""

from __future__ import absolute_import, division, print_function

from net_protocol.core import Core
from net_protocol.messages import Status, StatusReport, TaskStatus

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List  # noqa: F401

    from monitor.picture import Picture  # noqa: F401
    from net_protocol.core import Sender  # noqa: F401

#: How much longer or shorter than the interval the time between two questions is.
UNEVEN = 0.2

#: Intervals without any answer after which the dispatcher counts as silent.
SILENT_AFTER = 3

#: A question about a task is asked again after this time, so many times; then it is given up.
TASK_AGAIN_S = 0.5
TASK_QUESTIONS_MAX = 6
#: Tasks that are asked about at a time.
TASKS_ASKED_MAX = 20


class _Pages(object):
    """The pages of one answer that are here."""

    __slots__ = ('incarnation', 'answer', 'pages', 'total')

    def __init__(self):
        # type: () -> None
        self.incarnation = ''
        self.answer = 0
        self.pages = {}  # type: Dict[int, List[Any]]
        self.total = 0

    def add(self, incarnation, message):
        # type: (str, StatusReport) -> bool
        """Keep one; returns whether all are here. A question that came twice has two answers: the later one counts."""
        if incarnation != self.incarnation or message.answer > self.answer:
            self.incarnation = incarnation
            self.answer = message.answer
            self.pages.clear()
        elif message.answer < self.answer:
            return False
        self.pages[message.page] = message.rows
        self.total = message.pages
        return len(self.pages) >= self.total

    @property
    def rows(self):
        # type: () -> List[Any]
        """All rows that are here, in order."""
        return [row for number in sorted(self.pages) for row in self.pages[number]]


class _TaskQuestion(object):
    """A question about a task that is not answered yet. ``answer(rows)`` takes the answer, or None."""

    __slots__ = ('task_id', 'pages', 'answer', 'asked')

    def __init__(self, task_id, answer):
        # type: (str, Callable[[Any], None]) -> None
        self.task_id = task_id
        self.pages = _Pages()
        self.answer = answer
        self.asked = 0


class MonitorCore(Core):
    """A monitor of the dispatcher at ``target``. ``on_report(now)`` is called when the picture has changed."""

    HANDLERS = {StatusReport: '_on_status_report'}
    TIMERS = {'ask': '_due_ask', 'task': '_due_task'}
    COUNTERS = ('questions', 'reports', 'pages_lost', 'surplus_pages', 'task_questions',
                'reports_not_understood')

    def __init__(self, name, incarnation, rng, target, interval_s, picture, on_report=None):
        # type: (str, str, Any, Any, float, Picture, Callable[[float], None] | None) -> None
        super(MonitorCore, self).__init__(name, incarnation)
        self.interval_s = interval_s
        self.picture = picture
        self._target = target
        self._on_report = on_report
        # Not to be guessed, so that nobody else answers for the dispatcher.
        self._rng = rng
        self._question = rng.getrandbits(40) + 1
        # The question about all that is not answered yet; 0: none is out.
        self._asked_question = 0
        self._pages = _Pages()
        self._tasks = {}  # type: Dict[int, _TaskQuestion]
        self._began_at = 0.0
        self._heard_at = None  # type: float | None

    # What the shell calls.

    def start(self, now):
        # type: (float) -> None
        self._began_at = now
        self._ask(now)

    def stop(self, now):
        # type: (float) -> None
        """At once: nobody waits for a monitor."""
        self._stopped = True

    def account(self, now):
        # type: (float) -> Dict[str, Any]
        return {'counts': dict(self.counts, resent=self.resent)}

    def check_invariants(self):
        # type: () -> None
        """There is nothing that could contradict itself."""

    # For those who look at it.

    def silence_s(self, now):
        # type: (float) -> float
        """How long nothing was heard from the dispatcher."""
        return now - (self._began_at if self._heard_at is None else self._heard_at)

    def is_silent(self, now):
        # type: (float) -> bool
        """Whether the dispatcher does not answer."""
        return self.silence_s(now) >= SILENT_AFTER * self.interval_s + 0.5

    def ask_about(self, now, task_id, answer):
        # type: (float, str, Callable[[Any], None]) -> bool
        """Ask what became of a task: ``answer`` is called with the rows, or with None where no answer comes. Returns
        False where too many are asked about already.
        """
        if len(self._tasks) >= TASKS_ASKED_MAX:
            return False
        self._question += 1
        self._tasks[self._question] = _TaskQuestion(task_id, answer)
        self._ask_task(now, self._question)
        return True

    # Asking and hearing.

    def _ask(self, now):
        # type: (float) -> None
        if self._pages.pages:
            self.counts['pages_lost'] += self._pages.total - len(self._pages.pages)
            self._take_report(now)
        self._question += 1
        self._pages = _Pages()
        self._asked_question = self._question
        self.counts['questions'] += 1
        picture = self.picture
        self._send(self._target, Status(
            self._question, picture.events_seen, picture.attempts_seen, picture.calculators_next, picture.clients_next))
        # Uneven, so that of many monitors who share the dispatcher's few answers not always the same get none.
        self._timers.set(('ask', None), now + self.interval_s * self._rng.uniform(1 - UNEVEN, 1 + UNEVEN))

    def _ask_task(self, now, question):
        # type: (float, int) -> None
        asked = self._tasks[question]
        asked.asked += 1
        self.counts['task_questions'] += 1
        self._send(self._target, TaskStatus(question, asked.task_id))
        self._timers.set(('task', question), now + TASK_AGAIN_S)

    def _due_ask(self, now, _):
        # type: (float, None) -> None
        self._ask(now)

    def _due_task(self, now, question):
        # type: (float, int) -> None
        if self._tasks[question].asked < TASK_QUESTIONS_MAX:
            self._ask_task(now, question)
        else:
            self._tasks.pop(question).answer(None)

    def _on_status_report(self, now, sender, message):
        # type: (float, Sender, StatusReport) -> None
        if message.page > message.pages:
            return
        if message.question == self._asked_question:
            self._heard_at = now
            if self._pages.add(sender.incarnation, message):
                self._take_report(now)
                # Copies of its pages are nobody's.
                self._asked_question = 0
        elif message.question in self._tasks:
            self._heard_at = now
            asked = self._tasks[message.question]
            if asked.pages.add(sender.incarnation, message):
                del self._tasks[message.question]
                self._timers.cancel(('task', message.question))
                asked.answer(asked.pages.rows)
        else:
            self.counts['surplus_pages'] += 1

    def _take_report(self, now):
        # type: (float) -> None
        pages, self._pages = self._pages, _Pages()
        try:
            self.picture.take(now, pages.incarnation, pages.rows)
        except (AttributeError, KeyError, TypeError, ValueError):
            # Not what this version knows by these names.
            self.counts['reports_not_understood'] += 1
            return
        self.counts['reports'] += 1
        if self._on_report is not None:
            self._on_report(now)
