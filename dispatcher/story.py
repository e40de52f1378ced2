"""The story of one task: each attempt, what it waits for, which timer fires next and what will happen then."""

from __future__ import absolute_import, division, print_function

from dispatcher.calculators import ALIVE, SUSPECT
from dispatcher.tasks import ASSIGNED
from net_protocol import report
from net_protocol.delivery import ASSIGN_RESENDS_MAX

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, Iterator, List, Tuple  # noqa: F401

    from dispatcher.fleet import Fleet  # noqa: F401
    from dispatcher.outcomes import Outcomes  # noqa: F401
    from dispatcher.pending_queue import PendingQueue  # noqa: F401
    from dispatcher.tasks import Attempt, Task  # noqa: F401
    from dispatcher.watch import Past, Watch  # noqa: F401
    from net_protocol.delivery import Resender  # noqa: F401

#: Tasks of the same client that are counted before a waiting one.
PLACES_MAX = 10000


class Books(object):
    """What a dispatcher knows, for those who read it and change nothing.

    ``tasks`` are those that wait or run, by id; ``assigns`` the exchange of each assignment that is not acknowledged.
    """

    def __init__(self, name, incarnation, settings, counts, received, sent):
        # type: (str, str, Dict[str, Any], Dict[str, int], Dict[Any, int], Dict[Any, int]) -> None
        self.name = name
        self.incarnation = incarnation
        self.settings = settings
        self.counts = counts
        self.received = received
        self.sent = sent
        self.tasks = {}  # type: Dict[str, Task]
        self.pending = None  # type: PendingQueue  # type: ignore[assignment]
        self.fleet = None  # type: Fleet  # type: ignore[assignment]
        self.outcomes = None  # type: Outcomes  # type: ignore[assignment]
        self.assigns = None  # type: Resender  # type: ignore[assignment]
        self.running = lambda: 0  # type: Callable[[], int]
        self.is_draining = lambda: False  # type: Callable[[], bool]
        self.is_adopting = lambda: False  # type: Callable[[], bool]


def story_rows(now, books, watch, task_id):
    # type: (float, Books, Watch, str) -> Iterator[Tuple[int, List[Any]]]
    """The rows of a ``task_status`` answer, each with the bytes it takes at most."""
    task = books.tasks.get(task_id)
    past = watch.past.get(task_id)
    if task is not None:
        yield _facts(report.TASK, {
            'task_id': task_id, 'state': task.state, 'client': task.client, 'reason': None,
            'accepted_s': round(now - task.accepted_at, 3), 'ended_s': None,
            'deadline_in_s': round(task.deadline_at - now, 3), 'attempts': len(task.attempts)})
        for row in _try_rows(now, task.attempts):
            yield row
        yield _facts(report.WAITS_FOR, _waits_for(now, books, task))
        yield _facts(report.NEXT, _next(now, books, task))
    elif past is not None:
        yield _facts(report.TASK, {
            'task_id': task_id, 'state': past.outcome, 'client': past.client, 'reason': past.reason,
            'accepted_s': round(now - past.accepted_at, 3), 'ended_s': round(now - past.ended_at, 3),
            'deadline_in_s': None, 'attempts': len(past.attempts)})
        for row in _try_rows(now, past.attempts):
            yield row
    else:
        yield _facts(report.TASK, _not_taken(now, books, watch, task_id))


def _not_taken(now, books, watch, task_id):
    # type: (float, Books, Watch, str) -> Dict[str, Any]
    """A task that was refused, or of which less than a story is remembered, or nothing."""
    facts = {'task_id': task_id, 'state': report.UNKNOWN, 'client': None, 'reason': None, 'accepted_s': None,
             'ended_s': None, 'deadline_in_s': None, 'attempts': 0}
    refusal = watch.refusals.get(task_id)
    ending = books.outcomes.get(now, task_id)
    if refusal is not None:
        facts.update(state=report.REFUSED, client=refusal.client, reason=refusal.reason,
                     ended_s=round(now - refusal.refused_at, 3))
    elif ending is not None and ending.outcome is not None:
        facts.update(state=ending.outcome.outcome, client=ending.client, reason=ending.outcome.reason,
                     attempts=ending.outcome.attempts)
    return facts


def _try_rows(now, attempts):
    # type: (float, List[Attempt]) -> Iterator[Tuple[int, List[Any]]]
    for attempt in attempts:
        yield len(attempt.calculator) + 100, [
            report.TRY, attempt.number, attempt.calculator, round(now - attempt.assigned_at, 3),
            attempt.acknowledged_by is not None,
            None if attempt.ended_at is None else round(now - attempt.ended_at, 3), attempt.ended]


def _waits_for(now, books, task):
    # type: (float, Books, Task) -> Dict[str, Any]
    """What has to happen for the task to get on."""
    if task.state == ASSIGNED:
        attempt = task.attempts[-1]
        calculator = books.fleet.get(attempt.calculator)
        waits = report.ANSWER if attempt.acknowledged_by is not None else report.ACKNOWLEDGEMENT
        return {'what': waits, 'calculator': attempt.calculator, 'attempt': attempt.number,
                'calculator_state': calculator.state,  # type: ignore[union-attr]
                'silence_s': round(books.fleet.detector.silence_s(now, calculator), 3)}  # type: ignore[arg-type]
    numbers = books.fleet.numbers
    if books.is_draining():
        what = report.DISPATCHER_DRAINS
    elif books.is_adopting():
        what = report.DISPATCHER_RECOVERS
    elif not len(books.fleet):
        what = report.NO_CALCULATOR
    elif not numbers[ALIVE]:
        what = report.NONE_IN_ORDER
    else:
        what = report.ITS_TURN if books.fleet.has_available else report.ALL_BUSY
    return dict(numbers, what=what, waiting=len(books.pending), running=books.running(),
                before=books.pending.before(task.client, task.task_id, PLACES_MAX))


def _next(now, books, task):
    # type: (float, Books, Task) -> Dict[str, Any]
    """The timer that fires next for this task if nothing is heard from anybody, and what it will do."""
    timers = [(task.deadline_at, report.EXPIRE)]
    calculator = None
    if task.state == ASSIGNED:
        attempt = task.attempts[-1]
        timers.append((attempt.answer_due_at, report.ANSWER_TIMEOUT))
        calculator = books.fleet.get(attempt.calculator)
        prospect = books.assigns.prospect(task.task_id)
        if prospect is not None:
            timers.append((prospect[0], report.GIVE_UP_CALCULATOR if prospect[1] else report.ASSIGN_AGAIN))
        if calculator is not None and calculator.state in (ALIVE, SUSPECT):
            look_at = books.fleet.detector.next_look_at(now, calculator)
            # One that is suspect for another reason than silence is not suspected a second time.
            suspect_next = calculator.state == ALIVE and books.fleet.detector.is_first_look(now, calculator)
            timers.append((look_at, report.SUSPECT_CALCULATOR if suspect_next else report.DECLARE_DEAD))
    due_at, timer = min(timers)
    return {'timer': timer, 'in_s': round(max(0.0, due_at - now), 3),
            'calculator': None if calculator is None else calculator.name,
            'attempts_left': books.settings['attempts_max'] - len(task.attempts),
            'resends_max': ASSIGN_RESENDS_MAX}


def _facts(section, facts):
    # type: (str, Dict[str, Any]) -> Tuple[int, List[Any]]
    # Short, but for a reason in words, which may be all quotation marks.
    size = 30 + sum(len(name) + (2 * len(value) if isinstance(value, type(u'')) else 24)
                    for name, value in facts.items())
    return size, [report.FACTS, section, facts]
