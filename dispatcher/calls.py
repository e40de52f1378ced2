"""Functions that calculators offer, and failed calls."""

from __future__ import absolute_import, division, print_function

from dispatcher.outcomes import TURN_MAX
from dispatcher.reports import Reports
from dispatcher.tasks import CHILD_DIED, ERROR, WAITING
from net_protocol.causes import DEATHS, EXCEPTION, LIMITS
from net_protocol.limits import REASON_CHARS_MAX
from net_protocol.rows import CALCULATOR, CLIENT

MYPY = False
if MYPY:
    from typing import Any, List  # noqa: F401

    from dispatcher.calculators import Calculator  # noqa: F401
    from dispatcher.tasks import CallTask, Task  # noqa: F401
    from net_protocol.channel import Channel  # noqa: F401

#: How long a call waits for a function that no calculator offers before its client is warned.
NO_FUNCTION_S = 2.0

#: Functions on one page of the list.
FUNCTIONS_PER_PAGE = 10


class Calls(Reports):
    COUNTERS = ('calls', 'functions_wanted') + Reports.COUNTERS

    # Functions.

    def _on_offer(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        """The digest of the functions that the calculator offers. It is sent with each heartbeat."""
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
            # The dispatcher asks for them after the first heartbeat.
            return
        for digest, functions in rows:
            is_new = self.calculators.catalogue.add(digest, functions)
            if is_new or digest != calculator.digest:
                self._set_digest(now, calculator, digest)
            if is_new:
                # Of calculators with the same functions, only one has to send them.
                for _, other in sorted(self.calculators.by_name.items()):
                    if other.digest == digest and other is not calculator:
                        self._emit_offers(now, other)

    def _emit_offers(self, now, calculator):
        # type: (float, Calculator) -> None
        self.emit(now, 'offers', calculator=calculator.name,
                  number=len(self.calculators.catalogue.functions_of(calculator.digest)))

    def _set_digest(self, now, calculator, digest):
        # type: (float, Calculator, str) -> None
        self.calculators.set_digest(calculator, digest)
        if self.calculators.catalogue.knows(digest):
            self._emit_offers(now, calculator)
            differing = self.calculators.catalogue.differing()
            if differing:
                self.emit(now, 'functions_differ', functions=u', '.join(differing)[:REASON_CHARS_MAX])

    def note_call(self, now, task):
        # type: (float, CallTask) -> None
        self.counts['calls'] += 1
        function = task.function
        if not self.calculators.catalogue.is_offered(function) and ('function', function) not in self._timers:
            self._timers.set(('function', function), now + NO_FUNCTION_S)

    def _due_function(self, now, function):
        # type: (float, str) -> None
        """Calls have waited for a function: warn their clients if no calculator offers it."""
        queue = self.queue.calls
        if self.calculators.catalogue.is_offered(function) or not queue.waits_for(function):
            return
        self.emit(now, 'no_function', function=function)
        # Sorted, because the order of a set differs between versions of Python.
        for client in sorted(queue.clients_of(function), key=lambda client: client.prefix):
            if client.channel is not None and not client.is_absent and client.channel.has_room:
                self.send(client.channel, 'not_offered', [function, self.calculators.catalogue.why_not(function)])

    def _on_ask_functions(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        if channel.role not in (CLIENT, CALCULATOR):
            return
        functions = [entry[:3] for entry in self.calculators.catalogue.offers()]
        pages = [functions[first:first + FUNCTIONS_PER_PAGE]
                 for first in range(0, len(functions), FUNCTIONS_PER_PAGE)] or [[]]
        for question, in rows[:1]:
            for page, some in enumerate(pages, 1):
                self.send(channel, 'known_functions', [question, page, len(pages), some])

    # Attempts.

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
                    # The attempt is not live any more.
                    self.counts['late_results'] += 1
                    self.free_slot(calculator, assignment, task_id)
                    continue
                # The task was adopted, and the attempt ended before the calculator received the new assignment.
                self.calculators.drop_orphan(calculator, task_id)
            self._take_failure(now, calculator, task, failure)

    def _take_failure(self, now, calculator, task, failure):
        # type: (float, Calculator, Any, Any) -> None
        is_death = failure[u'cause'] in DEATHS
        if is_death and failure[u'cause'] not in LIMITS and not task.has_lost_a_child:
            # Of each call, the first dead child counts. If another one dies, the call is the reason.
            self.note_failure_of(now, calculator, 'a dead child')
        if not task.IS_CALL:
            failure = failure[u'message']
        else:
            task.failure = failure
            if is_death or (failure[u'cause'] == EXCEPTION and task.options.get(u'retry_on_error')):
                self.requeue(now, task, CHILD_DIED if is_death else ERROR)
                calculator.raise_lowest(TURN_MAX)
                return
            self.note_good_ends(now, calculator, 1)
        self._on_result(now, calculator.channel, [[task.assignment, task.task_id, None, failure]])
