"""Datagrams that a process refuses, by cause. tests/net_protocol has many more."""

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

#: The longest payload of UDP over IPv4.
UDP_BYTES_MAX = 65507

#: The length of a checksum with its quotation marks.
SEAL_BYTES = len(CHECKSUM.seal(b''))


def _sealed(value):
    """The datagram of an object, with the right checksum."""
    return CHECKSUM.seal(json.dumps(value).encode('ascii')[1:])


def envelope(rows=None, **changes):
    """A valid datagram with some fields changed."""
    return _sealed(dict({'v': 2, 'role': MONITOR, 'from': 'stranger', 'inc': 'aaaaaaaa', 'to': TICKET, 'n': 1,
                         'rows': {'ping': [[]]} if rows is None else rows}, **changes))


def submit_with(payload):
    """A datagram with a submit. ``payload`` is its text, which may be invalid JSON."""
    text = envelope({'submit': [[1, 'PAYLOAD', 1]]})
    return CHECKSUM.seal(text[SEAL_BYTES:].replace(b'"PAYLOAD"', payload))


def of_version_1():
    """The first datagram of a client of release 0.1.0."""
    return _sealed({'v': 1, 'from': 'client-old', 'life': 'aaaaaaaa', 'n': 1, 'messages': [
        {'kind': 'submit', 'task_id': 'client-old:aaaaaaaa:1', 'payload': '5f', 'time_left_s': 60}]})


def datagrams(seed, wrong_roles=(DISPATCHER,)):
    """Cause -> datagrams that a process refuses for it. The process does not accept datagrams of ``wrong_roles``."""
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
        # The byte ff does not occur in UTF-8.
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
    """``number`` valid or invalid datagrams, each with up to three random changes of bytes."""
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
        # Half of them get the right checksum: otherwise no process would parse them.
        made.append(CHECKSUM.seal(bytes(datagram[SEAL_BYTES:])) if len(made) % 2 else bytes(datagram))
    return made
