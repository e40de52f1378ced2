"""Which waiting task goes to which calculator."""

from __future__ import absolute_import, division, print_function

from dispatcher.calculators import ALIVE, SUSPECT
from dispatcher.outcomes import TURN_MAX
from dispatcher.work import Work

MYPY = False
if MYPY:
    from typing import Any, Dict  # noqa: F401

    from dispatcher.calculators import Calculator  # noqa: F401
    from dispatcher.tasks import CallTask  # noqa: F401

#: If tasks wait this long and no calculator is alive or suspect, that is logged.
NO_CALCULATORS_S = 2.0


class Assignment(Work):
    """Tasks are assigned in the order of the queue, to the calculator that has been available for the longest time."""

    COUNTERS = ('assignments',) + Work.COUNTERS

    def __init__(self, settings, name, incarnation):
        # type: (Dict[str, Any], str, str) -> None
        super(Assignment, self).__init__(settings, name, incarnation)
        self.is_draining = False
        #: The journal was just read: see ``core.ADOPTION_S``.
        self.is_adopting = False
        #: The last call of ``assign_waiting`` stopped at ``TURN_MAX`` assignments.
        self.assigns_left = False
        #: ``no_calculators`` was logged, and no calculator has registered since.
        self.is_warned = False

    def assign_waiting(self, now):
        # type: (float) -> None
        """Assign waiting tasks to available calculators until one of the two runs out."""
        queue, calculators = self.queue, self.calculators
        self.assigns_left = False
        if not queue.size or self.is_draining or self.is_adopting:
            return
        calculators.begin_settlement()
        assigned = self._assign_calls(now) if queue.calls.size else 0
        plain = queue.size - queue.calls.size
        while plain and calculators.queue:
            if assigned >= TURN_MAX:
                self.assigns_left = True
                break
            task = queue.take()
            calculator = calculators.take_for(task)
            if calculator is None:
                queue.put_first(task)
                break
            self.assign(now, task, calculator)
            assigned += 1
            plain -= 1
        if queue.size and not assigned:
            self._warn_later(now)
        self.counts['assignments'] += assigned

    def _assign_calls(self, now):
        # type: (float) -> int
        """Assign calls to calculators that offer their functions. Returns the number of assignments."""
        calls, calculators = self.queue.calls, self.calculators
        assigned = self._assign_alone(now) if calls.alone else 0
        for digest in sorted(calculators.groups):
            queue = calculators.groups[digest]
            names = calculators.catalogue.functions_of(digest)
            if not queue or not names:
                continue
            for task in calls.taken_in_order(now, names):
                calculator = calculators.take_for(task, queue)
                if calculator is None:
                    calls.put_first(task)
                    break
                self.queue.note_left(task.client)
                self.assign(now, task, calculator)
                assigned += 1
                if not queue or assigned >= TURN_MAX:
                    break
        if calculators.quick:
            assigned += self._assign_ahead(now)
        if assigned >= TURN_MAX:
            self.assigns_left = True
        return assigned

    def _assign_ahead(self, now):
        # type: (float) -> int
        """Assign calls to calculators whose slots are all taken by quick calls, up to one more for each slot. Otherwise
        the slots would be idle during round trips. Returns the number of assignments.
        """
        calls, quick, assigned = self.queue.calls, self.calculators.quick, 0
        while quick:
            calculator = quick.popleft()
            calculator.is_to_be_fed = False
            names = self.calculators.catalogue.functions_of(calculator.digest)
            if not calls.size or not names or not calculator.takes_ahead():
                continue
            for task in calls.taken_in_order(now, names):
                if task.history is not None:
                    # After a failed attempt it may be slow or kill its child.
                    calls.put_first(task)
                    break
                self.queue.note_left(task.client)
                self.assign(now, task, calculator)
                assigned += 1
                if not calculator.takes_ahead():
                    break
        return assigned

    def _assign_alone(self, now):
        # type: (float) -> int
        """Reserve a calculator for each call that runs alone. Assign the call when the calculator holds nothing."""
        calls, assigned = self.queue.calls, 0
        for task in list(calls.alone[:TURN_MAX]):
            calculator = task.reserved
            if calculator is not None and not self._may_run_alone(calculator, task):
                self.release(task)
                calculator = None
            if calculator is None:
                calculator = self._reserve(task)
            if calculator is not None and calculator.free == calculator.capacity and calculator.channel.has_room:
                self.queue.remove(task)
                self.assign(now, task, calculator)
                assigned += 1
        return assigned

    def _may_run_alone(self, calculator, task):
        # type: (Calculator, CallTask) -> bool
        return (calculator.state is ALIVE and not calculator.draining and not calculator.conduct.is_drained_by_operator
                and not calculator.channel.is_unreachable
                and self.calculators.by_name.get(calculator.name) is calculator
                and task.function in self.calculators.catalogue.functions_of(calculator.digest))

    def _reserve(self, task):
        # type: (CallTask) -> Calculator | None
        """Reserve a calculator. Prefer those on which the call did not fail, then those with the fewest attempts."""
        found = None
        for digest in sorted(self.calculators.groups):
            if task.function in self.calculators.catalogue.functions_of(digest):
                for calculator in self.calculators.groups[digest]:
                    if calculator.is_available and calculator.alone is None:
                        rank = (task.was_in_vain_on(calculator.name), calculator.capacity - calculator.free)
                        if found is None or rank < found[0]:
                            found = (rank, calculator)
        if found is None:
            return None
        task.reserved, found[1].alone = found[1], task
        return found[1]

    def _warn_later(self, now):
        # type: (float) -> None
        numbers = self.calculators.numbers
        if not (self.is_warned or numbers[ALIVE] or numbers[SUSPECT]) and ('no_calculators', None) not in self._timers:
            self._timers.set(('no_calculators', None), now + NO_CALCULATORS_S)

    def _due_no_calculators(self, now, _):
        # type: (float, None) -> None
        numbers = self.calculators.numbers
        if self.queue.size and not (self.is_warned or numbers[ALIVE] or numbers[SUSPECT]):
            self.is_warned = True
            self.emit(now, 'no_calculators', waiting=self.queue.size)
