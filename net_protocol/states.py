"""States as keys of a table, written by one method.

A class that has states lists them in ``TRANSITIONS``: state -> {event: next state}; a terminal state maps to an empty
table. ``advance`` is the only code that writes ``state``. A step that is not in the table is a bug: it raises with the
old state, the event, and the thing's own history.
"""

from __future__ import absolute_import, division, print_function

from net_protocol.errors import IllegalTransition

MYPY = False
if MYPY:
    from typing import Dict  # noqa: F401


class Stateful(object):
    """Base of everything that has states. Subclasses set ``state`` once, at construction."""

    __slots__ = ('state',)
    TRANSITIONS = {}  # type: Dict[str, Dict[str, str]]

    def __init__(self, state):
        # type: (str) -> None
        self.state = state

    def advance(self, event):
        # type: (str) -> None
        """Take the step that ``event`` means in the present state, or raise ``IllegalTransition``."""
        try:
            self.state = self.TRANSITIONS[self.state][event]
        except KeyError:
            raise IllegalTransition(self.describe(), self.state, event, self.history())

    @property
    def is_over(self):
        # type: () -> bool
        """No further step is possible."""
        return not self.TRANSITIONS[self.state]

    def describe(self):
        # type: () -> str
        """Which thing this is, for an error."""
        return type(self).__name__

    def history(self):
        # type: () -> str
        """What happened to it so far, for an error."""
        return ''
