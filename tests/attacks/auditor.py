"""An audit of the events of all processes of a run, by the auditors of the simulator.

A process writes an event before it sends what the event describes. So all that its peers received is in its event file,
also if it was killed directly afterwards.

The auditors also need the rows that a process received. They follow from the events of its peers: a submit was
received if its client has ``sent`` the task, an outcome if the dispatcher wrote ``done``. Times are not checked,
because a process may be delayed before it writes an event.
"""

from __future__ import absolute_import, division, print_function

from net_protocol.limits import SECONDS_MAX
from net_protocol.recovery import ReceiveWindow
from net_protocol.rows import CALCULATOR, CLIENT, DISPATCHER, DONE, QUEUE_FULL
from runtime.event_files import read
from simulator.calculator_audit import CalculatorAudit
from simulator.client_audit import ClientAudit
from simulator.dispatcher_audit import DispatcherAudit
from simulator.fleet_audit import HINT_PINGS, HINT_S
from simulator.ledger import Ledger
from simulator.violations import overdue

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401

#: Settings with which no step is too early or exceeds a limit.
SETTINGS = {'task_timeout_s': 0.0, 'answer_timeout_s': 0.0, 'task_duration_s': [0.0, 0.0], 'dead_after_missed': -1,
            'suspect_after_missed': -1, 'attempts_max': 1000, 'flap_events_max': 0}


class Audited(object):
    """The attributes of a process, its core, clock and channel that the auditors read."""

    fault = children = None

    def __init__(self, role, name, incarnation):
        self.core = self.environment = self.agenda = self.clock = self
        self.role = role
        self.name = name
        self.incarnation = incarnation
        self.now = 0.0
        self.address = None
        self.number_received = 0
        # Empty, because the events are in order.
        self.received = ReceiveWindow()
        self.peer_open = 0

    #: No event has unread datagrams, or failures of a journal.
    unread = ()
    journal = None

    @staticmethod
    def virtual(now):
        return now


class TrustingLedger(Ledger):
    """Events have no payloads. A client checks each result itself, and its outcome would be ``wrong``."""

    def is_right(self, task_id, payload, result):
        return True


