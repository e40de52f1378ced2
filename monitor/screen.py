"""The terminal view: lines that fit a terminal of any size from 80 x 24 on, computed from the picture.

A line is a list of (style, text). What does not fit is left out and said so; in a wide terminal calculators stand
beside clients and events.
"""

from __future__ import absolute_import, division, print_function

from monitor.words import BAD, GOOD, HEADING, LOUD, PAST, PLAIN, event, plain, rate, seconds
from net_protocol import report
from net_protocol.messages import OUTCOMES

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401

    from monitor.picture import Picture  # noqa: F401

    Line = List[Tuple[str, str]]

#: From this width on there are two columns.
WIDE = 140
#: Lines of events that are always shown, heading included, if there are that many.
EVENTS_MIN = 6
BAR = 10

_STATE_STYLES = {'alive': GOOD, 'suspect': BAD, 'dead': LOUD, 'left': PAST}
_SYMBOLS = {'alive': '+', 'suspect': '?', 'dead': 'x', 'left': '-'}
#: Those in trouble first, where not all fit.
_URGENCY = ('dead', 'suspect', 'alive', 'left')

_CALCULATOR = '%-{name}s %-8s%s%5s %7s %5s %4s %7s %7s'


class View(object):
    """How the dispatcher answers, beside the picture: who it is for people, since when it is silent."""

    def __init__(self, picture, now, target, silence_s, is_silent, clock=''):
        # type: (Picture, float, str, float, bool, str) -> None
        self.picture = picture
        self.now = now
        self.target = target
        self.silence_s = silence_s
        self.is_silent = is_silent
        self.clock = clock


