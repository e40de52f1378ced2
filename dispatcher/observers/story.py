"""The story of one task: each attempt, what it waits for, which timer fires next and what will happen then."""

from __future__ import absolute_import, division, print_function

from itertools import islice

from common import report
from common.words import reason_text
from dispatcher.calculators import ALIVE, SUSPECT
from dispatcher.tasks import ASSIGNED
from net_protocol.rows import DONE

MYPY = False
if MYPY:
    from typing import Any, Dict, Iterator, List, Tuple  # noqa: F401

    from dispatcher.core import DispatcherCore  # noqa: F401
    from dispatcher.tasks import Task  # noqa: F401

#: Tasks of the same client that are counted before a waiting one.
PLACES_MAX = 10000

#: At most so many calculators are searched for a free one.
CALCULATORS_MAX = 1000


def story_rows(now, core, task_id):
    # type: (float, DispatcherCore, str) -> Iterator[Tuple[int, List[Any]]]
    """The rows of a ``task_status`` answer, each with its largest number of bytes."""
    task = core.clients.task(task_id)
    ended_at = None
    if task is None or task.is_over:
        found, ended_at = core.watch.find(task_id)
        task = found if found is not None else task
    if task is None:
        yield _facts(report.TASK, _not_taken(now, core, task_id))
        return
    yield _facts(report.TASK, {
        'task_id': task_id, 'state': task.state, 'client': task.client.name,
        'reason': reason_text(task.result) if task.is_over and task.state != DONE else None,
        'accepted_s': round(now - task.accepted_at, 3),
        'ended_s': None if ended_at is None else round(now - ended_at, 3),
        'deadline_in_s': None if task.is_over else round(task.deadline_at - now, 3), 'attempts': task.attempt})
    for row in _try_rows(now, core, task):
        yield row
    if not task.is_over:
        yield _facts(report.WAITS_FOR, _waits_for(now, core, task))
        yield _facts(report.NEXT, _next(now, core, task))


def _not_taken(now, core, task_id):
    # type: (float, DispatcherCore, str) -> Dict[str, Any]
    """The facts about a task that was refused or is unknown."""
    facts = {'task_id': task_id, 'state': report.UNKNOWN, 'client': None, 'reason': None, 'accepted_s': None,
             'ended_s': None, 'deadline_in_s': None, 'attempts': 0}  # type: Dict[str, Any]
    refusal = core.watch.refusal(task_id)
    if refusal is not None:
        facts.update(state=report.REFUSED, client=refusal.client, reason=refusal.reason,
                     ended_s=round(now - refusal.refused_at, 3))
    return facts


def _try_rows(now, core, task):
    # type: (float, DispatcherCore, Task) -> Iterator[Tuple[int, List[Any]]]
    for past in task.history or ():
        yield len(past.calculator) + 100, [
            report.TRY, past.number, past.calculator, round(now - past.assigned_at, 3), past.was_acknowledged,
            round(now - past.ended_at, 3), past.ended]
    if task.state is ASSIGNED:
        yield len(task.calculator.name) + 100, [
            report.TRY, task.attempt, task.calculator.name, round(now - task.assigned_at, 3),
            task.acknowledged_in is not None, None, None]
    elif task.is_over:
        ended = core.watch.last_attempt(task.task_id)
        if ended is not None and not any(past.number == ended[2] for past in task.history or ()):
            _, _, attempt, name, assigned_at, ended_at, how = ended
            yield len(name) + 100, [report.TRY, attempt, name, round(now - assigned_at, 3), True,
                                    round(now - ended_at, 3), how]


def _waits_for(now, core, task):
    # type: (float, DispatcherCore, Any) -> Dict[str, Any]
    if task.state is ASSIGNED:
        calculator = task.calculator
        waits = report.ANSWER if task.acknowledged_in is not None else report.ACKNOWLEDGEMENT
        return {'what': waits, 'calculator': calculator.name, 'attempt': task.attempt,
                'calculator_state': calculator.state, 'silence_s': round(core.detector.silence_s(now, calculator), 3)}
    numbers = core.calculators.numbers
    if core.is_draining:
        what = report.DISPATCHER_DRAINS
    elif core.is_adopting:
        what = report.DISPATCHER_RECOVERS
    elif not len(core.calculators):
        what = report.NO_CALCULATOR
    elif not numbers[ALIVE]:
        what = report.NONE_IN_ORDER
    elif task.IS_CALL and not core.calculators.catalogue.is_offered(task.function):
        what = report.NO_FUNCTION
    elif task in core.queue.calls.delayed:
        what = report.DELAYED
    else:
        is_any_free = any(one.is_available for one in islice(core.calculators.queued_for(task), CALCULATORS_MAX))
        what = report.ITS_TURN if is_any_free else report.ALL_BUSY
    return dict(numbers, what=what, waiting=core.queue.size, running=core.running,
                before=core.queue.before(task, PLACES_MAX))


def _next(now, core, task):
    # type: (float, DispatcherCore, Task) -> Dict[str, Any]
    """The timer that fires next for this task if no datagram arrives, and what it does."""
    timers = [(task.deadline_at, report.EXPIRE)]
    calculator = None
    if task.state is ASSIGNED:
        calculator = task.calculator
        timers.append((task.answer_due_at, report.ANSWER_TIMEOUT))
        if calculator.state in (ALIVE, SUSPECT):
            look_at = core.detector.next_look_at(now, calculator)
            # A calculator that is suspect for another reason than silence is not suspected a second time.
            suspect_next = calculator.state == ALIVE and core.detector.is_first_look(now, calculator)
            timers.append((look_at, report.SUSPECT_CALCULATOR if suspect_next else report.DECLARE_DEAD))
    due_at, timer = min(timers)
    return {'timer': timer, 'in_s': round(max(0.0, due_at - now), 3),
            'calculator': None if calculator is None else calculator.name,
            'attempts_left': _attempts_left(core, task, timer)}


def _attempts_left(core, task, timer):
    # type: (DispatcherCore, Any, str) -> int
    """How many attempts follow the present one if that timer ends it."""
    if not task.IS_CALL:
        return core.settings['attempts_max'] - task.attempt
    does_count = task.state is ASSIGNED and (task.is_alone or timer == report.ANSWER_TIMEOUT)
    return task.attempts_max - task.counted - does_count


def _facts(section, facts):
    # type: (str, Dict[str, Any]) -> Tuple[int, List[Any]]
    # A text may consist of quotation marks, which take two bytes each.
    size = 30 + sum(len(name) + (2 * len(value) if isinstance(value, type(u'')) else 24)
                    for name, value in facts.items())
    return size, [report.FACTS, section, facts]
