"""The random outages of a calculator."""

from __future__ import absolute_import, division, print_function

from calculator.settings import CRASH, FREEZE, MIXED
from common import lengths

MYPY = False
if MYPY:
    from typing import Any, Dict, Tuple  # noqa: F401


class OutagePlan(object):
    """Draws outages by the settings ``outage``: after each ``check_interval_s`` one begins with ``probability``."""

    def __init__(self, settings, rng):
        # type: (Dict[str, Any], Any) -> None
        self._settings = settings
        self._rng = rng

    @property
    def is_possible(self):
        # type: () -> bool
        """Whether an outage can ever begin."""
        return self._settings['probability'] > 0

    def next_at(self, now):
        # type: (float) -> float
        """The time of the next draw."""
        interval_s = self._settings['check_interval_s']
        return now + (lengths.draw(self._rng.random, interval_s) if lengths.is_length(interval_s) else interval_s)

    def first_at(self, now):
        # type: (float) -> float
        """The same after a start. The phase of a fixed interval is random, so that calculators that start together do
        not have their outages together.
        """
        interval_s = self._settings['check_interval_s']
        return self.next_at(now) if lengths.is_length(interval_s) else now + self._rng.uniform(0, interval_s)

    def draw(self, now):
        # type: (float) -> Tuple[str, float] | None
        """The ``(kind, duration_s)`` of an outage that begins now, or None."""
        if self._rng.random() >= self._settings['probability']:
            return None
        duration_s = lengths.draw(self._rng.random, self._settings['duration_s'])
        kind = self._settings['kind']
        if kind == MIXED:
            kind = CRASH if self._rng.random() < 0.5 else FREEZE
        return kind, duration_s
