"""What dispatchers with a journal promised, compared with their disk and with what their successors know.

Without a journal a promise ends with the incarnation that gave it; with one it does not. Seen from outside: what was
promised is what clients were sent, what is kept is what the disk says.
"""

from __future__ import absolute_import, division, print_function

from dispatcher.journal import ENDED
from dispatcher.journal_rows import JournalRows
from simulator.violations import broken

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Set, Tuple  # noqa: F401

    from simulator.disk import Disk  # noqa: F401
    from simulator.ledger import Entry, Ledger  # noqa: F401


class Promises(object):
    """All promises that hold now, whichever incarnation gave them."""

    def __init__(self, disk, ledger):
        # type: (Disk, Ledger) -> None
        self.disk = disk
        self._ledger = ledger
        # The incarnations that wrote to the present journal.
        self._incarnations = set()  # type: Set[str]
        # Tasks whose submit was acknowledged.
        self._acknowledged = set()  # type: Set[str]
        # Task id -> what its client was told, word for word.
        self._told = {}  # type: Dict[str, Any]
        # Tasks whose outcome was dropped because their client was absent for long.
        self._dropped = set()  # type: Set[str]

    def note_acknowledged(self, dispatcher, task_id):
        # type: (str, str) -> None
        """The client takes it for accepted. A crash must not change that."""
        if dispatcher in self._incarnations and task_id not in self._dropped:
            if self.disk.state_of(task_id) is None:
                raise broken('S1', task_id, 'acknowledged, and not on the disk')
            self._acknowledged.add(task_id)

    def note_outcome_sent(self, task_id, told):
        # type: (str, Any) -> None
        """No outcome leaves before it is on the disk, and none that differs from what any incarnation sent before."""
        if self.disk.state_of(task_id) != ENDED:
            raise broken('S1', task_id, 'its client is told %s, and that is not on the disk', told[0])
        before = self._told.setdefault(task_id, told)
        if before != told:
            raise broken('S2', task_id, 'an earlier incarnation told %r, this one %r', before, told)

    def note_dropped(self, task_id):
        # type: (str) -> None
        """Nothing is promised of it any more."""
        self.forget(task_id)
        self._dropped.add(task_id)

    def forget(self, task_id):
        # type: (str) -> None
        """The task is accepted once more."""
        self._dropped.discard(task_id)
        self._acknowledged.discard(task_id)
        self._told.pop(task_id, None)

    def recovered(self, incarnation, wall_now):
        # type: (str, float) -> List[Tuple[str, bool, float]]
        """(task id, whether it is over, time left) of all that the disk holds for the next incarnation.

        Everything promised is among it.
        """
        self._incarnations.add(incarnation)
        rows = JournalRows().read([row for _, row in sorted(self.disk.rows.items())], wall_now)
        found = [(task_id, kind == ENDED, time_left_s) for kind, task_id, _, time_left_s in rows]
        kinds = {task_id: is_over for task_id, is_over, _ in found}
        for task_id in sorted(self._acknowledged):
            if task_id not in kinds and self._ledger.tasks[task_id].is_awaited:
                raise broken('S14', task_id, 'accepted, and lost with the incarnation that accepted it')
        for task_id in sorted(self._told):
            if not kinds.get(task_id, True):
                raise broken('S14', task_id, 'its client was told %s, and that is lost', self._told[task_id][0])
        return found

    def begin_anew(self):
        # type: () -> None
        """Somebody took the journal away, or put an older one in its place: nothing is promised."""
        self._incarnations.clear()
        self._acknowledged.clear()
        self._told.clear()
        self._dropped.clear()
