"""One request of a client: a task it sent and what is known of it."""

from __future__ import absolute_import, division, print_function

from net_protocol.messages import CANCELLED, DONE, EXPIRED, FAILED
from net_protocol.states import Stateful

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401

#: Submitted, and nothing heard yet: ``submit`` is resent with back-off.
SUBMITTED = 'submitted'
#: The dispatcher has it: the client asks again slowly, in case the dispatcher loses everything.
ACCEPTED = 'accepted'
#: Waits until it may be submitted, anew where it was refused with the advice to ask later.
POSTPONED = 'postponed'
#: The client no longer waits and has said so.
CANCELLING = 'cancelling'

#: Terminal states beside the dispatcher's four: the answer did not fit the question; refused for good; no outcome in
#: time.
WRONG = 'wrong'
REFUSED = 'refused'
GIVEN_UP = 'given_up'

#: All ends of a request, in the order in which people want to read them.
ENDS = (DONE, FAILED, EXPIRED, REFUSED, CANCELLED, GIVEN_UP, WRONG)

# Whatever the client believes, the dispatcher's word on how the task ended is final.
_OUTCOMES = {DONE: DONE, WRONG: WRONG, FAILED: FAILED, EXPIRED: EXPIRED, CANCELLED: CANCELLED, GIVEN_UP: GIVEN_UP}


def _and_outcomes(steps):
    # type: (Any) -> Any
    return dict(_OUTCOMES, **steps)


class Request(Stateful):
    """A task from the client's side, from its beginning to its end."""

    __slots__ = ('number', 'task_id', 'payload', 'sent_at', 'deadline_at', 'refusal', 'opening')

    TRANSITIONS = {
        SUBMITTED: _and_outcomes({'accept': ACCEPTED, 'postpone': POSTPONED, 'refuse': REFUSED, 'cancel': CANCELLING}),
        # No refusal: what the dispatcher accepted it does not refuse, so that is an old copy.
        ACCEPTED: _and_outcomes({'forgotten': SUBMITTED, 'cancel': CANCELLING}),
        POSTPONED: _and_outcomes({'submit': SUBMITTED, 'accept': ACCEPTED, 'refuse': REFUSED, 'cancel': CANCELLING}),
        CANCELLING: _and_outcomes({}),
        DONE: {}, FAILED: {}, EXPIRED: {}, REFUSED: {}, CANCELLED: {}, GIVEN_UP: {}, WRONG: {},
    }

    def __init__(self, number, task_id, payload, sent_at, deadline_at):
        # type: (int, str, Any, float, float) -> None
        super(Request, self).__init__(SUBMITTED)
        self.number = number
        self.task_id = task_id
        self.payload = payload
        self.sent_at = sent_at
        self.deadline_at = deadline_at
        # Why it was refused last, or None.
        self.refusal = None  # type: str | None
        # How often the gate had been opened again when it passed last.
        self.opening = 0

    def describe(self):
        # type: () -> str
        return 'request %s' % self.task_id
