"""Answers the questions of monitors: how things stand, and what became of one task.

An answer is as many pages as it needs, each small enough for a datagram; a monitor that misses one has the rest. What
one answer costs is bounded (long tables are told in parts), and so are the answers of a second. That nobody is flooded
with them who did not ask is the matter of the wire (``net_protocol.addresses``).
"""

from __future__ import absolute_import, division, print_function

import re
from itertools import islice

from dispatcher.story import story_rows
from dispatcher.watch import sampled
from net_protocol import __version__, report
from net_protocol.limits import REPORT_ROWS_BYTES
from net_protocol.messages import OUTCOMES, StatusReport

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, Iterable, Iterator, List, Tuple  # noqa: F401

    from dispatcher.calculators import Calculator  # noqa: F401
    from dispatcher.story import Books  # noqa: F401
    from dispatcher.watch import Watch  # noqa: F401
    from net_protocol.core import Sender  # noqa: F401
    from net_protocol.messages import Status, TaskStatus  # noqa: F401

#: Answers in a second of each kind, to whomever. What is asked beyond that is dropped: a monitor asks again.
ANSWERS_PER_SECOND = 5

#: Rows of one answer. A fleet that is larger is told in several answers, in turn.
CALCULATORS_PER_ANSWER = 250
CLIENTS_PER_ANSWER = 100
EVENTS_PER_ANSWER = 100
ATTEMPTS_PER_ANSWER = 150
#: Attempts that are named of each calculator.
RUNNING_NAMED = 4

#: Clients among whose first tasks the oldest one that waits is looked for.
LANES_MAX = 1000

#: Single values in one row, so that every row fits on a page.
FACTS_PER_ROW = 16

#: The bytes of a number, of a short word, and of the brackets and the first word of a row, at most. Reckoned instead of
#: written out, because the codec writes it anyway.
_NUMBER_BYTES = 12
_ROW_BYTES = 16

# A text of which each character takes one byte.
_PLAIN = re.compile(r'[ !#-\[\]-~]*\Z').match


class StatusDesk(object):
    """Answers for one dispatcher. ``books`` is what it knows, ``send(address, message)`` takes the pages.

    ``surroundings()`` gives what only the shell knows, {section: {name: value}}; the core's owner sets it.
    """

    COUNTERS = ('status_answers', 'status_dropped')

    def __init__(self, books, watch, counts, send):
        # type: (Books, Watch, Dict[str, int], Callable[[Any, Any], None]) -> None
        self.surroundings = dict  # type: Callable[[], Dict[str, Dict[str, Any]]]
        self._books = books
        self._watch = watch
        self._counts = counts
        self._send = send
        # The second that answers are counted in, and how many it had.
        self._second = 0
        # Kind of question -> how many came in this second.
        self._answers = {}  # type: Dict[str, int]

    def answer_status(self, now, sender, message):
        # type: (float, Sender, Status) -> None
        """How things stand."""
        if self._may_answer(now, message.KIND):
            self._send_pages(sender.address, message.question, self._rows(now, message))

    def answer_task_status(self, now, sender, message):
        # type: (float, Sender, TaskStatus) -> None
        """What became of a task."""
        if self._may_answer(now, message.KIND):
            rows = story_rows(now, self._books, self._watch, message.task_id)
            self._send_pages(sender.address, message.question, rows)

    def _may_answer(self, now, kind):
        # type: (float, str) -> bool
        """Each kind has answers of its own, so that many questions about tasks don't hide how things stand."""
        if self._second != int(now):
            self._second = int(now)
            self._answers.clear()
        self._answers[kind] = self._answers.get(kind, 0) + 1
        is_in_time = self._answers[kind] <= ANSWERS_PER_SECOND
        self._counts['status_answers' if is_in_time else 'status_dropped'] += 1
        return is_in_time

    def _send_pages(self, address, question, rows):
        # type: (Any, int, Iterable[Tuple[int, List[Any]]]) -> None
        pages = _pages(rows)
        for number, page in enumerate(pages, 1):
            self._send(address, StatusReport(question, self._counts['status_answers'], number, len(pages), page))

    def _rows(self, now, message):
        # type: (float, Status) -> Iterator[Tuple[int, List[Any]]]
        """Reckoned bytes and row, row by row, the most important first."""
        calculators, calculators_next = _part(self._books.fleet, len(self._books.fleet), message.calculators_from,
                                              CALCULATORS_PER_ANSWER)
        clients, clients_next = _part(self._watch.clients, len(self._watch.clients), message.clients_from,
                                      CLIENTS_PER_ANSWER)
        events = self._watch.events.since(message.events_since)
        attempts = self._watch.attempts.since(message.attempts_since)
        tables = {
            'calculators': len(self._books.fleet), 'calculators_next': calculators_next,
            'clients': len(self._watch.clients), 'clients_next': clients_next,
            'events': self._watch.events.total, 'attempts': self._watch.attempts.total}
        for size, row in self._fact_rows(now, tables):
            yield size, row
        for number, (at, kind, facts) in events[-EVENTS_PER_ANSWER:]:
            shown = {name: _plain(value) for name, value in facts.items()}
            size = sum(len(name) + _bytes_of(value) for name, value in shown.items())
            yield size + 60, [report.EVENT, number, round(now - at, 3), kind, shown]
        silence_s = self._books.fleet.detector.silence_s
        for calculator in calculators:
            yield _calculator_row(now, calculator, silence_s(now, calculator))
        for name in clients:
            yield self._client_row(now, name)
        for number, attempt in sampled(attempts, ATTEMPTS_PER_ANSWER):
            yield len(attempt.task_id) + len(attempt.calculator) + 90, [
                report.ATTEMPT, number, attempt.task_id, attempt.number, attempt.calculator,
                round(now - attempt.assigned_at, 3),
                round(now - attempt.ended_at, 3), attempt.ended]  # type: ignore[operator]

    def _fact_rows(self, now, tables):
        # type: (float, Dict[str, int]) -> Iterator[Tuple[int, List[Any]]]
        books = self._books
        times = self._watch.response_times
        whole = {'name': books.name, 'incarnation': books.incarnation, 'version': __version__,
                 'up_s': None if self._watch.began_at is None else round(now - self._watch.began_at, 3),
                 'draining': books.is_draining()}  # type: Dict[str, Any]
        sections = [
            (report.WHOLE, whole), (report.TABLES, tables),
            (report.QUEUE, {'waiting': len(books.pending), 'running': books.running(),
                            'oldest_s': self._oldest_s(now), 'over': sum(books.counts[one] for one in OUTCOMES)}),
            (report.CALCULATOR_STATES, books.fleet.numbers),
            (report.RESPONSE_TIME, {'total_s': round(times.total_s, 3), 'number': times.number,
                                    'longest_s': round(times.longest_s, 3), 'buckets': times.pairs()}),
            (report.SETTINGS, {name: value for name, value in books.settings.items()
                               if isinstance(value, (int, float))}),
            (report.COUNTS, books.counts),
            (report.RECEIVED, {kind.KIND: number for kind, number in books.received.items()}),
            (report.SENT, {kind.KIND: number for kind, number in books.sent.items()}),
        ]  # type: List[Tuple[str, Dict[str, Any]]]
        for section, facts in sections + sorted(self.surroundings().items()):
            names = sorted(facts)
            for first in range(0, len(names), FACTS_PER_ROW):
                some = {name: facts[name] for name in names[first:first + FACTS_PER_ROW]}
                size = sum(len(name) + _bytes_of(value) for name, value in some.items())
                yield _ROW_BYTES + len(section) + size, [report.FACTS, section, some]

    def _oldest_s(self, now):
        # type: (float) -> float | None
        """The age of the oldest task that waits: of those that are next, for each client."""
        tasks = self._books.tasks
        accepted = [tasks[task_id].accepted_at for task_id in self._books.pending.next_of_each(LANES_MAX)]
        return round(now - min(accepted), 3) if accepted else None

    def _client_row(self, now, name):
        # type: (float, str) -> Tuple[int, List[Any]]
        client = self._watch.clients[name]
        waiting = self._books.pending.waiting_of(name)
        row = [report.CLIENT, name, client.accepted, client.refused, waiting, max(0, client.open - waiting)]
        row += [client.outcomes[outcome] for outcome in OUTCOMES] + [round(now - client.heard_at, 3)]
        return _ROW_BYTES + len(name) + 9 * _NUMBER_BYTES, row