def screen(view, columns, rows):
    # type: (View, int, int) -> List[Line]
    """At most ``rows`` lines of at most ``columns`` characters."""
    lines = _head(view, columns)
    if view.picture.at is None:
        return [_cut(line, columns) for line in lines][:rows]
    left = rows - len(lines)
    if columns >= WIDE:
        half = columns // 2 - 1
        one = _calculators(view, half, left)
        clients = _clients(view, half, max(3, left // 3))
        other = clients + _events(view, half, left - len(clients))
        lines += _beside(one, other, half, left)
    else:
        shown = _calculators(view, columns, left - min(EVENTS_MIN, len(view.picture.events) + 2))
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
    up = '' if whole.get('up_s') is None else '  up %s' % seconds(whole['up_s'])
    first = [(HEADING, title + '   '), _answer(view, whole), (PLAIN, up)]  # type: Line
    first.append((PAST, view.clock.rjust(columns - sum(len(text) for _, text in first))))
    if picture.at is None:
        return [first]
    style = PAST if view.is_silent else PLAIN
    counts, rates, times = facts.get(report.COUNTS, {}), picture.rates(), picture.response_time()
    refused = sum(number for name, number in counts.items() if name.startswith('refused_'))
    oldest = ', the oldest for %s' % seconds(queue['oldest_s']) if queue.get('oldest_s') is not None else ''
    turns = facts.get(report.TURNS, {})
    return [
        first, [],
        [(HEADING, 'tasks       '), (style, 'waiting %d%s   running %d   arriving %s   done %s' % (
            queue.get('waiting', 0), oldest, queue.get('running', 0), rate(rates['accepted_per_s']),
            rate(rates['done_per_s'])))],
        [(HEADING, 'over        '), (style, '   '.join(
            ['%s %d' % (outcome, counts.get(outcome, 0)) for outcome in OUTCOMES] + ['refused %d' % refused]))],
        [(HEADING, 'answered in '), (style, 'p50 %s   p95 %s   p99 %s   longest ever %s' % (
            seconds(times['p50']), seconds(times['p95']), seconds(times['p99']),
            seconds(times['longest_s'] if times['number'] else None)))],
        [(HEADING, 'its loop    '), (style, '%s   turns p50 %s, p99 %s' % (
            _traffic(facts.get(report.TRAFFIC, {}), facts.get(report.DROPPED, {})), seconds(turns.get('p50_s')),
            seconds(turns.get('p99_s'))))],
        []]


def _answer(view, whole):
    # type: (View, Dict[str, Any]) -> Tuple[str, str]
    if view.is_silent:
        return LOUD, 'DOES NOT ANSWER for %s' % seconds(view.silence_s)
    if view.picture.at is None:
        return PAST, 'asking ...'
    return GOOD, 'stopping' if whole.get('draining') else 'answers'


def _traffic(traffic, dropped):
    # type: (Dict[str, Any], Dict[str, Any]) -> str
    return 'datagrams in %s, out %s, dropped %s' % (
        traffic.get('datagrams_in', '-'), traffic.get('datagrams_out', '-'), sum(dropped.values()))


def _calculators(view, columns, rows):
    # type: (View, int, int) -> List[Line]
    picture = view.picture
    states = picture.facts.get(report.CALCULATOR_STATES, {})
    numbers = '   '.join('%s %d' % (state, states.get(state, 0)) for state in ('alive', 'suspect', 'dead', 'left'))
    lines = [[(HEADING, 'calculators '), (PLAIN, numbers)]]  # type: List[Line]
    members = sorted(picture.calculators.values(), key=lambda one: one['name'])
    room = max(0, rows - 3)
    hidden = []  # type: List[Dict[str, Any]]
    if len(members) > room:
        urgent = sorted(members, key=lambda one: (_URGENCY.index(one['state']), one['name']))
        members, hidden = urgent[:max(0, room - 1)], urgent[max(0, room - 1):]
    width = max(12, min(columns - 62, max([len(one['name']) for one in members] or [0])))
    form = _CALCULATOR.format(name=width)
    lines.append([(HEADING, '  ' + form % (
        'name', 'state', 'works'.ljust(BAR + 2), 'held', 'done', 'lost', 'out', 'p50', 'p95'))])
    for one in members:
        style = PAST if view.is_silent else _STATE_STYLES.get(one['state'], PLAIN)
        row = form % (plain(one['name'])[:width], plain(one['state']), _bar(one), one['held'], one['done'], one['lost'],
                      one['outages'], seconds(one['p50_s']), seconds(one['p95_s']))
        lines.append([(style, '%s %s' % (_SYMBOLS.get(one['state'], '*'), row))])
    if hidden:
        counts = [(state, sum(one['state'] == state for one in hidden)) for state in _URGENCY]
        lines.append([(PAST, '  ... and %d more: %s' % (
            len(hidden), ', '.join('%s %d' % count for count in counts if count[1])))])
    if not picture.calculators:
        lines[1] = [(PAST, '  none is registered')]
    return lines[:max(2, rows - 1)] + [[]]


def _bar(one):
    # type: (Dict[str, Any]) -> str
    """How many of its places are taken."""
    if one['state'] in ('dead', 'left'):
        return ' ' * (BAR + 2)
    places = min(BAR, one['capacity'])
    taken = min(places, -(-one['held'] * places // one['capacity']))
    return ('[%s%s]' % ('#' * taken, '.' * (places - taken))).ljust(BAR + 2)


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
        lines.append([(PLAIN, form % (plain(one['name'])[:24], one['accepted'] + one['refused'], one['waiting'],
                                      one['running'], one['done'], rate(picture.client_rate(one['name']))))])
    if len(shown) < len(members):
        lines.append([(PAST, '  ... and %d more' % (len(members) - len(shown)))])
    return lines + [[]]


def _events(view, columns, rows):
    # type: (View, int, int) -> List[Line]
    picture = view.picture
    missed = ' (%d were too many to be told)' % picture.events_missed if picture.events_missed else ''
    lines = [[(HEADING, 'latest events'), (PAST, missed)]]  # type: List[Line]
    room = max(0, rows - 1)
    for happening in list(picture.events)[-room:] if room else []:
        style, sentence = event(happening.record['kind'], happening.record['facts'])
        lines.append([(PAST, '%9s ago  ' % seconds(max(0.0, view.now - happening.at))), (style, sentence)])
    if not picture.events:
        lines.append([(PAST, '  none yet')])
    return lines


def _beside(one, other, width, rows):
    # type: (List[Line], List[Line], int, int) -> List[Line]
    lines = []
    for index in range(min(rows, max(len(one), len(other)))):
        left = _cut(one[index] if index < len(one) else [], width)
        gap = width + 2 - sum(len(text) for _, text in left)
        lines.append(left + [(PLAIN, ' ' * gap)] + (other[index] if index < len(other) else []))
    return lines


def _cut(line, columns):
    # type: (Line, int) -> Line
    cut = []  # type: Line
    left = columns
    for style, text in line:
        if left > 0 and text:
            cut.append((style, text[:left]))
            left -= len(text)
    return cut


def as_text(line):
    # type: (Line) -> str
    """A line without its styles."""
    return ''.join(text for _, text in line).rstrip()
