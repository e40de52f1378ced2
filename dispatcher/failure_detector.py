"""When silence becomes suspicion, and suspicion a verdict.

A calculator says in each heartbeat how often it sends one, so silence is counted in missed heartbeats of its own
interval, and no setting here can disagree with a setting there. The detector is the simplest one that is right: a
fixed number n of missed heartbeats, judged half an interval after the n-th was due, so that a little delay of the next
one does not count as a loss. (Adaptive detectors, like the phi accrual detector of Hayashibara and others, SRDS 2004,
pay off where the network's delay varies by more than a heartbeat's interval.)

A dispatcher that was held up, suspended or starved, heard nothing because it did not listen. A verdict that is due in
such a turn is postponed, once in each silence, until another heartbeat can have arrived, and by no more than the turn
was late. Only verdicts on silence are postponed; deadlines and answer time-outs are not.
"""

from __future__ import absolute_import, division, print_function

from dispatcher.calculators import ALIVE

MYPY = False
if MYPY:
    from dispatcher.calculators import Calculator  # noqa: F401

#: A turn that is this much later than asked for means that the dispatcher was held up.
HELD_UP_S = 0.2

#: A verdict is postponed by at least this long, so that a datagram that waits unread can be read first.
CATCH_UP_S = 0.1

SILENT = 'silent'
DECLARE_DEAD = 'declare_dead'


class FailureDetector(object):
    """Measures silence. ``suspect_after`` and ``dead_after`` are numbers of missed heartbeats."""

    def __init__(self, suspect_after, dead_after):
        # type: (int, int) -> None
        self._suspect_after = suspect_after
        self._dead_after = dead_after

    @staticmethod
    def silence_s(now, calculator):
        # type: (float, Calculator) -> float
        """How long nothing was heard from the calculator."""
        return now - calculator.channel.heard_at

    def verdict(self, now, calculator):
        # type: (float, Calculator) -> str | None
        """None, SILENT (suspect it) or DECLARE_DEAD (declare it dead)."""
        if now >= self._missed_at(calculator, self._dead_after):
            return DECLARE_DEAD
        if now >= self._missed_at(calculator, self._suspect_after):
            return SILENT
        return None

    def next_look_at(self, now, calculator):
        # type: (float, Calculator) -> float
        """When the verdict can change next, if nothing is heard."""
        look_at = self._missed_at(calculator, self._suspect_after)
        if now >= look_at:
            look_at = self._missed_at(calculator, self._dead_after)
        # A silence that begins right now has a verdict of its own by then.
        return min(look_at, now + (self._suspect_after + 0.5) * calculator.interval_s)

    def is_first_look(self, now, calculator):
        # type: (float, Calculator) -> bool
        """Whether the verdict changes next to SILENT, not to DECLARE_DEAD."""
        return now < self._missed_at(calculator, self._suspect_after)

    def excuse(self, now, calculator, late_s):
        # type: (float, Calculator, float) -> bool
        """A verdict is due in a turn that is so late, or left datagrams unread: postpone it, unless that was done
        before in this silence. Returns whether it is postponed.
        """
        heard_at = calculator.channel.heard_at
        if calculator.excused_silence == heard_at:
            return False
        is_suspect_next = calculator.state is ALIVE
        due_at = self._missed_at(calculator, self._suspect_after if is_suspect_next else self._dead_after)
        calculator.excused_silence = heard_at
        calculator.excuse_s = now - due_at + min(max(late_s, CATCH_UP_S), CATCH_UP_S + calculator.interval_s)
        return True

    def _missed_at(self, calculator, heartbeats):
        # type: (Calculator, int) -> float
        """When so many heartbeats in a row will have been missed.

        A point in time that verdict and timer share to the last bit: with lengths of time, rounding could set a timer
        for a moment at which there is no verdict yet, again and again.
        """
        heard_at = calculator.channel.heard_at
        excuse_s = calculator.excuse_s if calculator.excused_silence == heard_at else 0.0
        return heard_at + (heartbeats + 0.5) * calculator.interval_s + excuse_s
