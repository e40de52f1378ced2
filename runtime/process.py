"""The parts of a process that is about to run: its name, its randomness, its socket, its peer."""

from __future__ import absolute_import, division, print_function

import errno
import gc
import random
import re
import socket

from net_protocol import report
from net_protocol.core import draw_incarnation
from net_protocol.wire import Traffic
from runtime.clock import monotonic
from runtime.endpoint import Endpoint, is_loopback, resolve_here, shown
from runtime.logs import log
from runtime.names import Peer, wait_for_name

MYPY = False
if MYPY:
    from typing import Any, Dict  # noqa: F401

    from net_protocol.core import Core  # noqa: F401
    from runtime.loop import Loop  # noqa: F401
    from runtime.signals import StopSignals  # noqa: F401


_ANY_PORT = '; settings {"listen": {"port": 0}} take any free one'
_FAMILIES = {socket.AF_INET: 'IPv4', socket.AF_INET6: 'IPv6'}  # type: Dict[int, str]


#: What the programs make goes when nobody refers to it any more: they make no cycles, so the search for some is only
#: insurance. It looks at what is new, and never again at what has grown old: at the thresholds of Python a queue of a
#: million tasks is walked over again and again, for a second each time.
GARBAGE_THRESHOLDS = (100000, 1000000000, 1000000000)


class CannotStart(Exception):
    """Something outside is not as it must be; the text is one line for a person."""


def generator(seed):
    # type: (int | None) -> random.Random
    """All random draws of a process; the same for the same seed."""
    return random.Random(random.SystemRandom().getrandbits(64) if seed is None else seed)


def new_incarnation():
    # type: () -> str
    """Never from the seed: a restart with the same seed is another life all the same."""
    return draw_incarnation(random.SystemRandom())


def default_name(role, what):
    # type: (str, int) -> str
    """A name for a process that was given none: the role, this host, and a port or process id."""
    # A host may have a name in any script; a datagram may not.
    host = re.sub('[^A-Za-z0-9]', '-', socket.gethostname().split('.')[0])
    return '%s-%s-%d' % (role, host[:40].strip('-') or 'host', what)


def listen(address, is_any_port_fine=False):
    # type: (Dict[str, Any], bool) -> Endpoint
    """An endpoint on the address of a settings file, or ``CannotStart`` saying why not, and what to do where nobody has
    to know the port beforehand.
    """
    host, port = address['host'], address['port']
    try:
        family, where = resolve_here(host, port)
        return Endpoint(family, where)
    except (OSError, socket.error, UnicodeError) as error:
        is_taken = getattr(error, 'errno', None) == errno.EADDRINUSE
        raise CannotStart('cannot listen on %s port %d: %s%s' % (
            host, port, reason_of(error), _ANY_PORT if is_taken and is_any_port_fine else ''))


def peer_for(endpoint, settings):
    # type: (Endpoint, Dict[str, Any]) -> Peer
    """The dispatcher of a process that listens on ``endpoint``; ``CannotStart`` where datagrams can't go from one to
    the other, because their addresses are of two families.
    """
    where = settings['dispatcher']
    peer = Peer(where['host'], where['port'], endpoint.family)
    if peer.other_family is not None:
        raise CannotStart('dispatcher.host %s is %s, listen.host %s is %s: both must be of one family' % (
            where['host'], _FAMILIES[peer.other_family], settings['listen']['host'], _FAMILIES[endpoint.family]))
    return peer


def any_port_towards(peer):
    # type: (Peer) -> Endpoint
    """An endpoint on a free port, reachable from the loopback interface only if the peer is there; or ``CannotStart``
    where this machine has no address of that family.
    """
    is_v6 = peer.family == socket.AF_INET6
    hosts = ('::1', '::') if is_v6 else ('127.0.0.1', '0.0.0.0')
    host = hosts[0] if is_loopback(peer.address) else hosts[1]
    try:
        return Endpoint(peer.family, (host, 0))
    except (OSError, socket.error) as error:
        raise CannotStart('cannot reach %s from here: cannot listen on %s: %s' % (peer.host, host, reason_of(error)))


def reason_of(error):
    # type: (Exception) -> str
    """The system's words for an error, without its number."""
    return getattr(error, 'strerror', None) or str(error)


def find(peer, signals):
    # type: (Peer, StopSignals) -> bool
    """Wait for the name of a peer to appear, if it has to be looked up. False: we were asked to stop meanwhile."""
    if peer.address is None:
        log.info('looking for "%s"', peer.host)
    is_found = wait_for_name(peer, signals, monotonic, log.warning)
    if not is_found:
        peer.close()
    return is_found


def say_where(endpoint, host=None, has_key=False):
    # type: (Endpoint, str | None, bool) -> None
    """Log the port and the receive buffer that we got, and warn about a door that is open to the network."""
    log.info('listening on %s, receive buffer %d KiB', shown(endpoint.address), endpoint.receive_buffer_bytes // 1024)
    if host is not None and not has_key and not is_loopback(endpoint.address):
        log.warning('listening on %s without a key: anybody who can send datagrams there is believed', host)


def run_loop(loop, endpoint, peer=None):
    # type: (Loop, Endpoint, Peer | None) -> None
    """Run to the end and give everything back."""
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    try:
        loop.run()
    finally:
        endpoint.close()
        if peer is not None:
            peer.close()


def surroundings(loop, endpoint):
    # type: (Loop, Endpoint) -> Dict[str, Dict[str, Any]]
    """What a status report says of the loop and the socket, by section."""
    traffic = loop.traffic.as_dict()
    turns = loop.turns
    return {
        report.TRAFFIC: dict({name: value for name, value in traffic.items() if not isinstance(value, dict)},
                             send_errors=sum(endpoint.errors.values())),
        report.DROPPED: traffic['refused'],
        report.TURNS: {'number': turns.number, 'total_s': round(turns.total_s, 6),
                       'longest_s': round(turns.longest_s, 6), 'p50_s': turns.quantile(0.5),
                       'p99_s': turns.quantile(0.99), 'receive_buffer_bytes': endpoint.receive_buffer_bytes}}


def full_account(core, loop=None, endpoint=None):
    # type: (Core, Loop | None, Endpoint | None) -> Dict[str, Any]
    """Everything a process counted: the core's account, and the traffic below it if it got so far."""
    account = core.account(monotonic())  # type: Dict[str, Any]
    traffic = Traffic() if loop is None else loop.traffic
    account['traffic'] = dict(traffic.as_dict(), errors={} if endpoint is None else dict(endpoint.errors))
    return account
