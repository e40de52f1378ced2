"""The systems under measurement, ours and others: how they are started and driven.

Each run starts the system again: a broker and two workers. A first client warms it up (connections, caches, first
registrations), a second one is measured. Processor time is measured while the second one runs: of the broker and the
workers from outside, of the client by itself, without its start.
"""

from __future__ import absolute_import, division, print_function

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from shutil import which  # type: ignore[attr-defined,unused-ignore]

from benchmarks import children, machine
from benchmarks.children import RunFailed
from benchmarks.figures import SHARES
from benchmarks.load import BEGAN
from benchmarks.peers import AFTER_SILENCE, NAMES, READY
from runtime.clock import monotonic
from runtime.event_files import events_of
from runtime.launcher import command

WORKERS = 2
IN_FLIGHT = 100
#: Slots of one of our calculators: two of them can hold all tasks in flight.
CAPACITY = 50
#: How much later than requested a client may end before the run counts as failed.
CLIENT_GRACE_S = 60.0
#: The duration of a task that never ends, with ours.
ENDLESS_S = 86400


class Running(object):
    """A system that runs: ``broker`` and ``workers`` are children."""

    def __init__(self, broker, workers, port):
        self.broker = broker
        self.workers = workers
        self.port = port
        #: The event file of our dispatcher, if it writes one.
        self.events = None

    def must_run(self):
        """Raise ``RunFailed`` if a process has ended."""
        for child in [self.broker] + self.workers:
            child.must_run()

    def cpu_s(self):
        """Processor seconds of the broker, and of all workers."""
        return self.broker.cpu_s(), sum(worker.cpu_s() for worker in self.workers)


class Peer(object):
    """A module of ``benchmarks/peers``. Its processes run on ``python``, by default on this one."""

    def __init__(self, name, python=None):
        self._module = importlib.import_module('benchmarks.peers.' + name)
        self._module_name = name
        self._python = python or sys.executable
        version = version_of(python) if python else ''
        self.name = name + ('-' + version if version else '')
        self.title = self._module.TITLE + (' (Python %s)' % version if version else '')
        self.used = self._module.USED
        self.guarantee = self._module.GUARANTEE

    def why_not(self):
        """Why it cannot be measured here; empty if it can."""
        missing = [command for command in self._module.COMMANDS if which(command, path=children.SEARCH_PATH) is None]
        missing += [module for module in self._module.MODULES if importlib.util.find_spec(module) is None]
        return '%s is not installed' % ', '.join(missing) if missing else ''

    def start(self, group, workers=WORKERS):
        """Start broker and workers; returns when they can be used."""
        if hasattr(self._module, 'serve'):
            port = children.free_port(socket.SOCK_DGRAM)
            broker = group.start(self.name + '-serve', self._role('serve', port))
            broker.until(lambda: READY in broker.output, 'ready')
        else:
            port = children.free_port()
            command = self._module.broker(port, group.folder)
            broker = group.start(self.name + '-broker', *(command if isinstance(command, tuple) else (command,)))
            broker.until(lambda: children.accepts(port), 'listening')
        running = Running(broker, [], port)
        for _ in range(workers):
            self.add_worker(group, running)
        return running

    def add_worker(self, group, running):
        """Start one more worker; returns when it can be used."""
        worker = group.start(self.name + '-work', self._role('work', running.port))
        worker.until(lambda: READY in worker.output, 'ready')
        running.workers.append(worker)

    def client(self, group, running, in_flight, duration_s):
        """Start a client that ends after ``duration_s`` and writes its account."""
        return group.start(self.name + '-ask', self._role('ask', running.port) + [
            '--in-flight', str(in_flight), '--duration', str(duration_s)])

    def endless_client(self, group, running):
        """Start a client with one task that never ends."""
        return group.start(self.name + '-ask', self._role('ask', running.port) + ['--endless'])

    def began_at(self, running, number):
        """When that worker began a task that never ends; None if it did not."""
        parts = running.workers[number].output.partition(BEGAN)
        return float(parts[2].split()[0]) if parts[2].endswith('\n') else None

    def _role(self, role, port):
        return [self._python, '-m', 'benchmarks.peers', self._module_name, role, '--port', str(port)]


