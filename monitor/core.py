"""Asks the dispatcher for reports at regular intervals, and stores them in a ``Picture``.

A report has several pages. A lost page is not requested again: the next report follows soon.
"""

from __future__ import absolute_import, division, print_function

from net_protocol.channel import Channel
from net_protocol.core import Core
from net_protocol.rows import DISPATCHER, MONITOR

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List  # noqa: F401

    from monitor.picture import Picture  # noqa: F401

#: The time between two questions varies at random by up to this share.
JITTER = 0.2

#: The dispatcher counts as silent after this many intervals without a report.
SILENT_AFTER = 3

#: A question about a task is asked again after this time, and this many times in all.
TASK_AGAIN_S = 0.5
TASK_QUESTIONS_MAX = 6
#: The most questions about tasks that are open at the same time.
TASKS_ASKED_MAX = 20


class _Pages(object):
    """The pages of one answer that arrived so far."""

    __slots__ = ('incarnation', 'answer', 'pages', 'total')

    def __init__(self):
        # type: () -> None
        self.incarnation = ''
        self.answer = 0
        self.pages = {}  # type: Dict[int, List[Any]]
        self.total = 0

    def add(self, incarnation, answer, page, pages, rows):
        # type: (str, int, int, int, List[Any]) -> bool
        """Keep a page; returns whether all have arrived. A question that arrived twice has two answers, and the later
        one counts.
        """
        if incarnation != self.incarnation or answer > self.answer:
            self.incarnation = incarnation
            self.answer = answer
            self.pages.clear()
        elif answer < self.answer:
            return False
        self.pages[page] = rows
        self.total = pages
        return len(self.pages) >= pages

    @property
    def rows(self):
        # type: () -> List[Any]
        """The rows of all pages, in order."""
        return [row for number in sorted(self.pages) for row in self.pages[number]]


class _TaskQuestion(object):
    """An open question about a task. ``answer(rows)`` takes the answer, or None when there is none."""

    __slots__ = ('task_id', 'pages', 'answer', 'asked')

    def __init__(self, task_id, answer):
        # type: (str, Callable[[Any], None]) -> None
        self.task_id = task_id
        self.pages = _Pages()
        self.answer = answer
        self.asked = 0


