"""The state of the system, collected from the reports."""

from __future__ import absolute_import, division, print_function

from collections import deque

from common import report
from common.sketch import difference, quantile, upper_bound_s
from net_protocol.rows import OUTCOMES
from net_protocol.time_line import USED, time_line

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict, List, Tuple  # noqa: F401

#: The size of the history.
EVENTS_KEPT = 2000
ATTEMPTS_KEPT = 8000
SAMPLES_KEPT = 1200

#: The period of rates, and that of quantiles of response times; at the beginning they cover less.
RATE_S = 10.0
QUANTILES_S = 60.0

#: If pages get lost, a row of a table is removed after this time without a report that contains it.
KEPT_UNNAMED_S = 120.0

#: The state of a calculator after an event. Long tables arrive in parts, so an event may be newer than the row.
STATES = {'registered': 'alive', 'returned': 'alive', 'recovered': 'alive', 'suspected': 'suspect', 'died': 'dead',
          'left': 'left'}

QUANTILES = (('p50', 0.5), ('p95', 0.95), ('p99', 0.99))

#: Buckets of the sketch in one bar of a histogram, whose bounds are then 10 % apart.
BUCKETS_PER_BAR = 5


class Happening(object):
    """An event or an ended attempt: its number, its time (by our clock), and its record."""

    __slots__ = ('number', 'at', 'record')

    def __init__(self, number, at, record):
        # type: (int, float, Dict[str, Any]) -> None
        self.number = number
        self.at = at
        self.record = record


class Sample(object):
    """The main numbers of one report."""

    __slots__ = ('at', 'accepted', 'over', 'done', 'waiting', 'running', 'states')

    def __init__(self, at, facts):
        # type: (float, Dict[str, Dict[str, Any]]) -> None
        counts, queue = facts.get(report.COUNTS, {}), facts.get(report.QUEUE, {})
        self.at = at
        self.accepted = counts.get('accepted', 0)
        self.over = sum(counts.get(outcome, 0) for outcome in OUTCOMES)
        self.done = counts.get('done', 0)
        self.waiting = queue.get('waiting', 0)
        self.running = queue.get('running', 0)
        self.states = dict(facts.get(report.CALCULATOR_STATES, {}))


