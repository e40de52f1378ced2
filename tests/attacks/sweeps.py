"""Kill sweeps: a victim is killed at one system call after the other, and at every moment of its work at least once."""

from __future__ import absolute_import, division, print_function

import collections
import os
import sys

from tests.attacks import moments

#: Up to which of its calls of a kind a process is killed: on this Python, and on the other one. EXHAUSTIVE=1 goes
#: further than there is time for each time.
FARTHEST = (60, 60) if os.environ.get('EXHAUSTIVE') else (12, 8)
#: And how much further for a moment that was missed so far, at calls that come right after each of them.
MORE = 60
FURTHER = ('sendto', 'recvfrom', 'write')


class Sweep(object):
    """Kills one victim over and over and counts at what, and at which moments of its work.

    ``meanwhile`` is called over and over while it runs.
    """

    def __init__(self, victim, meanwhile=None):
        self.points = collections.Counter()
        self.hit = collections.Counter()
        #: Whether the usual range is over.
        self.is_further = False
        self._victim = victim
        self._meanwhile = meanwhile
        self._expected = moments.expected(victim.role, victim.journal)

    def kill_at(self, call, when, only=None):
        """Run until it is killed there; returns whether it came so far."""
        victim = self._victim
        trace = victim.run_until_killed_at(call, when, self._meanwhile, only)
        if trace:
            self.points[call] += 1
            self.hit[moments.of(victim.role, trace, victim.starts == 1, victim.journal)] += 1
        return bool(trace)

    def rounds(self, share=1.0):
        """1, 2, 3, ..., and further for as long as there is a moment that was missed. ``share`` is that of the
        usual range.
        """
        farthest = int(share * FARTHEST[self._victim.python != sys.executable])
        for when in range(1, farthest + MORE + 1):
            self.is_further = when > farthest
            if self.is_further and self._expected <= set(self.hit):
                return
            yield when

    def check(self, say):
        """Say what was done; every moment has to be in it."""
        victim = self._victim
        say('%s%s on %s: %d kill points (%s); moments: %s' % (
            victim.role, ' with a journal' if victim.journal is not None else '', victim.version,
            sum(self.points.values()), ', '.join('%s %d' % (call, self.points[call]) for call in sorted(self.points)),
            ', '.join('%s %d' % (moment or 'starting', self.hit[moment]) for moment in sorted(self.hit, key=_place))))
        assert self._expected <= set(self.hit), 'missed: %s' % sorted(self._expected - set(self.hit))


def _place(moment):
    return -1 if moment is None else int(moment[1:])
