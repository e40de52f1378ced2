"""A dict for keys that come and go without end, whose memory stays even.

A dict in which keys are replaced for ever is copied into a new table now and then, so for a moment there are two, and
where the second one fits nowhere the process grows by it: a dispatcher that remembers 100,000 tasks went from 63 to
75 MB in that way, once within a million tasks. Many small dicts take turns, and each table fits where another was.
"""

from __future__ import absolute_import, division, print_function

MYPY = False
if MYPY:
    from typing import Any, Dict, Hashable, List  # noqa: F401

#: So many that the table of each stays below 128 KiB with 100,000 entries in all, which is what allocators keep
#: among the small; a power of two.
PARTS = 256

#: After so many deletions the next part is copied. A dict in which as much is put in as taken out is replaced by one
#: for three times as many keys when its table is used up; a copy has the size of what is in it, and fits where another
#: was.
DELETIONS_PER_COPY = 192


class SpreadDict(object):
    """As much of a dict as is needed. It has no order, so that the hash of a key can never reach an output."""

    __slots__ = ('_parts', '_length', '_deletions', '_next_copy')

    def __init__(self):
        # type: () -> None
        self._parts = [{} for _ in range(PARTS)]  # type: List[Dict[Any, Any]]
        self._length = 0
        self._deletions = 0
        self._next_copy = 0

    def __len__(self):
        # type: () -> int
        return self._length

    def __setitem__(self, key, value):
        # type: (Hashable, Any) -> None
        part = self._parts[hash(key) & PARTS - 1]
        if key not in part:
            self._length += 1
        part[key] = value

    def __delitem__(self, key):
        # type: (Hashable) -> None
        del self._parts[hash(key) & PARTS - 1][key]
        self._note_deletion()

    def __contains__(self, key):
        # type: (Hashable) -> bool
        return key in self._parts[hash(key) & PARTS - 1]

    def get(self, key):
        # type: (Hashable) -> Any
        """The value of a key, or None."""
        return self._parts[hash(key) & PARTS - 1].get(key)

    def pop(self, key, default):
        # type: (Hashable, Any) -> Any
        """Forget a key and return its value, or the default where it is not there."""
        part = self._parts[hash(key) & PARTS - 1]
        if key not in part:
            return default
        value = part.pop(key)
        self._note_deletion()
        return value

    def clear(self):
        # type: () -> None
        """Forget all."""
        for part in self._parts:
            part.clear()
        self._length = 0

    def _note_deletion(self):
        # type: () -> None
        self._length -= 1
        self._deletions += 1
        if self._deletions == DELETIONS_PER_COPY:
            self._deletions = 0
            self._parts[self._next_copy] = dict(self._parts[self._next_copy])
            self._next_copy = (self._next_copy + 1) % PARTS
