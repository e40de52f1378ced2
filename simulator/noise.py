"""Strangers: datagrams that nobody asked for.

Garbage, garbage with a checksum that is right, messages for another role and about tasks that do not exist, a flood;
and recorded datagrams of the world itself, sent again, sent by somebody else, or sent back to where they came from.

Where the world has a key these strangers have none. They change what they recorded, sign with a key of their own, send
what was said to one role to another; and whatever is not exactly as one of the processes wrote it has to be refused.
"""

from __future__ import absolute_import, division, print_function

import re

from net_protocol import codec
from net_protocol.addresses import TOKEN_CHARS
from net_protocol.limits import DATAGRAM_BYTES_MAX
from net_protocol.messages import (
    Accepted, Assign, AssignAck, AssignRefused, Cancel, HeartbeatAck, Leave, LeaveAck, Outcome, OutcomeAck, Ping,
    Refused, Result, ResultAck, Revoke, Submit)
from net_protocol.seals import CHECKSUM, Signature

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

    from simulator.network import Network  # noqa: F401

COUNTERS = ('garbage', 'sealed_garbage', 'too_long', 'other_versions', 'broken_envelopes', 'forged', 'floods',
            'replayed', 'replayed_by_strangers', 'reflected')

#: What strangers do besides where there is a key.
KEY_COUNTERS = ('tampered', 'signed_with_another_key', 'redirected')

#: Datagrams of one flood: more than a process reads in a turn.
FLOOD = 400

STRANGER = ('stranger', 9)
_TASK = u'stranger:aaaaaaaa:%d'
_TASK_OF_ANOTHER = u'somebody:aaaaaaaa:%d'
_ECHO = re.compile(b'"echo":"([0-9a-f]+)"')
_KEY = Signature([b'the key of a stranger, which is no key of ours'])

#: What is wrong with a datagram that is right otherwise: the counter, what stands there, and what instead.
_WRONG_ENVELOPES = (
    ('other_versions', b'"v":1,', b'"v":2,'),
    ('broken_envelopes', b'"from":"stranger"', b'"from":""'),
    ('broken_envelopes', b'"messages":[', b'"messages":[],"more":['),
)


def forged(number):
    # type: (int) -> List[Any]
    """Messages of every role about tasks that do not exist; by turns the first is one in the name of somebody else."""
    task_id = _TASK % number
    return [
        Submit(_TASK_OF_ANOTHER % number if number % 2 else task_id, u'5f', 5), Cancel(task_id), OutcomeAck(task_id),
        Accepted(task_id), Refused(task_id, 'draining', None), Outcome(task_id, 'done', u'x', None, 1), Assign(
            task_id, 1, u'aaaaaaaa', u'', 1, 1), Revoke(task_id, 9), ResultAck(task_id, 1), HeartbeatAck(2 ** 40),
        LeaveAck(), Leave(), AssignAck(task_id, 1), AssignRefused(task_id, 1, 'busy'), Result(task_id, 1, u'x', None),
        Ping(number)]


