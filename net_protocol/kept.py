"""Messages that may not have been believed, or might not be sent, and are said again as soon as they can be.

Whatever matters is resent anyway. This saves the wait for that in the first moments of an acquaintance, and what is not
said again within the time of a first resend is left to it: nothing here makes a message older than that.
"""

from __future__ import absolute_import, division, print_function

from collections import deque

from net_protocol.delivery import JITTER_MAX, RESEND_FIRST_S

MYPY = False
if MYPY:
    from typing import Any, Deque, Dict, Iterable, List, Tuple  # noqa: F401

    from net_protocol.messages import Message  # noqa: F401

#: How long a message is kept.
KEPT_S = RESEND_FIRST_S * JITTER_MAX

#: Messages kept for one address, and addresses for which any are kept.
MESSAGES_MAX = 256
ADDRESSES_MAX = 1000


class Kept(object):
    """Messages by address, each for ``KEPT_S``."""

    def __init__(self):
        # type: () -> None
        #: Address -> its messages and until when each is kept, the oldest first.
        self.by_address = {}  # type: Dict[Any, Deque[Tuple[float, Message]]]
        # (when the newest message of that time is over, address), the oldest first.
        self._order = deque()  # type: Deque[Tuple[float, Any]]

    def __len__(self):
        # type: () -> int
        """For how many addresses something is kept."""
        return len(self.by_address)

    def keep(self, now, address, messages):
        # type: (float, Any, Iterable[Message]) -> None
        """Keep these, or not where there are too many: a resend brings them."""
        self._forget(now)
        kept = self.by_address.get(address)
        if kept is None:
            if len(self.by_address) >= ADDRESSES_MAX:
                return
            kept = self.by_address[address] = deque(maxlen=MESSAGES_MAX)
        until = now + KEPT_S
        kept.extend([(until, message) for message in messages])
        self._order.append((until, address))

    def take(self, now, address):
        # type: (float, Any) -> List[Message]
        """What is kept for an address; it is kept no longer."""
        return [message for until, message in self.by_address.pop(address, ()) if now < until]

    def _forget(self, now):
        # type: (float) -> None
        while self._order and self._order[0][0] <= now:
            until, address = self._order.popleft()
            kept = self.by_address.get(address)
            if kept is not None and kept[-1][0] <= until:
                del self.by_address[address]
