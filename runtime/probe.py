"""Does a process answer? A ping and a pong, for health checks."""

from __future__ import absolute_import, division, print_function

import random
import select
import socket

from net_protocol import codec
from net_protocol.core import draw_incarnation
from net_protocol.errors import DatagramRefused
from net_protocol.messages import Ping, Pong
from runtime.clock import monotonic
from runtime.endpoint import Endpoint, resolve_here

MYPY = False
if MYPY:
    from typing import Any, Dict  # noqa: F401

#: Asked this often, with this wait for each answer: a health check has to be quick, and a datagram may be lost.
TRIES = 4
WAIT_S = 0.5

# Where a process listens on all addresses it is asked on the loopback one.
_LOOPBACK = {'0.0.0.0': '127.0.0.1', '::': '::1'}


def report(address):
    # type: (Dict[str, Any]) -> int
    """Say whether the process at an address of a settings file answers; returns the exit status, 0 or 1."""
    here = '%(host)s port %(port)d' % address
    if answers(address['host'], address['port']):
        print('%s answers' % here)
        return 0
    print('%s does not answer' % here)
    return 1


def answers(host, port):
    # type: (str, int) -> bool
    """Whether the process at that host and port answers a ping within two seconds or so."""
    system = random.SystemRandom()
    nonce = system.getrandbits(48)
    try:
        family, target = resolve_here(_LOOPBACK.get(host, host), port)
        endpoint = Endpoint(family, ('::' if family == socket.AF_INET6 else '0.0.0.0', 0))
    except (OSError, socket.error, UnicodeError):
        return False
    try:
        for number in range(1, TRIES + 1):
            for datagram in codec.encode('probe', draw_incarnation(system), number, [Ping(nonce)]):
                endpoint.send(datagram, target)
            if _pong_within(endpoint, nonce, WAIT_S):
                return True
        return False
    finally:
        endpoint.close()


def _pong_within(endpoint, nonce, seconds):
    # type: (Endpoint, int, float) -> bool
    end_at = monotonic() + seconds
    while monotonic() < end_at:
        if not select.select([endpoint], [], [], max(0.0, end_at - monotonic()))[0]:
            return False
        received = endpoint.receive()
        try:
            if received is not None and Pong(nonce) in codec.decode(received[0]).messages:
                return True
        except DatagramRefused:
            # Somebody else's noise.
            continue
    return False
