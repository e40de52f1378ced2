"""Strangers: datagrams that nobody asked for.

Garbage, garbage with a checksum that is right, messages for another role and about tasks that do not exist, a flood;
and recorded datagrams of the world itself, sent again, sent by somebody else, or sent back to where they came from.
"""

from __future__ import absolute_import, division, print_function

from net_protocol import codec
from net_protocol.limits import DATAGRAM_BYTES_MAX
from net_protocol.messages import (
    Accepted, Assign, AssignAck, AssignRefused, Cancel, HeartbeatAck, Leave, LeaveAck, Outcome, OutcomeAck, Ping,
    Refused, Result, ResultAck, Revoke, Submit)
from net_protocol.seals import CHECKSUM

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

    from simulator.network import Network  # noqa: F401

COUNTERS = ('garbage', 'sealed_garbage', 'too_long', 'forged', 'floods', 'replayed', 'replayed_by_strangers',
            'reflected')

#: Datagrams of one flood: more than a process reads in a turn.
FLOOD = 400

_STRANGER = ('stranger', 9)
_TASK = u'stranger:aaaaaaaa:%d'


def forged(number):
    # type: (int) -> List[Any]
    """Messages of every role about tasks that do not exist."""
    task_id = _TASK % number
    return [
        Submit(task_id, u'5f', 5), Cancel(task_id), OutcomeAck(task_id), Accepted(task_id),
        Refused(task_id, 'draining', None), Outcome(task_id, 'done', u'x', None, 1), Assign(
            task_id, 1, u'aaaaaaaa', u'', 1, 1), Revoke(task_id, 9), ResultAck(task_id, 1), HeartbeatAck(2 ** 40),
        LeaveAck(), Leave(), AssignAck(task_id, 1), AssignRefused(task_id, 1, 'busy'), Result(task_id, 1, u'x', None),
        Ping(number)]


class Strangers(object):
    """Each ``disturb(targets)`` sends one kind of noise to one of the addresses."""

    def __init__(self, rng, network):
        # type: (Any, Network) -> None
        self.counts = dict.fromkeys(COUNTERS, 0)
        self._draw = rng.random
        self._uniform = rng.uniform
        self._network = network
        self._number = 0
        self._kinds = [self._garbage, self._sealed_garbage, self._forged, self._replay, self._replay_elsewhere,
                       self._reflect]

    def disturb(self, targets):
        # type: (List[Any]) -> None
        self._number += 1
        target = targets[int(self._draw() * len(targets))]
        if self._draw() < 0.02:
            self._flood(target)
        else:
            self._kinds[int(self._draw() * len(self._kinds))](target)

    def _send(self, target, datagram, source=_STRANGER):
        # type: (Any, bytes, Any) -> None
        self._network.fly(self._uniform(0.0001, 0.01), source, target, datagram)

    def _bytes(self, size):
        # type: (int) -> bytes
        return bytes(bytearray(int(256 * self._draw()) for _ in range(size)))

    def _garbage(self, target):
        # type: (Any) -> None
        if self._draw() < 0.1:
            self.counts['too_long'] += 1
            self._send(target, b'{' * (DATAGRAM_BYTES_MAX + 1))
        else:
            self.counts['garbage'] += 1
            self._send(target, self._bytes(int(60 * self._draw())))

    def _sealed_garbage(self, target):
        # type: (Any) -> None
        """A datagram of ours whose inside was changed by somebody who knows how to compute a checksum."""
        self.counts['sealed_garbage'] += 1
        whole = codec.encode('stranger', 'aaaaaaaa', self._number, forged(self._number)[:4])[0]
        body = bytearray(whole[CHECKSUM.LENGTH:])
        place = int(self._draw() * len(body))
        body[place:place + int(4 * self._draw())] = self._bytes(int(4 * self._draw()))
        self._send(target, CHECKSUM.seal(bytes(body)))

    def _forged(self, target):
        # type: (Any) -> None
        self.counts['forged'] += 1
        messages = forged(self._number)
        message = messages[int(self._draw() * len(messages))]
        for datagram in codec.encode('stranger', 'aaaaaaaa', self._number, [message]):
            self._send(target, datagram)

    def _flood(self, target):
        # type: (Any) -> None
        self.counts['floods'] += 1
        for _ in range(FLOOD):
            self._send(target, b'flood')

    def _recorded(self):
        # type: () -> Any
        recorded = self._network.recorded
        return recorded[int(self._draw() * len(recorded))] if recorded else None

    def _replay(self, _):
        # type: (Any) -> None
        flight = self._recorded()
        if flight is not None:
            self.counts['replayed'] += 1
            source, target, datagram = flight
            self._network.fly(self._uniform(0.1, 200.0) ** 0.5, source, target, datagram)

    def _replay_elsewhere(self, target):
        # type: (Any) -> None
        flight = self._recorded()
        if flight is not None:
            self.counts['replayed_by_strangers'] += 1
            self._send(flight[1] if self._draw() < 0.5 else target, flight[2])

    def _reflect(self, _):
        # type: (Any) -> None
        flight = self._recorded()
        if flight is not None:
            self.counts['reflected'] += 1
            source, target, datagram = flight
            self._send(source, datagram, target)