class MonitorCore(Core):
    """A monitor of one dispatcher. ``on_report(now)`` is called after each change of the picture."""

    ROLE = MONITOR
    HANDLERS = {'status_report': '_on_status_report', 'operated': '_on_operated'}
    TIMERS = {'ask': '_due_ask', 'task': '_due_task', 'operate': '_due_operate'}
    COUNTERS = ('questions', 'reports', 'pages_lost', 'surplus_pages', 'task_questions', 'reports_not_understood')

    def __init__(self, name, incarnation, rng, interval_s, picture, on_report=None):
        # type: (str, str, Any, float, Picture, Callable[[float], None] | None) -> None
        super(MonitorCore, self).__init__(name, incarnation)
        self.interval_s = interval_s
        self.picture = picture
        self.dispatcher = Channel(DISPATCHER)
        self.on_report = on_report
        # Questions start at a random number, so that a late answer to another monitor's question is not taken for ours.
        self._rng = rng
        self._question = rng.getrandbits(40) + 1
        # The number of the open question about the whole system; 0: none.
        self._asked_question = 0
        self._pages = _Pages()
        # Number of a question -> the question.
        self._tasks = {}  # type: Dict[int, _TaskQuestion]
        # The request of an operator as [question, verb, argument]; the pages of its answer by number; the function that
        # takes the answer.
        self._operation = None  # type: List[Any] | None
        self._operation_pages = {}  # type: Dict[int, Any]
        self._operated = None  # type: Callable[[bool, str, List[Any]], None] | None
        self._began_at = 0.0
        self._heard_at = None  # type: float | None

    def start(self, now):
        # type: (float) -> None
        self._began_at = now
        self._ask(now)

    def stop(self, now):
        # type: (float) -> None
        """Stop at once: no peer depends on a monitor."""
        self.is_stopped = True

    def account(self, now):
        # type: (float) -> Dict[str, Any]
        return {'counts': dict(self.counts)}

    def check_invariants(self):
        # type: () -> None
        pass

    def silence_s(self, now):
        # type: (float) -> float
        """The time since the dispatcher answered last."""
        return now - (self._began_at if self._heard_at is None else self._heard_at)

    def is_silent(self, now):
        # type: (float) -> bool
        return self.silence_s(now) >= SILENT_AFTER * self.interval_s + 0.5

    def ask_about(self, now, task_id, answer):
        # type: (float, str, Callable[[Any], None]) -> bool
        """Ask for the history of a task: ``answer`` is called with its rows, or with None after
        ``TASK_QUESTIONS_MAX`` questions without an answer. Returns False when too many questions are open.
        """
        if len(self._tasks) >= TASKS_ASKED_MAX:
            return False
        self._question += 1
        self._tasks[self._question] = _TaskQuestion(task_id, answer)
        self._ask_task(now, self._question)
        return True

    def operate(self, now, verb, argument, answer):
        # type: (float, str, str, Callable[[bool, str, List[Any]], None]) -> None
        """Send a request of an operator; ``answer(found, reason, rows)`` is called with the dispatcher's answer."""
        self._question += 1
        self._operation, self._operation_pages = [self._question, verb, argument], {}
        self._operated = answer
        self._due_operate(now, None)

    def _due_operate(self, now, _):
        # type: (float, None) -> None
        if self._operation is not None:
            if self.dispatcher.is_open:
                self.send(self.dispatcher, 'operate', self._operation)
            self._timers.set(('operate', None), now + TASK_AGAIN_S)

    def _on_operated(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        for question, found, reason, page, pages, page_rows in rows:
            if self._operation is None or question != self._operation[0] or page > pages:
                continue
            self._heard_at = now
            self._operation_pages[page] = page_rows
            if len(self._operation_pages) == pages:
                self._operation = None
                self._operated(found, reason, [  # type: ignore[misc]
                    row for number in sorted(self._operation_pages) for row in self._operation_pages[number]])

    def opened(self, now, channel):
        # type: (float, Channel) -> None
        """The channel opened, perhaps again: questions that were sent before may be lost. Ask again."""
        self._ask(now)
        self._due_operate(now, None)
        for question in sorted(self._tasks):
            self._send_task_question(question)

    def _ask(self, now):
        # type: (float) -> None
        if self._pages.pages:
            self.counts['pages_lost'] += self._pages.total - len(self._pages.pages)
            self._take_report(now)
        # The dispatcher answers few questions per second. As the time varies, each of many monitors gets some answers.
        self._timers.set(('ask', None), now + self.interval_s * self._rng.uniform(1 - JITTER, 1 + JITTER))
        if not self.dispatcher.is_open:
            return
        self._question += 1
        self._pages = _Pages()
        self._asked_question = self._question
        self.counts['questions'] += 1
        picture = self.picture
        self.send(self.dispatcher, 'status', [self._question, picture.events_seen, picture.attempts_seen,
                                              picture.calculators_next, picture.clients_next])
        # A greeting is accepted only if it answers a datagram that must be acknowledged. A question alone need not be,
        # so without the ping a restart of the dispatcher would not be noticed.
        self.send(self.dispatcher, 'ping', [])

    def _due_ask(self, now, _):
        # type: (float, None) -> None
        self._ask(now)

    def _ask_task(self, now, question):
        # type: (float, int) -> None
        self._tasks[question].asked += 1
        self._send_task_question(question)
        self._timers.set(('task', question), now + TASK_AGAIN_S)

    def _send_task_question(self, question):
        # type: (int) -> None
        if self.dispatcher.is_open:
            self.counts['task_questions'] += 1
            self.send(self.dispatcher, 'task_status', [question, self._tasks[question].task_id])

    def _due_task(self, now, question):
        # type: (float, int) -> None
        if self._tasks[question].asked < TASK_QUESTIONS_MAX:
            self._ask_task(now, question)
        else:
            self._tasks.pop(question).answer(None)

    def _on_status_report(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        for question, answer, page, pages, page_rows in rows:
            if page > pages:
                continue
            if question == self._asked_question:
                self._heard_at = now
                if self._pages.add(channel.incarnation, answer, page, pages, page_rows):
                    self._take_report(now)
                    # Copies of its pages count as surplus.
                    self._asked_question = 0
            elif question in self._tasks:
                self._heard_at = now
                asked = self._tasks[question]
                if asked.pages.add(channel.incarnation, answer, page, pages, page_rows):
                    del self._tasks[question]
                    self._timers.cancel(('task', question))
                    asked.answer(asked.pages.rows)
            else:
                self.counts['surplus_pages'] += 1

    def _take_report(self, now):
        # type: (float) -> None
        pages, self._pages = self._pages, _Pages()
        try:
            self.picture.take(now, pages.incarnation, pages.rows)
        except (AttributeError, KeyError, TypeError, ValueError):
            # This version does not know the form of the report.
            self.counts['reports_not_understood'] += 1
            return
        self.counts['reports'] += 1
        if self.on_report is not None:
            self.on_report(now)
