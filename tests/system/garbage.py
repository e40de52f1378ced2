"""Datagrams that are no messages, by the cause for which each has to be refused; messages nobody asked for."""

from __future__ import absolute_import, division, print_function

import json
import random

from net_protocol import codec
from net_protocol.limits import DATAGRAM_BYTES_MAX, PAYLOAD_BYTES_MAX
from net_protocol.messages import (
    Accepted, Assign, AssignAck, AssignRefused, Cancel, Heartbeat, HeartbeatAck, Leave, LeaveAck, Outcome, OutcomeAck,
    Refused, Result, ResultAck, Revoke, Submit)
from net_protocol.seals import CHECKSUM

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401

INVENTED = 'nobody:aaaaaaaa:1'

#: UDP over IPv4 carries no more.
UDP_BYTES_MAX = 65507

#: What comes before everything that the checksum is over.
SEAL_BYTES = len(CHECKSUM.seal(b''))


def _sealed(value):
    # type: (Any) -> bytes
    """An object as a datagram with the right checksum, so that what is behind it is looked at."""
    return CHECKSUM.seal(json.dumps(value).encode('ascii')[1:])


def envelope(**changes):
    # type: (**Any) -> bytes
    """A good envelope around a good message, but for these changes."""
    return _sealed(dict({'v': 1, 'from': 'stranger', 'life': 'aaaaaaaa', 'n': 1,
                         'messages': [{'kind': 'ping', 'nonce': 1}]}, **changes))


def with_message(**fields):
    # type: (**Any) -> bytes
    """A datagram with this one message."""
    return envelope(messages=[fields])


def submit_with(payload):
    # type: (bytes) -> bytes
    """A submit whose payload is this text, JSON or not."""
    text = with_message(kind='submit', task_id=INVENTED, payload='PAYLOAD', time_left_s=1)
    return CHECKSUM.seal(text[SEAL_BYTES:].replace(b'"PAYLOAD"', payload))


def heartbeat_with(**changes):
    # type: (**Any) -> bytes
    """A heartbeat that is good but for these changes."""
    return with_message(**dict({'kind': 'heartbeat', 'sequence': 1, 'page': 1, 'pages': 1, 'interval_s': 1,
                                'capacity': 1, 'running': [], 'unreported': [], 'draining': False, 'heard': 0},
                               **changes))


def datagrams(seed):
    # type: (int) -> Dict[str, List[bytes]]
    """Cause -> datagrams that have to be refused for it."""
    rng = random.Random(seed)
    noise = [bytes(bytearray(rng.getrandbits(8) for _ in range(size))) for size in (1, 2, 7, 64, 1400, 9000)]
    good = envelope()
    body = good[SEAL_BYTES:]
    return {
        codec.TOO_LONG: [
            b'x' * (DATAGRAM_BYTES_MAX + 1), b' ' * UDP_BYTES_MAX, b'[' * UDP_BYTES_MAX,
            submit_with(b'"' + b'x' * PAYLOAD_BYTES_MAX + b'"'),
        ],
        codec.BAD_CHECKSUM: noise + [
            b'', b'hello', b'{}', b'[' * 50000, body, b'{' + body, good[:-1], good + b' ', good + good,
            good.replace(b'stranger', b'strangar'), good.upper(), b' ' + good, good.replace(b'crc', b'CRC'),
        ],
        # The first byte of each is no beginning of anything in UTF-8.
        codec.NOT_UTF8: [CHECKSUM.seal(b'\xff' + some) for some in noise] + [
            CHECKSUM.seal(body.replace(b'ping', b'p\xc3\x28g'))],
        codec.NOT_JSON: [CHECKSUM.seal(text) for text in (
            b'', b'hello', b'"x":' + b'[' * 50000, b'"x":{' * 9000, body[:-1], body + b'}', b'\x00' * 1000,
            body.decode('ascii').encode('utf-16-be'))] + [
                submit_with(b'9' * 50000), submit_with(b'NaN'), submit_with(b'-Infinity')],
        codec.BAD_ENVELOPE: [
            envelope(life='short'), envelope(n=0), envelope(n=True), envelope(n=1 << 70), envelope(messages=[]),
            envelope(messages={}), envelope(messages=[{'kind': 'leave'}] * 2001), envelope(**{'from': 'a b'}),
            envelope(**{'from': 'x' * 81}), envelope(**{'from': 'name\n'}), CHECKSUM.seal(b'"v":1}'),
        ],
        codec.OTHER_VERSION: [envelope(v=2), envelope(v='1'), envelope(v=True), CHECKSUM.seal(b'"w":1}')],
        codec.UNKNOWN_KIND: [
            with_message(kind='explode'), with_message(), with_message(kind=None), with_message(kind=['ping']),
            envelope(messages=['ping']), envelope(messages=[{'kind': 'ping', 'nonce': 1}, 7]),
        ],
        codec.BAD_FIELD: [
            with_message(kind='ping'), with_message(kind='ping', nonce='1'), with_message(kind='ping', nonce=-1),
            with_message(kind='accepted', task_id='../../etc/passwd'), submit_with(b'1e999'),
            submit_with(b'[' * 100 + b']' * 100), submit_with(b'36893488147419103232'),
            with_message(kind='outcome', task_id=INVENTED, outcome='perhaps', result=None, reason=None, attempts=1),
            heartbeat_with(interval_s=-1), heartbeat_with(interval_s=1e-300), heartbeat_with(capacity=10 ** 9),
            heartbeat_with(running=[[INVENTED]]), heartbeat_with(draining=0),
            with_message(kind='assign', task_id=INVENTED, attempt=1.5, incarnation='aaaaaaaa', payload='',
                         answer_timeout_s=1, time_left_s=1),
        ],
    }


