"""Telling the lives of a peer apart.

An incarnation is random, so it says nothing about order: a peer's present life is the one that was met last, and the
ones before it are remembered, so that a datagram that was under way for long is known as news of the past.
"""

from __future__ import absolute_import, division, print_function

from collections import deque

MYPY = False
if MYPY:
    from typing import Deque  # noqa: F401

#: Former lives that are remembered. More than a peer can go through while the network holds a datagram.
FORMER_LIVES_MAX = 8

FIRST = 'first'
SAME = 'same'
NEXT = 'next'
FORMER = 'former'


class Lives(object):
    """The present incarnation of one peer and those it had before."""

    __slots__ = ('current', '_former')

    def __init__(self):
        # type: () -> None
        self.current = None  # type: str | None
        self._former = deque(maxlen=FORMER_LIVES_MAX)  # type: Deque[str]

    def recognise(self, incarnation):
        # type: (str) -> str
        """Which life this is, without believing in it: FIRST, SAME, NEXT or FORMER."""
        if incarnation == self.current:
            return SAME
        if self.current is None:
            return FIRST
        return FORMER if incarnation in self._former else NEXT

    def meet(self, incarnation):
        # type: (str) -> str
        """Like ``recognise``; a first or next life becomes the present one."""
        which = self.recognise(incarnation)
        if which in (FIRST, NEXT):
            if self.current is not None:
                self._former.append(self.current)
            self.current = incarnation
        return which

    def return_to(self, incarnation):
        # type: (str) -> None
        """A former life turns out to be the present one: the one that was met last was news of the past."""
        self._former.remove(incarnation)
        if self.current is not None:
            self._former.append(self.current)
        self.current = incarnation