#: Room for a million tasks of one client, which gets half of it.
MEMORY_BYTES = 4 << 30


class Own(object):
    """This project, on one Python, with the settings of a question."""

    used = ('the real programs; calculators with capacity %d, zero duration and no outages, all other settings as by '
            'default' % CAPACITY)
    guarantee = AFTER_SILENCE

    def __init__(self, python, variant='', title='', dispatcher=None, calculator=None, client=None):
        self.python = python
        self.version = version_of(python)
        self.name = 'ours-%s%s' % (self.version, '-' + variant if variant else '')
        self.title = 'ours, Python %s%s' % (self.version, ', ' + title if title else '')
        self.dispatcher_settings = dict(dispatcher or {})
        self.calculator_settings = dict(calculator or {})
        self.client_settings = dict(client or {})

    def why_not(self):
        return ''

    def start(self, group, workers=WORKERS, options=()):
        dispatcher = self.start_dispatcher(group, options=options)
        running = Running(dispatcher, [], self.listening_port(dispatcher))
        for _ in range(workers):
            self.add_worker(group, running)
        return running

    def add_worker(self, group, running):
        running.workers.append(self.start_calculator(group, running.port))

    def start_dispatcher(self, group, port=0, options=()):
        settings = dict({'listen': {'host': '127.0.0.1', 'port': port}, 'status_interval_s': 0},
                        **self.dispatcher_settings)
        return self._start(group, 'run_dispatcher.py', settings, options)

    def start_calculator(self, group, port, options=(), **more):
        settings = dict({'dispatcher': {'host': '127.0.0.1', 'port': port}, 'listen': {'host': '127.0.0.1', 'port': 0},
                         'task_duration_s': [0, 0], 'capacity': CAPACITY, 'outage': {'probability': 0}},
                        **self.calculator_settings)
        return self._start(group, 'run_calculator.py', dict(settings, **more), options)

    def start_client(self, group, port, options=(), **more):
        """Start a client with those options and settings; ``own_client`` adds figures to its account."""
        settings = dict({'dispatcher': {'host': '127.0.0.1', 'port': port}}, **self.client_settings)
        return self._start(group, os.path.join('benchmarks', 'own_client.py'), dict(settings, **more), options)

    def client(self, group, running, in_flight, duration_s):
        return self.start_client(group, running.port, ['--duration', str(duration_s)], task_interval_s=[0, 0],
                                 in_flight_max=in_flight)

    def listening_port(self, child):
        """The port that the system chose, from the log."""
        child.until(lambda: ' listening on ' in child.log, 'listening')
        return int(child.log.split(' listening on ')[1].split(',')[0].rsplit(':', 1)[1])

    def _start(self, group, program, settings, options):
        label = os.path.basename(program).replace('.py', '')
        path = group.file(label + '.json')
        return group.start('%s-%s' % (self.name, label), self.wrapped(group, label, command(
            program, path, settings, self.python) + ['--log-level', 'info', '--json'] + list(options)))

    def wrapped(self, group, label, started):
        """The command of a program, for variants that start it through another."""
        return started


class EndlessOwn(Own):
    """Ours with default settings and tasks that never end."""

    def __init__(self, python):
        super(EndlessOwn, self).__init__(python, calculator={'task_duration_s': [ENDLESS_S, ENDLESS_S], 'capacity': 1})

    def start(self, group, workers=WORKERS, options=()):
        path = group.file('events')
        running = super(EndlessOwn, self).start(group, 0, ['--events', path])
        running.events = path
        for _ in range(workers):
            self.add_worker(group, running)
        return running

    def add_worker(self, group, running):
        name = 'calculator-%d' % len(running.workers)
        running.workers.append(self.start_calculator(group, running.port, name=name))
        running.broker.until(lambda: _first_at(running, 'registered', name), 'registered ' + name)

    def endless_client(self, group, running):
        return self.start_client(group, running.port, ['--tasks', '1'])

    def began_at(self, running, number):
        return _first_at(running, 'assigned', 'calculator-%d' % number)


