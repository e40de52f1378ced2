"""Two machines: network namespaces that are connected, and processes in them. Needs root on Linux."""

from __future__ import absolute_import, division, print_function

import os

from runtime import launcher
from tests.needs import skip_unless_ci
from tests.system.processes import System


def run(*command):
    """Run a command, which must succeed, and return its output."""
    status, output, errors = launcher.run(command)
    assert status == 0, '%s: %s' % (' '.join(command), output + errors)
    return output


def skip_without_namespaces():
    if os.getuid() != 0:
        skip_unless_ci('needs to be root, to make network namespaces')
    for command in (['ip', 'netns'], ['nft', '--version']):
        try:
            is_there = launcher.run(command)[0] == 0
        except OSError:
            is_there = False
        if not is_there:
            skip_unless_ci('needs the command %s' % command[0])


class Machine(object):
    """One network namespace."""

    def __init__(self, name):
        self.name = name
        #: The words before a command that runs on this machine.
        self.wrapper = ['ip', 'netns', 'exec', name]
        run('ip', 'netns', 'add', name)
        run('ip', '-n', name, 'link', 'set', 'lo', 'up')

    def run(self, *command):
        run(*(self.wrapper + list(command)))

    def has_address(self, address):
        self.run('ip', 'address', 'add', address + '/24', 'dev', 'cable')

    def has_address_no_more(self, address):
        self.run('ip', 'address', 'del', address + '/24', 'dev', 'cable')

    def close(self):
        run('ip', 'netns', 'del', self.name)


class TwoMachines(System):
    """Two machines, ``here`` and ``there``, connected by devices ``cable``. Programs start on ``machine``."""

    def __init__(self, directory):
        super(TwoMachines, self).__init__(directory)
        self._machines = []
        try:
            for name in ('here', 'there'):
                self._machines.append(Machine('test-%d-%s' % (os.getpid(), name)))
            self.here, self.there = self._machines
            self.machine = self.here
            run('ip', '-n', self.here.name, 'link', 'add', 'cable', 'type', 'veth', 'peer', 'name', 'cable', 'netns',
                self.there.name)
            for machine in self._machines:
                machine.run('ip', 'link', 'set', 'cable', 'up')
        except BaseException:
            self.dispose()
            raise

    def launch(self, role, name, started, settings, terminal=None):
        return super(TwoMachines, self).launch(role, name, self.machine.wrapper + started, settings, terminal)

    def dispose(self):
        super(TwoMachines, self).dispose()
        for machine in self._machines:
            machine.close()
        self._machines = []
