"""The auditor of a calculator: its capacity, its assigned work, and the duration of the work."""

from __future__ import absolute_import, division, print_function

from common import lengths
from simulator.audit import ROUNDING_S, Audit, on_the_way
from simulator.violations import broken

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Set, Tuple  # noqa: F401

    from net_protocol.channel import Channel  # noqa: F401
    from simulator.ledger import Ledger  # noqa: F401


class CalculatorAudit(Audit):
    """Checks the calculator's part of S1, S3 to S7, S10, S11, S13, S16, S19, S21 and S23.

    ``on_taken(process, task_id)`` is called with each attempt that begins.
    """

    HEARD = {'assign': '_heard_assign', 'run': '_heard_assign', 'revoke': '_heard_revoke'}
    SENT = {'result': '_sent_results', 'failed': '_sent_results', 'heartbeat': '_sent_heartbeats'}
    EVENTS = {'taken': '_on_taken', 'renumbered': '_on_renumbered', 'let_go': '_on_let_go',
              'out_of_order': '_on_out_of_order', 'in_order': '_on_in_order'}

    def __init__(self, ledger, settings, on_taken):
        # type: (Ledger, Dict[str, Any], Any) -> None
        super(CalculatorAudit, self).__init__(ledger, settings)
        self._on_work = on_taken
        # Task id -> when it was taken, by this calculator's clock.
        self.held = {}  # type: Dict[str, float]
        self.taken_total = 0
        # Held tasks whose result was sent.
        self._reported = set()  # type: Set[str]
        # In this turn: (task id, attempt) -> (incarnation of the dispatcher, assignment, payload, function).
        self._heard = {}  # type: Dict[Tuple[str, int], Tuple[str, int, Any, Any]]
        self._revoked = set()  # type: Set[Any]
        # (incarnation of the dispatcher, own incarnation, assignment) of each attempt that was taken.
        self._taken = set()  # type: Set[Tuple[str, str, int]]
        self._payloads = {}  # type: Dict[str, Any]
        self._out_since = None  # type: float | None
        self._returns_at = 0.0

    # Received and sent rows.

    def _heard_assign(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        for row in rows:
            self._heard[row[1], row[2]] = (channel.incarnation, row[0], row[3], row[6] if kind == 'run' else None)

    def _heard_revoke(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        self._revoked.update([assignment or task_id for assignment, task_id in rows])

    def wrote(self, now, channel, rows):
        # type: (float, Channel, Dict[str, List[Any]]) -> None
        if self._out_since not in (None, now) and not self.core.is_listening:
            raise broken('S13', self.name, 'it is out of order and sends %r', rows)
        super(CalculatorAudit, self).wrote(now, channel, rows)

    def _sent_results(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        for row in rows:
            task_id, result, error = row[1:] if kind == 'result' else (row[1], None, row[2])
            if task_id not in self._payloads:
                raise broken('S4', task_id, 'a result without an attempt')
            if error is None and not self.ledger.is_right(task_id, self._payloads[task_id], result):
                raise broken('S3', task_id, 'a result of %r', result)
            if task_id in self.held:
                self._reported.add(task_id)

    def _sent_heartbeats(self, now, channel, kind, rows):
        # type: (float, Channel, str, List[Any]) -> None
        running = self.core.account(now)['running']
        # A calculator with functions holds one more call for each slot.
        if running > self.settings['capacity'] * (1 if self.settings.get('work') is None else 2):
            raise broken('S6', self.name, 'it runs %d of %d', running, self.settings['capacity'])

    # Events.

    def _on_taken(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        task_id, attempt = facts['task_id'], facts['attempt']
        if (task_id, attempt) not in self._heard:
            raise broken('S4', task_id, 'runs without an assignment')
        dispatcher, assignment, payload, function = self._heard[task_id, attempt]
        self._note_assignment(dispatcher, assignment, task_id)
        meant_for = self.ledger.assigned.get((dispatcher, task_id, attempt))
        if meant_for is not None and meant_for != self.core.incarnation:
            raise broken('S7', (task_id, self.name), 'taken, and meant for another incarnation')
        if task_id in self.held:
            raise broken('S5', (task_id, self.name), 'taken while it is held')
        entry = self.ledger.tasks.get(task_id)
        if entry is not None and entry.payload != payload:
            raise broken('S3', task_id, 'another payload than its client sent')
        children = self.process.children
        if (function is None) != (children is None) or children is not None and function not in children.offered:
            raise broken('S23', (task_id, self.name), 'taken, and %s is not offered', function)
        self.held[task_id] = now
        self._payloads[task_id] = payload
        self.taken_total += 1
        self._on_work(self.process, task_id)

    def _on_renumbered(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        dispatcher, assignment, _, _ = self._heard[facts['task_id'], facts['attempt']]
        self._note_assignment(dispatcher, assignment, facts['task_id'])

    def _note_assignment(self, dispatcher, assignment, task_id):
        # type: (str, int, str) -> None
        key = (dispatcher, self.core.incarnation, assignment)
        if key in self._taken:
            raise broken('S16', (task_id, self.name), 'assignment %d taken again', assignment)
        self._taken.add(key)

    def _on_let_go(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        task_id, end = facts['task_id'], facts['end']
        taken_at = self.held.pop(task_id, None)
        self._reported.discard(task_id)
        self.taken_total -= end == 'not_started'
        if taken_at is None:
            raise broken('S5', (task_id, self.name), 'released, but it was not held')
        least_s = lengths.shortest(self.settings['task_duration_s'])
        if end == 'reported' and now - taken_at < least_s - ROUNDING_S and not self.settings.get('work'):
            raise broken('S13', task_id, 'computed in %.3f s, %.3f at the least', now - taken_at, least_s)
        if end == 'revoked' and (facts['assignment'] or task_id) not in self._revoked:
            raise broken('S1', (task_id, self.name), 'revoked without a revoke row')

    def _on_out_of_order(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        self._out_since = now
        self._returns_at = now + facts['duration_s']

    def _on_in_order(self, now, facts):
        # type: (float, Dict[str, Any]) -> None
        if not (self.told_to_stop or now >= self._returns_at - ROUNDING_S):
            raise broken('S13', self.name, 'back early')
        self._out_since = None
        if facts['outage'] == 'crash' and self.held:
            raise broken('S5', self.name, 'work that survived a crash: %r', sorted(self.held))

    def end_turn(self, now):
        # type: (float) -> None
        if self._heard:
            self._heard.clear()
        if self._revoked:
            self._revoked.clear()
        if self.process.children is not None:
            self._check_children(self.process.children)

    def _check_children(self, children):
        # type: (Any) -> None
        """S21: Children work only on held tasks, and at most one child on each."""
        task_ids = [call.task_id for call in children.running.values()]
        for task_id in sorted(task_ids):
            if task_id not in self.held or task_ids.count(task_id) > 1:
                raise broken('S21', (task_id, self.name), 'it runs %d times, and is %sheld', task_ids.count(task_id),
                             '' if task_id in self.held else 'not ')

    def sweep(self, now):
        # type: (float) -> None
        channel = self.core.dispatcher
        if self._reported and channel.is_open and self.core.is_listening:
            task_ids = on_the_way(channel, 1, 'result', 'failed')
            for task_id in sorted(self._reported):
                if task_id not in task_ids:
                    raise broken('S10', (task_id, self.name), 'its result is neither acknowledged nor on its way')
        account = self.core.account(now)
        held = account['running'] + account['unreported']
        if account['assigned'] != sum(account['ends'].values()) + held:
            raise broken('S11', self.name, '%r', account)
        if (account['assigned'], held) != (self.taken_total, len(self.held)):
            raise broken('S19', self.name, '%r, its events say that it took %d and holds %d', account,
                         self.taken_total, len(self.held))