class Strangers(object):
    """Each ``disturb(targets)`` sends one kind of noise to one of the addresses."""

    def __init__(self, rng, network, has_key=False):
        # type: (Any, Network, bool) -> None
        self.counts = dict.fromkeys(COUNTERS + KEY_COUNTERS, 0)
        self._has_key = has_key
        self._draw = rng.random
        self._uniform = rng.uniform
        self._network = network
        self._number = 0
        self._echo = '0' * TOKEN_CHARS
        self._kinds = [self._garbage, self._sealed_garbage, self._forged, self._replay, self._replay_elsewhere,
                       self._reflect]
        if has_key:
            self._kinds += [self._tamper, self._sign_otherwise, self._redirect]

    def disturb(self, targets):
        # type: (List[Any]) -> None
        self._number += 1
        target = targets[int(self._draw() * len(targets))]
        if self._draw() < 0.02:
            self._flood(target)
        else:
            self._kinds[int(self._draw() * len(self._kinds))](target)

    def _send(self, target, datagram, source=STRANGER):
        # type: (Any, bytes, Any) -> None
        self._fly(source, target, datagram, self._has_key)

    def _fly(self, source, target, datagram, is_false=False):
        # type: (Any, Any, bytes, bool) -> None
        self._network.fly(self._uniform(0.0001, 0.01), source, target, datagram, is_false)

    def _bytes(self, size):
        # type: (int) -> bytes
        return bytes(bytearray(int(256 * self._draw()) for _ in range(size)))

    def _garbage(self, target):
        # type: (Any) -> None
        if self._draw() < 0.1:
            self.counts['too_long'] += 1
            self._send(target, b'{' * (DATAGRAM_BYTES_MAX + 1))
        else:
            garbage = self._bytes(int(60 * self._draw()))
            turn = self._number % (2 * len(_WRONG_ENVELOPES))
            if turn < len(_WRONG_ENVELOPES):
                self._send(target, self._wrong_envelope(*_WRONG_ENVELOPES[turn]))
            else:
                self.counts['garbage'] += 1
                self._send(target, garbage)

    def _wrong_envelope(self, counter, right, wrong):
        # type: (str, bytes, bytes) -> bytes
        self.counts[counter] += 1
        whole = codec.encode('stranger', 'aaaaaaaa', self._number, [Ping(self._number)])[0]
        return CHECKSUM.seal(whole[CHECKSUM.LENGTH:].replace(right, wrong))

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
        # An echo that somebody else was to give.
        echo = '"echo":"%s",' % self._stolen_echo()
        for datagram in codec.encode('stranger', 'aaaaaaaa', self._number, [message], more=echo):
            self._send(target, datagram)

    def _stolen_echo(self):
        # type: () -> str
        for _, target, datagram in self._network.recorded:
            found = _ECHO.search(datagram)
            # Whoever reads what is sent to it has a right to the token in it.
            if found is not None and target != STRANGER:
                self._echo = found.group(1).decode('ascii')
        return self._echo

    def _flood(self, target):
        # type: (Any) -> None
        self.counts['floods'] += 1
        for _ in range(FLOOD):
            self._send(target, b'flood')

    def _recorded(self):
        # type: () -> Any
        recorded = self._network.recorded
        flight = recorded[int(self._draw() * len(recorded))] if recorded else None
        # Whoever throws back what was sent to it has shown that it receives that.
        return None if flight is None or flight[1] == STRANGER else flight

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
            self._fly(STRANGER, flight[1] if self._draw() < 0.5 else target, flight[2])

    def _reflect(self, _):
        # type: (Any) -> None
        flight = self._recorded()
        if flight is not None:
            self.counts['reflected'] += 1
            source, target, datagram = flight
            self._send(source, datagram, target)

    # Where there is a key.

    def _tamper(self, _):
        # type: (Any) -> None
        """Somewhere in a recorded datagram one byte is another: in its signature or in what that covers."""
        flight = self._recorded()
        if flight is not None:
            self.counts['tampered'] += 1
            source, target, datagram = flight
            changed = bytearray(datagram)
            reach = Signature.LENGTH if self._draw() < 0.5 else len(changed)
            place = int(self._draw() * reach)
            changed[place] = _other_digit(changed[place])
            self._send(target, bytes(changed), source)

    def _sign_otherwise(self, _):
        # type: (Any) -> None
        """The next datagram of a recorded sender, right in everything but the key."""
        flight = self._recorded()
        if flight is not None:
            self.counts['signed_with_another_key'] += 1
            source, target, datagram = flight
            said = codec.parse(datagram)
            for forgery in codec.encode(said.name, said.incarnation, said.number + 1, said.messages, seal=_KEY,
                                        credentials=(said.role, said.to, said.re)):
                self._send(target, forgery, source)

    def _redirect(self, target):
        # type: (Any) -> None
        """What one process said to a second goes to a third, as if the first had sent it there."""
        flight = self._recorded()
        if flight is not None:
            self.counts['redirected'] += 1
            self._fly(flight[0], target, flight[2])


def _other_digit(byte):
    # type: (int) -> int
    """A byte that stands for something else: another digit for a digit, so that what is changed is still JSON."""
    if ord('0') <= byte < ord('9') or ord('a') <= byte < ord('f'):
        return byte + 1
    return byte ^ 1
