"""A system with victims, and an event file for each process."""

from __future__ import absolute_import, division, print_function

import os
import sys

from runtime.event_files import count
from tests.attacks.auditor import Auditor
from tests.attacks.victims import Victim
from tests.system import accounts
from tests.system.processes import CLIENT, DISPATCHER, eventually

#: A client that waits for fewer tasks has caught up.
OPEN_MAX = 20


class World(object):
    """The processes of ``system``, and victims."""

    def __init__(self, system, directory):
        self.system = system
        self.directory = directory
        self.victims = []
        #: Name of a process -> path of its event file.
        self.events = {}

    def start(self, role, name, python=sys.executable, **settings):
        """Start a process that is no victim."""
        self.events[name] = os.path.join(self.directory, name + '.events')
        process = self.system.start(role, name, settings, ['--json', '--events', self.events[name]], python)
        if role == DISPATCHER:
            self.system.address = process.address
        return process

    def client(self, name='client', **changes):
        """Start a client whose tasks don't expire. At its end it waits for all outcomes."""
        return self.start(CLIENT, name, **dict({'task_interval_s': [0.02, 0.04], 'task_timeout_s': 600,
                                                'drain_timeout_s': 30}, **changes))

    def victim(self, role, name, **settings):
        """Make a victim, which is not started yet."""
        made = Victim(self.directory, role, name, self.system.address, **settings)
        self.events[name] = made.events
        self.victims.append(made)
        if role == DISPATCHER:
            self.system.address = made.address
        return made

    def end_client(self, client, tasks_min=50):
        """End a client and check that all its tasks were answered.

        The client must first send more than ``tasks_min`` tasks, so that its account says something, and catch up: it
        would cancel tasks that wait for room.
        """
        path = self.events[client.settings['name']]
        eventually(lambda: tasks_min < count(path, 'sent') < count(path, 'answered') + OPEN_MAX,
                   '%s has sent enough tasks, and caught up' % client)
        assert client.end() == 0
        account = client.account
        assert account['sent'] == account['answered'] > tasks_min, account

    @staticmethod
    def end_calculators(*calculators):
        for calculator in calculators:
            calculator.end()
            accounts.check_calculator(calculator.account, False)

    def audit(self, clients, capacities):
        """Audit the events of all processes after their end: names of clients, and capacities of calculators by name.
        """
        made = Auditor({name: self.events[name] for name in clients}, self.events[DISPATCHER],
                       {name: self.events[name] for name in capacities}, capacities)
        made.check()
        self.system.is_balanced = True
        return made

    def audit_all_answered(self, clients, capacities):
        """Audit, check that every task was answered once, and return the number of tasks."""
        ends = self.audit(clients, capacities).ends()
        assert all(each == ['answered'] for each in ends.values())
        return len(ends)

    def dispose(self):
        for victim in self.victims:
            victim.dispose()
