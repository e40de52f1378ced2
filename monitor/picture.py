"""What is known of the system, put together from one report after the other."""

from __future__ import absolute_import, division, print_function

from collections import deque

from net_protocol import report
from net_protocol.histogram import BOUNDS_S, difference, quantile
from net_protocol.messages import OUTCOMES

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict, List  # noqa: F401

#: What is kept for whoever looks back.
EVENTS_KEPT = 2000
ATTEMPTS_KEPT = 8000
SAMPLES_KEPT = 1200

#: Rates are those of this long, or of as long as anything is known; quantiles of the latest answers, of a minute.
RATE_S = 10.0
QUANTILES_S = 60.0

#: Where pages get lost again and again, who is not named for so long is dropped all the same.
KEPT_UNNAMED_S = 120.0

#: What an event says of its calculator's state; of those that are told in turn it is known sooner by this.
STATES = {'registered': 'alive', 'returned': 'alive', 'recovered': 'alive', 'suspected': 'suspect', 'died': 'dead',
          'left': 'left'}

QUANTILES = (('p50', 0.5), ('p95', 0.95), ('p99', 0.99))


class Happening(object):
    """An event or an ended attempt: its number, when it was (in our time), and its record."""

    __slots__ = ('number', 'at', 'record')

    def __init__(self, number, at, record):
        # type: (int, float, Dict[str, Any]) -> None
        self.number = number
        self.at = at
        self.record = record


class Sample(object):
    """How things stood at one report."""

    __slots__ = ('at', 'accepted', 'over', 'done', 'waiting', 'running', 'states', 'buckets', 'clients')

    def __init__(self, at, facts, clients):
        # type: (float, Dict[str, Dict[str, Any]], Dict[str, int]) -> None
        counts, queue = facts.get(report.COUNTS, {}), facts.get(report.QUEUE, {})
        self.at = at
        self.accepted = counts.get('accepted', 0)
        self.over = sum(counts.get(outcome, 0) for outcome in OUTCOMES)
        self.done = counts.get('done', 0)
        self.waiting = queue.get('waiting', 0)
        self.running = queue.get('running', 0)
        self.states = dict(facts.get(report.CALCULATOR_STATES, {}))
        self.buckets = dict(facts.get(report.RESPONSE_TIME, {}).get('buckets', ()))
        self.clients = clients


