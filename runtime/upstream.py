"""The path to the dispatcher: its name, its address, and our source port.

After each ``QUIET_S`` without an answer another path is tried: the name is resolved again, the next of its addresses is
used, and datagrams leave from a new source port. The new port helps if a virtual address (a Kubernetes service,
``docker -p``) has a new target: the connection table of the kernel maps the old port to the former target as long as we
send from it. The socket of the old port is read for ``QUIET_S`` more.
"""

from __future__ import absolute_import, division, print_function

import socket

from net_protocol.schedule import QUIET_S

MYPY = False
if MYPY:
    from typing import Any, Callable, List, Tuple  # noqa: F401

    from runtime.loop import Loop  # noqa: F401
    from runtime.names import Peer  # noqa: F401


class Upstream(object):
    """Sets the address of the channel to the dispatcher. A service of ``loop`` (``Loop.attach``).

    ``bind_for(family, address)`` returns the local (family, address) to bind for datagrams to that address, or None if
    there is none; ``bind_for`` is None if the settings fix the port. ``expects_answers``: each datagram to the peer
    needs an answer; otherwise only those that the channel counts as unanswered. The loop's log has
    ``peer_moved(peer)``, ``peer_silence(peer, is_silent, is_port_fixed)`` and ``cut_off(local, remote, reason)``.
    """

    def __init__(self, loop, peer, bind_for=None, expects_answers=False):
        # type: (Loop, Peer, Callable[[int, Any], Any] | None, bool) -> None
        self._core = loop.core
        self._turn = loop.turn
        self._channel = loop.core.dispatcher  # type: ignore[attr-defined]
        self._endpoint = loop.endpoint
        self._log = loop.log
        self._peer = peer
        self._bind_for = bind_for
        self._expects_answers = expects_answers
        self._heard_at = 0.0
        # The end of our own last pause: silence before it does not count.
        self._silent_from = None  # type: float | None
        self._looked_at = None  # type: float | None
        # When the next path is tried, while the peer is silent.
        self._try_at = None  # type: float | None
        self._close_at = None  # type: float | None
        self._sent = 0
        self._sent_at = None  # type: float | None
        self._aim()

    def readers(self):
        # type: () -> List[Any]
        return [] if self._peer.lookup is None else [self._peer.lookup]

    @staticmethod
    def writers():
        # type: () -> List[Any]
        return []

    def next_timer(self):
        # type: () -> float | None
        since = self._unanswered_since()
        silent_at = None if since is None or self._try_at is not None else since + QUIET_S
        times = [at for at in (self._peer.next_timer(), silent_at, self._try_at, self._close_at) if at is not None]
        return min(times) if times else None

    def handle(self, readable, writable, now):
        # type: (List[Any], List[Any], float) -> None
        peer = self._peer
        if self._channel.heard_at > self._heard_at:
            self._heard_at = self._channel.heard_at
            peer.note_heard(now)
        if peer.lookup is not None and peer.lookup in readable:
            if peer.take_answer(now):
                self._log.peer_moved(peer)
                self._open_port(now)
        else:
            peer.handle_timer(now)
        self._note_pauses(now)
        self._judge(now)
        if self._close_at is not None and now >= self._close_at:
            self._close_at = None
            self._endpoint.close_former()

    def _note_pauses(self, now):
        # type: (float) -> None
        """During a simulated outage, or a suspension of this process, the peer does not count as silent."""
        if (self._looked_at is None or now - self._looked_at > QUIET_S and self._unanswered_since() is not None
                or not self._core.is_listening):
            self._silent_from = now
        self._looked_at = now
        if self._endpoint.sent != self._sent:
            self._sent = self._endpoint.sent
            if self._sent_at is None or self._sent_at < self._heard_at:
                self._sent_at = now

    def _unanswered_since(self):
        # type: () -> float | None
        """The beginning of the present silence; None if no answer is due."""
        channel = self._channel
        if self._peer.address is None or self._silent_from is None:
            return None
        if not channel.is_open:
            since = self._silent_from
        elif channel.unanswered_since is not None:
            since = channel.unanswered_since
        elif self._expects_answers and self._sent_at is not None and self._sent_at > channel.heard_at:
            since = self._sent_at
        else:
            return None
        return max(since, self._silent_from, channel.heard_at)

    def _judge(self, now):
        # type: (float) -> None
        since = self._unanswered_since()
        is_silent = since is not None and now - since >= QUIET_S
        if is_silent and self._try_at is None:
            self._log.peer_silence(self._peer, True, self._bind_for is None)
            self._try_at = now
        elif self._try_at is not None and (since is None or now - since < QUIET_S):
            self._log.peer_silence(self._peer, False, self._bind_for is None)
            self._try_at = None
        if self._try_at is not None and now >= self._try_at:
            self._try_at = now + QUIET_S
            self._try_another_path(now)

    def _try_another_path(self, now):
        # type: (float) -> None
        former = self._peer.address
        for _ in self._peer.addresses:
            self._peer.use_next()
            if self._open_port(now):
                break
        if self._peer.address != former:
            self._log.peer_moved(self._peer)

    def _open_port(self, now):
        # type: (float) -> bool
        """Bind a new port for the address in use, if possible. Returns whether datagrams can be sent."""
        peer = self._peer
        local = None if self._bind_for is None else self._bind_for(peer.family, peer.address)
        if local is not None:
            try:
                self._endpoint.close_former()
                self._endpoint.renew(*local)
            except (OSError, socket.error):
                # No such address, or no free descriptor: keep the former socket.
                local = None
            else:
                self._close_at = now + QUIET_S
        self._aim()
        self._turn.probe_upstream(now)
        return self._endpoint.family == peer.family

    def _aim(self):
        # type: () -> None
        self._turn.set_upstream(self._peer.address)
        if self._peer.address is not None:
            problem = self._endpoint.problem_towards(self._peer.address)
            if problem:
                self._log.cut_off(self._endpoint.address, self._peer.address, problem)
