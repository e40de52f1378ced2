"""Datagrams that are not ours, by the cause for which each is refused. (tests/net_protocol refuses many more.)"""

from __future__ import absolute_import, division, print_function

import json
import random

from net_protocol import codec
from net_protocol.limits import DATAGRAM_BYTES_MAX, PAYLOAD_BYTES_MAX
from net_protocol.rows import CALCULATOR, CLIENT, DISPATCHER, MONITOR
from net_protocol.seals import CHECKSUM
from net_protocol.traffic import WRONG_ROLE
from tests.net_protocol.samples import ROWS

TICKET = '6930b1.c2f0a91b44'

#: UDP over IPv4 carries no more.
UDP_BYTES_MAX = 65507

#: Bytes of the checksum and what is around it.
SEAL_BYTES = len(CHECKSUM.seal(b''))


def _sealed(value):
    """An object as a datagram with the right checksum."""
    return CHECKSUM.seal(json.dumps(value).encode('ascii')[1:])


def envelope(rows=None, **changes):
    """A good datagram, but for these changes."""
    return _sealed(dict({'v': 2, 'role': MONITOR, 'from': 'stranger', 'inc': 'aaaaaaaa', 'to': TICKET, 'n': 1,
                         'rows': {'ping': [[]]} if rows is None else rows}, **changes))


def submit_with(payload):
    """A submit whose payload is this text, JSON or not."""
    text = envelope({'submit': [[1, 'PAYLOAD', 1]]})
    return CHECKSUM.seal(text[SEAL_BYTES:].replace(b'"PAYLOAD"', payload))


def of_version_1():
    """What a client of 0.1.0 sends first."""
    return _sealed({'v': 1, 'from': 'client-old', 'life': 'aaaaaaaa', 'n': 1, 'messages': [
        {'kind': 'submit', 'task_id': 'client-old:aaaaaaaa:1', 'payload': '5f', 'time_left_s': 60}]})


def datagrams(seed, wrong_roles=(DISPATCHER,)):
    """Cause -> datagrams that are refused for it by a process that does not listen to ``wrong_roles``."""
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
            good.replace(b'stranger', b'strangar'), good.upper(), b' ' + good,
        ],
        # No text in UTF-8 begins with this byte.
        codec.NOT_UTF8: [CHECKSUM.seal(b'\xff' + some) for some in noise],
        codec.NOT_JSON: [CHECKSUM.seal(text) for text in (
            b'', b'hello', b'"x":' + b'[' * 50000, b'"x":{' * 9000, body[:-1], b'\x00' * 1000)] + [
                submit_with(b'9' * 50000), submit_with(b'NaN')],
        codec.BAD_ENVELOPE: [envelope(inc='short'), envelope(n=0), envelope({'leave': []}), envelope(role='king')],
        codec.OTHER_VERSION: [envelope(v='2'), of_version_1()],
        codec.UNKNOWN_KIND: [envelope({'explode': [[]]})],
        codec.BAD_FIELD: [envelope({'ping': [[1]]}), submit_with(b'[' * 100 + b']' * 100),
                          envelope({'revoke': [[1, '../../etc/passwd']]})],
        WRONG_ROLE: [envelope(role=role) for role in wrong_roles],
    }


def bent(seed, number):
    """``number`` datagrams, each made from a good or a bad one, cut, doubled, or with some bytes changed."""
    rng = random.Random(seed)
    refused = datagrams(seed)
    originals = [datagram[:9000] for cause in sorted(refused) for datagram in refused[cause]]
    for kind in sorted(ROWS):
        originals += [envelope({kind: ROWS[kind]}, role=role) for role in (CLIENT, CALCULATOR, DISPATCHER)]
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
        # Every other one gets a right checksum, so that what is behind it is read too.
        made.append(CHECKSUM.seal(bytes(datagram[SEAL_BYTES:])) if len(made) % 2 else bytes(datagram))
    return made
