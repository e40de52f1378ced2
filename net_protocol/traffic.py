"""Counters of datagrams and rows."""

from __future__ import absolute_import, division, print_function

from net_protocol.codec import CAUSES

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

#: Why the turn refuses a datagram that the codec accepts.
WRONG_ROLE = 'wrong_role'
BAD_NUMBER = 'bad_number'
OVER_BUDGET = 'over_budget'


class Traffic(object):
    #: ``ignored`` datagrams arrived in an outage, ``stale`` ones belonged to a former channel or incarnation,
    #: ``too_old`` ones were below the receive window; ``unexpected`` are rows without a handler, ``hints`` ICMP errors.
    COUNTERS = ('datagrams_in', 'datagrams_out', 'rows_in', 'rows_out', 'resent', 'lost', 'probes', 'duplicates',
                'greetings', 'not_greeted', 'channels_opened', 'not_opened', 'stale', 'too_old', 'ignored',
                'unexpected', 'unaddressed', 'unreachable', 'hints')

    __slots__ = COUNTERS + ('refused',)

    if MYPY:
        def __getattr__(self, name):
            # type: (str) -> int
            """Each counter is an attribute."""

        def __setattr__(self, name, value):
            # type: (str, Any) -> None
            pass

    def __init__(self):
        # type: () -> None
        for name in self.COUNTERS:
            setattr(self, name, 0)
        #: Cause -> datagrams refused.
        self.refused = dict.fromkeys(CAUSES + (WRONG_ROLE, BAD_NUMBER, OVER_BUDGET), 0)  # type: Dict[str, int]

    def count_out(self, rows, losses):
        # type: (Dict[str, List[Any]], int) -> None
        """Rows leave that were lost ``losses`` times before."""
        number = sum(map(len, rows.values()))
        self.rows_out += number
        if losses:
            self.resent += number

    def as_dict(self):
        # type: () -> Dict[str, Any]
        counts = {name: getattr(self, name) for name in self.COUNTERS}  # type: Dict[str, Any]
        return dict(counts, refused=dict(self.refused),
                    rows_per_datagram_in=_ratio(counts['rows_in'], counts['datagrams_in']),
                    rows_per_datagram_out=_ratio(counts['rows_out'], counts['datagrams_out']))


def _ratio(many, few):
    # type: (int, int) -> float | None
    return round(many / few, 3) if few > 0 else None
