"""What is counted of each calculator and of each client."""

from __future__ import absolute_import, division, print_function

from common.sketch import Sketch
from dispatcher.tasks import WITHDRAWN
from net_protocol.rows import OUTCOMES

MYPY = False
if MYPY:
    from typing import Tuple  # noqa: F401


class CalculatorTally(object):
    """How the attempts on one calculator ended, over all its incarnations, and how often it failed.

    Withdrawn attempts are in none of the counts: that they came to nothing says nothing about their calculator.
    """

    __slots__ = ('done', 'failed', 'lost', 'outages', 'answers', '_quantiles', '_quantiles_of')

    def __init__(self):
        # type: () -> None
        self.done = 0
        self.failed = 0
        self.lost = 0
        self.outages = 0
        #: From the assignment to the result.
        self.answers = Sketch()
        # (p50, p95), and of how many answers: computed when somebody asks and something came since.
        self._quantiles = (None, None)  # type: Tuple[float | None, float | None]
        self._quantiles_of = 0

    def note_lost(self, ended):
        # type: (str) -> None
        """An attempt came to nothing."""
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
    """What became of the tasks of one client, over all its incarnations."""

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
        """Tasks that wait or run."""
        return self.accepted - sum(self.outcomes.values())