class Auditor(object):
    """Reads the event files of all processes after their end. ``clients``, ``calculators``: paths by name;
    ``dispatcher``: a path; ``capacities`` of the calculators by name.
    """

    def __init__(self, clients, dispatcher, calculators, capacities):
        self._events = read(dispatcher, DISPATCHER, DISPATCHER)[1]
        for role, paths in ((CLIENT, clients), (CALCULATOR, calculators)):
            for name, path in paths.items():
                self._events += read(path, name, role)[1]
        self._events.sort(key=lambda event: event.time)
        self._capacities = capacities
        self._ledger = TrustingLedger()
        # Name of a process -> the audit of its present incarnation. One dispatcher runs at a time.
        self._audits = {}
        self._number = 0
        # Names of clients that cancel their tasks.
        self._cancelling = set()
        # Task id -> outcome of the dispatcher.
        self._outcomes = {}
        # (calculator, task id) of attempts that began.
        self._taken = set()
        # (calculator, task id, attempt) -> incarnation of the dispatcher.
        self._assigned = {}

    def check(self):
        """Raise ``Violation`` if a rule is broken. The last dispatcher must have ended without open tasks."""
        for event in self._events:
            if event.kind == 'began':
                self._begin(event)
                continue
            audit = self._audits[event.name]
            {CLIENT: self._receive_as_client, DISPATCHER: self._receive_as_dispatcher,
             CALCULATOR: self._receive_as_calculator}[event.role](audit, event)
            if event.kind in audit.EVENTS:
                getattr(audit, audit.EVENTS[event.kind])(event.time, event.facts)
            audit.end_turn(event.time)
        for task_id in sorted(self._audits[DISPATCHER].places):
            raise overdue('S1', task_id, 'accepted by the last dispatcher, without an outcome')

    def ends(self):
        """Task id -> the outcomes that its client received, for all clients."""
        found = {}
        for event in self._events:
            if event.kind == 'sent':
                found.setdefault(event.facts['task_id'], [])
            elif event.role == CLIENT and event.kind in ('answered', 'unanswered', 'refused'):
                found.setdefault(event.facts['task_id'], []).append(event.facts.get('outcome', event.kind))
        return found

    def _begin(self, event):
        """Begin an incarnation. Those of a calculator count as one: events of a dispatcher have only its name."""
        incarnation = event.facts['incarnation'] if event.role != CALCULATOR else event.name
        if event.role == CLIENT:
            audit = ClientAudit(self._ledger, SETTINGS)  # type: Any
        elif event.role == DISPATCHER:
            audit = DispatcherAudit(self._ledger, SETTINGS)
        else:
            audit = CalculatorAudit(self._ledger, SETTINGS, lambda process, task_id: None)
        audit.begin(Audited(event.role, event.facts['name'], incarnation))
        self._audits[event.name] = audit

    def _receive(self, audit, event, kind, sender, *rows):
        getattr(audit, audit.HEARD[kind])(event.time, sender, kind, rows)

    # The rows that a process must have received before an event.

    def _receive_as_client(self, audit, event):
        outcome = self._outcomes.get(event.facts.get('task_id', ''))
        dispatcher = self._audits.get(DISPATCHER)
        sender = Audited(DISPATCHER, DISPATCHER, dispatcher.core.incarnation if dispatcher is not None else '')
        if event.kind in ('draining', 'cancelling'):
            audit.told_to_stop = True
            self._cancelling.add(event.name)
        elif event.kind == 'refused':
            # No event of a dispatcher.
            self._receive(audit, event, 'refused', sender, [_number(event), 0, QUEUE_FULL, None])
        elif event.kind in ('answered', 'unanswered') and outcome is not None:
            if outcome == DONE:
                self._receive(audit, event, 'done', sender, [_number(event), None, 1])
            else:
                self._receive(audit, event, 'ended', sender, [_number(event), outcome, None, 1])

    def _receive_as_dispatcher(self, audit, event):
        facts = event.facts
        task_id, calculator = facts.get('task_id', ''), facts.get('calculator', '')
        client = Audited(CLIENT, *(task_id.split(':') + ['', ''])[:2])
        sender = Audited(CALCULATOR, calculator, calculator)
        if event.kind == 'accepted' and task_id in self._ledger.tasks:
            self._receive(audit, event, 'submit', client, *[[_number(event), None, left] for left in (0, SECONDS_MAX)])
        elif event.kind == 'ended' and client.name in self._cancelling:
            self._receive(audit, event, 'cancel', client, [_number(event)])
        elif event.kind == 'done' and (calculator, task_id) in self._taken:
            self._receive(audit, event, 'result', sender, [0, task_id, None, None])
        elif event.kind in ('registered', 'returned'):
            self._number += 1
            sender.number_received = self._number
            sender.address = facts['address'] = tuple(facts['address'])
            self._receive(audit, event, 'heartbeat', sender,
                          [1, 1, 1, 1.0, self._capacities[calculator], [], [], False])
        elif event.kind == 'suspected':
            # No event is a ping.
            getattr(audit, audit.SENT['ping'])(event.time - HINT_S, sender, 'ping', [[]])
            audit.views[calculator].pings *= HINT_PINGS
        elif event.kind == 'assigned':
            self._assigned[calculator, task_id, facts['attempt']] = audit.core.incarnation
        elif event.kind == 'reassigned':
            # No event is the acknowledgement of the assignment.
            row = [1, task_id, facts['attempt'], None, 0, 0]
            getattr(audit, audit.SENT['assign'])(event.time, sender, 'assign', [row])
            audit.acknowledged(event.time, sender, 'assign', [row])
        if event.kind in ('done', 'ended'):
            # No event is the revocation.
            audit.queueing(sender, 'revoke', [0, task_id])
            self._outcomes[task_id] = facts.get('outcome', DONE)

    def _receive_as_calculator(self, audit, event):
        task_id = event.facts.get('task_id', '')
        if event.kind in ('taken', 'renumbered'):
            dispatcher = self._assigned.get((event.name, task_id, event.facts['attempt']))
            if dispatcher is not None:
                self._receive(audit, event, 'assign', Audited(DISPATCHER, DISPATCHER, dispatcher),
                              [event.facts['assignment'], task_id, event.facts['attempt'], None, 0, 0])
            self._taken.add((event.name, task_id))
        elif event.kind == 'let_go':
            # No event of a dispatcher is a revocation.
            self._receive(audit, event, 'revoke', Audited(DISPATCHER, DISPATCHER, ''),
                          [event.facts['assignment'], task_id])


def _number(event):
    return int(event.facts['task_id'].rsplit(':', 1)[1])
