"""Starts, watches, signals and ends real processes of the system.

The fixture ``system`` is a ``System``. Its processes run on loopback, on ports that the kernel chooses, and write to
files. After the test, also after a failure, each process is ended by its id and reaped.
"""

from __future__ import absolute_import, division, print_function

import io
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys

from runtime.launcher import Child, command, default_signals, wait_until
from tests.source_tree import ROOT

#: The limit of every wait. On an idle machine no wait takes longer than a few seconds.
BOUND_S = 45.0

#: ``a_port_where_nobody_listens`` draws from here up to the ports that the kernel chooses, if there are that many.
PORTS_FROM = 10000
PORTS_MIN = 1000

CLIENT = 'client'
DISPATCHER = 'dispatcher'
CALCULATOR = 'calculator'

LISTENING = re.compile(r'listening on (?:\[([^\]]+)\]|([^:\s]+)):(\d+),')
STATUS = re.compile(r'waiting (\d+), running (\d+), calculators alive (\d+) / suspect (\d+) / dead (\d+)')

#: Settings of each role for tests: short tasks, short heartbeats, no outages, any free port. With heartbeats of 0.2 s
#: a calculator that gets no processor time is declared dead after a second.
QUICK = {
    DISPATCHER: {'status_interval_s': 0.05, 'drain_timeout_s': 0.5},
    CALCULATOR: {'listen': {'host': '127.0.0.1', 'port': 0}, 'task_duration_s': [0.01, 0.03],
                 'heartbeat_interval_s': 0.2, 'outage': {'probability': 0}},
    CLIENT: {'task_interval_s': [0.0, 0.01]},
}  # type: dict


def eventually(condition, what, bound_s=BOUND_S):
    """Poll until ``condition()`` is true and return it. After ``bound_s``, fail with ``what`` in the message."""
    found = wait_until(condition, bound_s)
    assert found, 'not within %g s: %s' % (bound_s, what)
    return found


class Process(Child):
    """A program that was started: its command, its settings, its output."""

    def __init__(self, role, label, command, directory, settings, terminal=None):
        self.role = role
        self.label = label
        self.settings = settings
        #: Whether SIGKILL ended it: then there is no account.
        self.was_killed = False
        #: Whether a second signal ended it at once: then its account may have unfinished work.
        self.was_hurried = False
        super(Process, self).__init__(command, os.path.join(directory, label), environment=environment(),
                                      stderr=terminal)

    def __repr__(self):
        return self.label

    # Output.

    def says(self, pattern, times=1, bound_s=BOUND_S):
        """Wait until its log has ``times`` matches of ``pattern``, ignoring case; returns the last match."""
        def matches():
            ended = not self.is_running
            found = list(re.finditer(pattern, self.log, re.IGNORECASE))
            if len(found) < times:
                assert not ended, '%s ended with %s and never logged %r' % (self.label, self.exit_status, pattern)
                return None
            return found[-1]
        return eventually(matches, '%s logs %r, %d times' % (self.label, pattern, times), bound_s)

    @property
    def address(self):
        """Host and port where it listens, from its log."""
        found = self.says(LISTENING.pattern)
        return found.group(1) or found.group(2), int(found.group(3))

    @property
    def status(self):
        """The numbers in a dispatcher's newest status line."""
        found = STATUS.findall(self.log)
        return dict(zip(('waiting', 'running', 'alive', 'suspect', 'dead'),
                        [int(number) for number in found[-1]] if found else [0] * 5))

    @property
    def account(self):
        """The JSON object that a process printed when it ended."""
        return the_one_object(self.output)

    # End.

    def wait(self, bound_s=BOUND_S):
        """Wait for its end; returns the exit status."""
        eventually(lambda: not self.is_running, '%s ends' % self.label, bound_s)
        return self._popen.returncode

    def kill(self):
        """Send SIGKILL, and reap."""
        assert self.is_running, '%s had ended already, with %s' % (self.label, self.exit_status)
        self.was_killed = True
        self.dispose()

    def suspend(self):
        """Send SIGSTOP, and wait until it has stopped."""
        self.signal(signal.SIGSTOP)
        eventually(lambda: _state(self.pid) in ('T', '?'), '%s has stopped' % self.label)

    def resume(self):
        self.signal(signal.SIGCONT)

    def end(self):
        """Send SIGTERM, wait for the end, and return the exit status."""
        self.ask_to_end()
        return self.wait()

    def ask_to_end(self):
        """Send SIGTERM. A process that logged its address has its signal handlers."""
        if self.is_running:
            assert self.address
            self.signal(signal.SIGTERM)

    def report(self):
        """Its command, settings and output, to understand a failure."""
        return '\n'.join([
            '---- %s: %s, exit status %s' % (self.label, ' '.join(self.command), self.exit_status),
            'settings: %s' % json.dumps(self.settings, sort_keys=True),
            'standard output:', self.output.rstrip(), 'standard error:', _shortened(self.log)])


