"""States as keys of a table, written by one method.

A class that has states lists them in ``TRANSITIONS``: state -> {event: next state}; a terminal state maps to an empty
table. ``advance`` is the only code that writes ``state``. A step that is not in the table is a bug: it raises an error
with the old state, the event, and the history of the object.
"""

from __future__ import absolute_import, division, print_function

from net_protocol.errors import IllegalTransition

MYPY = False
if MYPY:
    from typing import Dict  # noqa: F401


class Stateful(object):

    __slots__ = ('state',)
    TRANSITIONS = {}  # type: Dict[str, Dict[str, str]]

    def __init__(self, state):
        # type: (str) -> None
        self.state = state

    def advance(self, event):
        # type: (str) -> None
        """Take the step for ``event``. Raises ``IllegalTransition`` if the present state has none."""
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
        """The name of the object, for an error."""
        return type(self).__name__

    def history(self):
        # type: () -> str
        """What has happened to the object, for an error."""
        return ''
