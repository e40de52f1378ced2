"""The records of a calculator: running attempts, assignment numbers, pages of heartbeats.

A task is held at most once. The assignment number of an orphan, which a former incarnation of the dispatcher assigned,
is 0.
"""

from __future__ import absolute_import, division, print_function

from net_protocol.limits import HEARTBEAT_LIST_BYTES

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Set, Tuple  # noqa: F401

#: The ends of an attempt: result acknowledged; revoked; lost in a crash; given up at the end of the drain.
REPORTED = 'reported'
REVOKED = 'revoked'
LOST = 'lost'
ABANDONED = 'abandoned'
ENDS = (REPORTED, REVOKED, LOST, ABANDONED)
#: No child started it: it does not count as assigned.
NOT_STARTED = 'not_started'

#: The largest number of missing assignment numbers. Beyond it the lowest ones count as known.
MISSING_MAX = 20000


class Running(object):
    __slots__ = ('assignment', 'task_id', 'payload', 'call')

    def __init__(self, assignment, task_id, payload):
        # type: (int, str, Any) -> None
        self.assignment = assignment
        self.task_id = task_id
        self.payload = payload
        #: The number of its call; 0 for a notional task.
        self.call = 0


class Numbers(object):
    """The set of known assignment numbers. The dispatcher counts 1, 2, 3 ..., so few numbers are missing."""

    def __init__(self):
        # type: () -> None
        self.highest = 0
        self.missing = set()  # type: Set[int]

    def clear(self):
        # type: () -> None
        self.highest = 0
        self.missing.clear()

    def note(self, number, lowest):
        # type: (int, int) -> bool
        """Add a number; returns whether it is new. Numbers below ``lowest`` are no longer valid."""
        if number < lowest:
            return False
        if number > self.highest:
            first = max(self.highest + 1, lowest, number - MISSING_MAX)
            self.highest = number
            if first < number:
                self._note_missing(first, number, lowest)
            return True
        if number in self.missing:
            self.missing.remove(number)
            return True
        return False

    def _note_missing(self, first, number, lowest):
        # type: (int, int, int) -> None
        missing = self.missing
        missing.update(range(first, number))
        if len(missing) > MISSING_MAX:
            self.missing = set(sorted(known for known in missing if known >= lowest)[-MISSING_MAX:])


def heartbeat_pages(assignments, orphans):
    # type: (List[int], List[str]) -> List[Tuple[List[List[int]], List[str]]]
    """``(ranges of assignment numbers, task ids of orphans)`` for each page of a heartbeat, at least one."""
    pages = [([], [])]  # type: List[Any]
    left = HEARTBEAT_LIST_BYTES
    entries = [(0, held, len('[%d,%d],' % tuple(held))) for held in ranges(assignments)]  # type: List[Any]
    entries += [(1, task_id, len(task_id) + 3) for task_id in sorted(orphans)]
    for part, entry, size in entries:
        left -= size
        if left < 0:
            pages.append(([], []))
            left = HEARTBEAT_LIST_BYTES
        pages[-1][part].append(entry)
    return pages


def ranges(numbers):
    # type: (List[int]) -> List[List[int]]
    """Ascending ranges [first, last] of these numbers."""
    found = []  # type: List[List[int]]
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found