#: Messages of roles other than the receiver's: each is valid, and none of its business.
FOR_CLIENTS = [Accepted(INVENTED), Refused(INVENTED, 'queue_full', 1.0), Outcome(INVENTED, 'done', 'x', None, 1)]
FOR_CALCULATORS = [Assign(INVENTED, 1, 'aaaaaaaa', '', 1, 1), Revoke(INVENTED, 1), ResultAck(INVENTED, 1),
                   HeartbeatAck(1 << 40), LeaveAck()]
FOR_DISPATCHERS = [Submit(INVENTED, '', 1), Cancel(INVENTED), OutcomeAck(INVENTED),
                   Heartbeat(1, 1, 1, 1, 1, [], [], False, 0), Leave(), AssignAck(INVENTED, 1),
                   AssignRefused(INVENTED, 1, 'busy'), Result(INVENTED, 1, 'x', None)]


def bent(seed, number):
    # type: (int, int) -> List[bytes]
    """``number`` datagrams, each made from a good or a bad one, cut, doubled, or with some bytes changed."""
    rng = random.Random(seed)
    refused = datagrams(seed)
    originals = [datagram[:9000] for cause in sorted(refused) for datagram in refused[cause]]
    # A heartbeat is left out: bent a little, it may still register a calculator that takes work and does none.
    for message in FOR_CLIENTS + FOR_CALCULATORS + FOR_DISPATCHERS:
        if type(message) is not Heartbeat:
            originals += codec.encode('stranger', 'aaaaaaaa', 1, [message]) * 3
    made = []
    for _ in range(number):
        datagram = bytearray(originals[rng.randrange(len(originals))])
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(datagram) + 1)
            bend = rng.randrange(4)
            if bend == 0:
                del datagram[at:at + rng.randrange(1, 30)]
            elif bend == 1:
                datagram[at:at] = datagram[:rng.randrange(1, 60)]
            elif bend == 2:
                datagram[at:at + 1] = bytearray([rng.randrange(256)])
            else:
                datagram[at:at + 1] = rng.choice([b'"', b'{', b'[', b'\\', b'-', b'0', b'null', b'1e9'])
        # Every other one gets a checksum that is right, so that what is behind it is looked at too.
        made.append(CHECKSUM.seal(bytes(datagram[SEAL_BYTES:])) if len(made) % 2 else bytes(datagram))
    return made
