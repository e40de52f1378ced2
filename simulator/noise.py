"""Strangers: senders of false datagrams.

They send garbage, with and without a valid checksum; rows of every role with the ticket of another process; floods;
impossible acknowledgements and numbers; greetings that answer no datagram; and recorded datagrams of the world, again,
from another address, or back to the sender.

If the world has a key, strangers do not know it. They change recorded datagrams, sign them with another key, and send
them to other processes. A process must refuse every datagram that differs from what a process of the world sent.
"""

from __future__ import absolute_import, division, print_function

import json
import re

from net_protocol import codec
from net_protocol.limits import DATAGRAM_BYTES_MAX
from net_protocol.rows import CALCULATOR, CLIENT, DISPATCHER
from net_protocol.seals import CHECKSUM, Signature

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401

    from simulator.network import Network  # noqa: F401

COUNTERS = ('garbage', 'sealed_garbage', 'too_long', 'other_versions', 'broken_envelopes', 'bad_rows', 'forged',
            'floods', 'forged_numbers', 'forged_greetings', 'forged_icmp', 'short_hellos', 'replayed',
            'replayed_by_strangers', 'reflected')

#: Further counters of a world with a key.
KEY_COUNTERS = ('tampered', 'signed_with_another_key', 'redirected')

#: Datagrams of one flood: more than a process reads in a turn.
FLOOD = 400

STRANGER = ('stranger', 9)
_TASK = 'stranger:aaaaaaaa:%d'
_TICKET = re.compile(b'"to":"([0-9a-f.]+)"')
_NUMBER = re.compile(b'"n":([0-9]+)')
_ACKS = re.compile(b',"ack":\\[[][0-9,]*\\]')
_KEY = Signature([b'the key of a stranger, which is no key of ours'])

#: (counter, part of a valid datagram, its replacement): each makes the datagram invalid.
_WRONG_ENVELOPES = (
    ('other_versions', b'"v":2,', b'"v":1,'),
    ('broken_envelopes', b'"from":"stranger"', b'"from":""'),
    ('broken_envelopes', b'"rows":{', b'"rows":[],"more":{'),
    ('bad_rows', b'"ping":[[]]', b'"pong":[[]]'),
    ('bad_rows', b'"ping":[[]]', b'"submit":[[true,"5f",60]]'),
    ('bad_rows', b'"ping":[[]]', b'"done":[[1,"x"]]'),
    ('bad_rows', b'"ping":[[]]', b'"assign":[[1,"not an id",1,"",1,1]]'),
)

#: Acknowledgements of numbers that were never sent.
_IMPOSSIBLE_ACKS = (b'[[1,9007199254740992]]', b'[[9007199254740000,9007199254740992]]',
                    b'[[4503599627370496,4503599627370496]]')


def forged(number):
    # type: (int) -> List[Tuple[str, str, List[Any]]]
    """(role of the sender, kind, rows) of every kind, about tasks that do not exist."""
    task_id = _TASK % number
    return [
        (CLIENT, 'submit', [[number, '5f', 5]]), (CLIENT, 'cancel', [[1], [number]]), (CLIENT, 'ping', [[]]),
        (CALCULATOR, 'leave', [[]]), (CALCULATOR, 'assign_refused', [[1, task_id, 'busy']]),
        (CALCULATOR, 'result', [[1, task_id, 'x', None], [0, task_id, 'x', None]]),
        (CALCULATOR, 'heartbeat', [[9, 1, 1, 1, 1000, [[1, 1000]], [task_id], True]]),
        (DISPATCHER, 'refused', [[1, number, 'draining', None]]), (DISPATCHER, 'done', [[1, 'x', 1], [number, 'x', 1]]),
        (DISPATCHER, 'ended', [[1, 'failed', 'forged', 1]]), (DISPATCHER, 'assign', [[number, task_id, 1, '', 1, 1]]),
        (DISPATCHER, 'revoke', [[1, task_id], [0, task_id]]), (DISPATCHER, 'not_registered', [['too_many']])]


