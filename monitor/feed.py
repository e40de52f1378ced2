"""The messages to the page: everything when it opens, then what is new with every report.

Times are seconds of the monitor's clock. Each message carries the present time, so that the page can convert them.
"""

from __future__ import absolute_import, division, print_function

from common import report
from common.sentences import ENDS
from monitor.words import PAST
from monitor.words import event as event_in_words
from monitor.words import health, task_name

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

    from monitor.cases import Cases  # noqa: F401
    from monitor.core import MonitorCore  # noqa: F401
    from monitor.picture import Happening, Sample  # noqa: F401

#: The history that a page gets when it opens.
ATTEMPTS_AT_FIRST = 3000
EVENTS_AT_FIRST = 300
#: Clients in a message, the busiest first. Further clients are only counted.
CLIENTS_NAMED = 50


class Feed(object):
    """Makes messages of a picture. ``target`` is the address of the dispatcher for people."""

    def __init__(self, core, cases, target=''):
        # type: (MonitorCore, Cases, str) -> None
        self._core = core
        self._cases = cases
        self._target = target
        #: A sentence why there will be no more reports; '' before that. The present state is then final.
        self.over = ''
        # The highest numbers and the incarnation of the last message.
        self._events_sent = self._attempts_sent = 0
        self._incarnations_sent = 0

    def everything(self, now):
        # type: (float) -> Dict[str, Any]
        """For a new page."""
        picture = self._core.picture
        values = self._state(now)
        values.update(
            kind='everything', ends=ENDS, events=[_event(one) for one in list(picture.events)[-EVENTS_AT_FIRST:]],
            attempts=[_attempt(one) for one in list(picture.attempts)[-ATTEMPTS_AT_FIRST:]],
            samples=[_sample(one) for one in picture.samples])
        return values

    def news(self, now):
        # type: (float) -> Dict[str, Any]
        """For all pages: the changes since the last call."""
        picture = self._core.picture
        if picture.incarnations != self._incarnations_sent:
            self._incarnations_sent = picture.incarnations
            self._events_sent = self._attempts_sent = 0
        values = self._state(now)
        values.update(
            kind='news', events=[_event(one) for one in picture.events if one.number > self._events_sent],
            attempts=[_attempt(one) for one in picture.attempts if one.number > self._attempts_sent],
            samples=[_sample(one) for one in list(picture.samples)[-1:]])
        self._events_sent, self._attempts_sent = picture.events_seen, picture.attempts_seen
        return values

    def silence(self, now):
        # type: (float) -> Dict[str, Any]
        """For all pages, while there are no reports."""
        core = self._core
        return {'kind': 'silence', 'now': round(now, 3), 'silence_s': round(core.silence_s(now), 3),
                'is_silent': core.is_silent(now) and not self.over, 'health': self._health(now), 'over': self.over}

    def _health(self, now):
        # type: (float) -> List[str]
        core = self._core
        return [PAST, self.over] if self.over else list(health(core.picture, core.silence_s(now), core.is_silent(now)))

    def _state(self, now):
        # type: (float) -> Dict[str, Any]
        picture = self._core.picture
        facts = picture.facts
        clients = sorted(picture.clients.values(), key=lambda one: (-one['accepted'], one['name']))
        return dict(
            self.silence(now), is_there=picture.at is not None, incarnation=picture.incarnation,
            interval_s=self._core.interval_s, target=self._target,
            dispatcher=facts.get(report.WHOLE, {}), queue=facts.get(report.QUEUE, {}),
            states=facts.get(report.CALCULATOR_STATES, {}), slots=list(picture.slots), rates=picture.rates(),
            outcomes=picture.outcomes, response_time=picture.response_time(),
            calculators=[_calculator(picture.calculators[name]) for name in sorted(picture.calculators)],
            clients=[[one['name'], one['accepted'] + one['refused'], one['waiting'], one['running'], one['done'],
                      picture.client_rate(one['name'])] for one in clients[:CLIENTS_NAMED]],
            clients_number=len(clients), cases=self._cases.as_values(),
            events_missed=picture.events_missed, attempts_missed=picture.attempts_missed)


def _calculator(one):
    # type: (Dict[str, Any]) -> List[Any]
    return [one['name'], one['state'], round(one['at'] - one['since_s'], 3), one['capacity'], one['held'], one['done'],
            one['failed'], one['lost'], one['outages'], one['p50_s'], one['p95_s'], one['silence_s'], one['interval_s'],
            one['draining'], [[task_id, number, round(one['at'] - seconds, 3)]
                              for task_id, number, seconds in one['running']], one['address'],
            round(one['at'], 3), one['note']]


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
