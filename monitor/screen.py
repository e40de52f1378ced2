"""The terminal view of the picture, for windows of 80 x 24 or more.

A line is a list of (style, text). A sign or a number shows that content was omitted. In a wide window the calculators
are beside clients and events.
"""

from __future__ import absolute_import, division, print_function

from textwrap import wrap

from common import report
from monitor.words import BAD, GOOD, HEADING, LOUD, PAST, PLAIN, event, health, plain, rate, seconds
from net_protocol.rows import OUTCOMES

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401

    from monitor.picture import Picture  # noqa: F401

    Line = List[Tuple[str, str]]

#: The smallest width with two columns.
WIDE = 140
#: Lines that are reserved for events and their heading.
EVENTS_MIN = 6
#: Lines of one event.
EVENT_LINES_MAX = 3
BAR = 10

#: The sign of a text that was cut.
CUT = '>'
_AGE = 14

_STATE_STYLES = {'alive': GOOD, 'suspect': BAD, 'dead': LOUD, 'left': PAST}
_SYMBOLS = {'alive': '+', 'suspect': '?', 'dead': 'x', 'left': '-'}
#: The order of calculators if not all fit.
_URGENCY = ('dead', 'suspect', 'alive', 'left')

_CALCULATOR = '%-{name}s %-8s%s%5s %7s %5s %4s %7s %7s'


class View(object):
    """The content of a screen: the picture, the address and silence of the dispatcher, and the time of day. A program
    that embeds the monitor adds ``notes``, its own events as (at, style, sentence), and ``phase``, its state in words.
    """

    def __init__(self, picture, now, target, silence_s, is_silent, clock='', notes=(), phase=''):
        # type: (Picture, float, str, float, bool, str, Any, str) -> None
        self.picture = picture
        self.now = now
        self.target = target
        self.silence_s = silence_s
        self.is_silent = is_silent
        self.clock = clock
        self.notes = notes
        self.phase = phase


