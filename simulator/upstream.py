"""How a process finds its dispatcher again, as ``runtime.upstream`` and ``runtime.names`` do."""

from __future__ import absolute_import, division, print_function

from net_protocol.schedule import QUIET_S

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401

#: As in ``runtime.names``: the name of a silent peer is resolved again at growing intervals. And the interval of the
#: check for silence.
ASK_FIRST_S = 1.0
ASK_LAST_S = 30.0
LOOK_S = 0.5


class Upstream(object):
    """Finds the dispatcher called ``name`` for ``process``. ``can_rebind`` is whether the process may listen at another
    port when the dispatcher is silent.
    """

    def __init__(self, process, name, can_rebind):
        # type: (Any, str, bool) -> None
        self._process = process
        self._name = name
        self._can_rebind = can_rebind
        #: When to check for silence next, by the clock of the process.
        self.look_at = 0.0
        self._silent_from = self._ask_at = 0.0
        self._ask_wait_s = ASK_FIRST_S
        self._resolve()

    def start(self, now):
        # type: (float) -> None
        self.look_at = self._silent_from = now

    def resume(self, now):
        # type: (float) -> None
        """The process was suspended: silence counts from now on."""
        self._silent_from = now

    def look(self, now):
        # type: (float) -> None
        """After each ``QUIET_S`` of silence use another port; at growing intervals resolve the name again."""
        self.look_at = now + LOOK_S
        process = self._process
        channel = process.core.dispatcher
        if not process.core.is_listening:
            self._silent_from = now
        since = channel.unanswered_since if channel.is_open else self._silent_from
        if since is None or now - max(since, channel.heard_at, self._silent_from) < QUIET_S:
            self._ask_wait_s, self._ask_at = ASK_FIRST_S, 0.0
            return
        self.look_at = now + QUIET_S
        if now >= self._ask_at:
            self._ask_at = now + self._ask_wait_s
            self._ask_wait_s = min(2 * self._ask_wait_s, ASK_LAST_S)
            self._resolve()
        if self._can_rebind:
            self._use_fresh_port()
        process.turn.probe_upstream(now)

    def _resolve(self):
        # type: () -> None
        address = self._process.environment.names.get(self._name)
        self._process.validated.add(address)
        self._process.turn.set_upstream(address)

    def _use_fresh_port(self):
        # type: () -> None
        process, environment = self._process, self._process.environment
        old = process.address
        environment.fresh_ports += 1
        process.address = (old[0], 20000 + environment.fresh_ports)
        environment.at[process.address] = process
        environment.agenda.after(QUIET_S, self._close, old)

    def _close(self, address):
        # type: (Any) -> None
        if self._process.environment.at.get(address) is self._process:
            del self._process.environment.at[address]