class System(object):
    """All processes that a test starts, and the comparison of their accounts at its end.

    ``address`` is the dispatcher's address for clients and calculators; a test may set it to a relay's. No other test
    uses ``host``, so a port that the kernel gives to another test is another address.
    """

    def __init__(self, directory):
        self.processes = []
        self.relay = None
        self.address = None
        self.host = own_host()
        #: Not None if the test itself sends datagrams. Then fewer relations between accounts hold.
        self.strangers_tasks = None
        self.is_balanced = False
        self._directory = directory

    # Start.

    def dispatcher(self, python=sys.executable, arguments=(), **settings):
        """Start a dispatcher and wait until it listens. Other processes then get its address."""
        process = self.start(DISPATCHER, DISPATCHER, settings, ['--json'] + list(arguments), python)
        self.address = process.address
        return process

    def restart(self, dispatcher, **settings):
        """Start a dispatcher on the port of one that has ended."""
        host, port = dispatcher.address
        process = self.start(DISPATCHER, DISPATCHER, dict(settings, listen={'host': host, 'port': port}), ['--json'])
        assert process.address == (host, port)
        return process

    def calculator(self, name, python=sys.executable, **settings):
        return self.start(CALCULATOR, name, settings, ['--json'], python)

    def calculators(self, letters, **settings):
        """Start calculators that are named after letters."""
        return [self.calculator('calculator-%s' % letter, **settings) for letter in letters]

    def client(self, name='client', tasks=None, python=sys.executable, arguments=(), terminal=None, **settings):
        """Start a client that sends ``tasks`` tasks; None: until it is stopped."""
        arguments = ['--json'] + list(arguments) + (['--tasks', '%d' % tasks] if tasks is not None else [])
        return self.start(CLIENT, name, settings, arguments, python, terminal)

    def start(self, role, name, settings, arguments, python=sys.executable, terminal=None):
        """Start a program of ``role`` with the settings of ``QUICK``, changed by ``settings``."""
        complete = dict(QUICK[role], **dict({'name': name}, **settings))
        if role == DISPATCHER:
            complete.setdefault('listen', {'host': self.host, 'port': 0})
        if role != DISPATCHER and 'dispatcher' not in complete:
            assert self.address is not None, 'start a dispatcher first'
            complete['dispatcher'] = {'host': self.address[0], 'port': self.address[1]}
        path = os.path.join(self._directory, '%s-%d.json' % (name, len(self.processes)))
        return self.launch(role, name, command(role, path, complete, python) + arguments, complete, terminal)

    def run(self, role, arguments):
        """Start a program with only these arguments."""
        return self.launch(role, role, [sys.executable, os.path.join(ROOT, 'run_%s.py' % role)] + arguments, None)

    def launch(self, role, name, started, settings, terminal=None):
        """Start a program by its complete command."""
        label = '%s-%d' % (name, len(self.processes))
        return self.adopt(Process(role, label, started, self._directory, settings, terminal))

    def adopt(self, process):
        """Add a process that the test started itself."""
        self.processes.append(process)
        return process

    # End.

    def of(self, role):
        """All processes of a role, in the order in which they were started."""
        return [process for process in self.processes if process.role == role]

    def balance(self):
        """Send SIGTERM to all, clients first and the dispatcher last, wait, and compare all accounts."""
        from tests.system import accounts
        for role in (CLIENT, CALCULATOR, DISPATCHER):
            for process in self.of(role):
                process.ask_to_end()
            for process in self.of(role):
                process.wait()
        accounts.check(self)
        self.is_balanced = True

    def dispose(self):
        """Kill all processes."""
        for process in self.processes:
            process.dispose()
        if self.relay is not None:
            self.relay.close()

    def report(self):
        """Commands, settings and output of all processes, to understand a failure."""
        parts = [process.report() for process in self.processes]
        return '\n\n'.join(parts + ([self.relay.report()] if self.relay is not None else []))


