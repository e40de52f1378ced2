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

#: Family -> the loopback address, and the one that stands for all addresses of this machine.
_LOOPBACK = {socket.AF_INET: '127.0.0.1', socket.AF_INET6: '::1'}  # type: Dict[int, str]
_ALL = {socket.AF_INET: '0.0.0.0', socket.AF_INET6: '::'}  # type: Dict[int, str]

#: Characters of the host's name in a name that a process makes for itself.
_HOST_CHARS = 40

#: Objects are freed when nothing refers to them any more, because the programs make no cycles; the search for cycles
#: is only insurance. It looks at new objects, and never again at old ones: at the thresholds of Python a queue of a
#: million tasks is searched again and again, which takes a second each time.
GARBAGE_THRESHOLDS = (100000, 1000000000, 1000000000)


class CannotStart(Exception):
    """Something outside is not as it must be; the text is one line for a person."""


def generator(seed):
    # type: (int | None) -> random.Random
    """All random draws of a process; the same for the same seed."""
    return random.Random(random.SystemRandom().getrandbits(64) if seed is None else seed)


def new_incarnation():
    # type: () -> str
    """Never from the seed: a restart with the same seed is another incarnation."""
    return draw_incarnation(random.SystemRandom())


def default_name(role, number, is_random=False):
    # type: (str, int, bool) -> str
    """A name for a process that was given none: the role, this host, and a port or process id. With ``is_random``, also
    six random characters: in containers, process ids are all alike.
    """
    host = socket.gethostname()
    # A host may have a name in any script; a process may not. What is left out could be all that distinguishes two
    # hosts, so a digest of the whole name stands for it.
    readable = re.sub('[^A-Za-z0-9]', '-', host.split('.')[0])[:_HOST_CHARS].strip('-')
    if readable != host or not host:
        # Bytes on 2.7 (until 2.7 goes).
        whole = host.encode('utf-8', 'replace') if isinstance(host, text_type) else host  # type: Any
        readable = ('%s-%s' % (readable or 'host', sha256(whole).hexdigest()[:6]))
    name = '%s-%s-%d' % (role, readable, number)
    return '%s-%s' % (name, new_incarnation()[:6]) if is_random else name


def listen(address, is_any_port_fine=False, is_free_port_fine=False):
    # type: (Dict[str, Any], bool, bool) -> Endpoint
    """An endpoint on the address of a settings file; with ``is_free_port_fine`` on another port where that one is
    taken. Raises ``CannotStart`` with the reason, and with what to do where no peer has to know the port.
    """
    host, port = address['host'], address['port']
    try:
        family, where = resolve_here(host, port)
        return Endpoint(family, where)
    except (OSError, socket.error, UnicodeError) as error:
        if is_free_port_fine and getattr(error, 'errno', None) == errno.EADDRINUSE:
            return listen(dict(address, port=0))
        is_taken = getattr(error, 'errno', None) == errno.EADDRINUSE
        raise CannotStart('cannot listen on %s port %d: %s%s' % (
            host, port, reason_of(error), _ANY_PORT if is_taken and is_any_port_fine else ''))


def check_listen(address):
    # type: (Dict[str, Any]) -> None
    """Raise ``CannotStart`` where a process could not listen on an address. A port that is taken passes: the process
    whose settings are examined may run.
    """
    listen(address, is_free_port_fine=True).close()


def check_peer(address):
    # type: (Dict[str, Any]) -> None
    """Raise ``CannotStart`` where this machine can't send to a numeric address."""
    peer = Peer(address['host'], address['port'])
    if peer.addresses:
        endpoint_towards(peer).close()


def peer_for(endpoint, settings):
    # type: (Endpoint, Dict[str, Any]) -> Peer
    """The dispatcher of a process that listens on ``endpoint``. Raises ``CannotStart`` where datagrams cannot go from
    one to the other, because their numeric addresses are of two families.
    """
    where = settings['dispatcher']
    peer = Peer(where['host'], where['port'], endpoint.family)
    if peer.other_family is not None:
        raise CannotStart('dispatcher.host %s is %s, listen.host %s is %s: both must be of one family' % (
            where['host'], _FAMILIES[peer.other_family], settings['listen']['host'], _FAMILIES[endpoint.family]))
    if settings['listen']['port'] == 0:
        # Another port can be of another family too.
        return Peer(where['host'], where['port'], preferred=endpoint.family)
    return peer


def any_port_of(listen):
    # type: (Dict[str, Any]) -> Callable[[int, Any], Any] | None
    """Where a process with these settings may bind, by the family and address of its peer (see ``Upstream``); None
    where the settings fix the port.
    """
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
    """Where to bind for datagrams to that address: reachable from the loopback interface only if the peer is there."""
    return family, ((_LOOPBACK if is_loopback(address) else _ALL)[family], 0)


def endpoint_towards(peer):
    # type: (Peer) -> Endpoint
    """An endpoint on a free port for datagrams to one of the peer's addresses, the first that this machine can send to.
    Raises ``CannotStart``.
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
    """The system's words for an error, without its number."""
    return getattr(error, 'strerror', None) or str(error)


def find(peer, signals):
    # type: (Peer, Wakeup) -> bool
    """Wait for the name of a peer to appear, if it has to be looked up. Returns False after a request to stop."""
    if peer.address is None:
        log.info('looking for "%s"', peer.host)
    is_found = wait_for_name(peer, signals, monotonic, log.warning)
    if not is_found:
        peer.close()
    return is_found


def log_address(endpoint, host=None, has_key=False):
    # type: (Endpoint, str | None, bool) -> None
    """Log the local address and the receive buffer; warn where other machines are believed without a key."""
    log.info('listening on %s, receive buffer %d KiB', shown(endpoint.address), endpoint.receive_buffer_bytes // 1024)
    if host is not None and not has_key and not is_loopback(endpoint.address):
        log.warning('listening on %s without a key: anybody who can send datagrams there is believed', host)


def run_loop(loop, peer=None):
    # type: (Loop, Peer | None) -> None
    """Run to the end and close everything."""
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    try:
        loop.run()
    finally:
        loop.endpoint.close()
        if peer is not None:
            peer.close()


def surroundings(loop):
    # type: (Loop) -> Dict[str, Dict[str, Any]]
    """What a status report says about the loop and the socket, by section."""
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
    """Everything that a process counted: the core's account, and the traffic, if it got so far."""
    account = core.account(monotonic())  # type: Dict[str, Any]
    account['traffic'] = dict(Traffic().as_dict(), errors={}) if loop is None else _traffic(loop)
    return account


def _traffic(loop):
    # type: (Loop) -> Dict[str, Any]
    # What the system refused to send did not leave.
    return dict(loop.turn.account(), datagrams_out=loop.endpoint.sent, errors=dict(loop.endpoint.errors))
