"""Processes under measurement: started, watched, and never left behind."""

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

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Set  # noqa: F401

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

#: Programs of this environment come first; Debian keeps some brokers where only root looks.
SEARCH_PATH = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get('PATH', os.defpath), '/usr/sbin'])

POLL_S = 0.01
#: The longest wait for a process to get ready. Ray takes 15 s on two busy processors.
READY_S = 90.0


class RunFailed(Exception):
    """A system could not be measured; the text is one line for a person."""


class Child(object):
    """One process and whatever it starts. What it says goes to files: nobody has to read along."""

    def __init__(self, label, command, folder, environment=None, stdin=None):
        # type: (str, List[str], str, Dict[str, str] | None, Any) -> None
        self.label = label
        self._base = os.path.join(folder, label)
        everything = dict(os.environ, PATH=SEARCH_PATH, PYTHONPATH=ROOT, PYTHONDONTWRITEBYTECODE='1',
                          **(environment or {}))
        try:
            with open(os.devnull) as nothing, open(self._base + '.out', 'w') as out, \
                    open(self._base + '.log', 'w') as log:
                # A session of its own, out of reach of the terminal's Ctrl-C, which is for us.
                self._popen = subprocess.Popen(command, stdin=nothing if stdin is None else stdin, stdout=out,
                                               stderr=log, cwd=ROOT, env=everything, close_fds=True,
                                               preexec_fn=_before_program)
        except OSError as error:
            raise RunFailed('%s: cannot start %s: %s' % (label, command[0], error.strerror))
        self.pid = self._popen.pid

    @property
    def is_running(self):
        # type: () -> bool
        """Whether it still exists."""
        return self._popen.poll() is None

    @property
    def status(self):
        # type: () -> int | None
        """Its exit status, None while it runs."""
        return self._popen.poll()

    @property
    def output(self):
        # type: () -> str
        """What is on its standard output so far."""
        return _text(self._base + '.out')

    @property
    def log(self):
        # type: () -> str
        """What is on its standard error so far."""
        return _text(self._base + '.log')

    def cpu_s(self):
        # type: () -> float
        """Processor seconds of it and everything below it so far."""
        return machine.cpu_of(self.pid)

    def wait(self, bound_s):
        # type: (float) -> None
        """Wait for its end. Raises ``RunFailed`` where it does not end in time."""
        end_at = monotonic() + bound_s
        while self.is_running:
            if monotonic() > end_at:
                raise RunFailed('%s did not end within %g s%s' % (self.label, bound_s, self._last_words()))
            time.sleep(POLL_S)

    def must_be_well(self):
        # type: () -> None
        """Raise ``RunFailed`` where it has ended and not with 0."""
        if self.status not in (None, 0):
            raise RunFailed('%s ended with status %s%s' % (self.label, self.status, self._last_words()))

    def until(self, condition, what, bound_s=READY_S, poll_s=POLL_S):
        # type: (Callable[[], Any], str, float, float) -> Any
        """Poll until ``condition()``; raise ``RunFailed`` where it ends before that, or nothing comes of it."""
        end_at = monotonic() + bound_s
        while True:
            found = condition()
            if found:
                return found
            if not self.is_running or monotonic() > end_at:
                raise RunFailed('%s: never %s%s' % (self.label, what, self._last_words()))
            time.sleep(poll_s)

    def signal(self, number):
        # type: (int) -> None
        """Send a signal to it alone."""
        if self.is_running:
            self._popen.send_signal(number)

    def end(self, bound_s=5.0):
        # type: (float) -> None
        """Ask it to end; SIGKILL after the bound."""
        self.signal(signal.SIGTERM)
        end_at = monotonic() + bound_s
        while self.is_running and monotonic() < end_at:
            time.sleep(POLL_S)
        self.kill()

    def kill(self):
        # type: () -> None
        """SIGKILL to it alone, and wait until that has worked."""
        if self.is_running:
            self._popen.kill()
            self._popen.wait()

    def _last_words(self):
        # type: () -> str
        lines = (self.log + self.output).strip().splitlines()
        return ': ' + lines[-1][:300] if lines else ''


class House(object):
    """All processes of a benchmark and a folder for what they write. Use as a context manager: nothing is left."""

    def __init__(self, keep=None):
        # type: (str | None) -> None
        self._keep = keep
        self.folder = ''
        self._children = []  # type: List[Child]
        self._number = 0
        # Who was below us before anything was started here: not ours to end.
        self._strangers = set()  # type: Set[int]

    def __enter__(self):
        # type: () -> House
        machine.adopt_orphans()
        self._strangers = _family()
        self.folder = tempfile.mkdtemp(prefix='benchmark-')
        return self

    def __exit__(self, *_):
        # type: (*Any) -> None
        self.end_all()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, label, command, environment=None, stdin=None):
        # type: (str, List[str], Dict[str, str] | None, Any) -> Child
        """Start one more process; the label need not be new."""
        self._number += 1
        child = Child('%s.%d' % (label, self._number), command, self.folder, environment, stdin)
        self._children.append(child)
        return child

    def file(self, name):
        # type: (str) -> str
        """A path for a new file of that kind."""
        self._number += 1
        return os.path.join(self.folder, '%d.%s' % (self._number, name))

    def end_all(self):
        # type: () -> None
        """End everything that runs, those that were started last first, and whatever these have started."""
        for child in reversed(self._children):
            child.end()
        del self._children[:]
        # Orphans have become our children, so whoever is below us now comes from one of them.
        end_at = monotonic() + READY_S
        while monotonic() < end_at:
            left = _family() - self._strangers
            if not left:
                return
            for pid in left:
                _end_orphan(pid)
            time.sleep(POLL_S)


def free_port(kind=socket.SOCK_STREAM):
    # type: (int) -> int
    """A port of loopback that nobody has right now."""
    probe = socket.socket(socket.AF_INET, kind)
    try:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]
    finally:
        probe.close()


def accepts(port):
    # type: (int) -> bool
    """Whether somebody accepts TCP connections on that port of loopback."""
    probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        probe.settimeout(1.0)
        return probe.connect_ex(('127.0.0.1', port)) == 0
    finally:
        probe.close()


def _before_program():
    # type: () -> None
    os.setsid()
    machine.die_with_parent()


def _text(path):
    # type: (str) -> str
    with open(path, 'rb') as file:
        return file.read().decode('utf-8', 'replace')


def _family():
    # type: () -> Set[int]
    """Everybody below this process."""
    own = os.getpid()
    return {process.pid for process in machine.descendants(own, list(machine.all_processes()))} - {own}


def _end_orphan(pid):
    # type: (int) -> None
    """SIGKILL, and off the system's list where it is our child by now."""
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, os.WNOHANG)
    except OSError as error:
        if error.errno not in (errno.ESRCH, errno.ECHILD):
            raise
