"""The systems under measurement, ours and others, each as something that can be started and asked to work.

A system is started once for each run: a broker and two workers. Then a client drives it for a short time that is not
counted (connections, caches, first registrations), and a second one for the time that is. Processor time is read
around the second one: of the broker and the workers from outside, of the client by itself, without its start.
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
from benchmarks.peers import NAMES, READY
from runtime.clock import monotonic

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Tuple  # noqa: F401

    from benchmarks.children import Child, House  # noqa: F401

WORKERS = 2
IN_FLIGHT = 100
#: The places of one of our calculators: enough that all tasks that are out may be with two of them.
CAPACITY = 50
#: How much longer than asked a client may take to come to its end before the run counts as failed.
CLIENT_GRACE_S = 60.0


class System(object):
    """What is started for a run: ``broker`` and ``workers`` are children, ``client`` starts one."""

    name = ''
    title = ''
    used = ''

    def why_not(self):
        # type: () -> str
        """Why it can't be measured here; empty where it can."""
        raise NotImplementedError

    def start(self, house):
        # type: (House) -> Any
        """Start broker and workers, and wait until they can be used; returns what ``client`` needs to find them."""
        raise NotImplementedError

    def client(self, house, running, in_flight, duration_s):
        # type: (House, Any, int, float) -> Child
        """Start a client that ends by itself after that time and then says what came of it."""
        raise NotImplementedError


class Running(object):
    """A system that runs."""

    def __init__(self, broker, workers, port, workers_below_broker=None):
        # type: (Child, List[Child], int, str | None) -> None
        # How the command lines of workers begin that run below the broker.
        self._workers_below_broker = workers_below_broker
        self.broker = broker
        self.workers = workers
        self.port = port

    def must_be_well(self):
        # type: () -> None
        """Raise ``RunFailed`` where a part of it has ended."""
        for child in [self.broker] + self.workers:
            if not child.is_running:
                child.must_be_well()
                raise RunFailed('%s ended' % child.label)

    def cpu_s(self):
        # type: () -> Tuple[float, float]
        """Processor seconds so far: of the broker, of all workers."""
        broker_s = self.broker.cpu_s()
        workers_s = sum(worker.cpu_s() for worker in self.workers)
        if self._workers_below_broker is not None:
            below = machine.descendants(self.broker.pid, list(machine.all_processes()))
            below_s = sum(process.cpu_s for process in below
                          if machine.command_line(process.pid).startswith(self._workers_below_broker))
            return broker_s - below_s, workers_s + below_s
        return broker_s, workers_s


class Peer(System):
    """One of ``benchmarks/peers``; the relays run on other Pythons too."""

    def __init__(self, name, python=sys.executable, version=''):
        # type: (str, str, str) -> None
        self._module = importlib.import_module('benchmarks.peers.' + name)
        self._module_name = name
        self._python = python
        self.name = name + ('-' + version if version else '')
        self.title = self._module.TITLE + (' (%s)' % version if version else '')
        self.used = self._module.USED

    def why_not(self):
        # type: () -> str
        missing = [command for command in self._module.COMMANDS if which(command, path=children.SEARCH_PATH) is None]
        missing += [module for module in self._module.MODULES if importlib.util.find_spec(module) is None]
        return '%s is not installed' % ', '.join(missing) if missing else ''

    def start(self, house):
        # type: (House) -> Running
        port = children.free_port(socket.SOCK_DGRAM if hasattr(self._module, 'serve') else socket.SOCK_STREAM)
        if hasattr(self._module, 'serve'):
            broker = house.start(self.name + '-serve', self._role('serve', port))
            broker.until(lambda: READY in broker.output, 'ready')
        else:
            broker = house.start(self.name + '-broker', self._module.broker(port, house.folder))
            broker.until(lambda: children.accepts(port), 'listening')
        workers = [house.start('%s-work' % self.name, self._role('work', port)) for _ in range(WORKERS)]
        for worker in workers:
            worker.until(lambda worker=worker: READY in worker.output, 'ready')  # type: ignore[misc]
        return Running(broker, workers, port, getattr(self._module, 'WORKERS_BELOW_BROKER', None))

    def client(self, house, running, in_flight, duration_s):
        # type: (House, Running, int, float) -> Child
        return house.start(self.name + '-ask', self._role('ask', running.port) + [
            '--in-flight', str(in_flight), '--duration', str(duration_s)])

    def _role(self, role, port):
        # type: (str, int) -> List[str]
        return [self._python, '-m', 'benchmarks.peers', self._module_name, role, '--port', str(port)]


