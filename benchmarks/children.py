"""Processes under measurement: how they start, are observed, and end."""

from __future__ import absolute_import, division, print_function

import errno
import os
import shutil
import signal
import socket
import sys
import tempfile

from benchmarks import machine
from runtime import launcher
from runtime.launcher import POLL_S, ROOT

MYPY = False
if MYPY:
    from typing import Any  # noqa: F401

#: Programs of this environment come first. Debian keeps some brokers in /usr/sbin.
SEARCH_PATH = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get('PATH', os.defpath), '/usr/sbin'])

#: The longest wait for a process to get ready: RabbitMQ takes several seconds on two busy processors.
READY_S = 90.0


class RunFailed(Exception):
    """A system could not be measured; the text is one line for a person."""


class Child(launcher.Child):
    """One process and its descendants."""

    def __init__(self, label, command, folder, environment=None):
        self.label = label
        everything = dict(os.environ, PATH=SEARCH_PATH, PYTHONPATH=ROOT, PYTHONDONTWRITEBYTECODE='1',
                          **(environment or {}))
        try:
            super(Child, self).__init__(command, os.path.join(folder, label), environment=everything,
                                        before=_before_program)
        except OSError as error:
            raise RunFailed('%s: cannot start %s: %s' % (label, command[0], error.strerror))

    def cpu_s(self):
        """Processor seconds so far of the process and its descendants."""
        return machine.cpu_of(self.pid)

    def until(self, condition, what, bound_s=READY_S, poll_s=POLL_S):
        """Poll until ``condition()`` is true. Raises ``RunFailed`` if the process ends first, or after ``bound_s``."""
        found = [None]  # type: Any

        def is_over():
            found[0] = condition()
            return found[0] or not self.is_running
        launcher.wait_until(is_over, bound_s, poll_s)
        if not found[0]:
            raise RunFailed('%s: never %s%s' % (self.label, what, self._said()))
        return found[0]

    def wait(self, bound_s):
        """Wait for its end. Raises ``RunFailed`` if it does not end in time with status 0."""
        if not launcher.wait_until(lambda: not self.is_running, bound_s):
            raise RunFailed('%s did not end within %g s%s' % (self.label, bound_s, self._said()))
        if self.exit_status != 0:
            raise RunFailed('%s ended with status %s%s' % (self.label, self.exit_status, self._said()))

    def must_run(self):
        """Raise ``RunFailed`` if it has ended."""
        if not self.is_running:
            raise RunFailed('%s ended with status %s%s' % (self.label, self.exit_status, self._said()))

    def end(self, bound_s=5.0):
        """SIGTERM; SIGKILL after the bound."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)
        launcher.wait_until(lambda: not self.is_running, bound_s)
        self.dispose()

    kill = launcher.Child.dispose

    def _said(self):
        return ': ' + self.last_line[:300] if self.last_line else ''


class ProcessGroup(object):
    """All processes of a benchmark and a folder for their files. A context manager: nothing is left at its end."""

    def __init__(self):
        self.folder = ''
        self._children = []
        self._number = 0
        # Older descendants of this process, which are not ended.
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
        """End all processes, the newest first, and their descendants."""
        for child in reversed(self._children):
            child.end()
        del self._children[:]
        # Orphans have become children of this process, so all their processes are among its descendants.
        launcher.wait_until(self._has_ended_orphans, READY_S)

    def _has_ended_orphans(self):
        left = _descendants() - self._strangers
        for pid in left:
            _end_orphan(pid)
        return not left


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
    # The terminal's Ctrl-C then reaches only the harness.
    launcher.own_session()
    machine.die_with_parent()


def _descendants():
    own = os.getpid()
    return {process.pid for process in machine.descendants(own, list(machine.all_processes()))} - {own}


def _end_orphan(pid):
    """SIGKILL, and reap it if it is a child of this process."""
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, os.WNOHANG)
    except OSError as error:
        if error.errno not in (errno.ESRCH, errno.ECHILD):
            raise
