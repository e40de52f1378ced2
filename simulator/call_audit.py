"""Audits what a dispatcher does with calls of functions, and with calculators on probation."""

from __future__ import absolute_import, division, print_function

from collections import deque

from dispatcher.tasks import ANSWER_GRACE_S
from simulator.audit import ROUNDING_S
from simulator.fleet_audit import FleetAudit
from simulator.violations import broken

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict, List, Set, Tuple  # noqa: F401

    from net_protocol.channel import Channel  # noqa: F401
    from simulator.fleet_audit import View  # noqa: F401
    from simulator.ledger import Ledger  # noqa: F401

#: Ends of attempts that count towards ``attempts_max``. Other ends count only after ``UNCOUNTED_MAX`` of them.
COUNTED = ('child_died', 'timed_out', 'error')
UNCOUNTED_MAX = 3

#: The delay of a call after the first, second ... end that is not in ``COUNTED``.
WAITS_S = (0, 1, 2, 4, 8)

#: Causes of errors for which neither the calculator nor the child is to blame.
EXCEPTIONS = ('exception', 'result')

#: Causes of the death of a child that count as a failure of its calculator.
ACCUSING = frozenset(['signal', 'exit', 'protocol'])

#: The defaults of a call, and the highest priority.
ATTEMPTS_MAX = 3
PRIORITY, PRIORITY_MAX = 5, 9

#: The probation of a calculator ends after so many attempts that end well.
GOOD_ENDS = 5


class Place(object):
    """A task that is not over. ``view`` is the calculator that has it; without one, the task waits ``since`` that time
    and must not be assigned before ``not_before``. ``deadlines`` are the earliest and the latest possible deadline:
    copies of a submit differ in the time left. ``call`` is (function, options), or None. ``lost`` is the number of its
    attempts that did not end as in ``COUNTED``.
    """

    __slots__ = ('view', 'attempt', 'accepted_at', 'since', 'not_before', 'deadlines', 'call', 'counted', 'lost',
                 'attempts_max', 'answer_s', 'priority', 'has_lost_a_child')

    def __init__(self, accepted_at, deadlines, call, settings):
        # type: (float, Tuple[float, float], Any, Dict[str, Any]) -> None
        self.view = None  # type: Any
        self.attempt = self.counted = self.lost = 0
        self.accepted_at = self.since = self.not_before = accepted_at
        self.deadlines = deadlines
        self.call = call
        options = {} if call is None else call[1]
        self.attempts_max = settings['attempts_max'] if call is None else options.get('attempts_max', ATTEMPTS_MAX)
        self.answer_s = settings['answer_timeout_s'] if call is None else options.get(
            'answer_timeout_s', float('inf')) + ANSWER_GRACE_S
        self.priority = options.get('priority', PRIORITY)
        self.has_lost_a_child = False

    def note_end(self, now, reason):
        # type: (float, str) -> None
        """The attempt ended without an outcome."""
        self.view = None
        self.since = self.not_before = now
        is_lost = self.call is not None and reason not in COUNTED
        if not is_lost or self.lost >= UNCOUNTED_MAX:
            self.counted += 1
        if is_lost:
            self.lost += 1
            self.not_before += WAITS_S[min(self.lost, len(WAITS_S)) - 1]


class Conduct(object):
    """The last failures of the calculators of one name, and the number of attempts that ended well since."""

    def __init__(self, failures_max):
        # type: (int) -> None
        self.failures = deque(maxlen=failures_max)  # type: Deque[float]
        self.good_ends = 0
        self.is_on_probation = False

    def note_failure(self, now, window_s):
        # type: (float, float) -> None
        self.good_ends = 0
        self.failures.append(now)
        if len(self.failures) == self.failures.maxlen and now - self.failures[0] <= window_s:
            self.is_on_probation = True

    def note_good_end(self):
        # type: () -> None
        self.good_ends += 1
        if self.good_ends >= GOOD_ENDS:
            self.failures.clear()
            self.is_on_probation = False


