"""One process of a calculator, looked at from outside: capacity, truth in heartbeats, work that takes its time."""

from __future__ import absolute_import, division, print_function

from net_protocol.delivery import DATAGRAM_LIFETIME_S
from net_protocol.messages import Assign, AssignAck, Heartbeat, Result, ResultAck, Revoke
from simulator.client_audit import ROUNDING_S
from simulator.ledger import Audit
from simulator.violations import broken

MYPY = False
if MYPY:
    from typing import Any, Dict, Set, Tuple  # noqa: F401

    from simulator.ledger import Ledger  # noqa: F401


class Held(object):
    """An attempt in this calculator's hands."""

    __slots__ = ('attempt', 'taken_at', 'payload', 'is_running')

    def __init__(self, attempt, taken_at, payload):
        # type: (int, float, Any) -> None
        self.attempt = attempt
        self.taken_at = taken_at
        self.payload = payload
        self.is_running = True


class CalculatorAudit(Audit):
    """S3, S4, S6, S7, S11, S13, S16 and S19, as far as a calculator goes. ``on_taken(task_id)`` is told of work."""

    def __init__(self, ledger, settings, on_taken):
        # type: (Ledger, Dict[str, Any], Any) -> None
        super(CalculatorAudit, self).__init__(ledger, settings)
        self._on_work = on_taken
        self.held = {}  # type: Dict[str, Held]
        self.running = 0
        self.taken_total = 0
        # Every task it ever took. What it says of a task may leave after it was let go, in the same turn.
        self._taken = set()  # type: Set[str]
        # (task id, attempt) -> when it was let go, in this life and of this dispatcher's.
        self._let_go = {}  # type: Dict[Tuple[str, int], float]
        self._out_since = None  # type: float | None
        self._returns_at = 0.0
        self._sent = {AssignAck: self._on_assign_ack, Result: self._on_result, Heartbeat: self._on_heartbeat}
        self._events = {'taken': self._on_taken, 'let_go': self._on_let_go, 'renumbered': self._on_renumbered,
                        'out_of_order': self._on_out_of_order, 'in_order': self._on_in_order,
                        'dispatcher_restarted': self._on_dispatcher_restarted}

    def sent(self, now, address, message):
        # type: (float, Any, Any) -> None
        if not (self._out_since is None or self._out_since == now):
            raise broken('S13', self.name, 'it is out of order and says %r', message)
        super(CalculatorAudit, self).sent(now, address, message)

    # What it says.

    def _on_assign_ack(self, now, address, message):
        # type: (float, Any, AssignAck) -> None
        if message.task_id not in self._taken:
            raise broken('S1', (message.task_id, self.name), 'it acknowledges what it does not have')

    def _on_result(self, now, address, message):
        # type: (float, Any, Result) -> None
        held = self.held.get(message.task_id)
        if message.task_id not in self._taken:
            raise broken('S4', message.task_id, 'a result of no work')
        if held is None:
            return
        if held.is_running:
            held.is_running = False
            self.running -= 1
            shortest_s = self.settings['task_duration_s'][0]
            if now - held.taken_at < shortest_s - ROUNDING_S:
                raise broken('S13', message.task_id, 'computed in %.3f s, %.3f at the least', now - held.taken_at,
                             shortest_s)
        if message.error is None and not self.ledger.is_right(message.task_id, held.payload, message.result):
            raise broken('S3', message.task_id, 'a result of %r', message.result)

    def _on_heartbeat(self, now, address, message):
        # type: (float, Any, Heartbeat) -> None
        if len(message.running) > self.settings['capacity']:
            raise broken('S6', self.name, 'it runs %d of %d', len(message.running), self.settings['capacity'])

    # What happens in it.

    def _on_taken(self, now, task_id, attempt):
        # type: (float, str, int) -> None
        message = self.message
        if not (type(message) is Assign and message.task_id == task_id):
            raise broken('S4', task_id, 'work that nobody assigned')
        if message.incarnation != self.core.incarnation:
            raise broken('S7', (task_id, self.name), 'taken, and meant for another life')
        if task_id in self.held:
            raise broken('S5', (task_id, self.name), 'taken while it is held')
        if now - self._let_go.get((task_id, attempt), -DATAGRAM_LIFETIME_S) < DATAGRAM_LIFETIME_S:
            raise broken('S16', (task_id, self.name), 'attempt %d taken again', attempt)
        entry = self.ledger.tasks.get(task_id)
        if not (entry is None or entry.payload == message.payload):
            raise broken('S3', task_id, 'another payload than its client sent')
        self.held[task_id] = Held(attempt, now, message.payload)
        self._taken.add(task_id)
        self.running += 1
        self.taken_total += 1
        if self.running > self.settings['capacity']:
            raise broken('S6', (task_id, self.name), 'it works on %d tasks, its capacity is %d', self.running,
                         self.settings['capacity'])
        self._on_work(self.process, task_id)

    def _on_renumbered(self, now, task_id, attempt):
        # type: (float, str, int) -> None
        self.held[task_id].attempt = attempt

    def _on_let_go(self, now, task_id, attempt, end):
        # type: (float, str, int, str) -> None
        held = self.held.pop(task_id, None)
        if held is None:
            raise broken('S5', (task_id, self.name), 'let go and not held')
        self.running -= held.is_running
        self._let_go[task_id, attempt] = now
        message = self.message
        word = {'reported': ResultAck, 'revoked': Revoke}.get(end)  # type: Any
        if word is not None and not (type(message) is word and message.task_id == task_id):
            raise broken('S1', (task_id, self.name), '%s, and nobody said so', end)

    def _on_out_of_order(self, now, outage, duration_s, running):
        # type: (float, str, float, int) -> None
        self._out_since = now
        self._returns_at = now + duration_s

    def _on_in_order(self, now, outage, away_s):
        # type: (float, str, float) -> None
        if not (self.told_to_stop or now >= self._returns_at - ROUNDING_S):
            raise broken('S13', self.name, 'back early')
        self._out_since = None
        if outage == 'crash':
            if self.held:
                raise broken('S5', self.name, 'work that survived a crash: %r', sorted(self.held))
            self._let_go.clear()

    def _on_dispatcher_restarted(self, now, held):
        # type: (float, int) -> None
        self._let_go.clear()

    def sweep(self, now):
        # type: (float) -> None
        account = self.core.account(now)
        if account['assigned'] != self.taken_total:
            raise broken('S19', self.name, 'taken %d, told %d', account['assigned'], self.taken_total)
        if account['assigned'] != sum(account['ends'].values()) + account['running'] + account['unreported']:
            raise broken('S11', self.name, '%r', account)
        if account['running'] != self.running:
            raise broken('S19', self.name, 'running %d, told %d', account['running'], self.running)
