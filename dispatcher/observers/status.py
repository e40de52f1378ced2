"""Answers to monitors: the state of the dispatcher, and the story of one task.

An answer has as many pages as it needs. Each fits in a datagram and can be used without the others. The rows of an
answer are limited (long tables are sent in parts), and so are the answers per second.
"""

from __future__ import absolute_import, division, print_function

import re
from itertools import islice

from common import report
from dispatcher.observers.story import story_rows
from dispatcher.observers.watch import sampled
from net_protocol import __version__
from net_protocol.limits import REPORT_ROWS_BYTES
from net_protocol.rows import OUTCOMES

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, Iterable, Iterator, List, Tuple  # noqa: F401

    from dispatcher.calculators import Calculator  # noqa: F401
    from dispatcher.core import DispatcherCore  # noqa: F401
    from dispatcher.observers.tally import ClientTally  # noqa: F401

#: Characters of a note about a calculator, and of the list of functions that not all offer.
NOTE_CHARS_MAX = 100

#: Answers per second to one address, and to all. Further questions are dropped, because monitors ask again.
ANSWERS_PER_ADDRESS = 5
ANSWERS_PER_SECOND = 50

#: Rows of one answer. Longer tables are sent in several answers, in turn.
CALCULATORS_PER_ANSWER = 250
CLIENTS_PER_ANSWER = 100
EVENTS_PER_ANSWER = 100
ATTEMPTS_PER_ANSWER = 150
#: Running attempts of a calculator in its row.
RUNNING_NAMED = 4

#: The oldest waiting task is searched for among the next tasks of at most so many clients.
LANES_MAX = 1000

#: Single values in one row, so that every row fits on a page.
FACTS_PER_ROW = 16

# The largest numbers of bytes of a number, and of the brackets and the first word of a row.
_NUMBER_BYTES = 12
_ROW_BYTES = 16

# A text of which each character takes one byte.
_PLAIN = re.compile(r'[ !#-\[\]-~]*\Z').match


class StatusDesk(object):
    """``surroundings()`` returns what only the shell knows, {section: {name: value}}. The owner of the core sets it."""

    def __init__(self, core):
        # type: (Any) -> None
        self.surroundings = dict  # type: Callable[[], Dict[str, Dict[str, Any]]]
        self._core = core  # type: DispatcherCore
        # The current second, and its answers: all, and by address.
        self._second = 0
        self._answers = 0
        self._by_address = {}  # type: Dict[Any, int]

    def status(self, now, row):
        # type: (float, List[Any]) -> List[List[Any]]
        """The pages of the answer to a ``status`` row."""
        return _pages(self._rows(now, row))

    def story(self, now, row):
        # type: (float, List[Any]) -> List[List[Any]]
        """The pages of the answer to a ``task_status`` row."""
        return _pages(story_rows(now, self._core, row[1]))

    def may_answer(self, now, address):
        # type: (float, Any) -> bool
        if self._second != int(now):
            self._second = int(now)
            self._answers = 0
            self._by_address.clear()
        of_address = self._by_address.get(address, 0)
        is_in_time = self._answers < ANSWERS_PER_SECOND and of_address < ANSWERS_PER_ADDRESS
        if is_in_time:
            self._answers += 1
            self._by_address[address] = of_address + 1
        return is_in_time

    def _rows(self, now, question):
        # type: (float, List[Any]) -> Iterator[Tuple[int, List[Any]]]
        """Yield (estimated bytes, row), the most important rows first."""
        _, events_since, attempts_since, calculators_from, clients_from = question
        core, watch = self._core, self._core.watch
        calculators, calculators_next = _part(core.calculators, len(core.calculators), calculators_from,
                                              CALCULATORS_PER_ANSWER)
        clients, clients_next = _part(watch.clients, len(watch.clients), clients_from, CLIENTS_PER_ANSWER)
        events = watch.events.since(events_since)
        attempts = watch.attempts.since(attempts_since)
        tables = {
            'calculators': len(core.calculators), 'calculators_next': calculators_next,
            'clients': len(watch.clients), 'clients_next': clients_next,
            'events': watch.events.total, 'attempts': watch.attempts.total}
        for size, row in self._fact_rows(now, tables):
            yield size, row
        for number, at, kind, facts in events[-EVENTS_PER_ANSWER:]:
            shown = {name: _plain(value) for name, value in facts.items()}
            size = sum(len(name) + _bytes_of(value) for name, value in shown.items())
            yield size + 60, [report.EVENT, number, round(now - at, 3), kind, shown]
        silence_s = core.detector.silence_s
        for calculator in calculators:
            yield _calculator_row(now, calculator, silence_s(now, calculator))
        waiting = {}  # type: Dict[str, int]
        for client in islice(core.clients, LANES_MAX):
            waiting[client.name] = waiting.get(client.name, 0) + client.waiting
        for name in clients:
            yield _client_row(now, name, watch.clients[name], waiting.get(name, 0))
        for number, task, attempt, name, assigned_at, ended_at, ended in sampled(attempts, ATTEMPTS_PER_ANSWER):
            yield len(task.task_id) + len(name) + 90, [
                report.ATTEMPT, number, task.task_id, attempt, name, round(now - assigned_at, 3),
                round(now - ended_at, 3), ended]

    def _fact_rows(self, now, tables):
        # type: (float, Dict[str, int]) -> Iterator[Tuple[int, List[Any]]]
        core = self._core
        times, began_at = core.watch.response_times, core.watch.began_at
        whole = {'name': core.name, 'incarnation': core.incarnation, 'version': __version__,
                 'up_s': None if began_at is None else round(now - began_at, 3),
                 'draining': core.is_draining,
                 'functions_differ': u', '.join(core.calculators.catalogue.differing())[:NOTE_CHARS_MAX]}  # type: Dict[str, Any]
        sections = [
            (report.WHOLE, whole), (report.TABLES, tables),
            (report.QUEUE, {'waiting': core.queue.size, 'running': core.running, 'oldest_s': self._oldest_s(now),
                            'over': sum(core.counts[one] for one in OUTCOMES), 'undelivered': core.undelivered,
                            'memory_bytes': core.memory_bytes}),
            (report.CALCULATOR_STATES, core.calculators.numbers),
            (report.RESPONSE_TIME, {'total_s': round(times.total_s, 3), 'number': times.number,
                                    'shortest_s': times.min_s, 'longest_s': times.max_s}),
            # One fact for each index, because a row has to fit on a page.
            (report.RESPONSE_COUNTS, {'%d' % index: count for index, count in times.pairs()}),
            (report.SETTINGS, {name: value for name, value in core.settings.items()
                               if isinstance(value, (int, float))}),
            (report.COUNTS, core.counts),
        ]  # type: List[Tuple[str, Dict[str, Any]]]
        for section, facts in sections + sorted(self.surroundings().items()):
            names = sorted(facts)
            for first in range(0, len(names), FACTS_PER_ROW):
                some = {name: facts[name] for name in names[first:first + FACTS_PER_ROW]}
                size = sum(len(name) + _bytes_of(value) for name, value in some.items())
                yield _ROW_BYTES + len(section) + size, [report.FACTS, section, some]

    def _oldest_s(self, now):
        # type: (float) -> float | None
        """The age of the oldest of the waiting tasks that are next for their client or function."""
        queue = self._core.queue
        oldest_at = min([task.accepted_at for task in queue.oldest(LANES_MAX)] + [queue.calls.oldest_at(LANES_MAX)])
        return None if oldest_at == float('inf') else round(now - oldest_at, 3)


