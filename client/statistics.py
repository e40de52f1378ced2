"""The statistics of a client, for people and for programs."""

from __future__ import absolute_import, division, print_function

from client.requests import ENDS
from common.sketch import Sketch
from net_protocol.rows import DONE

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401


class Statistics(object):
    """Requests sent, their ends, and the response times. Always ``sent = answered + unanswered``."""

    def __init__(self):
        # type: () -> None
        self.sent = 0
        self.ends = dict.fromkeys(ENDS, 0)
        #: From the intended time of sending to the result, for tasks that are done.
        self.response_time = Sketch()
        self.started_at = None  # type: float | None
        self.ended_at = None  # type: float | None
        #: Attempts beyond the first of all tasks that are done: the number of reassignments.
        self.further_attempts = 0

    @property
    def answered(self):
        # type: () -> int
        """Requests with a correct result."""
        return self.ends[DONE]

    @property
    def unanswered(self):
        # type: () -> int
        """All other requests, including open ones."""
        return self.sent - self.ends[DONE]

    @property
    def waiting(self):
        # type: () -> int
        """Open requests."""
        return self.sent - sum(self.ends.values())

    def as_dict(self, now):
        # type: (float) -> Dict[str, Any]
        """For programs. Times in seconds, or None."""
        return {
            'sent': self.sent,
            'answered': self.answered,
            'unanswered': self.unanswered,
            'outcomes': dict(self.ends),
            'waiting': self.waiting,
            'further_attempts': self.further_attempts,
            'duration_s': round(self._duration_s(now), 6),
            'response_time_s': {name: None if value is None else round(value, 6)
                                for name, value in self.response_time.summary().items()},
        }

    def as_lines(self, now):
        # type: (float) -> List[str]
        facts = self.as_dict(now)
        lines = [line.rstrip() for line in (
            'sent        %8d   in %.1f s' % (self.sent, facts['duration_s']),
            'answered    %8d   %s' % (self.answered, self._rate(facts['duration_s'])),
            'unanswered  %8d   %s' % (self.unanswered, self._how_unanswered()),
        )]
        if self.further_attempts:
            lines.append('reassigned  %8d   attempts beyond the first' % self.further_attempts)
        times = facts['response_time_s']
        if times['min'] is not None:
            lines.append('response time, s   ' + '   '.join(
                '%s %s' % (name, shown_seconds(times[name])) for name in ('min', 'mean', 'max', 'p50', 'p95', 'p99')))
        return lines

    def _duration_s(self, now):
        # type: (float) -> float
        if self.started_at is None:
            return 0.0
        return (now if self.ended_at is None else self.ended_at) - self.started_at

    def _rate(self, duration_s):
        # type: (float) -> str
        if not self.answered or not duration_s:
            return ''
        rate = self.answered / duration_s
        return '%s a second' % ('%.1f' % rate if rate >= 0.1 else '%.2g' % rate)

    def _how_unanswered(self):
        # type: () -> str
        kinds = [(end, self.ends[end]) for end in ENDS if end != DONE] + [('still open', self.waiting)]
        return ', '.join('%s %d' % (kind.replace('_', ' '), count) for kind, count in kinds if count)


def shown_seconds(value):
    # type: (float | None) -> str
    """A time with a useful number of digits; '-' for None."""
    if value is None:
        return '-'
    return '%.2f' % value if value >= 1 else '%.4f' % value