class Picture(object):
    """The system as the latest reports tell it. Times are our own monotonic seconds."""

    def __init__(self):
        # type: () -> None
        self.incarnation = ''
        #: How many lives of the dispatcher were seen.
        self.lives = 0
        self.forget()

    def forget(self):
        # type: () -> None
        """Another life of the dispatcher begins: it numbers and counts anew."""
        self.at = None  # type: float | None
        self.facts = {}  # type: Dict[str, Dict[str, Any]]
        self.calculators = {}  # type: Dict[str, Dict[str, Any]]
        self.clients = {}  # type: Dict[str, Dict[str, Any]]
        self.events = deque(maxlen=EVENTS_KEPT)  # type: Deque[Happening]
        self.attempts = deque(maxlen=ATTEMPTS_KEPT)  # type: Deque[Happening]
        self.samples = deque(maxlen=SAMPLES_KEPT)  # type: Deque[Sample]
        # The highest number that is accounted for, and how many were never told.
        self.events_seen = self.attempts_seen = 0
        self.events_missed = self.attempts_missed = 0
        # Where the next part of a long table begins, and who was in the parts since the table's beginning.
        self.calculators_next = self.clients_next = 0
        self._told = {report.CALCULATOR: set(), report.CLIENT: set()}  # type: Dict[str, set[str]]
        #: Whether every table was told to its end at least once.
        self.is_whole = False
        self._wholes = {report.CALCULATOR: False, report.CLIENT: False}

    # Reading a report.

    def take(self, now, incarnation, rows):
        # type: (float, str, List[Any]) -> None
        """One report, or what arrived of it."""
        answers_a_former_question = False
        if incarnation != self.incarnation:
            # We asked for what was new to us in another life: what is old in this one was not told.
            answers_a_former_question = self.events_seen > 0 or self.attempts_seen > 0
            self.forget()
            self.incarnation = incarnation
            self.lives += 1
        self.at = now
        events_before, attempts_before = self.events_seen, self.attempts_seen
        events_told = attempts_told = 0
        for row in rows:
            word = row[0] if type(row) is list and row else None
            if answers_a_former_question and word in (report.EVENT, report.ATTEMPT):
                continue
            if word == report.FACTS and len(row) >= 3 and type(row[2]) is dict:
                self.facts.setdefault(row[1], {}).update(row[2])
            elif word in report.COLUMNS:
                try:
                    record = report.as_record(row)
                except ValueError:
                    continue
                if word == report.EVENT:
                    events_told += self._take_event(now, record, events_before)
                elif word == report.ATTEMPT:
                    attempts_told += self._take_attempt(now, record, attempts_before)
                elif word == report.CALCULATOR:
                    self._take_member(now, word, self.calculators, record)
                elif word == report.CLIENT:
                    self._take_member(now, word, self.clients, record)
        if not answers_a_former_question:
            self._account(events_before, events_told, attempts_before, attempts_told)
        self._turn_tables(now)
        clients = {name: client['done'] for name, client in self.clients.items()}
        self.samples.append(Sample(now, self.facts, clients))

    def _take_event(self, now, record, seen):
        # type: (float, Dict[str, Any], int) -> int
        if record['number'] <= seen:
            return 0
        self.events.append(Happening(record['number'], now - record['age_s'], record))
        name = record['facts'].get('calculator')
        calculator = self.calculators.get(name)
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
        self._told[word].add(record['name'])
        record['at'] = now
        if word == report.CALCULATOR and (record['state'] not in STATES.values() or record['capacity'] < 1):
            raise ValueError('no state of a calculator: %r' % (record['state'],))
        known[record['name']] = record

    def _account(self, events_before, events_told, attempts_before, attempts_told):
        # type: (int, int, int, int) -> None
        tables = self.facts.get(report.TABLES, {})
        self.events_seen = max([tables.get('events', 0)] + [event.number for event in list(self.events)[-1:]])
        self.attempts_seen = max([tables.get('attempts', 0)] + [one.number for one in list(self.attempts)[-1:]])
        # What was there before we began is not missed.
        if len(self.samples):
            self.events_missed += self.events_seen - events_before - events_told
            self.attempts_missed += self.attempts_seen - attempts_before - attempts_told

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
            # Told to the end: who was not named is not there any more, unless a page is missing.
            is_whole = len(self._told[word]) >= tables.get(table, 0)
            for name in [name for name in known if name not in self._told[word]]:
                if is_whole or now - known[name]['at'] > KEPT_UNNAMED_S:
                    del known[name]
            self._told[word] = set()
            self._wholes[word] = self._wholes[word] or is_whole
        self.is_whole = all(self._wholes.values())

    # What follows from it.

    def _since(self, seconds):
        # type: (float) -> Sample | None
        """The latest sample that is so old, or the first."""
        found = None
        for sample in reversed(self.samples):
            found = sample
            if self.samples[-1].at - sample.at >= seconds:
                break
        return found

    def rates(self):
        # type: () -> Dict[str, float | None]
        """Tasks a second that arrived and that were done, of the last seconds. None where there is one report only."""
        then = self._since(RATE_S)
        if then is None or then is self.samples[-1]:
            return {'accepted_per_s': None, 'done_per_s': None, 'over_per_s': None}
        now = self.samples[-1]
        seconds = now.at - then.at
        return {'accepted_per_s': round((now.accepted - then.accepted) / seconds, 3),
                'done_per_s': round((now.done - then.done) / seconds, 3),
                'over_per_s': round((now.over - then.over) / seconds, 3)}

    def client_rate(self, name):
        # type: (str) -> float | None
        """Tasks of one client that were done, a second."""
        then = self._since(RATE_S)
        if then is None or then is self.samples[-1] or name not in then.clients:
            return None
        now = self.samples[-1]
        return round((now.clients.get(name, 0) - then.clients[name]) / (now.at - then.at), 3)

    def response_time(self):
        # type: () -> Dict[str, Any]
        """Quantiles of the answers of the last minute, or of all where that minute had none; and the buckets of all."""
        facts = self.facts.get(report.RESPONSE_TIME, {})
        counts = self.samples[-1].buckets if self.samples else {}
        then = self._since(QUANTILES_S)
        # Where less than some seconds are known, those few answers say less than all.
        is_long = then is not None and self.samples[-1].at - then.at >= RATE_S
        recent = difference(counts, then.buckets) if then is not None and is_long else {}
        found = {'number': facts.get('number', 0), 'total_s': facts.get('total_s', 0.0),
                 'longest_s': facts.get('longest_s', 0.0), 'of_last_minute': bool(recent)}  # type: Dict[str, Any]
        for name, share in QUANTILES:
            value = quantile(recent or counts, share)
            found[name] = None if value is None else round(value, 4)
        found['buckets'] = [[BOUNDS_S[index] if index < len(BOUNDS_S) else None, counts[index]]
                            for index in sorted(counts)]
        return found

    def as_status(self, now, silence_s, is_silent):
        # type: (float, float, bool) -> Dict[str, Any]
        """All of it as plain values: what ``--json`` and ``/status.json`` say."""
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
            'received': facts.get(report.RECEIVED, {}), 'sent': facts.get(report.SENT, {}),
            'traffic': facts.get(report.TRAFFIC, {}), 'dropped': facts.get(report.DROPPED, {}),
            'turns': facts.get(report.TURNS, {})}


def _without(record, name):
    # type: (Dict[str, Any], str) -> Dict[str, Any]
    return {key: value for key, value in record.items() if key != name}
