"""Does a process answer? A ping and a pong, for health checks."""

from __future__ import absolute_import, division, print_function

import random
import socket

from net_protocol.guard import PROBE
from net_protocol.probe import ProbeCore
from runtime import process
from runtime.clock import monotonic
from runtime.endpoint import Endpoint, resolve_here
from runtime.keys import guard_of
from runtime.loop import Loop
from runtime.signals import StopSignals

MYPY = False
if MYPY:
    from typing import Any, Dict  # noqa: F401

    from net_protocol.guard import Guard  # noqa: F401

# Where a process listens on all addresses it is asked on the loopback one.
_LOOPBACK = {'0.0.0.0': '127.0.0.1', '::': '::1'}


def report(settings, which):
    # type: (Dict[str, Any], str) -> int
    """Say whether the process at the address ``which`` of its settings answers; returns the exit status, 0 or 1."""
    address = settings[which]
    guard = guard_of(settings, PROBE)
    why = ''
    try:
        is_there = answers(address['host'], address['port'], guard)
    except NoWay as error:
        is_there, why = False, ': %s' % error
    print('%s port %d %s%s' % (address['host'], address['port'], 'answers' if is_there else 'does not answer', why))
    return 0 if is_there else 1


class NoWay(Exception):
    """There is no asking at all: a name without an address, no network. The text says why."""


def answers(host, port, guard=None):
    # type: (str, int, Guard | None) -> bool
    """Whether the process at that host and port answers a ping within two seconds or so. Raises ``NoWay``."""
    try:
        family, target = resolve_here(_LOOPBACK.get(host, host), port)
        endpoint = Endpoint(family, ('::' if family == socket.AF_INET6 else '0.0.0.0', 0))
    except (OSError, socket.error, UnicodeError) as error:
        raise NoWay(process.reason_of(error))
    core = ProbeCore(process.new_incarnation(), random.SystemRandom(), target)
    with StopSignals() as signals:
        loop = Loop(core, endpoint, signals, monotonic, _Quiet(), guard=guard)
        loop.trust(target)
        process.run_loop(loop, endpoint)
    return core.has_answer


class _Quiet(object):
    """A log that nobody reads: whoever sends garbage to a probe is not what it was asked about."""

    def event(self, event):
        # type: (Any) -> None
        """Nothing."""

    def refusal(self, cause, detail, address):
        # type: (str, str, Any) -> None
        """Nothing."""
