"""Two machines: network namespaces with a cable between them, and processes in them. Linux, as root."""

from __future__ import absolute_import, division, print_function

import os
import subprocess
import sys

from tests.needs import skip_unless_ci
from tests.source_tree import ROOT
from tests.system.processes import Process, System

MYPY = False
if MYPY:
    from typing import Any, Dict, List  # noqa: F401


def run(*command):
    # type: (*str) -> None
    """Run a command, which must succeed."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    output = process.communicate()[0]
    assert process.returncode == 0, '%s: %s' % (' '.join(command), output)


def skip_without_namespaces():
    # type: () -> None
    if os.getuid() != 0:
        skip_unless_ci('needs to be root, to make network namespaces')
    for command in (['ip', 'netns'], ['nft', '--version']):
        try:
            with open(os.devnull, 'w') as nowhere:
                subprocess.check_call(command, stdout=nowhere, stderr=nowhere)
        except (OSError, subprocess.CalledProcessError):
            skip_unless_ci('needs the command %s' % command[0])


class Machine(object):
    """One network namespace."""

    def __init__(self, name):
        # type: (str) -> None
        self.name = name
        self.wrapper = ['ip', 'netns', 'exec', name]
        run('ip', 'netns', 'add', name)
        run('ip', '-n', name, 'link', 'set', 'lo', 'up')

    def run(self, *command):
        # type: (*str) -> None
        run(*(self.wrapper + list(command)))

    def has_address(self, address, device='cable'):
        # type: (str, str) -> None
        self.run('ip', 'address', 'add', address + '/24', 'dev', device)

    def has_address_no_more(self, address):
        # type: (str) -> None
        self.run('ip', 'address', 'del', address + '/24', 'dev', 'cable')

    def close(self):
        # type: () -> None
        run('ip', 'netns', 'del', self.name)


class TwoMachines(System):
    """``here`` and ``there``, joined by the device ``cable`` of each. Programs run on ``machine``."""

    def __init__(self, directory):
        # type: (str) -> None
        super(TwoMachines, self).__init__(directory)
        self._machines = []  # type: List[Machine]
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

    def run(self, role, name, arguments, settings=None, python=sys.executable, terminal=None):
        # type: (str, str, List[str], Dict[str, Any] | None, str, int | None) -> Process
        label = '%s-%d' % (name, len(self.processes))
        command = self.machine.wrapper + [python, os.path.join(ROOT, 'run_%s.py' % role)] + arguments
        return self.adopt(Process(role, label, command, self._directory, settings, terminal))

    def dispose(self):
        # type: () -> None
        super(TwoMachines, self).dispose()
        for machine in self._machines:
            machine.close()
        self._machines = []
