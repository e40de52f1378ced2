"""Counters of each calculator and of each client."""

from __future__ import absolute_import, division, print_function

from common.sketch import Sketch
from dispatcher.tasks import WITHDRAWN
from net_protocol.rows import OUTCOMES

MYPY = False
if MYPY:
    from typing import Tuple  # noqa: F401


class CalculatorTally(object):
    """How the attempts on one calculator ended, over all its incarnations, and how often it failed. Withdrawn attempts
    are not counted, because their calculator did not cause their end.
    """

    __slots__ = ('done', 'failed', 'lost', 'outages', 'answers', '_quantiles', '_quantiles_of')

    def __init__(self):
        # type: () -> None
        self.done = 0
        self.failed = 0
        self.lost = 0
        self.outages = 0
        #: Times from assignment to result, in seconds.
        self.answers = Sketch()
        # The last computed quantiles, and the number of answers at that time.
        self._quantiles = (None, None)  # type: Tuple[float | None, float | None]
        self._quantiles_of = 0

    def note_lost(self, ended):
        # type: (str) -> None
        if ended != WITHDRAWN:
            self.lost += 1

    @property
    def quantiles(self):
        # type: () -> Tuple[float | None, float | None]
        """p50 and p95 of the answers, in seconds."""
        if self._quantiles_of != self.answers.number:
            self._quantiles_of = self.answers.number
            self._quantiles = (self.answers.quantile(0.5), self.answers.quantile(0.95))
        return self._quantiles


class ClientTally(object):
    """The tasks of one client, over all its incarnations."""

    __slots__ = ('accepted', 'refused', 'outcomes', 'heard_at')

    def __init__(self, now):
        # type: (float) -> None
        self.accepted = 0
        self.refused = 0
        self.outcomes = dict.fromkeys(OUTCOMES, 0)
        self.heard_at = now

    @property
    def live(self):
        # type: () -> int
        """The number of tasks that wait or run."""
        return self.accepted - sum(self.outcomes.values())
