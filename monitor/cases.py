"""The fates of the tasks of a failed calculator.

A case begins when a calculator is declared dead or restarts without its tasks. Events name the lost tasks, and the
attempts of other calculators show where these tasks continue. The monitor asks the dispatcher about a task that is
missing in the reports.
"""

from __future__ import absolute_import, division, print_function

from collections import OrderedDict, deque
from functools import partial

from common import report
from monitor.words import task_name

MYPY = False
if MYPY:
    from typing import Any, Callable, Deque, Dict, List  # noqa: F401

    from monitor.picture import Happening, Picture  # noqa: F401

#: Kept cases, and tracked tasks in each. Further tasks are only counted.
CASES_MAX = 20
TASKS_MAX = 12

#: A dead calculator lost the tasks reassigned between its suspicion and this time after its death; a restarted one lost
#: its tasks at once.
BELONGS_S = 3.0
AT_ONCE_S = 0.1

#: The time without news of a task before a question about it, and the time between two questions.
NOWHERE_S = 2.5
ASK_EVERY_S = 1.0

#: The state of a lost task.
WAITS, RUNS, OVER = 'waits', 'runs', 'over'

#: The end of an attempt whose calculator restarted without it.
RESTARTED = 'new_incarnation'

_BEGINNINGS = ('died', 'returned')


class Fate(object):
    """A lost task. ``at`` is the time of the latest news."""

    __slots__ = ('task_id', 'lost_attempt', 'what', 'calculator', 'attempt', 'outcome', 'at', 'asked_at')

    def __init__(self, task_id, lost_attempt, at):
        # type: (str, int, float) -> None
        self.task_id = task_id
        self.lost_attempt = lost_attempt
        self.what = WAITS
        self.calculator = None  # type: str | None
        self.attempt = None  # type: int | None
        self.outcome = None  # type: str | None
        self.at = at
        self.asked_at = at

    def as_values(self):
        # type: () -> List[Any]
        return [self.task_id, task_name(self.task_id), self.what, self.calculator, self.attempt, self.outcome,
                round(self.at, 3)]

    def note(self, what, at, calculator, attempt, outcome=None):
        # type: (str, float, str | None, int | None, str | None) -> None
        if self.what != OVER:
            self.what, self.at, self.calculator, self.attempt, self.outcome = what, at, calculator, attempt, outcome


class Case(object):
    """A calculator that failed at ``at``: it was declared dead (``is_death``), or it restarted without its tasks.
    ``since`` is the time when it became suspect.
    """

    __slots__ = ('calculator', 'at', 'since', 'is_death', 'fates', 'more', 'silence_s')

    def __init__(self, calculator, at, since, is_death, silence_s):
        # type: (str, float, float, bool, float | None) -> None
        self.calculator = calculator
        self.at = at
        self.since = since
        self.is_death = is_death
        self.silence_s = silence_s
        self.fates = OrderedDict()  # type: OrderedDict[str, Fate]
        #: The number of lost tasks that are not tracked.
        self.more = 0

    def has_lost(self, event):
        # type: (Happening) -> bool
        """Whether the event reports a task that was lost in this case."""
        facts = event.record['facts']
        if facts['calculator'] != self.calculator or (facts['reason'] == RESTARTED) == self.is_death:
            return False
        return self.since - AT_ONCE_S <= event.at <= self.at + (BELONGS_S if self.is_death else AT_ONCE_S)

    def add(self, task_id, lost_attempt, at):
        # type: (str, int, float) -> None
        if task_id in self.fates:
            return
        if len(self.fates) >= TASKS_MAX:
            self.more += 1
        else:
            self.fates[task_id] = Fate(task_id, lost_attempt, at)


