"""When a calculator goes out of order, for how long, and how."""

from __future__ import absolute_import, division, print_function

from calculator.settings import CRASH, FREEZE, MIXED

MYPY = False
if MYPY:
    from typing import Any, Dict, Tuple  # noqa: F401


class OutagePlan(object):
    """Draws outages from the settings block ``outage``: every ``check_interval_s`` one begins with ``probability``."""

    def __init__(self, settings, rng):
        # type: (Dict[str, Any], Any) -> None
        self._settings = settings
        self._rng = rng
        self.check_interval_s = settings['check_interval_s']  # type: float

    @property
    def is_possible(self):
        # type: () -> bool
        """Whether an outage can ever begin."""
        return self._settings['probability'] > 0

    def draw(self):
        # type: () -> Tuple[str, float] | None
        """The ``(kind, duration_s)`` of an outage that begins now, or None."""
        if self._rng.random() >= self._settings['probability']:
            return None
        duration_s = self._rng.uniform(*self._settings['duration_s'])
        kind = self._settings['kind']
        if kind == MIXED:
            kind = CRASH if self._rng.random() < 0.5 else FREEZE
        return kind, duration_s
