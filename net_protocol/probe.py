"""The smallest core: it asks one process whether it answers."""

from __future__ import absolute_import, division, print_function

from net_protocol.core import Core
from net_protocol.messages import Ping, Pong

MYPY = False
if MYPY:
    from typing import Any, Dict  # noqa: F401

    from net_protocol.core import Sender  # noqa: F401

#: How long an answer is waited for: a health check has to be quick, and two datagrams may be lost on the way.
WAIT_S = 2.0


class ProbeCore(Core):
    """Sends a ping until its pong is here, for two seconds at most. ``has_answer`` tells."""

    HANDLERS = {Pong: '_on_pong'}

    def __init__(self, incarnation, rng, target):
        # type: (str, Any, Any) -> None
        super(ProbeCore, self).__init__('probe', incarnation)
        # It answers nobody: its own question, thrown back, would bring the answer with it.
        del self._on_message[Ping]
        self.has_answer = False
        self._target = target
        self._nonce = rng.getrandbits(48)
        self._pings = self._new_resender('ping', rng, self._give_up)

    def start(self, now):
        # type: (float) -> None
        self._pings.begin(now, self._nonce, self._target, Ping(self._nonce), now + WAIT_S)

    def stop(self, now):
        # type: (float) -> None
        self._stopped = True

    def account(self, now):
        # type: (float) -> Dict[str, Any]
        return {'has_answer': self.has_answer, 'counts': dict(self.counts, resent=self.resent)}

    def check_invariants(self):
        # type: () -> None
        """There is nothing that could contradict itself."""

    def _on_pong(self, now, sender, message):
        # type: (float, Sender, Pong) -> None
        if self._pings.end(message.nonce):
            self.has_answer = self._stopped = True

    def _give_up(self, now, nonce):
        # type: (float, int) -> None
        self._stopped = True
