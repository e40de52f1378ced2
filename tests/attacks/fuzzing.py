"""The bar that all fuzzing is held to, in one sentence: any bytes -> valid messages or one counted refusal, nothing
else, memory flat.

A datagram is offered to a client, a dispatcher and a calculator as they run in real processes, everything but the
socket: what passes the codec goes on to the handlers, timers fire, the books have to agree, and what comes of it has to
be fit to be sent.
"""

from __future__ import absolute_import, division, print_function

import random

from calculator.core import CalculatorCore
from calculator.settings import SETTINGS as CALCULATOR_SETTINGS
from client.core import ClientCore
from client.settings import SETTINGS as CLIENT_SETTINGS
from dispatcher.core import DispatcherCore
from dispatcher.settings import SETTINGS as DISPATCHER_SETTINGS
from net_protocol import codec
from net_protocol.addresses import Addresses
from net_protocol.errors import DatagramRefused
from net_protocol.guard import CALCULATOR, CLIENT, DISPATCHER, Guard
from net_protocol.seals import CHECKSUM
from net_protocol.wire import Wire

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

KEY = b'k' * 40
PEER, STRANGER = ('127.0.0.1', 5555), ('127.0.0.1', 6666)
LIVES = {CLIENT: 'clientaa', DISPATCHER: 'dispatch', CALCULATOR: 'calculat'}
#: Between two datagrams: far enough that timers of every kind fire now and then, near enough that tasks live on.
STEP_S = 0.07

VALID, UNACQUAINTED = 'valid', 'unacquainted'


class Target(object):
    """The three cores, each behind a wire of its own; with ``key``, wires that believe nobody else."""

    def __init__(self, key=None):
        # type: (bytes | None) -> None
        self.now = 1000.0
        self.verdicts = {}  # type: Dict[str, int]
        self.seal = CHECKSUM if key is None else Guard(CLIENT, [key]).seal
        small = {'remembered_max': 50, 'pending_max': 50, 'calculators_max': 50}
        self._cores = [
            ClientCore(CLIENT_SETTINGS.checked({}), 'client', LIVES[CLIENT], random.Random(1), PEER),
            DispatcherCore(DISPATCHER_SETTINGS.checked(small), 'dispatcher', LIVES[DISPATCHER], random.Random(2)),
            CalculatorCore(CALCULATOR_SETTINGS.checked({'capacity': 3}), 'calculator', lambda: LIVES[CALCULATOR],
                           random.Random(3), PEER)]
        roles = (CLIENT, DISPATCHER, CALCULATOR)
        self._wires = [Wire(core, Addresses(b'', lambda _: True), None if key is None else Guard(role, [key]))
                       for core, role in zip(self._cores, roles)]
        for core in self._cores:
            core.start(self.now)

    def offer(self, datagram):
        # type: (bytes) -> str
        """One datagram to all three. Returns the verdict; raises whatever should not happen."""
        self.now += STEP_S
        found = [self._offer(core, wire, datagram) for core, wire in zip(self._cores, self._wires)]
        for verdict in set(found):
            self.verdicts[verdict] = self.verdicts.get(verdict, 0) + 1
        # With a key, what is meant for one of them is not meant for the others.
        assert len(set(found)) == 1 or self.seal is not CHECKSUM, 'the three do not agree: %r' % found
        return found[0]

    def _offer(self, core, wire, datagram):
        # type: (Any, Wire, bytes) -> str
        traffic = wire.traffic
        before = traffic.datagrams_in, traffic.messages_in, sum(traffic.refused.values()), traffic.unacquainted
        try:
            wire.receive(self.now, datagram, STRANGER)
        except DatagramRefused as refusal:
            verdict = refusal.cause
            assert str(refusal.detail), 'a refusal says why'
        else:
            verdict = VALID if traffic.unacquainted == before[3] else UNACQUAINTED
        after = traffic.datagrams_in, traffic.messages_in, sum(traffic.refused.values()), traffic.unacquainted
        assert after[0] == before[0] + 1, 'each is counted once'
        assert (after[1] > before[1], after[2] - before[2], after[3] - before[3]) == (
            verdict == VALID, verdict not in (VALID, UNACQUAINTED), verdict == UNACQUAINTED), 'one of three'
        core.handle_timer(self.now)
        core.check_invariants()
        core.take_events()
        for _, said in wire.take_datagrams(self.now):
            codec.decode(said, wire._seal)
        return verdict
