"""Compares what dispatchers with a journal promised with their disk, and with what later incarnations know.

Without a journal, a promise ends with the incarnation of the dispatcher. With a journal, it does not. Everything is
observed from outside: a promise is what was sent to a client, and a promise is kept if the disk has it.
"""

from __future__ import absolute_import, division, print_function

from dispatcher.journal import ACCEPTED_CALL, ENDED
from dispatcher.journal_rows import JournalRows
from simulator.violations import broken

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Set, Tuple  # noqa: F401

    from simulator.disk import Disk  # noqa: F401
    from simulator.ledger import Ledger  # noqa: F401


class Promises(object):
    """All promises that hold now, whichever incarnation gave them."""

    def __init__(self, disk, ledger):
        # type: (Disk, Ledger) -> None
        self._disk = disk
        self._ledger = ledger
        # The dispatchers that wrote to the present journal, and the audit of the last one.
        self._dispatchers = set()  # type: Set[str]
        self._last = None  # type: Any
        # Tasks whose submit was acknowledged; task id -> the outcome that was sent to its client.
        self._acknowledged = set()  # type: Set[str]
        self._told = {}  # type: Dict[str, Any]

    def note_acknowledged(self, dispatcher, task_id):
        # type: (str, str) -> None
        """The client considers the task accepted. A crash must not change that."""
        if dispatcher in self._dispatchers and task_id not in self._ledger.dropped:
            if not self.is_kept(task_id):
                raise broken('S1', task_id, 'acknowledged, but not on the disk')
            self._acknowledged.add(task_id)

    def is_kept(self, task_id):
        # type: (str) -> bool
        return self._disk.state_of(task_id) is not None

    def note_outcome_sent(self, task_id, told):
        # type: (str, Any) -> None
        """An outcome must be on the disk before it is sent, and equal to any outcome that was sent before."""
        if self._disk.state_of(task_id) != ENDED:
            raise broken('S1', task_id, '%s is sent to its client, but is not on the disk', told[0])
        before = self._told.setdefault(task_id, told)
        if before != told:
            raise broken('S2', task_id, 'an earlier incarnation sent %r, and this one sends %r', before, told)

    def forget(self, task_id):
        # type: (str) -> None
        """The outcome of a task was dropped. If its client returns, the task may be accepted again."""
        self._acknowledged.discard(task_id)
        self._told.pop(task_id, None)

    def recovered(self, audit, wall_now):
        # type: (Any, float) -> List[Tuple[str, bool, float]]
        """Return (task id, whether it is over, time left) of each task on the disk, for the next incarnation.

        Raises a violation if a promised task or outcome is missing.
        """
        rows = JournalRows().read([row for _, row in sorted(self._disk.rows.items())], wall_now)
        # The wall clock may have been set. A call still has no more time than when it was accepted.
        found = [(task_id, kind == ENDED, min(time_left_s, body[3]) if kind == ACCEPTED_CALL else time_left_s)
                 for kind, task_id, body, time_left_s in rows]
        is_over = {task_id: is_over for task_id, is_over, _ in found}
        lost = sorted(task_id for task_id in self._acknowledged
                      if task_id not in is_over and self._ledger.tasks[task_id].is_awaited)
        lost += sorted(task_id for task_id in self._told if not is_over.get(task_id, True))
        if lost:
            was_stopped = self._last is not None and self._last.told_to_stop
            raise broken('S20' if was_stopped else 'S14', tuple(lost), 'promised, but lost with its incarnation')
        # A task that is not on the disk any more is over for its client.
        self._told = {task_id: told for task_id, told in self._told.items() if task_id in is_over}
        # These tasks are still on the disk: their removal was not written yet.
        self._ledger.dropped.difference_update(is_over)
        self._dispatchers.add(audit.core.incarnation)
        self._last = audit
        return found

    def begin_anew(self):
        # type: () -> None
        """The journal was removed or replaced by an older copy: nothing is promised any more."""
        for kept in (self._dispatchers, self._acknowledged, self._told):
            kept.clear()
        self._last = None
