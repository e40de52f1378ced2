"""Starts other programs as child processes, for the demo, the benchmarks and the tests.

Their output goes to files: a pipe that nobody reads would hold a process up.
"""

from __future__ import absolute_import, division, print_function

import io
import json
import os
import signal
import subprocess
import sys
import time

from runtime.clock import monotonic

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List, Sequence, Tuple  # noqa: F401

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
POLL_S = 0.01


def wait_until(condition, bound_s, poll_s=POLL_S):
    # type: (Callable[[], Any], float, float) -> Any
    """Poll until ``condition()`` is true; returns its last value, which is false where the bound was reached."""
    end_at = monotonic() + bound_s
    while True:
        found = condition()
        if found or monotonic() > end_at:
            return found
        time.sleep(poll_s)


def command(program, path, settings, python=sys.executable):
    # type: (str, str, Dict[str, Any], str) -> List[str]
    """How to start ``program``, a role or a file below the root, with these settings, which are written to ``path``."""
    with io.open(path, 'wb') as file:
        file.write(json.dumps(settings, indent=2, sort_keys=True).encode('ascii'))
    name = program if program.endswith('.py') else 'run_%s.py' % program
    return [python, os.path.join(ROOT, name), '-s', path]


def default_signals():
    # type: () -> None
    """In a child, before its program: a shell ignores SIGINT for its background jobs, and children inherit that."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def own_session():
    # type: () -> None
    """In a child, before its program: a session of its own, beyond the reach of the terminal's Ctrl-C."""
    default_signals()
    os.setsid()


class Child(object):
    """A process that was started. Raises ``OSError`` where the program can't be started.

    Standard output goes to ``base`` + ``out``, standard error to ``base.log``, which is continued if it exists;
    ``before`` runs in the child before the program. ``stdout`` and ``stderr`` are descriptors that replace the files.
    """

    def __init__(self, command, base, out='.out', cwd=ROOT, environment=None, before=default_signals, stdout=None,
                 stderr=None):
        # type: (List[str], str, str, str | None, Any, Callable[[], Any], int | None, int | None) -> None
        self.command = command
        self.out_path = base + out
        self.log_path = base + '.log'
        with open(os.devnull, 'rb') as nothing, open(self.out_path, 'wb') as out_file, \
                open(self.log_path, 'ab') as log_file:
            self._popen = subprocess.Popen(
                command, stdin=nothing, stdout=out_file if stdout is None else stdout,
                stderr=log_file if stderr is None else stderr, cwd=cwd, env=environment, close_fds=True,
                preexec_fn=before)
        self.pid = self._popen.pid

    @property
    def output(self):
        # type: () -> str
        """Its standard output so far."""
        return text_of(self.out_path)

    @property
    def log(self):
        # type: () -> str
        """Its standard error so far."""
        return text_of(self.log_path)

    @property
    def last_line(self):
        # type: () -> str
        """The last line of its log, else of its output; empty where it wrote nothing."""
        return ([''] + (self.output + '\n' + self.log).strip().splitlines())[-1]

    @property
    def exit_status(self):
        # type: () -> int | None
        """None while it runs, and the negative number of the signal that ended it. Reaps it."""
        return self._popen.poll()

    @property
    def is_running(self):
        # type: () -> bool
        return self.exit_status is None

    def signal(self, number):
        # type: (int) -> None
        """Send a signal, if it still runs: its number cannot belong to another process before it is reaped."""
        if self.is_running:
            os.kill(self.pid, number)

    def dispose(self):
        # type: () -> None
        """SIGKILL if it still runs, and reap."""
        self.signal(signal.SIGKILL)
        self._popen.wait()

    def dispose_session(self):
        # type: () -> None
        """The same with everything in its session, for a child with ``before=own_session``."""
        if self.is_running:
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()


def run(command, text='', cwd=ROOT, environment=None, before=default_signals, out=subprocess.PIPE):
    # type: (Sequence[str], str, str | None, Dict[str, str] | None, Callable[[], Any], Any) -> Tuple[int, str, str]
    """Run a command that ends by itself, with ``text`` as its input: exit status, standard output, standard error."""
    child = subprocess.Popen(list(command), stdin=subprocess.PIPE, stdout=out, stderr=subprocess.PIPE, cwd=cwd,
                             env=environment, close_fds=True, preexec_fn=before)
    said = [(part or b'').decode('utf-8', 'replace') for part in child.communicate(text.encode('utf-8'))]
    return child.returncode, said[0], said[1]


def is_alive(pid):
    # type: (int) -> bool
    """Whether a process runs. One that has ended and waits to be reaped does not, where there is /proc."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    state = text_of('/proc/%d/stat' % pid).rpartition(')')[2].split()[:1]
    return state != ['Z'] and (bool(state) or not os.path.isdir('/proc/self'))


def text_of(path):
    # type: (str) -> str
    """The text of a file, empty where there is none."""
    try:
        with io.open(path, 'rb') as file:
            return file.read().decode('utf-8', 'replace')
    except IOError:
        return ''
