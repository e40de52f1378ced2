"""``accepted``, said a moment late, so that an outcome that follows at once says it as well.

A client that hears ``accepted`` goes on asking slowly, and one that hears an outcome stops asking. So where a task is
over within ``RECEIPT_DELAY_S`` its outcome is all that its client needs. (TCP delays its acknowledgements in the same
hope: RFC 1122 section 4.2.3.2.)
"""

from __future__ import absolute_import, division, print_function

from collections import deque

from net_protocol.delivery import RECEIPT_DELAY_S
from net_protocol.messages import Accepted

MYPY = False
if MYPY:
    from typing import Any, Callable, Deque, Tuple  # noqa: F401

    from dispatcher.tasks import Task  # noqa: F401
    from net_protocol.timers import Timers  # noqa: F401


class Receipts(object):
    """Tasks that were accepted lately, and whose clients were not told so yet. All wait equally long."""

    def __init__(self, timers, send):
        # type: (Timers, Callable[[Any, Accepted], None]) -> None
        self._timers = timers
        self._send = send
        self._owed = deque()  # type: Deque[Tuple[float, Task]]

    def owe(self, now, task):
        # type: (float, Task) -> None
        """A task was accepted: its client hears of it soon, in one way or the other."""
        due_at = now + RECEIPT_DELAY_S
        if not self._owed:
            self._timers.set(('receipt', None), due_at)
        self._owed.append((due_at, task))

    def give(self, now):
        # type: (float) -> None
        """The timer: say it of all that have waited long enough. Those that are over meanwhile need it no more."""
        owed = self._owed
        while owed:
            due_at, task = owed[0]
            if due_at > now and not task.is_over:
                self._timers.set(('receipt', None), due_at)
                return
            self._give_first()

    def give_all(self):
        # type: () -> None
        """Say it at once, since there may be no later."""
        while self._owed:
            self._give_first()
        self._timers.cancel(('receipt', None))

    def _give_first(self):
        # type: () -> None
        task = self._owed.popleft()[1]
        if not task.is_over:
            self._send(task.reply_to, Accepted(task.task_id))
