"""What the page is told: all of it when it comes, and then what is new with every report.

Times are seconds of the monitor's clock, with its present time beside them, so that the page can place them on its own.
"""

from __future__ import absolute_import, division, print_function

from monitor.words import event as event_in_words
from monitor.words import task_name
from net_protocol import report
from net_protocol.histogram import BOUNDS_S
from net_protocol.messages import OUTCOMES

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

    from monitor.cases import Cases  # noqa: F401
    from monitor.core import MonitorCore  # noqa: F401
    from monitor.picture import Happening, Picture, Sample  # noqa: F401

#: What a page gets when it comes.
ATTEMPTS_AT_FIRST = 3000
EVENTS_AT_FIRST = 300
#: Clients that are named to a page, the busiest first; of the others there is the number.
CLIENTS_NAMED = 50


class Feed(object):
    """Says what a picture shows, as plain values."""

    def __init__(self, core, cases):
        # type: (MonitorCore, Cases) -> None
        self._core = core
        self._cases = cases
        # Numbers of what was told last.
        self._events_told = self._attempts_told = 0
        self._lives_told = 0

    def everything(self, now):
        # type: (float) -> Dict[str, Any]
        """For a page that comes now."""
        picture = self._core.picture
        told = self._state(now)
        told.update(
            kind='everything', bounds=list(BOUNDS_S),
            events=[_event(one) for one in list(picture.events)[-EVENTS_AT_FIRST:]],
            attempts=[_attempt(one) for one in list(picture.attempts)[-ATTEMPTS_AT_FIRST:]],
            samples=[_sample(one) for one in picture.samples])
        return told

    def news(self, now):
        # type: (float) -> Dict[str, Any]
        """For all pages: what came since the last time."""
        picture = self._core.picture
        if picture.lives != self._lives_told:
            self._lives_told = picture.lives
            self._events_told = self._attempts_told = 0
        told = self._state(now)
        told.update(
            kind='news', events=[_event(one) for one in picture.events if one.number > self._events_told],
            attempts=[_attempt(one) for one in picture.attempts if one.number > self._attempts_told],
            samples=[_sample(one) for one in list(picture.samples)[-1:]])
        self._events_told, self._attempts_told = picture.events_seen, picture.attempts_seen
        return told

    def silence(self, now):
        # type: (float) -> Dict[str, Any]
        """Nothing new but that."""
        return {'kind': 'silence', 'now': round(now, 3), 'silence_s': round(self._core.silence_s(now), 3),
                'is_silent': self._core.is_silent(now)}

    def _state(self, now):
        # type: (float) -> Dict[str, Any]
        picture = self._core.picture
        facts = picture.facts
        counts = facts.get(report.COUNTS, {})
        clients = sorted(picture.clients.values(), key=lambda one: (-one['accepted'], one['name']))
        return {
            'now': round(now, 3), 'silence_s': round(self._core.silence_s(now), 3),
            'is_silent': self._core.is_silent(now), 'is_there': picture.at is not None, 'life': picture.incarnation,
            'interval_s': self._core.interval_s,
            'dispatcher': facts.get(report.WHOLE, {}), 'queue': facts.get(report.QUEUE, {}),
            'states': facts.get(report.CALCULATOR_STATES, {}), 'rates': picture.rates(),
            'outcomes': {outcome: counts.get(outcome, 0) for outcome in OUTCOMES},
            'refused': sum(number for name, number in counts.items() if name.startswith('refused_')),
            'response_time': picture.response_time(),
            'calculators': [_calculator(picture.calculators[name]) for name in sorted(picture.calculators)],
            'clients': [[one['name'], one['accepted'] + one['refused'], one['waiting'], one['running'], one['done'],
                         picture.client_rate(one['name'])] for one in clients[:CLIENTS_NAMED]],
            'clients_number': len(clients), 'cases': self._cases.as_values(),
            'events_missed': picture.events_missed, 'attempts_missed': picture.attempts_missed}


def _calculator(one):
    # type: (Dict[str, Any]) -> List[Any]
    return [one['name'], one['state'], round(one['at'] - one['since_s'], 3), one['capacity'], one['held'], one['done'],
            one['failed'], one['lost'], one['outages'], one['p50_s'], one['p95_s'], one['silence_s'], one['interval_s'],
            one['draining'], [[task_id, number, round(one['at'] - seconds, 3)]
                              for task_id, number, seconds in one['running']], one['address'],
            round(one['at'], 3)]


def _event(one):
    # type: (Happening) -> List[Any]
    record = one.record
    style, sentence = event_in_words(record['kind'], record['facts'])
    facts = record['facts']
    return [one.number, round(one.at, 3), record['kind'], style, sentence, facts.get('calculator'),
            facts.get('task_id')]


def _attempt(one):
    # type: (Happening) -> List[Any]
    record = one.record
    began_at = one.at - max(0.0, record['began_s'] - record['ended_s'])
    return [one.number, record['task_id'], task_name(record['task_id']), record['attempt'], record['calculator'],
            round(began_at, 3), round(one.at, 3), record['end']]


def _sample(one):
    # type: (Sample) -> List[Any]
    return [round(one.at, 3), one.accepted, one.done, one.waiting, one.running, one.states.get('alive', 0),
            one.states.get('suspect', 0), one.states.get('dead', 0)]