class Cases(object):
    """The cases of a picture, the latest last. ``ask(now, task_id, answer)`` asks the dispatcher about a task."""

    def __init__(self, picture, ask):
        # type: (Picture, Callable[..., Any]) -> None
        self._picture = picture
        self._ask = ask
        self._cases = []  # type: List[Case]
        self._seen = (0, 0)
        # The latest lost attempts; the event of the death may follow them.
        self._lost = deque(maxlen=500)  # type: Deque[Happening]
        # The latest restarts without a known lost task.
        self._restarts = deque(maxlen=CASES_MAX)  # type: Deque[Case]
        # Suspect calculator -> when it became suspect.
        self._suspect_since = {}  # type: Dict[str, float]
        self._asked_at = 0.0

    def update(self, now):
        # type: (float) -> None
        """Handle the new events of the picture."""
        incarnations, seen = self._seen
        if incarnations != self._picture.incarnations:
            seen = 0
            self._lost.clear()
            self._restarts.clear()
            self._suspect_since.clear()
        for event in self._picture.events:
            if event.number > seen:
                self._take_event(event)
                seen = event.number
        self._seen = (self._picture.incarnations, seen)
        open_fates = {}  # type: Dict[str, Fate]
        for case in self._cases:
            open_fates.update((task_id, fate) for task_id, fate in case.fates.items() if fate.what != OVER)
        if open_fates:
            self._look_for(now, open_fates)

    def as_values(self):
        # type: () -> List[Dict[str, Any]]
        """The latest case first."""
        return [{'calculator': case.calculator, 'at': round(case.at, 3), 'is_death': case.is_death,
                 'silence_s': case.silence_s, 'more': case.more,
                 'tasks': [fate.as_values() for fate in case.fates.values()]} for case in reversed(self._cases)]

    def _take_event(self, event):
        # type: (Happening) -> None
        kind, facts = event.record['kind'], event.record['facts']
        if kind == 'suspected':
            self._suspect_since[facts['calculator']] = event.at
        elif kind in ('recovered', 'left'):
            self._suspect_since.pop(facts['calculator'], None)
        elif kind in _BEGINNINGS:
            self._begin(event.at, kind == 'died', facts)
        elif kind == 'reassigned':
            self._take_loss(event)
        elif kind == 'ended':
            for case in self._cases:
                if facts['task_id'] in case.fates:
                    case.fates[facts['task_id']].note(OVER, event.at, None, None, facts['outcome'])

    def _begin(self, at, is_death, facts):
        # type: (float, bool, Dict[str, Any]) -> None
        since = self._suspect_since.pop(facts['calculator'], at)
        case = Case(facts['calculator'], at, since if is_death else at, is_death, facts.get('silence_s'))
        for lost in self._lost:
            if case.has_lost(lost):
                case.add(lost.record['facts']['task_id'], lost.record['facts']['attempt'], lost.at)
        if is_death or case.fates:
            self._add(case)
        else:
            self._restarts.append(case)

    def _take_loss(self, event):
        # type: (Happening) -> None
        self._lost.append(event)
        for case in [case for case in self._restarts if case.has_lost(event)]:
            self._restarts.remove(case)
            self._add(case)
        for case in self._cases:
            if case.has_lost(event):
                case.add(event.record['facts']['task_id'], event.record['facts']['attempt'], event.at)

    def _add(self, case):
        # type: (Case) -> None
        self._cases.append(case)
        if len(self._cases) > CASES_MAX:
            # Remove the oldest one whose calculator is not dead, if possible.
            known = self._picture.calculators
            over = [one for one in self._cases if known.get(one.calculator, {}).get('state') != 'dead']
            self._cases.remove((over or self._cases)[0])

    def _look_for(self, now, fates):
        # type: (float, Dict[str, Fate]) -> None
        for happening in self._picture.attempts:
            attempt = happening.record
            fate = fates.get(attempt['task_id'])
            if fate is not None and attempt['end'] == 'result':
                fate.note(OVER, happening.at, attempt['calculator'], attempt['attempt'], 'done')
        for name, calculator in self._picture.calculators.items():
            for task_id, number, _ in calculator['running']:
                fate = fates.get(task_id)
                if fate is not None and number > fate.lost_attempt:
                    fate.note(RUNS, calculator['at'], name, number)
        if now - self._asked_at < ASK_EVERY_S:
            return
        for task_id in sorted(fates, key=lambda task_id: fates[task_id].asked_at):
            fate = fates[task_id]
            if fate.what != OVER and now - max(fate.at, fate.asked_at) > NOWHERE_S:
                self._asked_at = fate.asked_at = now
                self._ask(now, task_id, partial(self._take_history, fate))
                return

    @staticmethod
    def _take_history(fate, rows):
        # type: (Fate, List[Any] | None) -> None
        if rows is None:
            return
        facts = {row[1]: row[2] for row in rows if row[0] == report.FACTS}
        tries = [report.as_record(row) for row in rows if row[0] == report.TRY]
        state = facts.get(report.TASK, {}).get('state')
        last = tries[-1] if tries else {'calculator': None, 'attempt': None}
        at = fate.asked_at
        if state == 'assigned':
            fate.note(RUNS, at, last['calculator'], last['attempt'])
        elif state == 'waiting':
            fate.note(WAITS, at, None, None)
        elif state == report.UNKNOWN or state is None:
            fate.note(OVER, at, None, None, 'forgotten')
        else:
            fate.note(OVER, at, last['calculator'], last['attempt'], state)
