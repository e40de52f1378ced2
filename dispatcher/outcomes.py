"""Tasks that are over: each client is told its outcome until it acknowledges, and what is kept afterwards is small.

The table of tasks holds those that wait or run. With its outcome a task moves here, first among those whose client has
to be told, then into a memory in which it stays for as long as an old copy of its submit may still arrive.
"""

from __future__ import absolute_import, division, print_function

from net_protocol.core import require
from net_protocol.delivery import OUTCOME_GRACE_S, REMEMBER_S, Remembered

MYPY = False
if MYPY:
    from typing import Any, Dict, Tuple  # noqa: F401

    from dispatcher.tasks import Task  # noqa: F401
    from net_protocol.delivery import Resender  # noqa: F401
    from net_protocol.messages import Outcome  # noqa: F401


class Ending(object):
    """What is kept of a task that is over.

    ``outcome`` is None once its client has acknowledged it, and will not ask again. ``winner`` is who brought the
    result, (name of the calculator, attempt number), or None.
    """

    __slots__ = ('client', 'outcome', 'winner')

    def __init__(self, client, outcome, winner):
        # type: (str, Outcome | None, Tuple[str, int] | None) -> None
        self.client = client
        self.outcome = outcome
        self.winner = winner


class Outcomes(object):
    """All endings: those that are being told, and those that are remembered."""

    COUNTERS = ('submits_after_ack', 'outcomes_unacknowledged')

    def __init__(self, resender, remembered_max, counts):
        # type: (Resender, int, Dict[str, int]) -> None
        self._resender = resender
        self._counts = counts
        # Task id -> an ending whose client is being told; its exchange has the task id as key.
        self._telling = {}  # type: Dict[str, Ending]
        self._remembered = Remembered(REMEMBER_S, remembered_max)

    def __len__(self):
        # type: () -> int
        """How many clients are being told."""
        return len(self._telling)

    def tell(self, now, task, outcome):
        # type: (float, Task, Outcome) -> None
        """The task is over: tell its client until it acknowledges, for as long as it may be listening."""
        self._telling[task.task_id] = Ending(task.client, outcome, task.winner)
        self._resender.begin(now, task.task_id, task.reply_to, outcome, max(now, task.deadline_at) + OUTCOME_GRACE_S)

    def remember(self, now, client, outcome):
        # type: (float, str, Outcome) -> None
        """Keep an outcome for whoever asks, without telling it."""
        self._remembered.add(now, outcome.task_id, Ending(client, outcome, None))

    def get(self, now, task_id):
        # type: (float, str) -> Ending | None
        """What is kept of a task that is over, or None: it is not over, or was never heard of, or was forgotten."""
        return self._telling.get(task_id) or self._remembered.get(now, task_id)

    def answer(self, now, client, address, task_id):
        # type: (float, str, Any, str) -> Outcome | None
        """The outcome to answer its client with, who asks from ``address``; None where it needs none."""
        ending = self.get(now, task_id)
        if ending is None or ending.client != client:
            return None
        self._resender.redirect(task_id, address)
        if ending.outcome is None:
            self._counts['submits_after_ack'] += 1
        return ending.outcome

    def acknowledge(self, now, client, task_id):
        # type: (float, str, str) -> None
        """Its client knows. The rest is remembered for a while, to know old copies by."""
        ending = self._telling.get(task_id)
        if ending is not None and ending.client == client:
            self._resender.end(task_id)
            ending.outcome = None
            self._move_to_memory(now, task_id)

    def give_up(self, now, task_id):
        # type: (float, str) -> None
        """Nobody acknowledges it. The outcome is kept for whoever may still ask."""
        self._counts['outcomes_unacknowledged'] += 1
        self._move_to_memory(now, task_id)

    def check_invariants(self):
        # type: () -> None
        """Raise ``BrokenInvariant`` where somebody should be told and is not."""
        for task_id, ending in self._telling.items():
            require(task_id in self._resender, '%s: its client is not told', task_id)
            require(ending.outcome is not None, '%s: there is nothing to tell', task_id)
        require(len(self._resender) == len(self._telling), 'somebody is told of a task that is not over')

    def _move_to_memory(self, now, task_id):
        # type: (float, str) -> None
        self._remembered.add(now, task_id, self._telling.pop(task_id))
