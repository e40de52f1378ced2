"""Three kinds of errors: mistakes of a peer, mistakes of a caller, and bugs.

A mistake of a peer is a ``DatagramRefused``: the turn counts it by cause and goes on. A mistake of the code that uses a
core is a ``MisuseError`` and is raised to that code. Everything else, such as a ``BrokenInvariant``, is a bug. It stops
the process, because with wrong tables tasks could be lost silently.
"""

from __future__ import absolute_import, division, print_function


class DatagramRefused(Exception):
    """A datagram violates the protocol. Nothing of it is handled.

    ``cause`` is a key of ``Traffic.refused``, where it is counted. ``detail`` is for people who read the log.
    """

    def __init__(self, cause, detail):
        # type: (str, str) -> None
        super(DatagramRefused, self).__init__('%s: %s' % (cause, detail))
        self.cause = cause
        self.detail = detail


class MisuseError(Exception):
    """Our own code asked for something that the protocol does not allow."""


class TooLarge(MisuseError):
    """A payload or result is larger than one message may carry."""

    def __init__(self, what, size, limit):
        # type: (str, int, int) -> None
        super(TooLarge, self).__init__('%s of %d bytes as JSON is over the limit of %d bytes' % (what, size, limit))
        self.size = size
        self.limit = limit


class BrokenInvariant(AssertionError):
    """The tables contradict each other."""


class IllegalTransition(BrokenInvariant):
    def __init__(self, thing, state, event, history):
        # type: (str, str, str, str) -> None
        super(IllegalTransition, self).__init__(
            '%s: no step %r from state %r; before that: %s' % (thing, event, state, history or 'nothing'))
