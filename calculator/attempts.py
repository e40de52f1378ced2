"""One attempt on the calculator: a task it works on, or has finished and not yet got rid of the result."""

from __future__ import absolute_import, division, print_function

from net_protocol.states import Stateful

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401

RUNNING = 'running'
#: Finished; the result is resent until the dispatcher acknowledges it.
UNREPORTED = 'unreported'
REPORTED = 'reported'
REVOKED = 'revoked'
#: Lost in a crash, or given up when the drain took too long.
LOST = 'lost'
ABANDONED = 'abandoned'

#: How an attempt ends here; each attempt taken ends in exactly one of these.
ENDS = (REPORTED, REVOKED, LOST, ABANDONED)


class HeldAttempt(Stateful):
    """A task in this calculator's hands. ``attempt`` is the newest number the dispatcher gave for it;
    nobody waits for a result after ``wanted_until``.
    """

    __slots__ = ('task_id', 'attempt', 'payload', 'wanted_until')

    TRANSITIONS = {
        RUNNING: {'finish': UNREPORTED, 'revoke': REVOKED, 'crash': LOST, 'abandon': ABANDONED},
        UNREPORTED: {'acknowledge': REPORTED, 'revoke': REVOKED, 'crash': LOST, 'abandon': ABANDONED},
        REPORTED: {}, REVOKED: {}, LOST: {}, ABANDONED: {},
    }

    def __init__(self, task_id, attempt, payload, wanted_until):
        # type: (str, int, Any, float) -> None
        super(HeldAttempt, self).__init__(RUNNING)
        self.task_id = task_id
        self.attempt = attempt
        self.payload = payload
        self.wanted_until = wanted_until

    def describe(self):
        # type: () -> str
        return 'attempt %d of %s' % (self.attempt, self.task_id)
