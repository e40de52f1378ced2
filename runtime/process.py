"""The parts of a process: its name, its random generator, its socket, its peer, its account."""

from __future__ import absolute_import, division, print_function

import errno
import gc
import random
import re
import socket
from hashlib import sha256

from common import report
from common.compat import text_type
from net_protocol.core import draw_incarnation
from net_protocol.traffic import Traffic
from runtime.clock import monotonic
from runtime.endpoint import Endpoint, is_loopback, resolve_here, shown
from runtime.logs import log
from runtime.names import Peer, wait_for_name

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, Tuple  # noqa: F401

    from net_protocol.core import Core  # noqa: F401
    from runtime.loop import Loop  # noqa: F401
    from runtime.wakeup import Wakeup  # noqa: F401


_ANY_PORT = '; settings {"listen": {"port": 0}} take any free one'
_FAMILIES = {socket.AF_INET: 'IPv4', socket.AF_INET6: 'IPv6'}  # type: Dict[int, str]

#: Family -> the loopback address, and the address that means all addresses of this machine.
_LOOPBACK = {socket.AF_INET: '127.0.0.1', socket.AF_INET6: '::1'}  # type: Dict[int, str]
_ALL = {socket.AF_INET: '0.0.0.0', socket.AF_INET6: '::'}  # type: Dict[int, str]

#: Characters of the host name in the default name of a process.
_HOST_CHARS = 40

#: The programs make no reference cycles, so the garbage collector is only insurance. It examines each object once: with
#: the default thresholds it would examine a queue of a million tasks again and again, which takes a second each time.
GARBAGE_THRESHOLDS = (100000, 1000000000, 1000000000)


class CannotStart(Exception):
    """The process cannot start in this environment; the text is one line for a person."""


def generator(seed):
    # type: (int | None) -> random.Random
    """The generator of all random draws of a process; None: a random seed."""
    return random.Random(random.SystemRandom().getrandbits(64) if seed is None else seed)


def new_incarnation():
    # type: () -> str
    """Never drawn from the seed: a restart with the same seed is a new incarnation."""
    return draw_incarnation(random.SystemRandom())


def default_name(role, number, is_random=False):
    # type: (str, int, bool) -> str
    """The default name of a process: the role, this host, and a port or process id. With ``is_random``, also six
    random characters, because process ids in containers are often equal.
    """
    host = socket.gethostname()
    # A host name may have characters that a process name may not have. If some are removed, a digest of the whole name
    # keeps the name unique.
    readable = re.sub('[^A-Za-z0-9]', '-', host.split('.')[0])[:_HOST_CHARS].strip('-')
    if readable != host or not host:
        # Bytes on 2.7 (until 2.7 goes).
        whole = host.encode('utf-8', 'replace') if isinstance(host, text_type) else host  # type: Any
        readable = ('%s-%s' % (readable or 'host', sha256(whole).hexdigest()[:6]))
    name = '%s-%s-%d' % (role, readable, number)
    return '%s-%s' % (name, new_incarnation()[:6]) if is_random else name


def listen(address, is_any_port_fine=False, is_free_port_fine=False):
    # type: (Dict[str, Any], bool, bool) -> Endpoint
    """An endpoint on the address of the settings; with ``is_free_port_fine`` on another port if that one is taken.
    Raises ``CannotStart``, which with ``is_any_port_fine`` mentions port 0.
    """
    host, port = address['host'], address['port']
    try:
        family, where = resolve_here(host, port)
        return Endpoint(family, where)
    except (OSError, socket.error, UnicodeError) as error:
        is_taken = getattr(error, 'errno', None) == errno.EADDRINUSE
        if is_taken and is_free_port_fine:
            return listen(dict(address, port=0))
        raise CannotStart('cannot listen on %s port %d: %s%s' % (
            host, port, reason_of(error), _ANY_PORT if is_taken and is_any_port_fine else ''))


def check_listen(address):
    # type: (Dict[str, Any]) -> None
    """Raise ``CannotStart`` if a process cannot listen on an address. A port in use is accepted: the process of these
    settings may be running.
    """
    listen(address, is_free_port_fine=True).close()


def check_peer(address):
    # type: (Dict[str, Any]) -> None
    """Raise ``CannotStart`` if this machine can't send to a numeric address."""
    peer = Peer(address['host'], address['port'])
    if peer.addresses:
        endpoint_towards(peer).close()


