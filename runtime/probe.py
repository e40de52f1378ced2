"""A test for health checks whether a process answers: hello and greeting."""

from __future__ import absolute_import, division, print_function

import random
import select
import socket

from net_protocol import codec
from net_protocol.errors import DatagramRefused
from net_protocol.rows import PROBE
from runtime import process
from runtime.clock import monotonic
from runtime.endpoint import Endpoint, resolve_here

MYPY = False
if MYPY:
    from typing import Any, Dict  # noqa: F401

#: The wait for an answer, and the time between two hellos. Some datagrams may be lost.
WAIT_S = 2.0
HELLO_EVERY_S = 0.4

# A process that listens on all addresses is tested at the loopback address.
_LOOPBACK = {'0.0.0.0': '127.0.0.1', '::': '::1'}


def report(settings, which, seal):
    # type: (Dict[str, Any], str, Any) -> int
    """Print whether the process at the address ``which`` of its settings answers; returns the exit status, 0 or 1."""
    address = settings[which]
    why = ''
    try:
        is_there = answers(address['host'], address['port'], seal)
    except NoWay as error:
        is_there, why = False, ': %s' % error
    print('%s port %d %s%s' % (address['host'], address['port'], 'answers' if is_there else 'does not answer', why))
    return 0 if is_there else 1


class NoWay(Exception):
    """The hello cannot be sent: unknown name, no network. The text says why."""


def answers(host, port, seal):
    # type: (str, int, Any) -> bool
    """Whether the process at that host and port answers within ``WAIT_S``. Raises ``NoWay``."""
    try:
        family, target = resolve_here(_LOOPBACK.get(host, host), port)
        endpoint = Endpoint(family, ('::' if family == socket.AF_INET6 else '0.0.0.0', 0))
    except (OSError, socket.error, UnicodeError) as error:
        raise NoWay(process.reason_of(error))
    try:
        return _is_greeted(endpoint, target, seal)
    finally:
        endpoint.close()


def _is_greeted(endpoint, target, seal):
    # type: (Endpoint, Any, Any) -> bool
    rng = random.SystemRandom()
    head = codec.head(PROBE, 'probe', process.new_incarnation(), '')
    # Random, so that only a process that received the hello can answer.
    first = number = rng.getrandbits(48) + 1
    now = hello_at = monotonic()
    end_at = now + WAIT_S
    while now < end_at:
        if now >= hello_at:
            endpoint.send(codec.hello(seal, head, number), target)
            number += 1
            hello_at = now + HELLO_EVERY_S
        if select.select(endpoint.readers(), [], [], min(hello_at, end_at) - now)[0]:
            received = endpoint.receive()
            if received is not None and _answered_number(received[0], seal) in range(first, number):
                return True
        now = monotonic()
    return False


def _answered_number(datagram, seal):
    # type: (bytes, Any) -> int | None
    """The number of the hello that a greeting answers; None for any other datagram."""
    try:
        found = codec.decode(datagram, seal)
    except DatagramRefused:
        return None
    return None if found.role == PROBE else found.re
