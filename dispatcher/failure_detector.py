"""The failure detector: after how many missed heartbeats a calculator is suspect, and after how many it is dead.

Each heartbeat contains its interval, so the settings of dispatcher and calculator can't disagree. A verdict falls half
an interval after the n-th missed heartbeat was due, so that a short delay does not count as a loss. (Adaptive
detectors, like the phi accrual detector of Hayashibara and others, SRDS 2004, are better if network delays vary by more
than a heartbeat interval.)

A dispatcher that was suspended or had no CPU time heard nothing because it read nothing. A verdict that is due in such
a late turn is postponed, once in each silence, until another heartbeat can have arrived, and by no more than the turn
was late. Deadlines and answer time-outs are not postponed.
"""

from __future__ import absolute_import, division, print_function

from dispatcher.calculators import ALIVE

MYPY = False
if MYPY:
    from dispatcher.calculators import Calculator  # noqa: F401

#: If a turn is later than this, the dispatcher was held up.
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
        # If the calculator is heard now and then falls silent, it is suspect at the second time.
        return min(look_at, now + (self._suspect_after + 0.5) * calculator.interval_s)

    def is_first_look(self, now, calculator):
        # type: (float, Calculator) -> bool
        """Whether the verdict changes next to SILENT, not to DECLARE_DEAD."""
        return now < self._missed_at(calculator, self._suspect_after)

    def excuse(self, now, calculator, late_s):
        # type: (float, Calculator, float) -> bool
        """Postpone a verdict that is due in a turn that is ``late_s`` late or left datagrams unread, unless one was
        postponed before in this silence. Returns whether it is postponed.
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

        Verdict and timer use the same number. If each rounded its own, a timer could fire again and again just before
        its verdict.
        """
        heard_at = calculator.channel.heard_at
        excuse_s = calculator.excuse_s if calculator.excused_silence == heard_at else 0.0
        return heard_at + (heartbeats + 0.5) * calculator.interval_s + excuse_s
