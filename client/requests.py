"""A task of a client and its states."""

from __future__ import absolute_import, division, print_function

from net_protocol.rows import CANCELLED, DONE, EXPIRED, FAILED
from net_protocol.states import Stateful

MYPY = False
if MYPY:
    from typing import Any, List  # noqa: F401

#: The task waits to be submitted, for the first time or after a refusal.
HELD = 'held'
#: The submit is not acknowledged yet.
SUBMITTED = 'submitted'
#: The dispatcher has acknowledged the submit.
ACCEPTED = 'accepted'
#: The client asked the dispatcher to cancel it.
CANCELLING = 'cancelling'

#: Ends besides the four outcomes of the dispatcher: the result is wrong; refused permanently; no outcome in time.
WRONG = 'wrong'
REFUSED = 'refused'
GIVEN_UP = 'given_up'

#: All ends of a request, in the order of the statistics.
ENDS = (DONE, FAILED, EXPIRED, REFUSED, CANCELLED, GIVEN_UP, WRONG)

_ENDS = {end: end for end in ENDS}


class Request(Stateful):
    __slots__ = ('number', 'payload', 'sent_at', 'intended_at', 'row', 'datagram', 'opening', 'refusal')

    #: Every state allows every end, because the outcome from the dispatcher is final.
    TRANSITIONS = {
        HELD: dict(_ENDS, submit=SUBMITTED),
        # ACCEPTED allows ``hold``, because a refusal may follow the acknowledgement. A new channel resubmits tasks.
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
        #: The intended time of sending: earlier if the task was held back or a turn was late.
        self.intended_at = sent_at
        #: The latest ``submit`` row. Acknowledgements of older rows do not count.
        self.row = None  # type: List[Any] | None
        #: The number of the last datagram with this row; 0 before it is sent.
        self.datagram = 0
        #: The number of channel openings at the last submit; 0 before the first one.
        self.opening = 0
        #: The reason of the last refusal, or None.
        self.refusal = None  # type: str | None

    def describe(self):
        # type: () -> str
        return 'request %d' % self.number
