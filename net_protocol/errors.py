"""Three kinds of trouble, and who is to blame for each.

A peer's mistake is a ``DatagramRefused``: the shell counts it by cause and goes on. A mistake of the code that uses
the cores is a ``MisuseError`` and is raised to that code. Everything else, a ``BrokenInvariant`` above all, is a bug:
it stops the process loudly, because going on with wrong books would lose somebody's task silently.
"""

from __future__ import absolute_import, division, print_function


class DatagramRefused(Exception):
    """A datagram is not exactly what the protocol says. Nothing of it is believed.

    ``cause`` is one of the names in ``codec.CAUSES`` (what is counted); ``detail`` is for a person reading the log.
    """

    def __init__(self, cause, detail):
        # type: (str, str) -> None
        super(DatagramRefused, self).__init__('%s: %s' % (cause, detail))
        self.cause = cause
        self.detail = detail


class MisuseError(Exception):
    """Our own code asked for something the protocol does not allow."""


class TooLarge(MisuseError):
    """A payload or result is larger than one message may carry."""

    def __init__(self, what, size, limit):
        # type: (str, int, int) -> None
        super(TooLarge, self).__init__('%s of %d bytes as JSON is over the limit of %d bytes' % (what, size, limit))
        self.size = size
        self.limit = limit


class BrokenInvariant(AssertionError):
    """The books contradict each other. Always a bug."""


class IllegalTransition(BrokenInvariant):
    """A step that the state table does not have; says the old state, the event and what happened before."""

    def __init__(self, thing, state, event, history):
        # type: (str, str, str, str) -> None
        super(IllegalTransition, self).__init__(
            '%s: no step %r from state %r; before that: %s' % (thing, event, state, history or 'nothing'))
