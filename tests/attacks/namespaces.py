"""Network namespaces, a joiner between them, and real processes in them."""

from __future__ import absolute_import, division, print_function

import io
import json
import os
import shutil

from tests.attacks import tools
from tests.attacks.auditor import Auditor
from tests.attacks.joiner import Faults, Joiner
from tests.system.namespaces import run
from tests.system.processes import CALCULATOR, CLIENT, DISPATCHER, System

#: These addresses exist only on TUN devices that the joiner reads.
NETWORK = '10.77.0.%d'
#: The host numbers of each role's namespace. The first one is its source address.
HOSTS = {DISPATCHER: (1, 2), CALCULATOR: (11, 12), CLIENT: (21,)}
#: ``ip netns exec`` mounts the files below this folder over those of /etc.
ETC = '/etc/netns'
NAME_OF_THE_DISPATCHER = 'dispatcher.example'


def address(role, at=0):
    return NETWORK % HOSTS[role][at]


class Namespace(object):
    """A network namespace with a TUN device."""

    def __init__(self, role, joiner):
        self.name = 'attack-%d-%s' % (os.getpid(), role)
        self._etc = os.path.join(ETC, self.name)
        device = '%s%d' % (role[:4], os.getpid() % 1000000)
        run('ip', 'netns', 'add', self.name)
        try:
            os.makedirs(self._etc)
            self.set_dispatcher_address(address(DISPATCHER))
            descriptor = joiner.add_device(device)
            run('ip', 'link', 'set', device, 'netns', self.name)
            for host in HOSTS[role]:
                run('ip', '-n', self.name, 'address', 'add', NETWORK % host + '/24', 'dev', device)
                joiner.add_route(NETWORK % host, descriptor)
            for each in (device, 'lo'):
                run('ip', '-n', self.name, 'link', 'set', each, 'up')
        except BaseException:
            self.close()
            raise

    @property
    def wrapper(self):
        """The beginning of a command that runs in this namespace."""
        return [tools.path_of('ip') or 'ip', 'netns', 'exec', self.name]

    def filter(self, hook, rule):
        """Add an nftables rule for incoming (hook ``input``) or outgoing (``output``) packets."""
        for words in ('add table inet attack',
                      'add chain inet attack %s { type filter hook %s priority 0; }' % (hook, hook),
                      'add rule inet attack %s %s' % (hook, rule)):
            run(*(self.wrapper + ['nft', words]))

    def remove_filters(self):
        run(*(self.wrapper + ['nft', 'flush ruleset']))

    def dropped(self):
        """The number of packets that rules with a counter have dropped."""
        found = json.loads(run(*(self.wrapper + ['nft', '--json', 'list', 'ruleset'])))
        return sum(part['counter']['packets'] for entry in found['nftables'] for part in entry.get('rule', {}).get(
            'expr', []) if 'counter' in part)

    def set_dispatcher_address(self, where):
        """The name of the dispatcher resolves to this address from now on. The mounted file must keep its inode."""
        with io.open(os.path.join(self._etc, 'hosts'), 'w', encoding='ascii') as file:
            file.write(u'127.0.0.1 localhost\n%s %s\n' % (where, NAME_OF_THE_DISPATCHER))

    def close(self):
        run('ip', 'netns', 'del', self.name)
        shutil.rmtree(self._etc, ignore_errors=True)


class NamespacedSystem(System):
    """Real processes, with a namespace for each role, and the joiner between the namespaces."""

    def __init__(self, directory, seed=1):
        super(NamespacedSystem, self).__init__(directory)
        self.joiner = Joiner(seed)
        self.namespaces = {}
        #: Role -> name -> path of the event file.
        self.events = {}
        # The accounts take its counters for those of a relay.
        self.relay = self.joiner
        try:
            for role in (DISPATCHER, CALCULATOR, CLIENT):
                self.namespaces[role] = Namespace(role, self.joiner)
        except BaseException:
            self.dispose()
            raise
        self.joiner.start()

    def launch(self, role, name, started, settings, terminal=None):
        """Start a program in the namespace of its role. All dispatchers share one event file."""
        path = os.path.join(self._directory, (role if role == DISPATCHER else name) + '.events')
        self.events.setdefault(role, {})[name] = path
        started = self.namespaces[role].wrapper + started + ['--events', path]
        return super(NamespacedSystem, self).launch(role, name, started, settings, terminal)

    def audit(self, capacity):
        """Audit the events of all processes after their end."""
        path, = set(self.events[DISPATCHER].values())
        calculators = self.events[CALCULATOR]
        Auditor(self.events[CLIENT], path, calculators, dict.fromkeys(calculators, capacity)).check()

    def heal(self):
        """End all faults."""
        self.joiner.faults = Faults()
        self.joiner.blocked = set()
        for namespace in self.namespaces.values():
            namespace.remove_filters()

    def dispose(self):
        super(NamespacedSystem, self).dispose()
        for namespace in self.namespaces.values():
            namespace.close()
        self.namespaces.clear()
