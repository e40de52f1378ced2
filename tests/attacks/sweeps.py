"""Kill sweeps: a victim is killed at one system call after the other, and at every moment of its work at least once."""

from __future__ import absolute_import, division, print_function

import collections
import os
import sys

from tests.attacks import moments

#: The last kill point among the calls of a kind, on this Python and on the other one.
FARTHEST = (60, 60) if os.environ.get('EXHAUSTIVE') else (12, 8)
#: How many more rounds search for a missed moment, at calls that follow a moment directly.
MORE = 60
FURTHER = ('sendto', 'recvfrom', 'write')


class Sweep(object):
    """Kills one victim many times, and counts the calls and the moments of its work at which it was killed.

    ``meanwhile`` is called repeatedly while the victim runs.
    """

    def __init__(self, victim, meanwhile=None):
        self.points = collections.Counter()
        self.hit = collections.Counter()
        #: Whether the usual range is over, and a moment was missed.
        self.is_further = False
        self._victim = victim
        self._meanwhile = meanwhile
        self._expected = moments.expected(victim.role, victim.journal)

    def kill_at(self, call, when, only=None):
        """Run the victim until it is killed at its ``when``-th ``call``; returns whether that call occurred."""
        victim = self._victim
        trace = victim.run_until_killed_at(call, when, self._meanwhile, only)
        if trace:
            self.points[call] += 1
            self.hit[moments.of(victim.role, trace, victim.starts == 1, victim.journal)] += 1
        return bool(trace)

    def rounds(self, share=1.0):
        """1, 2, 3, ... up to a share of the usual range, and further while a moment is missing."""
        farthest = int(share * FARTHEST[self._victim.python != sys.executable])
        for when in range(1, farthest + MORE + 1):
            self.is_further = when > farthest
            if self.is_further and self._expected <= set(self.hit):
                return
            yield when

    def check(self, say):
        """Report what was done, and check that no moment is missing."""
        victim = self._victim
        say('%s%s on %s: %d kill points (%s); moments: %s' % (
            victim.role, ' with a journal' if victim.journal is not None else '', victim.version,
            sum(self.points.values()), ', '.join('%s %d' % (call, self.points[call]) for call in sorted(self.points)),
            ', '.join('%s %d' % (moment or 'starting', self.hit[moment]) for moment in sorted(self.hit, key=_number))))
        assert self._expected <= set(self.hit), 'missed: %s' % sorted(self._expected - set(self.hit))


def _number(moment):
    return -1 if moment is None else int(moment[1:])
