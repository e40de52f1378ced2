"""Rows of monitors: questions, and requests of operators."""

from __future__ import absolute_import, division, print_function

from common.words import reason_text
from dispatcher.admission import Admission
from dispatcher.observers.status import StatusDesk
from net_protocol.columns import TASK_ID
from net_protocol.rows import CANCEL, CANCELLED, DRAIN, FAILED_TASKS, MONITOR

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401

    from net_protocol.channel import Channel  # noqa: F401

#: Failed tasks in one answer, and past attempts shown of each.
FAILED_SHOWN_MAX = 50
ATTEMPTS_SHOWN_MAX = 10


class Operations(Admission):
    COUNTERS = ('operations', 'operations_refused', 'status_answers', 'status_dropped') + Admission.COUNTERS

    #: Whether requests from that address are accepted. The owner sets this: it knows about keys and loopback.
    may_operate = staticmethod(lambda address: False)  # type: Any

    def __init__(self, settings, name, incarnation):
        # type: (Dict[str, Any], str, str) -> None
        super(Operations, self).__init__(settings, name, incarnation)
        #: The owner of the core may set ``desk.surroundings``.
        self.desk = StatusDesk(self)

    def _on_status(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        self._answer(now, channel, rows, self.desk.status)

    def _on_task_status(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        self._answer(now, channel, rows, self.desk.story)

    def _answer(self, now, channel, rows, pages_for):
        # type: (float, Channel, List[Any], Any) -> None
        counts = self.counts
        for row in rows:
            if not self.desk.may_answer(now, channel.address):
                counts['status_dropped'] += 1
                continue
            counts['status_answers'] += 1
            pages = pages_for(now, row)
            for number, page in enumerate(pages, 1):
                self.send(channel, 'status_report', [row[0], counts['status_answers'], number, len(pages), page])

    def _on_operate(self, now, channel, rows):
        # type: (float, Channel, List[Any]) -> None
        if channel.role != MONITOR:
            return
        for question, verb, argument in rows:
            if not self.may_operate(channel.address):
                self.counts['operations_refused'] += 1
                answer = False, u'refused: accepted from this machine, or with a key'
            elif verb == FAILED_TASKS:
                self._send_failed(now, channel, question)
                continue
            else:
                self.counts['operations'] += 1
                answer = self._operate(now, verb, argument)
            self.send(channel, 'operated', [question, answer[0], answer[1], 1, 1, []])

    def _operate(self, now, verb, argument):
        # type: (float, str, str) -> Tuple[bool, str]
        """Returns whether the argument was found, and what was done. A repeated request changes nothing."""
        if verb == CANCEL:
            return self._cancel_task(now, argument)
        calculator = self.calculators.by_name.get(argument)
        if calculator is None:
            return False, u'no calculator has that name'
        conduct = calculator.conduct
        if verb == DRAIN:
            if not conduct.is_drained_by_operator:
                conduct.is_drained_by_operator = True
                self.emit(now, 'drained', calculator=argument)
            return True, u'gets no new work; %d attempts run' % len(calculator.attempts)
        # READMIT.
        if conduct.is_drained_by_operator or conduct.reason is not None:
            conduct.readmit()
            self.calculators.update(calculator)
            self.emit(now, 'readmitted', calculator=argument)
        return True, u'gets work again'

    def _cancel_task(self, now, task_id):
        # type: (float, str) -> Tuple[bool, str]
        task = self.clients.task(task_id) if TASK_ID.match(task_id) else None
        if task is None:
            return False, u'no such task waits or runs'
        if task.is_over:
            return True, u'is over: %s' % task.state
        self.finish_and_withdraw(now, task, CANCELLED, u'cancelled by an operator')
        return True, u'is cancelled'

    def _send_failed(self, now, channel, question):
        # type: (float, Channel, int) -> None
        failed = list(self.watch.failed)[-FAILED_SHOWN_MAX:]
        if not failed:
            self.send(channel, 'operated', [question, True, u'no task has failed', 1, 1, []])
        for page, (task, payload, ended_at) in enumerate(failed, 1):
            past = [[one.number, one.calculator, one.ended] for one in (task.history or ())[-ATTEMPTS_SHOWN_MAX:]]
            self.send(channel, 'operated', [question, True, u'', page, len(failed), [[
                task.task_id, task.function if task.IS_CALL else None,  # type: ignore[attr-defined]
                payload, reason_text(task.result), task.attempt, round(now - ended_at, 3), past]]])
