"""A scheduler in virtual time."""

from __future__ import absolute_import, division, print_function

from heapq import heappop, heappush

MYPY = False
if MYPY:
    from typing import Any, Callable, List, Tuple  # noqa: F401


class Agenda(object):
    """Runs actions in the order of their time. Actions of the same time run in the order in which they were added."""

    def __init__(self):
        # type: () -> None
        self.now = 0.0
        self._entries = []  # type: List[Tuple[float, int, Callable[[Any], None], Any]]
        self._sequence = 0

    def __len__(self):
        # type: () -> int
        return len(self._entries)

    def at(self, when, action, argument=None):
        # type: (float, Callable[[Any], None], Any) -> None
        """Call ``action(argument)`` at ``when``, or now if that has passed."""
        self._sequence += 1
        heappush(self._entries, (when if when > self.now else self.now, self._sequence, action, argument))

    def after(self, seconds, action, argument=None):
        # type: (float, Callable[[Any], Any], Any) -> None
        """Call ``action(argument)`` in ``seconds``."""
        self.at(self.now + seconds, action, argument)

    def run(self, until):
        # type: (float) -> None
        """Run all actions up to ``until``, then set the time to ``until``."""
        entries = self._entries
        while entries and entries[0][0] <= until:
            self.now, _, action, argument = heappop(entries)
            action(argument)
        self.now = max(self.now, until)