def _first_at(running, kind, calculator):
    """The time of the first event of that kind and calculator, None if there is none."""
    return next((event.time for event in events_of(running.events)
                 if event.kind == kind and event.facts['calculator'] == calculator), None)


def run_once(group, system, in_flight, warm_up_s, duration_s):
    """One run of one system from start to end; returns its figures. Raises ``RunFailed``."""
    try:
        return drive(group, system, system.start(group), in_flight, warm_up_s, duration_s)
    finally:
        group.end_all()


def drive(group, system, running, in_flight, warm_up_s, duration_s, more=None):
    """Measure a running system. ``more(began_at, ended_at)`` returns how many tasks of other clients were done."""
    finish_client(system.client(group, running, in_flight, warm_up_s), warm_up_s)
    running.must_run()
    watch = machine.Watch()
    before = running.cpu_s()
    began_at = monotonic()
    report = finish_client(system.client(group, running, in_flight, duration_s), duration_s)
    ended_at = monotonic()
    broker_s, workers_s = (then - first for then, first in zip(running.cpu_s(), before))
    others_share = watch.others_share()
    running.must_run()
    found = measured(report, broker_s, workers_s, others_share)
    if more is not None:
        every = report['answered'] + more(began_at, ended_at)
        found.update(every_task=every, broker_us=1e6 * broker_s / every, workers_us=1e6 * workers_s / every)
    return dict(found, broker_s=broker_s, window_s=ended_at - began_at)


def finish_client(client, duration_s):
    """Wait for a client and return its account."""
    client.wait(duration_s + CLIENT_GRACE_S)
    report = _account(client)
    if not report.get('answered'):
        raise RunFailed('%s got no right answer' % client.label)
    return report


def account_of(child):
    """End one of our processes at once and return its account."""
    for number in (signal.SIGINT, signal.SIGTERM):
        child.signal(number)
        time.sleep(0.1)
    child.wait(CLIENT_GRACE_S)
    return _account(child)


def _account(child):
    try:
        return json.loads(child.output)
    except ValueError:
        raise RunFailed('%s wrote no account' % child.label)


def measured(report, broker_s, workers_s, others_share):
    """The figures of one run: tasks per second, microseconds of each party's processor per task, response times."""
    tasks = report['answered']
    quantiles = [1e6 * value for value in report['quantiles_s']]
    parties_us = [1e6 * seconds / tasks for seconds in (broker_s, workers_s, report['cpu_s'])]
    found = {'tasks': tasks, 'duration_s': report['duration_s'], 'tasks_per_s': tasks / report['duration_s'],
             'broker_us': parties_us[0], 'workers_us': parties_us[1], 'client_us': parties_us[2],
             'total_us': sum(parties_us), 'quantiles_us': quantiles, 'others_share': others_share}
    for figure, share in (('p50_us', 0.5), ('p95_us', 0.95), ('p99_us', 0.99), ('p999_us', 0.999), ('max_us', 1.0)):
        found[figure] = quantiles[SHARES.index(share)]
    return found


def version_of(python):
    """Major and minor version of an interpreter; empty if it does not run."""
    try:
        return subprocess.check_output(
            [python, '-c', 'import sys; print("%d.%d" % sys.version_info[:2])'],
            stderr=subprocess.STDOUT).decode('ascii').strip()
    except (OSError, subprocess.CalledProcessError, UnicodeDecodeError):
        return ''


def pythons_here():
    """The Python that runs this, and a 2.7 if one is found."""
    candidates = [os.path.join(children.ROOT, '.venv', '2.7', 'bin', 'python'), 'python2.7']
    pyenv = os.path.join(os.environ.get('PYENV_ROOT', os.path.expanduser('~/.pyenv')), 'versions')
    if os.path.isdir(pyenv):
        candidates += [os.path.join(pyenv, name, 'bin', 'python') for name in sorted(os.listdir(pyenv))]
    return [sys.executable] + [candidate for candidate in candidates if version_of(candidate) == '2.7'][:1]


def all_peers(pythons):
    """All peers; the relay on 2.7 too."""
    return [Peer(name) for name in NAMES] + [Peer('relay', python) for python in pythons if version_of(python) == '2.7']