def screen(view, columns, rows):
    # type: (View, int, int) -> List[Line]
    """At most ``rows`` lines of at most ``columns`` characters."""
    lines = _head(view, columns)
    if view.picture.at is None:
        return [_cut(line, columns) for line in lines + _events(view, columns, max(0, rows - len(lines)))][:rows]
    left = rows - len(lines)
    if columns >= WIDE:
        half = columns // 2 - 1
        one = _calculators(view, half, left)
        clients = _clients(view, half, max(3, left // 3))
        other = clients + _events(view, half, left - len(clients))
        lines += _beside(one, other, half, left)
    else:
        shown = _calculators(view, columns, left - len(_events(view, columns, EVENTS_MIN)))
        lines += shown
        lines += _events(view, columns, left - len(shown))
    return [_cut(line, columns) for line in lines[:rows]]


def _head(view, columns):
    # type: (View, int) -> List[Line]
    picture = view.picture
    facts = picture.facts
    whole, queue = facts.get(report.WHOLE, {}), facts.get(report.QUEUE, {})
    name = plain(whole.get('name', 'dispatcher'))
    title = '%s at %s' % (name if name == 'dispatcher' else 'dispatcher ' + name, view.target)
    state = health(picture, view.silence_s, view.is_silent)
    up = '' if whole.get('up_s') is None or view.is_silent else '  up %s' % seconds(whole['up_s'])
    first = [(HEADING, title + '   '), state, (PLAIN, up)]  # type: Line
    first.append((PAST, ' ' + view.clock.rjust(columns - 1 - sum(len(text) for _, text in first))))
    second = [(HEADING, view.phase)]  # type: Line
    if picture.at is None:
        return [first, second]
    style = PAST if view.is_silent else PLAIN
    outcomes, rates, times = picture.outcomes, picture.rates(), picture.response_time()
    oldest = ' (oldest %s)' % seconds(queue['oldest_s']) if queue.get('oldest_s') is not None else ''
    turns, traffic = facts.get(report.TURNS, {}), facts.get(report.TRAFFIC, {})
    return [
        first, second,
        [(HEADING, 'tasks       '), (style, 'waiting %d%s   running %d   arriving %s   done %s' % (
            queue.get('waiting', 0), oldest, queue.get('running', 0), rate(rates['accepted_per_s']),
            rate(rates['done_per_s'])))],
        [(HEADING, 'outcomes    '), (style, '   '.join(
            '%s %d' % (outcome, outcomes[outcome]) for outcome in OUTCOMES + ('refused',)))],
        [(HEADING, 'response    '), (style, 'p50 %s   p95 %s   p99 %s   max %s' % (
            seconds(times['p50']), seconds(times['p95']), seconds(times['p99']), seconds(times['longest_s'])))],
        [(HEADING, 'datagrams   '), (style, 'in %s   out %s   dropped %s   turns p50 %s, p99 %s' % (
            traffic.get('datagrams_in', '-'), traffic.get('datagrams_out', '-'),
            sum(facts.get(report.DROPPED, {}).values()), seconds(turns.get('p50_s')), seconds(turns.get('p99_s'))))],
        []]


def _calculators(view, columns, rows):
    # type: (View, int, int) -> List[Line]
    picture = view.picture
    states = picture.facts.get(report.CALCULATOR_STATES, {})
    numbers = '   '.join('%s %d' % (state, states.get(state, 0)) for state in ('alive', 'suspect', 'dead', 'left'))
    summary = '%s   free slots %d of %d' % ((numbers,) + picture.slots)
    lines = [[(HEADING, 'calculators '), (PLAIN, summary)]]  # type: List[Line]
    members = sorted(picture.calculators.values(), key=lambda one: one['name'])
    # Below the table: why some get less work.
    notes = [[(BAD, '  %s gets %s' % (_short(one['name'], 24), plain(one['note'])))]
             for one in members if one['note']][:max(0, rows // 4)]  # type: List[Line]
    room = max(0, rows - 3 - len(notes))
    hidden = []  # type: List[Dict[str, Any]]
    if len(members) > room:
        urgent = sorted(members, key=lambda one: (_URGENCY.index(one['state']), one['name']))
        members, hidden = urgent[:max(0, room - 1)], urgent[max(0, room - 1):]
    width = max(12, min(columns - 62, max([len(one['name']) for one in members] or [0])))
    form = _CALCULATOR.format(name=width)
    lines.append([(HEADING, '  ' + form % (
        'name', 'state', 'slots'.ljust(BAR + 2), 'held', 'done', 'lost', 'out', 'p50', 'p95'))])
    for one in members:
        style = PAST if view.is_silent else _STATE_STYLES.get(one['state'], PLAIN)
        row = form % (_short(one['name'], width), plain(one['state']), _bar(one), one['held'], one['done'], one['lost'],
                      one['outages'], seconds(one['p50_s']), seconds(one['p95_s']))
        lines.append([(style, '%s %s' % (_SYMBOLS.get(one['state'], '*'), row))])
    if hidden:
        counts = [(state, sum(one['state'] == state for one in hidden)) for state in _URGENCY]
        lines.append([(PAST, '  ... and %d more: %s' % (
            len(hidden), ', '.join('%s %d' % count for count in counts if count[1])))])
    lines += notes
    if not picture.calculators:
        lines[1] = [(PAST, '  none is registered')]
    return lines[:max(2, rows - 1)] + [[]]


def _bar(one):
    # type: (Dict[str, Any]) -> str
    """The slots of a calculator and the used ones."""
    if one['state'] in ('dead', 'left'):
        return ' ' * (BAR + 2)
    slots = min(BAR, one['capacity'])
    taken = min(slots, -(-one['held'] * slots // one['capacity']))
    return ('[%s%s]' % ('#' * taken, '.' * (slots - taken))).ljust(BAR + 2)


def _clients(view, columns, rows):
    # type: (View, int, int) -> List[Line]
    picture = view.picture
    members = sorted(picture.clients.values(), key=lambda one: one['name'])
    form = '  %-24s %8s %8s %8s %8s %8s'
    lines = [[(HEADING, 'clients     '), (PLAIN, '%d' % len(members))],
             [(HEADING, form % ('name', 'sent', 'waiting', 'running', 'done', 'rate'))]]  # type: List[Line]
    room = max(0, rows - 3)
    shown = members if len(members) <= room else members[:max(0, room - 1)]
    for one in shown:
        lines.append([(PLAIN, form % (_short(one['name'], 24), one['accepted'] + one['refused'], one['waiting'],
                                      one['running'], one['done'], rate(picture.client_rate(one['name']))))])
    if len(shown) < len(members):
        lines.append([(PAST, '  ... and %d more' % (len(members) - len(shown)))])
    return lines + [[]]


def _events(view, columns, rows):
    # type: (View, int, int) -> List[Line]
    """The latest events, the last one at the bottom. A long event has several lines."""
    picture = view.picture
    missed = ' (%d more were not reported)' % picture.events_missed if picture.events_missed else ''
    lines = []  # type: List[Line]
    room = max(0, rows - 1)
    for at, style, sentence in latest(picture, view.notes, room):
        age = '%9s ago' % seconds(max(0.0, view.now - at))
        parts = wrap(sentence, max(10, columns - _AGE - 1))
        if len(parts) > EVENT_LINES_MAX:
            parts[EVENT_LINES_MAX - 1:] = [parts[EVENT_LINES_MAX - 1][:-1] + CUT]
        for part in parts:
            lines.append([(PAST, age.ljust(_AGE)), (style, ' ' + part)])
            age = ''
    head = [[(HEADING, 'latest events'), (PAST, missed)]]  # type: List[Line]
    return head + (lines[-room:] if room else []) if lines else head + [[(PAST, '  none yet')]]


def latest(picture, notes, number):
    # type: (Picture, Any, int) -> List[Tuple[float, str, str]]
    """The last ``number`` events and notes, as (at, style, sentence)."""
    if not number:
        return []
    found = [(one.at,) + event(one.record['kind'], one.record['facts']) for one in list(picture.events)[-number:]]
    return sorted(found + list(notes)[-number:], key=lambda one: one[0])[-number:]


def _beside(one, other, width, rows):
    # type: (List[Line], List[Line], int, int) -> List[Line]
    lines = []
    for index in range(min(rows, max(len(one), len(other)))):
        left = _cut(one[index] if index < len(one) else [], width)
        gap = width + 2 - sum(len(text) for _, text in left)
        lines.append(left + [(PLAIN, ' ' * gap)] + (other[index] if index < len(other) else []))
    return lines


def _short(name, width):
    # type: (str, int) -> str
    """A name shortened in the middle, because the ends of names differ."""
    name = plain(name)
    return name if len(name) <= width else name[:max(0, width // 2 - 1)] + CUT + name[-(width - width // 2):]


def _cut(line, columns):
    # type: (Line, int) -> Line
    """The line, or its beginning with the sign ``CUT``."""
    left, sign = (columns, '') if len(as_text(line)) <= columns else (columns - 1, CUT)
    cut = []  # type: Line
    for style, text in line:
        if left > 0 and text:
            cut.append((style, text[:left]))
            left -= len(text)
    return cut + [(PLAIN, sign)] if sign else cut


def as_text(line):
    # type: (Line) -> str
    """A line without its styles."""
    return ''.join(text for _, text in line).rstrip()
