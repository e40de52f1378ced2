"""One picture of how things stand: lines that fit the terminal, computed from the books."""

from __future__ import absolute_import, division, print_function

from demo.books import ALIVE, CRASHED, ENDED, FINISHING, FROZEN, IN_ORDER, KILLED, STARTING, together
from demo.sentences import BAD, GOOD, LOUD, PLAIN, task_name

MYPY = False
if MYPY:
    from typing import Any, List, Tuple  # noqa: F401

    from demo.books import Books, CalculatorBook, ClientBook  # noqa: F401

#: How a line is set off where there are colours: beside the ways of the sentences, headings and what is over.
HEADING = 'heading'
PAST = 'past'

_SYMBOLS = {STARTING: '.', IN_ORDER: '+', CRASHED: '!', FROZEN: '~', FINISHING: '+', ENDED: '-', KILLED: 'x'}
_STYLES = {STARTING: PAST, CRASHED: BAD, FROZEN: BAD, ENDED: PAST, KILLED: LOUD}

#: The latest events that are shown, if there is room for them.
EVENTS_SHOWN = 7
_EVENTS_SHOWN_MIN = 4
# Lines that are always there: title, phase, headings, the queue, and blank lines between.
_FRAME = 9

_CALCULATOR = '%s %-12s%7s  %-17s%-12s%s'
_CLIENT = '%s %-12s%7s%11s%10s%16s   %s'


class Moment(object):
    """What a picture is drawn from: the books, the time, and the latest events as (seconds, style, sentence).

    ``ending_s`` is for how long all have been asked to end, None before.
    """

    def __init__(self, books, now, seconds, duration_s, phase, events, ending_s=None):
        # type: (Books, float, float, float, str, List[Tuple[float, str, str]], float | None) -> None
        self.books = books
        self.now = now
        self.seconds = seconds
        self.duration_s = duration_s
        self.phase = phase
        self.events = events
        self.ending_s = ending_s


def picture(moment, columns, rows):
    # type: (Moment, int, int) -> List[Tuple[str, str]]
    """The lines, as (style, text), none longer than ``columns`` and no more than ``rows``."""
    books = moment.books
    calculators, clients = list(books.calculators.values()), list(books.clients.values())
    room = max(2, rows - _FRAME - _EVENTS_SHOWN_MIN)
    # Clients look much like each other; calculators are what one looks at.
    clients_room = max(min(len(clients), room // 3), room - len(calculators))
    lines = [_title(moment), (PLAIN, ''),
             (HEADING, _CALCULATOR % (' ', 'calculator', 'process', 'really', 'dispatcher', 'tasks it works on'))]
    shown, others = _shortened(calculators, room - clients_room, _interest)
    lines += [_calculator(book, moment.now) for book in shown]
    if others:
        lines.append((PAST, '  ... and %d more, %d of them in order' % (
            len(others), sum(book.condition in (IN_ORDER, FINISHING) for book in others))))
    lines += [(HEADING, ''), _queue(len(books.queue)), (HEADING, ''),
              (HEADING, _CLIENT % (' ', 'client', 'sent', 'answered', 'waiting', 'mean response', ''))]
    shown, others = _shortened(clients, clients_room)
    lines += [_client(book) for book in shown + ([together('%d others' % len(others), others)] if others else [])]
    lines += [(PLAIN, ''), (HEADING, '  %s' % moment.phase)]
    left = min(EVENTS_SHOWN, max(0, rows - len(lines)))
    events = [(style, '%6.1f s  %s' % (seconds, sentence)) for seconds, style, sentence in moment.events[-left:]]
    lines += (events + [(PLAIN, '')] * left)[:left]
    return [(style, text[:columns]) for style, text in lines[:rows]]


def status_line(moment):
    # type: (Moment) -> str
    """The same in one line."""
    books = moment.books
    calculators, clients = list(books.calculators.values()), together('', list(books.clients.values()))
    return '%d tasks sent, %d answered, %d waiting (%d of them in the queue); calculators in order: %d of %d' % (
        clients.sent, clients.answered, clients.waiting, len(books.queue),
        sum(book.condition in (IN_ORDER, FINISHING) for book in calculators),
        sum(book.condition not in (KILLED, ENDED) for book in calculators))


def _title(moment):
    # type: (Moment) -> Tuple[str, str]
    books = moment.books
    return HEADING, '%-62s %16s' % (
        '  %d clients -> 1 dispatcher -> %d calculators, all over UDP' % (
            len(books.clients), len(books.calculators)), _time(moment))


def _time(moment):
    # type: (Moment) -> str
    if moment.ending_s is not None:
        return 'ending, %.1f s' % moment.ending_s
    # It counts from when all have begun, which is a little later.
    return '%.1f of %g s' % (min(moment.seconds, moment.duration_s), moment.duration_s)


def _calculator(book, now):
    # type: (CalculatorBook, float) -> Tuple[str, str]
    really = book.condition
    if really in (CRASHED, FROZEN):
        really += ' (%.1f s)' % max(0.0, book.back_at - now)
    held = ', '.join(task_name(task_id) for task_id in book.held)
    if book.condition == KILLED and held:
        held = 'had ' + held
    style = _STYLES.get(book.condition, PLAIN if book.verdict == ALIVE else BAD)
    return style, _CALCULATOR % (_SYMBOLS[book.condition], book.name, book.process_id or '', really, book.verdict,
                                 held or ('idle' if book.condition == IN_ORDER else ''))


def _client(book):
    # type: (ClientBook) -> Tuple[str, str]
    mean = '%.2f s' % (book.response_time_total_s / book.answered) if book.answered else '-'
    condition = {IN_ORDER: '', FINISHING: 'sends no more'}.get(book.condition, book.condition)
    return _STYLES.get(book.condition, PLAIN), _CLIENT % (
        _SYMBOLS[book.condition], book.name, book.sent, book.answered, book.waiting, mean, condition)


def _queue(number):
    # type: (int) -> Tuple[str, str]
    return GOOD if number == 0 else PLAIN, '  queue       %7d  %s' % (
        number, '#' * number if number else 'no task waits for a free calculator')


def _interest(books):
    # type: (List[CalculatorBook]) -> List[int]
    """For each calculator how soon it is to be shown: the killed one, the one that came after that, those that are out
    of order, those that the dispatcher is wrong about or done with, then all others.
    """
    last = len(books) - 1 if any(book.condition == KILLED for book in books) else None
    return [0 if book.condition == KILLED else 1 if number == last else 2 if book.condition in (CRASHED, FROZEN)
            else 3 if book.verdict != ALIVE else 4 for number, book in enumerate(books)]


def _shortened(books, room, interest=None):
    # type: (List[Any], int, Any) -> Tuple[List[Any], List[Any]]
    """Those that there is room for, in their order, and the others, which share one line."""
    if len(books) <= room:
        return books, []
    ranks = interest(books) if interest is not None else [0] * len(books)
    chosen = set(sorted(range(len(books)), key=lambda number: (ranks[number], number))[:max(0, room - 1)])
    return ([book for number, book in enumerate(books) if number in chosen],
            [book for number, book in enumerate(books) if number not in chosen])