class Own(System):
    """This project, on one Python, with the settings that a question asks for."""

    used = ('the real programs; calculators with capacity %d, zero duration and no outages, everything else as it is '
            'by default' % CAPACITY)

    def __init__(self, python, version, variant='', title='', dispatcher=None, calculator=None, client=None, workers=2):
        # type: (str, str, str, str, Any, Any, Any, int) -> None
        self.python = python
        self.version = version
        self.name = 'ours-%s%s' % (version, '-' + variant if variant else '')
        self.title = 'ours, Python %s%s' % (version, ', ' + title if title else '')
        self.dispatcher_settings = dict(dispatcher or {})
        self.calculator_settings = dict(calculator or {})
        self.client_settings = dict(client or {})
        self._workers = workers

    def why_not(self):
        # type: () -> str
        return ''

    def start(self, house):
        # type: (House) -> Running
        broker = self.start_dispatcher(house)
        port = self.listening_port(broker)
        workers = [self.start_calculator(house, port) for _ in range(self._workers)]
        return Running(broker, workers, port)

    def start_dispatcher(self, house, port=0, options=()):
        # type: (House, int, Any) -> Child
        """One dispatcher; port 0: any free one."""
        settings = dict({'listen': {'host': '127.0.0.1', 'port': port}, 'status_interval_s': 0},
                        **self.dispatcher_settings)
        return house.start(self.name + '-dispatcher', self._command(
            house, 'run_dispatcher.py', settings, ['--json'] + list(options)))

    def start_calculator(self, house, port, options=()):
        # type: (House, int, Any) -> Child
        """One calculator."""
        settings = dict({'dispatcher': {'host': '127.0.0.1', 'port': port}, 'listen': {'host': '127.0.0.1', 'port': 0},
                         'task_duration_s': [0, 0], 'capacity': CAPACITY, 'outage': {'probability': 0}},
                        **self.calculator_settings)
        return house.start(self.name + '-calculator', self._command(
            house, 'run_calculator.py', settings, ['--json'] + list(options)))

    def start_client(self, house, port, options, settings=None):
        # type: (House, int, List[str], Any) -> Child
        """One client with those options; ``own_client`` tells more at the end."""
        complete = dict({'dispatcher': {'host': '127.0.0.1', 'port': port}}, **self.client_settings)
        complete.update(settings or {})
        return house.start(self.name + '-client', self._command(
            house, os.path.join('benchmarks', 'own_client.py'), complete, ['--json'] + options))

    def client(self, house, running, in_flight, duration_s):
        # type: (House, Running, int, float) -> Child
        return self.start_client(house, running.port, ['--duration', str(duration_s)],
                                 {'task_interval_s': [0, 0], 'in_flight_max': in_flight})

    def listening_port(self, child):
        # type: (Child) -> int
        """The port that the system chose, from the log."""
        found = child.until(lambda: [line for line in child.log.splitlines() if ' listening on ' in line], 'listening')
        return int(found[0].split(' listening on ')[1].split(',')[0].rsplit(':', 1)[1])

    def _command(self, house, program, settings, options):
        # type: (House, str, Dict[str, Any], List[str]) -> List[str]
        path = house.file(os.path.basename(program) + '.json')
        with open(path, 'w') as file:
            json.dump(settings, file)
        return [self.python, os.path.join(children.ROOT, program), '-s', path, '--log-level', 'info'] + options


def run_once(house, system, in_flight, warm_up_s, duration_s):
    # type: (House, System, int, float, float) -> Dict[str, Any]
    """One run of one system from start to end; everything measured. Raises ``RunFailed``."""
    try:
        return drive(house, system, system.start(house), in_flight, warm_up_s, duration_s)
    finally:
        house.end_all()