class Picture(object):
    """The system as the latest reports describe it. Times are monotonic seconds of this process."""

    def __init__(self):
        # type: () -> None
        self.incarnation = ''
        #: Number of incarnations of the dispatcher seen so far.
        self.incarnations = 0
        self.forget()

    def forget(self):
        # type: () -> None
        """Clear the picture: in a new incarnation of the dispatcher all numbers start again."""
        self.at = None  # type: float | None
        self.facts = {}  # type: Dict[str, Dict[str, Any]]
        self.calculators = {}  # type: Dict[str, Dict[str, Any]]
        self.clients = {}  # type: Dict[str, Dict[str, Any]]
        self.events = deque(maxlen=EVENTS_KEPT)  # type: Deque[Happening]
        self.attempts = deque(maxlen=ATTEMPTS_KEPT)  # type: Deque[Happening]
        self.samples = deque(maxlen=SAMPLES_KEPT)  # type: Deque[Sample]
        # The last minute: (at, counts of response times, tasks done by client).
        self._recent = deque()  # type: Deque[Tuple[float, Dict[int, int], Dict[str, int]]]
        # The highest known numbers, and how many numbers never arrived.
        self.events_seen = self.attempts_seen = 0
        self.events_missed = self.attempts_missed = 0
        # The beginning of the next part of a long table, and the names in its parts so far.
        self.calculators_next = self.clients_next = 0
        self._named = {report.CALCULATOR: set(), report.CLIENT: set()}  # type: Dict[str, set[str]]
        #: Whether every table arrived completely at least once.
        self.is_whole = False
        self._wholes = {report.CALCULATOR: False, report.CLIENT: False}

    # Reading a report.

    def take(self, now, incarnation, rows):
        # type: (float, str, List[Any]) -> None
        """Take a report, or the part of it that arrived."""
        answers_a_former_question = False
        if incarnation != self.incarnation:
            # The question named a number of another incarnation, so the answer lacks older events of the new one.
            answers_a_former_question = self.events_seen > 0 or self.attempts_seen > 0
            self.forget()
            self.incarnation = incarnation
            self.incarnations += 1
        self.at = now
        before = (self.events_seen, self.attempts_seen)
        taken = {report.EVENT: 0, report.ATTEMPT: 0}
        for row in rows:
            word = row[0] if type(row) is list and row else None
            if answers_a_former_question and word in taken:
                continue
            if word == report.FACTS and len(row) >= 3 and type(row[2]) is dict:
                self.facts.setdefault(row[1], {}).update(row[2])
            elif word in report.COLUMNS:
                try:
                    record = report.as_record(row)
                except ValueError:
                    continue
                self._take_record(now, word, record, before, taken)
        if not answers_a_former_question:
            self._account(before, taken)
        self._turn_tables(now)
        self.samples.append(Sample(now, self.facts))
        counts = {int(index): count for index, count in self.facts.get(report.RESPONSE_COUNTS, {}).items()}
        self._recent.append((now, counts, {name: client['done'] for name, client in self.clients.items()}))
        while len(self._recent) > 1 and self._recent[1][0] <= now - QUANTILES_S:
            self._recent.popleft()

    def _take_record(self, now, word, record, before, taken):
        # type: (float, str, Dict[str, Any], Tuple[int, int], Dict[str, int]) -> None
        if word == report.EVENT:
            taken[word] += self._take_event(now, record, before[0])
        elif word == report.ATTEMPT:
            taken[word] += self._take_attempt(now, record, before[1])
        elif word == report.CALCULATOR:
            self._take_member(now, word, self.calculators, record)
        elif word == report.CLIENT:
            self._take_member(now, word, self.clients, record)

    def _take_event(self, now, record, seen):
        # type: (float, Dict[str, Any], int) -> int
        if record['number'] <= seen:
            return 0
        self.events.append(Happening(record['number'], now - record['age_s'], record))
        calculator = self.calculators.get(record['facts'].get('calculator'))
        if calculator is not None and record['kind'] in STATES:
            calculator['state'] = STATES[record['kind']]
        return 1

    def _take_attempt(self, now, record, seen):
        # type: (float, Dict[str, Any], int) -> int
        if record['number'] <= seen:
            return 0
        self.attempts.append(Happening(record['number'], now - record['ended_s'], record))
        return 1

    def _take_member(self, now, word, known, record):
        # type: (float, str, Dict[str, Dict[str, Any]], Dict[str, Any]) -> None
        self._named[word].add(record['name'])
        record['at'] = now
        if word == report.CALCULATOR and (record['state'] not in STATES.values() or record['capacity'] < 1):
            raise ValueError('no state of a calculator: %r' % (record['state'],))
        known[record['name']] = record

    def _account(self, before, taken):
        # type: (Tuple[int, int], Dict[str, int]) -> None
        tables = self.facts.get(report.TABLES, {})
        self.events_seen = max([tables.get('events', 0)] + [event.number for event in list(self.events)[-1:]])
        self.attempts_seen = max([tables.get('attempts', 0)] + [one.number for one in list(self.attempts)[-1:]])
        # Events before the first report do not count as missed.
        if self.samples:
            self.events_missed += self.events_seen - before[0] - taken[report.EVENT]
            self.attempts_missed += self.attempts_seen - before[1] - taken[report.ATTEMPT]

    def _turn_tables(self, now):
        # type: (float) -> None
        tables = self.facts.get(report.TABLES, {})
        self.calculators_next = tables.get('calculators_next', 0)
        self.clients_next = tables.get('clients_next', 0)
        for word, table, next_part, known in (
                (report.CALCULATOR, 'calculators', self.calculators_next, self.calculators),
                (report.CLIENT, 'clients', self.clients_next, self.clients)):
            if next_part:
                continue
            # The end of the table: remove members without a row, unless a page is missing.
            is_whole = len(self._named[word]) >= tables.get(table, 0)
            for name in [name for name in known if name not in self._named[word]]:
                if is_whole or now - known[name]['at'] > KEPT_UNNAMED_S:
                    del known[name]
            self._named[word] = set()
            self._wholes[word] = self._wholes[word] or is_whole
        self.is_whole = all(self._wholes.values())

    # Derived values.

    @property
    def outcomes(self):
        # type: () -> Dict[str, int]
        """Outcome -> number of tasks; and ``refused``."""
        counts = self.facts.get(report.COUNTS, {})
        found = {outcome: counts.get(outcome, 0) for outcome in OUTCOMES}
        found['refused'] = sum(number for name, number in counts.items() if name.startswith('refused_'))
        return found

    @property
    def slots(self):
        # type: () -> Tuple[int, int]
        """Free slots and all slots of the calculators that are alive."""
        slots = elsewhere = 0
        for one in self.calculators.values():
            if one['state'] == 'alive' and not one['draining']:
                slots += one['capacity']
            else:
                elsewhere += one['held']
        # Not from the rows of the calculators, which for a large fleet come from several reports.
        running = self.facts.get(report.QUEUE, {}).get('running', 0)
        return max(0, slots - max(0, running - elsewhere)), slots

    def rates(self):
        # type: () -> Dict[str, float | None]
        """Tasks per second that arrived, were done and ended in the last ``RATE_S``; None after a single report."""
        then, now = _since(self.samples, RATE_S, lambda sample: sample.at), self.samples[-1] if self.samples else None
        if now is None or then is now:
            return {'accepted_per_s': None, 'done_per_s': None, 'over_per_s': None}
        seconds = now.at - then.at
        return {name + '_per_s': round((getattr(now, name) - getattr(then, name)) / seconds, 3)
                for name in ('accepted', 'done', 'over')}

    def client_rate(self, name):
        # type: (str) -> float | None
        """Tasks of a client that were done, per second."""
        then = _since(self._recent, RATE_S, lambda one: one[0])
        if then is None or then is self._recent[-1] or name not in then[2]:
            return None
        now = self._recent[-1]
        return round((now[2].get(name, 0) - then[2][name]) / (now[0] - then[0]), 3)

    def response_time(self):
        # type: () -> Dict[str, Any]
        """Quantiles of the response times of the last minute, or of all if that minute has none; and a histogram of
        all, as ``[upper bound, count]``.
        """
        facts = self.facts.get(report.RESPONSE_TIME, {})
        counts = self._recent[-1][1] if self._recent else {}
        shortest_s, longest_s = facts.get('shortest_s'), facts.get('longest_s')
        recent = {}  # type: Dict[int, int]
        # A few seconds have too few answers for quantiles.
        if self._recent and self._recent[-1][0] - self._recent[0][0] >= RATE_S:
            recent = difference(counts, self._recent[0][1])
        found = {'number': facts.get('number', 0), 'total_s': facts.get('total_s', 0.0),
                 'shortest_s': shortest_s, 'longest_s': longest_s, 'of_last_minute': bool(recent)}  # type: Dict[str, Any]
        for name, share in QUANTILES:
            found[name] = quantile(recent or counts, share, shortest_s, longest_s)
        bars = {}  # type: Dict[int, int]
        for index in counts:
            bar = -(-index // BUCKETS_PER_BAR)
            bars[bar] = bars.get(bar, 0) + counts[index]
        found['buckets'] = [[round(upper_bound_s(bar * BUCKETS_PER_BAR), 9), bars[bar]] for bar in sorted(bars)]
        return found

    def time_line(self):
        # type: () -> List[str]
        """The time line of failure detection for the heartbeat intervals of these calculators; empty without any."""
        settings = self.facts.get(report.SETTINGS, {})
        intervals_s = [one['interval_s'] for one in self.calculators.values() if one['state'] not in ('dead', 'left')]
        return [''] + time_line(settings, intervals_s) if intervals_s and USED.issubset(settings) else []

    def as_status(self, now, silence_s, is_silent):
        # type: (float, float, bool) -> Dict[str, Any]
        """The content of ``--json`` and ``/status.json``."""
        facts = self.facts
        return {
            'answers': not is_silent and self.at is not None, 'silence_s': round(silence_s, 3),
            'dispatcher': facts.get(report.WHOLE, {}), 'queue': facts.get(report.QUEUE, {}),
            'calculator_states': facts.get(report.CALCULATOR_STATES, {}), 'rates': self.rates(),
            'response_time': self.response_time(),
            'calculators': [_without(self.calculators[name], 'at') for name in sorted(self.calculators)],
            'clients': [dict(_without(self.clients[name], 'at'), done_per_s=self.client_rate(name))
                        for name in sorted(self.clients)],
            'events': [dict(event.record, age_s=round(now - event.at, 3)) for event in self.events],
            'events_missed': self.events_missed, 'attempts_missed': self.attempts_missed,
            'settings': facts.get(report.SETTINGS, {}), 'counts': facts.get(report.COUNTS, {}),
            'traffic': facts.get(report.TRAFFIC, {}), 'dropped': facts.get(report.DROPPED, {}),
            'turns': facts.get(report.TURNS, {})}


def _since(things, seconds, at):
    # type: (Any, float, Any) -> Any
    """The latest item at least ``seconds`` older than the last one, else the first one; None if there are none."""
    found = None
    for thing in reversed(things):
        found = thing
        if at(things[-1]) - at(thing) >= seconds:
            break
    return found


def _without(record, name):
    # type: (Dict[str, Any], str) -> Dict[str, Any]
    return {key: value for key, value in record.items() if key != name}
