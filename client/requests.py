"""A task of a client and its states."""

from __future__ import absolute_import, division, print_function

from net_protocol.rows import CANCELLED, DONE, EXPIRED, FAILED
from net_protocol.states import Stateful

MYPY = False
if MYPY:
    from typing import Any, List  # noqa: F401

#: It may not be submitted yet: for the first time, or again after a refusal.
HELD = 'held'
#: On its way to the dispatcher; nothing was heard of it.
SUBMITTED = 'submitted'
#: The dispatcher has it.
ACCEPTED = 'accepted'
#: The client asked the dispatcher to cancel it.
CANCELLING = 'cancelling'

#: Ends besides the dispatcher's four: the result is wrong; refused for good; no outcome in time.
WRONG = 'wrong'
REFUSED = 'refused'
GIVEN_UP = 'given_up'

#: All ends of a request, in the order in which they are shown.
ENDS = (DONE, FAILED, EXPIRED, REFUSED, CANCELLED, GIVEN_UP, WRONG)

_ENDS = {end: end for end in ENDS}


class Request(Stateful):
    """A task from its beginning to its end."""

    __slots__ = ('number', 'payload', 'sent_at', 'intended_at', 'row', 'datagram', 'opening', 'refusal')

    #: Every state leads to every end: the dispatcher's word on how a task ended is final.
    TRANSITIONS = {
        HELD: dict(_ENDS, submit=SUBMITTED),
        # A refusal counts after the acknowledgement too; and a task is submitted again on a channel that began anew.
        SUBMITTED: dict(_ENDS, accept=ACCEPTED, hold=HELD, submit=SUBMITTED, cancel=CANCELLING),
        ACCEPTED: dict(_ENDS, hold=HELD, submit=SUBMITTED, cancel=CANCELLING),
        CANCELLING: _ENDS,
        DONE: {}, FAILED: {}, EXPIRED: {}, REFUSED: {}, CANCELLED: {}, GIVEN_UP: {}, WRONG: {},
    }

    def __init__(self, number, payload, sent_at):
        # type: (int, Any, float) -> None
        self.state = HELD
        self.number = number
        self.payload = payload
        self.sent_at = sent_at
        #: When it was to be sent: earlier where no task may be out any more, or a turn is late.
        self.intended_at = sent_at
        #: The ``submit`` row that counts; copies of a former one do not.
        self.row = None  # type: List[Any] | None
        #: The number of the last datagram that carried this row; 0 until it leaves.
        self.datagram = 0
        #: How often the channel had opened when it was submitted; 0 if it never was.
        self.opening = 0
        #: Why it was refused last, or None.
        self.refusal = None  # type: str | None

    def describe(self):
        # type: () -> str
        return 'request %d' % self.number
