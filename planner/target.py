"""The values and targets of the command line: ``KEY=3..8``, ``p99 <= 5``."""

from __future__ import absolute_import, division, print_function

import re

from planner.measures import NAMES, STATISTICS, TIMES
from simulator import scenario

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Tuple  # noqa: F401

    from planner.measures import Measures  # noqa: F401

#: Values of one key, at most.
VALUES_MAX = 10000

_RANGE = re.compile(r'(-?[0-9.]+)\.\.(-?[0-9.]+)(?::([0-9.]+))?\Z')
_TARGET = re.compile(r'\s*([a-z0-9_]+)(?:\.([a-z0-9]+))?\s*(<=|>=)\s*([0-9.]+(?:[eE][-+]?[0-9]+)?)\s*\Z')


class QuestionError(ValueError):
    """The question is invalid; the text says why."""


class Target(object):
    """``MEASURE.STATISTIC <= NUMBER``, or ``mean``, ``p50``, ``p95``, ``p99`` of the response time."""

    def __init__(self, text):
        # type: (str) -> None
        matched = _TARGET.match(text)
        if matched is None:
            raise QuestionError(
                'found %r, expected a target such as "p99 <= 5" or "answered_share >= 0.99"' % str(text))
        name, statistic, self.relation, bound = matched.groups()
        if statistic is None and name in STATISTICS:
            name, statistic = 'response_time_s', name
        times = [time for time, _ in TIMES]
        if name not in NAMES or (name in times) != (statistic in STATISTICS) or (name not in times and statistic):
            raise QuestionError(
                'found %r, expected one of %s (of the response time), one of %s, or one of %s with one of .%s' % (
                    str(text), ', '.join(STATISTICS), ', '.join(sorted(set(NAMES) - set(times))), ', '.join(times),
                    ', .'.join(STATISTICS)))
        self.text = text.strip()
        self.key = (name, statistic)
        self.bound = float(bound)
        #: A precision is a share of this. For a share near 1, such as 0.999, the distance from 1 matters.
        self.scale = min(self.bound, abs(1 - self.bound)) if name.endswith('_share') else self.bound

    def verdict(self, measures, by_value=False):
        # type: (Measures | None, bool) -> bool | None
        """Whether measures hold the target; None if the interval contains the bound. ``by_value`` ignores intervals."""
        found = None if measures is None else measures.find(*self.key)
        if found is None:
            return False
        if by_value:
            return self._holds(found['value'])
        if found['low'] is None:
            return None
        low, high = self._holds(found['low']), self._holds(found['high'])
        return low if low == high else None

    def _holds(self, value):
        # type: (float) -> bool
        return value <= self.bound if self.relation == '<=' else value >= self.bound


def values_of(text, as_json):
    # type: (str, Callable[[str], Any]) -> Tuple[str, List[Any]]
    """The dotted key and the values of ``KEY=3..8``, ``KEY=0.5..2:0.5`` or ``KEY=1,2,4``. A value is JSON, or a word.
    ``as_json`` reads JSON, or raises ``ValueError``.
    """
    key, equals, rest = text.partition('=')
    if not key or not equals or not rest:
        raise QuestionError('found %r, expected KEY=3..8, KEY=0.5..2:0.5 or KEY=1,2,4' % str(text))
    matched = _RANGE.match(rest)
    if matched is None:
        return key, [_value(part, as_json) for part in _parts(rest)]
    low, high, step = (_number(part or '1', text) for part in matched.groups())
    if high < low or step <= 0 or (high - low) / step >= VALUES_MAX:
        raise QuestionError('found %r, expected a first value below the last one, and fewer than %d of them' % (
            str(text), VALUES_MAX))
    count = int((high - low) / step + 1e-9) + 1
    is_whole = all(part is None or '.' not in part for part in matched.groups())
    # Rounded, because 0.1 + 2 * 0.1 is not 0.3.
    values = [round(low + number * step, 10) for number in range(count)]
    return key, [int(value) for value in values] if is_whole else values


def _number(text, whole):
    # type: (str, str) -> float
    try:
        return float(text)
    except ValueError:
        raise QuestionError('found %r, expected numbers on both sides of ..' % str(whole))


def _parts(text):
    # type: (str) -> List[str]
    """The text at its commas outside of brackets."""
    parts, depth = [''], 0
    for character in text:
        depth += (character in '[{') - (character in ']}')
        if character == ',' and not depth:
            parts.append('')
        else:
            parts[-1] += character
    return parts


def _value(text, as_json):
    # type: (str, Callable[[str], Any]) -> Any
    try:
        return as_json(text)
    except ValueError:
        return text


def changed(settings, changes):
    # type: (Dict[str, Any], Any) -> Dict[str, Any]
    """A complete scenario with other values at dotted keys. Raises ``QuestionError`` or ``SettingRefused``."""
    made = scenario.copied(settings)
    for key, value in changes:
        place, parts = made, key.split('.')
        for depth, part in enumerate(parts):
            if isinstance(place, list) and part in [str(index) for index in range(len(place))]:
                part = int(part)
            elif not isinstance(place, dict) or part not in place:
                known = '; there are %s' % ', '.join(sorted(place)) if isinstance(place, dict) else ''
                raise QuestionError('%s is no key of a scenario%s' % ('.'.join(parts[:depth + 1]), known))
            if depth == len(parts) - 1:
                place[part] = value
            else:
                place = place[part]
    made = scenario.SETTINGS.checked(made)
    if made['calls']['callers'] or any(variant['work'] for variant in scenario.variants(made, 'calculator')):
        raise QuestionError('calls of functions are not measured: leave out calls.callers and work')
    return made


def points_of(settings, keys):
    # type: (Dict[str, Any], List[Tuple[str, List[Any]]]) -> List[Tuple[Dict[str, Any], List[Tuple[str, Any]]]]
    """(scenario, changes) of each combination of the values of several keys; the last key changes fastest."""
    combinations = [[]]  # type: List[List[Tuple[str, Any]]]
    for key, values in keys:
        combinations = [changes + [(key, value)] for changes in combinations for value in values]
    if len(combinations) > VALUES_MAX:
        raise QuestionError('found %d combinations, expected at most %d' % (len(combinations), VALUES_MAX))
    return [(changed(settings, changes), changes) for changes in combinations]