def drive(house, system, running, in_flight, warm_up_s, duration_s, more=None):
    # type: (House, System, Running, int, float, float, Any) -> Dict[str, Any]
    """Measure a system that runs. ``more(began_at, ended_at)`` is how many tasks others than this client had done."""
    finish_client(system.client(house, running, in_flight, warm_up_s), warm_up_s)
    running.must_be_well()
    watch = machine.Watch()
    before = running.cpu_s()
    began_at = monotonic()
    report = finish_client(system.client(house, running, in_flight, duration_s), duration_s)
    ended_at = monotonic()
    broker_s, workers_s = (then - first for then, first in zip(running.cpu_s(), before))
    others_share = watch.others_share()
    running.must_be_well()
    found = measured(report, broker_s, workers_s, others_share)
    if more is not None:
        every = report['answered'] + more(began_at, ended_at)
        found.update(every_task=every, broker_us=1e6 * broker_s / every, workers_us=1e6 * workers_s / every)
    return dict(found, broker_s=broker_s, window_s=ended_at - began_at)


def finish_client(client, duration_s):
    # type: (Child, float) -> Dict[str, Any]
    """Wait for a client and return what it says."""
    client.wait(duration_s + CLIENT_GRACE_S)
    client.must_be_well()
    try:
        report = json.loads(client.output)  # type: Dict[str, Any]
    except ValueError:
        raise RunFailed('%s said nothing that is JSON' % client.label)
    if not report.get('answered'):
        raise RunFailed('%s got no right answer' % client.label)
    return report


def account_of(child):
    # type: (Child) -> Dict[str, Any]
    """Ask one of our processes to end at once and return what it counted."""
    for number in (signal.SIGINT, signal.SIGTERM):
        child.signal(number)
        time.sleep(0.1)
    child.wait(CLIENT_GRACE_S)
    try:
        account = json.loads(child.output)  # type: Dict[str, Any]
    except ValueError:
        raise RunFailed('%s left no account' % child.label)
    return account


def measured(report, broker_s, workers_s, others_share):
    # type: (Dict[str, Any], float, float, float) -> Dict[str, Any]
    """The figures of one run: tasks a second, microseconds of each party's processor a task, seconds to an answer."""
    tasks = report['answered']
    quantiles = report['quantiles_s']
    return {
        'tasks': tasks,
        'duration_s': report['duration_s'],
        'tasks_per_s': tasks / report['duration_s'],
        'broker_us': 1e6 * broker_s / tasks,
        'workers_us': 1e6 * workers_s / tasks,
        'client_us': 1e6 * report['cpu_s'] / tasks,
        'total_us': 1e6 * (broker_s + workers_s + report['cpu_s']) / tasks,
        'p50_us': 1e6 * quantiles[SHARES.index(0.5)],
        'p95_us': 1e6 * quantiles[SHARES.index(0.95)],
        'p99_us': 1e6 * quantiles[SHARES.index(0.99)],
        'p999_us': 1e6 * quantiles[SHARES.index(0.999)],
        'max_us': 1e6 * quantiles[-1],
        'quantiles_us': [round(1e6 * value, 2) for value in quantiles],
        'others_share': others_share,
    }


def version_of(python):
    # type: (str) -> str
    """Major and minor version of an interpreter; empty where it does not run."""
    try:
        return subprocess.check_output(
            [python, '-c', 'import sys; print("%d.%d" % sys.version_info[:2])'],
            stderr=subprocess.STDOUT).decode('ascii').strip()
    except (OSError, subprocess.CalledProcessError, UnicodeDecodeError):
        return ''


def pythons_here():
    # type: () -> List[str]
    """The Python that runs this, and a 2.7 where one is found."""
    found = [sys.executable]
    candidates = [os.path.join(children.ROOT, '.venv', '2.7', 'bin', 'python'), 'python2.7']
    pyenv = os.path.join(os.environ.get('PYENV_ROOT', os.path.expanduser('~/.pyenv')), 'versions')
    if os.path.isdir(pyenv):
        candidates += [os.path.join(pyenv, name, 'bin', 'python') for name in sorted(os.listdir(pyenv))]
    for candidate in candidates:
        if version_of(candidate) == '2.7':
            return found + [candidate]
    return found


def peers(pythons):
    # type: (List[str]) -> List[System]
    """All peers; the relays of the last kind on each of those Pythons."""
    found = []  # type: List[System]
    for name in NAMES:
        found.append(Peer(name))
        if name == 'relay_queue':
            found.extend(Peer(name, python, version_of(python)) for python in pythons if version_of(python) == '2.7')
    return found
