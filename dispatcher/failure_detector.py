"""When silence becomes suspicion, and suspicion a verdict.

A calculator says in each heartbeat how often it sends one, so silence is counted in missed heartbeats of its own pace,
and no setting here can disagree with a setting there. The detector is of the simplest kind that is right: a fixed
number of missed heartbeats. (Adaptive ones, like the phi accrual detector of Hayashibara and others, SRDS 2004, pay off
where the network's delay varies by more than a heartbeat's interval.)

A dispatcher that was itself held up, suspended or starved, heard nothing because it did not listen. That time does not
count as anybody's silence.
"""

from __future__ import absolute_import, division, print_function

MYPY = False
if MYPY:
    from dispatcher.calculators import Calculator  # noqa: F401

#: A turn that comes this much later than asked for means that the dispatcher was held up.
HELD_UP_S = 0.2

#: After that it reads what queued up meanwhile, for this long, before any timer of its own fires.
CATCH_UP_S = 0.1

SILENT = 'silent'
GONE = 'gone'


class FailureDetector(object):
    """Counts silence. ``suspect_after`` and ``dead_after`` are numbers of missed heartbeats."""

    def __init__(self, suspect_after, dead_after):
        # type: (int, int) -> None
        self._suspect_after = suspect_after
        self._dead_after = dead_after
        # All the time for which the dispatcher was held up so far, and when it last began to listen again.
        self._deaf_s = 0.0
        self._deaf_until = 0.0

    def note_held_up(self, now, seconds):
        # type: (float, float) -> None
        """The dispatcher was not listening for ``seconds``, until now."""
        self._deaf_s += seconds
        self._deaf_until = now

    def note_heard(self, now, calculator):
        # type: (float, Calculator) -> None
        """A valid message of its present life arrived."""
        calculator.last_heard_at = now
        calculator.deaf_before_s = self._deaf_s

    def silence_s(self, now, calculator):
        # type: (float, Calculator) -> float
        """How long a listening dispatcher has heard nothing from it."""
        return now - calculator.last_heard_at - self._deaf_since_heard_s(calculator)

    def verdict(self, now, calculator):
        # type: (float, Calculator) -> str | None
        """None, SILENT (suspect it) or GONE (declare it dead)."""
        if now >= self._missed_at(calculator, self._dead_after):
            return GONE
        if now >= self._missed_at(calculator, self._suspect_after):
            return SILENT
        return None

    def next_look_at(self, now, calculator):
        # type: (float, Calculator) -> float
        """When the verdict can change next, if nothing is heard."""
        suspect_at = self._missed_at(calculator, self._suspect_after)
        return suspect_at if now < suspect_at else self._missed_at(calculator, self._dead_after)

    def is_first_look(self, now, calculator):
        # type: (float, Calculator) -> bool
        """Whether the verdict changes next to SILENT, not to GONE."""
        return now < self._missed_at(calculator, self._suspect_after)

    def _missed_at(self, calculator, heartbeats):
        # type: (Calculator, int) -> float
        """When so many heartbeats in a row will have been missed.

        A point in time that verdict and timer share to the last bit: with lengths of time, rounding could set a timer
        for a moment at which there is no verdict yet, again and again.
        """
        deaf_s = self._deaf_since_heard_s(calculator)
        return calculator.last_heard_at + deaf_s + heartbeats * calculator.interval_s

    def _deaf_since_heard_s(self, calculator):
        # type: (Calculator) -> float
        """For how long we have been deaf since we last heard it.

        Of a hold-up one learns when a timer is late, after reading: whoever was heard in that reading was heard after
        the hold-up, although it was not counted yet.
        """
        return min(self._deaf_s - calculator.deaf_before_s, max(0.0, self._deaf_until - calculator.last_heard_at))