class Strangers(object):
    """Each ``disturb(target, role)`` sends one kind of noise to an address, where a process of that role listens."""

    def __init__(self, rng, network, has_key=False):
        # type: (Any, Network, bool) -> None
        self.counts = dict.fromkeys(COUNTERS + KEY_COUNTERS, 0)
        self._draw = rng.random
        self._uniform = rng.uniform
        self._network = network
        self._number = 0
        self._kinds = [self._garbage, self._sealed_garbage, self._forged, self._forge_numbers, self._forge_greeting,
                       self._forge_icmp, self._say_hello, self._replay, self._replay_elsewhere, self._reflect]
        if has_key:
            self._kinds += [self._tamper, self._sign_otherwise, self._redirect]

    def disturb(self, target, role):
        # type: (Any, str) -> None
        self._number += 1
        if self._draw() < 0.02:
            self.counts['floods'] += 1
            for _ in range(FLOOD):
                self._send(target, b'flood')
        else:
            self._kinds[int(self._draw() * len(self._kinds))](target, role)

    def _send(self, target, datagram, source=STRANGER, is_false=True):
        # type: (Any, bytes, Any, bool) -> None
        self._network.fly(self._uniform(0.0001, 0.01), source, target, datagram, is_false)

    def _one_of(self, things):
        # type: (Any) -> Any
        return things[int(self._draw() * len(things))]

    def _bytes(self, size):
        # type: (int) -> bytes
        return bytes(bytearray(int(256 * self._draw()) for _ in range(size)))

    def _recorded(self):
        # type: () -> Any
        """A recorded (source, target, datagram), or None. Half of them are of the newest, which may be under way."""
        recorded = self._network.recorded
        newest = len(recorded) if self._draw() < 0.5 else min(5, len(recorded))
        flight = recorded[-1 - int(self._draw() * newest)] if recorded else None
        # A stranger that returns a datagram sent to it would validate its address.
        return None if flight is None or flight[1] == STRANGER else flight

    # New datagrams.

    def _garbage(self, target, role):
        # type: (Any, str) -> None
        turn = self._number % (2 * len(_WRONG_ENVELOPES))
        if self._draw() < 0.1:
            self.counts['too_long'] += 1
            self._send(target, b'{' * (DATAGRAM_BYTES_MAX + 1))
        elif turn < len(_WRONG_ENVELOPES):
            counter, right, wrong = _WRONG_ENVELOPES[turn]
            self.counts[counter] += 1
            whole = self._stranger(CLIENT, '', 'ping', [[]])
            self._send(target, CHECKSUM.seal(whole[CHECKSUM.LENGTH:].replace(right, wrong)))
        else:
            self.counts['garbage'] += 1
            self._send(target, self._bytes(int(60 * self._draw())))

    def _stranger(self, role, ticket, kind, rows):
        # type: (str, str, str, List[Any]) -> bytes
        """A datagram of a stranger that claims that role."""
        return CHECKSUM.seal(('%s,"n":%d,"rows":{"%s":%s}}' % (
            codec.head(role, 'stranger', 'aaaaaaaa', ticket), self._number, kind, json.dumps(rows))).encode('ascii'))

    def _sealed_garbage(self, target, role):
        # type: (Any, str) -> None
        """A damaged datagram with a valid checksum."""
        self.counts['sealed_garbage'] += 1
        body = bytearray(self._stranger(*self._forgery())[CHECKSUM.LENGTH:])
        place = int(self._draw() * len(body))
        body[place:place + int(4 * self._draw())] = self._bytes(int(4 * self._draw()))
        self._send(target, CHECKSUM.seal(bytes(body)))

    def _forgery(self):
        # type: () -> Tuple[str, str, str, List[Any]]
        role, kind, rows = self._one_of(forged(self._number))
        return role, '1f.0123456789', kind, rows

    def _forged(self, target, role):
        # type: (Any, str) -> None
        """Rows of every role; to the dispatcher with the ticket of another process."""
        self.counts['forged'] += 1
        datagram = self._stranger(*self._forgery())
        flight = self._recorded()
        found = None if flight is None or role != DISPATCHER else _TICKET.search(flight[2])
        if found is not None:
            datagram = CHECKSUM.seal(_TICKET.sub(found.group(0), datagram)[CHECKSUM.LENGTH:])
        self._send(target, datagram)

    def _forge_greeting(self, target, role):
        # type: (Any, str) -> None
        """A greeting that answers no datagram."""
        self.counts['forged_greetings'] += 1
        answered = self._one_of((self._number, 2 ** 40, 2 ** 53))
        self._send(target, codec.greeting(CHECKSUM, DISPATCHER, DISPATCHER, 'aaaaaaaa', answered, '1f.0123456789'))

    def _say_hello(self, target, role):
        # type: (Any, str) -> None
        """A short datagram without a ticket. The answer must not be longer."""
        self.counts['short_hellos'] += 1
        self._send(target, self._stranger(self._one_of((CLIENT, CALCULATOR)), '', 'ping', [[]]))

    def _forge_icmp(self, target, role):
        # type: (Any, str) -> None
        """A false report that no process listens where a process has sent to."""
        flight = self._recorded()
        if flight is not None:
            self.counts['forged_icmp'] += 1
            self._network.report(flight[0], flight[1])

    # Recorded datagrams.

    def _forge_numbers(self, target, role):
        # type: (Any, str) -> None
        """A datagram on an open channel with an impossible acknowledgement or, to the dispatcher, number."""
        flight = self._recorded()
        if flight is None or b'"role":"dispatcher"' not in flight[2] or b'"re":' in flight[2]:
            return
        self.counts['forged_numbers'] += 1
        ticket = _TICKET.search(flight[2])
        answers = [other for other in self._network.recorded if ticket is not None and ticket.group(0) in other[2]]
        source, target, datagram = self._one_of(answers or [flight])
        number = int(_NUMBER.search(datagram).group(1))  # type: ignore[union-attr]
        body = _ACKS.sub(b'', datagram[datagram.index(b'"v":'):])
        if self._draw() < 0.3 and b'"role":"dispatcher"' not in datagram:
            wrong = b'"n":%d' % (number + 2 ** self._one_of((21, 40)))
        else:
            # The number is new, so that only the acknowledgement is wrong.
            wrong = b'"n":%d,"ack":%s' % (number + 2 ** 10, self._one_of(_IMPOSSIBLE_ACKS))
        self._send(target, CHECKSUM.seal(_NUMBER.sub(wrong, body)), source)

    def _replay(self, target, role):
        # type: (Any, str) -> None
        flight = self._recorded()
        if flight is not None:
            self.counts['replayed'] += 1
            source, target, datagram = flight
            self._network.fly(self._uniform(0.1, 200.0) ** 0.5, source, target, datagram)

    def _replay_elsewhere(self, target, role):
        # type: (Any, str) -> None
        """From the stranger's address. Only the dispatcher must refuse it: others accept any source address."""
        flight = self._recorded()
        if flight is not None:
            self.counts['replayed_by_strangers'] += 1
            is_same = self._draw() < 0.5
            to_dispatcher = b'"role":"dispatcher"' not in flight[2] if is_same else role == DISPATCHER
            self._send(flight[1] if is_same else target, flight[2], STRANGER, to_dispatcher)

    def _reflect(self, target, role):
        # type: (Any, str) -> None
        flight = self._recorded()
        if flight is not None:
            self.counts['reflected'] += 1
            source, target, datagram = flight
            self._send(source, datagram, target)

    # With a key.

    def _tamper(self, target, role):
        # type: (Any, str) -> None
        """A recorded datagram with one changed byte, in its signature or in the signed part."""
        flight = self._recorded()
        if flight is not None:
            self.counts['tampered'] += 1
            source, target, datagram = flight
            changed = bytearray(datagram)
            reach = Signature.LENGTH if self._draw() < 0.5 else len(changed)
            place = int(self._draw() * reach)
            changed[place] = _other_digit(changed[place])
            self._send(target, bytes(changed), source)

    def _sign_otherwise(self, target, role):
        # type: (Any, str) -> None
        """A recorded datagram with a new number, signed with another key."""
        flight = self._recorded()
        if flight is not None:
            self.counts['signed_with_another_key'] += 1
            source, target, datagram = flight
            self._send(target, _KEY.seal(datagram[Signature.LENGTH:].replace(b'"n":', b'"n":1')), source)

    def _redirect(self, target, role):
        # type: (Any, str) -> None
        """A datagram from one process to a second is sent to a third, from the address of the first."""
        flight = self._recorded()
        if flight is not None:
            self.counts['redirected'] += 1
            self._send(target, flight[2], flight[0], flight[1][0] != target[0])


def _other_digit(byte):
    # type: (int) -> int
    """Another byte. A hexadecimal digit becomes another digit, so that the result is still JSON."""
    if ord('0') <= byte < ord('9') or ord('a') <= byte < ord('f'):
        return byte + 1
    return byte ^ 1