def _calculator_row(now, calculator, silence_s):
    # type: (float, Calculator, float) -> Tuple[int, List[Any]]
    tally = calculator.tally
    p50_s, p95_s = tally.quantiles
    address = _plain(calculator.address)
    running = [[attempt.task_id, attempt.number, round(now - attempt.assigned_at, 3)]
               for attempt in islice(calculator.attempts.values(), RUNNING_NAMED)]  # type: List[List[Any]]
    row = [report.CALCULATOR, calculator.name, address, calculator.state, round(now - calculator.changed_at, 3),
           calculator.draining, calculator.capacity, len(calculator.attempts), tally.done, tally.failed, tally.lost,
           round(silence_s, 3), calculator.interval_s, tally.outages,
           None if p50_s is None else round(p50_s, 4), None if p95_s is None else round(p95_s, 4), running]
    size = len(calculator.name) + len(address) + 150 + sum(len(one[0]) + 20 for one in running)
    return size, row


def _part(table, length, start, rows_max):
    # type: (Any, int, int, int) -> Tuple[List[Any], int]
    """A part of a table, and where the next one begins: 0 where that was the last."""
    if start >= length:
        start = 0
    end = start + rows_max
    return list(islice(iter(table), start, end)), end if end < length else 0


def _plain(value):
    # type: (Any) -> Any
    """A value of an event as JSON has it: an address is one text."""
    if isinstance(value, tuple):
        return u'%s:%s' % value[:2]
    return value if value is not None else u''


def _bytes_of(value):
    # type: (Any) -> int
    if isinstance(value, list):
        return 22 * len(value) + 8
    if isinstance(value, (str, type(u''))):
        # Each character may have to be escaped.
        return (len(value) if _PLAIN(value) else 6 * len(value)) + 8
    return _NUMBER_BYTES + 8


def _pages(rows):
    # type: (Iterable[Tuple[int, List[Any]]]) -> List[List[Any]]
    """The rows on as few pages as their reckoned bytes fit."""
    pages = []  # type: List[List[Any]]
    left = 0
    for size, row in rows:
        if size > left or not pages:
            pages.append([])
            left = REPORT_ROWS_BYTES
        pages[-1].append(row)
        left -= size
    return pages
