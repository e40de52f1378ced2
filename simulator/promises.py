"""What a dispatcher with a journal promised in any of its lives, held against its disk and against its next life.

Without a journal a promise ends with the life that gave it; with one it does not. Seen from outside: what was promised
is what left the process, what is kept is what the disk says.
"""

from __future__ import absolute_import, division, print_function

from dispatcher.journal import ACCEPTED, ENDED, TOLD
from dispatcher.journal_rows import JournalRows
from simulator.violations import broken

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Set, Tuple  # noqa: F401

    from dispatcher.journal import Row  # noqa: F401
    from simulator.disk import Disk  # noqa: F401


class Promises(object):
    """All promises that hold now, whichever life gave them."""

    def __init__(self, disk):
        # type: (Disk) -> None
        self.disk = disk
        # Tasks whose client was told that they are accepted.
        self._accepted = set()  # type: Set[str]
        # Task id -> what its client was told, word for word.
        self._told = {}  # type: Dict[str, Any]
        # Task id -> the numbers of all its attempts.
        self._attempts = {}  # type: Dict[str, Set[int]]

    def told(self, task_id):
        # type: (str) -> Any
        """What its client was told, or None."""
        return self._told.get(task_id)

    # What leaves the dispatcher.

    def note_accepted_sent(self, task_id):
        # type: (str) -> None
        """Nobody hears that a task is accepted before it is on the disk."""
        if self.disk.state_of(task_id) is None:
            raise broken('S1', task_id, 'called accepted, and not on the disk')
        self._accepted.add(task_id)

    def note_accepted_anew(self, task_id):
        # type: (str) -> None
        """A task is taken for a new one. What was promised of it would be known."""
        if task_id in self._accepted:
            raise broken('S14', task_id, 'accepted anew, and it was accepted before')
        self.forget(task_id)

    def note_outcome_sent(self, task_id, told):
        # type: (str, Any) -> None
        """Nobody hears an outcome before it is on the disk; and never another than any life told before."""
        if self.disk.state_of(task_id) not in (ENDED, TOLD):
            raise broken('S1', task_id, 'its client is told %s, and that is not on the disk', told[0])
        before = self._told.setdefault(task_id, told)
        if before != told:
            raise broken('S2', task_id, 'an earlier life told %r, this one %r', before, told)

    def note_refused_sent(self, task_id):
        # type: (str) -> None
        """Whoever was accepted is not refused later."""
        if task_id in self._accepted:
            raise broken('S1', task_id, 'refused after it was accepted')

    def note_attempt(self, task_id, number):
        # type: (str, int) -> None
        """No number means two attempts, in however many lives."""
        numbers = self._attempts.setdefault(task_id, set())
        if number in numbers:
            raise broken('S14', task_id, 'attempt %d is given twice', number)
        numbers.add(number)

    def forget(self, task_id):
        # type: (str) -> None
        """It was over for so long that nobody need remember it."""
        self._accepted.discard(task_id)
        self._told.pop(task_id, None)
        self._attempts.pop(task_id, None)

    # Lives.

    def begin_life(self, wall_now):
        # type: (float) -> List[Row]
        """What the disk holds for the next life; everything promised is among it."""
        rows = list(JournalRows().read([row for _, row in sorted(self.disk.rows.items())], wall_now))
        kinds = {row[1]: row[0] for row in rows}
        for task_id in sorted(self._accepted):
            if task_id not in kinds:
                raise broken('S14', task_id, 'accepted, and lost with the life that accepted it')
        for task_id in sorted(self._told):
            if kinds.get(task_id) not in (ENDED, TOLD):
                raise broken('S14', task_id, 'its client was told %s, and that is lost', self._told[task_id][0])
        return rows

    def begin_anew(self):
        # type: () -> None
        """Somebody took the journal away, or put an older one in its place: what it says is all that is promised."""
        kinds = {row[1]: self.disk.state_of(row[1]) for row in self.disk.rows.values()}
        self._accepted = {task_id for task_id, kind in kinds.items() if kind == ACCEPTED}
        self._told.clear()
        self._attempts.clear()