def the_one_object(output):
    """The JSON object that is the whole output of a program."""
    lines = output.splitlines()
    assert len(lines) == 1, 'expected one line with one JSON object, found %r' % output
    found = json.loads(lines[0])
    assert type(found) is dict
    return found


def a_port_where_nobody_listens():
    """A port that is free now and that the kernel does not choose for other sockets: a process that is started later
    can still bind it.
    """
    first = _first_port_of_the_system()
    while True:
        port = random.SystemRandom().randrange(PORTS_FROM, first) if first - PORTS_FROM >= PORTS_MIN else 0
        taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            taken.bind(('127.0.0.1', port))
            return taken.getsockname()[1]
        except (OSError, socket.error):
            continue
        finally:
            taken.close()


def _first_port_of_the_system():
    """The lowest port that the kernel chooses; 0 if unknown."""
    try:
        with io.open('/proc/sys/net/ipv4/ip_local_port_range', encoding='ascii') as file:
            return int(file.read().split()[0])
    except IOError:
        return 0


def own_host():
    """A random loopback address. Only Linux has more than one."""
    if not sys.platform.startswith('linux'):
        return '127.0.0.1'
    rng = random.SystemRandom()
    return '127.%d.%d.%d' % (rng.randrange(1, 255), rng.randrange(256), rng.randrange(1, 255))


def environment():
    """The environment without variables that change the behaviour of Python or pytest."""
    return {name: value for name, value in os.environ.items() if not name.startswith(('PYTHON', 'PYTEST'))}


def run_to_end(arguments, bound_s=BOUND_S):
    """Run a program to its end: exit status, standard output, standard error."""
    return run_all_to_end([arguments], bound_s)[0]


def run_all_to_end(commands, bound_s=BOUND_S):
    """The same for several programs in parallel."""
    started = []
    try:
        for arguments in commands:
            with open(os.devnull, 'rb') as nothing:
                started.append(subprocess.Popen(
                    [sys.executable] + list(arguments), stdin=nothing, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    cwd=ROOT, env=environment(), close_fds=True, preexec_fn=default_signals))
        # Their output fits in a pipe, so it can be read after their end.
        eventually(lambda: all(one.poll() is not None for one in started), 'the end of %r' % (commands,), bound_s)
        said = [[text.decode('utf-8', 'replace') for text in one.communicate()] for one in started]
    finally:
        for one in started:
            if one.poll() is None:
                one.kill()
                one.communicate()
    return [(one.returncode, out, err) for one, (out, err) in zip(started, said)]


def _shortened(log, head=40, tail=160):
    """A log with only the last status line of a series, and without the middle if it is long."""
    lines = []
    for line in log.splitlines():
        if lines and STATUS.search(line) and STATUS.search(lines[-1]):
            lines[-1] = line
        else:
            lines.append(line)
    left_out = len(lines) - head - tail
    if left_out > 0:
        lines[head:-tail] = ['... %d lines left out ...' % left_out]
    return '\n'.join(lines)


def _state(pid):
    """The state letter of a process, '?' if the system has no /proc."""
    try:
        with io.open('/proc/%d/stat' % pid, 'rb') as file:
            return file.read().rsplit(b')', 1)[1].split()[0].decode('ascii')
    except IOError:
        return '?'