class CallAudit(FleetAudit):
    """Checks S22 to S25."""

    HEARD = dict(FleetAudit.HEARD, offer='_heard_offers', functions='_heard_offers')
    EVENTS = dict(FleetAudit.EVENTS, returned='_on_returned')
    SENT = dict(FleetAudit.SENT, run='_sent_assigns')
    ACKNOWLEDGED = FleetAudit.ACKNOWLEDGED | frozenset(['run'])

    def __init__(self, ledger, settings):
        # type: (Ledger, Dict[str, Any]) -> None
        super(CallAudit, self).__init__(ledger, settings)
        self.places = {}  # type: Dict[str, Place]
        # (name, incarnation) of a calculator -> the digest of its functions, and the digests received in this turn.
        # Digest -> functions.
        self._digests = {}  # type: Dict[Tuple[str, str], List[str]]
        self._functions = {}  # type: Dict[str, Set[str]]
        # Name of a calculator -> its conduct.
        self._conducts = {}  # type: Dict[str, Conduct]
        # Calls assigned in this turn: (task id, its place, functions of its calculator).
        self._begun = []  # type: List[Tuple[str, Place, Set[str]]]
        # Calls that waited and ended in this turn.
        self.ended_waiting = []  # type: List[Place]

    def _heard_offers(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        digests = self._digests.setdefault((channel.name, channel.incarnation), [])
        for row in rows:
            digests.append(row[0])
            if kind == 'functions':
                self._functions[row[0]] = {entry[0] for entry in row[1]}

    # Probation.

    def _on_registered(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        super(CallAudit, self)._on_registered(now, facts)
        if self.settings['flap_events_max']:
            self._conducts[facts['calculator']] = Conduct(self.settings['flap_events_max'])

    def _on_returned(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        super(CallAudit, self)._on_registered(now, facts)
        self._note_failure_of(now, facts['calculator'])

    def _on_gone(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        super(CallAudit, self)._on_gone(now, facts)
        if 'silence_s' in facts:
            self._note_failure_of(now, facts['calculator'])

    def _note_failure_of(self, now, name):
        # type: (float, str) -> None
        if name in self._conducts:
            self._conducts[name].note_failure(now, self.settings['flap_window_s'])

    def _note_good_end_of(self, name):
        # type: (str) -> None
        if name in self._conducts:
            self._conducts[name].note_good_end()

    # Attempts.

    def note_begun(self, now, task_id, place, is_new):
        # type: (float, str, Place, bool) -> None
        """A new attempt of the task began."""
        name = place.view.channel.name
        if place.counted >= place.attempts_max:
            raise broken('S12' if place.call is None else 'S22', task_id, '%d attempts count, %d at the most, and '
                         'another one begins', place.counted, place.attempts_max)
        if not is_new:
            return
        if now < place.not_before - ROUNDING_S:
            raise broken('S22', (task_id, name), 'attempt %d begins %.3f s early', place.attempt,
                         place.not_before - now)
        conduct = self._conducts.get(name)
        if conduct is not None and conduct.is_on_probation and len(place.view.given) > 1:
            raise broken('S24', (task_id, name), '%s is on probation and has %d attempts', name, len(place.view.given))
        if place.call is not None:
            digests = self._digests.get((name, place.view.channel.incarnation), ())
            offered = set().union(*[self._functions.get(digest, ()) for digest in digests])  # type: Set[str]
            if place.call[0] not in offered:
                raise broken('S23', (task_id, name), '%s does not offer %s', name, place.call[0])
            self._begun.append((task_id, place, offered))

    def end_turn(self, now):
        # type: (float) -> None
        super(CallAudit, self).end_turn(now)
        if self._begun:
            self._check_order(now)
            del self._begun[:]
        del self.ended_waiting[:]
        for digests in self._digests.values():
            del digests[:-1]

    def _check_order(self, now):
        # type: (float) -> None
        """S25: A call that began in this turn has at least the level of each waiting call that its calculator offers.
        The level of a priority is that of its oldest call, which may have begun or ended in this turn. A call whose
        attempt was lost is exempt: it may wait because of a delay, or to run alone.
        """
        waiting = [(task_id, place) for task_id, place in self.places.items()
                   if place.call is not None and place.view is None]
        oldest = {}  # type: Dict[int, float]
        for place in [place for _, place in waiting] + [place for _, place, _ in self._begun] + self.ended_waiting:
            oldest[place.priority] = min(place.accepted_at, oldest.get(place.priority, now))
        for begun_id, begun, offered in self._begun:
            level = self._level(now, begun.priority, oldest[begun.priority])
            for task_id, place in waiting if begun.lost < UNCOUNTED_MAX else ():
                if place.since < now and not place.lost and place.call[0] in offered \
                        and self._level(now, place.priority, place.accepted_at) > level:
                    raise broken('S25', (begun_id, task_id), 'begins at level %d while another one waits at %d', level,
                                 self._level(now, place.priority, place.accepted_at))

    def _level(self, now, priority, accepted_at):
        # type: (float, int, float) -> int
        return min(PRIORITY_MAX, priority + int(max(0.0, now - accepted_at) / self.settings['priority_ageing_s']))
