"""A system some of whose processes are victims, each with a file of its events."""

from __future__ import absolute_import, division, print_function

import os
import sys

from runtime.event_files import count
from tests.attacks.auditor import Auditor
from tests.attacks.victims import Victim
from tests.system.processes import DISPATCHER, eventually

#: A client that waits for fewer tasks has caught up.
OPEN_MAX = 20


class World(object):
    """The processes of ``system``, and the victims beside them."""

    def __init__(self, system, directory):
        self.system = system
        self.directory = directory
        self.victims = []
        #: Name of a process -> its file of events.
        self.events = {}

    def start(self, role, name, python=sys.executable, **settings):
        """Start a process that is left alone."""
        self.events[name] = os.path.join(self.directory, name + '.events')
        process = self.system.start(role, name, settings, ['--json', '--events', self.events[name]], python)
        if role == DISPATCHER:
            self.system.address = process.address
        return process

    def victim(self, role, name, **settings):
        """Make a victim, which is not started yet."""
        made = Victim(self.directory, role, name, self.system.address, **settings)
        self.events[name] = made.events
        self.victims.append(made)
        if role == DISPATCHER:
            self.system.address = made.address
        return made

    def told(self, name, kind):
        """How many events of that kind a process has written so far."""
        return count(self.events[name], kind)

    def end_client(self, client, tasks_min=50):
        """End a client once it has sent more than ``tasks_min``, or its account would say little, and has caught up:
        a task that it had no room to submit yet it would cancel. Each of its tasks has to be answered.
        """
        name = client.settings['name']
        eventually(lambda: tasks_min < self.told(name, 'sent') < self.told(name, 'answered') + OPEN_MAX,
                   'there was something to lose, and %s has caught up' % name)
        assert client.end() == 0
        account = client.account
        assert account['sent'] == account['answered'] > tasks_min, account

    def audit(self, clients, capacities):
        """Hold the events of all against each other, when everything has ended: names of clients, and of calculators
        with their capacities.
        """
        made = Auditor({name: self.events[name] for name in clients}, self.events[DISPATCHER],
                       {name: self.events[name] for name in capacities}, capacities)
        made.check()
        self.system.is_balanced = True
        return made

    def dispose(self):
        """End the victims."""
        for victim in self.victims:
            victim.dispose()
