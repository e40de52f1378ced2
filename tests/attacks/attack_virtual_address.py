"""A virtual address in front of the dispatcher, as of a Kubernetes service, whose target changes after a death."""

from __future__ import absolute_import, division, print_function

import json
import os
import time

import pytest

from runtime.clock import monotonic
from runtime.launcher import Child, command
from tests.attacks import tools
from tests.system.namespaces import run

pytestmark = [pytest.mark.needs('namespaces'), pytest.mark.timeout(120)]

VIRTUAL, FIRST, SECOND, PORT = '10.78.0.100', '10.78.0.1', '10.78.0.2', 7000

#: Seconds from the change of the target until everything works again.
WITHIN_S = 15.0


class Host(object):
    """One namespace with a virtual address, and the processes in it."""

    def __init__(self, folder, python):
        self._folder = folder
        self._python = python
        self._name = 'virtual-%d' % os.getpid()
        self._processes = []
        run('ip', 'netns', 'add', self._name)
        for words in (['link', 'set', 'lo', 'up'], ['address', 'add', FIRST + '/32', 'dev', 'lo'],
                      ['address', 'add', SECOND + '/32', 'dev', 'lo'], ['route', 'add', VIRTUAL + '/32', 'dev', 'lo']):
            run('ip', '-n', self._name, *words)

    @property
    def _inside(self):
        return [tools.path_of('ip') or 'ip', 'netns', 'exec', self._name]

    def lead_to(self, address):
        """Connections that the kernel already knows keep their former target."""
        for words in ('flush ruleset', 'add table ip virtual',
                      'add chain ip virtual out { type nat hook output priority -100; }',
                      'add rule ip virtual out ip daddr %s udp dport %d dnat to %s:%d' % (
                          VIRTUAL, PORT, address, PORT)):
            run(*(self._inside + ['nft', words]))

    def start(self, role, name, settings, *arguments):
        base = str(self._folder.join(name))
        started = command(role, base + '.json', settings, self._python) + ['--json'] + list(arguments)
        self._processes.append(Child(self._inside + started, base))
        return self._processes[-1]

    def close(self):
        for process in self._processes:
            process.dispose()
        run('ip', 'netns', 'del', self._name)


@pytest.mark.parametrize('change_after_s', [1.0, 7.0])
def test_behind_a_virtual_address_work_goes_on_soon_after_its_target_has_changed(tmpdir, python, say, change_after_s):
    host = Host(tmpdir, python)
    try:
        host.lead_to(FIRST)
        first = host.start('dispatcher', 'first', {'listen': {'host': FIRST, 'port': PORT}})
        where = {'host': VIRTUAL, 'port': PORT}
        calculator = host.start('calculator', 'calculator', {
            'dispatcher': where, 'listen': {'host': '0.0.0.0', 'port': 0}, 'task_duration_s': [0.05, 0.1],
            'capacity': 20, 'outage': {'probability': 0}})
        client = host.start('client', 'client', {'dispatcher': where, 'task_interval_s': [0.1, 0.1]}, '--tasks', '100')
        time.sleep(4)
        first.dispose()
        host.start('dispatcher', 'second', {'listen': {'host': SECOND, 'port': PORT}})
        time.sleep(change_after_s)
        host.lead_to(SECOND)
        changed_at = monotonic()
        while client.is_running:
            assert monotonic() - changed_at < WITHIN_S, client.log + calculator.log
            time.sleep(0.05)
        say('the target of a virtual address changed: all 100 tasks done %.1f s later' % (monotonic() - changed_at))
        assert json.loads(client.output)['answered'] == 100
        assert 'from another port' in client.log
    finally:
        host.close()
