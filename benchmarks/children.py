"""Processes under measurement: started, watched, and all ended at the end."""

from __future__ import absolute_import, division, print_function

import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from benchmarks import machine
from runtime.clock import monotonic

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

#: Programs of this environment come first. Debian keeps some brokers in /usr/sbin.
SEARCH_PATH = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get('PATH', os.defpath), '/usr/sbin'])

POLL_S = 0.01
#: The longest wait for a process to get ready: RabbitMQ takes several seconds on two busy processors.
READY_S = 90.0


class RunFailed(Exception):
    """A system could not be measured; the text is one line for a person."""


class Child(object):
    """One process and whatever it starts. Its output goes to files, so nobody has to read along."""

    def __init__(self, label, command, folder, environment=None):
        self.label = label
        self._base = os.path.join(folder, label)
        everything = dict(os.environ, PATH=SEARCH_PATH, PYTHONPATH=ROOT, PYTHONDONTWRITEBYTECODE='1',
                          **(environment or {}))
        try:
            with open(os.devnull) as nothing, open(self._base + '.out', 'w') as out, \
                    open(self._base + '.log', 'w') as log:
                self._popen = subprocess.Popen(command, stdin=nothing, stdout=out, stderr=log, cwd=ROOT,
                                               env=everything, close_fds=True, preexec_fn=_before_program)
        except OSError as error:
            raise RunFailed('%s: cannot start %s: %s' % (label, command[0], error.strerror))
        self.pid = self._popen.pid

    @property
    def status(self):
        """Its exit status, None while it runs."""
        return self._popen.poll()

    @property
    def is_running(self):
        return self.status is None

    @property
    def output(self):
        """Its standard output so far."""
        return _text(self._base + '.out')

    @property
    def log(self):
        """Its standard error so far."""
        return _text(self._base + '.log')

    def cpu_s(self):
        """Processor seconds so far of the process and its descendants."""
        return machine.cpu_of(self.pid)

    def until(self, condition, what, bound_s=READY_S, poll_s=POLL_S):
        """Poll until ``condition()``. Raises ``RunFailed`` when the process ends first, or the time is over."""
        end_at = monotonic() + bound_s
        while True:
            found = condition()
            if found:
                return found
            if not self.is_running or monotonic() > end_at:
                raise RunFailed('%s: never %s%s' % (self.label, what, self._last_line()))
            time.sleep(poll_s)

    def wait(self, bound_s):
        """Wait for its end. Raises ``RunFailed`` when it does not end in time or not with status 0."""
        end_at = monotonic() + bound_s
        while self.is_running:
            if monotonic() > end_at:
                raise RunFailed('%s did not end within %g s%s' % (self.label, bound_s, self._last_line()))
            time.sleep(POLL_S)
        if self.status != 0:
            raise RunFailed('%s ended with status %s%s' % (self.label, self.status, self._last_line()))

    def must_run(self):
        """Raise ``RunFailed`` when it has ended."""
        if not self.is_running:
            raise RunFailed('%s ended with status %s%s' % (self.label, self.status, self._last_line()))

    def signal(self, number):
        """Send a signal to this process alone."""
        if self.is_running:
            self._popen.send_signal(number)

    def end(self, bound_s=5.0):
        """SIGTERM; SIGKILL after the bound."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)
        end_at = monotonic() + bound_s
        while self.is_running and monotonic() < end_at:
            time.sleep(POLL_S)
        self.kill()

    def kill(self):
        """SIGKILL, and wait for the end."""
        if self.is_running:
            self._popen.kill()
            self._popen.wait()

    def _last_line(self):
        lines = (self.log + self.output).strip().splitlines()
        return ': ' + lines[-1][:300] if lines else ''


class ProcessGroup(object):
    """All processes of a benchmark and a folder for their files. A context manager: nothing is left at its end."""

    def __init__(self):
        self.folder = ''
        self._children = []
        self._number = 0
        # The descendants of this process that were there before: not ours to end.
        self._strangers = set()

    def __enter__(self):
        machine.adopt_orphans()
        self._strangers = _descendants()
        self.folder = tempfile.mkdtemp(prefix='benchmark-')
        return self

    def __exit__(self, *_):
        self.end_all()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, label, command, environment=None):
        """Start one more process. Labels need not be unique."""
        self._number += 1
        child = Child('%s.%d' % (label, self._number), command, self.folder, environment)
        self._children.append(child)
        return child

    def file(self, name):
        """A path for a new file."""
        self._number += 1
        return os.path.join(self.folder, '%d.%s' % (self._number, name))

    def end_all(self):
        """End all processes, the newest first, and all that they have started."""
        for child in reversed(self._children):
            child.end()
        del self._children[:]
        # Orphans have become our children, so every descendant that is left comes from one of them.
        end_at = monotonic() + READY_S
        while monotonic() < end_at:
            left = _descendants() - self._strangers
            if not left:
                return
            for pid in left:
                _end_orphan(pid)
            time.sleep(POLL_S)


def free_port(kind=socket.SOCK_STREAM):
    """A port of loopback that is free now."""
    probe = socket.socket(socket.AF_INET, kind)
    try:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]
    finally:
        probe.close()


def accepts(port):
    """Whether a process accepts TCP connections on that port of loopback."""
    probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        probe.settimeout(1.0)
        return probe.connect_ex(('127.0.0.1', port)) == 0
    finally:
        probe.close()


def _before_program():
    # A session of its own, so that the terminal's Ctrl-C reaches only the harness.
    os.setsid()
    machine.die_with_parent()


def _text(path):
    with open(path, 'rb') as file:
        return file.read().decode('utf-8', 'replace')


def _descendants():
    own = os.getpid()
    return {process.pid for process in machine.descendants(own, list(machine.all_processes()))} - {own}


def _end_orphan(pid):
    """SIGKILL, and reap it when it has become our child."""
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, os.WNOHANG)
    except OSError as error:
        if error.errno not in (errno.ESRCH, errno.ECHILD):
            raise
