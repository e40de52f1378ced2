"""Calls of functions: who offers them, which attempts count, and which call is assigned next."""

from __future__ import absolute_import, division, print_function

from dispatcher.calculators import ALIVE
from dispatcher.outcomes import TURN_MAX
from dispatcher.reports import Reports
from dispatcher.tasks import CHILD_DIED, ERROR, HISTORY_MAX, TIMED_OUT, WAITING, PastAttempt
from net_protocol.limits import REASON_CHARS_MAX
from net_protocol.rows import CALCULATOR, FAILED
from net_protocol.words import counted

MYPY = False
if MYPY:
    from typing import Any, List  # noqa: F401

    from dispatcher.calculators import Calculator  # noqa: F401
    from dispatcher.tasks import CallTask, Task  # noqa: F401
    from net_protocol.channel import Channel  # noqa: F401

#: How long a call waits for a function that nobody offers before its client is warned.
NO_FUNCTION_S = 2.0

#: Causes that end a call at once, unless its client asked for another attempt.
EXCEPTIONS = frozenset([u'exception', u'result'])


class Calls(Reports):
    """What is different about calls."""

    COUNTERS = ('calls', 'calls_delayed', 'calls_run_alone', 'functions_wanted') + Reports.COUNTERS

    # Functions.

    def _on_offer(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        """Beside each heartbeat: the digest of the functions that the calculator offers."""
        calculator = self._calculator_of(channel)
        if calculator is None:
            return
        for digest, in rows:
            if digest != calculator.digest:
                self._set_digest(now, calculator, digest)
            if not self.calculators.catalogue.knows(digest) and 'functions_wanted' not in channel.rows:
                self.counts['functions_wanted'] += 1
                self.send(channel, 'functions_wanted', [digest])

    def _on_functions(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        calculator = self._calculator_of(channel)
        if calculator is None:
            # It is asked for them after its first heartbeat.
            return
        for digest, functions in rows:
            is_new = self.calculators.catalogue.add(digest, functions)
            if is_new or digest != calculator.digest:
                self._set_digest(now, calculator, digest)

    def _set_digest(self, now, calculator, digest):
        # type: (float, Calculator, str) -> None
        self.calculators.set_digest(calculator, digest)
        if self.calculators.catalogue.knows(digest):
            self.emit(now, 'offers', calculator=calculator.name,
                      number=len(self.calculators.catalogue.functions_of(digest)))
            differing = self.calculators.catalogue.differing()
            if differing:
                self.emit(now, 'functions_differ', functions=u', '.join(differing)[:REASON_CHARS_MAX])

    def _calculator_of(self, channel):
        # type: (Channel) -> Calculator | None
        calculator = channel.peer  # type: Any
        if channel.role != CALCULATOR or self.calculators.by_name.get(channel.name) is not calculator:
            return None
        return calculator

    def note_call(self, now, task):
        # type: (float, CallTask) -> None
        """A call was accepted."""
        self.counts['calls'] += 1
        key = ('function', task.function)
        if not self.calculators.catalogue.is_offered(task.function) and key not in self._timers:
            self._timers.set(('function', task.function), now + NO_FUNCTION_S)

    def _due_function(self, now, function):
        # type: (float, str) -> None
        """Calls have waited for a function: warn their clients if nobody offers it."""
        queue = self.queue.calls
        if self.calculators.catalogue.is_offered(function) or not queue.waits_for(function):
            return
        self.emit(now, 'no_function', function=function)
        # Sorted, because the order of a set differs between versions of Python.
        for client in sorted(queue.clients_of(function), key=lambda client: client.prefix):
            if client.channel is not None and not client.is_absent and client.channel.has_room:
                self.send(client.channel, 'not_offered', [function, self.not_offered_because(function)])

    def not_offered_because(self, function):
        # type: (str) -> str
        known = self.calculators.catalogue.names()
        listed = u', '.join(u"'%s'" % name for name in known) or u'none'
        return (u"no calculator has '%s'; known: %s" % (function, listed))[:REASON_CHARS_MAX]

    # Attempts.

    def requeue(self, now, task, ended):
        # type: (float, Any, str) -> None
        if not task.IS_CALL:
            super(Calls, self).requeue(now, task, ended)
            return
        self._end_attempt(now, task, ended)
        if ended is TIMED_OUT:
            # Its calculator should have ended it: it does not go on beside the next attempt.
            self.revoke(task.calculator, task.assignment, task.task_id)
        self.release(task)
        past = PastAttempt(task, now, ended)
        task.history = ((task.history or []) + [past])[-HISTORY_MAX:]
        self.emit(now, 'reassigned', task_id=task.task_id, attempt=past.number, calculator=past.calculator,
                  reason=ended)
        task.state = WAITING
        was_alone = task.is_alone
        delay_s = task.note_end(ended)
        if delay_s:
            self.counts['calls_delayed'] += 1
            self.queue.put_call(task, self.queue.calls.put_delayed)
            self._timers.set(('delay', task), now + delay_s)
        else:
            self.queue.put_call(task, self.queue.calls.put_first)
        if task.is_alone and not was_alone:
            self.counts['calls_run_alone'] += 1
        if task.counted >= task.attempts_max:
            self.finish(now, task, FAILED, task.failure or u'no result after %s, the last: %s' % (
                counted(task.attempt, 'attempts'), ended.replace('_', ' ')))
        else:
            self.plan(task)

    def _due_delay(self, now, task):
        # type: (float, CallTask) -> None
        self.queue.calls.end_delay(task)

    def _on_failed(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        """Attempts of calls that ended without a result."""
        if channel.role != CALCULATOR:
            return
        calculator = channel.peer  # type: Any
        for assignment, task_id, failure in rows:
            task = None if calculator is None else calculator.attempts.get(assignment)
            if task is None or task.task_id != task_id:
                task = self.clients.task(task_id)
                if assignment or task is None or task.is_over or task.state is WAITING \
                        or task.calculator is not calculator:
                    self._note_late_failure(calculator, assignment, task_id)
                    continue
                # It was adopted, and had ended before the calculator heard of that.
                self.calculators.drop_orphan(calculator, task_id)
            self._take_failure(now, calculator, task, failure)

    def _note_late_failure(self, calculator, assignment, task_id):
        # type: (Any, int, str) -> None
        """The attempt does not count any more; its slot is free."""
        self.counts['late_results'] += 1
        if calculator is not None and not (assignment and self.drop_leftover(calculator, assignment)):
            self.calculators.drop_orphan(calculator, task_id)

    def _take_failure(self, now, calculator, task, failure):
        # type: (float, Calculator, Any, Any) -> None
        is_death = failure[u'cause'] not in EXCEPTIONS
        if is_death:
            self.note_failure_of(now, calculator, 'a dead child')
        if not task.IS_CALL:
            failure = failure[u'message']
        else:
            task.failure = failure
            if is_death or (failure[u'cause'] == u'exception' and task.options.get(u'retry_on_error')):
                self.requeue(now, task, CHILD_DIED if is_death else ERROR)
                calculator.raise_lowest(TURN_MAX)
                return
            self.note_good_ends(now, calculator, 1)
        self._on_result(now, calculator.channel, [[task.assignment, task.task_id, None, failure]])

    # Assignments.

    def settle_calls(self, now):
        # type: (float) -> int
        """Assign calls to calculators that offer their functions. Returns the number of assignments."""
        calls, calculators = self.queue.calls, self.calculators
        assigned = self._settle_alone(now) if calls.alone else 0
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
            self._assigns_left = True
        return assigned

    def _assign_ahead(self, now):
        # type: (float) -> int
        """All slots are taken, and calls are over so soon that the way to the calculator would be most of their time:
        let one more for each slot wait there. Returns the number of assignments.
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
                    # It may need a long time, or kill its child.
                    calls.put_first(task)
                    break
                self.queue.note_left(task.client)
                self.assign(now, task, calculator)
                assigned += 1
                if not calculator.takes_ahead():
                    break
        return assigned

    def _settle_alone(self, now):
        # type: (float) -> int
        """Calls that run alone: keep a calculator free for each, and assign it when that holds nothing."""
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
        return (calculator.state is ALIVE and not calculator.draining and not calculator.conduct.is_withdrawn
                and not calculator.channel.is_unreachable
                and self.calculators.by_name.get(calculator.name) is calculator
                and task.function in self.calculators.catalogue.functions_of(calculator.digest))

    def _reserve(self, task):
        # type: (CallTask) -> Calculator | None
        """The calculator with the fewest attempts that offers the function, if possible one that it did not fail on."""
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