def _client_row(now, name, tally, waiting):
    # type: (float, str, ClientTally, int) -> Tuple[int, List[Any]]
    row = [report.CLIENT, name, tally.accepted, tally.refused, waiting, max(0, tally.live - waiting)]
    row += [tally.outcomes[outcome] for outcome in OUTCOMES] + [round(now - tally.heard_at, 3)]
    return _ROW_BYTES + len(name) + 9 * _NUMBER_BYTES, row


def _calculator_row(now, calculator, silence_s):
    # type: (float, Calculator, float) -> Tuple[int, List[Any]]
    tally = calculator.tally
    p50_s, p95_s = tally.quantiles
    address = _plain(calculator.channel.address)
    running = [[task.task_id, task.attempt, round(now - task.assigned_at, 3)]
               for task in islice(calculator.attempts.values(), RUNNING_NAMED)]  # type: List[List[Any]]
    row = [report.CALCULATOR, calculator.name, address, calculator.state, round(now - calculator.changed_at, 3),
           calculator.draining, calculator.capacity, len(calculator.attempts), tally.done, tally.failed, tally.lost,
           round(silence_s, 3), calculator.interval_s, tally.outages,
           None if p50_s is None else round(p50_s, 4), None if p95_s is None else round(p95_s, 4), running,
           calculator.conduct.note[:NOTE_CHARS_MAX]]
    size = len(calculator.name) + len(address) + len(row[-1]) + 155 + sum(len(one[0]) + 20 for one in running)
    return size, row


def _part(table, length, start, rows_max):
    # type: (Any, int, int, int) -> Tuple[List[Any], int]
    """A part of a table, and where the next part begins; 0 after the last one."""
    if start >= length:
        start = 0
    end = start + rows_max
    return list(islice(iter(table), start, end)), end if end < length else 0


def _plain(value):
    # type: (Any) -> Any
    """A value of an event for JSON: an address becomes a text, and None an empty one."""
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
    """Divide rows into pages by their estimated bytes."""
    pages = []  # type: List[List[Any]]
    left = 0
    for size, row in rows:
        if size > left or not pages:
            pages.append([])
            left = REPORT_ROWS_BYTES
        pages[-1].append(row)
        left -= size
    return pages