def peer_for(endpoint, settings):
    # type: (Endpoint, Dict[str, Any]) -> Peer
    """The dispatcher of a process that listens on ``endpoint``. Raises ``CannotStart`` if their numeric addresses are
    of different families, so that no datagram can be sent.
    """
    where = settings['dispatcher']
    peer = Peer(where['host'], where['port'], endpoint.family)
    if peer.other_family is not None:
        raise CannotStart('dispatcher.host %s is %s, listen.host %s is %s: both need the same family' % (
            where['host'], _FAMILIES[peer.other_family], settings['listen']['host'], _FAMILIES[endpoint.family]))
    if settings['listen']['port'] == 0:
        # With any port, another family is possible too.
        return Peer(where['host'], where['port'], preferred=endpoint.family)
    return peer


def any_port_of(listen):
    # type: (Dict[str, Any]) -> Callable[[int, Any], Any] | None
    """The function ``bind_for`` of ``Upstream`` for these settings; None if they fix the port."""
    if listen['port'] != 0:
        return None
    host = listen['host']

    def bind_for(family, address):
        # type: (int, Any) -> Any
        for hosts in (_LOOPBACK, _ALL):
            if host in hosts.values():
                return family, (hosts[family], 0)
        try:
            return resolve_here(host, 0, family)
        except (OSError, socket.error, UnicodeError):
            return None
    return bind_for


def any_port_towards(family, address):
    # type: (int, Any) -> Tuple[int, Any]
    """Where to bind for datagrams to that address: the loopback address if the peer has one, else all addresses."""
    return family, ((_LOOPBACK if is_loopback(address) else _ALL)[family], 0)


def endpoint_towards(peer):
    # type: (Peer) -> Endpoint
    """An endpoint on a free port, for the first address of the peer to which this machine can send. Raises
    ``CannotStart``.
    """
    for _ in peer.addresses:
        family, local = any_port_towards(peer.family, peer.address)
        try:
            return Endpoint(family, local)
        except (OSError, socket.error) as error:
            reason = 'cannot listen on %s: %s' % (local[0], reason_of(error))
            peer.use_next()
    raise CannotStart('cannot reach %s from here: %s' % (peer.host, reason))


def reason_of(error):
    # type: (Exception) -> str
    """The text of an error without its number."""
    return getattr(error, 'strerror', None) or str(error)


def find(peer, signals):
    # type: (Peer, Wakeup) -> bool
    """Wait until the name of a peer resolves. Returns False after a request to stop."""
    if peer.address is None:
        log.info('looking for "%s"', peer.host)
    is_found = wait_for_name(peer, signals, monotonic, log.warning)
    if not is_found:
        peer.close()
    return is_found


def log_address(endpoint, host=None, has_key=False):
    # type: (Endpoint, str | None, bool) -> None
    """Log the local address and the receive buffer; warn if other machines can send datagrams without a key."""
    log.info('listening on %s, receive buffer %d KiB', shown(endpoint.address), endpoint.receive_buffer_bytes // 1024)
    if host is not None and not has_key and not is_loopback(endpoint.address):
        log.warning('listening on %s without a key: all datagrams that arrive there are accepted', host)


def run_loop(loop, peer=None):
    # type: (Loop, Peer | None) -> None
    """Run to the end and close the sockets."""
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    try:
        loop.run()
    finally:
        loop.endpoint.close()
        if peer is not None:
            peer.close()


def surroundings(loop):
    # type: (Loop) -> Dict[str, Dict[str, Any]]
    """The facts about the loop and the socket in a status report, by section."""
    traffic = _traffic(loop)
    turns = loop.turns
    refused, errors = traffic.pop('refused'), traffic.pop('errors')
    return {
        report.TRAFFIC: dict(traffic, send_errors=sum(errors.values())),
        report.DROPPED: refused,
        report.TURNS: {'number': turns.number, 'total_s': round(turns.total_s, 6),
                       'longest_s': round(turns.max_s or 0.0, 6), 'p50_s': turns.quantile(0.5),
                       'p99_s': turns.quantile(0.99), 'receive_buffer_bytes': loop.endpoint.receive_buffer_bytes}}


def full_account(core, loop=None):
    # type: (Core, Loop | None) -> Dict[str, Any]
    """The account of a process: that of its core, and the traffic."""
    account = core.account(monotonic())  # type: Dict[str, Any]
    account['traffic'] = dict(Traffic().as_dict(), errors={}) if loop is None else _traffic(loop)
    return account


def _traffic(loop):
    # type: (Loop) -> Dict[str, Any]
    # Without datagrams that the system refused to send.
    return dict(loop.turn.account(), datagrams_out=loop.endpoint.sent, errors=dict(loop.endpoint.errors))
