"""Network namespaces of our own, a joiner between them, and real processes in them."""

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

#: Nobody outside ever sees these addresses: they are on TUN devices that only the joiner reads.
NETWORK = '10.77.0.%d'
#: The host numbers of each role's namespace, the first of which is its source address.
HOSTS = {DISPATCHER: (1, 2), CALCULATOR: (11, 12), CLIENT: (21,)}
#: Where `ip netns exec` finds files that stand for those of /etc in a namespace.
ETC = '/etc/netns'
NAME_OF_THE_DISPATCHER = 'dispatcher.example'


def address(role, at=0):
    """The address of a role, one of several."""
    return NETWORK % HOSTS[role][at]


class Namespace(object):
    """One network namespace with a TUN device in it."""

    def __init__(self, role, joiner):
        self.name = 'attack-%d-%s' % (os.getpid(), role)
        self._device = '%s%d' % (role[:4], os.getpid() % 1000000)
        run('ip', 'netns', 'add', self.name)
        try:
            os.makedirs(self._etc)
            self.say_where_the_dispatcher_is(address(DISPATCHER))
            descriptor = joiner.add_device(self._device)
            run('ip', 'link', 'set', self._device, 'netns', self.name)
            for host in HOSTS[role]:
                run('ip', '-n', self.name, 'address', 'add', NETWORK % host + '/24', 'dev', self._device)
                joiner.add_way(NETWORK % host, descriptor)
            run('ip', '-n', self.name, 'link', 'set', self._device, 'up')
            run('ip', '-n', self.name, 'link', 'set', 'lo', 'up')
        except BaseException:
            self.close()
            raise

    @property
    def _etc(self):
        return os.path.join(ETC, self.name)

    @property
    def wrapper(self):
        """The beginning of a command that runs here."""
        return [tools.path_of('ip') or 'ip', 'netns', 'exec', self.name]

    def filter(self, hook, rule):
        """Add a rule of nftables for all UDP datagrams that come in (``input``) or go out (``output``)."""
        for words in ('add table inet attack',
                      'add chain inet attack %s { type filter hook %s priority 0; }' % (hook, hook),
                      'add rule inet attack %s %s' % (hook, rule)):
            run(*(self.wrapper + ['nft', words]))

    def heal(self):
        """Take all rules away."""
        run(*(self.wrapper + ['nft', 'flush ruleset']))

    def dropped(self):
        """Datagrams that rules with a counter have taken so far."""
        found = json.loads(run(*(self.wrapper + ['nft', '--json', 'list', 'ruleset'])))
        return sum(part['counter']['packets'] for entry in found['nftables'] for part in entry.get('rule', {}).get(
            'expr', []) if 'counter' in part)

    def say_where_the_dispatcher_is(self, where):
        """The name of the dispatcher resolves to that address from now on. Written in place: the file is mounted."""
        with io.open(os.path.join(self._etc, 'hosts'), 'w', encoding='ascii') as file:
            file.write(u'127.0.0.1 localhost\n%s %s\n' % (where, NAME_OF_THE_DISPATCHER))

    def close(self):
        """Remove it."""
        run('ip', 'netns', 'del', self.name)
        shutil.rmtree(self._etc, ignore_errors=True)


class NamespacedSystem(System):
    """Real processes, each role in a namespace of its own, with the joiner between them."""

    def __init__(self, directory, seed=1):
        super(NamespacedSystem, self).__init__(directory)
        self.joiner = Joiner(seed)
        self.namespaces = {}
        #: Role -> name -> its file of events.
        self.events = {}
        # It does to datagrams what a relay does, and counts it in the same words.
        self.relay = self.joiner
        try:
            for role in (DISPATCHER, CALCULATOR, CLIENT):
                self.namespaces[role] = Namespace(role, self.joiner)
        except BaseException:
            self.dispose()
            raise
        self.joiner.start()

    def launch(self, role, name, started, settings, terminal=None):
        """Start a program in the namespace of its role, with a file of events; all dispatchers share theirs."""
        path = os.path.join(self._directory, (role if role == DISPATCHER else name) + '.events')
        self.events.setdefault(role, {})[name] = path
        started = self.namespaces[role].wrapper + started + ['--events', path]
        return super(NamespacedSystem, self).launch(role, name, started, settings, terminal)

    def audit(self, capacity):
        """Hold the events of all against each other, when everything has ended."""
        path, = set(self.events[DISPATCHER].values())
        calculators = self.events[CALCULATOR]
        Auditor(self.events[CLIENT], path, calculators, dict.fromkeys(calculators, capacity)).check()

    def heal(self):
        """From now on everything arrives, as it was sent."""
        self.joiner.faults = Faults()
        self.joiner.blocked = set()
        for namespace in self.namespaces.values():
            namespace.heal()

    def dispose(self):
        """End everything, and leave no namespace behind."""
        super(NamespacedSystem, self).dispose()
        for namespace in self.namespaces.values():
            namespace.close()
        self.namespaces.clear()
