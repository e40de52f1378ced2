"""Deadlines in a heap.

A timer is a key with a deadline. The entry of a timer that was cancelled or set again stays in the heap until it comes
to the front, where it is skipped. So set, cancel and fire are O(log n). If more than half of the entries are not valid
any more, the heap is rebuilt, so that memory follows the number of live timers.
"""

from __future__ import absolute_import, division, print_function

from heapq import heapify, heappop, heappush

MYPY = False
if MYPY:
    from typing import Any, Dict, Hashable, Iterator, List, Tuple  # noqa: F401

#: Below this many entries the heap is not worth rebuilding.
_SMALL = 64


class Timers(object):
    """Keys with deadlines. A key fires once, never before its deadline."""

    def __init__(self):
        # type: () -> None
        # Entries are (deadline, sequence, key). The sequence breaks ties, so keys are never compared, and it shows
        # whether an entry is still valid.
        self._heap = []  # type: List[Tuple[float, int, Any]]
        self._live = {}  # type: Dict[Any, int]
        self._sequence = 0

    def __len__(self):
        # type: () -> int
        return len(self._live)

    def __contains__(self, key):
        # type: (Hashable) -> bool
        return key in self._live

    def set(self, key, deadline):
        # type: (Hashable, float) -> None
        """Set or move the deadline of ``key``."""
        self._sequence += 1
        self._live[key] = self._sequence
        heappush(self._heap, (deadline, self._sequence, key))
        if len(self._heap) > 2 * len(self._live) + _SMALL:
            self._rebuild(0)

    def cancel(self, key):
        # type: (Hashable) -> bool
        """Cancel a timer. Returns whether it was set."""
        return self._live.pop(key, None) is not None

    def clear(self):
        # type: () -> None
        del self._heap[:]
        self._live.clear()

    def postpone(self, seconds):
        # type: (float) -> None
        """Move all deadlines by ``seconds``."""
        self._rebuild(seconds)

    def next_deadline(self):
        # type: () -> float | None
        heap = self._heap
        while heap:
            deadline, sequence, key = heap[0]
            if self._live.get(key) == sequence:
                return deadline
            heappop(heap)
        return None

    def take_due(self, now):
        # type: (float) -> Iterator[Any]
        """Remove and yield the keys whose deadline is at or before ``now``, in the order of their deadlines.

        A timer that is set meanwhile, even for ``now``, waits for the next call, so a turn always ends. A timer that is
        cancelled meanwhile does not fire.
        """
        decided = self._sequence
        set_meanwhile = []
        try:
            while self._heap and self._heap[0][0] <= now:
                entry = heappop(self._heap)
                _, sequence, key = entry
                if self._live.get(key) != sequence:
                    continue
                if sequence > decided:
                    set_meanwhile.append(entry)
                    continue
                del self._live[key]
                yield key
        finally:
            # Also if the caller stopped early.
            for entry in set_meanwhile:
                heappush(self._heap, entry)

    def _rebuild(self, shift):
        # type: (float) -> None
        self._heap = [(deadline + shift, sequence, key) for deadline, sequence, key in self._heap
                      if self._live.get(key) == sequence]
        heapify(self._heap)
